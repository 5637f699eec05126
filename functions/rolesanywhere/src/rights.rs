//! What IAM has to allow for the controls of Roles Anywhere, and on what.

use snapback::right::{On, Right, When};

const ANCHORS: On =
    On::new("TrustAnchors", &["arn:${AWS::Partition}:rolesanywhere:${AWS::Region}:${AWS::AccountId}:trust-anchor/*"]);
pub(crate) const GET_TRUST_ANCHOR: Right = ANCHORS.right("rolesanywhere:GetTrustAnchor");
pub(crate) const DISABLE_TRUST_ANCHOR: Right = ANCHORS.right("rolesanywhere:DisableTrustAnchor");
pub(crate) const ENABLE_TRUST_ANCHOR: Right = ANCHORS.right("rolesanywhere:EnableTrustAnchor");

const PROFILES: On =
    On::new("Profiles", &["arn:${AWS::Partition}:rolesanywhere:${AWS::Region}:${AWS::AccountId}:profile/*"]);
pub(crate) const GET_PROFILE: Right = PROFILES.right("rolesanywhere:GetProfile");
pub(crate) const DISABLE_PROFILE: Right = PROFILES.right("rolesanywhere:DisableProfile");
pub(crate) const ENABLE_PROFILE: Right = PROFILES.right("rolesanywhere:EnableProfile");

const PROFILE_ROLES: On = On::new("ProfileRoles", &["arn:${AWS::Partition}:iam::${AWS::AccountId}:role/*"])
    .when(&[When::new("StringEquals", "iam:PassedToService", &["rolesanywhere.amazonaws.com"])])
    .why("Roles Anywhere asks this of whoever enables a profile, which names the roles that it gives.");
pub(crate) const PASS_PROFILE_ROLE: Right = PROFILE_ROLES.right("iam:PassRole");

const ALL: On = On::new("All", &["*"]);
pub(crate) const LIST_TAGS: Right = ALL.right("rolesanywhere:ListTagsForResource");
