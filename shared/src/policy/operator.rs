//! What the name of an operator says: `ForAnyValue:StringNotLikeIfExists`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::ops::Range;

use super::pattern;

#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own in the name of an operator")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Operator {
    pub form: Form,
    pub is_negated: bool,
    /// `…IfExists` and `ForAllValues:…` hold where the key is absent.
    pub holds_if_absent: bool,
    pub is_any: bool,
    pub is_all: bool,
    pub ignores_case: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Exact,
    Like,
    Arn,
    Address,
    Bool,
    Null,
    /// Numbers and dates, which name nobody.
    Amount,
    Unknown,
}

impl Operator {
    pub(super) fn of(name: &str) -> Self {
        let name = pattern::lower(name);
        let (is_any, rest) = strip(name.strip_prefix("foranyvalue:"), &name);
        let (is_all, rest) = strip(rest.strip_prefix("forallvalues:"), rest);
        let (is_lenient, rest) = strip(rest.strip_suffix("ifexists"), rest);
        let (form, is_negated) = match rest {
            "stringequals" | "stringequalsignorecase" => (Form::Exact, false),
            "stringnotequals" | "stringnotequalsignorecase" => (Form::Exact, true),
            "stringlike" => (Form::Like, false),
            "stringnotlike" => (Form::Like, true),
            "arnequals" | "arnlike" => (Form::Arn, false),
            "arnnotequals" | "arnnotlike" => (Form::Arn, true),
            "ipaddress" => (Form::Address, false),
            "notipaddress" => (Form::Address, true),
            "bool" => (Form::Bool, false),
            "null" if !is_lenient => (Form::Null, false),
            "numericnotequals" | "datenotequals" => (Form::Amount, true),
            "numericequals"
            | "numericlessthan"
            | "numericlessthanequals"
            | "numericgreaterthan"
            | "numericgreaterthanequals"
            | "dateequals"
            | "datelessthan"
            | "datelessthanequals"
            | "dategreaterthan"
            | "dategreaterthanequals" => (Form::Amount, false),
            _ => (Form::Unknown, false),
        };
        let ignores_case = rest.ends_with("ignorecase");
        Self { form, is_negated, holds_if_absent: is_all || is_lenient, is_any, is_all, ignores_case }
    }
}

/// Before an operator, for keys with several values.
const SETS: [&str; 2] = ["ForAnyValue", "ForAllValues"];

const OPERATORS: [&str; 26] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnNotEquals",
    "ArnLike",
    "ArnNotLike",
];

/// What is no operator of the grammar in a name, and what the grammar has there.
pub(super) fn misspelt(name: &str) -> Option<(Range<usize>, &'static [&'static str])> {
    const IF_EXISTS: &str = "IfExists";
    let is_one_of = |names: &[&str], name: &str| names.iter().any(|one| one.eq_ignore_ascii_case(name));
    let start = match name.split_once(':') {
        Some((set, _)) if !is_one_of(&SETS, set) => return Some((0..set.len(), &SETS)),
        Some((set, _)) => set.len() + 1,
        None => 0,
    };
    let at = name.len().saturating_sub(IF_EXISTS.len()).max(start);
    let is_lenient = name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(IF_EXISTS));
    let end = if is_lenient { at } else { name.len() };
    let is_known =
        is_one_of(&OPERATORS, &name[start..end]) || !is_lenient && name[start..].eq_ignore_ascii_case("Null");
    (!is_known).then_some((start..end, &OPERATORS))
}

fn strip<'n>(stripped: Option<&'n str>, name: &'n str) -> (bool, &'n str) {
    (stripped.is_some(), stripped.unwrap_or(name))
}
