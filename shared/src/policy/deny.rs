//! Whom the `Deny` statements of a policy leave over of an `Allow`.
//!
//! A `Deny` narrows only where it certainly covers: the same or more actions and resources, and everyone whom the `Allow`
//! admits. So a `Deny` of the same principal counts, as does one of `*` that is narrowed to it.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::borrow::Cow;

use super::Kind;
use super::attached::{Attached, may_be_upon, service_of};
use super::condition;
use super::document::{Document, Entry, List, Principal, Scope, Statement, lowered};
use super::pattern;
use super::reach::Reach;
use super::said::{Said, is_session_of, may_mean, roles_of};
use super::trust::Trust;

/// How much comparing one policy is worth, in pairs of characters: far more than any policy that a service stores can
/// take, and some milliseconds. After that a `Deny` no longer narrows, so that a hostile policy gains nothing by it.
const PATIENCE: usize = 10_000_000;

#[derive(Debug)]
pub(super) struct Denies<'p> {
    all: Vec<Deny<'p>>,
    attached: Option<Attached<'p>>,
    patience: usize,
}

#[derive(Debug)]
struct Deny<'p> {
    actions: Words<'p>,
    resources: Words<'p>,
    whom: Whom<'p>,
    /// What it asks for, and whom it does not hit because of that, if nothing else is known of who calls.
    condition: Vec<(&'p Entry<'p>, Reach)>,
}

#[derive(Debug)]
enum Whom<'p> {
    Everyone,
    /// By kind and name.
    Those(Vec<(&'p str, &'p str)>),
    /// `NotPrincipal`: of an account that is named, it depends on how a caller is named.
    AllBut(Vec<(&'p str, &'p str)>),
}

/// The `Deny` statements that are upon something that one `Allow` allows.
#[derive(Debug)]
pub(super) struct Left<'d, 'p> {
    allow: &'p Statement<'p>,
    denies: Vec<Upon<'d, 'p>>,
    /// What the condition of the `Allow` makes sure of, whoever calls.
    said: Vec<Said<'p>>,
    actions: Words<'p>,
    resources: Words<'p>,
    patience: &'d mut usize,
}

/// What a `Deny` covers of what is allowed.
#[derive(Debug)]
struct Upon<'d, 'p> {
    deny: &'d Deny<'p>,
    actions: Vec<bool>,
    resources: Vec<bool>,
    /// Whether it covers them even if the policy should be attached to something else than what it names.
    is_sure: bool,
}

/// Patterns, and whether all but what they mean is meant.
#[derive(Debug)]
struct Words<'p> {
    words: Vec<Cow<'p, str>>,
    is_all_but: bool,
}

impl<'p> Denies<'p> {
    pub(super) fn of(document: &'p Document<'_>, trust: &'p Trust) -> Self {
        let denies = document.statements.iter().filter(|statement| !statement.allows);
        Self {
            all: denies.map(|statement| Deny::of(statement, trust)).collect(),
            attached: Attached::of(document, trust.resource.as_deref()),
            patience: PATIENCE,
        }
    }

    /// Those that are upon what is allowed.
    pub(super) fn upon(&mut self, allow: &'p Statement<'p>, kind: Kind) -> Left<'_, 'p> {
        let Self { all, attached, patience } = self;
        let (actions, resources) = (actions(allow, kind), Words::of_resources(&allow.resources));
        let mut left = Left { allow, denies: vec![], said: vec![], actions, resources, patience };
        if all.is_empty() {
            return left;
        }
        let is_sure = if kind == Kind::Trust { (true, true) } else { left.narrow(attached.as_ref()) };
        for deny in all.iter() {
            let Some(actions) = deny.actions.covered(&left.actions, left.patience) else { break };
            if !actions.contains(&true) {
                continue;
            }
            let Some(resources) = deny.resources.covered(&left.resources, left.patience) else { break };
            let is_sure = (is_sure.0 || deny.actions.is_everything()) && (is_sure.1 || deny.resources.is_everything());
            left.denies.push(Upon { deny, actions, resources, is_sure });
        }
        if !left.denies.is_empty() {
            left.said = allow.condition.iter().flat_map(|entry| Said::by_condition(entry, None)).collect();
        }
        left
    }
}

