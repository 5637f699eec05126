//! A policy, what the engine makes of it, and what requests then meet: what each law says of the three.

#![allow(dead_code, reason = "each file of tests uses its part")]

use std::collections::BTreeSet;

use proptest::prelude::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use snapback::policy::{Exposure, Grant, Judgement, Kind, Policy, Trust};

use crate::naive;
use crate::naive::universe::{self, Standing};
use crate::naive::{Caller, Request};

type Checking = Result<(), TestCaseError>;

/// Enough requests to meet what a policy does wrong in some of the many policies that do it.
const REQUESTS: usize = 300;
/// So many that what is not met is not there.
const ALL_REQUESTS: usize = 50_000;
/// Enough to tell what each part of a statement lets in.
const REQUESTS_TO_COMPARE: usize = 20_000;
const ALL_REQUESTS_TO_COMPARE: usize = 400_000;
/// A statement that can be taken apart in more ways than these is not looked into.
const PARTS: usize = 256;

pub(crate) struct Checked<'a> {
    text: &'a str,
    kind: Kind,
    judgement: Judgement,
    /// Without all that lets strangers in.
    after: Option<String>,
    /// Without all that certainly lets strangers in, which is what may be taken away unasked.
    after_certain: Option<String>,
    requests: Vec<(Standing, Request)>,
}

/// The operator of the universe.
pub(crate) fn trust() -> Trust {
    Trust {
        shows_new_ids: false,
        as_s3: false,
        account: Some(universe::OWN.to_owned()),
        resource: Some("arn:aws:s3:::bucket".to_owned()),
        accounts: [universe::PARTNER.to_owned()].into(),
        organizations: [universe::ORGANIZATION.to_owned()].into(),
        networks: universe::NETWORKS.map(str::to_owned).into(),
        ranges: vec![universe::RANGE.parse().expect("a range")],
        canonical_users: [universe::OWN_USER.to_owned()].into(),
        at: universe::NOW.parse().ok(),
    }
}

/// Reads it, and if it can be read, does all that can be done with it.
pub(crate) fn survives(text: &str) {
    for kind in [Kind::Resource, Kind::Trust] {
        let Ok(policy) = Policy::parse(text) else { continue };
        let judgement = policy.judge(kind, &trust());
        let _ = policy.without(&judgement.grants);
        let _ = policy.without(&judgement.grants[..judgement.grants.len() / 2]);
        assert_eq!(policy.without(&[]).as_deref(), Some(text), "nothing is taken where nothing is to be taken");
    }
}

impl<'a> Checked<'a> {
    /// The text must be a policy that the engine understands.
    pub(crate) fn of(text: &'a str, kind: Kind) -> Self {
        let policy =
            Policy::parse(text).unwrap_or_else(|refused| panic!("a policy is not understood: {refused:?}\n{text}"));
        let judgement = policy.judge(kind, &trust());
        let untrusted: Vec<_> = untrusted(&judgement).cloned().collect();
        let after = policy.without(&untrusted);
        let certain: Vec<_> = untrusted.into_iter().filter(|grant| grant.certain).collect();
        let after_certain = policy.without(&certain);
        let requests = universe::requests(text, kind == Kind::Trust, REQUESTS).collect();
        Self { text, kind, judgement, after, after_certain, requests }
    }

    /// All laws at once.
    pub(crate) fn keeps_the_laws(&self) -> Checking {
        self.is_closed()?;
        self.allows_nothing_new()?;
        self.takes_nothing_from_friends()?;
        self.is_quiet()?;
        self.tells_of_everyone_who_gets_in()?;
        self.raises_no_false_alarm()?;
        self.keeps_the_bytes()?;
        self.is_judged_the_same_every_time()
    }

