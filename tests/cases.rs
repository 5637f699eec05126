//! The cases of each control, one file each in `tests/decisions/<control>/`, which say in one place
//!
//! - what happened: an `event` of `events/`, and in what it differs (`with`); `settings` and `holds` of operators;
//! - what AWS answers, if it is told (`answers`), and what it answers once the revert is done (`afterwards`);
//! - the `state` that the control sees in that, or just the state;
//! - what it concludes, and the `calls` that it makes to see, to revert and to undo.
//!
//! All but the first two and a state without answers are recorded. A difference is a change of what Snapback does, to be
//! read before it is accepted with `UPDATE=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use snapback::change::{Applied, Change};
use snapback::control::{AnyControl, Function, Given, Look, Remembered, Remembering, Stack, Suspicion};
use snapback::decision::Decision;
use snapback::event::Event;
use snapback::journal::Journal;
use snapback::right;
use snapback::settings::Settings;
use workspace_tests::{FUNCTIONS, workspace};

use crate::canned::scene::{deployment, remembering};
use crate::canned::wire::{Answer, Aws, answer};
use crate::events::{Example, control_ids, entries, examples, folders};
use crate::iam::called;
use crate::recorded::is_recorded;

/// What they look at is on or off, and says so; or whatever is unsure is another control's.
const NEVER_UNSURE: [&str; 4] =
    ["ec2-serial-console", "ec2-unencrypted-volumes", "iam-federation-token", "s3-unwritable-bucket-policy"];

/// What a person has written of a case, in the order in which it is read.
const WRITTEN: [&str; 9] =
    ["event", "with", "about", "settings", "holds", "leaves_alone", "stays", "answers", "afterwards"];

/// By operation, what AWS answers, in order.
pub(crate) type Answers = Vec<(String, Vec<Answer>)>;

pub(crate) struct Case {
    pub(crate) function: &'static Function,
    pub(crate) control: &'static AnyControl,
    path: PathBuf,
    written: Value,
    pub(crate) envelope: Value,
    pub(crate) event: Event,
    /// Nothing if the event alone raises none, which a case may show as well.
    pub(crate) suspicion: Option<Suspicion>,
    pub(crate) settings: Settings,
    pub(crate) holds: BTreeSet<String>,
}

/// What came of a case that tells what AWS answers.
struct Run {
    state: Value,
    calls: Value,
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
    undoes: BTreeSet<String>,
}

pub(crate) fn cases() -> Result<Vec<Case>> {
    let examples = examples()?;
    let mut cases = vec![];
    for function in FUNCTIONS {
        for control in function.controls {
            let of_control: Vec<_> = examples.iter().filter(|one| one.control.about.id == control.about.id).collect();
            for path in entries(&workspace("tests/decisions").join(control.about.id))? {
                let case = Case::read(function, control, path.clone(), &of_control);
                cases.push(case.with_context(|| path.display().to_string())?);
            }
        }
    }
    Ok(cases)
}

impl Case {
    fn read(
        function: &'static Function,
        control: &'static AnyControl,
        path: PathBuf,
        examples: &[&Example],
    ) -> Result<Self> {
        let written: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        let example = examples.iter().find(|example| written["event"] == example.file.as_str());
        let example = example.context("there is no such event")?;
        let mut envelope = example.envelope.clone();
        merge(&mut envelope, &written["with"]);
        let event = Event::from_envelope(envelope.clone())?;
        let set = |variable: &str| written["settings"][variable].as_str().map(str::to_owned);
        let mut settings = Settings::read(&set)?;
        settings.own.keys.extend(example.settings().own.keys);
        let mut suspicions = (control.suspect)(&event, &settings);
        // A scheduled event raises a suspicion of each part; the case is about one.
        let about = written["about"].as_str().unwrap_or_default();
        suspicions.retain(|suspicion| suspicion.subject.name.contains(about));
        let suspicion = suspicions.pop();
        ensure!(suspicions.is_empty(), "the event raises several suspicions");
        let is_shown = written.get("leaves_alone").is_some();
        ensure!(suspicion.is_some() || is_shown, "the event raises no suspicion, and shows nothing");
        let holds = strings(&written["holds"]).map(str::to_owned).collect();
        Ok(Self { function, control, path, written, envelope, event, suspicion, settings, holds })
    }

    pub(crate) fn decide(&self, state: &Value) -> Result<Decision<Change>> {
        self.decide_with(state, &self.holds)
    }

    pub(crate) fn decide_with(&self, state: &Value, holds: &BTreeSet<String>) -> Result<Decision<Change>> {
        let given = Given { settings: &self.settings, holds };
        match &self.suspicion {
            Some(suspicion) => {
                (self.control.decide)(&self.event, suspicion, state, &given).with_context(|| self.place())
            }
            None => Ok(Decision::Allow { why: "the event alone raises no suspicion".to_owned() }),
        }
    }

