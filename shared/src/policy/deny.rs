//! Whom the `Deny` statements of a policy leave over of an `Allow`.
//!
//! A `Deny` narrows only where it certainly covers: the same or more actions and resources, and everyone.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

use std::borrow::Cow;

use super::Kind;
use super::condition;
use super::document::{Document, Principal, Scope, Statement, lowered};
use super::pattern;
use super::reach::Reach;
use super::trust::Trust;

/// How much comparing one policy is worth, in pairs of characters: far more than any policy that a service stores can
/// take, and some milliseconds. After that a `Deny` no longer narrows, so that a hostile policy gains nothing by it.
const PATIENCE: usize = 10_000_000;

/// The `Deny` statements that spare only some.
#[derive(Debug)]
pub(super) struct Denies<'p> {
    denies: Vec<Deny<'p>>,
    patience: usize,
}

#[derive(Debug)]
struct Deny<'p> {
    actions: Words<'p>,
    resources: Words<'p>,
    /// Whom it does not hit.
    spared: Reach,
}

/// Patterns, and whether all but what they mean is meant.
#[derive(Debug)]
struct Words<'p> {
    words: Vec<Cow<'p, str>>,
    is_all_but: bool,
}

impl<'p> Denies<'p> {
    pub(super) fn of(document: &'p Document<'_>, trust: &Trust) -> Self {
        let denies = document.statements.iter().filter(|statement| !statement.allows);
        let denies = denies.filter_map(|statement| Deny::of(statement, trust)).collect();
        Self { denies, patience: PATIENCE }
    }

    /// Whom these leave over of what is allowed to everyone.
    pub(super) fn left(&mut self, allow: &Statement<'_>, kind: Kind) -> Reach {
        if self.denies.is_empty() {
            return Reach::ANYONE;
        }
        let (actions, resources) = (actions(allow, kind), Words::of_resources(&allow.resources));
        let mut left = Reach::ANYONE;
        let mut partial = vec![];
        for deny in &self.denies {
            let Some(hit) = deny.actions.covered(&actions, &mut self.patience) else { break };
            if !hit.contains(&true) {
                continue;
            }
            let Some(upon) = deny.resources.covered(&resources, &mut self.patience) else { break };
            if hit.iter().chain(&upon).all(|covered| *covered) {
                left = left.and(deny.spared);
            } else {
                partial.push((deny, hit, upon));
            }
        }
        let (actions, resources) = (actions.len(), resources.len());
        let work = actions.saturating_mul(resources).saturating_mul(partial.len());
        if partial.is_empty() || spend(&mut self.patience, work).is_none() {
            return left;
        }
        // Several may do together what none does alone: one for reading, one for writing.
        let of_pair = |action: usize, resource: usize| {
            let hits = partial.iter().filter(|(_, hit, upon)| hit[action] && upon[resource]);
            hits.fold(left, |left, (deny, ..)| left.and(deny.spared))
        };
        let pairs = (0..actions).flat_map(|action| (0..resources).map(move |resource| (action, resource)));
        pairs.map(|(action, resource)| of_pair(action, resource)).fold(Reach::NOBODY, Reach::or)
    }
}

impl<'p> Deny<'p> {
    /// Nothing if it spares anyone who takes the trouble.
    fn of(statement: &'p Statement<'_>, trust: &Trust) -> Option<Self> {
        let is_sure = statement.is_about_everyone();
        if !is_sure && !matches!(statement.principal, Principal::AllBut) {
            return None;
        }
        let spared = statement.condition.iter().map(|entry| condition::spared(entry, trust));
        let spared = spared.fold(Reach::NOBODY, Reach::or);
        let spared = if is_sure { spared } else { spared.or(Reach::UNKNOWN) };
        (spared != Reach::ANYONE).then(|| Self {
            actions: Words::of_actions(&statement.actions),
            resources: Words::of_resources(&statement.resources),
            spared,
        })
    }
}

/// The calls by which a role is assumed, and those that go along with one.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservicests.html>
const ASSUMING: [&str; 5] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:setsourceidentity",
    "sts:tagsession",
];

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

    fn means(&self, name: &str) -> bool {
        self.words.iter().any(|pattern| pattern::matches(pattern, name)) != self.is_all_but
    }

    /// How many things are told apart: all but some is one.
    fn len(&self) -> usize {
        if self.is_all_but { 1 } else { self.words.len() }
    }

    /// Which of the other's things are certainly covered; nothing if that is too much to find out.
    fn covered(&self, other: &Words<'_>, patience: &mut usize) -> Option<Vec<bool>> {
        if !self.is_all_but && self.words.iter().any(|word| word == "*") {
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
