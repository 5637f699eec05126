//! The roles of an account that can be passed to a service, and what each makes of whoever controls what it was passed to.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use aws_sdk_iam::operation::get_account_authorization_details::GetAccountAuthorizationDetailsOutput;
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, RoleDetail};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::aws::unless_gone;
use snapback::change::{IamIdentity, IdentityKind};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::policy::{NotUnderstood, PolicyText};
use snapback::subject::Subject;

use super::GONE;
use super::authorization_details::{bounded_by, held, pages};
use super::versions::decoded;
use crate::administrator::found;
use crate::permissions::{Boundary, Granted, Permissions, Policies};
use crate::told::{instance_profile, is_of_aws};
use crate::trusted::{Trusted, trusted};
use crate::{assumed, rights};

/// A role by itself, or as what an instance profile has in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Passable {
    /// Its name.
    pub(crate) role: String,
    /// Why it is administrator, or can make itself one; nothing if neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) administrator: Option<String>,
    /// Why it may become one by assuming another role; nothing if it is none by itself and may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by_assuming: Option<String>,
}

impl Passable {
    /// What a role is by what it holds.
    pub(crate) fn judged(role: &Permissions, at: Timestamp) -> Result<Self, NotUnderstood> {
        let judged = role.judge(Some(at))?;
        let administrator = found(&judged, &BTreeSet::new(), false).map(|(_, why)| why);
        let by_assuming = match administrator {
            Some(_) => None,
            None => assumed::anywhere(role, &judged, Some(at)),
        };
        Ok(Self { role: role.of.name.clone(), administrator, by_assuming })
    }

    pub(crate) fn is_risky(&self) -> bool {
        self.administrator.is_some() || self.by_assuming.is_some()
    }
}

/// Each role and instance profile, by its name.
pub(crate) const ROLES: Survey = Survey {
    list: |look, event| {
        async move { Ok(all(look, event).await?.into_iter().map(|(subject, _)| subject).collect()) }.boxed()
    },
    needs: &[rights::GET_ACCOUNT_AUTHORIZATION_DETAILS],
};

/// What each is. One of which something is not told, or not understood, is left out: whoever is passed it is looked at then.
pub(crate) fn all<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<(Subject, Passable)>>> {
    async move {
        // Of the policies of AWS it tells those that are attached.
        let kinds = [EntityType::Role, EntityType::LocalManagedPolicy, EntityType::AwsManagedPolicy];
        let pages = pages(look, &kinds).await?;
        let policies = pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::policies);
        let texts = policies.filter_map(text).collect::<Result<BTreeMap<&str, PolicyText>>>()?;
        let mut roles = vec![];
        for detail in pages.iter().flat_map(GetAccountAuthorizationDetailsOutput::role_detail_list) {
            let Some(permissions) = permissions(detail, &texts)? else { continue };
            let Ok(passable) = Passable::judged(&permissions, event.time) else { continue };
            let trust = detail.assume_role_policy_document().map(decoded).transpose()?;
            let trusts = trust.and_then(|trust| trusted(trust.as_str())).unwrap_or_default();
            let profiles = detail.instance_profile_list().iter();
            let profiles = profiles.map(|one| instance_profile(event, one.instance_profile_name())).collect();
            roles.push(Role { permissions, trusts, profiles, passable });
        }
        follow(&mut roles, event.time);
        let found = roles.into_iter().flat_map(|Role { profiles, passable, .. }| {
            let role = Subject::role(event, &passable.role);
            profiles.into_iter().chain([role]).map(move |subject| (subject, passable.clone()))
        });
        Ok(found.collect())
    }
    .boxed()
}

/// One of the account.
struct Role {
    permissions: Permissions,
    trusts: BTreeSet<Trusted>,
    profiles: Vec<Subject>,
    passable: Passable,
}

