//! Dates in conditions: which can never be met again, and which always are from now on.
//!
//! Time only goes on, so a date that has to lie before one that has passed is never met, and one that has to lie after it
//! always is. Any other date in an `Allow` narrows nothing: access could open later, and no event would tell of it.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date>

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// No session lives longer after its token was issued.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>
const LONGEST_SESSION: SignedDuration = SignedDuration::from_hours(36);

/// One key of a condition, as far as it may be about time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// In small letters, as is the operator, which has neither quantifier nor `IfExists`.
    pub key: &'a str,
    pub operator: &'a str,
    pub holds_if_absent: bool,
}

impl Asked<'_> {
    /// Whether no call meets this with any of the values at this time or later; if no time is told, it is not known.
    pub(super) fn is_over<'v>(&self, mut values: impl Iterator<Item = &'v str>, at: Option<Timestamp>) -> bool {
        let (Some(at), Some(grace)) = (at, self.grace()) else { return false };
        let includes = match self.operator {
            "datelessthan" => false,
            "datelessthanequals" => true,
            "numericlessthan" if self.key == "aws:epochtime" => false,
            "numericlessthanequals" if self.key == "aws:epochtime" => true,
            _ => return false,
        };
        let is_over = |value: &str| {
            let end = moment(value).and_then(|end| end.checked_add(grace).ok());
            end.is_some_and(|end| end < at || !includes && end == at)
        };
        let Some(first) = values.next() else { return false };
        is_over(first) && values.all(is_over)
    }

    /// Whether every call meets this at this time and later; if no time is told, it is not known.
    pub(super) fn has_begun<'v>(&self, mut values: impl Iterator<Item = &'v str>, at: Option<Timestamp>) -> bool {
        let is_asked = match self.operator {
            "dategreaterthan" | "dategreaterthanequals" => matches!(self.key, "aws:currenttime" | "aws:epochtime"),
            "numericgreaterthan" | "numericgreaterthanequals" => self.key == "aws:epochtime",
            _ => false,
        };
        let is_number = |value: &str| !self.operator.starts_with("numeric") || value.trim().parse::<i64>().is_ok();
        let is_past = |value: &str, at| is_number(value) && moment(value).is_some_and(|begin| begin < at);
        is_asked && at.is_some_and(|at| values.any(|value| is_past(value, at)))
    }

    /// How long after the moment that the key tells calls can still tell it.
    fn grace(&self) -> Option<SignedDuration> {
        match self.key {
            "aws:currenttime" | "aws:epochtime" => Some(SignedDuration::ZERO),
            // Who signs with an access key of their own has no such key.
            "aws:tokenissuetime" if !self.holds_if_absent => Some(LONGEST_SESSION),
            _ => None,
        }
    }
}

/// Seconds since 1970, or a date as ISO 8601 has it. What may be either, as a year or a date without dashes, is no moment
/// that has certainly passed.
/// <https://www.w3.org/TR/NOTE-datetime>
fn moment(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if matches!(text.len(), 4 | 6 | 8) && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let of_civil = |civil: DateTime| TimeZone::UTC.to_timestamp(civil).ok();
    let seconds = text.parse::<i64>().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let exact = || text.parse::<Timestamp>().ok();
    let without_zone = || text.parse::<DateTime>().ok().and_then(of_civil);
    let midnight = |day: Date| of_civil(day.to_datetime(jiff::civil::Time::midnight()));
    let day = || text.parse::<Date>().ok().and_then(midnight);
    let month = || format!("{text}-01").parse::<Date>().ok().and_then(midnight);
    seconds.or_else(exact).or_else(without_zone).or_else(day).or_else(month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_over(operator: &str, key: &str, values: &[&str]) -> bool {
        let at = "2026-06-01T12:00:00Z".parse().expect("a time");
        let asked = Asked { key, operator, holds_if_absent: false };
        assert!(!asked.is_over(values.iter().copied(), None), "without a time nothing is over");
        asked.is_over(values.iter().copied(), Some(at))
    }

    #[test]
    fn who_signs_with_a_key_of_their_own_has_no_token_that_was_issued() {
        let at = "2026-06-01T12:00:00Z".parse().ok();
        for (key, over) in [("aws:tokenissuetime", false), ("aws:currenttime", true)] {
            let asked = Asked { key, operator: "datelessthan", holds_if_absent: true };
            assert_eq!(asked.is_over(["2020-01-01"].into_iter(), at), over, "{key}");
        }
    }

    #[test]
    fn only_an_end_that_has_passed_is_never_met() {
        for (operator, key, values, over) in [
            ("datelessthan", "aws:currenttime", &["2026-06-01T12:00:00Z"][..], true),
            ("datelessthan", "aws:currenttime", &["2026-06-01T14:00:00+02:00", "2020-01-01"], true),
            ("datelessthanequals", "aws:currenttime", &["2026-06-01T12:00:00Z"], false),
            ("datelessthanequals", "aws:currenttime", &["2026-06-01T11:59:59Z"], true),
            ("datelessthan", "aws:currenttime", &["2020-01-01", "2026-06-02"], false),
            ("datelessthan", "aws:currenttime", &["2020-01"], true),
            ("datelessthan", "aws:currenttime", &["2026-07"], false),
            ("datelessthan", "aws:currenttime", &["yesterday"], false),
            ("datelessthan", "aws:currenttime", &["2031"], false),
            ("datelessthan", "aws:currenttime", &["20310101"], false),
            ("datelessthan", "aws:currenttime", &[], false),
            ("datelessthan", "aws:epochtime", &["1767225600"], true),
            ("numericlessthan", "aws:epochtime", &["1767225600"], true),
            ("numericlessthanequals", "aws:multifactorauthage", &["3600"], false),
            ("dategreaterthan", "aws:currenttime", &["2020-01-01"], false),
            ("dategreaterthan", "aws:currenttime", &["2030-01-01"], false),
            ("dateequals", "aws:currenttime", &["2020-01-01"], false),
            ("datelessthan", "aws:tokenissuetime", &["2026-05-31T00:00:00Z"], true),
            ("datelessthan", "aws:tokenissuetime", &["2026-05-31T12:00:00Z"], false),
            ("datelessthan", "s3:object-lock-retain-until-date", &["2020-01-01"], false),
        ] {
            assert_eq!(is_over(operator, key, values), over, "{operator} {key} {values:?}");
        }
    }
}
