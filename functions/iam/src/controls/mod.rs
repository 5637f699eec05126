//! One file each: a risky change, how it is recognised, judged and reverted.

mod new_administrator;
mod new_console_password;
mod new_credential;
mod open_trust;

pub(crate) use new_administrator::NewAdministrator;
pub(crate) use new_console_password::NewConsolePassword;
pub(crate) use new_credential::NewCredential;
pub(crate) use open_trust::OpenTrust;
