//! Unique ids in place of principals: `AROA…`, `AIDA…`.
//!
//! AWS shows one in place of a role or a user that is no more, and refuses a policy that names one. SNS shows them for a
//! while after a policy was put, although the principals are there.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids>

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Principal, Statement, Word};
use super::grant::Going;
use super::principal::{account, is_deleted};
use super::text::Node;
use super::{Policy, edit};

impl Policy<'_> {
    /// The unique ids among its principals; those in conditions are none.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<String> {
        let words = self.document.statements.iter().flat_map(named);
        words.filter(|word| is_deleted(&word.text)).map(|word| word.text.to_string()).collect()
    }

    /// The same, with each unique id that the call did not give replaced by the ARN that it gave in its place: where of a
    /// statement as many ARNs are missing as there are ids. Nothing if there is nothing to replace, or it cannot be told by
    /// what.
    #[must_use]
    pub fn resolved(&self, put: &Policy<'_>) -> Option<String> {
        let given = put.ids();
        let mut instead: Vec<(std::ops::Range<usize>, String)> = vec![];
        for live in &self.document.statements {
            let is_new = |word: &&Word<'_>| is_deleted(&word.text) && !given.contains(&*word.text);
            let ids: Vec<&Word<'_>> = named(live).filter(is_new).collect();
            if ids.is_empty() {
                continue;
            }
            let (rest, statements) = (self.rest(live), &put.document.statements);
            let same: Vec<&Statement<'_>> = statements.iter().filter(|statement| put.rest(statement) == rest).collect();
            let [same] = same[..] else { return None };
            let is_there = |arn: &str| named(live).any(|word| word.text == arn);
            let missing: Vec<&Word<'_>> =
                named(same).filter(|word| has_an_id(&word.text) && !is_there(&word.text)).collect();
            if missing.is_empty() {
                continue;
            }
            if missing.len() != ids.len() {
                return None;
            }
            // Which is whose does not matter: principals of one statement are the same to it in any order.
            let quoted = |word: &Word<'_>| serde_json::to_string(&*word.text).unwrap_or_default();
            instead.extend(ids.iter().zip(missing).map(|(id, arn)| (id.place.clone(), quoted(arn))));
        }
        let cuts = instead.iter().map(|(place, arn)| (place.clone(), arn.as_str())).collect();
        (!instead.is_empty()).then(|| edit::applied(self.text, cuts))
    }

    /// All of a statement but whom it names, in one spelling.
    fn rest(&self, statement: &Statement<'_>) -> Option<Node> {
        let mut rest = Node::of_statement(&self.text[statement.place.clone()])?;
        let name = if matches!(statement.principal, Principal::AllBut(_)) { "NotPrincipal" } else { "Principal" };
        rest.set(&[name], Node::Literal("null".to_owned()));
        Some(rest)
    }

    /// Whether everybody whom the call named, and whom AWS could show by an id, is shown by name.
    #[must_use]
    pub fn names_all_of(&self, put: &Policy<'_>) -> bool {
        let all = |policy: &Policy<'_>| -> BTreeSet<String> {
            policy.document.statements.iter().flat_map(named).map(|word| word.text.to_string()).collect()
        };
        let live = all(self);
        all(put).iter().all(|arn| !has_an_id(arn) || live.contains(arn))
    }

    /// Whether it names somebody as `without_ids` leaves them: in a `Deny`, or as one of all but whom are meant.
    #[must_use]
    pub fn keeps_names(&self) -> bool {
        let keeps =
            |statement: &&Statement<'_>| !statement.allows || matches!(statement.principal, Principal::AllBut(_));
        self.document.statements.iter().filter(keeps).flat_map(named).any(|word| word.text != "*")
    }

    /// Whom of other accounts than this one it allows something by name.
    #[must_use]
    pub fn named_outside(&self, own: &str) -> BTreeSet<String> {
        let allows = self.document.statements.iter().filter(|statement| statement.allows);
        let outside = |word: &&Word<'_>| account(&word.text).is_some_and(|account| account != own);
        allows.flat_map(named).filter(outside).map(|word| word.text.to_string()).collect()
    }

    /// The same without the unique ids to which it allows something. What is denied to one stays, so that no `Deny` is ever
    /// narrowed. Nothing if there is nothing to remove, or nothing would be left.
    #[must_use]
    pub fn without_ids(&self) -> Option<String> {
        let mut going: BTreeMap<usize, Going> = BTreeMap::new();
        for (index, statement) in self.document.statements.iter().enumerate() {
            if statement.allows && matches!(statement.principal, Principal::Those(_)) {
                let principals: BTreeSet<usize> =
                    named(statement).enumerate().filter(|(_, word)| is_deleted(&word.text)).map(|(at, _)| at).collect();
                if !principals.is_empty() {
                    going.insert(index, Going { principals, ..Going::default() });
                }
            }
        }
        if going.is_empty() { None } else { self.cut(&going) }
    }
}