/// Why a principal may become an administrator by assuming one of these roles of its account, each with its trust policy, or one
/// that may assume one. A role that is not understood counts as none.
pub(crate) fn by_assuming(of: &Permissions, roles: Vec<(Permissions, PolicyText)>, at: Timestamp) -> Option<String> {
    let judged = roles.into_iter().filter_map(|(permissions, trust)| {
        let judged = permissions.judge(Some(at)).ok()?;
        let by_assuming = assumed::anywhere(&permissions, &judged, Some(at));
        // Whoever becomes the role goes on by whatever way it has, also through a service.
        let administrator = judged.is_risky().then(|| judged.why.into_iter().next()).flatten();
        let passable = Passable { role: permissions.of.name.clone(), administrator, by_assuming };
        let trusts = trusted(trust.as_str()).unwrap_or_default();
        Some(Role { permissions, trusts, profiles: vec![], passable })
    });
    let mut roles: Vec<Role> = judged.filter(|role| role.permissions.arn != of.arn).collect();
    follow(&mut roles, at);
    let risky = roles.iter().filter(|role| role.passable.is_risky());
    let targets: Vec<_> = risky.map(|role| (role.permissions.arn.as_str(), &role.trusts)).collect();
    assumed::here(of, &targets, at)
}

/// Tells of each role that may assume an administrator's of the same account, or one that may assume that, and so on.
fn follow(roles: &mut [Role], at: Timestamp) {
    let mut before: BTreeSet<usize> = BTreeSet::new();
    loop {
        let risky: BTreeSet<usize> = (0..roles.len()).filter(|&role| roles[role].passable.is_risky()).collect();
        // Those that were there before have been asked about already.
        let new = risky.difference(&before).map(|&role| &roles[role]);
        let targets: Vec<_> = new.map(|role| (role.permissions.arn.as_str(), &role.trusts)).collect();
        let others = (0..roles.len()).filter(|role| !risky.contains(role));
        let found: Vec<(usize, String)> =
            others.filter_map(|role| Some((role, assumed::here(&roles[role].permissions, &targets, at)?))).collect();
        if found.is_empty() {
            return;
        }
        for (role, why) in found {
            roles[role].passable.by_assuming = Some(why);
        }
        before = risky;
    }
}

/// The name of the role in an instance profile; nothing if it is empty or gone.
pub(crate) async fn role_in(place: &Place, profile: &str) -> Result<Option<String>> {
    let call = snapback::client!(aws_sdk_iam, &place.config).get_instance_profile().instance_profile_name(profile);
    let found = unless_gone(call.send().await, GONE, || format!("reading instance profile `{profile}`"))?;
    let roles = found.and_then(|found| found.instance_profile).map(|profile| profile.roles).unwrap_or_default();
    Ok(roles.into_iter().next().map(|role| role.role_name))
}

/// A managed policy as its default version has it.
fn text(policy: &ManagedPolicyDetail) -> Option<Result<(&str, PolicyText)>> {
    let default = policy.policy_version_list().iter().find(|version| version.is_default_version())?;
    let (arn, text) = (policy.arn()?, default.document()?);
    Some(decoded(text).map(|text| (arn, text)))
}

