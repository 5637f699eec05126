//! A report as one HTML file: it loads nothing, runs nothing, and is the same on paper. Names are their makers' choice, so
//! every text goes through [`text`] or [`prose`], and a policy in the page forbids whatever would still get through.

use std::fmt::Write;

use snapback::journal::Outcome;

use super::summary::{Column, Figures, Group, Held, Ignored, Open, Outcomes, Report, long, minute, number};
use crate::terminal::on_one_line;

const STYLE: &str = include_str!("page.css");

/// The colour of outcomes, and what they have in common.
const COLOURS: [(&str, &str, &[Outcome]); 4] = [
    ("over", "reverted, closed or allowed", &[Outcome::Reverted, Outcome::Closed, Outcome::Allowed]),
    ("kept", "undone or held by an operator", &[Outcome::Undone, Outcome::Held]),
    ("asks", "asked, would-revert or alerted: for people", &[Outcome::Asked, Outcome::WouldRevert, Outcome::Alerted]),
    ("fails", "failed or pending", &[Outcome::Failed, Outcome::Pending]),
];

/// The size of the chart by time, in its own units.
const WIDTH: usize = 960;
const HEIGHT: usize = 150;

pub(super) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Snapback, {} to {}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n",
        minute(report.since),
        minute(report.until),
    );
    page += &header(report);
    if !report.rows.is_empty() {
        page += &tiles(report);
        page += &chart(&report.columns);
    }
    page += &open(&report.open);
    page += &holds(&report.holds);
    page += &ignored(report);
    for (by, groups) in report.groups() {
        page += &table(by, groups);
    }
    page += "<footer>From Snapback’s journal. A decision is one control’s judgement of one call; one call can lead to several. \
             Times are in UTC. The median is the time after which half of what was closed was closed, the 90th percentile that \
             for nine of ten.</footer>\n</main>\n</body>\n</html>\n";
    page
}

fn header(report: &Report) -> String {
    let only =
        report.only.iter().map(|only| format!("<p class=\"only\">Only {}</p>\n", text(only))).collect::<String>();
    format!(
        "<header>\n<h1>Snapback report</h1>\n<p class=\"when\">{} – {}</p>\n{only}<p class=\"lead\">{}</p>\n\
         <p class=\"only\">{}</p>\n</header>\n",
        minute(report.since),
        minute(report.until),
        text(&report.sentence()),
        report.figures.outcomes.in_words(),
    )
}

/// What a glance should catch.
fn tiles(report: &Report) -> String {
    let Figures { decisions, outcomes, seconds_open } = &report.figures;
    let count = |of: Outcome| outcomes.0.iter().find(|(outcome, _)| *outcome == of).map_or(0, |(_, count)| *count);
    let (open, held) = (report.open.len(), report.holds.len());
    let soon = report.holds.iter().filter(|held| held.ends_soon).count();
    let times = seconds_open.map(|times| (long(times.median), long(times.percentile_90), times.known));
    let (median, percentile, of) = times.unwrap_or_else(|| ("–".to_owned(), "–".to_owned(), 0));
    let all = [
        ("", "Decisions", decisions.to_string(), format!("about {}", number(report.resources, "resource"))),
        ("over", "Reverted", count(Outcome::Reverted).to_string(), format!("of {}", number(*decisions, "decision"))),
        (if open > 0 { "fails" } else { "" }, "Still open", open.to_string(), "as far as the journal knows".to_owned()),
        ("kept", "Held", held.to_string(), format!("{soon} end in the next 7 days")),
        ("", "Open, median", median, format!("of {of} that were closed")),
        ("", "Open, 90th percentile", percentile, "nine of ten were closed by then".to_owned()),
    ];
    let tile = |(colour, label, value, note): &(&str, &str, String, String)| {
        format!("<li class=\"{colour}\"><b>{value}</b><span>{label}</span><small>{note}</small></li>\n")
    };
    format!("<ul class=\"tiles\">\n{}</ul>\n", all.iter().map(tile).collect::<String>())
}

