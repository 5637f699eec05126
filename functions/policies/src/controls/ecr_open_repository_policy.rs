//! # A policy lets strangers use a repository of images
//!
//! **Watches** `SetRepositoryPolicy`.
//!
//! **Why** Whoever may pull from a repository has the code and what was left in it, and whoever may push to it runs code
//! wherever the image is started next (endgame backdoors repositories this way).
//!
//! **Does** Reads the policy that the repository has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays byte for byte. The policy is deleted only if nothing is left of it.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which repository.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};

const REPOSITORIES: On =
    On::new("Repositories", &["arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/*"]);
const GET: Right = REPOSITORIES.right("ecr:GetRepositoryPolicy");
const PUT: Right = REPOSITORIES.right("ecr:SetRepositoryPolicy");
const DELETE: Right = REPOSITORIES.right("ecr:DeleteRepositoryPolicy");

#[derive(Debug)]
pub(crate) struct EcrOpenRepositoryPolicy;

impl Row for EcrOpenRepositoryPolicy {
    const ABOUT: &'static About = &About {
        id: "ecr-open-repository-policy",
        title: "A policy lets strangers use a repository of images",
        watches: &[Watch { service: "ecr.amazonaws.com", name: "SetRepositoryPolicy" }],
        reads: &[GET],
        writes: &[PUT, DELETE],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1525", "ATT&CK T1537", "endgame ecr"],
        caveat: "Images that were pushed in the meantime are still there, and whoever pulled some has them: look for `PutImage` \
                 and `BatchGetImage` in CloudTrail.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "repository";
    const SERVICE: Service = Service::json("ecr", "1.1", "AmazonEC2ContainerRegistry_V20150921").at("api.ecr");
    const PATH: &'static str = "repository/";
    const LIST: &'static [Right] = &[REPOSITORIES.right("ecr:DescribeRepositories")];
    const TAGS: Option<Right> = Some(REPOSITORIES.right("ecr:ListTagsForResource"));
    const GONE: &'static [&'static str] = &["RepositoryPolicyNotFoundException", "RepositoryNotFoundException"];
    const POLICY: &'static str = "/policyText";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let name = json::text(&event.request, "repositoryName");
        let is_own = json::text(&event.request, "registryId").is_none_or(|account| account == event.account);
        let policy = json::text(&event.request, "policyText").map(str::to_owned);
        (name, if is_own { policy.into() } else { ToldPolicy::None })
    }

    fn get(name: &str) -> Call {
        Call::json("GetRepositoryPolicy", json!({"repositoryName": name}))
    }

    /// What was there before locked nobody out.
    /// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html>
    fn put(name: &str, policy: &str) -> Call {
        Call::json("SetRepositoryPolicy", json!({"repositoryName": name, "policyText": policy, "force": true}))
    }

    fn delete(name: &str) -> Option<Call> {
        Some(Call::json("DeleteRepositoryPolicy", json!({"repositoryName": name})))
    }

    fn list() -> List {
        let call = Call::json("DescribeRepositories", json!({}));
        List { call, all: "repositories", one: "repositoryName", next: ["nextToken"; 2] }
    }

    fn tags(repository: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::json("ListTagsForResource", json!({"resourceArn": repository.arn})), "tags"))
    }
}
