//! # A policy lets strangers read a secret
//!
//! **Watches** `PutResourcePolicy`.
//!
//! **Why** Whoever may read a secret has what it protects: a database, another cloud, a payment provider (endgame backdoors
//! secrets this way).
//!
//! **Does** Reads the policy that the secret has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. The policy is deleted only if nothing is left of it. What is
//! written back is written with `BlockPublicPolicy`, and the function's role allows nothing else.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which secret.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right, When};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row, is_public};
use crate::service::{Call, Service};

const SECRETS: On =
    On::new("Secrets", &["arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:*"]);
const BLOCKED: When = When::new("Bool", "secretsmanager:BlockPublicPolicy", &["true"]);
const GET: Right = SECRETS.right("secretsmanager:GetResourcePolicy");
const DELETE: Right = SECRETS.right("secretsmanager:DeleteResourcePolicy");
const PUT: Right = SECRETS.right("secretsmanager:PutResourcePolicy");
const PUT_BLOCKED: Right = On { name: "SecretsKeptFromPublic", when: &[BLOCKED], ..SECRETS }.right(PUT.action);

#[derive(Debug)]
pub(crate) struct SecretsmanagerOpenSecretPolicy;

impl Row for SecretsmanagerOpenSecretPolicy {
    const ABOUT: &'static About = &About {
        id: "secretsmanager-open-secret-policy",
        title: "A policy lets strangers read a secret",
        watches: &[Watch { service: "secretsmanager.amazonaws.com", name: "PutResourcePolicy" }],
        reads: &[GET],
        writes: &[PUT_BLOCKED, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1555.006", "ATT&CK T1537", "endgame secretsmanager"],
        caveat: "Whoever read the secret in the meantime knows it: look for `GetSecretValue` in CloudTrail, and rotate it.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "secret";
    const SERVICE: Service = Service::json("secretsmanager", "1.1", "secretsmanager");
    const PATH: &'static str = "secret:";
    const LIST: &'static [Right] = &[On::new("AllSecrets", &["*"]).right("secretsmanager:ListSecrets")];
    const TAGS: Option<Right> = Some(SECRETS.right("secretsmanager:DescribeSecret"));
    /// Of a secret that is to be deleted it tells no policy.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetResourcePolicy.html>
    const GONE: &'static [&'static str] = &["ResourceNotFoundException", "InvalidRequestException"];
    const POLICY: &'static str = "/ResourcePolicy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let arn = ["aRN", "arn"].iter().find_map(|name| json::text(&event.response, name));
        let policy = json::text(&event.request, "resourcePolicy").map(str::to_owned);
        (arn.or_else(|| json::text(&event.request, "secretId")), policy.into())
    }

    /// Its ARN ends in characters that are not part of its name.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen>
    fn id(secret: &Subject) -> &str {
        &secret.arn
    }

    fn get(arn: &str) -> Call {
        Call::json("GetResourcePolicy", json!({"SecretId": arn}))
    }

    fn put(arn: &str, policy: &str) -> Call {
        let blocks = !is_public(policy);
        Call::json("PutResourcePolicy", json!({"SecretId": arn, "ResourcePolicy": policy, "BlockPublicPolicy": blocks}))
    }

    fn delete(arn: &str) -> Option<Call> {
        Some(Call::json("DeleteResourcePolicy", json!({"SecretId": arn})))
    }

    fn list() -> List {
        List { call: Call::json("ListSecrets", json!({})), all: "SecretList", one: "ARN", next: ["NextToken"; 2] }
    }

    fn tags(secret: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::json("DescribeSecret", json!({"SecretId": secret.arn})), "Tags"))
    }
}
