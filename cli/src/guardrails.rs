//! `snapback guardrails`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use snapback::guardrail::{Broken, Guardrails, refuse_strays};
use snapback::settings::Settings;
use snapback::trusted;

use crate::choices;
use crate::trouble::ERROR;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Check that every guardrail and `trusted.json` can be read, fits the schema and may apply
    ///
    /// Exit status: 0 if all is fine, 2 if not.
    Check {
        /// The folder of your guardrails
        #[arg(default_value = "guardrails")]
        folder: PathBuf,
        /// Mark the copy in this folder as checked, so that the functions need not check it again
        #[arg(long, value_name = "FOLDER")]
        mark: Option<PathBuf>,
    },
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let What::Check { folder, mark } = &arguments.what;
    choices::folder(folder).map_err(|wrong| anyhow!("{}: {wrong}", folder.display()))?;
    let read = refuse_strays(folder).and_then(|()| match mark {
        Some(copy) => Guardrails::check_and_mark(folder, copy),
        None => Guardrails::check(folder),
    });
    let guardrails = match read {
        Ok(guardrails) => guardrails,
        Err(Broken(problems)) => {
            for problem in problems {
                writeln!(io::stderr(), "snapback: {problem}")?;
            }
            return Ok(ExitCode::from(ERROR));
        }
    };
    let trusted = Settings::default().with_trusted(folder).map_err(|unusable| anyhow!("{unusable}"))?;
    let now = Timestamp::now();
    for guardrail in guardrails.iter() {
        let says = if guardrail.forbids { "forbids" } else { "permits" };
        writeln!(out, "{}: {says}, {guardrail}", guardrail.file)?;
    }
    if guardrails.mention_tags(now) {
        writeln!(out, "Some guardrails use tags, which are read before each revert.")?;
    }
    let sizes = [
        trusted.trusted_accounts.len(),
        trusted.trusted_organizations.len(),
        trusted.trusted_networks.len(),
        trusted.trusted_ranges.len(),
        trusted.trusted_canonical_users.len(),
    ];
    let names = ["accounts", "organizations", "networks", "ranges", "canonical users"];
    let counts: Vec<String> =
        sizes.iter().zip(names).filter(|(n, _)| **n > 0).map(|(n, name)| format!("{name} {n}")).collect();
    if !counts.is_empty() {
        writeln!(out, "{}: {}", folder.join(trusted::FILE).display(), counts.join(", "))?;
    }
    for warning in guardrails.warnings(now) {
        writeln!(out, "warning: {warning}")?;
    }
    Ok(ExitCode::SUCCESS)
}
