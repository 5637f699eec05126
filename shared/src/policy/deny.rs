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
use super::principal::{Grantee, is_fixed};
use super::reach::Reach;
use super::said::{Said, is_session_of, may_mean, roles_of};
use super::trust::{Exposure, Trust};

/// How much comparing one policy is worth, in pairs of characters: far more than any policy that a service stores can
/// take, and some milliseconds. After that a `Deny` no longer narrows, so that a hostile policy gains nothing by it.
const PATIENCE: usize = 10_000_000;

#[derive(Debug)]
pub(super) struct Denies<'p> {
    all: Vec<Deny<'p>>,
    attached: &'p Attached<'p>,
    kind: Kind,
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
    /// `NotPrincipal`, and at most whom these are. Of an account that is named, it depends on how a caller is named.
    AllBut(Vec<(&'p str, &'p str)>, Reach),
}

/// The `Deny` statements that are upon something that one `Allow` allows.
#[derive(Debug)]
pub(super) struct Left<'d, 'p> {
    allow: &'p Statement<'p>,
    denies: Vec<Upon<'d, 'p>>,
    /// What is certain of every call that the `Allow` admits, whoever makes it.
    said: Vec<Said<'p>>,
    actions: Pieces<'p>,
    resources: Pieces<'p>,
    kind: Kind,
    patience: &'d mut usize,
    patience_for_asked: usize,
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

/// What is allowed, piece by piece: of each word what there is, as far as that is known.
#[derive(Debug)]
struct Pieces<'p> {
    words: Words<'p>,
    /// What there is, and whether that is certain.
    parts: Words<'p>,
    is_told: bool,
    /// A word and a part that both mean it.
    all: Vec<(usize, Option<usize>)>,
}

/// Patterns, and whether all but what they mean is meant.
#[derive(Debug)]
struct Words<'p> {
    words: Vec<Cow<'p, str>>,
    is_all_but: bool,
}

impl<'p> Denies<'p> {
    pub(super) fn of(document: &'p Document<'_>, attached: &'p Attached<'p>, kind: Kind, trust: &Trust) -> Self {
        let denies = document.statements.iter().filter(|statement| !statement.allows);
        let all = denies.map(|statement| Deny::of(statement, attached, kind, trust)).collect();
        Self { all, attached, kind, patience: PATIENCE }
    }

    /// Those that are upon what is allowed.
    pub(super) fn upon(&mut self, allow: &'p Statement<'p>) -> Left<'_, 'p> {
        let Self { all, attached, kind, patience } = self;
        let (mut services, mut parts, mut is_told) = (vec![], vec![], (true, true));
        if *kind == Kind::Resource && !all.is_empty() {
            let service = service_of(&allow.resources.words);
            is_told = (attached.is_told || service.is_some(), attached.is_told);
            let service = service.map(|name| pattern::lower(name)).or_else(|| attached.service.clone());
            services.extend(service.map(|name| Cow::Owned(format!("{name}:*"))));
            parts = attached.parts();
        }
        let actions = Pieces::of(actions(allow, *kind), services, is_told.0, patience);
        let resources = Pieces::of(Words::of_resources(&allow.resources), parts, is_told.1, patience);
        let (denies, said, patience_for_asked) = (vec![], vec![], PATIENCE / 10);
        let mut left = Left { allow, denies, said, actions, resources, kind: *kind, patience, patience_for_asked };
        for deny in all.iter() {
            let Some((actions, is_sure)) = left.actions.covered_by(&deny.actions, left.patience) else { break };
            if !actions.contains(&true) {
                continue;
            }
            let Some((resources, too)) = left.resources.covered_by(&deny.resources, left.patience) else { break };
            left.denies.push(Upon { deny, actions, resources, is_sure: is_sure && too });
        }
        if !left.denies.is_empty() {
            left.said = allow.condition.iter().flat_map(|entry| Said::by_condition(entry, None)).collect();
        }
        left
    }
}