    /// Neither chance nor the order of its statements changes what is made of it.
    fn is_judged_the_same_every_time(&self) -> Checking {
        let judged = |text: &str| Policy::parse(text).map(|policy| policy.judge(self.kind, &trust())).ok();
        let again = judged(self.text);
        prop_assert_eq!(again.as_ref(), Some(&self.judgement));
        let turned = with_statements_turned(self.text);
        let exposure = judged(&turned).map(|judged| judged.exposure);
        prop_assert_eq!(exposure, Some(self.judgement.exposure), "{}", turned);
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> Checking {
        let Some(after) = &self.after else { return Ok(()) };
        let left = naive::Policy::read(after);
        let judged = Policy::parse(after).map(|policy| policy.judge(self.kind, &trust()).exposure);
        for (standing, request) in self.entries() {
            if !left.allows(request) {
                continue;
            }
            prop_assert!(*standing < Standing::Stranger, "{standing:?} is still let in: {request:?}\n{}", self.told());
            // A service that may act for anyone is told of and stays. In a role trust it is what a service is for.
            let is_told =
                self.kind == Kind::Trust || judged.as_ref().is_ok_and(|exposure| *exposure >= Exposure::Service);
            let is_service = *standing == Standing::Service;
            prop_assert!(!is_service || is_told, "{standing:?} is still let in, unsaid: {request:?}\n{}", self.told());
        }
        Ok(())
    }

    pub(crate) fn allows_nothing_new(&self) -> Checking {
        let before = naive::Policy::read(self.text);
        for left in [&self.after, &self.after_certain].into_iter().flatten() {
            let left = naive::Policy::read(left);
            for (_, request) in &self.requests {
                let is_new = left.allows(request) && !before.allows(request);
                prop_assert!(!is_new, "is allowed since: {request:?}\n{}", self.told());
            }
        }
        Ok(())
    }

    pub(crate) fn takes_nothing_from_friends(&self) -> Checking {
        let before = naive::Policy::read(self.text);
        let left = self.after_certain.as_deref().map(naive::Policy::read);
        let is_lost = |request: &Request| {
            before.means_to_allow(request) && !left.as_ref().is_some_and(|left| left.allows(request))
        };
        let lost = self.requests.iter().filter(|(standing, request)| *standing <= Standing::Member && is_lost(request));
        let lost: Vec<_> = lost.map(|(_, request)| request).collect();
        if lost.is_empty() {
            return Ok(());
        }
        for policy in alone(self.text).iter().filter(|policy| policy["Statement"]["Effect"] == "Allow") {
            let alone = policy.to_string();
            let whole = naive::Policy::read(&alone);
            let lost: Vec<_> = lost.iter().filter(|request| whole.means_to_allow(request)).collect();
            if lost.is_empty() {
                continue;
            }
            // What is seen in some of the requests has to be so in all of them.
            for at_most in [REQUESTS_TO_COMPARE, ALL_REQUESTS_TO_COMPARE] {
                let everything: Vec<_> = universe::requests(&alone, self.kind == Kind::Trust, at_most).collect();
                let is_of = |part: &naive::Statement| lost.iter().find(|request| part.applies_to(request));
                let taken = friendly_parts(policy, &everything).into_iter().flatten().find_map(|part| is_of(&part));
                if taken.is_none() {
                    break;
                }
                let is_all = everything.len() < at_most || at_most == ALL_REQUESTS_TO_COMPARE;
                prop_assert!(!is_all, "a friend may no more: {:?}\n{}", taken, self.told());
            }
        }
        Ok(())
    }

    pub(crate) fn is_quiet(&self) -> Checking {
        let Some(after) = &self.after else { return Ok(()) };
        let policy = Policy::parse(after);
        prop_assert!(policy.is_ok(), "what is left is no policy: {:?}\n{}", policy.err(), self.told());
        let again =
            policy.as_ref().map(|policy| policy.judge(self.kind, &trust())).expect("it was just seen to be one");
        prop_assert!(untrusted(&again).next().is_none(), "strangers are still told of: {again:?}\n{}", self.told());
        let unchanged = policy.ok().and_then(|policy| policy.without(&[]));
        prop_assert_eq!(unchanged.as_ref(), Some(after), "what is taken from it is nothing");
        let left = self.after_certain.as_deref().and_then(|left| Policy::parse(left).ok());
        let again = left.map(|policy| policy.judge(self.kind, &trust()).grants).unwrap_or_default();
        let is_quiet = !again.iter().any(|grant| grant.certain && grant.is_untrusted());
        prop_assert!(is_quiet, "taking away what is certain makes more of it: {again:?}\n{}", self.told());
        Ok(())
    }

    pub(crate) fn tells_of_everyone_who_gets_in(&self) -> Checking {
        let policy = naive::Policy::read(self.text);
        let exposure = self.judgement.exposure;
        let widest = self.judgement.grants.iter().map(|grant| grant.exposure).max().unwrap_or(Exposure::None);
        prop_assert_eq!(exposure, widest, "a policy is as exposed as its widest grant\n{}", self.told());
        for (standing, request) in self.entries() {
            let is_service = matches!(request.caller, Caller::Service(_));
            let at_least = match standing {
                Standing::Own | Standing::Guest | Standing::Unclear => Exposure::Account,
                // A service is what a role is for, whoever it acts for.
                _ if is_service && self.kind == Kind::Trust => Exposure::Account,
                Standing::Member => Exposure::Organization,
                Standing::Service => Exposure::Service,
                Standing::Stranger => Exposure::Foreign,
                Standing::Anyone => Exposure::Public,
            };
            let is_told = exposure >= at_least || !policy.allows(request);
            prop_assert!(is_told, "judged {exposure:?}, and {standing:?} gets in: {request:?}\n{}", self.told());
        }
        Ok(())
    }

    /// Whatever is certain lets a stranger in. Where nobody gets in at all, by a condition that nobody meets, it may be
    /// told of whom the statement names, as long as no friend loses anything by it. AWS takes no principal in which a star
    /// is a part of a name, so nobody can be frightened by one. Which action a question mark means only a list of all tells.
    fn raises_no_false_alarm(&self) -> Checking {
        let policy = naive::Policy::read(self.text);
        if policy.statements.iter().any(naive::Statement::names_by_a_star) {
            return Ok(());
        }
        let lets_in = |statement: &naive::Statement, (standing, request): &(Standing, Request)| {
            *standing >= Standing::Unclear && statement.applies_to(request) && policy.allows(request)
        };
        let certain = self.judgement.grants.iter().filter(|grant| grant.certain && grant.is_untrusted());
        let certain = certain.map(|grant| (grant, &policy.statements[grant.statement]));
        let unmet = certain.filter(|(_, statement)| {
            !statement.has_a_question_mark() && !self.requests.iter().any(|one| lets_in(statement, one))
        });
        // Of what other statements ask nobody needs to say anything; and who is not let in by this one loses nothing with it.
        let alone = alone(self.text);
        let unmet = unmet.filter(|(grant, statement)| {
            let alone = alone[grant.statement].to_string();
            let mut is_friends = false;
            for one in universe::requests(&alone, self.kind == Kind::Trust, ALL_REQUESTS) {
                if lets_in(statement, &one) {
                    return false;
                }
                is_friends |= one.0 <= Standing::Guest && statement.applies_to(&one.1);
            }
            is_friends
        });
        let without = |grant: &Grant| {
            let left = Policy::parse(self.text).ok().and_then(|whole| whole.without(std::slice::from_ref(grant)));
            left.as_deref().map(naive::Policy::read)
        };
        let mut unmet: Vec<_> = unmet.map(|(grant, statement)| (grant, statement, without(grant), None)).collect();
        if unmet.is_empty() {
            return Ok(());
        }
        for one in universe::requests(self.text, self.kind == Kind::Trust, ALL_REQUESTS) {
            unmet.retain(|(_, statement, ..)| !lets_in(statement, &one));
            if unmet.is_empty() {
                break;
            }
            let (standing, request) = one;
            if standing <= Standing::Guest && policy.means_to_allow(&request) {
                for (.., left, lost) in &mut unmet {
                    if !left.as_ref().is_some_and(|left| left.allows(&request)) {
                        lost.get_or_insert_with(|| request.clone());
                    }
                }
            }
        }
        for (grant, _, _, lost) in unmet {
            prop_assert!(
                lost.is_none(),
                "certain that {}, but only this is let in: {lost:?}\n{}",
                grant.why,
                self.told()
            );
        }
        Ok(())
    }

    pub(crate) fn keeps_the_bytes(&self) -> Checking {
        let Some(after) = &self.after else { return Ok(()) };
        let touched: BTreeSet<usize> = untrusted(&self.judgement).map(|grant| grant.statement).collect();
        if touched.is_empty() {
            prop_assert_eq!(after.as_str(), self.text, "nothing was to be taken");
        }
        let (before, left) = (members(self.text), members(after));
        let other = |members: &[(String, String)]| {
            members.iter().filter(|(name, _)| name != "Statement").cloned().collect::<Vec<_>>()
        };
        prop_assert_eq!(other(&before), other(&left), "beside the statements nothing changes\n{}", self.told());
        let mut left = statements(after).into_iter().peekable();
        for (number, statement) in statements(self.text).iter().enumerate() {
            if !touched.contains(&number) {
                let kept = left.next();
                prop_assert_eq!(Some(statement), kept.as_ref(), "what lets no stranger in is kept\n{}", self.told());
            } else if left.peek().is_some_and(|one| is_part_of(one, statement)) {
                left.next();
            }
        }
        // A role must have a trust, so one that nobody is left in says so.
        let is_new = left.next().filter(|one| !(self.kind == Kind::Trust && denies_everyone(one)));
        prop_assert!(is_new.is_none(), "there is nothing that was not there before\n{}", self.told());
        Ok(())
    }

    /// Requests that let somebody in: what only adds to assuming a role is nothing by itself.
    fn entries(&self) -> impl Iterator<Item = &(Standing, Request)> {
        let is_entry = |request: &Request| !matches!(request.action, "sts:TagSession" | "sts:SetSourceIdentity");
        self.requests.iter().filter(move |(_, request)| is_entry(request))
    }

    /// What someone needs to see why.
    fn told(&self) -> String {
        let grants: String = self.judgement.grants.iter().map(|grant| format!("  {grant:?}\n")).collect();
        let after = self.after.as_deref().unwrap_or("nothing");
        format!("policy: {}\njudged: {:?}\n{grants}left: {after}", self.text, self.judgement.exposure)
    }
}

/// The same policy with its statements in the opposite order.
fn with_statements_turned(text: &str) -> String {
    let mut policy: Value = serde_json::from_str(text).expect("a policy is JSON");
    if let Some(statements) = policy["Statement"].as_array_mut() {
        statements.reverse();
    }
    policy.to_string()
}

fn untrusted(judgement: &Judgement) -> impl Iterator<Item = &Grant> {
    judgement.grants.iter().filter(|grant| grant.is_untrusted())
}

/// For each statement, the policy that it would be alone.
fn alone(text: &str) -> Vec<Value> {
    let policy: Value = serde_json::from_str(text).expect("a policy is JSON");
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.clone(),
        one => vec![one.clone()],
    };
    let alone = |statement| serde_json::json!({"Version": policy["Version"], "Statement": statement});
    statements.into_iter().map(alone).collect()
}

