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
//! compared as they are. Of an object that has a name twice, in whatever letter case, nobody knows which counts: its
//! document is equal only to one of the same bytes, in whatever order AWS gives back what it lists. Without that much, such
//! a policy could never be reverted ([ADR](../../../docs/adr/0067-a-policy-with-a-name-twice.md)).

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Deref;

use jsonc_parser::ast::{ObjectPropName, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Policy;
use super::document::{LONGEST, STRICT};
use super::principal::{is_account, root_of};
use crate::partition::Partition;

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

    /// Whether it names somebody by a unique id, as AWS shows who is no more.
    #[must_use]
    pub fn names_who_is_no_more(&self) -> bool {
        Policy::parse(self).is_ok_and(|policy| !policy.ids().is_empty())
    }

    /// A short text that is the same for all that mean the same.
    #[must_use]
    pub fn digest(&self) -> String {
        let canonical = Node::of_document(self).map_or_else(|| self.0.clone(), |document| document.to_string());
        Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PartialEq for PolicyText {
    fn eq(&self, other: &Self) -> bool {
        if self.0 == other.0 {
            return true;
        }
        let (Some(mut one), Some(mut two)) = (Node::of_document(self), Node::of_document(other)) else { return false };
        let is_ambiguous = one.has_a_name_twice() || two.has_a_name_twice();
        if is_ambiguous && !is_of_the_same_bytes(self, other) {
            return false;
        }
        // An id does not tell its partition; the roots in either document do.
        let partitions: BTreeSet<_> = one.partitions().into_iter().chain(two.partitions()).collect();
        let is_same_in = |partition| {
            let one = one.with_roots_in(partition);
            one.is_some() && one == two.with_roots_in(partition)
        };
        one == two || partitions.into_iter().any(is_same_in)
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
    /// By name; as it is written if a name is there twice.
    Object(Vec<(String, Self)>),
}

impl Node {
    /// A document; nothing if it is no JSON object.
    fn of_document(text: &str) -> Option<Self> {
        let mut document = Self::parse(text)?;
        let Self::Object(members) = &mut document else { return None };
        if !members.iter().any(|(name, _)| name == "Version") {
            document.set(&["Version"], Self::Text(OLDER_VERSION.to_owned()));
        }
        for statement in document.statements() {
            statement.normalize_statement();
        }
        Some(document)
    }

    /// A statement by itself, whose principals are account ids where they can be: the names of grants and holds are made
    /// of it.
    pub(super) fn of_statement(text: &str) -> Option<Self> {
        let mut statement = Self::parse(text)?;
        statement.normalize_statement();
        for names in statement.aws_principals() {
            names.rename(id_of_root);
        }
        Some(statement)
    }

    /// With the `Version` of its document, without which nobody knows what a variable in it means.
    pub(super) fn with_version(mut self, version: Option<&str>) -> Self {
        self.set(&["Version"], Self::Text(version.unwrap_or(OLDER_VERSION).to_owned()));
        self
    }

    /// One principal as it stands in [`Self::of_statement`]. Everyone has one spelling, alone or in a list.
    pub(super) fn principal(kind: &str, name: &str) -> Self {
        match (kind, name) {
            ("AWS", "*") => Self::Text("*".to_owned()),
            ("AWS", name) => Self::Object(vec![("AWS".to_owned(), Self::Text(id_of_root(name)))]),
            (kind, name) => Self::Object(vec![(kind.to_owned(), Self::Text(name.to_owned()))]),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &STRICT).ok()?;
        Some(Self::read(parsed.value?))
    }

    fn read(value: Value<'_>) -> Self {
        match value {
            Value::StringLit(text) => Self::Text(text.value.into_owned()),
            Value::NumberLit(number) => Self::Literal(number.value.to_owned()),
            Value::BooleanLit(flag) => Self::Literal(flag.value.to_string()),
            Value::NullKeyword(_) => Self::Literal("null".to_owned()),
            Value::Array(list) => Self::List(list.elements.into_iter().map(Self::read).collect()),
            Value::Object(object) => {
                let members = object.properties.into_iter().map(|property| {
                    let name = match property.name {
                        ObjectPropName::String(name) => name.value.into_owned(),
                        ObjectPropName::Word(name) => name.value.to_owned(),
                    };
                    (name, Self::read(property.value))
                });
                let mut members: Vec<_> = members.collect();
                if !is_a_name_twice(&members) {
                    members.sort();
                }
                Self::Object(members)
            }
        }
    }

    fn has_a_name_twice(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Text(_) => false,
            Self::List(elements) => elements.iter().any(Self::has_a_name_twice),
            Self::Object(members) => {
                is_a_name_twice(members) || members.iter().any(|(_, member)| member.has_a_name_twice())
            }
        }
    }

    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(other, _)| other == name).map(|(_, member)| member)
    }

    /// Stands in the place of a long text.
    pub(super) fn digest(text: &str) -> Self {
        let digest = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Self::Object(vec![("sha256".to_owned(), Self::Text(digest))])
    }

    /// Puts digests in the place of what is long in a statement: members, and values of its condition.
    pub(super) fn shorten_members(&mut self) {
        let Self::Object(members) = self else { return };
        for (name, member) in members {
            match (name.as_str(), member) {
                ("Condition", Self::Object(operators)) => {
                    for (_, keys) in operators {
                        match keys {
                            Self::Object(keys) => keys.iter_mut().for_each(|(_, values)| values.shorten()),
                            other => other.shorten(),
                        }
                    }
                }
                (_, member) => member.shorten(),
            }
        }
    }

    pub(super) fn shorten(&mut self) {
        const LONGEST: usize = 256;
        let text = self.to_string();
        if text.len() > LONGEST {
            *self = Self::digest(&text);
        }
    }

    /// Whether there is a policy variable anywhere in it.
    pub(super) fn has_a_variable(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Text(text) => text.contains("${"),
            Self::List(elements) => elements.iter().any(Self::has_a_variable),
            Self::Object(members) => {
                members.iter().any(|(name, member)| name.contains("${") || member.has_a_variable())
            }
        }
    }

    /// The statements of a document.
    fn statements(&mut self) -> &mut [Self] {
        let Self::Object(members) = self else { return &mut [] };
        let Some((_, statements)) = members.iter_mut().find(|(name, _)| name == "Statement") else { return &mut [] };
        statements.make_list();
        if let Self::List(statements) = statements { statements } else { &mut [] }
    }

    fn members_called(&mut self, names: &[&str]) -> Vec<&mut Self> {
        let Self::Object(members) = self else { return vec![] };
        let found = members.iter_mut().filter(|(name, _)| names.contains(&name.as_str()));
        found.map(|(_, member)| member).collect()
    }

    /// What stands under `AWS` in `Principal` and `NotPrincipal` of a statement.
    fn aws_principals(&mut self) -> Vec<&mut Self> {
        let kinds = self.members_called(&["Principal", "NotPrincipal"]).into_iter();
        kinds.flat_map(|kinds| kinds.members_called(&["AWS"])).collect()
    }

    /// The partitions of the roots that a document names as principals.
    fn partitions(&mut self) -> BTreeSet<Partition> {
        let named = self.statements().iter_mut().flat_map(Self::aws_principals);
        let roots = named.flat_map(|names| names.texts().filter_map(root_of).collect::<Vec<_>>());
        roots.map(|(partition, _)| partition).collect()
    }

    /// The document with ARNs of roots in place of ids of accounts. Nothing if an id stands beside the root of its account
    /// in a rarer partition: then nothing says that the id is of that one.
    fn with_roots_in(&self, partition: Partition) -> Option<Self> {
        let mut document = self.clone();
        for names in document.statements().iter_mut().flat_map(Self::aws_principals) {
            let there: BTreeSet<&str> = names.texts().collect();
            let is_beside = |id: &&str| is_account(id) && there.contains(root(id, partition).as_str());
            if partition != Partition::Commercial && there.iter().any(is_beside) {
                return None;
            }
            names.rename(|name| if is_account(name) { root(name, partition) } else { name.to_owned() });
        }
        Some(document)
    }

    /// A text, or those of a list.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let elements = if let Self::List(elements) = self { elements } else { std::slice::from_ref(self) };
        elements.iter().filter_map(|element| if let Self::Text(text) = element { Some(text.as_str()) } else { None })
    }

    /// Gives each text another name.
    fn rename(&mut self, name: impl Fn(&str) -> String) {
        self.make_list();
        if let Self::List(elements) = self {
            for element in elements.iter_mut() {
                if let Self::Text(text) = element {
                    *text = name(text);
                }
            }
            elements.sort();
        }
        self.make_scalar();
    }

    fn normalize_statement(&mut self) {
        let Self::Object(members) = self else { return };
        let normalize = |words: &mut Self| {
            words.make_words();
            words.make_scalar();
        };
        for (name, member) in members {
            match (name.as_str(), member) {
                ("Principal" | "NotPrincipal", Self::Object(kinds)) => {
                    for (_, names) in kinds.iter_mut() {
                        normalize(names);
                    }
                }
                ("Principal" | "NotPrincipal" | "Action" | "NotAction" | "Resource" | "NotResource", words) => {
                    normalize(words);
                }
                ("Condition", Self::Object(operators)) => {
                    let keys = operators.iter_mut().filter_map(|(_, operator)| match operator {
                        Self::Object(keys) => Some(keys),
                        _ => None,
                    });
                    keys.flatten().for_each(|(_, values)| normalize(values));
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
                if let Some((_, member)) = members.iter_mut().find(|(other, _)| other == name) {
                    return member.set(rest, value);
                }
                let mut member = Self::Object(vec![]);
                member.set(rest, value);
                let place = members.partition_point(|(other, _)| other.as_str() < *name);
                members.insert(place, ((*name).to_owned(), member));
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

/// Whether two members have one name, in whatever letter case.
fn is_a_name_twice(members: &[(String, Node)]) -> bool {
    let mut names = BTreeSet::new();
    !members.iter().all(|(name, _)| names.insert(name.to_lowercase()))
}

fn is_of_the_same_bytes(one: &str, other: &str) -> bool {
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    one.len() == other.len() && sorted(one) == sorted(other)
}

/// The ARN of an account's root in place of the account's id.
fn root(id: &str, partition: Partition) -> String {
    format!("arn:{partition}:iam::{id}:root")
}

/// The other way round. Whatever has a name of its own is named by its resource too, which is in one partition.
fn id_of_root(principal: &str) -> String {
    root_of(principal).map_or(principal, |(_, id)| id).to_owned()
}
