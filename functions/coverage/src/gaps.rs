//! What keeps Snapback from hearing of something. Pure.

use serde::{Deserialize, Serialize};

/// What keeps Snapback from hearing of something, and what cannot be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gaps {
    pub missing: Vec<String>,
    pub unknown: Vec<String>,
}

impl Gaps {
    pub(crate) fn unknown(error: &anyhow::Error) -> Self {
        Self { missing: vec![], unknown: vec![format!("{error:#}")] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }

    pub(crate) fn add(&mut self, more: Self) {
        self.missing.extend(more.missing);
        self.unknown.extend(more.unknown);
    }
}
