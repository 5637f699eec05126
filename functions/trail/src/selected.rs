//! Which events selectors record, and which of them others do not. Pure.
//!
//! Basic and advanced selectors are compared in one form: a list of conditions, of which an event has to fulfil all of one.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>

use std::collections::{BTreeMap, BTreeSet};

use snapback::change::{BasicSelector, EventSelectors, FieldSelector};
use snapback::decision::Severity;

/// What has to be so of an event, by its field.
type Conditions = BTreeMap<String, FieldSelector>;

const CATEGORY: &str = "eventCategory";
const READS: &str = "readOnly";
const SERVICE: &str = "eventSource";
const MANAGEMENT: &str = "Management";

/// Events that are recorded no more, as people call them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lost {
    pub severity: Severity,
    pub what: String,
}

/// What was recorded before and is not now.
pub(crate) fn lost(now: &EventSelectors, before: &EventSelectors) -> Vec<Lost> {
    let recorded = recorded(now);
    let mut lost: Vec<Lost> = vec![];
    for wanted in self::recorded(before) {
        let (reads, writes) = (with(&wanted, READS, "true"), with(&wanted, READS, "false"));
        let is_lost = |half: &Conditions| !is_contradictory(half) && !recorded.iter().any(|now| is_within(half, now));
        let what = match (is_lost(&reads), is_lost(&writes)) {
            (false, false) => continue,
            (true, false) => said(&reads, &recorded),
            (false, true) => said(&writes, &recorded),
            (true, true) => said(&wanted, &recorded),
        };
        if !lost.contains(&what) {
            lost.push(what);
        }
    }
    lost
}

/// All that was recorded before, and what is recorded besides now, in the form that there was before.
pub(crate) fn restored(now: &EventSelectors, before: &EventSelectors) -> EventSelectors {
    let covered = recorded(before);
    let is_new = |these: Vec<Conditions>| these.iter().any(|one| !covered.iter().any(|before| is_within(one, before)));
    let mut to = before.clone();
    if before.advanced.is_empty() {
        to.basic = basic(before);
        let new = now.basic.iter().filter(|selector| is_new(of_basic(selector)));
        to.basic.extend(new.cloned());
        if to.basic == basic(&EventSelectors::default()) {
            to.basic.clear();
        }
    } else {
        let new = now.advanced.iter().filter(|selector| is_new(vec![selector.fields.clone()]));
        to.advanced.extend(new.cloned());
    }
    to
}

/// Whether data events are among what is recorded, which AWS charges for.
pub(crate) fn has_data_events(selectors: &EventSelectors) -> bool {
    recorded(selectors).iter().any(|one| !is_management(one))
}

/// Whether all management events are.
pub(crate) fn has_all_management_events(selectors: &EventSelectors) -> bool {
    lost(selectors, &EventSelectors::default()).is_empty()
}

/// The basic selectors, where there are no advanced ones: each trail has one at first.
fn basic(selectors: &EventSelectors) -> Vec<BasicSelector> {
    if !selectors.basic.is_empty() {
        return selectors.basic.clone();
    }
    vec![BasicSelector { calls: "All".to_owned(), management: true, without: BTreeSet::new(), data: BTreeMap::new() }]
}

fn recorded(selectors: &EventSelectors) -> Vec<Conditions> {
    if selectors.advanced.is_empty() {
        return basic(selectors).iter().flat_map(of_basic).collect();
    }
    selectors.advanced.iter().map(|selector| selector.fields.clone()).collect()
}

fn of_basic(selector: &BasicSelector) -> Vec<Conditions> {
    let calls = match selector.calls.as_str() {
        "ReadOnly" => Some("true"),
        "WriteOnly" => Some("false"),
        _ => None,
    };
    let of_calls = |mut all: Conditions| {
        all.extend(calls.map(|reads| (READS.to_owned(), equals(reads))));
        all
    };
    let mut all = vec![];
    if selector.management {
        let mut management = Conditions::from([(CATEGORY.to_owned(), equals(MANAGEMENT))]);
        if !selector.without.is_empty() {
            let others = FieldSelector { not_equals: selector.without.clone(), ..FieldSelector::default() };
            management.insert(SERVICE.to_owned(), others);
        }
        all.push(of_calls(management));
    }
    for (kind, arns) in &selector.data {
        all.extend(arns.iter().map(|arn| {
            let begins = FieldSelector { starts_with: BTreeSet::from([arn.clone()]), ..FieldSelector::default() };
            of_calls(Conditions::from([
                (CATEGORY.to_owned(), equals("Data")),
                ("resources.type".to_owned(), equals(kind)),
                ("resources.ARN".to_owned(), begins),
            ]))
        }));
    }
    all
}

