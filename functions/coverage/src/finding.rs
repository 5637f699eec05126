//! What was found in an account, Region by Region. Pure.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::gaps::Gaps;
use crate::trail::Trail;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Covered,
    Missing,
    Unknown,
    /// Nobody is at work there, and it was not looked at.
    Inactive,
    /// There is no such place, or was none.
    Absent,
}

/// What was found in a place.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    pub account: String,
    /// Nothing for what is the account's in all Regions.
    pub region: Option<String>,
    pub status: Status,
    /// What it was at the last run, if that was something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<Status>,
    /// In the organization, if it is another than active.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(flatten)]
    pub gaps: Gaps,
    pub trails: Vec<Trail>,
    /// As people read it; nothing if Snapback is not there.
    pub deployed: Option<String>,
    pub newest_entry: Option<Timestamp>,
}

/// What has to be done in the one account to which nothing is rolled out.
const BY_HAND: &str = "organization/member.yaml in the management account, where no StackSet deploys it: do it by hand, as step \
                       3 of organization/README.md says";

impl Gaps {
    /// Asks for what is done by hand in the management account, until it is seen to be done in each Region.
    pub(crate) fn ask_by_hand(&mut self, regions: &[Finding]) {
        let bare: Vec<&Finding> = regions.iter().filter(|finding| finding.deployed.is_none()).collect();
        if !self.missing.is_empty() || bare.iter().any(|finding| finding.gaps.unknown.is_empty()) {
            self.missing.push(BY_HAND.to_owned());
        } else if !self.unknown.is_empty() || !bare.is_empty() {
            self.unknown.push(format!("whether there is {BY_HAND}"));
        }
    }
}

impl Finding {
    #[must_use]
    pub fn new(account: &str, region: Option<String>, gaps: Gaps) -> Self {
        let status = match (gaps.missing.is_empty(), gaps.unknown.is_empty()) {
            (true, true) => Status::Covered,
            (true, false) => Status::Unknown,
            (false, _) => Status::Missing,
        };
        Self {
            account: account.to_owned(),
            region,
            status,
            was: None,
            state: None,
            gaps,
            trails: vec![],
            deployed: None,
            newest_entry: None,
        }
    }

    pub(crate) fn inactive(account: &str, state: &str) -> Self {
        let finding = Self::new(account, None, Gaps::default());
        Self { status: Status::Inactive, state: Some(state.to_owned()), ..finding }
    }

    /// A place that is there no more.
    pub(crate) fn gone(account: &str, region: Option<String>, was: Status) -> Self {
        Self { status: Status::Absent, was: Some(was), ..Self::new(account, region, Gaps::default()) }
    }

    /// Whether it says of its Region what the other says of another. When something was last written down there may differ.
    #[must_use]
    pub fn is_as(&self, other: &Self) -> bool {
        let is_as = |(one, other): (&Trail, &Trail)| one.is_as(other);
        (self.status, self.was, self.region.is_some()) == (other.status, other.was, other.region.is_some())
            && (&self.gaps, &self.deployed) == (&other.gaps, &other.deployed)
            && self.trails.len() == other.trails.len()
            && self.trails.iter().zip(&other.trails).all(is_as)
    }
}

/// What is the same in several Regions, together.
#[must_use]
pub fn alike<'f>(
    findings: impl IntoIterator<Item = &'f Finding>,
    is_as: impl Fn(&Finding, &Finding) -> bool,
) -> Vec<Vec<&'f Finding>> {
    let mut alike: Vec<Vec<&Finding>> = vec![];
    for finding in findings {
        match alike.iter_mut().find(|others| is_as(others[0], finding)) {
            Some(others) => others.push(finding),
            None => alike.push(vec![finding]),
        }
    }
    alike
}

/// Which part of an account findings are about that are alike, if so many of its Regions were looked at.
#[must_use]
pub fn part(findings: &[&Finding], regions: usize) -> String {
    let Finding { region, state, .. } = findings[0];
    let names: Vec<&str> = findings.iter().filter_map(|finding| finding.region.as_deref()).collect();
    match (names.len(), region) {
        (0, _) => state.as_deref().unwrap_or("roles in all Regions").to_owned(),
        (1, Some(region)) => region.clone(),
        (number, _) if number == regions => format!("all {number} Regions"),
        (number, _) => format!("{number} Regions: {}", names.join(", ")),
    }
}

impl Status {
    /// In words for people.
    #[must_use]
    pub fn said(self) -> &'static str {
        match self {
            Self::Covered => "covered",
            Self::Missing => "not covered",
            Self::Unknown => "cannot be told",
            Self::Inactive => "not active",
            Self::Absent => "gone",
        }
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
