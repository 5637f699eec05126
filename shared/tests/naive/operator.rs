//! What a condition operator says of the values in a request.

use std::borrow::Cow;
use std::net::IpAddr;

use super::is_like;

#[derive(Debug, Clone)]
pub(super) struct Operator {
    set: Set,
    comparison: Option<Comparison>,
    is_negated: bool,
    if_exists: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Set {
    One,
    All,
    Any,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Null,
    Equal,
    EqualIgnoringCase,
    Like,
    Arn,
    Bool,
    Address,
    Number(fn(f64, f64) -> bool),
    Time(fn(f64, f64) -> bool),
}

impl Operator {
    pub(super) fn read(operator: &str) -> Self {
        let operator = operator.to_lowercase();
        let (set, operator) = match operator.split_once(':') {
            Some(("forallvalues", rest)) => (Set::All, rest),
            Some(("foranyvalue", rest)) => (Set::Any, rest),
            _ => (Set::One, operator.as_str()),
        };
        let (operator, if_exists) = operator.strip_suffix("ifexists").map_or((operator, false), |bare| (bare, true));
        let (comparison, is_negated) = comparison(operator);
        Self { set, comparison, is_negated, if_exists }
    }

    /// Whether the condition holds for what a request says of the key, if anything; nothing if that is not known.
    pub(super) fn holds(&self, asked: Option<&[String]>, values: &[Cow<'_, str>]) -> Option<bool> {
        let comparison = self.comparison?;
        let asked = asked.unwrap_or_default();
        if let Comparison::Null = comparison {
            // The value says whether the key is null, that is absent.
            return Some(values.iter().any(|value| value.eq_ignore_ascii_case("true") == asked.is_empty()));
        }
        if asked.is_empty() {
            return match self.set {
                Set::All => Some(true),
                // The documentation does not say which of the two wins.
                Set::Any if self.if_exists => None,
                Set::Any => Some(false),
                Set::One => Some(self.if_exists || self.is_negated),
            };
        }
        // Values of a key are ORed; under a negated operator none of them may match.
        let matches = |said: &String| values.iter().any(|value| comparison.matches(value, said)) != self.is_negated;
        Some(match self.set {
            Set::All => asked.iter().all(matches),
            // By itself an operator is for one value; of several, none may match a negated one.
            Set::One if self.is_negated => asked.iter().all(matches),
            Set::One | Set::Any => asked.iter().any(matches),
        })
    }
}

fn comparison(operator: &str) -> (Option<Comparison>, bool) {
    use Comparison::{Address, Arn, Bool, Equal, EqualIgnoringCase, Like, Null, Number, Time};
    let known = match operator {
        "null" => (Null, false),
        "stringequals" => (Equal, false),
        "stringnotequals" => (Equal, true),
        "stringequalsignorecase" => (EqualIgnoringCase, false),
        "stringnotequalsignorecase" => (EqualIgnoringCase, true),
        "stringlike" => (Like, false),
        "stringnotlike" => (Like, true),
        "arnequals" | "arnlike" => (Arn, false),
        "arnnotequals" | "arnnotlike" => (Arn, true),
        "bool" => (Bool, false),
        "ipaddress" => (Address, false),
        "notipaddress" => (Address, true),
        "numericequals" => (Number(|said, value| said.total_cmp(&value).is_eq()), false),
        "numericnotequals" => (Number(|said, value| said.total_cmp(&value).is_eq()), true),
        "numericlessthan" => (Number(|said, value| said < value), false),
        "numericlessthanequals" => (Number(|said, value| said <= value), false),
        "numericgreaterthan" => (Number(|said, value| said > value), false),
        "numericgreaterthanequals" => (Number(|said, value| said >= value), false),
        "dateequals" => (Time(|said, value| said.total_cmp(&value).is_eq()), false),
        "datenotequals" => (Time(|said, value| said.total_cmp(&value).is_eq()), true),
        "datelessthan" => (Time(|said, value| said < value), false),
        "datelessthanequals" => (Time(|said, value| said <= value), false),
        "dategreaterthan" => (Time(|said, value| said > value), false),
        "dategreaterthanequals" => (Time(|said, value| said >= value), false),
        _ => return (None, false),
    };
    (Some(known.0), known.1)
}

impl Comparison {
    fn matches(self, value: &str, said: &str) -> bool {
        match self {
            Self::Null => false,
            Self::Equal => value == said,
            Self::EqualIgnoringCase | Self::Bool => value.eq_ignore_ascii_case(said),
            Self::Like => is_like(value, said),
            Self::Arn => is_arn_like(value, said),
            Self::Address => is_within(value, said).unwrap_or(false),
            Self::Number(compare) => both(said.parse().ok(), value.parse().ok(), compare),
            Self::Time(compare) => both(time(said), time(value), compare),
        }
    }
}

fn both(said: Option<f64>, value: Option<f64>, compare: fn(f64, f64) -> bool) -> bool {
    said.zip(value).is_some_and(|(said, value)| compare(said, value))
}

/// Each of an ARN's six parts is compared by itself. A pattern that has not six is taken as a whole.
fn is_arn_like(pattern: &str, arn: &str) -> bool {
    let patterns: Vec<_> = pattern.splitn(6, ':').collect();
    let parts: Vec<_> = arn.splitn(6, ':').collect();
    if patterns.len() < 6 || parts.len() < 6 {
        return is_like(pattern, arn);
    }
    patterns.iter().zip(parts).all(|(pattern, part)| is_like(pattern, part))
}

/// Whether an address is within a range; bits of the range's address beyond its length do not matter.
fn is_within(range: &str, address: &str) -> Option<bool> {
    let (network, length) = range.split_once('/').map_or((range, None), |(network, length)| (network, Some(length)));
    let (network, whole) = bits(network.parse().ok()?);
    let (address, other) = bits(address.parse().ok()?);
    let length = length.map_or(Some(whole), |length| length.parse().ok())?;
    let shift = whole.checked_sub(length)?;
    let prefix = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
    Some(whole == other && prefix(network) == prefix(address))
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

/// Seconds since 1970, from those or from a date as ISO 8601 has it.
#[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into a float")]
fn time(text: &str) -> Option<f64> {
    let seconds = |text: &str| text.parse().map(|time: jiff::Timestamp| time.as_second() as f64).ok();
    text.parse().ok().or_else(|| seconds(text)).or_else(|| seconds(&format!("{text}T00:00:00Z")))
}
