//! Resources of services that speak JSON: a [`Resource`] of which only the calls have to be named.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde_json::Value;
use snapback::change::Holder;
use snapback::control::{About, Applier};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::place::Place;
use snapback::policed::ToldPolicy;
use snapback::policy::{Exposure, Kind, Policy, Trust};
use snapback::right::Right;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::resource::{Live, Resource};
use crate::service::{Call, Service};

/// A row in the table of resource policies.
pub(crate) trait Row: 'static {
    const ABOUT: &'static About;

    /// See [`Resource::WORD`].
    const WORD: &'static str;

    const SERVICE: Service;

    /// What stands before its name in its ARN: `repository/`.
    const PATH: &'static str;

    /// The page of the console that has it.
    const PAGE: &'static str = Self::SERVICE.name;

    /// See [`Resource::LIST`].
    const LIST: &'static [Right];

    /// See [`Resource::ASKS_UNLESS_NAMED`].
    const ASKS_UNLESS_NAMED: bool = false;

    /// See [`Resource::APPLIED_BY`].
    const APPLIED_BY: Applier = Applier::Function;

    /// See [`Resource::BARRIER`].
    const BARRIER: &'static str = "";

    /// See [`Resource::TAGS`].
    const TAGS: Option<Right> = None;

    /// The codes with which it is said to have no policy, or to be gone.
    const GONE: &'static [&'static str];

    /// Where the answer has the policy.
    const POLICY: &'static str;

    /// By which name or ARN an event tells it, and the policy that the event puts.
    fn told(event: &Event) -> (Option<&str>, ToldPolicy);

    /// See [`Resource::is_anothers`].
    fn is_anothers(_: &Subject, _: &Settings) -> bool {
        false
    }

    /// What its API knows it by.
    fn id(subject: &Subject) -> &str {
        &subject.name
    }

    fn get(id: &str) -> Call;

    /// What has the policy, among what is answered.
    fn found<'a>(answer: &'a Value, _id: &str) -> Option<&'a Value> {
        Some(answer)
    }

    /// Whether the answer tells of the barrier.
    fn is_barred(_answer: &Value) -> bool {
        false
    }

    fn put(id: &str, policy: &str) -> Call;

    /// Nothing if Snapback never deletes one.
    fn delete(id: &str) -> Option<Call>;

    /// See [`Resource::instead_of_deleting`].
    fn instead_of_deleting(_: &Subject) -> Option<String> {
        None
    }

    fn list() -> List;

    /// What is asked for its tags, and what the answer calls them.
    fn tags(_: &Subject) -> Option<(Call, &'static str)> {
        None
    }
}

/// What is the same for all of them.
pub(crate) const OPENED: About = About {
    id: "",
    title: "",
    happened: "was opened to strangers by its policy",
    watches: &[],
    reads: &[],
    writes: &[],
    undoes: &[],
    severity: Severity::Critical,
    frameworks: &[],
    caveat: "",
    source: "",
};

/// How all that there is is listed.
#[derive(Debug)]
pub(crate) struct List {
    pub call: Call,
    /// What the answer calls them.
    pub all: &'static str,
    /// What it calls the name or ARN of one; nothing if there is nothing else.
    pub one: &'static str,
    /// With what the next page is asked for: what the call calls it, and what the answer does.
    pub next: [&'static str; 2],
}

impl<R: Row> Resource for R {
    const ABOUT: &'static About = R::ABOUT;
    const WORD: &'static str = R::WORD;
    const LIST: &'static [Right] = R::LIST;
    const ASKS_UNLESS_NAMED: bool = R::ASKS_UNLESS_NAMED;
    const APPLIED_BY: Applier = R::APPLIED_BY;
    const BARRIER: &'static str = R::BARRIER;
    const TAGS: Option<Right> = R::TAGS;

    fn told(event: &Event) -> (Option<&str>, ToldPolicy) {
        R::told(event)
    }

    fn is_anothers(subject: &Subject, settings: &Settings) -> bool {
        R::is_anothers(subject, settings)
    }

    fn subject(event: &Event, id: &str) -> Option<Subject> {
        // An ARN begins with five parts that are not its name.
        let name = if id.starts_with("arn:") { id.splitn(6, ':').nth(5)?.strip_prefix(R::PATH)? } else { id };
        let page = format!("{}/home?region={}", R::PAGE, event.region);
        (!name.is_empty()).then(|| Subject::part(event, R::WORD, name, R::SERVICE.name, R::PATH, &page))
    }

    fn holder(subject: &Subject) -> Holder {
        Holder::Resource { word: R::WORD.to_owned(), id: R::id(subject).to_owned() }
    }

    async fn read(place: &Place, id: &str) -> Result<Live> {
        let answer = R::SERVICE.ask(place, R::get(id), R::GONE).await?;
        let policy = answer.as_ref().and_then(|answer| R::found(answer, id)?.pointer(R::POLICY)?.as_str());
        let policy = policy.filter(|policy| !["", "{}"].contains(policy)).map(str::to_owned);
        Ok(Live { policy, is_barred: answer.as_ref().is_some_and(R::is_barred) })
    }

    async fn write(place: &Place, id: &str, policy: &str) -> Result<()> {
        let call = if policy.is_empty() { R::delete(id) } else { Some(R::put(id, policy)) };
        let call = call.context("it is not deleted, as AWS may let in more without it")?;
        R::SERVICE.call(place, call).await.map(drop)
    }

    fn instead_of_deleting(subject: &Subject) -> Option<String> {
        R::instead_of_deleting(subject)
    }

    async fn list(place: &Place) -> Result<Vec<String>> {
        let List { call, all, one, next: [asked, told] } = R::list();
        let mut ids = vec![];
        let mut page = call.clone();
        loop {
            let answer = R::SERVICE.call(place, page).await?;
            let found = answer[all].as_array().into_iter().flatten();
            ids.extend(found.filter_map(|found| found.as_str().or_else(|| json::text(found, one)).map(str::to_owned)));
            let Some(token) = json::text(&answer, told) else { return Ok(ids) };
            page = call.clone().and(R::SERVICE, asked, token);
        }
    }

    async fn tags(place: &Place, subject: &Subject) -> Result<HashMap<String, String>> {
        let Some((call, name)) = R::tags(subject) else { return Ok(HashMap::new()) };
        let answer = R::SERVICE.ask(place, call, R::GONE).await?.unwrap_or_default();
        Ok(pairs(&answer[name]))
    }
}

/// Tags, as a map or a list of keys and values.
pub(crate) fn pairs(tags: &Value) -> HashMap<String, String> {
    if let Value::Object(map) = tags {
        return map.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    }
    let named = |tag: &Value, names: [&str; 2]| names.iter().find_map(|name| json::text(tag, name)).map(str::to_owned);
    let tags = json::list(tags).into_iter();
    tags.filter_map(|tag| Some((named(tag, ["Key", "key"])?, named(tag, ["Value", "value"]).unwrap_or_default())))
        .collect()
}

/// Whether a policy certainly lets everyone in.
pub(crate) fn is_public(policy: &str) -> bool {
    let is_public = |policy: Policy| {
        let grants = policy.judge(Kind::Resource, &Trust::default()).grants;
        grants.iter().any(|grant| grant.certain && grant.exposure == Exposure::Public)
    };
    Policy::parse(policy).is_ok_and(is_public)
}
