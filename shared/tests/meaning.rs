//! A policy is the same however AWS spells it, and another as soon as it means something else.

mod checked;
#[allow(dead_code, reason = "each file of tests uses its part")]
mod generated;
mod naive;

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use snapback::policy::{Kind, Policy, PolicyText};

use checked::trust;
use generated::{cases, resource_policy};
use naive::universe;

/// How many requests are put to both spellings.
const REQUESTS: usize = 200;

/// Where a text or a list of texts may stand in a statement.
fn word_lists(statement: &mut Map<String, Value>) -> Vec<(Option<&'static str>, &mut Value)> {
    let mut lists = vec![];
    for (name, member) in statement {
        match (name.as_str(), member) {
            ("Principal" | "NotPrincipal", Value::Object(kinds)) => {
                lists.extend(kinds.iter_mut().map(|(kind, names)| ((kind == "AWS").then_some("AWS"), names)));
            }
            ("Action" | "NotAction" | "Resource" | "NotResource", words) => lists.push((None, words)),
            ("Condition", Value::Object(operators)) => {
                for operator in operators.values_mut() {
                    let keys = operator.as_object_mut().into_iter().flat_map(Map::values_mut);
                    lists.extend(keys.map(|values| (None, values)));
                }
            }
            _ => {}
        }
    }
    lists
}

fn statements(policy: &mut Value) -> Vec<&mut Map<String, Value>> {
    match &mut policy["Statement"] {
        Value::Array(list) => list.iter_mut().filter_map(Value::as_object_mut).collect(),
        lone => lone.as_object_mut().into_iter().collect(),
    }
}

/// Policies without members that the grammar does not know, in which this test would spell numbers in another way.
fn policies() -> impl Strategy<Value = String> {
    resource_policy().prop_map(|text| {
        let mut policy: Value = serde_json::from_str(&text).expect("JSON");
        for statement in statements(&mut policy) {
            statement.remove("Comment");
        }
        policy.to_string()
    })
}

/// The same policy in other words: each that AWS may use, where the picks say so.
fn in_other_words(text: &str, picks: &[Index]) -> String {
    let mut policy: Value = serde_json::from_str(text).expect("JSON");
    let mut picks = picks.iter().cycle();
    let mut pick = |most: usize| picks.next().map_or(0, |pick| pick.index(most));
    for statement in statements(&mut policy) {
        for (kind, words) in word_lists(statement) {
            let mut list = match words.take() {
                Value::Array(list) => list,
                lone => vec![lone],
            };
            for end in (1..list.len()).rev() {
                list.swap(end, pick(end + 1));
            }
            for word in &mut list {
                match (&*word, kind) {
                    (Value::String(id), Some("AWS")) if id.len() == 12 && pick(2) == 0 => {
                        *word = format!("arn:aws:iam::{id}:root").into();
                    }
                    (Value::String(arn), Some("AWS")) if pick(2) == 0 => {
                        let id = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
                        if let Some(id) = id.filter(|id| id.len() == 12).map(str::to_owned) {
                            *word = id.into();
                        }
                    }
                    (Value::Bool(flag), _) => *word = flag.to_string().into(),
                    (Value::Number(number), _) => *word = number.to_string().into(),
                    _ => {}
                }
            }
            *words = if list.len() == 1 && pick(2) == 0 { list.remove(0) } else { Value::Array(list) };
        }
    }
    match policy.get("Version").and_then(Value::as_str) {
        None if pick(2) == 0 => policy["Version"] = json!("2008-10-17"),
        Some("2008-10-17") if pick(2) == 0 => {
            drop(policy.as_object_mut().and_then(|members| members.remove("Version")));
        }
        _ => {}
    }
    if pick(2) == 0 {
        policy.sort_all_objects();
    }
    if pick(2) == 0 { policy.to_string() } else { serde_json::to_string_pretty(&policy).expect("JSON") }
}

