//! `snapback coverage`: whether Snapback would hear of what happens, account by account and Region by Region.

mod changes;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::builder::NonEmptyStringValueParser;
use coverage::{Account, Coverage, Finding, Status, alike, part};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use snapback::journal::Wanted;
use snapback::place::Place;

use self::changes::Before;
use crate::caller::Caller;
use crate::choices::{account, region};
use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::trouble::{self, ERROR};

/// How many accounts are looked at side by side: AWS's limits are each account's own.
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

/// The newest entry of the journal for each account and Region.
type Newest = BTreeMap<(String, String), Timestamp>;

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
    let coverage = Coverage {
        home,
        stack: arguments.journal.stack().to_owned(),
        member_role: arguments.member_role.clone(),
        regions: arguments.regions.clone(),
    };
    let (mut checked, mut missing, mut unknown, mut inactive, mut news) = (0, 0, 0, 0, 0);
    let mut found = String::new();
    let mut looks =
        futures::stream::iter(accounts.iter().map(|account| Box::pin(coverage.of(account)))).buffered(AT_ONCE);
    while let Some(findings) = looks.next().await {
        let (regions, mut told) = (findings.iter().filter(|finding| finding.region.is_some()).count(), vec![]);
        for mut finding in findings {
            finding.newest_entry = newest
                .as_ref()
                .and_then(|newest| newest.get(&(finding.account.clone(), finding.region.clone()?)).copied());
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
        show(&told, regions, is_journal_read, arguments.json, out)?;
        out.flush()?;
    }
    drop(looks);
    let is_compared = before.is_some();
    if let (Some(before), Some(path)) = (before, &arguments.changes) {
        let (gone, kept) = before.rest();
        for of_account in gone.chunk_by(|one, other| one.account == other.account) {
            show(of_account, 0, is_journal_read, arguments.json, out)?;
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
            Box::pin(coverage::accounts(home)).await.map_err(|error| with_advice(error, home))?
        } else {
            self.accounts.iter().map(|id| Account::named(id)).collect()
        };
        let (own, members): (Vec<_>, Vec<_>) = all.into_iter().partition(|account| account.id == home.account);
        let own = own.into_iter().next().unwrap_or_else(|| Account::named(&home.account));
        Ok([own].into_iter().chain(members).collect())
    }
}

fn with_advice(error: Error, place: &Place) -> Error {
    let account = &place.account;
    match trouble::code(&error) {
        Some("AccessDeniedException") => trouble::advice(
            &format!("account {account}, or your credentials there, may not list the accounts of the organization"),
            "The organization's management account has to let it: organization/README.md tells how under `Letting an \
             account ask`. Your credentials need `organizations:ListAccounts` as well, as in docs/operator-policy-members.json.",
            &error,
        ),
        Some("AWSOrganizationsNotInUseException") => trouble::advice(
            &format!("account {account} is in no organization"),
            "Leave out --organization, or use credentials of the hub's account.",
            &error,
        ),
        _ => trouble::with_advice(error, &place.config),
    }
}

/// What was found in an account, of which so many Regions were looked at. For people, what is the same in several Regions is
/// said once.
fn show(findings: &[Finding], regions: usize, is_journal_read: bool, json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        for finding in findings {
            writeln!(out, "{}", serde_json::to_string(finding)?)?;
        }
        return Ok(());
    }
    for findings in alike(findings, Finding::is_as) {
        show_alike(&findings, regions, is_journal_read, out)?;
    }
    Ok(())
}

fn show_alike(findings: &[&Finding], regions: usize, is_journal_read: bool, out: &mut impl Write) -> Result<()> {
    let Finding { account, region, status, was, gaps, trails, deployed, .. } = findings[0];
    let was = match was {
        None => String::new(),
        Some(Status::Absent) => " (new)".to_owned(),
        Some(was) => format!(" (was {})", was.said()),
    };
    writeln!(out, "{}: account {account}, {}{was}", status.said(), part(findings, regions))?;
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
            Some((at, _)) if findings.len() == 1 => format!("{at:.0}"),
            Some((at, region)) => format!("{at:.0}, of {region}"),
            None if is_journal_read => "none yet".to_owned(),
            None => "not known".to_owned(),
        };
        line(format!("newest entry in the journal: {newest}"))?;
    }
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use coverage::Gaps;

    use super::*;

    fn shown(findings: &[Finding], regions: usize) -> String {
        let mut out = vec![];
        show(findings, regions, true, false, &mut out).expect("it is shown");
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
}
