//! What is said of everyone whom an `Allow` admits, and whether that meets the condition of a `Deny`.
//!
//! A `Deny` takes an `Allow` away only from those who certainly meet all that it asks for. What they say follows from who
//! is named, and from what the `Allow` itself asks of them.

use std::borrow::Cow;

use ipnet::IpNet;

use super::document::{Entry, Word};
use super::operator::{Form, Operator};
use super::pattern::{covers, is_pattern, lower, matches, overlaps};
use super::principal::{account, account_of_all, is_account, is_fixed};
use crate::network;

/// That a key has one of these values, whoever of those who are admitted calls.
#[derive(Debug)]
pub(super) struct Said<'p> {
    /// In small letters.
    key: Cow<'p, str>,
    form: Form,
    /// That of several values at least one is such.
    is_any: bool,
    ignores_case: bool,
    /// Whether a call that says this may as well not have the key.
    may_be_absent: bool,
    values: Vec<Cow<'p, str>>,
}

const ACCOUNT: &str = "aws:principalaccount";
const ARN: &str = "aws:principalarn";

/// Keys of ARNs, and those that say its account of the same.
const ACCOUNTS: [(&str, &str); 2] = [(ARN, ACCOUNT), ("s3:dataaccesspointarn", "s3:dataaccesspointaccount")];

/// Keys of paths in an organization, and those that say its id of the same.
const ORGANIZATIONS: [(&str, &str); 4] = [
    ("aws:principalorgpaths", "aws:principalorgid"),
    ("aws:resourceorgpaths", "aws:resourceorgid"),
    ("aws:sourceorgpaths", "aws:sourceorgid"),
    ("aws:vpceorgpaths", "aws:vpceorgid"),
];

/// Keys that say the same, of which a call may have only one.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html>
const OWNERS: [(&str, &str); 2] = [("aws:sourceaccount", "aws:sourceowner"), ("aws:sourceowner", "aws:sourceaccount")];

/// Keys that have one value. Of others a call may have another value beside the one that is asked for.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const SINGLE: [&str; 25] = [
    "aws:multifactorauthpresent",
    ACCOUNT,
    ARN,
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalservicename",
    "aws:principaltype",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:securetransport",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:userid",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

impl<'p> Said<'p> {
    /// What an entry of an `Allow` makes sure of; only one of its values, if that is told.
    pub(super) fn by_condition(entry: &'p Entry<'_>, value: Option<usize>) -> Vec<Self> {
        let operator = Operator::of(&entry.operator);
        let is_sure = !operator.is_negated && !operator.holds_if_absent;
        if !is_sure || matches!(operator.form, Form::Null | Form::Amount | Form::Unknown) {
            return vec![];
        }
        let values = value.map_or(&entry.values[..], |value| &entry.values[value..=value]);
        let said = Self {
            key: lower(&entry.key),
            form: operator.form,
            is_any: operator.is_any,
            ignores_case: operator.ignores_case,
            may_be_absent: false,
            values: values.iter().map(|value| Cow::Borrowed(&*value.text)).collect(),
        };
        let others = [said.of_account(), said.of_organization(), said.of_owner()];
        [said].into_iter().chain(others.into_iter().flatten()).collect()
    }

