//! Recorded judgements: an event, what a control saw, and what it concluded. A difference is a change of what Snapback
//! does, to be read before it is accepted with `UPDATE=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use snapback::change::{
    Acl, AclGrant, Change, Ec2, Flags, Object, Own, PolicyChange, Rule, RuleState, S3, Swap, Versioning,
};
use snapback::control::{AnyControl, Given, Suspicion};
use snapback::decision::Decision;
use snapback::event::Event;
use snapback::settings::Settings;
use workspace_tests::{controls, workspace};

use crate::events::{control_ids, entries, examples, folders};
use crate::recorded::is_recorded;

/// What they look at is on or off, and says so.
const NEVER_UNSURE: [&str; 2] = ["ec2-serial-console", "ec2-unencrypted-volumes"];

/// One file below `tests/decisions/<control>/`.
pub(crate) struct Case {
    control: &'static AnyControl,
    path: PathBuf,
    written: Value,
    event: Event,
    /// Nothing if the event alone raises none, which a case may show as well.
    suspicion: Option<Suspicion>,
    settings: Settings,
    holds: BTreeSet<String>,
}

pub(crate) fn cases() -> Result<Vec<Case>> {
    let examples = examples()?;
    let mut cases = vec![];
    for control in controls() {
        for path in entries(&workspace("tests/decisions").join(control.about.id))? {
            let read = || -> Result<Case> {
                let written: Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
                let mut of_control = examples.iter().filter(|example| example.control.about.id == control.about.id);
                let example = of_control.find(|example| written["event"] == example.file.as_str());
                let example = example.context("there is no such event")?;
                let event = example.event.clone();
                let set = |variable: &str| written["settings"][variable].as_str().map(str::to_owned);
                let mut settings = Settings::read(&set)?;
                settings.own.keys.extend(example.settings().own.keys);
                let mut suspicions = (control.suspect)(&event, &settings);
                // A look raises a suspicion of each part; the case is about one.
                let about = written["about"].as_str().unwrap_or_default();
                suspicions.retain(|suspicion| suspicion.subject.name.contains(about));
                let suspicion = suspicions.pop();
                ensure!(suspicions.is_empty(), "the event raises several suspicions");
                let is_shown = written.get("leaves_alone").is_some();
                ensure!(suspicion.is_some() || is_shown, "the event raises no suspicion, and shows nothing");
                let holds = strings(&written["holds"]).map(str::to_owned).collect();
                Ok(Case { control, path: path.clone(), written, event, suspicion, settings, holds })
            };
            cases.push(read().with_context(|| path.display().to_string())?);
        }
    }
    Ok(cases)
}

impl Case {
    fn decide(&self, state: &Value) -> Result<Decision<Change>> {
        let given = Given { settings: &self.settings, holds: &self.holds };
        match &self.suspicion {
            Some(suspicion) => {
                (self.control.decide)(&self.event, suspicion, state, &given).with_context(|| self.place())
            }
            None => Ok(Decision::Allow { why: "the event alone raises no suspicion".to_owned() }),
        }
    }

    fn state(&self) -> &Value {
        &self.written["state"]
    }

    /// What the state is once a plan has been applied.
    fn after(&self, plan: &[Change]) -> Result<Value> {
        plan.iter().try_fold(self.state().clone(), |state, change| (self.control.after)(&state, change))
    }

    fn place(&self) -> String {
        let file = self.path.file_name().unwrap_or_default();
        format!("{}/{}", self.control.about.id, file.display())
    }

    /// The *Leaves alone* of the control's page that this case shows.
    pub(crate) fn leaves_alone(&self) -> Option<(&'static str, &str)> {
        Some((self.control.about.id, self.written["leaves_alone"].as_str()?))
    }

