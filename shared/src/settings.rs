//! What the operator chose: how far Snapback may go, whom it trusts, which ports may be public.
//!
//! The settings arrive in environment variables that `template.yaml` fills from its parameters.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::change::Key;
use crate::event::{Event, is_region};
use crate::mode::{Mode, Modes};
use crate::network::PublicPorts;
use crate::policy::{Trust, is_account, is_organization};

/// What judging depends on. It is journaled, so that any decision can be made again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    pub modes: Modes,
    /// Account ids whose principals are no strangers.
    pub trusted_accounts: BTreeSet<String>,
    /// Organization ids (`o-…`) whose members are no strangers.
    pub trusted_organizations: BTreeSet<String>,
    /// Whether members of the own organization are no strangers, as the journal lists them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub trusts_members: bool,
    /// Whether they are listed all the same, for the units that they are in.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lists_members: bool,
    /// VPCs and VPC endpoints, from where nobody is a stranger.
    pub trusted_networks: BTreeSet<String>,
    /// Ranges of addresses, from where nobody is a stranger.
    pub trusted_ranges: Vec<IpNet>,
    /// The owner's own canonical user id, and others that are no strangers.
    pub trusted_canonical_users: BTreeSet<String>,
    pub public_ports: PublicPorts,
    /// Whether the function has the rights that write trust and protection in IAM.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub iam_writer: bool,
    pub own: Own,
}

/// What of Snapback's own deployment judging depends on: whoever changes it is watched like anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {
    /// The stack's name, with which the names of its parts begin.
    pub stack: String,
    /// The ARNs of the stack's keys. Where none is told, as in a replay, no key is one.
    pub keys: BTreeSet<String>,
    /// The ARN of the journal's table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<String>,
    /// The ARN of the one among them that certifies who signs in the journal.
    pub journal_key: Option<String>,
    /// The ARN of the one that seals what operators say there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operators_key: Option<String>,
    /// How many concurrent executions the stack reserves for each function.
    pub reserved: Option<u32>,
    /// Whether the stack has the parts that guard IAM, as it does where IAM's events arrive.
    pub has_iam: bool,
}

impl Default for Own {
    fn default() -> Self {
        Self {
            stack: "snapback".to_owned(),
            keys: BTreeSet::new(),
            journal: None,
            journal_key: None,
            operators_key: None,
            reserved: None,
            has_iam: true,
        }
    }
}

/// Where a deployed function keeps its journal and whom it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    pub journal: String,
    /// The ARN of the key that certifies who signs in it.
    pub journal_key: String,
    /// The ARN of the key that seals what operators say in it.
    pub operators_key: String,
    pub journal_days: u32,
    pub topic: String,
    /// The URL of the queue in which events wait until a function is to have them.
    pub delayed: String,
    pub pace: Pace,
    /// How many reverts one actor may cause in an hour before people are asked instead.
    pub most_reverts_per_hour: Option<NonZeroU32>,
    /// The ARN of the function's own role.
    pub role: String,
    /// Whether it is a hub, which other accounts and Regions send their events to.
    pub is_hub: bool,
    pub members: Members,
    /// The folder of the guardrails.
    pub guardrails: PathBuf,
}

/// The members of a hub that are looked through for baselines: these accounts, each in these Regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Members {
    pub accounts: BTreeSet<String>,
    pub regions: BTreeSet<String>,
}

/// How long every wait lasts, in percent of what it should be: tests shorten them all by this one setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(pub u32);

impl Pace {
    /// Reads how long waits last.
    ///
    /// # Errors
    /// Names the variable and what it should hold.
    pub fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let Some(pace) = lookup("SNAPBACK_PACE").filter(|pace| !pace.is_empty()) else { return Ok(Self::default()) };
        let percent = pace.parse();
        Ok(Self(percent.or_else(|_| problem("SNAPBACK_PACE", "how long waits last, in percent", &pace))?))
    }

    #[must_use]
    pub fn of(self, wait: Duration) -> Duration {
        wait * self.0 / 100
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self(100)
    }
}

/// A setting that is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub expected: &'static str,
    pub found: String,
}

/// Where both a function and what it judges by find the journal's keys.
const JOURNAL: &str = "SNAPBACK_JOURNAL";
const JOURNAL_KEY: &str = "SNAPBACK_JOURNAL_KEY";
const OPERATORS_KEY: &str = "SNAPBACK_OPERATORS_KEY";

