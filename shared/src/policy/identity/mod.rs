//! What identity policies make of their holder: an administrator in disguise, or someone who can become one.
//!
//! A policy is judged alone, or all that a principal holds together: managed and inline policies, those of its groups, and
//! the permissions boundary, which allows nothing by itself and bounds what all others allow.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>
//! Whether a role is there that can be passed, whether a function has a privileged one, is
//! not known here: where a name may be one of many, a privileged one is taken to be among them. A condition makes
//! nothing safe, unless no holder can ever meet it; the sentence says under which condition a path holds.
//!
//! An administrator holds nearly every path too. They are listed all the same: what is listed is what holds.

mod condition;
mod escalation;
mod reach;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::NotUnderstood;
use super::document::{Document, Principal};
pub use condition::is_harmless;
use escalation::{PATHS, Path, ROLES, TAKING_OFF, USERS};
use reach::{Piece, Reach, Statement};

/// What the holder of a policy is or can become.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// May do anything; what the policy leaves out, its holder can grant.
    pub admin: bool,
    /// The paths that hold, by name, sorted.
    pub escalation: Vec<String>,
    /// One sentence for being an administrator and one for each path. An administrator needs no path, so of one only
    /// the first is told.
    pub why: Vec<String>,
}

impl Identity {
    /// Whether the holder is administrator or can become one.
    #[must_use]
    pub fn is_risky(&self) -> bool {
        self.admin || !self.escalation.is_empty()
    }

    /// What of it is so by another judgement too.
    #[must_use]
    pub fn within(self, other: &Self) -> Self {
        let Self { admin, mut escalation, why } = self;
        escalation.retain(|path| other.escalation.contains(path));
        let admin_too = admin && other.admin;
        Self { admin: admin_too, escalation, why: if admin == admin_too { why } else { other.why.clone() } }
    }
}

/// What is known of whoever holds a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holder {
    /// Of a user, a role or a group.
    pub arn: Option<String>,
    /// Nobody rewrites what IAM keeps for another account. Without it any account may be the holder's.
    pub account: Option<String>,
    /// When it is judged: what had to happen before then can never be. Without it no date has passed.
    pub at: Option<Timestamp>,
}

impl Holder {
    fn is_user(&self) -> bool {
        self.is("user/")
    }

    fn is_role(&self) -> bool {
        self.is("role/")
    }

    fn is(&self, kind: &str) -> bool {
        self.arn.as_ref().and_then(|arn| arn.splitn(6, ':').nth(5)).is_some_and(|of| of.starts_with(kind))
    }

    /// The name of the user that it is.
    fn user(&self) -> Option<&str> {
        self.arn.as_deref().filter(|_| self.is_user()).and_then(|arn| arn.rsplit('/').next())
    }
}

/// A policy that a principal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// What people call it: "inline policy `x` of group `g`". Empty where there is only one.
    pub name: String,
    pub text: String,
    /// The calls by which it is taken off whoever holds it.
    pub taken_off_by: &'static [&'static str],
}

/// All that a principal holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Managed and inline, its own and those of its groups.
    pub policies: Vec<Attached>,
    pub boundary: Option<Attached>,
}

/// With one of these on whatever principal, a holder grants what is missing.
const GRANTING: [&str; 7] = [
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
];

/// Judges what an identity policy lets its holder do.
///
/// # Errors
/// Says what is not understood, and where.
pub fn judge(text: &str, holder: &Holder) -> Result<Identity, NotUnderstood> {
    let policy = Attached { name: String::new(), text: text.to_owned(), taken_off_by: &[] };
    judge_held(&Held { policies: vec![policy], boundary: None }, holder)
}

/// Judges what a principal may do by all that it holds together.
///
/// # Errors
/// Says what is not understood, in which policy, and where.
pub fn judge_held(held: &Held, holder: &Holder) -> Result<Identity, NotUnderstood> {
    let (statements, boundary) = statements(held, holder)?;
    let mut reach = Reach::of(&statements, boundary.as_deref(), holder);
    let mut ways = Ways::of(&mut reach, holder);
    // What keeps the holder down does so only as long as they cannot take it off.
    let mut added: Vec<&Path> = vec![];
    if boundary.is_some() {
        let own = if holder.is_role() { &ROLES[..] } else { &USERS };
        let own: Vec<&Path> = own.iter().filter(|path| reach.acts_on_itself(path.name)).collect();
        if !own.is_empty() && ways.are_less_than(&Ways::of(&mut Reach::of(&statements, None, holder), holder)) {
            added.extend(own);
        }
    }
    for policy in &held.policies {
        let own = TAKING_OFF.iter().filter(|path| policy.taken_off_by.contains(&path.name));
        let own: Vec<&Path> = own.filter(|path| reach.acts_on_itself(path.name)).collect();
        if own.is_empty() {
            continue;
        }
        let without = all(held, holder, Some(policy))?;
        if ways.are_less_than(&Ways::of(&mut Reach::of(&without, boundary.as_deref(), holder), holder)) {
            added.extend(own);
        }
    }
    for path in added {
        if !ways.paths.iter().any(|(held, _)| held.name == path.name) {
            let pieces = reach.of_action(path.name, &[]);
            ways.paths.push((path, sentence(path.name, path.why, path.source, &listed(&plainest(&pieces)))));
        }
    }
    ways.paths.sort_by_key(|(path, _)| path.name);
    let escalation: Vec<String> = ways.paths.iter().map(|(path, _)| path.name.to_owned()).collect();
    let why = match &ways.admin {
        Some(why) => vec![why.clone()],
        None => ways.paths.into_iter().map(|(_, why)| why).collect(),
    };
    Ok(Identity { admin: ways.admin.is_some(), escalation, why })
}

/// By which ways what somebody holds leads to everything.
struct Ways {
    /// Why the holder may do anything already.
    admin: Option<String>,
    /// The paths that hold, each with a sentence that tells by which statements.
    paths: Vec<(&'static Path, String)>,
}

impl Ways {
    fn of(reach: &mut Reach<'_>, holder: &Holder) -> Self {
        // Of one who is known it is known what bounds them: their own boundary.
        let counts = |path: &&Path| holder.arn.is_none() || !USERS.iter().any(|own| own.name == path.name);
        let paths = PATHS.iter().filter(counts).filter_map(|path| Some((path, why(path, reach)?))).collect();
        Self { admin: admin(reach), paths }
    }

    fn are_less_than(&self, others: &Self) -> bool {
        let is_here = |path: &Path| self.paths.iter().any(|(held, _)| held.name == path.name);
        self.admin.is_none() && (others.admin.is_some() || others.paths.iter().any(|(path, _)| !is_here(path)))
    }
}

/// Whether a policy allows one of these actions, or may be a part of what allows everything, to anybody at any time.
///
/// # Errors
/// Says what is not understood, and where.
pub fn may_allow(text: &str, is_meant: impl Fn(&str) -> bool) -> Result<bool, NotUnderstood> {
    let policy = Attached { name: String::new(), text: text.to_owned(), taken_off_by: &[] };
    let statements = read(&policy, 0, &Holder::default())?;
    let paths = PATHS.iter().chain(&TAKING_OFF).chain(&USERS).chain(&ROLES);
    let actions: Vec<&str> = paths.flat_map(Path::actions).filter(|action| is_meant(action)).collect();
    Ok(statements.iter().any(|statement| statement.may_allow(&actions)))
}

/// All statements that somebody holds, or those without what one policy denies.
fn all(held: &Held, holder: &Holder, without: Option<&Attached>) -> Result<Vec<Statement>, NotUnderstood> {
    let mut statements = vec![];
    for policy in &held.policies {
        let mut of_policy = read(policy, statements.len(), holder)?;
        if without == Some(policy) {
            of_policy.retain(|statement| statement.allows);
        }
        statements.extend(of_policy);
    }
    Ok(statements)
}

/// The first of some roles that a principal may assume by all that it holds together, and by which statements. The roles go by
/// their ARNs, or by patterns of them.
///
/// # Errors
/// As for [`judge_held`].
pub fn assumes<'r>(
    held: &Held,
    holder: &Holder,
    roles: impl IntoIterator<Item = &'r str>,
) -> Result<Option<(&'r str, String)>, NotUnderstood> {
    let (statements, boundary) = statements(held, holder)?;
    let reach = Reach::of(&statements, boundary.as_deref(), holder);
    Ok(roles.into_iter().find_map(|role| {
        let pieces = reach.of_action_on("sts:AssumeRole", role);
        (!pieces.is_empty()).then(|| (role, format!("allowed by {}", listed(&plainest(&pieces)))))
    }))
}

