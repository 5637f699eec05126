//! Statements of a policy, to be kept and to be put back: each as it was written.

use super::document::{Principal, Statement, Word};
use super::text::Node;
use super::{Policy, edit};

/// A statement as it is written, equal to another if both mean the same.
#[derive(Debug, Clone)]
pub struct Kept<'a> {
    pub text: &'a str,
    /// `Sid`
    pub sid: Option<String>,
    /// All of it, in the one spelling that all spellings of it share.
    pub name: String,
}

impl PartialEq for Kept<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<'a> Policy<'a> {
    /// The statements that deny.
    #[must_use]
    pub fn denied(&self) -> Vec<Kept<'a>> {
        self.statements_that(|statement| !statement.allows)
    }

    /// The statements that allow something to these services, and to nobody else.
    #[must_use]
    pub fn allowed_to(&self, services: &[&str]) -> Vec<Kept<'a>> {
        self.statements_that(|statement| {
            let Principal::Those(lists) = &statement.principal else { return false };
            let are_these = |words: &[Word<'_>]| words.iter().all(|word| services.contains(&&*word.text));
            let is_theirs =
                !lists.is_empty() && lists.iter().all(|list| list.kind == "Service" && are_these(&list.words));
            statement.allows && is_theirs && !statement.actions.is_all_but
        })
    }

    fn statements_that(&self, is: impl Fn(&Statement<'a>) -> bool) -> Vec<Kept<'a>> {
        let statements = self.document.statements.iter().filter(|statement| is(statement));
        let kept = statements.map(|statement| {
            let text = &self.text[statement.place.clone()];
            let name = Node::of_statement(text).map(|name| {
                let is_variable = name.has_a_variable();
                if is_variable { name.with_version(self.document.version.as_deref()) } else { name }
            });
            let sid = statement.sid.as_deref().filter(|sid| !sid.is_empty()).map(str::to_owned);
            Kept { text, sid, name: name.map_or_else(|| text.to_owned(), |name| name.to_string()) }
        });
        kept.collect()
    }

    /// How many statements it has.
    #[must_use]
    pub fn statements(&self) -> usize {
        self.document.statements.len()
    }

    /// The policy with only these of its statements; nothing if it has none of them.
    #[must_use]
    pub fn only(&self, kept: &[Kept<'_>]) -> Option<String> {
        let statements = &self.document.statements;
        let is_kept =
            |statement: &Statement<'_>| kept.iter().any(|kept| kept.text == &self.text[statement.place.clone()]);
        let goes: Vec<bool> = statements.iter().map(|statement| !is_kept(statement)).collect();
        let places: Vec<_> = statements.iter().map(|statement| statement.place.clone()).collect();
        let cuts = edit::cuts(&places, &goes).into_iter().map(|cut| (cut, "")).collect();
        goes.contains(&false).then(|| edit::applied(self.text, cuts))
    }

    /// The policy with these statements behind its own. All else keeps its bytes.
    #[must_use]
    pub fn with(&self, statements: &[Kept<'_>]) -> String {
        let (Some(first), Some(last)) = (self.document.statements.first(), self.document.statements.last()) else {
            return self.text.to_owned();
        };
        let more: String = statements.iter().map(|statement| format!(",{}", statement.text)).collect();
        let (start, end) = (first.place.start, last.place.end);
        let (before, own, after) = (&self.text[..start], &self.text[start..end], &self.text[end..]);
        // A lone statement becomes the first of a list.
        let is_list = before.trim_end().ends_with('[');
        if is_list { format!("{before}{own}{more}{after}") } else { format!("{before}[{own}{more}]{after}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DENY: &str = r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#;

    fn texts<'a>(kept: &[Kept<'a>]) -> Vec<&'a str> {
        kept.iter().map(|kept| kept.text).collect()
    }

    /// Statements, written in different ways, and whether each denies.
    fn statement() -> impl Strategy<Value = (String, bool)> {
        (any::<bool>(), "[A-Za-z]{1,8}", "[ \n]{0,2}").prop_map(|(denies, sid, space)| {
            let effect = if denies { "Deny" } else { "Allow" };
            let text = format!(
                r#"{{{space}"Sid":{space}"{sid}","Effect":"{effect}","Principal":"*","Action":"s3:GetObject","Resource":"*"{space}}}"#
            );
            (text, denies)
        })
    }

    fn policy() -> impl Strategy<Value = (String, Vec<(String, bool)>)> {
        (prop::collection::vec(statement(), 1..5), any::<bool>(), "[ \n]{0,2}").prop_map(|(statements, lone, space)| {
            let texts: Vec<&str> = statements.iter().map(|(text, _)| text.as_str()).collect();
            if lone {
                (format!(r#"{{"Version":"2012-10-17","Statement":{space}{}}}"#, texts[0]), vec![statements[0].clone()])
            } else {
                let list = texts.join(&format!(",{space}"));
                (format!(r#"{{"Statement":[{space}{list}{space}],"Version":"2012-10-17"}}"#), statements)
            }
        })
    }

    proptest! {
        #[test]
        fn what_is_put_back_stands_behind_the_rest_and_the_rest_stays((text, statements) in policy()) {
            let policy = Policy::parse(&text).expect("a policy");
            let denied: Vec<&str> = statements.iter().filter(|(_, denies)| *denies).map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(texts(&policy.denied()), denied.clone());
            let more = format!(r#"{{"Statement":[{DENY}]}}"#);
            let with = policy.with(&Policy::parse(&more).expect("a policy").denied());
            let again = Policy::parse(&with).expect("still a policy");
            prop_assert_eq!(texts(&again.denied()), [denied.clone(), vec![DENY]].concat());
            for (statement, _) in &statements {
                prop_assert!(with.contains(statement.as_str()));
            }
            // Without what was put in, the text is what it was, but for the brackets of a list of one.
            let without = with.replacen(&format!(",{DENY}"), "", 1);
            let as_list = text.replacen(&statements[0].0, &format!("[{}]", statements[0].0), 1);
            let is_same = without == text || without == as_list;
            prop_assert!(is_same, "{}", without);
        }

        #[test]
        fn of_a_policy_only_what_is_to_be_kept_stays((text, statements) in policy()) {
            let policy = Policy::parse(&text).expect("a policy");
            let only = policy.only(&policy.denied());
            let denied: Vec<&str> = statements.iter().filter(|(_, denies)| *denies).map(|(text, _)| text.as_str()).collect();
            prop_assert_eq!(only.is_some(), !denied.is_empty());
            if let Some(only) = only {
                let only = Policy::parse(&only).expect("still a policy");
                prop_assert_eq!(texts(&only.denied()), denied);
                prop_assert_eq!(only.document.statements.len(), only.denied().len());
            }
        }
    }

    #[test]
    fn only_a_statement_that_names_nobody_but_these_services_is_theirs() {
        let statement = |principal: &str, effect: &str, action: &str| {
            format!(r#"{{"Effect":"{effect}",{principal},"{action}":"s3:PutObject","Resource":"*"}}"#)
        };
        for (principal, effect, action, is_theirs) in [
            (r#""Principal":{"Service":"a.amazonaws.com"}"#, "Allow", "Action", true),
            (r#""Principal":{"Service":["b.amazonaws.com","a.amazonaws.com"]}"#, "Allow", "Action", true),
            (r#""Principal":{"Service":["a.amazonaws.com","c.amazonaws.com"]}"#, "Allow", "Action", false),
            (r#""Principal":{"Service":"a.amazonaws.com","AWS":"*"}"#, "Allow", "Action", false),
            (r#""Principal":{"AWS":"a.amazonaws.com"}"#, "Allow", "Action", false),
            (r#""Principal":"*""#, "Allow", "Action", false),
            (r#""NotPrincipal":{"Service":"a.amazonaws.com"}"#, "Allow", "Action", false),
            (r#""Principal":{"Service":"a.amazonaws.com"}"#, "Deny", "Action", false),
            (r#""Principal":{"Service":"a.amazonaws.com"}"#, "Allow", "NotAction", false),
        ] {
            let statement = statement(principal, effect, action);
            let text = format!(r#"{{"Statement":[{statement}]}}"#);
            let policy = Policy::parse(&text).expect("a policy");
            let found = policy.allowed_to(&["a.amazonaws.com", "b.amazonaws.com"]);
            assert_eq!(!found.is_empty(), is_theirs, "{statement}");
        }
    }
}
