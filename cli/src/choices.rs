//! What the operator chose for the deployment, as flags.

use std::env;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use ipnet::IpNet;
use snapback::network::{self, PublicPorts};
use snapback::policy::{is_account, is_organization};
use snapback::settings::Settings;
use snapback::trusted::is_network;

#[derive(Debug, clap::Args)]
pub(crate) struct Choices {
    /// Ports that may be open to the world, such as `tcp/80,tcp/8000-8100,udp/53,icmp`, or `none`
    #[arg(long, value_name = "PORTS", env = "SNAPBACK_PUBLIC_PORTS", default_value = "tcp/80,tcp/443", value_parser = public_ports)]
    public_ports: PublicPorts,
    #[command(flatten)]
    trusted: Trusted,
    /// The folder of your guardrails and of `trusted.json` [default: `guardrails`, if it is there]
    #[arg(long, value_name = "FOLDER", value_parser = |path: &str| folder(path))]
    guardrails: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Trusted {
    /// Trust the principals of this account; repeat it for more
    #[arg(long = "trust-account", value_name = "ID", value_parser = account)]
    accounts: Vec<String>,
    /// Trust the principals of this organization; repeat it for more
    #[arg(long = "trust-organization", value_name = "ID", value_parser = organization)]
    organizations: Vec<String>,
    /// Trust whoever calls from this VPC, VPC endpoint or range of addresses; repeat it for more
    #[arg(long = "trust-network", value_name = "NETWORK", value_parser = network)]
    networks: Vec<Network>,
}

/// A network whose callers are trusted.
#[derive(Debug, Clone)]
enum Network {
    /// A VPC or a VPC endpoint.
    Id(String),
    Range(IpNet),
}

impl Choices {
    /// Which ports may be public, and whom the flags and the file beside the guardrails trust.
    pub(crate) fn settings(&self) -> Result<Settings> {
        let settings = Settings { public_ports: self.public_ports.clone(), ..self.trusted.settings() };
        settings.with_trusted(self.guardrails()).map_err(|unusable| anyhow!("{unusable}"))
    }

    /// Where the guardrails are. Without the flag the folder may be missing.
    pub(crate) fn guardrails(&self) -> &Path {
        self.guardrails.as_deref().unwrap_or(Path::new("guardrails"))
    }
}

impl Trusted {
    pub(crate) fn settings(&self) -> Settings {
        let networks = self.networks.iter();
        let ids = networks.clone().filter_map(|network| match network {
            Network::Id(id) => Some(id.clone()),
            Network::Range(_) => None,
        });
        let ranges = networks.filter_map(|network| match network {
            Network::Range(range) => Some(*range),
            Network::Id(_) => None,
        });
        Settings {
            trusted_networks: ids.collect(),
            trusted_ranges: ranges.collect(),
            trusted_accounts: self.accounts.iter().cloned().collect(),
            trusted_organizations: self.organizations.iter().cloned().collect(),
            ..Settings::default()
        }
    }
}

/// The variable that says which ports may be public where no flag does.
const PORTS: &str = "SNAPBACK_PUBLIC_PORTS";

pub(crate) fn public_ports(text: &str) -> Result<PublicPorts, String> {
    text.parse().map_err(|()| {
        let is_of_variable = env::var(PORTS).is_ok_and(|ports| ports == text);
        let place = if is_of_variable { format!("; the variable {PORTS} says so") } else { String::new() };
        format!("expected ports such as `tcp/80,tcp/8000-8100,udp/53,icmp`, from 0 to 65535, or `none`{place}")
    })
}

/// A number within these bounds.
pub(crate) fn number(text: &str, bounds: RangeInclusive<u32>) -> Result<u32, String> {
    let (least, most) = (*bounds.start(), *bounds.end());
    let to = if most == u32::MAX { String::new() } else { format!(" to {most}") };
    let number = text.parse().ok().filter(|number| bounds.contains(number));
    number.ok_or_else(|| format!("expected a whole number from {least}{to}"))
}

pub(crate) fn account(text: &str) -> Result<String, String> {
    if is_account(text) { Ok(text.to_owned()) } else { Err("expected the twelve digits of an account".to_owned()) }
}

pub(crate) fn arn(text: &str) -> Result<String, String> {
    let is_arn = text.starts_with("arn:") && text.splitn(6, ':').count() == 6;
    if is_arn { Ok(text.to_owned()) } else { Err("expected an ARN such as `arn:aws:s3:::reports`".to_owned()) }
}

/// Of its form only: which Regions there are changes.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let (number, words) = parts.split_last().unwrap_or((&"", &[]));
    let are = |text: &str, of: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| of(&byte));
    let are_words = words.len() >= 2 && words.iter().all(|word| are(word, u8::is_ascii_lowercase));
    if are_words && are(number, u8::is_ascii_digit) {
        Ok(text.to_owned())
    } else {
        Err("expected a Region such as `eu-central-1`".to_owned())
    }
}

/// A folder that a flag names has to be there: a misspelled one would count as one without guardrails and trust.
pub(crate) fn folder(path: impl AsRef<Path>) -> Result<PathBuf, String> {
    const GUARDRAILS: &str = "the one that has your guardrails (`*.cedar`) and `trusted.json`";
    let folder = path.as_ref().to_owned();
    match (folder.is_dir(), folder.exists()) {
        (true, _) => Ok(folder),
        (_, true) => Err(format!("it is no folder; expected {GUARDRAILS}")),
        (_, false) => Err(format!("there is no such folder; expected {GUARDRAILS}")),
    }
}

fn network(text: &str) -> Result<Network, String> {
    let range = || network::range(text).filter(|range| !network::is_much_of_the_internet(&[*range]));
    if is_network(text) {
        return Ok(Network::Id(text.to_owned()));
    }
    range().map(Network::Range).ok_or_else(|| {
        "expected the id of a VPC or a VPC endpoint, such as `vpce-0a1b2c3d`, or a range such as `203.0.113.0/24`, of \
         those whom you know"
            .to_owned()
    })
}

fn organization(text: &str) -> Result<String, String> {
    if is_organization(text) {
        Ok(text.to_owned())
    } else {
        Err("expected the id of an organization, such as `o-a1b2c3d4e5`".to_owned())
    }
}
