//! `snapback controls`

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde::Serialize;
use snapback::control::{About, AnyControl};
use snapback::right::{Right, actions};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A JSON array of objects: id, title, function, `opt_in`, survey, events, reads, writes, undoes, severity,
    /// frameworks, caveat
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    function: &'static str,
    /// Whether it is off until `ModeOverrides` names it by its id.
    opt_in: bool,
    /// IAM actions that a scan needs to list what there is; nothing where there is nothing to scan.
    survey: Option<&'static [Right]>,
    #[serde(flatten)]
    about: &'static About,
}

/// Every control there is.
pub(crate) fn all() -> impl Iterator<Item = &'static AnyControl> {
    crate::functions::FUNCTIONS.iter().flat_map(|function| function.controls)
}

/// The controls that a flag means.
pub(crate) fn meant_by(pattern: &str) -> Result<Vec<&'static AnyControl>> {
    let meant: Vec<&AnyControl> = all().filter(|control| control.is_meant_by(pattern)).collect();
    if meant.is_empty() {
        bail!(
            "--control: there is no control `{pattern}`; `snapback controls` lists them, and opt-in ones go by whole ids"
        );
    }
    Ok(meant)
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let rows: Vec<Row> = crate::functions::FUNCTIONS
        .iter()
        .flat_map(|function| {
            function.controls.iter().map(|control| Row {
                function: function.name,
                opt_in: control.opt_in,
                survey: control.survey.map(|survey| survey.needs),
                about: control.about,
            })
        })
        .collect();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for Row { function, opt_in, survey, about } in rows {
        let events: Vec<String> =
            about.watches.iter().map(|watch| format!("{}:{}", watch.service, watch.name)).collect();
        let opt_in = if opt_in { ", opt-in" } else { "" };
        writeln!(out, "{} ({}, up to {}{opt_in})", about.id, about.title, about.severity)?;
        for (label, items) in [
            ("events", events.join(", ")),
            ("function", function.to_owned()),
            ("reads", actions(about.reads).join(", ")),
            ("writes", actions(about.writes).join(", ")),
            ("undo needs", actions(about.undoes).join(", ")),
            ("scan needs", survey.map_or("(it cannot be scanned)".to_owned(), |needs| actions(needs).join(", "))),
            ("frameworks", about.frameworks.join(", ")),
        ] {
            let items = if items.is_empty() { "nothing" } else { items.as_str() };
            writeln!(out, "    {label:<11} {items}")?;
        }
        writeln!(out)?;
    }
    Ok(ExitCode::SUCCESS)
}
