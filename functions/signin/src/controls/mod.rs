//! One file for each risk.

mod accepted_delegation;
mod delegated_administrator;
mod denied_attempt;
mod failed_logins;
mod federation_token;
mod guessed_password;
mod guest_role;
mod instance_profile;
mod login_without_mfa;
mod moved_account;
mod outbound_federation;
mod remote_command;
mod root_call;
mod root_sessions;
mod root_sign_in;

pub(crate) use accepted_delegation::AcceptedDelegation;
pub(crate) use delegated_administrator::DelegatedAdministrator;
pub(crate) use denied_attempt::DeniedAttempt;
pub(crate) use failed_logins::FailedLogins;
pub(crate) use federation_token::FederationToken;
pub(crate) use guessed_password::GuessedPassword;
pub(crate) use guest_role::GuestRole;
pub(crate) use instance_profile::InstanceProfile;
pub(crate) use login_without_mfa::LoginWithoutMfa;
pub(crate) use moved_account::MovedAccount;
pub(crate) use outbound_federation::OutboundFederation;
pub(crate) use remote_command::RemoteCommand;
pub(crate) use root_call::RootCall;
pub(crate) use root_sessions::RootSessions;
pub(crate) use root_sign_in::RootSignIn;
