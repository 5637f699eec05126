//! The scheduled look: it goes through what there is, and remembers how it is wherever that is harmless.
//!
//! Nothing risky is ever remembered, so that whoever opens something and waits has nothing of it. A control that
//! remembers judges what differs from its memory too, and what was lost is asked about and never touched: nothing has
//! just happened. What people change on purpose is remembered anew once an operator holds it, or once the control
//! finds nothing wrong with it. They are told what is remembered anew.

mod members;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_config::SdkConfig;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::control::{AnyControl, Function, Look, ReadAll, Suspicion};
use crate::delayed;
use crate::event::Event;
use crate::journal::{Baselines, Journal, Memory};
use crate::mode::Mode;
use crate::notice;
use crate::place::{Place, Places};
use crate::responder::{End, Responder, Run};
use crate::settings::{Deployment, Settings};
use crate::subject::Subject;

use members::{Member, hours_between_runs};

pub(crate) use members::MEMBER_CHECK;

/// How many subjects are looked at side by side: AWS's limits on calls are the account's, and others need them too.
const AT_ONCE: usize = 8;

/// How many subjects a control that wants to know soon looks at in one run.
const MOST_IN_A_RUN: usize = 100;

/// One look of a function through what there is.
#[derive(Debug)]
pub struct Learning<'a> {
    /// No mode goes further than to ask.
    settings: Settings,
    deployment: &'a Deployment,
    /// The function's own account and Region, where the journal and the topic are as well.
    home: Place,
    /// The hour of the day, which says whose turn it is.
    hour: i64,
    /// How many hours end with this one, whose turn it is as well: more than one for a member that is not looked through each
    /// hour.
    hours: i64,
    time: Timestamp,
    now: Timestamp,
}

/// What became of one look.
#[derive(Debug, PartialEq)]
enum Seen {
    /// It is not harmless, or not looked at, and so not remembered.
    Risky,
    /// The same, where something good is remembered: it was lost since.
    Lost,
    Same,
    First,
    /// Something else was remembered before.
    Anew(Memory),
}

impl Function {
    /// Whether it is to look through what there is, as some control of it remembers.
    #[must_use]
    pub fn learns(&self) -> bool {
        self.controls.iter().any(|control| control.good.is_some())
    }
}

impl<'a> Learning<'a> {
    /// A look at the hour of the schedule's event, in the account and Region of the function.
    #[must_use]
    pub fn new(tick: &Event, settings: &Settings, deployment: &'a Deployment, config: &SdkConfig) -> Self {
        Self {
            settings: Settings { modes: settings.modes.at_most(Mode::Ask), ..settings.clone() },
            deployment,
            home: Place::new(deployment.account(), config.clone()),
            hour: tick.time.as_second() / 3600 % 24,
            hours: 1,
            time: tick.time,
            now: Timestamp::now(),
        }
    }

    /// Looks through what the function's controls remember, and whose turn it is.
    ///
    /// # Errors
    /// When something could not be looked at. All else is remembered.
    pub async fn run(&self, function: &'static Function) -> Result<()> {
        Box::pin(self.look_through(&self.home, function)).await
    }

    /// Has the function look through each member whose turn it is, in a run of its own.
    ///
    /// # Errors
    /// When SQS does not take a message.
    pub async fn ask_for_members(&self, function: &'static Function) -> Result<()> {
        let members = members::of(&self.deployment.members, function, &self.home);
        let every = hours_between_runs(members.len());
        for Member { account, region } in members {
            let turn = hour_of(&format!("{account} {region}"));
            if (turn - self.hour) % every == 0 {
                let event = json!({"source": "snapback", "detail-type": MEMBER_CHECK, "time": self.time.to_string(),
                    "detail": {"account": account, "region": region}});
                // Not all at once.
                let wait = self.deployment.pace.of(Duration::from_mins(u64::try_from(turn)? % 15));
                delayed::send(&self.home.config, &self.deployment.delayed, function.name, &event, wait).await?;
            }
        }
        Ok(())
    }

