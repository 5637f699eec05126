//! Times as operators write them.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, civil};

/// A time, which is one of UTC if it does not say otherwise; a day begins at midnight.
fn moment(text: &str) -> Option<Timestamp> {
    let of_utc = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    text.parse().ok().or_else(|| of_utc().map(|time| time.timestamp()))
}

/// A time in the past, or how long ago it was.
pub(crate) fn past(text: &str) -> Result<Timestamp, String> {
    before(text, Timestamp::now())
}

fn before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let ago = || {
        let span: Span = text.trim_start_matches('-').parse().ok()?;
        now.to_zoned(TimeZone::UTC).checked_sub(span).ok().map(|then| then.timestamp())
    };
    match moment(text).or_else(ago) {
        Some(then) if then <= now => Ok(then),
        Some(_) => Err("it is not in the past".to_owned()),
        None => {
            let expected =
                "expected a time such as `2026-01-31` or `2026-01-31T12:00:00Z`, or a span such as `2h` or `3d`";
            Err(expected.to_owned())
        }
    }
}

/// A time that is still to come.
pub(crate) fn future(text: &str) -> Result<Timestamp, String> {
    after(text, Timestamp::now())
}

fn after(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match moment(text) {
        Some(then) if then > now => Ok(then),
        Some(_) => Err("it is not in the future".to_owned()),
        None => Err("expected a time such as `2026-01-31` or `2026-01-31T12:00:00Z`".to_owned()),
    }
}

/// How long something lasts, from now.
pub(crate) fn span(text: &str) -> Result<Span, String> {
    let span = text.parse::<Span>().ok();
    if span.is_some_and(|span| !span.is_positive()) {
        return Err("it has to be longer than nothing".to_owned());
    }
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let span = span.filter(|span| now.checked_add(*span).is_ok());
    span.ok_or_else(|| "expected a span such as `4h`, `30m` or `2d`".to_owned())
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
            assert_eq!(before(text, now).expect(text).to_string(), then);
        }
        for wrong in ["yesterday", "2", "", "2027-01-01"] {
            assert!(before(wrong, now).is_err(), "{wrong}");
        }
        assert!(after("2026-02-01", now).is_ok());
        assert!(after("2026-01-31", now).is_err());
        assert!(span("4h").is_ok());
        for wrong in ["0h", "-4h", "", "soon", "9000000000h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
