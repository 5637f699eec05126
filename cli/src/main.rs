//! `snapback`: the command for people. It reads the journal, undoes and applies reverts, stops the functions, and judges
//! accounts, logs and policies by the controls that the functions use.

mod apply;
mod caller;
mod choices;
mod controls;
mod coverage;
mod explain;
mod guardrails;
mod history;
mod operator;
mod own;
mod recorded;
mod release;
mod replay;
mod report;
mod scan;
mod stop;
mod terminal;
mod time;
mod trouble;
mod undo;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::error::ErrorKind;
use clap::{Parser, Subcommand};
use trouble::ERROR;

/// Revert risky changes in AWS accounts, and undo those reverts
///
/// Snapback's functions run in AWS. This command is for the people beside them: it reads their journal, undoes or applies
/// a revert, stops them, and judges accounts, logs and policies by the same rules.
#[derive(Debug, Parser)]
#[command(name = "snapback", version, verbatim_doc_comment, after_help = MORE, after_long_help = STATUS)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const MORE: &str = "Run `snapback COMMAND --help` for the options and examples of a command.";

const STATUS: &str = "\
Run `snapback COMMAND --help` for the options and examples of a command.

Commands that read the journal find its table by themselves: --journal names it, or the outputs of the CloudFormation
stack that --stack names, or SNAPBACK_JOURNAL, or the outputs of the stack `snapback`, in your Region (another one with
--region). A flag wins over the variable.

Errors are lines on standard error, which begin with `snapback: `, also with --json: standard output then has nothing
but JSON.

Exit status: 0 if all is well; 1 if something risky was found, or a part of the work could not be done; 2 for an error,
such as wrong usage, bad input, missing credentials or an undo that is refused.";

#[derive(Debug, Subcommand)]
enum Command {
    /// List what was decided and done, newest first
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback history --since 2d
  snapback history --outcome reverted --control s3-public-bucket-policy
  snapback history --resource arn:aws:s3:::reports --json"
    )]
    History(history::Arguments),
    /// Report on a period: figures, what is open, what is held
    ///
    /// It reads the journal, by default of the last 30 days, and counts what was decided: by outcome, control, account, Region,
    /// actor, severity and framework, with how long things were open. It lists what is still open as far as the journal knows,
    /// and the holds that are in force. Entries that are forged are named and not counted.
    ///
    /// Exit status: 0 if everything is counted, whatever it is; 1 if something in the journal is forged or could not be read; 2
    /// for an error.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback report
  snapback report --since 90d --html report.html
  snapback report --since 2026-01-01 --account 111122223333 --csv"
    )]
    Report(report::Arguments),
    /// Undo a revert, or many
    ///
    /// This restores the original change with your own credentials. It shows what it would do and asks. A hold keeps
    /// Snapback from reverting the same thing again: for 30 days, or as long as --days or --until say.
    ///
    /// It refuses if the resource is no longer what Snapback left, or if the journal entry is forged.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback undo 3b548a2ad18543698c66
  snapback undo 3b548a2ad18543698c66 --until 2027-03-31
  snapback undo --since 2h --control s3-public-bucket-policy"
    )]
    Undo(undo::Arguments),
    /// Apply a revert that Snapback has not made
    ///
    /// In mode `ask` Snapback changes nothing; its notification names this command. What it would have reverted in mode
    /// `notify` can be applied as well. The command reads the resource again, shows the plan, asks you, and uses your own
    /// credentials. It refuses if the resource has changed since.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback apply 3b548a2ad18543698c66"
    )]
    Apply(apply::Arguments),
    /// End the hold that an undo left
    ///
    /// The resource stays as it is. On the next change that opens it again, Snapback does what its mode says.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback release 3b548a2ad18543698c66"
    )]
    Release(release::Arguments),
    /// Stop all reverts for a while
    ///
    /// Until the time is over, or until `snapback start`, every function touches nothing and only tells you what it would
    /// revert.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback stop --reason \"migration of the data lake\" --for 4h"
    )]
    Stop(stop::StopArguments),
    /// End the stop
    ///
    /// Snapback acts as its mode says again. What happened while it was stopped stays as it is.
    Start(stop::StartArguments),
    /// Find what is open now
    ///
    /// It looks at everything in the account and Region with your own credentials, and changes nothing. If the journal can
    /// be found, its baselines and holds count too. `snapback controls` lists the permissions that this needs under `reads`
    /// and `scan needs`.
    ///
    /// It does not ask your guardrails: of their folder it only uses `trusted.json`.
    ///
    /// Exit status: 0 if nothing is open, 1 if something is or could not be checked, 2 for an error.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback scan
  snapback scan --control 's3-*' --trust-account 444455556666
  snapback scan --control ec2-open-egress --trust-members --region eu-central-1 --json"
    )]
    Scan(scan::Arguments),
    /// Check that Snapback hears of what happens
    ///
    /// It says of each Region of your account whether a trail logs the calls that Snapback watches, and whether
    /// Snapback's rules are there as this version deploys them. With --member-role and --accounts it does the same in
    /// members of the organization, and checks the roles there; with --organization in all its accounts that are active.
    /// It uses your own credentials and changes nothing.
    ///
    /// A Region without Snapback counts as not covered; --regions says which ones you mean. The newest entry in the
    /// journal says when something suspicious was last seen there; what is harmless leaves none.
    ///
    /// Exit status: 0 if everything is covered, 1 if something is missing, 2 if nothing is and something cannot be told,
    /// or for another error.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback coverage
  snapback coverage --regions us-east-1,eu-central-1
  snapback coverage --member-role SnapbackOperator --accounts 222233334444,333344445555 --json
  snapback coverage --member-role SnapbackOperator --organization"
    )]
    Coverage(coverage::Arguments),
    /// Replay recorded events
    ///
    /// It reads CloudTrail's log files, gzipped or not, JSON Lines of CloudTrail records or EventBridge events, and what
    /// `aws cloudtrail lookup-events` prints, without calling AWS. With --history it reads CloudTrail's event history of
    /// your account itself: of the last 90 days, with no trail and no deployment. That takes cloudtrail:LookupEvents. With
    /// --bucket it reads a trail's bucket, which takes s3:ListBucket and s3:GetObject on it, and kms:Decrypt on its key.
    ///
    /// With --verify it checks the log files by CloudTrail's digests, and its last line says whether they are evidence.
    ///
    /// It tells what Snapback would have suspected. What it would have decided depends on how the resource was then, which
    /// no log tells. It does not ask your guardrails: of their folder it only uses `trusted.json`.
    ///
    /// Exit status: 0 if all events could be read, also if some are suspicious or could not be judged without the names of
    /// Snapback's keys; 1 if something could not be read, or with --verify if it is no evidence; 2 if no event could be read,
    /// or for another error.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback replay --history --since 7d
  snapback replay --history --regions eu-central-1,us-east-1 --save history/
  snapback replay --bucket s3://example-logs/AWSLogs/111122223333/ --since 30d --verify
  snapback replay AWSLogs/
  snapback replay AWSLogs/ --trust-account 444455556666
  snapback replay --control ec2-open-egress --json cloudtrail.jsonl"
    )]
    Replay(replay::Arguments),
    /// Explain a policy, a rule or an event
    ///
    /// It asks AWS nothing, except with --look or with --principal and no file.
    ///
    /// Exit status: 0 if it is harmless, 1 if it is not or that cannot be told, 2 for an error.
    #[command(
        verbatim_doc_comment,
        after_long_help = "\
Examples:
  snapback explain policy bucket.json --account 111122223333
  snapback explain identity policy.json
  snapback explain identity --principal arn:aws:iam::111122223333:role/deploy
  snapback explain ingress permission.json
  snapback explain event event.json --look"
    )]
    Explain(explain::Arguments),
    /// List the controls and the permissions that each needs
    Controls(controls::Arguments),
    /// Check your guardrails
    Guardrails(guardrails::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return told(&error),
    };
    let mut out = terminal::Plain(io::BufWriter::new(io::stdout().lock()));
    let result = run(arguments.command, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    match result {
        Ok(code) => code,
        // Whoever reads us has seen enough, as `head` does.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(ERROR)
        }
    }
}