/// Of a policy of one statement that can be taken apart into what lets strangers in and what does not: the parts that do
/// not.
///
/// A part is the statement with one of its principals and one of the values of each of its conditions. A statement cannot
/// be taken apart where strangers get in by a part each element of which friends need. One in which somebody stands under a
/// condition that he can never meet is left out, as it means something that it does not say; who is deleted is nobody.
fn friendly_parts(policy: &Value, requests: &[(Standing, Request)]) -> Option<Vec<naive::Statement>> {
    let mut friendly = Vec::new();
    let mut needed: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut hostile = Vec::new();
    let (mut living, mut getting_in) = (BTreeSet::new(), BTreeSet::new());
    for (elements, part) in parts(&policy["Statement"])? {
        let is_service = part["Principal"].get("Service").is_some();
        if !part["Principal"].to_string().contains("DELETED") {
            living.extend(elements.first().copied());
        }
        let alone = Value::Object(Map::from_iter([
            ("Version".to_owned(), policy["Version"].clone()),
            ("Statement".to_owned(), part),
        ]));
        let part = naive::Policy::read(&alone.to_string()).statements.pop()?;
        // AWS takes no such principal, so nobody can rely on whom it would be.
        if part.names_by_a_star() {
            return None;
        }
        // A service that is named may stay, whoever it acts for.
        let may_stay = |standing: Standing| is_service && matches!(standing, Standing::Service | Standing::Unclear);
        let is_stranger = |standing: Standing| standing >= Standing::Unclear && !may_stay(standing);
        let (mut is_hostile, mut is_friendly, mut is_met) = (false, false, false);
        for (standing, _) in requests.iter().filter(|(_, request)| part.applies_to(request)) {
            is_met = true;
            is_friendly |= *standing <= Standing::Member || may_stay(*standing);
            is_hostile = is_stranger(*standing);
            if is_hostile {
                break;
            }
        }
        if is_met {
            getting_in.extend(elements.first().copied());
        }
        if is_hostile {
            hostile.push(elements);
        } else if is_friendly {
            needed.extend(elements.iter().copied().enumerate());
            friendly.push(part);
        }
    }
    let can_go = |elements: &Vec<usize>| elements.iter().copied().enumerate().any(|element| !needed.contains(&element));
    (living.is_subset(&getting_in) && hostile.iter().all(can_go)).then_some(friendly)
}

