//! What can be done to AWS IAM.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::s3::Account;
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
        /// `DetachUserPolicy`, `DetachRolePolicy` or `DetachGroupPolicy`; they are attached only ever to undo, and
        /// `AWSDenyAll` to lock a user.
        ManagedPolicies(IamIdentity => Vec<ManagedPolicy>),
        /// `DeleteUserPolicy`, `DeleteRolePolicy` or `DeleteGroupPolicy`; they are put only ever to undo.
        InlinePolicies(IamIdentity => Vec<InlinePolicy>),
        /// `RemoveUserFromGroup`; users are added only ever to undo.
        Groups(IamIdentity => Vec<IamGroup>),
        /// `SetDefaultPolicyVersion`: versions are neither made nor deleted.
        DefaultVersion(ManagedPolicy => PolicyVersion),
        /// `PutUserPermissionsBoundary` or `PutRolePermissionsBoundary`; a boundary is deleted only ever to undo.
        Boundary(IamIdentity => PermissionsBoundary),
        /// `UpdateAccountPasswordPolicy` or `DeleteAccountPasswordPolicy`.
        PasswordPolicy(Account => PasswordPolicy),
    }
}

/// A user, a role or a group, as the API knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IamIdentity {
    pub kind: IdentityKind,
    pub name: String,
    /// By which IAM knows it: whoever has the name later is another. Nothing where only the name counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl IamIdentity {
    /// Whoever has the name.
    #[must_use]
    pub fn named(kind: IdentityKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), id: None }
    }

    /// None but the one with this id.
    #[must_use]
    pub fn with_id(&self, id: Option<&String>) -> Self {
        Self { id: id.cloned(), ..self.clone() }
    }
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

/// The managed policy that bounds what all others of an identity allow, if there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermissionsBoundary(pub Option<ManagedPolicy>);

/// What an account asks of the passwords of its users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasswordPolicy {
    /// It has no policy, so that AWS's own counts.
    #[default]
    OfAws,
    Own(PasswordRules),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PasswordRules {
    pub minimum_length: i32,
    /// What kinds of characters a password has to have.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub with: BTreeSet<Characters>,
    pub users_may_change: bool,
    /// After how many days it expires, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<i32>,
    /// Whether only an administrator can replace one that has expired.
    pub hard_expiry: bool,
    /// How many of the last ones may not be used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlike_the_last: Option<i32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Characters {
    Lowercase,
    Uppercase,
    Numbers,
    Symbols,
}

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

impl Setting for PermissionsBoundary {
    fn shown(&self) -> String {
        self.0.as_ref().map_or_else(
            || "(no permissions boundary)".to_owned(),
            |ManagedPolicy(arn)| format!("permissions boundary `{arn}`"),
        )
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match &to.0 {
            Some(policy) => format!("make {policy} the permissions boundary of {of}"),
            None => format!("delete the permissions boundary of {of}"),
        }
    }
}

impl Setting for PasswordPolicy {
    fn shown(&self) -> String {
        match self {
            Self::OfAws => "(no password policy)".to_owned(),
            Self::Own(rules) => rules.to_string(),
        }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::OfAws => format!("delete the password policy of {of}"),
            Self::Own(rules) => format!("set the password policy of {of}: {rules}"),
        }
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

impl fmt::Display for PasswordRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} characters or more", self.minimum_length)?;
        for (number, kind) in self.with.iter().enumerate() {
            write!(f, "{}{kind}", if number == 0 { " with " } else { " and " })?;
        }
        if let Some(days) = self.expires_after {
            write!(f, "; it expires after {days} days")?;
        }
        if self.hard_expiry {
            f.write_str("; only an administrator can replace an expired one")?;
        }
        if let Some(last) = self.unlike_the_last {
            write!(f, "; none of the last {last}")?;
        }
        f.write_str(if self.users_may_change { "; users may change their own" } else { "" })
    }
}

impl fmt::Display for Characters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lowercase => "lowercase letters",
            Self::Uppercase => "uppercase letters",
            Self::Numbers => "numbers",
            Self::Symbols => "symbols",
        })
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
        let of = IamIdentity::named(IdentityKind::Role, "ci");
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
        let of = IamIdentity::named(IdentityKind::User, "bob");
        let change = Iam::Groups(Swap { of, from, to: vec![] });
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
    fn a_boundary_is_put_and_deleted_or_put_back() {
        let of = IamIdentity::named(IdentityKind::User, "bob");
        let policy = |name: &str| Some(ManagedPolicy(format!("arn:aws:iam::111122223333:policy/{name}")));
        let to = PermissionsBoundary(policy("team"));
        let change = Iam::Boundary(Swap { of: of.clone(), from: PermissionsBoundary(None), to: to.clone() });
        let team = "managed policy `arn:aws:iam::111122223333:policy/team`";
        assert_eq!(change.to_string(), format!("make {team} the permissions boundary of user `bob`"));
        assert_eq!(change.undo().to_string(), "delete the permissions boundary of user `bob`");
        let change = Iam::Boundary(Swap { of, from: PermissionsBoundary(policy("wide")), to });
        let wide = "managed policy `arn:aws:iam::111122223333:policy/wide`";
        assert_eq!(change.undo().to_string(), format!("make {wide} the permissions boundary of user `bob`"));
    }

    #[test]
    fn a_password_policy_is_set_and_deleted() {
        let rules = PasswordRules {
            minimum_length: 14,
            with: [Characters::Symbols, Characters::Numbers].into(),
            users_may_change: true,
            expires_after: Some(90),
            hard_expiry: true,
            unlike_the_last: Some(24),
        };
        let of = Account("111122223333".to_owned());
        let change = Iam::PasswordPolicy(Swap { of, from: PasswordPolicy::OfAws, to: PasswordPolicy::Own(rules) });
        assert_eq!(
            change.to_string(),
            "set the password policy of account 111122223333: 14 characters or more with numbers and symbols; it expires \
             after 90 days; only an administrator can replace an expired one; none of the last 24; users may change their own"
        );
        assert_eq!(change.undo().to_string(), "delete the password policy of account 111122223333");
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
