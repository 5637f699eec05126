//! What can be done to AWS IAM Roles Anywhere.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Setting, changes};

changes! {
    /// What can be done to AWS IAM Roles Anywhere.
    RolesAnywhere {
        /// `DisableTrustAnchor` or `DisableProfile`; they are enabled only ever to undo.
        Status(AnywhereResource => AnywhereStatus),
    }
}

/// By its id, which is unique in its Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnywhereResource {
    pub kind: AnywhereKind,
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnywhereKind {
    /// Whose certificates are taken.
    TrustAnchor,
    /// Which roles their holders may assume.
    Profile,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnywhereStatus {
    Enabled,
    Disabled,
}

impl Setting for AnywhereStatus {
    fn shown(&self) -> String {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "(disabled)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::Enabled => format!("enable {of}"),
            Self::Disabled => format!("disable {of}"),
        }
    }
}

impl fmt::Display for AnywhereKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrustAnchor => "trust anchor",
            Self::Profile => "profile",
        })
    }
}

impl fmt::Display for AnywhereResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Swap;

    #[test]
    fn a_profile_is_disabled_and_enabled_again() {
        let of = AnywhereResource { kind: AnywhereKind::Profile, id: "1a2b".to_owned() };
        let change = RolesAnywhere::Status(Swap { of, from: AnywhereStatus::Enabled, to: AnywhereStatus::Disabled });
        assert_eq!(change.to_string(), "disable profile `1a2b`");
        assert_eq!(change.undo().to_string(), "enable profile `1a2b`");
    }
}
