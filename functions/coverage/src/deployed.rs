//! What Snapback's templates deploy, as far as it can be seen from outside: rules with their patterns and targets, and the
//! roles in members. The templates themselves are read, as this version has them, so that nothing is written down twice.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use serde_yaml_ng::value::TaggedValue;
use snapback::json;
use snapback::partition::Partition;

/// Whether it is the stack of Snapback's own, or what its hub has in another account or Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Template {
    Stack,
    Member,
}

/// Where a template is deployed, and what it is told.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) account: String,
    pub(crate) region: String,
    /// The name of Snapback's stack.
    pub(crate) stack: String,
    /// Whether that stack is a hub.
    pub(crate) is_hub: bool,
    /// The ARN of the hub's bus, and its account.
    pub(crate) hub_bus: String,
    pub(crate) hub_account: String,
}

/// A rule as it is deployed. Where CloudFormation makes a part of a name, there is a star.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) is_on_hub_bus: bool,
    /// Nothing for a schedule.
    pattern: Option<Json>,
    target: String,
    role: Option<String>,
}

/// A rule as AWS shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct SeenRule {
    pub(crate) name: String,
    pub(crate) is_disabled: bool,
    pub(crate) pattern: Option<String>,
    pub(crate) targets: Vec<Target>,
}

/// What gets a rule's events, and the role with which it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) arn: String,
    pub(crate) role: Option<String>,
}

/// A role as it is deployed to a member.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Role {
    pub(crate) name: String,
    trust: Json,
    /// The statements of its one policy. What depends on a parameter of the member's stack is not known here.
    pub(crate) policy: String,
    statements: Vec<Json>,
}

/// Each is read once, however many Regions are compared with it.
static STACK: LazyLock<Result<Value, serde_yaml_ng::Error>> =
    LazyLock::new(|| serde_yaml_ng::from_str(include_str!("../../../template.yaml")));
static MEMBER: LazyLock<Result<Value, serde_yaml_ng::Error>> =
    LazyLock::new(|| serde_yaml_ng::from_str(include_str!("../../../organization/member.yaml")));

impl Template {
    fn read(self) -> Result<&'static Value> {
        let read = match self {
            Self::Stack => &*STACK,
            Self::Member => &*MEMBER,
        };
        read.as_ref().context("reading a template of Snapback's")
    }

    /// The rules that it deploys there.
    pub(crate) fn rules(self, deployment: &Deployment) -> Result<Vec<Rule>> {
        let template = self.read()?;
        let known = deployment.known();
        let mut rules = vec![];
        for (id, resource) in resources(template, "AWS::Events::Rule") {
            if !holds(template, &resource["Condition"], &known).context("a condition that cannot be read")? {
                continue;
            }
            let properties = &resource["Properties"];
            let rule = self.rule(id, properties, deployment, &known);
            rules.push(rule.with_context(|| format!("rule `{id}` of a template cannot be read"))?);
        }
        Ok(rules)
    }

    fn rule(
        self,
        id: &str,
        properties: &Value,
        deployment: &Deployment,
        known: &BTreeMap<&str, String>,
    ) -> Option<Rule> {
        let Deployment { account, region, stack, .. } = deployment;
        let target = &properties["Targets"][0];
        let pattern = &properties["EventPattern"];
        let partition = Partition::of_region(region);
        Some(Rule {
            name: match self {
                Self::Stack => format!("{stack}-{id}-*"),
                Self::Member => text(&properties["Name"], known)?,
            },
            is_on_hub_bus: !properties["EventBusName"].is_null(),
            pattern: if pattern.is_null() { None } else { Some(resolved(pattern, known)?) },
            target: match self {
                // Its target goes by the logical id of the function.
                Self::Stack => {
                    let function = target["Id"].as_str()?;
                    format!("arn:{partition}:lambda:{region}:{account}:function:{stack}-{function}-*")
                }
                Self::Member => text(&target["Arn"], known)?,
            },
            role: if target["RoleArn"].is_null() { None } else { Some(text(&target["RoleArn"], known)?) },
        })
    }
}

/// The services whose calls Snapback hears of, by the rules that listen where the calls are made.
pub(crate) fn services(rules: &[Rule]) -> impl Iterator<Item = &str> {
    let patterns = rules.iter().filter(|rule| !rule.is_on_hub_bus).filter_map(|rule| rule.pattern.as_ref());
    patterns.flat_map(|pattern| json::list(&pattern["detail"]["eventSource"])).filter_map(Json::as_str)
}

