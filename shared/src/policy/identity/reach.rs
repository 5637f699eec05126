//! On what policies let their holder do an action: what is allowed, within the permissions boundary if there is one, less
//! what is denied beyond doubt.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Holder;
use super::condition::{Condition, Met};
use crate::policy::document;
use crate::policy::pattern::{covers, covers_all_of, is_arn, is_pattern, matches, overlaps, share_a_resource};

/// Comparing more than this many pairs of patterns is not worth it: no policy that IAM takes has so many, and what is
/// not compared counts as reached.
const MOST_PAIRS: usize = 1 << 14;

/// Nobody reads more names than these in a sentence.
const ENOUGH: usize = 6;

/// Names, or everything but those.
#[derive(Debug)]
struct Names {
    patterns: Vec<String>,
    inverted: bool,
}

#[derive(Debug)]
pub(super) struct Statement {
    /// Its place among all statements of all policies.
    pub(super) index: usize,
    /// Counted from 1 in its policy, as people do.
    number: usize,
    /// What people call its policy, if there is more than one that it could be of.
    policy: String,
    sid: Option<String>,
    pub(super) allows: bool,
    /// In small letters.
    actions: Names,
    resources: Names,
    conditions: Vec<Condition>,
}

/// Some resources on which an action is allowed.
#[derive(Debug, Clone)]
pub(super) struct Piece<'a> {
    pub(super) origin: &'a Statement,
    /// The statement of the permissions boundary that allows it too, if there is a boundary.
    pub(super) within: Option<&'a Statement>,
    /// Statements that deny it to those who meet their condition.
    pub(super) unless: Vec<&'a Statement>,
    on: Span<'a>,
}

