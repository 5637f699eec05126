//! What a control concludes: plain data, whose `Display` is what people read.

use std::fmt;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "decision")]
pub enum Decision<C> {
    /// Nothing to do.
    Allow { why: String },
    /// Risky, but not ours to change.
    Alert { severity: Severity, why: String },
    /// Put it back.
    Revert {
        severity: Severity,
        why: String,
        /// What is taken away, each in words that name just this grant on just this resource: an undo leaves a
        /// hold on them, and a held grant is not taken away again.
        grants: Vec<String>,
        /// In the order in which it is applied; taken back in the opposite order.
        plan: Vec<C>,
        /// What stays open although the plan has been applied.
        left: Vec<String>,
    },
}

impl<C> Decision<C> {
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            Self::Allow { why } | Self::Alert { why, .. } | Self::Revert { why, .. } => why,
        }
    }

    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        match self {
            Self::Allow { .. } => None,
            Self::Alert { severity, .. } | Self::Revert { severity, .. } => Some(*severity),
        }
    }

    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self, Self::Allow { .. })
    }

    #[must_use]
    pub fn plan(&self) -> &[C] {
        match self {
            Self::Revert { plan, .. } => plan,
            Self::Allow { .. } | Self::Alert { .. } => &[],
        }
    }

    /// The same decision about another type of change.
    #[must_use]
    pub fn map<D>(self, change: impl Fn(C) -> D) -> Decision<D> {
        match self {
            Self::Allow { why } => Decision::Allow { why },
            Self::Alert { severity, why } => Decision::Alert { severity, why },
            Self::Revert { severity, why, grants, plan, left } => {
                Decision::Revert { severity, why, grants, plan: plan.into_iter().map(change).collect(), left }
            }
        }
    }
}

impl<C: fmt::Display> fmt::Display for Decision<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow { why } => write!(f, "allow: {why}"),
            Self::Alert { severity, why } => write!(f, "alert ({severity}): {why}"),
            Self::Revert { severity, why, plan, left, .. } => {
                write!(f, "revert ({severity}): {why}")?;
                for change in plan {
                    write!(f, "\n  - {change}")?;
                }
                for open in left {
                    write!(f, "\n  stays open: {open}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}