    /// What a call says that a `Deny` does not hit because of this entry, if it has the key.
    pub(super) fn by_avoiding(entry: &'p Entry<'_>) -> Option<Self> {
        let operator = Operator::of(&entry.operator);
        let is_plain = !operator.is_any && !operator.is_all && !operator.holds_if_absent;
        let values: Vec<Cow<'p, str>> = match operator.form {
            _ if !is_plain => return None,
            Form::Exact | Form::Like | Form::Arn | Form::Address if operator.is_negated => {
                entry.values.iter().map(|value| Cow::Borrowed(&*value.text)).collect()
            }
            Form::Bool => {
                let is_asked = |is: &str| entry.values.iter().any(|value| value.text.eq_ignore_ascii_case(is));
                ["true", "false"].into_iter().filter(|is| !is_asked(is)).map(Cow::Borrowed).collect()
            }
            _ => return None,
        };
        let (form, ignores_case) = (operator.form, operator.ignores_case);
        Some(Self { key: lower(&entry.key), form, is_any: false, ignores_case, may_be_absent: false, values })
    }

    /// What every call says that comes through this access point.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-points-policies.html#access-points-condition-keys>
    pub(super) fn by_access_point(arn: &'p str) -> Vec<Self> {
        let account = account(arn).map(|account| one("s3:dataaccesspointaccount", Form::Exact, Cow::Borrowed(account)));
        [one("s3:dataaccesspointarn", Form::Exact, Cow::Borrowed(arn))].into_iter().chain(account).collect()
    }

    /// What a principal says that is named as one of a kind.
    pub(super) fn by_principal(kind: &str, text: &'p str) -> Vec<Self> {
        let is_service = |is| one("aws:principalisawsservice", Form::Bool, Cow::Borrowed(is));
        match (kind, account(text)) {
            ("Service", _) if is_fixed(text) => {
                vec![one("aws:principalservicename", Form::Exact, Cow::Borrowed(text)), is_service("true")]
            }
            ("AWS", Some(account)) if is_account(account) && is_fixed(text) => {
                let mut said = vec![one(ACCOUNT, Form::Exact, Cow::Borrowed(account)), is_service("false")];
                // A session says the name of its role, whose path is not told here.
                if is_whole_account(text) {
                    // A policy that names somebody by a partition that is not its own is none that AWS takes.
                    let partition = if text.starts_with("arn:aws:") { "aws" } else { "*" };
                    let of = |service| Cow::Owned(format!("arn:{partition}:{service}::{account}:*"));
                    said.push(Self { values: ["iam", "sts"].map(of).into(), ..one(ARN, Form::Arn, Cow::Borrowed("")) });
                } else if text.contains(":iam:") {
                    said.push(one(ARN, Form::Exact, Cow::Borrowed(text)));
                }
                said
            }
            _ => vec![],
        }
    }

    /// An ARN tells an account.
    fn of_account(&self) -> Option<Self> {
        let (_, key) = ACCOUNTS.iter().find(|(arn, _)| self.key == *arn && !self.values.is_empty())?;
        let account = |value: &Cow<'p, str>| {
            let (before, account) = account_of_all(value)?;
            let is_in_place = self.form == Form::Arn || !is_pattern(before);
            (is_in_place && is_account(account)).then(|| Cow::Owned(account.to_owned()))
        };
        let values = self.values.iter().map(account).collect::<Option<Vec<_>>>()?;
        // That a call has one of the two is nowhere said but of who signs.
        let may_be_absent = *key != ACCOUNT;
        Some(Self { key: Cow::Borrowed(key), form: Form::Exact, ignores_case: false, may_be_absent, values, ..*self })
    }

    /// A path tells an organization.
    fn of_organization(&self) -> Option<Self> {
        let (_, key) = ORGANIZATIONS.iter().find(|(path, _)| self.key == *path)?;
        let id = |value: &Cow<'p, str>| {
            let (id, _) = value.split_once('/').filter(|(id, _)| !id.contains('*'))?;
            Some(Cow::Owned(id.to_owned()))
        };
        let values = self.values.iter().map(id).collect::<Option<Vec<_>>>()?;
        Some(Self { key: Cow::Borrowed(key), is_any: false, may_be_absent: true, values, ..*self })
    }

    /// Whoever tells the account of a source, tells the same as its owner.
    fn of_owner(&self) -> Option<Self> {
        let (_, key) = OWNERS.iter().find(|(one, _)| self.key == *one)?;
        Some(Self { key: Cow::Borrowed(key), may_be_absent: true, values: self.values.clone(), ..*self })
    }

    /// Whether whoever says this is this principal, or one of these.
    pub(super) fn is_by(&self, kind: &str, text: &str) -> bool {
        let is_of = |key: &str, text: &str| {
            let is_it = |value: &Cow<'_, str>| value == text && !is_pattern(value);
            self.key == key && !self.ignores_case && !self.values.is_empty() && self.values.iter().all(is_it)
        };
        match kind {
            "Service" => is_of("aws:principalservicename", text),
            "AWS" if is_whole_account(text) => account(text).is_some_and(|account| is_of(ACCOUNT, account)),
            "AWS" => is_of(ARN, text),
            _ => false,
        }
    }

    /// Whether whoever says this is of an account of which none of these principals is.
    pub(super) fn is_of_none(&self, those: &[(&str, &str)]) -> bool {
        // A canonical user is an account by another id.
        let is_apart = |(kind, text): &(&str, &str)| match account(text) {
            _ if *kind == "CanonicalUser" => false,
            _ if *kind != "AWS" => true,
            Some(account) => is_account(account) && !self.values.iter().any(|value| value == account),
            None => false,
        };
        self.key == ACCOUNT
            && !self.values.is_empty()
            && self.values.iter().all(|value| is_account(value))
            && those.iter().all(is_apart)
    }

    /// Whether whoever says this meets what an entry asks for.
    pub(super) fn meets(&self, entry: &Entry<'_>) -> bool {
        let operator = Operator::of(&entry.operator);
        let is_sure = !self.may_be_absent || operator.is_negated && !operator.is_any;
        is_sure && self.meets_by(operator, &entry.key, &entry.values)
    }

    /// Whether nobody who says this meets what an entry asks for.
    pub(super) fn fails(&self, entry: &Entry<'_>) -> bool {
        self.fails_by(entry, &entry.values)
    }

    /// Whether nobody who says this meets what an entry asks for by this one of its values.
    pub(super) fn fails_value(&self, entry: &Entry<'_>, value: usize) -> bool {
        self.fails_by(entry, &entry.values[value..=value])
    }

    fn fails_by(&self, entry: &Entry<'_>, values: &[Word<'_>]) -> bool {
        let operator = Operator::of(&entry.operator);
        let needs_key = !operator.is_negated && !operator.holds_if_absent && operator.form != Form::Null;
        let is_sure = !self.may_be_absent || needs_key;
        // That no value is such means that all are others.
        let (is_any, is_all) = (operator.is_all, operator.is_any);
        let failing = Operator { is_negated: !operator.is_negated, is_any, is_all, ..operator };
        is_sure && self.meets_by(failing, &entry.key, values)
    }

    fn meets_by(&self, operator: Operator, key: &str, values: &[Word<'_>]) -> bool {
        if operator.form == Form::Null {
            // What has a value is there.
            let asked = if operator.is_negated { "true" } else { "false" };
            let is_asked = |value: &Word<'_>| value.text.eq_ignore_ascii_case(asked);
            return self.key == lower(key) && values.iter().all(is_asked) && !values.is_empty();
        }
        // Of one value it is all the same whether that, any, or all of them must be such.
        let is_single = SINGLE.binary_search(&&*self.key).is_ok();
        let is_of_one = is_single || !operator.is_any && !operator.is_all && !self.is_any;
        let is_of_some = operator.is_any && self.is_any && !operator.is_negated;
        if operator.is_negated && !is_single {
            return false;
        }
        if self.key != lower(key) || !(is_of_one || is_of_some) || self.values.is_empty() {
            return false;
        }
        let asked: Vec<&str> = values.iter().map(|value| &*value.text).collect();
        self.values.iter().all(|said| {
            if operator.is_negated {
                asked.iter().all(|asked| self.is_apart(said, operator, asked))
            } else {
                asked.iter().any(|asked| self.is_within(said, operator, asked))
            }
        })
    }

    /// Whether an entry asks for it.
    pub(super) fn is_of(&self, entry: &Entry<'_>) -> bool {
        self.key == lower(&entry.key)
    }

    /// How much it is to compare it with an entry.
    pub(super) fn work(&self, entry: &Entry<'_>) -> usize {
        let length = |texts: &mut dyn Iterator<Item = usize>| texts.map(|length| length + 1).sum::<usize>();
        let said = length(&mut self.values.iter().map(|value| value.len()));
        said.saturating_mul(length(&mut entry.values.iter().map(|value| value.text.len())))
    }

    /// Whether all that is said by this value is asked for by that one.
    fn is_within(&self, said: &str, operator: Operator, asked: &str) -> bool {
        if self.ignores_case && !operator.ignores_case {
            return false;
        }
        let cased = |text: &str| if operator.ignores_case { text.to_lowercase() } else { text.to_owned() };
        let (said, asked) = (&*cased(said), &*cased(asked));
        let is_variable = said.contains("${") || asked.contains("${");
        let is_literal = self.form == Form::Exact || !is_pattern(said);
        match (self.form, operator.form) {
            (Form::Address, Form::Address) => both(said, asked, |said, asked| asked.contains(&said)),
            (Form::Bool, Form::Bool | Form::Exact) | (Form::Exact, Form::Bool) => said.eq_ignore_ascii_case(asked),
            (Form::Exact | Form::Like | Form::Arn, _) if is_variable => {
                said == asked && self.form == operator.form && is_literal
            }
            (Form::Exact | Form::Like | Form::Arn, Form::Exact) => is_literal && said == asked,
            // A star that is compared letter by letter is a star.
            (Form::Exact, _) if is_pattern(said) => false,
            (Form::Exact | Form::Like | Form::Arn, Form::Like) => covers(asked, said),
            (Form::Exact | Form::Arn, Form::Arn) => is_part_by_part(said, asked),
            (Form::Like, Form::Arn) => is_literal && is_part_by_part(said, asked),
            _ => false,
        }
    }

    /// Whether nothing that is said by this value is asked for by that one.
    fn is_apart(&self, said: &str, operator: Operator, asked: &str) -> bool {
        let (said, asked) = (&*said.to_lowercase(), &*asked.to_lowercase());
        let is_text = |form| matches!(form, Form::Exact | Form::Like | Form::Arn);
        let is_flag = |text: &str| matches!(text, "true" | "false");
        match (self.form, operator.form) {
            (Form::Bool, Form::Bool | Form::Exact) | (Form::Exact, Form::Bool) => {
                is_flag(said) && is_flag(asked) && said != asked
            }
            (Form::Address, Form::Address) => {
                both(said, asked, |said, asked| !said.contains(&asked) && !asked.contains(&said))
            }
            (form, other) if is_text(form) && is_text(other) => {
                // A star that is compared letter by letter is a star.
                let is_apart = match (form, other) {
                    (Form::Exact, Form::Exact) => said != asked,
                    (Form::Exact, _) => !matches(asked, said),
                    (_, Form::Exact) => !matches(said, asked),
                    _ => !overlaps(said, asked),
                };
                !said.contains("${") && !asked.contains("${") && is_apart
            }
            _ => false,
        }
    }
}

