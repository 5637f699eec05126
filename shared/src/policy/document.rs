//! A policy document as it is written, with the place of everything that may have to go.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::slice;

use jsonc_parser::ast::{self, Value};
use jsonc_parser::common::Ranged;

use super::operator;
use super::pattern;
use crate::json;

/// Fifty times the longest policy that any service stores.
pub(super) const LONGEST: usize = 1 << 20;

/// A text that is no policy as far as we can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// What was expected, or found wrong.
    pub message: String,
    /// Counted from 1, as is the column.
    pub line: usize,
    pub column: usize,
}

/// What of a text is not understood; the place is a position in it.
type Result<T> = std::result::Result<T, (usize, String)>;

#[derive(Debug)]
pub(super) struct Document<'a> {
    /// As it is written; nothing if there is none.
    pub version: Option<Cow<'a, str>>,
    /// The elements of `Statement`; one, without a list around it, if it is a lone object.
    pub statements: Vec<Statement<'a>>,
    /// What the grammar does not have, in its order. It is passed over: what AWS has accepted has to be judged.
    pub strays: Vec<Stray>,
}

/// A member or a value that the grammar does not have, and what it has there.
#[derive(Debug)]
pub(super) struct Stray {
    pub place: Range<usize>,
    pub expected: &'static [&'static str],
}

#[derive(Debug)]
pub(super) struct Statement<'a> {
    pub place: Range<usize>,
    pub sid: Option<Cow<'a, str>>,
    pub allows: bool,
    pub principal: Principal<'a>,
    pub actions: Scope<'a>,
    pub resources: Scope<'a>,
    pub condition: Vec<Entry<'a>>,
}

#[derive(Debug)]
pub(super) enum Principal<'a> {
    /// Neither `Principal` nor `NotPrincipal`: the policy is that of an identity.
    Missing,
    /// The lists of `Principal`. A lone text is a list of `AWS`, without a member around it.
    Those(Vec<List<'a>>),
    /// All but those in the lists of `NotPrincipal`.
    AllBut(Vec<List<'a>>),
}

/// The principals of one kind.
#[derive(Debug)]
pub(super) struct List<'a> {
    /// `AWS`, `Service`, `Federated`, `CanonicalUser`.
    pub kind: Cow<'a, str>,
    /// Of the whole member.
    pub place: Range<usize>,
    pub words: Vec<Word<'a>>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    pub words: Vec<Word<'a>>,
    /// Whether it is all but those.
    pub is_all_but: bool,
}

/// One key of a condition.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub operator: Cow<'a, str>,
    pub key: Cow<'a, str>,
    pub values: Vec<Word<'a>>,
    /// Whether `${…}` stands for what a call says. In policies of the older version it is text.
    pub has_variables: bool,
}

#[derive(Debug)]
pub(super) struct Word<'a> {
    pub text: Cow<'a, str>,
    pub place: Range<usize>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> std::result::Result<Self, NotUnderstood> {
        if text.len() > LONGEST {
            let message =
                format!("the document has {} bytes, more than {LONGEST}, and no policy has as many", text.len());
            return Err(NotUnderstood { message, line: 1, column: 1 });
        }
        let parsed = jsonc_parser::parse_to_ast(text, &jsonc_parser::CollectOptions::default(), &STRICT);
        let parsed = parsed.map_err(|error| NotUnderstood {
            // What breaks off is said as of every other file; for the rest, this parser has the better words.
            message: json::broken_off(text).unwrap_or_else(|| format!("not JSON: {}", error.kind())),
            line: error.line_display(),
            column: error.column_display(),
        })?;
        Self::read(parsed.value).map_err(|(position, message)| NotUnderstood::at(text, position, message))
    }

    fn read(value: Option<Value<'a>>) -> Result<Self> {
        let Some(Value::Object(document)) = value else {
            return expected(0, "a JSON object");
        };
        let (start, mut version, mut statement, mut strays) = (document.range.start, None, None, vec![]);
        for member in members(document)? {
            let value_at = place(&member.value);
            match (&*member.name, member.value) {
                ("Version", Value::StringLit(text)) => {
                    if !VERSIONS.contains(&&*text.value) {
                        strays.push(Stray { place: value_at, expected: &VERSIONS });
                    }
                    version = Some(text.value);
                }
                ("Version", _) => strays.push(Stray { place: value_at, expected: &VERSIONS }),
                ("Id", _) => {}
                ("Statement", value) => statement = Some(value),
                (other, _) => {
                    refuse_misspelt(other, member.place.start, &["Version", "Statement"])?;
                    strays.push(Stray { place: member.name_at, expected: &MEMBERS });
                }
            }
        }
        let statements = match statement {
            Some(Value::Array(list)) => list.elements,
            Some(lone @ Value::Object(_)) => vec![lone],
            Some(other) => return expected(other.start(), "an object or a list as `Statement`"),
            None => return expected(start, "a `Statement`"),
        };
        let statements = statements.into_iter().map(|statement| Statement::read(statement, &mut strays));
        let mut statements: Vec<Statement<'_>> = statements.collect::<Result<_>>()?;
        let has_variables = version.as_deref() == Some("2012-10-17");
        let entries = statements.iter_mut().flat_map(|statement| &mut statement.condition);
        entries.for_each(|entry| entry.has_variables = has_variables);
        Ok(Self { version, statements, strays })
    }
}

