//! What the name of an operator says: `ForAnyValue:StringNotLikeIfExists`.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

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

fn strip<'n>(stripped: Option<&'n str>, name: &'n str) -> (bool, &'n str) {
    (stripped.is_some(), stripped.unwrap_or(name))
}
