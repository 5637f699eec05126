//! `snapback scan`: what stands open now, judged by the controls, without an event.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Serialize;
use snapback::change::Change;
use snapback::control::{AnyControl, Given, Look, Remembering, Survey, Suspicion};
use snapback::decision::Decision;
use snapback::event::Event;
use snapback::journal::Journal;
use snapback::place::Place;
use snapback::policy::pattern;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::caller::Caller;
use crate::choices::Choices;
use crate::controls;
use crate::operator::{JournalArguments, Operator};
use crate::terminal::on_one_line;
use crate::trouble;

/// How many subjects are looked at side by side: AWS's limits on calls are for the account, and others need them too.
const AT_ONCE: usize = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Use only these controls: an id, or a pattern such as `s3-*`, which leaves out opt-in controls
    #[arg(long, value_name = "PATTERN", default_value = "*", value_parser = controls::pattern)]
    control: String,
    #[command(flatten)]
    choices: Choices,
    /// Trust the members of the organization, as with `TrustMembers`: those that the journal lists
    #[arg(long)]
    trust_members: bool,
    /// Print JSON Lines: control, subject and decision of each finding
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    journal: JournalArguments,
}

/// What stands open.
#[derive(Serialize)]
struct Finding {
    control: &'static str,
    subject: Subject,
    decision: Decision<Change>,
}