/// JSON and nothing else.
pub(super) const STRICT: jsonc_parser::ParseOptions = jsonc_parser::ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

impl<'a> Statement<'a> {
    fn read(value: Value<'a>, strays: &mut Vec<Stray>) -> Result<Self> {
        let place = place(&value);
        let Value::Object(object) = value else {
            return expected(place.start, "an object as statement");
        };
        let start = place.start;
        let mut effect = None;
        let mut statement = Self {
            place,
            sid: None,
            allows: false,
            principal: Principal::Missing,
            actions: Scope::default(),
            resources: Scope::default(),
            condition: vec![],
        };
        let members = members(object)?;
        refuse_both(&members, start)?;
        for member in members {
            let (name, value_at) = (member.name.clone(), self::place(&member.value));
            match &*member.name {
                "Sid" => statement.sid = words(member.value)?.into_iter().next().map(|word| word.text),
                "Effect" => effect = Some(word(member.value)?.text),
                "Principal" => statement.principal = Principal::Those(lists(member.value)?),
                "NotPrincipal" => statement.principal = Principal::AllBut(lists(member.value)?),
                "Action" => statement.actions.words = words(member.value)?,
                "NotAction" => statement.actions = Scope { words: words(member.value)?, is_all_but: true },
                "Resource" => statement.resources.words = words(member.value)?,
                "NotResource" => statement.resources = Scope { words: words(member.value)?, is_all_but: true },
                "Condition" => statement.condition = entries(member.value, strays)?,
                other => {
                    refuse_misspelt(other, member.place.start, &ELEMENTS)?;
                    strays.push(Stray { place: member.name_at, expected: &ELEMENTS });
                }
            }
            let scope = if name.ends_with("Action") { &statement.actions } else { &statement.resources };
            let expected = FILLED.iter().find(|(element, _)| *element == name && scope.words.is_empty());
            strays.extend(expected.map(|(_, expected)| Stray { place: value_at, expected: slice::from_ref(expected) }));
        }
        statement.allows = match effect.as_deref() {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => return expected(start, "`Allow` or `Deny` as the statement's `Effect`"),
        };
        Ok(statement)
    }

    /// `"*"` and `{"AWS": "*"}` mean the same.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-anonymous>
    pub(super) fn is_about_everyone(&self) -> bool {
        let Principal::Those(lists) = &self.principal else { return false };
        lists.iter().any(|list| list.kind == "AWS" && list.words.iter().any(|word| word.text == "*"))
    }
}

impl<'a> Principal<'a> {
    /// Those that it names, or excepts.
    pub(super) fn lists(&self) -> &[List<'a>] {
        match self {
            Self::Missing => &[],
            Self::Those(lists) | Self::AllBut(lists) => lists,
        }
    }
}

impl Scope<'_> {
    /// Whether this is all there is, as it is where the grammar has no such element.
    pub(super) fn is_everything(&self) -> bool {
        self.words.is_empty() || !self.is_all_but && self.words.iter().any(|word| word.text == "*")
    }
}

impl NotUnderstood {
    pub(super) fn at(text: &str, position: usize, message: String) -> Self {
        let before = &text[..position];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before[line..].chars().count() + 1;
        Self { message, line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on line {} column {}", self.message, self.line, self.column)
    }
}

impl std::error::Error for NotUnderstood {}

struct Member<'a> {
    name: Cow<'a, str>,
    name_at: Range<usize>,
    place: Range<usize>,
    value: Value<'a>,
}