/// Every choice of one of each list that can be shortened, as numbers and as a statement. Where several operators ask for
/// one key, a value of one is no part of its own.
fn parts(statement: &Value) -> Option<Vec<(Vec<usize>, Value)>> {
    let operators = statement["Condition"].as_object().into_iter().flatten();
    let keys =
        operators.flat_map(|(_, keys)| keys.as_object().into_iter().flatten().map(|(key, _)| key.to_lowercase()));
    let keys: Vec<_> = keys.collect();
    if keys.len() != keys.iter().collect::<BTreeSet<_>>().len() {
        return None;
    }
    let mut parts = vec![(Vec::new(), statement.clone())];
    let mut choose = |path: &[&str], values: Vec<Value>| {
        let before = std::mem::take(&mut parts);
        parts = before
            .into_iter()
            .flat_map(|(numbers, statement)| {
                values.iter().enumerate().map(move |(number, value)| {
                    let mut chosen = statement.clone();
                    let place = path.iter().fold(&mut chosen, |place, name| &mut place[*name]);
                    *place = value.clone();
                    ([numbers.clone(), vec![number]].concat(), chosen)
                })
            })
            .collect();
        parts.len() <= PARTS
    };
    let each = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    if let Some(kinds) = statement["Principal"].as_object() {
        let alone = |kind: &String, who| Value::Object(Map::from_iter([(kind.clone(), who)]));
        let named = kinds.iter().flat_map(|(kind, who)| each(who).into_iter().map(move |who| alone(kind, who)));
        if !choose(&["Principal"], named.collect()) {
            return None;
        }
    }
    for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
        // Of the values of a negated operator all are asked for, as are all values in a request by `ForAllValues`.
        let is_negated = operator.to_lowercase().contains("not");
        let is_for_all = operator.to_lowercase().starts_with("forallvalues");
        for (key, values) in keys.as_object().into_iter().flatten() {
            let is_whole = is_negated || is_for_all && universe::may_have_several_values(key);
            if !is_whole && !choose(&["Condition", operator, key], each(values)) {
                return None;
            }
        }
    }
    Some(parts)
}

