//! What holds for every control, whatever it is about: a new one is held to it by its cases alone.
//!
//! Each law is tried on the states of a control's cases, and on such as nobody has thought of: made of parts of several of
//! them, in another order, with elements missing.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use snapback::change::Change;
use snapback::decision::Decision;
use snapback::settings::Settings;

use crate::cases::{Case, cases, is_over};

/// How many states are made of that of each case.
const MADE: u64 = 30;

/// What a state is made of: of each place in it, all that cases have there. A place in a list is that of all its elements.
type Parts = BTreeMap<String, Vec<Value>>;

/// Numbers in a fixed order that looks like none.
struct Dice(u64);

impl Dice {
    /// One of so many.
    fn one_of(&mut self, many: usize) -> usize {
        // https://prng.di.unimi.it/splitmix64.c
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % many as u64).unwrap_or_default()
    }

    fn shuffle(&mut self, list: &mut [Value]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.one_of(last + 1));
        }
    }
}

fn collect(parts: &mut Parts, place: &str, value: &Value) {
    let known = parts.entry(place.to_owned()).or_default();
    if !known.contains(value) {
        known.push(value.clone());
    }
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect(parts, &format!("{place}/{name}"), value));
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect(parts, &format!("{place}/*"), element)),
        _ => {}
    }
}

/// A state like this one, with some of its parts as they are in other cases.
fn mixed(dice: &mut Dice, parts: &Parts, place: &str, value: &Value) -> Value {
    // A list in a list is a name with its value.
    let is_pair = value.is_array() && place.ends_with("/*");
    if !place.is_empty() && dice.one_of(6) == 0 {
        let others = &parts[place];
        return others[dice.one_of(others.len())].clone();
    }
    match value {
        Value::Object(fields) => {
            let mixed_field = |(name, value): (&String, &Value)| {
                (name.clone(), mixed(dice, parts, &format!("{place}/{name}"), value))
            };
            fields.iter().map(mixed_field).collect()
        }
        Value::Array(elements) if !is_pair && !is_range(elements) => {
            let mut elements: Vec<Value> =
                elements.iter().map(|element| mixed(dice, parts, &format!("{place}/*"), element)).collect();
            if !elements.is_empty() && dice.one_of(4) == 0 {
                elements.remove(dice.one_of(elements.len()));
            }
            let mut names = BTreeSet::new();
            elements.retain(|element| names.insert(name(element)));
            Value::Array(elements)
        }
        other => other.clone(),
    }
}

/// The ports of a rule have an order.
fn is_range(elements: &[Value]) -> bool {
    elements.iter().all(Value::is_number)
}

/// What AWS knows an element of a list by: it has no two of the same.
fn name(element: &Value) -> String {
    let known_by = ["id", "number", "cidr", "name"].iter().find_map(|field| element.get(*field));
    known_by.unwrap_or(element).to_string()
}

/// The same with every list in another order.
fn shuffled(dice: &mut Dice, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shuffled(dice, value))).collect(),
        Value::Array(elements) if !is_range(elements) => {
            let mut elements: Vec<Value> = elements.iter().map(|element| shuffled(dice, element)).collect();
            dice.shuffle(&mut elements);
            Value::Array(elements)
        }
        other => other.clone(),
    }
}

/// Whether two values are the same but for the order in their lists, on which nothing depends, and for what is left out where
/// there is nothing.
fn is_same(one: &Value, other: &Value) -> bool {
    fn in_order(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let there = fields.iter().map(|(name, value)| (name.clone(), in_order(value)));
                there.filter(|(_, value)| *value != Value::Null && *value != json!({})).collect()
            }
            Value::Array(elements) => {
                let mut elements: Vec<Value> = elements.iter().map(in_order).collect();
                elements.sort_by_key(snapback::json::canonical);
                Value::Array(elements)
            }
            other => other.clone(),
        }
    }
    let canonical = |value: &Value| snapback::json::canonical(&in_order(value));
    canonical(one) == canonical(other)
}

/// Tries a law on every state of every case, and on those that are made of them.
fn of_every_state(mut law: impl FnMut(&Case, &Value, &mut Dice) -> Result<()>) -> Result<()> {
    let cases = cases()?;
    for (number, case) in cases.iter().enumerate().filter(|(_, case)| case.suspicion.is_some()) {
        let mut parts = Parts::new();
        for other in cases.iter().filter(|other| other.control.about.id == case.control.about.id) {
            collect(&mut parts, "", other.state());
        }
        let mut dice = Dice(number as u64);
        law(case, case.state(), &mut dice).with_context(|| case.place())?;
        for _ in 0..MADE {
            let state = mixed(&mut dice, &parts, "", case.state());
            law(case, &state, &mut dice).with_context(|| format!("{} with {state}", case.place()))?;
        }
    }
    Ok(())
}

