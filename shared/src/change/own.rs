//! What can be done to Snapback's own parts. Each puts back what the deployment asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Change;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Own {
    /// `EnableRule`; `DisableRule` only ever to undo.
    RuleState { rule: String, from: RuleState, to: RuleState },
    /// `PutTargets`, of one target; `RemoveTargets` only ever to undo.
    RuleTarget { rule: String, id: String, from: Option<Box<Target>>, to: Option<Box<Target>> },
    /// `PutFunctionConcurrency`, or `DeleteFunctionConcurrency` where nothing is reserved.
    Concurrency { function: String, from: Option<u32>, to: Option<u32> },
    /// `UpdateTable`
    DeletionProtection { table: String, from: bool, to: bool },
    /// `UpdateContinuousBackups`
    PointInTimeRecovery { table: String, from: bool, to: bool },
    /// `CancelKeyDeletion` and `EnableKey`; `DisableKey` and `ScheduleKeyDeletion` only ever to undo.
    Key { key: String, from: KeyState, to: KeyState },
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

impl Own {
    #[must_use]
    pub fn undo(&self) -> Self {
        match self.clone() {
            Self::RuleState { rule, from, to } => Self::RuleState { rule, from: to, to: from },
            Self::RuleTarget { rule, id, from, to } => Self::RuleTarget { rule, id, from: to, to: from },
            Self::Concurrency { function, from, to } => Self::Concurrency { function, from: to, to: from },
            Self::DeletionProtection { table, from, to } => Self::DeletionProtection { table, from: to, to: from },
            Self::PointInTimeRecovery { table, from, to } => Self::PointInTimeRecovery { table, from: to, to: from },
            Self::Key { key, from, to } => Self::Key { key, from: to, to: from },
        }
    }

    #[must_use]
    pub fn sides(&self) -> (String, String) {
        let switch = |on: bool| if on { "on" } else { "off" }.to_owned();
        let target =
            |target: &Option<Box<Target>>| target.as_deref().map_or("(no such target)".to_owned(), Target::to_string);
        let reserved = |number: &Option<u32>| number.map_or("(none reserved)".to_owned(), |number| number.to_string());
        match self {
            Self::RuleState { from, to, .. } => (from.to_string(), to.to_string()),
            Self::RuleTarget { from, to, .. } => (target(from), target(to)),
            Self::Concurrency { from, to, .. } => (reserved(from), reserved(to)),
            Self::DeletionProtection { from, to, .. } | Self::PointInTimeRecovery { from, to, .. } => {
                (switch(*from), switch(*to))
            }
            Self::Key { from, to, .. } => (from.to_string(), to.to_string()),
        }
    }
}

impl From<Own> for Change {
    fn from(change: Own) -> Self {
        Self::Own(change)
    }
}

impl TryFrom<Change> for Own {
    type Error = Change;
    fn try_from(change: Change) -> Result<Self, Change> {
        match change {
            Change::Own(change) => Ok(change),
            other => Err(other),
        }
    }
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switch = |on: &bool| if *on { "on" } else { "off" };
        match self {
            Self::RuleState { rule, to: RuleState::Enabled, .. } => write!(f, "enable rule `{rule}`"),
            Self::RuleState { rule, to: RuleState::Disabled, .. } => write!(f, "disable rule `{rule}`"),
            Self::RuleTarget { rule, id, to: Some(_), .. } => write!(f, "put target `{id}` of rule `{rule}`"),
            Self::RuleTarget { rule, id, to: None, .. } => write!(f, "remove target `{id}` of rule `{rule}`"),
            Self::Concurrency { function, to: Some(number), .. } => {
                write!(f, "reserve {number} concurrent executions for function `{function}`")
            }
            Self::Concurrency { function, to: None, .. } => {
                write!(f, "remove the reserved concurrency of function `{function}`")
            }
            Self::DeletionProtection { table, to, .. } => {
                write!(f, "switch {} the deletion protection of table `{table}`", switch(to))
            }
            Self::PointInTimeRecovery { table, to, .. } => {
                write!(f, "switch {} the point-in-time recovery of table `{table}`", switch(to))
            }
            Self::Key { key, from: KeyState::PendingDeletion { .. }, to: KeyState::Enabled } => {
                write!(f, "cancel the deletion of key `{key}` and enable it")
            }
            Self::Key { key, from: KeyState::PendingDeletion { .. }, .. } => {
                write!(f, "cancel the deletion of key `{key}`")
            }
            Self::Key { key, to: KeyState::Enabled, .. } => write!(f, "enable key `{key}`"),
            Self::Key { key, to: KeyState::Disabled, .. } => write!(f, "disable key `{key}`"),
            Self::Key { key, to: KeyState::PendingDeletion { days }, .. } => {
                write!(f, "schedule the deletion of key `{key}` in {days} days")
            }
        }
    }
}

impl fmt::Display for RuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Enabled { "enabled" } else { "disabled" })
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

    #[test]
    fn an_undo_is_the_same_change_turned_around() {
        let key = |from, to| Own::Key { key: "k".to_owned(), from, to };
        let change = key(KeyState::PendingDeletion { days: 7 }, KeyState::Enabled);
        assert_eq!(change.to_string(), "cancel the deletion of key `k` and enable it");
        let undo = change.undo();
        assert_eq!(undo.to_string(), "schedule the deletion of key `k` in 7 days");
        assert_eq!(undo.sides(), ("enabled".to_owned(), "to be deleted after 7 days".to_owned()));
        assert_eq!(undo.undo(), change);
    }

    #[test]
    fn a_change_is_of_one_service_only() {
        let change = Own::DeletionProtection { table: "t".to_owned(), from: false, to: true };
        assert_eq!(Own::try_from(Change::from(change.clone())), Ok(change));
    }
}
