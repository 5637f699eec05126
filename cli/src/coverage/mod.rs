//! `snapback coverage`: whether Snapback would hear of what happens, account by account and Region by Region.

mod deployed;
mod place;
mod selectors;
mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;
use futures::StreamExt;
use jiff::Timestamp;
use serde::Serialize;
use snapback::journal::Wanted;
use snapback::partition::Partition;
use snapback::place::Place;

use self::deployed::{Deployment, Template};
use self::trail::{Selected, Trail};
use crate::caller::Caller;
use crate::choices::{account, region};
use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::trouble::{self, ERROR};

/// How many Regions of an account are looked at side by side.
const AT_ONCE: usize = 4;

/// How many of an account's newest entries are read to find the newest of each Region.
const NEWEST: usize = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Check only these Regions, separated by commas [default: all that are enabled in the account]
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', value_parser = region)]
    regions: Vec<String>,
    /// Check these members too, separated by commas; --member-role names the role to take there
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = account, requires = "member_role")]
    accounts: Vec<String>,
    /// Print JSON Lines: of each account and Region its `status` (`covered`, `missing` or `unknown`), what is `missing`,
    /// what is `unknown`, the `trails`, what is `deployed`, and the time of the `newest_entry`
    #[arg(long)]
    json: bool,
    /// The role to take in each member
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), requires = "accounts",
        help_heading = "AWS options")]
    member_role: Option<String>,
    #[command(flatten)]
    journal: JournalArguments,
}

/// What keeps Snapback from hearing of something, and what cannot be told.
#[derive(Debug, Default, Serialize)]
struct Gaps {
    missing: Vec<String>,
    unknown: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Covered,
    Missing,
    Unknown,
}

/// What was found in a place.
#[derive(Debug, Serialize)]
struct Finding {
    account: String,
    /// Nothing for what is the account's in all Regions.
    region: Option<String>,
    status: Status,
    #[serde(flatten)]
    gaps: Gaps,
    trails: Vec<Trail>,
    /// As people read it; nothing if Snapback is not there.
    deployed: Option<String>,
    newest_entry: Option<Timestamp>,
}

/// The newest entry of the journal for each account and Region.
type Newest = BTreeMap<(String, String), Timestamp>;

/// Whose coverage it is.
struct Coverage<'a> {
    arguments: &'a Arguments,
    home: Place,
    newest: Newest,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let config = arguments.journal.config().await?;
    let home = Caller::of(&config).await.map_err(|error| trouble::with_advice(error, &config))?.account;
    let home = Place::new(home, config);
    let members = arguments.accounts.iter().filter(|account| **account != home.account);
    let accounts: Vec<String> = [&home.account].into_iter().chain(members).cloned().collect();
    let (newest, mut unknown) = match newest(arguments, &accounts).await {
        Ok(newest) => (newest, 0),
        Err(error) => {
            let why = format!("{error:#}");
            let why = on_one_line(why.lines().next().unwrap_or_default());
            writeln!(io::stderr(), "snapback: the journal cannot tell what was seen last: {why}")?;
            (Newest::new(), 1)
        }
    };
    let coverage = Coverage { arguments, home, newest };
    let (mut checked, mut missing) = (0, 0);
    for account in &accounts {
        for finding in Box::pin(coverage.of(account)).await {
            checked += 1;
            match finding.status {
                Status::Covered => {}
                Status::Missing => missing += 1,
                Status::Unknown => unknown += 1,
            }
            show(&finding, arguments.json, out)?;
        }
        out.flush()?;
    }
    if !arguments.json {
        let also = if unknown == 0 { String::new() } else { format!(", {unknown} cannot be told") };
        writeln!(out, "{checked} checked, {missing} not covered{also}")?;
    }
    Ok(match (missing, unknown) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(ERROR),
        _ => ExitCode::FAILURE,
    })
}

/// When something of each place was last written down. What is harmless is not.
async fn newest(arguments: &Arguments, accounts: &[String]) -> Result<Newest> {
    Operator::at_work(&arguments.journal, async |operator| {
        let mut newest = Newest::new();
        for account in accounts {
            let wanted = Wanted { account: Some(account.clone()), ..Wanted::default() };
            let (found, _) = operator.journal.history(&wanted, NEWEST).await?;
            for entry in found.into_iter().filter_map(|(_, entry)| entry.ok()) {
                let at = newest.entry((account.clone(), entry.subject.region.clone())).or_insert(entry.event.time);
                *at = entry.event.time.max(*at);
            }
        }
        Ok(newest)
    })
    .await
}

