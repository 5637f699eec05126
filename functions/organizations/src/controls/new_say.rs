//! # Somebody else got a say in the organization
//!
//! **Watches** of AWS Organizations `EnableAWSServiceAccess`, `InviteAccountToOrganization`,
//! `InviteOrganizationToTransferResponsibility`, `PutResourcePolicy`, `DeleteResourcePolicy`.
//!
//! **Why** A service with trusted access acts in all accounts. An invited account is trusted wherever a policy trusts the
//! organization. The organization's own policy lets members write its policies; whoever deletes it ends what delegated
//! administrators do, Snapback's hub among them. Whoever takes over the responsibility for its bills sees what each account does.
//!
//! **Does** Alerts, and says how it is taken back. It reverts nothing: the content of the organization's policy is not in the
//! event, and an invitation does nothing until it is accepted.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials
//! - services that keep watch over the accounts, which it is good to enable

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::policy::is_account;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::rights;
use crate::told::{SERVICE, service};

#[derive(Debug)]
pub(crate) struct NewSay;

impl Noticed for NewSay {
    const ABOUT: &'static About = &About {
        id: "organizations-new-say",
        title: "Somebody else got a say in the organization",
        happened: "has changed who has a say in its organization",
        watches: &[
            of("EnableAWSServiceAccess"),
            of("InviteAccountToOrganization"),
            of("InviteOrganizationToTransferResponsibility"),
            of("PutResourcePolicy"),
            of("DeleteResourcePolicy"),
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098", "ATT&CK T1484"],
        caveat: "Look in CloudTrail for what was done with it since.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            "EnableAWSServiceAccess" => "has let a service into all accounts of its organization",
            "InviteAccountToOrganization" => "has invited an account to its organization",
            _ => Self::ABOUT.happened,
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let handshake = json::text(&event.response["handshake"], "id").filter(|id| is_handshake(id)).unwrap_or("ID");
        let cancel = format!("To cancel that: `aws organizations cancel-handshake --handshake-id {handshake}`");
        let (severity, said) = match event.name.as_str() {
            "EnableAWSServiceAccess" => {
                let name = service(event);
                if name.is_some_and(|name| rights::WATCHING.contains(&name)) {
                    return None;
                }
                let of = name.map_or("a service that the event does not name".to_owned(), |name| format!("`{name}`"));
                let back = name.unwrap_or("SERVICE");
                let said = format!(
                    "let {of} act in all accounts of the organization. To take that back, disable it in the service's own \
                     console, or: `aws organizations disable-aws-service-access --service-principal {back}`"
                );
                (Severity::Medium, said)
            }
            "InviteAccountToOrganization" => {
                let target = json::text(&event.request["target"], "id").filter(|id| is_account(id));
                let of = target.map_or("somebody whom the event does not name".to_owned(), |id| format!("account {id}"));
                (Severity::Medium, format!("invited {of} to the organization. {cancel}"))
            }
            "InviteOrganizationToTransferResponsibility" => {
                (Severity::High, format!("invited somebody to be responsible for the organization's bills. {cancel}"))
            }
            "DeleteResourcePolicy" => (
                Severity::High,
                "deleted the policy of the organization, which lets members call AWS Organizations. If Snapback's hub lists \
                 the accounts from a member, it can no longer. To put it back, take its content from \
                 organization/README.md, or your own templates: `aws organizations put-resource-policy`"
                    .to_owned(),
            ),
            _ => (
                Severity::High,
                "changed the policy of the organization, by which members may write its policies. The event does not \
                 contain it. To read it: `aws organizations describe-resource-policy`"
                    .to_owned(),
            ),
        };
        let why = format!("{} {said}", event.actor);
        Some(Risk { subject: Subject::account(event), severity, why })
    }
}

fn is_handshake(id: &str) -> bool {
    id.starts_with("h-") && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

const fn of(name: &'static str) -> Watch {
    Watch { service: SERVICE, name }
}
