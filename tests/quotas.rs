//! What `template.yaml` asks for is within what AWS takes, so that a deployment does not fail half-way.

use std::fs;

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;
use serde_json::Value as Json;
use serde_yaml_ng::Value;
use workspace_tests::{FUNCTIONS, workspace};

use crate::template::{Template, is_schedule, items, reference, text};

/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html>
pub(crate) const LONGEST_PATTERN: usize = 2048;

/// All inline policies of a role together, without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const LARGEST_POLICY_OF_A_ROLE: usize = 10_240;

/// <https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html>
const LARGEST_POLICY_OF_A_KEY: usize = 32 * 1024;

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-policies.html>
const LARGEST_POLICY_OF_A_QUEUE: usize = 8192;

/// <https://docs.aws.amazon.com/general/latest/gr/sns.html#limits_sns_resource>
const LARGEST_POLICY_OF_A_TOPIC: usize = 30 * 1024;

/// Of a template in a bucket, where SAM puts it; parameters, resources and outputs in one template; a parameter's value.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST_TEMPLATE: usize = 1024 * 1024;
const MOST: [(&str, usize); 3] = [("Parameters", 200), ("Resources", 500), ("Outputs", 200)];
const LONGEST_PARAMETER: usize = 4096;

/// All variables of a function together.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST_ENVIRONMENT: usize = 4 * 1024;

/// What CloudFormation puts in the place of a reference, if that is as long as it can be.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>
const REFERENCES: [(&str, usize); 10] = [
    ("AWS::Partition", "aws-us-gov".len()),
    ("AWS::Region", "ap-southeast-1".len()),
    ("AWS::AccountId", "111122223333".len()),
    ("AWS::StackName", STACK),
    ("Journal", STACK + "-Journal-".len() + RANDOM),
    ("Topic", "arn:aws-us-gov:sns:ap-southeast-1:111122223333:".len() + STACK + "-Topic-".len() + RANDOM),
    ("JournalKey.Arn", KEY.len()),
    ("OperatorsKey.Arn", KEY.len()),
    ("TopicKey.Arn", KEY.len()),
    // The URL of a queue, whose name has 80 characters at most.
    ("DelayedEvents", 160),
];

/// The longest name of a stack.
const STACK: usize = 128;

/// <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN>
const KEY: &str = "arn:aws-us-gov:kms:ap-southeast-1:111122223333:key/1a2b3c4d-0000-4000-8000-000000000001";

/// What stands before the name of a role.
const ROLE: &str = "arn:aws-us-gov:iam::111122223333:role/";

/// The longest ARN of a queue, whose name has 80 characters at most.
const QUEUE: usize = "arn:aws-us-gov:sqs:ap-southeast-1:111122223333:".len() + 80;

/// Any other: the name or ARN of a resource, in which the stack's name is most.
const LONGEST_REFERENCE: usize = 255;

/// The longest of the lists of ARNs that the template's parameters take.
const LONGEST_LIST: usize = 1024;

/// The longest of the one that is shorter.
const LONGEST_LIST_OF_BOUNDARIES: usize = 256;

/// Kinds of parts whose names may have 64 characters, the shortest there are.
/// <https://docs.aws.amazon.com/AmazonCloudWatchEvents/latest/APIReference/API_PutRule.html>
const SHORTEST_NAMED: [&str; 3] = ["AWS::Events::Rule", "AWS::IAM::Role", "AWS::Serverless::Function"];
const LONGEST_NAME: usize = 64;

/// What CloudFormation puts behind the name of a stack and a logical id. Some stacks have twelve, as all have by now.
const RANDOM: usize = 13;

/// The longest name of a stack with which CloudFormation cuts no name of a part. It makes a name of the stack's, the logical
/// id and something random, and Snapback knows its parts by the first two.
pub(crate) fn longest_name_of_a_stack(template: &str) -> Result<usize> {
    let template = Template(serde_yaml_ng::from_str(template)?);
    let ids = SHORTEST_NAMED.iter().flat_map(|kind| template.resources(kind)).map(|(id, _)| id.len());
    Ok(LONGEST_NAME - RANDOM - "--".len() - ids.max().context("nothing has a name")?)
}

