//! CloudTrail's log files: where they lie in a bucket, and their records, one after the other.
//!
//! A file is `{"Records":[…]}` on one line, gzipped. It may be large, and who can write to the bucket may put something else
//! there: so no more than one record is in memory at a time, and what is no log file is refused as soon as that shows.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::mem;

use jiff::civil::Date;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};

use crate::control::{AnyControl, Watch};
use crate::digest;
use crate::event::{is_region, is_repeating};
use crate::policy::{is_account, is_organization};

/// What lies beside the records in a bucket of CloudTrail's, and is none: digests of the log files, what CloudTrail itself
/// finds unusual, and what repeats calls without their parameters.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>
pub const NO_RECORDS: [&str; 4] =
    ["CloudTrail-Aggregated", digest::FOLDER, "CloudTrail-Insight", "CloudTrail-NetworkActivity"];

/// More than any record of CloudTrail's has, which keeps them to 256 KB; a log file may write some characters longer.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
const LARGEST_RECORD: usize = 1024 * 1024;

/// The most that a file has, inflated: the largest that CloudTrail writes have 50 MB as they lie there.
const LARGEST_FILE: u64 = 1024 * 1024 * 1024;

/// What every log file begins and ends with.
const BEGIN: &[u8] = br#"{"Records":["#;
const END: &[u8] = b"}";

/// The calls that some controls watch.
#[derive(Debug)]
pub struct Watched {
    /// Service and name.
    calls: HashSet<(&'static str, &'static str)>,
    /// Whether one watches whatever root calls.
    by_root: bool,
}

/// As much of a record as it takes to know that no control watches it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names<'a> {
    #[serde(rename = "eventID")]
    event_id: &'a str,
    pub event_source: &'a str,
    pub event_name: &'a str,
    pub aws_region: &'a str,
    #[serde(rename = "eventTime")]
    _event_time: jiff::Timestamp,
    #[serde(default)]
    pub recipient_account_id: Option<&'a str>,
    #[serde(default)]
    event_type: Option<&'a str>,
    #[serde(default)]
    event_category: Option<&'a str>,
    #[serde(default, borrow)]
    addendum: Option<Addendum<'a>>,
    #[serde(default, borrow)]
    user_identity: Option<Identity<'a>>,
    /// Then it is an envelope with a record in it.
    #[serde(default, rename = "detail", deserialize_with = "is_there")]
    is_envelope: bool,
    /// Then it is many.
    #[serde(default, rename = "Records", deserialize_with = "is_there")]
    is_log: bool,
}

/// What is there where a record is delivered again.
#[derive(Debug, Deserialize)]
struct Addendum<'a> {
    #[serde(default, rename = "originalEventID")]
    original_event_id: Option<&'a str>,
}

/// Who made the call, as far as that can make it a watched one.
#[derive(Debug, Deserialize)]
struct Identity<'a> {
    #[serde(default, rename = "type", borrow)]
    kind: Option<&'a str>,
}

/// What the key of a log file says of the records in it:
/// `AWSLogs/[o-id/]account/CloudTrail/region/yyyy/mm/dd/name.json.gz`, after the trail's prefix.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Of the trail that is an organization's.
    pub organization: Option<String>,
    pub account: String,
    pub region: String,
    pub date: Date,
}

/// What lies under a key of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lies {
    LogFile(LogFile),
    /// What is not CloudTrail's, or lies beside its records.
    Beside,
    /// What is among the log files and has no name that one has.
    Strange,
}

