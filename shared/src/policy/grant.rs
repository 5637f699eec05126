//! The ways in that one statement opens.
//!
//! Each can be closed by itself: one principal of a list, or else one value of a condition, or else the statement.

use std::collections::BTreeSet;

use super::Kind;
use super::condition::{self, About, Judged};
use super::deny::{self, Denies, Left};
use super::document::{Principal, Statement, listed, shown};
use super::matrix::{Apart, Matrix};
use super::narrowed::{Named, Narrowed};
use super::principal::Grantee;
use super::reach::Reach;
use super::said::Said;
use super::text::Node;
use super::trust::{Exposure, Trust};

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Counted from 0.
    pub statement: usize,
    pub exposure: Exposure,
    /// Whether this is so beyond doubt. What is not is narrowed by a condition or a `Deny` that is not judged here.
    pub certain: bool,
    /// Who gets in: a principal or a value of a condition, as the policy has it.
    pub grantee: String,
    /// Names the grant by its content, wherever in the policy it stands: the statement as if it granted only this.
    pub name: String,
    /// Whether more than reading is granted.
    pub writes: bool,
    /// One sentence.
    pub why: String,
    pub(super) part: Part,
    pub(super) kind: Kind,
}

impl Grant {
    /// Whether strangers get in.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        self.exposure.is_untrusted()
    }
}

/// The part of a statement that opens one way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Statement,
    /// The nth principal, counted through all lists.
    Principal(usize),
    /// A value of a key of the condition.
    Value {
        entry: usize,
        value: usize,
    },
}

pub(super) struct Context<'c> {
    pub text: &'c str,
    /// The document's.
    pub version: Option<&'c str>,
    pub kind: Kind,
    pub trust: &'c Trust,
    /// What every call says, if the policy is that of an access point.
    pub point: Vec<Said<'c>>,
}

/// The ways in of a statement that allows something.
pub(super) fn of_statement<'p>(
    index: usize,
    statement: &'p Statement<'p>,
    denies: &mut Denies<'p>,
    context: &Context<'_>,
) -> Vec<Grant> {
    if !deny::matters(statement, context.kind) {
        return vec![];
    }
    let mut left = denies.upon(statement);
    let named = named(statement, &mut left, context);
    let mut entries = condition::allowed(statement, context.kind, context.trust, &context.point);
    for (index, judged) in entries.iter_mut().enumerate() {
        judged.without(|value| {
            left.is_never_met(index, value) || condition::stands_for_nothing(statement, index, value, context.trust)
        });
    }
    let everyone = left.of_everyone();
    if !named.iter().any(|named| named.kind == "Federated") {
        for (index, judged) in entries.iter_mut().enumerate() {
            deny_values(index, judged, everyone, &mut left);
        }
    }
    let narrowed = Narrowed::by(entries.iter(), context.kind);
    let reaches: Vec<Reach> = named.iter().map(|named| narrowed.of(named.grantee, named.left)).collect();
    let writer = Writer::of(index, statement, &named, in_doubt(statement, &entries, everyone), context);
    let (entry, chosen) = match values(&entries, &named, &reaches, context.kind) {
        Some((entry, values)) => (Some(entry), values),
        None => (None, reaches),
    };
    let is_untrusted = chosen.iter().any(|reach| reach.exposure.is_untrusted());
    let matrix = is_untrusted.then(|| Matrix::of(&named, &entries, Narrowed::by(std::iter::empty(), context.kind)));
    match (matrix.flatten().and_then(|matrix| matrix.better_than(entry, &chosen)), entry) {
        (Some(apart), _) => writer.by_cell(&apart),
        (None, Some(entry)) => writer.by_value(entry, &chosen),
        (None, None) => writer.by_principal(&chosen),
    }
}

/// Whom a value names may be denied by a statement of their own.
fn deny_values(entry: usize, judged: &mut Judged, everyone: Reach, left: &mut Left<'_, '_>) {
    judged.change(|value, reach| {
        let of_value = left.of_value(entry, value);
        if of_value == everyone { reach } else { reach.and(of_value) }
    });
}

