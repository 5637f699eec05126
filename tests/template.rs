//! What `template.yaml` deploys, read as CloudFormation reads it: that it is what the controls declare, whoever has
//! written it down, and that nobody is let in whom it has no use for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use jiff::SignedDuration;
use serde_yaml_ng::Value;
use snapback::control::{AnyControl, Function, Watch};
use snapback::event::{DENIED, Kind, SCHEDULED};
use snapback::right::{Right, actions};
use snapback::settings::{Deployment, Settings};
use workspace_tests::{FUNCTIONS, workspace};

use crate::events::{entries, folders, name};

/// How long Lambda waits before it tries a failed event again for the first time.
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(60);

/// The function that has no controls: it hands dead letters to those that have.
const REDRIVE: &str = "RedriveFunction";

/// The functions that have no controls.
const OTHERS: [&str; 3] = [REDRIVE, logfiles::NAME, coverage::NAME];

/// Statements that every role has, whatever its function looks at and reverts.
const SHARED_STATEMENTS: [&str; 12] = [
    "Journal",
    "Memory",
    "Gap",
    "History",
    "Accounts",
    "TrustedMembers",
    "Entries",
    "Announce",
    "TopicKey",
    "DeadLetters",
    "Logs",
    "Members",
];

pub(crate) struct Template(pub(crate) Value);

impl Template {
    pub(crate) fn read() -> Result<Self> {
        Self::from("template.yaml")
    }

    pub(crate) fn from(file: &str) -> Result<Self> {
        let text = fs::read_to_string(workspace(file))?;
        Ok(Self(serde_yaml_ng::from_str(&text).with_context(|| file.to_owned())?))
    }

    /// The resources of a type, with their logical ids.
    pub(crate) fn resources(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.0["Resources"].as_mapping().into_iter().flatten();
        let named = resources.filter_map(|(id, resource)| Some((id.as_str()?, resource)));
        named.filter(|(_, resource)| resource["Type"] == kind).collect()
    }

    /// The rules that wake a function.
    fn rules_of(&self, function: &str) -> Vec<(&str, &Value)> {
        let arn = format!("{function}.Arn");
        let wakes =
            |rule: &Value| items(&rule["Properties"]["Targets"]).any(|target| attribute(&target["Arn"]) == Some(&arn));
        self.resources("AWS::Events::Rule").into_iter().filter(|(_, rule)| wakes(rule)).collect()
    }

    fn role_of(&self, function: &str) -> Result<&Value> {
        let role = attribute(&self.0["Resources"][function]["Properties"]["Role"]);
        let id = role.and_then(|role| role.strip_suffix(".Arn")).with_context(|| format!("{function} has no role"))?;
        let role = &self.0["Resources"][id];
        ensure!(role["Type"] == "AWS::IAM::Role", "the role `{id}` of {function} is not in the template");
        Ok(role)
    }

    /// The ARNs of the roles of the functions that write the journal and tell people.
    fn roles_that_speak(&self) -> Result<BTreeSet<String>> {
        let role = |function: &str| {
            let role = attribute(&self.0["Resources"][function]["Properties"]["Role"]);
            role.map(str::to_owned).with_context(|| format!("{function} has no role"))
        };
        FUNCTIONS.iter().map(|function| function.name).chain([coverage::NAME]).map(role).collect()
    }

    fn statements_of(&self, function: &str) -> Result<Vec<&Value>> {
        let role =
            attribute(&self.0["Resources"][function]["Properties"]["Role"]).and_then(|arn| arn.strip_suffix(".Arn"));
        let policies = self.policies_of(role.with_context(|| format!("{function} has no role"))?);
        let statements = policies.into_iter().flat_map(|policy| items(&policy["PolicyDocument"]["Statement"]));
        Ok(statements.map(if_it_holds).collect())
    }

    /// The inline policies of a role: those in it, and those that stand beside it.
    pub(crate) fn policies_of(&self, role: &str) -> Vec<&Value> {
        let beside = self.resources("AWS::IAM::Policy").into_iter().map(|(_, policy)| &policy["Properties"]);
        let is_its = |policy: &&Value| items(&policy["Roles"]).any(|of| reference(of) == Some(role));
        items(&self.0["Resources"][role]["Properties"]["Policies"]).chain(beside.filter(is_its)).collect()
    }

    /// The environment of a function: each variable, its own and those that all have, and what stands in it.
    pub(crate) fn environment(&self, function: &str) -> BTreeMap<String, &Value> {
        let ignored = words(&self.0["Resources"][function]["IgnoreGlobals"]);
        let all = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        let all = if ignored.contains("Environment") { &Value::Null } else { all };
        let own = &self.0["Resources"][function]["Properties"]["Environment"]["Variables"];
        let variables = [all, own].into_iter().filter_map(Value::as_mapping).flatten();
        variables.filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value))).collect()
    }

    /// What a function finds in a variable: the parameter's value where one is given here, else its default.
    fn deployed(&self, variable: &str, given: &[(&str, &str)]) -> Option<String> {
        let environment = self.environment(FUNCTIONS[0].name);
        let value = environment.get(variable)?;
        let Some(name) = reference(value).or_else(|| attribute(value)) else {
            return value.as_str().map(str::to_owned);
        };
        if let Some((_, value)) = given.iter().find(|(parameter, _)| *parameter == name) {
            return Some((*value).to_owned());
        }
        let parameter = self.0["Parameters"].get(name);
        let made = if name.ends_with(".Arn") { format!("arn:of:{name}") } else { format!("name-of-{name}") };
        Some(parameter.map_or(made, |parameter| text(&parameter["Default"])))
    }

    fn settings(&self, given: &[(&str, &str)]) -> Result<Settings> {
        Ok(Settings::read(&|variable| self.deployed(variable, given))?)
    }

    fn allowed_values(&self, parameter: &str) -> BTreeSet<String> {
        items(&self.0["Parameters"][parameter]["AllowedValues"]).map(text).collect()
    }
}

/// A list, or the one thing that stands in its place.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Sequence(items) => items.as_slice(),
        Value::Null => &[],
        lone => std::slice::from_ref(lone),
    }
    .iter()
}

pub(crate) fn words(value: &Value) -> BTreeSet<String> {
    items(value).map(text).collect()
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// What a `!Ref` names.
pub(crate) fn reference(value: &Value) -> Option<&str> {
    tagged(value, "Ref")
}

/// What a `!GetAtt` names.
fn attribute(value: &Value) -> Option<&str> {
    tagged(value, "GetAtt")
}

/// The text of a `!Sub`.
fn substituted(value: &Value) -> Option<&str> {
    tagged(value, "Sub")
}

/// What an `!If` stands for where its condition holds; anything else for itself.
fn if_it_holds(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == "If" => &tagged.value[1],
        _ => value,
    }
}

/// What a `!Join` puts together.
fn joined(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Tagged(tagged) if tagged.tag == "Join" => {
            items(&tagged.value[1]).map(if_it_holds).filter_map(attribute).map(str::to_owned).collect()
        }
        _ => BTreeSet::new(),
    }
}

fn tagged<'a>(value: &'a Value, tag: &str) -> Option<&'a str> {
    match value {
        Value::Tagged(tagged) if tagged.tag == tag => tagged.value.as_str(),
        _ => None,
    }
}

/// Each action on each thing, and the conditions: `s3:GetBucketAcl`, `arn:…`, `aws:ResourceAccount`.
type Grants = BTreeSet<(String, String, BTreeSet<String>)>;

fn declared(rights: &[Right]) -> Grants {
    let mut grants = Grants::new();
    for Right { action, on } in rights {
        let keys: BTreeSet<String> =
            on.when.iter().map(|when| format!("{}: {}", when.key, when.values.join(", "))).collect();
        grants.extend(on.arns.iter().map(|arn| ((*action).to_owned(), (*arn).to_owned(), keys.clone())));
    }
    grants
}