impl<'p> Left<'_, 'p> {
    /// Where a star allows everything, only what there is of that. Says of the actions and of the resources whether it is sure.
    fn narrow(&mut self, attached: Option<&Attached<'p>>) -> (bool, bool) {
        let service = service_of(&self.allow.resources.words);
        let is_told = attached.is_none_or(|attached| attached.is_sure);
        let is_sure =
            (is_told || service.is_some() || !self.actions.is_everything(), is_told || !self.resources.is_everything());
        if let Some(service) = service.or_else(|| attached?.service()) {
            self.actions.narrow(vec![Cow::Owned(format!("{}:*", service.to_ascii_lowercase()))]);
        }
        if let Some(attached) = attached {
            self.resources.narrow(attached.parts());
        }
        is_sure
    }

    /// Whom they leave over of everyone who meets the condition of the `Allow`.
    pub(super) fn of_everyone(&mut self) -> Reach {
        self.of(None, &[])
    }

    /// What they leave over of one whom the `Allow` names. Who signs in elsewhere is hit only by name: whether a `Deny` of
    /// everyone means them is nowhere said.
    pub(super) fn of_principal(&mut self, kind: &str, text: &'p str) -> Reach {
        if self.denies.is_empty() {
            return Reach::ANYONE;
        }
        self.of(Some((kind, text)), &Said::by_principal(kind, text))
    }

    /// What they leave over of those who meet one value of an entry in the condition of the `Allow`.
    pub(super) fn of_value(&mut self, entry: usize, value: usize) -> Reach {
        if self.denies.is_empty() {
            return Reach::ANYONE;
        }
        self.of(None, &Said::by_condition(&self.allow.condition[entry], Some(value)))
    }

    fn of(&mut self, named: Option<(&str, &str)>, said: &[Said<'_>]) -> Reach {
        let mut left = Reach::ANYONE;
        let mut partial = vec![];
        for upon in &self.denies {
            let spared = upon.deny.spares(named, said, &self.said, self.allow, self.patience);
            let spared = if upon.is_sure { spared } else { spared.or(Reach::UNKNOWN) };
            if spared == Reach::ANYONE {
                continue;
            }
            if upon.actions.iter().chain(&upon.resources).all(|covered| *covered) {
                left = left.and(spared);
            } else {
                partial.push((spared, upon));
            }
        }
        let (actions, resources) = (&self.actions, &self.resources);
        let work = actions.len().saturating_mul(resources.len()).saturating_mul(partial.len());
        if partial.is_empty() || spend(self.patience, work).is_none() {
            return left;
        }
        // Several may do together what none does alone: one for reading, one for writing.
        let of_pair = |action: usize, resource: usize| {
            let hits = partial.iter().filter(|(_, upon)| upon.actions[action] && upon.resources[resource]);
            hits.fold(left, |left, (spared, _)| left.and(*spared))
        };
        let may_be = |action: usize, resource: usize| {
            let is_told = !actions.is_all_but && !resources.is_all_but;
            !is_told || may_be_upon(&actions.words[action], &resources.words[resource])
        };
        let pairs = (0..actions.len()).flat_map(|action| (0..resources.len()).map(move |resource| (action, resource)));
        let mut pairs = pairs.filter(|(action, resource)| may_be(*action, *resource)).peekable();
        // AWS refuses a statement of which no action can be upon any resource.
        let none = if pairs.peek().is_some() { Reach::NOBODY } else { left };
        pairs.map(|(action, resource)| of_pair(action, resource)).fold(none, Reach::or)
    }
}

impl<'p> Deny<'p> {
    fn of(statement: &'p Statement<'p>, trust: &Trust) -> Self {
        let whom = match &statement.principal {
            _ if statement.is_about_everyone() => Whom::Everyone,
            Principal::AllBut(lists) => Whom::AllBut(names(lists)),
            Principal::Missing => Whom::Those(vec![]),
            Principal::Those(lists) => Whom::Those(names(lists)),
        };
        Self {
            actions: Words::of_actions(&statement.actions),
            resources: Words::of_resources(&statement.resources),
            whom,
            condition: statement
                .condition
                .iter()
                .map(|entry| (entry, condition::spared(entry, statement, trust)))
                .collect(),
        }
    }

