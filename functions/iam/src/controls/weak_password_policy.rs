//! # The password policy was weakened
//!
//! **Watches** `UpdateAccountPasswordPolicy`, `DeleteAccountPasswordPolicy`.
//!
//! **Why** Short passwords can be guessed. An update sets everything anew: what it does not name goes back to what it is by
//! default, so a policy is also weakened by accident.
//!
//! **Does** Reads the policy that the account has now, and the one of the baseline, which a daily scheduled check keeps and
//! which must be less than two days old. Where less is asked of passwords than before, it asks an operator to restore that:
//! the shortest length, the kinds of characters, when a password expires, who can replace an expired one, and how many of
//! the last ones may not be used again. What the call has made stricter stays. If nothing is left of the call, the policy is
//! the one of the baseline again, and deleted if there was none. Snapback itself has no right to write the policy: `snapback
//! apply` does it with the operator's own rights, in mode `revert` too. Only a stack with `IamWriter` has a function with
//! that right, which reverts once `ModeOverrides` names this control in full. It still asks about what CloudFormation did.
//!
//! **Leaves alone**
//! - policies that ask for no less than before
//! - policies that an operator has restored with `snapback undo`
//! - without a baseline, policies that ask for 8 characters or more, as AWS's own does
//!
//! Without a baseline it alerts when the policy is deleted, so that AWS's own counts, or when it allows passwords of fewer
//! than 8 characters.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Account, Iam, PasswordPolicy, PasswordRules, Setting, Swap};
use snapback::control::{About, Applier, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::{SERVICE, through_cloudformation};
use crate::{aws, rights};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>
const AS_LONG_AS_AWS_ASKS_FOR: i32 = 8;

#[derive(Debug)]
pub(crate) struct WeakPasswordPolicy;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    policy: PasswordPolicy,
    /// The one that there was when that was last looked at.
    before: Option<Remembered<PasswordPolicy>>,
}

