//! `snapback explain`: what a policy or a rule lets in, before it is deployed, and what becomes of an event. It calls
//! nothing, unless it is asked to look.
//!
//! Each kind of document answers for itself; here is what they share: where the text comes from, one text or one a
//! line, how an answer is written and what the exit status says.

mod event;
mod identity;
mod ingress;
mod policy;
mod saved;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use snapback::policy::NotUnderstood;

use crate::terminal::plain;
use crate::trouble::ERROR;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Explain whom a resource policy or a role's trust policy lets in
    ///
    /// It also shows the policy without those who are not trusted. With --json it prints `exposure`; `grants`, each with
    /// `statement` (counted from 0), `exposure`, `grantee`, `why` and `certain`; and `without`, the policy that would be left.
    #[command(verbatim_doc_comment)]
    Policy(policy::Arguments),
    /// Explain whether permissions make an administrator
    ///
    /// It reads an identity policy, or with --principal all that a user, role or group holds, and says whether the holder is
    /// an administrator, or by which of the published ways they can become one.
    #[command(verbatim_doc_comment)]
    Identity(identity::Arguments),
    /// Explain what an EC2 `IpPermission`, or a list of them, opens to the world
    ///
    /// It also reads the output of `aws ec2 describe-security-groups` and `aws ec2 describe-security-group-rules`, and
    /// explains the inbound rules in it.
    #[command(verbatim_doc_comment)]
    Ingress(ingress::Arguments),
    /// Explain what Snapback would do about an event, and which guardrail has a say
    ///
    /// It reads a record of CloudTrail, an event of EventBridge, and both out of what `aws cloudtrail lookup-events` prints
    /// or SNS notifies of. Without --look and --state it judges by the event alone.
    #[command(verbatim_doc_comment)]
    Event(event::Arguments),
}

#[derive(Debug, Clone, clap::Args)]
struct Input {
    /// The JSON document; `-` is standard input
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Read one document a line and answer each
    #[arg(long)]
    lines: bool,
}

/// What one kind of document is asked.
trait Question {
    fn input(&self) -> Input;
    fn answer(&self, text: &str) -> Result<Answer, Unanswered>;
}

/// Why there is no answer.
enum Unanswered {
    /// Because of the document.
    NotUnderstood(NotUnderstood),
    /// Because of something else.
    Failed(anyhow::Error),
}

impl From<NotUnderstood> for Unanswered {
    fn from(error: NotUnderstood) -> Self {
        Self::NotUnderstood(error)
    }
}

struct Answer {
    /// In JSON if that is asked for, or else for people.
    shown: String,
    is_untrusted: bool,
    /// What cannot be answered from the document alone.
    notes: Vec<String>,
}

/// The answers so far, and where they go.
struct Explanation<'a, W> {
    out: &'a mut W,
    question: &'a dyn Question,
    input: Input,
    answered: u64,
    untrusted: u64,
    bad: u64,
}

pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let question: &dyn Question = match &arguments.what {
        What::Policy(policy) => policy,
        What::Identity(identity) if identity.is_live() => return identity.look(out),
        What::Identity(identity) => identity,
        What::Ingress(ingress) => ingress,
        What::Event(event) => event,
    };
    let input = question.input();
    let mut explanation = Explanation { out, question, input: input.clone(), answered: 0, untrusted: 0, bad: 0 };
    match reader(&input.file) {
        Ok(_) if input.file.is_dir() => explanation.complain("expected a file, found a folder")?,
        Ok(reader) if input.lines => explanation.lines(reader)?,
        Ok(reader) => explanation.document(reader)?,
        Err(error) => explanation.complain(&format!("cannot be opened: {error}"))?,
    }
    Ok(match (explanation.bad, explanation.untrusted) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(ERROR),
    })
}

impl<W: Write> Explanation<'_, W> {
    fn document(&mut self, mut reader: impl Read) -> Result<()> {
        let mut bytes = vec![];
        match reader.read_to_end(&mut bytes) {
            Ok(_) => self.answer(&bytes, None),
            Err(error) => self.complain(&format!("cannot be read: {error}")),
        }
    }

    fn lines(&mut self, mut reader: BufReader<impl Read>) -> Result<()> {
        let (mut line, mut number) = (vec![], 0);
        loop {
            number += 1;
            // Whoever writes a line and waits for the answer gets it.
            if reader.buffer().is_empty() {
                self.out.flush()?;
            }
            line.clear();
            match reader.read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => self.answer(line.trim_ascii_end(), Some(number))?,
                Err(error) => {
                    self.complain(&format!("cannot be read to its end: {error}"))?;
                    break;
                }
            }
        }
        if self.answered + self.bad == 0 {
            self.complain("expected a JSON object on each line, found none")?;
        }
        let (good, untrusted, bad) = (self.answered, self.untrusted, self.bad);
        if !self.input.json {
            writeln!(self.out, "{good} answered, {untrusted} untrusted, {bad} bad")?;
        } else if bad > 0 {
            writeln!(io::stderr(), "snapback: {}: {good} answered, {bad} bad", self.file())?;
        }
        Ok(())
    }

    /// Answers one document: all of the file, or what is on this line of it.
    fn answer(&mut self, bytes: &[u8], line: Option<usize>) -> Result<()> {
        let file = self.file();
        let answer = match text(bytes) {
            Ok(text) => self.question.answer(text),
            Err(error) => Err(error.into()),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(Unanswered::Failed(error)) => return self.complain_of(&format!("{error:#}")),
            Err(Unanswered::NotUnderstood(NotUnderstood { message, line: within, column })) => {
                return self.complain_of(&format!("{file}:{}:{column}: {message}", line.unwrap_or(within)));
            }
        };
        let place = line.map_or(file.clone(), |line| format!("{file}:{line}"));
        for note in answer.notes {
            writeln!(io::stderr(), "snapback: {}", plain(&format!("{place}: {note}")))?;
        }
        self.answered += 1;
        self.untrusted += u64::from(answer.is_untrusted);
        if line.is_some() && !self.input.json {
            write!(self.out, "{place}: ")?;
        }
        // Records that only repeat others have no answer in JSON.
        if self.input.json && answer.shown.is_empty() {
            return Ok(());
        }
        Ok(writeln!(self.out, "{}", answer.shown)?)
    }

    fn complain(&mut self, why: &str) -> Result<()> {
        self.complain_of(&format!("{}: {why}", self.file()))
    }

    fn complain_of(&mut self, text: &str) -> Result<()> {
        self.bad += 1;
        Ok(writeln!(io::stderr(), "snapback: {}", plain(text))?)
    }

    fn file(&self) -> String {
        self.input.file.display().to_string()
    }
}

fn reader(path: &Path) -> io::Result<BufReader<Box<dyn Read>>> {
    Ok(BufReader::new(if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path)?) }))
}

/// The text of a document, without the mark that some editors begin a file with.
fn text(bytes: &[u8]) -> Result<&str, NotUnderstood> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        NotUnderstood {
            message: "expected UTF-8".to_owned(),
            line: before.split(|byte| *byte == b'\n').count(),
            column: String::from_utf8_lossy(&before[line_start..]).chars().count() + 1,
        }
    })
}
