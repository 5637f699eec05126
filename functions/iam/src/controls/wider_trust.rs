//! # A role trusts somebody new of its account
//!
//! **Watches** `UpdateAssumeRolePolicy`.
//!
//! **Why** Whoever may write the trust of a role can let themselves into it and have all its privileges (Pacu:
//! `iam__privesc_scan`). A service that is let into a role acts with these for whoever may pass it the role, and an identity
//! provider lets in whomever it vouches for. None of them is a stranger, so `iam-open-trust` leaves them alone.
//!
//! **Does** Alerts, if the role did not trust them before: about a caller who lets in himself, by name or as one of
//! everyone (`*`) whom conditions narrow to the account or to others that are trusted; about services and identity
//! providers; about other claims of a provider than before, such as another repository of GitHub, whoever owns it; and,
//! where the role is an administrator by what it holds, about anyone else of the account. A claim that is asked for
//! besides is told of as well, although it lets in fewer. Whom the role trusted before comes from the baseline of
//! `iam-new-administrator`, which must be less than two days old. Without a baseline it alerts only about callers who
//! let in themselves, or everyone. A role that is made is not its business: roles for services are made all day. It
//! undoes nothing, since administrators do the same every day.
//!
//! **Leaves alone**
//! - roles that trusted the same before
//! - roles that trust less than before
//! - services and identity providers, where there is no baseline
//! - users and roles of the account other than the caller, unless the role is an administrator
//! - strangers, who are for `iam-open-trust`
//! - roles that are gone
//!
//! Whether a role is an administrator is told by scheduled checks: that of `iam-passed-administrator`, which has looked at all that
//! the role holds, or else by AWS's policy `AdministratorAccess` or `IAMFullAccess`, or an inline policy that makes it one.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Iam;
use snapback::control::{About, Baseline, Control, Given, Look, Remembered, Suspicion, Watch, journaled};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::{Grant, Kind, Policy, PolicyText};
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::{NewAdministrator, PassedAdministrator};
use crate::administrator::adds;
use crate::permissions::Granted;
use crate::told::{SERVICE, policy_of_aws};
use crate::trusted::{Trusted, trusted};
use crate::{aws, rights};

/// AWS's own policies with which whoever holds them is administrator, or can make itself one.
const ADMINISTRATORS: [&str; 2] = ["AdministratorAccess", "IAMFullAccess"];

#[derive(Debug)]
pub(crate) struct WiderTrust;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Under which ARN IAM has the role; nothing if it is gone, or was not asked for.
    arn: Option<String>,
    trust: Option<PolicyText>,
    /// What the role had been granted, and whom it trusted, when that was last looked at.
    before: Option<Remembered<Granted>>,
    /// Whether a scheduled check has found it to be an administrator, or to be able to become one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_administrator: bool,
}

impl Control for WiderTrust {
    const ABOUT: &'static About = &About {
        id: "iam-wider-trust",
        title: "A role trusts somebody new of its account",
        happened: "trusts somebody new",
        watches: &[Watch { service: SERVICE, name: "UpdateAssumeRolePolicy" }],
        reads: &[rights::GET_ROLE],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["ATT&CK T1098", "Pacu iam__privesc_scan"],
        caveat: "Nothing is reverted. Sessions stay valid until they expire: revoke them in the IAM console, under Revoke \
                 sessions of the role.",
        source: file!(),
    };

    type State = State;
    type Change = Iam;

    const BASELINE: Option<Baseline<State>> = Some(|state| journaled(state.before.as_ref()));

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let told = json::text(&event.request, "policyDocument");
        let named = told.and_then(|policy| trusted_but_strangers(policy, event, settings));
        if named.is_some_and(|named| !named.iter().any(|one| is_own(one, event))) {
            return vec![];
        }
        let Some(name) = json::text(&event.request, "roleName") else {
            let why = "the trust policy of a role was changed, and the event does not say which".to_owned();
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let why = format!("the trust policy of role `{name}` was changed");
        vec![Suspicion { subject: Subject::role(event, name), why }]
    }

    /// IAM is asked only if something can be said then.
    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        if suspicion.subject.kind == "account" {
            return Ok(State::default());
        }
        let before = look.remembered::<NewAdministrator>(&suspicion.subject).await?;
        let is_known =
            before.as_ref().is_some_and(|before| before.good.as_ref().is_some_and(|was| was.trusts.is_some()));
        if !is_known && !may_let_in_the_caller(event) {
            return Ok(State { before, ..State::default() });
        }
        let found = Box::pin(aws::roles::trust(look.place, &suspicion.subject.name)).await?;
        let (arn, trust) = found.unzip();
        let passable = look.known_by::<PassedAdministrator>(&suspicion.subject).await?;
        let is_administrator = passable.is_some_and(|passable| passable.is_risky());
        Ok(State { arn, trust: trust.flatten(), before, is_administrator })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Iam> {
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        if suspicion.subject.kind == "account" {
            return Decision::Alert { severity: Severity::Medium, why: suspicion.why.clone() };
        }
        let before = state.before.as_ref().and_then(|before| before.good_before(event)).map(|(was, _)| was);
        let had = before.and_then(|was| was.trusts.as_ref());
        if state.arn.is_none() {
            return allow(if had.is_some() { "the role is gone" } else { "whom it trusted before is not known" });
        }
        let now = state.trust.as_ref().and_then(|trust| trusted_but_strangers(trust, event, given.settings));
        let Some(now) = now else {
            return allow("whom it trusts cannot be read, which `iam-open-trust` says");
        };
        let is_admin = state.is_administrator || before.is_some_and(|was| is_administrator(was, event));
        let tells = |one: &&Trusted| match one {
            _ if had.is_some_and(|had| had.contains(one)) || !is_own(one, event) => false,
            Trusted::Everyone => true,
            Trusted::Principal(_) => is_caller(one, event) || had.is_some() && is_admin,
            Trusted::Service(_) | Trusted::Provider(_) => had.is_some(),
            // The provider itself is new.
            Trusted::Claim(_) => had.is_some_and(|had| had.iter().any(|one| matches!(one, Trusted::Claim(_)))),
        };
        let new: Vec<&Trusted> = now.iter().filter(tells).collect();
        if new.is_empty() {
            return allow("it trusts nobody new of whom there is something to say");
        }
        let named = |one: &&Trusted| if is_caller(one, event) { format!("{one}, who called") } else { one.to_string() };
        let named: Vec<String> = new.iter().map(named).collect();
        let was = if had.is_some() { "did not trust before" } else { "may not have trusted before" };
        let of = if is_admin { ", and is an administrator" } else { "" };
        let why = format!("{} by {}: it trusts whom it {was}{of}: {}", suspicion.why, event.actor, named.join(", "));
        Decision::Alert { severity: if is_admin { Severity::High } else { Severity::Medium }, why }
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        suspicion.subject.clone().at(state.arn.as_deref())
    }

    fn after(state: &State, _: &Iam) -> State {
        state.clone()
    }
}

