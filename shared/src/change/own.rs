//! What can be done to Snapback's own parts. Each puts back what the deployment asks for.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::swap::{Member, Setting, changes};

changes! {
    /// What can be done to Snapback's own parts.
    Own {
        /// `EnableRule`; `DisableRule` only ever to undo.
        RuleState(EventRule => RuleState),
        /// `PutTargets`; `RemoveTargets` only ever to undo.
        RuleTargets(EventRule => Vec<Target>),
        /// `PutFunctionConcurrency`, or `DeleteFunctionConcurrency` where nothing is reserved.
        Concurrency(LambdaFunction => Concurrency),
        /// `UpdateTable`
        DeletionProtection(Table => DeletionProtection),
        /// `UpdateContinuousBackups`
        PointInTimeRecovery(Table => PointInTimeRecovery),
        /// `UpdateTable`
        Capacity(Table => Capacity),
        /// `CancelKeyDeletion` and `EnableKey`; `DisableKey` and `ScheduleKeyDeletion` only ever to undo.
        Key(Key => KeyState),
    }
}

/// By its name, on the default bus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRule(pub String);

/// By its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LambdaFunction(pub String);

/// By its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table(pub String);

/// By its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key(pub String);

/// How many concurrent executions are reserved, if any are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Concurrency(pub Option<u32>);

/// Whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeletionProtection(pub bool);

/// Whether it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PointInTimeRecovery(pub bool);

/// How much may be read from and written to a table and each of its indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    pub table: Throughput,
    /// By their names.
    pub indexes: BTreeMap<String, Throughput>,
}

/// Units of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Throughput {
    /// As much as is asked for, up to a maximum if there is one.
    OnDemand {
        read: Option<i64>,
        write: Option<i64>,
    },
    Provisioned {
        read: i64,
        write: i64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleState {
    Enabled,
    Disabled,
}

/// Whom a rule hands its events to, and what becomes of those that cannot be handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub id: String,
    pub arn: String,
    pub retries: Option<i32>,
    pub oldest_seconds: Option<i32>,
    /// The ARN of the queue of dead letters.
    pub dead_letters: Option<String>,
    /// What the target is given in place of the event.
    pub input: Option<String>,
    /// The part of the event that the target is given.
    pub input_path: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    Enabled,
    Disabled,
    /// After so many days, from when it was scheduled.
    PendingDeletion {
        days: i32,
    },
}

impl Setting for RuleState {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        let verb = if *to == Self::Enabled { "enable" } else { "disable" };
        format!("{verb} {of}")
    }
}

