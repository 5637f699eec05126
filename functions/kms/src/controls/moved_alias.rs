//! # An alias leads to another key
//!
//! **Watches** of AWS KMS `UpdateAlias` and `DeleteAlias`.
//!
//! **Why** Who moves an alias has everything that goes by it encrypted with another key from then on, such as one that is
//! soon to be deleted.
//!
//! **Does** Is off until `ModeOverrides` names it, as deployments move and delete aliases as their work. Then it alerts and
//! touches nothing: the event does not say to which key the alias led before. The notice has the command that moves it back.
//!
//! **Leaves alone**
//! - Snapback's own aliases, which `own-disabled-key` guards

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

#[derive(Debug)]
pub(crate) struct MovedAlias;

impl Noticed for MovedAlias {
    const OPT_IN: bool = true;

    const ABOUT: &'static About = &About {
        id: "kms-moved-alias",
        title: "An alias leads to another key",
        happened: "leads to another key, or to none",
        watches: &[Watch { service: SERVICE, name: "UpdateAlias" }, Watch { service: SERVICE, name: "DeleteAlias" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1486"],
        caveat: "What was encrypted in the meantime needs the key to which the alias led then.",
        source: file!(),
    };

    fn happened(event: &Event) -> &'static str {
        if is_deletion(event) { "was deleted" } else { "leads to another key" }
    }

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let Some(alias) = json::text(&event.request, "aliasName") else {
            let why = format!("{} called `{}`, and the event does not say of which alias", event.actor, event.name);
            return Some(Risk { subject: Subject::account(event), severity: Severity::Medium, why });
        };
        let of_own = format!("alias/{}-Journal-", settings.own.stack);
        if alias.starts_with(&of_own) {
            return None;
        }
        let region = &event.region;
        let why = if is_deletion(event) {
            format!(
                "{} deleted it. To make it again: `aws kms create-alias --region {region} --alias-name {alias} --target-key-id KEY`, with \
                 the key to which it led",
                event.actor
            )
        } else {
            let key = json::text(&event.request, "targetKeyId").unwrap_or("another key");
            format!(
                "{} made it lead to key `{key}`. To move it back: `aws kms update-alias --region {region} --alias-name {alias} --target-key-id \
                 KEY`, with the key to which it led before",
                event.actor
            )
        };
        let page = format!("kms/home?region={}#/kms/keys", event.region);
        let subject = Subject::part(event, "KMS alias", alias, "kms", "", &page);
        Some(Risk { subject, severity: Severity::Medium, why })
    }
}

fn is_deletion(event: &Event) -> bool {
    event.name == "DeleteAlias"
}
