//! # A bucket's ACL lets strangers in
//!
//! **Watches** `PutBucketAcl`, `CreateBucket`.
//!
//! **Why** An access control list that names the group of all users, or that of all with an AWS account, gives the list
//! of a bucket's objects, or the right to put and delete them, to the whole internet. One that names another account's
//! canonical user does the same for that account, unseen by anyone who checks only policies.
//!
//! **Does** Reads the bucket's present ACL and removes the grants to these two groups, and to canonical users that are
//! neither the owner nor trusted (`canonicalUsers` in `trusted.json`). All other grants stay.
//!
//! **Leaves alone**
//! - grants to the owner, to trusted canonical users, to S3's log delivery and to users of AWS itself
//! - ACLs that are disabled by the Object Ownership `BucketOwnerEnforced`
//! - grants to the two groups that Block Public Access neutralises (`IgnorePublicAcls`, of the bucket or of the account)
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: an event that does not say which bucket, a group that it does
//! not know, and, if the operator trusts other accounts or organizations by their ids, a canonical user that is not
//! listed: the id does not tell whether it is one of theirs. ACLs of objects are for `s3-public-object-acl`.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Acl, AclGrant, Bucket, Flag, S3, Swap};
use snapback::control::{About, Control, Given, Look, Survey, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::settings::Settings;

use crate::rights;
use crate::told::{ToldAcl, bucket_of};
use crate::{aws, exposed, told};

#[derive(Debug)]
pub(crate) struct PublicBucketAcl;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the bucket is gone.
    pub acl: Option<Acl>,
    /// Whether ACLs do not count in this bucket.
    pub disabled: bool,
    /// Whether `IgnorePublicAcls` is on for the bucket or for its account.
    pub ignored: bool,
}

impl Control for PublicBucketAcl {
    const ABOUT: &'static About = &About {
        id: "s3-public-bucket-acl",
        title: "A bucket's ACL lets strangers in",
        happened: "was opened to strangers by its ACL",
        watches: &[
            Watch { service: "s3.amazonaws.com", name: "PutBucketAcl" },
            Watch { service: "s3.amazonaws.com", name: "CreateBucket" },
        ],
        reads: &[
            rights::GET_BUCKET_ACL,
            rights::GET_BUCKET_OWNERSHIP_CONTROLS,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_BUCKET_ACL],
        undoes: &[rights::GET_BUCKET_ACL, rights::PUT_BUCKET_ACL],
        severity: Severity::Critical,
        frameworks: &["AWS FSBP S3.2", "AWS FSBP S3.3", "AWS FSBP S3.12", "ATT&CK T1530", "ATT&CK T1537"],
        caveat: "Data may have been read or written in the meantime, and objects keep ACLs of their own: check the \
                 bucket's access logs or data events.",
        source: file!(),
    };

    type State = State;
    type Change = S3;

    const SURVEY: Option<Survey> = Some(aws::BUCKETS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let trust = settings.trust(&event.account);
        let why = match ToldAcl::of(&event.request) {
            // A bucket is private unless the call says otherwise.
            ToldAcl::None if event.name == "CreateBucket" => return vec![],
            ToldAcl::None | ToldAcl::Unknown => "the event contains no ACL, or one in an unknown form".to_owned(),
            ToldAcl::Canned(name) if exposed::lets_nobody_in(&name) => return vec![],
            ToldAcl::Canned(name) => format!("the event gives the bucket the ACL `{name}`"),
            ToldAcl::Grants { owner, grants } => {
                let is_stranger = |grant: &&AclGrant| exposed::exposure(grant, owner.as_deref(), &trust).is_untrusted();
                let strangers: Vec<_> = grants.iter().filter(is_stranger).collect();
                if strangers.is_empty() {
                    return vec![];
                }
                said(&strangers)
            }
        };
        vec![Suspicion { subject: told::subject(event), why }]
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<State> {
        match bucket_of(&suspicion.subject) {
            Some(bucket) => {
                let (acl, disabled, ignored) = futures::try_join!(
                    aws::bucket_acl(look, bucket),
                    aws::has_acls_disabled(look, bucket),
                    aws::is_blocked(look, bucket, Flag::IgnorePublicAcls)
                )?;
                Ok(State { acl, disabled, ignored })
            }
            None => Ok(State::default()),
        }
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let Some(bucket) = bucket_of(&suspicion.subject) else {
            let why = "a bucket's ACL was put, and the event does not say on which bucket".to_owned();
            return Decision::Alert { severity: Severity::High, why };
        };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(acl) = &state.acl else { return allow("the bucket is gone") };
        if state.disabled {
            return allow("ACLs do not count in this bucket");
        }
        let trust = given.settings.trust(&event.account);
        let counts = |grant: &&AclGrant| !(state.ignored && exposed::is_public(grant));
        let (held, open): (Vec<_>, Vec<_>) = exposed::by_acl(acl, &trust)
            .into_iter()
            .filter(counts)
            .partition(|grant| given.holds.contains(&grant.to_string()));
        if open.is_empty() {
            return allow(if held.is_empty() { "the ACL lets no stranger in" } else { "an operator has restored it" });
        }
        let (certain, unsure): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|grant| exposed::is_certain(grant, &trust));
        if certain.is_empty() {
            return Decision::Alert { severity: Severity::Medium, why: doubted(&unsure) };
        }
        let is_critical = certain.iter().any(|grant| exposed::is_public(grant) && exposed::writes(grant));
        let stays = |grant: &&AclGrant| !certain.contains(grant);
        let to = Acl { owner: acl.owner.clone(), grants: acl.grants.iter().filter(stays).cloned().collect() };
        Decision::Revert {
            severity: if is_critical { Severity::Critical } else { Severity::High },
            why: said(&certain),
            grants: certain.iter().map(ToString::to_string).collect(),
            plan: vec![S3::BucketAcl(Swap { of: Bucket(bucket.to_owned()), from: acl.clone(), to })],
            left: unsure.iter().map(|grant| doubted(&[grant])).collect(),
        }
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let acl = ToldAcl::of(&event.request).acl(state.acl.as_ref())?;
        // What is there is not over, although it is ignored.
        if state.acl.as_ref().is_some_and(|live| acl.grants.iter().all(|grant| live.grants.contains(grant))) {
            return None;
        }
        // Of a bucket that is gone nobody knows what its Block Public Access was.
        let certain = state.acl.is_some() && !state.disabled && !state.ignored;
        Some((State { acl: Some(acl), disabled: false, ignored: false }, certain))
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::BucketAcl(Swap { to, .. }) => State { acl: Some(to.clone()), ..state.clone() },
            _ => state.clone(),
        }
    }
}

