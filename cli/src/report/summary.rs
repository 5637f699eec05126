//! What a report says, whatever its form. All of it follows from what was read and from the moment of reading.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Serialize, Serializer};
use snapback::decision::{Decision, Severity};
use snapback::event::{Actor, Kind};
use snapback::journal::{Entry, Forged, Found, Hold, Outcome, Wanted};
use snapback::notice;

use crate::operator::{grants, what_can_be_done};

/// Holds that end within this are about to end.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// More columns than this are too thin to see: each is a week then, or several.
const MOST_COLUMNS: i32 = 62;

/// In the order in which people want to know.
const OUTCOMES: [Outcome; 10] = [
    Outcome::Reverted,
    Outcome::Closed,
    Outcome::Allowed,
    Outcome::Undone,
    Outcome::Held,
    Outcome::Asked,
    Outcome::WouldRevert,
    Outcome::Alerted,
    Outcome::Failed,
    Outcome::Pending,
];

/// What was read of the journal.
#[derive(Default)]
pub(super) struct Read {
    /// What was decided in the time of the report, newest first.
    pub(super) found: Vec<Found>,
    /// What was undone at any time.
    pub(super) undone: Vec<Found>,
    pub(super) holds: Vec<Hold>,
    pub(super) forged: Vec<Forged>,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
    /// What it is limited to, in words.
    pub(super) only: Vec<String>,
    #[serde(flatten)]
    pub(super) figures: Figures,
    pub(super) resources: usize,
    pub(super) by_severity: Vec<Group>,
    pub(super) by_control: Vec<Group>,
    pub(super) by_account: Vec<Group>,
    pub(super) by_region: Vec<Group>,
    pub(super) by_actor: Vec<Group>,
    pub(super) by_framework: Vec<Group>,
    /// What is still open, as far as the journal knows; the most severe first.
    pub(super) open: Vec<Open>,
    /// Holds that are in force; the one that ends first comes first.
    pub(super) holds: Vec<Held>,
    /// What stands in the journal and is not counted; what is forged comes first.
    pub(super) ignored: Vec<Ignored>,
    #[serde(skip)]
    pub(super) columns: Vec<Column>,
    /// Newest first.
    #[serde(skip)]
    pub(super) rows: Vec<Row>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Figures {
    pub(super) decisions: usize,
    pub(super) outcomes: Outcomes,
    /// Nothing if of none it is known how long it was open.
    pub(super) seconds_open: Option<Times>,
}

/// How often each came, without those that did not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcomes(pub(super) Vec<(Outcome, usize)>);

/// By nearest rank: in half of all cases it was over after the median at the latest, in nine of ten after the percentile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Times {
    pub(super) known: usize,
    pub(super) median: i64,
    pub(super) percentile_90: i64,
    pub(super) longest: i64,
}

#[derive(Debug, Serialize)]
pub(super) struct Group {
    pub(super) name: String,
    /// What the name means, where it does not say that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) title: Option<String>,
    #[serde(flatten)]
    pub(super) figures: Figures,
}

/// The same thing on the same resource once, however often it was decided about.
#[derive(Debug, Serialize)]
pub(super) struct Open {
    /// The newest.
    pub(super) entry: String,
    pub(super) outcome: Outcome,
    pub(super) severity: Option<Severity>,
    pub(super) control: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) resource: String,
    /// Kind and name of the resource.
    pub(super) name: String,
    pub(super) since: Timestamp,
    pub(super) times: usize,
    /// In words for people, who cannot read a statement in JSON at a glance.
    pub(super) what: Vec<String>,
    /// What the revert of it would take, or what is left, each by its exact name.
    pub(super) grants: Vec<String>,
    pub(super) next: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Held {
    #[serde(flatten)]
    pub(super) hold: Hold,
    pub(super) ends_soon: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Ignored {
    /// Whether somebody has written it who could not seal it. Otherwise it could not be read.
    pub(super) is_forged: bool,
    /// The id of the entry, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entry: Option<String>,
    pub(super) why: String,
}

/// One decision.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) entry: String,
    pub(super) decided_at: Timestamp,
    pub(super) outcome: Outcome,
    pub(super) severity: Option<Severity>,
    pub(super) control: String,
    pub(super) title: String,
    pub(super) frameworks: &'static [&'static str],
    pub(super) account: String,
    pub(super) region: String,
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) resource: String,
    pub(super) actor: String,
    pub(super) call: String,
    pub(super) called_at: Timestamp,
    pub(super) seconds_open: Option<i64>,
    pub(super) why: String,
    grants: Vec<String>,
    left: Vec<String>,
    reverted_at: Option<Timestamp>,
    next: String,
}

