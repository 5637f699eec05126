//! Every call to AWS IAM that Snapback makes: for each thing how it is read and how it is written.

pub(crate) mod authorization_details;
pub(crate) mod boundaries;
pub(crate) mod credentials;
pub(crate) mod event_history;
pub(crate) mod grants;
pub(crate) mod identities;
pub(crate) mod login_profiles;
pub(crate) mod passable_roles;
pub(crate) mod password_policies;
pub(crate) mod principal_tags;
pub(crate) mod roles;
pub(crate) mod tags;
pub(crate) mod users;
pub(crate) mod versions;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change, Holder, Iam};
use snapback::place::Place;

/// With which IAM says that there is no such thing.
const GONE: &[&str] = &["NoSuchEntity"];

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Policy(change) => match &change.of {
                Holder::Role(name) => Box::pin(roles::put(place, name, change)).await,
                _ => bail!("the function for IAM was asked to {change}"),
            },
            Change::Iam(Iam::Credential(change)) => Box::pin(credentials::change(place, change)).await,
            Change::Iam(Iam::ConsolePassword(change)) => Box::pin(login_profiles::change(place, change)).await,
            Change::Iam(Iam::ManagedPolicies(change)) => Box::pin(grants::managed(place, change)).await,
            Change::Iam(Iam::InlinePolicies(change)) => Box::pin(grants::inline(place, change)).await,
            Change::Iam(Iam::Groups(change)) => Box::pin(grants::groups(place, change)).await,
            Change::Iam(Iam::DefaultVersion(change)) => Box::pin(versions::put(place, change)).await,
            Change::Iam(Iam::Boundary(change)) => Box::pin(boundaries::put(place, change)).await,
            Change::Iam(Iam::PasswordPolicy(change)) => Box::pin(password_policies::put(place, change)).await,
            other => bail!("the function for IAM was asked to {other}"),
        }
    }
    .boxed()
}