/// The revert of a state, if it asks for one.
fn revert(case: &Case, state: &Value) -> Result<Option<(Decision<Change>, Vec<Change>)>> {
    let decision = case.decide(state)?;
    let plan = decision.plan().to_vec();
    Ok((!plan.is_empty()).then_some((decision, plan)))
}

/// Else a slip in a file that somebody wrote would be judged as if nothing were there.
#[test]
fn of_a_state_only_what_may_be_nothing_may_be_left_out() -> Result<()> {
    let (mut refused, mut taken) = (0, 0);
    for case in cases()? {
        let check = case.control.check;
        let state = case.state();
        if state.is_null() {
            continue;
        }
        check(state).with_context(|| format!("{}: the state itself", case.place()))?;
        for path in paths(state) {
            let (name, holder) = path.split_last().context("a path")?;
            let mut shorter = state.clone();
            let left_out = at(&mut shorter, holder).as_object_mut().and_then(|fields| fields.remove(name));
            let mut with = shorter.clone();
            at(&mut with, holder)["of-a-map"] = left_out.unwrap_or_default();
            // What takes any name is a map, and its entries are no fields.
            if check(&with).is_ok() {
                continue;
            }
            let Err(error) = check(&shorter) else {
                let is_nothing = |nothing: &Value| {
                    let mut with = shorter.clone();
                    at(&mut with, holder)[name] = nothing.clone();
                    (case.control.same)(&shorter, &with).unwrap_or_default()
                };
                let may_be = [json!(null), json!([]), json!({}), json!(false)].iter().any(is_nothing);
                ensure!(may_be, "{}: `{}` is left out and is not nothing", case.place(), path.join("."));
                taken += 1;
                continue;
            };
            let said = format!("{error:#}");
            let is_named = path.iter().any(|name| said.contains(&format!("`{name}`")));
            ensure!(is_named, "{}: `{}` is left out: {said}", case.place(), path.join("."));
            refused += 1;
        }
    }
    ensure!(refused > 100 && taken > 10, "{refused} were refused and {taken} taken");
    Ok(())
}

/// Where every field of a value stands, those of objects in objects included.
fn paths(value: &Value) -> Vec<Vec<String>> {
    let fields = value.as_object().into_iter().flatten();
    fields
        .flat_map(|(name, value)| {
            let deeper = paths(value).into_iter().map(|path| [vec![name.clone()], path].concat());
            [vec![name.clone()]].into_iter().chain(deeper).collect::<Vec<_>>()
        })
        .collect()
}

fn at<'v>(value: &'v mut Value, path: &[String]) -> &'v mut Value {
    path.iter().fold(value, |value, name| &mut value[name])
}

/// So that a revert wakes nothing: the event that it causes, or its own seen again, finds nothing to revert.
#[test]
fn a_revert_is_quiet() -> Result<()> {
    of_every_state(|case, state, _| {
        let Some((decision, plan)) = revert(case, state)? else { return Ok(()) };
        let after = case.after(state, &plan)?;
        let again = case.decide(&after)?;
        ensure!(is_over(&decision, &again), "{decision}\nand then {again}");
        Ok(())
    })
}

#[test]
fn undoing_a_revert_gives_the_state_back() -> Result<()> {
    of_every_state(|case, state, _| {
        let Some((decision, plan)) = revert(case, state)? else { return Ok(()) };
        let undoing: Vec<Change> = plan.iter().rev().map(Change::undo).collect();
        let undone = case.after(&case.after(state, &plan)?, &undoing)?;
        let is_back = is_same(&undone, state) || (case.control.same)(&undone, state)?;
        ensure!(is_back, "{decision}\nundone it is {undone}");
        Ok(())
    })
}