/// What a piece is of all resources.
#[derive(Debug, Clone, Copy)]
enum Span<'a> {
    Of(&'a str),
    /// Everything but these.
    AllBut(&'a Names),
}

/// Answers for one holder, each looked up once.
pub(super) struct Reach<'a> {
    statements: &'a [Statement],
    /// The statements of the permissions boundary, if there is one.
    ceiling: Option<&'a [Statement]>,
    holder: &'a Holder,
    known: BTreeMap<&'static str, Vec<Piece<'a>>>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(statements: &'a [Statement], ceiling: Option<&'a [Statement]>, holder: &'a Holder) -> Self {
        Self { statements, ceiling, holder, known: BTreeMap::new() }
    }

    /// On what the action is allowed, of what counts: others than the holder, if it acts on users. A role that is passed
    /// must be one that one of these services takes, and whom a permissions boundary keeps down does not count, unless that
    /// can be taken away.
    pub(super) fn of_action(&mut self, action: &'static str, passes_to: &[&str]) -> Vec<Piece<'a>> {
        let bounds: &[&'static str] = match action {
            "iam:AttachUserPolicy" | "iam:PutUserPolicy" => &UNBOUNDING_USERS,
            "iam:AttachRolePolicy" | "iam:PutRolePolicy" => &UNBOUNDING_ROLES,
            _ => &[],
        };
        let stays_bounded = !bounds.iter().any(|takes_away| !self.without_bounds(takes_away).is_empty());
        let pieces = if bounds.is_empty() || !stays_bounded { self.known(action) } else { self.without_bounds(action) };
        if action != "iam:PassRole" {
            return pieces;
        }
        let denies_passing = |denies: &&Statement| denies.keeps_from_passing_to(passes_to);
        let of_piece = |piece: &Piece<'a>| [Some(piece.origin), piece.within].into_iter().flatten();
        let named: BTreeMap<usize, &Statement> =
            pieces.iter().flat_map(of_piece).map(|statement| (statement.index, statement)).collect();
        let possible: BTreeSet<usize> =
            named.into_iter().filter(|(_, named)| named.can_pass_to(passes_to)).map(|(index, _)| index).collect();
        let is_left = |piece: &Piece<'a>| {
            let is_possible = of_piece(piece).all(|statement| possible.contains(&statement.index));
            is_possible && !piece.unless.iter().any(denies_passing)
        };
        pieces.into_iter().filter(is_left).collect()
    }

    /// Whether the holder may do this to itself.
    pub(super) fn acts_on_itself(&mut self, action: &'static str) -> bool {
        let own = self.holder.arn.clone();
        let is_own = |piece: &Piece<'a>| match (piece.on, &own) {
            (Span::Of(pattern), Some(own)) => is_holders_own(pattern) || share_a_resource(pattern, own),
            (Span::AllBut(names), Some(own)) => names.leaves(own),
            (_, None) => true,
        };
        let is_of_group = action.contains("Group");
        self.without_bounds(action).iter().any(|piece| is_of_group || is_own(piece))
    }

    /// Without what counts only for those who keep a permissions boundary, as nothing else is allowed or all else is denied.
    fn without_bounds(&mut self, action: &'static str) -> Vec<Piece<'a>> {
        let mut pieces = self.known(action);
        pieces.retain(|piece| {
            let mut statements = [Some(piece.origin), piece.within].into_iter().flatten();
            let is_bounded = statements.any(|statement| statement.conditions.iter().any(Condition::is_bounding));
            !is_bounded && !piece.unless.iter().any(|denies| denies.spares_only_the_bounded())
        });
        pieces
    }

    fn known(&mut self, action: &'static str) -> Vec<Piece<'a>> {
        let (statements, ceiling, holder) = (self.statements, self.ceiling, self.holder);
        let read = || pieces(statements, ceiling, action, None, holder);
        self.known.entry(action).or_insert_with(read).clone()
    }

    /// How the action is allowed on the resources of one pattern.
    pub(super) fn of_action_on(&self, action: &str, resource: &str) -> Vec<Piece<'a>> {
        pieces(self.statements, self.ceiling, action, Some(resource), self.holder)
    }

    /// The statements by which whatever nobody has thought of is allowed everywhere; nothing if it is not.
    pub(super) fn everything(&self) -> Option<Vec<Piece<'a>>> {
        let mut pieces: Vec<Piece<'a>> = vec![];
        for action in unheard_of() {
            let all = self.statements.iter().chain(self.ceiling.unwrap_or_default());
            let denies: Vec<&Statement> = all.filter(|denies| denies.takes_all_of(&action, self.holder)).collect();
            if denies.iter().any(|denies| denies.met(None, self.holder) == Met::Always) {
                return None;
            }
            let unless = denies.into_iter().take(ENOUGH).collect();
            let within = match self.ceiling {
                Some(ceiling) => Some(plainest(ceiling, &action, self.holder)?),
                None => None,
            };
            let origin = plainest(self.statements, &action, self.holder)?;
            pieces.push(Piece { origin, within, unless, on: Span::AllBut(&origin.resources) });
        }
        Some(pieces)
    }
}

/// The statement that allows all of an action, if there is one; one without a condition if there is such a one.
fn plainest<'a>(statements: &'a [Statement], action: &str, holder: &Holder) -> Option<&'a Statement> {
    let allows = statements.iter().filter(|allows| allows.gives_all_of(action, holder));
    allows.min_by_key(|allows| !allows.conditions.is_empty())
}

/// Actions of services that there are none of, one for each letter that a service or a verb may begin with: what
/// allows them all names no service and no verb.
fn unheard_of() -> impl Iterator<Item = String> {
    let letters = 'a'..='z';
    letters.clone().zip(letters.rev()).map(|(service, verb)| format!("{service}0unheard:{verb}0unheard"))
}

fn pieces<'a>(
    statements: &'a [Statement],
    ceiling: Option<&'a [Statement]>,
    action: &str,
    on: Option<&str>,
    holder: &Holder,
) -> Vec<Piece<'a>> {
    let lower = action.to_ascii_lowercase();
    let kinds = on.map_or_else(|| acts_on(&lower), |resource| vec![resource.to_owned().into()]);
    let user = holder.arn.as_deref().filter(|_| holder.is_user());
    let worth = Worth { action: Some(&lower), account: holder.account.as_deref(), user };
    let mut allowed = allowed(statements, &kinds, worth, holder);
    if allowed.is_empty() {
        return vec![];
    }
    if let Some(ceiling) = ceiling {
        allowed = within(&allowed, &self::allowed(ceiling, &kinds, worth, holder));
    }
    let all = statements.iter().chain(ceiling.unwrap_or_default());
    let denies = all.filter(|denies| !denies.allows && denies.actions.include(&lower));
    let denies = denies.map(|denies| (denies, denies.met(Some(&lower), holder))).filter(|(_, met)| *met != Met::Never);
    less(allowed, &denies.collect::<Vec<_>>(), &kinds, worth)
}

