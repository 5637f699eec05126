//! What a bucket policy lost since Snapback last looked at it: statements of one kind, that are put back as they were.

use std::marker::PhantomData;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Holder, PolicyChange};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::kept::Kept;
use snapback::policy::{Policy, PolicyText};
use snapback::settings::Settings;

use crate::told::bucket_of;
use crate::{aws, told};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The policy, as S3 gave it back. It is not asked for where there was nothing of the kind.
    pub policy: Option<PolicyText>,
    /// The policy that had something of the kind, when the bucket was last looked at.
    pub remembered: Option<Remembered<PolicyText>>,
}

/// A kind of statement, and how it is spoken of.
#[derive(Debug)]
pub(crate) struct Kind {
    pub statements: for<'a> fn(&Policy<'a>) -> Vec<Kept<'a>>,
    /// `no longer denies what it denied`, by which it is followed how long before that was.
    pub lost: &'static str,
    /// `it denies something else instead`
    pub instead: &'static str,
    /// `the policy denied nothing before`
    pub none_before: &'static str,
    /// `all is denied that was`
    pub all_there: &'static str,
    /// What is said of a deleted policy of which nothing is remembered, where nobody else says it.
    pub unknown: Option<&'static str>,
    /// What of a deleted policy does not come back.
    pub forgotten: &'static str,
}

impl Kind {
    /// A policy with something of the kind.
    pub(crate) fn good(&self, state: &State) -> Option<PolicyText> {
        let policy = state.policy.as_ref()?;
        let has_some = Policy::parse(policy).is_ok_and(|policy| !(self.statements)(&policy).is_empty());
        has_some.then(|| policy.clone())
    }

    pub(crate) fn decide(
        &self,
        event: &Event,
        suspicion: &Suspicion,
        state: &State,
        given: &Given<'_>,
    ) -> Decision<PolicyChange> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "a bucket policy was changed, and the event does not say which".to_owned();
            return alert(Severity::High, why);
        };
        let Some(remembered) = state.remembered.as_ref().filter(|found| found.counts(event)) else {
            return match self.unknown.filter(|_| event.name == "DeleteBucketPolicy") {
                Some(unknown) => {
                    alert(Severity::Low, format!("the policy of bucket `{bucket}` was deleted; {unknown}"))
                }
                None => allow("the bucket has no baseline"),
            };
        };
        let Some(before) = &remembered.good else { return allow(self.none_before) };
        let Ok(before) = Policy::parse(before) else {
            return alert(Severity::High, format!("the baseline of bucket `{bucket}` is not understood"));
        };
        let now = match state.policy.as_deref().map(Policy::parse).transpose() {
            Ok(now) => now,
            Err(error) => {
                return alert(Severity::High, format!("the policy of bucket `{bucket}` is not understood: {error}"));
            }
        };
        let (had, has) = ((self.statements)(&before), now.as_ref().map(self.statements).unwrap_or_default());
        let lost = had.iter().filter(|statement| !has.contains(statement)).cloned();
        let (held, lost): (Vec<Kept<'_>>, Vec<Kept<'_>>) =
            lost.partition(|statement| given.holds.contains(&grant(statement)));
        if lost.is_empty() {
            return allow(if held.is_empty() { self.all_there } else { "an operator has restored it" });
        }
        let named = lost.iter().map(called).collect::<Vec<_>>().join(", ");
        let why = format!("bucket `{bucket}` {} {} before: {named}", self.lost, remembered.age(event));
        if has.iter().any(|statement| !had.contains(statement)) {
            return alert(Severity::Medium, format!("{why}; {}", self.instead));
        }
        if !remembered.is_fresh(event) {
            return alert(Severity::Medium, format!("{why}, which is too long ago for Snapback to restore it"));
        }
        let to = match &now {
            Some(now) => Some(now.with(&lost)),
            None => before.only(&lost),
        };
        // A variable is one only in a document of the newer `Version`: there what comes back would not mean what it did.
        let comes_back = |to: &String| {
            Policy::parse(to).is_ok_and(|to| lost.iter().all(|lost| (self.statements)(&to).contains(lost)))
        };
        if !to.as_ref().is_some_and(comes_back) {
            return alert(Severity::Medium, format!("{why}; in the policy of now it would not mean the same"));
        }
        let is_forgotten = now.is_none() && had.len() < before.statements();
        Decision::Revert {
            severity: Severity::High,
            why,
            grants: lost.iter().map(grant).collect(),
            plan: vec![PolicyChange {
                of: Holder::Bucket(bucket.to_owned()),
                from: state.policy.clone(),
                to: to.map(PolicyText::from),
            }],
            left: is_forgotten.then(|| self.forgotten.to_owned()).into_iter().collect(),
        }
    }
}

