//! `snapback explain policy`

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use snapback::policed::{WHOSE_NETWORK, with_doubts};
use snapback::policy::{Exposure, Grant, Judgement, Kind, NOBODY, NotUnderstood, Policy, Trust, UNCHECKED};

use super::{Answer, Input, Question, Unanswered};
use crate::choices::{Trusted, account, arn};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    input: Input,
    /// The account that owns the resource or role
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// What the policy is attached to, which `"Resource": "*"` then means
    #[arg(long, value_name = "ARN", value_parser = arn)]
    resource: Option<String>,
    #[command(flatten)]
    trusted: Trusted,
    /// Whether it is the policy of a resource or the trust policy of a role
    #[arg(long, value_enum, default_value = "resource")]
    kind: Attached,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Attached {
    Resource,
    Trust,
}

#[derive(Serialize)]
struct Shown<'a> {
    exposure: Exposure,
    grants: Vec<ShownGrant<'a>>,
    /// With the bytes that the policy has.
    without: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct ShownGrant<'a> {
    statement: usize,
    exposure: Exposure,
    grantee: &'a str,
    why: &'a str,
    /// Whether this is so beyond doubt: whether Snapback would revert it, or only alert.
    certain: bool,
}

impl Question for Arguments {
    fn input(&self) -> Input {
        self.input.clone()
    }

    fn answer(&self, text: &str) -> Result<Answer, Unanswered> {
        let policy = Policy::parse(text).map_err(|error| no_policy(text, error))?;
        policy.has_no_strays()?;
        policy.names_principals()?;
        let kind = match self.kind {
            Attached::Resource => Kind::Resource,
            Attached::Trust => Kind::Trust,
        };
        let trust = self.trusted.settings().trust("").at(Timestamp::now());
        let trust = Trust { account: self.account.clone(), resource: self.resource.clone(), ..trust };
        let Judgement { exposure, grants } = policy.judge(kind, &trust);
        let judgement = Judgement { exposure, grants: with_doubts(grants, kind, text, &policy, &trust) };
        let untrusted: Vec<_> = judgement.grants.iter().filter(|grant| grant.is_untrusted()).cloned().collect();
        let without = policy.without(&untrusted);
        let shown = if self.input.json {
            in_json(&judgement, without)?
        } else {
            for_people(&judgement, text, without) + &self.hints(&judgement, text)
        };
        Ok(Answer { shown, is_untrusted: !untrusted.is_empty(), notes: vec![] })
    }
}

impl Arguments {
    /// What else could be told, if more were.
    fn hints(&self, judgement: &Judgement, text: &str) -> String {
        let is_foreign = judgement.grants.iter().any(|grant| grant.exposure == Exposure::Foreign);
        let hints = [
            // Who is only called a stranger because nobody said whose the resource is.
            (self.account.is_none() && is_foreign, NO_ACCOUNT),
            (judgement.grants.iter().any(|grant| grant.why.contains(WHOSE_NETWORK)), NO_NETWORK),
            (matches!(self.kind, Attached::Resource) && is_of_a_role(text), NO_TRUST),
        ];
        hints.into_iter().filter(|(is_due, _)| *is_due).map(|(_, hint)| hint).collect()
    }
}

const NO_ACCOUNT: &str = "\n\nhint: every account counts as a stranger's here. Name the owner's with --account, and those that you \
                          trust with --trust-account.";

const NO_NETWORK: &str = "\n\nhint: if a network that is named there is yours, name it with --trust-network.";

const NO_TRUST: &str = "\n\nhint: this reads as the trust policy of a role: --kind trust judges it as one.";

/// Whether somebody may assume something, and it is not said what: in a trust policy that is the role itself.
fn is_of_a_role(text: &str) -> bool {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.iter().collect(),
        lone => vec![lone],
    };
    let assumes =
        |action: &Value| action.as_str().is_some_and(|action| action.to_lowercase().starts_with("sts:assumerole"));
    statements.into_iter().any(|statement| {
        let names_none = statement["Resource"].is_null() && statement["NotResource"].is_null();
        let action = &statement["Action"];
        names_none && (assumes(action) || action.as_array().is_some_and(|actions| actions.iter().any(assumes)))
    })
}

/// What is wrong with a text, which may be no policy at all but an event, or something in which a policy stands.
pub(super) fn no_policy(text: &str, error: NotUnderstood) -> NotUnderstood {
    let document: Value = serde_json::from_str(text).unwrap_or_default();
    let has = |fields: &[&str]| fields.iter().any(|field| document.get(field).is_some());
    let found = if has(&["detail", "eventName", "Records", "CloudTrailEvent", "Events"]) {
        "an event: `snapback explain event` explains events"
    } else if document["Policy"].is_string() {
        "one as a text in the field `Policy`: `--query Policy --output text` has the AWS CLI print just that text"
    } else if document["PolicyDocument"].is_object() {
        "one in the field `PolicyDocument`: `--query PolicyDocument` has the AWS CLI print just that"
    } else {
        return error;
    };
    NotUnderstood { message: format!("expected a policy, found {found}"), line: 1, column: 1 }
}