/// What is allowed of an action, before anything is denied.
fn allowed<'a>(
    statements: &'a [Statement],
    kinds: &[Cow<'static, str>],
    worth: Worth<'_>,
    holder: &Holder,
) -> Vec<Piece<'a>> {
    let action = worth.action.unwrap_or_default();
    let allows = statements.iter().filter(|allows| allows.allows && allows.actions.include(action));
    let mut allowed: Vec<Piece<'a>> = vec![];
    for origin in allows.filter(|allows| allows.met(Some(action), holder) != Met::Never) {
        let piece = |on: Span<'a>| Piece { origin, within: None, unless: vec![], on };
        if origin.resources.inverted {
            let is_left = kinds.iter().any(|kind| origin.resources.leaves(kind));
            allowed.extend(is_left.then(|| piece(Span::AllBut(&origin.resources))));
            continue;
        }
        let counts =
            |pattern: &&String| kinds.iter().any(|kind| share_a_resource(pattern, kind)) && worth.counts(pattern);
        allowed.extend(origin.resources.patterns.iter().filter(counts).map(|pattern| piece(Span::Of(pattern))));
    }
    allowed
}

/// What a permissions boundary leaves of the allowed pieces. Where two patterns have something in common and neither
/// covers the other, all of the first is left: it is never taken for less than it is.
fn within<'a>(allowed: &[Piece<'a>], ceiling: &[Piece<'a>]) -> Vec<Piece<'a>> {
    if allowed.len() * ceiling.len() > MOST_PAIRS {
        let first = ceiling.first().map(|piece| piece.origin);
        return allowed.iter().map(|piece| Piece { within: first, ..piece.clone() }).collect();
    }
    let both = allowed.iter().flat_map(|piece| ceiling.iter().map(move |under| (piece, under)));
    let left = both.filter_map(|(piece, under)| {
        let on = piece.on.and(under.on)?;
        Some(Piece { within: Some(under.origin), on, ..piece.clone() })
    });
    left.collect()
}

/// What is left of the allowed pieces, each with the statements that deny it under a condition.
fn less<'a>(
    allowed: Vec<Piece<'a>>,
    denies: &[(&'a Statement, Met)],
    kinds: &[Cow<'static, str>],
    worth: Worth<'_>,
) -> Vec<Piece<'a>> {
    let takes_all = |(denies, _): &(&Statement, Met)| kinds.iter().all(|kind| denies.resources.cover(kind, worth));
    let (whole, part): (Vec<_>, Vec<_>) = denies.iter().copied().partition(takes_all);
    let is_sure = |(_, met): &(&Statement, Met)| *met == Met::Always;
    if whole.iter().any(is_sure) {
        return vec![];
    }
    let pairs = allowed.len() * part.iter().map(|(denies, _)| denies.resources.patterns.len()).sum::<usize>();
    let part = if pairs > MOST_PAIRS { &[] } else { part.as_slice() };
    let left = allowed.into_iter().filter_map(|piece| {
        let takes: Vec<_> =
            part.iter().copied().filter(|(denies, _)| piece.is_within(&denies.resources, worth)).collect();
        let mut unless: Vec<&Statement> = whole.iter().chain(&takes).map(|(denies, _)| *denies).collect();
        unless.sort_by_key(|denies| !denies.spares_only_the_bounded());
        unless.truncate(ENOUGH);
        (!takes.iter().any(is_sure)).then_some(Piece { unless, ..piece })
    });
    left.collect()
}

/// What is worth something to who may do an action upon it.
#[derive(Debug, Clone, Copy)]
struct Worth<'a> {
    /// In small letters; without one everything counts.
    action: Option<&'a str>,
    /// The holder's, if it is known.
    account: Option<&'a str>,
    /// The ARN of the user that the holder is, if that is known.
    user: Option<&'a str>,
}

impl Worth<'_> {
    const ALL: Self = Self { action: None, account: None, user: None };

    /// Whether a pattern means something that counts, of what the action acts on.
    fn counts(self, pattern: &str) -> bool {
        let Some(action) = self.action else { return true };
        let is_reserved = RESERVED.iter().any(|reserved| covers_all_of(reserved, pattern));
        // A role of another account lets in, and a delegated administrator rolls out the stack sets of another.
        let reaches_others = action.starts_with("sts:") || action.starts_with("cloudformation:");
        let is_in_vain = is_reserved || !reaches_others && self.is_others(action, pattern);
        let is_own = || is_holders_own(pattern) || self.user.is_some_and(|user| is_user(pattern, user));
        !is_in_vain && (SELF_GRANTING.contains(&action) || !is_own())
    }

    /// No call reaches what IAM keeps for another account, and what another account runs has no role of one's own. Of other
    /// services there is also what is no account's.
    fn is_others(self, action: &str, pattern: &str) -> bool {
        let account = pattern.split(':').nth(4).filter(|_| is_arn(pattern));
        let is_others = |account: &str| self.account.is_some_and(|own| !overlaps(account, own));
        account.is_some_and(|account| is_others(account) && (action.starts_with("iam:") || !account.is_empty()))
    }
}