fn named<'s>(statement: &'s Statement<'s>, left: &mut Left<'_, 's>, context: &Context<'_>) -> Vec<Named<'s>> {
    let is_by_token = left.is_by_token();
    let by_token = if condition::asks_who_signs(statement) { Reach::UNKNOWN } else { Reach::ANYONE };
    match &statement.principal {
        Principal::Missing => vec![],
        Principal::AllBut(_) => {
            let left = left.of_everyone();
            vec![Named { kind: "", text: "everyone", grantee: Grantee::Everyone, left, never: vec![] }]
        }
        Principal::Those(lists) => {
            let named = lists.iter().flat_map(|list| list.words.iter().map(move |word| (list, word)));
            let named = named.map(|(list, word)| {
                let (kind, text) = (&*list.kind, &*word.text);
                let grantee = match Grantee::of(kind, text, context.trust) {
                    Grantee::Everyone if is_by_token => Grantee::WITH_ANY_TOKEN,
                    grantee => grantee,
                };
                let never = left.never_said_by(kind, text);
                let left = match grantee {
                    Grantee::Everyone => left.of_everyone(),
                    // Whether a star means who is signed in elsewhere is nowhere said.
                    Grantee::SignedIn(..) if is_by_token => left.of_principal("Federated", text).and(by_token),
                    Grantee::SignedIn(..) => left.of_principal("Federated", text),
                    _ => left.of_principal(kind, text),
                };
                Named { kind, text, grantee, left, never }
            });
            named.collect()
        }
    }
}

/// The key whose values differ in whom they let in, and whom each does. Nothing if no value is to blame, or if those
/// who are named beside strangers, and may stay, would lose by it what they need.
fn values(entries: &[Judged], named: &[Named<'_>], reaches: &[Reach], kind: Kind) -> Option<(usize, Vec<Reach>)> {
    let is_one_untrusted = reaches.iter().any(|reach| reach.exposure.is_untrusted());
    let is_trusted = |reach: &Reach| !reach.exposure.is_untrusted() && reach.exposure != Exposure::None;
    // What is certain of one principal would be lost in the doubt about another.
    let is = |certain: bool| reaches.iter().any(|reach| reach.exposure.is_untrusted() && reach.certain == certain);
    if is(true) && is(false) {
        return None;
    }
    let is_one_trusted = reaches.iter().any(is_trusted);
    let trusted = named.iter().zip(reaches).filter(|(_, reach)| is_trusted(reach));
    let (services, others): (Vec<_>, Vec<_>) = trusted.partition(|(named, _)| named.grantee == Grantee::Service);
    // Whom a value names is nobody of those who may stay, unless it names a way, or everyone. For whom a service acts a
    // source tells, which tells nothing of others, as what tells of other callers tells nothing of services.
    let names_others = |judged: &Judged| match judged.about {
        About::Source if services.is_empty() => true,
        About::Caller | About::Claim { .. } | About::SessionName | About::Pool | About::Guests if others.is_empty() => {
            true
        }
        About::Way | About::Key => false,
        _ => judged.values.iter().all(|value| value.is_narrower_than_public()),
    };
    let may_differ = |judged: &Judged| judged.values.len() > 1 && (!is_one_trusted || names_others(judged));
    let several = entries.iter().enumerate().filter(|(_, judged)| is_one_untrusted && may_differ(judged));
    // Best is a key that names strangers apart from friends; then one that names the fewest.
    let is_way = |judged: &Judged| matches!(judged.about, About::Way | About::Key);
    let may_mean_friends = |judged: &Judged| is_way(judged) || judged.values.contains(&Reach::ANYONE);
    let somebody = |value: &&Reach| value.exposure != Exposure::None;
    let narrowest = |judged: &Judged| judged.values.iter().filter(somebody).map(|value| value.exposure).min();
    let rank = |judged: &Judged| {
        let narrowest = narrowest(judged).unwrap_or(Exposure::Public);
        (may_mean_friends(judged), narrowest, is_way(judged))
    };
    let (entry, _) = several.min_by_key(|(_, judged)| rank(judged))?;
    let others = entries.iter().enumerate().filter(|(index, _)| *index != entry).map(|(_, judged)| judged);
    let others = Narrowed::by(others, kind);
    let reach = |(value, reach): (usize, &Reach)| {
        let narrowed = others.and(entries[entry].about_value(*reach), *reach);
        let who_may_have_it = named.iter().filter(|named| !named.never.contains(&(entry, value)));
        let grantees = distinct(who_may_have_it).into_iter();
        grantees.map(|(grantee, left)| narrowed.of(grantee, left)).fold(Reach::NOBODY, Reach::or)
    };
    let values: Vec<Reach> = entries[entry].values.iter().enumerate().map(reach).collect();
    let differ = values.iter().any(|value| *value != values[0]);
    let is_enough = !is_one_trusted || values.iter().any(|value| !value.exposure.is_untrusted());
    (differ && is_enough).then_some((entry, values))
}

/// A policy may name thousands who are all the same to it.
fn distinct<'n>(named: impl Iterator<Item = &'n Named<'n>>) -> Vec<(Grantee, Reach)> {
    let mut distinct: Vec<(Grantee, Reach)> = vec![];
    for named in named {
        if !distinct.contains(&(named.grantee, named.left)) {
            distinct.push((named.grantee, named.left));
        }
    }
    distinct
}