    fn text(&self, decision: &Decision<Change>) -> Result<String> {
        let fields = ["event", "about", "settings", "holds", "leaves_alone", "stays", "state"];
        let given = fields.iter().filter_map(|field| Some((*field, self.written.get(*field)?.clone())));
        let mut said = json!({"says": decision.to_string().lines().collect::<Vec<_>>(), "decision": decision});
        said.sort_all_objects();
        let said = ["says", "decision"].into_iter().map(|field| (field, said[field].clone()));
        // In an order in which a person reads it, which an object of `serde_json` does not keep.
        let fields: Vec<String> = given
            .chain(said)
            .map(|(field, value)| {
                Ok(format!("  \"{field}\": {}", serde_json::to_string_pretty(&value)?.replace('\n', "\n  ")))
            })
            .collect::<Result<_>>()?;
        Ok(format!("{{\n{}\n}}\n", fields.join(",\n")))
    }
}

#[test]
fn every_control_has_recorded_decisions() -> Result<()> {
    assert_eq!(folders("tests/decisions")?, control_ids());
    Ok(())
}

#[test]
fn every_suspicious_event_has_a_recorded_decision() -> Result<()> {
    let suspicious = examples()?.into_iter().filter(|example| !example.is_benign());
    let suspicious: BTreeSet<_> = suspicious.map(|example| (example.control.about.id, example.file)).collect();
    let judged = cases()?
        .into_iter()
        .filter(|case| case.suspicion.is_some())
        .map(|case| (case.control.about.id, case.written["event"].clone()));
    let judged: BTreeSet<_> = judged.filter_map(|(id, event)| Some((id, event.as_str()?.to_owned()))).collect();
    assert_eq!(suspicious, judged);
    Ok(())
}

#[test]
fn every_decision_is_as_recorded() -> Result<()> {
    let mut kinds: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for case in cases()? {
        let decision = case.decide(case.state())?;
        is_recorded(&case.path, &case.text(&decision)?)?;
        let kind = match decision {
            Decision::Allow { .. } => "allow",
            Decision::Alert { .. } => "alert",
            Decision::Revert { .. } => "revert",
        };
        kinds.entry(case.control.about.id).or_default().insert(kind);
    }
    for about in controls().map(|control| control.about) {
        let kinds: Vec<&str> = kinds.remove(about.id).into_iter().flatten().collect();
        // What can do nothing cannot revert.
        let expected: &[&str] =
            if about.writes.is_empty() { &["alert", "allow"] } else { &["alert", "allow", "revert"] };
        let is_expected = |kind: &&&str| **kind != "alert" || !NEVER_UNSURE.contains(&about.id);
        let expected: Vec<&str> = expected.iter().filter(is_expected).copied().collect();
        assert_eq!(kinds, expected, "{}", about.id);
    }
    Ok(())
}

/// So that a revert wakes nothing: the event that it causes, or its own seen again, finds nothing to take back.
#[test]
fn what_a_revert_leaves_is_judged_allow_unless_it_said_what_stays() -> Result<()> {
    for case in cases()? {
        let Decision::Revert { plan, left, .. } = case.decide(case.state())? else { continue };
        let again = case.decide(&case.after(&plan)?)?;
        let is_over = again.is_allow() || (!left.is_empty() && again.plan().is_empty());
        assert!(is_over, "{}: after the revert, {again}", case.place());
    }
    Ok(())
}