const TRUST_MEMBERS: &str = "SNAPBACK_TRUST_MEMBERS";

impl Settings {
    /// Reads the settings from variables; `lookup` is the environment, or a test's map.
    ///
    /// # Errors
    /// Names the variable and what it should hold. A wrong setting is never replaced by a default.
    pub fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let mode = lookup("SNAPBACK_MODE").filter(|mode| !mode.is_empty());
        let mode = match &mode {
            None => Mode::default(),
            Some(text) => match text.parse() {
                Ok(mode) if mode > Mode::Off => mode,
                _ => problem("SNAPBACK_MODE", "`notify`, `ask` or `revert`", text)?,
            },
        };
        let overrides = lookup("SNAPBACK_MODE_OVERRIDES").unwrap_or_default();
        let modes = Modes::read(mode, &overrides).or_else(|wrong| {
            let expected = "overrides such as `iam-*=ask` (or `off`, `notify`, `revert`), comma between";
            problem("SNAPBACK_MODE_OVERRIDES", expected, &wrong)
        })?;
        let (trusts_members, lists_members) = match lookup(TRUST_MEMBERS).as_deref() {
            None | Some("" | "no") => (false, false),
            Some("list") => (false, true),
            Some("yes") => (true, false),
            Some(other) => problem(TRUST_MEMBERS, "`no`, `list` or `yes`", other)?,
        };
        if modes.name_units() && !trusts_members && !lists_members {
            problem(
                TRUST_MEMBERS,
                "`list` or `yes`, as SNAPBACK_MODE_OVERRIDES names units of the organization",
                "no",
            )?;
        }
        Ok(Self {
            modes,
            trusts_members,
            lists_members,
            trusted_accounts: ids(
                lookup,
                "SNAPBACK_TRUSTED_ACCOUNTS",
                "12-digit account ids, comma between",
                is_account,
            )?,
            trusted_organizations: ids(
                lookup,
                "SNAPBACK_TRUSTED_ORGANIZATIONS",
                "organization ids such as `o-a1b2c3d4e5`, comma between",
                is_organization,
            )?,
            trusted_networks: BTreeSet::new(),
            trusted_ranges: vec![],
            trusted_canonical_users: BTreeSet::new(),
            public_ports: match lookup("SNAPBACK_PUBLIC_PORTS") {
                None => PublicPorts::default(),
                Some(text) => text.parse().or_else(|()| {
                    problem("SNAPBACK_PUBLIC_PORTS", "ports such as `tcp/80,tcp/8000-8100,udp/53,icmp`", &text)
                })?,
            },
            iam_writer: is_chosen(lookup, "SNAPBACK_IAM_WRITER")?,
            own: Own::read(lookup)?,
        })
    }
}

impl Own {
    fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let told = |variable: &str| lookup(variable).filter(|value| !value.is_empty());
        let reserved = told("SNAPBACK_RESERVED_CONCURRENCY").map(|number| {
            number.parse().or_else(|_| problem("SNAPBACK_RESERVED_CONCURRENCY", "a number; 0 is none", &number))
        });
        let has_iam = match told("SNAPBACK_HAS_IAM").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(other) => problem("SNAPBACK_HAS_IAM", "`true` or `false`", other)?,
        };
        let is_arn = |arn: &str| arn.starts_with("arn:");
        let (journal_key, operators_key) = (told(JOURNAL_KEY), told(OPERATORS_KEY));
        // It is where its key is.
        let journal = told(JOURNAL).zip(journal_key.as_deref()).and_then(|(name, key)| {
            let place = key.split_once(":key/")?.0.replacen(":kms:", ":dynamodb:", 1);
            Some(format!("{place}:table/{name}"))
        });
        let mut keys = ids(lookup, "SNAPBACK_KEYS", "ARNs of keys, comma between", is_arn)?;
        keys.extend(journal_key.iter().chain(&operators_key).cloned());
        Ok(Self {
            stack: told("SNAPBACK_STACK").unwrap_or_else(|| Self::default().stack),
            keys,
            journal,
            journal_key,
            operators_key,
            reserved: reserved.transpose()?.filter(|number| *number > 0),
            has_iam,
        })
    }
}

