//! Controls of resource policies. What differs from service to service stands in [`Policed`], some thirty lines; how a
//! policy is suspected, judged and reverted is the same for all of them, and written once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;

use anyhow::Result;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::change::{Holder, PolicyChange};
use crate::control::{About, Applier, Control, Given, Look, Survey, Suspicion};
use crate::decision::{Decision, Severity};
use crate::event::Event;
use crate::json;
use crate::network;
use crate::policy::{Exposure, Grant, Kind, Policy, PolicyText, Trust};
use crate::settings::Settings;
use crate::subject::Subject;

/// What a control of resource policies has to say of its service.
pub trait Policed: 'static {
    const ABOUT: &'static About;

    /// What has the policy: the word people use, which is the kind of its subject.
    const WORD: &'static str;

    /// Whom the control keeps out: everyone, named strangers, or both.
    const KEEPS_OUT: &'static [Exposure] = &[Exposure::Public, Exposure::Foreign];

    /// What the policy is attached to.
    const KIND: Kind = Kind::Resource;

    /// See [`Control::APPLIED_BY`].
    const APPLIED_BY: Applier = Applier::Function;

    /// See [`Control::ASKS_UNLESS_NAMED`].
    const ASKS_UNLESS_NAMED: bool = false;

    /// See [`Control::SURVEY`].
    const SURVEY: Option<Survey>;

    /// What decides beside the policy whether it has an effect.
    type Beside: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned + Send + Sync;

    fn told(event: &Event) -> Told;

    /// Whether another control guards it.
    #[must_use]
    fn is_anothers(_: &Subject, _: &Settings) -> bool {
        false
    }

    /// What the API knows it by; nothing if the subject is the account, as the event does not tell.
    fn holder(subject: &Subject) -> Option<Holder>;

    fn observe(look: &Look<'_>, holder: &Holder) -> impl Future<Output = Result<State<Self::Beside>>> + Send;

    /// What keeps out whom the policy lets in, each for itself.
    #[must_use]
    fn barriers(_: &Self::Beside, _: &Event, _: &Trust) -> Vec<Barrier> {
        vec![]
    }

    /// Whether what had the policy is gone, and with it what may have kept people out.
    #[must_use]
    fn is_gone(_: &Self::Beside) -> bool {
        false
    }

    /// The ARN of what has the policy, where the event does not tell it.
    #[must_use]
    fn arn(_: &Self::Beside) -> Option<&str> {
        None
    }

    /// Why an operator decides about a revert of these grants, also in mode `revert`, where that is so.
    #[must_use]
    fn asks(_: &Event, _: &Self::Beside, _grants: &[String]) -> Option<String> {
        None
    }

    /// Why what would be left must not be written, where that is so.
    #[must_use]
    fn locks_out(_: &Event, _left: Option<&PolicyText>) -> Option<String> {
        None
    }

    /// What to tell instead of deleting the policy, where AWS may let in more without one than with it.
    #[must_use]
    fn instead_of_deleting(_: &Subject) -> Option<String> {
        None
    }

    /// The policy that takes the place of one of which nothing is left. Nothing: it is deleted.
    #[must_use]
    fn default_policy(_: &Subject) -> Option<String> {
        None
    }
}

/// The policy that an event puts.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The account, where the event does not tell upon what.
    pub subject: Subject,
    pub policy: ToldPolicy,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToldPolicy {
    /// All of it, or what is added to the one before.
    Is(String),
    /// It puts one, and does not tell which.
    Untold,
    /// It puts none.
    None,
}

impl ToldPolicy {
    /// What a call of SNS or SQS puts that sets attributes by name: CloudTrail has the map as `attributes`, in older
    /// records as `attribute`. Of anything but a plain map nobody knows whether a policy is in it.
    #[must_use]
    pub fn of_attributes(request: &Value) -> Self {
        let maps: Vec<&Value> = ["attributes", "attribute"].iter().filter_map(|name| request.get(*name)).collect();
        match maps[..] {
            _ if json::is_left_out(request) => Self::Untold,
            [] => Self::None,
            [Value::Object(map)] => {
                let named: Vec<_> = map.iter().filter(|(name, _)| name.eq_ignore_ascii_case("Policy")).collect();
                match named[..] {
                    _ if map.values().any(|value| value.is_object() || value.is_array()) => Self::Untold,
                    [] => Self::None,
                    // An empty text deletes the policy.
                    [(_, Value::String(text))] if text.is_empty() => Self::None,
                    [(_, Value::String(text))] => Self::Is(text.clone()),
                    _ => Self::Untold,
                }
            }
            _ => Self::Untold,
        }
    }