impl Lies {
    /// What lies under a key, in a bucket where the trail's keys begin with this prefix.
    #[must_use]
    pub fn under(key: &str, prefix: &str) -> Self {
        let Some(path) = key.strip_prefix(prefix).and_then(|path| path.strip_prefix("AWSLogs/")) else {
            return Self::Beside;
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (organization, parts) = match parts.split_first() {
            Some((first, rest)) if is_organization(first) => (Some((*first).to_owned()), rest),
            _ => (None, &parts[..]),
        };
        match parts {
            [_, "CloudTrail", rest @ ..] if !matches!(rest, [""]) => {}
            _ => return Self::Beside,
        }
        let [account, _, region, year, month, day, name] = *parts else { return Self::Strange };
        let date = Date::strptime("%Y/%m/%d", format!("{year}/{month}/{day}")).ok();
        let is_dated = (year.len(), month.len(), day.len()) == (4, 2, 2);
        match date.filter(|_| is_dated && is_account(account) && is_region(region) && name.ends_with(".json.gz")) {
            Some(date) => {
                Self::LogFile(LogFile { organization, account: account.to_owned(), region: region.to_owned(), date })
            }
            None => Self::Strange,
        }
    }
}

impl Watched {
    #[must_use]
    pub fn by<'a>(controls: impl IntoIterator<Item = &'a AnyControl>) -> Self {
        let watches: Vec<&Watch> = controls.into_iter().flat_map(|control| control.about.watches).collect();
        let calls = watches.iter().map(|watch| (watch.service, watch.name)).collect();
        Self { calls, by_root: watches.iter().any(|watch| watch.is_by_root()) }
    }

    #[must_use]
    pub fn has(&self, names: &Names<'_>) -> bool {
        let is_watched = self.calls.contains(&(names.event_source, names.event_name));
        !names.is_repeating() && (is_watched || self.by_root && names.is_by_root())
    }
}

impl Names<'_> {
    /// The event's identity, by whichever record of it.
    #[must_use]
    pub fn id(&self) -> &str {
        self.addendum.as_ref().and_then(|addendum| addendum.original_event_id).unwrap_or(self.event_id)
    }

    fn is_by_root(&self) -> bool {
        self.user_identity.as_ref().is_some_and(|identity| identity.kind == Some("Root"))
    }

    #[must_use]
    pub fn is_repeating(&self) -> bool {
        is_repeating(self.event_type, self.event_category)
    }

    /// Whether these are names that a record must have, and of a record.
    #[must_use]
    pub fn are_a_record(&self) -> bool {
        let needed = [self.event_id, self.event_source, self.event_name, self.aws_region];
        !needed.contains(&"") && !self.is_envelope && !self.is_log
    }
}

/// Whether a field is there, whatever it holds.
fn is_there<'de, D: Deserializer<'de>>(field: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(field).map(|_| true)
}

/// Cuts the text of a log file into its records as it comes in, and keeps some of them until somebody takes them. That a
/// record is JSON is for whoever reads it to find.
pub struct Records<M> {
    /// Whether a record matters.
    matters: M,
    kept: Vec<Vec<u8>>,
    /// How many records there were, and of how many bytes.
    number: u64,
    size: u64,
    at: At,
    record: Vec<u8>,
    /// How many braces and brackets of the record are open.
    open: u32,
    is_in_string: bool,
    is_escaped: bool,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// So many bytes of what a log file begins with are there; from the second to the ninth, its field's name is being read.
    Begin(usize),
    FirstRecord,
    Record,
    AfterRecord,
    NextRecord,
    /// So many of what it ends with.
    End(usize),
}

impl<M> fmt::Debug for Records<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records").field("at", &self.at).finish_non_exhaustive()
    }
}

impl<M: FnMut(&[u8]) -> bool> Records<M> {
    pub fn new(matters: M) -> Self {
        let (kept, record, at) = (vec![], vec![], At::Begin(0));
        Self { matters, kept, number: 0, size: 0, at, record, open: 0, is_in_string: false, is_escaped: false }
    }

