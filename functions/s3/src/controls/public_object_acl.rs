//! # An object's ACL lets strangers in
//!
//! **Watches** `PutObjectAcl`, which is a data event: CloudTrail records it only where a trail of yours logs data
//! events of the bucket. It is opt-in, because in many accounts objects are public on purpose.
//!
//! **Why** An object has an access control list of its own. It can give one object to the whole internet or to another
//! account, while the bucket's policy and ACL show nothing.
//!
//! **Does** Reads the present ACL of exactly this version of the object and removes the grants to all users, to all
//! with an AWS account, and to canonical users that are neither the object's owner, nor the bucket's, nor trusted
//! (`canonicalUsers` in `trusted.json`). All other grants stay, and so does every other version.
//!
//! **Leaves alone**
//! - grants to the owners of the object and the bucket, to trusted canonical users and to users of AWS itself
//! - ACLs that are disabled by the Object Ownership `BucketOwnerEnforced`
//! - grants to the two groups that Block Public Access neutralises (`IgnorePublicAcls`, of the bucket or of the account)
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts and touches nothing where it cannot tell: an event that does not say which object, or not which version in
//! a bucket that has versions; a group that it does not know, and, if the operator trusts other accounts or
//! organizations by their ids, a canonical user that is not listed. It does not check an ACL that an object gets while
//! it is put, copied or uploaded in parts.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Acl, AclGrant, Flag, Object, S3, Swap};
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::policy::Trust;
use snapback::settings::Settings;

use crate::exposed::{exposure, is_public};
use crate::rights;
use crate::told::ToldAcl;
use crate::{aws, exposed, told};

#[derive(Debug)]
pub(crate) struct PublicObjectAcl;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if the object, or this version of it, is gone.
    pub acl: Option<Acl>,
    /// The canonical user id of the bucket's owner.
    pub bucket_owner: Option<String>,
    /// Whether the event tells no version where there may be several.
    pub is_any_of_several: bool,
    /// Whether ACLs do not count in the bucket.
    pub disabled: bool,
    /// Whether `IgnorePublicAcls` is on for the bucket or for its account.
    pub ignored: bool,
}

