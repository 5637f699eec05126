//! The text of a policy document, which is equal to another if both mean the same.
//!
//! AWS does not give a policy back as it was put: S3 orders principals anew with each read, most services turn lists of
//! one into scalars and account ids into the ARNs of their roots, some indent, and some fill in a `Version`. Equality
//! ignores just these differences. It decides whether a policy has changed since it was read, whether a revert is done,
//! whether an undo may be applied, and whether a baseline still holds.
//!
//! - white space between tokens, the order of members, and how characters are escaped
//! - a scalar or a list of one, and the order in which principals, actions, resources and values of a condition stand
//! - numbers and booleans in those lists, or their text
//! - an account id under `AWS` of `Principal` or `NotPrincipal`, or the ARN of that account's root
//! - no `Version`, or 2008-10-17. Never 2012-10-17, without which `${…}` is no variable:
//!   <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
//!
//! Nothing else: values keep their letter case, statements their order, and members that the grammar does not know are
//! compared as they are. Of a document that has a member twice, in whatever letter case, nobody knows which counts: it
//! is equal to the same bytes only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;

use jsonc_parser::ast::{ObjectPropName, Value};
use serde::{Deserialize, Serialize};

use super::document::{LONGEST, STRICT};
use super::principal::is_account;

/// What a document without a `Version` has.
pub(super) const OLDER_VERSION: &str = "2008-10-17";

/// A policy document as AWS gave it, or as it is to be put. Equality is by meaning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyText(String);