/// Help as it is, and what is wrong with the arguments like any other error.
fn told(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        complain(&format!("expected a command, found none\n\n{}", text.trim_end()));
        return ExitCode::from(ERROR);
    }
    let Some(wrong) = text.strip_prefix("error: ") else { error.exit() };
    complain(wrong.trim_end());
    ExitCode::from(ERROR)
}

fn complain(text: &str) {
    // Where standard error is closed there is nobody left to tell.
    let _ = writeln!(io::stderr(), "snapback: {}", terminal::plain(text));
}

fn run(command: Command, out: &mut impl Write) -> Result<ExitCode> {
    match command {
        Command::History(arguments) => history::run(&arguments, out),
        Command::Report(arguments) => report::run(&arguments, out),
        Command::Undo(arguments) => undo::run(&arguments, out),
        Command::Apply(arguments) => apply::run(&arguments, out),
        Command::Release(arguments) => release::run(&arguments, out),
        Command::Stop(arguments) => stop::stop(&arguments, out),
        Command::Start(arguments) => stop::start(&arguments, out),
        Command::Scan(arguments) => scan::run(&arguments, out),
        Command::Coverage(arguments) => coverage::run(&arguments, out),
        Command::Replay(arguments) => replay::run(&arguments, out),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Controls(arguments) => controls::run(&arguments, out),
        Command::Guardrails(arguments) => guardrails::run(&arguments, out),
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

    /// A line of a list, in the imperative, such as `Undo a revert, or many`.
    #[test]
    fn every_command_has_one_short_line_that_says_what_it_does() {
        for command in Arguments::command().get_subcommands() {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(about.starts_with(|first: char| first.is_uppercase()), "{}: {about}", command.get_name());
            assert!(!about.ends_with('.') && (1..=60).contains(&about.len()), "{}: {about}", command.get_name());
            let verb = about.split(' ').next().unwrap_or_default();
            assert!(!verb.ends_with('s'), "{}: {about}", command.get_name());
        }
    }

    #[test]
    fn every_example_in_the_help_is_understood() {
        let mut understood = 0;
        for command in Arguments::command().get_subcommands() {
            let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            for line in text.lines().map(str::trim_start).filter(|line| line.starts_with("snapback ")) {
                let words = shlex::split(line).expect("words");
                assert_eq!(words[1], command.get_name());
                assert!(Arguments::try_parse_from(words).is_ok(), "`{line}` is not understood");
                understood += 1;
            }
        }
        assert!(understood > 10, "only {understood} commands were found");
    }

    /// What people are told to type, also where it needs an account to run.
    #[test]
    fn every_command_in_the_documentation_is_understood() -> Result<()> {
        let mut understood = 0;
        for page in [
            "README.md",
            "CONTRIBUTING.md",
            "docs/guardrails.md",
            "docs/operations.md",
            "events/README.md",
            "organization/README.md",
        ] {
            let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page))?;
            let text = text.replace("\\\n", "");
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
