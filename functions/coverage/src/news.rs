//! What is new since the last look, and how people are told of it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};
use snapback::decision::Severity;
use snapback::notice::Notice;
use snapback::place::Place;
use snapback::plain::on_one_line;

use crate::changes::{Before, Seen};
use crate::finding::{Finding, Status, alike, part};
use crate::settings::{Guarded, Settings};

/// How many places, and how much of each, a notice names: `snapback coverage` says it all.
const MOST: usize = 40;
const MOST_GAPS: usize = 3;
const LONGEST_GAP: usize = 300;

/// What has become of what was found the last time.
#[derive(Debug)]
pub(crate) struct News {
    /// What was something else the last time, each with what it was. What is new and covered is no news.
    pub(crate) changed: Vec<Finding>,
    /// What is not covered, or cannot be told, as the last time.
    still: Vec<Finding>,
    /// How many were looked at, and of these are not covered, and cannot be told.
    counts: (usize, usize, usize),
    /// How many Regions of each account were looked at.
    regions: BTreeMap<String, usize>,
    /// What is to be remembered of each account.
    pub(crate) kept: BTreeMap<String, BTreeMap<String, Seen>>,
}

impl News {
    pub(crate) fn of(mut before: Before, findings: Vec<Finding>) -> Self {
        let mut news =
            Self { changed: vec![], still: vec![], counts: (0, 0, 0), regions: BTreeMap::new(), kept: BTreeMap::new() };
        for mut finding in findings {
            let seen = Seen::from(&finding);
            news.kept
                .entry(finding.account.clone())
                .or_default()
                .insert(finding.region.clone().unwrap_or_default(), seen);
            *news.regions.entry(finding.account.clone()).or_default() += usize::from(finding.region.is_some());
            let (checked, missing, unknown) = &mut news.counts;
            *checked += usize::from(finding.status != Status::Inactive);
            *missing += usize::from(finding.status == Status::Missing);
            *unknown += usize::from(finding.status == Status::Unknown);
            finding.was = before.other_than(&finding);
            let is_open = matches!(finding.status, Status::Missing | Status::Unknown);
            match finding.was {
                None if is_open => news.still.push(finding),
                Some(Status::Absent) if is_open => news.changed.push(finding),
                None | Some(Status::Absent) => {}
                Some(_) => news.changed.push(finding),
            }
        }
        let (gone, unseen) = before.rest();
        news.changed.extend(gone);
        for ((account, region), seen) in unseen {
            news.kept.entry(account).or_default().insert(region.unwrap_or_default(), seen);
        }
        news
    }

    /// How many were looked at, and how many of these are not covered, and how many cannot be told.
    pub(crate) fn counted(&self) -> (usize, usize, usize) {
        self.counts
    }

    /// Whether people are to know, if it is time or not to tell them again of what is as it was.
    pub(crate) fn is_worth_telling(&self, is_due: bool) -> bool {
        !self.changed.is_empty() || is_due && !self.still.is_empty()
    }

    fn severity(&self) -> Severity {
        let has = |status| self.changed.iter().any(|finding| finding.status == status);
        let is_a_reminder = self.changed.is_empty();
        if has(Status::Missing) || is_a_reminder && self.counts.1 > 0 {
            Severity::High
        } else if has(Status::Unknown) || is_a_reminder {
            Severity::Medium
        } else {
            Severity::Low
        }
    }

    /// What stands together in a notice, and under which words.
    fn chapters(&self) -> Vec<(&'static str, Vec<Vec<&Finding>>)> {
        let changed =
            |statuses: &[Status]| together(self.changed.iter().filter(|finding| statuses.contains(&finding.status)));
        let chapters = [
            ("Not covered, and new:", changed(&[Status::Missing])),
            ("Cannot be told any more:", changed(&[Status::Unknown])),
            ("Solved:", changed(&[Status::Covered])),
            ("Not active or not there any more:", changed(&[Status::Inactive, Status::Absent])),
            ("As the last time:", together(&self.still)),
        ];
        chapters.into_iter().filter(|(_, groups)| !groups.is_empty()).collect()
    }