impl Own {
    /// The ARNs of the keys without which the journal is not believed.
    pub fn journals_keys(&self) -> impl Iterator<Item = &str> {
        [&self.journal_key, &self.operators_key].into_iter().flatten().map(String::as_str)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn is_journals(&self, key: &Key) -> bool {
        self.journals_keys().any(|arn| arn.ends_with(&format!(":key/{}", key.0)))
    }
}

impl Settings {
    /// Whom a resource of this account may let in.
    #[must_use]
    pub fn trust(&self, account: &str) -> Trust {
        Trust {
            account: Some(account.to_owned()),
            resource: None,
            accounts: self.trusted_accounts.clone(),
            organizations: self.trusted_organizations.clone(),
            networks: self.trusted_networks.clone(),
            ranges: self.trusted_ranges.clone(),
            canonical_users: self.trusted_canonical_users.clone(),
            at: None,
            shows_new_ids: false,
            as_s3: false,
        }
    }

    /// Whether AWS Organizations is asked which accounts it has.
    #[must_use]
    pub fn asks_for_members(&self) -> bool {
        self.trusts_members || self.lists_members
    }

    /// Whom the operator trusts in the account of an event and at its time, since the engine has no clock.
    #[must_use]
    pub fn trust_at(&self, event: &Event) -> Trust {
        self.trust(&event.account).at(event.time)
    }
}

impl Members {
    const ACCOUNTS: &str = "SNAPBACK_MEMBERS";
    const REGIONS: &str = "SNAPBACK_MEMBER_REGIONS";

    fn read(lookup: &impl Fn(&str) -> Option<String>, is_hub: bool) -> Result<Self, Problem> {
        let accounts = ids(lookup, Self::ACCOUNTS, "12-digit account ids, comma between", is_account)?;
        let regions = ids(lookup, Self::REGIONS, "Regions such as `eu-central-1`, comma between", is_region)?;
        match (accounts.is_empty(), regions.is_empty()) {
            (false, true) => problem(Self::REGIONS, "the Regions of the members that are named", "nothing"),
            (true, false) => problem(Self::ACCOUNTS, "the accounts of the members in these Regions", "nothing"),
            (false, false) if !is_hub => problem("SNAPBACK_HUB", "a hub, as members are named", "nothing"),
            _ => Ok(Self { accounts, regions }),
        }
    }
}

impl Deployment {
    /// The account that it is in.
    #[must_use]
    pub fn account(&self) -> &str {
        self.role.split(':').nth(4).unwrap_or_default()
    }