    pub(crate) fn state(&self) -> &Value {
        &self.written["state"]
    }

    /// What a state is once changes have been applied to it.
    pub(crate) fn after<'a>(&self, state: &Value, changes: impl IntoIterator<Item = &'a Change>) -> Result<Value> {
        let mut changes = changes.into_iter();
        changes.try_fold(state.clone(), |state, change| (self.control.after)(&state, change))
    }

    pub(crate) fn place(&self) -> String {
        let file = self.path.file_name().unwrap_or_default();
        format!("{}/{}", self.control.about.id, file.display())
    }

    /// The *Leaves alone* of the control's page that this case shows.
    pub(crate) fn leaves_alone(&self) -> Option<(&'static str, &str)> {
        Some((self.control.about.id, self.written["leaves_alone"].as_str()?))
    }

    pub(crate) fn differs_from_its_event(&self) -> bool {
        self.written.get("with").is_some()
    }

    pub(crate) fn tells_answers(&self) -> bool {
        self.written.get("answers").is_some()
    }

    /// AWS until the revert, and what it answers from then on.
    pub(crate) fn aws(&self) -> Result<(Aws, Answers)> {
        let aws = Aws::default();
        for (operation, answers) in told(&self.written["answers"])? {
            aws.set(&operation, answers);
        }
        Ok((aws, told(&self.written["afterwards"])?))
    }

    /// What is remembered of which resource, as the state has it.
    pub(crate) fn remembered(&self) -> Option<(String, Remembered<Value>)> {
        let mut parts = self.state().as_object()?.values();
        let remembered = parts.find_map(|part| serde_json::from_value(part.clone()).ok())?;
        Some((self.suspicion.as_ref()?.subject.arn.clone(), remembered))
    }

    /// Whether an operator decides about what it reverts, by the state of the case.
    pub(crate) fn asks(&self) -> Result<bool> {
        let given = Given { settings: &self.settings, holds: &self.holds };
        let Some(suspicion) = &self.suspicion else { return Ok(false) };
        Ok((self.control.asks)(&self.event, suspicion, self.state(), &given)?.is_some())
    }

    /// What the control sees. What is remembered is seen as long before the event as the case has it, though the journal
    /// believes nothing that old: it is seen now, and the event comes after that if it does in the case.
    async fn observe(&self, look: &Look<'_>) -> Result<Value> {
        let suspicion = self.suspicion.as_ref().context("it is not looked at")?;
        let is_before = self.remembered().is_none_or(|(_, remembered)| remembered.seen < self.event.time);
        let later = is_before.then(|| Timestamp::now() + SignedDuration::from_secs(1));
        let event = Event { time: later.unwrap_or(self.event.time), ..self.event.clone() };
        let mut state = (self.control.observe)(look, &event, suspicion).await?;
        if let Some((_, Remembered { seen, .. })) = self.remembered() {
            let parts = state.as_object_mut().into_iter().flat_map(Map::values_mut);
            parts.filter_map(|part| part.get_mut("seen")).for_each(|part| *part = json!(seen));
        }
        Ok(state)
    }

    /// The same event at this moment, as one that is old is only announced.
    pub(crate) fn event_of_now(&self) -> Value {
        let mut envelope = self.envelope.clone();
        envelope["time"] = json!(Timestamp::now());
        envelope["detail"]["eventTime"] = json!(Timestamp::now());
        envelope
    }

    /// Looks, reverts, looks again and undoes, as far as it goes.
    async fn run(&self) -> Result<Run> {
        let (aws, afterwards) = self.aws()?;
        if let Some((resource, Remembered { good, .. })) = self.remembered() {
            let kept = remembering(self.control.about.id, &resource, json!(good)).await?;
            aws.set("DynamoDB.GetItem(memory)", [kept]);
        }
        let place = aws.place();
        let journal = Journal::of(&place.config, &deployment(workspace("guardrails")));
        let stack = Stack::new(&self.settings);
        let look = Look { place: &place, memory: Remembering::Journal(&journal), stack: Some(&stack) };
        let state = self.observe(&look).await?;
        let (seeing, reads) = called(&aws);
        let decision = self.decide(&state)?;
        let plan = decision.plan();
        for change in plan {
            let applied = (self.function.apply)(&place, change).await?;
            ensure!(matches!(applied, Applied::Done { .. }), "{change}: {applied:?}");
        }
        let (reverting, writes) = called(&aws);
        for (operation, answers) in afterwards {
            aws.set(&operation, answers);
        }
        if !plan.is_empty() {
            let again = self.observe(&look).await?;
            let is_quiet = is_over(&decision, &self.decide(&again)?);
            ensure!(is_quiet, "AWS's answers after the revert do not show it: {again}");
            aws.forget();
        }
        for change in plan.iter().rev().map(Change::undo) {
            let applied = (self.function.apply)(&place, &change).await?;
            ensure!(matches!(applied, Applied::Done { .. }), "{change}: {applied:?}");
        }
        let (undoing, undoes) = called(&aws);
        let calls = [("see", seeing), ("revert", reverting), ("undo", undoing)].into_iter();
        let calls: Map<_, _> =
            calls.filter(|(_, calls)| !calls.is_empty()).map(|(what, calls)| (what.to_owned(), calls.into())).collect();
        Ok(Run { state, calls: calls.into(), reads, writes, undoes })
    }

    /// The file as it has to be.
    fn text(&self, state: &Value, decision: &Decision<Change>, calls: Option<&Value>) -> Result<String> {
        let written = WRITTEN.iter().filter_map(|field| Some((*field, self.written.get(*field)?.clone())));
        let mut fields: Vec<(&str, Value)> = written.collect();
        fields.push(("state", state.clone()));
        fields.push(("says", decision.to_string().lines().collect()));
        if let Decision::Revert { grants, plan, .. } = decision {
            fields.push(("grants", json!(grants)));
            fields.push(("plan", sorted(plan.iter().map(|change| without_from(json!(change))).collect())));
        }
        fields.extend(calls.map(|calls| ("calls", calls.clone())));
        // In an order in which a person reads it, which an object of `serde_json` does not keep.
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(field, value)| {
                Ok(format!("  \"{field}\": {}", serde_json::to_string_pretty(&value)?.replace('\n', "\n  ")))
            })
            .collect::<Result<_>>()?;
        Ok(format!("{{\n{}\n}}\n", fields.join(",\n")))
    }
}