/// The members of an object; it is not understood if there are two of the same name, as nobody knows which counts.
fn members(object: ast::Object<'_>) -> Result<Vec<Member<'_>>> {
    let mut members = Vec::with_capacity(object.properties.len());
    for property in object.properties {
        let (place, name_at) = (place(&property), place(&property.name));
        let name = match property.name {
            ast::ObjectPropName::String(name) => name.value,
            ast::ObjectPropName::Word(name) => Cow::Borrowed(name.value),
        };
        members.push(Member { name, name_at, place, value: property.value });
    }
    let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err((object.range.start, format!("`{}` is there twice", shown(twice[0]))));
    }
    Ok(members)
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
const VERSIONS: [&str; 2] = ["2012-10-17", "2008-10-17"];

/// The members of a policy.
const MEMBERS: [&str; 3] = ["Version", "Id", "Statement"];

/// The elements of a statement.
const ELEMENTS: [&str; 9] =
    ["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// Elements of which none may be empty, with something in them.
const FILLED: [(&str, &str); 4] = [
    ("Action", r#""Action": "s3:GetObject""#),
    ("NotAction", r#""NotAction": "s3:GetObject""#),
    ("Resource", r#""Resource": "*""#),
    ("NotResource", r#""NotResource": "*""#),
];

/// An element that is nearly one of these would be passed over, and the policy seem harmless: AWS refuses it.
fn refuse_misspelt(name: &str, position: usize, elements: &[&str]) -> Result<()> {
    let singular = pattern::lower(name);
    let singular = singular.strip_suffix('s').unwrap_or(&singular);
    match elements.iter().find(|element| element.eq_ignore_ascii_case(singular)) {
        Some(element) if *element != name => expected(position, &format!("`{element}`, not `{}`", shown(name))),
        _ => Ok(()),
    }
}

/// A statement has an element or its opposite.
fn refuse_both(members: &[Member<'_>], position: usize) -> Result<()> {
    let has = |name: &str| members.iter().any(|member| member.name == name);
    let both = ["Principal", "Action", "Resource"].into_iter().find(|name| has(name) && has(&format!("Not{name}")));
    both.map_or(Ok(()), |name| expected(position, &format!("`{name}` or `Not{name}`, not both")))
}

fn lists(value: Value<'_>) -> Result<Vec<List<'_>>> {
    let place = place(&value);
    let Value::Object(object) = value else {
        return Ok(vec![List { kind: Cow::Borrowed("AWS"), place, words: words(value)? }]);
    };
    let mut lists = vec![];
    for member in members(object)? {
        lists.push(List { kind: member.name, place: member.place, words: words(member.value)? });
    }
    Ok(lists)
}

/// In one order, whatever order AWS gives them back in: where two keys are as good, the first one counts.
fn entries<'a>(value: Value<'a>, strays: &mut Vec<Stray>) -> Result<Vec<Entry<'a>>> {
    let start = value.start();
    let Value::Object(blocks) = value else {
        return expected(start, "an object as `Condition`");
    };
    let mut entries = vec![];
    for block in members(blocks)? {
        strays.extend(operator::misspelt(&block.name).map(|(within, expected)| {
            // The name stands in quotation marks. One with escapes is longer there, and told as a whole.
            let start = block.name_at.start + 1;
            let is_as_written = block.name.len() + 2 == block.name_at.len();
            let place = if is_as_written { start + within.start..start + within.end } else { block.name_at.clone() };
            Stray { place, expected }
        }));
        let Value::Object(keys) = block.value else {
            return expected(block.place.start, "an object for each operator of a `Condition`");
        };
        for key in members(keys)? {
            entries.push(Entry {
                operator: block.name.clone(),
                key: key.name,
                values: words(key.value)?,
                has_variables: true,
            });
        }
    }
    entries.sort_by_cached_key(|entry| [&entry.operator, &entry.key].map(|name| name.to_ascii_lowercase()));
    Ok(entries)
}

/// One text or a list of texts. Numbers and truth values are texts too.
fn words(value: Value<'_>) -> Result<Vec<Word<'_>>> {
    match value {
        Value::Array(list) => list.elements.into_iter().map(word).collect(),
        lone => Ok(vec![word(lone)?]),
    }
}

fn word(value: Value<'_>) -> Result<Word<'_>> {
    let place = place(&value);
    let text = match value {
        Value::StringLit(text) => text.value,
        Value::NumberLit(number) => Cow::Borrowed(number.value),
        Value::BooleanLit(flag) => Cow::Borrowed(if flag.value { "true" } else { "false" }),
        _ => return expected(place.start, "a text or a list of texts"),
    };
    Ok(Word { text, place })
}

fn expected<T>(position: usize, what: &str) -> Result<T> {
    Err((position, format!("expected {what}")))
}

fn place(value: &impl Ranged) -> Range<usize> {
    let range = value.range();
    range.start..range.end
}

/// The one of some names that another is most like; nothing if it is like none of them.
pub(crate) fn nearest(name: &str, names: &'static [&'static str]) -> Option<&'static str> {
    const FARTHEST: usize = 3;
    let name = shown(name).to_lowercase();
    let distances = names.iter().map(|one| (strsim::levenshtein(&name, &one.to_lowercase()), *one));
    distances.filter(|(distance, one)| *distance <= FARTHEST.min(one.len() / 2)).min().map(|(_, one)| one)
}

/// A text for people, who do not want to read a thousand characters of it.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    const ENOUGH: usize = 120;
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Some of a list, for people.
pub(super) fn listed(words: &[Word<'_>]) -> String {
    const ENOUGH: usize = 6;
    let mut listed: Vec<String> = words.iter().take(ENOUGH).map(|word| shown(&word.text).into_owned()).collect();
    if words.len() > ENOUGH {
        listed.push(format!("{} more", words.len() - ENOUGH));
    }
    listed.join(", ")
}

/// In small letters, for what compares without case.
pub(super) fn lowered<'w>(words: &'w [Word<'_>]) -> Vec<Cow<'w, str>> {
    words.iter().map(|word| pattern::lower(&word.text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Document::parse(text).expect_err("it is no policy").to_string()
    }

    #[test]
    fn what_is_no_policy_is_said_with_its_place() {
        for (text, said) in [
            ("", "expected a JSON object on line 1 column 1"),
            ("{", "not JSON: it ends too early on line 1 column 1"),
            ("[]", "expected a JSON object on line 1 column 1"),
            ("{}", "expected a `Statement` on line 1 column 1"),
            ("{\n \"Statement\": 1}", "expected an object or a list as `Statement` on line 2 column 15"),
            ("{\"Statement\": [1]}", "expected an object as statement on line 1 column 16"),
            ("{\"Statement\": [], \"Statement\": []}", "`Statement` is there twice on line 1 column 1"),
            ("{'Statement': []}", "not JSON: Single-quoted strings are not allowed on line 1 column 2"),
            (
                "{\"Statement\": {\"Effect\": \"allow\"}}",
                "expected `Allow` or `Deny` as the statement's `Effect` on line 1 column 15",
            ),
            ("{\"Statement\": {\"Effect\": [\"Allow\"]}}", "expected a text or a list of texts on line 1 column 26"),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"principal\": \"*\"}}",
                "expected `Principal`, not `principal` on line 1 column 35",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Conditions\": {}}}",
                "expected `Condition`, not `Conditions` on line 1 column 35",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\", \"NotPrincipal\": \"*\"}}",
                "expected `Principal` or `NotPrincipal`, not both on line 1 column 15",
            ),
            (
                "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": {\"AWS\": [[\"*\"]]}}}",
                "expected a text or a list of texts on line 1 column 57",
            ),
        ] {
            assert_eq!(error(text), said, "{text}");
        }
    }

    /// What AWS has accepted is judged, however it reads; only who writes a policy is told.
    #[test]
    fn what_the_grammar_does_not_have_is_passed_over_and_known() {
        let text = r#"{"Version": "2012-10-18", "Owner": 1, "Statement": {"Effect": "Allow", "Acton": "s3:*"}}"#;
        let document = Document::parse(text).expect("it is read");
        let strays = document.strays.iter().map(|stray| (&text[stray.place.clone()], stray.expected.len()));
        assert_eq!(strays.collect::<Vec<_>>(), [("\"2012-10-18\"", 2), ("\"Owner\"", 3), ("\"Acton\"", 9)]);
        assert_eq!(document.version.as_deref(), Some("2012-10-18"));
        assert!(document.statements[0].actions.is_everything());
    }

    #[test]
    fn the_name_that_was_meant_is_the_one_that_is_least_letters_away() {
        for (name, meant) in [
            ("Acton", Some("Action")),
            ("ACTION", Some("Action")),
            ("Princpal", Some("Principal")),
            ("NotResources", Some("NotResource")),
            ("Si", Some("Sid")),
            ("Comment", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, &ELEMENTS), meant, "{name}");
        }
    }

    #[test]
    fn a_document_that_is_longer_than_any_policy_is_refused() {
        assert!(error(&format!("{{\"Statement\": []}}{}", " ".repeat(LONGEST))).contains("more than"));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        assert!(error(&"[".repeat(500_000)).contains("nesting"));
        assert!(error(&"{\"a\":".repeat(200_000)).contains("nesting"));
    }
}
