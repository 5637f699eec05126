//! The events under `events/`: every control has some, and they mean to it what their names say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use snapback::control::AnyControl;
use snapback::event::{Event, Kind};
use snapback::mode::{Mode, Modes};
use snapback::settings::{Own, Settings};
use workspace_tests::{FUNCTIONS, controls, workspace};

use crate::cases::cases;

/// An event of one control's folder.
pub(crate) struct Example {
    pub(crate) control: &'static AnyControl,
    /// `ssh-flat.json`
    pub(crate) file: String,
    pub(crate) envelope: Value,
    pub(crate) event: Event,
}

impl Example {
    pub(crate) fn is_benign(&self) -> bool {
        self.file.starts_with("benign-")
    }

    /// As Snapback is deployed: it knows its key and its journal, unless the event is of a time before it did. All that a scheduled check can
    /// be about is chosen.
    pub(crate) fn settings(&self) -> Settings {
        let key = "arn:aws:kms:eu-central-1:111122223333:key/1f2e3d4c-5b6a-4988-8776-655443322110";
        let journal_key = (!self.event.is_look()).then(|| key.to_owned());
        let keys = journal_key.clone().into_iter().collect();
        let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/snapback-Journal-1A2B3C4D5E6F7";
        let journal = journal_key.is_some().then(|| table.to_owned());
        let own = Own { keys, journal, journal_key, ..Own::default() };
        Settings { own, trusts_members: self.event.is_look(), ..Settings::default() }
    }

    fn place(&self) -> String {
        format!("{}/{}", self.control.about.id, self.file)
    }
}

/// Every event of every control, in the order of their names.
pub(crate) fn examples() -> Result<Vec<Example>> {
    let mut examples = vec![];
    for control in controls() {
        for path in entries(&workspace("events").join(control.about.id))? {
            let read = || -> Result<Example> {
                let envelope: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
                let event = Event::from_envelope(envelope.clone())?;
                Ok(Example { control, file: name(&path)?, envelope, event })
            };
            examples.push(read().with_context(|| format!("reading {}", path.display()))?);
        }
    }
    Ok(examples)
}

/// What lies in a folder, in the order of its names.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))?;
    let mut entries = listed.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

pub(crate) fn name(path: &Path) -> Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    Ok(name.with_context(|| format!("{} has a name that is no text", path.display()))?.to_owned())
}

/// The folders in a folder, by their names.
pub(crate) fn folders(folder: &str) -> Result<BTreeSet<String>> {
    entries(&workspace(folder))?.iter().filter(|path| path.is_dir()).map(|path| name(path)).collect()
}

pub(crate) fn control_ids() -> BTreeSet<String> {
    controls().map(|control| control.about.id.to_owned()).collect()
}

#[test]
fn every_control_has_a_folder_of_events_and_every_folder_a_control() -> Result<()> {
    assert_eq!(folders("events")?, control_ids());
    Ok(())
}

#[test]
fn every_watched_call_has_an_event_and_every_event_is_watched() -> Result<()> {
    let mut calls: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for example in examples()? {
        let Event { service, name, .. } = &example.event;
        // Root's calls are watched whatever they are called.
        let watch = example.control.about.watches.iter().find(|watch| watch.is_of(&example.event));
        let call = watch.map_or((service.as_str(), name.as_str()), |watch| (watch.service, watch.name));
        let call = (call.0.to_owned(), call.1.to_owned());
        calls.entry(example.control.about.id).or_default().insert(call);
    }
    for control in controls() {
        let watches = control.about.watches.iter().map(|watch| (watch.service.to_owned(), watch.name.to_owned()));
        assert_eq!(calls.remove(control.about.id), Some(watches.collect()), "{}", control.about.id);
    }
    Ok(())
}