/// Whom a policy trusts; everyone only if the conditions of a statement keep strangers out, of whom `iam-open-trust` tells.
fn trusted_but_strangers(policy: &str, event: &Event, settings: &Settings) -> Option<BTreeSet<Trusted>> {
    let mut named = trusted(policy)?;
    if named.contains(&Trusted::Everyone) {
        let rest = Policy::parse(policy).ok().and_then(|policy| {
            let grants = policy.judge(Kind::Trust, &settings.trust_at(event)).grants;
            policy.without(&grants.into_iter().filter(Grant::is_untrusted).collect::<Vec<_>>())
        });
        if !rest.and_then(|rest| trusted(&rest)).is_some_and(|rest| rest.contains(&Trusted::Everyone)) {
            named.remove(&Trusted::Everyone);
        }
    }
    Some(named)
}

/// Whether it is no stranger by what it is: those are for another control.
fn is_own(one: &Trusted, event: &Event) -> bool {
    match one {
        Trusted::Principal(name) => {
            *name == event.account || name.split(':').nth(4).is_some_and(|account| account == event.account)
        }
        Trusted::Everyone | Trusted::Service(_) | Trusted::Provider(_) | Trusted::Claim(_) => true,
    }
}

fn is_caller(one: &Trusted, event: &Event) -> bool {
    let actor = &event.actor;
    let is = |arn: &Option<String>| matches!((one, arn), (Trusted::Principal(name), Some(arn)) if name == arn);
    is(&actor.role) || is(&actor.arn)
}

/// Whether the event says that the caller lets himself in, or does not say whom he lets in.
fn may_let_in_the_caller(event: &Event) -> bool {
    let named = json::text(&event.request, "policyDocument").and_then(trusted);
    named.is_none_or(|named| named.iter().any(|one| *one == Trusted::Everyone || is_caller(one, event)))
}

fn is_administrator(was: &Granted, event: &Event) -> bool {
    let is_known = |arn: &String| policy_of_aws(arn).is_some_and(|name| ADMINISTRATORS.contains(&name));
    let makes = |text: &PolicyText| matches!(adds("", text, None, event), Ok(Some(_)));
    was.managed.iter().any(is_known) || was.inline.values().any(makes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_everyone_it_tells_what_is_left_without_strangers() {
        let event = |policy: &str| {
            Event::from_record(json!({
                "eventID": "e-1", "eventTime": "2026-02-11T12:00:00Z", "eventSource": "iam.amazonaws.com",
                "eventName": "UpdateAssumeRolePolicy", "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
                "requestParameters": {"roleName": "reports", "policyDocument": policy},
            }))
            .expect("an event")
        };
        for (condition, is_told) in [
            (json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}), true),
            (json!({"StringEquals": {"aws:PrincipalAccount": ["111122223333", "777788889999"]}}), true),
            (json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:user/mallory"}}), true),
            (json!({"StringEquals": {"aws:PrincipalAccount": "777788889999"}}), false),
            (json!({}), false),
        ] {
            for principal in [json!("*"), json!({"AWS": "*"})] {
                let statement = json!({
                    "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition,
                });
                let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
                let suspicions = WiderTrust::suspect(&event(&policy), &Settings::default());
                assert_eq!(!suspicions.is_empty(), is_told, "{policy}");
            }
        }
    }
}
