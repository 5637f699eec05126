//! # Block Public Access of the account was switched off
//!
//! **Watches** `PutAccountPublicAccessBlock`, `DeleteAccountPublicAccessBlock`.
//!
//! **Why** The account's Block Public Access keeps all of its buckets closed, whatever their policies and ACLs say.
//! Once it is gone, every bucket with a public policy or ACL is open.
//!
//! **Does** Turns on again the settings that are off now and on in the baseline, which a daily scheduled check keeps,
//! if that is less than two days old. Without a baseline it judges by the account's buckets, in all Regions, and turns
//! on exactly those settings that close what is now open: `RestrictPublicBuckets` where a policy lets everyone in,
//! `IgnorePublicAcls` where an ACL does. Policies, ACLs and the settings of the buckets stay as they are.
//!
//! **Leaves alone**
//! - accounts without a baseline in which no bucket lets everyone in by policy or ACL: opening one later has an event
//!   of its own
//! - `BlockPublicAcls` and `BlockPublicPolicy` where only these were turned off, as they close nothing
//! - buckets that their own Block Public Access keeps closed, or in which ACLs do not count
//! - settings that an operator has turned off again with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell. The event does not say what was on before: without a baseline, a
//! call that leaves some settings on may have done no more than turn those on, in an account with buckets that were
//! always public, and turning on the others would close those. It also touches nothing if it is not certain that a
//! policy lets everyone in, or if nothing is open among the first hundred buckets and there are more, or some deny read
//! access. It does not check ACLs of objects or policies of access points.

use anyhow::Result;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use snapback::aws::is_denied;
use snapback::change::{Account, Flag, Flags, S3, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::exposed::Doors;
use crate::rights;
use crate::{aws, block};

/// So many buckets can be looked at several times within the 30 seconds that a function has: each takes up to four calls.
const MOST_BUCKETS: usize = 100;

/// How many buckets are looked at side by side.
const AT_ONCE: usize = 16;

#[derive(Debug)]
pub(crate) struct AccountPublicAccessBlockOff;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The account's settings; nothing if it has none.
    pub account: Option<Flags>,
    /// The buckets that may be open, by their names.
    pub buckets: Vec<Bucket>,
    /// How many buckets were not checked, as there are too many or they deny it.
    pub unseen: usize,
    /// The account's settings that were on when it was last looked at.
    pub remembered: Option<Remembered<Flags>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub name: String,
    /// The bucket's own settings; nothing if it has none.
    pub block: Option<Flags>,
    #[serde(flatten)]
    pub doors: Doors,
}

