//! Which bucket is read, and for whom.

use std::path::{Path, PathBuf};

use snapback::settings::Problem;
use snapback::trusted::Unusable;

/// What this function is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it judges by, as all functions do.
    pub judging: snapback::settings::Settings,
    pub guardrails: PathBuf,
    pub bucket: String,
    /// The account that has to own the bucket.
    pub owner: String,
    /// Where the bucket is; nothing if that is where the function is.
    pub region: Option<String>,
    /// What stands before `AWSLogs/`.
    pub prefix: String,
    /// The name of the role of the bucket's owner to read it with, where that is another account.
    pub role: Option<String>,
    /// The account that the function is in.
    pub account: String,
    /// Which other accounts and Regions are guarded from here: none, those of the account, or an organization's.
    pub hub: String,
    pub journal: String,
    pub journal_key: String,
    pub operators_key: String,
    /// The URL of the queue in which what it finds, and what it leaves for itself, waits.
    pub queue: String,
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
        let account = required("SNAPBACK_ACCOUNT", "the function's account")?;
        let owner = told("SNAPBACK_LOG_BUCKET_OWNER").unwrap_or_else(|| account.clone());
        let role = told("SNAPBACK_LOG_BUCKET_ROLE").map(|arn| name_of_role(&arn, &owner)).transpose()?;
        Ok(Self {
            judging: snapback::settings::Settings::read(lookup)?,
            guardrails: required("SNAPBACK_GUARDRAILS", "the folder of the guardrails")?.into(),
            bucket: required("SNAPBACK_LOG_BUCKET", "the name of the bucket with the log files")?,
            region: told("SNAPBACK_LOG_BUCKET_REGION"),
            prefix: told("SNAPBACK_LOG_BUCKET_PREFIX").unwrap_or_default(),
            hub: told("SNAPBACK_HUB").unwrap_or_default(),
            journal: required("SNAPBACK_JOURNAL", "the name of the journal's table")?,
            journal_key: required("SNAPBACK_JOURNAL_KEY", "the ARN of the journal's key")?,
            operators_key: required("SNAPBACK_OPERATORS_KEY", "the ARN of the operators' key")?,
            queue: required("SNAPBACK_LOG_FILE_EVENTS", "the URL of a queue")?,
            account,
            owner,
            role,
        })
    }

    /// The same with whom the operator trusts besides.
    ///
    /// # Errors
    /// When the list of them cannot be read.
    pub fn with_trusted(mut self) -> Result<Self, Unusable> {
        let folder: &Path = &self.guardrails;
        self.judging = self.judging.with_trusted(folder)?;
        Ok(self)
    }
}

/// The name of the role, with its path, if it is a role of the bucket's owner.
fn name_of_role(arn: &str, owner: &str) -> Result<String, Problem> {
    let (before, name) = arn.split_once(":role/").unwrap_or_default();
    if before.rsplit(':').next() == Some(owner) && !name.is_empty() {
        return Ok(name.to_owned());
    }
    let expected = "the ARN of a role of the account that owns the bucket";
    Err(Problem { variable: "SNAPBACK_LOG_BUCKET_ROLE", expected, found: arn.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(more: &[(&str, &str)]) -> Result<Settings, Problem> {
        Settings::read(&|name: &str| {
            let told = more.iter().find(|(told, _)| *told == name).map(|(_, value)| (*value).to_owned());
            let all =
                ["ACCOUNT", "GUARDRAILS", "LOG_BUCKET", "JOURNAL", "JOURNAL_KEY", "OPERATORS_KEY", "LOG_FILE_EVENTS"];
            let is_needed = all.iter().any(|needed| name == format!("SNAPBACK_{needed}"));
            told.or_else(|| is_needed.then(|| "111122223333".to_owned()))
        })
    }

    #[test]
    fn a_bucket_is_of_the_function_s_own_account_unless_another_is_named() {
        let settings = read(&[]).expect("all that is needed");
        assert_eq!((settings.owner.as_str(), settings.role), ("111122223333", None));
        let other = read(&[
            ("SNAPBACK_LOG_BUCKET_OWNER", "444455556666"),
            ("SNAPBACK_LOG_BUCKET_ROLE", "arn:aws:iam::444455556666:role/audit/SnapbackLogFiles"),
        ])
        .expect("a role of the owner");
        assert_eq!(other.role.as_deref(), Some("audit/SnapbackLogFiles"));
    }

    #[test]
    fn a_role_of_anybody_else_and_what_is_missing_are_named() {
        let role = [("SNAPBACK_LOG_BUCKET_ROLE", "arn:aws:iam::444455556666:role/SnapbackLogFiles")];
        assert_eq!(read(&role).expect_err("of another account").variable, "SNAPBACK_LOG_BUCKET_ROLE");
        for missing in ["SNAPBACK_ACCOUNT", "SNAPBACK_LOG_BUCKET", "SNAPBACK_JOURNAL_KEY", "SNAPBACK_LOG_FILE_EVENTS"] {
            assert_eq!(read(&[(missing, "")]).expect_err(missing).variable, missing);
        }
    }
}