/// What nobody but AWS can change, pass on or become: its own managed policies; the roles that are linked to a service,
/// which trust only that; and the roles of IAM Identity Center.
/// - <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html>
/// - <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html>
/// - <https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html>
const RESERVED: [&str; 3] =
    ["arn:*:iam::aws:*", "arn:*:iam::*:role/aws-service-role/*", "arn:*:iam::*:role/aws-reserved/*"];

/// Actions by which holders grant permissions to themselves, or take off what keeps them down: on the holder's own user
/// they are as good as on any.
const SELF_GRANTING: [&str; 7] = [
    "iam:attachuserpolicy",
    "iam:deleteuserpermissionsboundary",
    "iam:deleteuserpolicy",
    "iam:detachuserpolicy",
    "iam:putuserpermissionsboundary",
    "iam:putuserpolicy",
    "iam:removeuserfromgroup",
];

/// By these a permissions boundary is taken away, or another put in its place.
const UNBOUNDING_USERS: [&str; 2] = ["iam:DeleteUserPermissionsBoundary", "iam:PutUserPermissionsBoundary"];
const UNBOUNDING_ROLES: [&str; 2] = ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"];

const OWN_NAME: &str = "${aws:username}";

/// What every resource's name is like.
const ANYTHING: &str = "arn:*:*:*:*:*";
const USERS: &str = "arn:*:iam::*:user/*";
const GROUPS: &str = "arn:*:iam::*:group/*";
const ROLES: &str = "arn:*:iam::*:role/*";
const POLICIES: &str = "arn:*:iam::*:policy/*";
const FUNCTIONS: &str = "arn:*:lambda:*:*:function:*";
const TASKS: &str = "arn:*:ecs:*:*:task/*";
const MACHINES: [&str; 2] = ["arn:*:ec2:*:*:instance/*", "arn:*:ssm:*:*:managed-instance/*"];

/// The resources that an action, in small letters, acts on.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
fn acts_on(action: &str) -> Vec<Cow<'static, str>> {
    let (service, verb) = action.split_once(':').unwrap_or((action, ""));
    let one = |kind: &'static str| vec![kind.into()];
    match service {
        "iam" if verb.contains("role") => one(ROLES),
        "iam" if verb.contains("group") => one(GROUPS),
        "iam" if verb.contains("policyversion") => one(POLICIES),
        "iam" => one(USERS),
        "sts" => one(ROLES),
        "lambda" if !verb.contains("eventsource") => one(FUNCTIONS),
        "ec2-instance-connect" => one(MACHINES[0]),
        "ssm" if verb == "sendcommand" => MACHINES.map(Cow::Borrowed).to_vec(),
        "ssm" if verb == "startsession" => [MACHINES[0], MACHINES[1], TASKS].map(Cow::Borrowed).to_vec(),
        _ => vec![format!("arn:*:{service}:*:*:*").into()],
    }
}

/// Whether two actions of a path must act on the same user, role or function for the path to hold.
pub(super) fn act_on_the_same(one: &str, other: &str) -> bool {
    let kind = |action: &str| acts_on(&action.to_ascii_lowercase());
    let (one, other) = (kind(one), kind(other));
    one == other && [USERS, ROLES, FUNCTIONS].iter().any(|kind| one[0] == *kind)
}

