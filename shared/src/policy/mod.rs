//! Whom a resource policy or the trust of a role lets in, and the policy without those who should not be let in.
//!
//! [`Policy::judge`] reads the whole policy: who is named, what a condition makes of it, whom a `Deny` keeps out. It
//! never takes what it does not know for safe, and says so. [`Policy::without`] takes out the smallest part that lets
//! somebody in, and keeps everything else byte for byte.
//! Grammar: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
//! What is public: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>

mod attached;
mod condition;
mod date;
mod deny;
mod document;
mod edit;
mod grant;
pub mod identity;
mod ids;
pub mod kept;
mod known;
mod matrix;
mod narrowed;
mod operator;
pub mod pattern;
mod principal;
mod reach;
mod said;
mod text;
mod trust;

use std::collections::BTreeMap;
use std::ops::Range;
use std::slice;

use attached::Attached;
use deny::Denies;
use document::{Document, Principal, Statement, Stray};
use grant::{Context, Going};
use said::Said;

pub use document::NotUnderstood;
pub(crate) use document::nearest;
pub use grant::{Grant, UNCHECKED};
pub use principal::{is_account, is_organization};
pub use text::PolicyText;
pub use trust::{Exposure, Trust};

/// What a policy document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bucket, a queue, a key, a function, …
    Resource,
    /// A role: who may assume it.
    Trust,
}

/// A policy document, with the place of everything that may have to go.
#[derive(Debug)]
pub struct Policy<'a> {
    text: &'a str,
    document: Document<'a>,
}

/// Whom a policy lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// As wide as the widest grant.
    pub exposure: Exposure,
    /// All of them, also those to whom the operator trusts.
    pub grants: Vec<Grant>,
}

/// The kinds of principals.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
const KINDS: [&str; 4] = ["AWS", "Service", "Federated", "CanonicalUser"];