#[test]
fn what_is_to_stay_was_there_and_stays() -> Result<()> {
    for case in cases()? {
        let plan = case.decide(case.state())?.plan().to_vec();
        let after = case.after(&plan)?;
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

/// Every text in a value.
fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(std::iter::once(text.as_str())),
        Value::Array(elements) => Box::new(elements.iter().flat_map(strings)),
        Value::Object(fields) => Box::new(fields.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

#[test]
fn a_plan_takes_nothing_but_what_the_decision_names() -> Result<()> {
    for case in cases()? {
        let Decision::Revert { plan, grants, .. } = case.decide(case.state())? else { continue };
        ensure!(!grants.is_empty() && !plan.is_empty(), "{} reverts nothing", case.place());
        for change in plan {
            match change {
                Change::Policy(change) => of_policy(&case, change, &grants).with_context(|| case.place())?,
                Change::S3(change) => of_s3(&case, change, &grants).with_context(|| case.place())?,
                Change::Ec2(change) => of_ec2(&case, change, &grants).with_context(|| case.place())?,
                undoing @ Change::Own(Own::RuleState(Swap { to: RuleState::Disabled, .. })) => {
                    anyhow::bail!("{} would {undoing}", case.place())
                }
                Change::Own(Own::RuleTargets(change)) => {
                    assert_eq!(change.to.len(), 1, "{} would {change}", case.place());
                }
                Change::Own(change) => {
                    let (from, to) = change.sides();
                    assert_ne!(from, to, "{}", case.place());
                }
            }
        }
    }
    Ok(())
}

/// What is done to EC2 is what the grants name, and nothing else.
fn of_ec2(case: &Case, change: Ec2, grants: &[String]) -> Result<()> {
    let state = case.state();
    match change {
        Ec2::Rules(change) if change.to.is_empty() => {
            assert_eq!(state["group"], change.of.0);
            takes_only(&state["rules"], &json!(change.from), said(&change.from), grants)?;
        }
        Ec2::Rules(change) => {
            assert_eq!(state["group"], change.of.0);
            changes_back(state, &change.from, &change.to, grants)?;
        }
        Ec2::Sharing(change) => {
            ensure!(change.to.is_empty(), "it would {change}");
            takes_only(&state["shared_with"], &json!(change.from), said(&change.from), grants)?;
        }
        Ec2::Switch(change) => {
            assert_eq!((state["is"].as_str(), grants), (Some(change.from.0.as_str()), &[change.from.0.clone()][..]));
        }
        Ec2::MetadataTokens(change) => {
            assert_eq!(state["options"]["tokens"], change.from.0);
            assert_eq!(change.to.0, "required");
        }
        Ec2::NetworkAclEntries(change) => {
            ensure!(change.to.is_empty(), "it would {change}");
            takes_only(&state["entries"], &json!(change.from), said(&change.from), grants)?;
        }
        Ec2::PrefixListEntries(change) => {
            ensure!(change.to.is_empty(), "it would {change}");
            takes_only(&state["entries"], &json!(change.from), said(&change.from), grants)?;
        }
        Ec2::FlowLogs(change) => {
            ensure!(change.from.is_empty(), "it would {change}");
            assert_eq!(serde_json::to_value(&change.to)?, json!([state["remembered"]["good"]]));
        }
        Ec2::VpcExclusions(change) => {
            assert_eq!(serde_json::to_value(&change.from)?, json!([state["exclusion"]]));
            assert_eq!(grants, change.from.iter().map(|from| from.mode.clone()).collect::<Vec<_>>());
            let mode = change.to.first().map_or(Value::Null, |to| to.mode.as_str().into());
            assert_eq!(mode, state["remembered"]["good"]);
        }
    }
    Ok(())
}

/// What is taken away is there, and is just what the grants name.
fn takes_only(there: &Value, taken: &Value, said: Vec<String>, grants: &[String]) -> Result<()> {
    let sorted = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(sorted(said), sorted(grants.to_vec()));
    let (there, taken) = (there.as_array().context("there is nothing")?, taken.as_array().context("nothing taken")?);
    ensure!(taken.iter().all(|one| there.contains(one)), "{taken:?} is not all in {there:?}");
    Ok(())
}

fn said<T: ToString>(things: &[T]) -> Vec<String> {
    things.iter().map(ToString::to_string).collect()
}

/// What these rules were is remembered, and they are just what the grants say.
fn changes_back(state: &Value, from: &[Rule], to: &[Rule], grants: &[String]) -> Result<()> {
    let changed: BTreeSet<String> = from.iter().map(ToString::to_string).collect();
    ensure!(changed == grants.iter().cloned().collect(), "{changed:?} for {grants:?}");
    let seen = state["rules"].as_array().context("there are no rules")?;
    let was = state["before"]["good"].as_array().context("nothing is remembered")?;
    ensure!(from.len() == to.len(), "{from:?} would be {to:?}");
    for (from, to) in from.iter().zip(to) {
        ensure!((&from.id, &from.tags) == (&to.id, &to.tags), "{from:?} would be {to:?}");
        let bare = Rule { tags: BTreeMap::new(), ..to.clone() };
        ensure!(seen.contains(&serde_json::to_value(from)?) && was.contains(&serde_json::to_value(bare)?), "{to:?}");
    }
    Ok(())
}

/// Whether settings of Block Public Access are turned on that are named, and no others are touched.
fn turns_on_only(from: Option<Flags>, to: Option<Flags>, grants: &[String]) -> Result<()> {
    let (before, after) = (from.unwrap_or_default(), to.unwrap_or_default());
    ensure!(before.is_subset(&after), "{before:?} became {after:?}");
    let turned_on: Vec<String> = after.difference(&before).map(|flag| format!("{flag} off")).collect();
    ensure!(turned_on == grants, "{turned_on:?} for {grants:?}");
    Ok(())
}

/// What is done to a policy is what the grants name, and nothing else.
fn of_policy(case: &Case, change: PolicyChange, grants: &[String]) -> Result<()> {
    let PolicyChange { from, to, .. } = change;
    assert_eq!(from.as_deref(), case.state()["policy"].as_str(), "{}", case.place());
    if case.control.good.is_some() {
        return restores_only(from.as_deref(), to.as_deref(), grants).with_context(|| case.place());
    }
    let from = from.with_context(|| case.place())?;
    let kept = others(&from, grants)?;
    let left = to.map(|policy| others(&policy, &[])).transpose()?.unwrap_or_default();
    assert!(kept.iter().all(|statement| left.contains(statement)), "{}: {left:?}", case.place());
    let narrowed = left.iter().filter(|statement| !kept.contains(statement));
    assert!(narrowed.count() <= grants.len(), "{}: {left:?}", case.place());
    Ok(())
}

/// What is done to S3 is what the grants name, and nothing else.
fn of_s3(case: &Case, change: S3, grants: &[String]) -> Result<()> {
    match change {
        S3::BucketAcl(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["acl"], "{}", case.place());
            loses_only(from, &to, |grant| grants.contains(&grant.to_string()), grants.len())
                .with_context(|| case.place())?;
        }
        S3::ObjectAcl(Swap { from, to, of: Object { version, .. } }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["acl"], "{}", case.place());
            let on = version.map(|version| format!(" on version {version}")).unwrap_or_default();
            let is_named = |grant: &AclGrant| grants.contains(&format!("{grant}{on}"));
            loses_only(from, &to, is_named, grants.len()).with_context(|| case.place())?;
        }
        S3::BucketPublicAccessBlock(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["bucket"], "{}", case.place());
            turns_on_only(from, to, grants).with_context(|| case.place())?;
        }
        S3::AccountPublicAccessBlock(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["account"], "{}", case.place());
            turns_on_only(from, to, grants).with_context(|| case.place())?;
        }
        S3::BucketLifecycle(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["lifecycle"], "{}", case.place());
            let (from, to) = (from.with_context(|| case.place())?, to.unwrap_or_default());
            let gone = from.rules.iter().filter(|rule| !to.rules.contains(rule)).collect::<Vec<_>>();
            assert_eq!(gone.len(), grants.len(), "{}", case.place());
            for rule in gone {
                let named = serde_json::to_string(rule)?;
                assert!(grants.iter().any(|grant| grant.ends_with(&named)), "{}: {named}", case.place());
            }
            let before = &case.state()["remembered"]["good"]["rules"];
            for rule in to.rules.iter().filter(|rule| !from.rules.contains(rule)) {
                let is_known = before.as_array().is_some_and(|rules| rules.contains(&json!(rule)));
                assert!(is_known, "{} would make {rule}", case.place());
            }
        }
        S3::BucketLogging(Swap { from, to, .. }) => {
            assert_eq!((from, grants.len()), (None, 1), "{}", case.place());
            assert_eq!(serde_json::to_value(to)?, case.state()["remembered"]["good"], "{}", case.place());
        }
        S3::ObjectOwnership(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["ownership"], "{}", case.place());
            assert_eq!(serde_json::to_value(to)?, case.state()["remembered"]["good"], "{}", case.place());
            assert_eq!(grants, ["ACLs count"], "{}", case.place());
        }
        S3::BucketReplication(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(&from)?, case.state()["replication"], "{}", case.place());
            assert_eq!((&from.role, from.rules.len()), (&to.role, to.rules.len()), "{}", case.place());
            let changed = from.rules.iter().zip(&to.rules).filter(|(from, to)| from != to).collect::<Vec<_>>();
            assert_eq!(changed.len(), grants.len(), "{}", case.place());
            for ((from, to), grant) in changed.into_iter().zip(grants) {
                assert_eq!(*to, from.disabled(), "{}", case.place());
                assert!(grant.ends_with(&serde_json::to_string(from)?), "{}: {grant}", case.place());
            }
        }
        S3::BucketVersioning(Swap { from, to, .. }) => {
            assert_eq!(serde_json::to_value(from)?, case.state()["versioning"], "{}", case.place());
            assert_eq!((to, grants.len()), (Versioning::Enabled, 1), "{}", case.place());
        }
    }
    Ok(())
}

