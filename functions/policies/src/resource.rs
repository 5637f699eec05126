//! Resources of which nothing but their policy decides whom they let in.
//!
//! A service says how its API reads, writes and lists them, and where an event tells the policy: a [`Resource`]. All else
//! follows from that: the control, how a change is applied, and how tags are read.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use anyhow::{Context, Result};
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use serde::{Deserialize, Serialize};
use snapback::change::{self, Applied, Holder, PolicyChange};
use snapback::control::{About, Applier, Look, ReadTags, Survey};
use snapback::event::Event;
use snapback::place::Place;
use snapback::policed::{Barrier, Policed, State, Told, ToldPolicy};
use snapback::policy::{PolicyText, Trust, is_account};
use snapback::right::Right;
use snapback::settings::Settings;
use snapback::subject::Subject;

/// What is known by an id is known by what the service's API takes for it: an ARN, a URL or a name.
pub(crate) trait Resource: 'static {
    const ABOUT: &'static About;

    /// What people call it, which is also the kind of its subject and of its holder.
    const WORD: &'static str;

    /// What listing them needs.
    const LIST: &'static [Right];

    /// See [`Policed::ASKS_UNLESS_NAMED`].
    const ASKS_UNLESS_NAMED: bool = false;

    /// See [`Policed::APPLIED_BY`].
    const APPLIED_BY: Applier = Applier::Function;

    /// What keeps people out whom the policy lets in, where its [`Live`] policy is barred.
    const BARRIER: &'static str = "";

    /// What reading the tags of one needs; nothing if it has none.
    const TAGS: Option<Right>;

    /// By which id an event tells it, and the policy that the event puts.
    fn told(event: &Event) -> (Option<&str>, ToldPolicy);

    /// See [`Policed::is_anothers`].
    #[must_use]
    fn is_anothers(_: &Subject, _: &Settings) -> bool {
        false
    }

    /// Nothing if this is no such id.
    fn subject(event: &Event, id: &str) -> Option<Subject>;

    fn holder(subject: &Subject) -> Holder;

    fn read(place: &Place, id: &str) -> impl Future<Output = Result<Live>> + Send;

    /// Writes its policy; an empty text deletes it.
    fn write(place: &Place, id: &str, policy: &str) -> impl Future<Output = Result<()>> + Send;

    /// The ids of all that there are.
    fn list(place: &Place) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// None if it is gone.
    fn tags(place: &Place, subject: &Subject) -> impl Future<Output = Result<HashMap<String, String>>> + Send;

    /// See [`Policed::instead_of_deleting`].
    #[must_use]
    fn instead_of_deleting(_: &Subject) -> Option<String> {
        None
    }

    /// See [`Policed::default_policy`].
    #[must_use]
    fn default_policy(_: &Subject) -> Option<String> {
        None
    }
}

/// What is there.
#[derive(Debug)]
pub(crate) struct Live {
    /// Nothing if it has none, or is gone.
    pub policy: Option<String>,
    pub is_barred: bool,
}

impl From<Option<String>> for Live {
    fn from(policy: Option<String>) -> Self {
        Self { policy, is_barred: false }
    }
}

/// Whether something keeps people out beside the policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beside {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_barred: bool,
}

/// A resource as a control of policies sees it.
#[derive(Debug)]
pub(crate) struct ByPolicy<R>(PhantomData<R>);

/// What is done with one kind of resource, so that all kinds fit in one list.
#[derive(Debug)]
pub(crate) struct Kind {
    pub word: &'static str,
    pub apply: for<'a> fn(&'a Place, &'a PolicyChange) -> BoxFuture<'a, Result<Applied>>,
    pub tags: ReadTags,
}

impl Kind {
    pub(crate) const fn of<R: Resource>() -> Self {
        Self {
            word: R::WORD,
            apply: |place, change| apply::<R>(place, change).boxed(),
            tags: |look, subject| tags::<R>(look, subject).boxed(),
        }
    }
}

impl<R: Resource> Policed for ByPolicy<R> {
    const ABOUT: &'static About = R::ABOUT;
    const WORD: &'static str = R::WORD;
    const ASKS_UNLESS_NAMED: bool = R::ASKS_UNLESS_NAMED;
    const APPLIED_BY: Applier = R::APPLIED_BY;
    const SURVEY: Option<Survey> = Some(Survey { list: |look, event| list::<R>(look, event).boxed(), needs: R::LIST });

    type Beside = Beside;

    fn told(event: &Event) -> Told {
        let (id, policy) = R::told(event);
        // A call upon another account's resource is told to the caller's account as well.
        let policy = if id.is_some_and(|id| is_anothers(event, id)) { ToldPolicy::None } else { policy };
        let subject = id.and_then(|id| R::subject(event, id));
        Told { subject: subject.unwrap_or_else(|| Subject::account(event)), policy }
    }

    fn is_anothers(subject: &Subject, settings: &Settings) -> bool {
        R::is_anothers(subject, settings)
    }

    fn holder(subject: &Subject) -> Option<Holder> {
        (subject.kind == R::WORD).then(|| R::holder(subject))
    }

    async fn observe(look: &Look<'_>, holder: &Holder) -> Result<State<Beside>> {
        let Live { policy, is_barred } = read::<R>(look.place, holder).await?;
        Ok(State::seen(policy.map(PolicyText::from), Beside { is_barred }))
    }

    fn barriers(beside: &Beside, _: &Event, _: &Trust) -> Vec<Barrier> {
        if beside.is_barred { vec![Barrier::Always(R::BARRIER)] } else { vec![] }
    }

    fn instead_of_deleting(subject: &Subject) -> Option<String> {
        R::instead_of_deleting(subject)
    }

    fn default_policy(subject: &Subject) -> Option<String> {
        R::default_policy(subject)
    }
}

/// The parts of an ARN or of the path of a URL, however a caller has written it.
pub(crate) fn parts(id: &str) -> Vec<&str> {
    let id = id.split(['?', '#']).next().unwrap_or_default();
    let path = id.split_once("://").map_or(id, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
    path.split(['/', ':']).filter(|part| !part.is_empty()).collect()
}

/// Whether the account is told in which it is, and is another than the event's.
fn is_anothers(event: &Event, id: &str) -> bool {
    let parts = parts(id);
    let before = parts.split_last().map_or(&[][..], |(_, before)| before);
    before.iter().any(|part| is_account(part)) && !before.contains(&event.account.as_str())
}

async fn read<R: Resource>(place: &Place, of: &Holder) -> Result<Live> {
    R::read(place, of.id()).await.with_context(|| format!("reading the policy of {of}"))
}

async fn apply<R: Resource>(place: &Place, change: &PolicyChange) -> Result<Applied> {
    let of = &change.of;
    let write = async |to: &Option<PolicyText>| {
        let policy = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        R::write(place, of.id(), policy).await.with_context(|| format!("writing the policy of {of}"))
    };
    let live = read::<R>(place, of).map_ok(|live| change::Live::Is(live.policy.map(PolicyText::from)));
    change.put(live, write).await
}

async fn list<R: Resource>(look: &Look<'_>, event: &Event) -> Result<Vec<Subject>> {
    let ids = R::list(look.place).await.with_context(|| format!("listing the {}s", R::WORD))?;
    Ok(ids.iter().filter_map(|id| R::subject(event, id)).collect())
}

async fn tags<R: Resource>(look: &Look<'_>, subject: &Subject) -> Result<BTreeMap<String, String>> {
    let of = R::holder(subject);
    let tags = R::tags(look.place, subject).await.with_context(|| format!("reading the tags of {of}"))?;
    Ok(tags.into_iter().collect())
}