impl Coverage<'_> {
    /// What is found in an account: Region by Region, and in the account itself.
    async fn of(&self, account: &str) -> Vec<Finding> {
        let of_account = |gaps| Finding::new(account, None, gaps);
        let place = self.place(account).await;
        let regions = match &self.arguments.regions[..] {
            [] => place::regions(&place).await,
            given => Ok(given.to_vec()),
        };
        let regions = match regions {
            Ok(regions) => regions,
            Err(error) => return vec![of_account(Gaps::unknown(&error))],
        };
        let selected = Selected::default();
        let looks = regions.iter().map(|region| self.in_region(place.in_region(region), &selected));
        let looks: Vec<(Finding, bool)> = futures::stream::iter(looks).buffered(AT_ONCE).collect().await;
        let is_member = account != self.home.account || looks.iter().any(|(_, is_member)| *is_member);
        let mut findings: Vec<Finding> = looks.into_iter().map(|(finding, _)| finding).collect();
        if is_member {
            findings.push(of_account(self.roles(&place).await));
        }
        findings
    }

    async fn place(&self, account: &str) -> Place {
        match &self.arguments.member_role {
            Some(role) if account != self.home.account => {
                Box::pin(self.home.taken_by_role(account, &self.home.region, role)).await
            }
            _ => self.home.clone(),
        }
    }

    fn deployment(&self, place: &Place) -> Deployment {
        let Place { account, region, .. } = &self.home;
        let (partition, stack) = (Partition::of_region(region), self.arguments.journal.stack());
        Deployment {
            account: place.account.clone(),
            region: place.region.clone(),
            stack: stack.to_owned(),
            is_hub: true,
            hub_bus: format!("arn:{partition}:events:{region}:{account}:event-bus/{stack}-hub"),
            hub_account: account.clone(),
        }
    }

    /// What is found in a Region, and whether it is a member there.
    async fn in_region(&self, place: Place, selected: &Selected) -> (Finding, bool) {
        let deployment = self.deployment(&place);
        let (trails, there) = futures::join!(trail::trails(&place, selected), place::deployed(&place, &deployment));
        let mut gaps = Gaps::default();
        let is_member = matches!(&there, Ok(Some(there)) if there.template == Template::Member);
        let deployed = match there {
            Ok(Some(there)) => {
                let what = match there.template {
                    Template::Stack => format!("stack `{}`", deployment.stack),
                    Template::Member => format!("forwarding to {}", deployment.hub_bus),
                };
                gaps.missing.extend(there.faults);
                Some(format!("{what}, with {} rules", there.rules))
            }
            Ok(None) => {
                let stack = &deployment.stack;
                gaps.missing.push(format!("neither stack `{stack}` nor what forwards to its hub is deployed here"));
                None
            }
            Err(error) => {
                gaps.add(Gaps::unknown(&error));
                None
            }
        };
        let trails = match trails.and_then(|trails| Ok((watched(&deployment)?, trails))) {
            Ok((services, trails)) => {
                gaps.add(trail::gaps(&trails, &services.iter().map(String::as_str).collect()));
                trails
            }
            Err(error) => {
                gaps.add(Gaps::unknown(&error));
                vec![]
            }
        };
        let newest_entry = self.newest.get(&(place.account.clone(), place.region.clone())).copied();
        let finding = Finding::new(&place.account, Some(place.region), gaps);
        (Finding { trails, deployed, newest_entry, ..finding }, is_member)
    }

    /// The roles that functions and rules take in a member.
    async fn roles(&self, place: &Place) -> Gaps {
        let mut gaps = Gaps::default();
        let roles = match deployed::roles(&self.deployment(place)) {
            Ok(roles) => roles,
            Err(error) => return Gaps::unknown(&error),
        };
        for role in roles {
            match place::faults_of(place, &role).await {
                Ok(faults) => gaps.missing.extend(faults),
                Err(error) => gaps.add(Gaps::unknown(&error)),
            }
        }
        gaps
    }
}

/// The services whose calls Snapback would hear of in a Region.
fn watched(deployment: &Deployment) -> Result<BTreeSet<String>> {
    let rules = Template::Stack.rules(deployment)?;
    let has_iam = deployed::has_iam(deployment)?;
    let services = deployed::services(&rules).filter(|service| has_iam || *service != trail::GLOBAL);
    Ok(services.map(str::to_owned).collect())
}

impl Gaps {
    fn unknown(error: &anyhow::Error) -> Self {
        Self { missing: vec![], unknown: vec![format!("{error:#}")] }
    }

    fn add(&mut self, more: Self) {
        self.missing.extend(more.missing);
        self.unknown.extend(more.unknown);
    }
}

impl Finding {
    fn new(account: &str, region: Option<String>, gaps: Gaps) -> Self {
        let status = match (gaps.missing.is_empty(), gaps.unknown.is_empty()) {
            (true, true) => Status::Covered,
            (true, false) => Status::Unknown,
            (false, _) => Status::Missing,
        };
        let account = account.to_owned();
        Self { account, region, status, gaps, trails: vec![], deployed: None, newest_entry: None }
    }
}

fn show(finding: &Finding, json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(finding)?)?;
        return Ok(());
    }
    let Finding { account, region, status, gaps, trails, deployed, newest_entry } = finding;
    let status = match status {
        Status::Covered => "covered",
        Status::Missing => "not covered",
        Status::Unknown => "cannot be told",
    };
    let part = region.as_deref().unwrap_or("roles in all Regions");
    writeln!(out, "{status}: account {account}, {part}")?;
    let mut line = |text: String| writeln!(out, "    {}", on_one_line(&text));
    for missing in &gaps.missing {
        line(format!("missing: {missing}"))?;
    }
    for unknown in &gaps.unknown {
        line(format!("cannot tell: {unknown}"))?;
    }
    for trail in trails {
        line(trail.said())?;
    }
    if let Some(deployed) = deployed {
        line(deployed.clone())?;
    }
    if region.is_some() {
        let newest = newest_entry.map_or("none yet".to_owned(), |at| format!("{at:.0}"));
        line(format!("newest entry in the journal: {newest}"))?;
    }
    writeln!(out)?;
    Ok(())
}