/// Those of all policies, and those of the permissions boundary.
fn statements(held: &Held, holder: &Holder) -> Result<(Vec<Statement>, Option<Vec<Statement>>), NotUnderstood> {
    let statements = all(held, holder, None)?;
    let boundary = held.boundary.as_ref().map(|boundary| read(boundary, statements.len(), holder));
    Ok((statements, boundary.transpose()?))
}

/// The statements of a policy, as they are counted from `first` on.
fn read(policy: &Attached, first: usize, holder: &Holder) -> Result<Vec<Statement>, NotUnderstood> {
    let Attached { name, text, .. } = policy;
    let in_policy = |error: NotUnderstood| {
        let message = if name.is_empty() { error.message } else { format!("{name}: {}", error.message) };
        NotUnderstood { message, ..error }
    };
    let document = Document::parse(text).map_err(in_policy)?;
    if let Some(statement) =
        document.statements.iter().find(|statement| !matches!(statement.principal, Principal::Missing))
    {
        // What says whom it lets in is attached to a resource; judged as an identity's it would seem harmless.
        let message = "expected a policy of an identity, found a statement that names a principal".to_owned();
        return Err(in_policy(NotUnderstood::at(text, statement.place.start, message)));
    }
    let has_variables = document.version.as_deref() == Some("2012-10-17");
    let numbered = document.statements.iter().enumerate();
    Ok(numbered
        .map(|(index, statement)| Statement::read(statement, (first + index, index + 1), name, holder, has_variables))
        .collect())
}

/// Why the holder may do anything. Only what grants is asked for beyond that: whatever else the policy leaves out or
/// denies, its holder can grant.
fn admin(reach: &mut Reach<'_>) -> Option<String> {
    let everything = reach.everything()?;
    let grants: Vec<Vec<Piece>> = GRANTING.iter().map(|action| reach.of_action(action, &[])).collect();
    let first = grants.iter().find(|pieces| !pieces.is_empty())?;
    let is_told = |piece: &Piece| everything.iter().any(|all| std::ptr::eq(all.origin, piece.origin));
    let more = if grants.iter().flatten().any(is_told) {
        String::new()
    } else {
        format!(", and what that leaves out granted by {}", listed(&plainest(first)))
    };
    Some(format!("the holder may do everything, allowed by {}{more}", listed(&everything.iter().collect::<Vec<_>>())))
}

/// By which statements every action of a path is allowed where it counts; nothing if one is not.
fn why(path: &Path, reach: &mut Reach<'_>) -> Option<String> {
    let mut pieces: Vec<(&str, Vec<Piece>)> = vec![];
    for action in path.actions() {
        let mut here = reach.of_action(action, path.passes_to);
        if path.name == "sts:AssumeRole" {
            // One role that somebody has named is a way that somebody wanted; any role is not.
            here.retain(Piece::is_any_role);
        }
        if here.is_empty() {
            return None;
        }
        pieces.push((action, here));
    }
    let pairs =
        pieces.iter().enumerate().flat_map(|(index, one)| pieces[..index].iter().map(move |other| (one, other)));
    let fits = |one: &(&str, Vec<Piece>), other: &(&str, Vec<Piece>)| {
        !reach::act_on_the_same(one.0, other.0) || reach::meet(&one.1, &other.1)
    };
    let holds = pairs.into_iter().all(|(one, other)| fits(one, other));
    if !holds {
        return None;
    }
    let mut attaching = pieces.iter().filter(|(action, _)| action.starts_with("iam:Attach")).peekable();
    let is_less = attaching.peek().is_some() && attaching.all(|(_, pieces)| pieces.iter().all(Piece::attaches_less));
    let what =
        LESS.iter().fold(path.why.to_owned(), |why, (all, less)| if is_less { why.replace(all, less) } else { why });
    let how = listed(&pieces.iter().flat_map(|(_, pieces)| plainest(pieces)).collect::<Vec<_>>());
    Some(sentence(path.name, &what, path.source, &how))
}

/// What is told of those who cannot attach `AdministratorAccess` itself.
const LESS: [(&str, &str); 3] = [
    ("attaches AdministratorAccess", "attaches a policy that may give a way up"),
    ("makes a role administrator", "attaches a policy to a role that may give a way up"),
    ("makes another user administrator", "attaches a policy to another user that may give a way up"),
];

/// Where there is a way that no condition is on, the others are not worth telling.
fn plainest<'a, 'b>(pieces: &'b [Piece<'a>]) -> Vec<&'b Piece<'a>> {
    let plain: Vec<&Piece> = pieces.iter().filter(|piece| piece.is_plain()).collect();
    if plain.is_empty() { pieces.iter().collect() } else { plain }
}

fn sentence(path: &str, why: &str, source: &str, how: &str) -> String {
    format!("`{path}`: the holder {why} ({source}), allowed by {how}")
}

/// The statements that pieces come from, each with what may stand in its way.
fn listed(pieces: &[&Piece]) -> String {
    let allows = reach::some(each(pieces.iter().map(|piece| piece.origin)), if_met);
    let within = each(pieces.iter().filter_map(|piece| piece.within));
    let within = if within.is_empty() { String::new() } else { format!(", within {}", reach::some(within, if_met)) };
    let denies = each(pieces.iter().flat_map(|piece| piece.unless.iter().copied()));
    if denies.is_empty() {
        return allows + &within;
    }
    let denies = reach::some(denies, |statement| {
        format!("{} denies it by its condition on {}", statement.name(), statement.keys())
    });
    format!("{allows}{within}, unless {denies}")
}

/// Each statement once, in their order.
fn each<'a>(statements: impl Iterator<Item = &'a Statement>) -> Vec<&'a Statement> {
    statements.map(|statement| (statement.index, statement)).collect::<BTreeMap<_, _>>().into_values().collect()
}

