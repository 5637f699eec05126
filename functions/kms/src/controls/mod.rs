//! One file each: how a key is opened or lost, how that is recognised, judged and reverted.

mod foreign_grant;
mod foreign_replica;
mod lost_key_material;
mod moved_alias;
mod open_key_policy;
mod stopped_rotation;
mod undelegated_key;
mod unusable_key;

pub(crate) use foreign_grant::ForeignGrant;
pub(crate) use foreign_replica::ForeignReplica;
pub(crate) use lost_key_material::LostKeyMaterial;
pub(crate) use moved_alias::MovedAlias;
pub(crate) use open_key_policy::OpenKeyPolicy;
pub(crate) use stopped_rotation::StoppedRotation;
pub(crate) use undelegated_key::UndelegatedKey;
pub(crate) use unusable_key::UnusableKey;
