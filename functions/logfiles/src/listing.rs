//! Once a day, what has come into the bucket since the day before: for what nobody has announced, and for buckets whose
//! announcements do not come here.
//!
//! Each account is listed in runs of its own. A run that has no time left writes down where it was in a message for the next,
//! in the queue of delayed events: nobody else can send there, so that nobody moves it on over a file.

use anyhow::Result;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use snapback::delayed::Letter;

/// The function's logical id in `template.yaml`.
pub const NAME: &str = "LogFilesFunction";

/// What S3 announces an object as.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html>
pub(crate) const ANNOUNCED: &str = "Object Created";

/// What the message is called that has it go on. No rule listens for it.
pub(crate) const LISTING: &str = "Snapback Log Files Listing";

/// How far back a listing goes: the day between two, and some more, since schedules are not exact.
const BACK: SignedDuration = SignedDuration::from_hours(25);

/// A listing of one account, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// What the keys of its log files begin with, up to the account's `/`.
    pub(crate) of: String,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// The last key that was read.
    pub(crate) after: Option<String>,
}

impl Listing {
    /// Of what has come in since the day before, for an account's folder.
    pub(crate) fn of(of: String, until: Timestamp) -> Self {
        Self { of, since: until - BACK, until, after: None }
    }

    /// The days on which that was.
    pub(crate) fn days(&self) -> Result<Vec<Date>> {
        let [first, last] = [self.since, self.until].map(|time| time.in_tz("UTC").map(|time| time.date()));
        let (first, last) = (first?, last?);
        Ok(first.series(1.day()).take_while(|day| *day <= last).collect())
    }

    /// The message that has the function go on from here.
    pub(crate) fn letter(&self) -> Letter {
        Letter::new(NAME, &json!({"detail-type": LISTING, "detail": self}))
    }

    /// What to list under a prefix: nothing if all of it was read, else after which key.
    pub(crate) fn after_in(&self, prefix: &str) -> Option<Option<&str>> {
        match self.after.as_deref() {
            Some(after) if after.starts_with(prefix) => Some(Some(after)),
            Some(after) if after > prefix => None,
            _ => Some(None),
        }
    }
}

/// The message that has the function read one object, as S3 would have announced it.
pub(crate) fn announced(bucket: &str, key: &str) -> Letter {
    let detail = json!({"bucket": {"name": bucket}, "object": {"key": key}});
    Letter::new(NAME, &json!({"detail-type": ANNOUNCED, "source": "aws.s3", "detail": detail}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_of_the_days_on_which_something_came_in() -> Result<()> {
        let days = |until: &str| Listing::of(String::new(), until.parse()?).days();
        let of = |days: Vec<Date>| days.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(of(days("2026-03-01T12:00:00Z")?), "2026-02-28 2026-03-01");
        assert_eq!(of(days("2026-03-01T00:30:00Z")?), "2026-02-27 2026-02-28 2026-03-01");
        Ok(())
    }

    #[test]
    fn a_listing_goes_on_after_the_last_key_that_was_read() {
        let of = "AWSLogs/111122223333/".to_owned();
        let key = format!("{of}CloudTrail/eu-west-1/2026/01/30/b.json.gz");
        let now = Timestamp::UNIX_EPOCH;
        let listing = Listing { since: now, until: now, after: Some(key.clone()), of };
        let day = |day: &str| format!("AWSLogs/111122223333/CloudTrail/{day}/");
        assert_eq!(listing.after_in(&day("eu-central-1/2026/01/31")), None);
        assert_eq!(listing.after_in(&day("eu-west-1/2026/01/29")), None);
        assert_eq!(listing.after_in(&day("eu-west-1/2026/01/30")), Some(Some(key.as_str())));
        assert_eq!(listing.after_in(&day("eu-west-1/2026/01/31")), Some(None));
        assert_eq!(listing.after_in(&day("us-east-1/2026/01/30")), Some(None));
        let begun = Listing { after: None, ..listing };
        assert_eq!(begun.after_in(&day("eu-west-1/2026/01/30")), Some(None));
    }
}