fn chart(columns: &[Column]) -> String {
    let total = |outcomes: &Outcomes| outcomes.0.iter().map(|(_, count)| count).sum::<usize>();
    let most = columns.iter().map(|column| total(&column.outcomes)).max().unwrap_or_default().max(1);
    let (mut bars, each) = (String::new(), WIDTH / columns.len().max(1));
    for (number, Column { first, last, outcomes }) in columns.iter().enumerate() {
        let days = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let mut top = HEIGHT;
        // Writing to a string cannot fail.
        let _ = write!(bars, "<g><title>{days}: {}</title>", in_words(outcomes));
        for (colour, count) in by_colour(outcomes) {
            // One of very many can still be seen.
            let high = (count * HEIGHT / most).max(2).min(top);
            top -= high;
            let (x, width) = (number * each, each.saturating_sub(2).clamp(1, 40));
            let _ =
                write!(bars, "<rect class=\"{colour}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{high}\"/>");
        }
        bars += "</g>\n";
    }
    let ends = [columns.first().map(|column| column.first), columns.last().map(|column| column.last)];
    let [begin, end] = ends.map(|day| day.map(|day| day.to_string()).unwrap_or_default());
    let legend = COLOURS.map(|(colour, meaning, _)| format!("<li class=\"{colour}\">{meaning}</li>\n")).concat();
    format!(
        "<section>\n<h2>Over time</h2>\n<figure>\n<svg class=\"time\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"Decisions over time, at most {most} at once\">\n\
         <line x1=\"0\" y1=\"0.5\" x2=\"{WIDTH}\" y2=\"0.5\"/>\n<line x1=\"0\" y1=\"{HEIGHT}\" x2=\"{WIDTH}\" y2=\"{HEIGHT}\"/>\n\
         {bars}</svg>\n<figcaption><span>{begin}</span><span>at most {most} {}</span><span>{end}</span></figcaption>\n\
         <ul class=\"legend\">\n{legend}</ul>\n</figure>\n</section>\n",
        if columns.iter().all(|column| column.first == column.last) { "a day" } else { "a column" },
    )
}

fn open(all: &[Open]) -> String {
    let row = |open: &Open| {
        let Open { outcome, severity, control, account, region, resource, name, since, times, what, next, .. } = open;
        let severity = severity.map_or("none".to_owned(), |severity| severity.to_string());
        let times = if *times > 1 { format!("<br><small>{}</small>", number(*times, "time")) } else { String::new() };
        let what = what.iter().map(|what| format!("<p>{}</p>", prose(what))).collect::<String>();
        format!(
            "<tr><td><span class=\"tag {severity}\">{severity}</span><br><small>{outcome}</small></td>\
             <td><p><b title=\"{}\">{}</b></p><small>{}<br>account {}, {}</small></td><td>{what}<p class=\"next\">{}</p></td>\
             <td>{}{times}</td></tr>\n",
            text(resource),
            text(name),
            text(control),
            text(account),
            text(region),
            prose(next),
            minute(*since),
        )
    };
    list(
        "Still open",
        "As far as the journal knows: somebody may have closed it by hand. <code>snapback scan</code> looks at what is there now.",
        ["Severity", "Resource", "What is open, and what to do", "Since"],
        all.iter().map(row),
    )
}

fn holds(all: &[Held]) -> String {
    let row = |Held { hold, ends_soon }: &Held| {
        let soon = if *ends_soon { "<br><span class=\"tag medium\">soon</span>" } else { "" };
        format!(
            "<tr><td>{}{soon}</td><td>{}<br><small>{}</small></td><td>{}</td><td>{}<br><small>entry {}</small></td></tr>\n",
            minute(hold.until),
            text(&hold.resource),
            text(&hold.control),
            prose(&hold.grant),
            text(&hold.by),
            text(&hold.entry),
        )
    };
    list(
        "Held by operators",
        "Snapback leaves these in place until their hold ends; then it does what its mode says about the next change.",
        ["Until", "Resource", "What is left in place", "By"],
        all.iter().map(row),
    )
}

fn ignored(report: &Report) -> String {
    let row = |Ignored { is_forged, entry, why }: &Ignored| {
        let (class, label) = if *is_forged { ("critical", "forged") } else { ("medium", "unreadable") };
        let entry = entry.as_deref().map(text).unwrap_or_default();
        format!("<tr><td><span class=\"tag {class}\">{label}</span></td><td>{entry}</td><td>{}</td></tr>\n", prose(why))
    };
    list("Not counted", &report.ignored_in_words(), ["What", "Entry", "Why"], report.ignored.iter().map(row))
}

/// A table with a heading, or nothing at all.
fn list<const N: usize>(title: &str, note: &str, columns: [&str; N], rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() {
        return rows;
    }
    let columns = columns.map(|column| format!("<th scope=\"col\">{column}</th>")).concat();
    format!(
        "<section>\n<h2>{title}</h2>\n<p class=\"note\">{note}</p>\n<div class=\"wide\"><table class=\"list\">\n\
         <thead><tr>{columns}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n"
    )
}