/// The same of the statements whose `Sid` starts with a word.
fn granted(statements: &[&Value], word: &str) -> Grants {
    let mut grants = Grants::new();
    let allowed = statements.iter().filter(|statement| statement["Effect"] == "Allow");
    for statement in allowed.filter(|statement| text(&statement["Sid"]).starts_with(word)) {
        let operators = statement["Condition"].as_mapping().into_iter().flatten();
        let keys = operators.flat_map(|(_, keys)| keys.as_mapping().into_iter().flatten());
        let keys: BTreeSet<String> = keys
            .map(|(key, values)| format!("{}: {}", text(key), items(values).map(arn).collect::<Vec<_>>().join(", ")))
            .collect();
        for action in words(&statement["Action"]) {
            let arns = items(&statement["Resource"]).map(arn);
            grants.extend(arns.map(|arn| (action.clone(), arn, keys.clone())));
        }
    }
    grants
}

/// An ARN as `!Sub` would have it, and a list that is a parameter.
fn arn(value: &Value) -> String {
    if let Value::Tagged(list) = value
        && list.tag == "Split"
    {
        return arn(&list.value[1]);
    }
    let named = reference(value).or_else(|| attribute(value)).map(|name| format!("${{{name}}}"));
    named.or_else(|| tagged(value, "Sub").map(str::to_owned)).unwrap_or_else(|| text(value))
}

#[test]
fn the_functions_of_the_template_are_the_functions_there_are() -> Result<()> {
    let template = Template::read()?;
    let deployed: BTreeSet<&str> =
        template.resources("AWS::Serverless::Function").into_iter().map(|(id, _)| id).collect();
    let judging = FUNCTIONS.iter().map(|function| function.name);
    assert_eq!(deployed, judging.chain(OTHERS).collect());
    Ok(())
}

#[test]
fn each_function_is_woken_by_exactly_what_its_controls_watch() -> Result<()> {
    let template = Template::read()?;
    for function in FUNCTIONS {
        let mut watched: BTreeSet<Heard> = watched(function).collect();
        let looks = ("Look".to_owned(), "events.amazonaws.com".to_owned(), SCHEDULED.to_owned());
        if function.learns() {
            watched.insert(looks.clone());
        }
        let mut routed = BTreeSet::new();
        for (id, rule) in template.rules_of(function.name) {
            if is_of_the_hub(rule) {
                continue;
            }
            if is_schedule(rule) {
                assert_eq!(rule["Properties"]["State"], "ENABLED", "{id}");
                routed.insert(looks.clone());
                continue;
            }
            routed.extend(heard_by(id, rule)?);
        }
        assert_eq!(routed, watched, "{}", function.name);
    }
    Ok(())
}

/// What two functions watch comes to the hub once, whose rules hand it to both.
#[test]
fn a_member_forwards_once_what_any_function_of_the_hub_watches() -> Result<()> {
    let template = Template::from("organization/member.yaml")?;
    let rules = template.resources("AWS::Events::Rule").into_iter();
    let forwarded: Vec<Vec<Heard>> = rules.map(|(id, rule)| heard_by(id, rule)).collect::<Result<_>>()?;
    let mut forwarded = forwarded.concat();
    forwarded.sort();
    let watched: BTreeSet<Heard> = FUNCTIONS.into_iter().filter(|of| of.is_in_members).flat_map(watched).collect();
    assert_eq!(forwarded, watched.into_iter().collect::<Vec<_>>());
    Ok(())
}

/// A kind of event, a service and a call.
type Heard = (String, String, String);

fn watched(function: &'static Function) -> impl Iterator<Item = Heard> {
    function.controls.iter().flat_map(|control| {
        let of_kind = |watch: &Watch| {
            let kind = if watch.name == SCHEDULED { Kind::Look } else { control.kind };
            (format!("{kind:?}"), watch.service.to_owned(), watch.name.to_owned())
        };
        control.about.watches.iter().map(of_kind)
    })
}

fn heard_by(id: &str, rule: &Value) -> Result<Vec<Heard>> {
    let pattern = &rule["Properties"]["EventPattern"];
    let detail = &pattern["detail"];
    assert_eq!(fields(pattern), set(&["detail", "detail-type", "source"]), "{id}");
    assert_eq!(rule["Properties"]["State"], "ENABLED", "{id}");
    let kind = kind_of(pattern).with_context(|| format!("{id} takes its events for none that there is"))?;
    if !detail["userIdentity"].is_null() {
        return Ok(vec![by_root(id, pattern)]);
    }
    if kind == Kind::Insight {
        assert_eq!(fields(detail), set(&["eventType", "insightDetails"]), "{id}");
        assert_eq!(words(&pattern["source"]), set(&["aws.cloudtrail"]), "{id}");
        assert_eq!(words(&detail["insightDetails"]["state"]), set(&["Start"]), "{id}");
        let names = words(&detail["eventType"]).into_iter();
        return Ok(names.map(|name| (format!("{kind:?}"), "cloudtrail.amazonaws.com".to_owned(), name)).collect());
    }
    assert_eq!(fields(detail), set(&["errorCode", "eventName", "eventSource"]), "{id}");
    let services = words(&detail["eventSource"]);
    let sources = services.iter().map(|service| format!("aws.{}", service.trim_end_matches(".amazonaws.com")));
    assert_eq!(words(&pattern["source"]), sources.collect(), "{id}");
    let named = services.iter().flat_map(|service| {
        words(&detail["eventName"]).into_iter().map(move |name| (format!("{kind:?}"), service.clone(), name))
    });
    Ok(named.collect())
}

/// What a pattern lets through: calls that succeeded, those that were denied, or another kind of event.
fn kind_of(pattern: &Value) -> Option<Kind> {
    let codes = &pattern["detail"]["errorCode"];
    let kinds: &[Kind] = if !pattern["detail"]["insightDetails"].is_null() {
        &[Kind::Insight]
    } else if is_absent(codes) {
        &[Kind::ApiCall, Kind::ServiceEvent, Kind::SignIn]
    } else if words(codes) == set(&DENIED) {
        &[Kind::DeniedCall]
    } else {
        &[]
    };
    let types = words(&pattern["detail-type"]);
    kinds.iter().find(|kind| set(kind.detail_types()) == types).copied()
}

/// Whether a field must not be there.
fn is_absent(filter: &Value) -> bool {
    let exists: Vec<Option<bool>> = items(filter).map(|filter| filter["exists"].as_bool()).collect();
    exists == [Some(false)]
}

/// What a rule listens for that takes whatever root calls, as it says no name: nothing but AWS's own events, of nobody
/// else, and not what a service does on its behalf.
fn by_root(id: &str, pattern: &Value) -> (String, String, String) {
    let (detail, identity) = (&pattern["detail"], &pattern["detail"]["userIdentity"]);
    assert_eq!(fields(detail), set(&["errorCode", "userIdentity"]), "{id}");
    assert_eq!(fields(identity), set(&["invokedBy", "type"]), "{id}");
    assert!(is_absent(&detail["errorCode"]) && is_absent(&identity["invokedBy"]), "{id}");
    assert_eq!(words(&identity["type"]), set(&["Root"]), "{id}");
    let sources: Vec<_> = items(&pattern["source"]).map(|source| text(&source["prefix"])).collect();
    assert_eq!(sources, ["aws."], "{id}");
    ("ApiCall".to_owned(), Watch::BY_ROOT.service.to_owned(), Watch::BY_ROOT.name.to_owned())
}

pub(crate) fn is_schedule(rule: &Value) -> bool {
    rule["Properties"]["ScheduleExpression"].is_string()
}

/// Whether it hears what other accounts and Regions forward.
fn is_of_the_hub(rule: &Value) -> bool {
    reference(&rule["Properties"]["EventBusName"]) == Some("HubBus")
}