impl<'p> Left<'_, 'p> {
    /// Whom they leave over of everyone who meets the condition of the `Allow`.
    pub(super) fn of_everyone(&mut self) -> Reach {
        self.of(None, &[])
    }

    /// What they leave over of one whom the `Allow` names, who can only make some of the calls.
    pub(super) fn of_principal(&mut self, kind: &str, text: &'p str) -> Reach {
        let said = Said::by_principal(kind, text);
        let Self { allow, patience, .. } = self;
        let pairs = said.iter().flat_map(|said| allow.condition.iter().map(move |entry| (said, entry)));
        let mut asked = pairs.filter(|(said, entry)| spend(patience, said.work(entry)).is_some());
        // Whom the statement names and what it asks of them may exclude each other.
        if asked.any(|(said, entry)| said.fails(entry)) {
            return Reach::NOBODY;
        }
        self.of(Some((kind, text)), &said)
    }

    /// Which values of a key with several in the condition of the `Allow` no call has that one makes whom it names, each with
    /// the number of the key.
    pub(super) fn never_said_by(&mut self, kind: &str, text: &'p str) -> Vec<(usize, usize)> {
        let said = Said::by_principal(kind, text);
        let several = self.allow.condition.iter().enumerate().filter(|(_, entry)| entry.values.len() > 1);
        let mut never = vec![];
        for (index, entry) in several {
            for said in said.iter().filter(|said| said.is_of(entry)) {
                if self.patience_for_asked > 0 && spend(&mut self.patience_for_asked, said.work(entry)).is_some() {
                    let values = 0..entry.values.len();
                    never.extend(values.filter(|value| said.fails_value(entry, *value)).map(|value| (index, value)));
                }
            }
        }
        never
    }

    /// Whether the condition of the `Allow` asks for this value of one of its entries, and by another for something else.
    pub(super) fn is_never_met(&mut self, entry: usize, value: usize) -> bool {
        if self.patience_for_asked == 0 {
            return false;
        }
        let said = Said::by_condition(&self.allow.condition[entry], Some(value));
        let others = self.allow.condition.iter().enumerate().filter(|(index, _)| *index != entry);
        let pairs = said.iter().flat_map(|said| others.clone().map(move |(_, other)| (said, other)));
        let mut pairs = pairs.filter(|(said, other)| said.is_of(other));
        let patience = &mut self.patience_for_asked;
        pairs.any(|(said, other)| spend(patience, said.work(other)).is_some() && said.fails(other))
    }

    /// Whether they leave over to strangers only those calls that are made with a token of an identity provider.
    pub(super) fn is_by_token(&mut self) -> bool {
        let Self { allow, denies, said, actions, kind, patience, .. } = self;
        let is_denied = |action: usize, patience: &mut usize| {
            let mut denies = denies.iter().filter(|upon| upon.actions[action]);
            denies.any(|upon| !upon.deny.spares(None, &[], said, (allow, false), patience).exposure.is_untrusted())
        };
        if *kind != Kind::Trust {
            return false;
        }
        let words = actions.words.words.iter().enumerate();
        let mut left = words.filter(|(action, _)| !is_denied(*action, patience)).map(|(_, name)| name).peekable();
        left.peek().is_some() && left.all(|name| name != BY_A_PRINCIPAL)
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
        // Who has no token signs to assume a role.
        let is_signed = self.kind == Kind::Trust && self.actions.words.words.iter().all(|name| name == BY_A_PRINCIPAL);
        let mut partial = vec![];
        let mut avoided: Vec<&Deny<'_>> = vec![];
        for upon in &self.denies {
            let spared = upon.deny.spares(named, said, &self.said, (self.allow, is_signed), self.patience);
            let spared = if upon.is_sure { spared } else { spared.or(Reach::UNKNOWN) };
            let is_whole = upon.actions.iter().chain(&upon.resources).all(|covered| *covered);
            if spared == Reach::ANYONE {
                // Whoever avoids one of two may be hit by the other.
                if is_whole && avoided.iter().any(|other| upon.deny.excludes(other) || other.excludes(upon.deny)) {
                    left = left.and(Reach::UNKNOWN);
                }
                avoided.extend(is_whole.then_some(upon.deny));
                continue;
            }
            if is_whole {
                left = left.and(spared);
            } else {
                partial.push((spared, upon));
            }
        }
        let (actions, resources) = (&self.actions, &self.resources);
        let callable = |action: usize| match named {
            Some((kind, text)) if self.kind == Kind::Trust => callable(kind, text, &actions.words.words[action]),
            _ => Reach::ANYONE,
        };
        let work = actions.len().saturating_mul(resources.len()).saturating_mul(partial.len());
        if self.kind == Kind::Resource && partial.is_empty() || spend(self.patience, work).is_none() {
            return left;
        }
        // Several may do together what none does alone: one for reading, one for writing.
        let of_pair = |action: usize, resource: usize| {
            let hits = partial.iter().filter(|(_, upon)| upon.actions[action] && upon.resources[resource]);
            hits.fold(left.and(callable(action)), |left, (spared, _)| left.and(*spared))
        };
        let may_be = |action: usize, resource: usize| {
            let mut actions = actions.named(action);
            actions.all(|action| resources.named(resource).all(|resource| may_be_upon(action, resource)))
        };
        let pairs = (0..actions.len()).flat_map(|action| (0..resources.len()).map(move |resource| (action, resource)));
        let mut pairs = pairs.filter(|(action, resource)| may_be(*action, *resource)).peekable();
        // AWS refuses a statement of which no action can be upon any resource.
        let none = if pairs.peek().is_some() { Reach::NOBODY } else { left };
        pairs.map(|(action, resource)| of_pair(action, resource)).fold(none, Reach::or)
    }
}

