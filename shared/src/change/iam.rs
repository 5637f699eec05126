//! What can be done to AWS IAM.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Member, Setting, changes};
use crate::policy::PolicyText;

changes! {
    /// What can be done to AWS IAM.
    Iam {
        /// `UpdateAccessKey`, `UpdateServiceSpecificCredential`, `UpdateSigningCertificate` or `UpdateSSHPublicKey`. No
        /// credential is ever deleted.
        Credential(Credential => CredentialStatus),
        /// `DeleteLoginProfile`; `CreateLoginProfile` only ever to undo, and with another password, which nobody knows.
        ConsolePassword(IamUser => ConsolePassword),
        /// `DetachUserPolicy`, `DetachRolePolicy` or `DetachGroupPolicy`; they are attached only ever to undo.
        ManagedPolicies(IamIdentity => Vec<ManagedPolicy>),
        /// `DeleteUserPolicy`, `DeleteRolePolicy` or `DeleteGroupPolicy`; they are put only ever to undo.
        InlinePolicies(IamIdentity => Vec<InlinePolicy>),
        /// `RemoveUserFromGroup`; users are added only ever to undo.
        Groups(IamUser => Vec<IamGroup>),
        /// `SetDefaultPolicyVersion`: versions are neither made nor deleted.
        DefaultVersion(ManagedPolicy => PolicyVersion),
    }
}

/// A user, a role or a group, as the API knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamIdentity {
    pub kind: IdentityKind,
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    User,
    Role,
    Group,
}

/// By its ARN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ManagedPolicy(pub String);

/// Which version of a managed policy is its default: `v1`. What a version says never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyVersion(pub String);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InlinePolicy {
    pub name: String,
    pub text: PolicyText,
}

/// One that a user is in, by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IamGroup(pub String);

/// By its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamUser(pub String);

/// Whether a user can sign in to the console with a password. The password itself is AWS's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConsolePassword {
    Set,
    None,
}

/// What a user signs in or signs calls with, other than a console password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    pub kind: CredentialKind,
    /// The user's name.
    pub user: String,
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    AccessKey,
    /// For Amazon Bedrock, `CodeCommit` or Keyspaces.
    ServiceCredential,
    SigningCertificate,
    SshKey,
}

/// `Active` or `Inactive`, in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialStatus(pub String);

impl Setting for CredentialStatus {
    fn shown(&self) -> String {
        self.0.clone()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("make {of} {}", to.0.to_lowercase())
    }
}

impl Setting for ConsolePassword {
    fn shown(&self) -> String {
        match self {
            Self::Set => "a console password",
            Self::None => "(no console password)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::Set => format!("give {of} a new console password that nobody knows"),
            Self::None => format!("delete the console password of {of}"),
        }
    }
}

impl Setting for PolicyVersion {
    fn shown(&self) -> String {
        format!("default version `{}`", self.0)
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("make version `{}` the default of {of}", to.0)
    }
}

impl Member for ManagedPolicy {
    const NONE: &'static str = "(not attached)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        if to.is_empty() {
            format!("detach {} from {of}", listed(from))
        } else {
            format!("attach {} to {of}", listed(to))
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        self == other
    }
}

impl Member for InlinePolicy {
    const NONE: &'static str = "(no such inline policy)";

    fn shown(&self) -> String {
        format!("inline policy `{}`: {}", self.name, self.text)
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        let names = |these: &[Self]| these.iter().map(|one| format!("`{}`", one.name)).collect::<Vec<_>>().join(", ");
        if to.is_empty() {
            format!("delete inline policy {} of {of}", names(from))
        } else {
            format!("put inline policy {} on {of}", names(to))
        }
    }

    fn is_at(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Member for IamGroup {
    const NONE: &'static str = "(not in the group)";

    fn shown(&self) -> String {
        format!("group `{}`", self.0)
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        if to.is_empty() { format!("remove {of} from {}", listed(from)) } else { format!("add {of} to {}", listed(to)) }
    }

    fn is_at(&self, other: &Self) -> bool {
        self == other
    }
}

fn listed<M: Member>(these: &[M]) -> String {
    these.iter().map(M::shown).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for IamIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            IdentityKind::User => "user",
            IdentityKind::Role => "role",
            IdentityKind::Group => "group",
        };
        write!(f, "{kind} `{}`", self.name)
    }
}

impl fmt::Display for ManagedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "managed policy `{}`", self.0)
    }
}

impl fmt::Display for IamUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user `{}`", self.0)
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, user, id } = self;
        write!(f, "{kind} `{id}` of user `{user}`")
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessKey => "access key",
            Self::ServiceCredential => "service-specific credential",
            Self::SigningCertificate => "signing certificate",
            Self::SshKey => "SSH key",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Swap;

    #[test]
    fn what_was_granted_is_taken_and_given_back() {
        let of = IamIdentity { kind: IdentityKind::Role, name: "ci".to_owned() };
        let from = vec![ManagedPolicy("arn:aws:iam::aws:policy/AdministratorAccess".to_owned())];
        let change = Iam::ManagedPolicies(Swap { of: of.clone(), from, to: vec![] });
        let managed = "managed policy `arn:aws:iam::aws:policy/AdministratorAccess`";
        assert_eq!(change.to_string(), format!("detach {managed} from role `ci`"));
        assert_eq!(change.undo().to_string(), format!("attach {managed} to role `ci`"));
        let from = vec![InlinePolicy { name: "debug".to_owned(), text: "{}".to_owned().into() }];
        let change = Iam::InlinePolicies(Swap { of, from, to: vec![] });
        assert_eq!(change.to_string(), "delete inline policy `debug` of role `ci`");
        assert_eq!(change.undo().to_string(), "put inline policy `debug` on role `ci`");
        let from = vec![IamGroup("admins".to_owned())];
        let change = Iam::Groups(Swap { of: IamUser("bob".to_owned()), from, to: vec![] });
        assert_eq!(change.to_string(), "remove user `bob` from group `admins`");
        assert_eq!(change.undo().to_string(), "add user `bob` to group `admins`");
    }

    #[test]
    fn the_default_version_is_set_and_set_back() {
        let of = ManagedPolicy("arn:aws:iam::111122223333:policy/deploy".to_owned());
        let (from, to) = (PolicyVersion("v3".to_owned()), PolicyVersion("v2".to_owned()));
        let change = Iam::DefaultVersion(Swap { of, from, to });
        let policy = "managed policy `arn:aws:iam::111122223333:policy/deploy`";
        assert_eq!(change.to_string(), format!("make version `v2` the default of {policy}"));
        assert_eq!(change.undo().to_string(), format!("make version `v3` the default of {policy}"));
    }

    #[test]
    fn a_credential_is_made_inactive_and_active_again() {
        let of = Credential { kind: CredentialKind::AccessKey, user: "bob".to_owned(), id: "AKIA1".to_owned() };
        let (from, to) = (CredentialStatus("Active".to_owned()), CredentialStatus("Inactive".to_owned()));
        let change = Iam::Credential(Swap { of, from, to });
        assert_eq!(change.to_string(), "make access key `AKIA1` of user `bob` inactive");
        assert_eq!(change.undo().to_string(), "make access key `AKIA1` of user `bob` active");
    }
}
