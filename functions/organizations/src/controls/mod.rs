//! One file each: how an organization's hold on its accounts is loosened, how that is recognised, judged and reverted.

mod detached_policy;
mod disabled_policies;
mod lost_service_access;
mod new_say;

pub(crate) use detached_policy::DetachedPolicy;
pub(crate) use disabled_policies::DisabledPolicies;
pub(crate) use lost_service_access::LostServiceAccess;
pub(crate) use new_say::NewSay;