/// A control of one kind of statement.
pub(crate) trait Loses: 'static {
    const ABOUT: &'static About;
    const KIND: Kind;

    /// See [`Control::suspect`].
    fn suspect(event: &Event) -> Option<&'static str>;
}

/// The control itself.
#[derive(Debug)]
pub(crate) struct Lost<K>(PhantomData<K>);

impl<K: Loses> Control for Lost<K> {
    const ABOUT: &'static About = K::ABOUT;

    type State = State;
    type Change = PolicyChange;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    /// What is remembered does not lag behind.
    const IS_SETTLED: Option<fn(&State) -> bool> =
        Some(|state| state.remembered.as_ref().is_none_or(|remembered| remembered.good.is_none()));

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let suspicion = |why: &str| Suspicion { subject: told::subject(event), why: why.to_owned() };
        K::suspect(event).map(suspicion).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let remembered = look.remembered::<Self>(&suspicion.subject).await?;
        let had_some = remembered.as_ref().is_some_and(|remembered| remembered.good.is_some());
        let policy = if had_some || event.is_look() { aws::bucket_policy(look, bucket).await? } else { None };
        Ok(State { policy, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<PolicyChange> {
        K::KIND.decide(event, suspicion, state, given)
    }

    fn after(state: &State, change: &PolicyChange) -> State {
        State { policy: change.to.clone(), ..state.clone() }
    }
}

impl<K: Loses> Remembers for Lost<K> {
    type Good = PolicyText;

    fn good(state: &State) -> Option<PolicyText> {
        K::KIND.good(state)
    }
}

/// Its name, or all of it if it has none.
fn called(statement: &Kept<'_>) -> String {
    statement.sid.as_ref().map_or_else(|| statement.name.clone(), |sid| format!("`{sid}`"))
}

/// What the revert takes away: that the statement is missing.
fn grant(statement: &Kept<'_>) -> String {
    format!("without {}", statement.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use proptest::sample::subsequence;
    use serde_json::json;
    use snapback::subject::Subject;

    use super::*;
    use crate::controls::{LostBucketDeny, LostLogDelivery};

    type After = Lost<LostBucketDeny>;

    const DENIALS: Kind = LostBucketDeny::KIND;
    const DELIVERIES: Kind = LostLogDelivery::KIND;

    const STATEMENTS: [&str; 5] = [
        r#"{"Sid":"OnlyTls", "Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#,
        r#"{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"*"}"#,
        r#"{"Sid":"Trail","Effect":"Allow", "Principal":{"Service":"cloudtrail.amazonaws.com"},"Action":"s3:PutObject","Resource":"*"}"#,
        r#"{"Effect":"Allow","Principal":{"Service":["config.amazonaws.com","delivery.logs.amazonaws.com"]},"Action":["s3:PutObject","s3:GetBucketAcl"],"Resource":"*"}"#,
        r#"{"Sid":"Others","Effect":"Allow","Principal":{"AWS":"111122223333","Service":"cloudtrail.amazonaws.com"},"Action":"s3:*","Resource":"*"}"#,
    ];

    fn event() -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b"},
        });
        Event::from_record(record).expect("an event")
    }

