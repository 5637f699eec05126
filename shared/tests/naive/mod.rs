//! Would AWS let this one request through? A deliberately naive answer, written from AWS's documentation alone.
//!
//! The engine judges a policy as a whole, by reasoning. This evaluates one request at a time, by looking, and shares no
//! line with it. Where the documentation leaves open what AWS does, it takes what lets more people in, since its use is
//! to catch an engine that calls something closed. It reads policies by itself, and trusts them to be well-formed.
//!
//! - Order of evaluation:
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
//! - Condition operators, missing keys, `IfExists`, `Null`:
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! - `ForAllValues` and `ForAnyValue`:
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
//! - Principals: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
//! - Variables: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

#![allow(dead_code, reason = "each file of tests uses its part")]

mod operator;
pub(crate) mod universe;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value;

use operator::Operator;

/// What somebody or something tells; names of keys are in lower case, since they compare without case.
pub(crate) type Context = BTreeMap<String, Vec<String>>;

/// What a request tells of itself: what is told last counts. Many requests share what they tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Told(Vec<Rc<Context>>);

impl Told {
    fn get(&self, key: &str) -> Option<&[String]> {
        self.0.iter().rev().find_map(|told| told.get(key)).map(Vec::as_slice)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) caller: Caller,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) context: Told,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Caller {
    Anonymous,
    /// A user, the root of an account, or a session of a role. `arns` are all by which it can be named: a session is
    /// named by its own and by its role's.
    Principal {
        account: &'static str,
        arns: &'static [&'static str],
        canonical: &'static str,
    },
    Service(&'static str),
    /// Somebody signed in with an identity provider.
    Federated(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) allows: bool,
    principal: Principal,
    /// What is named, in small letters, and whether it is named to be left out.
    actions: (Vec<String>, bool),
    resources: Option<(Vec<String>, bool)>,
    conditions: Vec<Condition>,
    /// Variables are text in policies of the older version.
    has_variables: bool,
}

#[derive(Debug, Clone)]
enum Principal {
    Named(Vec<(String, String)>),
    AllBut(Vec<(String, String)>),
    /// Neither is there: a resource policy that says so names nobody.
    Missing,
}

#[derive(Debug, Clone)]
struct Condition {
    operator: Operator,
    key: String,
    values: Vec<Cow<'static, str>>,
    /// Whether a value depends on the request.
    is_variable: bool,
}

impl Policy {
    pub(crate) fn read(text: &str) -> Self {
        let policy: Value = serde_json::from_str(text).expect("a policy is JSON");
        let has_variables = policy["Version"] == "2012-10-17";
        let statements = list(&policy["Statement"]);
        Self { statements: statements.into_iter().map(|statement| Statement::read(statement, has_variables)).collect() }
    }

    /// Denied unless something allows it, and denied anyway if something denies it.
    pub(crate) fn allows(&self, request: &Request) -> bool {
        let (allows, denies): (Vec<_>, Vec<_>) = self.statements.iter().partition(|statement| statement.allows);
        allows.iter().any(|statement| statement.applies_to(request))
            && !denies.iter().any(|statement| statement.applies_to(request))
    }

    /// Whether the request is allowed by what names the caller. Who comes with a token of an identity provider and is no
    /// principal of AWS yet is meant only where that provider is named: AWS wants it so, and nobody can rely on a star. Nor
    /// can anybody rely on a session by such a token where a role is assumed by signing: AWS documents no such trust.
    pub(crate) fn means_to_allow(&self, request: &Request) -> bool {
        let means = |statement: &Statement| match (&request.caller, &statement.principal) {
            (Caller::Federated(_), _) if request.action == "sts:AssumeRole" => false,
            (Caller::Federated(_), Principal::Named(named)) => {
                named.iter().any(|(kind, who)| kind == "Federated" && is_named_by(&request.caller, kind, who))
            }
            (Caller::Federated(_), _) => false,
            _ => true,
        };
        let mut allowing = self.statements.iter().filter(|statement| statement.allows && means(statement));
        self.allows(request) && allowing.any(|statement| statement.applies_to(request))
    }

