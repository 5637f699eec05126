//! The same change, taken back again and again.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Entry, Journal, hash, is_condition, seconds, text};
use crate::aws::failure;
use crate::decision::{Decision, Severity};

/// Who comes back later than this begins anew.
const MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// How often the same change on the same resource was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    pub times: u64,
    pub since: Timestamp,
    /// Whether it is the first time in this hour: while something flaps, people are told at least once an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hourly: bool,
}

impl Repeat {
    /// Whether people are told of this time: of the first three, of the tenth, then each time that it has tripled or so,
    /// and of the first in each hour.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let told = |first| std::iter::successors(Some(first), |times: &u64| times.checked_mul(10));
        self.hourly || self.times <= 3 || told(10).chain(told(30)).any(|times| times == self.times)
    }

    /// A fight that goes on is worse than its occasion.
    #[must_use]
    pub fn severity(&self, of_one: Severity) -> Severity {
        match self.times {
            0..3 => of_one,
            3..10 => of_one.max(Severity::High),
            _ => Severity::Critical,
        }
    }
}

impl Journal {
    /// Counts that an entry's plan was applied.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn count(&self, entry: &Entry, now: Timestamp) -> Result<Repeat> {
        let Decision::Revert { grants, .. } = &entry.decision else {
            return Ok(Repeat { times: 1, since: now, hourly: false });
        };
        // The same grants in another order are the same.
        let grants: Vec<&str> = grants.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect();
        let call = |condition: &str, update: &str| {
            self.client
                .update_item()
                .table_name(&self.table)
                .key("pk", AttributeValue::S(format!("repeat#{}", entry.subject.arn)))
                .key("sk", AttributeValue::S(format!("{}#{}", entry.control, hash(&grants))))
                .condition_expression(condition)
                .update_expression(update)
                .expression_attribute_names("#before", "before")
                .expression_attribute_values(":now", seconds(now))
                .expression_attribute_values(":text", AttributeValue::S(now.to_string()))
                .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
                .expression_attribute_values(":forgotten", seconds(now - MEMORY))
                .expression_attribute_values(":expires", seconds(now + MEMORY))
                .return_values(ReturnValue::AllNew)
        };
        let again = call(
            "attribute_not_exists(pk) OR latest >= :forgotten",
            "SET #before = if_not_exists(latest, :now), latest = :now, expires = :expires, \
             since = if_not_exists(since, :text) ADD times :one",
        );
        let answer = match again.send().await {
            Err(error) if is_condition(&error) => {
                let anew = "SET #before = :now, latest = :now, expires = :expires, since = :text, times = :one";
                call("latest < :forgotten", anew).send().await
            }
            other => other,
        };
        let answer = answer.map_err(|error| failure(error).context("counting in the journal"))?;
        let item = answer.attributes.unwrap_or_default();
        let times = match item.get("times") {
            Some(AttributeValue::N(times)) => times.parse().context("how often a change came back")?,
            _ => 1,
        };
        let before = item.get("before").and_then(|before| before.as_n().ok()?.parse::<i64>().ok());
        let hourly = before.is_some_and(|before| before.div_euclid(3600) != now.as_second().div_euclid(3600));
        Ok(Repeat { times, since: text(&item, "since")?.parse()?, hourly })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_more_and_more_seldom_and_more_and_more_urgently() {
        let repeat = |times| Repeat { times, since: Timestamp::UNIX_EPOCH, hourly: false };
        let told: Vec<u64> = (1..2000).filter(|times| repeat(*times).is_told()).collect();
        assert_eq!(told, [1, 2, 3, 10, 30, 100, 300, 1000]);
        let severities = [1, 3, 10].map(|times| repeat(times).severity(Severity::Low));
        assert_eq!(severities, [Severity::Low, Severity::High, Severity::Critical]);
        assert_eq!(repeat(3).severity(Severity::Critical), Severity::Critical);
        assert!(Repeat { hourly: true, ..repeat(50) }.is_told(), "a summary comes every hour");
    }
}