/// The most that S3, the strictest, takes of the text as it is sent. What it gives back may be longer: accounts become the
/// ARNs of their root.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/add-bucket-policy.html>
const LONGEST_SENT: usize = 20 * 1024;

impl Policy<'_> {
    /// The same with accounts by their ids, if AWS would refuse it for its length.
    #[must_use]
    pub fn shorter(&self) -> Option<String> {
        if self.text.len() <= LONGEST_SENT {
            return None;
        }
        let roots = self.document.statements.iter().flat_map(named).filter(|word| word.text.ends_with(":root"));
        let accounts: Vec<_> =
            roots.filter_map(|word| Some((word.place.clone(), format!("\"{}\"", account(&word.text)?)))).collect();
        let cuts = accounts.iter().map(|(place, account)| (place.clone(), account.as_str())).collect();
        Some(edit::applied(self.text, cuts))
    }
}

/// All principals of a statement, in their order, whether it is for them or for all but them.
fn named<'s, 'a>(statement: &'s Statement<'a>) -> impl Iterator<Item = &'s Word<'a>> {
    let lists = match &statement.principal {
        Principal::Those(lists) | Principal::AllBut(lists) => lists.as_slice(),
        Principal::Missing => &[],
    };
    lists.iter().flat_map(|list| &list.words)
}