/// A patch of JSON, as in RFC 7396.
fn merge(into: &mut Value, patch: &Value) {
    match patch {
        Value::Object(fields) => {
            if !into.is_object() {
                *into = json!({});
            }
            for (field, patch) in fields {
                match patch {
                    Value::Null => drop(into.as_object_mut().and_then(|into| into.remove(field))),
                    patch => merge(&mut into[field], patch),
                }
            }
        }
        Value::Null => {}
        other => *into = other.clone(),
    }
}

/// The answers of each operation; several are given one after the other, and the last again and again.
fn told(answers: &Value) -> Result<Answers> {
    let one = |operation: &str, told: &Value| match told {
        Value::String(told) => Ok(answer(operation, told)),
        Value::Object(_) => Ok(answer(operation, &told.to_string())),
        other => bail!("{operation} answers {other}"),
    };
    let Some(answers) = answers.as_object() else { return Ok(vec![]) };
    let each = answers.iter().map(|(operation, told)| {
        let listed = told.as_array().map_or(std::slice::from_ref(told), Vec::as_slice);
        Ok((operation.clone(), listed.iter().map(|told| one(operation, told)).collect::<Result<_>>()?))
    });
    each.collect()
}

/// What a change is made from is in the state, which a law sees to, and is not told twice.
fn without_from(mut change: Value) -> Value {
    for change in change.as_object_mut().into_iter().flat_map(Map::values_mut) {
        if change.get("to").is_some() {
            drop(change.as_object_mut().and_then(|change| change.remove("from")));
        } else {
            *change = without_from(change.take());
        }
    }
    change
}

fn sorted(mut value: Value) -> Value {
    value.sort_all_objects();
    value
}

/// Whether a further judgement asks for no further revert, and says nothing new.
pub(crate) fn is_over(decision: &Decision<Change>, again: &Decision<Change>) -> bool {
    let left_something = matches!(decision, Decision::Revert { left, .. } if !left.is_empty());
    again.is_allow() || (left_something && again.plan().is_empty())
}

