mod changed_revocations;
mod trusted_certificates;

pub(crate) use changed_revocations::ChangedRevocations;
pub(crate) use trusted_certificates::TrustedCertificates;

const SERVICE: &str = "rolesanywhere.amazonaws.com";