    fn decide(kind: &Kind, state: &State, holds: &BTreeSet<String>) -> Decision<PolicyChange> {
        let event = event();
        let suspicion = Suspicion { subject: Subject::bucket(&event, "b"), why: String::new() };
        kind.decide(&event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn policy(statements: &[&str]) -> Option<PolicyText> {
        (!statements.is_empty())
            .then(|| format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(",")).into())
    }

    fn state(before: &[&str], now: &[&str]) -> State {
        let seen = "2026-01-31T06:00:00Z".parse().expect("a time");
        State { policy: policy(now), remembered: policy(before).map(|good| Remembered { good: Some(good), seen }) }
    }

    fn statements() -> impl Strategy<Value = Vec<&'static str>> {
        subsequence(STATEMENTS.to_vec(), 0..=STATEMENTS.len()).prop_shuffle()
    }

    #[test]
    fn what_an_operator_holds_is_not_put_back_with_the_rest_of_a_deleted_policy() {
        let [tls, keeps, ..] = STATEMENTS;
        let deleted = state(&[tls, keeps], &[]);
        let decision = decide(
            &DENIALS,
            &deleted,
            &[grant(&Policy::parse(&policy(&[tls]).expect("one")).expect("a policy").denied()[0])].into(),
        );
        let [PolicyChange { to, .. }] = decision.plan() else { panic!("{decision}") };
        assert_eq!(*to, policy(&[keeps]));
    }

    proptest! {
        #[test]
        fn just_what_was_lost_comes_back_behind_the_rest(before in statements(), now in statements()) {
            for (kind, is_of_it) in [(&DENIALS, 0..2), (&DELIVERIES, 2..4)] {
                let is_of_it = |statement: &&&str| STATEMENTS[is_of_it.clone()].contains(*statement);
                let lost: Vec<&str> = before.iter().filter(is_of_it).filter(|lost| !now.contains(*lost)).copied().collect();
                let is_new = now.iter().filter(is_of_it).any(|statement| !before.contains(statement));
                let state = state(&before, &now);
                match decide(kind, &state, &BTreeSet::new()) {
                    Decision::Allow { .. } => prop_assert!(lost.is_empty()),
                    Decision::Alert { .. } => prop_assert!(!lost.is_empty() && is_new),
                    Decision::Revert { plan, grants, .. } => {
                        let expected = policy(&[now.as_slice(), &lost].concat());
                        prop_assert!(!lost.is_empty() && !is_new);
                        let after = plan.iter().fold(state.clone(), |state, change| After::after(&state, change));
                        prop_assert_eq!(after.policy.as_deref(), expected.as_deref());
                        prop_assert!(decide(kind, &after, &BTreeSet::new()).is_allow() && kind.good(&after).is_some());
                        let undone = plan.iter().rev().fold(after, |state, change| After::after(&state, &change.undo()));
                        prop_assert!(decide(kind, &undone, &grants.into_iter().collect()).is_allow());
                        prop_assert_eq!(undone, state);
                    }
                }
            }
        }

        /// Whom the policy lets in beside what it let in already, is one of the services that deliver logs.
        #[test]
        fn nothing_that_comes_back_lets_a_stranger_in(before in statements(), now in statements()) {
            let trust = Settings::default().trust("111122223333");
            let untrusted = |policy: Option<&str>| {
                let judged = policy.map(|text| Policy::parse(text).expect("a policy").judge(snapback::policy::Kind::Resource, &trust));
                judged.into_iter().flat_map(|judged| judged.grants).filter(snapback::policy::Grant::is_untrusted).count()
            };
            let state = state(&before, &now);
            for kind in [&DENIALS, &DELIVERIES] {
                for change in decide(kind, &state, &BTreeSet::new()).plan() {
                    let after = After::after(&state, change);
                    prop_assert!(untrusted(after.policy.as_deref()) <= untrusted(state.policy.as_deref()));
                }
            }
        }
    }
}
