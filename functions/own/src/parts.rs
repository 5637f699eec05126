//! What Snapback is made of, and how a call is recognised to be upon a part of it.
//!
//! CloudFormation names a part `<stack>-<logical id>-<random>`, so most calls are seen from the event alone to be upon
//! somebody else's. Anybody may name something like that; whether it is the stack's is looked up.
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-arn-formats.html>

#[rustfmt::skip]
mod ids;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::control::{Look, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

pub(crate) use ids::{POLICIES, ROUTES, UNRESERVED};

use crate::aws;

/// Parts of one kind.
#[derive(Debug)]
pub(crate) struct Kind {
    /// `rule`: the word people use.
    pub word: &'static str,
    /// Logical ids in `template.yaml`.
    pub ids: &'static [&'static str],
    service: &'static str,
    /// What stands before the name in an ARN.
    path: &'static str,
    /// Where the console shows it, with `{name}` and `{region}`.
    page: &'static str,
}

pub(crate) const RULE: Kind = Kind {
    word: "rule",
    ids: ids::RULES,
    service: "events",
    path: "rule/",
    page: "events/home?region={region}#/eventbus/default/rules/{name}",
};

pub(crate) const FUNCTION: Kind = Kind {
    word: "function",
    ids: ids::FUNCTIONS,
    service: "lambda",
    path: "function:",
    page: "lambda/home?region={region}#/functions/{name}",
};

pub(crate) const ROLE: Kind =
    Kind { word: "role", ids: ids::ROLES, service: "iam", path: "role/", page: "iam/home#/roles/details/{name}" };

pub(crate) const TOPIC: Kind =
    Kind { word: "topic", ids: ids::TOPICS, service: "sns", path: "", page: "sns/v3/home?region={region}#/topics" };

pub(crate) const TABLE: Kind = Kind {
    word: "table",
    ids: ids::TABLES,
    service: "dynamodb",
    path: "table/",
    page: "dynamodbv2/home?region={region}#table?name={name}",
};

pub(crate) const QUEUE: Kind =
    Kind { word: "queue", ids: ids::QUEUES, service: "sqs", path: "", page: "sqs/v3/home?region={region}#/queues" };

pub(crate) const ALARM: Kind = Kind {
    word: "alarm",
    ids: ids::ALARMS,
    service: "cloudwatch",
    path: "alarm:",
    page: "cloudwatch/home?region={region}#alarmsV2:alarm/{name}",
};

pub(crate) const LOG_GROUP: Kind = Kind {
    word: "log group",
    ids: ids::LOG_GROUPS,
    service: "logs",
    path: "log-group:",
    page: "cloudwatch/home?region={region}#logsV2:log-groups/log-group/{name}",
};

/// By type, the logical ids of all parts that are known by their names.
pub const PARTS: [(&str, &[&str]); 8] = [
    ("AWS::Events::Rule", RULE.ids),
    ("AWS::Serverless::Function", FUNCTION.ids),
    ("AWS::IAM::Role", ROLE.ids),
    ("AWS::SNS::Topic", TOPIC.ids),
    ("AWS::DynamoDB::Table", TABLE.ids),
    ("AWS::SQS::Queue", QUEUE.ids),
    ("AWS::CloudWatch::Alarm", ALARM.ids),
    ("AWS::Logs::LogGroup", LOG_GROUP.ids),
];

/// What the stack says of the part that an event or a look is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The name that the part of this logical id has. The event may name another.
    pub name: Option<String>,
}

impl Kind {
    /// What there is to look at: each part if it is time for a look, else the one that the call names, if it is
    /// named like one.
    pub(crate) fn suspect(&self, event: &Event, settings: &Settings, named: Option<&str>) -> Vec<Suspicion> {
        let stack = &settings.own.stack;
        if event.is_look() {
            let look = |id: &&str| Suspicion {
                subject: self.subject(event, &format!("{stack}-{id}-*")),
                why: "it is time for a scheduled check".to_owned(),
            };
            return self.ids.iter().filter(|id| is_deployed(id, settings)).map(look).collect();
        }
        let Some(name) = named else {
            let why = format!("the event does not say on which {} `{}` was called", self.word, event.name);
            return vec![Suspicion { subject: Subject::account(event), why }];
        };
        let is_named_so = name.strip_prefix(stack.as_str()).is_some_and(|rest| rest.starts_with('-'));
        if !is_named_so || self.logical(name).is_none() {
            return vec![];
        }
        let why = format!("`{}` was called upon Snapback's own {}", event.name, self.word);
        vec![Suspicion { subject: self.subject(event, name), why }]
    }

    fn subject(&self, event: &Event, name: &str) -> Subject {
        let page = self.page.replace("{name}", name).replace("{region}", &event.region);
        Subject::part(event, self.word, name, self.service, self.path, &page)
    }

