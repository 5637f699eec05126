//! Whom the operator trusts, with a reason for each: `trusted.json` beside the guardrails. It is for what the parameters
//! of a deployment have no room for: hundreds of accounts, known vendors, networks.
//!
//! ```json
//! {
//!   "accounts": {"444455556666": "the vendor that reads our costs"},
//!   "organizations": {"o-a1b2c3d4e5": "the sister company"},
//!   "networks": {"vpce-0a1b2c3d4e5f60718": "the endpoint of the data centre"},
//!   "ranges": {"203.0.113.0/24": "the office"},
//!   "canonicalUsers": {"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be": "the owner of the bucket"}
//! }
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ipnet::IpNet;
use serde::Deserialize;

use crate::json::{self, Misread};
use crate::policy::{is_account, is_organization};
use crate::settings::Settings;

const FILE: &str = "trusted.json";

const EXPECTED: &str = r#"each name has its reason, as in {"accounts": {"444455556666": "our vendor"}}"#;

/// Names, and why each is trusted.
type Reasons = BTreeMap<String, String>;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Trusted {
    accounts: Reasons,
    organizations: Reasons,
    /// VPCs and VPC endpoints.
    networks: Reasons,
    ranges: Reasons,
    canonical_users: Reasons,
}

/// What is wrong with the file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(String);

impl Settings {
    /// The settings with those who are trusted by the file in this folder, if there is one.
    ///
    /// # Errors
    /// When the file cannot be read. A wrong name is never left out.
    pub fn with_trusted(mut self, folder: &Path) -> Result<Self, Unusable> {
        let path = folder.join(FILE);
        let refused = |why: String| Unusable(format!("{}: {why}", path.display()));
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self),
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        };
        let Trusted { accounts, organizations, networks, ranges, canonical_users } =
            json::read(&text).map_err(|error: Misread| {
                let Misread { message, line, .. } = error;
                Unusable(format!("{}:{line}: {message}; {EXPECTED}", path.display()))
            })?;
        let named = |field: &str, reasons: Reasons, expected: &str, is_valid: fn(&str) -> bool| {
            let check = |(name, reason): (String, String)| match (is_valid(&name), reason.trim().is_empty()) {
                (true, false) => Ok(name),
                (true, true) => Err(refused(format!("field `{field}`: expected a reason for `{name}`, found none"))),
                (false, _) => Err(refused(format!("field `{field}`: expected {expected}, found `{name}`"))),
            };
            reasons.into_iter().map(check).collect::<Result<Vec<_>, _>>()
        };
        self.trusted_accounts.extend(named("accounts", accounts, "an account id of 12 digits", is_account)?);
        let organization = "an organization id such as `o-a1b2c3d4e5`";
        self.trusted_organizations.extend(named("organizations", organizations, organization, is_organization)?);
        let network = "the id of a VPC or a VPC endpoint, such as `vpce-0a1b2c3d`";
        self.trusted_networks.extend(named("networks", networks, network, is_network)?);
        let range = "a range such as `203.0.113.0/24`";
        let ranges = named("ranges", ranges, range, |range| range.parse::<IpNet>().is_ok())?;
        self.trusted_ranges.extend(ranges.iter().filter_map(|range| range.parse::<IpNet>().ok()));
        let user = "a canonical user id of 64 hexadecimal digits";
        self.trusted_canonical_users.extend(named("canonicalUsers", canonical_users, user, is_canonical_user)?);
        Ok(self)
    }
}

fn is_network(id: &str) -> bool {
    let id = id.strip_prefix("vpce-").or_else(|| id.strip_prefix("vpc-"));
    id.is_some_and(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_canonical_user(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn folder(name: &str, text: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("snapback-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(FILE), text).expect("a file");
        folder
    }

    #[test]
    fn those_in_the_file_are_trusted_beside_those_in_the_settings() {
        let text = r#"{"accounts": {"444455556666": "a vendor"}, "organizations": {"o-a1b2c3d4e5": "a sister"},
            "networks": {"vpc-0a1b": "the data centre", "vpce-0a1b": "its endpoint"}, "ranges": {"203.0.113.0/24": "the office"}}"#;
        let folder = folder("trusted", text);
        let settings = Settings { trusted_accounts: ["222233334444".to_owned()].into(), ..Settings::default() };
        let trust = settings.with_trusted(&folder).expect("it can be read").trust("111122223333");
        assert_eq!(trust.accounts, ["222233334444".to_owned(), "444455556666".to_owned()].into());
        assert_eq!(trust.organizations, ["o-a1b2c3d4e5".to_owned()].into());
        assert_eq!(trust.networks, ["vpc-0a1b".to_owned(), "vpce-0a1b".to_owned()].into());
        assert_eq!(trust.ranges, ["203.0.113.0/24".parse().expect("a range")]);
        fs::remove_dir_all(folder).expect("it is gone");
    }

    #[test]
    fn without_the_file_nothing_changes() {
        let settings = Settings::default().with_trusted(Path::new("/nowhere")).expect("no file is fine");
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn a_wrong_name_is_told_by_file_field_and_expectation() {
        for (name, text, said) in [
            ("no-json", "{", "trusted.json:1: not JSON: it ends too early"),
            ("field", r#"{"account": {}}"#, "trusted.json:1: unknown field `account`"),
            (
                "id",
                r#"{"accounts": {"1234": "a vendor"}}"#,
                "field `accounts`: expected an account id of 12 digits, found `1234`",
            ),
            (
                "reason",
                r#"{"accounts": {"444455556666": " "}}"#,
                "field `accounts`: expected a reason for `444455556666`",
            ),
            ("range", r#"{"ranges": {"203.0.113.0/33": "the office"}}"#, "field `ranges`: expected a range such as"),
            ("network", r#"{"networks": {"subnet-1": "ours"}}"#, "field `networks`: expected the id of a VPC"),
        ] {
            let folder = folder(name, text);
            let refused = Settings::default().with_trusted(&folder).expect_err("it is wrong").to_string();
            assert!(refused.contains(said), "{refused}");
            fs::remove_dir_all(folder).expect("it is gone");
        }
    }
}