fn equals(value: &str) -> FieldSelector {
    FieldSelector { equals: BTreeSet::from([value.to_owned()]), ..FieldSelector::default() }
}

/// The same for those that read only, or for the others.
fn with(conditions: &Conditions, field: &str, value: &str) -> Conditions {
    let mut half = conditions.clone();
    let both = match half.get(field) {
        // What asks for the other half of the events has nothing of this one.
        Some(asked) if !asked.equals.is_empty() && !asked.equals.contains(value) => FieldSelector::default(),
        _ => equals(value),
    };
    half.insert(field.to_owned(), both);
    half
}

/// Whether no event can fulfil them, as a field has to have no value.
fn is_contradictory(conditions: &Conditions) -> bool {
    conditions.values().any(|of| *of == FieldSelector::default())
}

/// Whether every event that fulfils these conditions fulfils the others.
fn is_within(these: &Conditions, others: &Conditions) -> bool {
    others.iter().all(|(field, asked)| these.get(field).is_some_and(|known| implies(known, asked)))
}

/// Whether a value that is as known is as asked for, certainly.
fn implies(known: &FieldSelector, asked: &FieldSelector) -> bool {
    if known == asked {
        return true;
    }
    let is_one_of = |value: &str| {
        asked.equals.contains(value)
            || asked.starts_with.iter().any(|start| value.starts_with(start))
            || asked.ends_with.iter().any(|end| value.ends_with(end))
    };
    let asks = !(asked.equals.is_empty() && asked.starts_with.is_empty() && asked.ends_with.is_empty());
    let begins = |start: &String| asked.starts_with.iter().any(|asked| start.starts_with(asked));
    let ends = |end: &String| asked.ends_with.iter().any(|asked| end.ends_with(asked));
    let tells = !(known.equals.is_empty() && known.starts_with.is_empty() && known.ends_with.is_empty());
    let is_asked = !asks
        || (tells
            && known.equals.iter().all(|value| is_one_of(value))
            && known.starts_with.iter().all(begins)
            && known.ends_with.iter().all(ends));
    // Which values there are is known where nothing but values is told.
    let is_told = tells && known.starts_with.is_empty() && known.ends_with.is_empty();
    let never = |known_not: &BTreeSet<String>, asked_not: &BTreeSet<String>, is: fn(&str, &str) -> bool| {
        let is_no_value = |not: &String| is_told && !known.equals.iter().any(|value| is(value, not));
        asked_not.iter().all(|not| known_not.contains(not) || is_no_value(not))
    };
    is_asked
        && never(&known.not_equals, &asked.not_equals, |value, not| value == not)
        && never(&known.not_starts_with, &asked.not_starts_with, |value, not| value.starts_with(not))
        && never(&known.not_ends_with, &asked.not_ends_with, |value, not| value.ends_with(not))
}

fn is_management(conditions: &Conditions) -> bool {
    conditions.get(CATEGORY).is_some_and(|of| of.equals.contains(MANAGEMENT))
}

/// What these events are called; of management events, which services are left out now, if nothing else is.
fn said(wanted: &Conditions, recorded: &[Conditions]) -> Lost {
    let reads = wanted.get(READS).and_then(|of| of.equals.first()).map(String::as_str);
    let which = match reads {
        Some("true") => " that only read",
        Some("false") => " that change something",
        _ => "",
    };
    if !is_management(wanted) {
        let of = |field: &str| wanted.get(field).map(|of| format!(" {of}")).unwrap_or_default();
        let (kind, arn) = (of("resources.type"), of("resources.ARN"));
        return Lost { severity: Severity::High, what: format!("events of{kind}{arn}{which}") };
    }
    let by_service = |now: &&Conditions| {
        let mut without = (*now).clone();
        without.remove(SERVICE).is_some() && is_within(wanted, &without)
    };
    let left_out = recorded.iter().find(by_service).and_then(|now| now.get(SERVICE));
    let Some(now) = left_out else {
        let severity = if reads == Some("true") { Severity::High } else { Severity::Critical };
        return Lost { severity, what: format!("management events{which}") };
    };
    let known = wanted.get(SERVICE).map(|of| of.not_equals.clone()).unwrap_or_default();
    let services: Vec<&str> = now.not_equals.difference(&known).map(String::as_str).collect();
    let of = if services.is_empty() { "some services".to_owned() } else { services.join(", ") };
    Lost { severity: Severity::High, what: format!("management events{which} of {of}") }
}

