//! Who comes in: sign-ins to the console, the root user, and what opens a way in by a single call. This function only
//! alerts. It reads what strangers write, so it has no right to change anything.

mod console;
mod controls;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change};
use snapback::control::{AnyControl, Function, Tags};
use snapback::noticed::Notices;
use snapback::place::Place;

pub const FUNCTION: Function = Function {
    name: "SigninFunction",
    service: "sign-ins and the root user",
    controls: &[
        AnyControl::of::<Notices<controls::RootSignIn>>(),
        AnyControl::of::<Notices<controls::RootCall>>(),
        AnyControl::of::<Notices<controls::RootSessions>>(),
        AnyControl::of::<Notices<controls::MovedAccount>>(),
        AnyControl::of::<Notices<controls::DelegatedAdministrator>>(),
        AnyControl::of::<Notices<controls::LoginWithoutMfa>>(),
        AnyControl::of::<Notices<controls::FailedLogins>>(),
        AnyControl::of::<controls::GuessedPassword>(),
        AnyControl::of::<Notices<controls::FederationToken>>(),
        AnyControl::of::<Notices<controls::DeniedAttempt>>(),
        AnyControl::of::<Notices<controls::OutboundFederation>>(),
        AnyControl::of::<Notices<controls::AcceptedDelegation>>(),
        AnyControl::of::<Notices<controls::GuestRole>>(),
        AnyControl::of::<Notices<controls::RemoteCommand>>(),
        AnyControl::of::<Notices<controls::InstanceProfile>>(),
    ],
    apply,
    tags: Tags::NONE,
    beside: &[],
    is_in_members: true,
    patience: &[],
};

fn apply<'a>(_: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move { bail!("the function for sign-ins only alerts, and was asked to {change}") }.boxed()
}
