//! What an earlier run has found, kept in a file for the next.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use coverage::{At, Finding, Gaps, Seen, Status};
use serde::Deserialize;

/// What an earlier run has found, with the lines that were kept of it.
#[derive(Default)]
pub(super) struct Before {
    before: coverage::Before,
    lines: BTreeMap<At, String>,
}

/// What of a line is compared.
#[derive(Deserialize)]
struct Found {
    account: String,
    region: Option<String>,
    status: Status,
    state: Option<String>,
    #[serde(flatten)]
    gaps: Gaps,
}

impl Before {
    /// Reads what an earlier run has kept; without the file there was none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("reading {}", path.display()))?,
        };
        let (mut seen, mut lines) = (vec![], BTreeMap::new());
        for line in text.lines() {
            let found: Result<Found, _> = serde_json::from_str(line);
            let found = found.with_context(|| format!("{} is not what an earlier run has kept", path.display()))?;
            let Found { account, region, status, state, gaps } = found;
            seen.push(((account.clone(), region.clone()), Seen::of(status, state.as_deref(), &gaps)));
            lines.insert((account, region), format!("{line}\n"));
        }
        Ok(Self { before: coverage::Before::new(seen), lines })
    }

    /// What was found in the same place, if it is something else now.
    pub(super) fn other_than(&mut self, now: &Finding) -> Option<Status> {
        self.before.other_than(now)
    }

    /// The places that have not been found again; and what is kept of those of which nothing could be told this time.
    pub(super) fn rest(self) -> (Vec<Finding>, String) {
        let (gone, kept) = self.before.rest();
        (gone, kept.keys().filter_map(|at| self.lines.get(at)).map(String::as_str).collect())
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

    #[test]
    fn what_was_kept_in_the_file_is_compared_and_stays_where_nothing_can_be_told() {
        let path = env::temp_dir().join(format!("snapback-changes-{}.jsonl", process::id()));
        let finding = |region: Option<&str>, missing: &[&str], unknown: &[&str]| {
            let of = |what: &[&str]| what.iter().map(|&what| what.to_owned()).collect();
            let gaps = Gaps { missing: of(missing), unknown: of(unknown) };
            Finding::new("222233334444", region.map(str::to_owned), gaps)
        };
        let mut first = Before::read(&path).expect("there was no earlier run");
        assert_eq!(first.other_than(&finding(Some("us-east-1"), &[], &[])), Some(Status::Absent));
        let line = |finding: &Finding| serde_json::to_string(finding).expect("JSON") + "\n";
        let (broken, whole) = (finding(Some("us-east-1"), &["no trail"], &[]), finding(Some("us-west-2"), &[], &[]));
        keep(&path, &(line(&broken) + &line(&whole))).expect("it is kept");
        let mut second = Before::read(&path).expect("what was kept");
        assert_eq!(second.other_than(&broken), None);
        assert_eq!(second.rest().0.len(), 1);
        let mut third = Before::read(&path).expect("what was kept");
        fs::remove_file(&path).expect("it is gone");
        assert_eq!(third.other_than(&finding(None, &[], &["denied"])), Some(Status::Absent));
        let (gone, kept) = third.rest();
        assert_eq!((gone.len(), kept), (0, line(&broken) + &line(&whole)));
    }
}
