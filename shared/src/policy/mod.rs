//! Whom a resource policy lets in, and the policy without those who should not be let in.
//!
//! A plain judgement of "everyone". It says *public* only where that is certain; what it cannot tell is *unsure*,
//! which alerts and touches nothing. Grammar:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod condition;
pub mod identity;
pub(crate) mod pattern;
mod trust;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use serde_json::Value;
use wildmatch::WildMatch;

use crate::json;
use condition::Narrowing;

/// A policy document, with the place of everything that may have to go.
#[derive(Debug)]
pub struct Policy<'a> {
    text: &'a str,
    /// The elements of `Statement`; one, without a list around it, if it is a lone object.
    statements: Vec<Statement>,
}

#[derive(Debug)]
struct Statement {
    place: Range<usize>,
    content: Value,
    /// The parts of `Principal` that can go one by one, if some may stay.
    principals: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    place: Range<usize>,
    is_everyone: bool,
}

pub use trust::{Exposure, Trust};

/// What a policy document is attached to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Resource,
    Trust,
}

/// Whom a policy lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    pub exposure: Exposure,
    pub grants: Vec<Grant>,
}

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Counted from 0.
    pub statement: usize,
    pub exposure: Exposure,
    /// Whether this is so beyond doubt. What is not is a condition or a `Deny` that may keep strangers out.
    pub certain: bool,
    /// Who gets in, as the policy has it.
    pub grantee: String,
    /// Names the grant by its content, wherever in the policy it stands.
    pub name: String,
    /// Whether more than reading is granted.
    pub writes: bool,
    /// One sentence.
    pub why: String,
}

impl Grant {
    /// Whether strangers get in.
    #[must_use]
    pub fn is_untrusted(&self) -> bool {
        self.exposure.is_untrusted()
    }
}

/// A text that is no policy as far as we can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    pub message: String,
    /// Counted from 1, as is the column.
    pub line: usize,
    pub column: usize,
}

impl<'a> Policy<'a> {
    /// Reads a policy document.
    ///
    /// # Errors
    /// Says what is not understood, and where.
    pub fn parse(text: &'a str) -> Result<Self, NotUnderstood> {
        let strict = jsonc_parser::ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            ..jsonc_parser::ParseOptions::default()
        };
        let document = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &strict)
            .map_err(|error| NotUnderstood { message: error.to_string(), line: 1, column: 1 })?;
        let Some(ast::Value::Object(document)) = document.value else {
            return not_understood("the document is not a JSON object");
        };
        let statements = match member(&document, "Statement")? {
            Some(ast::Value::Array(list)) => list.elements.iter().collect(),
            Some(lone @ ast::Value::Object(_)) => vec![lone],
            _ => return not_understood("`Statement` is neither an object nor a list"),
        };
        let statements = statements.into_iter().map(|statement| Statement::read(text, statement));
        Ok(Self { text, statements: statements.collect::<Result<_, _>>()? })
    }

    /// Whom the policy lets in.
    #[must_use]
    pub fn judge(&self, _: Kind, _: &Trust) -> Judgement {
        let grants = self.grants();
        Judgement { exposure: grants.iter().map(|grant| grant.exposure).max().unwrap_or_default(), grants }
    }

    fn grants(&self) -> Vec<Grant> {
        let grants = self.statements.iter().enumerate().filter_map(|(index, statement)| {
            let shielded = self.statements.iter().any(|other| other.may_shield(statement));
            statement.grant(index, shielded)
        });
        grants.collect()
    }

    /// The policy without the given grants and with everything else byte for byte; nothing if nothing is left.
    #[must_use]
    pub fn without(&self, grants: &[Grant]) -> Option<String> {
        let mut cuts = Vec::new();
        let mut gone = Vec::new();
        for index in grants.iter().map(|grant| grant.statement) {
            let parts = &self.statements.get(index)?.principals;
            if parts.is_empty() {
                gone.push(index);
            } else {
                let places: Vec<_> = parts.iter().map(|part| part.place.clone()).collect();
                let everyone: Vec<_> = (0..parts.len()).filter(|part| parts[*part].is_everyone).collect();
                cuts.extend(cut(&places, &everyone));
            }
        }
        if gone.len() == self.statements.len() {
            return None;
        }
        let places: Vec<_> = self.statements.iter().map(|statement| statement.place.clone()).collect();
        cuts.extend(cut(&places, &gone));
        cuts.sort_by_key(|cut| cut.start);
        let mut text = self.text.to_owned();
        for cut in cuts.into_iter().rev() {
            text.replace_range(cut, "");
        }
        Some(text)
    }
}

impl Statement {
    fn read(text: &str, statement: &ast::Value<'_>) -> Result<Self, NotUnderstood> {
        let ast::Value::Object(object) = statement else {
            return not_understood("a statement is not a JSON object");
        };
        let place = place(statement);
        let content = serde_json::from_str(&text[place.clone()]).map_err(|error| NotUnderstood {
            message: error.to_string(),
            line: 1,
            column: 1,
        })?;
        let principals = match member(object, "Principal")? {
            Some(ast::Value::Object(principal)) => parts(principal)?,
            _ => vec![],
        };
        Ok(Self { place, content, principals })
    }