/// Another policy: one word, key, operator, effect or version of it is another.
fn with_one_thing_changed(text: &str, picks: &[Index]) -> Option<String> {
    let mut policy: Value = serde_json::from_str(text).expect("JSON");
    let mut picks = picks.iter().cycle();
    let mut pick = |most: usize| picks.next().map_or(0, |pick| pick.index(most));
    let what = pick(5);
    let mut all = statements(&mut policy);
    let some = pick(all.len().max(1));
    match (what, all.get_mut(some)) {
        (0, Some(statement)) => {
            let other = if statement["Effect"] == "Allow" { "Deny" } else { "Allow" };
            statement.insert("Effect".to_owned(), other.into());
        }
        (1, _) => {
            let is_newer = policy["Version"] == "2012-10-17";
            policy["Version"] = if is_newer { json!("2008-10-17") } else { json!("2012-10-17") };
        }
        (2, Some(statement)) => {
            let operators = statement.get_mut("Condition")?.as_object_mut()?;
            let name = operators.keys().nth(pick(operators.len().max(1)))?.clone();
            let keys = operators.remove(&name)?;
            operators.insert(format!("{name}IfExists"), keys);
        }
        (3, Some(statement)) => {
            let operator = statement.get_mut("Condition")?.as_object_mut()?.values_mut().next()?.as_object_mut()?;
            let name = operator.keys().next()?.clone();
            let values = operator.remove(&name)?;
            operator.insert(format!("{name}x"), values);
        }
        (_, Some(statement)) => {
            let mut lists = word_lists(statement);
            let which = pick(lists.len().max(1));
            let (_, words) = lists.get_mut(which)?;
            let word = match words {
                Value::Array(list) => {
                    let which = pick(list.len().max(1));
                    list.get_mut(which)?
                }
                lone => lone,
            };
            let spelled = word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            // Values are told apart by their letter case as well.
            let upper = spelled.to_uppercase();
            *word = if pick(2) == 0 && upper != spelled { upper.into() } else { format!("{spelled}0").into() };
        }
        _ => return None,
    }
    Some(policy.to_string())
}

fn names(text: &str) -> BTreeSet<String> {
    let policy = Policy::parse(text).expect("a policy");
    policy.judge(Kind::Resource, &trust()).grants.into_iter().map(|grant| grant.name).collect()
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_policy_in_other_words_is_the_same(text in policies(), picks in prop::collection::vec(any::<Index>(), 24)) {
        let other = in_other_words(&text, &picks);
        prop_assert_eq!(&PolicyText::from(&*text), &PolicyText::from(&*other), "{}\n{}", text, other);
        prop_assert_eq!(names(&text), names(&other), "{}\n{}", text, other);
    }

    #[test]
    fn equal_policies_get_equal_answers(text in policies(), picks in prop::collection::vec(any::<Index>(), 24)) {
        let other = in_other_words(&text, &picks);
        let (one, two) = (naive::Policy::read(&text), naive::Policy::read(&other));
        for (_, request) in universe::requests(&text, false, REQUESTS) {
            prop_assert_eq!(one.allows(&request), two.allows(&request), "{:?}\n{}\n{}", request, text, other);
        }
    }

    #[test]
    fn a_policy_with_one_thing_changed_is_another(text in policies(), picks in prop::collection::vec(any::<Index>(), 24)) {
        if let Some(other) = with_one_thing_changed(&text, &picks) {
            prop_assert_ne!(&PolicyText::from(&*text), &PolicyText::from(&*other), "{}\n{}", text, other);
        }
    }
}

#[test]
fn a_member_that_is_there_twice_is_equal_to_the_same_bytes_only() {
    let twice = r#"{"Statement":[{"Effect":"Allow","effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
    assert_eq!(PolicyText::from(twice), PolicyText::from(twice));
    assert_ne!(PolicyText::from(twice), PolicyText::from(format!("{twice} ")));
}

#[test]
fn members_that_the_grammar_does_not_know_are_compared_as_they_are() {
    let with = |unknown: &str| {
        PolicyText::from(format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*","Note":{unknown}}}]}}"#
        ))
    };
    assert_eq!(with(r#"{"a": [1, 2]}"#), with(r#"{"a":[1,2]}"#));
    for other in [r#"{"a":[2,1]}"#, r#"{"a":["1","2"]}"#, r#"{"a":[1.0,2]}"#] {
        assert_ne!(with(r#"{"a":[1,2]}"#), with(other), "{other}");
    }
    assert_ne!(with("1"), with("[1]"));
}

#[test]
fn a_variable_is_one_only_where_the_version_says_so() {
    let policy = |version: &str| {
        format!(
            r#"{{{version}"Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${{aws:username}}"}}]}}"#
        )
    };
    let (newer, older, none) = (policy(r#""Version":"2012-10-17","#), policy(r#""Version":"2008-10-17","#), policy(""));
    assert_ne!(names(&newer), names(&none));
    assert_eq!(names(&older), names(&none));
}