/// What was decided in a day, or in some.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) outcomes: Outcomes,
}

impl Report {
    pub(super) fn of(read: Read, wanted: &Wanted, until: Timestamp) -> Self {
        let Read { found, undone, holds, forged } = read;
        let (mut rows, mut ignored, mut seen) = (vec![], BTreeSet::new(), BTreeSet::new());
        ignored.extend(forged.into_iter().map(|forged| Ignored::of(None, &forged.into())));
        for (id, entry) in found {
            match entry {
                Ok(entry) => {
                    // What was forged in its place was not believed either.
                    let aside =
                        entry.forged.iter().map(|why| Ignored { is_forged: true, entry: None, why: why.clone() });
                    ignored.extend(aside);
                    rows.push(Row::of(&entry));
                }
                Err(error) => {
                    ignored.insert(Ignored::of(Some(&id), &error));
                }
            }
            seen.insert(id);
        }
        let elsewhere = undone.iter().filter(|(id, _)| !seen.contains(id));
        ignored.extend(elsewhere.filter_map(|(id, entry)| Some(Ignored::of(Some(id), entry.as_ref().err()?))));
        let since = wanted.since.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut by_severity = grouped(&rows, |row| vec![(in_words(row.severity), None)]);
        let severity_of =
            |name: &str| rows.iter().find(|row| in_words(row.severity) == name).and_then(|row| row.severity);
        by_severity.sort_by_key(|group| std::cmp::Reverse(severity_of(&group.name)));
        let mut by_framework = grouped(&rows, |row| row.frameworks.iter().map(|id| ((*id).to_owned(), None)).collect());
        by_framework.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            since,
            until,
            only: only(wanted),
            figures: Figures::of(rows.iter()),
            resources: rows.iter().map(|row| &row.resource).collect::<BTreeSet<_>>().len(),
            by_severity,
            by_control: grouped(&rows, |row| vec![(row.control.clone(), Some(row.title.clone()))]),
            by_account: grouped(&rows, |row| vec![(row.account.clone(), None)]),
            by_region: grouped(&rows, |row| vec![(row.region.clone(), None)]),
            by_actor: grouped(&rows, |row| vec![(row.actor.clone(), None)]),
            by_framework,
            open: open(&rows),
            holds: held(holds, until),
            ignored: ignored.into_iter().rev().collect(),
            columns: columns(&rows, since, until),
            rows,
        }
    }

    /// All of it in one.
    pub(super) fn sentence(&self) -> String {
        if self.rows.is_empty() {
            let kind = if self.only.is_empty() { "" } else { " of this kind" };
            if !self.ignored.is_empty() {
                return format!("No entry{kind} since {} could be counted.", minute(self.since));
            }
            return format!("The journal has no entries{kind} since {}.", minute(self.since));
        }
        format!(
            "{} about {} in {} and {}, by {}.",
            number(self.figures.decisions, "decision"),
            number(self.resources, "resource"),
            number(self.by_account.len(), "account"),
            number(self.by_region.len(), "Region"),
            number(self.by_actor.len(), "actor"),
        )
    }

    pub(super) fn ignored_in_words(&self) -> String {
        let forged = self.ignored.iter().filter(|ignored| ignored.is_forged).count();
        let all = [(forged, "forged record"), (self.ignored.len() - forged, "unreadable record")];
        let all = all.iter().filter(|(count, _)| *count > 0);
        let all: Vec<_> = all.map(|(count, what)| number(*count, what)).collect();
        format!("{} in the journal", all.join(" and "))
    }

    /// Everything that is counted by something, with what it is counted by.
    pub(super) fn groups(&self) -> [(&'static str, &[Group]); 6] {
        [
            ("severity", &self.by_severity),
            ("control", &self.by_control),
            ("account", &self.by_account),
            ("Region", &self.by_region),
            ("actor", &self.by_actor),
            ("framework", &self.by_framework),
        ]
    }
}