    /// What `AddPermission` of SNS and SQS adds: a statement of the label's name, with these accounts and actions. CloudTrail
    /// spells the parameters in several ways.
    #[must_use]
    pub fn of_permission(request: &Value, service: &str) -> Self {
        let of =
            |names: &[&str]| -> Vec<&Value> { names.iter().flat_map(|name| json::list(&request[*name])).collect() };
        let accounts = of(&["aWSAccountId", "aWSAccountIds", "AWSAccountIds", "awsAccountId", "awsAccountIds"]);
        if accounts.is_empty() {
            return Self::Untold;
        }
        let actions = of(&["actionName", "actionNames", "actions"]).into_iter().map(|name| {
            let name = name.as_str().filter(|name| name.chars().all(|letter| letter.is_ascii_alphanumeric()));
            name.map(|name| format!("{service}:{name}"))
        });
        // What is not named as an action may be every one.
        let actions: Option<Vec<String>> =
            actions.collect::<Option<_>>().filter(|actions: &Vec<_>| !actions.is_empty());
        let actions = actions.unwrap_or_else(|| vec!["*".to_owned()]);
        let mut statement =
            json!({"Effect": "Allow", "Principal": {"AWS": accounts}, "Action": actions, "Resource": "*"});
        if let Some(label) = json::text(request, "label") {
            statement["Sid"] = json!(label);
        }
        Self::Is(json!({"Statement": [statement]}).to_string())
    }
}

impl From<String> for ToldPolicy {
    fn from(told: String) -> Self {
        Self::Is(told)
    }
}

