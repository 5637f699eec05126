//! A report for a terminal.

use std::io::Write;

use anyhow::Result;

use super::summary::{Group, Held, Ignored, Open, Report, Times, long, minute, number};
use crate::terminal::on_one_line;

pub(super) fn write(report: &Report, out: &mut impl Write) -> Result<()> {
    writeln!(out, "Snapback from {} to {}", minute(report.since), minute(report.until))?;
    if !report.only.is_empty() {
        writeln!(out, "Only {}", on_one_line(&report.only.join(", ")))?;
    }
    writeln!(out, "\n{}", report.sentence())?;
    for (outcome, count) in &report.figures.outcomes.0 {
        writeln!(out, "{count:>8}  {outcome}")?;
    }
    if let Some(times) = &report.figures.seconds_open {
        writeln!(out, "\nOpen {}.", in_words(times))?;
    }
    if !report.open.is_empty() {
        writeln!(out, "\nStill open, as far as the journal knows; `snapback scan` looks at what is there now")?;
    }
    for open in &report.open {
        show_open(open, out)?;
    }
    if !report.holds.is_empty() {
        writeln!(out, "\nHeld: Snapback leaves it in place")?;
    }
    for Held { hold, ends_soon } in &report.holds {
        let soon = if *ends_soon { " (soon)" } else { "" };
        writeln!(out, "    until {}{soon}: {}", minute(hold.until), on_one_line(&hold.grant))?;
        let line = format!("{}, {}; undone by {}, entry {}", hold.resource, hold.control, hold.by, hold.entry);
        writeln!(out, "        {}", on_one_line(&line))?;
    }
    if !report.ignored.is_empty() {
        writeln!(out, "\nNot counted: {}", report.ignored_in_words())?;
    }
    for Ignored { is_forged, entry, why } in &report.ignored {
        let kind = if *is_forged { "FORGED" } else { "unreadable" };
        let entry = entry.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
        writeln!(out, "    {}", on_one_line(&format!("{kind}{entry}: {why}")))?;
    }
    for (by, groups) in report.groups() {
        show_groups(by, groups, out)?;
    }
    Ok(())
}

fn show_open(open: &Open, out: &mut impl Write) -> Result<()> {
    let severity = open.severity.map(|severity| format!(" ({severity})")).unwrap_or_default();
    let times = if open.times > 1 { format!(", {}", number(open.times, "time")) } else { String::new() };
    let since = minute(open.since);
    writeln!(out, "    {} {}{severity}, since {since}{times}", open.outcome, on_one_line(&open.control))?;
    let mut line = |text: &str| writeln!(out, "        {}", on_one_line(text));
    line(&format!("{}, account {}, {}", open.name, open.account, open.region))?;
    for what in &open.what {
        line(what)?;
    }
    line(&open.next)?;
    Ok(())
}

fn show_groups(by: &str, groups: &[Group], out: &mut impl Write) -> Result<()> {
    if !groups.is_empty() {
        writeln!(out, "\nBy {by}")?;
    }
    for Group { name, figures, .. } in groups {
        let times = figures.seconds_open.as_ref();
        let times =
            times.map(|times| format!("; open {}, 90th percentile {}", long(times.median), long(times.percentile_90)));
        let (outcomes, times) = (figures.outcomes.in_words(), times.unwrap_or_default());
        writeln!(out, "{:>8}  {}: {outcomes}{times}", figures.decisions, on_one_line(name))?;
    }
    Ok(())
}

fn in_words(times: &Times) -> String {
    format!(
        "{} in the median, {} at the 90th percentile, {} at most (of the {} whose end is known)",
        long(times.median),
        long(times.percentile_90),
        long(times.longest),
        times.known
    )
}

#[cfg(test)]
mod tests {
    use snapback::journal::Wanted;

    use super::super::scene::{NOW, report};
    use super::super::summary::Read;
    use super::*;

    fn written(report: &Report) -> String {
        let mut out = vec![];
        write(report, &mut out).expect("a report");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_report_is_read_from_top_to_bottom() {
        insta::assert_snapshot!(written(&report()));
    }

    #[test]
    fn nothing_is_a_sentence() {
        let wanted = Wanted { since: Some("2026-11-01T00:00:00Z".parse().expect("a time")), ..Wanted::default() };
        let empty = Report::of(Read::default(), &wanted, NOW.parse().expect("a time"));
        let said = "Snapback from 2026-11-01 00:00 UTC to 2026-11-30 12:00 UTC\n\n\
                    The journal has no entries since 2026-11-01 00:00 UTC.\n";
        assert_eq!(written(&empty), said);
    }
}