    /// Whether there is such a call upon a bucket or an object.
    pub(crate) fn has_calls_of(action: &str, resource: &str) -> bool {
        let is_object = resource.contains('/');
        match action {
            "s3:ListBucket" | "s3:GetBucketAcl" => !is_object,
            _ if action.starts_with("s3:") => is_object,
            _ => true,
        }
    }

    /// The keys that conditions ask for, in lower case.
    pub(crate) fn asks_for(&self) -> impl Iterator<Item = (&str, &[Cow<'static, str>])> {
        let conditions = self.statements.iter().flat_map(|statement| &statement.conditions);
        conditions.map(|condition| (condition.key.as_str(), condition.values.as_slice()))
    }
}

impl Statement {
    fn read(statement: &Value, has_variables: bool) -> Self {
        let named = |name: &str| statement.get(name).map(strings);
        let either = |name: &str| match (named(name), named(&format!("Not{name}"))) {
            (Some(named), _) => Some((named, false)),
            (None, Some(left_out)) => Some((left_out, true)),
            (None, None) => None,
        };
        let principal = match (statement.get("Principal"), statement.get("NotPrincipal")) {
            (Some(principal), _) => Principal::Named(principals(principal)),
            (None, Some(principal)) => Principal::AllBut(principals(principal)),
            (None, None) => Principal::Missing,
        };
        Self {
            allows: statement["Effect"] == "Allow",
            principal,
            actions: either("Action").map(|(named, left_out)| (lower(&named), left_out)).unwrap_or_default(),
            resources: either("Resource"),
            conditions: conditions(&statement["Condition"], has_variables),
            has_variables,
        }
    }

    /// Whether an action is named in a way that only the list of all actions could tell which it is.
    pub(crate) fn has_a_question_mark(&self) -> bool {
        self.actions.0.iter().any(|action| action.contains('?'))
    }

    /// Whether a principal is named by a part of its name.
    pub(crate) fn names_by_a_star(&self) -> bool {
        let (Principal::Named(named) | Principal::AllBut(named)) = &self.principal else { return false };
        named.iter().any(|(_, who)| who.contains('*') && who != "*")
    }

    pub(crate) fn applies_to(&self, request: &Request) -> bool {
        self.names(&request.caller) && self.is_about(request) && self.holds(&request.context)
    }

    fn is_about(&self, request: &Request) -> bool {
        let (actions, left_out) = &self.actions;
        let action = request.action.to_ascii_lowercase();
        // Calls of other services are none upon a bucket, and no star means them. An `Allow` that names one is taken at its
        // word, so that there is something to find.
        let is_of_bucket = ["s3:", "sts:"].iter().any(|service| action.starts_with(service));
        let may_mean = |is_star: bool| is_of_bucket || !self.allows || !is_star;
        let is_named = |pattern: &String| may_mean(pattern == "*") && is_like(pattern, &action);
        let names_action = actions.iter().any(is_named) != *left_out && may_mean(*left_out);
        let names_resource = match &self.resources {
            None => true,
            Some((resources, left_out)) => {
                let is_named = |pattern: &String| {
                    let pattern = self.with_variables(pattern, &request.context);
                    pattern.is_some_and(|pattern| is_like(&pattern, request.resource))
                };
                resources.iter().any(is_named) != *left_out
            }
        };
        names_action && names_resource
    }

    fn names(&self, caller: &Caller) -> bool {
        let is_named = |named: &[(String, String)]| named.iter().any(|(kind, who)| is_named_by(caller, kind, who));
        match &self.principal {
            Principal::Named(named) => is_named(named),
            Principal::AllBut(named) => !is_named(named),
            Principal::Missing => false,
        }
    }

    /// All conditions hold. One of which nobody knows whether it holds cannot be relied upon: it neither keeps an `Allow` from
    /// allowing nor lets a `Deny` deny.
    fn holds(&self, context: &Told) -> bool {
        self.conditions.iter().all(|condition| {
            let asked = context.get(&condition.key);
            let holds = if condition.is_variable {
                // A value whose variable has no value equals nothing.
                let values = condition.values.iter().filter_map(|value| self.with_variables(value, context));
                condition.operator.holds(asked, &values.collect::<Vec<_>>())
            } else {
                condition.operator.holds(asked, &condition.values)
            };
            holds.unwrap_or(self.allows)
        })
    }