#[test]
fn every_event_is_as_aws_would_have_sent_it() -> Result<()> {
    let mut ids = BTreeSet::new();
    for example in examples()? {
        let (envelope, detail) = (&example.envelope, &example.envelope["detail"]);
        assert_eq!(example.event.admit(), Ok(()), "{}", example.place());
        if example.event.is_look() {
            assert_eq!(
                (&envelope["source"], detail),
                (&"aws.events".into(), &serde_json::json!({})),
                "{}",
                example.place()
            );
            assert!(ids.insert(envelope["id"].to_string()), "{}", example.place());
            continue;
        }
        for (of_envelope, of_record) in
            [("time", "eventTime"), ("region", "awsRegion"), ("account", "recipientAccountId")]
        {
            assert!(envelope[of_envelope].is_string(), "{}: {of_envelope}", example.place());
            assert_eq!(envelope[of_envelope], detail[of_record], "{}: {of_record}", example.place());
        }
        let of_any = ["eventVersion", "eventType", "eventCategory"];
        // Nobody has sent what AWS reports by itself, and an insight is about many.
        let of_one = Some("userIdentity").filter(|_| example.event.kind != Kind::Insight);
        let of_call = ["sourceIPAddress", "userAgent", "requestID"];
        let of_call = of_call.iter().filter(|_| example.event.kind == Kind::ApiCall);
        for field in of_any.iter().chain(&of_one).chain(of_call) {
            let field = *field;
            assert!(!detail[field].is_null(), "{} has no {field}", example.place());
        }
        for id in [&envelope["id"], &detail["eventID"]] {
            assert!(ids.insert(id.to_string()), "{} has the id {id} of another event", example.place());
        }
    }
    Ok(())
}

#[test]
fn only_events_that_are_called_benign_raise_no_suspicion() -> Result<()> {
    for example in examples()? {
        let suspicions = (example.control.suspect)(&example.event, &example.settings());
        assert_eq!(suspicions.is_empty(), example.is_benign(), "{}: {suspicions:?}", example.place());
        let mut suspecting = vec![];
        for function in FUNCTIONS {
            let settings = Settings { modes: workspace_tests::for_all(Mode::Notify), ..example.settings() };
            let suspected = function.suspect(example.envelope.clone(), &settings)?;
            suspecting.extend(suspected.into_iter().flat_map(|(_, suspected)| suspected));
        }
        let ids: BTreeSet<_> = suspecting.iter().map(|(control, _)| control.about.id).collect();
        ensure!(
            ids.contains(example.control.about.id) != example.is_benign(),
            "{}: the functions' controls {ids:?} suspect it",
            example.place()
        );
    }
    Ok(())
}

#[test]
fn a_control_that_is_off_is_not_asked_and_those_beside_it_are() -> Result<()> {
    for example in examples()?.iter().filter(|example| !example.is_benign()) {
        let id = example.control.about.id;
        let asked = |overrides: &str| -> Result<BTreeSet<&str>> {
            let modes = Modes::read(Mode::Revert, overrides).map_err(|wrong| anyhow!(wrong))?;
            let settings = Settings { modes, ..example.settings() };
            let mut asked = BTreeSet::new();
            for function in FUNCTIONS {
                let suspected = function.suspect(example.envelope.clone(), &settings)?;
                let suspected = suspected.into_iter().flat_map(|(_, suspected)| suspected);
                asked.extend(suspected.map(|(control, _)| control.about.id));
            }
            Ok(asked)
        };
        let (mut on, off) = (asked(&format!("{id}=notify"))?, asked(&format!("{id}=notify,{id}=off"))?);
        assert!(on.remove(id), "{}", example.place());
        assert_eq!(on, off, "{}", example.place());
        assert_eq!(asked("*=revert")?.contains(id), !example.control.opt_in, "{}", example.place());
    }
    Ok(())
}

#[test]
fn what_is_suspected_of_each_event_is_recorded() -> Result<()> {
    let mut said = vec![];
    for example in examples()?.iter().filter(|example| !example.is_benign()) {
        for suspicion in (example.control.suspect)(&example.event, &example.settings()) {
            said.push(format!("{} by {}", example.place(), example.event.actor));
            said.push(format!("    {} {}: {}", suspicion.subject.kind, suspicion.subject.name, suspicion.why));
        }
    }
    // Those that differ from another in few words stand in their cases.
    for case in cases()?.iter().filter(|case| case.differs_from_its_event()) {
        if let Some(suspicion) = &case.suspicion {
            said.push(format!("case {} by {}", case.place(), case.event.actor));
            said.push(format!("    {} {}: {}", suspicion.subject.kind, suspicion.subject.name, suspicion.why));
        }
    }
    insta::assert_snapshot!(said.join("\n"));
    Ok(())
}