    fn regions_of(&self, account: &str) -> usize {
        self.regions.get(account).copied().unwrap_or_default()
    }
}

fn together<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Vec<Vec<&'f Finding>> {
    alike(findings, |one, other| {
        (&one.account, one.status, one.was, &one.state, &one.gaps, one.region.is_some())
            == (&other.account, other.status, other.was, &other.state, &other.gaps, other.region.is_some())
    })
}

/// What people are told.
pub(crate) fn notice_of(news: &News, forged: &[String], home: &Place, settings: &Settings) -> Notice {
    let severity = if forged.is_empty() { news.severity() } else { Severity::Critical };
    let (checked, missing, unknown) = news.counts;
    let number = |status| news.changed.iter().filter(|finding| finding.status == status).count();
    let (new, solved) = (number(Status::Missing), number(Status::Covered));
    let also = if unknown == 0 { String::new() } else { format!(", {unknown} cannot be told") };
    let subject = format!("Snapback coverage [{severity}]: {missing} not covered ({new} new, {solved} solved){also}");
    let mut text = format!(
        "{}: of {checked} places, which are accounts and their Regions, {missing} are not covered{also}. {new} of these are new, \
         and {solved} were solved.\n\n\
         Where a place is not covered, Snapback does not hear of everything that happens there. It looks once a day, and has \
         touched nothing. This says it all:\n    {}\n",
        severity.to_string().to_uppercase(),
        command(home, settings)
    );
    // Writing to a string cannot fail.
    for forged in forged {
        let _ =
            write!(text, "\nSECURITY: forged journal record ignored: {}. So all is told anew.\n", on_one_line(forged));
    }
    let mut listed = vec![];
    for (title, groups) in news.chapters() {
        let _ = write!(text, "\n{title}\n");
        let named = groups.len().min(MOST - listed.len());
        for group in &groups[..named] {
            text += &said(group, news.regions_of(&group[0].account));
            listed.push(machine_readable(group));
        }
        if groups.len() > named {
            let _ = write!(text, "\n... and {} more\n", groups.len() - named);
        }
    }
    let (account, region) = (&home.account, &home.region);
    Notice {
        subject,
        text,
        json: json!({
            "outcome": OUTCOME, "severity": severity, "account": account, "region": region,
            "checked": checked, "notCovered": missing, "cannotBeTold": unknown, "new": new, "solved": solved,
            "places": listed, "forged": forged.iter().collect::<BTreeSet<_>>(),
        }),
        attributes: vec![
            ("severity", severity.to_string()),
            ("account", account.clone()),
            ("region", region.clone()),
            ("outcome", OUTCOME.to_owned()),
        ],
    }
}

/// The outcome of a notice on coverage.
const OUTCOME: &str = "coverage";

fn command(home: &Place, settings: &Settings) -> String {
    let Settings { stack, guarded, regions, .. } = settings;
    let regions = match guarded {
        Guarded::Region => home.region.clone(),
        _ => regions.iter().cloned().collect::<Vec<_>>().join(","),
    };
    let regions = if regions.is_empty() { regions } else { format!(" --regions {regions}") };
    let members =
        if matches!(guarded, Guarded::Organization(_)) { " --organization --member-role SnapbackOperator" } else { "" };
    format!("snapback coverage --stack {stack} --region {}{regions}{members}", home.region)
}

