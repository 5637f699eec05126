//! AWS IAM: the list of its controls, in three functions. Those whose reverts amount to administrator stand apart, so that
//! `IamWriter` gives its rights to nothing else; and so does what is passed a role, of which every Region tells.

mod administrator;
mod assumed;
mod aws;
mod controls;
mod denied;
mod permissions;
mod rights;
mod told;
mod trusted;

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;
use snapback::place::Place;
use snapback::policed::Open;
use snapback::policy::PolicyText;

pub use aws::versions::decoded;
pub use permissions::{Boundary, IamIdentity, IdentityKind, Permissions, Policies, named};

pub const FUNCTION: Function = Function {
    name: "IamFunction",
    service: "IAM",
    controls: CONTROLS,
    beside: &[OF_WRITER, OF_PASSED],
    apply: aws::apply,
    tags: TAGS,
    is_in_members: true,
    patience: PATIENCE,
};

pub const WRITER: Function = Function {
    name: "IamWriterFunction",
    service: "trust and protection in IAM",
    controls: OF_WRITER,
    beside: &[CONTROLS, OF_PASSED],
    apply: aws::apply,
    tags: TAGS,
    is_in_members: true,
    patience: PATIENCE,
};

/// It only reads and alerts.
pub const PASSED: Function = Function {
    name: "PassedRolesFunction",
    service: "roles that are passed",
    controls: OF_PASSED,
    beside: &[CONTROLS, OF_WRITER],
    apply: aws::apply,
    tags: Tags::NONE,
    is_in_members: true,
    patience: &[],
};

const CONTROLS: &[AnyControl] = &[
    AnyControl::remembering::<controls::NewAdministrator>(),
    AnyControl::of::<controls::NewCredential>(),
    AnyControl::of::<controls::NewConsolePassword>(),
    AnyControl::of::<Notices<controls::NewUser>>(),
    AnyControl::of::<controls::RenamedIdentity>(),
    AnyControl::of::<Notices<controls::ChangedMfa>>(),
    AnyControl::of::<controls::ForeignMfaDevice>(),
    AnyControl::remembering::<controls::ChangedPrincipalTag>(),
    AnyControl::of::<Notices<controls::IdentityProvider>>(),
    AnyControl::of::<controls::FederationToken>(),
    AnyControl::of::<controls::WiderTrust>(),
];

const OF_WRITER: &[AnyControl] = &[
    AnyControl::of::<Open<controls::OpenTrust>>(),
    AnyControl::remembering::<controls::NewDefaultVersion>(),
    AnyControl::of::<controls::LostDeny>(),
    AnyControl::of::<controls::LostBoundary>(),
    AnyControl::remembering::<controls::WeakPasswordPolicy>(),
];

const OF_PASSED: &[AnyControl] = &[AnyControl::remembering::<controls::PassedAdministrator>()];

const TAGS: Tags = Tags { read: aws::tags::read, needs: &[rights::LIST_USER_TAGS, rights::LIST_ROLE_TAGS] };

/// A change takes some seconds to show:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
const PATIENCE: &[Duration] =
    &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Why a principal may become an administrator by assuming one of these roles of its account, each with its trust policy, or one
/// that may assume one.
#[must_use]
pub fn by_assuming(of: &Permissions, roles: Vec<(Permissions, PolicyText)>, at: Timestamp) -> Option<String> {
    aws::passable_roles::by_assuming(of, roles, at)
}

/// All that gives an identity permissions; nothing if there is no such identity.
///
/// # Errors
/// When IAM cannot be asked.
pub async fn permissions(place: &Place, of: &IamIdentity) -> Result<Option<Permissions>> {
    aws::identities::read(place, of).await
}
