//! # A policy lets strangers use a certificate authority
//!
//! **Watches** `PutPolicy`.
//!
//! **Why** Whoever may use a certificate authority issues certificates that one's own machines trust (endgame backdoors
//! certificate authorities this way).
//!
//! **Does** Reads the policy that the authority has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is. The policy is deleted only if nothing is left of it. If AWS RAM wrote the
//! policy, the authority leaves the share as well, and undo does not bring it back there.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which authority.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const AUTHORITIES: On = On::new(
    "CertificateAuthorities",
    &["arn:${AWS::Partition}:acm-pca:${AWS::Region}:${AWS::AccountId}:certificate-authority/*"],
);
const GET: Right = AUTHORITIES.right("acm-pca:GetPolicy");
const PUT: Right = AUTHORITIES.right("acm-pca:PutPolicy");
const DELETE: Right = AUTHORITIES.right("acm-pca:DeletePolicy");

#[derive(Debug)]
pub(crate) struct AcmpcaOpenAuthorityPolicy;

impl Row for AcmpcaOpenAuthorityPolicy {
    const ABOUT: &'static About = &About {
        id: "acmpca-open-authority-policy",
        title: "A policy lets strangers use a certificate authority",
        watches: &[Watch { service: "acm-pca.amazonaws.com", name: "PutPolicy" }],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1649", "endgame acm-pca"],
        caveat: "Certificates that strangers issued in the meantime stay valid: list them with `aws acm-pca \
                 create-certificate-authority-audit-report`, and revoke those that are not yours.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "certificate authority";
    const SERVICE: Service = Service::json("acm-pca", "1.1", "ACMPrivateCA");
    const PATH: &'static str = "certificate-authority/";
    const LIST: &'static [Right] =
        &[On::new("AllCertificateAuthorities", &["*"]).right("acm-pca:ListCertificateAuthorities")];
    const TAGS: Option<Right> = Some(AUTHORITIES.right("acm-pca:ListTags"));
    const GONE: &'static [&'static str] = &["InvalidStateException", "ResourceNotFoundException"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let policy = json::text(&event.request, "policy").map(str::to_owned);
        (json::text(&event.request, "resourceArn"), policy.into())
    }

    fn id(authority: &Subject) -> &str {
        &authority.arn
    }

    fn get(arn: &str) -> Call {
        Call::json("GetPolicy", json!({"ResourceArn": arn}))
    }

    fn put(arn: &str, policy: &str) -> Call {
        Call::json("PutPolicy", json!({"ResourceArn": arn, "Policy": policy}))
    }

    fn delete(arn: &str) -> Option<Call> {
        Some(Call::json("DeletePolicy", json!({"ResourceArn": arn})))
    }

    fn list() -> List {
        let call = Call::json("ListCertificateAuthorities", json!({}));
        List { call, all: "CertificateAuthorities", one: "Arn", next: ["NextToken"; 2] }
    }

    fn tags(authority: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::json("ListTags", json!({"CertificateAuthorityArn": authority.arn})), "Tags"))
    }
}