impl Figures {
    fn of<'r>(rows: impl Iterator<Item = &'r Row> + Clone) -> Self {
        let outcomes = Outcomes::of(rows.clone().map(|row| row.outcome));
        Self {
            decisions: outcomes.0.iter().map(|(_, count)| count).sum(),
            outcomes,
            seconds_open: Times::of(rows.filter_map(|row| row.seconds_open).collect()),
        }
    }
}

impl Outcomes {
    fn of(outcomes: impl Iterator<Item = Outcome> + Clone) -> Self {
        let counted = OUTCOMES.map(|outcome| (outcome, outcomes.clone().filter(|other| *other == outcome).count()));
        Self(counted.into_iter().filter(|(_, count)| *count > 0).collect())
    }

    pub(super) fn in_words(&self) -> String {
        self.0.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect::<Vec<_>>().join(", ")
    }
}

impl Serialize for Outcomes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(outcome, count)| (outcome, count)))
    }
}

impl Times {
    fn of(mut seconds: Vec<i64>) -> Option<Self> {
        seconds.sort_unstable();
        let at = |percent: usize| Some(*seconds.get((seconds.len() * percent).div_ceil(100).checked_sub(1)?)?);
        Some(Self { known: seconds.len(), median: at(50)?, percentile_90: at(90)?, longest: at(100)? })
    }
}

impl Ignored {
    fn of(id: Option<&String>, error: &anyhow::Error) -> Self {
        Self { is_forged: error.is::<Forged>(), entry: id.cloned(), why: format!("{error:#}") }
    }
}

impl Row {
    fn of(entry: &Entry) -> Self {
        let Entry { id, control, title, subject, event, decision, decided_at, outcome, reverted_at, .. } = entry;
        let of_now = functions::controls().find(|known| known.about.id == control);
        let left = if let Decision::Revert { left, .. } = decision { left.clone() } else { vec![] };
        // A write that has not shown, or not yet, has closed nothing.
        let is_over = matches!(outcome, Outcome::Reverted | Outcome::Undone | Outcome::Closed);
        Self {
            entry: id.clone(),
            decided_at: *decided_at,
            outcome: *outcome,
            severity: entry.severity(),
            control: control.clone(),
            title: title.clone(),
            frameworks: of_now.map_or(&[], |control| control.about.frameworks),
            account: subject.account.clone(),
            region: subject.region.clone(),
            kind: subject.kind.clone(),
            name: subject.name.clone(),
            resource: subject.arn.clone(),
            actor: if event.kind == Kind::Look { "a scheduled check".to_owned() } else { who(&event.actor) },
            call: event.name.clone(),
            called_at: event.time,
            seconds_open: notice::seconds_open(entry).filter(|_| is_over),
            why: decision.why().to_owned(),
            grants: grants(entry).to_vec(),
            left,
            reverted_at: *reverted_at,
            next: what_can_be_done(entry),
        }
    }

    /// What it leaves to people, if it does: what is open, by which names, and what to do about it.
    fn leaves(&self) -> Option<(Vec<String>, &[String], &str)> {
        match self.outcome {
            Outcome::Asked | Outcome::WouldRevert | Outcome::Failed | Outcome::Pending => {
                Some((vec![self.why.clone()], &self.grants, &self.next))
            }
            Outcome::Reverted if !self.left.is_empty() => {
                let next = "The rest is reverted. Judge what is left, and close it by hand.";
                Some((self.left.clone(), &self.left, next))
            }
            _ => None,
        }
    }