/// Every text in a value.
pub(crate) fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(elements) => Box::new(elements.iter().flat_map(strings)),
        Value::Object(fields) => Box::new(fields.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

#[test]
fn every_control_has_cases() -> Result<()> {
    assert_eq!(folders("tests/decisions")?, control_ids());
    Ok(())
}

#[test]
fn every_suspicious_event_has_a_case() -> Result<()> {
    let suspicious = examples()?.into_iter().filter(|example| !example.is_benign());
    let suspicious: BTreeSet<_> = suspicious.map(|example| (example.control.about.id, example.file)).collect();
    let judged = cases()?.into_iter().filter(|case| case.suspicion.is_some());
    let judged: BTreeSet<_> = judged
        .filter_map(|case| Some((case.control.about.id, case.written["event"].as_str()?.to_owned())))
        .filter(|(_, event)| !event.starts_with("benign-"))
        .collect();
    assert_eq!(suspicious, judged);
    Ok(())
}

/// The one loop: every case is as recorded, and together those of a control make just the calls that it declares.
#[tokio::test]
async fn every_case_is_as_recorded_and_every_control_calls_just_what_it_declares() -> Result<()> {
    let mut seen: BTreeMap<&str, Seen> = BTreeMap::new();
    for case in cases()? {
        let run = if case.tells_answers() { Some(case.run().await.with_context(|| case.place())?) } else { None };
        // Kept as it is written, with its order, if it is the same.
        let state = run.as_ref().map(|run| &run.state).filter(|state| *state != case.state()).unwrap_or(case.state());
        let decision = case.decide(state)?;
        is_recorded(&case.path, &case.text(state, &decision, run.as_ref().map(|run| &run.calls))?)?;
        let seen = seen.entry(case.control.about.id).or_default();
        seen.kinds.insert(match decision {
            Decision::Allow { .. } => "allow",
            Decision::Alert { .. } => "alert",
            Decision::Revert { .. } => "revert",
        });
        if let Some(run) = run {
            seen.reads.extend(run.reads);
            seen.writes.extend(run.writes);
            seen.undoes.extend(run.undoes);
        }
    }
    for about in FUNCTIONS.iter().flat_map(|function| function.controls).map(|control| control.about) {
        let Seen { kinds, reads, mut writes, undoes } = seen.remove(about.id).unwrap_or_default();
        // A read just before a write is one of the reads.
        writes.retain(|action| !right::actions(about.reads).contains(&action.as_str()));
        let declared = |rights| right::actions(rights).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        assert_eq!(reads, declared(about.reads), "reads of {}", about.id);
        assert_eq!(writes, declared(about.writes), "writes of {}", about.id);
        assert_eq!(undoes, declared(about.undoes), "undoes of {}", about.id);
        // What can do nothing cannot revert.
        let expected: &[&str] =
            if about.writes.is_empty() { &["alert", "allow"] } else { &["alert", "allow", "revert"] };
        let is_expected = |kind: &&&str| **kind != "alert" || !NEVER_UNSURE.contains(&about.id);
        let expected: Vec<&str> = expected.iter().filter(is_expected).copied().collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), expected, "{}", about.id);
    }
    Ok(())
}

/// What undoing calls hangs on what there was and what there is: setting, removing and replacing are different calls. So
/// each of them that is planned is made, and undone, in some case that tells what AWS answers.
#[test]
fn every_kind_of_change_is_made_and_undone_in_some_case() -> Result<()> {
    let mut planned: BTreeMap<(&str, String), bool> = BTreeMap::new();
    for case in cases()?.into_iter().filter(|case| !case.control.about.writes.is_empty()) {
        for change in case.decide(case.state())?.plan() {
            *planned.entry((case.control.about.id, kind(&json!(change), ""))).or_default() |= case.tells_answers();
        }
    }
    let never_made: Vec<_> = planned.into_iter().filter(|(_, is_made)| !is_made).map(|(kind, _)| kind).collect();
    assert!(never_made.is_empty(), "planned, and in no case with `answers`: {never_made:#?}");
    Ok(())
}

/// Of what a change is, and whether there was something before and is something afterwards.
fn kind(change: &Value, name: &str) -> String {
    let is_there = |side: &Value| match side {
        Value::Null => "nothing",
        Value::Array(list) if list.is_empty() => "nothing",
        _ => "something",
    };
    match change.as_object() {
        Some(fields) if fields.contains_key("to") => {
            let [from, to] = ["from", "to"].map(|side| is_there(&change[side]));
            format!("{name}: {from} becomes {to}")
        }
        Some(fields) => fields.iter().map(|(name, change)| kind(change, name)).collect(),
        None => name.to_owned(),
    }
}

/// What the cases of a control have shown.
#[derive(Default)]
struct Seen {
    kinds: BTreeSet<&'static str>,
    reads: BTreeSet<String>,
    writes: BTreeSet<String>,
    undoes: BTreeSet<String>,
}

#[test]
fn what_is_to_stay_was_there_and_stays() -> Result<()> {
    for case in cases()? {
        let plan = case.decide(case.state())?.plan().to_vec();
        let after = case.after(case.state(), &plan)?;
        for part in strings(&case.written["stays"]) {
            for (when, state) in [("before", case.state()), ("after", &after)] {
                assert!(strings(state).any(|text| text.contains(part)), "{}: {part} {when}", case.place());
            }
        }
        let only_shown_by_doing_nothing = case.written.get("stays").is_none() && case.leaves_alone().is_some();
        assert!(!only_shown_by_doing_nothing || plan.is_empty(), "{}: nothing is said to stay", case.place());
    }
    Ok(())
}