impl Control for PublicObjectAcl {
    const ABOUT: &'static About = &About {
        id: "s3-public-object-acl",
        title: "An object's ACL lets strangers in",
        happened: "was opened to strangers by its ACL",
        watches: &[Watch { service: "s3.amazonaws.com", name: "PutObjectAcl" }],
        reads: &[
            rights::GET_OBJECT_ACL,
            rights::GET_OBJECT_VERSION_ACL,
            rights::GET_BUCKET_ACL,
            rights::GET_BUCKET_VERSIONING,
            rights::GET_BUCKET_OWNERSHIP_CONTROLS,
            rights::GET_BUCKET_PUBLIC_ACCESS_BLOCK,
            rights::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
        ],
        writes: &[rights::PUT_OBJECT_ACL, rights::PUT_OBJECT_VERSION_ACL],
        undoes: &[
            rights::GET_OBJECT_ACL,
            rights::GET_OBJECT_VERSION_ACL,
            rights::PUT_OBJECT_ACL,
            rights::PUT_OBJECT_VERSION_ACL,
        ],
        severity: Severity::High,
        frameworks: &["AWS FSBP S3.2", "ATT&CK T1530", "ATT&CK T1537"],
        caveat: "Data may have been read in the meantime: check the bucket's data events.",
        source: file!(),
    };

    const OPT_IN: bool = true;

    type State = State;
    type Change = S3;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let trust = settings.trust(&event.account);
        let why = match ToldAcl::of(&event.request) {
            ToldAcl::None | ToldAcl::Unknown => "the event contains no ACL, or one in an unknown form".to_owned(),
            ToldAcl::Canned(name) if exposed::lets_nobody_in(&name) => return vec![],
            ToldAcl::Canned(name) => format!("the event gives the object the ACL `{name}`"),
            ToldAcl::Grants { owner, grants } => {
                let is_stranger = |grant: &&AclGrant| exposure(grant, owner.as_deref(), &trust).is_untrusted();
                let strangers: Vec<_> = grants.iter().filter(is_stranger).collect();
                if strangers.is_empty() {
                    return vec![];
                }
                said(&strangers)
            }
        };
        vec![Suspicion { subject: told::subject_of_object(event), why }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let Some(object) = told::object(event) else { return Ok(State::default()) };
        let Object { bucket, version, .. } = &object;
        let (acl, of_bucket, disabled, ignored) = futures::try_join!(
            aws::object_acl(look, &object),
            aws::bucket_acl(look, bucket),
            aws::has_acls_disabled(look, bucket),
            aws::is_blocked(look, bucket, Flag::IgnorePublicAcls)
        )?;
        let is_any_of_several = version.is_none() && aws::bucket_versioning(look, bucket).await?.versioning.is_some();
        Ok(State { acl, bucket_owner: of_bucket.map(|acl| acl.owner), is_any_of_several, disabled, ignored })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<S3> {
        let alert = |severity, why| Decision::Alert { severity, why };
        let allow = |why: &str| Decision::Allow { why: why.to_owned() };
        let Some(object) = told::object(event) else {
            let why = "an object's ACL was put, and the event does not say on which object".to_owned();
            return alert(Severity::High, why);
        };
        if state.disabled {
            return allow("ACLs do not count in this bucket");
        }
        if state.is_any_of_several {
            let why = format!("an ACL was put on {object}, and the event does not say on which version");
            return alert(Severity::Medium, why);
        }
        let Some(acl) = &state.acl else { return allow("the object is gone") };
        let trust = given.settings.trust(&event.account);
        let is_stranger = |grant: &&AclGrant| {
            let is_of_bucket_owner = !exposure(grant, state.bucket_owner.as_deref(), &trust).is_untrusted();
            exposure(grant, Some(&acl.owner), &trust).is_untrusted() && !is_of_bucket_owner
        };
        let counts = |grant: &&AclGrant| !(state.ignored && is_public(grant));
        let open = acl.grants.iter().filter(is_stranger).filter(counts);
        let (held, open): (Vec<_>, Vec<_>) = open.partition(|grant| given.holds.contains(&name(grant, &object)));
        if open.is_empty() {
            return allow(if held.is_empty() { "the ACL lets no stranger in" } else { "an operator has restored it" });
        }
        let (certain, unsure): (Vec<_>, Vec<_>) = open.into_iter().partition(|grant| is_certain(grant, state, &trust));
        if certain.is_empty() {
            return alert(Severity::Medium, doubted(&unsure));
        }
        let stays = |grant: &&AclGrant| !certain.contains(grant);
        let to = Acl { owner: acl.owner.clone(), grants: acl.grants.iter().filter(stays).cloned().collect() };
        Decision::Revert {
            severity: Severity::High,
            why: said(&certain),
            grants: certain.iter().map(|grant| name(grant, &object)).collect(),
            plan: vec![S3::ObjectAcl(Swap { of: object.clone(), from: acl.clone(), to })],
            left: unsure.iter().map(|grant| doubted(&[grant])).collect(),
        }
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let acl = ToldAcl::of(&event.request).acl(state.acl.as_ref())?;
        // What is there is not over, although it is ignored.
        if state.acl.as_ref().is_some_and(|live| acl.grants.iter().all(|grant| live.grants.contains(grant))) {
            return None;
        }
        let certain = state.bucket_owner.is_some() && !state.disabled && !state.ignored;
        Some((State { acl: Some(acl), disabled: false, ignored: false, ..state.clone() }, certain))
    }

    fn after(state: &State, change: &S3) -> State {
        match change {
            S3::ObjectAcl(Swap { to, .. }) => State { acl: Some(to.clone()), ..state.clone() },
            _ => state.clone(),
        }
    }
}

/// Of a canonical user it is certain only if the bucket's owner is known, as it may be the one.
fn is_certain(grant: &AclGrant, state: &State, trust: &Trust) -> bool {
    is_public(grant) || exposed::is_certain(grant, trust) && state.bucket_owner.is_some()
}

/// In these words an undo holds on to it: versions have ACLs of their own, and the same ARN.
fn name(grant: &AclGrant, object: &Object) -> String {
    match &object.version {
        Some(version) => format!("{grant} on version {version}"),
        None => grant.to_string(),
    }
}