impl Control for AccountPublicAccessBlockOff {
    // Where CloudTrail records these calls was not seen: published rules name the one service or the other.
    const ABOUT: &'static About = &About {
        id: "s3-account-public-access-block-off",
        title: "Block Public Access of the account was switched off",
        happened: "lost Block Public Access",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutAccountPublicAccessBlock" },
            Watch { service: "s3.amazonaws.com", name: "DeleteAccountPublicAccessBlock" },
            Watch { service: "s3-control.amazonaws.com", name: "PutAccountPublicAccessBlock" },
            Watch { service: "s3-control.amazonaws.com", name: "DeleteAccountPublicAccessBlock" },
        ],
        reads: &[
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
            rights::LIST_ALL_MY_BUCKETS,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_BUCKET_POLICY,
            rights::GET_BUCKET_ACL,
            rights::GET_BUCKET_OWNERSHIP_CONTROLS,
        ],
        writes: &[rights::PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK],
        undoes: &[rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK, rights::PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.1", "CIS AWS Foundations 2.1.4", "ATT&CK T1562.001", "ATT&CK T1530"],
        caveat: "Data may have been read in the meantime: check the buckets' access logs or data events. The \
                 policies and ACLs that open them are still there, and `RestrictPublicBuckets` also keeps out the \
                 other accounts that a public policy names.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::ACCOUNT);

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let why = block::suspect(event);
        why.map(|why| Suspicion { subject: Subject::account(event), why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        let (account, mut all, remembered) = futures::try_join!(
            aws::account_public_access_block(look),
            aws::buckets(look),
            look.remembered::<Self>(&suspicion.subject)
        )?;
        all.sort();
        let mut state = State { account, buckets: vec![], unseen: all.len().saturating_sub(MOST_BUCKETS), remembered };
        let looks = all.into_iter().take(MOST_BUCKETS).map(|(name, region)| bucket(look, name, region));
        let mut looks = stream::iter(looks).buffered(AT_ONCE);
        while let Some(seen) = looks.next().await {
            match seen {
                Ok(bucket) if bucket.doors.may_be_open() => state.buckets.push(bucket),
                Ok(_) => {}
                // One that keeps Snapback out must not keep it from the others.
                Err(error) if is_denied(&error) => state.unseen += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(state)
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let open = state.buckets.iter().flat_map(|bucket| {
            let on = block::all_on([state.account.as_ref(), bucket.block.as_ref()]);
            let open = bucket.doors.open(&on, &given.settings.trust_at(event)).into_iter();
            open.map(|mut open| {
                open.why = format!("bucket `{}`: {}", bucket.name, open.why);
                open
            })
        });
        let was_on = state.remembered.as_ref().and_then(|remembered| remembered.good_before(event));
        let decision = block::decide("a bucket", state.account.as_ref(), was_on, open.collect(), given, |to| {
            S3::AccountPublicAccessBlock(Swap {
                of: Account(event.account.clone()),
                from: state.account.clone(),
                to: Some(to),
            })
        });
        let unseen = match state.unseen {
            1 => "1 bucket was not checked".to_owned(),
            many => format!("{many} buckets were not checked"),
        };
        let is_on = |flag| state.account.as_ref().is_some_and(|on| on.contains(&flag));
        let is_closed = is_on(Flag::IgnorePublicAcls) && is_on(Flag::RestrictPublicBuckets);
        match decision {
            decision if state.unseen == 0 => decision,
            Decision::Revert { severity, why, grants, plan, mut left } => {
                left.push(unseen);
                Decision::Revert { severity, why, grants, plan, left }
            }
            Decision::Allow { .. } if !is_closed && given.holds.is_empty() => {
                let is_off = if event.is_look() { "is not on" } else { "was switched off" };
                let why = format!("Block Public Access of the account {is_off}, and {unseen}");
                Decision::Alert { severity: Severity::High, why }
            }
            decision => decision,
        }
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::AccountPublicAccessBlock(Swap { to, .. }) => State { account: to.clone(), ..state.clone() },
            _ => state.clone(),
        }
    }
}

impl Remembers for AccountPublicAccessBlockOff {
    type Good = Flags;

    fn good(state: &State) -> Option<Flags> {
        state.account.clone().filter(|on| !on.is_empty())
    }
}

async fn bucket(look: &Look<'_>, name: String, region: Option<String>) -> Result<Bucket> {
    let place = region.map_or_else(|| look.place.clone(), |region| look.place.in_region(&region));
    let look = Look::new(&place);
    let (block, doors) = futures::try_join!(aws::bucket_public_access_block(&look, &name), aws::doors(&look, &name))?;
    Ok(Bucket { name, block, doors })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;
    use snapback::change::{Acl, AclGrant, Grantee};

    use super::*;

    const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}]}"#;
    const NAMED: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"*"}]}"#;

    fn deleted() -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "DeleteAccountPublicAccessBlock", "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "requestParameters": {"publicAccessBlock": ""},
        });
        Event::from_record(record).expect("an event")
    }

    fn bucket(name: &str, policy: Option<&str>, is_listed_by_all: bool) -> Bucket {
        let group = Grantee::Group("http://acs.amazonaws.com/groups/global/AllUsers".to_owned());
        let grants =
            if is_listed_by_all { vec![AclGrant { grantee: group, permission: "READ".to_owned() }] } else { vec![] };
        let acl = Some(Acl { owner: "o".to_owned(), grants });
        let doors = Doors { policy: policy.map(Into::into), acl, acls_disabled: false };
        Bucket { name: name.to_owned(), block: None, doors }
    }

    fn decide(state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let event = deleted();
        let suspicion = AccountPublicAccessBlockOff::suspect(&event, &Settings::default()).pop().expect("suspicious");
        AccountPublicAccessBlockOff::decide(&event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn of(buckets: Vec<Bucket>) -> State {
        State { buckets, ..State::default() }
    }

    #[test]
    fn one_open_bucket_is_enough_and_closed_ones_are_not_counted() {
        let mut closed = bucket("closed", Some(OPEN), true);
        closed.block = Some(Flag::ALL.into());
        let named = bucket("named", Some(NAMED), false);
        assert!(decide(&of(vec![closed.clone(), named.clone()]), &BTreeSet::new()).is_allow());
        let decision = decide(&of(vec![closed, named, bucket("open", Some(OPEN), false)]), &BTreeSet::new());
        assert!(decision.why().starts_with("bucket `open`: statement 1 lets everyone"), "{decision}");
        let to = Some([Flag::RestrictPublicBuckets].into());
        assert_eq!(
            decision.plan(),
            [S3::AccountPublicAccessBlock(Swap { of: Account("111122223333".to_owned()), from: None, to })]
        );
    }

    #[test]
    fn what_was_not_looked_at_is_announced() {
        let many = State { unseen: 7, ..of(vec![]) };
        assert_eq!(decide(&many, &BTreeSet::new()).severity(), Some(Severity::High));
        assert!(decide(&State { account: Some(Flag::ALL.into()), ..many }, &BTreeSet::new()).is_allow());
    }

    #[test]
    fn what_is_known_to_have_been_on_is_turned_on_again_though_nothing_is_open() {
        let before: Flags = [Flag::IgnorePublicAcls, Flag::BlockPublicPolicy].into();
        let seen = "2026-01-31T06:00:00Z".parse().expect("a time");
        let state = State { remembered: Some(Remembered { good: Some(before.clone()), seen }), ..of(vec![]) };
        let decision = decide(&state, &BTreeSet::new());
        assert!(decision.why().contains("6 hours before"), "{decision}");
        let account = "111122223333".to_owned();
        assert_eq!(
            decision.plan(),
            [S3::AccountPublicAccessBlock(Swap { of: Account(account), from: None, to: Some(before) })]
        );
        assert!(decide(&state, &[block::off(Flag::IgnorePublicAcls)].into()).is_allow());
    }
}
