//! Whom a resource policy lets in, and the policy without those who should not be let in.
//!
//! A plain judgement of "everyone". It says *public* only where that is certain; what it cannot tell is *unsure*,
//! which alerts and touches nothing. Grammar:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

mod condition;

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

/// One way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub statement: usize,
    pub exposure: Exposure,
    /// Names the grant by its content, wherever in the policy it stands.
    pub name: String,
    /// Whether more than reading is granted.
    pub writes: bool,
    /// One sentence.
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Anyone.
    Public,
    /// Perhaps anyone: narrowed in a way that is not judged here.
    Unsure,
}

/// A text that is no policy as far as we can read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood(pub String);

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
            .map_err(|error| NotUnderstood(error.to_string()))?;
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

    /// Every statement that lets strangers in.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
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
        let content = serde_json::from_str(&text[place.clone()]).map_err(|error| NotUnderstood(error.to_string()))?;
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
        let (exposure, how) = match narrowing {
            Narrowing::Narrowed => return None,
            Narrowing::NotNarrowed if shielded => {
                (Exposure::Unsure, ", unless a `Deny` in the same policy keeps them out".to_owned())
            }
            Narrowing::NotNarrowed => (Exposure::Public, String::new()),
            Narrowing::Unsure(key) => {
                (Exposure::Unsure, format!(", if the condition on `{key}` does not keep them out"))
            }
        };
        let (verb, actions) = match content.get("NotAction") {
            Some(others) => ("do anything but", words(others)),
            None => ("do", words(&content["Action"])),
        };
        let sid = json::text(content, "Sid").map(|sid| format!(" (`{sid}`)")).unwrap_or_default();
        Some(Grant {
            statement: index,
            exposure,
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
        f.write_str(&self.0)
    }
}

