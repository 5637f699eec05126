//! `snapback coverage`: whether Snapback would hear of what happens, account by account and Region by Region.

mod changes;
mod deployed;
mod organization;
mod place;
mod selectors;
mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::NonEmptyStringValueParser;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use snapback::journal::Wanted;
use snapback::partition::Partition;
use snapback::place::Place;

use self::changes::Before;
use self::deployed::{Deployment, Template};
use self::organization::Account;
use self::trail::{Selected, Trail};
use crate::caller::Caller;
use crate::choices::{account, region};
use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::trouble::{self, ERROR};

/// How many accounts, and how many Regions of each, are looked at side by side: AWS's limits are each account's own.
const AT_ONCE: usize = 4;

/// How many of an account's newest entries are read to find the newest of each Region.
const NEWEST: usize = 50;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Check only these Regions, separated by commas [default: all that are enabled in the account]
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', value_parser = region)]
    regions: Vec<String>,
    /// Check these members too, separated by commas; --member-role names the role to take there
    #[arg(long, value_name = "IDS", value_delimiter = ',', value_parser = account, requires = "member_role",
        group = "members")]
    accounts: Vec<String>,
    /// Check all accounts of the organization that are active; --member-role names the role to take there
    #[arg(long, requires = "member_role", group = "members")]
    organization: bool,
    /// Print only what has changed since the last run with this file, and keep there what is found now: what is covered no
    /// more, or again, or is new, or gone
    #[arg(long, value_name = "FILE")]
    changes: Option<PathBuf>,
    /// Print JSON Lines: of each account and Region its `status` (`covered`, `missing`, `unknown`, `inactive` of an account
    /// whose `state` in the organization is another than active, or `absent` with --changes), what is `missing`, what is
    /// `unknown`, the `trails`, what is `deployed`, the time of the `newest_entry`, and with --changes which status it `was`
    #[arg(long)]
    json: bool,
    /// The role to take in each member
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new(), requires = "members",
        help_heading = "AWS options")]
    member_role: Option<String>,
    #[command(flatten)]
    journal: JournalArguments,
}

/// What keeps Snapback from hearing of something, and what cannot be told.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Gaps {
    missing: Vec<String>,
    unknown: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Status {
    Covered,
    Missing,
    Unknown,
    /// Nobody is at work there, and it was not looked at.
    Inactive,
    /// There is no such place, or was none.
    Absent,
}

/// What was found in a place.
#[derive(Debug, Serialize)]
struct Finding {
    account: String,
    /// Nothing for what is the account's in all Regions.
    region: Option<String>,
    status: Status,
    /// What it was at the last run, if that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Status>,
    /// In the organization, if it is another than active.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(flatten)]
    gaps: Gaps,
    trails: Vec<Trail>,
    /// As people read it; nothing if Snapback is not there.
    deployed: Option<String>,
    newest_entry: Option<Timestamp>,
    /// Whether the journal could tell it.
    #[serde(skip)]
    is_journal_read: bool,
}

/// The newest entry of the journal for each account and Region.
type Newest = BTreeMap<(String, String), Timestamp>;

