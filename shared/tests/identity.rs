//! What principals may do by all that they hold, shown for policies that chance writes, against an evaluator that looks at
//! one request at a time and shares nothing with the engine.
//!
//! 1. *Nothing is missed*: what AWS would allow of a path is told.
//! 2. *Nothing is invented*: what is told is allowed, but for what the engine is known to take for more than it is.
//! 3. *A ceiling only lowers*, one that allows everything changes nothing, and it does not matter into how many policies
//!    statements are divided.
//!
//! Order of evaluation:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::{Value, json};
use snapback::policy::identity::{Attached, Held, Holder, Identity, judge_held};

/// Would AWS let this one request through? Statements have no conditions here.
fn allows(policies: &[Vec<Value>], boundary: Option<&Vec<Value>>, action: &str, resource: &str) -> bool {
    let says = |effect: &str, statements: &[Value]| {
        statements.iter().any(|statement| {
            let is_meant = |element: &str, text: &str| {
                let among = |list: &Value| texts(list).any(|pattern| is_like(&pattern, text));
                match (&statement[element], &statement[format!("Not{element}")]) {
                    (Value::Null, all_but) => !among(all_but),
                    (these, _) => among(these),
                }
            };
            statement["Effect"] == effect && is_meant("Action", action) && is_meant("Resource", resource)
        })
    };
    let all: Vec<Value> = policies.concat();
    let is_denied = says("Deny", &all) || boundary.is_some_and(|boundary| says("Deny", boundary));
    !is_denied && says("Allow", &all) && boundary.is_none_or(|boundary| says("Allow", boundary))
}

fn texts(list: &Value) -> impl Iterator<Item = String> {
    list.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_lowercase))
}

fn is_like(pattern: &str, text: &str) -> bool {
    fn is(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => (0..=text.len()).any(|skipped| is(rest, &text[skipped..])),
            (Some((one, rest)), Some((other, left))) => one == other && is(rest, left),
            _ => false,
        }
    }
    is(pattern.as_bytes(), text.to_lowercase().as_bytes())
}

const USERS: [&str; 4] = ["user/bob", "user/app/alice", "user/zoe", "user/app-1"];
const ROLES: [&str; 4] = ["role/app-1", "role/app-2", "role/db", "role/zoe"];
const GROUPS: [&str; 3] = ["group/devs", "group/zoe", "group/app-1"];
const POLICIES: [&str; 2] = ["policy/app-1", "policy/zoe"];

/// Paths of one action, with something that each is of use on.
const PATHS: [(&str, &[&str]); 8] = [
    ("iam:AttachGroupPolicy", &GROUPS),
    ("iam:AttachRolePolicy", &ROLES),
    ("iam:AttachUserPolicy", &USERS),
    ("iam:CreateAccessKey", &USERS),
    ("iam:CreatePolicyVersion", &POLICIES),
    ("iam:PutRolePolicy", &ROLES),
    ("iam:PutUserPolicy", &USERS),
    ("iam:UpdateAssumeRolePolicy", &ROLES),
];

fn may(policies: &[Vec<Value>], boundary: Option<&Vec<Value>>, path: &str) -> bool {
    let (action, resources) = PATHS.iter().find(|(action, _)| *action == path).expect("a path");
    resources.iter().any(|name| allows(policies, boundary, action, &format!("arn:aws:iam::111122223333:{name}")))
}

fn judged(policies: &[Vec<Value>], boundary: Option<&Vec<Value>>) -> Identity {
    let attached = |statements: &Vec<Value>| Attached {
        name: "a policy".to_owned(),
        taken_off_by: &[],
        text: json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
    };
    let held = Held { policies: policies.iter().map(attached).collect(), boundary: boundary.map(attached) };
    judge_held(&held, &Holder::default()).expect("policies")
}

fn tells(identity: &Identity, path: &str) -> bool {
    identity.escalation.iter().any(|told| told == path)
}

/// What some of each kind are called.
const CROSSING: &str = "arn:aws:iam::*:*/app-1";