impl Control for WeakPasswordPolicy {
    const ABOUT: &'static About = &About {
        id: "iam-weak-password-policy",
        title: "The password policy was weakened",
        happened: "has a weaker password policy",
        watches: &[
            Watch { service: SERVICE, name: "UpdateAccountPasswordPolicy" },
            Watch { service: SERVICE, name: "DeleteAccountPasswordPolicy" },
        ],
        reads: &[rights::GET_ACCOUNT_PASSWORD_POLICY],
        writes: &[rights::UPDATE_ACCOUNT_PASSWORD_POLICY, rights::DELETE_ACCOUNT_PASSWORD_POLICY],
        undoes: &[
            rights::GET_ACCOUNT_PASSWORD_POLICY,
            rights::UPDATE_ACCOUNT_PASSWORD_POLICY,
            rights::DELETE_ACCOUNT_PASSWORD_POLICY,
        ],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1556"],
        caveat: "Passwords that were set meanwhile stay as they are.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const APPLIED_BY: Applier = Applier::IamWriter;
    const SURVEY: Option<Survey> = Some(aws::password_policies::ACCOUNT);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = match event.name.as_str() {
            "DeleteAccountPasswordPolicy" => "the password policy was deleted, so that AWS's own counts",
            _ => "the password policy was changed",
        };
        vec![Suspicion { subject: Subject::account(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let read = aws::password_policies::read(look.place);
        let (policy, before) = look.with_remembered::<Self, _>(&suspicion.subject, read).await?;
        Ok(State { policy, before })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let by = || format!("{} by {}", suspicion.why, event.actor);
        let why = if event.is_look() { "the password policy is weak".to_owned() } else { by() };
        let Some((before, age)) = state.before.as_ref().and_then(|before| before.good_before(event)) else {
            return without_a_baseline(event, state, &why);
        };
        let lost = lost(&state.policy, before);
        if lost.is_empty() {
            return allow("it asks for no less than before");
        }
        let grant = format!("password policy: {}", state.policy.shown());
        if given.holds.contains(&grant) {
            return allow("an operator has restored it");
        }
        Decision::Revert {
            severity: Severity::Medium,
            why: format!("{why}; unlike {age} before, {}", lost.join(", ")),
            grants: vec![grant],
            plan: vec![Iam::PasswordPolicy(Swap {
                of: Account(suspicion.subject.name.clone()),
                from: state.policy.clone(),
                to: restored(&state.policy, before),
            })],
            left: vec![],
        }
    }

    fn asks(event: &Event, _: &Suspicion, _: &State, _: &Given<'_>) -> Option<String> {
        through_cloudformation(event)
    }

    fn after(state: &State, change: &Iam) -> State {
        let Iam::PasswordPolicy(change) = change else { return state.clone() };
        State { policy: change.to.clone(), ..state.clone() }
    }
}

impl Remembers for WeakPasswordPolicy {
    type Good = PasswordPolicy;

    fn good(state: &State) -> Option<PasswordPolicy> {
        Some(state.policy.clone())
    }
}

fn without_a_baseline(event: &Event, state: &State, why: &str) -> Decision<Iam> {
    let length = rules(&state.policy).minimum_length;
    let what = if length < AS_LONG_AS_AWS_ASKS_FOR {
        format!("; passwords may be as short as {length} characters")
    } else if event.name == "DeleteAccountPasswordPolicy" && state.policy == PasswordPolicy::OfAws {
        String::new()
    } else {
        return Decision::Allow { why: "it asks for as many characters as AWS's own, or more".to_owned() };
    };
    let again = "what it asked for before is not known; to set it again: `aws iam update-account-password-policy \
                 --minimum-password-length 14`, with what else it asked for";
    Decision::Alert { severity: Severity::Medium, why: format!("{why}{what}; {again}") }
}

/// In which ways less is asked of a password than before.
fn lost(now: &PasswordPolicy, before: &PasswordPolicy) -> Vec<String> {
    let (now, before) = (rules(now), rules(before));
    let mut lost = vec![];
    if now.minimum_length < before.minimum_length {
        lost.push(format!("{} characters are enough instead of {}", now.minimum_length, before.minimum_length));
    }
    lost.extend(before.with.difference(&now.with).map(|kind| format!("no {kind} are asked for")));
    if let Some(days) = before.expires_after.filter(|days| now.expires_after.is_none_or(|now| now > *days)) {
        lost.push(format!("a password does not expire after {days} days"));
    }
    if before.hard_expiry && !now.hard_expiry {
        lost.push("users can replace an expired password themselves".to_owned());
    }
    if let Some(last) = before.unlike_the_last.filter(|last| now.unlike_the_last.is_none_or(|now| now < *last)) {
        lost.push(format!("one of the last {last} may be used again"));
    }
    lost
}

/// What is asked now, and whatever more was asked before. If that is no more than what was asked before, all is as before.
fn restored(now: &PasswordPolicy, before: &PasswordPolicy) -> PasswordPolicy {
    let (now, was) = (rules(now), rules(before));
    let both = PasswordRules {
        minimum_length: now.minimum_length.max(was.minimum_length),
        with: &now.with | &was.with,
        users_may_change: now.users_may_change,
        expires_after: now.expires_after.into_iter().chain(was.expires_after).min(),
        hard_expiry: now.hard_expiry || was.hard_expiry,
        unlike_the_last: now.unlike_the_last.max(was.unlike_the_last),
    };
    let is_as_before = PasswordRules { users_may_change: was.users_may_change, ..both.clone() } == was;
    if is_as_before { before.clone() } else { PasswordPolicy::Own(both) }
}

/// Where the account asks for nothing itself, AWS does. It also asks for three of the four kinds of characters, which no
/// policy can say, and sets neither an age nor a hard expiry.
fn rules(policy: &PasswordPolicy) -> PasswordRules {
    match policy {
        PasswordPolicy::OfAws => PasswordRules { minimum_length: AS_LONG_AS_AWS_ASKS_FOR, ..PasswordRules::default() },
        PasswordPolicy::Own(rules) => rules.clone(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use snapback::change::Characters;

    use super::*;

    fn policies() -> impl Strategy<Value = PasswordPolicy> {
        let kinds = [Characters::Lowercase, Characters::Uppercase, Characters::Numbers, Characters::Symbols];
        let kinds = prop::sample::subsequence(kinds.to_vec(), 0..=4);
        let limit = || prop::option::of(1..4_i32);
        let rules = (6..10_i32, kinds, any::<bool>(), limit(), any::<bool>(), limit()).prop_map(
            |(minimum_length, with, users_may_change, expires_after, hard_expiry, unlike_the_last)| PasswordRules {
                minimum_length,
                with: with.into_iter().collect(),
                users_may_change,
                expires_after,
                hard_expiry,
                unlike_the_last,
            },
        );
        prop_oneof![Just(PasswordPolicy::OfAws), rules.prop_map(PasswordPolicy::Own)]
    }

    proptest! {
        /// Nothing that was asked before is lost, nothing that is asked now is, and where neither asks for more than the other
        /// did before, it is the same as before to the letter.
        #[test]
        fn what_was_weakened_is_as_strict_as_both(now in policies(), before in policies()) {
            let restored = restored(&now, &before);
            prop_assert_eq!(lost(&restored, &before), Vec::<String>::new());
            prop_assert_eq!(lost(&restored, &now), Vec::<String>::new());
            if lost(&before, &now).is_empty() {
                prop_assert_eq!(restored, before);
            }
        }
    }
}