    fn grant(&self, index: usize, shielded: bool) -> Option<Grant> {
        let content = &self.content;
        let who = if self.is_about_everyone() {
            "everyone"
        } else if content.get("NotPrincipal").is_some() {
            "everyone but those it names"
        } else {
            return None;
        };
        if content["Effect"] != "Allow" {
            return None;
        }
        let narrowing = condition::narrowing(&content["Condition"]);
        let (certain, how) = match narrowing {
            Narrowing::Narrowed => return None,
            Narrowing::NotNarrowed if shielded => {
                (false, ", unless a `Deny` in the same policy keeps them out".to_owned())
            }
            Narrowing::NotNarrowed => (true, String::new()),
            Narrowing::Unsure(key) => (false, format!(", if the condition on `{key}` does not keep them out")),
        };
        let (verb, actions) = match content.get("NotAction") {
            Some(others) => ("do anything but", words(others)),
            None => ("do", words(&content["Action"])),
        };
        let sid = json::text(content, "Sid").map(|sid| format!(" (`{sid}`)")).unwrap_or_default();
        Some(Grant {
            statement: index,
            exposure: Exposure::Public,
            certain,
            grantee: who.to_owned(),
            name: json::canonical(content),
            writes: content.get("NotAction").is_some() || actions.iter().any(|action| !is_read(action)),
            why: format!("statement {}{sid} lets {who} {verb} {}{how}", index + 1, actions.join(", ")),
        })
    }

    fn is_about_everyone(&self) -> bool {
        let principal = &self.content["Principal"];
        principal == "*" || words(&principal["AWS"]).iter().any(|word| word == "*")
    }

    /// Whether this denies all that the other allows to everyone, or to all who do not meet a condition on who they
    /// are or where they come from. What is denied only in part stays certain: the rest of it is public.
    fn may_shield(&self, other: &Self) -> bool {
        let covers = |field| {
            let (denied, allowed) = (words(&self.content[field]), words(&other.content[field]));
            !allowed.is_empty() && allowed.iter().all(|allowed| denied.iter().any(|denied| covers(denied, allowed)))
        };
        self.content["Effect"] == "Deny"
            && self.is_about_everyone()
            && covers("Action")
            && covers("Resource")
            && condition::shields(&self.content["Condition"])
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on line {} column {}", self.message, self.line, self.column)
    }
}

fn not_understood<T>(why: &str) -> Result<T, NotUnderstood> {
    Err(NotUnderstood { message: why.to_owned(), line: 1, column: 1 })
}

/// A member of an object; it is not understood if there are two of that name.
fn member<'a, 'b>(object: &'b ast::Object<'a>, name: &str) -> Result<Option<&'b ast::Value<'a>>, NotUnderstood> {
    let names: BTreeSet<&str> = object.properties.iter().map(|property| property.name.as_str()).collect();
    if names.len() < object.properties.len() {
        return not_understood("an object has two members of the same name");
    }
    Ok(object.properties.iter().find(|property| property.name.as_str() == name).map(|property| &property.value))
}

/// The elements of `AWS` if somebody else is among them, or else the members of `Principal` if there are others.
fn parts(principal: &ast::Object<'_>) -> Result<Vec<Part>, NotUnderstood> {
    let is_everyone = |value: &ast::Value<'_>| matches!(value, ast::Value::StringLit(text) if text.value == "*");
    let elements: Vec<Part> = match member(principal, "AWS")? {
        Some(ast::Value::Array(list)) => {
            let part = |element| Part { place: place(element), is_everyone: is_everyone(element) };
            list.elements.iter().map(part).collect()
        }
        _ => vec![],
    };
    if elements.iter().any(|part| !part.is_everyone) {
        return Ok(elements);
    }
    if principal.properties.len() == 1 {
        return Ok(vec![]);
    }
    let part = |property: &ast::ObjectProp<'_>| Part {
        place: property.range.start..property.range.end,
        is_everyone: property.name.as_str() == "AWS",
    };
    Ok(principal.properties.iter().map(part).collect())
}

fn place(value: &ast::Value<'_>) -> Range<usize> {
    let range = value.range();
    range.start..range.end
}

/// What to cut out of a comma-separated list so that some of its elements go and the others stay as they are.
fn cut(elements: &[Range<usize>], gone: &[usize]) -> Vec<Range<usize>> {
    let first_kept = (0..elements.len()).find(|index| !gone.contains(index)).unwrap_or(elements.len());
    gone.iter()
        .map(|&index| match index.checked_sub(1) {
            Some(before) if index > first_kept => elements[before].end..elements[index].end,
            _ => elements[index].start..elements[index + 1].start,
        })
        .collect()
}

/// A string or a list of strings.
fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word.clone()],
        Value::Array(words) => words.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect(),
        _ => vec![],
    }
}

/// Whether one pattern matches all that another does. Actions and ARNs are told apart by case nowhere that matters here.
fn covers(wide: &str, narrow: &str) -> bool {
    WildMatch::new(&wide.to_ascii_lowercase()).matches(&narrow.to_ascii_lowercase())
}

fn is_read(action: &str) -> bool {
    let name = action.split_once(':').map_or(action, |(_, name)| name).to_ascii_lowercase();
    ["get", "list", "head", "describe"].iter().any(|verb| name.starts_with(verb))
}