    /// Whether another entry has later taken all that this one is about. What has no name is not known to be taken.
    fn is_settled_by(&self, others: &[&Self]) -> bool {
        let is_later = |other: &&&Self| {
            matches!(other.outcome, Outcome::Reverted | Outcome::Undone)
                && other.reverted_at.is_some_and(|at| at >= self.decided_at)
        };
        let taken: BTreeSet<&String> = others.iter().filter(is_later).flat_map(|other| &other.grants).collect();
        self.outcome != Outcome::Reverted
            && !self.grants.is_empty()
            && self.grants.iter().all(|grant| taken.contains(grant))
    }
}

/// Who is behind a call. What a role's session is called is the caller's choice, so a role counts as one.
fn who(actor: &Actor) -> String {
    let name = match (actor.kind.as_str(), &actor.name) {
        ("AssumedRole", Some(name)) => format!("role `{name}`"),
        _ => actor.to_string(),
    };
    match &actor.account {
        Some(account) if !name.contains(account.as_str()) => format!("{name} of account {account}"),
        _ => name,
    }
}

fn only(Wanted { account, resource, control, .. }: &Wanted) -> Vec<String> {
    let all = [("account", account), ("resource", resource), ("control", control)];
    all.into_iter().filter_map(|(what, which)| Some(format!("{what} {}", which.as_ref()?))).collect()
}

fn in_words(severity: Option<Severity>) -> String {
    severity.map_or("none".to_owned(), |severity| severity.to_string())
}

/// The largest first.
fn grouped(rows: &[Row], by: impl Fn(&Row) -> Vec<(String, Option<String>)>) -> Vec<Group> {
    let mut groups: BTreeMap<String, (Option<String>, Vec<&Row>)> = BTreeMap::new();
    for row in rows {
        for (name, title) in by(row) {
            groups.entry(name).or_insert_with(|| (title, vec![])).1.push(row);
        }
    }
    let group =
        |(name, (title, rows)): (_, (_, Vec<&Row>))| Group { name, title, figures: Figures::of(rows.into_iter()) };
    let mut groups: Vec<Group> = groups.into_iter().map(group).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.figures.decisions));
    groups
}

fn open(rows: &[Row]) -> Vec<Open> {
    let mut of_resource: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        of_resource.entry((&row.control, &row.resource)).or_default().push(row);
    }
    let mut all: Vec<Open> = vec![];
    for rows in of_resource.values() {
        let mut of_this: Vec<Open> = vec![];
        for row in rows.iter().filter(|row| !row.is_settled_by(rows)) {
            let Some((what, grants, next)) = row.leaves() else { continue };
            let is_same = |open: &&mut Open| open.grants == grants && (!grants.is_empty() || open.what == what);
            if let Some(same) = of_this.iter_mut().find(is_same) {
                (same.times, same.since) = (same.times + 1, same.since.min(row.called_at));
                continue;
            }
            of_this.push(Open {
                entry: row.entry.clone(),
                outcome: row.outcome,
                severity: row.severity,
                control: row.control.clone(),
                account: row.account.clone(),
                region: row.region.clone(),
                resource: row.resource.clone(),
                name: format!("{} {}", row.kind, row.name),
                since: row.called_at,
                times: 1,
                what,
                grants: grants.to_vec(),
                next: next.to_owned(),
            });
        }
        all.extend(of_this);
    }
    all.sort_by(|one, other| (other.severity, one.since, &one.entry).cmp(&(one.severity, other.since, &other.entry)));
    all
}

fn held(mut holds: Vec<Hold>, now: Timestamp) -> Vec<Held> {
    holds.sort_by(|one, other| {
        (one.until, &one.resource, &one.grant, &one.control).cmp(&(
            other.until,
            &other.resource,
            &other.grant,
            &other.control,
        ))
    });
    holds.into_iter().map(|hold| Held { ends_soon: hold.until <= now + SOON, hold }).collect()
}

