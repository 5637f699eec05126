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

/// What a statement lets in whose principal and values of a condition are these, by name. The rest of it is as long as it
/// is told to be.
fn names_of(principal: &Value, accounts: &Value, length: usize) -> BTreeSet<String> {
    let resources: Vec<String> = (0..length).map(|number| format!("arn:aws:s3:::b/{number}/*")).collect();
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": resources,
        "Condition": {"StringEquals": {"aws:PrincipalAccount": accounts}}});
    names(&json!({"Version": "2012-10-17", "Statement": [statement]}).to_string())
}

/// As many strangers as that.
fn strangers(many: usize) -> Vec<String> {
    (0..many).map(|number| format!("7{number:011}")).collect()
}

proptest! {
    #![proptest_config(cases(100))]

    /// Or an operator's hold is lost when somebody adds others.
    #[test]
    fn no_grant_has_another_name_because_of_what_stands_beside_it(few in 1..4_usize, more in 1..200_usize, length in 0..300_usize) {
        let (before, after) = (strangers(few), strangers(few + more));
        let with_a_friend = [after.clone(), vec!["444455556666".to_owned(), "${aws:userid}".to_owned()]].concat();
        for (before, after) in [
            (names_of(&json!({ "AWS": before }), &json!("${aws:userid}"), length), names_of(&json!({ "AWS": after }), &json!("${aws:userid}"), length)),
            (names_of(&json!("*"), &json!(before[0]), length), names_of(&json!("*"), &json!(with_a_friend), length)),
        ] {
            prop_assert!(before.is_subset(&after), "{:?}", before.difference(&after));
        }
        let everyone = |principal: Value| names_of(&principal, &json!("${aws:userid}"), length);
        let principals = [vec!["*".to_owned()], after].concat();
        let (alone, among_others) = (everyone(json!("*")), everyone(json!({ "AWS": principals })));
        prop_assert!(alone.is_subset(&among_others));
    }

    #[test]
    fn no_grant_has_another_name_because_of_another_statement(text in policies(), other in policies()) {
        let (mut both, mut other): (Value, Value) = (text.parse().expect("JSON"), other.parse().expect("JSON"));
        let more: Vec<Value> = statements(&mut other).into_iter().map(|one| Value::Object(one.clone())).collect();
        let own: Vec<Value> = statements(&mut both).into_iter().map(|one| Value::Object(one.clone())).collect();
        let is_denied = more.iter().any(|statement| statement["Effect"] == "Deny");
        both["Statement"] = json!([own, more].concat());
        // A `Deny` may part those whom one grant let in.
        if !is_denied {
            prop_assert!(names(&text).is_subset(&names(&both.to_string())), "{} {}", text, both);
        }
    }
}

#[test]
fn names_stay_short_however_much_they_grant_and_can_be_read_where_they_are() {
    let principals = [vec!["*".to_owned()], strangers(500)].concat();
    for name in names_of(&json!({ "AWS": principals }), &json!("${aws:userid}"), 300) {
        assert!(name.len() < 1500, "{name}");
        assert!(name.contains(r#""Principal":"*""#) || name.contains(r#""Principal":{"AWS":"7"#), "{name}");
    }
}

#[test]
fn how_a_text_is_escaped_makes_no_difference() {
    let policy = |resource: &str, partition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:{partition}:iam::444455556666:root"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{resource}"}}]}}"#
        )
    };
    let (plain, escaped) = (policy("${aws:username}", "aws-cn"), policy(r"\u0024\u007baws:username}", r"aws\u002dcn"));
    assert_eq!(names(&plain), names(&escaped));
    assert_eq!(PolicyText::from(plain.as_str()), PolicyText::from(escaped));
    assert_eq!(
        PolicyText::from(plain.replace("arn:aws-cn:iam::444455556666:root", "444455556666")),
        PolicyText::from(plain)
    );
}

#[test]
fn an_account_is_its_root_in_one_known_partition() {
    let policy = |principals: &[&str]| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "*", "Resource": "*"});
        PolicyText::from(json!({"Statement": [statement]}).to_string())
    };
    let id = "111122223333";
    let [aws, china, isolated, unknown] =
        ["aws", "aws-cn", "aws-iso-b", "awsx"].map(|partition| format!("arn:{partition}:iam::111122223333:root"));
    let (aws, china, isolated, unknown) = (aws.as_str(), china.as_str(), isolated.as_str(), unknown.as_str());
    for (one, other, is_same) in [
        (&[id][..], &[aws][..], true),
        (&[id], &[china], true),
        (&[id], &[isolated], true),
        (&[id], &[unknown], false),
        (&[aws], &[china], false),
        (&[id, china], &[aws, china], true),
        (&[id, china], &[china, id], true),
        (&[id, china], &[china, china], false),
        (&[id, "444455556666"], &[china, "arn:aws-cn:iam::444455556666:root"], true),
        (&[id, "444455556666"], &[china, "arn:aws:iam::444455556666:root"], false),
    ] {
        assert_eq!(policy(one) == policy(other), is_same, "{one:?} {other:?}");
    }
}

/// A policy that names many ARNs costs no more than its length.
#[test]
fn policies_with_many_arns_are_compared_once() {
    let arns: Vec<String> =
        (0..1300).map(|number| format!("arn:aws-{}:iam::111122223333:root", "x".repeat(number))).collect();
    let policy = |resource: &str| {
        let statement = json!({"Effect": "Allow", "Principal": {"AWS": arns}, "Action": "*", "Resource": resource});
        PolicyText::from(json!({"Statement": [statement]}).to_string())
    };
    let start = std::time::Instant::now();
    assert_ne!(policy("a"), policy("b"));
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn a_policy_with_a_name_twice_is_equal_to_the_same_bytes_only_in_whatever_order_they_are_listed() {
    let policy = |twice: &str, principals: &str| {
        format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"AWS":[{principals}]}},"Action":"*","Resource":"*",{twice}}}]}}"#
        )
    };
    for twice in [
        r#""effect":"Deny""#,
        r#""Condition":{"Bool":{"aws:SecureTransport":"true","aws:securetransport":"false"}}"#,
        r#""Note":{"a":1,"a":2}"#,
    ] {
        let text = policy(twice, r#""777788889999","888899990000""#);
        let shuffled = policy(twice, r#""888899990000","777788889999""#);
        assert_eq!(PolicyText::from(&*text), PolicyText::from(&*text));
        assert_eq!(PolicyText::from(&*text), PolicyText::from(&*shuffled));
        for other in [format!("{text} "), text.replace("777788889999", "arn:aws:iam::777788889999:root")] {
            assert_ne!(PolicyText::from(&*text), PolicyText::from(other));
        }
        // A second `effect` is not understood. Of the rest each grant can be held alone.
        assert_eq!(Policy::parse(&text).is_err(), twice.contains("effect"));
        if let Ok(policy) = Policy::parse(&text) {
            assert_eq!(policy.judge(Kind::Resource, &trust()).grants.len(), 2, "{twice}");
            assert_eq!(names(&text), names(&shuffled));
        }
    }
    let turned = |first: &str, second: &str| policy(&format!(r#""Note":{{{first},{second}}}"#), r#""777788889999""#);
    let (one, other) = (turned(r#""a":1"#, r#""A":2"#), turned(r#""A":2"#, r#""a":1"#));
    assert_ne!(PolicyText::from(one), PolicyText::from(other), "which counts may hang on their order");
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