/// Whether this is a principal of those that have an id: a role or a user. An account is shown by its root, and a star or a
/// service by itself.
fn has_an_id(arn: &str) -> bool {
    let name = arn.starts_with("arn:").then(|| arn.splitn(6, ':').nth(5)).flatten();
    name.is_some_and(|name| name.starts_with("role/") || name.starts_with("user/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "AROAEXAMPLEEXAMPLE001";

    fn allow(principals: &str) -> String {
        format!(r#"{{"Effect":"Allow","Principal":{principals},"Action":"s3:GetObject","Resource":"*"}}"#)
    }

    fn policy(statements: &[String]) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    }

    #[test]
    fn who_is_no_more_is_removed_from_what_is_allowed_and_from_nothing_else() {
        let friend = r#""arn:aws:iam::444455556666:role/reader""#;
        let deny = allow(&format!(r#"{{"AWS":["{ID}",{friend}]}}"#)).replace("Allow", "Deny");
        let in_condition = allow(r#""*""#).replace(
            r#""Resource":"*""#,
            &format!(r#""Resource":"*","Condition":{{"StringLike":{{"aws:userid":"{ID}:*"}}}}"#),
        );
        let before = policy(&[
            allow(&format!(r#"{{"AWS":["{ID}",{friend}]}}"#)),
            allow(&format!(r#"{{"AWS":"{ID}"}}"#)),
            deny.clone(),
            in_condition.clone(),
        ]);
        let after = policy(&[allow(&format!(r#"{{"AWS":[{friend}]}}"#)), deny, in_condition]);
        let parsed = Policy::parse(&before).expect("a policy");
        assert_eq!(parsed.without_ids(), Some(after.clone()));
        assert_eq!(parsed.ids(), BTreeSet::from([ID.to_owned()]));
        assert_eq!(Policy::parse(&after).expect("a policy").without_ids(), None);
        let lone = policy(&[allow(&format!(r#"{{"AWS":"{ID}"}}"#))]);
        assert_eq!(Policy::parse(&lone).expect("a policy").without_ids(), None, "nothing would be left");
    }

    #[test]
    fn what_aws_has_made_longer_is_sent_as_short_as_it_was_put() {
        let of = |principal: &str| {
            let friends = format!(r#"{{"AWS":{principal}}}"#);
            policy(&vec![allow(&friends); 300])
        };
        let (long, short) = (of(r#""arn:aws:iam::444455556666:root""#), of(r#""444455556666""#));
        assert_eq!(Policy::parse(&long).expect("a policy").shorter(), Some(short));
        let usual = policy(&[allow(r#"{"AWS":"arn:aws:iam::444455556666:root"}"#)]);
        assert_eq!(Policy::parse(&usual).expect("a policy").shorter(), None);
    }

    #[test]
    fn an_id_in_place_of_what_the_call_named_is_that() {
        let (friend, stranger) = ("arn:aws:iam::444455556666:role/reader", "arn:aws:iam::777788889999:role/x");
        let resolved = |live: &str, put: &str| {
            let (live, put) = (policy(&[allow(live)]), policy(&[allow(put)]));
            let (live, put) = (Policy::parse(&live).expect("a policy"), Policy::parse(&put).expect("a policy"));
            live.resolved(&put)
        };
        let shown = format!(r#"{{"AWS":["{ID}","arn:aws:iam::444455556666:root"]}}"#);
        let put = format!(r#"{{"AWS":["444455556666","{stranger}"]}}"#);
        let as_named = format!(r#"{{"AWS":["{stranger}","arn:aws:iam::444455556666:root"]}}"#);
        assert_eq!(resolved(&shown, &put), Some(policy(&[allow(&as_named)])));
        // It is told of nobody, or of more than there are.
        assert_eq!(resolved(&shown, r#"{"AWS":"444455556666"}"#), None);
        assert_eq!(resolved(&shown, &format!(r#"{{"AWS":["{friend}","{stranger}"]}}"#)), None);
        // Only a role or a user has an id, and this one was given.
        for put in
            [r#""*""#.to_owned(), r#"{"AWS":"777788889999"}"#.to_owned(), format!(r#"{{"AWS":["{ID}","{stranger}"]}}"#)]
        {
            assert_eq!(resolved(&format!(r#"{{"AWS":"{ID}"}}"#), &put), None, "{put}");
        }
    }

    #[test]
    fn an_id_is_of_whom_the_call_named_in_the_same_statement_wherever_that_stands() {
        let (friend, stranger) = ("arn:aws:iam::444455556666:role/reader", "arn:aws:iam::777788889999:role/x");
        let of = |principal: &str| allow(&format!(r#"{{"AWS":"{principal}"}}"#));
        let writing = |principal: &str| of(principal).replace("GetObject", "PutObject");
        let resolved = |live: &[String], put: &[String]| {
            let (live, put) = (policy(live), policy(put));
            Policy::parse(&live).expect("a policy").resolved(&Policy::parse(&put).expect("a policy"))
        };
        let put = [of(friend), writing(stranger)];
        assert_eq!(resolved(&[writing(ID), of(friend)], &put), Some(policy(&[writing(stranger), of(friend)])));
        // What it did not put may be anybody's.
        assert_eq!(resolved(&[of(ID).replace("Get", "Delete"), of(friend)], &put), None);
        assert_eq!(resolved(&[of(ID)], &[of(friend), of(stranger)]), None);
    }

    #[test]
    fn whom_aws_shows_by_no_id_is_not_looked_for() {
        let names_all = |live: &str, put: &str| {
            let (live, put) = (policy(&[allow(live)]), policy(&[allow(put)]));
            Policy::parse(&live).expect("a policy").names_all_of(&Policy::parse(&put).expect("a policy"))
        };
        let (live, role) = (format!(r#"{{"AWS":"{ID}"}}"#), r#"{"AWS":"arn:aws:iam::444455556666:role/reader"}"#);
        assert!(names_all(&live, r#""*""#) && names_all(&live, r#"{"AWS":"444455556666"}"#));
        assert!(!names_all(&live, role) && names_all(role, role));
    }
}