fn statement() -> impl Strategy<Value = Value> {
    let actions = prop::sample::subsequence(
        vec![
            "*",
            "iam:*",
            "iam:Attach*",
            "iam:PutRolePolicy",
            "iam:*UserPolicy",
            "iam:CreateAccessKey",
            "iam:C*",
            "s3:*",
        ],
        1..3,
    );
    let resources = prop::sample::subsequence(
        vec![
            "*",
            "arn:aws:iam::*:role/*",
            "arn:aws:iam::*:role/app-*",
            "arn:aws:iam::*:role/db",
            "arn:aws:iam::*:user/*",
            "arn:aws:iam::*:user/bob",
            CROSSING,
            "arn:aws:s3:::logs",
        ],
        1..4,
    );
    let effect = prop::sample::select(vec!["Allow", "Allow", "Allow", "Deny"]);
    (effect, prop::bool::weighted(0.2), actions, prop::bool::weighted(0.2), resources).prop_map(
        |(effect, all_but, actions, all_but_on, resources)| {
            let action = if all_but { "NotAction" } else { "Action" };
            let resource = if all_but_on { "NotResource" } else { "Resource" };
            json!({"Effect": effect, action: actions, resource: resources})
        },
    )
}

fn policies() -> impl Strategy<Value = Vec<Vec<Value>>> {
    prop::collection::vec(prop::collection::vec(statement(), 0..4), 0..4)
}

fn boundary() -> impl Strategy<Value = Option<Vec<Value>>> {
    prop::option::of(prop::collection::vec(statement(), 0..4))
}

fn everything() -> Vec<Value> {
    vec![json!({"Effect": "Allow", "Action": ["*"], "Resource": ["*"]})]
}

/// The same policies every time, so that a test is not red by chance.
fn cases() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        max_global_rejects: 100_000,
        ..ProptestConfig::with_cases(1_000)
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_aws_would_allow_of_a_path_is_told((policies, boundary) in (policies(), boundary())) {
        let identity = judged(&policies, boundary.as_ref());
        for (path, _) in PATHS {
            let is_allowed = may(&policies, boundary.as_ref(), path);
            prop_assert!(!is_allowed || tells(&identity, path), "{path} is missed: {identity:?}");
        }
        let unheard = allows(&policies, boundary.as_ref(), "zz:Unheard", "arn:aws:zz:eu-central-1:111122223333:unheard");
        let grants = may(&policies, boundary.as_ref(), "iam:PutUserPolicy");
        // Resources that are left out are no ceiling for who may put a policy.
        let whole = allows(&policies, boundary.as_ref(), "zz:Unheard", "*") && unheard;
        prop_assert!(!(whole && grants) || identity.is_risky(), "{identity:?}");
    }

    #[test]
    fn what_is_told_is_allowed((policies, boundary) in (policies(), boundary())) {
        // What the engine takes for more than it may be: everything but some that is denied, and patterns that cross.
        let is_rough = |statement: &Value| {
            statement["Effect"] == "Deny" && !statement["NotResource"].is_null()
                || texts(&statement["Resource"]).chain(texts(&statement["NotResource"])).any(|of| of == CROSSING)
        };
        prop_assume!(!policies.iter().flatten().chain(boundary.iter().flatten()).any(is_rough));
        let identity = judged(&policies, boundary.as_ref());
        for (path, _) in PATHS {
            let is_allowed = may(&policies, boundary.as_ref(), path);
            prop_assert!(is_allowed || !tells(&identity, path), "{path} is invented: {identity:?}");
        }
    }

    #[test]
    fn a_boundary_only_lowers_and_one_of_everything_changes_nothing((policies, bound) in (policies(), boundary())) {
        let free = judged(&policies, None);
        let bounded = judged(&policies, bound.as_ref());
        // But for taking off the boundary.
        let mut others = bounded.escalation.iter().filter(|path| !path.ends_with("PermissionsBoundary"));
        prop_assert!(others.all(|path| tells(&free, path)));
        prop_assert!(free.admin || !bounded.admin);
        let under_everything = judged(&policies, Some(&everything()));
        prop_assert_eq!((under_everything.admin, under_everything.escalation), (free.admin, free.escalation));
    }

    #[test]
    fn who_may_do_everything_may_do_what_the_boundary_allows(boundary in prop::collection::vec(statement(), 0..4)) {
        let (mut bounded, alone) = (judged(&[everything()], Some(&boundary)), judged(std::slice::from_ref(&boundary), None));
        // But for taking off the boundary.
        bounded.escalation.retain(|path| !path.ends_with("PermissionsBoundary") || tells(&alone, path));
        prop_assert_eq!((bounded.admin, bounded.escalation), (alone.admin, alone.escalation));
    }

    #[test]
    fn it_does_not_matter_into_how_many_policies_statements_are_divided((policies, bound) in (policies(), boundary())) {
        let (divided, whole) = (judged(&policies, bound.as_ref()), judged(&[policies.concat()], bound.as_ref()));
        prop_assert_eq!((divided.admin, divided.escalation), (whole.admin, whole.escalation));
    }
}
