//! `snapback explain event`: the way of one event, as far as it can be told from here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use functions::FUNCTIONS;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use snapback::change::Change;
use snapback::control::{AnyControl, Applier, Function, Given, Look, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::{Actor, Event, Refusal};
use snapback::guardrail::{self, Guardrail, Guardrails, Verdict};
use snapback::json::{self, Misread};
use snapback::place::Place;
use snapback::policy::NotUnderstood;
use snapback::responder::OLDEST;
use snapback::settings::Settings;
use snapback::subject::Subject;

use super::ingress::not_understood;
use super::{Answer, Input, Question, Unanswered};
use crate::caller::Caller;
use crate::choices::Choices;
use crate::operator;
use crate::own::{self, CANNOT_TELL, OwnParts};
use crate::recorded::{self, events};
use crate::trouble;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// Use the state in this JSON file, as `state` of a journal entry has it; only controls whose state it is are shown
    #[arg(long, value_name = "FILE", conflicts_with = "look")]
    state: Option<PathBuf>,
    /// Read the resource as it is now, with your credentials; changes nothing
    #[arg(long)]
    look: bool,
    #[command(flatten)]
    choices: Choices,
    #[command(flatten)]
    own: OwnParts,
}

#[derive(Serialize)]
struct Trace {
    id: String,
    service: String,
    name: String,
    time: Timestamp,
    actor: Actor,
    /// Why nothing comes of it.
    refused: Option<String>,
    /// Whether some control waits for such calls.
    watched: bool,
    suspicions: Vec<Suspected>,
    /// Of which controls it cannot be told whether they suspect it.
    unknown: Vec<Unknown>,
}

#[derive(Serialize)]
struct Unknown {
    control: &'static str,
    why: &'static str,
}

/// What one control makes of the event.
#[derive(Serialize)]
struct Suspected {
    control: &'static str,
    /// Whether it is off until `ModeOverrides` names it by its id.
    opt_in: bool,
    /// Whether there is nothing that it could revert.
    only_notifies: bool,
    #[serde(skip)]
    looks_at_nothing: bool,
    /// For what comes in crowds: so many within a day the journal has to count, before anybody is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    tells_from: Option<u64>,
    subject: Subject,
    suspicion: String,
    /// Nothing if nobody has looked.
    state: Option<Value>,
    problem: Option<String>,
    decision: Option<Decision<Change>>,
    /// Why Snapback would ask before it reverts, in mode `revert` too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asks: Vec<String>,
    guardrails: Option<Said>,
    /// The decision under the guardrails.
    result: Option<Decision<Change>>,
}

/// What the guardrails say to the revert, or would say if it came to one.
#[derive(Serialize)]
struct Said {
    permitted: bool,
    why: String,
    by: Vec<Guardrail>,
}

impl Question for Arguments {
    fn input(&self) -> Input {
        self.input.clone()
    }

    fn answer(&self, text: &str) -> Result<Answer, Unanswered> {
        let document: Value = json::read(text).map_err(not_understood)?;
        let refused = |message: String| NotUnderstood { message, line: 1, column: 1 };
        let traces = events(document).map_err(refused)?.into_iter().map(|document| {
            let event = recorded::event(document).map_err(refused)?;
            if event.account.is_empty() {
                return Err(refused(NO_ACCOUNT.to_owned()).into());
            }
            self.trace(event).map_err(Unanswered::Failed)
        });
        let traces = traces.collect::<Result<Vec<Trace>, Unanswered>>()?;
        let harmless = |suspected: &Suspected| suspected.decision.as_ref().is_some_and(Decision::is_allow);
        let shown = if self.input.json {
            let lines = traces.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
            lines.map_err(|error| refused(error.to_string()))?
        } else {
            traces.iter().map(for_people).collect()
        };
        let is_empty = shown.is_empty() && !self.input.json;
        Ok(Answer {
            is_untrusted: !traces.iter().all(|trace| trace.unknown.is_empty() && trace.suspicions.iter().all(harmless)),
            shown: if is_empty { NO_EVENT.to_owned() } else { shown.join("\n") },
            notes: vec![],
        })
    }
}

/// What is said of records that sum calls up or repeat them.
const NO_EVENT: &str = "no event: CloudTrail has other records of the same calls, with their parameters";

const NOTHING_TO_READ: &str = "none: this control judges by the event alone";
const ONLY_COUNTED: &str = "none: this control judges by the event, and by how many the journal has counted";

const NO_ACCOUNT: &str =
    "field `recipientAccountId`: expected the account that the call took effect in, twelve digits, found nothing";