fn said(grants: &[&AclGrant]) -> String {
    grants.iter().map(|grant| exposed::sentence_of_object(grant)).collect::<Vec<_>>().join("; ")
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

    const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";

    fn put(more: &[(&str, Value)]) -> Event {
        let mut request = json!({"bucketName": "b", "key": "a/k", "acl": ""});
        for (field, value) in more {
            request[*field] = value.clone();
        }
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
            "eventName": "PutObjectAcl", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": request,
        });
        Event::from_record(record).expect("an event")
    }

    fn decide(event: &Event, state: &State, holds: &BTreeSet<String>) -> Decision<S3> {
        let suspicion = Suspicion { subject: Subject::account(event), why: String::new() };
        PublicObjectAcl::decide(event, &suspicion, state, &Given { settings: &Settings::default(), holds })
    }

    fn grant(whom: &str, permission: &str) -> AclGrant {
        let grantee = if whom == EVERYONE { Grantee::Group(whom.to_owned()) } else { Grantee::User(whom.to_owned()) };
        AclGrant { grantee, permission: permission.to_owned() }
    }

    fn live(grants: Vec<AclGrant>) -> State {
        let acl = Some(Acl { owner: "writer".to_owned(), grants });
        State { acl, bucket_owner: Some("us".to_owned()), ..State::default() }
    }

    #[test]
    fn just_this_version_loses_just_the_strangers() {
        let event = put(&[("versionId", json!("v1")), ("x-amz-acl", json!("public-read"))]);
        let stays = vec![grant("writer", "FULL_CONTROL"), grant("us", "READ")];
        let all = [stays.clone(), vec![grant(EVERYONE, "READ"), grant("stranger", "WRITE_ACP")]].concat();
        let decision = decide(&event, &live(all.clone()), &BTreeSet::new());
        let acl = |grants| Acl { owner: "writer".to_owned(), grants };
        let change = S3::ObjectAcl(Swap {
            of: Object { bucket: "b".to_owned(), key: "a/k".to_owned(), version: Some("v1".to_owned()) },
            from: acl(all),
            to: acl(stays),
        });
        assert_eq!(decision.plan(), [change]);
    }

    #[test]
    fn an_object_of_which_the_version_is_not_known_is_not_touched() {
        let event = put(&[("x-amz-acl", json!("public-read"))]);
        let state = live(vec![grant(EVERYONE, "READ")]);
        assert_eq!(decide(&event, &state, &BTreeSet::new()).plan().len(), 1);
        let of_several = State { is_any_of_several: true, ..state };
        let decision = decide(&event, &of_several, &BTreeSet::new());
        assert_eq!((decision.severity(), decision.plan()), (Some(Severity::Medium), &[][..]));
    }

    #[test]
    fn a_user_is_a_stranger_only_if_the_owner_of_the_bucket_is_known() {
        let state = live(vec![grant("whoever", "READ")]);
        let event = put(&[]);
        assert_eq!(decide(&event, &state, &BTreeSet::new()).plan().len(), 1);
        let unknown = State { bucket_owner: None, ..state };
        assert!(decide(&event, &unknown, &BTreeSet::new()).plan().is_empty());
    }

    fn grants() -> impl Strategy<Value = Vec<AclGrant>> {
        let whom = prop::sample::select(vec!["writer", "us", "stranger", EVERYONE]);
        let permission = prop::sample::select(vec!["READ", "FULL_CONTROL"]);
        prop::collection::vec((whom, permission).prop_map(|(whom, permission)| grant(whom, permission)), 0..5)
    }

    proptest! {
        /// What the event put is what is there now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(grants in grants()) {
            let listed: Vec<Value> = grants.iter().map(|grant| {
                let grantee = match &grant.grantee {
                    Grantee::User(id) => json!({"xsi:type": "CanonicalUser", "ID": id}),
                    Grantee::Group(uri) => json!({"xsi:type": "Group", "URI": uri}),
                };
                json!({"Grantee": grantee, "Permission": grant.permission})
            }).collect();
            let policy = json!({"Owner": {"ID": "writer"}, "AccessControlList": {"Grant": listed}});
            let event = put(&[("AccessControlPolicy", policy)]);
            if !decide(&event, &live(grants), &BTreeSet::new()).is_allow() {
                prop_assert!(!PublicObjectAcl::suspect(&event, &Settings::default()).is_empty());
            }
        }
    }
}