    /// The records that matter and that nobody has taken yet.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        mem::take(&mut self.kept)
    }

    /// Ends the text; how many records it had.
    ///
    /// # Errors
    /// When it breaks off.
    pub fn end(self) -> io::Result<u64> {
        if self.at == At::End(END.len()) { Ok(self.number) } else { Err(no_log_file("it breaks off")) }
    }

    fn outside(&mut self, byte: u8) -> io::Result<()> {
        self.at = match (self.at, byte) {
            (at, b' ' | b'\t' | b'\r' | b'\n') if !matches!(at, At::Begin(2..=9)) => at,
            (At::Begin(seen), _) if byte == BEGIN[seen] && seen + 1 == BEGIN.len() => At::FirstRecord,
            (At::Begin(seen), _) if byte == BEGIN[seen] => At::Begin(seen + 1),
            (At::FirstRecord | At::NextRecord, b'{') => {
                (self.open, self.is_in_string, self.is_escaped) = (1, false, false);
                self.record.clear();
                self.record.push(byte);
                At::Record
            }
            (At::FirstRecord | At::AfterRecord, b']') => At::End(0),
            (At::AfterRecord, b',') => At::NextRecord,
            (At::End(seen), _) if END.get(seen) == Some(&byte) => At::End(seen + 1),
            _ => return Err(no_log_file("its text is not `{\"Records\":[…]}`")),
        };
        Ok(())
    }

    /// Takes what belongs to the record that has begun; says how much that is.
    fn inside(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = 0;
        while taken < bytes.len() && self.open > 0 {
            match bytes[taken] {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_in_string => self.is_escaped = true,
                b'"' => self.is_in_string = !self.is_in_string,
                b'{' | b'[' if !self.is_in_string => self.open += 1,
                b'}' | b']' if !self.is_in_string => self.open -= 1,
                _ => {}
            }
            taken += 1;
        }
        if self.record.len() + taken > LARGEST_RECORD {
            return Err(no_log_file("it has a record of more than 1 MB"));
        }
        self.record.extend_from_slice(&bytes[..taken]);
        if self.open == 0 {
            if (self.matters)(&self.record) {
                self.kept.push(self.record.clone());
            }
            (self.number, self.at) = (self.number + 1, At::AfterRecord);
        }
        Ok(taken)
    }
}

