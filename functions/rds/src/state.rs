//! What the controls see that guard databases.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::control::{Look, Suspicion};
use snapback::event::Event;
use snapback::subject::Subject;

use crate::aws::{self, Found};
use crate::told;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Nothing if it is gone, or if the event does not say which it is.
    pub found: Option<Found>,
}

impl State {
    pub(crate) async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<Self> {
        Ok(Self { found: aws::named_by(look.place, event, &suspicion.subject).await? })
    }

    /// The database under the name that it has by now.
    pub(crate) fn subject(&self, event: &Event, suspicion: &Suspicion) -> Subject {
        let found = self.found.as_ref().map(|found| told::of_database(event, &found.of));
        found.unwrap_or_else(|| suspicion.subject.clone())
    }
}
