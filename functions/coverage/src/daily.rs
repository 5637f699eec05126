//! One look a day at all that is guarded, and one notice if something has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use futures::{StreamExt, TryStreamExt};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use snapback::event::SCHEDULED;
use snapback::journal::Journal;
use snapback::place::Place;
use snapback::{json, metric, notice};
use tokio::time::Instant;
use tracing::info;

use crate::accounts::{self, Account};
use crate::changes::{Before, Seen};
use crate::finding::Finding;
use crate::gaps::Gaps;
use crate::look::Coverage;
use crate::news::{News, notice_of};
use crate::settings::{Guarded, MEMBER_ROLE, Settings};

/// How many accounts are looked at side by side: AWS's limits are each account's own.
const AT_ONCE: usize = 16;

/// What of the function's time is kept free for telling and remembering.
const SPARE: Duration = Duration::from_mins(1);

/// Under which name the journal has what is known of all accounts.
const ALL: &str = "all";

/// After how long what is still not covered is told again.
const REMINDED: SignedDuration = SignedDuration::from_hours(7 * 24 - 1);

/// What is known of all accounts together.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    accounts: BTreeSet<String>,
    /// When people were told last.
    told: Option<Timestamp>,
}

/// What was found in an account: by Region, and under no name in the account itself.
type Kept = BTreeMap<String, Seen>;

pub(crate) struct Daily<'a> {
    settings: &'a Settings,
    home: Place,
    journal: Journal,
}

impl<'a> Daily<'a> {
    pub(crate) fn new(settings: &'a Settings, config: &SdkConfig) -> Self {
        let Settings { account, journal, journal_key, operators_key, .. } = settings;
        let journal = Journal::with_keys(config, journal, (journal_key, operators_key), account);
        Self { settings, home: Place::new(account, config.clone()), journal }
    }

    /// Looks, in the time that is left.
    ///
    /// # Errors
    /// When the journal cannot be used, or SNS takes no notice. What cannot be looked at is told, and is no error.
    pub(crate) async fn handle(&self, payload: &Value, left: Duration) -> Result<()> {
        match (json::text(payload, "source"), json::text(payload, "detail-type")) {
            (Some("aws.events"), Some(SCHEDULED)) => {
                Box::pin(self.look(Instant::now() + left.saturating_sub(SPARE))).await
            }
            (_, other) => bail!("`{}` is nothing that this function handles", other.unwrap_or_default()),
        }
    }

    async fn look(&self, end: Instant) -> Result<()> {
        let now = Timestamp::now();
        let mut forged = vec![];
        // What is forged counts as nothing: then all is told anew.
        let known = match self.journal.covered::<Known>(ALL, now).await? {
            Ok(known) => known,
            Err(is) => {
                forged.push(is.to_string());
                None
            }
        };
        let known = known.unwrap_or_default();
        let (accounts, listing) = self.accounts(&known).await;
        let ids: BTreeSet<String> = accounts.iter().map(|account| account.id.clone()).collect();
        let (before, more) = self.before(known.accounts.union(&ids).cloned().collect(), now).await?;
        forged.extend(more);
        let findings: Vec<Finding> = self.findings(&accounts, end).await.into_iter().chain(listing).collect();
        let news = News::of(before, findings);
        let (checked, missing, unknown) = news.counted();
        let changed = news.changed.len();
        info!(accounts = accounts.len(), checked, missing, unknown, changed, "looked whether all is heard of");
        metric::coverage(checked, missing, unknown);
        let is_due = known.told.is_none_or(|told| told + REMINDED <= now);
        let is_told = !forged.is_empty() || news.is_worth_telling(is_due);
        if is_told {
            let notice = notice_of(&news, &forged, &self.home, self.settings);
            notice::tell(&self.home.config, &self.settings.topic, &notice).await?;
        }
        // Not before that: what was not told is told again.
        let told = if is_told { Some(now) } else { known.told };
        self.keep(&news, Known { accounts: ids, told }, now).await
    }

    /// Which accounts are guarded; and, of an organization, whether that can be told.
    async fn accounts(&self, known: &Known) -> (Vec<Account>, Option<Finding>) {
        let own = Account::named(&self.settings.account);
        let Guarded::Organization(organization) = &self.settings.guarded else { return (vec![own], None) };
        match Box::pin(accounts::accounts(&self.home)).await {
            Ok(mut accounts) => {
                if accounts.iter().all(|account| account.id != own.id) {
                    accounts.push(own);
                }
                (accounts, Some(Finding::new(organization, None, Gaps::default())))
            }
            Err(error) => {
                let known = known.accounts.iter().filter(|id| **id != own.id);
                let accounts = std::iter::once(own.clone()).chain(known.map(|id| Account::named(id)));
                (accounts.collect(), Some(Finding::new(organization, None, Gaps::unknown(&error))))
            }
        }
    }

    /// What was found the last time in these accounts, and what is forged of it.
    async fn before(&self, mut accounts: Vec<String>, now: Timestamp) -> Result<(Before, Vec<String>)> {
        // Whether they could be listed stands among them.
        if let Guarded::Organization(organization) = &self.settings.guarded {
            accounts.push(organization.clone());
        }
        let reads = accounts.into_iter().map(|account| async move {
            let kept = self.journal.covered::<Kept>(&account, now).await?;
            anyhow::Ok((account, kept))
        });
        let read: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        let (mut seen, mut forged) = (vec![], vec![]);
        for (account, kept) in read {
            let at = |region: String| (account.clone(), Some(region).filter(|region| !region.is_empty()));
            match kept {
                Ok(kept) => seen.extend(kept.unwrap_or_default().into_iter().map(|(region, seen)| (at(region), seen))),
                Err(is) => forged.push(is.to_string()),
            }
        }
        Ok((Before::new(seen), forged))
    }

    async fn findings(&self, accounts: &[Account], end: Instant) -> Vec<Finding> {
        let Settings { stack, guarded, regions, .. } = self.settings;
        let coverage = Coverage {
            home: self.home.clone(),
            stack: stack.clone(),
            member_role: matches!(guarded, Guarded::Organization(_)).then(|| format!("{stack}-{MEMBER_ROLE}")),
            regions: match guarded {
                Guarded::Region => vec![self.home.region.clone()],
                _ => regions.iter().cloned().collect(),
            },
        };
        let looks = accounts.iter().map(|account| async {
            let look = tokio::time::timeout_at(end, Box::pin(coverage.of(account)));
            look.await.unwrap_or_else(|_| {
                let unknown = vec!["the function had no time left to look at it".to_owned()];
                vec![Finding::new(&account.id, None, Gaps { missing: vec![], unknown })]
            })
        });
        futures::stream::iter(looks).buffered(AT_ONCE).concat().await
    }

    async fn keep(&self, news: &News, known: Known, now: Timestamp) -> Result<()> {
        let writes = news.kept.iter().map(|(account, kept)| self.journal.keep_covered(account, kept, now));
        futures::stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        self.journal.keep_covered(ALL, &known, now).await
    }
}