impl Member for Target {
    const NONE: &'static str = "(no such target)";

    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &[Self], to: &[Self]) -> String {
        let (verb, targets) = if to.is_empty() { ("remove", from) } else { ("put", to) };
        let ids: Vec<String> = targets.iter().map(|target| format!("`{}`", target.id)).collect();
        format!("{verb} target {} of {of}", ids.join(", "))
    }

    fn is_at(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Setting for Concurrency {
    fn shown(&self) -> String {
        self.0.map_or("(none reserved)".to_owned(), |number| number.to_string())
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        match to.0 {
            Some(number) => format!("reserve {number} concurrent executions for {of}"),
            None => format!("remove the reserved concurrency of {of}"),
        }
    }
}

impl Setting for DeletionProtection {
    fn shown(&self) -> String {
        on_or_off(self.0).to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("switch {} the deletion protection of {of}", on_or_off(to.0))
    }
}

impl Setting for PointInTimeRecovery {
    fn shown(&self) -> String {
        on_or_off(self.0).to_owned()
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("switch {} the point-in-time recovery of {of}", on_or_off(to.0))
    }
}

impl Setting for Capacity {
    fn shown(&self) -> String {
        let indexes = self.indexes.iter().map(|(name, throughput)| format!("index `{name}`: {throughput}"));
        [self.table.to_string()].into_iter().chain(indexes).collect::<Vec<_>>().join("\n")
    }

    fn said(of: &str, _: &Self, to: &Self) -> String {
        format!("set the capacity of {of} to {}", to.table)
    }
}

impl Capacity {
    /// What limits the table and its indexes, on one line.
    #[must_use]
    pub fn limits(&self) -> String {
        let unlimited = Throughput::default();
        let table = Some(self.table).filter(|table| *table != unlimited).map(|table| table.to_string());
        let indexes = self.indexes.iter().filter(|(_, index)| **index != unlimited);
        let indexes = indexes.map(|(name, index)| format!("{index} in index `{name}`"));
        table.into_iter().chain(indexes).collect::<Vec<_>>().join(", ")
    }

    /// The same table with nothing that limits it.
    #[must_use]
    pub fn unlimited(&self) -> Self {
        let indexes = self.indexes.keys().map(|name| (name.clone(), Throughput::default())).collect();
        Self { table: Throughput::default(), indexes }
    }
}

impl Default for Throughput {
    fn default() -> Self {
        Self::OnDemand { read: None, write: None }
    }
}

impl Setting for KeyState {
    fn shown(&self) -> String {
        self.to_string()
    }

    fn said(of: &str, from: &Self, to: &Self) -> String {
        match (from, to) {
            (Self::PendingDeletion { .. }, Self::Enabled) => format!("cancel the deletion of {of} and enable it"),
            (Self::PendingDeletion { .. }, _) => format!("cancel the deletion of {of}"),
            (_, Self::Enabled) => format!("enable {of}"),
            (_, Self::Disabled) => format!("disable {of}"),
            (_, Self::PendingDeletion { days }) => format!("schedule the deletion of {of} in {days} days"),
        }
    }
}

impl KeyState {
    /// As AWS calls it. The days are the caller's word and not the key's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion { .. } => "PendingDeletion",
        }
    }
}

fn on_or_off(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

impl fmt::Display for EventRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}`", self.0)
    }
}

impl fmt::Display for LambdaFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function `{}`", self.0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table `{}`", self.0)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key `{}`", self.0)
    }
}

impl fmt::Display for RuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Enabled { "enabled" } else { "disabled" })
    }
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnDemand { read: None, write: None } => f.write_str("on demand"),
            Self::OnDemand { read, write } => {
                let most =
                    |most: &Option<i64>| most.map_or("any number of".to_owned(), |most| format!("at most {most}"));
                write!(f, "on demand, {} reads and {} writes a second", most(read), most(write))
            }
            Self::Provisioned { read, write } => write!(f, "provisioned, {read} reads and {write} writes a second"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A struct of texts and numbers is always JSON.
        f.write_str(&serde_json::to_string(self).unwrap_or_default())
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enabled => f.write_str("enabled"),
            Self::Disabled => f.write_str("disabled"),
            Self::PendingDeletion { days } => write!(f, "to be deleted after {days} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::{Change, Swap};

    #[test]
    fn an_undo_is_the_same_change_turned_around() {
        let key = |from, to| Own::Key(Swap { of: Key("k".to_owned()), from, to });
        let change = key(KeyState::PendingDeletion { days: 7 }, KeyState::Enabled);
        assert_eq!(change.to_string(), "cancel the deletion of key `k` and enable it");
        let undo = change.undo();
        assert_eq!(undo.to_string(), "schedule the deletion of key `k` in 7 days");
        assert_eq!(undo.sides(), ("enabled".to_owned(), "to be deleted after 7 days".to_owned()));
        assert_eq!(undo.undo(), change);
    }

    #[test]
    fn a_change_is_of_one_service_only() {
        let (from, to) = (DeletionProtection(false), DeletionProtection(true));
        let change = Own::DeletionProtection(Swap { of: Table("t".to_owned()), from, to });
        assert_eq!(Own::try_from(Change::from(change.clone())), Ok(change));
    }
}