#[test]
fn what_an_operator_has_undone_is_held() -> Result<()> {
    of_every_state(|case, state, _| {
        let Decision::Revert { grants, .. } = case.decide(state)? else { return Ok(()) };
        ensure!(!grants.is_empty(), "it cannot be held");
        for grant in &grants {
            let holds = case.holds.iter().chain([grant]).cloned().collect();
            let others = match case.decide_with(state, &holds)? {
                Decision::Revert { grants, .. } => grants,
                _ => vec![],
            };
            let is_of_the_rest = |other: &String| other != grant && grants.contains(other);
            ensure!(others.iter().all(is_of_the_rest), "{grant} is held, and {others:?} are reverted");
        }
        let held = case.decide_with(state, &case.holds.iter().cloned().chain(grants).collect())?;
        ensure!(held.plan().is_empty(), "it is held, and still {held}");
        Ok(())
    })
}

/// AWS gives lists back in any order.
#[test]
fn order_does_not_matter() -> Result<()> {
    let gist = |decision: &Decision<Change>| {
        let grants: BTreeSet<String> = match decision {
            Decision::Revert { grants, .. } => grants.iter().cloned().collect(),
            _ => BTreeSet::new(),
        };
        (decision.is_allow(), decision.severity(), grants)
    };
    of_every_state(|case, state, dice| {
        let (decision, other) = (case.decide(state)?, case.decide(&shuffled(dice, state))?);
        ensure!(gist(&decision) == gist(&other), "{decision}\nand in another order {other}");
        Ok(())
    })
}

/// By the look, or by the event. Else a change could be made of what nobody knows.
#[test]
fn a_plan_starts_from_what_was_seen() -> Result<()> {
    of_every_state(|case, state, _| {
        let Some((_, plan)) = revert(case, state)? else { return Ok(()) };
        for change in plan {
            let (from, to) = change.sides();
            ensure!(from != to, "{change} changes nothing");
            let from = from_of(&json!(change)).cloned().unwrap_or_default();
            let seen = json!([state, case.envelope["detail"]["requestParameters"]]);
            ensure!(shows(&seen, &from), "{change} from {from}, which was not seen");
        }
        Ok(())
    })
}

/// What a change is made from, wherever it stands in its journaled form.
fn from_of(change: &Value) -> Option<&Value> {
    change.get("from").or_else(|| change.as_object()?.values().find_map(from_of))
}

/// Whether a value is somewhere in what was seen, or all that it is made of is. Nothing is anywhere.
fn shows(seen: &Value, value: &Value) -> bool {
    has(seen, value)
        || match value {
            Value::Null => true,
            Value::Array(parts) => parts.iter().all(|part| shows(seen, part)),
            Value::Object(parts) => {
                parts.iter().all(|(name, part)| shows(seen, part) || has(seen, &Value::String(name.clone())))
            }
            _ => false,
        }
}

/// Whether a value is somewhere in another.
fn has(seen: &Value, value: &Value) -> bool {
    let is_there = |one: &Value| is_same(one, value) || is_same_word(one, value) || has(one, value);
    match seen {
        Value::Object(fields) => fields.values().any(is_there),
        Value::Array(elements) => elements.iter().any(is_there),
        _ => false,
    }
}

/// AWS writes `PendingDeletion` where a change says `pending-deletion`.
fn is_same_word(one: &Value, other: &Value) -> bool {
    let letters = |value: &Value| Some(value.as_str()?.to_lowercase().replace('-', ""));
    letters(one).is_some_and(|word| Some(word) == letters(other))
}

/// What a call sets only as a whole, and in which what goes records nothing that what comes in its place does not.
const AS_A_WHOLE: [&str; 3] = ["config-narrowed-recorder", "trail-deleted", "trail-narrowed-selectors"];

/// What goes could not have stayed: an element of a list that a plan takes asks for a revert again, or does so with another
/// that asks for none by itself, as two halves of the world do.
#[test]
fn a_plan_takes_nothing_that_could_have_stayed() -> Result<()> {
    of_every_state(|case, state, _| {
        let Some((decision, plan)) = revert(case, state)? else { return Ok(()) };
        if AS_A_WHOLE.contains(&case.control.about.id) {
            return Ok(());
        }
        let after = case.after(state, &plan)?;
        let taken = taken(state, &after, "");
        let is_reverted = |back: &[&(String, Value)]| -> Result<bool> {
            let mut state = after.clone();
            back.iter().try_for_each(|(place, element)| put_back(&mut state, place, element))?;
            Ok(!case.decide(&state)?.plan().is_empty())
        };
        for one in &taken {
            let mut is_needed = is_reverted(&[one])?;
            for other in taken.iter().filter(|other| *other != one) {
                is_needed |= !is_reverted(&[other])? && is_reverted(&[other, one])?;
            }
            ensure!(is_needed, "{decision}\ntakes {}, which could have stayed", one.1);
        }
        Ok(())
    })
}