/// The text of a policy or a pattern as it would be sent by a stack that is no hub, with every reference as long as it can be.
fn length(policy: &Value) -> Result<usize> {
    Ok(written_out(policy, None)?.to_string().len())
}

/// The same in a hub, whose name is shorter, as members take no other.
fn length_in_a_hub(policy: &Value, longest_name: usize) -> Result<usize> {
    Ok(written_out(policy, Some(longest_name))?.to_string().len())
}

fn written_out(value: &Value, hub: Option<usize>) -> Result<Json> {
    let written_out = |value: &Value| written_out(value, hub);
    Ok(match value {
        Value::Tagged(tagged) if tagged.tag == "Sub" => Json::String(substituted(&text(&tagged.value), hub)?),
        Value::Tagged(tagged) if tagged.tag == "If" && tagged.value[0] == "IsHub" && hub.is_none() => Json::Null,
        Value::Tagged(tagged) if tagged.tag == "If" => written_out(&tagged.value[1])?,
        Value::Tagged(tagged) if tagged.tag == "Split" => {
            let of_boundaries = reference(&tagged.value[1]) == Some("IamWriterBoundaries");
            Json::String("x".repeat(if of_boundaries { LONGEST_LIST_OF_BOUNDARIES } else { LONGEST_LIST }))
        }
        Value::Tagged(_) => Json::String("x".repeat(longest_reference(value))),
        Value::Sequence(values) => Json::Array(values.iter().map(written_out).collect::<Result<_>>()?),
        Value::Mapping(values) => {
            let members = values.iter().map(|(name, value)| Ok((text(name), written_out(value)?)));
            Json::Object(members.collect::<Result<_>>()?)
        }
        plain => serde_yaml_ng::from_value(plain.clone())?,
    })
}

fn substituted(text: &str, hub: Option<usize>) -> Result<String> {
    let reference = Regex::new(r"\$\{([^}]+)\}")?;
    let as_long = |found: &regex_lite::Captures<'_>| {
        let of_hub = hub.filter(|_| &found[1] == "AWS::StackName");
        let known = REFERENCES.iter().find(|(name, _)| *name == &found[1]);
        "x".repeat(of_hub.or(known.map(|(_, longest)| *longest)).unwrap_or(LONGEST_REFERENCE))
    };
    Ok(reference.replace_all(text, as_long).into_owned())
}

fn longest_reference(value: &Value) -> usize {
    let Value::Tagged(tagged) = value else { return value.as_str().map_or(LONGEST_REFERENCE, str::len) };
    if tagged.tag == "If" {
        return items(&tagged.value).skip(1).map(longest_reference).max().unwrap_or(LONGEST_REFERENCE);
    }
    if tagged.value.as_str().is_some_and(|name| name.ends_with("Role.Arn")) {
        return ROLE.len() + LONGEST_NAME;
    }
    if tagged.value.as_str().is_some_and(|name| name.ends_with("DeadLetters.Arn") || name == "DelayedEvents.Arn") {
        return QUEUE;
    }
    let known = REFERENCES.iter().find(|(name, _)| tagged.value == *name);
    known.map_or(LONGEST_REFERENCE, |(_, longest)| *longest)
}

/// The longest value that a parameter takes.
fn longest(parameter: &Value) -> Result<usize> {
    let allowed = items(&parameter["AllowedValues"]).map(|value| text(value).len()).max();
    let most = parameter["MaxLength"].as_u64().map(usize::try_from).transpose()?;
    let digits = (parameter["Type"] == "Number").then(|| u64::MAX.to_string().len());
    allowed.or(most).or(digits).context("neither its values nor their length is limited")
}

#[test]
fn no_pattern_is_longer_than_eventbridge_takes() -> Result<()> {
    for (id, rule) in Template::read()?.resources("AWS::Events::Rule") {
        if is_schedule(rule) {
            continue;
        }
        ensure!(rule["Properties"]["EventPattern"].is_mapping(), "{id} has no pattern");
        let length = length(&rule["Properties"]["EventPattern"])?;
        assert!(length <= LONGEST_PATTERN, "the pattern of {id} has {length} characters: split it by service");
    }
    Ok(())
}

