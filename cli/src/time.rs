//! Times as operators write them.

use anyhow::{Result, bail};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};

/// A time, which is one of UTC if it does not say otherwise; a day begins at midnight.
fn moment(text: &str) -> Option<Timestamp> {
    let of_utc = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| of_utc().map(|time| time.timestamp()))
}

/// A time in the past, or how long ago it was.
pub(crate) fn past(text: &str, now: Timestamp) -> Result<Timestamp> {
    let ago = || {
        let span: Span = text.trim_start_matches('-').parse().ok()?;
        now.to_zoned(TimeZone::UTC).checked_sub(span).ok().map(|then| then.timestamp())
    };
    match moment(text).or_else(ago) {
        Some(then) if then <= now => Ok(then),
        Some(_) => bail!("`{text}` is not in the past"),
        None => bail!("expected a time such as `2026-01-31` or `2026-01-31T12:00:00Z`, or a span such as `2h` or `3d`"),
    }
}

/// A time that is still to come.
pub(crate) fn future(text: &str, now: Timestamp) -> Result<Timestamp> {
    match moment(text) {
        Some(then) if then > now => Ok(then),
        Some(_) => bail!("`{text}` is not in the future"),
        None => bail!("expected a time such as `2026-01-31` or `2026-01-31T12:00:00Z`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_spans_are_understood() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a time");
        for (text, then) in [
            ("2h", "2026-01-31T10:00:00Z"),
            ("3d", "2026-01-28T12:00:00Z"),
            ("1mo", "2025-12-31T12:00:00Z"),
            ("PT30M", "2026-01-31T11:30:00Z"),
            ("2026-01-30", "2026-01-30T00:00:00Z"),
            ("2026-01-30T13:00:00+01:00", "2026-01-30T12:00:00Z"),
            ("2026-01-30 13:00", "2026-01-30T13:00:00Z"),
        ] {
            assert_eq!(past(text, now).expect(text).to_string(), then);
        }
        for wrong in ["yesterday", "2", "", "2027-01-01"] {
            assert!(past(wrong, now).is_err(), "{wrong}");
        }
        assert!(future("2026-02-01", now).is_ok());
        assert!(future("2026-01-31", now).is_err());
    }
}