/// The roles that a member's stack makes.
pub(crate) fn roles(deployment: &Deployment) -> Result<Vec<Role>> {
    let template = Template::Member.read()?;
    let known = deployment.known();
    let role = |(id, resource): (&str, &Value)| {
        let properties = &resource["Properties"];
        let policy = &properties["Policies"][0];
        let statements = policy["PolicyDocument"]["Statement"].as_sequence().into_iter().flatten();
        let role = text(&properties["RoleName"], &known).and_then(|name| {
            Some(Role {
                name,
                trust: resolved(&properties["AssumeRolePolicyDocument"], &known)?,
                policy: policy["PolicyName"].as_str()?.to_owned(),
                statements: statements.filter_map(|statement| resolved(statement, &known)).collect(),
            })
        });
        role.with_context(|| format!("role `{id}` of a template cannot be read"))
    };
    resources(template, "AWS::IAM::Role").into_iter().map(role).collect()
}

/// Whether IAM's calls are recorded in this Region. They are in one of each partition.
pub(crate) fn has_iam(deployment: &Deployment) -> Result<bool> {
    let template = Template::Stack.read()?;
    let known = Deployment { is_hub: false, ..deployment.clone() }.known();
    holds(template, &Value::from("HasIam"), &known).context("a condition that cannot be read")
}

impl Deployment {
    fn known(&self) -> BTreeMap<&'static str, String> {
        let hub = if self.is_hub { "account" } else { "" };
        BTreeMap::from([
            ("AWS::Partition", Partition::of_region(&self.region).to_string()),
            ("AWS::Region", self.region.clone()),
            ("AWS::AccountId", self.account.clone()),
            ("AWS::StackName", self.stack.clone()),
            ("Hub", hub.to_owned()),
            // Whether the stack reads log files, and where, its rules do not tell: those for it are not expected.
            ("LogBucket", String::new()),
            // Nor whether it guards the organization.
            ("Organizations", "no".to_owned()),
            ("HubStack", self.stack.clone()),
            ("HubBusArn", self.hub_bus.clone()),
            ("HubAccount", self.hub_account.clone()),
        ])
    }
}

impl Rule {
    pub(crate) fn is(&self, name: &str) -> bool {
        fits(&self.name, name)
    }

    /// What is not as deployed, as what is said of the rule.
    pub(crate) fn faults(&self, seen: Option<&SeenRule>) -> Vec<String> {
        let Some(seen) = seen else { return vec![format!("rule `{}` is missing", self.name)] };
        let mut faults = vec![];
        if seen.is_disabled {
            faults.push(format!("rule `{}` is disabled", seen.name));
        }
        let pattern = seen.pattern.as_deref().and_then(|pattern| serde_json::from_str(pattern).ok());
        if pattern.as_ref().map(sorted) != self.pattern.as_ref().map(sorted) {
            faults.push(format!("rule `{}` asks for other events than this version deploys", seen.name));
        }
        let is_meant = |target: &Target| fits(&self.target, &target.arn) && target.role == self.role;
        if !seen.targets.iter().any(is_meant) {
            faults.push(format!("rule `{}` does not hand its events to {}", seen.name, self.target));
        }
        faults
    }
}

impl Role {
    /// What is not as deployed of a role with this trust policy and, if it is there, this policy.
    pub(crate) fn faults(&self, trust: &str, policy: Option<&str>) -> Vec<String> {
        let parsed = |text: &str| serde_json::from_str::<Json>(text).unwrap_or_default();
        let mut faults = vec![];
        if sorted(&parsed(trust)) != sorted(&self.trust) {
            faults.push(format!("role `{}` may be taken by others than this version deploys", self.name));
        }
        let Some(policy) = policy else {
            faults.push(format!("role `{}` has lost its policy `{}`", self.name, self.policy));
            return faults;
        };
        let statements: Vec<Json> = json::list(&parsed(policy)["Statement"]).into_iter().map(sorted).collect();
        if !self.statements.iter().all(|deployed| statements.contains(&sorted(deployed))) {
            faults.push(format!("role `{}` may do other things than this version deploys", self.name));
        }
        faults
    }
}

/// Whether a name is the one that is meant. What CloudFormation makes at its end has no hyphen.
fn fits(meant: &str, name: &str) -> bool {
    match meant.strip_suffix('*') {
        Some(start) => name.strip_prefix(start).is_some_and(|made| !made.is_empty() && !made.contains('-')),
        None => meant == name,
    }
}

