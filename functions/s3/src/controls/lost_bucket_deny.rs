//! # A bucket policy lost what it denied
//!
//! **Watches** `DeleteBucketPolicy`, `PutBucketPolicy`.
//!
//! **Why** A `Deny` in a bucket policy is a protection that holds against administrators too: no access without TLS, none
//! from outside the network, no deletion of logs. Whoever wants past it deletes the policy, or puts one without it. The
//! event does not tell what was there before, so Snapback remembers it: once a day it looks at all bucket policies.
//!
//! **Does** Compares the policy that the bucket has now with the `Deny` statements that it had when it was last looked at.
//! Those that are gone are put back behind the present statements, byte for byte. Nothing that allows is ever put back:
//! of a policy that was deleted, only its `Deny` statements return. A new policy that denies something itself is not
//! compared at once but by the daily look, which only tells.
//!
//! **Leaves alone**
//! - buckets whose policy denied nothing when it was last looked at
//! - a policy that has all that was denied, whatever else has changed
//! - what an operator has put back with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: a policy that denies something else instead, a policy that it
//! cannot read, a bucket that was not looked at before or not for two days, an event that does not say which bucket.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::change::S3;
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::policy::Policy;
use snapback::policy::denied::is_among;
use snapback::settings::Settings;

use crate::aws;
use crate::told::{bucket_of, subject};

#[derive(Debug)]
pub(crate) struct LostBucketDeny;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The policy, as S3 gave it back. It is not asked for where nothing was denied.
    pub policy: Option<String>,
    /// The policy that denied something, when the bucket was last looked at.
    pub remembered: Option<Remembered<String>>,
}

impl Control for LostBucketDeny {
    const ABOUT: &'static About = &About {
        id: "s3-lost-bucket-deny",
        title: "A bucket policy lost what it denied",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "DeleteBucketPolicy" },
            Watch { service: "s3.amazonaws.com", name: "PutBucketPolicy" },
        ],
        reads: &["s3:GetBucketPolicy"],
        writes: &["s3:PutBucketPolicy"],
        undoes: &["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.5", "ATT&CK T1562", "ATT&CK T1578.005"],
        caveat: "What was done while nothing denied it has been done: look at the bucket's data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    /// The event does not tell what was denied before.
    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let given = &event.request["bucketPolicy"];
        let told = given.as_str().map_or_else(|| given.to_string(), str::to_owned);
        let why = if event.name == "DeleteBucketPolicy" {
            "a bucket policy was deleted, and may have denied something"
        } else if Policy::parse(&told).is_ok_and(|policy| !policy.denied().is_empty()) {
            return vec![];
        } else {
            "a bucket policy was put that denies nothing, where another may have denied something"
        };
        vec![Suspicion { subject: subject(event), why: why.to_owned() }]
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let Some(bucket) = bucket_of(&suspicion.subject) else { return Ok(State::default()) };
        let remembered = look.remembered::<Self>(&suspicion.subject).await?;
        let denied = remembered.as_ref().is_some_and(|remembered| remembered.good.is_some());
        let policy = if denied || event.is_look() { aws::bucket_policy(look, bucket).await? } else { None };
        Ok(State { policy, remembered })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            return alert(
                Severity::High,
                "a bucket policy was changed, and the event does not tell of which bucket".into(),
            );
        };
        let Some(remembered) = &state.remembered else {
            return if event.name == "DeleteBucketPolicy" {
                let why = format!("the policy of bucket `{bucket}` was deleted; what it denied is not known");
                alert(Severity::Low, why)
            } else {
                allow("nobody has looked at this bucket before")
            };
        };
        let Some(before) = &remembered.good else { return allow("the policy denied nothing before") };
        let Ok(before) = Policy::parse(before) else {
            return alert(Severity::High, format!("what is remembered of bucket `{bucket}` is not understood"));
        };
        let now = match state.policy.as_deref().map(Policy::parse).transpose() {
            Ok(now) => now,
            Err(error) => {
                return alert(Severity::High, format!("the policy of bucket `{bucket}` is not understood: {error}"));
            }
        };
        let denied_now = now.as_ref().map(Policy::denied).unwrap_or_default();
        let lost = before.denied().into_iter().filter(|statement| !is_among(statement, &denied_now));
        let (held, lost): (Vec<&str>, Vec<&str>) = lost.partition(|statement| given.holds.contains(&grant(statement)));
        if lost.is_empty() {
            return allow(if held.is_empty() { "all is denied that was" } else { "an operator has put it back" });
        }
        let age = remembered.age(event);
        let why = format!(
            "bucket `{bucket}` does not deny any more what it denied {age} before: {}",
            lost.iter().map(|statement| called(statement)).collect::<Vec<_>>().join(", ")
        );
        let is_replaced = denied_now.iter().any(|statement| !is_among(statement, &before.denied()));
        if is_replaced {
            return alert(Severity::Medium, format!("{why}; it denies something else instead"));
        }
        if !remembered.is_fresh(event) {
            return alert(Severity::Medium, format!("{why}, which is too long ago to be sure"));
        }
        let to = match &now {
            Some(now) => Some(now.with(&lost)),
            None => before.only_denied(),
        };
        let forgotten = now.is_none() && before.denied().len() < before.statements();
        let left = forgotten.then(|| "what the deleted policy allowed, as that opens something".to_owned());
        Decision::Revert {
            severity: Severity::High,
            why,
            grants: lost.iter().map(|statement| grant(statement)).collect(),
            plan: vec![S3::BucketPolicy { bucket: bucket.to_owned(), from: state.policy.clone(), to }],
            left: left.into_iter().collect(),
        }
    }

    /// What is remembered does not lag behind.
    fn is_settled(state: &State) -> bool {
        state.remembered.as_ref().is_none_or(|remembered| remembered.good.is_none())
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketPolicy { to, .. } => State { policy: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for LostBucketDeny {
    type Good = String;

    fn good(state: &State) -> Option<String> {
        let policy = state.policy.as_deref()?;
        let denies = Policy::parse(policy).is_ok_and(|policy| !policy.denied().is_empty());
        denies.then(|| policy.to_owned())
    }
}

/// Its name, or all of it if it has none.
fn called(statement: &str) -> String {
    let content: Value = serde_json::from_str(statement).unwrap_or_default();
    let sid = json::text(&content, "Sid").map(|sid| format!("`{sid}`"));
    sid.unwrap_or_else(|| json::canonical(&content))
}

/// What the revert takes away: that the statement is missing.
fn grant(statement: &str) -> String {
    let content =
        serde_json::from_str(statement).map_or_else(|_| statement.to_owned(), |content| json::canonical(&content));
    format!("without {content}")
}