fn if_met(statement: &Statement) -> String {
    match statement.keys().as_str() {
        "" => statement.name(),
        keys => format!("{} (if the condition on {keys} is met)", statement.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn of(statements: &Value) -> Identity {
        held_by(&Holder::default(), statements)
    }

    fn held_by(holder: &Holder, statements: &Value) -> Identity {
        judge(&json!({"Version": "2012-10-17", "Statement": statements}).to_string(), holder).expect("a policy")
    }

    fn allow(actions: &Value, resources: &Value) -> Value {
        json!({"Effect": "Allow", "Action": actions, "Resource": resources})
    }

    fn deny(actions: &Value, resources: &Value) -> Value {
        json!({"Effect": "Deny", "Action": actions, "Resource": resources})
    }

    fn all_but(actions: &Value) -> Value {
        json!({"Effect": "Allow", "NotAction": actions, "Resource": "*"})
    }

    fn under(statement: &Value, condition: Value) -> Value {
        let mut statement = statement.clone();
        statement["Condition"] = condition;
        statement
    }

    fn paths(statements: &Value) -> Vec<String> {
        of(statements).escalation
    }

    fn everything() -> Value {
        allow(&json!("*"), &json!("*"))
    }

    const USER: &str = "arn:aws:iam::111122223333:user/";
    const ROLE: &str = "arn:aws:iam::111122223333:role/";

    #[test]
    fn of_some_roles_the_first_is_told_that_may_be_assumed_and_through_what() {
        let (execution, deploy) = ("arn:*:iam::*:role/Execution", "arn:aws:iam::111122223333:role/team/deploy");
        let become_ = |role: &str| allow(&json!("sts:Assume*"), &json!(role));
        let of = |statements: &Value, boundary: Option<&Value>| {
            let policy = |statements: &Value| Attached {
                taken_off_by: &[],
                name: String::new(),
                text: json!({"Version": "2012-10-17", "Statement": statements}).to_string(),
            };
            let held = Held { policies: vec![policy(statements)], boundary: boundary.map(policy) };
            let holder = Holder { account: Some("111122223333".to_owned()), ..Holder::default() };
            assumes(&held, &holder, [execution, deploy]).expect("policies").map(|(role, how)| format!("{role}: {how}"))
        };
        let first = |role: &str| Some(format!("{role}: allowed by statement 1"));
        for (resource, expected) in [
            ("arn:aws:iam::*:role/Execution", first(execution)),
            ("arn:aws:iam::444455556666:role/Exec*", first(execution)),
            ("arn:aws:iam::444455556666:role/team/Execution", None),
            ("arn:aws:iam::111122223333:role/team/*", first(deploy)),
            (deploy, first(deploy)),
            ("arn:aws:iam::444455556666:role/team/deploy", None),
            ("arn:aws:iam::111122223333:user/team/deploy", None),
        ] {
            assert_eq!(of(&become_(resource), None), expected, "{resource}");
        }
        let all = become_("*");
        assert_eq!(of(&json!([all, deny(&json!("sts:*"), &json!(execution))]), None), first(deploy));
        assert_eq!(of(&json!([all, deny(&json!("*"), &json!("*"))]), None), None);
        assert_eq!(of(&all, Some(&allow(&json!("s3:*"), &json!("*")))), None);
        let bounded = Some(format!("{deploy}: allowed by statement 1, within statement 1"));
        assert_eq!(of(&all, Some(&become_(deploy))), bounded);
        assert_eq!(of(&allow(&json!("s3:*"), &json!("*")), None), None);
    }

    #[test]
    fn an_administrator_is_recognised_in_every_disguise() {
        let letters: Vec<String> = ('a'..='z').map(|letter| format!("{letter}*")).collect();
        for statements in [
            everything(),
            allow(&json!(["*:*"]), &json!(["*"])),
            allow(&json!("**"), &json!("arn:aws:*")),
            allow(&json!("*"), &json!(["arn:aws:s3:::logs", "*"])),
            allow(&json!("?*:*"), &json!("*")),
            allow(&json!(letters), &json!("*")),
            all_but(&json!("aws-portal:*")),
            all_but(&json!(["organizations:LeaveOrganization", "iam:DeleteRole"])),
            json!([all_but(&json!("iam:*")), allow(&json!("iam:*"), &json!("*"))]),
            json!([everything(), deny(&json!("s3:DeleteBucket"), &json!("*"))]),
            json!([everything(), deny(&json!("*"), &json!("arn:aws:s3:::logs/*"))]),
            json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::logs/*"}),
            under(&everything(), json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
            json!([
                everything(),
                under(
                    &deny(&json!("*"), &json!("*")),
                    json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})
                )
            ]),
        ] {
            assert!(of(&statements).admin, "{statements}");
        }
    }

    #[test]
    fn who_cannot_do_everything_and_cannot_grant_it_is_no_administrator() {
        for statements in [
            json!([]),
            allow(&json!("s3:*"), &json!("*")),
            allow(&json!("iam:*"), &json!("*")),
            allow(&json!("u*"), &json!("*")),
            allow(&json!(["*:Get*", "*:List*"]), &json!("*")),
            allow(&json!("*"), &json!("arn:aws:s3:::logs/*")),
            all_but(&json!(["iam:*", "organizations:*", "account:*"])),
            all_but(&json!("*")),
            deny(&json!("s3:*"), &json!("*")),
            json!({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
            json!([everything(), deny(&json!("*"), &json!("*"))]),
            json!([everything(), deny(&json!("iam:*"), &json!("*"))]),
            json!([everything(), json!({"Effect": "Deny", "NotAction": ["s3:*", "iam:*"], "Resource": "*"})]),
            json!({"Effect": "Allow", "Action": "*", "NotResource": "*"}),
            under(&everything(), json!({"Null": {"aws:PrincipalArn": "true"}})),
            under(&everything(), json!({"Bool": {"aws:PrincipalIsAWSService": "true"}})),
        ] {
            assert!(!of(&statements).admin, "{statements}");
        }
    }

    #[test]
    fn every_published_path_is_found_from_its_actions_alone_and_not_without_one_of_them() {
        for path in PATHS {
            let actions: Vec<&str> = path.actions().collect();
            let found = paths(&allow(&json!(actions), &json!("*")));
            assert!(found.contains(&path.name.to_owned()), "{}", path.name);
            for missing in &actions {
                let others: Vec<_> = actions.iter().filter(|action| action != &missing).collect();
                assert!(!paths(&allow(&json!(others), &json!("*"))).contains(&path.name.to_owned()), "{}", path.name);
            }
        }
    }

    #[test]
    fn what_is_published_and_has_no_row_is_found_by_another_or_has_a_reason() {
        for (published, found, why) in escalation::ELSEWHERE {
            let actions: Vec<&str> = published.split('+').collect();
            let paths = paths(&allow(&json!(actions), &json!("*")));
            assert_eq!(paths.is_empty(), found.is_none(), "{published}: {paths:?}");
            assert!(found.is_none_or(|found| paths.contains(&found.to_owned())), "{published}: {paths:?}");
            assert!(!PATHS.iter().any(|path| path.name == published) && !why.is_empty(), "{published}");
        }
    }

    #[test]
    fn an_administrator_holds_every_path_and_hears_of_it_once() {
        let Identity { admin, escalation, why } = of(&everything());
        assert!(admin);
        assert_eq!(escalation, PATHS.map(|path| path.name));
        assert_eq!(why, ["the holder may do everything, allowed by statement 1"]);
    }

    #[test]
    fn a_path_is_told_in_one_sentence_with_the_statements_and_conditions_it_needs() {
        let pass = json!({"Sid": "Pass", "Effect": "Allow", "Action": "iam:Pass*", "Resource": "*"});
        let run = allow(&json!(["LAMBDA:createfunction", "lambda:Invoke*"]), &json!("*"));
        let run = under(&run, json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}));
        let no = under(&deny(&json!("lambda:*"), &json!("*")), json!({"Bool": {"aws:MultiFactorAuthPresent": false}}));
        insta::assert_snapshot!(of(&json!([pass, run, no])).why.join("\n"), @"`iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction`: the holder runs a function of their own as a privileged role (pathfinding.cloud lambda-001), allowed by statement 1 (`Pass`) and statement 2 (if the condition on `aws:SourceIp` is met), unless statement 3 denies it by its condition on `aws:MultiFactorAuthPresent`");
    }

    #[test]
    fn actions_match_without_case_and_by_pattern_and_by_what_is_left_out() {
        for statements in [
            allow(&json!("IAM:createACCESSkey"), &json!("*")),
            allow(&json!("iam:CreateA*"), &json!("*")),
            allow(&json!("iam:?reateAccessKey"), &json!("*")),
            json!([allow(&json!("iam:*AccessKey"), &json!("*")), deny(&json!("iam:DeleteAccessKey"), &json!("*"))]),
        ] {
            assert_eq!(paths(&statements), ["iam:CreateAccessKey"], "{statements}");
        }
        let mut left = paths(&all_but(&json!("iam:*")));
        left.retain(|path| path.contains("iam:"));
        assert_eq!(left, Vec::<String>::new());
    }

    #[test]
    fn what_reaches_only_oneself_is_no_way_up_unless_one_grants_oneself_permissions() {
        let own = format!("{USER}${{aws:username}}");
        let keys = json!(["iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:UpdateLoginProfile"]);
        assert_eq!(paths(&allow(&keys, &json!(own))), Vec::<String>::new());
        assert_eq!(paths(&allow(&keys, &json!([own, format!("{USER}admin")]))).len(), 3);
        assert_eq!(paths(&allow(&json!("iam:PutUserPolicy"), &json!(own))), ["iam:PutUserPolicy"]);
        let only_own = json!({"Effect": "Deny", "Action": "iam:*", "NotResource": own});
        assert_eq!(paths(&json!([allow(&keys, &json!("*")), only_own])), Vec::<String>::new());
        let not_own = json!({"Effect": "Allow", "Action": "iam:CreateAccessKey", "NotResource": own});
        assert_eq!(paths(&not_own), ["iam:CreateAccessKey"]);
    }

    #[test]
    fn an_action_counts_only_on_what_it_acts_on() {
        let (users, roles) = (format!("{USER}*"), format!("{ROLE}*"));
        for (action, resource, holds) in [
            ("iam:CreateAccessKey", users.as_str(), true),
            ("iam:CreateAccessKey", "arn:aws:iam::111122223333:user/team/bob", true),
            ("iam:CreateAccessKey", "arn:*", true),
            ("iam:CreateAccessKey", &roles, false),
            ("iam:CreateAccessKey", "arn:aws:s3:::logs/*", false),
            ("iam:UpdateAssumeRolePolicy", &users, false),
            ("iam:UpdateAssumeRolePolicy", &roles, true),
            ("lambda:UpdateFunctionCode", "arn:aws:lambda:*:*:function:app-*", true),
            ("lambda:UpdateFunctionCode", "arn:aws:lambda:*:*:layer:*", false),
            ("ssm:StartSession", "arn:aws:ssm:*:*:document/*", false),
            ("ssm:StartSession", "arn:aws:ec2:*:*:instance/*", true),
            ("ssm:StartSession", "arn:aws:ecs:*:*:task/*", true),
            ("ssm:SendCommand", "arn:aws:ecs:*:*:task/*", false),
            ("sts:AssumeRole", "*", true),
            ("sts:AssumeRole", &roles, true),
            ("sts:AssumeRole", "arn:aws:iam::444455556666:role/deploy", false),
        ] {
            assert_eq!(paths(&allow(&json!(action), &json!(resource))).len() == 1, holds, "{action} on {resource}");
        }
    }

    #[test]
    fn what_belongs_to_aws_or_to_others_is_no_way_up() {
        let linked = "arn:aws:iam::111122223333:role/aws-service-role/";
        let run = allow(&json!(["lambda:CreateFunction", "lambda:InvokeFunction"]), &json!("*"));
        let on = |actions: Value, resources: Value| json!([allow(&actions, &resources), run]);
        for (actions, resources, expected) in [
            (json!("iam:CreatePolicyVersion"), json!("arn:aws:iam::aws:policy/*"), 0),
            (json!("iam:SetDefaultPolicyVersion"), json!("arn:aws-cn:iam::aws:policy/service-role/Deploy*"), 0),
            (json!("iam:CreatePolicyVersion"), json!(["arn:aws:iam::aws:policy/*", "arn:aws:iam::*:policy/own-*"]), 1),
            (json!("iam:CreatePolicyVersion"), json!("arn:aws:iam::*:policy/*"), 1),
            (json!("iam:PassRole"), json!(format!("{linked}lambda.amazonaws.com/*")), 0),
            (json!("iam:PassRole"), json!([format!("{linked}*"), format!("{ROLE}app-*")]), 1),
            (json!(["iam:PutRolePolicy", "iam:AttachRolePolicy"]), json!("arn:aws:iam::*:role/aws-service-role/*"), 0),
            (json!("iam:UpdateAssumeRolePolicy"), json!(format!("{ROLE}aws-reserved/sso.amazonaws.com/*")), 0),
            (json!(["iam:PutRolePolicy", "sts:AssumeRole"]), json!(format!("{linked}*")), 0),
            (json!("iam:PassRole"), json!(format!("{ROLE}x:iam::y:role/aws-service-role/admin")), 1),
        ] {
            assert_eq!(paths(&on(actions.clone(), resources.clone())).len(), expected, "{actions} on {resources}");
        }
        let pass = allow(&json!("iam:PassRole"), &json!("*"));
        let others = json!({"Effect": "Deny", "Action": "iam:PassRole", "NotResource": format!("{linked}*")});
        assert_eq!(paths(&json!([pass, run, others])), Vec::<String>::new());

        let foreign = allow(&json!("iam:*"), &json!(["arn:aws:iam::444455556666:*", "arn:aws:s3:::logs"]));
        for (account, is_risky) in [(None, true), (Some("444455556666"), true), (Some("111122223333"), false)] {
            let holder = Holder { account: account.map(str::to_owned), ..Holder::default() };
            assert_eq!(held_by(&holder, &foreign).is_risky(), is_risky, "{account:?}");
        }
    }

    #[test]
    fn what_had_to_happen_before_a_time_that_has_passed_is_no_way_up() {
        let holder = Holder { at: "2026-06-01T12:00:00Z".parse().ok(), ..Holder::default() };
        for (operator, key, value, is_risky) in [
            ("DateLessThan", "aws:TokenIssueTime", "2025-01-01T00:00:00Z", false),
            ("DateLessThanEquals", "aws:CurrentTime", "2026-06-01", false),
            ("DateLessThanIfExists", "aws:TokenIssueTime", "2025-01-01T00:00:00Z", true),
            ("DateLessThan", "aws:CurrentTime", "2026-07-01T00:00:00Z", true),
            ("DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", true),
            ("DateGreaterThan", "aws:TokenIssueTime", "2025-01-01T00:00:00Z", true),
        ] {
            let allowed = allow(&json!("iam:CreatePolicyVersion"), &json!("*"));
            let allowed = under(&allowed, json!({operator: {key: value}}));
            assert_eq!(held_by(&holder, &allowed).is_risky(), is_risky, "{operator} {key} {value}");
            assert!(of(&allowed).is_risky(), "without a time nothing has passed");
            let denied = under(&deny(&json!("*"), &json!("*")), json!({operator: {key: value}}));
            let policy = json!([allow(&json!("iam:CreatePolicyVersion"), &json!("*")), denied]);
            assert!(held_by(&holder, &policy).is_risky(), "no date protects: {operator} {key} {value}");
        }
    }

    #[test]
    fn who_may_attach_only_what_is_harmless_has_no_way_up() {
        let aws = "arn:aws:iam::aws:policy/";
        let reading = format!("{aws}ReadOnlyAccess");
        let actions = ["iam:AttachGroupPolicy", "iam:AttachRolePolicy", "iam:AttachUserPolicy"];
        let attach = allow(&json!(actions), &json!("*"));
        for (operator, policies, ways) in [
            ("ArnEquals", json!(reading), 0),
            ("StringEquals", json!([reading, format!("{aws}service-role/AWSLambdaBasicExecutionRole")]), 0),
            ("ArnLikeIfExists", json!("arn:*:iam::aws:policy/job-function/*OnlyAccess"), 3),
            ("ArnLike", json!("arn:*:iam::aws:policy/job-function/*ViewOnlyAccess"), 0),
            ("ForAnyValue:StringLike", json!(format!("{aws}*ReadOnlyAccess")), 0),
            ("ArnEquals", json!([reading, format!("{aws}AdministratorAccess")]), 3),
            ("ArnLike", json!(format!("{aws}*Access")), 3),
            ("ArnLike", json!(format!("{aws}IAM*")), 3),
            ("ArnLike", json!(format!("{aws}AmazonEC2FullAccess")), 3),
            ("ArnLike", json!("arn:aws:iam::*:policy/ReadOnlyAccess"), 3),
            ("ArnEquals", json!("arn:aws:iam::111122223333:policy/ReadOnlyAccess"), 3),
            ("ArnEquals", json!("arn:aws:iam::111122223333:policy/x:iam::aws:policy/ReadOnlyAccess"), 3),
            ("ArnNotEquals", json!(reading), 3),
            ("ArnNotLike", json!(format!("{aws}AdministratorAccess")), 3),
            ("Null", json!("true"), 3),
        ] {
            let statements = under(&attach, json!({operator: {"iam:PolicyARN": policies}}));
            assert_eq!(paths(&statements).len(), ways, "{statements}");
            // No other call has the key.
            let holds = operator.contains("Not") || operator.ends_with("IfExists") || operator == "Null";
            let others = allow(&json!(["iam:PutUserPolicy", "iam:CreatePolicyVersion"]), &json!("*"));
            let others = under(&others, json!({operator: {"iam:PolicyArn": policies}}));
            assert_eq!(paths(&others).len(), if holds { 2 } else { 0 }, "{others}");
        }
        for (operator, policies, ways) in [
            ("ArnNotEquals", json!(reading), 0),
            ("StringNotLikeIfExists", json!(format!("{aws}*ReadOnlyAccess")), 0),
            ("ArnNotLike", json!([reading, format!("{aws}*")]), 3),
            ("ArnEquals", json!(format!("{aws}AdministratorAccess")), 3),
        ] {
            let denied = under(&deny(&json!("iam:*"), &json!("*")), json!({operator: {"iam:PolicyARN": policies}}));
            assert_eq!(paths(&json!([attach, denied])).len(), ways, "{denied}");
        }
        let both = json!({"ArnNotEquals": {"iam:PolicyARN": reading}, "Bool": {"aws:MultiFactorAuthPresent": "false"}});
        assert_eq!(paths(&json!([attach, under(&deny(&json!("iam:*"), &json!("*")), both)])).len(), 3);
        let not_administrator =
            json!([all_but(&json!("iam:*")), under(&attach, json!({"ArnEquals": {"iam:PolicyARN": reading}}))]);
        assert!(!of(&not_administrator).admin);
    }

    #[test]
    fn two_actions_on_different_roles_or_users_make_no_path_together() {
        let become_ = |name: &str| allow(&json!("sts:AssumeRole"), &json!(format!("{ROLE}{name}")));
        let attach = allow(&json!("iam:AttachRolePolicy"), &json!(format!("{ROLE}app-*")));
        assert_eq!(paths(&json!([attach, become_("db")])), ["iam:AttachRolePolicy"]);
        assert_eq!(
            paths(&json!([attach, become_("app-1")])),
            ["iam:AttachRolePolicy", "iam:AttachRolePolicy+sts:AssumeRole"]
        );
    }

    #[test]
    fn a_deny_takes_away_what_it_certainly_covers() {
        let allowed = allow(&json!("iam:CreateAccessKey"), &json!("*"));
        let all_but_one = |name: &str| json!({"Effect": "Deny", "Action": "*", "NotResource": format!("{USER}{name}")});
        for (denied, holds) in [
            (deny(&json!("iam:*"), &json!("*")), false),
            (deny(&json!("iam:CreateAccessKey"), &json!("arn:aws:iam::*:user/*")), false),
            (json!({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}), false),
            (json!({"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"}), true),
            (deny(&json!("iam:CreateAccessKey"), &json!(format!("{USER}admin"))), true),
            (deny(&json!("iam:CreateAccessKey"), &json!("arn:aws:iam::*:user/${aws:PrincipalTag/team}")), true),
            (all_but_one("bob"), true),
            (under(&deny(&json!("*"), &json!("*")), json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}})), true),
            (under(&deny(&json!("*"), &json!("*")), json!({})), false),
        ] {
            assert_eq!(of(&json!([allowed, denied])).is_risky(), holds, "{denied}");
        }
        let narrow = allow(&json!("iam:CreateAccessKey"), &json!(format!("{USER}app-*")));
        assert_eq!(paths(&json!([narrow, deny(&json!("*"), &json!(format!("{USER}app-*")))])), Vec::<String>::new());
        let others = |effect: &str| json!({"Effect": effect, "Action": "iam:CreateAccessKey", "NotResource": format!("{USER}a")});
        assert_eq!(paths(&json!([others("Allow"), others("Deny")])), Vec::<String>::new());
    }

    #[test]
    fn a_role_that_may_be_passed_to_one_service_is_no_path_through_another() {
        let run = allow(&json!(["lambda:CreateFunction", "lambda:InvokeFunction", "ec2:RunInstances"]), &json!("*"));
        let lambda = "iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction";
        let ec2 = "ec2:RunInstances+iam:PassRole";
        for (operator, value, expected) in [
            ("StringEquals", json!("lambda.amazonaws.com"), vec![lambda]),
            ("StringEqualsIfExists", json!(["EC2.amazonaws.com"]), vec![]),
            ("StringEqualsIgnoreCase", json!("EC2.amazonaws.com"), vec![ec2]),
            ("StringEquals", json!("ec2*"), vec![]),
            ("StringLike", json!("ec2*"), vec![ec2]),
            ("StringLike", json!("EC2*"), vec![]),
            ("StringNotEquals", json!("EC2.amazonaws.com"), vec![ec2, lambda]),
            ("StringEquals", json!("ec2.example.com"), vec![]),
            ("StringEquals", json!("ec2.amazonaws.com.cn"), vec![ec2]),
            ("StringLike", json!("*"), vec![ec2, lambda]),
            ("StringNotEquals", json!("ec2.amazonaws.com"), vec![lambda]),
            ("StringEquals", json!("rds.amazonaws.com"), vec![]),
            ("StringEquals", json!([]), vec![]),
        ] {
            let pass = allow(&json!("iam:PassRole"), &json!("*"));
            let pass = under(&pass, json!({operator: {"iam:PassedToService": value}}));
            assert_eq!(paths(&json!([pass, run])), expected, "{operator} {value}");
        }
        for (operator, value, expected) in [
            ("StringEquals", json!("ec2.amazonaws.com"), vec![lambda]),
            ("StringEqualsIfExists", json!(["EC2.amazonaws.com", "rds.amazonaws.com"]), vec![ec2, lambda]),
            ("StringEqualsIgnoreCase", json!("EC2.amazonaws.com"), vec![lambda]),
            ("StringEquals", json!("ec2*"), vec![ec2, lambda]),
            ("StringNotEquals", json!("EC2.amazonaws.com"), vec![]),
            ("StringLike", json!("ec2.*"), vec![lambda]),
            ("StringNotEquals", json!("lambda.amazonaws.com"), vec![lambda]),
            ("StringNotEqualsIfExists", json!("ec2.amazonaws.com.cn"), vec![ec2]),
            ("StringNotLike", json!(["glue.*", "batch.*"]), vec![]),
            ("StringNotEquals", json!([]), vec![ec2, lambda]),
        ] {
            let denied = deny(&json!("iam:PassRole"), &json!("*"));
            let denied = under(&denied, json!({operator: {"iam:PassedToService": value}}));
            let pass = allow(&json!("iam:PassRole"), &json!("*"));
            assert_eq!(paths(&json!([pass, run, denied])), expected, "denied: {operator} {value}");
        }
    }

    #[test]
    fn who_is_denied_all_of_the_own_account_is_denied_everywhere() {
        let holder = Holder { account: Some("111122223333".to_owned()), ..Holder::default() };
        let own = |kind: &str| json!(format!("arn:aws:iam::111122223333:{kind}/*"));
        for (action, kind) in [
            ("iam:CreatePolicyVersion", "policy"),
            ("iam:AttachRolePolicy", "role"),
            ("iam:PutUserPolicy", "user"),
            ("iam:AddUserToGroup", "group"),
        ] {
            for allowed in [json!("*"), json!(format!("arn:aws:iam::*:{kind}/*"))] {
                let policy = json!([allow(&json!(action), &allowed), deny(&json!(action), &own(kind))]);
                assert!(!held_by(&holder, &policy).is_risky(), "{policy}");
                assert!(of(&policy).is_risky(), "any account may be the holder's: {policy}");
            }
        }
        let no_iam = json!([everything(), deny(&json!("iam:*"), &json!("arn:aws:iam::111122223333:*"))]);
        assert!(!held_by(&holder, &no_iam).admin);
    }

    fn known(of: &str) -> Holder {
        let account = Some("111122223333".to_owned());
        Holder { arn: Some(format!("arn:aws:iam::111122223333:{of}")), account, at: None }
    }

    #[test]
    fn what_calls_of_iam_certainly_tell_decides_a_condition() {
        let put = allow(&json!("iam:PutUserPolicy"), &json!("*"));
        let attach = allow(&json!("iam:AttachRolePolicy"), &json!("*"));
        for (statement, condition, meets) in [
            (&put, json!({"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}), false),
            (&put, json!({"StringEquals": {"aws:RequestedRegion": ["eu-central-1", "us-east-1"]}}), true),
            (&put, json!({"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}}), false),
            (&put, json!({"StringEquals": {"aws:PrincipalAccount": "444455556666"}}), false),
            (&put, json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}), true),
            (&put, json!({"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}), false),
            (&put, json!({"StringEqualsIfExists": {"iam:PassedToService": "lambda.amazonaws.com"}}), true),
            (&put, json!({"StringLike": {"s3:prefix": "home/*"}}), false),
            (&put, json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}), false),
            (&put, json!({"ForAllValues:StringEquals": {"aws:TagKeys": "team"}}), true),
            (&put, json!({"StringEquals": {"aws:RequestTag/team": "a"}}), false),
            (&put, json!({"StringEquals": {"iam:ResourceTag/team": "a"}}), true),
            (&put, json!({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::111122223333:user/bob"}}), false),
            (&put, json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/ali*"}}), true),
            (&put, json!({"StringEquals": {"aws:username": "bob"}}), false),
            (&put, json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}), true),
            (
                &put,
                json!({"StringEquals": {"ec2:SourceInstanceArn": "arn:aws:ec2:eu-central-1:111122223333:instance/i-0"}}),
                true,
            ),
            (
                &attach,
                json!({"ArnEquals": {"iam:PolicyARN": ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
                "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]}}),
                false,
            ),
            (&attach, json!({"ArnEquals": {"iam:PolicyARN": "arn:aws:iam::444455556666:policy/theirs"}}), false),
            (&attach, json!({"StringEquals": {"iam:PolicyARN": "arn:aws:iam::aws:policy/*"}}), false),
            (&attach, json!({"StringLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/*"}}), true),
        ] {
            let allowed = under(statement, condition.clone());
            assert_eq!(held_by(&known("user/alice"), &allowed).is_risky(), meets, "{condition}");
            // A `Deny` that is certainly met takes all away, and one that never is takes nothing.
            let mut denied = allowed;
            denied["Effect"] = "Deny".into();
            let identity = held_by(&known("user/alice"), &json!([statement, denied]));
            assert!(identity.is_risky() || meets, "{condition}: {identity:?}");
        }
        for always in [
            json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
            json!({"Null": {"aws:PrincipalAccount": "false"}}),
            json!({"StringNotEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}),
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:*::111122223333:*"}}),
            json!({"StringLike": {"aws:PrincipalArn": "*"}}),
            json!({"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}),
        ] {
            let policy = json!([put, under(&deny(&json!("iam:*"), &json!("*")), always.clone())]);
            assert!(!held_by(&known("user/alice"), &policy).is_risky(), "{always}");
        }
    }

    #[test]
    fn arns_are_compared_part_by_part_so_that_nothing_is_hidden_behind_what_no_arn_is_like() {
        let foreign = "arn:*:iam::444455556666:user/alice";
        for (operator, value) in [
            ("ArnEquals", "arn:*alice"),
            ("ArnLike", "*"),
            ("ArnLike", "arn:aws:iam::111122223333*"),
            ("ArnLike", foreign),
        ] {
            for of in ["user/alice", "user/x:iam::444455556666:user/alice"] {
                let denied = under(&deny(&json!("*"), &json!("*")), json!({operator: {"aws:PrincipalArn": value}}));
                assert!(held_by(&known(of), &json!([everything(), denied])).admin, "{of} {operator} {value}");
            }
        }
        for value in ["arn:*alice", "*", foreign] {
            let allowed = under(&everything(), json!({"ArnNotLike": {"aws:PrincipalArn": value}}));
            assert!(held_by(&known("user/alice"), &allowed).admin, "{value}");
        }
        let denied = deny(&json!("*"), &json!("arn:*:iam::444455556666:user/*"));
        let reached = allow(&json!("iam:PutUserPolicy"), &json!(format!("{USER}x:iam::444455556666:user/a")));
        assert!(of(&json!([reached, denied])).is_risky());
        let theirs = under(&everything(), json!({"ArnLike": {"aws:PrincipalArn": foreign}}));
        assert!(!held_by(&known("user/alice"), &theirs).admin);
        let nobodys = Holder { arn: None, ..known("user/alice") };
        assert!(!held_by(&nobodys, &theirs).admin);
    }

    #[test]
    fn a_deny_that_spares_federated_sessions_or_goes_with_a_name_keeps_a_user_down_in_vain() {
        for (operator, key, value) in [
            ("StringEquals", "aws:PrincipalType", "User"),
            ("StringLike", "aws:username", "*"),
            ("StringEquals", "aws:username", "alice"),
            ("StringNotEquals", "aws:username", "bob"),
            ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:user/alice"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:user/*"),
            ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:user/bob"),
            ("Null", "aws:username", "false"),
        ] {
            let denied = under(&deny(&json!("*"), &json!("*")), json!({operator: {key: value}}));
            let policy = json!([everything(), denied]);
            assert!(held_by(&known("user/alice"), &policy).admin, "{operator} {key} {value}");
        }
        for (operator, key, value) in [
            ("StringEquals", "aws:PrincipalType", "AssumedRole"),
            ("StringEquals", "aws:username", "bob"),
            ("ArnEquals", "aws:PrincipalArn", "arn:aws:iam::111122223333:user/bob"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:role/*"),
        ] {
            let allowed = under(&everything(), json!({operator: {key: value}}));
            assert!(!held_by(&known("user/alice"), &allowed).admin, "{operator} {key} {value}");
        }
        let others = under(&everything(), json!({"StringNotEquals": {"aws:username": "alice"}}));
        assert!(held_by(&known("user/alice"), &others).admin, "a federated session has no such name");
        let role =
            under(&deny(&json!("*"), &json!("*")), json!({"StringEquals": {"aws:PrincipalType": "AssumedRole"}}));
        assert!(!held_by(&known("role/app"), &json!([everything(), role])).admin);
    }

    #[test]
    fn a_deny_that_has_begun_and_never_ends_protects() {
        let holder = Holder { at: "2026-06-01T12:00:00Z".parse().ok(), ..Holder::default() };
        for (operator, key, value, protects) in [
            ("DateGreaterThan", "aws:CurrentTime", "2020-01-01T00:00:00Z", true),
            ("DateGreaterThanEquals", "aws:CurrentTime", "2026-06-01T11:59:00Z", true),
            ("NumericGreaterThan", "aws:EpochTime", "1577836800", true),
            ("DateGreaterThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", false),
            ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z", false),
            ("DateNotEquals", "aws:CurrentTime", "2020-01-01T00:00:00Z", false),
            ("DateGreaterThan", "aws:TokenIssueTime", "2020-01-01T00:00:00Z", false),
        ] {
            let denied = under(&deny(&json!("*"), &json!("*")), json!({operator: {key: value}}));
            let policy = json!([everything(), denied]);
            assert_eq!(held_by(&holder, &policy).admin, !protects, "{operator} {key} {value}");
            assert!(of(&policy).admin, "without a time nothing has begun");
        }
    }

    #[test]
    fn what_is_another_accounts_or_nobodys_or_ones_own_is_no_way_up() {
        let keys = json!(["iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"]);
        for (actions, resource, is_risky) in [
            (json!("iam:PutRolePolicy"), "arn:aws:iam::2222*:role/*", false),
            (json!("iam:PutRolePolicy"), "arn:aws:iam::1111*:role/*", true),
            (json!("iam:PutRolePolicy"), "arn:aws:iam::*:role/*", true),
            (json!("iam:PutRolePolicy"), "arn:aws:iam::2222*", true),
            (json!("codebuild:StartBuild"), "arn:aws:codebuild:us-east-1:444455556666:project/*", false),
            (json!("codebuild:StartBuild"), "arn:aws:codebuild:us-east-1:1111*:project/*", true),
            (json!("sts:AssumeRole"), "arn:aws:iam::444455556666:role/*", true),
            (json!("cloudformation:UpdateStack"), "arn:aws:cloudformation:*:444455556666:stack/*", true),
            (json!("iam:PutUserPolicy"), "arn:aws:iam::111122223333:user/${*}", false),
            (json!("iam:PutUserPolicy"), "arn:aws:iam::111122223333:user/a${*}b", false),
            (json!("iam:PutUserPolicy"), "arn:aws:iam::111122223333:user/${*}/bob", true),
            (json!("iam:PutUserPolicy"), "arn:aws:iam::111122223333:user/${*}*", true),
            (keys.clone(), "arn:aws:iam::111122223333:user/alice", false),
            (keys.clone(), "arn:aws:iam::111122223333:user/al*", true),
            (keys, "arn:aws:iam::111122223333:user/bob", true),
            (json!("iam:PutUserPolicy"), "arn:aws:iam::111122223333:user/alice", true),
        ] {
            let policy = allow(&actions, &json!(resource));
            assert_eq!(held_by(&known("user/alice"), &policy).is_risky(), is_risky, "{actions} {resource}");
        }
    }

    #[test]
    fn whom_all_others_are_denied_may_be_given_anything() {
        let own = json!("arn:aws:iam::111122223333:policy/team");
        let grant = allow(&json!(["iam:PutRolePolicy", "iam:AttachRolePolicy"]), &json!("*"));
        for (operator, boundary, is_risky) in [
            ("StringNotEquals", own.clone(), false),
            ("StringNotEqualsIfExists", own.clone(), false),
            ("ArnNotLike", own.clone(), false),
            ("ForAnyValue:StringNotEquals", own.clone(), true),
            ("StringEquals", own.clone(), true),
            ("StringNotEquals", json!([own, "arn:aws:iam::aws:policy/AdministratorAccess"]), true),
            ("Null", json!("true"), true),
        ] {
            let denied = |action: &str, resource: Value| {
                under(&deny(&json!(action), &resource), json!({operator: {"iam:PermissionsBoundary": boundary}}))
            };
            let policy = json!([grant, denied("iam:*", json!("*"))]);
            assert_eq!(of(&policy).is_risky(), is_risky, "{operator} {boundary}");
            let of_users = json!([grant, denied("iam:*", json!(format!("{USER}*")))]);
            assert!(of(&of_users).is_risky(), "roles are free: {operator} {boundary}");
            let with_mfa = json!({
                operator: {"iam:PermissionsBoundary": boundary},
                "Bool": {"aws:MultiFactorAuthPresent": "false"},
            });
            assert!(of(&json!([grant, under(&deny(&json!("iam:*"), &json!("*")), with_mfa)])).is_risky());
        }
        let denied = under(
            &deny(&json!("iam:PutRolePolicy"), &json!("*")),
            json!({"StringNotEquals": {"iam:PermissionsBoundary": own}}),
        );
        let freeing = allow(&json!(["iam:PutRolePolicy", "iam:DeleteRolePermissionsBoundary"]), &json!("*"));
        assert_eq!(paths(&json!([freeing, denied])), ["iam:PutRolePolicy"]);
    }

    #[test]
    fn who_cannot_attach_administrator_access_is_not_said_to() {
        let attach = allow(&json!("iam:AttachRolePolicy"), &json!("*"));
        let of_arn = |operator: &str, policy: &str| json!({operator: {"iam:PolicyARN": format!("arn:aws:iam::aws:policy/{policy}")}});
        let allowed = |operator: &str, policy: &str| of(&under(&attach, of_arn(operator, policy)));
        assert!(!allowed("ArnLike", "AmazonS3*").is_risky());
        for (policy, is_all) in [("*", true), ("Admin*", true), ("AmazonEC2*", false), ("IAMFullAccess", false)] {
            let identity = allowed("ArnLike", policy);
            assert_eq!(identity.why[0].contains("AdministratorAccess"), is_all, "{policy}: {:?}", identity.why);
        }
        let denied = under(&deny(&json!("*"), &json!("*")), of_arn("ArnEquals", "AdministratorAccess"));
        insta::assert_snapshot!(of(&json!([attach, denied])).why.join("\n"), @"`iam:AttachRolePolicy`: the holder attaches a policy that may give a way up to a role of their own (pathfinding.cloud iam-009), allowed by statement 1, unless statement 2 denies it by its condition on `iam:PolicyARN`");
    }

    #[test]
    fn whom_their_boundary_keeps_down_may_be_given_anything_unless_it_can_be_taken_off() {
        let bounded = json!({"StringEquals": {"iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/team"}});
        let grant = json!(["iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:PutUserPermissionsBoundary"]);
        let grant = under(&allow(&grant, &json!("*")), bounded);
        assert!(!of(&grant).is_risky());
        for freeing in ["iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"] {
            let found = paths(&json!([grant, allow(&json!(freeing), &json!("*"))]));
            assert!(found.contains(&"iam:AttachUserPolicy".to_owned()), "{freeing}: {found:?}");
        }
        for none in
            ["*", "arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::111122223333:policy/${aws:username}"]
        {
            let any = json!({"StringLike": {"iam:PermissionsBoundary": none}});
            assert!(of(&under(&allow(&json!("iam:AttachUserPolicy"), &json!("*")), any)).is_risky(), "{none}");
        }
        for (policy, is_risky) in [("ReadOnlyAccess", false), ("PowerUserAccess", true), ("*", true)] {
            let of_aws =
                json!({"StringLike": {"iam:PermissionsBoundary": format!("arn:aws:iam::aws:policy/{policy}")}});
            let grant = under(&allow(&json!("iam:PutRolePolicy"), &json!("*")), of_aws);
            assert_eq!(of(&grant).is_risky(), is_risky, "{policy}");
        }
        let perhaps =
            json!({"StringEqualsIfExists": {"iam:PermissionsBoundary": "arn:aws:iam::111122223333:policy/team"}});
        assert!(of(&under(&allow(&json!("iam:AttachUserPolicy"), &json!("*")), perhaps)).is_risky());
    }

    fn of_known(of: &str, policies: &[Attached], boundary: Option<&Value>) -> Vec<String> {
        let boundary = boundary.map(|statements| named("the permissions boundary", statements));
        judge_held(&Held { policies: policies.to_vec(), boundary }, &known(of)).expect("policies").escalation
    }

    #[test]
    fn who_can_take_off_their_own_boundary_has_a_way_up() {
        let admin = [named("a", &everything())];
        let with = |action: &str| allow(&json!(["s3:*", action]), &json!("*"));
        for (of, action, holds) in [
            ("role/app", "iam:DeleteRolePermissionsBoundary", true),
            ("role/app", "iam:PutRolePermissionsBoundary", true),
            ("role/app", "iam:DeleteUserPermissionsBoundary", false),
            ("user/alice", "iam:DeleteUserPermissionsBoundary", true),
            ("user/alice", "iam:PutUserPermissionsBoundary", true),
            ("user/alice", "iam:DeleteRolePermissionsBoundary", false),
            ("user/alice", "iam:GetUser", false),
        ] {
            let expected: &[&str] = if holds { &[action] } else { &[] };
            assert_eq!(of_known(of, &admin, Some(&with(action))), expected, "{of} {action}");
            // Who has nothing beyond the boundary gains nothing.
            assert_eq!(of_known(of, &[named("a", &allow(&json!("s3:*"), &json!("*")))], Some(&with(action))).len(), 0);
        }
        let others = allow(&json!("iam:DeleteRolePermissionsBoundary"), &json!(format!("{ROLE}other")));
        assert_eq!(of_known("role/app", &admin, Some(&others)).len(), 0);
    }

    #[test]
    fn who_can_take_off_what_denies_them_more_has_a_way_up() {
        let wide = named("wide", &allow(&json!("iam:*"), &json!("*")));
        let denied = json!([
            "iam:Put*",
            "iam:Attach*",
            "iam:Add*",
            "iam:Create*",
            "iam:Update*",
            "iam:Set*",
            "iam:PassRole",
            "iam:Delete*PermissionsBoundary"
        ]);
        let no = |by| Attached { taken_off_by: by, ..named("no", &deny(&denied, &json!("*"))) };
        assert_eq!(
            of_known("user/alice", &[wide.clone(), no(&["iam:DetachUserPolicy"])], None),
            ["iam:DetachUserPolicy"]
        );
        let left =
            of_known("user/alice", &[wide.clone(), no(&["iam:DeleteGroupPolicy", "iam:RemoveUserFromGroup"])], None);
        assert_eq!(left, ["iam:DeleteGroupPolicy", "iam:RemoveUserFromGroup"]);
        let firm = named("firm", &deny(&json!("iam:Detach*"), &json!("*")));
        assert_eq!(of_known("user/alice", &[wide, no(&["iam:DetachUserPolicy"]), firm], None), Vec::<String>::new());
    }

    #[test]
    fn a_role_or_a_policy_of_the_users_name_is_not_the_user() {
        let of = |actions: Value, resource: &str| {
            let resource = format!("arn:aws:iam::111122223333:{resource}/${{aws:username}}");
            held_by(&known("user/alice"), &allow(&actions, &json!(resource))).is_risky()
        };
        assert!(of(json!(["iam:PutRolePolicy", "sts:AssumeRole"]), "role"));
        assert!(of(json!(["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"]), "policy"));
        assert!(of(json!("iam:PutGroupPolicy"), "group"));
        assert!(!of(json!("iam:CreateAccessKey"), "user"));
    }

    #[test]
    fn what_takes_a_protection_off_may_be_a_part_of_a_way() {
        for action in ["iam:RemoveUserFromGroup", "iam:DetachRolePolicy", "iam:DeleteUserPermissionsBoundary"] {
            let text = json!({"Version": "2012-10-17", "Statement": allow(&json!(action), &json!("*"))}).to_string();
            assert_eq!(may_allow(&text, |action| action.starts_with("iam:")), Ok(true), "{action}");
        }
    }

    #[test]
    fn a_variable_of_the_older_version_is_text_and_a_role_has_no_user_name() {
        let own = allow(&json!("iam:PutUserPolicy"), &json!(format!("{USER}${{aws:username}}")));
        assert!(held_by(&known("user/alice"), &own).is_risky());
        assert!(!held_by(&known("role/app"), &own).is_risky());
        let older = json!({"Statement": own}).to_string();
        assert!(!judge(&older, &known("user/alice")).expect("a policy").is_risky());
    }

    fn named(name: &str, statements: &Value) -> Attached {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        Attached { name: name.to_owned(), text, taken_off_by: &[] }
    }

    fn of_held(policies: &[Attached], boundary: Option<&Value>) -> Identity {
        let boundary = boundary.map(|statements| named("the permissions boundary", statements));
        judge_held(&Held { policies: policies.to_vec(), boundary }, &Holder::default()).expect("policies")
    }

    #[test]
    fn what_a_principal_holds_in_several_policies_counts_together_and_each_is_named() {
        let own = named("inline policy `pass`", &allow(&json!("iam:PassRole"), &json!("*")));
        let run = allow(&json!(["lambda:CreateFunction", "lambda:InvokeFunction"]), &json!("*"));
        let group = named("managed policy `run` of group `devs`", &json!([allow(&json!("s3:*"), &json!("*")), run]));
        insta::assert_snapshot!(of_held(&[own.clone(), group.clone()], None).why.join("\n"), @"`iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction`: the holder runs a function of their own as a privileged role (pathfinding.cloud lambda-001), allowed by statement 1 of inline policy `pass` and statement 2 of managed policy `run` of group `devs`");
        let no = named("inline policy `no`", &deny(&json!("iam:PassRole"), &json!("*")));
        assert!(!of_held(&[own, group, no], None).is_risky(), "what one policy denies, none allows");
        let admin = [named("a", &all_but(&json!("iam:*"))), named("b", &allow(&json!("iam:*"), &json!("*")))];
        assert_eq!(
            of_held(&admin, None).why,
            [
                "the holder may do everything, allowed by statement 1 of a, and what that leaves out granted by statement 1 of b"
            ]
        );
    }

    #[test]
    fn a_boundary_bounds_what_all_others_allow_and_allows_nothing_itself() {
        let admin = [named("managed policy `AdministratorAccess`", &everything())];
        let own_services = json!({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"});
        for (policies, boundary, is_admin, paths) in [
            (&admin[..], everything(), true, None),
            (&[], everything(), false, Some(vec![])),
            (&admin, allow(&json!("s3:*"), &json!("*")), false, Some(vec![])),
            (&admin, json!([]), false, Some(vec![])),
            (&admin, allow(&json!("iam:CreateAccessKey"), &json!("*")), false, Some(vec!["iam:CreateAccessKey"])),
            (&admin, allow(&json!("iam:CreateAccessKey"), &json!(format!("{ROLE}a"))), false, Some(vec![])),
            (
                &admin,
                allow(&json!("iam:CreateAccessKey"), &json!(format!("{USER}${{aws:username}}"))),
                false,
                Some(vec![]),
            ),
            (&admin, own_services.clone(), false, None),
            (&admin, json!([everything(), deny(&json!("iam:*"), &json!("*"))]), false, None),
            (
                &[named("x", &allow(&json!("iam:PutRolePolicy"), &json!(format!("{ROLE}app-*"))))],
                allow(&json!("iam:*"), &json!(format!("{ROLE}db-*"))),
                false,
                Some(vec![]),
            ),
            (
                &[named("x", &allow(&json!("iam:PutRolePolicy"), &json!("*")))],
                json!({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:iam::*:role/*"}),
                false,
                Some(vec![]),
            ),
        ] {
            let found = of_held(policies, Some(&boundary));
            assert_eq!(found.admin, is_admin, "{boundary}");
            assert!(paths.is_none_or(|paths| found.escalation == paths), "{boundary}: {:?}", found.escalation);
        }
        let bounded = of_held(&admin, Some(&own_services));
        assert!(!bounded.escalation.iter().any(|path| path.contains("iam:")), "{:?}", bounded.escalation);
    }

    #[test]
    fn a_role_is_passed_only_to_what_both_policy_and_boundary_let_it_be_passed_to() {
        let policies = [named("x", &everything())];
        let pass = under(
            &allow(&json!("iam:PassRole"), &json!("*")),
            json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
        );
        let run = allow(&json!(["ec2:RunInstances", "lambda:CreateFunction", "lambda:InvokeFunction"]), &json!("*"));
        let found = of_held(&policies, Some(&json!([pass, run])));
        insta::assert_snapshot!(found.why.join("\n"), @"`ec2:RunInstances+iam:PassRole`: the holder starts an instance of their own with a privileged role (pathfinding.cloud ec2-001), allowed by statement 1 of x, within statement 1 of the permissions boundary (if the condition on `iam:PassedToService` is met) and statement 2 of the permissions boundary");
    }

    #[test]
    fn what_is_not_understood_is_told_with_the_policy_that_it_stands_in() {
        let held = Held {
            policies: vec![Attached { name: "inline policy `x`".to_owned(), text: "{}".to_owned(), taken_off_by: &[] }],
            boundary: None,
        };
        let error = judge_held(&held, &Holder::default()).expect_err("no policy").to_string();
        assert_eq!(error, "inline policy `x`: expected a `Statement` on line 1 column 1");
    }

    #[test]
    fn what_is_no_identity_policy_is_said_and_never_guessed_at() {
        for text in ["", "[]", "{}", "{\"Statement\": 1}"] {
            assert!(judge(text, &Holder::default()).is_err(), "{text}");
        }
        let text = "{\"Statement\": [\n  {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}]}";
        let error = judge(text, &Holder::default()).expect_err("a resource policy");
        let said = "expected a policy of an identity, found a statement that names a principal on line 2 column 3";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn a_hostile_policy_is_judged_in_no_time() {
        let many = |effect: &str| -> Vec<Value> {
            let one = |index| json!({"Effect": effect, "Action": "*", "Resource": format!("arn:*:iam::*:*{index}*")});
            (0..500).map(one).collect()
        };
        let under_conditions = |statements: Vec<Value>| -> Vec<Value> {
            let conditions: serde_json::Map<_, _> =
                (0..40).map(|index| (format!("Unknown{index}"), json!({"iam:PassedToService": "*"}))).collect();
            statements.iter().map(|statement| under(statement, json!(conditions))).collect()
        };
        let whole = |effect: &str| vec![json!({"Effect": effect, "Action": "*", "Resource": "*"}); 500];
        for statements in [
            [many("Allow"), many("Deny")].concat(),
            [many("Allow"), under_conditions(whole("Deny"))].concat(),
            [under_conditions(many("Allow")), whole("Allow")].concat(),
        ] {
            let text = json!({"Statement": statements}).to_string();
            let start = std::time::Instant::now();
            assert!(judge(&text, &Holder::default()).is_ok_and(|identity| identity.is_risky()) || text.len() > 1 << 20);
            assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
        }
    }

    fn statements() -> impl Strategy<Value = Vec<Value>> {
        let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
        let actions = prop::sample::subsequence(
            vec![
                "*",
                "iam:*",
                "iam:PassRole",
                "iam:Create*",
                "lambda:*",
                "lambda:InvokeFunction",
                "sts:AssumeRole",
                "s3:*",
            ],
            1..3,
        );
        let resources = prop::sample::subsequence(
            vec![
                "*",
                "arn:aws:iam::*:role/*",
                "arn:aws:iam::*:user/bob",
                "arn:aws:lambda:*:*:function:*",
                "arn:aws:s3:::logs",
            ],
            1..3,
        );
        let parts = (effect, any::<bool>(), actions, any::<bool>(), resources);
        let statement = parts.prop_map(|(effect, not_action, actions, not_resource, resources)| {
            let (action, resource) = (
                if not_action { "NotAction" } else { "Action" },
                if not_resource { "NotResource" } else { "Resource" },
            );
            json!({"Effect": effect, action: actions, resource: resources})
        });
        prop::collection::vec(statement, 0..5)
    }

    proptest! {
        #[test]
        fn a_statement_more_never_has_the_opposite_effect(policy in statements(), more in statements()) {
            let before = of(&json!(policy));
            for (effect, grows) in [("Allow", true), ("Deny", false)] {
                let added = more.iter().filter(|statement| statement["Effect"] == effect).cloned();
                let after = of(&json!(policy.iter().cloned().chain(added).collect::<Vec<_>>()));
                let (small, large) = if grows { (&before, &after) } else { (&after, &before) };
                prop_assert!(small.escalation.iter().all(|path| large.escalation.contains(path)));
                prop_assert!(!small.admin || large.admin);
            }
        }

        #[test]
        fn the_order_of_statements_does_not_matter(policy in statements()) {
            let (one, other) = (of(&json!(policy)), of(&json!(policy.iter().rev().collect::<Vec<_>>())));
            prop_assert_eq!((one.admin, one.escalation), (other.admin, other.escalation));
        }
    }
}