/// Whose coverage it is.
struct Coverage<'a> {
    arguments: &'a Arguments,
    home: Place,
    /// Nothing if the journal cannot be read.
    newest: Option<Newest>,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let config = arguments.journal.config().await?;
    let home = Caller::of(&config).await.map_err(|error| trouble::with_advice(error, &config))?.account;
    let home = Place::new(home, config);
    let mut before = arguments.changes.as_deref().map(Before::read).transpose()?;
    let accounts = arguments.accounts(&home).await?;
    let newest = match newest(arguments, &accounts).await {
        Ok(newest) => Some(newest),
        Err(error) => {
            let why = format!("{error:#}");
            let why = on_one_line(why.lines().next().unwrap_or_default());
            writeln!(io::stderr(), "snapback: the journal cannot tell what was seen last: {why}")?;
            None
        }
    };
    let is_journal_read = newest.is_some();
    let coverage = Coverage { arguments, home, newest };
    let (mut checked, mut missing, mut unknown, mut inactive, mut news) = (0, 0, 0, 0, 0);
    let mut found = String::new();
    let mut looks =
        futures::stream::iter(accounts.iter().map(|account| Box::pin(coverage.of(account)))).buffered(AT_ONCE);
    while let Some(findings) = looks.next().await {
        let (regions, mut told) = (findings.iter().filter(|finding| finding.region.is_some()).count(), vec![]);
        for mut finding in findings {
            checked += usize::from(finding.status != Status::Inactive);
            match finding.status {
                Status::Missing => missing += 1,
                Status::Unknown => unknown += 1,
                Status::Inactive => inactive += 1,
                Status::Covered | Status::Absent => {}
            }
            if let Some(before) = &mut before {
                found += &(serde_json::to_string(&finding)? + "\n");
                finding.was = before.other_than(&finding);
                if finding.was.is_none() {
                    continue;
                }
                news += 1;
            }
            told.push(finding);
        }
        show(&told, regions, arguments.json, out)?;
        out.flush()?;
    }
    drop(looks);
    let is_compared = before.is_some();
    if let (Some(before), Some(path)) = (before, &arguments.changes) {
        let (gone, kept) = before.rest();
        for of_account in gone.chunk_by(|one, other| one.account == other.account) {
            show(of_account, 0, arguments.json, out)?;
        }
        news += gone.len();
        // What was not told is told again.
        out.flush()?;
        changes::keep(path, &(found + &kept))?;
    }
    if !arguments.json {
        let also = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
        let also = also(unknown, "cannot be told") + &also(inactive, "not active");
        let changes = if is_compared { format!("{news} changed; ") } else { String::new() };
        let journal = if is_journal_read { "" } else { "; the journal could not be read" };
        writeln!(out, "{changes}{checked} checked, {missing} not covered{also}{journal}")?;
    }
    if is_compared {
        return Ok(if news == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    Ok(match (missing, unknown) {
        (0, 0) if is_journal_read => ExitCode::SUCCESS,
        (0, _) => ExitCode::from(ERROR),
        _ => ExitCode::FAILURE,
    })
}

/// When something of each place was last written down. What is harmless is not.
async fn newest(arguments: &Arguments, accounts: &[Account]) -> Result<Newest> {
    Operator::at_work(&arguments.journal, async |operator| {
        let active = accounts.iter().filter(|account| account.inactive.is_none());
        let of_account = active.map(|account| async move {
            let wanted = Wanted { account: Some(account.id.clone()), ..Wanted::default() };
            operator.journal.history(&wanted, NEWEST).await
        });
        let found: Vec<_> = futures::stream::iter(of_account).buffered(AT_ONCE).try_collect().await?;
        let mut newest = Newest::new();
        for entry in found.into_iter().flat_map(|(entries, _)| entries).filter_map(|(_, entry)| entry.ok()) {
            let at = newest.entry((entry.subject.account, entry.subject.region)).or_insert(entry.event.time);
            *at = entry.event.time.max(*at);
        }
        Ok(newest)
    })
    .await
}

impl Arguments {
    /// The account of the credentials first, then the members that are meant.
    async fn accounts(&self, home: &Place) -> Result<Vec<Account>> {
        let all = if self.organization {
            Box::pin(organization::accounts(home)).await?
        } else {
            self.accounts.iter().map(|id| Account::named(id)).collect()
        };
        let (own, members): (Vec<_>, Vec<_>) = all.into_iter().partition(|account| account.id == home.account);
        let own = own.into_iter().next().unwrap_or_else(|| Account::named(&home.account));
        Ok([own].into_iter().chain(members).collect())
    }
}

/// What has to be done in the one account to which nothing is rolled out.
const BY_HAND: &str = "organization/member.yaml in the management account, where no StackSet deploys it: do it by hand, as step \
                       3 of organization/README.md says";

impl Coverage<'_> {
    /// What is found in an account: Region by Region, and in the account itself.
    async fn of(&self, account: &Account) -> Vec<Finding> {
        let Account { id: account, is_management, inactive } = account;
        if let Some(state) = inactive {
            return vec![Finding::inactive(account, state)];
        }
        let of_account = |gaps| Finding::new(account, None, gaps);
        let place = self.place(account).await;
        let regions = match &self.arguments.regions[..] {
            [] => place::regions(&place).await,
            given => Ok(given.to_vec()),
        };
        let regions = match regions {
            Ok(regions) => regions,
            Err(error) => {
                let mut gaps = Gaps::unknown(&error);
                if *is_management {
                    gaps.ask_by_hand(&[]);
                }
                return vec![of_account(gaps)];
            }
        };
        let selected = Selected::default();
        let looks = regions.iter().map(|region| self.in_region(place.in_region(region), &selected));
        let looks: Vec<(Finding, bool)> = futures::stream::iter(looks).buffered(AT_ONCE).collect().await;
        let is_member = *account != self.home.account || looks.iter().any(|(_, is_member)| *is_member);
        let mut findings: Vec<Finding> = looks.into_iter().map(|(finding, _)| finding).collect();
        let mut roles = if is_member { self.roles(&place).await } else { Gaps::default() };
        if *is_management {
            roles.ask_by_hand(&findings);
        }
        if is_member || !roles.is_empty() {
            findings.push(of_account(roles));
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
        let here = (place.account.clone(), place.region.clone());
        let newest_entry = self.newest.as_ref().and_then(|newest| newest.get(&here)).copied();
        let finding = Finding::new(&place.account, Some(place.region), gaps);
        (Finding { trails, deployed, newest_entry, is_journal_read: self.newest.is_some(), ..finding }, is_member)
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

    fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }

    /// Asks for what is done by hand in the management account, until it is seen to be done in each Region.
    fn ask_by_hand(&mut self, regions: &[Finding]) {
        let bare: Vec<&Finding> = regions.iter().filter(|finding| finding.deployed.is_none()).collect();
        if !self.missing.is_empty() || bare.iter().any(|finding| finding.gaps.unknown.is_empty()) {
            self.missing.push(BY_HAND.to_owned());
        } else if !self.unknown.is_empty() || !bare.is_empty() {
            self.unknown.push(format!("whether there is {BY_HAND}"));
        }
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
        Self {
            account,
            region,
            status,
            was: None,
            state: None,
            gaps,
            trails: vec![],
            deployed: None,
            newest_entry: None,
            is_journal_read: true,
        }
    }

    fn inactive(account: &str, state: &str) -> Self {
        let finding = Self::new(account, None, Gaps::default());
        Self { status: Status::Inactive, state: Some(state.to_owned()), ..finding }
    }

    /// Whether it says of its Region what the other says of another. When something was last written down there may differ.
    fn is_as(&self, other: &Self) -> bool {
        let is_as = |(one, other): (&Trail, &Trail)| one.is_as(other);
        (self.status, self.was, self.region.is_some()) == (other.status, other.was, other.region.is_some())
            && (&self.gaps, &self.deployed) == (&other.gaps, &other.deployed)
            && self.trails.len() == other.trails.len()
            && self.trails.iter().zip(&other.trails).all(is_as)
    }
}

/// What was found in an account, of which so many Regions were looked at. For people, what is the same in several Regions is
/// said once.
fn show(findings: &[Finding], regions: usize, json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        for finding in findings {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
        }
        return Ok(());
    }
    let mut alike: Vec<Vec<&Finding>> = vec![];
    for finding in findings {
        match alike.iter_mut().find(|others| others[0].is_as(finding)) {
            Some(others) => others.push(finding),
            None => alike.push(vec![finding]),
        }
    }
    for findings in alike {
        show_alike(&findings, regions, out)?;
    }
    Ok(())
}