    /// Looks through the member that a message names, if it is one.
    ///
    /// # Errors
    /// As `run`.
    pub async fn run_in_member(mut self, function: &'static Function, account: &str, region: &str) -> Result<()> {
        let members = members::of(&self.deployment.members, function, &self.home);
        if !members.iter().any(|member| (member.account.as_str(), member.region.as_str()) == (account, region)) {
            info!(account, region, "asked to look through what is no member");
            return Ok(());
        }
        self.hours = hours_between_runs(members.len());
        let (places, role) = (Places::new(self.home.clone()), function.member_role(&self.settings.own.stack));
        let place = Box::pin(places.of(account, region, role.as_deref())).await;
        let place = place.context("the function has no role in members")?;
        let looked = Box::pin(self.look_through(&place, function)).await;
        looked.with_context(|| format!("looking through account {account}, {region}"))
    }

    async fn look_through(&self, place: &Place, function: &'static Function) -> Result<()> {
        let responder = Responder::new(&self.settings, self.deployment, self.home.config.clone());
        let journal = responder.journal();
        let (mut anew, mut failures) = (vec![], vec![]);
        let (mut risky, mut lost, mut same, mut first, mut recorded) = (0_u64, 0_u64, 0_u64, 0_u64, 0_usize);
        let remembers = |control: &&AnyControl| control.good.is_some() && control.mode(&self.settings) > Mode::Off;
        for control in function.controls.iter().filter(remembers) {
            if let Some(all) = control.good.as_ref().and_then(|good| good.all) {
                match self.record(place, journal, control, all).await {
                    Ok(these) => recorded += these,
                    Err(failure) => failures.push(format!("{}: {failure:#}", control.about.id)),
                }
                continue;
            }
            let subjects = match self.subjects(place, control).await {
                Ok(subjects) => subjects,
                Err(failure) => {
                    failures.push(format!("{}: {failure:#}", control.about.id));
                    continue;
                }
            };
            let every = hours_between_looks(is_soon(control), subjects.len());
            let whose_turn = subjects.into_iter().filter(|subject| self.is_turn_of(subject, every));
            let looks = whose_turn.map(|subject| self.see(place, journal, &responder, (function, control), subject));
            let mut looks = futures::stream::iter(looks).buffer_unordered(AT_ONCE);
            while let Some(look) = looks.next().await {
                match look {
                    Ok(Seen::Risky) => risky += 1,
                    Ok(Seen::Lost) => lost += 1,
                    Ok(Seen::Same) => same += 1,
                    Ok(Seen::First) => first += 1,
                    Ok(Seen::Anew(memory)) => anew.push(memory),
                    Err(failure) => failures.push(format!("{failure:#}")),
                }
            }
        }
        info!(
            function = function.name,
            risky,
            lost,
            same,
            first,
            recorded,
            anew = anew.len(),
            failed = failures.len(),
            "looked"
        );
        for memory in &anew {
            info!(control = memory.control, resource = memory.resource, "remembered anew");
        }
        if !anew.is_empty() {
            let (topic, Place { account, region, .. }) = (&self.deployment.topic, place);
            notice::publish_remembered(&self.home.config, topic, account, region, &anew).await?;
        }
        match failures.first() {
            None => Ok(()),
            Some(first) => bail!("{} could not be looked at; the first: {first}", failures.len()),
        }
    }

    /// Whether the turn of a subject comes in this run, if it comes each so many hours.
    fn is_turn_of(&self, subject: &Subject, every: i64) -> bool {
        (0..self.hours).any(|ago| (hour_of(&subject.arn) - (self.hour - ago)) % every == 0)
    }

    /// What stands for an event in a place.
    fn event(&self, place: &Place) -> Event {
        Event::of_a_look(&place.account, &place.region, self.now)
    }

    async fn subjects(&self, place: &Place, control: &AnyControl) -> Result<Vec<Subject>> {
        let survey = control.survey.context("a control that remembers has nothing to look through")?;
        (survey.list)(&Look::new(place), &self.event(place)).await
    }