    /// The text with its variables replaced by what the request says.
    fn with_variables<'t>(&self, text: &'t str, context: &Told) -> Option<Cow<'t, str>> {
        if !self.has_variables {
            return Some(Cow::Borrowed(text));
        }
        let Some((before, rest)) = text.split_once("${") else { return Some(Cow::Borrowed(text)) };
        let (variable, after) = rest.split_once('}')?;
        let value = match variable {
            "*" | "?" | "$" => variable.to_owned(),
            _ => {
                let (key, default) = variable.split_once(',').map_or((variable, None), |(k, d)| (k, Some(d)));
                let said = context.get(&key.trim().to_lowercase()).and_then(|values| values.first().cloned());
                said.or_else(|| default.map(|default| default.trim().trim_matches('\'').to_owned()))?
            }
        };
        Some(Cow::Owned(format!("{before}{value}{}", self.with_variables(after, context)?)))
    }
}

/// Whether a caller is who is meant by `{"<kind>": "<who>"}`.
fn is_named_by(caller: &Caller, kind: &str, who: &str) -> bool {
    match (kind, who, caller) {
        // `{"AWS": "*"}` and `"*"` mean the same in a resource policy: everyone.
        ("AWS", "*", _) => true,
        ("AWS", _, Caller::Principal { account, arns, .. }) => {
            let is_account = who == *account || is_root_of(who, account);
            is_account || arns.iter().any(|arn| is_like(who, arn))
        }
        ("CanonicalUser", _, Caller::Principal { canonical, .. }) => who == *canonical,
        ("Service", _, Caller::Service(name)) => is_like(who, name),
        ("Federated", _, Caller::Federated(provider)) => is_like(who, provider),
        _ => false,
    }
}

/// `arn:<partition>:iam::<account>:root` stands for all of an account. Stars in it are AWS's to refuse; if they were
/// there, they would mean many accounts.
fn is_root_of(who: &str, account: &str) -> bool {
    let parts: Vec<_> = who.splitn(6, ':').collect();
    matches!(parts[..], ["arn", _, "iam", "", named, "root"] if is_like(named, account))
}

/// Whether a text is like a pattern, in which `*` stands for any characters and `?` for one.
pub(crate) fn is_like(pattern: &str, text: &str) -> bool {
    fn is(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => is(rest, text) || text.split_first().is_some_and(|(_, tail)| is(pattern, tail)),
            (Some((b'?', pattern)), Some((_, text))) => is(pattern, text),
            (Some((one, pattern)), Some((other, text))) => one == other && is(pattern, text),
            _ => false,
        }
    }
    is(pattern.as_bytes(), text.as_bytes())
}

fn principals(principal: &Value) -> Vec<(String, String)> {
    match principal {
        Value::Object(kinds) => {
            let named =
                |(kind, who): (&String, &Value)| strings(who).into_iter().map(|who| (kind.clone(), who)).collect();
            kinds.iter().flat_map(named as fn(_) -> Vec<_>).collect()
        }
        one => strings(one).into_iter().map(|who| ("AWS".to_owned(), who)).collect(),
    }
}

fn conditions(block: &Value, has_variables: bool) -> Vec<Condition> {
    let operators = block.as_object().into_iter().flatten();
    let asked = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| {
            let values: Vec<_> = strings(values).into_iter().map(Cow::Owned).collect();
            let is_variable = has_variables && values.iter().any(|value: &Cow<'_, str>| value.contains("${"));
            Condition { operator: Operator::read(operator), key: key.to_lowercase(), values, is_variable }
        })
    });
    asked.collect()
}

fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_lowercase()).collect()
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// One text or a list of them; a boolean and a number are as good as their text.
fn strings(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    list(value).into_iter().map(text).collect()
}