impl<'p> Pieces<'p> {
    fn of(words: Words<'p>, parts: Vec<Cow<'p, str>>, is_told: bool, patience: &mut usize) -> Self {
        let parts = Words { words: parts, is_all_but: false };
        let mut pieces = vec![];
        for word in 0..words.len() {
            let before = pieces.len();
            for (part, text) in parts.words.iter().enumerate() {
                if words.may_mean(word, text, patience) {
                    pieces.push((word, Some(part)));
                }
            }
            if pieces.len() == before {
                pieces.push((word, None));
            }
        }
        Self { words, parts, is_told, all: pieces }
    }

    fn len(&self) -> usize {
        self.all.len()
    }

    /// The patterns that mean a piece.
    fn named(&self, piece: usize) -> impl Iterator<Item = &str> {
        let (word, part) = self.all[piece];
        let word = (!self.words.is_all_but).then(|| &*self.words.words[word]);
        word.into_iter().chain(part.map(|part| &*self.parts.words[part]))
    }

    /// Which pieces are certainly covered by what is denied, and whether that is so whatever there is; nothing if that is too
    /// much to find out.
    fn covered_by(&self, denied: &Words<'_>, patience: &mut usize) -> Option<(Vec<bool>, bool)> {
        let (words, parts) = (denied.covered(&self.words, patience)?, denied.covered(&self.parts, patience)?);
        let by_part = |part: Option<usize>| part.is_some_and(|part| parts[part]);
        let covered = self.all.iter().map(|(word, part)| words[*word] || by_part(*part)).collect();
        Some((covered, self.is_told || self.all.iter().all(|(word, part)| words[*word] || !by_part(*part))))
    }
}

impl<'p> Deny<'p> {
    fn of(statement: &'p Statement<'p>, attached: &Attached<'_>, kind: Kind, trust: &Trust) -> Self {
        let point: Vec<Said<'_>> = attached.access_point().into_iter().flat_map(Said::by_access_point).collect();
        let spared = |entry: &Entry<'_>| condition::spared(entry, statement, kind, trust, &point);
        let whom = match &statement.principal {
            _ if statement.is_about_everyone() => Whom::Everyone,
            Principal::AllBut(lists) => {
                let names = names(lists);
                let most = names.iter().map(|(kind, text)| at_most(Grantee::of(kind, text, trust)));
                let most = most.fold(Reach::NOBODY, Reach::or);
                Whom::AllBut(names, most)
            }
            Principal::Missing => Whom::Those(vec![]),
            Principal::Those(lists) => Whom::Those(names(lists)),
        };
        Self {
            actions: Words::of_actions(&statement.actions),
            resources: Words::of_resources(&statement.resources),
            whom,
            condition: statement.condition.iter().map(|entry| (entry, spared(entry))).collect(),
        }
    }

    /// Whether whoever is not hit by it, and has what it asks for, is hit by another.
    fn excludes(&self, other: &Deny<'_>) -> bool {
        let ([(entry, _)], [(asked, _)]) = (&self.condition[..], &other.condition[..]) else { return false };
        let is_of_everyone = matches!((&self.whom, &other.whom), (Whom::Everyone, Whom::Everyone));
        is_of_everyone && Said::by_avoiding(entry).is_some_and(|said| said.meets(asked))
    }