    /// Remembers what everything is that was read at once, as far as its turn has come. Nobody is told what is new: it is
    /// not given back to anybody, and for most of it an event has told already.
    async fn record(
        &self,
        place: &Place,
        journal: &Journal,
        control: &'static AnyControl,
        all: ReadAll<Value>,
    ) -> Result<usize> {
        let (id, now) = (control.about.id, self.now);
        let found = Box::pin(all(&Look::new(place), &self.event(place))).await?;
        // What has changed while it was read may be in it.
        let seen = Timestamp::now();
        let every = hours_between_looks(is_soon(control), found.len());
        let turn = found.into_iter().filter(|(subject, _)| self.is_turn_of(subject, every));
        let kept = turn.map(|(subject, good)| async move {
            let memory = Memory { control: id.to_owned(), resource: subject.arn, good, since: now, seen };
            journal.remember(&memory).await
        });
        let kept: Vec<Result<()>> = futures::stream::iter(kept).buffer_unordered(AT_ONCE).collect().await;
        kept.into_iter().try_fold(0, |count, kept| kept.map(|()| count + 1))
    }

    /// The way of an event, which for most ends with the look: what is harmless there becomes the baseline.
    async fn see(
        &self,
        place: &Place,
        journal: &Journal,
        responder: &Responder<'_>,
        (function, control): (&'static Function, &'static AnyControl),
        subject: Subject,
    ) -> Result<Seen> {
        let context = format!("{} on {}", control.about.id, subject.arn);
        let (event, suspicion) = (self.event(place), Suspicion { subject, why: "the scheduled look".to_owned() });
        let run = Run::new(place, &self.settings, Baselines::to_overwrite(journal));
        let mut case = responder.case(&run, (function, control), &event, &suspicion);
        let seen = async {
            match Box::pin(responder.handle(&mut case)).await? {
                End::Harmless(state) => {
                    let (before, arn) = (case.baseline().await?, &suspicion.subject.arn);
                    self.learn(journal, control, arn, &state, before).await
                }
                End::AlwaysSo | End::Off => Ok(Seen::Risky),
                End::Handled => Ok(Seen::Lost),
            }
        };
        seen.await.inspect_err(|failure: &anyhow::Error| warn!("{context}: {failure:#}")).context(context)
    }

    /// Remembers what is good of a harmless state, in place of what was remembered before.
    async fn learn(
        &self,
        journal: &Journal,
        control: &'static AnyControl,
        resource: &str,
        state: &Value,
        before: Option<Memory>,
    ) -> Result<Seen> {
        let good = control.good.as_ref().context("a control without memory has nothing to learn")?;
        // What has changed until it was looked at is in it.
        let (now, is) = (Timestamp::now(), (good.of)(state)?);
        if let Some(before) = &before
            && (good.same)(&before.good, &is)?
        {
            // However often it is looked at, once in a while is enough to say that nothing has changed.
            if !good.soon || now.duration_since(before.seen) > SignedDuration::from_hours(12) {
                journal.remember(&Memory { seen: now, ..before.clone() }).await?;
            }
            return Ok(Seen::Same);
        }
        let (control, resource) = (control.about.id.to_owned(), resource.to_owned());
        journal.remember(&Memory { control, resource, good: is, since: now, seen: now }).await?;
        Ok(before.map_or(Seen::First, Seen::Anew))
    }
}

fn is_soon(control: &AnyControl) -> bool {
    control.good.as_ref().is_some_and(|good| good.soon)
}

/// Once a day, or as often as a run of the function has the time to look at its share.
fn hours_between_looks(is_soon: bool, subjects: usize) -> i64 {
    // Each subject's turn has to come at the same hours every day.
    let fits = |hours: &u8| is_soon && subjects <= usize::from(*hours) * MOST_IN_A_RUN;
    [1, 2, 3, 4, 6, 8, 12].into_iter().find(fits).unwrap_or(24).into()
}

/// At which hour of the day a resource's turn comes, so that all of a large account do not have to fit into one run of
/// the function. It hangs on the name alone, and so never changes.
fn hour_of(arn: &str) -> i64 {
    i64::from(Sha256::digest(arn.as_bytes())[0]) % 24
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_known_soon_is_looked_at_as_often_as_fits_and_everything_daily() {
        let every = |subjects| hours_between_looks(true, subjects);
        assert_eq!([0, 100, 101, 400, 1200, 1201, 100_000].map(every), [1, 1, 2, 4, 12, 24, 24]);
        assert_eq!(hours_between_looks(false, 1), 24);
    }
}