fn denies_everyone(statement: &str) -> bool {
    let statement: Value = serde_json::from_str(statement).expect("a statement is JSON");
    let everyone = [Value::from("*"), serde_json::json!({"AWS": "*"})];
    statement["Effect"] == "Deny" && everyone.contains(&statement["Principal"]) && statement.get("Condition").is_none()
}

/// Names and texts of an object's members, in order.
fn members(object: &str) -> Vec<(String, String)> {
    struct Members(Vec<(String, String)>);
    impl<'de> serde::Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct InOrder;
            impl<'de> serde::de::Visitor<'de> for InOrder {
                type Value = Members;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                    let mut members = Vec::new();
                    while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                        members.push((name, value.get().to_owned()));
                    }
                    Ok(Members(members))
                }
            }
            from.deserialize_map(InOrder)
        }
    }
    serde_json::from_str::<Members>(object).unwrap_or_else(|error| panic!("{error}: {object}")).0
}

fn statements(policy: &str) -> Vec<String> {
    let statement = members(policy).into_iter().find(|(name, _)| name == "Statement").expect("statements").1;
    match serde_json::from_str::<Vec<Box<RawValue>>>(&statement) {
        Ok(statements) => statements.iter().map(|statement| statement.get().to_owned()).collect(),
        Err(_) => vec![statement],
    }
}

/// Whether one statement is the other with principals or values of conditions left out, and everything else as it was.
fn is_part_of(part: &str, whole: &str) -> bool {
    let (part, whole) = (members(part), members(whole));
    let is_same = |((name, value), (other_name, other)): (&(String, String), &(String, String))| {
        let may_shrink = matches!(name.as_str(), "Principal" | "Condition");
        name == other_name && (value == other || may_shrink && is_less(value, other))
    };
    part.len() == whole.len() && part.iter().zip(&whole).all(is_same)
}

/// Whether nothing is in the one JSON that is not in the other, in the same order and the same characters.
fn is_less(less: &str, more: &str) -> bool {
    if less == more {
        return true;
    }
    match (less.as_bytes()[0], more.as_bytes()[0]) {
        (b'{', b'{') => {
            let mut more = members(more).into_iter();
            members(less)
                .iter()
                .all(|(name, value)| more.any(|(other, whole)| *name == other && is_less(value, &whole)))
        }
        (b'[', b'[') => {
            let list = |text: &str| serde_json::from_str::<Vec<Box<RawValue>>>(text).expect("a list");
            let mut more = list(more).into_iter();
            list(less).iter().all(|one| more.any(|other| one.get() == other.get()))
        }
        _ => false,
    }
}
