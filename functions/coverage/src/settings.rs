//! What is guarded from here, and whom the function tells.

use std::collections::BTreeSet;

use snapback::event::is_region;
use snapback::settings::Problem;

/// What the name of the role that the function takes in members has behind the name of the stack.
pub const MEMBER_ROLE: &str = "member-coverage";

/// Which accounts and Regions are guarded from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guarded {
    /// The function's own account, in its own Region.
    Region,
    /// The function's own account, in all Regions.
    Account,
    /// All accounts of this organization.
    Organization(String),
}

/// What this function is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The account that the function is in.
    pub account: String,
    /// The name of the stack.
    pub stack: String,
    pub guarded: Guarded,
    /// The Regions that are meant; of none, all that are enabled.
    pub regions: BTreeSet<String>,
    pub journal: String,
    pub journal_key: String,
    pub operators_key: String,
    pub topic: String,
}

impl Settings {
    /// Reads them from variables; `lookup` is the environment, or a test's map.
    ///
    /// # Errors
    /// Names the variable and what it should hold.
    pub fn read(lookup: &impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let told = |variable: &str| lookup(variable).filter(|value| !value.is_empty());
        let required =
            |variable, expected| told(variable).ok_or(Problem { variable, expected, found: "nothing".to_owned() });
        let (variable, expected) = ("SNAPBACK_COVERAGE_REGIONS", "Regions such as `eu-central-1`, comma between");
        let regions = told(variable).unwrap_or_default();
        let regions: BTreeSet<String> =
            regions.split(',').map(str::trim).filter(|region| !region.is_empty()).map(str::to_owned).collect();
        if let Some(wrong) = regions.iter().find(|region| !is_region(region)) {
            return Err(Problem { variable, expected, found: wrong.clone() });
        }
        Ok(Self {
            account: required("SNAPBACK_ACCOUNT", "the function's account")?,
            stack: required("SNAPBACK_STACK", "the name of the stack")?,
            guarded: match told("SNAPBACK_HUB") {
                None => Guarded::Region,
                Some(hub) if hub == "account" => Guarded::Account,
                Some(organization) => Guarded::Organization(organization),
            },
            regions,
            journal: required("SNAPBACK_JOURNAL", "the name of the journal's table")?,
            journal_key: required("SNAPBACK_JOURNAL_KEY", "the ARN of the journal's key")?,
            operators_key: required("SNAPBACK_OPERATORS_KEY", "the ARN of the operators' key")?,
            topic: required("SNAPBACK_TOPIC", "the ARN of the topic")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, Problem> {
        Settings::read(&|name: &str| {
            let told = more.iter().find(|(told, _)| *told == name).map(|(_, value)| (*value).to_owned());
            let all = ["ACCOUNT", "STACK", "JOURNAL", "JOURNAL_KEY", "OPERATORS_KEY", "TOPIC"];
            told.or_else(|| all.iter().any(|needed| name == format!("SNAPBACK_{needed}")).then(|| "x".to_owned()))
        })
    }

    #[test]
    fn what_is_guarded_is_what_the_hub_is_for() {
        let guarded = |hub| read(&[("SNAPBACK_HUB", hub)]).expect("all that is needed").guarded;
        assert_eq!(guarded(""), Guarded::Region);
        assert_eq!(guarded("account"), Guarded::Account);
        assert_eq!(guarded("o-exampleorgid"), Guarded::Organization("o-exampleorgid".to_owned()));
    }

    #[test]
    fn what_is_wrong_or_missing_is_named() {
        let regions = ("SNAPBACK_COVERAGE_REGIONS", "eu-west-1,us-east-1");
        assert_eq!(read(&[regions]).expect("Regions").regions.len(), 2);
        assert_eq!(read(&[(regions.0, "Frankfurt")]).expect_err("no Region").variable, regions.0);
        for missing in ["SNAPBACK_ACCOUNT", "SNAPBACK_STACK", "SNAPBACK_JOURNAL", "SNAPBACK_TOPIC"] {
            assert_eq!(read(&[(missing, "")]).expect_err(missing).variable, missing);
        }
    }
}
