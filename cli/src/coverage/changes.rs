//! What has changed since an earlier run, so that nobody has to read each day what was so the day before.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Finding, Gaps, Status};

/// What an earlier run has found, place by place, as far as it has not been asked for yet.
#[derive(Default)]
pub(super) struct Before {
    found: BTreeMap<(String, Option<String>), Found>,
    /// The accounts that have been asked for, and what they were by themselves where nothing is known of their Regions.
    accounts: BTreeMap<String, Option<Status>>,
}

/// What of a finding is compared: what opens no gap may change, and so may the words for why something cannot be told.
#[derive(Debug, Deserialize)]
struct Found {
    account: String,
    region: Option<String>,
    status: Status,
    state: Option<String>,
    #[serde(flatten)]
    gaps: Gaps,
    /// As it was kept.
    #[serde(skip)]
    line: String,
}

impl Before {
    /// Reads what an earlier run has kept; without the file there was none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        let found = text.lines().map(|line| {
            let found = Found { line: format!("{line}\n"), ..serde_json::from_str(line)? };
            Ok(((found.account.clone(), found.region.clone()), found))
        });
        let found: Result<_> = found.collect();
        let found = found.with_context(|| format!("{} is not what an earlier run has kept", path.display()))?;
        Ok(Self { found, ..Self::default() })
    }

    /// What was found in the same place, if it is something else now.
    pub(super) fn other_than(&mut self, now: &Finding) -> Option<Status> {
        let alone = self.accounts.entry(now.account.clone()).or_insert(Some(now.status));
        if now.region.is_some() {
            *alone = None;
        }
        let Some(was) = self.found.remove(&(now.account.clone(), now.region.clone())) else {
            return Some(Status::Absent);
        };
        let can_be_told = |gaps: &Gaps| gaps.unknown.is_empty();
        let is_same = (was.status, &was.state, &was.gaps.missing) == (now.status, &now.state, &now.gaps.missing)
            && can_be_told(&was.gaps) == can_be_told(&now.gaps);
        (!is_same).then_some(was.status)
    }

    /// The places that have not been found again; and what is kept of those of which nothing could be told this time.
    pub(super) fn rest(self) -> (Vec<Finding>, String) {
        let (mut gone, mut kept) = (vec![], String::new());
        for Found { account, region, status, line, .. } in self.found.into_values() {
            match self.accounts.get(&account) {
                Some(Some(Status::Unknown)) => kept += &line,
                // That says it all.
                Some(Some(Status::Inactive)) => {}
                _ => {
                    let finding = Finding::new(&account, region, Gaps::default());
                    gone.push(Finding { status: Status::Absent, was: Some(status), ..finding });
                }
            }
        }
        (gone, kept)
    }
}

/// Keeps what was found for the next run: all of it, or what was kept before stays.
pub(super) fn keep(path: &Path, lines: &str) -> Result<()> {
    let beside = path.with_added_extension("new");
    let kept = fs::write(&beside, lines).and_then(|()| fs::rename(&beside, path));
    kept.with_context(|| format!("keeping what was found in {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{env, process};

    use super::*;

    fn finding(region: &str, missing: &[&str]) -> Finding {
        let missing = missing.iter().map(|&what| what.to_owned()).collect();
        Finding::new("222233334444", Some(region.to_owned()), Gaps { missing, unknown: vec![] })
    }

    #[test]
    fn what_was_kept_is_compared_place_by_place() {
        let path = env::temp_dir().join(format!("snapback-changes-{}.jsonl", process::id()));
        let lines = |findings: &[Finding]| -> String {
            findings.iter().map(|one| serde_json::to_string(one).expect("JSON") + "\n").collect()
        };
        let mut first = Before::read(&path).expect("there was no earlier run");
        assert_eq!(first.other_than(&finding("us-east-1", &[])), Some(Status::Absent));
        let same = finding("us-east-1", &["no trail"]);
        let deployed = Some("stack `snapback`, with 60 rules".to_owned());
        keep(&path, &lines(&[Finding { deployed, ..same }, finding("us-west-2", &[]), finding("eu-west-1", &[])]))
            .expect("it is kept");
        let mut second = Before::read(&path).expect("what was kept");
        fs::remove_file(&path).expect("it is gone");
        assert_eq!(second.other_than(&finding("us-east-1", &["no trail"])), None);
        assert_eq!(second.other_than(&finding("us-west-2", &["no trail"])), Some(Status::Covered));
        assert_eq!(second.other_than(&finding("eu-central-1", &[])), Some(Status::Absent));
        let (gone, _) = second.rest();
        assert_eq!((gone.len(), gone[0].region.as_deref()), (1, Some("eu-west-1")));
        assert_eq!((gone[0].status, gone[0].was), (Status::Absent, Some(Status::Covered)));
    }

    fn before(findings: &[Finding]) -> Before {
        let mut before = Before::default();
        for finding in findings {
            let line = serde_json::to_string(finding).expect("JSON");
            let found = Found { line: line.clone(), ..serde_json::from_str(&line).expect("what was kept") };
            before.found.insert((finding.account.clone(), finding.region.clone()), found);
        }
        before
    }

    #[test]
    fn another_gap_in_the_same_place_is_a_change() {
        let mut before = before(&[finding("us-east-1", &["a rule"])]);
        assert_eq!(before.other_than(&finding("us-east-1", &["a role"])), Some(Status::Missing));
    }

    #[test]
    fn other_words_for_what_cannot_be_told_are_no_change() {
        let unknown = |why: &str| Gaps { missing: vec![], unknown: vec![why.to_owned()] };
        let of = |gaps| Finding::new("222233334444", Some("us-east-1".to_owned()), gaps);
        let mut before = before(&[of(unknown("denied to session 1"))]);
        assert_eq!(before.other_than(&of(unknown("denied to session 2"))), None);
    }

    #[test]
    fn where_nothing_can_be_told_of_the_regions_they_are_not_gone() {
        let account = |status| Finding { region: None, status, ..finding("", &[]) };
        for (status, gone, is_kept) in
            [(Status::Unknown, 0, true), (Status::Inactive, 0, false), (Status::Covered, 1, false)]
        {
            let mut before = before(&[account(Status::Covered), finding("us-east-1", &[])]);
            let _ = before.other_than(&account(status));
            if status == Status::Covered {
                let _ = before.other_than(&finding("us-west-2", &[]));
            }
            let (found, kept) = before.rest();
            assert_eq!((found.len(), kept.contains("us-east-1")), (gone, is_kept), "{status:?}");
        }
    }
}
