//! # A user was given a console password
//!
//! **Watches** `CreateLoginProfile`, `UpdateLoginProfile`.
//!
//! **Why** Whoever sets a console password for another user can sign in as that user (Stratus Red Team:
//! `iam-create-user-login-profile`, `iam-update-user-login-profile`). Of the techniques that were seen in incidents, this
//! is among the most frequent.
//!
//! **Does** Deletes a console password that somebody created for another user. IAM refuses that for some seconds after it
//! was created, so Snapback tries again. The password itself is lost: an undo gives the user a random one that nobody
//! knows, and an operator sets a new one with `aws iam update-login-profile`. Whether a *changed* password
//! (`UpdateLoginProfile`) is deleted, an operator decides: the old one is unknown, and an attacker could otherwise have
//! Snapback delete the password of every administrator. If the event is more than an hour old when it arrives, or the
//! password was set anew since, an operator decides as well.
//!
//! **Leaves alone**
//! - users who have no console password any more, or are gone
//! - users to whom an operator has given a password again with `snapback undo`
//!
//! It alerts and touches nothing where users set a password for themselves, and where the event does not say for whom: that
//! is how the password of a member account's root user is recovered. An operator decides about changes made through
//! CloudFormation.

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use snapback::change::{ConsolePassword, Iam, IamUser, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::permissions::is_made_after;
use crate::told::{SERVICE, Whose, through_cloudformation, whose};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct NewConsolePassword;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) password: ConsolePassword,
    /// The ARN of the user; nothing if there was none to look at.
    pub(crate) user: Option<String>,
    /// When the password was first set; a change of it is no new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) set: Option<Timestamp>,
}

/// The grant that a revert takes away.
const PASSWORD: &str = "console password";

impl Control for NewConsolePassword {
    const ABOUT: &'static About = &About {
        id: "iam-new-console-password",
        title: "A user was given a console password",
        happened: "was given a console password",
        watches: &[
            Watch { service: SERVICE, name: "CreateLoginProfile" },
            Watch { service: SERVICE, name: "UpdateLoginProfile" },
        ],
        reads: &[rights::GET_USER, rights::GET_LOGIN_PROFILE],
        writes: &[rights::DELETE_LOGIN_PROFILE],
        undoes: &[rights::GET_LOGIN_PROFILE, rights::CREATE_LOGIN_PROFILE],
        severity: Severity::High,
        frameworks: &[
            "ATT&CK T1098.001",
            "Stratus aws.persistence.iam-create-user-login-profile",
            "Stratus aws.privilege-escalation.iam-update-user-login-profile",
            "Pacu iam__backdoor_users_password",
            "Pacu iam__privesc_scan",
        ],
        caveat: "Whoever signed in meanwhile stays signed in for up to 12 hours: look for ConsoleLogin in CloudTrail. \
                 A password that is reverted is lost; after an undo, set a new one with `aws iam update-login-profile`.",
        source: file!(),
    };

    const ASKS_AFTER: Option<SignedDuration> = Some(SignedDuration::from_hours(1));

    type State = State;
    type Change = Iam;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let verb = if is_update(event) { "changed" } else { "set" };
        let (subject, why) = match told(event) {
            Whose::Anothers(user) | Whose::Callers(user) => {
                (Subject::user(event, user), format!("the console password of user `{user}` was {verb}"))
            }
            Whose::Roots | Whose::Untold => {
                (Subject::account(event), format!("a console password was {verb}, and the event does not say whose"))
            }
        };
        vec![Suspicion { subject, why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let (Whose::Anothers(user) | Whose::Callers(user)) = told(event) else {
            return Ok(State { password: ConsolePassword::None, user: None, set: None });
        };
        let ((password, set), user) = futures::try_join!(
            aws::login_profiles::console_password(look.place, user),
            aws::users::arn(look.place, user)
        )?;
        Ok(State { password, user, set })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let alert = |severity| Decision::Alert { severity, why: suspicion.why.clone() };
        match (told(event), state.password) {
            (Whose::Roots | Whose::Untold, _) => alert(Severity::High),
            (_, ConsolePassword::None) => allow("the user has no console password"),
            (_, ConsolePassword::Set) if given.holds.contains(PASSWORD) => allow("an operator has restored it"),
            (Whose::Callers(_), ConsolePassword::Set) => alert(Severity::Medium),
            (Whose::Anothers(user), from) => Decision::Revert {
                severity: Severity::High,
                why: format!("{}, by {}", suspicion.why, event.actor),
                grants: vec![PASSWORD.to_owned()],
                plan: vec![Iam::ConsolePassword(Swap {
                    of: IamUser(user.to_owned()),
                    from,
                    to: ConsolePassword::None,
                })],
                left: vec![],
            },
        }
    }

    fn asks(event: &Event, _: &Suspicion, state: &State, _: &Given<'_>) -> Option<String> {
        let of_changed = "the user had a password before, which cannot be restored: this would delete the user's password, \
                          and the user could not sign in";
        let since = state.set.filter(|_| is_made_after(state.set, event));
        through_cloudformation(event)
            .or_else(|| is_update(event).then(|| of_changed.to_owned()))
            .or_else(|| since.map(|set| format!("the password of now was set at {set}, which another event tells of")))
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.user.as_deref())
    }

    /// Whoever has signed in with it stays signed in.
    fn as_told(_: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        Some((State { password: ConsolePassword::Set, ..state.clone() }, true))
    }

    fn after(state: &State, change: &Iam) -> State {
        match change {
            Iam::ConsolePassword(change) => State { password: change.to, ..state.clone() },
            _ => state.clone(),
        }
    }
}

fn told(event: &Event) -> Whose<'_> {
    whose(event, "loginProfile")
}

fn is_update(event: &Event) -> bool {
    event.name == "UpdateLoginProfile"
}