fn said(grants: &[&AclGrant]) -> String {
    grants.iter().map(|grant| exposed::sentence(grant)).collect::<Vec<_>>().join("; ")
}

fn doubted(grants: &[&AclGrant]) -> String {
    format!("{}, and whether that is somebody you trust cannot be told", said(grants))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use snapback::change::Grantee;
    use snapback::subject::Subject;

    use super::*;

    const OWNER: &str = "0000000000000000000000000000000000000000000000000000000000000001";
    const STRANGER: &str = "0000000000000000000000000000000000000000000000000000000000000002";
    const FRIEND: &str = "0000000000000000000000000000000000000000000000000000000000000003";
    const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
    const SIGNED_IN: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
    const LOGS: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

    fn user(id: &str, permission: &str) -> AclGrant {
        AclGrant { grantee: Grantee::User(id.to_owned()), permission: permission.to_owned() }
    }

    fn group(uri: &str, permission: &str) -> AclGrant {
        AclGrant { grantee: Grantee::Group(uri.to_owned()), permission: permission.to_owned() }
    }

    fn put(grants: &[AclGrant]) -> Event {
        let listed: Vec<Value> = grants
            .iter()
            .map(|grant| {
                let grantee = match &grant.grantee {
                    Grantee::User(id) => json!({"xsi:type": "CanonicalUser", "ID": id}),
                    Grantee::Group(uri) => json!({"xsi:type": "Group", "URI": uri}),
                };
                json!({"Grantee": grantee, "Permission": grant.permission})
            })
            .collect();
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutBucketAcl", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"bucketName": "b", "acl": "", "AccessControlPolicy": {
                "Owner": {"ID": OWNER}, "AccessControlList": {"Grant": listed},
            }},
        });
        Event::from_record(record).expect("an event")
    }

    fn live(grants: &[AclGrant]) -> State {
        let acl = Acl { owner: OWNER.to_owned(), grants: grants.to_vec() };
        State { acl: Some(acl), disabled: false, ignored: false }
    }

    fn settings() -> Settings {
        Settings { trusted_canonical_users: [FRIEND.to_owned()].into(), ..Settings::default() }
    }

    fn decide(event: &Event, state: &State, settings: &Settings, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "b"), why: String::new() };
        PublicBucketAcl::decide(event, &suspicion, state, &Given { settings, holds })
    }

    fn left(decision: &Decision<S3>) -> Vec<AclGrant> {
        match decision.plan() {
            [S3::BucketAcl(Swap { to, .. })] => to.grants.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_strangers_grants_go() {
        let kept = [user(OWNER, "FULL_CONTROL"), group(LOGS, "WRITE"), user(FRIEND, "READ")];
        assert!(PublicBucketAcl::suspect(&put(&kept), &settings()).is_empty());
        let strangers = [group(EVERYONE, "READ"), group(SIGNED_IN, "WRITE"), user(STRANGER, "READ_ACP")];
        let all = [&strangers[..1], &kept[..], &strangers[1..]].concat();
        let decision = decide(&put(&all), &live(&all), &settings(), &BTreeSet::new());
        assert_eq!(left(&decision), kept);
        assert_eq!(decision.severity(), Some(Severity::Critical));
    }

    #[test]
    fn what_does_not_count_is_left_alone() {
        let grants = [group(EVERYONE, "WRITE")];
        let open = live(&grants);
        for state in
            [State { disabled: true, ..open.clone() }, State { ignored: true, ..open.clone() }, State::default()]
        {
            assert!(decide(&put(&grants), &state, &settings(), &BTreeSet::new()).is_allow(), "{state:?}");
        }
        // Block Public Access does not look at who is named.
        let named = [user(STRANGER, "WRITE"), group(EVERYONE, "READ")];
        let state = State { ignored: true, ..live(&named) };
        assert_eq!(left(&decide(&put(&named), &state, &settings(), &BTreeSet::new())), [group(EVERYONE, "READ")]);
    }

    #[test]
    fn who_may_belong_to_a_trusted_account_is_announced() {
        let grants = [user(STRANGER, "READ")];
        let trusting = Settings { trusted_accounts: ["444455556666".to_owned()].into(), ..settings() };
        let decision = decide(&put(&grants), &live(&grants), &trusting, &BTreeSet::new());
        assert_eq!(decision.severity(), Some(Severity::Medium));
        assert!(decision.plan().is_empty());
        assert!(!decide(&put(&grants), &live(&grants), &settings(), &BTreeSet::new()).plan().is_empty());
    }

    #[test]
    fn a_held_grant_stays_and_another_goes() {
        let grants = [group(EVERYONE, "READ"), group(EVERYONE, "WRITE")];
        let holds = BTreeSet::from([grants[0].to_string()]);
        let decision = decide(&put(&grants), &live(&grants), &settings(), &holds);
        assert_eq!(left(&decision), grants[..1]);
        assert!(decide(&put(&grants), &live(&grants[..1]), &settings(), &holds).is_allow());
    }

    #[test]
    fn a_new_bucket_without_an_acl_is_nothing_to_look_at() {
        let mut event = put(&[]);
        event.request = json!({"bucketName": "b", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}});
        assert!(!PublicBucketAcl::suspect(&event, &settings()).is_empty());
        event.name = "CreateBucket".to_owned();
        assert!(PublicBucketAcl::suspect(&event, &settings()).is_empty());
        for (canned, is_suspicious) in [
            ("private", false),
            ("log-delivery-write", false),
            ("public-read", true),
            ("authenticated-read", true),
            ("new-one", true),
        ] {
            event.request["x-amz-acl"] = json!(canned);
            assert_eq!(!PublicBucketAcl::suspect(&event, &settings()).is_empty(), is_suspicious, "{canned}");
        }
    }

    fn acls() -> impl Strategy<Value = Vec<AclGrant>> {
        let permission = prop::sample::select(vec!["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"]);
        let who =
            prop::sample::select(vec![OWNER, STRANGER, FRIEND, EVERYONE, SIGNED_IN, LOGS, "http://example.com/new"]);
        let grant = (permission, who).prop_map(|(permission, who)| {
            if who.starts_with("http") { group(who, permission) } else { user(who, permission) }
        });
        prop::collection::vec(grant, 1..8)
    }

    proptest! {
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(grants in acls(), disabled in any::<bool>(), ignored in any::<bool>()) {
            let (event, state) = (put(&grants), State { disabled, ignored, ..live(&grants) });
            let decision = decide(&event, &state, &settings(), &BTreeSet::new());
            if !decision.is_allow() {
                prop_assert!(!PublicBucketAcl::suspect(&event, &settings()).is_empty(), "{}", decision);
            }
        }
    }
}