fn one<'p>(key: &'static str, form: Form, value: Cow<'p, str>) -> Said<'p> {
    Said {
        key: Cow::Borrowed(key),
        form,
        is_any: false,
        ignores_case: false,
        may_be_absent: false,
        values: vec![value],
    }
}

fn both(said: &str, asked: &str, holds: impl Fn(IpNet, IpNet) -> bool) -> bool {
    network::range(said).zip(network::range(asked)).is_some_and(|(said, asked)| holds(said, asked))
}

fn is_part_by_part(said: &str, asked: &str) -> bool {
    let parts = |text| -> Vec<&str> { str::splitn(text, 6, ':').collect() };
    let (said, asked) = (parts(said), parts(asked));
    let is_whole = said.len() == 6 && asked.len() == 6;
    is_whole && asked.iter().zip(said).all(|(asked, said)| covers(asked, said))
}

/// Whether a session is one of this role. The session does not tell the role's path, and an account has no two roles of one
/// name.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles>
pub(super) fn is_session_of(session: &str, role: &str) -> bool {
    let parts = |text, start| {
        let (before, name) = str::split_once(text, start)?;
        let (partition, account) = before.strip_prefix("arn:")?.split_once("::")?;
        is_fixed(text).then_some((partition, account, name))
    };
    let session = parts(session, ":assumed-role/").and_then(|(partition, account, session)| {
        let (name, _) = session.split_once('/')?;
        Some((partition.strip_suffix(":sts")?, account, name))
    });
    let role = parts(role, ":role/").and_then(|(partition, account, path)| {
        let name = path.rsplit('/').next()?;
        Some((partition.strip_suffix(":iam")?, account, name))
    });
    session.is_some() && session == role
}

