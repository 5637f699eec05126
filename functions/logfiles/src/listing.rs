//! Once a day, what has come into the bucket since the day before: for what nobody has announced, and for buckets whose
//! announcements do not come here.
//!
//! Many accounts are listed in several runs at a time. A run that has no time left writes down where it was in a message for
//! the next, in a queue of its own: nobody else can send there, so that nobody moves it on over a file, and what is no log
//! file's waits behind none.

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

/// What has come in since then is left to its announcement, which says who has put it there, and to the next listing.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// So many runs list at the same time: what was found waits in the same queue, and not for long.
const AT_ONCE: usize = 50;

/// A listing of some accounts, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// What the keys of the log files of each begin with, up to the account's `/`; first that of the account that it is at.
    pub(crate) of: Vec<String>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    /// The last key that was read.
    pub(crate) after: Option<String>,
}

/// Of what has come in since the day before, for the folders of accounts.
pub(crate) fn listings(accounts: Vec<String>, now: Timestamp) -> Vec<Listing> {
    let mut shares = vec![vec![]; AT_ONCE.min(accounts.len())];
    for (number, account) in accounts.into_iter().enumerate() {
        shares[number % AT_ONCE].push(account);
    }
    shares.into_iter().map(|of| Listing::of(of, now - LATE)).collect()
}

impl Listing {
    fn of(of: Vec<String>, until: Timestamp) -> Self {
        Self { of, since: until - BACK, until, after: None }
    }

    /// Goes on to the next account.
    pub(crate) fn next(&mut self) {
        self.of.remove(0);
        self.after = None;
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

    /// Whether all that a prefix has was read.
    pub(crate) fn is_past(&self, prefix: &str) -> bool {
        self.after.as_deref().is_some_and(|after| after > prefix && !after.starts_with(prefix))
    }

    /// The last key under a prefix that was read.
    pub(crate) fn after_in(&self, prefix: &str) -> Option<&str> {
        self.after.as_deref().filter(|after| after.starts_with(prefix))
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
        let days = |until: &str| Listing::of(vec![], until.parse()?).days();
        let of = |days: Vec<Date>| days.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(of(days("2026-03-01T12:00:00Z")?), "2026-02-28 2026-03-01");
        assert_eq!(of(days("2026-03-01T00:30:00Z")?), "2026-02-27 2026-02-28 2026-03-01");
        Ok(())
    }

    #[test]
    fn however_many_accounts_there_are_some_runs_list_them_all() -> Result<()> {
        for number in [0, 1, 49, 50, 51, 5000] {
            let accounts: Vec<String> = (0..number).map(|account| format!("AWSLogs/{account:012}/")).collect();
            let listings = listings(accounts.clone(), "2026-03-01T12:00:00Z".parse()?);
            assert!(listings.len() <= AT_ONCE && listings.iter().all(|listing| !listing.of.is_empty()), "{number}");
            let mut listed: Vec<String> = listings.into_iter().flat_map(|listing| listing.of).collect();
            listed.sort();
            assert_eq!(listed, accounts);
        }
        Ok(())
    }

    #[test]
    fn a_listing_goes_on_after_the_last_key_that_was_read() {
        let of = vec!["AWSLogs/111122223333/".to_owned()];
        let key = format!("{}CloudTrail/eu-west-1/2026/01/30/b.json.gz", of[0]);
        let now = Timestamp::UNIX_EPOCH;
        let mut listing = Listing { since: now, until: now, after: Some(key.clone()), of };
        let day = |day: &str| format!("AWSLogs/111122223333/CloudTrail/{day}/");
        let at = |listing: &Listing, of: &str| {
            let prefix = day(of);
            (listing.is_past(&prefix), listing.after_in(&prefix).map(str::to_owned))
        };
        assert_eq!(at(&listing, "eu-central-1/2026/01/31"), (true, None));
        assert_eq!(at(&listing, "eu-west-1/2026/01/29"), (true, None));
        assert_eq!(at(&listing, "eu-west-1/2026/01/30"), (false, Some(key)));
        assert_eq!(at(&listing, "eu-west-1/2026/01/31"), (false, None));
        assert_eq!(at(&listing, "us-east-1/2026/01/30"), (false, None));
        listing.next();
        assert_eq!((at(&listing, "eu-west-1/2026/01/30"), listing.of.len()), ((false, None), 0));
    }
}