#[test]
fn no_policy_is_larger_than_iam_kms_sqs_and_sns_take() -> Result<()> {
    let template = Template::read()?;
    assert_eq!(longest(&template.0["Parameters"]["IamWriterBoundaries"])?, LONGEST_LIST_OF_BOUNDARIES);
    let longest_name = longest_name_of_a_stack(&fs::read_to_string(workspace("template.yaml"))?)?;
    for (id, _) in template.resources("AWS::IAM::Role") {
        let (mut of_role, mut of_hub) = (0, 0);
        for policy in template.policies_of(id) {
            of_role += length(&policy["PolicyDocument"])?;
            of_hub += length_in_a_hub(&policy["PolicyDocument"], longest_name)?;
        }
        for size in [of_role, of_hub] {
            assert!(size > 0 && size <= LARGEST_POLICY_OF_A_ROLE, "the policies of {id} may have {size} characters");
        }
    }
    for (id, key) in template.resources("AWS::KMS::Key") {
        let of_key = length(&key["Properties"]["KeyPolicy"])? + LONGEST_PARAMETER;
        assert!(of_key <= LARGEST_POLICY_OF_A_KEY, "the policy of {id} may have {of_key} characters");
    }
    for (kind, most) in
        [("AWS::SQS::QueuePolicy", LARGEST_POLICY_OF_A_QUEUE), ("AWS::SNS::TopicPolicy", LARGEST_POLICY_OF_A_TOPIC)]
    {
        for (id, policy) in template.resources(kind) {
            let policy = &policy["Properties"]["PolicyDocument"];
            for size in [length(policy)?, length_in_a_hub(policy, longest_name)?] {
                assert!(size <= most, "the policy of {id} may have {size} characters");
            }
        }
    }
    Ok(())
}

#[test]
fn the_variables_of_a_function_fit_whatever_the_parameters_are() -> Result<()> {
    let template = Template::read()?;
    for function in FUNCTIONS.iter().map(|function| function.name).chain([logfiles::NAME, coverage::NAME]) {
        let mut size = 0;
        for (name, value) in template.environment(function) {
            let parameter = reference(value).and_then(|name| template.0["Parameters"].get(name));
            size += name.len()
                + match (parameter, value) {
                    (Some(parameter), _) => longest(parameter).with_context(|| name.clone())?,
                    (None, Value::String(text)) => text.len(),
                    (None, value) => longest_reference(value),
                };
        }
        assert!(size <= LARGEST_ENVIRONMENT, "the variables of {function} may have {size} bytes");
    }
    Ok(())
}

#[test]
fn the_template_is_no_larger_than_cloudformation_takes() -> Result<()> {
    let template = Template::read()?;
    let size = fs::metadata(workspace("template.yaml"))?.len();
    assert!(usize::try_from(size)? <= LARGEST_TEMPLATE, "template.yaml has {size} bytes");
    for (section, most) in MOST {
        let count = template.0[section].as_mapping().context(section)?.len();
        assert!(count <= most, "{count} {section}");
    }
    for (name, parameter) in template.0["Parameters"].as_mapping().into_iter().flatten() {
        let default = text(&parameter["Default"]).len();
        let longest = longest(parameter).unwrap_or(default);
        assert!(longest <= LONGEST_PARAMETER, "{} may have at most {longest} characters", text(name));
    }
    Ok(())
}

/// Whoever deploys learns it before a name is cut.
#[test]
fn the_longest_name_of_a_stack_is_said_where_people_choose_it() -> Result<()> {
    let longest = longest_name_of_a_stack(&fs::read_to_string(workspace("template.yaml"))?)?;
    for (file, said) in [
        ("docs/operations.md", format!("The stack's name may have at most {longest} characters")),
        ("docs/threat-model.md", format!("A stack whose name is longer than {longest} characters")),
        ("organization/template.yaml", format!("MaxLength: {longest}\n")),
        ("organization/template.yaml", format!("at most {longest} characters")),
    ] {
        assert!(fs::read_to_string(workspace(file))?.contains(&said), "{file} does not say: {said}");
    }
    Ok(())
}