/// Each day has its column, or if they are many, each some weeks.
fn columns(rows: &[Row], since: Timestamp, until: Timestamp) -> Vec<Column> {
    let (mut first, end) = (day(since), day(until));
    let days = (end - first).get_days() + 1;
    let wide = if days <= MOST_COLUMNS { 1 } else { 7 * ((days - 1) / (7 * MOST_COLUMNS) + 1) };
    let mut columns = vec![];
    while first <= end {
        let next = first.saturating_add(wide.days());
        let is_in = |row: &&Row| (first..next).contains(&day(row.decided_at));
        let outcomes: Vec<Outcome> = rows.iter().filter(is_in).map(|row| row.outcome).collect();
        let last = next.saturating_sub(1.day()).min(end);
        columns.push(Column { first, last, outcomes: Outcomes::of(outcomes.into_iter()) });
        first = next;
    }
    columns
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// A time as people read it.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something was, as people say it.
pub(super) fn long(seconds: i64) -> String {
    const UNITS: [(i64, &str); 3] = [(24 * 3600, "d"), (3600, "h"), (60, "min")];
    let unit = UNITS.iter().find(|(length, _)| seconds >= 2 * length);
    unit.map_or(format!("{seconds} s"), |(length, unit)| format!("{} {unit}", seconds / length))
}

pub(super) fn number(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::super::scene::{NOW, entry, found, report, with};
    use super::*;
    use serde_json::json;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let of = |seconds: &[i64]| {
            Times::of(seconds.to_vec()).map(|times| (times.median, times.percentile_90, times.longest))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some((7, 7, 7)));
        assert_eq!(of(&[9, 1]), Some((1, 9, 9)));
        assert_eq!(of(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), Some((5, 9, 10)));
        assert_eq!(of(&(1..=11).collect::<Vec<_>>()), Some((6, 10, 11)));
    }

    #[test]
    fn what_was_written_and_has_not_shown_has_closed_nothing() {
        let timed = |outcome: &str| {
            let reverted_at = json!({"reverted_at": "2026-11-30T11:00:09Z", "event": {"time": "2026-11-30T11:00:00Z"}});
            let read = Read { found: vec![found(with(entry("a", outcome, NOW), reverted_at))], ..Read::default() };
            let figures = Report::of(read, &Wanted::default(), NOW.parse().expect("a time")).figures;
            figures.seconds_open.map(|times| times.longest)
        };
        assert_eq!([timed("reverted"), timed("failed"), timed("pending")], [Some(9), None, None]);
    }

    #[test]
    fn everything_is_counted_once_in_each_table_but_frameworks() {
        let report = report();
        for (by, groups) in report.groups().into_iter().filter(|(by, _)| *by != "framework") {
            let counted: usize = groups.iter().map(|group| group.figures.decisions).sum();
            assert_eq!(counted, report.figures.decisions, "by {by}");
        }
        let counted: usize = report.columns.iter().flat_map(|column| &column.outcomes.0).map(|(_, count)| count).sum();
        assert_eq!(counted, report.figures.decisions);
        assert_eq!(report.columns.len(), 31);
        let names: Vec<&str> = report.by_severity.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["critical", "high", "low", "none"]);
    }

    #[test]
    fn a_year_has_as_many_columns_as_can_be_seen_and_counts_all() {
        let wanted = Wanted { since: Some("2025-11-30T12:00:00Z".parse().expect("a time")), ..Wanted::default() };
        let read = Read { found: vec![found(entry("a", "reverted", "2025-11-30T12:00:00Z"))], ..Read::default() };
        let columns = Report::of(read, &wanted, NOW.parse().expect("a time")).columns;
        assert!(columns.len() <= 62, "{}", columns.len());
        assert_eq!(columns[0].outcomes.in_words(), "1 reverted");
        assert_eq!(columns.last().map(|column| column.last.to_string()).as_deref(), Some("2026-11-30"));
    }

    #[test]
    fn a_role_is_one_actor_whatever_its_sessions_are_called() {
        let by = |session: &str| {
            let actor = json!({"kind": "AssumedRole", "name": "deploy", "session": session, "account": "111122223333",
                "mfa": false, "console": false});
            found(with(entry(session, "alerted", NOW), json!({"event": {"actor": actor}})))
        };
        let read = Read { found: vec![by("monday"), by("tuesday")], ..Read::default() };
        let [group] = &Report::of(read, &Wanted::default(), NOW.parse().expect("a time")).by_actor[..] else {
            panic!("not one actor")
        };
        assert_eq!((group.name.as_str(), group.figures.decisions), ("role `deploy` of account 111122223333", 2));
    }

    fn left_open(entries: Vec<serde_json::Value>) -> Vec<(String, usize)> {
        let read = Read { found: entries.into_iter().map(found).collect(), ..Read::default() };
        let open = Report::of(read, &Wanted::default(), NOW.parse().expect("a time")).open;
        open.into_iter().map(|open| (open.entry, open.times)).collect()
    }

    fn of_grant(id: &str, outcome: &str, at: &str, grant: &str) -> serde_json::Value {
        with(entry(id, outcome, at), json!({"decision": {"grants": [grant]}}))
    }

    #[test]
    fn what_a_later_revert_took_is_not_open_any_more() {
        let asked = || of_grant("asked", "asked", "2026-11-20T10:00:00Z", "a grant");
        let reverted = |at, grant| of_grant("reverted", "reverted", at, grant);
        assert_eq!(left_open(vec![asked()]), [("asked".to_owned(), 1)]);
        assert!(left_open(vec![reverted("2026-11-21T10:00:00Z", "a grant"), asked()]).is_empty());
        assert_eq!(left_open(vec![reverted("2026-11-21T10:00:00Z", "another"), asked()]).len(), 1);
        assert_eq!(left_open(vec![asked(), reverted("2026-11-19T10:00:00Z", "a grant")]).len(), 1);
        // The older of two that asked for the same was applied later.
        let applied = json!({"reverted_at": "2026-11-22T10:00:00Z"});
        assert!(left_open(vec![asked(), with(reverted("2026-11-19T10:00:00Z", "a grant"), applied)]).is_empty());
        // What has no name is not known to be the same.
        let unnamed =
            |outcome| with(of_grant("x", outcome, "2026-11-20T10:00:00Z", ""), json!({"decision": {"grants": []}}));
        assert_eq!(left_open(vec![unnamed("reverted"), unnamed("failed")]).len(), 1);
    }

    #[test]
    fn what_keeps_coming_back_is_listed_once_and_what_a_revert_has_left_is_listed() {
        let again = ["2026-11-20T10:00:00Z", "2026-11-21T10:00:00Z"].map(|at| of_grant(at, "asked", at, "a grant"));
        let [older, newer] = again;
        assert_eq!(left_open(vec![newer, older]), [("2026-11-21T10:00:00Z".to_owned(), 2)]);
        let left =
            with(entry("left", "reverted", NOW), json!({"decision": {"left": ["a statement with a condition"]}}));
        assert_eq!(left_open(vec![left]), [("left".to_owned(), 1)]);
        assert!(left_open(vec![entry("alerted", "alerted", NOW), entry("undone", "undone", NOW)]).is_empty());
    }

    #[test]
    fn a_hold_that_ends_within_a_week_ends_soon() {
        let report = report();
        let holds: Vec<(&str, bool)> =
            report.holds.iter().map(|held| (held.hold.grant.as_str(), held.ends_soon)).collect();
        assert_eq!(holds, [("the statement `partner`", true), ("tcp/22 from 203.0.113.0/24", false)]);
    }

    #[test]
    fn how_long_is_said_in_one_unit() {
        let said = [0, 119, 120, 7199, 7200, 172_799, 172_800].map(long);
        assert_eq!(said, ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 d"]);
    }
}
