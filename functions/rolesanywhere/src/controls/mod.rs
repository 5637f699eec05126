mod trusted_certificates;

pub(crate) use trusted_certificates::TrustedCertificates;
