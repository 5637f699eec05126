//! One file each: a risky change, how it is recognised, judged and reverted.

mod changed_mfa;
mod changed_principal_tag;
mod federation_token;
mod foreign_mfa_device;
mod identity_provider;
mod lost_boundary;
mod lost_deny;
mod new_administrator;
mod new_console_password;
mod new_credential;
mod new_default_version;
mod new_user;
mod open_trust;
mod passed_administrator;
mod renamed_identity;
mod weak_password_policy;
mod wider_trust;

pub(crate) use changed_mfa::ChangedMfa;
pub(crate) use changed_principal_tag::ChangedPrincipalTag;
pub(crate) use federation_token::FederationToken;
pub(crate) use foreign_mfa_device::ForeignMfaDevice;
pub(crate) use identity_provider::IdentityProvider;
pub(crate) use lost_boundary::LostBoundary;
pub(crate) use lost_deny::LostDeny;
pub(crate) use new_administrator::NewAdministrator;
pub(crate) use new_console_password::NewConsolePassword;
pub(crate) use new_credential::NewCredential;
pub(crate) use new_default_version::NewDefaultVersion;
pub(crate) use new_user::NewUser;
pub(crate) use open_trust::OpenTrust;
pub(crate) use passed_administrator::PassedAdministrator;
pub(crate) use renamed_identity::RenamedIdentity;
pub(crate) use weak_password_policy::WeakPasswordPolicy;
pub(crate) use wider_trust::WiderTrust;