/// What keeps people out or does not, in a way that is not judged here.
fn in_doubt(statement: &Statement<'_>, entries: &[Judged], left: Reach) -> Option<String> {
    let is_unknown =
        |judged: &Judged| judged.reach == Reach::UNKNOWN || judged.values.iter().any(|value| !value.certain);
    let mut keys = statement.condition.iter().zip(entries).filter(|(_, judged)| is_unknown(judged));
    let of_key = |key| format!(", if the condition on `{}` does not keep them out", shown(key));
    let of_key = keys.next().map(|(entry, _)| of_key(&entry.key));
    of_key.or_else(|| (left != Reach::ANYONE).then(|| ", unless a `Deny` in the same policy keeps them out".to_owned()))
}

/// Writes the grants of one statement.
struct Writer<'w, 's> {
    index: usize,
    statement: &'w Statement<'s>,
    named: &'w [Named<'w>],
    context: &'w Context<'w>,
    /// `statement 1`
    which: String,
    /// `do s3:GetObject`
    what: String,
    writes: bool,
    doubt: Option<String>,
}

impl<'w, 's> Writer<'w, 's> {
    fn of(
        index: usize,
        statement: &'w Statement<'s>,
        named: &'w [Named<'w>],
        doubt: Option<String>,
        context: &'w Context<'w>,
    ) -> Self {
        let sid = statement.sid.as_deref().filter(|sid| !sid.is_empty());
        let sid = sid.map(|sid| format!(" (`{}`)", shown(sid))).unwrap_or_default();
        let (actions, resources) = (&statement.actions, &statement.resources);
        let verb = if actions.is_all_but { "do anything but" } else { "do" };
        // Where everything is meant nothing is said, as the policy is attached to it.
        let upon = match (resources.is_everything(), resources.is_all_but) {
            (true, _) => String::new(),
            (false, true) => format!(" on anything but {}", listed(&resources.words)),
            (false, false) => format!(" on {}", listed(&resources.words)),
        };
        Self {
            index,
            statement,
            named,
            context,
            which: format!("statement {}{sid}", index + 1),
            what: format!("{verb} {}{upon}", listed(&actions.words)),
            writes: actions.is_all_but || actions.words.iter().any(|action| !is_read(&action.text)),
            doubt,
        }
    }

    fn by_principal(&self, reaches: &[Reach]) -> Vec<Grant> {
        let is_one = self.named.len() == 1;
        let mut names = Names::of(self, if is_one { &[] } else { &["Principal"] });
        let grants = self.named.iter().zip(reaches).enumerate().map(|(index, (named, reach))| {
            let part = if is_one { Part::Statement } else { Part::Principal(index) };
            let name = if is_one { names.whole() } else { names.of_principal(named) };
            let who = self.who(named, *reach);
            let how = match named.grantee {
                Grantee::Known(Reach::NOBODY) => ", but that was deleted, so it lets in nobody",
                Grantee::Known(_) | Grantee::Member(_) => how_of_one(*reach),
                grantee if grantee.is_of_tenants() && reach.exposure == Exposure::Account => ONLY_WHOM_IT_NAMES,
                _ => how_of_many(*reach),
            };
            self.grant(part, named.text, name, &who, how, *reach)
        });
        grants.collect()
    }

    fn by_value(&self, entry: usize, values: &[Reach]) -> Vec<Grant> {
        let written = &self.statement.condition[entry];
        let who = match self.named {
            [one] => self.who(one, Reach::ANYONE),
            named => format!("{} principals", named.len()),
        };
        let (operator, key) = (&*written.operator, &*written.key);
        let mut names = Names::of(self, &["Condition", operator, key]);
        let grants = written.values.iter().zip(values).enumerate().map(|(value, (word, reach))| {
            let who = format!("{who} with `{}` `{}`", shown(key), shown(&word.text));
            let name = names.of_value(operator, key, &word.text);
            let is_tenant = self.named.iter().all(|named| named.grantee.is_of_tenants());
            let how = if is_tenant && reach.exposure == Exposure::Account { UNCHECKED } else { how_of_one(*reach) };
            self.grant(Part::Value { entry, value }, &word.text, name, &who, how, *reach)
        });
        grants.collect()
    }

    /// Principals and values, each as far as it opens a way in that no other part of them does.
    fn by_cell(&self, apart: &Apart) -> Vec<Grant> {
        let mut grants = self.by_principal(&apart.principals);
        let entries: BTreeSet<usize> = apart.values.iter().map(|(entry, ..)| *entry).collect();
        for entry in entries {
            let mut reaches = vec![Reach::NOBODY; self.statement.condition[entry].values.len()];
            let here = apart.values.iter().filter(|(of, ..)| *of == entry);
            here.for_each(|(_, value, reach)| reaches[*value] = *reach);
            grants.extend(self.by_value(entry, &reaches).into_iter().filter(Grant::is_untrusted));
        }
        grants
    }

    fn grant(&self, part: Part, grantee: &str, name: String, who: &str, how: &str, reach: Reach) -> Grant {
        let how = match &self.doubt {
            Some(doubt) if !reach.certain => doubt,
            _ if !reach.certain => ", and whose that is cannot be told",
            _ => how,
        };
        let lets = if reach.exposure == Exposure::None { "would let" } else { "lets" };
        Grant {
            statement: self.index,
            exposure: reach.exposure,
            certain: reach.certain,
            grantee: grantee.to_owned(),
            name,
            writes: self.writes,
            why: match how {
                // It is said of whom, and not of what.
                STRANGER => format!("{} {lets} {who}, {how}, {}", self.which, self.what),
                _ => format!("{} {lets} {who} {}{how}", self.which, self.what),
            },
            part,
            kind: self.context.kind,
        }
    }

    fn who(&self, named: &Named<'_>, reach: Reach) -> String {
        match named.grantee {
            Grantee::Everyone if matches!(self.statement.principal, Principal::AllBut(_)) => {
                "everyone but those it names".to_owned()
            }
            Grantee::Everyone => "everyone".to_owned(),
            Grantee::SignedIn(..) if reach.exposure == Exposure::Public => {
                format!("everyone who signs in with `{}`", shown(named.text))
            }
            Grantee::Known(Reach::NOBODY) => format!("the deleted principal `{}`", shown(named.text)),
            _ => format!("`{}`", shown(named.text)),
        }
    }
}

