//! `snapback`: what it watches, what it thinks of a policy, what it would have thought, and taking back what it did.

mod apply;
mod choices;
mod controls;
mod explain;
mod guardrails;
mod history;
mod operator;
mod recorded;
mod release;
mod replay;
mod scan;
mod stop;
mod terminal;
mod time;
mod undo;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use snapback::control::Function;

/// Every function there is.
const FUNCTIONS: [&Function; 3] = [&s3::FUNCTION, &ec2::FUNCTION, &own::FUNCTION];

/// Takes risky changes in AWS accounts back within seconds, and those takings-back too.
///
/// Exit status: 0 done, 1 not done or not all of it, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Does what Snapback has asked for in mode `ask`, with your own credentials, if it is still the same
    Apply(apply::Arguments),
    /// Lists what Snapback watches, and what each control may read and write
    Controls(controls::Arguments),
    /// Says what a policy or a rule lets in, or what becomes of an event. Exit status 1 if that is not harmless, 2 on
    /// bad input
    Explain(explain::Arguments),
    /// Checks the guardrails that keep Snapback from taking something back
    Guardrails(guardrails::Arguments),
    /// Shows what was decided and done, newest first
    History(history::Arguments),
    /// Says what Snapback would have thought of recorded events; calls nothing
    Replay(replay::Arguments),
    /// Ends the hold that an undo has left: the next change that opens it is reverted again
    Release(release::Arguments),
    /// Says what stands open now in an account and Region, with your own credentials; touches nothing. Exit status 1 if
    /// something does, or could not be looked at
    Scan(scan::Arguments),
    /// Ends an emergency stop: from now on Snapback acts again as its mode says
    Start(stop::StartArguments),
    /// Emergency stop: from now on Snapback touches nothing and only says what it would do, until the time is over
    Stop(stop::StopArguments),
    /// Takes a revert back, or many, with your own credentials, and leaves a hold so that it stays
    Undo(undo::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = terminal::Plain(io::BufWriter::new(io::stdout().lock()));
    let result = run(arguments.command, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    match result {
        Ok(code) => code,
        // Whoever reads us has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed there is nobody left to tell.
            let _ = writeln!(io::stderr(), "snapback: {}", terminal::plain(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command, out: &mut impl Write) -> Result<ExitCode> {
    match command {
        Command::Apply(arguments) => apply::run(&arguments, out),
        Command::Controls(arguments) => controls::run(&arguments, out),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Guardrails(arguments) => guardrails::run(&arguments, out),
        Command::History(arguments) => history::run(&arguments, out),
        Command::Replay(arguments) => replay::run(&arguments, out),
        Command::Release(arguments) => release::run(&arguments, out),
        Command::Scan(arguments) => scan::run(&arguments, out),
        Command::Start(arguments) => stop::start(&arguments, out),
        Command::Stop(arguments) => stop::stop(&arguments, out),
        Command::Undo(arguments) => undo::run(&arguments, out),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use anyhow::Result;
    use clap::{CommandFactory, Parser};

    use super::Arguments;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// What people are told to type, also where it needs an account to run.
    #[test]
    fn every_command_in_the_documentation_is_understood() -> Result<()> {
        let mut understood = 0;
        for page in ["README.md", "CONTRIBUTING.md", "docs/guardrails.md", "docs/operations.md", "events/README.md"] {
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page))?;
            let code = text.lines().filter_map(|line| line.strip_prefix("    ").or(line.strip_prefix("$ ")));
            for line in code.map(str::trim_start).filter(|line| line.starts_with("snapback ")) {
                let words = shlex::split(line).unwrap_or_default();
                assert!(Arguments::try_parse_from(words).is_ok(), "{page}: `{line}` is not understood");
                understood += 1;
            }
        }
        assert!(understood > 10, "only {understood} commands were found");
        Ok(())
    }
}
