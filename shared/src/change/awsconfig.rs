//! What can be done to AWS Config.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Setting, changes};

changes! {
    /// What can be done to AWS Config.
    AwsConfig {
        /// `StartConfigurationRecorder`; `StopConfigurationRecorder` only ever to undo.
        Recording(Recorder => Recording),
        /// `PutConfigurationRecorder`.
        Settings(Recorder => RecorderSettings),
        /// `PutConfigurationRecorder`; `DeleteConfigurationRecorder` only ever to undo.
        Existence(Recorder => Option<NewRecorder>),
        /// `PutDeliveryChannel`; `DeleteDeliveryChannel` only ever to undo.
        Delivery(DeliveryChannel => Option<Delivery>),
    }
}

/// By its name: there is one that customers manage in each Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Recorder(pub String);

/// Whether a recorder records what is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recording {
    On,
    Off,
}

/// What a recorder records, how often, and in which role.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationRecorder.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderSettings {
    pub role: String,
    pub types: RecordedTypes,
    pub mode: RecordingMode,
}

/// Of which types of resources it records the configuration.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingGroup.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordedTypes {
    All,
    /// Users, groups, roles and policies of IAM are not among them.
    AllButIam,
    AllBut(BTreeSet<String>),
    Only(BTreeSet<String>),
}

/// How often it records, and of which types otherwise.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_RecordingMode.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingMode {
    /// `CONTINUOUS` or `DAILY`.
    pub frequency: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub overrides: BTreeSet<RecordingModeOverride>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordingModeOverride {
    pub frequency: String,
    pub types: BTreeSet<String>,
    pub label: Option<String>,
}

/// A recorder that is made, as far as one call makes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewRecorder {
    pub settings: RecorderSettings,
    pub tags: BTreeMap<String, String>,
}

/// By its name: there is one in each Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryChannel(pub String);

/// Where what was recorded goes.
/// <https://docs.aws.amazon.com/config/latest/APIReference/API_DeliveryChannel.html>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub bucket: String,
    pub prefix: Option<String>,
    /// The ARN of the KMS key that encrypts it.
    pub key: Option<String>,
    /// The topic that is told of each change.
    pub topic: Option<String>,
    /// How often all of it goes there as a snapshot: `TwentyFour_Hours`.
    pub snapshots: Option<String>,
}

impl Default for RecordingMode {
    fn default() -> Self {
        Self { frequency: Self::CONTINUOUS.to_owned(), overrides: BTreeSet::new() }
    }
}

impl RecordingMode {
    pub const CONTINUOUS: &'static str = "CONTINUOUS";
}

impl Setting for Recording {
    fn shown(&self) -> String {
        match self {
            Self::On => "recording",
            Self::Off => "(not recording)",
        }
        .to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Self::On => format!("start {of}"),
            Self::Off => format!("stop {of}"),
        }
    }
}

impl Setting for RecorderSettings {
    fn shown(&self) -> String {
        self.parts().join(", ")
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let parts = from.parts().into_iter().zip(to.parts()).filter(|(from, to)| from != to).map(|(_, to)| to);
        format!("set {of} to {}", parts.collect::<Vec<_>>().join(", "))
    }
}

impl RecorderSettings {
    /// What each setting is, always in the same order.
    fn parts(&self) -> [String; 3] {
        [self.types.to_string(), self.mode.to_string(), format!("role `{}`", self.role)]
    }
}

impl Setting for Option<NewRecorder> {
    fn shown(&self) -> String {
        match self {
            Some(recorder) => recorder.settings.shown(),
            None => "(no such recorder)".to_owned(),
        }
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to {
            Some(recorder) => format!("make {of} with {}", recorder.settings.shown()),
            None => format!("delete {of}"),
        }
    }
}

impl Setting for Option<Delivery> {
    fn shown(&self) -> String {
        match self {
            Some(delivery) => delivery.parts().join(", "),
            None => "(no such delivery channel)".to_owned(),
        }
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        let Some(to) = to else { return format!("delete {of}") };
        let Some(from) = from else { return format!("make {of} with {}", to.parts().join(", ")) };
        let parts = from.parts().into_iter().zip(to.parts()).filter(|(from, to)| from != to).map(|(_, to)| to);
        format!("set {of} to {}", parts.collect::<Vec<_>>().join(", "))
    }
}

impl Delivery {
    /// What each setting is, always in the same order.
    fn parts(&self) -> [String; 4] {
        let of = |what: &str, name: &Option<String>| match name {
            Some(name) => format!("{what} `{name}`"),
            None => format!("no {what}"),
        };
        [
            match &self.prefix {
                Some(prefix) => format!("bucket `{}` under `{prefix}`", self.bucket),
                None => format!("bucket `{}`", self.bucket),
            },
            of("key", &self.key),
            of("topic", &self.topic),
            match &self.snapshots {
                Some(every) => format!("snapshots every `{every}`"),
                None => "no snapshots".to_owned(),
            },
        ]
    }
}

impl fmt::Display for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration recorder `{}`", self.0)
    }
}

impl fmt::Display for DeliveryChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "delivery channel `{}`", self.0)
    }
}

impl fmt::Display for RecordedTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all types of resources"),
            Self::AllButIam => f.write_str("all types of resources but those of IAM"),
            Self::AllBut(types) => write!(f, "all types of resources but {}", listed(types)),
            Self::Only(types) if types.is_empty() => f.write_str("no type of resources"),
            Self::Only(types) => f.write_str(&listed(types)),
        }
    }
}

impl fmt::Display for RecordingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.frequency.to_lowercase())?;
        self.overrides
            .iter()
            .try_for_each(|other| write!(f, " (but {} {})", listed(&other.types), other.frequency.to_lowercase()))
    }
}

fn listed(these: &BTreeSet<String>) -> String {
    these.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
