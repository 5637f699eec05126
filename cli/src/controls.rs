//! `snapback controls`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use functions::FUNCTIONS;
use serde::Serialize;
use snapback::control::{About, AnyControl, Applier};
use snapback::policy::pattern;
use snapback::right::{Right, actions};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A control, or a pattern such as `s3-*`; without it all are shown
    #[arg(value_name = "CONTROL", value_parser = any)]
    only: Option<String>,
    /// Print JSON: an array of the controls, each with `id`, `title`, `happened`, `function`, `opt_in`, `asks_unless_named`,
    /// `operator_applies`, `iam_writer_applies`, `survey`, `events`, `reads`, `writes`, `undoes`, `severity`, `frameworks` and `caveat`
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
#[allow(clippy::struct_excessive_bools, reason = "each is a field of what is printed")]
struct Row {
    function: &'static str,
    /// Whether it is off until `ModeOverrides` names it by its id.
    opt_in: bool,
    /// Whether it only asks in mode `revert` until `ModeOverrides` names it by its id.
    asks_unless_named: bool,
    /// Whether it asks in every mode, and an operator applies what it plans.
    operator_applies: bool,
    /// Whether its function does so in a stack with `IamWriter`, once `ModeOverrides` names the control by its id.
    iam_writer_applies: bool,
    /// IAM actions that a scan needs to list what there is; nothing where there is nothing to scan.
    survey: Option<&'static [Right]>,
    #[serde(flatten)]
    about: &'static About,
}

/// The controls that a flag means.
pub(crate) fn meant_by(pattern: &str) -> Vec<&'static AnyControl> {
    functions::controls().filter(|control| control.is_meant_by(pattern)).collect()
}

/// A pattern that means some control.
pub(crate) fn pattern(text: &str) -> Result<String, String> {
    if meant_by(text).is_empty() {
        let hint = if text.ends_with('*') { ". A pattern leaves out opt-in controls: name each by its id" } else { "" };
        return Err(format!("there is no such control; `snapback controls` lists them{hint}"));
    }
    Ok(text.to_owned())
}

/// The same, of which those that are opt-in are as well.
fn any(text: &str) -> Result<String, String> {
    if functions::controls().any(|control| pattern::matches(text, control.about.id)) {
        Ok(text.to_owned())
    } else {
        Err("there is no such control; without one, `snapback controls` lists all".to_owned())
    }
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let is_meant =
        |control: &&AnyControl| arguments.only.as_deref().is_none_or(|only| pattern::matches(only, control.about.id));
    let rows: Vec<Row> = FUNCTIONS
        .iter()
        .flat_map(|function| {
            function.controls.iter().filter(is_meant).map(|control| Row {
                function: function.name,
                opt_in: control.opt_in,
                asks_unless_named: control.asks_unless_named,
                operator_applies: control.operator_applies(),
                iam_writer_applies: control.applied_by == Applier::IamWriter,
                survey: control.survey.map(|survey| survey.needs),
                about: control.about,
            })
        })
        .collect();
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&rows)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    for Row { function, opt_in, asks_unless_named, operator_applies, iam_writer_applies, survey, about } in rows {
        let events: Vec<String> =
            about.watches.iter().map(|watch| format!("{}:{}", watch.service, watch.name)).collect();
        let named = match (opt_in, operator_applies, asks_unless_named) {
            (true, ..) => ", opt-in",
            (_, true, _) if iam_writer_applies => ", asks, and an operator or `IamWriter` applies it",
            (_, true, _) => ", asks, and an operator applies it",
            (.., true) => ", asks until it is named",
            _ => "",
        };
        writeln!(out, "{} ({}, up to {}{named})", about.id, about.title, about.severity)?;
        for (label, items) in [
            ("events", events.join(", ")),
            ("function", function.to_owned()),
            ("reads", actions(about.reads).join(", ")),
            ("writes", actions(about.writes).join(", ")),
            ("undo needs", actions(about.undoes).join(", ")),
            ("scan needs", survey.map_or("(it only judges events)".to_owned(), |needs| actions(needs).join(", "))),
            ("frameworks", about.frameworks.join(", ")),
        ] {
            let items = if items.is_empty() { "nothing" } else { items.as_str() };
            writeln!(out, "    {label:<11} {items}")?;
        }
        writeln!(out)?;
    }
    Ok(ExitCode::SUCCESS)
}