/// All that a role holds; nothing if it is one of AWS, which nobody passes, or if not all of it is told.
fn permissions(role: &RoleDetail, texts: &BTreeMap<&str, PolicyText>) -> Result<Option<Permissions>> {
    let (Some(name), Some(arn)) = (role.role_name(), role.arn().filter(|arn| !is_of_aws(arn))) else { return Ok(None) };
    let Granted { managed, inline, .. } = held(role.attached_managed_policies(), role.role_policy_list())?;
    let boundary = bounded_by(role.permissions_boundary());
    let arns: BTreeSet<&String> = managed.iter().chain(&boundary).collect();
    if !arns.iter().all(|arn| texts.contains_key(arn.as_str())) {
        return Ok(None);
    }
    let text = |arn: &String| texts.get(arn.as_str()).cloned();
    let of = IamIdentity::named(IdentityKind::Role, name);
    let own = Policies { managed: managed.iter().filter_map(|arn| Some((arn.clone(), text(arn)?))).collect(), inline };
    let boundary = boundary.and_then(|arn| Some(Boundary { policy: text(&arn)?, arn }));
    Ok(Some(Permissions { own, boundary, ..Permissions::of(of, arn) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "111122223333";

    fn arn(name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/{name}")
    }

    /// A role that may do an action upon a resource, and whom it trusts.
    fn role(name: &str, action: &str, resource: &str, trusts: &[&str]) -> Role {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}}}"#
        );
        let own = Policies { inline: [("own".to_owned(), PolicyText::from(text))].into(), ..Policies::default() };
        let permissions =
            Permissions { own, ..Permissions::of(IamIdentity::named(IdentityKind::Role, name), arn(name)) };
        let passable = Passable::judged(&permissions, now()).expect("it is understood");
        let trusts = trusts.iter().map(|name| Trusted::Principal((*name).to_owned())).collect();
        Role { permissions, trusts, profiles: vec![], passable }
    }

    fn now() -> Timestamp {
        "2026-04-24T12:00:00Z".parse().expect("a time")
    }

    fn followed(mut roles: Vec<Role>) -> Vec<Option<String>> {
        follow(&mut roles, now());
        roles.into_iter().map(|role| role.passable.by_assuming).collect()
    }

    #[test]
    fn a_role_that_assumes_an_administrators_over_others_or_by_itself_is_told_of_with_the_way() {
        let found = followed(vec![
            role("far", "sts:AssumeRole", &arn("near"), &[]),
            role("near", "sts:AssumeRole", &arn("admin"), &[ACCOUNT]),
            role("admin", "*", "*", &[ACCOUNT, &arn("named")]),
            role("named", "s3:GetObject", "*", &[]),
            role("other", "sts:AssumeRole", &arn("reader"), &[]),
            role("reader", "s3:GetObject", "*", &[ACCOUNT]),
        ]);
        let why = |index: usize| found[index].as_deref().unwrap_or_default();
        assert!(
            why(0).starts_with("it may assume role `near`, allowed by statement 1 of inline policy `own`"),
            "{found:?}"
        );
        assert!(
            why(1).starts_with("it may assume role `admin`, allowed by statement 1 of inline policy `own`"),
            "{found:?}"
        );
        assert!(why(3).starts_with("it may assume role `admin`, which names it in its trust policy"), "{found:?}");
        assert_eq!([&found[2], &found[4], &found[5]], [&None; 3]);
    }

    #[test]
    fn a_role_that_trusts_nobody_but_others_is_no_way() {
        let to_admin = || role("near", "sts:AssumeRole", &arn("admin"), &[]);
        assert_eq!(followed(vec![to_admin(), role("admin", "*", "*", &[])]), [None, None]);
        assert_eq!(followed(vec![to_admin(), role("admin", "*", "*", &["444455556666", &arn("x")])]), [None, None]);
        let bound = Boundary {
            arn: format!("arn:aws:iam::{ACCOUNT}:policy/bounds"),
            policy: PolicyText::from(r#"{"Version": "2012-10-17", "Statement": []}"#.to_owned()),
        };
        let mut bounded = to_admin();
        bounded.permissions.boundary = Some(bound);
        assert_eq!(followed(vec![bounded, role("admin", "*", "*", &[ACCOUNT, &arn("near")])]), [None, None]);
    }

    #[test]
    fn every_role_and_the_roles_of_aws_guides_are_told_of_whoever_they_trust_and_others_are_not() {
        for (resource, expected) in [
            ("*", "`sts:AssumeRole`: the holder becomes any role that trusts the account"),
            ("arn:aws:iam::*:role/*", "`sts:AssumeRole`: the holder becomes any role that trusts the account"),
            (
                "arn:aws:iam::*:role/AWSCloudFormationStackSetExecutionRole",
                "it may assume role `AWSCloudFormationStackSet",
            ),
            (
                "arn:aws:iam::*:role/AWSControlTowerExecution",
                "it may assume role `AWSControlTowerExecution`, allowed by",
            ),
            ("arn:aws:iam::444455556666:role/Org*", "it may assume role `OrganizationAccountAccessRole`, allowed by"),
        ] {
            let found = followed(vec![role("x", "sts:AssumeRole", resource, &[])]);
            assert!(found[0].as_deref().is_some_and(|why| why.starts_with(expected)), "{resource}: {found:?}");
        }
        for (action, resource) in [
            ("sts:AssumeRole", "arn:aws:iam::444455556666:role/deploy"),
            ("sts:AssumeRole", "arn:aws:iam::*:role/team/AWSControlTowerExecution"),
            ("sts:TagSession", "*"),
            ("s3:*", "*"),
        ] {
            assert_eq!(followed(vec![role("x", action, resource, &[])]), [None], "{action} {resource}");
        }
    }
}
