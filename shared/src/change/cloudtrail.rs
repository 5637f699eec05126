//! What can be done to AWS CloudTrail.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Setting, changes};

changes! {
    /// What can be done to AWS CloudTrail.
    CloudTrail {
        /// `StartLogging`; `StopLogging` only ever to undo.
        Logging(Trail => TrailLogging),
        /// `UpdateTrail`, which is told only what differs.
        Settings(Trail => TrailSettings),
        /// `PutEventSelectors`.
        EventSelectors(Trail => EventSelectors),
        /// `PutInsightSelectors`.
        InsightSelectors(Trail => InsightSelectors),
        /// `CreateTrail`; `DeleteTrail` only ever to undo.
        Existence(Trail => Option<NewTrail>),
    }
}

/// By its ARN, which a trail has in its home Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Trail(pub String);

/// Whether a trail records what is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrailLogging {
    On,
    Off,
}

/// How a trail is set up.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_Trail.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "a trail has as many switches, all independent of each other")]
pub struct TrailSettings {
    /// Where its log files go.
    pub bucket: String,
    pub prefix: Option<String>,
    pub all_regions: bool,
    pub global_services: bool,
    pub validation: bool,
    pub of_organization: bool,
    /// The ARN of the KMS key that encrypts its log files.
    pub key: Option<String>,
    /// The topic that is told of each log file.
    pub topic: Option<String>,
    /// Where else its events go.
    pub log_group: Option<TrailLogGroup>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailLogGroup {
    pub arn: String,
    /// The role in which CloudTrail writes there.
    pub role: String,
}

/// A trail that is made, as far as one call makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewTrail {
    pub settings: TrailSettings,
    pub tags: BTreeMap<String, String>,
}

/// Which events a trail records: by basic selectors or by advanced ones, never by both. Without any it is as each trail is at
/// first, with all management events.
#[derive(Debug, Clone, Default, Eq, Serialize, Deserialize)]
pub struct EventSelectors {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub basic: Vec<BasicSelector>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advanced: Vec<AdvancedSelector>,
}

/// CloudTrail gives them back in an order of its own.
impl PartialEq for EventSelectors {
    fn eq(&self, other: &Self) -> bool {
        fn set<T: Ord>(these: &[T]) -> BTreeSet<&T> {
            these.iter().collect()
        }
        set(&self.basic) == set(&other.basic) && set(&self.advanced) == set(&other.advanced)
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_EventSelector.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BasicSelector {
    /// `All`, `ReadOnly` or `WriteOnly`.
    pub calls: String,
    pub management: bool,
    /// The services whose management events are left out.
    pub without: BTreeSet<String>,
    /// Of which resources data events are recorded: ARNs, or what they begin with, by the type of resource.
    pub data: BTreeMap<String, BTreeSet<String>>,
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AdvancedSelector {
    pub label: Option<String>,
    /// What has to be so of an event, by its field.
    pub fields: BTreeMap<String, FieldSelector>,
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedFieldSelector.html>
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FieldSelector {
    pub equals: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub starts_with: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub ends_with: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub not_equals: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub not_starts_with: BTreeSet<String>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub not_ends_with: BTreeSet<String>,
}

/// What CloudTrail Insights looks for: by the kind of insight, in which categories of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InsightSelectors(pub BTreeMap<String, BTreeSet<String>>);

impl Setting for TrailLogging {
    fn shown(&self) -> String {
        match self {
            Self::On => "logging",
            Self::Off => "(not logging)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::On => format!("start the logging of {of}"),
            Self::Off => format!("stop the logging of {of}"),
        }
    }
}

impl Setting for TrailSettings {
    fn shown(&self) -> String {
        self.parts().join(", ")
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let parts = from.parts().into_iter().zip(to.parts()).filter(|(from, to)| from != to).map(|(_, to)| to);
        format!("set {of} to {}", parts.collect::<Vec<_>>().join(", "))
    }
}

impl TrailSettings {
    /// What each setting is, always in the same order.
    fn parts(&self) -> Vec<String> {
        let is = |is: bool, yes: &str, no: &str| if is { yes } else { no }.to_owned();
        let of = |what: &str, name: Option<&str>| match name {
            Some(name) => format!("{what} `{name}`"),
            None => format!("no {what}"),
        };
        vec![
            match &self.prefix {
                Some(prefix) => format!("bucket `{}` under `{prefix}`", self.bucket),
                None => format!("bucket `{}`", self.bucket),
            },
            is(self.all_regions, "all Regions", "one Region"),
            is(self.global_services, "global services", "no global services"),
            is(self.validation, "log file validation", "no log file validation"),
            is(self.of_organization, "all accounts of the organization", "one account"),
            of("key", self.key.as_deref()),
            of("topic", self.topic.as_deref()),
            of("log group", self.log_group.as_ref().map(|group| group.arn.as_str())),
        ]
    }
}

impl Setting for EventSelectors {
    fn shown(&self) -> String {
        let shown: Vec<String> =
            self.basic.iter().map(ToString::to_string).chain(self.advanced.iter().map(ToString::to_string)).collect();
        if shown.is_empty() { "all management events".to_owned() } else { shown.join("\n") }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("have {of} record {}", to.shown().replace('\n', "; "))
    }
}

impl Setting for InsightSelectors {
    fn shown(&self) -> String {
        let kinds: Vec<&str> = self.0.keys().map(String::as_str).collect();
        if kinds.is_empty() { "(no insights)".to_owned() } else { kinds.join(", ") }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("have CloudTrail Insights look in {of} for {}", to.shown())
    }
}

impl Setting for Option<NewTrail> {
    fn shown(&self) -> String {
        match self {
            Some(trail) => trail.settings.shown(),
            None => "(no such trail)".to_owned(),
        }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Some(trail) => format!("make {of} with {}", trail.settings.shown()),
            None => format!("delete {of}"),
        }
    }
}

impl fmt::Display for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trail `{}`", self.0.rsplit('/').next().unwrap_or(&self.0))
    }
}

impl fmt::Display for BasicSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = match self.calls.as_str() {
            "ReadOnly" => "that only read",
            "WriteOnly" => "that change something",
            _ => "of all kinds",
        };
        let management = match &self.without {
            _ if !self.management => None,
            without if without.is_empty() => Some("management events".to_owned()),
            without => Some(format!("management events but those of {}", listed(without))),
        };
        let data = self.data.iter().map(|(kind, arns)| format!("data events of {kind} ({})", listed(arns)));
        let what: Vec<String> = management.into_iter().chain(data).collect();
        if what.is_empty() { f.write_str("nothing") } else { write!(f, "{} {calls}", what.join(", ")) }
    }
}

impl fmt::Display for AdvancedSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.fields.iter().map(|(field, selector)| format!("{field} {selector}"));
        write!(f, "events with {}", fields.collect::<Vec<_>>().join(" and "))
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            ("", &self.equals),
            ("that begins with ", &self.starts_with),
            ("that ends with ", &self.ends_with),
            ("other than ", &self.not_equals),
            ("that does not begin with ", &self.not_starts_with),
            ("that does not end with ", &self.not_ends_with),
        ];
        let there = all.into_iter().filter(|(_, values)| !values.is_empty());
        f.write_str(&there.map(|(how, values)| format!("{how}{}", listed(values))).collect::<Vec<_>>().join(", "))
    }
}

fn listed(these: &BTreeSet<String>) -> String {
    these.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
