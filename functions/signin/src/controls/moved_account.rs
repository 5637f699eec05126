//! # An account has lost its place in the organization
//!
//! **Watches** of Organizations `MoveAccount`, `RemoveAccountFromOrganization`, `LeaveOrganization`, `CloseAccount`.
//!
//! **Why** Which service control policies hold in an account depends on its place in the organization: whoever moves it to
//! another unit lifts some of them, and whoever takes it out lifts all. A hub of Snapback hears and acts only in accounts of
//! its organization. The contents of a closed account are deleted after 90 days.
//!
//! **Does** Alerts, and says what it means for Snapback and how it is put back. All but `LeaveOrganization` are recorded in the
//! management account, in `us-east-1`, and heard where Snapback is deployed there. `LeaveOrganization` is recorded in the
//! account that leaves: a stack there hears it. A hub mostly does not, since its bus takes nothing from an account that has
//! left; there the alarm of the member's own queue rings.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::policy::is_account;
use snapback::settings::Settings;
use snapback::subject::Subject;

#[derive(Debug)]
pub(crate) struct MovedAccount;

impl Noticed for MovedAccount {
    const ABOUT: &'static About = &About {
        id: "signin-moved-account",
        title: "An account has lost its place in the organization",
        happened: "has moved an account within its organization",
        watches: &[
            organizations("MoveAccount"),
            organizations("RemoveAccountFromOrganization"),
            organizations("LeaveOrganization"),
            organizations("CloseAccount"),
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1666"],
        caveat: "Look in CloudTrail for what was done in the account since.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        match event.name.as_str() {
            "MoveAccount" => Self::ABOUT.happened,
            "LeaveOrganization" => "has left its organization",
            "CloseAccount" => "has closed an account of its organization",
            _ => "has removed an account from its organization",
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let of = |name: &str| json::text(&event.request, name);
        let id = of("accountId").filter(|id| is_account(id));
        let account =
            id.map_or_else(|| "an account that the event does not name".to_owned(), |id| format!("account {id}"));
        let back = id.unwrap_or("ACCOUNT");
        let (severity, done, then) = match event.name.as_str() {
            "MoveAccount" => (
                Severity::Medium,
                format!("moved {account}"),
                moved(back, of("sourceParentId"), of("destinationParentId")),
            ),
            "LeaveOrganization" => {
                (Severity::High, "had the account leave its organization".to_owned(), invited(&event.account))
            }
            "CloseAccount" => (Severity::High, format!("closed {account}"), CLOSED.to_owned()),
            _ => (Severity::High, format!("removed {account} from the organization"), invited(back)),
        };
        let why = format!("{} {done}. {then}", event.actor);
        Some(Risk { subject: Subject::account(event), severity, why })
    }
}

const CLOSED: &str = "Nothing can be done in it any more, and Snapback hears nothing of it. To put it back, reopen it within 90 \
                      days through AWS Support: there is no command for it";

/// What a move means, and what undoes it.
fn moved(account: &str, from: Option<&str>, to: Option<&str>) -> String {
    let ids = from.zip(to).filter(|(from, to)| is_parent(from) && is_parent(to));
    let (from, to) = ids.unwrap_or(("FROM", "TO"));
    format!(
        "Other service control policies hold in it now. If a StackSet of Snapback's members targets units and not the root, it \
         no longer updates what the account has of Snapback. To put it back: `aws organizations move-account --account-id \
         {account} --source-parent-id {to} --destination-parent-id {from}`"
    )
}

/// What it means that an account is out, and how it comes in again.
fn invited(account: &str) -> String {
    format!(
        "No service control policy holds in it any more, and a hub of Snapback neither hears of it nor acts in it; the \
         forwarder and the roles that it has of Snapback stay there. To put it back: `aws organizations \
         invite-account-to-organization --target Id={account},Type=ACCOUNT`, then in the account `aws organizations \
         accept-handshake --handshake-id` with the id that the first has answered, and move it to its unit"
    )
}

/// Whether it is the id of a root or of a unit, so that it can stand in a command.
fn is_parent(id: &str) -> bool {
    (id.starts_with("r-") || id.starts_with("ou-"))
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

const fn organizations(name: &'static str) -> Watch {
    Watch { service: "organizations.amazonaws.com", name }
}
