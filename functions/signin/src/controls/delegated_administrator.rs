//! # An account gained or lost the administration of a service
//!
//! **Watches** of Organizations `RegisterDelegatedAdministrator`, `DeregisterDelegatedAdministrator`.
//!
//! **Why** A delegated administrator does in all accounts what the service can do: with stack sets it makes roles in them, with
//! Identity Center it lets people in, with IAM it acts as their root. Whoever takes an account its administration ends what
//! that account did for all, such as rolling out Snapback's members or keeping the organization's trail.
//!
//! **Does** Alerts, and says how it is put back. It is recorded in the management account, in `us-east-1`, and heard where
//! Snapback is deployed there. The severity is high where the service can let somebody into every account, or where
//! CloudTrail or the stack sets lose their administrator.
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

/// With each of these, somebody gets into every account.
const LETS_IN: [&str; 3] = [STACK_SETS, "iam.amazonaws.com", "sso.amazonaws.com"];

const STACK_SETS: &str = "member.org.stacksets.cloudformation.amazonaws.com";
const CLOUD_TRAIL: &str = "cloudtrail.amazonaws.com";

#[derive(Debug)]
pub(crate) struct DelegatedAdministrator;

impl Noticed for DelegatedAdministrator {
    const ABOUT: &'static About = &About {
        id: "signin-delegated-administrator",
        title: "An account gained or lost the administration of a service",
        happened: "has made an account a delegated administrator",
        watches: &[
            Watch { service: "organizations.amazonaws.com", name: REGISTER },
            Watch { service: "organizations.amazonaws.com", name: "DeregisterDelegatedAdministrator" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098", "ATT&CK T1484"],
        caveat: "Look in CloudTrail for what the account has done with it since.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if event.name == REGISTER {
            Self::ABOUT.happened
        } else {
            "has taken an account its administration of a service"
        }
    }

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let service = json::text(&event.request, "servicePrincipal").filter(|name| is_service(name));
        let account = json::text(&event.request, "accountId").filter(|id| is_account(id));
        let named =
            account.map_or_else(|| "an account that the event does not name".to_owned(), |id| format!("account {id}"));
        let of =
            service.map_or_else(|| "a service that the event does not name".to_owned(), |name| format!("`{name}`"));
        let is_new = event.name == REGISTER;
        let is_grave =
            |name: &str| if is_new { LETS_IN.contains(&name) } else { [STACK_SETS, CLOUD_TRAIL].contains(&name) };
        let severity = if service.is_none_or(is_grave) { Severity::High } else { Severity::Medium };
        let (done, then, back) = if is_new {
            (format!("made {named} administrator of {of} for the whole organization"), gained(service), "deregister")
        } else {
            (format!("took the administration of {of} from {named}"), lost(service), "register")
        };
        let (account, service) = (account.unwrap_or("ACCOUNT"), service.unwrap_or("SERVICE"));
        let why = format!(
            "{} {done}.{then} To put it back: `aws organizations {back}-delegated-administrator --account-id {account} \
             --service-principal {service}`",
            event.actor
        );
        Some(Risk { subject: Subject::account(event), severity, why })
    }
}

const REGISTER: &str = "RegisterDelegatedAdministrator";

fn gained(service: Option<&str>) -> &'static str {
    match service {
        Some(STACK_SETS) => " Its administrators can make roles in every account.",
        Some("iam.amazonaws.com") => " Its administrators can act as root in every account.",
        Some("sso.amazonaws.com") => " Its administrators can let people into the accounts.",
        _ => "",
    }
}

/// What Snapback loses by it.
fn lost(service: Option<&str>) -> &'static str {
    match service {
        Some(STACK_SETS) => " If Snapback's members are rolled out from there, new accounts do not get them any more.",
        Some(CLOUD_TRAIL) => " See with `snapback coverage` that the organization's trail still logs in every account.",
        _ => "",
    }
}

/// Whether it is a service principal, so that it can stand in a command.
fn is_service(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
}
