//! What has changed since an earlier look, so that nobody has to read each day what was so the day before. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::finding::{Finding, Status};
use crate::gaps::Gaps;

/// An account, and a Region of it or nothing for what is the account's in all of them.
pub type At = (String, Option<String>);

/// What of a finding is compared: what opens no gap may change, and so may the words for why something cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Of what is missing, what tells one list from another.
    pub missing: String,
    pub is_all_told: bool,
}

/// What an earlier look has found, place by place, as far as it has not been asked for yet.
#[derive(Debug, Default)]
pub struct Before {
    seen: BTreeMap<At, Seen>,
    /// The accounts that have been asked for, and what they were by themselves where nothing is known of their Regions.
    accounts: BTreeMap<String, Option<Status>>,
}

impl Seen {
    #[must_use]
    pub fn of(status: Status, state: Option<&str>, gaps: &Gaps) -> Self {
        let digest = Sha256::digest(gaps.missing.join("\n").as_bytes());
        let digest: String = digest.iter().take(10).map(|byte| format!("{byte:02x}")).collect();
        let missing = if gaps.missing.is_empty() { String::new() } else { digest };
        Self { status, state: state.map(str::to_owned), missing, is_all_told: gaps.unknown.is_empty() }
    }
}

impl From<&Finding> for Seen {
    fn from(finding: &Finding) -> Self {
        Self::of(finding.status, finding.state.as_deref(), &finding.gaps)
    }
}

impl Finding {
    #[must_use]
    pub fn at(&self) -> At {
        (self.account.clone(), self.region.clone())
    }
}

impl Before {
    #[must_use]
    pub fn new(seen: impl IntoIterator<Item = (At, Seen)>) -> Self {
        Self { seen: seen.into_iter().collect(), accounts: BTreeMap::new() }
    }

    /// What was found in the same place, if it is something else now.
    pub fn other_than(&mut self, now: &Finding) -> Option<Status> {
        let alone = self.accounts.entry(now.account.clone()).or_insert(Some(now.status));
        if now.region.is_some() {
            *alone = None;
        }
        let Some(was) = self.seen.remove(&now.at()) else { return Some(Status::Absent) };
        (was != Seen::from(now)).then_some(was.status)
    }

    /// The places that have not been found again; and what was found in those of which nothing could be told this time.
    #[must_use]
    pub fn rest(self) -> (Vec<Finding>, BTreeMap<At, Seen>) {
        let (mut gone, mut kept) = (vec![], BTreeMap::new());
        for ((account, region), seen) in self.seen {
            match self.accounts.get(&account) {
                Some(Some(Status::Unknown)) => {
                    kept.insert((account, region), seen);
                }
                // That says it all.
                Some(Some(Status::Inactive)) => {}
                _ => gone.push(Finding::gone(&account, region, seen.status)),
            }
        }
        (gone, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(region: &str, missing: &[&str]) -> Finding {
        let missing = missing.iter().map(|&what| what.to_owned()).collect();
        Finding::new("222233334444", Some(region.to_owned()), Gaps { missing, unknown: vec![] })
    }

    fn before(findings: &[Finding]) -> Before {
        Before::new(findings.iter().map(|finding| (finding.at(), finding.into())))
    }

    #[test]
    fn what_was_found_is_compared_place_by_place() {
        assert_eq!(Before::default().other_than(&finding("us-east-1", &[])), Some(Status::Absent));
        let deployed = Some("stack `snapback`, with 60 rules".to_owned());
        let first = Finding { deployed, ..finding("us-east-1", &["no trail"]) };
        let mut second = before(&[first, finding("us-west-2", &[]), finding("eu-west-1", &[])]);
        assert_eq!(second.other_than(&finding("us-east-1", &["no trail"])), None);
        assert_eq!(second.other_than(&finding("us-west-2", &["no trail"])), Some(Status::Covered));
        assert_eq!(second.other_than(&finding("eu-central-1", &[])), Some(Status::Absent));
        let (gone, _) = second.rest();
        assert_eq!((gone.len(), gone[0].region.as_deref()), (1, Some("eu-west-1")));
        assert_eq!((gone[0].status, gone[0].was), (Status::Absent, Some(Status::Covered)));
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
            assert_eq!((found.len(), !kept.is_empty()), (gone, is_kept), "{status:?}");
        }
    }
}