fn table(by: &str, groups: &[Group]) -> String {
    let most = groups.iter().map(|group| group.figures.decisions).max().unwrap_or_default().max(1);
    let row = |Group { name, title, figures }: &Group| {
        let title = title.as_deref().map(|title| format!("<br><small>{}</small>", text(title))).unwrap_or_default();
        let times = figures.seconds_open.map(|times| (long(times.median), long(times.percentile_90)));
        let (median, percentile) = times.unwrap_or_default();
        format!(
            "<tr><th scope=\"row\">{}{title}</th><td class=\"n\">{}</td><td>{}<small>{}</small></td><td class=\"n\">{median}</td>\
             <td class=\"n\">{percentile}</td></tr>\n",
            prose(name),
            figures.decisions,
            bar(&figures.outcomes, most),
            in_words(&figures.outcomes),
        )
    };
    let rows: String = groups.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<section>\n<h2>By {by}</h2>\n<div class=\"wide\"><table class=\"groups\">\n<thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\" class=\"n\">Decisions</th><th scope=\"col\">Outcomes</th><th scope=\"col\" class=\"n\">Open, median</th>\
         <th scope=\"col\" class=\"n\">90th percentile</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n</section>\n",
        by[..1].to_uppercase() + &by[1..],
    )
}

/// The parts of one group, as long as it is large beside the largest.
fn bar(outcomes: &Outcomes, most: usize) -> String {
    let (mut parts, mut x) = (String::new(), 0);
    for (colour, count) in by_colour(outcomes) {
        let width = (count * WIDTH / most).max(4).min(WIDTH.saturating_sub(x));
        // Writing to a string cannot fail.
        let _ = write!(parts, "<rect class=\"{colour}\" x=\"{x}\" y=\"0\" width=\"{width}\" height=\"8\"/>");
        x += width;
    }
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\">{parts}</svg>"
    )
}

fn by_colour(outcomes: &Outcomes) -> impl Iterator<Item = (&'static str, usize)> {
    let count = |of: &[Outcome]| {
        outcomes.0.iter().filter(|(outcome, _)| of.contains(outcome)).map(|(_, count)| count).sum::<usize>()
    };
    COLOURS.map(|(colour, _, of)| (colour, count(of))).into_iter().filter(|(_, count)| *count > 0)
}

fn in_words(outcomes: &Outcomes) -> String {
    if outcomes.0.is_empty() { "nothing".to_owned() } else { outcomes.in_words() }
}

/// A text as a part of the page, in an element or in an attribute.
fn text(text: &str) -> String {
    let text = on_one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

/// The same, with what stands between backticks as code.
fn prose(words: &str) -> String {
    let escaped = text(words);
    let parts: Vec<&str> = escaped.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped;
    }
    let part = |(number, part): (usize, &&str)| {
        if number % 2 == 0 { (*part).to_owned() } else { format!("<code>{part}</code>") }
    };
    parts.iter().enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use snapback::journal::Wanted;

    use super::super::scene::{HOSTILE, NOW, report};
    use super::super::summary::Read;
    use super::*;

    #[test]
    fn the_page_is_what_it_was_reviewed_to_be() {
        insta::assert_snapshot!(page(&report()).replace(STYLE, ""));
    }

    #[test]
    fn a_hostile_name_is_text() {
        let page = page(&report());
        assert!(!page.contains(HOSTILE) && !page.contains("<script") && !page.contains("<img"));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\\u202e"));
        assert_eq!(text("a\"b'c<d>e&f\n"), "a&quot;b&#39;c&lt;d&gt;e&amp;f\\u000a");
        assert_eq!(prose("role `<b>` and `x"), "role `&lt;b&gt;` and `x");
        assert_eq!(prose("role `<b>`"), "role <code>&lt;b&gt;</code>");
    }

    #[test]
    fn the_page_names_nothing_outside_itself() {
        let page = page(&report());
        for outside in
            ["http:", "https:", " src=", " href=", "url(", "@import", "<script", "<link", " style=", " onload="]
        {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn nothing_is_a_sentence() {
        let page = page(&Report::of(Read::default(), &Wanted::default(), NOW.parse().expect("a time")));
        assert!(page.contains("The journal has no entries since 1970-01-01 00:00 UTC.") && !page.contains("<table"));
    }
}