const STRANGER: &str = "which is not trusted";

/// Said of tenants of a provider that many share, such as repositories of GitHub.
pub const UNCHECKED: &str = ", and whose that is, is not checked";
const ONLY_WHOM_IT_NAMES: &str = ", but only for whoever its condition names, and whose that is, is not checked";

fn how_of_one(reach: Reach) -> &'static str {
    match reach.exposure {
        Exposure::None => ", but a condition or a `Deny` keeps them out",
        Exposure::Foreign => STRANGER,
        Exposure::Service => ", and does not say on whose behalf",
        _ => "",
    }
}

fn how_of_many(reach: Reach) -> &'static str {
    match reach.exposure {
        Exposure::None => ", but nobody is left to whom that applies",
        Exposure::Account => ", but only for a trusted account",
        Exposure::Organization => ", but only for a trusted organization or network",
        Exposure::Service => ", and does not say on whose behalf",
        Exposure::Foreign => ", limited by its condition to callers or networks that are not trusted",
        Exposure::Public => "",
    }
}

/// The names of the grants of one statement: each is the statement as if it granted only this, in the one spelling that
/// all spellings of it share. Nothing that stands beside a grant is in its name, or a hold would be lost by it.
struct Names<'c> {
    content: Node,
    /// The document's.
    version: Option<&'c str>,
    /// Whether a variable is in what the grants have in common.
    is_variable: bool,
}