/// Whether some resource is in a piece of both.
pub(super) fn meet(some: &[Piece], others: &[Piece]) -> bool {
    let pattern = |piece: &Piece| piece.on.pattern().map(str::to_owned);
    let (some, others): (BTreeSet<_>, BTreeSet<_>) =
        (some.iter().map(pattern).collect(), others.iter().map(pattern).collect());
    some.len() * others.len() > MOST_PAIRS
        || some.iter().any(|one| {
            others.iter().any(|other| match (one, other) {
                (Some(one), Some(other)) => share_a_resource(one, other),
                _ => true,
            })
        })
}

/// Whether all resources of one name have the other too, likewise part by part.
fn covers_resources(wide: &str, narrow: &str) -> bool {
    if is_arn(wide) && is_arn(narrow) { covers_all_of(wide, narrow) } else { covers(wide, narrow) }
}

/// The holder's own user, and no other: a role, a group or a policy may have the name of a user.
fn is_holders_own(pattern: &str) -> bool {
    let is_of_user = |path: &str| str::splitn(path, 6, ':').nth(5).is_some_and(|path| path.starts_with("user/"));
    pattern.strip_suffix(OWN_NAME).is_some_and(|path| path.ends_with('/') && is_of_user(path))
}

/// Whether it means this user and no other.
fn is_user(pattern: &str, user: &str) -> bool {
    let name = |arn| str::splitn(arn, 6, ':').nth(5);
    !name(pattern).is_none_or(is_pattern) && name(pattern) == name(user) && share_a_resource(pattern, user)
}

impl Span<'_> {
    /// What both have in common, if there is anything.
    fn and(self, other: Self) -> Option<Self> {
        let is_all = |pattern: &str| covers(pattern, ANYTHING);
        match (self, other) {
            (Self::AllBut(these), Self::AllBut(others)) => {
                let is_wider =
                    these.patterns.iter().all(|left| others.patterns.iter().any(|out| covers_resources(out, left)));
                Some(if is_wider { other } else { self })
            }
            (Self::AllBut(out), Self::Of(narrow)) | (Self::Of(narrow), Self::AllBut(out)) => {
                let narrower = if is_all(narrow) { Self::AllBut(out) } else { Self::Of(narrow) };
                out.leaves(narrow).then_some(narrower)
            }
            (Self::Of(one), Self::Of(two)) if covers_resources(one, two) => Some(other),
            (Self::Of(one), Self::Of(two)) => share_a_resource(one, two).then_some(self),
        }
    }

    fn pattern(&self) -> Option<&str> {
        match self {
            Self::Of(pattern) => Some(pattern),
            Self::AllBut(_) => None,
        }
    }
}

impl Piece<'_> {
    /// Whether no condition stands in the way.
    pub(super) fn is_plain(&self) -> bool {
        let is_unconditional = |statement: &Statement| statement.conditions.is_empty();
        is_unconditional(self.origin) && self.within.is_none_or(is_unconditional) && self.unless.is_empty()
    }

    /// Whether the policy that is attached can be any but `AdministratorAccess`.
    pub(super) fn attaches_less(&self) -> bool {
        let attaches = |one: &Condition| one.attaches_administrator_access();
        let leaves_out = |statement: &Statement| statement.conditions.iter().any(|one| attaches(one) == Some(false));
        let denies = |statement: &&Statement| statement.conditions.iter().all(|one| attaches(one) == Some(true));
        leaves_out(self.origin) || self.within.is_some_and(leaves_out) || self.unless.iter().any(denies)
    }

    /// Whether this is every role of some account.
    pub(super) fn is_any_role(&self) -> bool {
        self.on.pattern().is_none_or(|pattern| {
            covers(pattern, ROLES) || pattern.splitn(6, ':').nth(5).is_some_and(|name| covers(name, "role/*"))
        })
    }

    fn is_within(&self, names: &Names, worth: Worth<'_>) -> bool {
        match self.on {
            Span::Of(pattern) => names.cover(pattern, worth),
            // All but some is within all but fewer of them.
            Span::AllBut(out) => {
                names.inverted
                    && names.patterns.iter().all(|left| out.patterns.iter().any(|kept| covers_resources(kept, left)))
            }
        }
    }
}