/// The same with every list in one order, and of one member as that: neither patterns nor policies tell these apart.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(sorted).collect();
            items.sort_by_key(json::canonical);
            if items.len() == 1 { items.remove(0) } else { Json::Array(items) }
        }
        Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), sorted(value))).collect(),
        plain => plain.clone(),
    }
}

fn resources<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_mapping().into_iter().flatten();
    let named = resources.filter_map(|(id, resource)| Some((id.as_str()?, resource)));
    named.filter(|(_, resource)| resource["Type"] == kind).collect()
}

/// Whether a condition holds; nothing if it depends on what is not known here.
fn holds(template: &Value, condition: &Value, known: &BTreeMap<&str, String>) -> Option<bool> {
    let named = |name: &Value| holds(template, &template["Conditions"][name.as_str()?], known);
    let all = |of: &Value| of.as_sequence()?.iter().map(|one| holds(template, one, known)).collect::<Option<Vec<_>>>();
    match condition {
        Value::Null => Some(true),
        Value::String(_) => named(condition),
        Value::Tagged(tagged) => match (tag(tagged).as_str(), &tagged.value) {
            ("Condition", name) => named(name),
            ("Not", of) => all(of)?.first().map(|holds| !holds),
            ("And", of) => Some(all(of)?.iter().all(|holds| *holds)),
            ("Or", of) => Some(all(of)?.iter().any(|holds| *holds)),
            ("Equals", of) => Some(resolved(&of[0], known)? == resolved(&of[1], known)?),
            _ => None,
        },
        _ => None,
    }
}

/// What CloudFormation makes of a value; nothing if that depends on what is not known here.
fn resolved(value: &Value, known: &BTreeMap<&str, String>) -> Option<Json> {
    match value {
        Value::Tagged(_) => text(value, known).map(Json::from),
        Value::Sequence(items) => items.iter().map(|item| resolved(item, known)).collect(),
        Value::Mapping(fields) => {
            let field = |(name, value): (&Value, &Value)| Some((name.as_str()?.to_owned(), resolved(value, known)?));
            fields.iter().map(field).collect::<Option<serde_json::Map<_, _>>>().map(Json::Object)
        }
        plain => serde_json::to_value(plain).ok(),
    }
}

fn text(value: &Value, known: &BTreeMap<&str, String>) -> Option<String> {
    let Value::Tagged(tagged) = value else { return value.as_str().map(str::to_owned) };
    let said = tagged.value.as_str()?;
    match tag(tagged).as_str() {
        "Ref" => known.get(said).cloned(),
        "Sub" => {
            let text =
                known.iter().fold(said.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value));
            (!text.contains("${")).then_some(text)
        }
        _ => None,
    }
}