    /// Whom it does not hit of those who are named and say this, by who they are or by what the `Allow` asks for.
    fn spares(
        &self,
        named: Option<(&str, &str)>,
        said: &[Said<'_>],
        asked: &[Said<'_>],
        allow: &Statement<'_>,
        patience: &mut usize,
    ) -> Reach {
        let all = || said.iter().chain(asked);
        let is_federated = named.is_some_and(|(kind, _)| kind == "Federated");
        let spared = match &self.whom {
            Whom::Everyone if !is_federated => Reach::NOBODY,
            Whom::AllBut(those) if !is_federated => {
                let work = those.len().saturating_mul(said.len() + asked.len() + 1);
                let is_another = spend(patience, work).is_some() && all().any(|said| said.is_of_none(those));
                if is_another { Reach::NOBODY } else { Reach::UNKNOWN }
            }
            Whom::Everyone | Whom::AllBut(_) => Reach::ANYONE,
            Whom::Those(those) => {
                let is_one = |(kind, text): &(&str, &str)| {
                    let is_it = |(of, name): (&str, &str)| of == *kind && (name == *text || is_session_of(name, text));
                    named.is_some_and(is_it) || all().any(|said| said.is_by(kind, text))
                };
                // A canonical user is an account by another id, and nobody can tell which.
                let may_be_one = |(kind, _): &(&str, &str)| {
                    let named = named.map_or("", |(kind, _)| kind);
                    matches!((*kind, named), ("CanonicalUser", "AWS") | ("AWS", "CanonicalUser"))
                };
                let work = those.len().saturating_mul(said.len() + asked.len() + 1);
                match spend(patience, work) {
                    Some(()) if those.iter().any(is_one) => Reach::NOBODY,
                    Some(()) if those.iter().any(may_be_one) => Reach::UNKNOWN,
                    _ => Reach::ANYONE,
                }
            }
        };
        let mut spared = spared;
        let roles = named.and_then(|(_, name)| roles_of(name));
        for (entry, by_entry) in &self.condition {
            if spared == Reach::ANYONE {
                break;
            }
            let is_met = all().any(|said| spend(patience, said.work(entry)).is_some() && said.meets(entry));
            spared = spared.or(match *by_entry {
                _ if is_met => Reach::NOBODY,
                _ if roles.as_ref().is_some_and(|roles| {
                    let work = entry.values.iter().map(|value| value.text.len() * roles.len()).sum();
                    spend(patience, work).is_some() && may_mean(entry, roles)
                }) =>
                {
                    Reach::UNKNOWN
                }
                Reach::UNKNOWN if condition::is_callers_choice(entry, &allow.actions) => Reach::ANYONE,
                by_entry => by_entry,
            });
        }
        spared
    }
}

fn names<'p>(lists: &'p [List<'p>]) -> Vec<(&'p str, &'p str)> {
    lists.iter().flat_map(|list| list.words.iter().map(|word| (&*list.kind, &*word.text))).collect()
}

/// The calls by which a role is assumed. Those that go along with one (`sts:TagSession`) let in nobody by themselves.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservicests.html>
const ASSUMING: [&str; 3] = [BY_A_PRINCIPAL, "sts:assumerolewithsaml", "sts:assumerolewithwebidentity"];
const BY_A_PRINCIPAL: &str = "sts:assumerole";

/// What is allowed; of the trust of a role, only what assumes it.
fn actions<'p>(allow: &'p Statement<'_>, kind: Kind) -> Words<'p> {
    let actions = Words::of_actions(&allow.actions);
    match kind {
        Kind::Resource => actions,
        Kind::Trust => {
            let words = ASSUMING.into_iter().filter(|name| actions.means(name)).map(Cow::Borrowed).collect();
            Words { words, is_all_but: false }
        }
    }
}

/// Whether anything is allowed that matters.
pub(super) fn matters(allow: &Statement<'_>, kind: Kind) -> bool {
    kind == Kind::Resource || !actions(allow, kind).words.is_empty()
}

/// Whether a role is assumed only with a token of an identity provider.
pub(super) fn is_by_token(allow: &Statement<'_>, kind: Kind) -> bool {
    kind == Kind::Trust && !actions(allow, kind).words.iter().any(|action| action == BY_A_PRINCIPAL)
}

/// How far a principal can make one of the calls that are allowed. An account or a service has no token of an identity
/// provider; whether a session that came by one counts as who is `Federated` is nowhere said.
pub(super) fn callable(allow: &Statement<'_>, kind: Kind, named: &str, text: &str) -> Reach {
    if kind == Kind::Resource || text == "*" {
        return Reach::ANYONE;
    }
    let needs_no_token = || actions(allow, kind).words.iter().all(|action| action == BY_A_PRINCIPAL);
    match named {
        "AWS" | "Service" if is_by_token(allow, kind) => Reach::NOBODY,
        "Federated" if needs_no_token() => Reach::UNKNOWN,
        _ => Reach::ANYONE,
    }
}

impl<'p> Words<'p> {
    fn of_actions(scope: &'p Scope<'_>) -> Self {
        Self { words: lowered(&scope.words), is_all_but: scope.is_all_but }.or_everything()
    }

    fn of_resources(scope: &'p Scope<'_>) -> Self {
        let words = scope.words.iter().map(|word| Cow::Borrowed(&*word.text)).collect();
        Self { words, is_all_but: scope.is_all_but }.or_everything()
    }

    /// Where the grammar has no such element, as in the trust of a role, everything is meant.
    fn or_everything(self) -> Self {
        if self.words.is_empty() { Self { words: vec![Cow::Borrowed("*")], is_all_but: false } } else { self }
    }

    fn is_everything(&self) -> bool {
        !self.is_all_but && self.words.iter().any(|word| word == "*")
    }

    /// Where everything is meant, only what there is.
    fn narrow(&mut self, all: Vec<Cow<'p, str>>) {
        if self.is_everything() {
            self.words = all;
        }
    }

    fn means(&self, name: &str) -> bool {
        self.words.iter().any(|pattern| pattern::matches(pattern, name)) != self.is_all_but
    }

    /// How many things are told apart: all but some is one.
    fn len(&self) -> usize {
        if self.is_all_but { 1 } else { self.words.len() }
    }

    /// Which of the other's things are certainly covered; nothing if that is too much to find out.
    fn covered(&self, other: &Words<'_>, patience: &mut usize) -> Option<Vec<bool>> {
        if self.is_everything() {
            return spend(patience, other.len()).map(|()| vec![true; other.len()]);
        }
        match (self.is_all_but, other.is_all_but) {
            (false, true) => Some(vec![false]),
            (false, false) => {
                let covered = other
                    .words
                    .iter()
                    .map(|narrow| any(&self.words, patience, |wide| pattern::covers(wide, narrow), narrow));
                covered.collect()
            }
            (true, false) => {
                let spares = other
                    .words
                    .iter()
                    .map(|one| any(&self.words, patience, |spared| pattern::overlaps(spared, one), one));
                spares.map(|spares| spares.map(|spares| !spares)).collect()
            }
            // All but these covers all but those if these are among those.
            (true, true) => {
                let mut among = self
                    .words
                    .iter()
                    .map(|narrow| any(&other.words, patience, |wide| pattern::covers(wide, narrow), narrow));
                among.try_fold(true, |all, one| one.map(|one| all && one)).map(|all| vec![all])
            }
        }
    }
}

fn any(words: &[Cow<'_, str>], patience: &mut usize, holds: impl Fn(&str) -> bool, other: &str) -> Option<bool> {
    for word in words {
        spend(patience, if pattern::is_pattern(word) { word.len() * other.len() } else { 1 })?;
        if holds(word) {
            return Some(true);
        }
    }
    Some(false)
}

fn spend(patience: &mut usize, work: usize) -> Option<()> {
    *patience = patience.checked_sub(work.max(1)).unwrap_or_default();
    (*patience > 0).then_some(())
}