/// Whether an ACL loses just the grants that are named.
fn loses_only(from: Acl, to: &Acl, is_named: impl Fn(&AclGrant) -> bool, named: usize) -> Result<()> {
    let (gone, stays): (Vec<_>, Vec<_>) = from.grants.into_iter().partition(is_named);
    ensure!(*to == Acl { owner: from.owner, grants: stays }, "{to} is left");
    ensure!(gone.len() == named, "{gone:?} goes");
    Ok(())
}

/// What is there stays byte for byte, and what comes back denies or allows services something, and is just what the grants
/// say is missing.
fn restores_only(from: Option<&str>, to: Option<&str>, grants: &[String]) -> Result<()> {
    let was = from.map(|policy| others(policy, &[])).transpose()?.unwrap_or_default();
    let is = others(to.context("it deletes the policy")?, &[])?;
    ensure!(is.starts_with(&was), "{is:?} does not begin with {was:?}");
    let back: Vec<Value> = is[was.len()..].iter().map(|back| serde_json::from_str(back)).collect::<Result<_, _>>()?;
    let named: Vec<String> = back.iter().map(|back| format!("without {}", snapback::json::canonical(back))).collect();
    let is_of_services =
        |back: &Value| back["Principal"].as_object().is_some_and(|principal| principal.keys().eq(["Service"]));
    let is_harmless = |back: &Value| back["Effect"] == "Deny" || is_of_services(back);
    ensure!(named == grants && back.iter().all(is_harmless), "{named:?} {grants:?}");
    Ok(())
}

