//! One function in `template.yaml`: what wakes it, what it may do, where it logs, and the alarms about it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::{Result, ensure};
use snapback::control::{AnyControl, Applier, Function, Watch};
use snapback::event::{DENIED, Kind, SCHEDULED};
use snapback::right::{LISTED_BOUNDARY, OWN_REGION, On, Right, When};
use workspace_tests::FUNCTIONS;

use super::{base, denied, yaml};
use crate::quotas::LONGEST_PATTERN;

/// What every function's role allows besides. The first function in the template writes it out, the others repeat it.
const SHARED: [(&str, &str); 8] = [
    (
        "Journal",
        "                Sid: Journal
                Effect: Allow
                Action: [dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:Query]
                Resource: [!GetAtt Journal.Arn, !Sub \"${Journal.Arn}/index/by-resource\"]
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
        "Gap",
        "                Sid: Gap
                Effect: Allow
                Action: dynamodb:PutItem
                Resource: !GetAtt Journal.Arn
                Condition:
                  ForAllValues:StringLike: { dynamodb:LeadingKeys: [\"gap\"] }
                  \"Null\": { dynamodb:LeadingKeys: \"false\" }
",
    ),
    (
        "History",
        "                Sid: History
                Effect: Allow
                Action: cloudtrail:LookupEvents
                # AWS knows no resource for it.
                Resource: \"*\"
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
                # What it has failed at, and what is to come back later.
                Resource: [!GetAtt FunctionDeadLetters.Arn, !GetAtt DelayedEvents.Arn]
",
    ),
];

/// The rights to list the members of the organization, where the operator has them listed, and to keep the list.
const TRUSTED_MEMBERS: &str = "              - !If
                - ListsMembers
                - Sid: Accounts
                  Effect: Allow
                  Action: organizations:ListAccounts
                  # AWS knows no resource for it.
                  Resource: \"*\"
                - !Ref AWS::NoValue
              - !If
                - ListsMembers
                - Sid: TrustedMembers
                  Effect: Allow
                  Action: dynamodb:PutItem
                  Resource: !GetAtt Journal.Arn
                  Condition:
                    ForAllValues:StringLike: { dynamodb:LeadingKeys: [\"members\"] }
                    \"Null\": { dynamodb:LeadingKeys: \"false\" }
                - !Ref AWS::NoValue
";

/// What an alarm about a function measures, and how.
const ALARM: &str = "      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanOrEqualToThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
";

/// The condition under which the stack is a hub for other accounts and Regions.
pub(super) const HUB: &str = "IsHub";

/// The condition under which IAM's events arrive where the stack is.
pub(super) const IAM: &str = "HasIam";

/// The condition under which the operator has the organization guarded.
pub(super) const ORGANIZATIONS: &str = "GuardsOrganizations";

/// The condition under which a function has the rights by which it could become administrator, and the one under which the
/// operator lists boundaries for it as well.
const WRITER: &str = "HasIamWriter";
const WRITER_OF_BOUNDARIES: &str = "HasIamWriterBoundaries";

/// Under which condition a function is deployed at all: IAM tells of its calls in one Region of a partition only. STS does so
/// in every Region, and who watches both is of no use without IAM. Nobody but the management account can guard an organization.
pub(super) fn deployed_if(function: &Function) -> Option<&'static str> {
    let of_organizations = function.is_of_organizations_alone().then_some(ORGANIZATIONS);
    function.is_of_iam_alone().then_some(IAM).or(of_organizations)
}

/// The ARN of a part, in a list that leaves it out where it is not deployed.
pub(super) fn arn(id: &str, condition: Option<&str>) -> String {
    let arn = format!("!GetAtt {id}.Arn");
    condition.map_or(arn.clone(), |condition| format!("!If [{condition}, {arn}, !Ref AWS::NoValue]"))
}

/// The ARN of a part of the function that reads log files, which has no controls.
pub(super) fn log_files(suffix: &str) -> String {
    arn(&format!("LogFiles{suffix}"), Some("ReadsLogFiles"))
}

/// The ARN of a part of the function that looks at coverage, which has none either.
pub(super) fn coverage(suffix: &str) -> String {
    arn(&format!("Coverage{suffix}"), None)
}

/// What that function reads, in the hub's account as in a member's.
pub(super) fn reads_of_coverage() -> String {
    let on = by_on(coverage::READS.iter().copied()).into_iter();
    on.map(|(on, actions)| statement("Read", &on, &actions, true, Regions::All)).collect()
}

/// What stands under the type of a part that is not always deployed.
pub(super) fn only_if(condition: Option<&str>) -> String {
    condition.map(|condition| format!("    Condition: {condition}\n")).unwrap_or_default()
}

/// Where rights are good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Regions {
    /// In the Region of the stack.
    Own,
    /// In all of the account, since one role serves them all.
    All,
}

impl Regions {
    fn of(self, arn: &str) -> String {
        if self == Self::All { arn.replace("${AWS::Region}", "*") } else { arn.to_owned() }
    }

    fn that_hold(self, when: &[When]) -> Vec<When> {
        when.iter().filter(|when| self == Self::Own || when.key != OWN_REGION.key).copied().collect()
    }
}

/// Calls, or events of AWS's own, that one rule listens for.
pub(super) struct Rule {
    id: String,
    pub(super) service: &'static str,
    pub(super) kind: Kind,
    pub(super) names: Vec<&'static str>,
}

/// What its controls read, to judge, to remember and to know tags.
pub(super) fn reads(function: &Function) -> impl Iterator<Item = Right> {
    let learning = function.controls.iter().filter(|control| control.good.is_some());
    let surveys = learning.filter_map(|control| control.survey).flat_map(|survey| survey.needs);
    let reads = function.controls.iter().flat_map(|control| control.about.reads);
    reads.chain(surveys).chain(function.tags.needs).copied()
}

pub(super) fn writes(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(AnyControl::writes).copied()
}

pub(super) fn undoes(function: &Function) -> impl Iterator<Item = Right> {
    function.controls.iter().flat_map(|control| control.about.undoes).copied()
}

pub(super) fn output(function: &Function) -> String {
    let (name, service) = (function.name, function.service);
    let does = if reverts(function) { "reverts risky changes to" } else { "alerts people about" };
    let only = only_if(deployed_if(function));
    format!("  {name}Arn:\n{only}    Description: The function that {does} {service}.\n    Value: !GetAtt {name}.Arn\n")
}

/// Whether it may change anything in the account.
fn reverts(function: &Function) -> bool {
    writes(function).next().is_some()
}

/// The folder in which its controls stand. Two functions of one service share one.
pub(super) fn folder(function: &Function) -> &'static str {
    let source = function.controls.first().map_or("", |control| control.about.source);
    source.trim_start_matches("functions/").split('/').next().unwrap_or_default()
}

/// All that stands in the template for it.
pub(super) fn section(function: &Function, is_first: bool) -> Result<String> {
    let Function { name, service, .. } = function;
    let (base, folder) = (base(function), folder(function));
    let binary = base.to_lowercase();
    let does = if reverts(function) { "Reverts risky changes to" } else { "Alerts people about" };
    let condition = deployed_if(function);
    let only = only_if(condition);
    let mut out = format!("\n{}", yaml::heading(service));
    write!(
        out,
        "  {name}:
    Type: AWS::Serverless::Function
{only}    Metadata:
      BuildMethod: rust-cargolambda
      BuildProperties: {{ Binary: snapback-{binary} }}
    Properties:
      Description: {does} {service}.
      CodeUri: functions/{folder}
      Role: !GetAtt {base}Role.Arn
      Environment: {{ Variables: {{ SNAPBACK_ROLE: !GetAtt {base}Role.Arn }} }}
      LoggingConfig: {{ LogGroup: !Ref {base}Logs }}
"
    )?;
    let mut targets = Targets { function, is_first, are_written: false };
    for rule in rules(function) {
        out += &listening(&rule, &mut targets)?;
        out += &permission(function, &rule.id, condition);
    }
    if function.is_in_members {
        out += &hub_rule(function, is_first);
        out += &permission(function, &hub_rule_id(function), Some(HUB));
    }
    if let Some((rate, why)) = schedule(function) {
        let id = format!("{base}Schedule");
        write!(
            out,
            "
  {id}:
    Type: AWS::Events::Rule
{only}    Properties:
      Description: Scheduled checks of {service}.
      State: ENABLED
{}      ScheduleExpression: {rate}
{}",
            yaml::comment(6, why),
            targets.write()
        )?;
        out += &permission(function, &id, condition);
    }
    out += &role(function, is_first)?;
    out += &denied::of_own_roles(function);
    write!(
        out,
        "
  {base}Logs:
    Type: AWS::Logs::LogGroup
{only}    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      RetentionInDays: !Ref LogDays
"
    )?;
    out += &alarms(function);
    Ok(out)
}

/// The rules of a function: one for each service and kind of event, and more where a pattern would be too long.
pub(super) fn rules(function: &Function) -> Vec<Rule> {
    let mut watched: BTreeMap<String, (&str, Kind, BTreeSet<&str>)> = BTreeMap::new();
    for control in function.controls {
        for watch in control.about.watches.iter().filter(|watch| watch.name != SCHEDULED) {
            let heard = heard(function, watch, control.kind);
            let (_, _, names) = watched.entry(heard).or_insert((watch.service, control.kind, BTreeSet::new()));
            names.insert(watch.name);
        }
    }
    let mut rules: Vec<Rule> = vec![];
    // What it is named after comes first.
    for (heard, (service, kind, names)) in watched {
        let id = format!("{}{heard}", base(function));
        let mut parts: Vec<Vec<&str>> = vec![vec![]];
        for name in names {
            let current = parts.last().map_or(0, |part| part.iter().map(|name| name.len() + 3).sum());
            let envelope = 300 + 2 * service.len() + kind.detail_types().concat().len();
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
fn heard(function: &Function, watch: &Watch, kind: Kind) -> String {
    if watch.is_by_root() {
        return "Root".to_owned();
    }
    let source = source(watch.service);
    let rest = source.strip_prefix(&base(function).to_lowercase()).unwrap_or(source);
    let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
    let words: String = rest.split('-').filter(|word| !word.is_empty()).map(capitalised).collect();
    match kind {
        Kind::ServiceEvent => words + "Service",
        Kind::DeniedCall => words + "Denied",
        Kind::Insight => words + "Insight",
        Kind::ApiCall | Kind::SignIn | Kind::Look => words,
    }
}

fn source(service: &str) -> &str {
    service.trim_end_matches(".amazonaws.com")
}

/// How often it looks at what there is without an event, and why so.
fn schedule(function: &Function) -> Option<(&'static str, &'static str)> {
    if is_scheduled(function) {
        let why =
            "Whoever disables the rule that would tell of it also silences the telling, so there is a check besides.";
        return Some(("rate(5 minutes)", why));
    }
    function.learns().then_some(("rate(1 hour)", "Each resource has its hour of the day."))
}

/// Whether it looks at its parts every few minutes, and reads up what it has missed.
fn is_scheduled(function: &Function) -> bool {
    function.controls.iter().any(|control| control.about.watches.iter().any(|watch| watch.name == SCHEDULED))
}

fn misses_events(function: &Function) -> bool {
    function.controls.iter().any(|control| control.misses_events.is_some())
}

fn listening(rule: &Rule, targets: &mut Targets<'_>) -> Result<String> {
    let mut out = format!(
        "
  {}:
    Type: AWS::Events::Rule
{}    Properties:
      Description: {} that Snapback checks.
      State: ENABLED
      EventPattern:
",
        rule.id,
        only_if(deployed_if(targets.function)),
        rule.what()
    );
    let is_first = targets.is_first && !targets.are_written;
    if is_first {
        out +=
            "        # `aws.` sources cannot be forged with PutEvents; the function checks the rest of the envelope.\n";
    }
    out += &pattern(rule, is_first)?;
    out += &targets.write();
    Ok(out)
}

/// The calls, or the events, that a rule asks for.
fn pattern(rule: &Rule, is_first: bool) -> Result<String> {
    let Rule { id, service, kind, names } = rule;
    ensure!(!names.is_empty(), "{id} listens for nothing");
    let source = if rule.is_by_root() { "{ prefix: aws. }".to_owned() } else { format!("aws.{}", source(service)) };
    let mut out = format!("        source: [{source}]\n");
    out += &yaml::list(8, "detail-type:", kind.detail_types());
    out += "        detail:\n";
    if rule.is_by_root() {
        out += "          # Whatever it calls, but for what a service does on its behalf.\n";
        out += "          userIdentity: { type: [Root], invokedBy: [{ exists: false }] }\n";
    } else if *kind == Kind::Insight {
        out += "          # It has no name. The end of what was unusual is no news.\n";
        writeln!(out, "          eventType: [{}]\n          insightDetails: {{ state: [Start] }}", names.join(", "))?;
        return Ok(out);
    } else {
        write!(out, "          eventSource: [{service}]\n{}", yaml::list(10, "eventName:", names))?;
    }
    if is_first {
        out += "          # A call that failed changed nothing.\n";
    }
    out += &match kind {
        Kind::DeniedCall => yaml::list(10, "errorCode:", &DENIED),
        _ => "          errorCode: [{ exists: false }]\n".to_owned(),
    };
    Ok(out)
}

/// The same rule in a member, where it hands what it hears to the hub.
pub(super) fn forwarding(rule: &Rule, is_first: bool) -> Result<String> {
    let Rule { id, .. } = rule;
    Ok(format!(
        "
  {id}:
    Type: AWS::Events::Rule
    Properties:
      Name: !Sub ${{HubStack}}-member-{id}
      Description: {} for Snapback.
      State: ENABLED
      EventPattern:
{}      Targets:
        - Id: Hub
          Arn: !Ref HubBusArn
          RoleArn: !Sub arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/${{HubStack}}-forwarder
          DeadLetterConfig: {{ Arn: !GetAtt NotForwarded.Arn }}
",
        rule.what(),
        pattern(rule, is_first)?
    ))
}

impl Rule {
    /// What it listens for, as its description begins.
    fn what(&self) -> String {
        let service = self.service;
        match self.kind {
            _ if self.is_by_root() => "API calls by root".to_owned(),
            Kind::ServiceEvent => format!("Events of {service}"),
            Kind::DeniedCall => format!("Denied API calls to {service}"),
            Kind::SignIn => "Sign-ins to the console".to_owned(),
            Kind::Insight => "Insights of CloudTrail".to_owned(),
            Kind::ApiCall | Kind::Look => format!("API calls to {service}"),
        }
    }

    fn is_by_root(&self) -> bool {
        self.names[..] == [Watch::BY_ROOT.name]
    }
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

/// What other accounts and Regions tell of. They forward just what the function watches, and what somebody else forwards
/// wakes it for nothing.
fn hub_rule(function: &Function, is_first: bool) -> String {
    let (id, base) = (hub_rule_id(function), base(function));
    let rules = rules(function);
    let sources: BTreeSet<String> = rules.iter().map(|rule| format!("aws.{}", source(rule.service))).collect();
    let details: BTreeSet<&str> = rules.iter().map(|rule| rule.kind.detail_type()).collect();
    let why = "What members forward. Their rules ask for the same calls as the rules above.";
    let why = if is_first { yaml::comment(8, why) } else { String::new() };
    format!(
        "
  {id}:
    Type: AWS::Events::Rule
    Condition: {HUB}
    Properties:
      Description: Events of {} in other accounts and Regions.
      EventBusName: !Ref HubBus
      State: ENABLED
      EventPattern:
{why}{}{}      Targets: *{base}Target
",
        function.service,
        yaml::list(8, "source:", &sources.into_iter().collect::<Vec<_>>()),
        yaml::list(8, "detail-type:", &details.into_iter().collect::<Vec<_>>()),
    )
}

pub(super) fn hub_rule_id(function: &Function) -> String {
    format!("{}HubRule", base(function))
}

fn permission(function: &Function, rule: &str, condition: Option<&str>) -> String {
    let only = only_if(condition);
    // It must not run before it is denied what it may never do. The function itself cannot wait for that: the policy names
    // the role that redrives, and that role names the function.
    let is_denied = denied::applies_to(function).then(|| denied::policy_id(function));
    let after = is_denied.map(|policy| format!("    DependsOn: {policy}\n")).unwrap_or_default();
    format!(
        "
  {rule}Permission:
    Type: AWS::Lambda::Permission
{only}{after}    Properties:
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
{}    Properties:
      Description: What Snapback may do to {} {}.
      AssumeRolePolicyDocument: {assumes}
      Policies:
        - PolicyName: snapback
          PolicyDocument:
            Version: \"2012-10-17\"
            Statement:
",
        only_if(deployed_if(function)),
        if reverts(function) { "check and to revert changes to" } else { "alert people about" },
        function.service
    );
    out += &rights(function, Regions::Own);
    out += &denied::statements(function, "${AWS::StackName}", &["Operators", "ProtectedPrincipals"]);
    for (sid, text) in SHARED {
        let anchored = |text: &str| format!("              - &{sid}Statement\n{text}");
        let is_first_deaf =
            FUNCTIONS.iter().find(|other| misses_events(other)).is_some_and(|first| first.name == function.name);
        match (sid, is_first) {
            ("Memory", _) if !function.learns() => {}
            ("Gap", _) if !misses_events(function) => {}
            ("History", _) if !is_scheduled(function) => {}
            // One function has the history, so it stands there in full.
            ("Gap", _) if is_first_deaf => out += &anchored(text),
            ("History", _) | (_, true) => out += &anchored(text),
            (_, false) => writeln!(out, "              - *{sid}Statement")?,
        }
    }
    if is_scheduled(function) {
        out += TRUSTED_MEMBERS;
    }
    ensure!(!is_first || function.learns(), "the first function has to write out all statements, `Memory` too");
    // Who looks at nothing needs no role in a member, whose events it gets all the same.
    if let Some(role) = function.member_role("${AWS::StackName}").filter(|_| !rights(function, Regions::Own).is_empty())
    {
        out += &members(&role, is_first);
    }
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

/// What its controls need to judge and to revert, as statements of a role.
pub(super) fn rights(function: &Function, regions: Regions) -> String {
    let mut explained = BTreeSet::new();
    let mut out = String::new();
    let (of_writer, always): (Vec<_>, Vec<_>) =
        function.controls.iter().partition(|control| control.applied_by == Applier::IamWriter);
    let writes = |controls: Vec<&AnyControl>| by_on(controls.into_iter().flat_map(AnyControl::writes).copied());
    for (word, rights) in [("Read", by_on(reads(function))), ("Revert", writes(always))] {
        for (on, actions) in rights {
            out += &statement(word, &on, &actions, explained.insert(on.name), regions);
        }
    }
    for (on, actions) in writes(of_writer) {
        let statement = statement("Revert", &on, &actions, explained.insert(on.name), regions);
        let condition = if on.when.contains(&LISTED_BOUNDARY) { WRITER_OF_BOUNDARIES } else { WRITER };
        let _ = write!(out, "              - !If\n                - {condition}\n");
        out += &statement.lines().map(|line| format!("  {line}\n")).collect::<String>();
        out += "                - !Ref AWS::NoValue\n";
    }
    out
}

/// What keeps a role from writing where that is what its account wants: nothing but what its controls read is left to it.
pub(super) fn denied_if_it_only_reads(function: &Function) -> String {
    if !reverts(function) {
        return String::new();
    }
    // `s3:Get*` for `s3:GetBucketPolicy`
    let beginning = |action: &str| {
        let (service, name) = action.split_once(':').unwrap_or_default();
        let end = name.char_indices().skip(1).find(|(_, letter)| letter.is_ascii_uppercase());
        format!("{service}:{}*", &name[..end.map_or(name.len(), |(at, _)| at)])
    };
    let reads: BTreeSet<String> = reads(function).map(|right| beginning(right.action)).collect();
    format!(
        "              - !If
                - OnlyReads
                - Sid: OnlyReads
                  Effect: Deny
{}                  Resource: \"*\"
                - !Ref AWS::NoValue
",
        yaml::list(18, "NotAction:", &reads.into_iter().collect::<Vec<_>>())
    )
}

/// The right to act in members: with the role there, which says what it may do, and nowhere but in the organization.
fn members(role: &str, is_first: bool) -> String {
    let why = "What it may do in a member stands in organization/member.yaml.";
    let why = if is_first { yaml::comment(18, why) } else { String::new() };
    format!(
        "              - !If
                - {HUB}
                - Sid: Members
{why}                  Effect: Allow
                  Action: sts:AssumeRole
                  Resource: !If
                    - IsHubOfOrganization
                    - !Sub arn:${{AWS::Partition}}:iam::*:role/{role}
                    - !Sub arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:role/{role}
                  Condition: !If
                    - IsHubOfOrganization
                    - StringEquals: {{ aws:ResourceOrgID: !Ref Hub }}
                    - StringEquals: {{ aws:ResourceAccount: !Ref AWS::AccountId }}
                - !Ref AWS::NoValue
"
    )
}

/// Rights by what they are on, in the order of its names, and so that one more changes one line.
pub(super) fn by_on(rights: impl Iterator<Item = Right>) -> Vec<(On, BTreeSet<&'static str>)> {
    let mut by_name: BTreeMap<&str, (On, BTreeSet<&str>)> = BTreeMap::new();
    for right in rights {
        by_name.entry(right.on.name).or_insert_with(|| (right.on, BTreeSet::new())).1.insert(right.action);
    }
    by_name.into_values().collect()
}

fn statement(word: &str, on: &On, actions: &BTreeSet<&str>, is_new: bool, regions: Regions) -> String {
    let actions: Vec<&str> = actions.iter().copied().collect();
    let why = if is_new { yaml::comment(14, on.why) } else { String::new() };
    let sid = format!("              - Sid: {word}{}\n                Effect: Allow\n", on.name);
    let arns: Vec<String> = on.arns.iter().map(|arn| yaml::text(&regions.of(arn))).collect();
    let arns: Vec<&str> = arns.iter().map(String::as_str).collect();
    why + &sid
        + &yaml::words(16, "Action", &actions)
        + &yaml::words(16, "Resource", &arns)
        + &condition(&regions.that_hold(on.when))
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
            if *when == LISTED_BOUNDARY {
                return format!("{}: !Split [\",\", {}]", when.key, values.concat());
            }
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
    let (base, only) = (base(function), only_if(deployed_if(function)));
    let (event, risk, events) = if reverts(function) {
        let event = format!("a change to {service}, or a scheduled check");
        (event, "a risky change may still be in place", format!("changes to {service} wait"))
    } else {
        let event = format!("an event about {service}");
        (event, "people may not know of it", format!("alerts about {service} wait"))
    };
    let failed = format!(
        "Snapback failed to handle {event}; {risk}. \
         Lambda tries again after 1 and 3 minutes. If this alarm is over in 10 minutes and the dead-letter queues are \
         empty, nothing is left to do. Otherwise read the errors in the log group ${{{base}Logs}}, and look at the \
         resources that they name."
    );
    let throttled = format!(
        "Snapback's function ${{{name}}} is throttled: {events}. Lambda tries again for 6 hours, so \
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
{only}    Properties:
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