fn in_json(judgement: &Judgement, without: Option<String>) -> Result<String, NotUnderstood> {
    let unwritable = |error: serde_json::Error| NotUnderstood {
        message: error.to_string(),
        line: error.line(),
        column: error.column(),
    };
    let grants = judgement.grants.iter().map(|grant| ShownGrant {
        statement: grant.statement,
        exposure: grant.exposure,
        grantee: &grant.grantee,
        why: &grant.why,
        certain: grant.certain,
    });
    let without = without.map(RawValue::from_string).transpose().map_err(unwritable)?;
    let shown = Shown { exposure: judgement.exposure, grants: grants.collect(), without };
    serde_json::to_string(&shown).map_err(unwritable)
}

/// The verdict, every grant in a sentence, and what would go: the policy's lines, those that go or come marked.
fn for_people(judgement: &Judgement, before: &str, without: Option<String>) -> String {
    let mut shown = judgement.exposure.to_string();
    for grant in &judgement.grants {
        let mark = if grant.is_untrusted() { '!' } else { ' ' };
        let doubt = if grant.certain { "" } else { UNCERTAIN };
        let _ = write!(shown, "\n{mark} {:<12} {}{doubt}", grant.exposure.to_string(), grant.why);
    }
    if !judgement.grants.iter().any(Grant::is_untrusted) {
        let is_unchecked = judgement.grants.iter().any(|grant| grant.why.ends_with(UNCHECKED));
        return shown
            + match judgement.exposure {
                Exposure::Service => {
                    "\n\nIt names nobody who is not trusted, but it lets in a service of AWS that may act for anyone."
                }
                _ if is_unchecked => {
                    "\n\nIt lets in whom it names at a provider that many share: make sure that these are yours."
                }
                _ => "\n\nIt lets in nobody who is not trusted.",
            };
    }
    if !judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain) {
        shown += "\n\nNone of this is certain, so Snapback would alert and revert nothing.";
    }
    match without {
        None => shown + "\n\nNothing would be left of the policy without the untrusted.",
        Some(after) => {
            let why = if after.contains(NOBODY) && !before.contains(NOBODY) { WHY_A_DENY } else { "" };
            shown + "\n\nWithout the untrusted" + why + ":\n" + &changes(before, &after)
        }
    }
}

const WHY_A_DENY: &str = " nobody is left. A role cannot be without a trust policy, and one that names its own account lets in \
                          whoever may assume any role there. So everyone is denied";

/// Added where a condition or a `Deny` may keep them out, in a way that is not judged here.
const UNCERTAIN: &str = " (not certain)";

/// Lines that stay, go (`-`) and come (`+`).
fn changes(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();
    let (left, right) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let mut marked: Vec<(char, &str)> = old[..start].iter().map(|line| (' ', *line)).collect();
    marked.extend(differences(left, right));
    marked.extend(old[old.len() - end..].iter().map(|line| (' ', *line)));
    marked.iter().map(|(mark, line)| format!("{mark} {line}")).collect::<Vec<_>>().join("\n")
}

/// By the longest common sequence of lines; where that would take too long, all go and all come.
fn differences<'a>(left: &[&'a str], right: &[&'a str]) -> Vec<(char, &'a str)> {
    const TOO_MANY: usize = 1 << 22;
    let (rows, columns) = (left.len() + 1, right.len() + 1);
    let mut common = vec![0_u32; if rows * columns > TOO_MANY { 0 } else { rows * columns }];
    if !common.is_empty() {
        for (row, column) in
            (0..left.len()).rev().flat_map(|row| (0..right.len()).rev().map(move |column| (row, column)))
        {
            common[row * columns + column] = if left[row] == right[column] {
                common[(row + 1) * columns + column + 1] + 1
            } else {
                common[(row + 1) * columns + column].max(common[row * columns + column + 1])
            };
        }
    }
    let at = |row: usize, column: usize| common.get(row * columns + column).copied().unwrap_or_default();
    // A line that has changed is told as one that goes and one that comes right after it.
    let goes = |row, column, last: Option<&(char, &str)>| {
        let (without, with) = (at(row + 1, column), at(row, column + 1));
        without > with || without == with && last.is_none_or(|last| last.0 != '-')
    };
    let (mut row, mut column, mut marked) = (0, 0, vec![]);
    while row < left.len() || column < right.len() {
        if row < left.len() && column < right.len() && at(row, column) > 0 && left[row] == right[column] {
            marked.push((' ', left[row]));
            (row, column) = (row + 1, column + 1);
        } else if row < left.len() && (column == right.len() || goes(row, column, marked.last())) {
            marked.push(('-', left[row]));
            row += 1;
        } else {
            marked.push(('+', right[column]));
            column += 1;
        }
    }
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_and_comes_is_marked_line_by_line() {
        assert_eq!(changes("a\nb\nc\nd\ne", "a\nc\nD\ne"), "  a\n- b\n  c\n- d\n+ D\n  e");
        assert_eq!(changes("a", "b"), "- a\n+ b");
        assert_eq!(changes("a\nb", "a\nb"), "  a\n  b");
    }

    #[test]
    fn lines_without_number_are_told_without_comparing_them_all() {
        let (many, others) = ("a\n".repeat(3000), "b\n".repeat(3000));
        assert_eq!(changes(&many, &others).lines().filter(|line| line.starts_with('-')).count(), 3000);
    }
}