/// The elements of lists, and the statements of policies, that are not there any more afterwards, and where they were.
fn taken(before: &Value, after: &Value, place: &str) -> Vec<(String, Value)> {
    let is_left = |element: &Value, left: &[Value]| left.iter().any(|other| is_same(element, other));
    let gone = |before: Vec<Value>, left: &[Value]| {
        let gone = before.into_iter().filter(|element| !is_left(element, left));
        gone.map(|element| (place.to_owned(), element)).collect()
    };
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => before
            .iter()
            .filter_map(|(name, before)| Some((name, before, after.get(name)?)))
            .flat_map(|(name, before, after)| taken(before, after, &format!("{place}/{name}")))
            .collect(),
        (Value::Array(before), Value::Array(after)) => gone(before.clone(), after),
        (Value::String(before), after) => {
            let values = |policy: &str| statements(policy).iter().filter_map(|raw| raw.get().parse().ok()).collect();
            let left: Vec<Value> = after.as_str().map(values).unwrap_or_default();
            gone(values(before), &left)
        }
        _ => vec![],
    }
}

/// In the place of what is called the same, if that has taken its place.
fn put_back(state: &mut Value, place: &str, element: &Value) -> Result<()> {
    let part = state.pointer_mut(place).context("its place is gone")?;
    if let Value::Array(list) = part {
        list.retain(|other| name(other) != name(element));
        list.push(element.clone());
        return Ok(());
    }
    let left: Option<Value> = part.as_str().map(str::parse).transpose()?;
    let mut policy = left.unwrap_or_else(|| json!({"Version": "2012-10-17", "Statement": []}));
    if let Value::Array(listed) = &mut policy["Statement"] {
        listed.retain(|statement| *statement != of_nobody());
    }
    match &mut policy["Statement"] {
        lone if *lone == of_nobody() => *lone = json!([element]),
        Value::Array(listed) => listed.push(element.clone()),
        lone => *lone = json!([lone.take(), element]),
    }
    *part = json!(policy.to_string());
    Ok(())
}

