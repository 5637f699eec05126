//! What the operator chose for the deployment, as flags.

use std::path::Path;

use anyhow::Result;
use snapback::network::PublicPorts;
use snapback::policy::{is_account, is_organization};
use snapback::settings::Settings;

use crate::trouble::BadInput;

#[derive(Debug, clap::Args)]
pub(crate) struct Choices {
    /// Ports that may be open to the world, such as `tcp/80,tcp/8000-8100,udp/53,icmp`, or `none`
    #[arg(long, value_name = "PORTS", env = "SNAPBACK_PUBLIC_PORTS", default_value = "tcp/80,tcp/443", value_parser = public_ports)]
    public_ports: PublicPorts,
    #[command(flatten)]
    trusted: Trusted,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Trusted {
    /// Trust the principals of this account; repeat it for more
    #[arg(long, value_name = "ID", value_parser = account)]
    trust_account: Vec<String>,
    /// Trust the principals of this organization; repeat it for more
    #[arg(long, value_name = "ID", value_parser = organization)]
    trust_organization: Vec<String>,
}

impl Choices {
    /// Which ports may be public, and whom the flags and the file beside the guardrails trust.
    pub(crate) fn settings(&self, guardrails: &Path) -> Result<Settings> {
        let settings = Settings { public_ports: self.public_ports.clone(), ..self.trusted.settings() };
        Ok(settings.with_trusted(guardrails).map_err(|unusable| BadInput(unusable.to_string()))?)
    }
}

impl Trusted {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            trusted_accounts: self.trust_account.iter().cloned().collect(),
            trusted_organizations: self.trust_organization.iter().cloned().collect(),
            ..Settings::default()
        }
    }
}

pub(crate) fn public_ports(text: &str) -> Result<PublicPorts, String> {
    text.parse().map_err(|()| "expected ports such as `tcp/80,udp/53,icmp`".to_owned())
}

pub(crate) fn account(text: &str) -> Result<String, String> {
    if is_account(text) { Ok(text.to_owned()) } else { Err("expected the twelve digits of an account".to_owned()) }
}

fn organization(text: &str) -> Result<String, String> {
    if is_organization(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the id of an organization, such as `o-a1b2c3d4e5`".to_owned())
    }
}
