//! The scheduled look: it goes through what there is, and remembers how it is wherever that is harmless.
//!
//! Nothing risky is ever remembered, so that whoever opens something and waits has nothing of it. A control that
//! remembers judges what differs from its memory too; so what people change on purpose is remembered anew once an
//! operator holds it, or once the control finds nothing wrong with it. People are told what is remembered anew.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::Value;
use tracing::{info, warn};

use crate::control::{AnyControl, Function, Given, Look, Suspicion};
use crate::event::Event;
use crate::journal::{Journal, Memory};
use crate::notice;
use crate::settings::{Deployment, Settings};
use crate::subject::Subject;

/// How many subjects are looked at side by side: AWS's limits on calls are the account's, and others need them too.
const AT_ONCE: usize = 8;

/// An account and Region that is looked through, and by whose choice.
#[derive(Debug)]
pub struct Learning<'a> {
    pub settings: &'a Settings,
    pub deployment: &'a Deployment,
    pub config: &'a SdkConfig,
    pub account: String,
    pub region: String,
    pub now: Timestamp,
}

/// What became of one look.
#[derive(Debug, PartialEq)]
enum Seen {
    /// It is not harmless, and so not remembered.
    Risky,
    Same,
    First,
    /// Something else was remembered before.
    Anew(Memory),
}

impl Learning<'_> {
    /// Looks through everything that the function's controls remember.
    ///
    /// # Errors
    /// When something could not be looked at. All else is remembered.
    pub async fn run(&self, function: &'static Function) -> Result<()> {
        let journal = Journal::new(self.config, &self.deployment.journal);
        let (mut anew, mut failures) = (vec![], vec![]);
        let (mut risky, mut same, mut first) = (0_u64, 0_u64, 0_u64);
        for control in function.controls.iter().filter(|control| control.good.is_some()) {
            let subjects = match self.subjects(control).await {
                Ok(subjects) => subjects,
                Err(failure) => {
                    failures.push(format!("{}: {failure:#}", control.about.id));
                    continue;
                }
            };
            let looks = subjects.into_iter().map(|subject| self.see(&journal, control, subject));
            let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
            while let Some(look) = looks.next().await {
                match look {
                    Ok(Seen::Risky) => risky += 1,
                    Ok(Seen::Same) => same += 1,
                    Ok(Seen::First) => first += 1,
                    Ok(Seen::Anew(memory)) => anew.push(memory),
                    Err(failure) => failures.push(format!("{failure:#}")),
                }
            }
        }
        info!(function = function.name, risky, same, first, anew = anew.len(), failed = failures.len(), "looked");
        for memory in &anew {
            info!(control = memory.control, resource = memory.resource, "remembered anew");
        }
        if !anew.is_empty() {
            let Self { config, deployment, account, region, .. } = self;
            notice::publish_remembered(config, &deployment.topic, account, region, &anew).await?;
        }
        match failures.first() {
            None => Ok(()),
            Some(first) => bail!("{} could not be looked at; the first: {first}", failures.len()),
        }
    }

    fn event(&self, control: &AnyControl) -> Event {
        Event::of_a_look(&control.about.watches[0], &self.account, &self.region, self.now)
    }

    async fn subjects(&self, control: &AnyControl) -> Result<Vec<Subject>> {
        let look = Look::new(self.config, &self.account);
        let survey = control.survey.context("a control that remembers has nothing to look through")?;
        (survey.list)(&look, &self.event(control)).await
    }

    async fn see(&self, journal: &Journal, control: &'static AnyControl, subject: Subject) -> Result<Seen> {
        let context = format!("{} on {}", control.about.id, subject.arn);
        let seen = Box::pin(self.see_one(journal, control, subject)).await;
        seen.inspect_err(|failure| warn!("{context}: {failure:#}")).context(context)
    }

    async fn see_one(&self, journal: &Journal, control: &'static AnyControl, subject: Subject) -> Result<Seen> {
        let look = Look { config: self.config, account: &self.account, journal: Some(journal) };
        let (event, id, arn) = (self.event(control), control.about.id, subject.arn.clone());
        let suspicion = Suspicion { subject, why: "the scheduled look".to_owned() };
        let (state, before) =
            futures::try_join!((control.observe)(&look, &event, &suspicion), journal.remembered(id, &arn, self.now))?;
        let decide = |holds: &BTreeSet<String>| {
            let given = Given { settings: self.settings, holds };
            (control.decide)(&event, &suspicion, &state, &given)
        };
        if !decide(&BTreeSet::new())?.is_allow() {
            let (holds, _) = journal.holds(id, &arn, self.now).await?;
            if !decide(&holds.into_iter().map(|hold| hold.grant).collect())?.is_allow() {
                return Ok(Seen::Risky);
            }
        }
        let good = control.good.map_or(Ok(Value::Null), |good| good(&state))?;
        let seen = match before {
            None => Seen::First,
            Some(before) if before.good == good => {
                journal.remember(&Memory { seen: self.now, ..before }).await?;
                return Ok(Seen::Same);
            }
            Some(before) => Seen::Anew(before),
        };
        let now = self.now;
        journal.remember(&Memory { control: id.to_owned(), resource: arn, good, since: now, seen: now }).await?;
        Ok(seen)
    }
}
