//! # A user was created
//!
//! **Watches** `CreateUser`.
//!
//! **Why** A user of their own is how most attackers stay: of all calls that open a way back it is the one that reports of
//! incidents name most often. Organizations that sign in through IAM Identity Center rarely need a new one.
//!
//! **Does** Alerts, and names the user and who created it. What the user gets then, such as a key, a password or a policy, is
//! judged by itself.
//!
//! **Leaves alone**
//! - what an AWS service does by itself, with nobody's credentials

use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

#[derive(Debug)]
pub(crate) struct NewUser;

impl Noticed for NewUser {
    const ABOUT: &'static About = &About {
        id: "iam-new-user",
        title: "A user was created",
        happened: "was created",
        watches: &[Watch { service: SERVICE, name: "CreateUser" }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1136.003", "Stratus aws.persistence.iam-create-admin-user"],
        caveat: "If nobody needs the user, delete its credentials and policies, and then the user with `aws iam \
                 delete-user`.",
        source: file!(),
    };

    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        if event.actor.is_aws() {
            return None;
        }
        let name = json::text(&event.request, "userName");
        let arn = json::text(&event.response["user"], "arn");
        let subject = name.map_or_else(|| Subject::account(event), |name| Subject::user(event, name).at(arn));
        let named =
            name.map_or_else(|| "a user that the event does not name".to_owned(), |name| format!("user `{name}`"));
        Some(Risk { subject, severity: Self::ABOUT.severity, why: format!("{} created {named}", event.actor) })
    }
}