impl PolicyText {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for PolicyText {
    fn eq(&self, other: &Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        // An id does not tell its partition; what else stands in either document does.
        let partitions: BTreeSet<&str> = ["aws"].into_iter().chain(partitions(self)).chain(partitions(other)).collect();
        partitions.into_iter().any(|partition| {
            let normal = |text: &Self| Node::of_document(text, partition);
            normal(self).is_some_and(|one| normal(other).is_some_and(|other| one == other))
        })
    }
}

impl Deref for PolicyText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for PolicyText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for PolicyText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for PolicyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// JSON in which each spelling of the same meaning is the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// A number, a boolean or null, as it is written.
    Literal(String),
    Text(String),
    List(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

impl Node {
    /// A document; nothing if it is no JSON object, or has a member twice.
    fn of_document(text: &str, partition: &str) -> Option<Self> {
        let Self::Object(mut members) = Self::parse(text)? else { return None };
        members.entry("Version".to_owned()).or_insert_with(|| Self::Text(OLDER_VERSION.to_owned()));
        if let Some(statements) = members.get_mut("Statement") {
            statements.make_list();
            let Self::List(statements) = statements else { return None };
            for statement in statements {
                statement.normalize_statement(&|id| root(id, partition));
            }
        }
        Some(Self::Object(members))
    }

    /// A statement by itself, whose principals are account ids where they can be: the names of grants and holds are made
    /// of it. With it stands the `Version` of its document if that decides what it means.
    pub(super) fn of_statement(text: &str, version: Option<&str>) -> Option<Self> {
        let mut statement = Self::parse(text)?;
        statement.normalize_statement(&id_of_root);
        if text.contains("${") {
            let version = Self::Text(version.unwrap_or(OLDER_VERSION).to_owned());
            statement.set(&["Version"], version);
        }
        Some(statement)
    }

    /// One principal as it stands in [`Self::of_statement`].
    pub(super) fn principal(kind: &str, name: &str) -> Self {
        let name = if kind == "AWS" { id_of_root(name) } else { name.to_owned() };
        Self::Object([(kind.to_owned(), Self::Text(name))].into())
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &STRICT).ok()?;
        Self::read(parsed.value?)
    }

    fn read(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::StringLit(text) => Self::Text(text.value.into_owned()),
            Value::NumberLit(number) => Self::Literal(number.value.to_owned()),
            Value::BooleanLit(flag) => Self::Literal(flag.value.to_string()),
            Value::NullKeyword(_) => Self::Literal("null".to_owned()),
            Value::Array(list) => Self::List(list.elements.into_iter().map(Self::read).collect::<Option<_>>()?),
            Value::Object(object) => {
                let (mut members, mut names) = (BTreeMap::new(), BTreeSet::new());
                for property in object.properties {
                    let name = match property.name {
                        ObjectPropName::String(name) => name.value.into_owned(),
                        ObjectPropName::Word(name) => name.value.to_owned(),
                    };
                    if !names.insert(name.to_lowercase()) {
                        return None;
                    }
                    members.insert(name, Self::read(property.value)?);
                }
                Self::Object(members)
            }
        })
    }

    fn normalize_statement(&mut self, principal: &impl Fn(&str) -> String) {
        let Self::Object(members) = self else { return };
        for (name, member) in members {
            match (name.as_str(), member) {
                ("Principal" | "NotPrincipal", Self::Object(kinds)) => {
                    for (kind, names) in kinds {
                        names.make_words();
                        if let ("AWS", Self::List(names)) = (kind.as_str(), &mut *names) {
                            for name in names.iter_mut() {
                                if let Self::Text(text) = name {
                                    *text = principal(text);
                                }
                            }
                            names.sort();
                        }
                        names.make_scalar();
                    }
                }
                ("Principal" | "NotPrincipal" | "Action" | "NotAction" | "Resource" | "NotResource", words) => {
                    words.make_words();
                    words.make_scalar();
                }
                ("Condition", Self::Object(operators)) => {
                    let keys = operators.values_mut().filter_map(|operator| match operator {
                        Self::Object(keys) => Some(keys.values_mut()),
                        _ => None,
                    });
                    keys.flatten().for_each(|values| {
                        values.make_words();
                        values.make_scalar();
                    });
                }
                _ => {}
            }
        }
    }

    fn make_list(&mut self) {
        if !matches!(self, Self::List(_)) {
            *self = Self::List(vec![self.clone()]);
        }
    }

    /// A list whose elements are texts where they can be, in the one order.
    fn make_words(&mut self) {
        self.make_list();
        let Self::List(words) = self else { return };
        for word in words.iter_mut() {
            if let Self::Literal(text) = word
                && text != "null"
            {
                *word = Self::Text(std::mem::take(text));
            }
        }
        words.sort();
    }

    /// A list of one text is that text.
    fn make_scalar(&mut self) {
        if let Self::List(words) = self
            && let [word @ Self::Text(_)] = words.as_slice()
        {
            *self = word.clone();
        }
    }

    /// Sets what stands at the end of a path through objects.
    pub(super) fn set(&mut self, path: &[&str], value: Self) {
        match (path, self) {
            ([], here) => *here = value,
            ([name, rest @ ..], Self::Object(members)) => {
                let member = members.entry((*name).to_owned()).or_insert_with(|| Self::Object(BTreeMap::new()));
                member.set(rest, value);
            }
            _ => {}
        }
    }
}

/// As JSON, without white space.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Literal(literal) => f.write_str(literal),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(elements) => {
                let elements: Vec<String> = elements.iter().map(Self::to_string).collect();
                write!(f, "[{}]", elements.join(","))
            }
            Self::Object(members) => {
                let members: Vec<String> =
                    members.iter().map(|(name, member)| format!("{}:{member}", quoted(name))).collect();
                write!(f, "{{{}}}", members.join(","))
            }
        }
    }
}

/// The partitions that the ARNs of a document name.
fn partitions(text: &str) -> impl Iterator<Item = &str> {
    let arns = text.match_indices("\"arn:aws").map(|(at, _)| &text[at + "\"arn:".len()..]);
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    arns.filter_map(|rest| rest.split(':').next()).filter(is_name)
}

/// The ARN of an account's root in place of the account's id.
fn root(principal: &str, partition: &str) -> String {
    if is_account(principal) { format!("arn:{partition}:iam::{principal}:root") } else { principal.to_owned() }
}

/// The other way round. Whatever has a name of its own is named by its resource too, which is in one partition.
fn id_of_root(principal: &str) -> String {
    let id = principal.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::")?.1.strip_suffix(":root"));
    id.filter(|id| is_account(id)).unwrap_or(principal).to_owned()
}