impl<'c> Names<'c> {
    /// What is longer is named by its digest and by whom it lets in.
    const LONGEST: usize = 1024;

    /// `differs` is the path to what the grants do not have in common; empty if there is one grant.
    fn of(writer: &Writer<'c, '_>, differs: &[&str]) -> Self {
        let text = &writer.context.text[writer.statement.place.clone()];
        let mut content = Node::of_statement(text).unwrap_or_else(|| Node::Text(text.to_owned()));
        if let (Principal::Those(_), [one]) = (&writer.statement.principal, writer.named) {
            content.set(&["Principal"], Node::principal(one.kind, one.text));
        }
        if !differs.is_empty() {
            content.set(differs, Node::Literal("null".to_owned()));
        }
        let is_variable = content.has_a_variable();
        content.shorten_members();
        Self { content, version: writer.context.version, is_variable }
    }

    fn whole(&self) -> String {
        self.name(self.is_variable)
    }

    fn of_principal(&mut self, named: &Named<'_>) -> String {
        self.of_one(&["Principal"], Node::principal(named.kind, named.text))
    }

    fn of_value(&mut self, operator: &str, key: &str, value: &str) -> String {
        self.of_one(&["Condition", operator, key], Node::Text(value.to_owned()))
    }

    fn of_one(&mut self, path: &[&str], mut value: Node) -> String {
        let is_variable = self.is_variable || value.has_a_variable();
        value.shorten();
        self.content.set(path, value);
        self.name(is_variable)
    }

    fn name(&self, is_variable: bool) -> String {
        let content = self.content.clone();
        let content = if is_variable { content.with_version(self.version) } else { content };
        let name = content.to_string();
        if name.len() <= Self::LONGEST {
            return name;
        }
        let mut short = Node::digest(&name);
        if let Some(principal) = content.member("Principal") {
            short.set(&["Principal"], principal.clone());
        }
        short.to_string()
    }
}

fn is_read(action: &str) -> bool {
    let name = action.split_once(':').map_or(action, |(_, name)| name).to_ascii_lowercase();
    ["get", "list", "head", "describe"].iter().any(|verb| name.starts_with(verb))
}

/// What goes of one statement.
#[derive(Debug, Default)]
pub(super) struct Going {
    pub whole: bool,
    pub principals: BTreeSet<usize>,
    pub values: BTreeSet<(usize, usize)>,
}

impl Going {
    pub(super) fn add(&mut self, part: Part) {
        match part {
            Part::Statement => self.whole = true,
            Part::Principal(index) => drop(self.principals.insert(index)),
            Part::Value { entry, value } => drop(self.values.insert((entry, value))),
        }
    }
}