impl From<Option<String>> for ToldPolicy {
    fn from(told: Option<String>) -> Self {
        told.map_or(Self::Untold, Self::Is)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State<B> {
    /// The policy, as AWS gave it back.
    pub policy: Option<PolicyText>,
    /// Whether AWS has shown it twice, with its own time in between: whom it names by a unique id then is no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
    #[serde(flatten)]
    pub beside: B,
}

impl<B> State<B> {
    /// What one look has shown.
    pub fn seen(policy: Option<PolicyText>, beside: B) -> Self {
        Self { policy, twice: false, beside }
    }
}

/// Where nothing but the policy decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// What keeps people out although the policy lets them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Barrier {
    /// Everyone is kept out, and named strangers with them, as long as S3 takes the policy for public.
    WhilePublic(&'static str),
    /// All are kept out.
    Always(&'static str),
    /// It cannot be told whether they are: what to add to what is said.
    Unsure(String),
}

/// The control itself.
#[derive(Debug)]
pub struct Open<P>(PhantomData<P>);

impl<P: Policed> Control for Open<P> {
    const ABOUT: &'static About = P::ABOUT;
    const APPLIED_BY: Applier = P::APPLIED_BY;
    const ASKS_UNLESS_NAMED: bool = P::ASKS_UNLESS_NAMED;

    type State = State<P::Beside>;
    type Change = PolicyChange;

    const SURVEY: Option<Survey> = P::SURVEY;

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        let Told { subject, policy } = P::told(event);
        let why = match &policy {
            ToldPolicy::None => None,
            _ if P::is_anothers(&subject, settings) => None,
            ToldPolicy::Untold => Some("the event does not contain the policy".to_owned()),
            ToldPolicy::Is(text) => match Policy::parse(text) {
                Err(error) => Some(format!("the event's policy is not understood: {error}")),
                Ok(policy) => {
                    // AWS takes the unique id of somebody who is there, and refuses that of somebody who is no more.
                    let trust = Trust { shows_new_ids: true, ..settings.trust_at(event) };
                    let open = open::<P>(policy.judge(P::KIND, &trust).grants);
                    (!open.is_empty()).then(|| said(&open))
                }
            },
        };
        why.map(|why| Suspicion { subject, why }).into_iter().collect()
    }

    async fn observe(look: &Look<'_>, _: &Event, suspicion: &Suspicion) -> Result<Self::State> {
        match P::holder(&suspicion.subject) {
            None => Ok(State::default()),
            Some(holder) => P::observe(look, &holder).await,
        }
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &Self::State, given: &Given<'_>) -> Decision<PolicyChange> {
        let allow = |why: String| Decision::Allow { why };
        let alert = |severity, why| Decision::Alert { severity, why };
        let word = P::WORD;
        let is_about_everyone = P::KEEPS_OUT.contains(&Exposure::Public);
        let unsure_of_all = if is_about_everyone { Severity::High } else { Severity::Medium };
        let Some(holder) = P::holder(&suspicion.subject) else {
            let why = format!("the policy of {} {word} was changed, and the event does not say which", article(word));
            return alert(unsure_of_all, why);
        };
        let Some(text) = &state.policy else { return allow(format!("the {word} has no policy")) };
        let trust = given.settings.trust_at(event).on(&suspicion.subject.arn);
        let barriers = P::barriers(&state.beside, event, &trust);
        let keeps_out = |is_public: bool| {
            barriers.iter().find_map(|barrier| match barrier {
                Barrier::Always(why) => Some(*why),
                Barrier::WhilePublic(why) if is_public => Some(*why),
                Barrier::WhilePublic(_) | Barrier::Unsure(_) => None,
            })
        };
        // Whatever lets nobody but named strangers in is not for a control of everyone.
        let is_of_everyone_alone = P::KEEPS_OUT == [Exposure::Public];
        let misread = |error| alert(unsure_of_all, format!("the policy of {holder} is not understood: {error}"));
        let policy = match Policy::parse(text) {
            Ok(policy) => policy,
            Err(error) => {
                return keeps_out(is_of_everyone_alone).map_or_else(|| misread(error), |why| allow(why.to_owned()));
            }
        };
        // AWS may show by an id whom the call has just named.
        let is_open = |trust: &Trust| !open::<P>(policy.judge(P::KIND, trust).grants).is_empty();
        let named = match named(event, &policy, P::told(event).policy) {
            // A write does without them, so that they are worth a word only where there is nothing else.
            Named::NoMore if state.twice || is_open(&trust) => Named::AsShown,
            Named::NoMore => Named::Perhaps,
            told => told,
        };
        let (text, policy, trust) = match &named {
            Named::AsShown | Named::NoMore => (text.as_str(), policy, trust),
            Named::Perhaps => (text.as_str(), policy, Trust { shows_new_ids: true, ..trust }),
            Named::Those(resolved) => match Policy::parse(resolved) {
                Ok(policy) => (resolved.as_str(), policy, trust),
                Err(error) => return misread(error),
            },
        };
        let grants = policy.judge(P::KIND, &trust).grants;
        let by_s3 = public(&policy.judge_as_s3(&trust).grants);
        let is_public = by_s3.values().any(|certain| *certain);
        let may_all_be = public(&grants).keys().all(|statement| by_s3.contains_key(statement));
        if let Some(why) = keeps_out(is_public || is_of_everyone_alone && may_all_be) {
            return allow(why.to_owned());
        }
        let (held, open): (Vec<_>, Vec<_>) =
            open::<P>(grants).into_iter().partition(|grant| given.holds.contains(&grant.name));
        if open.is_empty() {
            let why = if held.is_empty() { "the policy lets no stranger in" } else { "an operator holds it" };
            return allow(why.to_owned());
        }
        let unsure = |barrier: &Barrier| match barrier {
            Barrier::Unsure(doubt) => Some(format!("{}{doubt}", said(&open))),
            Barrier::WhilePublic(_) | Barrier::Always(_) => None,
        };
        if let Some(why) = barriers.iter().find_map(unsure) {
            return alert(Severity::Medium, why);
        }
        let open = with_doubts(open, P::KIND, text, &policy, &trust);
        let (certain, unsure): (Vec<_>, Vec<_>) = open.into_iter().partition(|grant| grant.certain);
        let unsure: Vec<String> = unsure.into_iter().map(|grant| grant.why).collect();
        if certain.is_empty() {
            return alert(Severity::Medium, unsure.join("; "));
        }
        let is_critical = certain.iter().any(|grant| grant.exposure == Exposure::Public && grant.writes);
        let to = policy.without(&certain).or_else(|| P::default_policy(&suspicion.subject)).map(PolicyText::from);
        let severity = if is_critical { Severity::Critical } else { Severity::High };
        let must_stay = || to.is_none().then(|| P::instead_of_deleting(&suspicion.subject)).flatten();
        if let Some(why) = P::locks_out(event, to.as_ref()).or_else(must_stay) {
            return alert(severity, format!("{}; {why}", said(&certain)));
        }
        Decision::Revert {
            severity,
            why: said(&certain),
            grants: certain.into_iter().map(|grant| grant.name).collect(),
            plan: vec![PolicyChange { of: holder, from: state.policy.clone(), to }],
            left: unsure,
        }
    }

    fn asks(event: &Event, suspicion: &Suspicion, state: &Self::State, given: &Given<'_>) -> Option<String> {
        let decision = Self::decide(event, suspicion, state, given);
        let Decision::Revert { grants, .. } = decision else { return None };
        P::asks(event, &state.beside, &grants)
    }

    fn found(_: &Event, suspicion: &Suspicion, state: &Self::State) -> Subject {
        suspicion.subject.clone().at(P::arn(&state.beside))
    }

    fn as_told(event: &Event, state: &Self::State, settings: &Settings) -> Option<(Self::State, bool)> {
        let ToldPolicy::Is(text) = P::told(event).policy else { return None };
        // What is there and keeps nobody out by itself is not over.
        let live = state.policy.as_ref().and_then(|live| Policy::parse(live).ok());
        let trust = settings.trust_at(event);
        if live.is_some_and(|live| !open::<P>(live.judge(P::KIND, &trust).grants).is_empty()) {
            return None;
        }
        let may_be_barred = P::is_gone(&state.beside) || !P::barriers(&state.beside, event, &trust).is_empty();
        Some((State::seen(Some(text.into()), P::Beside::default()), !may_be_barred))
    }

    fn twice(state: &Self::State) -> Option<Self::State> {
        let has_ids = state.policy.as_ref().is_some_and(PolicyText::names_who_is_no_more);
        has_ids.then(|| State { twice: true, ..state.clone() })
    }

    fn after(state: &Self::State, change: &PolicyChange) -> Self::State {
        State { policy: change.to.clone(), ..state.clone() }
    }
}

/// Who stands behind the unique ids in a policy.
enum Named {
    /// There are none, or their owners are no more.
    AsShown,
    /// Perhaps some whom the call has just named.
    Perhaps,
    /// Nobody whom the call has named. If AWS still shows them so after its own time, nobody at all.
    NoMore,
    /// These: the policy with their ARNs.
    Those(String),
}

fn named(event: &Event, live: &Policy<'_>, told: ToldPolicy) -> Named {
    let ids = live.ids();
    // A scheduled check comes again.
    if ids.is_empty() || event.is_look() {
        return Named::AsShown;
    }
    let ToldPolicy::Is(told) = told else { return Named::NoMore };
    let Ok(put) = Policy::parse(&told) else { return Named::NoMore };
    if ids.is_subset(&put.ids()) {
        return Named::AsShown;
    }
    if live.names_all_of(&put) {
        return Named::NoMore;
    }
    live.resolved(&put).map_or(Named::Perhaps, Named::Those)
}

/// The statements that let everyone in, and whether that is certain.
fn public(grants: &[Grant]) -> BTreeMap<usize, bool> {
    let mut public = BTreeMap::new();
    for grant in grants.iter().filter(|grant| grant.exposure == Exposure::Public) {
        *public.entry(grant.statement).or_default() |= grant.certain;
    }
    public
}

/// The grants that let in whom the control keeps out.
fn open<P: Policed>(grants: Vec<Grant>) -> Vec<Grant> {
    grants.into_iter().filter(|grant| P::KEEPS_OUT.contains(&grant.exposure)).collect()
}

fn said(grants: &[Grant]) -> String {
    grants.iter().map(|grant| grant.why.as_str()).collect::<Vec<_>>().join("; ")
}

/// The grants, less certain where they let strangers in only from a network of which nobody can tell whose it is.
#[must_use]
pub fn with_doubts(grants: Vec<Grant>, kind: Kind, text: &str, policy: &Policy<'_>, trust: &Trust) -> Vec<Grant> {
    let strangers = whoever_the_network(kind, text, policy, trust);
    let is_doubted =
        |grant: &Grant| grant.certain && grant.exposure == Exposure::Foreign && !strangers.contains(&grant.name);
    let mut grants = grants;
    for grant in grants.iter_mut().filter(|grant| is_doubted(grant)) {
        grant.why = doubt(grant);
        grant.certain = false;
    }
    grants
}

/// The names of the grants that would let strangers in even if every network were one's own.
fn whoever_the_network(kind: Kind, text: &str, policy: &Policy<'_>, trust: &Trust) -> BTreeSet<String> {
    let ids = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let networks = ids.filter(|id| id.starts_with("vpc-") || id.starts_with("vpce-")).map(str::to_owned);
    let mut trust = trust.clone();
    trust.networks.extend(networks);
    trust.ranges = vec![Ipv4Net::default().into(), Ipv6Net::default().into()];
    let grants = policy.judge(kind, &trust).grants.into_iter();
    grants.filter(Grant::is_untrusted).map(|grant| grant.name).collect()
}

/// What is said of a grant that may only let in one's own.
fn doubt(grant: &Grant) -> String {
    // Its name is the statement as if it granted only this, conditions included.
    let is_network =
        |word: &&str| word.starts_with("vpc-") || word.starts_with("vpce-") || network::range(word).is_some();
    let networks: BTreeSet<&str> = grant.name.split('"').filter(is_network).collect();
    let networks = networks.into_iter().map(|network| format!(" `{network}`")).collect::<Vec<_>>().join(",");
    format!("{}, and {WHOSE_NETWORK}{networks} that is cannot be told", grant.why)
}

/// What is said where that cannot be told.
pub const WHOSE_NETWORK: &str = "whose network";

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O']) { "an" } else { "a" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    /// A door, whose policy everything hangs on.
    struct OpenDoor;

    impl Policed for OpenDoor {
        const ABOUT: &'static About = &About {
            id: "test-open-door",
            title: "A door lets strangers in",
            happened: "was opened",
            watches: &[],
            reads: &[],
            writes: &[],
            undoes: &[],
            severity: Severity::Critical,
            frameworks: &[],
            caveat: "",
            source: file!(),
        };
        const WORD: &'static str = "bucket";
        const KEEPS_OUT: &'static [Exposure] = &[Exposure::Public, Exposure::Foreign];
        const SURVEY: Option<Survey> = None;

        type Beside = Nothing;

        fn told(event: &Event) -> Told {
            let policy = event.request.get("policy").map(Value::to_string);
            let named = event.request.get("door").is_some();
            let subject = if named { Subject::bucket(event, "door") } else { Subject::account(event) };
            Told { subject, policy: policy.into() }
        }

        fn holder(subject: &Subject) -> Option<Holder> {
            (subject.kind == Self::WORD).then(|| Holder::Bucket(subject.name.clone()))
        }

        async fn observe(_: &Look<'_>, _: &Holder) -> Result<State<Nothing>> {
            Ok(State::default())
        }
    }

