//! # A role trusts strangers
//!
//! **Watches** `CreateRole`, `UpdateAssumeRolePolicy`.
//!
//! **Why** Whoever a role trusts can assume it and has all its privileges, without a key that anybody could find
//! (Stratus Red Team: `iam-backdoor-role`, `iam-create-backdoor-role`). A role that trusts GitHub, GitLab or another shared
//! identity provider, and does not say which of its tenants, trusts everyone who has an account there.
//!
//! **Does** Reads the trust policy that the role has now and asks an operator to remove from it what lets in everyone, or
//! accounts that are not trusted: one principal of a list, one of the values that a condition allows, or else the whole
//! statement. Everything else stays byte for byte. A role that nobody is left to assume keeps one `Deny`, as IAM takes no
//! trust policy without a statement. Snapback itself has no right to write trust policies, since whoever has it can become
//! administrator: `snapback apply` does it with the operator's own rights, in mode `revert` too. Only a stack with
//! `IamWriter` has a function with that right, which reverts once `ModeOverrides` names this control in full. It still asks
//! about strangers who have to give an `ExternalId`, as vendors do, about `OrganizationAccountAccessRole` and the roles with
//! which Control Tower, `StackSets` and CDK work, by their names and if they have no path, and about what CloudFormation did.
//!
//! **Leaves alone**
//! - roles that trust only their own account, accounts and organizations that the operator trusts, or services of AWS
//! - roles that trust a shared identity provider and say which tenant, such as GitHub with `sub`
//! - roles that are gone
//! - grants that an operator has restored with `snapback undo`
//!
//! It alerts where it cannot tell: a condition or a `Deny` that may keep strangers out, a policy that it cannot read, an
//! event that does not say which role. It also only alerts for roles under `/aws-reserved/` and `/aws-service-role/`, whose
//! trust nobody but AWS can change.

use anyhow::Result;
use futures::FutureExt;
use serde::{Deserialize, Serialize};
use snapback::change::Holder;
use snapback::control::{About, Applier, Look, Survey, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::policed::{Barrier, Policed, State, Told, ToldPolicy};
use snapback::policy::{Kind, Trust};
use snapback::subject::Subject;

use crate::told::{SERVICE, is_of_aws, through_cloudformation};
use crate::{aws, rights};

#[derive(Debug)]
pub(crate) struct OpenTrust;

/// Under which ARN IAM has the role; nothing if the role is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) arn: Option<String>,
}

