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

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ipnet::IpNet;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::json::{self, Misread};
use crate::network::is_much_of_the_internet;
use crate::policy::{is_account, is_organization};
use crate::settings::Settings;

pub const FILE: &str = "trusted.json";

const EXPECTED: &str = r#"each name has its reason, as in {"accounts": {"444455556666": "our vendor"}}"#;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Trusted {
    #[serde(deserialize_with = "accounts")]
    accounts: Vec<String>,
    #[serde(deserialize_with = "organizations")]
    organizations: Vec<String>,
    /// VPCs and VPC endpoints.
    #[serde(deserialize_with = "networks")]
    networks: Vec<String>,
    #[serde(deserialize_with = "ranges")]
    ranges: Vec<IpNet>,
    #[serde(deserialize_with = "canonical_users")]
    canonical_users: Vec<String>,
}

/// An object of names of one kind, each with the reason that people read.
struct Names<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
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
            json::read_object(&text).map_err(|error: Misread| {
                let Misread { message, line, .. } = error;
                Unusable(format!("{}:{line}: {message}; {EXPECTED}", path.display()))
            })?;
        self.trusted_accounts.extend(accounts);
        self.trusted_organizations.extend(organizations);
        self.trusted_networks.extend(networks);
        self.trusted_ranges.extend(ranges);
        self.trusted_canonical_users.extend(canonical_users);
        Ok(self)
    }
}

fn accounts<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<String>, D::Error> {
    named(names, "an account id of 12 digits", |name| is_account(name).then(|| name.to_owned()))
}

fn organizations<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<String>, D::Error> {
    named(names, "an organization id such as `o-a1b2c3d4e5`", |name| is_organization(name).then(|| name.to_owned()))
}

fn networks<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<String>, D::Error> {
    let expected = "the id of a VPC or a VPC endpoint, such as `vpce-0a1b2c3d`";
    named(names, expected, |name| is_network(name).then(|| name.to_owned()))
}

/// Nobody knows everyone who comes from the world, in one piece or in several.
fn ranges<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<IpNet>, D::Error> {
    let expected = "a range such as `203.0.113.0/24`, of those whom you know";
    let ranges = named(names, expected, |name| name.parse().ok().filter(|range| !is_much_of_the_internet(&[*range])))?;
    if is_much_of_the_internet(&ranges) {
        let ranges: Vec<String> = ranges.iter().map(ToString::to_string).collect();
        return Err(D::Error::custom(format!(
            "expected ranges of those whom you know, found much of the internet: {}",
            ranges.join(", ")
        )));
    }
    Ok(ranges)
}

fn canonical_users<'de, D: Deserializer<'de>>(names: D) -> Result<Vec<String>, D::Error> {
    let expected = "a canonical user id of 64 hexadecimal digits";
    named(names, expected, |name| is_canonical_user(name).then(|| name.to_owned()))
}

/// Names as they are read, so that what is wrong with one is told with its line.
fn named<'de, D: Deserializer<'de>, T>(
    names: D,
    expected: &'static str,
    read: fn(&str) -> Option<T>,
) -> Result<Vec<T>, D::Error> {
    names.deserialize_map(Names { expected, read })
}

impl<'de, T> Visitor<'de> for Names<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut names: M) -> Result<Vec<T>, M::Error> {
        let mut all = vec![];
        while let Some((name, reason)) = names.next_entry::<String, String>()? {
            let expected = self.expected;
            let wrong = || M::Error::custom(format!("expected {expected}, found `{name}`"));
            all.push((self.read)(&name).ok_or_else(wrong)?);
            if reason.trim().is_empty() {
                return Err(M::Error::custom(format!("expected a reason for `{name}`, found none")));
            }
        }
        Ok(all)
    }
}

/// The accounts and organizations that may be named in what is judged, by their ids: whatever has the form of one.
#[must_use]
pub fn named_in(values: &[&Value]) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for text in values.iter().map(ToString::to_string) {
        let accounts = text.split(|char: char| !char.is_ascii_digit()).filter(|id| is_account(id));
        let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
        named.extend(accounts.chain(words.filter(|id| is_organization(id))).map(str::to_owned));
    }
    named
}