/// The name of a tag, without the `!`.
fn tag(tagged: &TaggedValue) -> String {
    tagged.tag.to_string().trim_start_matches('!').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    fn deployment(region: &str, is_hub: bool) -> Deployment {
        Deployment {
            account: "222233334444".to_owned(),
            region: region.to_owned(),
            stack: "snapback".to_owned(),
            is_hub,
            hub_bus: "arn:aws:events:eu-central-1:111122223333:event-bus/snapback-hub".to_owned(),
            hub_account: "111122223333".to_owned(),
        }
    }

    fn rule_of(template: Template, region: &str, name: &str) -> Rule {
        let rules = template.rules(&deployment(region, true)).expect("rules");
        rules.into_iter().find(|rule| rule.name == name).expect(name)
    }

    #[test]
    fn a_stack_has_the_rules_of_its_region() {
        let names = |region, is_hub| -> BTreeSet<String> {
            let rules = Template::Stack.rules(&deployment(region, is_hub)).expect("rules");
            rules.into_iter().map(|rule| rule.name).collect()
        };
        let (far, near, hub) = (names("eu-central-1", false), names("us-east-1", false), names("eu-central-1", true));
        assert!(far.contains("snapback-S3Rule-*") && far.contains("snapback-RedriveSchedule-*"));
        assert!(!far.contains("snapback-IamRule-*") && near.contains("snapback-IamRule-*"));
        assert!(!near.contains("snapback-S3HubRule-*") && hub.contains("snapback-S3HubRule-*"));
        assert!(hub.contains("snapback-IamRule-*"), "members forward IAM's calls");
    }

    #[test]
    fn a_rule_as_deployed_has_no_fault_in_whatever_order_aws_gives_its_pattern() {
        let rule = rule_of(Template::Member, "eu-west-1", "snapback-member-IamStsRule");
        let Json::Object(mut pattern) = rule.pattern.clone().expect("a pattern") else { panic!("no object") };
        let names = pattern["detail"]["eventName"].as_array_mut().expect("names");
        names.reverse();
        let forwarder = "arn:aws:iam::222233334444:role/snapback-forwarder".to_owned();
        let target = Target { arn: deployment("eu-west-1", true).hub_bus, role: Some(forwarder) };
        let seen = SeenRule {
            name: rule.name.clone(),
            is_disabled: false,
            pattern: Some(Json::Object(pattern.clone()).to_string()),
            targets: vec![target.clone()],
        };
        assert_eq!(rule.faults(Some(&seen)), Vec::<String>::new());
        assert!(rule.faults(None)[0].ends_with("is missing"));
        pattern["detail"]["eventName"] = json!(["Nothing"]);
        for (changed, what) in [
            (SeenRule { is_disabled: true, ..seen.clone() }, "is disabled"),
            (SeenRule { pattern: Some(Json::Object(pattern).to_string()), ..seen.clone() }, "asks for other events"),
            (SeenRule { pattern: None, ..seen.clone() }, "asks for other events"),
            (SeenRule { targets: vec![], ..seen.clone() }, "does not hand its events to"),
            (
                SeenRule { targets: vec![Target { role: None, ..target }], ..seen.clone() },
                "does not hand its events to",
            ),
        ] {
            let faults = rule.faults(Some(&changed));
            assert!(faults.len() == 1 && faults[0].contains(what), "{faults:?}");
        }
    }

    #[test]
    fn a_rule_of_the_stack_wakes_the_function_of_that_stack_and_no_other() {
        let rule = rule_of(Template::Stack, "eu-central-1", "snapback-S3Schedule-*");
        assert!(rule.is("snapback-S3Schedule-1A2B3C") && !rule.is("snapback-S3Schedule-of-others"));
        let function = |name: &str| format!("arn:aws:lambda:eu-central-1:222233334444:function:{name}");
        let seen = |name: &str| SeenRule {
            name: "snapback-S3Schedule-1A2B3C".to_owned(),
            targets: vec![Target { arn: function(name), role: None }],
            ..SeenRule::default()
        };
        assert_eq!(rule.faults(Some(&seen("snapback-S3Function-1A2B3C"))), Vec::<String>::new());
        assert_eq!(rule.faults(Some(&seen("snapback-Ec2Function-1A2B3C"))).len(), 1);
        assert_eq!(rule.faults(Some(&seen("mallory"))).len(), 1);
    }

    #[test]
    fn a_role_is_known_by_who_may_take_it_and_what_it_may_do() {
        let roles = roles(&deployment("us-east-1", true)).expect("roles");
        let role = roles.iter().find(|role| role.name == "snapback-member-iam").expect("a role");
        assert!(roles.iter().any(|role| role.name == "snapback-forwarder"));
        let trust = role.trust.to_string();
        assert!(trust.contains("arn:aws:iam::111122223333:role/snapback-IamRole-*"), "{trust}");
        // A statement that depends on a parameter of the member's is there, or is not.
        let unknown = json!({"Sid": "NeverProtectedPrincipals", "Effect": "Deny"});
        let statements: Vec<Json> = role.statements.iter().cloned().chain([unknown]).collect();
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        assert_eq!(role.faults(&trust, Some(&policy)), Vec::<String>::new());
        let fewer = json!({"Statement": role.statements[1..]}).to_string();
        for (trust, policy, what) in [
            (r#"{"Statement": []}"#, Some(policy.as_str()), "may be taken by others"),
            (&trust, None, "has lost its policy `snapback`"),
            (&trust, Some(&fewer), "may do other things"),
        ] {
            let faults = role.faults(trust, policy);
            assert!(faults.len() == 1 && faults[0].contains(what), "{faults:?}");
        }
    }

    #[test]
    fn the_services_that_are_heard_of_are_those_of_the_rules() {
        let rules = Template::Stack.rules(&deployment("eu-central-1", true)).expect("rules");
        let services: BTreeSet<&str> = services(&rules).collect();
        assert!(services.is_superset(&BTreeSet::from(["s3.amazonaws.com", "kms.amazonaws.com", "iam.amazonaws.com"])));
        assert!(has_iam(&deployment("us-east-1", true)).expect("a condition"));
        assert!(!has_iam(&deployment("eu-central-1", true)).expect("a condition"));
    }
}
