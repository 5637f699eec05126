//! A report for a spreadsheet: a line for each decision.

use std::io::Write;

use anyhow::Result;

use super::summary::{Ignored, Report, Row};
use crate::terminal::on_one_line;

const COLUMNS: [&str; 16] = [
    "decided_at",
    "outcome",
    "severity",
    "control",
    "title",
    "account",
    "region",
    "kind",
    "resource",
    "actor",
    "call",
    "called_at",
    "seconds_open",
    "why",
    "frameworks",
    "entry",
];

pub(super) fn write(report: &Report, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", COLUMNS.join(","))?;
    for row in &report.rows {
        writeln!(out, "{}", line(of_row(row)))?;
    }
    for ignored in &report.ignored {
        writeln!(out, "{}", line(of_ignored(ignored)))?;
    }
    Ok(())
}

fn of_row(row: &Row) -> [String; COLUMNS.len()] {
    [
        row.decided_at.to_string(),
        row.outcome.to_string(),
        row.severity.map(|severity| severity.to_string()).unwrap_or_default(),
        row.control.clone(),
        row.title.clone(),
        row.account.clone(),
        row.region.clone(),
        row.kind.clone(),
        row.resource.clone(),
        row.actor.clone(),
        row.call.clone(),
        row.called_at.to_string(),
        row.seconds_open.map(|seconds| seconds.to_string()).unwrap_or_default(),
        row.why.clone(),
        row.frameworks.join("; "),
        row.entry.clone(),
    ]
}

/// What is not counted has a line too, which nobody can take for a decision.
fn of_ignored(Ignored { is_forged, entry, why }: &Ignored) -> [String; COLUMNS.len()] {
    let mut cells = [const { String::new() }; COLUMNS.len()];
    let [_, outcome, .., said, _, id] = &mut cells;
    (if *is_forged { "FORGED" } else { "unreadable" }).clone_into(outcome);
    said.clone_from(why);
    *id = entry.clone().unwrap_or_default();
    cells
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    cells.map(|text| cell(&text)).join(",")
}

/// A spreadsheet takes what begins like a formula for one, and runs it: an apostrophe before it says that it is text.
/// <https://owasp.org/www-community/attacks/CSV_Injection>
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = format!("{}{}", if is_formula { "'" } else { "" }, on_one_line(text));
    if text.contains([',', ';', '"', '\'']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::super::scene::report;
    use super::*;

    #[test]
    fn each_decision_has_a_line_and_what_is_not_counted_too() {
        let mut out = vec![];
        write(&report(), &mut out).expect("a report");
        insta::assert_snapshot!(String::from_utf8(out).expect("text"));
    }

    #[test]
    fn nothing_in_a_cell_is_a_formula_or_another_cell() {
        for (text, expected) in [
            ("reports", "reports"),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\\u0009=1\""),
            ("\r=1", "\"'\\u000d=1\""),
            ("＝1", "\"'＝1\""),
            ("a,b", "\"a,b\""),
            ("a;=b", "\"a;=b\""),
            ("a\n=b", "a\\u000a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
