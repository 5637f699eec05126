//! What `aws iam get-account-authorization-details` has written: all identities of an account, and what gives them
//! permissions. The AWS CLI decodes the documents; the API gives them as texts, encoded as in URLs. Both are read.

use std::collections::BTreeMap;

use iam::{Boundary, Permissions, Policies};
use serde::Deserialize;
use serde_json::Value;
use snapback::json;
use snapback::policy::{NotUnderstood, PolicyText};

use super::ingress::not_understood;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Saved {
    #[serde(default)]
    user_detail_list: Vec<Detail>,
    #[serde(default)]
    role_detail_list: Vec<Detail>,
    #[serde(default)]
    group_detail_list: Vec<Detail>,
    #[serde(default)]
    policies: Vec<Managed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    arn: String,
    group_name: Option<String>,
    #[serde(default, alias = "UserPolicyList", alias = "RolePolicyList", alias = "GroupPolicyList")]
    policy_list: Vec<Inline>,
    #[serde(default)]
    attached_managed_policies: Vec<AttachedManaged>,
    #[serde(default)]
    group_list: Vec<String>,
    permissions_boundary: Option<BoundaryDetail>,
    /// Of a role.
    assume_role_policy_document: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttachedManaged {
    policy_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BoundaryDetail {
    permissions_boundary_arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed {
    arn: String,
    #[serde(default)]
    policy_version_list: Vec<Version>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    is_default_version: bool,
    document: Value,
}

/// One of them is there, even if nobody is in it.
const FIELDS: [&str; 4] = ["UserDetailList", "RoleDetailList", "GroupDetailList", "Policies"];

impl Saved {
    pub(super) fn read(text: &str) -> Result<Self, NotUnderstood> {
        let document: Value = json::read(text).map_err(not_understood)?;
        if !FIELDS.iter().any(|field| document.get(field).is_some()) {
            return Err(refused("expected what `aws iam get-account-authorization-details` writes".to_owned()));
        }
        json::read_object(text).map_err(not_understood)
    }

    /// The roles of which all is told, each with its trust policy.
    pub(super) fn roles(&self) -> Vec<(Permissions, PolicyText)> {
        let role = |role: &Detail| {
            let trust = text(role.assume_role_policy_document.as_ref()?).ok()?;
            Some((self.permissions(&role.arn).ok()?, trust))
        };
        self.role_detail_list.iter().filter_map(role).collect()
    }

    /// All that an identity holds. What stands elsewhere than in the file is never taken for nothing.
    pub(super) fn permissions(&self, arn: &str) -> Result<Permissions, NotUnderstood> {
        let all = [&self.user_detail_list, &self.role_detail_list, &self.group_detail_list];
        // Some leave out the path.
        let of = |arn: &str| (arn.split(':').nth(4).map(str::to_owned), iam::named(arn));
        let is_it = |detail: &&Detail| detail.arn == arn || of(&detail.arn) == of(arn);
        let detail = all.into_iter().flatten().find(is_it).ok_or_else(|| refused(format!("`{arn}` is not in it")))?;
        let groups = detail.group_list.iter().map(|name| {
            let is_it = |group: &&Detail| group.group_name.as_ref() == Some(name);
            let group = self.group_detail_list.iter().find(is_it);
            let group = group.ok_or_else(|| refused(format!("group `{name}` is not in it")))?;
            Ok((name.clone(), self.policies(group)?))
        });
        let boundary = detail.permissions_boundary.as_ref().map(|boundary| {
            let arn = &boundary.permissions_boundary_arn;
            Ok(Boundary { arn: arn.clone(), policy: self.managed(arn)? })
        });
        let of = iam::named(&detail.arn).ok_or_else(|| refused(format!("`{}` names no identity", detail.arn)))?;
        Ok(Permissions {
            own: self.policies(detail)?,
            groups: groups.collect::<Result<BTreeMap<_, _>, _>>()?,
            boundary: boundary.transpose()?,
            ..Permissions::of(of, detail.arn.clone())
        })
    }

    fn policies(&self, of: &Detail) -> Result<Policies, NotUnderstood> {
        let managed = of.attached_managed_policies.iter();
        let managed = managed.map(|attached| Ok((attached.policy_arn.clone(), self.managed(&attached.policy_arn)?)));
        let inline = of.policy_list.iter();
        let inline = inline.map(|inline| Ok((inline.policy_name.clone(), text(&inline.policy_document)?)));
        Ok(Policies { managed: managed.collect::<Result<_, _>>()?, inline: inline.collect::<Result<_, _>>()? })
    }

    fn managed(&self, arn: &str) -> Result<PolicyText, NotUnderstood> {
        let versions = self
            .policies
            .iter()
            .filter(|policy| policy.arn == arn)
            .flat_map(|policy| policy.policy_version_list.iter().filter(|version| version.is_default_version));
        let version = versions.last();
        text(&version.ok_or_else(|| refused(format!("managed policy `{arn}` is not in it")))?.document)
    }
}

fn text(document: &Value) -> Result<PolicyText, NotUnderstood> {
    match document {
        Value::String(encoded) => iam::decoded(encoded).map_err(|error| refused(format!("{error:#}"))),
        decoded => Ok(decoded.to_string().into()),
    }
}

fn refused(message: String) -> NotUnderstood {
    NotUnderstood { message, line: 1, column: 1 }
}