#[cfg(test)]
mod tests {
    use snapback::change::AdvancedSelector;

    use super::*;

    fn basic(calls: &str, management: bool, without: &[&str], data: &[(&str, &[&str])]) -> BasicSelector {
        let set = |these: &[&str]| these.iter().map(ToString::to_string).collect();
        let data = data.iter().map(|(kind, arns)| ((*kind).to_owned(), set(arns))).collect();
        BasicSelector { calls: calls.to_owned(), management, without: set(without), data }
    }

    fn of(basic: impl IntoIterator<Item = BasicSelector>) -> EventSelectors {
        EventSelectors { basic: basic.into_iter().collect(), ..EventSelectors::default() }
    }

    fn advanced(these: &[&[(&str, FieldSelector)]]) -> EventSelectors {
        let selector = |fields: &&[(&str, FieldSelector)]| AdvancedSelector {
            label: None,
            fields: fields.iter().map(|(field, of)| ((*field).to_owned(), of.clone())).collect(),
        };
        EventSelectors { advanced: these.iter().map(selector).collect(), ..EventSelectors::default() }
    }

    fn not(value: &str) -> FieldSelector {
        FieldSelector { not_equals: BTreeSet::from([value.to_owned()]), ..FieldSelector::default() }
    }

    const KMS: &str = "kms.amazonaws.com";
    const OBJECTS: &str = "AWS::S3::Object";

    #[test]
    fn what_is_recorded_no_more_is_said() {
        let all = EventSelectors::default();
        let management = (CATEGORY, equals(MANAGEMENT));
        let writes = advanced(&[&[management.clone(), (READS, equals("false"))]]);
        let data = || [(OBJECTS, &["arn:aws:s3:::a/"][..])];
        for (now, before, expected) in [
            (of([basic("All", true, &[], &data())]), all.clone(), ""),
            (of([basic("ReadOnly", true, &[], &[]), basic("WriteOnly", true, &[], &[])]), all.clone(), ""),
            (advanced(&[std::slice::from_ref(&management)]), all.clone(), ""),
            (all.clone(), advanced(&[std::slice::from_ref(&management)]), ""),
            (of([basic("ReadOnly", false, &[], &[(OBJECTS, &[])])]), all.clone(), "management events"),
            (of([basic("ReadOnly", true, &[], &[])]), all.clone(), "management events that change something"),
            (writes.clone(), all.clone(), "management events that only read"),
            (all.clone(), writes, ""),
            (of([basic("All", true, &[KMS], &[])]), all.clone(), "management events of kms.amazonaws.com"),
            (advanced(&[&[management, (SERVICE, not(KMS))]]), all.clone(), "management events of kms.amazonaws.com"),
            (advanced(&[&[(CATEGORY, equals("Data"))]]), all.clone(), "management events"),
            (
                all.clone(),
                of([basic("All", true, &[], &data())]),
                "events of AWS::S3::Object that begins with arn:aws:s3:::a/",
            ),
            (of([basic("All", true, &[], &[(OBJECTS, &["arn:aws:s3"])])]), of([basic("All", true, &[], &data())]), ""),
        ] {
            let lost: Vec<String> = lost(&now, &before).into_iter().map(|lost| lost.what).collect();
            assert_eq!(lost.join("; "), expected, "{now:?} instead of {before:?}");
        }
    }

    #[test]
    fn what_is_restored_records_all_of_before_and_what_is_new() {
        let before = of([basic("All", true, &[], &[(OBJECTS, &["arn:aws:s3:::a/"])])]);
        let new = basic("WriteOnly", false, &[], &[(OBJECTS, &["arn:aws:s3:::b/"])]);
        let now = of([basic("ReadOnly", true, &[], &[]), new.clone()]);
        let restored = restored(&now, &before);
        assert_eq!(
            restored,
            EventSelectors { basic: before.basic.iter().cloned().chain([new]).collect(), ..before.clone() }
        );
        assert_eq!((lost(&restored, &before), lost(&restored, &now)), (vec![], vec![]));
    }

    #[test]
    fn how_every_trail_is_at_first_is_restored_as_that() {
        let now = of([basic("ReadOnly", false, &[], &[(OBJECTS, &[])])]);
        assert_eq!(restored(&now, &EventSelectors::default()), EventSelectors::default());
    }
}