/// A group of findings that are alike, as people read it.
fn said(group: &[&Finding], regions: usize) -> String {
    let Finding { account, status, was, gaps, .. } = group[0];
    let was = was.filter(|was| *was != Status::Absent).map(|was| format!(" (was {})", was.said())).unwrap_or_default();
    let part = if is_organization(account) {
        format!("organization {account}")
    } else {
        format!("account {account}, {}", part(group, regions))
    };
    let mut out = format!("\n{}: {part}{was}\n", status.said());
    for (word, gaps) in [("missing", &gaps.missing), ("cannot tell", &gaps.unknown)] {
        for gap in gaps.iter().take(MOST_GAPS) {
            let _ = writeln!(out, "    {word}: {}", cut(&on_one_line(gap)));
        }
        if gaps.len() > MOST_GAPS {
            let _ = writeln!(out, "    {word}: ... and {} more", gaps.len() - MOST_GAPS);
        }
    }
    out
}

fn is_organization(id: &str) -> bool {
    id.starts_with("o-")
}

fn machine_readable(group: &[&Finding]) -> Value {
    let Finding { account, status, was, state, gaps, .. } = group[0];
    let regions: Vec<&String> = group.iter().filter_map(|finding| finding.region.as_ref()).collect();
    let some = |gaps: &[String]| gaps.iter().take(MOST_GAPS).map(|gap| cut(gap)).collect::<Vec<_>>();
    json!({
        "account": account, "regions": regions, "status": status, "was": was, "state": state,
        "missing": some(&gaps.missing), "unknown": some(&gaps.unknown),
    })
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST_GAP {
        return text.to_owned();
    }
    text.chars().take(LONGEST_GAP).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use aws_config::{Region, SdkConfig};

    use crate::gaps::Gaps;

    use super::*;

    const ACCOUNT: &str = "222233334444";

    fn found(region: &str, missing: &[&str], unknown: &[&str]) -> Finding {
        let of = |what: &[&str]| what.iter().map(|&what| what.to_owned()).collect();
        let region = Some(region.to_owned()).filter(|region| !region.is_empty());
        Finding::new(ACCOUNT, region, Gaps { missing: of(missing), unknown: of(unknown) })
    }

    /// What is new on the second of two days.
    fn second_day(first: &[Finding], second: Vec<Finding>) -> News {
        News::of(Before::new(first.iter().map(|finding| (finding.at(), finding.into()))), second)
    }

    fn told(news: &News) -> Notice {
        let config = SdkConfig::builder().region(Region::new("eu-central-1")).build();
        let home = Place::new("111122223333", config);
        let settings = Settings {
            account: home.account.clone(),
            stack: "snapback".to_owned(),
            guarded: Guarded::Organization("o-exampleorgid".to_owned()),
            regions: BTreeSet::new(),
            journal: String::new(),
            journal_key: String::new(),
            operators_key: String::new(),
            topic: String::new(),
        };
        notice_of(news, &[], &home, &settings)
    }

    #[test]
    fn a_first_day_on_which_all_is_covered_and_a_day_like_the_one_before_are_silent() {
        let day = || vec![found("eu-west-1", &[], &[]), found("us-east-1", &[], &[]), found("", &[], &[])];
        assert!(!second_day(&[], day()).is_worth_telling(true));
        assert!(!second_day(&day(), day()).is_worth_telling(true));
        let mut joined = day();
        joined.push(found("us-west-2", &[], &[]));
        assert!(!second_day(&day(), joined).is_worth_telling(true), "what is new and covered is no news");
    }

    #[test]
    fn what_is_not_covered_is_told_at_once_then_only_when_it_is_due_and_again_when_it_is_solved() {
        let (whole, broken) = (found("eu-west-1", &[], &[]), found("eu-west-1", &["a rule"], &[]));
        let news = second_day(&[], vec![broken.clone()]);
        assert!(news.is_worth_telling(false), "on the first day");
        let news = second_day(std::slice::from_ref(&whole), vec![broken.clone()]);
        assert!(news.is_worth_telling(false));
        assert_eq!((news.severity(), news.changed[0].was), (Severity::High, Some(Status::Covered)));
        let news = second_day(std::slice::from_ref(&broken), vec![broken.clone()]);
        assert!(!news.is_worth_telling(false) && news.is_worth_telling(true));
        assert_eq!(news.severity(), Severity::High);
        let news = second_day(std::slice::from_ref(&broken), vec![whole]);
        assert!(news.is_worth_telling(false));
        assert_eq!(news.severity(), Severity::Low);
        let news = second_day(&[broken], vec![found("eu-west-1", &["a trail"], &[])]);
        assert!(news.is_worth_telling(false), "something else is missing");
    }

    #[test]
    fn a_place_that_is_gone_is_told_of_and_forgotten_and_one_that_cannot_be_told_is_kept() {
        let day = [found("eu-west-1", &[], &[]), found("us-east-1", &[], &[])];
        let news = second_day(&day, vec![day[0].clone()]);
        assert_eq!(news.changed.iter().map(|finding| finding.status).collect::<Vec<_>>(), [Status::Absent]);
        assert_eq!(news.kept[ACCOUNT].len(), 1);
        let news = second_day(&day, vec![found("", &[], &["denied"])]);
        assert_eq!((news.changed.len(), news.kept[ACCOUNT].len(), news.severity()), (1, 3, Severity::Medium));
        // The day after, all is as it was before, and only that it can be told again is news.
        let kept = news.kept[ACCOUNT].iter().map(|(region, seen)| {
            ((ACCOUNT.to_owned(), Some(region.clone()).filter(|region| !region.is_empty())), seen.clone())
        });
        let third = [day.to_vec(), vec![found("", &[], &[])]].concat();
        let news = News::of(Before::new(kept), third);
        assert_eq!(news.changed.iter().map(|finding| finding.was).collect::<Vec<_>>(), [Some(Status::Unknown)]);
    }

    #[test]
    fn a_notice_says_what_is_new_what_is_solved_and_what_is_as_it_was() {
        let first = [
            found("eu-west-1", &[], &[]),
            found("eu-west-2", &[], &[]),
            found("us-east-1", &["no trail"], &[]),
            found("us-west-2", &["a role"], &[]),
        ];
        let second = vec![
            found("eu-west-1", &["rule `a` is missing"], &[]),
            found("eu-west-2", &["rule `a` is missing"], &[]),
            found("us-east-1", &[], &[]),
            found("us-west-2", &["a role"], &[]),
        ];
        let notice = told(&second_day(&first, second));
        assert_eq!(notice.subject, "Snapback coverage [high]: 3 not covered (2 new, 1 solved)");
        let chapters: Vec<&str> = notice.text.split("\n\n").skip(2).collect();
        let account = format!("account {ACCOUNT}");
        assert_eq!(
            chapters,
            [
                "Not covered, and new:",
                &format!(
                    "not covered: {account}, 2 Regions: eu-west-1, eu-west-2 (was covered)\n    missing: rule `a` is missing"
                ),
                "Solved:",
                &format!("covered: {account}, us-east-1 (was not covered)"),
                "As the last time:",
                &format!("not covered: {account}, us-west-2\n    missing: a role\n"),
            ]
        );
        assert!(notice.text.contains("    snapback coverage --stack snapback --region eu-central-1 --organization"));
        assert_eq!((notice.json["new"].as_u64(), notice.json["places"].as_array().map(Vec::len)), (Some(2), Some(3)));
    }

    #[test]
    fn a_notice_fits_whatever_is_found() {
        let long = "x".repeat(10_000);
        let gaps: Vec<&str> = std::iter::repeat_n(long.as_str(), 100).collect();
        let places: Vec<Finding> = (0..500)
            .map(|number| Finding { account: format!("{number:012}"), ..found("eu-west-1", &gaps, &gaps) })
            .collect();
        let notice = told(&second_day(&[], places));
        assert!(notice.subject.is_ascii() && notice.subject.len() < 100, "{}", notice.subject);
        assert!(notice.text.len() + notice.json.to_string().len() < 250 * 1024);
        assert!(notice.text.contains("... and 460 more"));
    }
}