impl Arguments {
    #[tokio::main(flavor = "current_thread")]
    async fn trace(&self, event: Event) -> Result<Trace> {
        let (mut suspicions, mut unknown) = (vec![], vec![]);
        let mut all = FUNCTIONS.iter().flat_map(|function| function.controls);
        let watched = all.any(|control| control.watches(&event));
        let refused = match event.admit() {
            Err(Refusal::Forged(why)) => Some(format!("it is forged: {why}")),
            Err(Refusal::Failed(code)) => Some(format!("the call failed with {code}, so nothing changed")),
            Err(Refusal::Elsewhere(why)) => Some(format!("it does not concern the account: {why}")),
            Ok(()) => {
                let settings = Settings { own: self.own.named(), ..self.choices.settings()? };
                let mut place = None;
                for function in FUNCTIONS {
                    for control in function.controls.iter().filter(|control| control.watches(&event)) {
                        let suspected = (control.suspect)(&event, &settings);
                        if suspected.is_empty() && own::is_unknown(control, &event, &settings) {
                            unknown.push(Unknown { control: control.about.id, why: CANNOT_TELL });
                        }
                        for suspicion in suspected {
                            if self.look && place.is_none() {
                                place = Some(place_of(&event).await?);
                            }
                            let case = Case { function, control, event: &event, suspicion, settings: &settings };
                            suspicions.push(self.suspected(case, place.as_ref()).await?);
                        }
                    }
                }
                // A call that was denied is for those controls only that watch it.
                let failed = event.error_code.as_ref().filter(|_| suspicions.is_empty());
                failed.map(|code| format!("the call failed with {code}, so nothing changed"))
            }
        };
        if let Some(file) = &self.state {
            suspicions = those_that_fit(file, suspicions)?;
        }
        let Event { id, service, name, time, actor, .. } = event;
        Ok(Trace { id, service, name, time, actor, refused, watched, suspicions, unknown })
    }

    async fn suspected(&self, case: Case<'_>, place: Option<&Place>) -> Result<Suspected> {
        let Case { control, event, suspicion, settings, .. } = &case;
        let look = place.map(Look::new);
        let (mut state, mut problem) = (None, None);
        match (&self.state, &look) {
            // It is the state of one of those that the event wakes.
            (Some(file), _) => match state_in(file, control) {
                Ok(given) => state = Some(given),
                Err(error) => problem = Some(format!("{error:#}")),
            },
            (None, _) if control.looks_at_nothing => state = control.state_without_a_look(),
            (None, Some(look)) => match (control.observe)(look, event, suspicion).await {
                Ok(seen) => state = Some(seen),
                Err(failure) => problem = Some(format!("{failure:#}")),
            },
            (None, None) => {}
        }
        let mut subject = suspicion.subject.clone();
        let (mut decision, mut asks) = (None, vec![]);
        if let Some(state) = &state {
            subject = (control.found)(event, suspicion, state).context("reading the state")?;
            let given = Given { settings, holds: &BTreeSet::new() };
            let decided = (control.decide)(event, suspicion, state, &given).context("reading the state")?;
            if matches!(decided, Decision::Revert { .. }) {
                asks.extend(always_asks(control).map(str::to_owned));
                asks.extend((control.asks)(event, suspicion, state, &given).context("reading the state")?);
            }
            decision = Some(decided);
        }
        let verdict = match &decision {
            // Where there is nothing to revert, no guardrail is asked.
            _ if control.about.writes.is_empty() => None,
            // Nobody has looked, so this is what they would say if it came to a revert.
            None => Some(self.verdict(&case, &subject, control.about.severity, look.as_ref()).await),
            Some(Decision::Revert { severity, .. }) => {
                Some(self.verdict(&case, &subject, *severity, look.as_ref()).await)
            }
            Some(_) => None,
        };
        Ok(Suspected {
            control: control.about.id,
            opt_in: control.opt_in,
            only_notifies: control.about.writes.is_empty(),
            looks_at_nothing: control.looks_at_nothing,
            tells_from: control.tells_from,
            suspicion: suspicion.why.clone(),
            result: decision.clone().map(|decision| match &verdict {
                Some(verdict) => verdict.over(decision),
                None => decision,
            }),
            guardrails: verdict.map(|verdict| Said {
                permitted: verdict == Verdict::Permitted,
                why: verdict.to_string(),
                by: if let Verdict::Forbidden(by) = verdict { by } else { vec![] },
            }),
            subject,
            state,
            problem,
            decision,
            asks,
        })
    }

    async fn verdict(
        &self,
        case: &Case<'_>,
        subject: &Subject,
        severity: Severity,
        look: Option<&Look<'_>>,
    ) -> Verdict {
        let folder = self.choices.guardrails();
        if !folder.exists() {
            return Verdict::Unsure(format!(
                "there is no folder `{}` here: --guardrails names yours",
                folder.display()
            ));
        }
        let guardrails = match Guardrails::read(folder) {
            Ok(guardrails) => guardrails,
            Err(broken) => return Verdict::Unsure(broken.to_string()),
        };
        let (event, about) = (case.event, case.control.about);
        let question =
            guardrail::Question { event, subject, about, severity, tags: None, units: None, now: Timestamp::now() };
        match look {
            Some(look) => guardrails.look_and_judge(case.function.tags.read, look, question).await,
            None => guardrails.judge(&question),
        }
    }
}

