//! AWS IAM: the list of its controls.

mod administrator;
mod aws;
mod controls;
mod denied;
mod permissions;
mod rights;
mod told;

use std::time::Duration;

use anyhow::Result;
use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;
use snapback::place::Place;
use snapback::policed::Open;

pub use aws::versions::decoded;
pub use permissions::{Boundary, IamIdentity, IdentityKind, Permissions, Policies, named};

pub const FUNCTION: Function = Function {
    name: "IamFunction",
    service: "IAM",
    controls: &[
        AnyControl::remembering::<controls::NewAdministrator>(),
        AnyControl::remembering::<controls::NewDefaultVersion>(),
        AnyControl::of::<controls::NewCredential>(),
        AnyControl::of::<controls::NewConsolePassword>(),
        AnyControl::of::<Open<controls::OpenTrust>>(),
        AnyControl::of::<controls::LostDeny>(),
        AnyControl::of::<Notices<controls::NewUser>>(),
        AnyControl::of::<controls::LostBoundary>(),
        AnyControl::of::<Notices<controls::ChangedMfa>>(),
        AnyControl::remembering::<controls::WeakPasswordPolicy>(),
        AnyControl::of::<Notices<controls::IdentityProvider>>(),
        AnyControl::of::<controls::FederationToken>(),
    ],
    apply: aws::apply,
    tags: Tags { read: aws::tags::read, needs: &[rights::LIST_USER_TAGS, rights::LIST_ROLE_TAGS] },
    is_in_members: true,
    // A change takes some seconds to show:
    // <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>
    patience: &[Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)],
};

/// All that gives an identity permissions; nothing if there is no such identity.
///
/// # Errors
/// When IAM cannot be asked.
pub async fn permissions(place: &Place, of: &IamIdentity) -> Result<Option<Permissions>> {
    aws::identities::read(place, of).await
}