impl Names {
    fn include(&self, name: &str) -> bool {
        // The first character tells most services apart, and costs nothing to compare.
        let first = name.as_bytes().first();
        let may_match = |pattern: &&String| {
            let here = pattern.as_bytes().first();
            here == first || matches!(here, Some(b'*' | b'?'))
        };
        self.patterns.iter().filter(may_match).any(|pattern| matches(pattern, name)) != self.inverted
    }

    /// Whether all but these has something of what the pattern means.
    fn leaves(&self, narrow: &str) -> bool {
        !self.patterns.iter().any(|pattern| covers_resources(pattern, narrow))
    }

    /// Whether everything that the pattern means is among these, certainly. What does not count may be missing.
    fn cover(&self, narrow: &str, worth: Worth<'_>) -> bool {
        if self.inverted {
            let mut left = self.patterns.iter().filter(|pattern| worth.counts(pattern));
            !left.any(|pattern| share_a_resource(pattern, narrow))
        } else {
            self.patterns.iter().any(|pattern| covers_resources(pattern, narrow))
        }
    }
}

impl Statement {
    /// `index` is its place among all, `number` that in its own policy.
    pub(super) fn read(
        statement: &document::Statement<'_>,
        (index, number): (usize, usize),
        policy: &str,
        holder: &Holder,
        has_variables: bool,
    ) -> Self {
        let allows = statement.allows;
        let actions = statement.actions.words.iter().map(|word| word.text.to_ascii_lowercase()).collect();
        // A statement that names no resource is none that IAM takes: what it allows counts, what it denies does not.
        let inverted = statement.resources.is_all_but || allows && statement.resources.words.is_empty();
        let resources = Names { patterns: texts(&statement.resources.words), inverted };
        let conditions: Vec<Condition> = statement.condition.iter().map(Condition::read).collect();
        Self {
            index,
            number,
            policy: policy.to_owned(),
            sid: statement.sid.as_deref().filter(|sid| !sid.is_empty()).map(str::to_owned),
            allows,
            actions: Names { patterns: actions, inverted: statement.actions.is_all_but },
            resources: without_variables(resources, allows, holder, has_variables),
            conditions,
        }
    }

    /// Whether it allows one of these, or whatever nobody has thought of.
    pub(super) fn may_allow(&self, actions: &[&str]) -> bool {
        let named = actions.iter().map(|action| action.to_ascii_lowercase());
        self.allows && named.chain(unheard_of()).any(|action| self.actions.include(&action))
    }

    pub(super) fn name(&self) -> String {
        let sid = self.sid.as_ref().map(|sid| format!(" (`{}`)", document::shown(sid))).unwrap_or_default();
        let policy = if self.policy.is_empty() { String::new() } else { format!(" of {}", self.policy) };
        format!("statement {}{sid}{policy}", self.number)
    }

    /// The keys of its conditions; an empty text if it has none.
    pub(super) fn keys(&self) -> String {
        let keys: BTreeSet<&str> = self.conditions.iter().map(|one| one.shown.as_str()).collect();
        some(keys, |key| format!("`{}`", document::shown(key)))
    }

    fn gives_all_of(&self, action: &str, holder: &Holder) -> bool {
        let resources = &self.resources;
        let is_everything = if resources.inverted {
            !resources.patterns.iter().any(|pattern| covers(pattern, ANYTHING))
        } else {
            resources.patterns.iter().any(|pattern| covers(pattern, ANYTHING))
        };
        self.allows && is_everything && self.actions.include(action) && self.met(None, holder) != Met::Never
    }

    fn takes_all_of(&self, action: &str, holder: &Holder) -> bool {
        let is_of_all = !self.allows && self.resources.cover(ANYTHING, Worth::ALL) && self.actions.include(action);
        is_of_all && self.met(None, holder) != Met::Never
    }

    /// Whether it denies something upon all whom no permissions boundary keeps down.
    fn spares_only_the_bounded(&self) -> bool {
        !self.conditions.is_empty() && self.conditions.iter().all(Condition::is_of_the_unbounded)
    }