    const STRANGER: &str = "arn:aws:iam::777788889999:root";
    const FRIEND: &str = "arn:aws:iam::444455556666:role/reader";

    fn put(policy: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "door.amazonaws.com",
            "eventName": "PutPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "requestParameters": {"door": "d", "policy": policy},
        });
        Event::from_record(record).expect("an event")
    }

    fn settings() -> Settings {
        Settings { trusted_accounts: ["444455556666".to_owned()].into(), ..Settings::default() }
    }

    fn state(policy: &Value) -> State<Nothing> {
        State::seen(Some(policy.to_string().into()), Nothing {})
    }

    fn decide(event: &Event, state: &State<Nothing>, holds: &BTreeSet<String>) -> Decision<PolicyChange> {
        let suspicion = Suspicion { subject: Subject::bucket(event, "door"), why: String::new() };
        Open::<OpenDoor>::decide(event, &suspicion, state, &Given { settings: &settings(), holds })
    }

    #[test]
    fn looks_when_the_event_does_not_tell_and_alerts_when_it_does_not_even_tell_the_bucket() {
        let public =
            json!({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}]});
        let mut event = put(&public);
        event.request = json!({"door": "d"});
        let decide = |event: &Event| {
            let suspicion = Open::<OpenDoor>::suspect(event, &settings()).pop().expect("it is suspicious");
            let given = Given { settings: &settings(), holds: &BTreeSet::new() };
            Open::<OpenDoor>::decide(event, &suspicion, &state(&public), &given)
        };
        assert!(matches!(decide(&event), Decision::Revert { .. }));
        event.request = json!({"omitted": true});
        assert_eq!((decide(&event).severity(), decide(&event).plan()), (Some(Severity::High), &[][..]));
    }

    #[test]
    fn a_foreign_organization_goes_and_a_network_is_announced() {
        let by = |condition: Value| {
            let statement = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*", "Condition": condition});
            let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
            decide(&put(&policy), &state(&policy), &BTreeSet::new())
        };
        let organization = by(json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}));
        assert_eq!(organization.plan().len(), 1, "{organization}");
        for network in [
            json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}),
            json!({"StringEquals": {"aws:SourceVpc": ["vpc-0a1b2c3d4e5f60718", "vpc-0a1b2c3d4e5f60719"]}}),
            json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}),
        ] {
            let decision = by(network);
            assert_eq!((decision.severity(), decision.plan()), (Some(Severity::Medium), &[][..]), "{decision}");
        }
    }

    #[test]
    fn a_unique_id_that_the_call_did_not_name_is_nobody_only_once_it_was_shown_twice() {
        let to = |who: Value| json!({"Effect": "Allow", "Principal": who, "Action": "s3:GetObject", "Resource": "*"});
        let (id, friend) = (to(json!({"AWS": "AROAEXAMPLEEXAMPLE001"})), to(json!({"AWS": FRIEND})));
        let live = |statements: Value| json!({"Version": "2012-10-17", "Statement": statements});
        let once = state(&live(json!([id, friend])));
        let twice = Open::<OpenDoor>::twice(&once).expect("an id may become a name");
        assert_eq!(Open::<OpenDoor>::twice(&state(&live(json!([friend])))), None);
        let untold = Event { request: json!({"door": "d"}), ..put(&Value::Null) };
        for event in [untold, put(&live(json!([friend])))] {
            let (first, second) = (decide(&event, &once, &BTreeSet::new()), decide(&event, &twice, &BTreeSet::new()));
            assert_eq!((first.severity(), first.plan()), (Some(Severity::Medium), &[][..]), "{first}");
            assert!(second.is_allow(), "{second}");
        }
        // It was named, and who it is cannot be told: that stays so.
        let role = "arn:aws:iam::777788889999:role/reader";
        let both = put(&live(json!([to(json!({"AWS": [role, FRIEND]})), friend])));
        assert!(!decide(&both, &twice, &BTreeSet::new()).is_allow());
        // A revert does without it, and does not say that it was left.
        let everyone = state(&live(json!([id, to(json!("*"))])));
        let decision = decide(&put(&live(json!([to(json!("*"))]))), &everyone, &BTreeSet::new());
        assert!(matches!(&decision, Decision::Revert { left, .. } if left.is_empty()), "{decision}");
    }

    #[test]
    fn of_attributes_only_a_plain_map_tells_whether_there_is_a_policy_in_it() {
        let policy = r#"{"Statement":[]}"#;
        let is = || ToldPolicy::Is(policy.to_owned());
        for (request, told) in [
            (json!({"name": "n", "attributes": {"Policy": policy}}), is()),
            (json!({"name": "n", "attribute": {"Policy": policy, "VisibilityTimeout": "30"}}), is()),
            (json!({"name": "n", "attributes": {"policy": policy}}), is()),
            (json!({"name": "n"}), ToldPolicy::None),
            (json!({"name": "n", "attributes": {"VisibilityTimeout": "30"}}), ToldPolicy::None),
            (json!({"name": "n", "attributes": {"Policy": ""}}), ToldPolicy::None),
            (json!({"name": "n", "attributes": {}}), ToldPolicy::None),
            (json!({"name": "n", "attributes": null}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": "HIDDEN_DUE_TO_SECURITY_REASONS"}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": {"Policy": {"Statement": []}}}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": {"Policy": null}}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": {"entry": [{"key": "Policy", "value": policy}]}}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": [{"name": "Policy", "value": policy}]}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": {}, "attribute": {}}), ToldPolicy::Untold),
            (json!({"name": "n", "attributes": {"Policy": policy, "policy": policy}}), ToldPolicy::Untold),
            (json!({"omitted": true, "originalSize": 120_000, "reason": "too large"}), ToldPolicy::Untold),
            (json!(null), ToldPolicy::Untold),
        ] {
            assert_eq!(ToldPolicy::of_attributes(&request), told, "{request}");
        }
    }

    fn policies() -> impl Strategy<Value = Value> {
        let principal = select(vec![
            json!("*"),
            json!({"AWS": ["*", "111122223333"]}),
            json!({"AWS": [STRANGER, FRIEND]}),
            json!({"AWS": ["111122223333", "777788889999"], "Service": "logging.s3.amazonaws.com"}),
            json!({"AWS": FRIEND}),
            json!({"CanonicalUser": "02".repeat(32)}),
        ]);
        let condition = prop_oneof![
            4 => Just(json!({})),
            1 => Just(json!({"StringEquals": {"aws:SourceVpce": "vpce-1"}})),
            1 => Just(json!({"StringLike": {"aws:PrincipalArn": "*"}})),
            1 => Just(json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "203.0.113.0/24"]}})),
            1 => Just(json!({"StringEquals": {"aws:PrincipalAccount": ["777788889999", "444455556666"]}})),
            1 => Just(json!({"StringEquals": {"example:Unknown": "x"}})),
        ];
        let statement = (principal, condition, any::<bool>(), prop::bool::weighted(0.8)).prop_map(
            |(principal, condition, writes, allow)| {
                let action = if writes { "s3:PutObject" } else { "s3:GetObject" };
                let effect = if allow { "Allow" } else { "Deny" };
                json!({"Effect": effect, "Principal": principal, "Action": [action], "Resource": "*", "Condition": condition})
            },
        );
        prop::collection::vec(statement, 1..5)
            .prop_map(|statements| json!({"Version": "2012-10-17", "Statement": statements}))
    }

    fn rewrite<'i>(value: &mut Value, picks: &mut impl Iterator<Item = &'i Index>) {
        match value {
            Value::Array(list) => {
                for element in list.iter_mut() {
                    rewrite(element, picks);
                }
                if list.iter().all(Value::is_string) {
                    for end in (1..list.len()).rev() {
                        list.swap(end, picks.next().map_or(0, |pick| pick.index(end + 1)));
                    }
                    if let [one] = list.as_slice() {
                        *value = one.clone();
                    }
                }
            }
            Value::Object(members) => {
                for member in members.values_mut() {
                    rewrite(member, picks);
                }
            }
            _ => {}
        }
    }

    /// The same policy as AWS may give it back: principals and values in another order, lists of one as scalars.
    fn rewritten(policy: &Value, shuffle: &[Index]) -> Value {
        let mut picks = shuffle.iter().cycle();
        let mut rewritten = policy.clone();
        rewrite(&mut rewritten, &mut picks);
        rewritten
    }

    proptest! {
        /// What the event puts is what is there now: then nothing that would be reverted goes unsuspected.
        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(policy in policies()) {
            let decision = decide(&put(&policy), &state(&policy), &BTreeSet::new());
            if !decision.is_allow() {
                prop_assert!(!Open::<OpenDoor>::suspect(&put(&policy), &settings()).is_empty(), "{}", decision);
            }
        }

        #[test]
        fn a_revert_leaves_nothing_to_revert_its_undo_restores_and_a_hold_keeps_it(policy in policies()) {
            let (event, before) = (put(&policy), state(&policy));
            if let Decision::Revert { plan, left, grants, .. } = decide(&event, &before, &BTreeSet::new()) {
                let after = plan.iter().fold(before.clone(), |state, change| Open::<OpenDoor>::after(&state, change));
                let again = decide(&event, &after, &BTreeSet::new());
                prop_assert!(again.is_allow() || !left.is_empty() && again.plan().is_empty(), "{:?}", again);
                let undone = plan.iter().rev().fold(after, |state, change| Open::<OpenDoor>::after(&state, &change.undo()));
                prop_assert_eq!(undone.policy.as_deref(), before.policy.as_deref());
                prop_assert!(decide(&event, &before, &grants.into_iter().collect()).plan().is_empty());
            }
        }

        /// AWS may give the policy back in other words between any two reads.
        #[test]
        fn a_policy_that_comes_back_in_other_words_is_judged_alike(
            policy in policies(),
            shuffle in prop::collection::vec(any::<Index>(), 8),
        ) {
            let rewritten = rewritten(&policy, &shuffle);
            prop_assert_eq!(state(&policy), state(&rewritten));
            let (one, other) = (decide(&put(&policy), &state(&policy), &BTreeSet::new()), decide(&put(&policy), &state(&rewritten), &BTreeSet::new()));
            prop_assert_eq!(one.plan(), other.plan());
            if let (Decision::Revert { grants: mut one, .. }, Decision::Revert { grants: mut other, .. }) = (one, other) {
                one.sort();
                other.sort();
                prop_assert_eq!(one, other);
            }
        }
    }
}