/// What stands in the place of all that was taken from the trust of a role, so that it is one.
fn of_nobody() -> Value {
    json!({"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
}

/// The statements of a policy, byte for byte; of another text none.
fn statements(policy: &str) -> Vec<Box<RawValue>> {
    let members: Option<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(policy).ok();
    let Some(listed) = members.and_then(|mut members| members.remove("Statement")) else { return vec![] };
    serde_json::from_str(listed.get()).unwrap_or_else(|_| vec![listed])
}

#[test]
fn what_stays_of_a_policy_stays_byte_for_byte() -> Result<()> {
    of_every_state(|case, state, _| {
        let Some((decision, plan)) = revert(case, state)? else { return Ok(()) };
        let after = case.after(state, &plan)?;
        for (name, before) in state.as_object().into_iter().flatten() {
            let of = |state: &Value| state.as_str().map(statements).unwrap_or_default();
            let (before, after) = (of(before), of(&after[name]));
            for kept in &after {
                let value: Value = kept.get().parse()?;
                let was: Vec<&str> = before.iter().map(|old| old.get()).collect();
                let is_same = |old: &&str| old.parse().is_ok_and(|old: Value| is_same(&old, &value));
                let is_respelled = !was.contains(&kept.get()) && was.iter().any(is_same);
                ensure!(!is_respelled, "{decision}\nspells {kept} in another way");
            }
        }
        Ok(())
    })
}

/// What lets somebody in: events of these prove by themselves that it was open.
const OPENS: [&str; 33] = [
    "acmpca-open-authority-policy",
    "backup-open-vault-policy",
    "config-stopped-recorder",
    "dynamodb-open-table-policy",
    "ec2-open-egress",
    "ec2-open-endpoint-service",
    "ec2-open-network-acl",
    "ec2-open-security-group",
    "ec2-opened-prefix-list",
    "ec2-shared-image",
    "ec2-shared-snapshot",
    "ecr-open-repository-policy",
    "efs-open-file-system-policy",
    "glacier-open-vault-policy",
    "iam-new-console-password",
    "iam-new-credential",
    "iam-open-trust",
    "kinesis-open-stream-policy",
    "kms-foreign-grant",
    "kms-open-key-policy",
    "logs-open-resource-policy",
    "opensearch-open-domain-policy",
    "rolesanywhere-trusted-certificates",
    "s3-access-point-policy",
    "s3-foreign-bucket-policy",
    "s3-public-bucket-acl",
    "s3-public-bucket-policy",
    "s3-public-object-acl",
    "secretsmanager-open-secret-policy",
    "ses-open-identity-policy",
    "sns-open-topic-policy",
    "sqs-open-queue-policy",
    "trail-stopped-logging",
];

/// Cases whose events do not tell what they opened: an address instead of an id, a changed rule that is gone and went either
/// way, a credential that may have been inactive, a replica by the call upon its primary, a statement by its label.
const UNTOLD: [&str; 6] = [
    "s3-public-bucket-acl/by-address-of-mail.json",
    "ec2-open-egress/changed-rule.json",
    "iam-new-credential/service-credential-reset.json",
    "sns-open-topic-policy/deny-removed.json",
    "sqs-open-queue-policy/deny-removed.json",
    "kms-open-key-policy/created-as-a-replica.json",
];

/// Somebody may open, read and close before Snapback looks, and leave everything beside it as it is.
#[test]
fn what_an_event_opened_is_told_of_when_it_is_over() -> Result<()> {
    let (mut shown, mut untold) = (BTreeSet::new(), vec![]);
    for case in cases()?.iter().filter(|case| case.suspicion.is_some() && !case.event.is_look()) {
        let (control, event) = (case.control, &case.event);
        let Some((_, plan)) = revert(case, case.state())? else { continue };
        let is_told = OPENS.contains(&control.about.id) && !snapback::json::is_left_out(&event.request);
        // What stays for a hold is announced as held.
        if !is_told || !case.holds.is_empty() {
            continue;
        }
        let suspicion = case.suspicion.as_ref().context("it is suspicious")?;
        let over = case.after(case.state(), &plan)?;
        // What else is left raises an alert of its own.
        if !case.decide(&over)?.is_allow() {
            continue;
        }
        let told = (control.was_open)(event, suspicion, &over, &case.settings)?;
        if told.is_none() {
            untold.push(case.place());
        }
        shown.insert(control.about.id);
    }
    ensure!(untold == UNTOLD, "of what is over nothing is told: {untold:?}");
    ensure!(shown.len() == OPENS.len(), "shown for {shown:?} only");
    Ok(())
}

/// `CloudTrail` leaves out parameters that are too long. What an event does not tell is suspicious.
#[test]
fn the_suspicion_misses_nothing_that_is_not_told() -> Result<()> {
    for case in cases()?.iter().filter(|case| case.suspicion.is_some() && !case.event.is_look()) {
        let mut envelope = case.envelope.clone();
        for part in ["requestParameters", "responseElements"] {
            envelope["detail"][part] = json!({"omitted": true});
        }
        let event = snapback::event::Event::from_envelope(envelope)?;
        let suspicions = (case.control.suspect)(&event, &case.settings);
        ensure!(!suspicions.is_empty(), "{}: nothing is suspected when nothing is told", case.place());
    }
    Ok(())
}

/// A list in an event is no order of importance.
#[test]
fn the_suspicion_does_not_depend_on_order() -> Result<()> {
    let settings = Settings::default();
    for (number, case) in cases()?.iter().enumerate() {
        let mut dice = Dice(number as u64);
        let mut envelope = case.envelope.clone();
        for part in ["requestParameters", "responseElements"] {
            envelope["detail"][part] = shuffled(&mut dice, &case.envelope["detail"][part]);
        }
        let event = snapback::event::Event::from_envelope(envelope)?;
        let of = |event| (case.control.suspect)(event, &settings).len();
        assert_eq!(of(&event), of(&case.event), "{}", case.place());
    }
    Ok(())
}

/// Or a file with another state would be taken for one in which nothing is open.
#[test]
fn a_state_has_no_fields_but_its_own() -> Result<()> {
    for case in cases()? {
        let check = |state: &Value| (case.control.check)(state);
        // What is noticed by the event alone, or raises no suspicion, has no state.
        let Some(fields) = case.state().as_object() else { continue };
        check(case.state()).with_context(|| case.place())?;
        for name in fields.keys() {
            let mut less = fields.clone();
            less.remove(name);
            let mut misspelt = less;
            misspelt.insert(format!("{name}s"), fields[name].clone());
            ensure!(check(&json!(misspelt)).is_err(), "{} with {name}s", case.place());
        }
        for other in [json!(null), json!("x"), json!([case.state()])] {
            ensure!(check(&other).is_err(), "{} takes {other}", case.place());
        }
    }
    Ok(())
}