impl Policed for OpenTrust {
    const ABOUT: &'static About = &About {
        id: "iam-open-trust",
        title: "A role trusts strangers",
        happened: "was opened to strangers by its trust policy",
        watches: &[
            Watch { service: SERVICE, name: "CreateRole" },
            Watch { service: SERVICE, name: "UpdateAssumeRolePolicy" },
        ],
        reads: &[rights::GET_ROLE],
        writes: &[rights::UPDATE_ASSUME_ROLE_POLICY],
        undoes: &[rights::GET_ROLE, rights::UPDATE_ASSUME_ROLE_POLICY],
        severity: Severity::Critical,
        frameworks: &[
            "ATT&CK T1098",
            "ATT&CK T1199",
            "Stratus aws.persistence.iam-backdoor-role",
            "Stratus aws.persistence.iam-create-backdoor-role",
            "Pacu iam__backdoor_assume_role",
            "endgame iam",
        ],
        caveat: "Sessions that were opened meanwhile stay valid until they expire: revoke them in the IAM console, \
                 under Revoke sessions of the role.",
        source: file!(),
    };
    const WORD: &'static str = "role";
    const KIND: Kind = Kind::Trust;
    const APPLIED_BY: Applier = Applier::IamWriter;
    const SURVEY: Option<Survey> =
        Some(Survey { list: |look, event| aws::roles::all(look, event).boxed(), needs: &[rights::LIST_ROLES] });

    type Beside = Role;

    fn told(event: &Event) -> Told {
        let request = &event.request;
        let document =
            json::text(request, "assumeRolePolicyDocument").or_else(|| json::text(request, "policyDocument"));
        let named = json::text(request, "roleName").map(|name| Subject::role(event, name));
        Told {
            subject: named.unwrap_or_else(|| Subject::account(event)),
            policy: ToldPolicy::from(document.map(str::to_owned)),
        }
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        (subject.kind == Self::WORD).then(|| Holder::Role(subject.name.clone()))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Role>> {
        let Holder::Role(name) = holder else { return Ok(State::default()) };
        let found = aws::roles::trust(look.place, name).await?;
        let (arn, policy) = found.unzip();
        Ok(State::seen(policy.flatten(), Role { arn }))
    }

    fn barriers(role: &Role, _: &Event, _: &Trust) -> Vec<Barrier> {
        let why = "; nobody but AWS can change the trust of this role: look at who changed it in IAM Identity Center, or in \
                   the service that owns it";
        role.arn.as_deref().filter(|arn| is_of_aws(arn)).map(|_| Barrier::Unsure(why.to_owned())).into_iter().collect()
    }

    fn asks(event: &Event, role: &Role, grants: &[String]) -> Option<String> {
        let is_vendor = grants.iter().any(|grant| grant.to_ascii_lowercase().contains("\"sts:externalid\""));
        through_cloudformation(event)
            .or_else(|| role.arn.as_deref().and_then(works_in_many_accounts).map(str::to_owned))
            .or_else(|| is_vendor.then(|| "an `ExternalId` is asked for, as of a vendor".to_owned()))
    }

    fn arn(role: &Role) -> Option<&str> {
        role.arn.as_deref()
    }
}

/// What a role is for, if one of its name is trusted across accounts on purpose, and whoever closes it stops deployments. None of
/// them has a path, and CDK's have their account in their names.
fn works_in_many_accounts(arn: &str) -> Option<&'static str> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, _, _, _, account, path] = parts[..] else { return None };
    let name = path.strip_prefix("role/")?;
    match name {
        _ if name.contains('/') => None,
        // <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access.html>
        "OrganizationAccountAccessRole" => Some("it is the role by which an organization administers its accounts"),
        // <https://docs.aws.amazon.com/controltower/latest/userguide/roles-how.html>
        "AWSControlTowerExecution" => Some("it is the role with which Control Tower works"),
        // <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html>
        "AWSCloudFormationStackSetExecutionRole" => Some("it is a role with which StackSets work"),
        _ if name.starts_with("stacksets-exec-") => Some("it is a role with which StackSets work"),
        // <https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html>
        _ if name.starts_with("cdk-") && name.contains(&format!("-role-{account}-")) => {
            Some("it is a role with which CDK deploys")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_that_are_trusted_across_accounts_on_purpose_are_known_by_their_names_without_a_path() {
        let arn = |name: &str| format!("arn:aws:iam::111122223333:role/{name}");
        for role in [
            "OrganizationAccountAccessRole",
            "AWSControlTowerExecution",
            "AWSCloudFormationStackSetExecutionRole",
            "stacksets-exec-0123456789abcdef",
            "cdk-hnb659fds-deploy-role-111122223333-eu-central-1",
        ] {
            assert!(works_in_many_accounts(&arn(role)).is_some(), "{role}");
            for path in ["team/", "x:role/"] {
                assert_eq!(works_in_many_accounts(&arn(&format!("{path}{role}"))), None, "{path}{role}");
            }
        }
        for role in [
            "reports",
            "my-cdk-role",
            "cdk-reports",
            "cdk-hnb659fds-deploy-role-777788889999-eu-central-1",
            "organizationaccountaccessrole",
            "AWSControlTowerExecution2",
        ] {
            assert_eq!(works_in_many_accounts(&arn(role)), None, "{role}");
        }
    }
}