/// All roles of which this may be a session, which does not tell the path of its role.
pub(super) fn roles_of(session: &str) -> Option<String> {
    let (_, name) = session.split_once(":assumed-role/")?;
    let role = name.split('/').next()?;
    Some(format!("arn:*:iam::{}:role/*{role}", account(session)?))
}

/// Whether an entry of a `Deny` may mean one of these roles.
pub(super) fn may_mean(entry: &Entry<'_>, roles: &str) -> bool {
    entry.key.eq_ignore_ascii_case(ARN) && entry.values.iter().any(|value| overlaps(&value.text, roles))
}

/// Whether all principals of an account are meant.
fn is_whole_account(text: &str) -> bool {
    is_account(text) || text.splitn(6, ':').nth(5) == Some("root") && text.split(':').nth(2) == Some("iam")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::document::Document;
    use super::*;

    /// Whether everyone who meets the one condition meets the other.
    fn meets(allowed: &Value, denied: &Value) -> bool {
        let policy = |condition: &Value| json!({"Statement": {"Effect": "Deny", "Condition": condition}}).to_string();
        let (allowed, denied) = (policy(allowed), policy(denied));
        let (allowed, denied) = (Document::parse(&allowed).expect("one"), Document::parse(&denied).expect("one"));
        let said: Vec<Said<'_>> =
            allowed.statements[0].condition.iter().flat_map(|entry| Said::by_condition(entry, None)).collect();
        denied.statements[0].condition.iter().all(|entry| said.iter().any(|said| said.meets(entry)))
    }

    fn is(operator: &str, key: &str, value: &Value) -> Value {
        json!({operator: {key: value}})
    }

    #[test]
    fn the_keys_that_have_one_value_are_sorted() {
        assert!(SINGLE.is_sorted());
    }

    #[test]
    fn what_is_asked_as_narrowly_or_more_narrowly_meets_it() {
        let organization = is("StringEquals", "aws:PrincipalOrgID", &json!("o-foreign0001"));
        let arn = |operator: &str, value: &str| is(operator, "aws:PrincipalArn", &json!(value));
        let address = |operator: &str, value: &str| is(operator, "aws:SourceIp", &json!(value));
        for (allowed, denied, met) in [
            (&organization, &organization, true),
            (&organization, &is("StringLike", "AWS:PRINCIPALORGID", &json!(["x", "o-*"])), true),
            (&is("StringLike", "aws:PrincipalOrgID", &json!("o-*")), &organization, false),
            (&organization, &is("StringNotEquals", "aws:PrincipalOrgID", &json!("o-trusted0001")), true),
            (&organization, &is("StringNotLike", "aws:PrincipalOrgID", &json!(["x", "o-*"])), false),
            (&is("StringEqualsIfExists", "aws:PrincipalOrgID", &json!("o-foreign0001")), &organization, false),
            (&organization, &is("StringEqualsIfExists", "aws:PrincipalOrgID", &json!("o-foreign0001")), true),
            (&arn("ArnLike", "arn:aws:iam::444455556666:role/*"), &arn("ArnLike", "arn:*:iam::444455556666:*"), true),
            (&arn("StringLike", "arn:aws:*:role/*"), &arn("ArnLike", "arn:aws:*:*:*:role/*"), false),
            (
                &arn("ArnEquals", "arn:aws:iam::444455556666:role/*"),
                &is("StringEquals", "aws:PrincipalAccount", &json!("444455556666")),
                true,
            ),
            (
                &arn("StringLike", "arn:aws:iam:*:444455556666:role/*"),
                &is("StringEquals", "aws:PrincipalAccount", &json!("444455556666")),
                false,
            ),
            (&arn("ArnLike", "arn:aws:iam::*:*"), &arn("ArnLike", "arn:aws:iam::?:*"), false),
            (
                &arn("ArnLike", "arn:aws:iam::444455556666:role/a*"),
                &arn("ArnLike", "arn:aws:iam::444455556666:role/a?"),
                false,
            ),
            (&address("IpAddress", "198.51.100.7"), &address("IpAddress", "198.51.100.0/24"), true),
            (&address("IpAddress", "198.51.100.0/24"), &address("IpAddress", "198.51.100.7"), false),
            (&address("IpAddress", "198.51.100.0/24"), &address("NotIpAddress", "192.0.2.0/24"), true),
            (&address("IpAddress", "198.51.100.0/24"), &address("NotIpAddress", "198.51.100.7"), false),
            (
                &is("StringEquals", "aws:TagKeys", &json!("a")),
                &is("StringNotEquals", "aws:TagKeys", &json!("b")),
                false,
            ),
            (
                &is("DateLessThan", "aws:CurrentTime", &json!("2030-01-01")),
                &is("DateLessThan", "aws:CurrentTime", &json!("2030-01-01")),
                false,
            ),
            (
                &is("StringEqualsIgnoreCase", "aws:PrincipalTag/a", &json!("B")),
                &is("StringEquals", "aws:PrincipalTag/a", &json!("B")),
                false,
            ),
            (
                &is("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", &json!("o-1/r-1/")),
                &is("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", &json!("o-1/*")),
                true,
            ),
            (
                &is("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", &json!("o-1/r-1/")),
                &is("ForAllValues:StringLike", "aws:PrincipalOrgPaths", &json!("o-1/*")),
                false,
            ),
        ] {
            assert_eq!(meets(allowed, denied), met, "{allowed} {denied}");
        }
    }
}
