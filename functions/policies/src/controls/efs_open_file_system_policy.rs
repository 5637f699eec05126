//! # A policy lets strangers mount a file system
//!
//! **Watches** `PutFileSystemPolicy`.
//!
//! **Why** Whoever may mount a file system from somewhere reads, changes and encrypts what is in it (endgame backdoors file
//! systems this way).
//!
//! **Does** Asks an operator, also in mode `revert`, unless `ModeOverrides` names this control by its full id: to mount a file system
//! takes a way into its network besides, and clients that do without IAM may depend on a policy that names everyone. It
//! reads the policy that the file system has now and removes from it what lets in everyone, or accounts and
//! organizations that are not trusted: one principal of a list, one of the values that a condition allows, or else the
//! whole statement. Everything else stays as it is. It never deletes a policy: where nothing would be left, it alerts, as
//! without one AWS lets in whoever reaches a mount target, which may be more than the policy does.
//!
//! **Leaves alone**
//! - statements that let in only one's own account, trusted accounts and organizations, or services of AWS, and every
//!   `Deny`
//! - whoever comes through a mount target, which takes a way into the network
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: everyone from a network or a range of addresses, a condition or a
//! `Deny` that may keep strangers out, a policy that it cannot read, an event that does not say which file system.

use serde_json::json;
use snapback::control::{About, Watch};
use snapback::event::Event;
use snapback::json;
use snapback::policed::ToldPolicy;
use snapback::right::{On, Right};
use snapback::subject::Subject;

use crate::row::{List, OPENED, Row};
use crate::service::{Call, Service};
use crate::told::quoted;

const FILE_SYSTEMS: On =
    On::new("FileSystems", &["arn:${AWS::Partition}:elasticfilesystem:${AWS::Region}:${AWS::AccountId}:file-system/*"]);
const GET: Right = FILE_SYSTEMS.right("elasticfilesystem:DescribeFileSystemPolicy");
const PUT: Right = FILE_SYSTEMS.right("elasticfilesystem:PutFileSystemPolicy");

#[derive(Debug)]
pub(crate) struct EfsOpenFileSystemPolicy;

impl Row for EfsOpenFileSystemPolicy {
    const ABOUT: &'static About = &About {
        id: "efs-open-file-system-policy",
        title: "A policy lets strangers mount a file system",
        watches: &[Watch { service: "elasticfilesystem.amazonaws.com", name: "PutFileSystemPolicy" }],
        reads: &[GET],
        writes: &[PUT],
        undoes: &[GET, PUT],
        frameworks: &["ATT&CK T1530", "ATT&CK T1537", "endgame efs"],
        caveat: "Whoever has mounted it in the meantime stays connected until the mount is broken: look at the connections of \
                 its mount targets, and at `NewClientConnection` in CloudTrail.",
        source: file!(),
        ..OPENED
    };
    const WORD: &'static str = "file system";
    const ASKS_UNLESS_NAMED: bool = true;
    const SERVICE: Service = Service::rest("elasticfilesystem");
    const PATH: &'static str = "file-system/";
    const PAGE: &'static str = "efs";
    const LIST: &'static [Right] = &[FILE_SYSTEMS.right("elasticfilesystem:DescribeFileSystems")];
    const TAGS: Option<Right> = Some(FILE_SYSTEMS.right("elasticfilesystem:ListTagsForResource"));
    const GONE: &'static [&'static str] = &["PolicyNotFound", "FileSystemNotFound"];
    const POLICY: &'static str = "/Policy";

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        let policy = json::text(&event.request, "policy").map(str::to_owned);
        (json::text(&event.request, "fileSystemId"), policy.into())
    }

    fn get(id: &str) -> Call {
        Call::rest("DescribeFileSystemPolicy", "GET", &["2015-02-01", "file-systems", id, "policy"])
    }

    /// What was there before locked nobody out.
    /// <https://docs.aws.amazon.com/efs/latest/ug/API_PutFileSystemPolicy.html>
    fn put(id: &str, policy: &str) -> Call {
        let call = Call::rest("PutFileSystemPolicy", "PUT", &["2015-02-01", "file-systems", id, "policy"]);
        call.with(json!({"Policy": policy, "BypassPolicyLockoutSafetyCheck": true}))
    }

    fn delete(_: &str) -> Option<Call> {
        None
    }

    fn instead_of_deleting(Subject { region, name, .. }: &Subject) -> Option<String> {
        Some(format!(
            "nothing would be left of the policy, and without one AWS lets in whoever reaches a mount target. If there was \
             none before: `aws efs delete-file-system-policy --region {region} --file-system-id {}`. Otherwise put the \
             former one",
            quoted(name)
        ))
    }

    fn list() -> List {
        let call = Call::rest("DescribeFileSystems", "GET", &["2015-02-01", "file-systems"]);
        List { call, all: "FileSystems", one: "FileSystemId", next: ["Marker", "NextMarker"] }
    }

    fn tags(file_system: &Subject) -> Option<(Call, &'static str)> {
        Some((Call::rest("ListTagsForResource", "GET", &["2015-02-01", "resource-tags", &file_system.name]), "Tags"))
    }
}