    /// Whom it does not hit of those who are named and say this, by who they are or by what the `Allow` asks for, which may
    /// admit only calls that are signed.
    fn spares(
        &self,
        named: Option<(&str, &str)>,
        said: &[Said<'_>],
        asked: &[Said<'_>],
        (allow, is_signed): (&Statement<'_>, bool),
        patience: &mut usize,
    ) -> Reach {
        let all = || said.iter().chain(asked);
        let is_federated = named.is_some_and(|(kind, _)| kind == "Federated");
        let spared = match &self.whom {
            Whom::Everyone if !is_federated => Reach::NOBODY,
            Whom::AllBut(those, most) if !is_federated => {
                let work = those.len().saturating_mul(said.len() + asked.len() + 1);
                let is_another = spend(patience, work).is_some() && all().any(|said| said.is_of_none(those));
                if is_another { Reach::NOBODY } else { *most }
            }
            // Whether a star means who is signed in elsewhere is nowhere said.
            Whom::Everyone | Whom::AllBut(..) => Reach::UNKNOWN,
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
        let is_of_aws = |(kind, _): (&str, &str)| kind == "AWS";
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
                Reach::ANYONE if is_signed && !is_federated && condition::is_of_no_service(entry) => {
                    Reach::certain(Exposure::Service)
                }
                Reach::ANYONE if condition::is_of_another_provider(entry, named) => Reach::UNKNOWN,
                Reach::ANYONE if is_federated && condition::is_of_no_principal(entry) => Reach::UNKNOWN,
                by_entry if condition::holds_on_another_way(entry, allow) => by_entry.and(Reach::UNKNOWN),
                by_entry if condition::is_left_out_too(entry, allow) => by_entry.and(Reach::UNKNOWN),
                Reach::UNKNOWN if condition::is_callers_choice(entry, named, &allow.actions) => Reach::ANYONE,
                Reach::ANYONE if named.is_some_and(is_of_aws) && condition::may_mean_anybody(entry) => Reach::UNKNOWN,
                by_entry => by_entry,
            });
        }
        spared
    }
}

/// Whom a `Deny` of all but one may spare. It hits all other accounts, services, and who does not sign.
fn at_most(one: Grantee) -> Reach {
    match one {
        Grantee::Known(reach) => Reach { certain: !reach.exposure.is_untrusted(), ..reach },
        Grantee::Service => Reach::certain(Exposure::Service),
        Grantee::Everyone | Grantee::SignedIn(..) | Grantee::Member(_) => Reach::UNKNOWN,
    }
}

fn names<'p>(lists: &'p [List<'p>]) -> Vec<(&'p str, &'p str)> {
    lists.iter().flat_map(|list| list.words.iter().map(|word| (&*list.kind, &*word.text))).collect()
}

/// The calls by which a role is assumed. Those that go along with one (`sts:TagSession`) let in nobody by themselves.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservicests.html>
const ASSUMING: [&str; 3] = [BY_A_PRINCIPAL, WITH_SAML, "sts:assumerolewithwebidentity"];
const BY_A_PRINCIPAL: &str = "sts:assumerole";
const WITH_SAML: &str = "sts:assumerolewithsaml";

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

/// How far a principal can make a call that assumes a role. An account or a service has no token of an identity provider,
/// and each provider has tokens of one sort; whether a session that came by one counts as who is `Federated` is nowhere said.
fn callable(kind: &str, text: &str, action: &str) -> Reach {
    let is_by_principal = action == BY_A_PRINCIPAL;
    match kind {
        _ if text == "*" => Reach::ANYONE,
        "AWS" | "Service" if !is_by_principal => Reach::NOBODY,
        "Federated" if is_by_principal => Reach::UNKNOWN,
        "Federated" if is_fixed(text) && text.contains(":saml-provider/") != (action == WITH_SAML) => Reach::NOBODY,
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

    /// Whether one of the things that are told apart may be of this.
    fn may_mean(&self, index: usize, part: &str, patience: &mut usize) -> bool {
        let is_worth_it = |word: &str, patience: &mut usize| spend(patience, word.len() * part.len()).is_some();
        if self.is_all_but {
            return !self.words.iter().any(|word| is_worth_it(word, patience) && pattern::covers(word, part));
        }
        let word = &self.words[index];
        word == "*" || is_worth_it(word, patience) && pattern::overlaps(word, part)
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