fn not_understood<T>(why: &str) -> Result<T, NotUnderstood> {
    Err(NotUnderstood(why.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn exposures(statement: &Value) -> Vec<Exposure> {
        let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        Policy::parse(&text).expect("a policy").grants().into_iter().map(|grant| grant.exposure).collect()
    }

    fn allow(principal: &Value, condition: &Value) -> Value {
        json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*", "Condition": condition})
    }

    #[test]
    fn everyone_is_recognised_in_every_form() {
        for everyone in [json!("*"), json!({"AWS": "*"}), json!({"AWS": ["arn:aws:iam::111122223333:root", "*"]})] {
            assert_eq!(exposures(&allow(&everyone, &json!({}))), [Exposure::Public], "{everyone}");
        }
        let everyone_but =
            json!({"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"});
        assert_eq!(exposures(&everyone_but), [Exposure::Public]);
    }

    #[test]
    fn named_principals_are_not_everyone() {
        for named in [
            json!({"AWS": "111122223333"}),
            json!({"Service": "logs.amazonaws.com"}),
            json!({"Federated": "*"}),
            json!({}),
        ] {
            assert_eq!(exposures(&allow(&named, &json!({}))), [], "{named}");
        }
        assert_eq!(exposures(&json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"})), []);
    }

    #[test]
    fn a_condition_counts_for_what_it_is() {
        use Exposure::{Public, Unsure};
        for (condition, expected) in [
            (json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), vec![]),
            (json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}), vec![]),
            (json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}), vec![]),
            (json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "0.0.0.0/0"]}}), vec![Public]),
            (json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}), vec![Public]),
            (json!({"Bool": {"aws:SecureTransport": "true"}}), vec![Public]),
            (json!({"StringLike": {"aws:Referer": "https://example.com/*"}}), vec![Public]),
            (json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}), vec![Unsure]),
            (json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}), vec![Unsure]),
            (json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}), vec![Unsure]),
            (json!({"StringEquals": {"some:Key": "x"}}), vec![Unsure]),
            (json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/*"}}), vec![]),
            (json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/*"}}), vec![Unsure]),
            (
                json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:eu-central-1:111122223333:accesspoint/*"}}),
                vec![],
            ),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::bucket"}}), vec![]),
            (json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}), vec![Unsure]),
            (json!({"Bool": {"aws:PrincipalIsAWSService": true}}), vec![]),
        ] {
            assert_eq!(exposures(&allow(&json!("*"), &condition)), expected, "{condition}");
        }
    }

    #[test]
    fn a_deny_that_may_keep_strangers_out_makes_unsure_and_others_do_not() {
        let public = allow(&json!("*"), &json!({}));
        let deny = |condition: Value| json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": condition});
        let elsewhere = json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}});
        for talks_it_down in [
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*"}),
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteBucket", "Resource": "*", "Condition": elsewhere}),
            json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/private/*", "Condition": elsewhere}),
            json!({"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "s3:*", "Resource": "*"}),
            deny(json!({"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}})),
            deny(json!({"StringNotLike": {"aws:PrincipalOrgID": "*"}})),
        ] {
            assert_eq!(exposures(&json!([public, talks_it_down])), [Exposure::Public], "{talks_it_down}");
        }
        let only_from_here = deny(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}));
        let only_with_tls = deny(json!({"Bool": {"aws:SecureTransport": "false"}}));
        assert_eq!(exposures(&json!([public, only_from_here])), [Exposure::Unsure]);
        assert_eq!(exposures(&json!([public, only_with_tls])), [Exposure::Public]);
    }

    #[test]
    fn what_stays_keeps_its_bytes() {
        let text = "{ \"Version\":\"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\":\"Deny\", \"Principal\":\"*\", \
                    \"Action\":\"s3:*\",\"Resource\":\"*\" } ,\n    {\"Effect\":\"Allow\",\"Principal\":\"*\",\
                    \"Action\":\"s3:GetObject\",\"Resource\":\"*\"},\n    {\"Sid\":\"é\",\"Effect\":\"Allow\",\
                    \"Principal\":{\"AWS\":[ \"*\", \"111122223333\" ]},\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}\n ] }";
        let policy = Policy::parse(text).expect("a policy");
        let grants = policy.grants();
        let without = policy.without(&grants).expect("two statements are left");
        assert_eq!(
            without,
            text.replace(
                r#",
    {"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"*"}"#,
                ""
            )
            .replace(r#""*", "111122223333""#, r#""111122223333""#)
            .replace("} ,", "}") // the comma goes with the statement that it was before
            .replace("\"*\" }\n    {\"Sid\"", "\"*\" },\n    {\"Sid\"")
        );
        assert_eq!(Policy::parse(&without).expect("still a policy").grants(), []);
    }

    #[test]
    fn a_service_beside_everyone_stays() {
        let text = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*", "Service":"logging.s3.amazonaws.com"},"Action":"*","Resource":"*"}]}"#;
        let policy = Policy::parse(text).expect("a policy");
        assert_eq!(policy.without(&policy.grants()), Some(text.replace(r#""AWS":"*", "#, "")));
    }

    #[test]
    fn nothing_is_left_of_a_policy_that_only_lets_strangers_in() {
        for statement in [allow(&json!("*"), &json!({})), json!([allow(&json!({"AWS": ["*"]}), &json!({}))])] {
            let text = json!({"Statement": statement}).to_string();
            let policy = Policy::parse(&text).expect("a policy");
            assert_eq!(policy.without(&policy.grants()), None);
        }
    }

    #[test]
    fn what_is_no_policy_is_said_and_never_guessed_at() {
        for text in [
            "",
            "[]",
            "{}",
            "{\"Statement\": 1}",
            "{\"Statement\": [1]}",
            "{\"Statement\": [], \"Statement\": []}",
            "{'Statement': []}",
        ] {
            assert!(Policy::parse(text).is_err(), "{text}");
        }
    }

    /// Policies of some statements, each public or not, in spellings with and without white space.
    fn policies() -> impl Strategy<Value = String> {
        let principal = prop_oneof![
            Just(json!("*")),
            Just(json!({"AWS": "*"})),
            Just(json!({"AWS": ["*"]})),
            Just(json!({"AWS": ["*", "111122223333", "*"]})),
            Just(json!({"AWS": ["444455556666", "*"]})),
            Just(json!({"AWS": "111122223333"})),
            Just(json!({"Service": "logging.s3.amazonaws.com"})),
            Just(json!({"AWS": "*", "Service": "logging.s3.amazonaws.com"})),
        ];
        let condition = prop_oneof![
            3 => Just(json!({})),
            1 => Just(json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
            1 => Just(json!({"Bool": {"aws:SecureTransport": "true"}})),
        ];
        let statement = ("[A-Za-z0-9]{1,8}", prop_oneof![3 => Just("Allow"), 1 => Just("Deny")], principal, condition).prop_map(
            |(sid, effect, principal, condition)| {
                json!({"Sid": sid, "Effect": effect, "Principal": principal, "Action": ["s3:GetObject"], "Resource": "*", "Condition": condition})
            },
        );
        (prop::collection::vec(statement, 1..7), any::<bool>()).prop_map(|(statements, spaced)| {
            let policy = json!({"Version": "2012-10-17", "Id": "x", "Statement": statements});
            if spaced { format!("{policy:#}") } else { policy.to_string() }
        })
    }

    proptest! {
        #[test]
        fn after_the_removal_nobody_is_let_in_and_no_other_statement_has_changed(text in policies()) {
            let policy = Policy::parse(&text).expect("a policy");
            let grants = policy.grants();
            let Some(without) = policy.without(&grants) else {
                prop_assert_eq!(grants.len(), policy.statements.len());
                return Ok(());
            };
            let after = Policy::parse(&without).expect("still a policy");
            prop_assert_eq!(after.grants(), vec![]);
            let kept = policy.statements.iter().enumerate().filter(|(index, _)| grants.iter().all(|grant| grant.statement != *index));
            let mut rest = after.statements.iter().map(|statement| &without[statement.place.clone()]);
            for (_, statement) in kept {
                let bytes = &text[statement.place.clone()];
                prop_assert!(rest.any(|left| left == bytes), "{} is missing or moved in {}", bytes, without);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}\",:a-zA-Z*]{0,60}") {
            if let Ok(policy) = Policy::parse(&text) {
                let _ = policy.without(&policy.grants());
            }
        }
    }
}