fn fields(value: &Value) -> BTreeSet<String> {
    value.as_mapping().into_iter().flatten().map(|(field, _)| text(field)).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn every_rule_wakes_one_function_and_may_do_so() -> Result<()> {
    let template = Template::read()?;
    let rules = template.resources("AWS::Events::Rule");
    let mut wakes = BTreeSet::new();
    for (id, rule) in &rules {
        let targets: Vec<_> = items(&rule["Properties"]["Targets"]).collect();
        let [target] = targets[..] else { anyhow::bail!("{id} has {} targets", targets.len()) };
        let function = attribute(&target["Arn"]).and_then(|arn| arn.strip_suffix(".Arn"));
        let function = function.with_context(|| format!("{id} has a target that is no function of the template"))?;
        assert_eq!(target["Id"], function, "{id}");
        assert!(id.starts_with(function.trim_end_matches("Function")), "{id} wakes {function}");
        // What may not be there is not restored.
        let is_restored = function != logfiles::NAME;
        assert!(!is_restored || own::function_of(id) == function, "the target of {id} that Snapback restores");
        wakes.insert((function.to_owned(), format!("{id}.Arn")));
        assert_eq!(attribute(&target["DeadLetterConfig"]["Arn"]), Some("RuleDeadLetters.Arn"), "{id}");
        // CloudFormation names it after the stack, as the queue's policy has it.
        assert!(rule["Properties"]["Name"].is_null(), "{id} has a name of its own");
        // What is put back where somebody takes a target away.
        let given = &target["RetryPolicy"];
        assert_eq!(given["MaximumRetryAttempts"].as_i64(), Some(own::RETRIES.into()), "{id}");
        assert_eq!(given["MaximumEventAgeInSeconds"].as_i64(), Some(own::OLDEST_SECONDS.into()), "{id}");
        assert_eq!(fields(target), set(&["Arn", "DeadLetterConfig", "Id", "RetryPolicy"]), "{id}");
    }
    let mut may = BTreeSet::new();
    for (id, permission) in template.resources("AWS::Lambda::Permission") {
        let properties = &permission["Properties"];
        assert_eq!(properties["Action"], "lambda:InvokeFunction", "{id}");
        assert_eq!(properties["Principal"], "events.amazonaws.com", "{id}");
        let named = (reference(&properties["FunctionName"]), attribute(&properties["SourceArn"]));
        let (Some(function), Some(rule)) = named else { anyhow::bail!("{id} does not name a function and a rule") };
        may.insert((function.to_owned(), rule.to_owned()));
    }
    assert_eq!(wakes, may);
    let sending = &template.0["Resources"]["RuleDeadLettersPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let sending = items(sending).flat_map(|statement| items(&statement["Condition"]["ArnLike"]["aws:SourceArn"]));
    let sending: BTreeSet<_> = sending.map(if_it_holds).filter_map(substituted).map(str::to_owned).collect();
    let of = |path: &str| format!("arn:${{AWS::Partition}}:events:${{AWS::Region}}:${{AWS::AccountId}}:rule/{path}");
    let named = ["${AWS::StackName}-*", "${AWS::StackName}-hub/${AWS::StackName}-*"].map(of);
    assert_eq!(sending, named.into(), "who may send dead letters");
    Ok(())
}

#[test]
fn each_role_may_look_and_revert_exactly_as_its_controls_declare() -> Result<()> {
    let template = Template::read()?;
    for function in FUNCTIONS {
        let statements = template.statements_of(function.name)?;
        let learning = function.controls.iter().filter(|control| control.good.is_some());
        let surveys = learning.filter_map(|control| control.survey).flat_map(|survey| survey.needs);
        let reads = function.controls.iter().flat_map(|control| control.about.reads);
        let reads: Vec<Right> = reads.chain(surveys).chain(function.tags.needs).copied().collect();
        let writes: Vec<Right> = function.controls.iter().flat_map(AnyControl::writes).copied().collect();
        assert_eq!(granted(&statements, "Read"), declared(&reads), "{}", function.name);
        assert_eq!(granted(&statements, "Revert"), declared(&writes), "{}", function.name);
    }
    Ok(())
}

/// Without this, a permission could hide where the comparison above does not look.
#[test]
fn each_role_has_nothing_but_statements_that_name_their_actions() -> Result<()> {
    let template = Template::read()?;
    for function in FUNCTIONS {
        let role = &template.role_of(function.name)?["Properties"];
        assert_eq!(role["ManagedPolicyArns"], Value::Null, "{}", function.name);
        let properties = &template.0["Resources"][function.name]["Properties"];
        assert_eq!(properties["Policies"], Value::Null, "{}", function.name);
        for statement in template.statements_of(function.name)? {
            let sid = text(&statement["Sid"]);
            if sid.starts_with("Never") {
                assert_eq!(statement["Effect"], "Deny", "{}: {sid}", function.name);
                continue;
            }
            let is_known =
                sid.starts_with("Read") || sid.starts_with("Revert") || SHARED_STATEMENTS.contains(&sid.as_str());
            assert!(is_known, "{}: what is statement `{sid}` for?", function.name);
            assert_eq!(statement["Effect"], "Allow", "{}: {sid}", function.name);
            let actions = words(&statement["Action"]);
            assert!(!actions.is_empty(), "{}: {sid} names no action", function.name);
            for action in actions {
                let is_plain = action.split_once(':').is_some_and(|(_, name)| name.chars().all(char::is_alphanumeric));
                assert!(is_plain, "{}: {sid} allows `{action}`", function.name);
            }
        }
    }
    Ok(())
}

/// A role that is left out could be disarmed, and the function must not run before it is denied that.
#[test]
fn a_function_that_may_write_iam_is_denied_every_role_of_the_stack_before_it_runs() -> Result<()> {
    let template = Template::read()?;
    let policies = template.resources("AWS::IAM::Policy");
    let roles: Vec<String> =
        template.resources("AWS::IAM::Role").into_iter().map(|(role, _)| format!("{role}.Arn")).collect();
    // Those of a member that is another Region of the hub's own account, by the names that they have there.
    let member = Template::from("organization/member.yaml")?;
    let named = |(_, role): (_, &Value)| tagged(&role["Properties"]["RoleName"], "Sub").map(str::to_owned);
    let of_members: Option<BTreeSet<String>> = member.resources("AWS::IAM::Role").into_iter().map(named).collect();
    let of_members = of_members.context("a role without a name")?;
    let mut held = BTreeSet::new();
    for (id, policy) in policies {
        let [statement] = items(&policy["Properties"]["PolicyDocument"]["Statement"]).collect::<Vec<_>>()[..] else {
            anyhow::bail!("{id} has not one statement");
        };
        assert_eq!(statement["Effect"], "Deny", "{id}");
        let resources: Vec<&Value> = items(&statement["Resource"]).map(if_it_holds).collect();
        let denied: BTreeSet<_> = resources.iter().copied().filter_map(attribute).collect();
        assert_eq!(denied, roles.iter().map(String::as_str).collect(), "{id}");
        let arn = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/";
        let denied = resources.iter().filter_map(|role| tagged(role, "Sub")?.strip_prefix(arn));
        let denied: Vec<String> = denied.map(|role| role.replace("AWS::StackName", "HubStack")).collect();
        assert_eq!(denied, ["${HubStack}-member-*", "${HubStack}-forwarder"], "{id}");
        let is_denied = |name: &String| denied.iter().any(|pattern| snapback::policy::pattern::matches(pattern, name));
        assert!(of_members.iter().all(is_denied), "{id}: {of_members:?}");
        let role = items(&policy["Properties"]["Roles"]).find_map(reference).context("a role")?;
        let function = role.replace("Role", "Function");
        let wakes = |permission: &&Value| reference(&permission["Properties"]["FunctionName"]) == Some(&function);
        let permissions = template.resources("AWS::Lambda::Permission").into_iter().map(|(_, permission)| permission);
        let permissions: Vec<&Value> = permissions.filter(wakes).collect();
        assert!(!permissions.is_empty() && permissions.iter().all(|permission| permission["DependsOn"] == id), "{id}");
        held.insert(role);
    }
    assert_eq!(held, BTreeSet::from(["IamRole", "IamWriterRole"]));
    Ok(())
}

/// By a pattern, whoever gave a role a name like one of Snapback's would keep it from being reverted.
#[test]
fn in_a_member_such_a_function_is_denied_the_roles_that_are_made_there_by_their_names() -> Result<()> {
    let template = Template::from("organization/member.yaml")?;
    let roles = template.resources("AWS::IAM::Role");
    let name = |role: &Value| tagged(&role["Properties"]["RoleName"], "Sub").map(str::to_owned).context("a name");
    let names: BTreeSet<String> = roles.iter().map(|(_, role)| name(role)).collect::<Result<_>>()?;
    let arn = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/";
    let hub = Template::read()?;
    let of_hub = hub.resources("AWS::IAM::Role").into_iter().map(|(id, _)| format!("${{HubStack}}-{id}-*"));
    let of_hub: BTreeSet<String> = of_hub.collect();
    let mut found = 0;
    for (role, _) in roles {
        let policies = template.policies_of(role);
        let statements = policies.iter().flat_map(|policy| items(&policy["PolicyDocument"]["Statement"]));
        for statement in statements.map(if_it_holds) {
            let denied = || items(&statement["Resource"]).filter_map(|role| tagged(role, "Sub")?.strip_prefix(arn));
            let denied: BTreeSet<String> = denied().map(str::to_owned).collect();
            match text(&statement["Sid"]).as_str() {
                "NeverOwnRoles" => assert_eq!(denied, names, "{role}"),
                "NeverRolesOfTheHub" => assert_eq!(denied, of_hub, "{role}"),
                _ => continue,
            }
            found += 1;
        }
    }
    assert_eq!(found, 4, "the roles of the functions for IAM have both");
    Ok(())
}

/// What the statements say is tried by `tests/escalation.rs` and end to end; here, that no such function goes without.
#[test]
fn a_function_that_may_write_iam_or_policies_of_keys_or_tables_is_denied_what_would_lead_further() -> Result<()> {
    let template = Template::read()?;
    let never = ["NeverOwnRoles", "NeverOperators", "NeverProtectedPrincipals", "NeverLiftsQuarantine"];
    let never = set(&[&never[..], &["NeverPassesRoles", "NeverTakesRoles"]].concat());
    let of_keys = set(&["NeverOwnKeys", "NeverUsesKeys"]);
    for function in FUNCTIONS {
        let writes: Vec<_> = function.controls.iter().flat_map(AnyControl::writes).map(|right| right.action).collect();
        let writes_iam = writes.iter().any(|action| action.starts_with("iam:") && *action != "iam:PassRole");
        let expected = if writes_iam {
            let mut never = never.clone();
            if !writes.iter().any(|action| action.starts_with("iam:Detach")) {
                never.remove("NeverLiftsQuarantine");
            }
            never
        } else if writes.contains(&"kms:PutKeyPolicy") {
            of_keys.clone()
        } else if writes.contains(&"dynamodb:PutResourcePolicy") {
            set(&["NeverOwnJournal"])
        } else {
            BTreeSet::new()
        };
        let sids = template.statements_of(function.name)?.into_iter().map(|statement| text(&statement["Sid"]));
        let denied: BTreeSet<String> = sids.filter(|sid| sid.starts_with("Never")).collect();
        assert_eq!(denied, expected, "{}", function.name);
    }
    Ok(())
}

/// Neither the action, where nothing but undoing has it, nor what undoing does with it: a snapshot is shared again by the
/// same action that ends sharing it.
#[test]
fn no_role_may_do_what_only_undoing_needs() -> Result<()> {
    let template = Template::read()?;
    let all = || FUNCTIONS.iter().flat_map(|function| function.controls).map(|control| control.about);
    let writes = FUNCTIONS.iter().flat_map(|function| function.controls).flat_map(AnyControl::writes);
    let used: Vec<Right> = all().flat_map(|about| about.reads).chain(writes).copied().collect();
    let undoing: Vec<Right> =
        all().flat_map(|about| about.undoes).copied().filter(|right| !used.contains(right)).collect();
    let (used, undoing) = (actions(&used), declared(&undoing));
    for function in FUNCTIONS {
        for (action, arn, keys) in granted(&template.statements_of(function.name)?, "") {
            let is_alone = !used.contains(&action.as_str()) && undoing.iter().any(|(undoing, ..)| *undoing == action);
            assert!(!is_alone, "{} may {action}", function.name);
            assert!(!undoing.contains(&(action.clone(), arn.clone(), keys)), "{} may {action} on {arn}", function.name);
        }
    }
    Ok(())
}

/// Holds, and all else in the journal that is the operator's to say, are read by the functions and not written.
#[test]
fn no_role_may_write_to_the_journal_what_is_an_operators() -> Result<()> {
    let template = Template::read()?;
    let reads = set(&["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"]);
    for function in FUNCTIONS {
        let mut may_write = 0;
        for statement in template.statements_of(function.name)? {
            let actions = words(&statement["Action"]);
            // Permissions upon the table itself are some control's, which is held to them elsewhere.
            let sid = text(&statement["Sid"]);
            let is_on_items = !["Read", "Revert", "Never"].iter().any(|what| sid.starts_with(what));
            if !is_on_items || actions.iter().all(|action| !action.starts_with("dynamodb:") || reads.contains(action)) {
                continue;
            }
            let condition = &statement["Condition"];
            let only = [
                ("Memory", "memory#*", function.learns()),
                ("Gap", "gap", misses_events(function)),
                ("TrustedMembers", "members", function.name == "OwnFunction"),
            ];
            if let Some((_, key, needs)) = only.iter().find(|(sid, ..)| statement["Sid"] == *sid) {
                assert!(*needs, "{} has no use for it", function.name);
                assert_eq!(actions, set(&["dynamodb:PutItem"]), "{}", function.name);
                let own = words(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
                assert_eq!(own, set(&[*key]), "{}", function.name);
                assert_eq!(words(&condition["Null"]["dynamodb:LeadingKeys"]), set(&["false"]));
                continue;
            }
            may_write += 1;
            assert_eq!(actions, set(&["dynamodb:PutItem", "dynamodb:UpdateItem"]), "{}", function.name);
            let own = set(&["entry#*", "lease#*", "repeat#*", "budget#*"]);
            assert_eq!(words(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]), own, "{}", function.name);
            assert_eq!(words(&condition["Null"]["dynamodb:LeadingKeys"]), set(&["false"]));
        }
        assert_eq!(may_write, 1, "{}", function.name);
    }
    Ok(())
}

fn misses_events(function: &Function) -> bool {
    function.controls.iter().any(|control| control.misses_events.is_some())
}

/// A role that only the policy of the topic does not know would fail at its first notification.
#[test]
fn exactly_the_functions_roles_may_announce() -> Result<()> {
    let template = Template::read()?;
    let roles = template.roles_that_speak()?;
    let statements = &template.0["Resources"]["TopicPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let named =
        |value: &Value| items(value).map(if_it_holds).filter_map(attribute).map(str::to_owned).collect::<BTreeSet<_>>();
    let statement = |sid: &str| items(statements).find(|statement| statement["Sid"] == sid);
    let announce = statement("FunctionsAnnounce").context("no statement lets the functions announce")?;
    assert_eq!(named(&announce["Principal"]["AWS"]), roles);
    let others = statement("NobodyElseAnnounces").context("no statement keeps others from announcing")?;
    assert_eq!(named(&others["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]), roles);
    Ok(())
}

/// Every function reads and writes the journal, which its role may only do together with its keys. Where operators are
/// named, a role that the `Deny` of the journal's key does not know could sign nothing; and nobody may ever move an alias to
/// a key of theirs. What operators say no function may say, whatever its role is given.
#[test]
fn exactly_the_functions_roles_may_sign_the_journal_and_none_what_operators_say_by_keys_that_stay() -> Result<()> {
    let template = Template::read()?;
    let roles = template.roles_that_speak()?;
    let statement = |key: &str, sid: &str| {
        let policy = &template.0["Resources"][key]["Properties"]["KeyPolicy"];
        items(&policy["Statement"]).map(if_it_holds).find(|statement| statement["Sid"] == sid)
    };
    let named =
        |value: &Value| items(value).map(if_it_holds).filter_map(attribute).map(str::to_owned).collect::<BTreeSet<_>>();
    let seal = statement("JournalKey", "FunctionsSeal").context("no statement lets the functions seal")?;
    assert_eq!(named(&seal["Principal"]["AWS"]), roles);
    assert_eq!(words(&seal["Action"]), set(&["kms:GenerateMac", "kms:VerifyMac"]));
    let who = |key: &str| {
        let others = statement(key, "NobodyElseSeals").context("no statement keeps others from sealing")?;
        anyhow::Ok(format!("{:?}", others["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]))
    };
    let sealing = who("JournalKey")?;
    for role in roles.iter().map(String::as_str).chain(["Operators"]) {
        assert!(sealing.contains(&format!("{role:?}")), "{role} is not among those who may seal: {sealing}");
    }
    let sealing = who("OperatorsKey")?;
    assert!(sealing.contains("\"Operators\"") && !sealing.contains("Role"), "{sealing}");
    for (sid, effect, action) in
        [("FunctionsVerify", "Allow", "kms:VerifyMac"), ("FunctionsNeverSeal", "Deny", "kms:GenerateMac")]
    {
        let of_functions = statement("OperatorsKey", sid).with_context(|| format!("there is no {sid}"))?;
        assert_eq!((&of_functions["Effect"], &of_functions["Action"]), (&effect.into(), &action.into()));
        assert_eq!(named(&of_functions["Principal"]["AWS"]), roles, "{sid}");
    }
    // Every other role of the stack is kept from it as well.
    let all = template.resources("AWS::IAM::Role").into_iter().map(|(role, _)| role.to_owned());
    let others: Vec<String> = all.filter(|role| !roles.contains(&format!("{role}.Arn"))).collect();
    let never = statement("OperatorsKey", "OthersNeverSeal").context("other functions may seal")?;
    let (who, whose) = (&never["Principal"], items(&never["Condition"]["ArnLike"]["aws:PrincipalArn"]));
    assert_eq!((&never["Effect"], &never["Action"], who), (&"Deny".into(), &"kms:GenerateMac".into(), &"*".into()));
    let of =
        |role: &String| format!("arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{AWS::StackName}}-{role}-*");
    assert_eq!(
        whose.filter_map(|role| tagged(role, "Sub")).collect::<Vec<_>>(),
        others.iter().map(of).collect::<Vec<_>>()
    );
    for key in ["JournalKey", "OperatorsKey"] {
        let stays = statement(key, "AliasStays").context("the alias may be moved")?;
        assert_eq!((&stays["Effect"], &stays["Principal"]), (&"Deny".into(), &"*".into()));
        assert_eq!(words(&stays["Action"]), set(&["kms:DeleteAlias", "kms:UpdateAlias"]));
    }
    for kept in ["Journal", "JournalKey", "JournalKeyAlias", "OperatorsKey", "OperatorsKeyAlias"] {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(template.0["Resources"][kept][policy], "Retain", "{kept}");
        }
    }
    Ok(())
}

#[test]
fn the_functions_are_given_the_variables_that_they_read() -> Result<()> {
    let template = Template::read()?;
    let mut read = BTreeSet::new();
    let folders = FUNCTIONS.map(|function| text(&template.0["Resources"][function.name]["Properties"]["CodeUri"]));
    for folder in folders.iter().map(String::as_str).chain(["shared"]) {
        variables_in(&workspace(folder).join("src"), &mut read)?;
    }
    for function in FUNCTIONS {
        let given: BTreeSet<String> = template.environment(function.name).into_keys().collect();
        assert_eq!(given, read, "{}", function.name);
        let own_role = attribute(&template.0["Resources"][function.name]["Properties"]["Role"]);
        let told_role = template.environment(function.name).get("SNAPBACK_ROLE").and_then(|role| attribute(role));
        assert_eq!(told_role, own_role, "{} is told another role than its own", function.name);
    }
    Ok(())
}

/// Collects `"SNAPBACK_…"` from all sources below a folder.
fn variables_in(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            variables_in(&path, found)?;
            continue;
        }
        let source = fs::read_to_string(&path)?;
        let quoted = source.split('"').filter(|text| text.starts_with("SNAPBACK_"));
        found.extend(quoted.filter(|text| text.chars().all(|c| c.is_ascii_uppercase() || c == '_')).map(str::to_owned));
    }
    Ok(())
}

#[test]
fn the_functions_accept_what_is_deployed_unless_told_otherwise() -> Result<()> {
    let template = Template::read()?;
    // The name under which `samconfig.toml` deploys. Keys have no name before they are made.
    let made = [("AWS::StackName", "snapback"), ("TopicKey.Arn", ""), ("JournalKey.Arn", ""), ("OperatorsKey.Arn", "")];
    let settings = template.settings(&made)?;
    assert_eq!(settings, Settings::default(), "the defaults of the template and of the code differ");
    for most in ["MinValue", "MaxValue", "Default"] {
        let days = text(&template.0["Parameters"]["JournalDays"][most]);
        let deployment = Deployment::read(&|variable| template.deployed(variable, &[("JournalDays", &days)]))?;
        assert_eq!(deployment.journal_days.to_string(), days);
    }
    for level in template.allowed_values("LogLevel") {
        assert!(level.parse::<tracing::Level>().is_ok(), "{level}");
    }
    Ok(())
}

#[test]
fn the_modes_are_those_that_the_functions_know_and_the_first_is_notify() -> Result<()> {
    let template = Template::read()?;
    assert_eq!(template.0["Parameters"]["Mode"]["Default"], "notify");
    let allowed = template.allowed_values("Mode");
    for mode in &allowed {
        assert_eq!(template.settings(&[("Mode", mode)])?.modes.of("any").to_string(), *mode);
    }
    let read = |variable: &str| (variable == "SNAPBACK_MODE").then(|| "no such mode".to_owned());
    let problem = Settings::read(&read).err().context("a mode that does not exist was accepted")?;
    let known: BTreeSet<String> = problem.expected.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(allowed, known);
    Ok(())
}

/// What CloudFormation lets in is what the functions understand, and nothing that they do is refused.
#[test]
fn the_overrides_that_the_template_takes_are_those_that_the_functions_know() -> Result<()> {
    let template = Template::read()?;
    let pattern = text(&template.0["Parameters"]["ModeOverrides"]["AllowedPattern"]);
    let pattern = regex_lite::Regex::new(&pattern)?;
    for mode in ["off", "notify", "ask", "revert", "Off", "none", ""] {
        for overrides in [format!("s3-*={mode}"), format!("ec2-serial-console=off,own-?={mode},*=ask")] {
            let read = |variable: &str| (variable == "SNAPBACK_MODE_OVERRIDES").then(|| overrides.clone());
            assert_eq!(pattern.is_match(&overrides), Settings::read(&read).is_ok(), "{overrides}");
        }
    }
    Ok(())
}

/// Two functions have controls whose ids begin with `iam-`.
#[test]
fn an_override_of_some_control_is_a_mistake_to_no_function() -> Result<()> {
    for control in FUNCTIONS.iter().flat_map(|function| function.controls) {
        let overrides = format!("{}=ask", control.about.id);
        let settings = Settings::read(&|variable| (variable == "SNAPBACK_MODE_OVERRIDES").then(|| overrides.clone()))?;
        for function in FUNCTIONS {
            function.check(&settings).with_context(|| function.name)?;
        }
    }
    Ok(())
}

/// Whoever retries must find the one before dead, and its lease over.
#[test]
fn a_function_is_over_before_its_lease_and_its_lease_before_the_first_retry() -> Result<()> {
    let template = Template::read()?;
    let journal = fs::read_to_string(workspace("shared/src/journal.rs"))?;
    let lease = journal.split("const LEASE: SignedDuration = SignedDuration::from_secs(").nth(1);
    let lease = lease.and_then(|rest| rest.split(')').next()).context("the journal has no lease")?;
    let lease = SignedDuration::from_secs(lease.parse()?);
    assert!(lease < FIRST_RETRY, "a lease of {lease:?}");
    for function in FUNCTIONS {
        let own = &template.0["Resources"][function.name]["Properties"]["Timeout"];
        let timeout = own.as_i64().or(template.0["Globals"]["Function"]["Timeout"].as_i64());
        let timeout = SignedDuration::from_secs(timeout.context("no timeout")?);
        assert!(timeout < lease, "{} runs for {timeout:?}, its lease for {lease:?}", function.name);
    }
    Ok(())
}

/// The ARNs of the functions that are handed events again.
fn handed_events() -> BTreeSet<String> {
    let all = FUNCTIONS.iter().map(|function| function.name).chain([logfiles::NAME, coverage::NAME]);
    all.map(|function| format!("{function}.Arn")).collect()
}

/// Both ways: `CALLS` is what a test sees it call. It reads, and hands on; whoever takes it over can do no more.
#[test]
fn the_function_that_reads_log_files_may_do_what_it_calls_and_only_where_it_has_to() -> Result<()> {
    let template = Template::read()?;
    let mut may = BTreeMap::new();
    for statement in template.statements_of(logfiles::NAME)?.into_iter().filter(|statement| statement.is_mapping()) {
        assert_eq!(statement["Effect"], "Allow");
        for action in words(&statement["Action"]) {
            let on: BTreeSet<String> = items(&statement["Resource"]).map(arn).collect();
            assert_eq!(may.insert(action.clone(), on), None, "{action} is allowed twice");
        }
    }
    let bucket = "arn:${AWS::Partition}:s3:::${LogBucket}";
    for (action, on) in [
        ("dynamodb:GetItem", vec!["${Journal.Arn}"]),
        ("kms:VerifyMac", vec!["${JournalKey.Arn}", "${OperatorsKey.Arn}"]),
        ("sqs:SendMessage", vec!["${FunctionDeadLetters.Arn}", "${LogFileEvents.Arn}"]),
        ("s3:GetObject", vec![&format!("{bucket}/${{LogBucketPrefix}}AWSLogs/*")]),
        ("s3:ListBucket", vec![bucket]),
    ] {
        assert!(logfiles::CALLS.contains(&action), "{action} is called by nothing");
        assert_eq!(may.remove(action), Some(set(&on)), "{action}");
    }
    assert_eq!(may.remove("sts:AssumeRole"), Some(set(&["${LogBucketRole}"])));
    assert_eq!(may.remove("kms:Decrypt"), Some(set(&["${LogBucketKey}"])));
    let logs = ["logs:CreateLogStream", "logs:PutLogEvents"].map(|action| may.remove(action).is_some());
    assert_eq!((logs, may), ([true; 2], BTreeMap::new()), "it may more than it calls");
    assert_eq!(logfiles::CALLS.len(), 5);
    Ok(())
}

/// What it judges by is what the others judge by; what else they are given it has no use for.
#[test]
fn the_function_that_reads_log_files_is_given_the_variables_that_it_reads_and_as_the_others_are() -> Result<()> {
    let template = Template::read()?;
    let given = template.environment(logfiles::NAME);
    let mut read = BTreeSet::new();
    variables_in(&workspace("functions/logfiles/src"), &mut read)?;
    for variable in &read {
        assert!(given.contains_key(variable), "{variable}");
    }
    let of_others = template.environment(FUNCTIONS[0].name);
    let mut judged_by = BTreeSet::new();
    let asked = std::cell::RefCell::new(&mut judged_by);
    let _ = Settings::read(&|variable: &str| {
        asked.borrow_mut().insert(variable.to_owned());
        None
    });
    for variable in
        judged_by.iter().chain(["SNAPBACK_HUB", "SNAPBACK_GUARDRAILS", "SNAPBACK_LOG"].map(str::to_owned).iter())
    {
        assert_eq!(given.get(variable), of_others.get(variable), "{variable}");
        assert!(given.contains_key(variable), "{variable}");
    }
    let known: BTreeSet<String> = read.iter().chain(&judged_by).cloned().chain(["SNAPBACK_LOG".to_owned()]).collect();
    assert_eq!(given.into_keys().collect::<BTreeSet<_>>(), known);
    Ok(())
}

/// It reads, tells, and remembers what it has found itself: no entry, no hold, no baseline that others judge by.
#[test]
fn the_function_that_looks_at_coverage_may_read_and_tell_and_write_nothing_but_what_it_has_found() -> Result<()> {
    let template = Template::read()?;
    let statements = template.statements_of(coverage::NAME)?;
    assert_eq!(granted(&statements, "Read"), declared(coverage::READS));
    let actions_of = |sid: &str| {
        let statement = statements.iter().find(|statement| statement["Sid"] == sid);
        let statement = statement.with_context(|| format!("there is no {sid}"))?;
        assert_eq!(statement["Effect"], "Allow", "{sid}");
        anyhow::Ok((words(&statement["Action"]), *statement))
    };
    for (sid, actions) in [
        ("Accounts", &["organizations:ListAccounts"][..]),
        ("Members", &["sts:AssumeRole"]),
        ("Known", &["dynamodb:GetItem", "dynamodb:PutItem"]),
        ("Announce", &["sns:Publish"]),
        ("TopicKey", &["kms:Decrypt", "kms:GenerateDataKey"]),
        ("DeadLetters", &["sqs:SendMessage"]),
        ("Logs", &["logs:CreateLogStream", "logs:PutLogEvents"]),
    ] {
        assert_eq!(actions_of(sid)?.0, set(actions), "{sid}");
    }
    let reads = statements.iter().filter(|statement| text(&statement["Sid"]).starts_with("Read")).count();
    assert_eq!(statements.len(), reads + 7, "it may more than it needs");
    let (_, known) = actions_of("Known")?;
    let condition = &known["Condition"];
    assert_eq!(words(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]), set(&["coverage#*"]));
    assert_eq!(words(&condition["Null"]["dynamodb:LeadingKeys"]), set(&["false"]));
    let (_, members) = actions_of("Members")?;
    let role = format!("arn:${{AWS::Partition}}:iam::*:role/${{AWS::StackName}}-{}", coverage::MEMBER_ROLE);
    assert_eq!(arn(&members["Resource"]), role);
    assert_eq!(reference(&members["Condition"]["StringEquals"]["aws:ResourceOrgID"]), Some("Hub"));
    let member = Template::from("organization/member.yaml")?;
    let policies = member.policies_of("CoverageRole");
    let there = policies.iter().flat_map(|policy| items(&policy["PolicyDocument"]["Statement"])).collect::<Vec<_>>();
    let read_there: BTreeSet<_> = granted(&there, "Read").into_iter().map(|(action, ..)| action).collect();
    assert_eq!(read_there, actions(coverage::READS).into_iter().map(str::to_owned).collect());
    assert!(there.iter().all(|statement| text(&statement["Sid"]).starts_with("Read")), "it only reads there");
    Ok(())
}

#[test]
fn the_function_that_looks_at_coverage_is_given_just_the_variables_that_it_reads() -> Result<()> {
    let template = Template::read()?;
    let mut read = set(&["SNAPBACK_LOG"]);
    variables_in(&workspace("functions/coverage/src"), &mut read)?;
    assert_eq!(template.environment(coverage::NAME).into_keys().collect::<BTreeSet<_>>(), read);
    Ok(())
}

/// Both ways: `CALLS` is what a test sees it call.
#[test]
fn the_redrive_function_may_do_what_it_calls_and_only_where_it_has_to() -> Result<()> {
    let template = Template::read()?;
    let mut may = BTreeMap::new();
    for statement in template.statements_of(REDRIVE)? {
        assert_eq!(statement["Effect"], "Allow");
        let targets = items(&statement["Resource"])
            .map(if_it_holds)
            .filter_map(attribute)
            .map(str::to_owned)
            .collect::<BTreeSet<_>>();
        for action in words(&statement["Action"]) {
            assert_eq!(may.insert(action.clone(), targets.clone()), None, "{action} is allowed twice");
        }
    }
    let role = &template.role_of(REDRIVE)?["Properties"];
    assert_eq!((&role["ManagedPolicyArns"], role["Policies"].as_sequence().map(Vec::len)), (&Value::Null, Some(1)));
    let queues = ["DelayedEvents.Arn", "FunctionDeadLetters.Arn", "LogFileEvents.Arn", "RuleDeadLetters.Arn"];
    let queues = set(&queues);
    let functions = handed_events();
    let logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
    for action in redrive::CALLS.into_iter().chain(logs) {
        let expected = match action {
            "lambda:InvokeFunction" => functions.clone(),
            "sqs:SendMessage" => set(&["GivenUpEvents.Arn"]),
            _ if action.starts_with("sqs:") => queues.clone(),
            _ if action.starts_with("dynamodb:") => set(&["Journal.Arn"]),
            _ => set(&["RedriveLogs.Arn"]),
        };
        assert_eq!(may.remove(action), Some(expected), "{action}");
    }
    assert_eq!(may, BTreeMap::new(), "it may more than it calls");
    let count = template.statements_of(REDRIVE)?.into_iter().find(|statement| statement["Sid"] == "Count");
    let condition = &count.context("it may not count")?["Condition"];
    assert_eq!(words(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]), set(&["redrive#*"]));
    assert_eq!(words(&condition["Null"]["dynamodb:LeadingKeys"]), set(&["false"]));
    Ok(())
}

/// An event's actor is what its record says. Who may send a record to a queue would choose it, and who may take a message
/// away loses the event.
#[test]
fn nobody_sends_to_a_queue_or_takes_from_it_but_who_needs_to() -> Result<()> {
    let template = Template::read()?;
    let denied = |queue: &str, sid: &str| -> Option<(BTreeSet<String>, String)> {
        let policy = &template.0["Resources"][format!("{queue}Policy")]["Properties"]["PolicyDocument"]["Statement"];
        let statement = items(policy).find(|statement| statement["Sid"] == sid)?;
        let is_for_all = statement["Effect"] == "Deny" && statement["Principal"] == "*";
        let of_queue = attribute(&statement["Resource"]) == Some(&format!("{queue}.Arn"));
        (is_for_all && of_queue).then(|| (words(&statement["Action"]), format!("{:?}", statement["Condition"])))
    };
    let sending = set(&["sqs:SendMessage"]);
    let taking = set(&["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]);
    for (queue, may_send) in [
        ("RuleDeadLetters", vec!["aws:PrincipalIsAWSService"]),
        (
            "FunctionDeadLetters",
            FUNCTIONS.iter().map(|function| function.name.trim_end_matches("Function")).chain(["LogFiles"]).collect(),
        ),
        ("GivenUpEvents", vec!["RedriveRole.Arn"]),
    ] {
        let (actions, condition) = denied(queue, "NobodyElseSends").with_context(|| format!("{queue} takes all"))?;
        assert_eq!(actions, sending, "{queue}");
        assert!(may_send.iter().all(|who| condition.contains(who)), "{queue}: {condition}");
    }
    for (queue, sender) in [
        ("DelayedEvents", ("OnlyFunctionsSend", "S3Role.Arn")),
        ("LogFileEvents", ("OnlyLogFilesSends", "LogFilesRole.Arn")),
    ] {
        let (actions, condition) = denied(queue, sender.0).with_context(|| format!("{queue} takes all"))?;
        assert!(actions == sending && condition.contains(sender.1), "{queue}: {condition}");
        let (actions, condition) =
            denied(queue, "OnlyRedriveTakes").with_context(|| format!("{queue} gives to all"))?;
        assert_eq!(actions, set(&["sqs:DeleteMessage", "sqs:ReceiveMessage"]), "{queue}");
        assert!(condition.contains("RedriveRole.Arn"), "{queue}: {condition}");
    }
    for queue in ["RuleDeadLetters", "FunctionDeadLetters"] {
        let (actions, condition) = denied(queue, "NobodyElseTakes").with_context(|| format!("{queue} gives to all"))?;
        assert_eq!(actions, taking, "{queue}");
        assert!(condition.contains("RedriveRole.Arn") && condition.contains("Operators"), "{queue}: {condition}");
    }
    assert_eq!(denied("GivenUpEvents", "NobodyElseTakes"), None, "people look there");
    Ok(())
}

/// It has neither settings to judge by nor guardrails, and what it fails at does not end among what it redrives.
#[test]
fn the_redrive_function_is_given_nothing_that_it_does_not_need() -> Result<()> {
    let template = Template::read()?;
    let function = &template.0["Resources"][REDRIVE];
    let mut read = set(&["SNAPBACK_LOG"]);
    variables_in(&workspace("functions/redrive/src"), &mut read)?;
    let given = template.environment(REDRIVE);
    assert_eq!(given.keys().cloned().collect::<BTreeSet<_>>(), read);
    let ignored = words(&function["IgnoreGlobals"]);
    assert_eq!(ignored, set(&["Environment", "EventInvokeConfig", "Layers", "ReservedConcurrentExecutions"]));
    assert_eq!(function["Properties"]["Layers"], Value::Null);
    let retries = &function["Properties"]["EventInvokeConfig"];
    assert_eq!((&retries["MaximumRetryAttempts"], &retries["DestinationConfig"]), (&Value::from(0), &Value::Null));
    assert_eq!(joined(given["SNAPBACK_FUNCTIONS"]), handed_events());
    for (variable, queue) in [
        ("SNAPBACK_RULE_DEAD_LETTERS", "RuleDeadLetters"),
        ("SNAPBACK_FUNCTION_DEAD_LETTERS", "FunctionDeadLetters"),
        ("SNAPBACK_DELAYED", "DelayedEvents"),
        ("SNAPBACK_GIVEN_UP", "GivenUpEvents"),
    ] {
        assert_eq!(reference(given[variable]), Some(queue), "{variable}");
    }
    let Value::Tagged(where_read) = given["SNAPBACK_LOG_FILE_EVENTS"] else {
        anyhow::bail!("it asks for log files that nobody reads");
    };
    assert_eq!(
        (&where_read.value[0], reference(&where_read.value[1])),
        (&"ReadsLogFiles".into(), Some("LogFileEvents"))
    );
    Ok(())
}

/// Else two runs would have the same message in hand.
#[test]
fn a_message_is_hidden_for_longer_than_the_function_runs_that_has_received_it() -> Result<()> {
    let template = Template::read()?;
    let resources = &template.0["Resources"];
    let own = &resources[REDRIVE]["Properties"]["Timeout"];
    let timeout = own.as_i64().or(template.0["Globals"]["Function"]["Timeout"].as_i64()).context("no timeout")?;
    for queue in ["RuleDeadLetters", "FunctionDeadLetters", "DelayedEvents", "LogFileEvents"] {
        let hidden = resources[queue]["Properties"]["VisibilityTimeout"].as_i64().context(queue)?;
        assert!(timeout < hidden, "{queue} hides for {hidden} s, the function runs for {timeout} s");
    }
    Ok(())
}

/// An account whose whole quota is what Lambda keeps unreserved could not deploy the stack otherwise.
#[test]
fn no_concurrency_is_reserved_unless_somebody_says_how_much() -> Result<()> {
    let template = Template::read()?;
    assert_eq!(template.0["Parameters"]["ReservedConcurrency"]["Default"], 0);
    let Value::Tagged(reserved) = &template.0["Globals"]["Function"]["ReservedConcurrentExecutions"] else {
        anyhow::bail!("what is reserved is not a choice");
    };
    let [condition, then, otherwise] = items(&reserved.value).collect::<Vec<_>>()[..] else {
        anyhow::bail!("no choice of two");
    };
    assert_eq!(condition, "ReservesConcurrency");
    assert_eq!((reference(then), reference(otherwise)), (Some("ReservedConcurrency"), Some("AWS::NoValue")));
    for function in FUNCTIONS {
        let own = &template.0["Resources"][function.name];
        assert_eq!(own["Properties"]["ReservedConcurrentExecutions"], Value::Null, "{}", function.name);
        assert_eq!(own["IgnoreGlobals"], Value::Null, "{}", function.name);
    }
    Ok(())
}

#[test]
fn every_failure_is_somebodys_alarm() -> Result<()> {
    let template = Template::read()?;
    let mut watched = BTreeSet::new();
    for (id, alarm) in template.resources("AWS::CloudWatch::Alarm") {
        let alarm = &alarm["Properties"];
        assert_eq!(items(&alarm["AlarmActions"]).filter_map(reference).collect::<Vec<_>>(), ["Topic"], "{id}");
        let of = &alarm["Dimensions"][0]["Value"];
        let of = reference(of).or_else(|| attribute(of)).with_context(|| format!("{id} watches nothing"))?;
        watched.insert((text(&alarm["MetricName"]), of.trim_end_matches(".QueueName").to_owned()));
    }
    let hears = |metric: &str, of: &str| watched.contains(&(metric.to_owned(), of.to_owned()));
    for (id, _) in template.resources("AWS::Serverless::Function") {
        assert!(hears("Errors", id), "{id} fails and nobody hears of it");
        // Nothing waits for the schedule's.
        assert!(hears("Throttles", id) || id == REDRIVE, "{id} is throttled and nobody hears of it");
    }
    for (id, _) in template.resources("AWS::SQS::Queue") {
        // What waits for its time is nobody's failure.
        let is_heard = hears("ApproximateNumberOfMessagesVisible", id);
        assert_eq!(
            is_heard,
            !["DelayedEvents", "LogFileEvents"].contains(&id),
            "something is in {id} and nobody hears of it"
        );
    }
    Ok(())
}

#[test]
fn nobody_but_lambda_takes_a_role_and_no_rule_listens_to_a_bus_of_others() -> Result<()> {
    let template = Template::read()?;
    for (id, role) in template.resources("AWS::IAM::Role") {
        let trust = &role["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        let [statement] = items(trust).collect::<Vec<_>>()[..] else { anyhow::bail!("{id}: not one statement") };
        assert_eq!(fields(&statement["Principal"]), set(&["Service"]), "{id}");
        assert_eq!(words(&statement["Principal"]["Service"]), set(&["lambda.amazonaws.com"]), "{id}");
    }
    for (id, rule) in template.resources("AWS::Events::Rule") {
        let bus = &rule["Properties"]["EventBusName"];
        let condition = if id == "LogFilesHubRule" { "HearsOfLogFilesElsewhere" } else { "IsHub" };
        assert!(bus.is_null() || is_of_the_hub(rule) && rule["Condition"] == condition, "{id}");
    }
    Ok(())
}

/// CloudWatch takes no more.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
#[test]
fn what_an_alarm_says_is_not_cut_off() -> Result<()> {
    for (id, alarm) in Template::read()?.resources("AWS::CloudWatch::Alarm") {
        let Value::Tagged(text) = &alarm["Properties"]["AlarmDescription"] else { anyhow::bail!("{id} says nothing") };
        let text = text.value.as_str().context("no text")?;
        // Names of queues and log groups stand in for `${…}`: they begin with the name of the stack.
        let longest = text.len() + 60 * text.matches("${").count();
        assert!(longest <= 1024, "{id} may come to {longest} characters");
    }
    Ok(())
}

/// A function whose guardrails are not where it looks for them would only alert.
#[test]
fn the_guardrails_are_checked_by_their_build_and_lie_where_every_function_looks() -> Result<()> {
    let template = Template::read()?;
    let (all, layer) = (&template.0["Globals"]["Function"], &template.0["Resources"]["Guardrails"]);
    let layers: Vec<_> = items(&all["Layers"]).filter_map(reference).collect();
    assert_eq!(layers, ["Guardrails"]);
    assert_eq!(layer["Metadata"]["BuildMethod"], "makefile");
    assert_eq!(layer["Properties"]["ContentUri"], "guardrails");
    for function in FUNCTIONS {
        assert_eq!(template.0["Resources"][function.name]["Properties"]["Layers"], Value::Null, "{}", function.name);
        assert_eq!(template.environment(function.name)["SNAPBACK_GUARDRAILS"], "/opt/guardrails", "{}", function.name);
    }
    let makefile = fs::read_to_string(workspace("guardrails/Makefile"))?;
    let build = makefile.split_once("build-Guardrails:").context("the layer has no build")?.1;
    let check = build.find("guardrails check \"$(here)\" --mark").context("the build does not check")?;
    let copy = build.find("*.cedar $(wildcard $(here)trusted.json) \"$(ARTIFACTS_DIR)/guardrails/\"");
    let copy = copy.context("the build does not copy")?;
    assert!(check < copy);
    Ok(())
}

/// A key that the list does not have is not watched. That of a trail that the stack may make is the trail's.
#[test]
fn snapback_watches_over_exactly_the_keys_that_every_stack_has() -> Result<()> {
    let template = Template::read()?;
    let keys = template.resources("AWS::KMS::Key").into_iter().filter(|(_, key)| key["Condition"].is_null());
    let keys: BTreeSet<String> = keys.map(|(id, _)| format!("{id}.Arn")).collect();
    let told = |variable: &str| attribute(&template.0["Globals"]["Function"]["Environment"]["Variables"][variable]);
    let all = ["SNAPBACK_KEYS", "SNAPBACK_JOURNAL_KEY", "SNAPBACK_OPERATORS_KEY"]
        .into_iter()
        .filter_map(told)
        .map(str::to_owned)
        .collect();
    assert_eq!(keys, all);
    Ok(())
}

/// Whoever finds the trail's bucket or key open could write or read what is recorded.
#[test]
fn the_bucket_and_the_key_of_the_trail_let_in_nobody_but_the_trail() -> Result<()> {
    let template = Template::read()?;
    let resources = &template.0["Resources"];
    let bucket = &resources["TrailBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
    let key = &resources["TrailKey"]["Properties"]["KeyPolicy"]["Statement"];
    let allowed = items(bucket).chain(items(key)).filter(|statement| statement["Effect"] == "Allow");
    let of_service: Vec<&Value> = allowed.filter(|statement| statement["Sid"] != "AccountDecides").collect();
    assert_eq!(of_service.len(), 3);
    for statement in of_service {
        let sid = text(&statement["Sid"]);
        assert_eq!(statement["Principal"]["Service"], "cloudtrail.amazonaws.com", "{sid}");
        let Value::Tagged(arn) = &statement["Condition"]["StringEquals"]["aws:SourceArn"] else {
            anyhow::bail!("{sid} does not say which trail");
        };
        let arns: Vec<&str> = items(&arn.value).filter_map(|arn| tagged(arn, "Sub")).collect();
        assert!(arns.len() == 2 && arns.iter().all(|arn| arn.ends_with(":trail/${AWS::StackName}-trail")), "{sid}");
    }
    for kept in ["TrailBucket", "TrailKey"] {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(resources[kept][policy], "Retain", "{kept}");
        }
    }
    assert_eq!(tagged(&resources["Trail"]["Properties"]["TrailName"], "Sub"), Some("${AWS::StackName}-trail"));
    let lifecycle = &resources["TrailBucket"]["Properties"]["LifecycleConfiguration"]["Rules"];
    for rule in items(lifecycle) {
        assert!(fields(rule).iter().all(|field| !field.contains("Expiration")), "what is recorded does not expire");
    }
    Ok(())
}

/// Whoever switches the schedule off is noticed by what does not come.
#[test]
fn an_alarm_waits_for_the_looks_that_the_schedule_asks_for() -> Result<()> {
    let template = Template::read()?;
    let alarm = &template.0["Resources"]["OwnAsleep"]["Properties"];
    assert_eq!(template.0["Resources"]["OwnSchedule"]["Properties"]["ScheduleExpression"], "rate(5 minutes)");
    assert_eq!(alarm["Period"], 300, "a period is the time of one look");
    assert_eq!(reference(&items(&alarm["Dimensions"]).next().context("no dimension")?["Value"]), Some("OwnFunction"));
    for (field, value) in [
        ("MetricName", "Invocations"),
        ("Statistic", "Sum"),
        ("ComparisonOperator", "LessThanThreshold"),
        // A new stack has no data yet. Only a change of the state is announced, and that is the one to be in then.
        ("TreatMissingData", "missing"),
    ] {
        assert_eq!(alarm[field], value, "{field}");
    }
    let told: Vec<_> = items(&alarm["InsufficientDataActions"]).map(reference).collect();
    assert_eq!(told, [Some("Topic")], "who is notified of checks that do not come");
    Ok(())
}

#[test]
fn every_function_is_built_from_its_folder() -> Result<()> {
    let template = Template::read()?;
    let mut built = BTreeSet::new();
    for (id, function) in template.resources("AWS::Serverless::Function") {
        let folder = text(&function["Properties"]["CodeUri"]);
        let manifest = fs::read_to_string(workspace(&folder).join("Cargo.toml"))?;
        let binaries = manifest.split("[[bin]]").skip(1).filter_map(|rest| rest.split('"').nth(1));
        let deployed = text(&function["Metadata"]["BuildProperties"]["Binary"]);
        assert!(binaries.into_iter().any(|binary| binary == deployed), "{id} is no binary of its folder: {deployed}");
        assert_eq!(deployed, format!("snapback-{}", id.trim_end_matches("Function").to_lowercase()), "{id}");
        built.insert(name(Path::new(&folder))?);
    }
    // The list of them all is no function.
    let mut all = folders("functions")?;
    assert!(all.remove("all"));
    assert_eq!(built, all);
    Ok(())
}