/// Where is looked, and by whose choice.
struct Scan {
    place: Place,
    settings: Settings,
    journal: Option<Journal>,
    now: Timestamp,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(arguments: &Arguments, out: &mut impl Write) -> Result<ExitCode> {
    let named = controls::meant_by(&arguments.control);
    if named.iter().all(|control| control.survey.is_none()) {
        bail!("`{}` only judges events: there is nothing to scan", arguments.control);
    }
    let scan = arguments.scan().await?;
    let complain = |what: &str| writeln!(io::stderr(), "snapback: {}", on_one_line(what));
    let mut to_look_at: Vec<(&AnyControl, Subject)> = vec![];
    let mut problems = 0_u64;
    for (survey, controls) in by_survey(&named) {
        let listed = scan.list(survey).await;
        match listed {
            Ok(subjects) => {
                let pairs = subjects.iter().flat_map(|of| controls.iter().map(|control| (*control, of.clone())));
                to_look_at.extend(pairs);
            }
            Err(failure) => {
                problems += 1;
                let ids: Vec<&str> = controls.iter().map(|control| control.about.id).collect();
                complain(&format!("{}: {failure:#}", ids.join(", ")))?;
            }
        }
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} checked, {eta} left")?;
    let progress = ProgressBar::new(u64::try_from(to_look_at.len())?).with_style(style);
    let looks = to_look_at.into_iter().map(|(control, subject)| scan.finding(control, subject));
    let mut looks = futures::stream::iter(looks).buffered(AT_ONCE);
    let mut open = 0_u64;
    while let Some(found) = looks.next().await {
        progress.inc(1);
        match found {
            Ok(None) => {}
            Ok(Some(finding)) => {
                open += 1;
                progress.suspend(|| show(&finding, arguments.json, out))?;
            }
            Err(failure) => {
                problems += 1;
                progress.suspend(|| complain(&format!("{failure:#}")))?;
            }
        }
    }
    progress.finish_and_clear();
    if !arguments.json {
        let failed = if problems == 0 { String::new() } else { format!(", {problems} could not be checked") };
        writeln!(out, "{} checked, {open} open{failed}", progress.length().unwrap_or_default())?;
        for control in named.iter().filter(|control| control.survey.is_none()) {
            writeln!(out, "not checked: {}, which only judges events", control.about.id)?;
        }
        let would_mean = |control: &&AnyControl| pattern::matches(&arguments.control, control.about.id);
        let is_left_out = |control: &&AnyControl| control.survey.is_some() && !control.is_meant_by(&arguments.control);
        for control in functions::controls().filter(would_mean).filter(is_left_out) {
            writeln!(out, "not checked: {}, which is opt-in; --control {0} checks it", control.about.id)?;
        }
    }
    Ok(if open + problems == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Arguments {
    async fn scan(&self) -> Result<Scan> {
        let (mut settings, now) = (self.choices.settings()?, Timestamp::now());
        let config = self.journal.config().await?;
        let account = Caller::of(&config).await.map_err(|error| trouble::with_advice(error, &config))?.account;
        let journal = Operator::journal_if_any(&self.journal, &config).await?;
        if self.trust_members {
            let journal = journal.as_ref().context("--trust-members needs the journal, which has their list")?;
            let listed = journal.members().await??.believed(now);
            let listed =
                listed.context("the journal has no list of the organization's members of the last 48 hours")?;
            settings.trusted_accounts.extend(listed.accounts);
            settings.trusted_organizations.extend(listed.organization);
        }
        Ok(Scan { place: Place::new(account, config), settings, journal, now })
    }
}

impl Scan {
    /// What stands for the event.
    fn event(&self) -> Event {
        Event::of_a_look(&self.place.account, &self.place.region, self.now)
    }

    fn look(&self) -> Look<'_> {
        let memory = self.journal.as_ref().map_or(Remembering::Nothing, Remembering::Journal);
        Look { place: &self.place, memory, stack: None }
    }

    async fn list(&self, survey: Survey) -> Result<Vec<Subject>> {
        (survey.list)(&self.look(), &self.event()).await
    }

    async fn finding(&self, control: &AnyControl, subject: Subject) -> Result<Option<Finding>> {
        let context = || format!("{} on {}", control.about.id, subject.arn);
        let (look, event) = (self.look(), self.event());
        let suspicion = Suspicion { subject: subject.clone(), why: "an operator scans".to_owned() };
        let state = (control.observe)(&look, &event, &suspicion).await.with_context(context)?;
        let holds = match &self.journal {
            Some(journal) => journal.holds(control.about.id, &subject.arn, self.now).await?.0,
            None => vec![],
        };
        let holds: BTreeSet<String> = holds.into_iter().map(|hold| hold.grant).collect();
        let given = Given { settings: &self.settings, holds: &holds };
        let decision = (control.decide)(&event, &suspicion, &state, &given).with_context(context)?;
        Ok((!decision.is_allow()).then_some(Finding { control: control.about.id, subject, decision }))
    }
}

/// The controls by what they go through, so that it is listed once.
fn by_survey<'a>(controls: &[&'a AnyControl]) -> Vec<(Survey, Vec<&'a AnyControl>)> {
    let mut all: Vec<(Survey, Vec<&AnyControl>)> = vec![];
    for control in controls {
        let Some(survey) = control.survey else { continue };
        match all.iter_mut().find(|(other, _)| std::ptr::fn_addr_eq(other.list, survey.list)) {
            Some((_, controls)) => controls.push(control),
            None => all.push((survey, vec![control])),
        }
    }
    all
}

fn show(finding: &Finding, json: bool, out: &mut impl Write) -> Result<()> {
    if json {
        writeln!(out, "{}", serde_json::to_string(finding)?)?;
        return Ok(());
    }
    let Finding { control, subject, decision } = finding;
    let severity = decision.severity().map(|severity| severity.to_string()).unwrap_or_default();
    writeln!(out, "{}", on_one_line(&format!("{severity} {control}: {} {}", subject.kind, subject.name)))?;
    let mut line = |text: String| writeln!(out, "    {}", on_one_line(&text));
    line(format!("{}, account {}, {}", subject.arn, subject.account, subject.region))?;
    line(decision.why().to_owned())?;
    for change in decision.plan() {
        line(format!("If this were changed now, Snapback would: {change}"))?;
    }
    if let Decision::Revert { left, .. } = decision {
        for open in left {
            line(format!("This would stay open: {open}"))?;
        }
    }
    writeln!(out)?;
    Ok(())
}