/// Whether it is the id of a VPC or of a VPC endpoint.
#[must_use]
pub fn is_network(id: &str) -> bool {
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

    use serde_json::json;

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
    fn an_account_or_an_organization_is_named_wherever_its_id_stands() {
        let state = json!({"policy": r#"{"Principal":{"AWS":["arn:aws:iam::222233334444:root","333344445555"]}}"#,
            "444455556666": [true], "number": 123_456_789_012_u64, "longer": "1112223334445", "pattern": "55556666777?",
            "paths": "o-a1b2c3d4e5/r-ab12/*", "ou": "arn:aws:organizations::888899990000:ou/o-exampleorgid/ou-ab12-cdefghij",
            "no-organization": ["o-*", "o-short", "two-a1b2c3d4e5"]});
        let named: Vec<String> = named_in(&[&state, &json!("666677778888"), &Value::Null]).into_iter().collect();
        assert_eq!(
            named,
            [
                "123456789012",
                "222233334444",
                "333344445555",
                "444455556666",
                "666677778888",
                "888899990000",
                "o-a1b2c3d4e5",
                "o-exampleorgid"
            ]
        );
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
                "{\"accounts\": {\"444455556666\": \"a vendor\",\n  \"1234\": \"another\"}}",
                "trusted.json:2: field `accounts`: expected an account id of 12 digits, found `1234`",
            ),
            (
                "reason",
                "{\n\n\"accounts\": {\"444455556666\": \" \"}}",
                "trusted.json:3: field `accounts`: expected a reason for `444455556666`, found none",
            ),
            (
                "range",
                r#"{"ranges": {"203.0.113.0/33": "the office"}}"#,
                "trusted.json:1: field `ranges`: expected a range such as `203.0.113.0/24`",
            ),
            (
                "network",
                r#"{"networks": {"subnet-1": "ours"}}"#,
                "trusted.json:1: field `networks`: expected the id of a VPC",
            ),
            (
                "user",
                r#"{"canonicalUsers": {"alice": "ours"}}"#,
                "trusted.json:1: field `canonicalUsers`: expected a canonical user id",
            ),
            (
                "list",
                r#"{"ranges": ["10.0.0.0/8"]}"#,
                "trusted.json:1: field `ranges`: expected an object, found a list",
            ),
            ("empty-list", "[]", "trusted.json:1: expected an object, found a list"),
            (
                "positions",
                "\n[{\"444455556666\": \"a vendor\"}]",
                "trusted.json:2: expected an object, found a list; each name has its reason",
            ),
        ] {
            let folder = folder(name, text);
            let refused = Settings::default().with_trusted(&folder).expect_err("it is wrong").to_string();
            let place = format!("{}/", folder.display());
            assert!(refused.strip_prefix(&place).is_some_and(|rest| rest.starts_with(said)), "{refused}");
            fs::remove_dir_all(folder).expect("it is gone");
        }
    }

    /// With them, every condition on an address would be one that only trusted ones meet.
    #[test]
    fn the_world_is_not_trusted_in_one_piece_or_in_several() {
        for world in [&["0.0.0.0/0"][..], &["::/0"], &["2000::/3"], &["0.0.0.0/1", "128.0.0.0/1"], &["16.0.0.0/3"]] {
            let ranges: Vec<String> = world.iter().map(|range| format!("\"{range}\": \"everyone\"")).collect();
            let folder = folder("world", &format!("{{\"ranges\": {{{}}}}}", ranges.join(", ")));
            let refused = Settings::default().with_trusted(&folder).expect_err("it is the world").to_string();
            assert!(refused.contains("trusted.json:1: field `ranges`: expected "), "{refused}");
            assert!(refused.contains("of those whom you know, found") && refused.contains(world[0]), "{refused}");
        }
        let eighths: Vec<String> = (0..8).map(|part| format!("\"{}.0.0.0/6\": \"ours\"", 16 + 8 * part)).collect();
        let parts = folder("parts", &format!("{{\"ranges\": {{{}}}}}", eighths.join(", ")));
        let refused = Settings::default().with_trusted(&parts).expect_err("it is too much").to_string();
        assert!(refused.contains("field `ranges`: expected ranges of those whom you know, found much of"), "{refused}");
        for known in ["10.0.0.0/8", "8.0.0.0/8", "52.0.0.0/7", "203.0.113.0/24", "2001:db8::/32"] {
            let folder = folder("known", &format!("{{\"ranges\": {{\"{known}\": \"ours\"}}}}"));
            assert!(Settings::default().with_trusted(&folder).is_ok(), "{known}");
        }
    }
}
