//! `snapback guardrails`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use jiff::Timestamp;
use snapback::guardrail::{Broken, Guardrails};
use snapback::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Says whether every guardrail can be read and fits the schema, and `trusted.json` too. Exit status 1 if not
    Check {
        /// The folder of the guardrails
        #[arg(default_value = "guardrails")]
        folder: PathBuf,
        /// Leave a mark in the folder to which they will be copied, so that functions need not check them again
        #[arg(long, value_name = "FOLDER")]
        mark: Option<PathBuf>,
    },
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let What::Check { folder, mark } = &arguments.what;
    let read = match mark {
        Some(copy) => Guardrails::read_and_mark(folder, copy),
        None => Guardrails::read(folder),
    };
    let guardrails = match read {
        Ok(guardrails) => guardrails,
        Err(Broken(problems)) => {
            for problem in problems {
                writeln!(io::stderr(), "snapback: {problem}")?;
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let trusted = match Settings::default().with_trusted(folder) {
        Ok(settings) => settings,
        Err(unusable) => {
            writeln!(io::stderr(), "snapback: {unusable}")?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let now = Timestamp::now();
    for guardrail in guardrails.iter() {
        let says = if guardrail.forbids { "forbids" } else { "permits" };
        writeln!(out, "{}: {says}, {guardrail}", guardrail.file)?;
    }
    if guardrails.mention_tags(now) {
        writeln!(out, "They ask for tags, which are read before each revert.")?;
    }
    let sizes = [
        trusted.trusted_accounts.len(),
        trusted.trusted_organizations.len(),
        trusted.trusted_networks.len(),
        trusted.trusted_ranges.len(),
        trusted.trusted_canonical_users.len(),
    ];
    let names = ["accounts", "organizations", "networks", "ranges", "canonical users"];
    let trusted: Vec<String> =
        sizes.iter().zip(names).filter(|(n, _)| **n > 0).map(|(n, name)| format!("{name} {n}")).collect();
    if !trusted.is_empty() {
        writeln!(out, "trusted.json: {}", trusted.join(", "))?;
    }
    for warning in guardrails.warnings(now) {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(ExitCode::SUCCESS)
}