    /// Whether the holder's calls of an action, in small letters, meet all its conditions; without one, those of any.
    fn met(&self, action: Option<&str>, holder: &Holder) -> Met {
        let mut all = Met::Always;
        for condition in &self.conditions {
            match condition.met(action, holder, self.allows) {
                Met::Never => return Met::Never,
                Met::Perhaps => all = Met::Perhaps,
                Met::Always => {}
            }
        }
        all
    }

    /// Whether a role may be passed to one of these services. Whoever passes one always tells to which, so an operator
    /// that also holds where the key is absent is no wider.
    fn can_pass_to(&self, services: &[&str]) -> bool {
        let told = |condition: &&Condition| condition.key == "iam:passedtoservice";
        self.conditions.iter().filter(told).all(|condition| condition.lets_pass_to(services))
    }

    /// Whether what it says of passing a role holds for each of these services, and it asks for nothing else.
    fn keeps_from_passing_to(&self, services: &[&str]) -> bool {
        !self.conditions.is_empty() && self.conditions.iter().all(|condition| condition.is_met_by_passing_to(services))
    }
}

/// A variable may be any text, but for the holder's own name, which a role does not have. What is only perhaps denied, or
/// only perhaps left out of what is allowed, does not count, nor does what nothing is called: in a policy of the older
/// version, a variable is text. An identity acts in one partition and upon what is in its own account, so that a policy
/// names these does not matter.
fn without_variables(names: Names, allows: bool, holder: &Holder, has_variables: bool) -> Names {
    let widens = names.inverted != allows;
    let is_nothing = |pattern: &str| {
        let is_of_a_user = || pattern.to_ascii_lowercase().contains(OWN_NAME);
        !has_variables || holder.is_role() && is_of_a_user() || is_named_by_a_wildcard(pattern)
    };
    let is_known = |pattern: &String| !pattern.contains("${") || widens && !is_nothing(pattern);
    let patterns = names.patterns.into_iter().filter(is_known);
    let patterns = patterns.map(|pattern| of_any_account(of_any_partition(&widened(&pattern)), holder));
    Names { patterns: patterns.collect(), inverted: names.inverted }
}

/// Whether it is of IAM and asks for a name with a character in it that is written as a variable, as no name there has it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars>
fn is_named_by_a_wildcard(pattern: &str) -> bool {
    let rests = ["${*}", "${?}", "${$}"].iter().filter_map(|character| Some(pattern.rsplit_once(character)?.1));
    let is_of_iam = pattern.split(':').nth(2) == Some("iam") && is_arn(pattern);
    is_of_iam && rests.into_iter().any(|rest| !rest.contains(['/', '*', '$']))
}

fn widened(pattern: &str) -> String {
    let (mut rest, mut widened) = (pattern, String::new());
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').map_or(rest.len(), |length| start + length + 1);
        let variable = &rest[start..end];
        widened.push_str(&rest[..start]);
        widened.push_str(if variable.eq_ignore_ascii_case(OWN_NAME) { OWN_NAME } else { "*" });
        rest = &rest[end..];
    }
    widened + rest
}

fn of_any_partition(pattern: &str) -> String {
    let partition = pattern.strip_prefix("arn:").and_then(|rest| rest.split_once(':'));
    match partition {
        Some((partition, rest)) if partition.starts_with("aws") => format!("arn:*:{rest}"),
        _ => pattern.to_owned(),
    }
}

fn of_any_account(pattern: String, holder: &Holder) -> String {
    let mut parts: Vec<&str> = pattern.splitn(6, ':').collect();
    match &mut parts[..] {
        [.., account, _] if Some(&**account) == holder.account.as_deref() => *account = "*",
        _ => return pattern,
    }
    parts.join(":")
}

/// Some of many, for people.
pub(super) fn some<T>(all: impl IntoIterator<Item = T>, name: impl Fn(T) -> String) -> String {
    let mut all = all.into_iter();
    let mut some: Vec<String> = all.by_ref().take(ENOUGH).map(name).collect();
    let more = all.count();
    if more > 0 {
        some.push(format!("{more} more"));
    }
    some.join(" and ")
}

fn texts(words: &[document::Word<'_>]) -> Vec<String> {
    words.iter().map(|word| word.text.clone().into_owned()).collect()
}