impl<M: FnMut(&[u8]) -> bool> Write for Records<M> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.size += bytes.len() as u64;
        if self.size > LARGEST_FILE {
            return Err(no_log_file("it is larger than a log file"));
        }
        let mut rest = bytes;
        while let Some(byte) = rest.first() {
            let taken = if self.at == At::Record { self.inside(rest)? } else { self.outside(*byte).map(|()| 1)? };
            rest = &rest[taken..];
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn no_log_file(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const NAME: &str = "111122223333_CloudTrail_eu-central-1_20260131T1200Z_AbCd.json.gz";

    fn file(organization: Option<&str>) -> Lies {
        Lies::LogFile(LogFile {
            organization: organization.map(str::to_owned),
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            date: "2026-01-31".parse().expect("a date"),
        })
    }

    #[test]
    fn a_key_says_of_which_account_region_and_day_a_file_is() {
        let path = format!("111122223333/CloudTrail/eu-central-1/2026/01/31/{NAME}");
        assert_eq!(Lies::under(&format!("AWSLogs/{path}"), ""), file(None));
        assert_eq!(Lies::under(&format!("logs/a/AWSLogs/{path}"), "logs/a/"), file(None));
        let of_organization = format!("AWSLogs/o-exampleorgid/{path}");
        assert_eq!(Lies::under(&of_organization, ""), file(Some("o-exampleorgid")));
        // Control Tower has the organization's id for the prefix as well.
        assert_eq!(
            Lies::under(&format!("o-exampleorgid/{of_organization}"), "o-exampleorgid/"),
            file(Some("o-exampleorgid"))
        );
    }

    #[test]
    fn what_lies_beside_the_log_files_is_none() {
        for key in [
            format!("AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/01/31/{NAME}"),
            format!("AWSLogs/111122223333/CloudTrail-Insight/eu-central-1/2026/01/31/{NAME}"),
            format!("AWSLogs/111122223333/CloudTrail-NetworkActivity/eu-central-1/2026/01/31/{NAME}"),
            format!("AWSLogs/o-exampleorgid/111122223333/CloudTrail-Aggregated/eu-central-1/2026/01/31/{NAME}"),
            format!("AWSLogs/111122223333/Config/eu-central-1/2026/1/31/ConfigHistory/{NAME}"),
            format!("other/AWSLogs/111122223333/CloudTrail/eu-central-1/2026/01/31/{NAME}"),
            // What CloudTrail makes with a trail, to see whether it may.
            "AWSLogs/111122223333/CloudTrail/".to_owned(),
            "AWSLogs/111122223333/".to_owned(),
            "report.csv".to_owned(),
        ] {
            assert_eq!(Lies::under(&key, ""), Lies::Beside, "{key}");
        }
    }

    #[test]
    fn what_stands_among_the_log_files_and_is_not_called_like_one_is_strange() {
        for path in [
            "11112222333/CloudTrail/eu-central-1/2026/01/31/a.json.gz",
            "o-short/111122223333/CloudTrail/eu-central-1/2026/01/31/a.json.gz",
            "111122223333/CloudTrail/Europe/2026/01/31/a.json.gz",
            "111122223333/CloudTrail/eu-central-1/2026/1/31/a.json.gz",
            "111122223333/CloudTrail/eu-central-1/2026/02/31/a.json.gz",
            "111122223333/CloudTrail/eu-central-1/2026/01/31/a.json",
            "111122223333/CloudTrail/eu-central-1/2026/01/31/deeper/a.json.gz",
            "111122223333/CloudTrail/eu-central-1/2026/01/31/",
            "111122223333/CloudTrail/eu-central-1/../01/31/a.json.gz",
            "111122223333/CloudTrail/a.json.gz",
        ] {
            let lies = Lies::under(&format!("AWSLogs/{path}"), "");
            assert!(!matches!(lies, Lies::LogFile(_)), "{path}");
            assert_eq!(lies == Lies::Strange, !path.starts_with("o-short"), "{path}");
        }
    }

    /// What the records of a text are, if it comes in pieces of this size.
    fn records(text: &[u8], size: usize) -> io::Result<Vec<Value>> {
        let (mut records, mut found) = (Records::new(|_| true), vec![]);
        for piece in text.chunks(size) {
            records.write_all(piece)?;
            for record in records.take() {
                found.push(serde_json::from_slice(&record)?);
            }
        }
        assert_eq!(records.end()?, found.len() as u64);
        Ok(found)
    }

    #[test]
    fn what_is_no_log_file_or_breaks_off_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "hello",
            r#"{"Records":"#,
            r#"{"Records":["#,
            r#"{"Records":[]"#,
            r#"{"Records":[{"a":1}"#,
            r#"{"Records":[{"a":"}"#,
            r#"{"Records":[{},]}"#,
            r#"{"Records":[,{}]}"#,
            r#"{"Records":[{}{}]}"#,
            r#"{"Records":[1]}"#,
            r#"{"Records":["{}"]}"#,
            r#"{"Records":{}}"#,
            r#"{"Records":[{}]}}"#,
            r#"{"Records":[{}]} x"#,
            r#"{"records":[]}"#,
            r#"{"Rec ords":[]}"#,
            r#"{"Records":[],"more":1}"#,
            r#"{"Records":[{]}"#,
            r#"{"Records":[{"a":}]}"#,
        ] {
            assert!(records(text.as_bytes(), 3).is_err(), "{text}");
        }
        let large = json!({"Records": [{"a": "x".repeat(LARGEST_RECORD)}]}).to_string();
        let refused = records(large.as_bytes(), 4096).expect_err("it is too large");
        assert!(refused.to_string().contains("1 MB"), "{refused}");
    }

    proptest! {
        #[test]
        fn records_are_those_of_the_text_however_it_comes_in_and_whatever_they_hold(
            texts in prop::collection::vec(r#"[\\"{}\[\],a :é\n]{0,12}"#, 0..6), size in 1..40_usize,
            is_pretty: bool,
        ) {
            let all: Vec<Value> = texts.iter().map(|text| json!({text.as_str(): [{"a": text}, 1, null]})).collect();
            let file = json!({"Records": all});
            let text = if is_pretty { format!("{file:#}\n") } else { file.to_string() };
            prop_assert_eq!(records(text.as_bytes(), size)?, all);
        }
    }
}