    /// The stack's name and the logical id in the name of a part.
    fn logical<'a>(&self, name: &'a str) -> Option<(&'a str, &'static str)> {
        self.ids.iter().find_map(|id| {
            let (stack, random) = name.rsplit_once(&format!("-{id}-"))?;
            (!random.contains('-')).then_some((stack, *id))
        })
    }

    /// Asks the stack for the part, and for what it knows others by that judging it needs.
    pub(crate) async fn look<const N: usize>(
        &self,
        look: &Look<'_>,
        suspicion: &Suspicion,
        others: impl Fn(&str) -> [String; N],
    ) -> Result<Option<(Part, [Option<String>; N])>> {
        let Some((stack, id)) = self.logical(&suspicion.subject.name) else { return Ok(None) };
        let parts = aws::parts_of(look, stack).await?;
        let others = others(id).map(|other| parts.get(&other).cloned());
        Ok(Some((Part { name: parts.get(id).map(|part| name(part).to_owned()) }, others)))
    }

    /// The part as the look has found it to be named.
    pub(crate) fn found(&self, event: &Event, suspicion: &Suspicion, part: &Part) -> Subject {
        match &part.name {
            Some(name) if event.is_look() => self.subject(event, name),
            _ => suspicion.subject.clone(),
        }
    }
}

/// Whether the stack has the part of this logical id, as it was deployed.
pub(crate) fn is_deployed(id: &str, settings: &Settings) -> bool {
    let own = &settings.own;
    (own.has_iam || !ids::OF_IAM.contains(&id)) && (own.has_organizations || !ids::OF_ORGANIZATIONS.contains(&id))
}

impl Part {
    /// Whether it is the part that the suspicion is about, which may be named alike and be none.
    pub(crate) fn is(&self, event: &Event, subject: &Subject) -> bool {
        self.name.as_ref().is_some_and(|name| event.is_look() || *name == subject.name)
    }

    /// What is decided where it is not.
    pub(crate) fn is_none<C>(&self, event: &Event, subject: &Subject) -> Decision<C> {
        if subject.kind == "account" {
            let why = format!(
                "the event does not say on what `{}` was called; check whether it was called on a part of Snapback",
                event.name
            );
            return Decision::Alert { severity: Severity::Medium, why };
        }
        match &self.name {
            None if event.is_look() => gone(event, "the stack does not have it"),
            _ => Decision::Allow { why: "it is named like a part of Snapback, and is none".to_owned() },
        }
    }
}

/// Whether a call upon rules or permissions is upon the bus that Snapback listens to.
pub(crate) fn is_default_bus(event: &Event) -> bool {
    let bus = json::text(&event.request, "eventBusName").unwrap_or("default");
    bus == "default" || bus.ends_with(":event-bus/default")
}

/// Whether CloudFormation made the call for whoever deploys. A caller cannot write this field.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
pub(crate) fn is_deployment(event: &Event) -> bool {
    event.actor.invoked_by.as_deref() == Some("cloudformation.amazonaws.com")
}

/// Nobody but a deployment has a reason to change Snapback.
pub(crate) fn severity(event: &Event) -> Severity {
    if is_deployment(event) { Severity::Medium } else { Severity::Critical }
}

/// A part was changed in a way that cannot be taken back exactly.
pub(crate) fn changed<C>(event: &Event, what: &str) -> Decision<C> {
    let how = if is_deployment(event) {
        "by a deployment of a stack; if you did not deploy, find out who did"
    } else {
        "outside CloudFormation; deploying the same template again does not repair it, so restore what the template has by hand"
    };
    Decision::Alert { severity: severity(event), why: format!("{what}, {how}") }
}

/// The same, where a person can put it right with a command.
pub(crate) fn changed_so<C>(event: &Event, (what, how): &(String, String)) -> Decision<C> {
    if is_deployment(event) {
        return changed(event, what);
    }
    Decision::Alert { severity: severity(event), why: format!("{what}, outside CloudFormation; {how}") }
}

/// A part is gone, and only a deployment can bring it back.
pub(crate) fn gone<C>(event: &Event, what: &str) -> Decision<C> {
    let why = format!("{what}; deploy Snapback again, under another name if this stack cannot be repaired");
    Decision::Alert { severity: severity(event), why }
}

/// The name in a name, or in an ARN or an address of the event's account. Another account's thing has no name here.
pub(crate) fn own_name<'a>(event: &Event, text: &'a str) -> &'a str {
    let is_full = text.starts_with("arn:") || text.contains("://");
    if is_full && !text.split([':', '/']).any(|word| word == event.account) {
        return "";
    }
    name(text)
}

/// The name in a name, an ARN or an address.
pub(crate) fn name(text: &str) -> &str {
    text.rsplit([':', '/']).next().unwrap_or(text)
}