/// The statements of a policy, byte for byte, but for those from which something is granted away. A grant is named by
/// its statement with one principal or one value of a condition in place of several.
fn others(policy: &str, grants: &[String]) -> Result<Vec<String>> {
    let common = |text: &str| -> Result<Value> {
        let mut content: Value = serde_json::from_str(text)?;
        content["Principal"] = Value::Null;
        content["NotPrincipal"] = Value::Null;
        content["Condition"] = Value::Null;
        for list in content.as_object_mut().into_iter().flatten().filter_map(|(_, member)| member.as_array_mut()) {
            list.sort_by_key(ToString::to_string);
        }
        for member in content.as_object_mut().into_iter().flatten().map(|(_, member)| member) {
            if let Some([one]) = member.as_array().map(Vec::as_slice) {
                *member = one.clone();
            }
        }
        Ok(content)
    };
    let grants = grants.iter().map(|grant| common(grant)).collect::<Result<Vec<_>>>()?;
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(policy)?;
    let statement = members.remove("Statement").context("a policy without statements")?;
    let listed: Vec<Box<RawValue>> = serde_json::from_str(statement.get()).unwrap_or_else(|_| vec![statement]);
    let mut others = vec![];
    for statement in listed {
        if !grants.contains(&common(statement.get())?) {
            others.push(statement.get().to_owned());
        }
    }
    Ok(others)
}
