//! What can be done to AWS IAM.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Setting, changes};

changes! {
    /// What can be done to AWS IAM.
    Iam {
        /// `UpdateAccessKey`, `UpdateServiceSpecificCredential`, `UpdateSigningCertificate` or `UpdateSSHPublicKey`. No
        /// credential is ever deleted.
        Credential(Credential => CredentialStatus),
        /// `DeleteLoginProfile`; `CreateLoginProfile` only ever to undo, and with another password, which nobody knows.
        ConsolePassword(IamUser => ConsolePassword),
    }
}

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
    fn a_credential_is_made_inactive_and_active_again() {
        let of = Credential { kind: CredentialKind::AccessKey, user: "bob".to_owned(), id: "AKIA1".to_owned() };
        let (from, to) = (CredentialStatus("Active".to_owned()), CredentialStatus("Inactive".to_owned()));
        let change = Iam::Credential(Swap { of, from, to });
        assert_eq!(change.to_string(), "make access key `AKIA1` of user `bob` inactive");
        assert_eq!(change.undo().to_string(), "make access key `AKIA1` of user `bob` active");
    }
}
