//! One function in `template.yaml`: what wakes it, what it may do, where it logs, and the alarms about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Result, ensure};
use snapback::control::Function;
use snapback::event::{Kind, SCHEDULED};
use snapback::right::{On, Right, When};

use super::{base, yaml};
use crate::quotas::LONGEST_PATTERN;

/// What every function's role allows besides. The first function in the template writes it out, the others repeat it.
const SHARED: [(&str, &str); 6] = [
    (
        "Journal",
        "                Sid: Journal
                Effect: Allow
                Action: [dynamodb:GetItem, dynamodb:Query]
                Resource: !GetAtt Journal.Arn
",
    ),
    (
        "Entries",
        "                Sid: Entries
                Effect: Allow
                Action: [dynamodb:PutItem, dynamodb:UpdateItem]
                Resource: !GetAtt Journal.Arn
                # What an operator writes (holds, the emergency stop) no function may write. A set without members would
                # fulfil the first condition, so the second demands that there is one.
                Condition:
                  ForAllValues:StringLike: { dynamodb:LeadingKeys: [\"entry#*\", \"lease#*\", \"repeat#*\", \"budget#*\"] }
                  \"Null\": { dynamodb:LeadingKeys: \"false\" }
",
    ),
    (
        "Memory",
        "                Sid: Memory
                Effect: Allow
                Action: dynamodb:PutItem
                Resource: !GetAtt Journal.Arn
                Condition:
                  ForAllValues:StringLike: { dynamodb:LeadingKeys: [\"memory#*\"] }
                  \"Null\": { dynamodb:LeadingKeys: \"false\" }
",
    ),
    (
        "Announce",
        "                Sid: Announce
                Effect: Allow
                Action: sns:Publish
                Resource: !Ref Topic
",
    ),
    (
        "TopicKey",
        "                Sid: TopicKey
                Effect: Allow
                Action: [kms:GenerateDataKey, kms:Decrypt]
                Resource: !GetAtt TopicKey.Arn
",
    ),
    (
        "DeadLetters",
        "                Sid: DeadLetters
                Effect: Allow
                Action: sqs:SendMessage
                Resource: !GetAtt FunctionDeadLetters.Arn
",
    ),
];

/// What an alarm about a function measures, and how.
const ALARM: &str = "      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
";

/// Calls, or events of AWS's own, that one rule listens for.
struct Rule {
    id: String,
    service: &'static str,
    kind: Kind,
    names: Vec<&'static str>,
}

/// What its controls read, to judge, to remember and to know tags.
pub(super) fn reads(function: &Function) -> impl Iterator<Item = Right> {
    let learning = function.controls.iter().filter(|control| control.good.is_some());
    let surveys = learning.filter_map(|control| control.survey).flat_map(|survey| survey.needs);
    let reads = function.controls.iter().flat_map(|control| control.about.reads);
    reads.chain(surveys).chain(function.tags.needs).copied()
}

pub(super) fn writes(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(|control| control.about.writes).copied()
}

pub(super) fn undoes(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(|control| control.about.undoes).copied()
}

/// The logical ids of all rules that wake it, those that listen first.
pub(super) fn rule_ids(function: &Function) -> Vec<String> {
    let schedule = schedule(function).map(|_| format!("{}Schedule", base(function)));
    rules(function).into_iter().map(|rule| rule.id).chain(schedule).collect()
}

pub(super) fn output(function: &Function) -> String {
    let (name, service) = (function.name, function.service);
    format!(
        "  {name}Arn:\n    Description: The function that reverts risky changes to {service}.\n    \
         Value: !GetAtt {name}.Arn\n"
    )
}

/// All that stands in the template for it.
pub(super) fn section(function: &Function, is_first: bool) -> Result<String> {
    let Function { name, service, .. } = function;
    let base = base(function);
    let folder = base.to_lowercase();
    let mut out = format!("\n{}", yaml::heading(service));
    write!(
        out,
        "  {name}:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {{ Binary: snapback-{folder} }}
    Properties:
      Description: Reverts risky changes to {service}.
      CodeUri: functions/{folder}
      Role: !GetAtt {base}Role.Arn
      Environment: {{ Variables: {{ SNAPBACK_ROLE: !GetAtt {base}Role.Arn }} }}
      LoggingConfig: {{ LogGroup: !Ref {base}Logs }}
"
    )?;
    let mut targets = Targets { function, is_first, are_written: false };
    for rule in rules(function) {
        out += &listening(&rule, &mut targets)?;
        out += &permission(function, &rule.id);
    }
    if let Some((rate, why)) = schedule(function) {
        let id = format!("{base}Schedule");
        write!(
            out,
            "
  {id}:
    Type: AWS::Events::Rule
    Properties:
      Description: Scheduled checks of {service}.
      State: ENABLED
{}      ScheduleExpression: {rate}
{}",
            yaml::comment(6, why),
            targets.write()
        )?;
        out += &permission(function, &id);
    }
    out += &role(function, is_first)?;
    write!(
        out,
        "
  {base}Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      RetentionInDays: !Ref LogDays
"
    )?;
    out += &alarms(function);
    Ok(out)
}

/// The rules of a function: one for each service and kind of event, and more where a pattern would be too long.
fn rules(function: &Function) -> Vec<Rule> {
    let mut watched: BTreeMap<(&str, &str), (Kind, BTreeSet<&str>)> = BTreeMap::new();
    for control in function.controls {
        for watch in control.about.watches.iter().filter(|watch| watch.name != SCHEDULED) {
            let key = (watch.service, control.kind.detail_type());
            watched.entry(key).or_insert_with(|| (control.kind, BTreeSet::new())).1.insert(watch.name);
        }
    }
    let mut rules: Vec<Rule> = vec![];
    // What it is named after comes first.
    let mut watched: Vec<_> = watched.into_iter().collect();
    watched.sort_by_key(|((service, _), (kind, _))| heard(function, service, *kind));
    for ((service, detail_type), (kind, names)) in watched {
        let id = format!("{}{}", base(function), heard(function, service, kind));
        let mut parts: Vec<Vec<&str>> = vec![vec![]];
        for name in names {
            let current = parts.last().map_or(0, |part| part.iter().map(|name| name.len() + 3).sum());
            let envelope = 200 + 2 * service.len() + detail_type.len();
            if current + name.len() + 3 + envelope > LONGEST_PATTERN {
                parts.push(vec![]);
            }
            parts.last_mut().expect("there is one").push(name);
        }
        for (number, names) in parts.into_iter().enumerate() {
            let more = if number == 0 { String::new() } else { (number + 1).to_string() };
            rules.push(Rule { id: format!("{id}Rule{more}"), service, kind, names });
        }
    }
    rules
}

/// `s3-control.amazonaws.com` is `Control` for S3, and `sns.amazonaws.com` is `Sns` for a function of another name.
fn heard(function: &Function, service: &str, kind: Kind) -> String {
    let source = source(service);
    let rest = source.strip_prefix(&base(function).to_lowercase()).unwrap_or(source);
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    let words: String = rest.split('-').filter(|word| !word.is_empty()).map(capitalised).collect();
    if matches!(kind, Kind::ServiceEvent) { words + "Service" } else { words }
}

fn source(service: &str) -> &str {
    service.trim_end_matches(".amazonaws.com")
}

/// How often it looks at what there is without an event, and why so.
fn schedule(function: &Function) -> Option<(&'static str, &'static str)> {
    let is_scheduled = |name: &str| name == SCHEDULED;
    if function.controls.iter().any(|control| control.about.watches.iter().any(|watch| is_scheduled(watch.name))) {
        let why =
            "Whoever disables the rule that would tell of it also silences the telling, so there is a check besides.";
        return Some(("rate(5 minutes)", why));
    }
    function.learns().then_some(("rate(1 hour)", "Each resource has its hour of the day."))
}

fn listening(rule: &Rule, targets: &mut Targets<'_>) -> Result<String> {
    let Rule { id, service, kind, names } = rule;
    let what = if matches!(kind, Kind::ServiceEvent) { "Events of" } else { "API calls to" };
    let mut out = format!(
        "
  {id}:
    Type: AWS::Events::Rule
    Properties:
      Description: {what} {service} that Snapback checks.
      State: ENABLED
      EventPattern:
"
    );
    let is_first = targets.is_first && !targets.are_written;
    if is_first {
        out +=
            "        # `aws.` sources cannot be forged with PutEvents; the function checks the rest of the envelope.\n";
    }
    write!(
        out,
        "        source: [aws.{}]
        detail-type: [{}]
        detail:
          eventSource: [{service}]
{}",
        source(service),
        kind.detail_type(),
        yaml::list(10, "eventName:", names)
    )?;
    if is_first {
        out += "          # A call that failed changed nothing.\n";
    }
    write!(out, "          errorCode: [{{ exists: false }}]\n{}", targets.write())?;
    ensure!(!names.is_empty(), "{id} listens for nothing");
    Ok(out)
}

/// What a function's rules wake: the first writes it out, the others repeat it.
struct Targets<'a> {
    function: &'a Function,
    /// Whether this is the function that says why, for all.
    is_first: bool,
    are_written: bool,
}

impl Targets<'_> {
    fn write(&mut self) -> String {
        let (name, base) = (self.function.name, base(self.function));
        if self.are_written {
            return format!("      Targets: *{base}Target\n");
        }
        self.are_written = true;
        let why = "The most that EventBridge offers. An event older than a day would only be announced, not acted on.";
        let why = if self.is_first { yaml::comment(10, why) } else { String::new() };
        format!(
            "      Targets: &{base}Target
        - Id: {name}
          Arn: !GetAtt {name}.Arn
{why}          RetryPolicy: {{ MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 86400 }}
          DeadLetterConfig: {{ Arn: !GetAtt RuleDeadLetters.Arn }}
"
        )
    }
}

fn permission(function: &Function, rule: &str) -> String {
    format!(
        "
  {rule}Permission:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref {}
      Principal: events.amazonaws.com
      SourceArn: !GetAtt {rule}.Arn
",
        function.name
    )
}

fn role(function: &Function, is_first: bool) -> Result<String> {
    let base = base(function);
    let assumes = if is_first {
        "&LambdaAssumes
        Version: \"2012-10-17\"
        Statement:
          - Effect: Allow
            Principal: { Service: lambda.amazonaws.com }
            Action: sts:AssumeRole"
    } else {
        "*LambdaAssumes"
    };
    let mut out = format!(
        "
  {base}Role:
    Type: AWS::IAM::Role
    Properties:
      Description: What Snapback may do to check and to revert changes to {}.
      AssumeRolePolicyDocument: {assumes}
      Policies:
        - PolicyName: snapback
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
",
        function.service
    );
    let mut explained = BTreeSet::new();
    for (word, rights) in [("Read", by_on(reads(function))), ("Revert", by_on(writes(function)))] {
        for (on, actions) in rights {
            out += &statement(word, &on, &actions, explained.insert(on.name));
        }
    }
    for (sid, text) in SHARED {
        let anchored = |text: &str| format!("              - &{sid}Statement\n{text}");
        match (sid, is_first) {
            ("Memory", _) if !function.learns() => {}
            (_, true) => out += &anchored(text),
            (_, false) => writeln!(out, "              - *{sid}Statement")?,
        }
    }
    ensure!(!is_first || function.learns(), "the first function has to write out all statements, `Memory` too");
    write!(
        out,
        "              - Sid: Logs
                Effect: Allow
                Action: [logs:CreateLogStream, logs:PutLogEvents]
                Resource: !GetAtt {base}Logs.Arn
"
    )?;
    Ok(out)
}

/// Rights by what they are on, in the order of its names, and so that one more changes one line.
pub(super) fn by_on(rights: impl Iterator<Item = Right>) -> Vec<(On, BTreeSet<&'static str>)> {
    let mut by_name: BTreeMap<&str, (On, BTreeSet<&str>)> = BTreeMap::new();
    for right in rights {
        by_name.entry(right.on.name).or_insert_with(|| (right.on, BTreeSet::new())).1.insert(right.action);
    }
    by_name.into_values().collect()
}

fn statement(word: &str, on: &On, actions: &BTreeSet<&str>, is_new: bool) -> String {
    let actions: Vec<&str> = actions.iter().copied().collect();
    let why = if is_new { yaml::comment(14, on.why) } else { String::new() };
    let sid = format!("              - Sid: {word}{}\n                Effect: Allow\n", on.name);
    let arns: Vec<String> = on.arns.iter().map(|arn| yaml::text(arn)).collect();
    let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
    why + &sid + &yaml::words(16, "Action", &actions) + &yaml::words(16, "Resource", &arns) + &condition(on.when)
}

fn condition(when: &[When]) -> String {
    if when.is_empty() {
        return String::new();
    }
    let mut operators: Vec<&str> = when.iter().map(|when| when.operator).collect();
    operators.dedup();
    let of = |operator: &str| {
        let keys = when.iter().filter(|when| when.operator == operator);
        let keys = keys.map(|when| {
            let values: Vec<String> = when.values.iter().map(|value| yaml::text(value)).collect();
            let values = if let [lone] = &values[..] { lone.clone() } else { format!("[{}]", values.join(", ")) };
            format!("{}: {values}", when.key)
        });
        keys.collect::<Vec<_>>()
    };
    // YAML reads the bare word as nothing.
    let name = |operator: &str| if operator == "Null" { "\"Null\"".to_owned() } else { operator.to_owned() };
    let lines = operators.iter().map(|operator| {
        let keys = of(operator);
        // The braces of `${…}` would end a mapping on one line.
        if keys.iter().any(|key| key.contains("!Sub")) {
            let keys = keys.iter().map(|key| format!("                    {key}\n")).collect::<String>();
            return format!("                  {}:\n{keys}", name(operator));
        }
        format!("                  {}: {{ {} }}\n", name(operator), keys.join(", "))
    });
    let lines: Vec<String> = lines.collect();
    match &lines[..] {
        [lone] if lone.ends_with("}\n") => format!("                Condition: {{ {} }}\n", lone.trim()),
        _ => format!("                Condition:\n{}", lines.concat()),
    }
}

/// Each looks at one minute, the shortest for which Lambda reports.
fn alarms(function: &Function) -> String {
    let Function { name, service, .. } = function;
    let base = base(function);
    let failed = format!(
        "Snapback failed to handle a change to {service}, or a scheduled check; a risky change may still be in place. \
         Lambda tries again after 1 and 3 minutes. If this alarm is over in 10 minutes and the dead-letter queues are \
         empty, nothing is left to do. Otherwise read the errors in the log group ${{{base}Logs}}, and look at the \
         resources that they name."
    );
    let throttled = format!(
        "Snapback's function ${{{name}}} is throttled: changes to {service} wait. Lambda tries again for 6 hours, so \
         nothing is lost yet. See whether somebody has set the function's reserved concurrency to 0, and remove that. \
         Otherwise look for what uses up the account's concurrent executions (Lambda console, Dashboard), stop it, or \
         ask for a higher quota."
    );
    [("Errors", failed), ("Throttles", throttled)]
        .map(|(metric, description)| {
            format!(
                "
  {base}{metric}:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmDescription: !Sub >-
{}      Namespace: AWS/Lambda
      MetricName: {metric}
      Dimensions: [{{ Name: FunctionName, Value: !Ref {name} }}]
{ALARM}",
                yaml::wrapped("        ", &description)
            )
        })
        .concat()
}