/// What a lone `Principal` can be, and what stands in its place for anybody in particular.
const LONE: [&str; 2] = ["*", r#"{"AWS": "111122223333"}"#];

/// What a principal of `AWS` can be.
const NAMED: [&str; 3] = ["*", "111122223333", "arn:aws:iam::111122223333:role/reader"];

/// What a principal of `Service` is: one by its name.
const SERVICE: [&str; 1] = [r#""Service": "cloudtrail.amazonaws.com""#];

/// How many names an error lists of those that are possible.
const MOST_NAMED: usize = 12;

/// What is left of the trust of a role that nobody should assume: without a statement it would be no policy, and the
/// owner's account in its place would let in whoever may assume any role.
pub const NOBODY: &str = r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#;

impl<'a> Policy<'a> {
    /// Reads a policy document.
    ///
    /// # Errors
    /// Says what is not understood, and where.
    pub fn parse(text: &'a str) -> Result<Self, NotUnderstood> {
        Ok(Self { text, document: Document::parse(text)? })
    }

    /// Whether everything in it is of the grammar, as it is in whatever AWS accepts. A misspelt element is passed over
    /// otherwise, and the policy judged as if it were not there.
    ///
    /// # Errors
    /// Names the first that is not, and what it may have been meant to be.
    pub fn has_no_strays(&self) -> Result<(), NotUnderstood> {
        let kinds = self.document.statements.iter().flat_map(|statement| statement.principal.lists());
        let of_no_kind = kinds
            .filter(|list| !KINDS.contains(&&*list.kind))
            .map(|list| (list.place.start, list.kind.to_string(), KINDS.as_slice()));
        let of_aws = self.document.statements.iter().flat_map(|statement| statement.principal.lists());
        let nobody = of_aws.filter(|list| list.kind == "AWS").flat_map(|list| {
            // A lone text has no member around it, and can only be everyone.
            let is_lone = list.words.len() == 1 && list.words[0].place == list.place;
            let wrong = list
                .words
                .iter()
                .filter(move |word| !(word.text == "*" || !is_lone && principal::is_named(&word.text)));
            wrong.map(move |word| {
                (word.place.start, word.text.to_string(), if is_lone { LONE.as_slice() } else { NAMED.as_slice() })
            })
        });
        let services = self.document.statements.iter().flat_map(|statement| statement.principal.lists());
        let services = services.filter(|list| list.kind == "Service").flat_map(|list| &list.words);
        let no_service = services
            .filter(|word| pattern::is_pattern(&word.text))
            .map(|word| (word.place.start, word.text.to_string(), SERVICE.as_slice()));
        let strays = self.document.strays.iter().map(|Stray { place, expected }| {
            (place.start, self.text[place.clone()].trim_matches('"').to_owned(), *expected)
        });
        let Some((position, found, expected)) =
            strays.chain(of_no_kind).chain(nobody).chain(no_service).min_by_key(|(position, ..)| *position)
        else {
            return Ok(());
        };
        let nearest = document::nearest(&found, expected);
        // Of a long list, the first is an example.
        let expected = if expected.len() > MOST_NAMED { &expected[..1] } else { expected };
        let names: Vec<String> =
            nearest.as_ref().map_or(expected, slice::from_ref).iter().map(|name| format!("`{name}`")).collect();
        let names = match names.split_last() {
            Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
            _ => names.join(""),
        };
        let message = format!("expected {names}, found `{}`", document::shown(&found));
        Err(NotUnderstood::at(self.text, position, message))
    }

    /// Whether each statement says whom it is about, as the policy of a resource does.
    ///
    /// # Errors
    /// When one does not: it is an identity's, and judged as a resource's it would seem harmless.
    pub fn names_principals(&self) -> Result<(), NotUnderstood> {
        let mut statements = self.document.statements.iter();
        let Some(of_identity) = statements.find(|statement| matches!(statement.principal, Principal::Missing)) else {
            return Ok(());
        };
        let message = "expected a policy of a resource, found a statement that names no principal: `snapback explain \
                       identity` judges policies of identities";
        Err(NotUnderstood::at(self.text, of_identity.place.start, message.to_owned()))
    }

    /// Whom the policy lets in.
    #[must_use]
    pub fn judge(&self, kind: Kind, trust: &Trust) -> Judgement {
        let attached = Attached::of(&self.document, trust.resource.as_deref());
        let mut denies = Denies::of(&self.document, &attached, kind, trust);
        let point = attached.access_point().into_iter().flat_map(Said::by_access_point).collect();
        let context = Context { text: self.text, version: self.document.version.as_deref(), kind, trust, point };
        let statements = self.document.statements.iter().enumerate().filter(|(_, statement)| statement.allows);
        let grants =
            statements.flat_map(|(index, statement)| grant::of_statement(index, statement, &mut denies, &context));
        let grants: Vec<Grant> = grants.collect();
        Judgement { exposure: grants.iter().map(|grant| grant.exposure).max().unwrap_or_default(), grants }
    }

    /// The same, with nothing public but what S3 certainly takes for public, and what it may: its Block Public Access closes
    /// nothing else. S3 judges each range of addresses by itself, so that it does not see a world in many narrow ones.
    #[must_use]
    pub fn judge_as_s3(&self, trust: &Trust) -> Judgement {
        self.judge(Kind::Resource, &Trust { as_s3: true, ..trust.clone() })
    }

    /// The policy without the given grants and with everything else byte for byte; nothing if nothing is left. The
    /// trust of a role is never nothing: if it is left with nobody, it denies everyone.
    #[must_use]
    pub fn without(&self, grants: &[Grant]) -> Option<String> {
        let mut going: BTreeMap<usize, Going> = BTreeMap::new();
        for grant in grants.iter().filter(|grant| grant.statement < self.document.statements.len()) {
            going.entry(grant.statement).or_default().add(grant.part);
        }
        let rest = self.cut(&going);
        if rest.is_some() || !grants.iter().any(|grant| grant.kind == Kind::Trust) {
            return rest;
        }
        let statements = &self.document.statements;
        let all = statements.first()?.place.start..statements.last()?.place.end;
        Some(edit::applied(self.text, vec![(all, NOBODY)]))
    }

    /// The policy without these parts of its statements; nothing if nothing is left.
    fn cut(&self, going: &BTreeMap<usize, Going>) -> Option<String> {
        let statements = &self.document.statements;
        let mut goes = vec![false; statements.len()];
        let mut cuts = vec![];
        for (index, going) in going {
            match statements[*index].cuts(going) {
                Some(parts) => cuts.extend(parts.into_iter().map(|cut| (cut, ""))),
                None => goes[*index] = true,
            }
        }
        let places: Vec<Range<usize>> = statements.iter().map(|statement| statement.place.clone()).collect();
        if !goes.contains(&false) && !goes.is_empty() {
            return None;
        }
        cuts.extend(edit::cuts(&places, &goes).into_iter().map(|cut| (cut, "")));
        Some(edit::applied(self.text, cuts))
    }
}

impl Statement<'_> {
    /// What to cut out of this statement; nothing if all of it has to go.
    fn cuts(&self, going: &Going) -> Option<Vec<Range<usize>>> {
        if going.whole {
            return None;
        }
        let mut cuts = if going.principals.is_empty() { vec![] } else { self.cuts_of_principals(going)? };
        for (index, entry) in self.condition.iter().enumerate() {
            let goes: Vec<bool> = (0..entry.values.len()).map(|value| going.values.contains(&(index, value))).collect();
            if goes.contains(&true) && !goes.contains(&false) {
                return None;
            }
            let places: Vec<_> = entry.values.iter().map(|value| value.place.clone()).collect();
            cuts.extend(edit::cuts(&places, &goes));
        }
        Some(cuts)
    }

    /// A list of principals of which nothing is left goes with its name.
    fn cuts_of_principals(&self, going: &Going) -> Option<Vec<Range<usize>>> {
        let Principal::Those(lists) = &self.principal else { return None };
        let (mut cuts, mut members, mut first, mut is_one_kept) = (vec![], vec![], 0, false);
        for list in lists {
            let after = first + list.words.len();
            let goes: Vec<bool> = (first..after).map(|index| going.principals.contains(&index)).collect();
            let places: Vec<_> = list.words.iter().map(|word| word.place.clone()).collect();
            cuts.extend(edit::cuts(&places, &goes));
            members.push(!goes.is_empty() && !goes.contains(&false));
            is_one_kept |= goes.contains(&false);
            first = after;
        }
        let places: Vec<_> = lists.iter().map(|list| list.place.clone()).collect();
        cuts.extend(edit::cuts(&places, &members));
        is_one_kept.then_some(cuts)
    }
}

#[cfg(test)]
mod tests;
