//! Which functions have reason to look at a record that the journal does not know.

use anyhow::Result;
use aws_config::SdkConfig;
use functions::{FUNCTIONS, controls};
use jiff::Timestamp;
use serde_json::Value;
use snapback::control::Function;
use snapback::delayed::{self, Letter};
use snapback::event::{Event, UNPROVEN};
use snapback::journal::{Earlier, Entry, Journal};
use snapback::logfile::{LogFile, Watched};
use snapback::responder::Suspected;

use crate::settings::Settings;

/// The most that CloudTrail lets a record have, and EventBridge would have delivered, however a log file spells it.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
const LARGEST: usize = 256 * 1024;

#[derive(Debug)]
pub(crate) struct Judge<'a> {
    settings: &'a Settings,
    journal: Journal,
    watched: Watched,
}

impl<'a> Judge<'a> {
    pub(crate) fn new(settings: &'a Settings, config: &SdkConfig) -> Self {
        let keys = (settings.journal_key.as_str(), settings.operators_key.as_str());
        let journal = Journal::with_keys(config, &settings.journal, keys, &settings.account);
        Self { settings, journal, watched: Watched::by(controls()) }
    }

    pub(crate) fn watched(&self) -> &Watched {
        &self.watched
    }

    /// What is to be handed on of a record in a file, which CloudTrail has written or may not have; nothing if the record
    /// cannot be in it.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(crate) async fn record(
        &self,
        file: &LogFile,
        is_proven: bool,
        record: &[u8],
        home: &str,
    ) -> Result<Option<Vec<Letter>>> {
        let Ok(record) = serde_json::from_slice::<Value>(record) else { return Ok(None) };
        let Ok(event) = Event::from_record(record.clone()) else { return Ok(None) };
        if (&event.account, &event.region) != (&file.account, &file.region) || record.to_string().len() > LARGEST {
            return Ok(None);
        }
        let mut letters = vec![];
        // It failed, or another record tells of the same call.
        if event.admit().is_err() {
            return Ok(Some(letters));
        }
        let mut envelope = delayed::envelope(&event, &record);
        if !is_proven {
            envelope[UNPROVEN] = true.into();
        }
        let is_home = event.account == self.settings.account && event.region == home;
        let own = &self.settings.judging.own;
        let hears = |function: &&Function| (is_home || function.is_in_members) && function.is_deployed(own);
        for function in FUNCTIONS.into_iter().filter(hears) {
            if !function.controls.iter().any(|control| control.watches(&event)) {
                continue;
            }
            let Ok(suspected) = function.suspect(envelope.clone(), &self.settings.judging) else { return Ok(None) };
            let Some((event, suspected)) = suspected else { continue };
            if self.is_news(&event, &suspected).await? {
                letters.push(Letter::new(function.name, &envelope));
            }
        }
        Ok(Some(letters))
    }

    /// Whether the journal does not know of it all that is suspected.
    async fn is_news(&self, event: &Event, suspected: &[Suspected]) -> Result<bool> {
        for (control, suspicion) in suspected {
            let (id, subject) = (control.about.id, &suspicion.subject);
            let is_known = if control.tells_from.is_some() {
                let call = (control.counted_as)(event);
                self.journal.has_counted(id, &call, &subject.arn, &event.id, Timestamp::now()).await?
            } else {
                let earlier = self.journal.earlier(&Entry::id_of(event, id, subject), Timestamp::now()).await?;
                matches!(earlier, Earlier::Handled(_) | Earlier::AtWork)
            };
            if !is_known {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