fn show_alike(findings: &[&Finding], regions: usize, out: &mut impl Write) -> Result<()> {
    let Finding { account, region, status, was, state, gaps, trails, deployed, is_journal_read, .. } = findings[0];
    let names: Vec<&str> = findings.iter().filter_map(|finding| finding.region.as_deref()).collect();
    let part = match (names.len(), region) {
        (0, _) => state.as_deref().unwrap_or("roles in all Regions").to_owned(),
        (1, Some(region)) => region.clone(),
        (number, _) if number == regions => format!("all {number} Regions"),
        (number, _) => format!("{number} Regions: {}", names.join(", ")),
    };
    let was = match was {
        None => String::new(),
        Some(Status::Absent) => " (new)".to_owned(),
        Some(was) => format!(" (was {})", said(*was)),
    };
    writeln!(out, "{}: account {account}, {part}{was}", said(*status))?;
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
    if region.is_some() && *status != Status::Absent {
        let newest = findings.iter().filter_map(|finding| Some((finding.newest_entry?, finding.region.as_deref()?)));
        let newest = match newest.max() {
            Some((at, _)) if names.len() == 1 => format!("{at:.0}"),
            Some((at, region)) => format!("{at:.0}, of {region}"),
            None if *is_journal_read => "none yet".to_owned(),
            None => "not known".to_owned(),
        };
        line(format!("newest entry in the journal: {newest}"))?;
    }
    writeln!(out)?;
    Ok(())
}