    /// Reads where the journal and the topic are.
    ///
    /// # Errors
    /// Names the variable and what it should hold.
    pub fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let required = |variable, expected| match lookup(variable) {
            Some(value) if !value.is_empty() => Ok(value),
            _ => problem(variable, expected, "nothing"),
        };
        let days = required("SNAPBACK_JOURNAL_DAYS", "a number of days")?;
        let is_hub = lookup("SNAPBACK_HUB").is_some_and(|hub| !hub.is_empty());
        Ok(Self {
            journal: required(JOURNAL, "the name of the journal's table")?,
            journal_key: required(JOURNAL_KEY, "the ARN of the journal's key")?,
            operators_key: required(OPERATORS_KEY, "the ARN of the operators' key")?,
            delayed: required("SNAPBACK_DELAYED", "the URL of a queue")?,
            pace: Pace::read(lookup)?,
            journal_days: days.parse().or_else(|_| problem("SNAPBACK_JOURNAL_DAYS", "a number of days", &days))?,
            topic: required("SNAPBACK_TOPIC", "the ARN of the topic")?,
            most_reverts_per_hour: NonZeroU32::new(match lookup("SNAPBACK_MAX_REVERTS_PER_HOUR") {
                None => 0,
                Some(most) => most.parse().or_else(|_| {
                    problem("SNAPBACK_MAX_REVERTS_PER_HOUR", "a number of reverts, or 0 for no limit", &most)
                })?,
            }),
            role: required("SNAPBACK_ROLE", "the ARN of the function's role")?,
            is_hub,
            members: Members::read(lookup, is_hub)?,
            guardrails: required("SNAPBACK_GUARDRAILS", "the folder of the guardrails")?.into(),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "environment variable {}: expected {}, found `{}`", self.variable, self.expected, self.found)
    }
}

impl std::error::Error for Problem {}

fn problem<T>(variable: &'static str, expected: &'static str, found: &str) -> Result<T, Problem> {
    Err(Problem { variable, expected, found: found.to_owned() })
}

fn is_chosen(lookup: &impl Fn(&str) -> Option<String>, variable: &'static str) -> Result<bool, Problem> {
    match lookup(variable).as_deref() {
        None | Some("" | "no") => Ok(false),
        Some("yes") => Ok(true),
        Some(other) => problem(variable, "`yes` or `no`", other),
    }
}

fn ids(
    lookup: &impl Fn(&str) -> Option<String>,
    variable: &'static str,
    expected: &'static str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<BTreeSet<String>, Problem> {
    let value = lookup(variable).unwrap_or_default();
    let ids = value.split(',').map(str::trim).filter(|id| !id.is_empty());
    ids.map(|id| if is_valid(id) { Ok(id.to_owned()) } else { problem(variable, expected, id) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variable: &str, value: &str) -> Result<Settings, Problem> {
        Settings::read(&|asked| (asked == variable).then(|| value.to_owned()))
    }

    #[test]
    fn nothing_set_means_notify_and_the_web_ports() {
        let settings = Settings::read(&|_| None).expect("defaults");
        assert_eq!(settings.modes, Modes::from(Mode::Notify));
        assert_eq!(settings.public_ports.to_string(), "tcp/80,tcp/443");
    }

    #[test]
    fn lists_are_read_with_or_without_spaces() {
        let settings = read("SNAPBACK_TRUSTED_ACCOUNTS", "111122223333, 444455556666").expect("two accounts");
        assert_eq!(settings.trusted_accounts.len(), 2);
    }

    #[test]
    fn members_are_accounts_with_regions_of_a_hub() {
        let read = |accounts: &str, regions: &str, is_hub| {
            let lookup = |name: &str| match name {
                Members::ACCOUNTS => Some(accounts.to_owned()),
                Members::REGIONS => Some(regions.to_owned()),
                _ => None,
            };
            Members::read(&lookup, is_hub)
        };
        assert_eq!(read("", "", false), Ok(Members::default()));
        assert!(read("222233334444", "eu-west-1", true).is_ok());
        for (accounts, regions, is_hub, variable) in [
            ("222233334444", "", true, Members::REGIONS),
            ("", "eu-west-1", true, Members::ACCOUNTS),
            ("2222", "eu-west-1", true, Members::ACCOUNTS),
            ("222233334444", "Europe", true, Members::REGIONS),
            ("222233334444", "eu-west-1", false, "SNAPBACK_HUB"),
        ] {
            let problem = read(accounts, regions, is_hub).expect_err("it is wrong");
            assert_eq!(problem.variable, variable, "{accounts} {regions}");
        }
    }

    #[test]
    fn units_have_modes_where_it_is_asked_who_is_in_them() {
        let read = |members: &str| {
            Settings::read(&|name| match name {
                "SNAPBACK_MODE_OVERRIDES" => Some("222233334444/*=ask,ou-ab12-c3d4e5f6/*=off".to_owned()),
                TRUST_MEMBERS => Some(members.to_owned()),
                _ => None,
            })
        };
        assert_eq!(read("no").expect_err("nobody knows who is in it").variable, TRUST_MEMBERS);
        let of = |settings: Settings| (settings.trusts_members, settings.asks_for_members());
        assert_eq!(read("list").map(of), Ok((false, true)));
        assert_eq!(read("yes").map(of), Ok((true, true)));
    }

    #[test]
    fn a_wrong_setting_is_named_and_never_guessed() {
        for (variable, value) in [
            ("SNAPBACK_MODE", "Revert"),
            ("SNAPBACK_MODE", "off"),
            ("SNAPBACK_MODE_OVERRIDES", "iam-*"),
            ("SNAPBACK_TRUSTED_ACCOUNTS", "1234"),
            ("SNAPBACK_TRUSTED_ORGANIZATIONS", "r-abcd"),
            ("SNAPBACK_TRUSTED_ORGANIZATIONS", "o-a1b2c3d4e"),
            ("SNAPBACK_TRUSTED_ORGANIZATIONS", "o-A1B2C3D4E5"),
            ("SNAPBACK_PUBLIC_PORTS", "http"),
            ("SNAPBACK_KEYS", "TopicKey"),
            ("SNAPBACK_IAM_WRITER", "true"),
            ("SNAPBACK_TRUST_MEMBERS", "o-a1b2c3d4e5"),
            ("SNAPBACK_RESERVED_CONCURRENCY", "some"),
        ] {
            let problem = read(variable, value).expect_err("it is wrong");
            assert_eq!((problem.variable, problem.found.as_str()), (variable, value));
        }
    }
}