/// A state is of one of the controls that the event wakes: the others are not asked. If it is of none, what each expects
/// is told.
fn those_that_fit(file: &Path, suspicions: Vec<Suspected>) -> Result<Vec<Suspected>> {
    let (fit, others): (Vec<_>, Vec<_>) = suspicions.into_iter().partition(|suspected| suspected.state.is_some());
    if fit.is_empty() && !others.is_empty() {
        let mut why: Vec<String> = others.into_iter().filter_map(|suspected| suspected.problem).collect();
        why.dedup();
        bail!("{}: {}", file.display(), why.join("\n  "));
    }
    Ok(fit)
}

/// What is no state of the control would be judged as one in which nothing is open.
fn state_in(file: &Path, control: &AnyControl) -> Result<Value> {
    ensure!(!file.is_dir(), "expected a file, found a folder");
    let text = fs::read_to_string(file).context("cannot be read")?;
    let state = json::read(&text).map_err(|Misread { message, line, .. }| anyhow!("{message} (line {line})"))?;
    let id = control.about.id;
    (control.check)(&state).with_context(|| {
        if control.looks_at_nothing {
            format!("{id} has no state, as it judges by the event alone: leave out --state")
        } else {
            format!("this is no state of {id}")
        }
    })?;
    Ok(state)
}

struct Case<'a> {
    function: &'static Function,
    control: &'static AnyControl,
    event: &'a Event,
    suspicion: Suspicion,
    settings: &'a Settings,
}

/// In another account than the event's, a look would find nothing and take that for the truth.
async fn place_of(event: &Event) -> Result<Place> {
    let config = operator::config(Some(&event.region)).await?;
    let account = Caller::of(&config).await.map_err(|error| trouble::with_advice(error, &config))?.account;
    if account != event.account {
        bail!("the event is from account {}, but your credentials belong to account {account}", event.account);
    }
    Ok(Place::new(account, config))
}

/// Why a control asks, whatever it sees.
fn always_asks(control: &AnyControl) -> Option<&'static str> {
    match control.applied_by {
        Applier::IamWriter => {
            Some("in every mode: an operator applies it, unless `IamWriter` is on and `ModeOverrides` names it")
        }
        _ if control.operator_applies() => Some("in every mode: an operator applies it"),
        _ if control.asks_unless_named => Some("until `ModeOverrides` names it"),
        _ => None,
    }
}

/// When people are told of what comes in crowds, which a single event cannot show.
fn counted(from: u64) -> String {
    let first = if from == 1 { "the first".to_owned() } else { format!("number {from}") };
    format!(
        "it depends on how many the journal has counted within a day: Snapback notifies at {first}, and then more and more \
         seldom"
    )
}

fn for_people(trace: &Trace) -> String {
    let Trace { id, service, name, time, actor, .. } = trace;
    let mut shown = format!("{name} on {service} at {time} by {actor} (event {id})");
    let mut line = |label: &str, text: &str| {
        // Writing to a string cannot fail.
        let _ = write!(shown, "\n{label:<11} {}", text.replace('\n', "\n            "));
    };
    if let Some(refused) = &trace.refused {
        line("refused", refused);
    } else if trace.suspicions.is_empty() && trace.unknown.is_empty() {
        let why = if trace.watched { "Snapback does nothing" } else { "Snapback does not watch this call" };
        line("suspicion", &format!("none: {why}"));
    }
    for Unknown { control, why } in &trace.unknown {
        line("control", control);
        line("suspicion", why);
    }
    for suspected in &trace.suspicions {
        let opt_in = if suspected.opt_in { " (opt-in: off until `ModeOverrides` names it)" } else { "" };
        line("control", &format!("{} on {}{opt_in}", suspected.control, suspected.subject.arn));
        line("suspicion", &suspected.suspicion);
        let nothing = if suspected.tells_from.is_some() { ONLY_COUNTED } else { NOTHING_TO_READ };
        let nothing = suspected.looks_at_nothing.then(|| nothing.to_owned());
        let state = suspected.problem.clone().or(nothing).or_else(|| suspected.state.as_ref().map(ToString::to_string));
        line("state", state.as_deref().unwrap_or("not read: --look reads it now, --state takes it from a file"));
        if let Some(decision) = &suspected.decision {
            line("decision", &decision.to_string());
            if let Some(from) = suspected.tells_from.filter(|_| !decision.is_allow()) {
                line("counted", &counted(from));
            }
            for why in &suspected.asks {
                line("asks", why);
            }
            if matches!(decision, Decision::Revert { .. }) && Timestamp::now().duration_since(*time) > OLDEST {
                line("age", "the event is more than 24 hours old, and of such Snapback only notifies");
            }
        }
        if suspected.only_notifies {
            line("guardrails", "not asked: this control only notifies");
        }
        if let Some(said) = &suspected.guardrails {
            let ifs = if suspected.decision.is_none() { "if it came to a revert: " } else { "" };
            line("guardrails", &format!("{ifs}{}", said.why));
        }
        if suspected.result != suspected.decision
            && let Some(result) = &suspected.result
        {
            line("result", &result.to_string());
        }
    }
    shown
}