fn said(status: Status) -> &'static str {
    match status {
        Status::Covered => "covered",
        Status::Missing => "not covered",
        Status::Unknown => "cannot be told",
        Status::Inactive => "not active",
        Status::Absent => "gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(deployed: Option<&str>, unknown: &[&str]) -> Finding {
        let unknown = unknown.iter().map(|&what| what.to_owned()).collect();
        let finding = Finding::new("555566667777", Some("us-east-1".to_owned()), Gaps { missing: vec![], unknown });
        Finding { deployed: deployed.map(str::to_owned), ..finding }
    }

    fn shown(findings: &[Finding], regions: usize) -> String {
        let mut out = vec![];
        show(findings, regions, false, &mut out).expect("it is shown");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn what_is_the_same_in_several_regions_is_said_once() {
        let at = |second| Some(Timestamp::from_second(second).expect("a time"));
        let of = |region: &str, missing: &[&str], newest_entry| {
            let missing = missing.iter().map(|&what| what.to_owned()).collect();
            let gaps = Gaps { missing, unknown: vec![] };
            let finding = Finding::new("555566667777", Some(region.to_owned()), gaps);
            Finding { newest_entry, ..finding }
        };
        let roles = Finding::new("555566667777", None, Gaps::default());
        let all = [of("eu-central-1", &[], at(1)), of("eu-west-1", &[], at(2)), of("us-east-1", &[], None), roles];
        let said = "covered: account 555566667777, all 3 Regions\n    newest entry in the journal: 1970-01-01T00:00:02Z, of \
                    eu-west-1\n\ncovered: account 555566667777, roles in all Regions\n\n";
        assert_eq!(shown(&all, 3), said);
        // Of more Regions than these, they are named; what differs stands by itself.
        let some = [of("eu-central-1", &["a"], None), of("eu-west-1", &["b"], at(2)), of("us-east-1", &["a"], None)];
        let said = shown(&some, 3);
        assert!(said.starts_with("not covered: account 555566667777, 2 Regions: eu-central-1, us-east-1\n"), "{said}");
        assert!(said.contains("account 555566667777, eu-west-1\n    missing: b\n"), "{said}");
        assert!(said.ends_with("newest entry in the journal: 1970-01-01T00:00:02Z\n\n"), "{said}");
    }

    #[test]
    fn what_is_done_by_hand_is_asked_for_until_it_is_seen() {
        let (forwarding, bare, unread) = (region(Some("a member"), &[]), region(None, &[]), region(None, &["denied"]));
        let asked = |missing: &[&str], unknown: &[&str], regions: &[Finding]| {
            let of = |what: &[&str]| what.iter().map(|&what| what.to_owned()).collect();
            let mut gaps = Gaps { missing: of(missing), unknown: of(unknown) };
            gaps.ask_by_hand(regions);
            (gaps.missing.len() - missing.len(), gaps.unknown.len() - unknown.len())
        };
        assert_eq!(asked(&[], &[], std::slice::from_ref(&forwarding)), (0, 0));
        assert_eq!(asked(&[], &[], &[forwarding, bare]), (1, 0));
        assert_eq!(asked(&[], &[], &[unread]), (0, 1));
        assert_eq!(asked(&[], &["denied"], &[]), (0, 1));
        assert_eq!(asked(&["a role"], &["denied"], &[]), (1, 0));
    }
}
