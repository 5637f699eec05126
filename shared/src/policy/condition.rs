//! Whom a condition lets through.
//!
//! Operators and keys are ANDed, the values of one key are ORed; names of operators and keys compare without case.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use std::borrow::Cow;
use std::collections::BTreeSet;

use ipnet::IpNet;

use super::Kind;
use super::date;
use super::document::{Entry, Principal, Scope, Statement, Word};
use super::known::{self, Issuer};
use super::operator::{Form, Operator};
use super::pattern;
use super::principal::{self, is_fixed};
use super::reach::Reach;
use super::said::Said;
use super::trust::{Exposure, Trust};
use crate::network;

/// What one key of a condition says about the caller.
#[derive(Debug)]
pub(super) struct Judged {
    pub about: About,
    /// Whom the key lets through with any of its values.
    pub reach: Reach,
    /// Whom it lets through with each of them.
    pub values: Vec<Reach>,
}

impl Judged {
    /// About what a value tells with this reach: where services and others are let through, only some are because of being
    /// one.
    pub(super) fn about_value(&self, reach: Reach) -> About {
        if reach == Reach::certain(Exposure::Service) && self.about == About::Caller {
            About::Service
        } else {
            self.about
        }
    }

    /// The same, with values that nobody has.
    pub(super) fn without(&mut self, mut is_nobodys: impl FnMut(usize) -> bool) {
        self.change(|value, reach| if is_nobodys(value) { Reach::NOBODY } else { reach });
    }

    /// Judges each value anew, and with them the key.
    pub(super) fn change(&mut self, mut anew: impl FnMut(usize, Reach) -> Reach) {
        for (value, reach) in self.values.iter_mut().enumerate() {
            *reach = anew(value, *reach);
        }
        self.reach = self.values.iter().copied().reduce(Reach::or).unwrap_or(self.reach);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    Caller,
    /// Which way the call comes and what it comes upon, whoever calls.
    Way,
    /// With which key an object is encrypted, whoever calls.
    Key,
    /// For whom a service acts.
    Source,
    /// Whether the caller is a service.
    Service,
    /// What an identity provider says about who signed in, and whether it also says so of a session that came of that.
    Claim {
        stays: bool,
    },
    /// As whom a session is known; of some providers it tells the tenant.
    SessionName,
    /// Of which identity pool somebody is, who may be its guest.
    Pool,
    /// Whether guests are let in: nobody, or anyone.
    Guests,
}

/// What the value of a key names.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Names {
    Organization,
    OrganizationPath,
    Account,
    Arn,
    /// An ARN, or the id of a key.
    Key,
    Network,
    Address,
    UserId,
    ServiceName,
    WhetherService,
    /// Who signed in, by this claim of this provider.
    SignedIn(&'static Issuer),
    /// The owner of the resource, which says something of the caller only if it is compared with him.
    Owner,
    /// Whether a file system is mounted from the network that it is in, and not over its API.
    MountTarget,
    /// What the caller writes into the request, if the call is one that has it.
    Header,
    /// As whom a session is known, for whose token some providers stand.
    SessionName,
    /// Whether somebody signed in to an identity pool or is its guest.
    Guest,
    /// Where what is sent goes, whoever asked for it to be sent there.
    Destination,
    /// Something that every stranger can have: how the call was made, or what is called upon.
    Nobody,
    Unknown,
}

/// Whether only who has this key is let through.
fn needs(entry: &&Entry<'_>) -> bool {
    let operator = Operator::of(&entry.operator);
    let is_null = operator.form == Form::Null;
    let is_there = entry.values.iter().all(|value| value.text.eq_ignore_ascii_case("false"));
    let is_of_a_value = !operator.is_negated || operator.is_any;
    is_of_a_value && !operator.holds_if_absent && operator.form != Form::Unknown && (!is_null || is_there)
}

/// Whether only calls that are signed are let through. Whether one is that is made with a token of an identity provider is
/// nowhere said.
pub(super) fn asks_who_signs(statement: &Statement<'_>) -> bool {
    statement.condition.iter().filter(needs).any(is_of_who_signs)
}

/// Whom an `Allow` lets through, key by key.
pub(super) fn allowed(statement: &Statement<'_>, kind: Kind, trust: &Trust, point: &[Said<'_>]) -> Vec<Judged> {
    let entries = &statement.condition;
    let mut needed: BTreeSet<_> = entries.iter().filter(needs).map(|entry| pattern::lower(&entry.key)).collect();
    if asks_who_signs(statement) {
        needed.extend(["aws:principalaccount", "aws:principalarn"].map(Cow::Borrowed));
    }
    let is_there = |entry: &Entry<'_>| needed.contains(&pattern::lower(&entry.key));
    let tells_owner = |entry: &Entry<'_>| {
        OWNERS.contains(&&*pattern::lower(&entry.key))
            && allowed_by(entry, true, &statement.actions, kind, trust).reach.is_narrower_than_public()
    };
    let is_owner_told = entries.iter().filter(needs).any(tells_owner);
    let judged = |(index, entry): (usize, &Entry<'_>)| {
        if let Some(is_met) = is_met_at(entry, point) {
            let reach = match is_met {
                Met::Always => Reach::ANYONE,
                Met::Never => Reach::NOBODY,
                Met::Perhaps => Reach::UNKNOWN,
            };
            return Judged { about: About::Way, reach, values: vec![] };
        }
        // Whose bucket it is, another key says.
        if is_owner_told && is_of_nobodys(entry) {
            return Judged { about: About::Source, reach: Reach::ANYONE, values: vec![] };
        }
        let mut judged = allowed_by(entry, is_there(entry), &statement.actions, kind, trust);
        if is_owner_told && entry.key.eq_ignore_ascii_case("aws:SourceArn") {
            judged.change(|value, reach| if has_account(&entry.values[value]) { reach } else { Reach::ANYONE });
        }
        // No call comes by both ways; and whose a network is that nobody has named, another key may tell.
        let is_doubtful =
            needs_another_way(entry, statement) || is_network(entry) && entries.iter().any(is_not_by_its_owner);
        if needs(&entry) && is_doubtful {
            judged.change(|_, reach| reach.and(Reach::UNKNOWN));
            judged.reach = judged.reach.and(Reach::UNKNOWN);
        }
        let is_doubtful = judged.reach != Reach::ANYONE && is_twice(entries, index);
        if is_doubtful { Judged { about: judged.about, reach: Reach::UNKNOWN, values: vec![] } } else { judged }
    };
    let mut judged: Vec<Judged> = entries.iter().enumerate().map(judged).collect();
    if let Some(signing) = whoever_signs(entries, &statement.actions, kind, trust) {
        let of_whether_service =
            entries.iter().zip(&mut judged).filter(|(entry, _)| needs(entry) && tells_service(entry));
        for (entry, judged) in of_whether_service {
            let is_no_service = |value: usize| entry.values[value].text.eq_ignore_ascii_case("false");
            judged.change(|value, reach| if is_no_service(value) { reach.and(signing) } else { reach });
            // Where services and others are let through, none is because of being one.
            if (0..judged.values.len()).any(is_no_service) {
                judged.about = About::Caller;
            }
        }
    }
    judged
}

/// Whom those keys let through that may be absent, but not of a call that somebody signs who is no service. Only such a call
/// says that it is of none.
fn whoever_signs(entries: &[Entry<'_>], actions: &Scope<'_>, kind: Kind, trust: &Trust) -> Option<Reach> {
    let is_of_arn = |entry: &Entry<'_>| Operator::of(&entry.operator).holds_if_absent && tells_who_signs(&entry.key);
    let reach = |(index, entry): (usize, &Entry<'_>)| {
        if is_twice(entries, index) { Reach::UNKNOWN } else { allowed_by(entry, true, actions, kind, trust).reach }
    };
    entries.iter().enumerate().filter(|(_, entry)| is_of_arn(entry)).map(reach).reduce(Reach::and)
}

fn tells_service(entry: &Entry<'_>) -> bool {
    entry.key.eq_ignore_ascii_case("aws:PrincipalIsAWSService")
}

/// Whether a value has a variable in it that stands for nothing, as the same condition asks for calls without that key.
pub(super) fn stands_for_nothing(statement: &Statement<'_>, entry: usize, value: usize, trust: &Trust) -> bool {
    let entry = &statement.condition[entry];
    let is_absent = |key: &str| statement.condition.iter().any(|other| is_without(other, key, trust));
    let variables = entry.values[value].text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    let is_needed = !Operator::of(&entry.operator).holds_if_absent;
    is_needed && entry.has_variables && variables.filter(|variable| !variable.contains(',')).any(is_absent)
}

/// Whether it lets only calls through that do not have this key. The account of what is called upon is always the owner's.
fn is_without(entry: &Entry<'_>, key: &str, trust: &Trust) -> bool {
    let operator = Operator::of(&entry.operator);
    let is_own = |value: &Word<'_>| match operator.form {
        Form::Exact => trust.account.as_deref() == Some(&*value.text),
        Form::Like => trust.account.as_ref().is_some_and(|own| pattern::matches(&value.text, own)),
        _ => false,
    };
    let is_of_owner = key.eq_ignore_ascii_case("aws:ResourceAccount");
    let is_asked = if operator.form == Form::Null {
        entry.values.iter().all(|value| value.text.eq_ignore_ascii_case("true"))
    } else {
        is_of_owner && operator.is_negated && !operator.is_any && entry.values.iter().any(is_own)
    };
    entry.key.eq_ignore_ascii_case(key) && is_asked
}

/// Whether a call through the access point that has this policy meets what is asked of access points.
enum Met {
    Always,
    Never,
    Perhaps,
}

/// Nothing if it asks for something else, or the policy is none of an access point.
fn is_met_at(entry: &Entry<'_>, point: &[Said<'_>]) -> Option<Met> {
    let is_about = !point.is_empty() && pattern::lower(&entry.key).starts_with("s3:dataaccesspoint");
    is_about.then(|| match point {
        _ if point.iter().any(|said| said.meets(entry)) => Met::Always,
        _ if point.iter().any(|said| said.fails(entry)) => Met::Never,
        _ => Met::Perhaps,
    })
}

/// Whether another entry spells the same operator and key: nobody knows which of the two counts. They are neighbours, as the
/// entries are sorted.
fn is_twice(entries: &[Entry<'_>], index: usize) -> bool {
    let entry = &entries[index];
    let (before, after) = (index.checked_sub(1), index + 1);
    let mut others = before.into_iter().chain([after]).filter_map(|other| entries.get(other));
    others
        .any(|other| entry.operator.eq_ignore_ascii_case(&other.operator) && entry.key.eq_ignore_ascii_case(&other.key))
}

/// Whether it asks for sources whose ARNs have no account, as those of buckets.
fn is_of_nobodys(entry: &Entry<'_>) -> bool {
    entry.key.eq_ignore_ascii_case("aws:SourceArn") && !entry.values.iter().any(has_account)
}

fn has_account(arn: &Word<'_>) -> bool {
    arn.text.split(':').nth(4).is_some_and(is_fixed)
}

/// Whether only a call that is signed meets this. Such a call tells both account and ARN of who signs it, and the account
/// of any other is `anonymous`.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalaccount>
fn is_of_who_signs(entry: &Entry<'_>) -> bool {
    let is_anyones = |value: &Word<'_>| value.text.contains("${") || pattern::matches(&value.text, "anonymous");
    let operator = Operator::of(&entry.operator);
    let is_of_value = !operator.is_negated && operator.form != Form::Null && !operator.ignores_case;
    match &*pattern::lower(&entry.key) {
        "aws:principalarn" | "aws:principalorgid" | "aws:principalorgpaths" | "kms:calleraccount" => true,
        // No service of AWS calls with it, and of a call that is not signed it is absent.
        "aws:principalisawsservice" => {
            let no_service = if operator.is_negated { "true" } else { "false" };
            operator.form != Form::Null && entry.values.iter().all(|value| value.text.eq_ignore_ascii_case(no_service))
        }
        "aws:principalaccount" => is_of_value && !entry.values.iter().any(is_anyones),
        _ => false,
    }
}

/// Whom this key lets through; it may be that another operator lets nobody through who does not have it.
fn allowed_by(entry: &Entry<'_>, is_there: bool, actions: &Scope<'_>, kind: Kind, trust: &Trust) -> Judged {
    let (operator, (names, about)) = (Operator::of(&entry.operator), meaning(&entry.key));
    let whole = |reach| Judged { about, reach, values: vec![] };
    if operator.form == Form::Unknown {
        return whole(Reach::UNKNOWN);
    }
    if is_over(entry, operator, trust) {
        return whole(Reach::NOBODY);
    }
    let of_values = |values: Vec<Reach>| {
        let reach = values.iter().copied().reduce(Reach::or).unwrap_or(Reach::UNKNOWN);
        Judged { about, reach, values: if operator.is_negated { vec![] } else { values } }
    };
    if names == Names::Guest {
        return of_values(guests(entry, operator));
    }
    // Nobody but a service has these.
    if is_there && (operator.is_negated || operator.form == Form::Null) {
        let is_no = |value: &Word<'_>| value.text.eq_ignore_ascii_case("false");
        match names {
            Names::ServiceName => return whole(Reach::certain(Exposure::Service)),
            Names::WhetherService if operator.is_negated && entry.values.iter().any(is_no) => {
                return whole(Reach::certain(Exposure::Service));
            }
            _ => {}
        }
    }
    if operator.form == Form::Null && is_always_there(&entry.key, names, kind, actions) {
        let is_asked = entry.values.iter().any(|value| value.text.eq_ignore_ascii_case("false"));
        return whole(if is_asked { Reach::ANYONE } else { Reach::UNKNOWN });
    }
    if names == Names::Nobody || operator.is_negated || names == Names::Header && is_carried(&entry.key, actions) {
        return whole(Reach::ANYONE);
    }
    if matches!(names, Names::Unknown | Names::Header) {
        let is_met = is_absent(entry, operator, names, actions) && holds_without(entry, operator);
        return whole(if is_met { Reach::ANYONE } else { Reach::UNKNOWN });
    }
    if operator.form == Form::Null {
        return whole(Reach::ANYONE);
    }
    if operator.holds_if_absent && !is_there {
        // AWS does not say what `ForAnyValue` with `IfExists` gives for a key that is absent.
        if operator.is_any || !is_always_there(&entry.key, names, kind, actions) {
            return whole(if operator.is_any { Reach::UNKNOWN } else { Reach::ANYONE });
        }
        // What lets anyone through with the key does so without it.
        let doubtful = |reach| if reach == Reach::ANYONE { reach } else { Reach::UNKNOWN };
        return of_values(reaches(entry, operator.form, names, trust).into_iter().map(doubtful).collect());
    }
    of_values(reaches(entry, operator.form, names, trust))
}

/// Whether none of these calls has the key: a header that no such request carries, or a key of another service.
fn is_absent(entry: &Entry<'_>, operator: Operator, names: Names, actions: &Scope<'_>) -> bool {
    let key = pattern::lower(&entry.key);
    let service = key.split(':').next().unwrap_or_default();
    let is_of_another = |action: &Word<'_>| {
        let action = pattern::lower(&action.text);
        let of = action.split_once(':').map_or("*", |(of, _)| of);
        !pattern::is_pattern(of) && !of.starts_with(service) && !service.starts_with(of)
    };
    let is_global = service == "aws" || is_claim(&key);
    let is_of_others = !is_global && !actions.is_all_but && actions.words.iter().all(is_of_another);
    // AWS does not say what `ForAnyValue` with `IfExists` gives for a key that is absent.
    !operator.is_any && (names == Names::Header || is_of_others)
}

/// Whether it holds for a call that does not have the key.
fn holds_without(entry: &Entry<'_>, operator: Operator) -> bool {
    let is_null =
        operator.form == Form::Null && entry.values.iter().any(|value| value.text.eq_ignore_ascii_case("true"));
    operator.holds_if_absent || is_null
}

/// By which way a call comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Internet,
    Endpoint,
}

impl Way {
    /// The way of which every call has this key, and no call that comes by the other.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceip>
    fn of(key: &str) -> Option<Self> {
        match &*pattern::lower(key) {
            "aws:sourceip" => Some(Self::Internet),
            "aws:sourcevpc" | "aws:sourcevpcarn" | "aws:sourcevpce" | "aws:vpceaccount" | "aws:vpceorgid"
            | "aws:vpceorgpaths" | "aws:vpcsourceip" => Some(Self::Endpoint),
            _ => None,
        }
    }
}

/// Whether it holds for every call that an `Allow` admits, as these come by another way than that of which it tells.
pub(super) fn holds_on_another_way(entry: &Entry<'_>, allow: &Statement<'_>) -> bool {
    let operator = Operator::of(&entry.operator);
    let holds = operator.is_negated && !operator.is_any || holds_without(entry, operator);
    holds && needs_another_way(entry, allow)
}

/// Who asks for more values than these is in doubt.
const MOST_COMPARED: usize = 1 << 12;

/// Whether some of those whom a `Deny` spares by this key an `Allow` leaves out by the same key.
pub(super) fn is_left_out_too(entry: &Entry<'_>, allow: &Statement<'_>) -> bool {
    let leaves_out = |entry: &Entry<'_>| {
        let operator = Operator::of(&entry.operator);
        operator.is_negated && !operator.is_any
    };
    let is_spared = |value: &Word<'_>| entry.values.iter().any(|spared| spared.text == value.text);
    let is_one = |other: &Entry<'_>| {
        other.values.len() * entry.values.len() > MOST_COMPARED || other.values.iter().any(is_spared)
    };
    let of_same = |other: &&Entry<'_>| other.key.eq_ignore_ascii_case(&entry.key) && leaves_out(other);
    leaves_out(entry) && allow.condition.iter().filter(of_same).any(is_one)
}

/// Whether an `Allow` admits only calls that come by another way than that of which this key tells.
fn needs_another_way(entry: &Entry<'_>, allow: &Statement<'_>) -> bool {
    let mut needed = allow.condition.iter().filter(needs).filter_map(|entry| Way::of(&entry.key));
    Way::of(&entry.key).is_some_and(|way| needed.any(|needed| needed != way))
}

fn is_network(entry: &Entry<'_>) -> bool {
    meaning(&entry.key).0 == Names::Network
}

/// Whether it leaves out endpoints by whose they are.
fn is_not_by_its_owner(entry: &Entry<'_>) -> bool {
    Operator::of(&entry.operator).is_negated && pattern::lower(&entry.key).starts_with("aws:vpce")
}

/// Whether it asks for a time that has passed.
fn is_over(entry: &Entry<'_>, operator: Operator, trust: &Trust) -> bool {
    let values = entry.values.iter().map(|value| &*value.text);
    operator.form == Form::Amount && of_time(entry, operator, |asked| asked.is_over(values, trust.at))
}

/// Whether it asks for a time that is past a beginning which has passed.
fn has_begun(entry: &Entry<'_>, operator: Operator, trust: &Trust) -> bool {
    let values = entry.values.iter().map(|value| &*value.text);
    operator.form == Form::Amount && of_time(entry, operator, |asked| asked.has_begun(values, trust.at))
}

fn of_time(entry: &Entry<'_>, operator: Operator, is: impl FnOnce(date::Asked<'_>) -> bool) -> bool {
    let name = pattern::lower(&entry.operator);
    let name = name.rsplit(':').next().unwrap_or(&name);
    is(date::Asked {
        key: &pattern::lower(&entry.key),
        operator: name.strip_suffix("ifexists").unwrap_or(name),
        holds_if_absent: operator.holds_if_absent,
    })
}

/// Whether an identity pool's guests are among those who are let through; every guest and everybody who signed in says
/// which of them they are.
/// <https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html>
fn guests(entry: &Entry<'_>, operator: Operator) -> Vec<Reach> {
    const GUEST: &str = "unauthenticated";
    let reach = |value: &Word<'_>| match operator.form {
        _ if value.text.contains("${") => Reach::UNKNOWN,
        Form::Like if pattern::matches(&pattern::lower(&value.text), GUEST) => Reach::ANYONE,
        Form::Exact if value.text.eq_ignore_ascii_case(GUEST) => Reach::ANYONE,
        Form::Like | Form::Exact => Reach::NOBODY,
        _ => Reach::UNKNOWN,
    };
    let named: Vec<Reach> = entry.values.iter().map(reach).collect();
    match operator.form {
        Form::Null => vec![Reach::ANYONE],
        _ if operator.is_negated && named.contains(&Reach::ANYONE) => vec![Reach::NOBODY],
        _ if operator.is_negated => vec![Reach::ANYONE],
        _ => named,
    }
}

/// Whom a `Deny` does not hit because of this key.
pub(super) fn spared(entry: &Entry<'_>, deny: &Statement<'_>, kind: Kind, trust: &Trust, point: &[Said<'_>]) -> Reach {
    match is_met_at(entry, point) {
        Some(Met::Always) => return Reach::NOBODY,
        Some(Met::Never) => return Reach::ANYONE,
        Some(Met::Perhaps) => return Reach::UNKNOWN,
        None => {}
    }
    let (operator, (names, _)) = (Operator::of(&entry.operator), meaning(&entry.key));
    let is = |text: &str| entry.values.iter().all(|value| value.text.eq_ignore_ascii_case(text));
    let has = |text: &str| entry.values.iter().any(|value| value.text.eq_ignore_ascii_case(text));
    let is_always_there = is_always_there(&entry.key, names, kind, &deny.actions);
    match operator.form {
        Form::Unknown => Reach::UNKNOWN,
        Form::Amount if has_begun(entry, operator, trust) => Reach::NOBODY,
        // Nobody is kept out for good by another date.
        Form::Amount if is_date(entry) => Reach::ANYONE,
        _ if is_of_resource(&entry.key) && !operator.is_negated => Reach::UNKNOWN,
        // What is compared with itself is met by everyone who has it.
        _ if !operator.is_negated && entry.values.iter().any(|value| value.text.contains("${")) => Reach::UNKNOWN,
        // Only calls of KMS have it.
        _ if operator.is_negated && entry.key.eq_ignore_ascii_case("kms:CallerAccount") && !is_always_there => {
            Reach::UNKNOWN
        }
        // Who comes without a token has none to choose.
        _ if names == Names::Nobody && is_claim(&entry.key) && !is_of_tokens(deny) => Reach::UNKNOWN,
        // Of two answers every call gives one.
        _ if !operator.is_negated && operator.holds_if_absent && ["true", "false"].iter().all(|is| has(is)) => {
            Reach::UNKNOWN
        }
        // Whoever has it has such a value.
        _ if !operator.is_negated && operator.holds_if_absent && entry.values.iter().any(may_mean_all) => {
            Reach::UNKNOWN
        }
        _ if matches!(names, Names::Nobody | Names::Guest) => Reach::ANYONE,
        // With which key an object is encrypted says little of who calls.
        _ if names == Names::Key => Reach::UNKNOWN,
        // A claim says little of whose session it is in, and a pool whether it has guests.
        _ if matches!(names, Names::SignedIn(_))
            && (!is_of_tokens(deny) || known::tells_a_pool(&pattern::lower(&entry.key))) =>
        {
            Reach::UNKNOWN
        }
        // Every call has them, or nobody knows which.
        Form::Null if is_always_there && !is("true") => Reach::UNKNOWN,
        // Every call that is signed has them.
        Form::Null if tells_who_signs(&entry.key) && !is("true") => Reach::UNKNOWN,
        Form::Null if matches!(names, Names::Unknown | Names::Header) && is("true") => Reach::UNKNOWN,
        // Nobody but a service has these.
        Form::Null if is("true") && names == Names::ServiceName => Reach::certain(Exposure::Service),
        Form::Null if is("true") && meaning(&entry.key).1 == About::Source => Reach::UNKNOWN,
        Form::Null => Reach::ANYONE,
        // Without the key there is no value that differs, so who has no such key is not hit.
        _ if operator.is_negated && operator.is_any => {
            if is_always_there {
                Reach::UNKNOWN
            } else {
                Reach::ANYONE
            }
        }
        _ if operator.is_negated && matches!(names, Names::Unknown | Names::Header | Names::SessionName) => {
            Reach::UNKNOWN
        }
        // Only services that act for somebody have a source.
        _ if operator.is_negated && meaning(&entry.key).1 == About::Source && entry.values.iter().any(may_mean_all) => {
            Reach::UNKNOWN
        }
        form if operator.is_negated => {
            let reaches = reaches(entry, form, names, trust).into_iter();
            reaches.reduce(Reach::or).unwrap_or(Reach::UNKNOWN)
        }
        // Whoever has it has such a value.
        _ if (operator.holds_if_absent || is_always_there) && entry.values.iter().any(may_mean_all) => Reach::UNKNOWN,
        // As none of the calls has it, everyone is hit; unless somebody knows of a call that does.
        _ if operator.holds_if_absent && is_absent(entry, operator, names, &deny.actions) => Reach::UNKNOWN,
        // Who has no such key is hit as well: of most keys everyone, of these not.
        _ if operator.holds_if_absent => match names {
            // AWS does not say what `ForAnyValue` with `IfExists` gives for a key that is absent.
            Names::MountTarget | Names::ServiceName | Names::WhetherService if operator.is_any => Reach::UNKNOWN,
            Names::WhetherService if is("false") => Reach::certain(Exposure::Service),
            Names::MountTarget if is("false") => Reach::certain(Exposure::Account),
            Names::ServiceName => Reach::certain(Exposure::Service),
            Names::Unknown | Names::Header | Names::Address | Names::Destination => Reach::UNKNOWN,
            _ if meaning(&entry.key).1 == About::Source => Reach::UNKNOWN,
            _ => Reach::ANYONE,
        },
        _ => Reach::ANYONE,
    }
}

/// Whether a pattern has nothing in it but how all values begin.
fn may_mean_all(value: &Word<'_>) -> bool {
    const BEGINNINGS: [&str; 5] = ["arn:aws:", "arn:", "o-", "vpc-", "vpce-"];
    let rest = BEGINNINGS.iter().find_map(|begins| value.text.strip_prefix(begins)).unwrap_or(&value.text);
    rest.contains('*') && rest.chars().all(|letter| matches!(letter, '*' | '?' | '/' | ':'))
}

/// Whether it asks who somebody is in a way that the name of a principal does not tell.
pub(super) fn may_mean_anybody(entry: &Entry<'_>) -> bool {
    const KEYS: [&str; 5] =
        ["aws:principalorgid", "aws:principalorgpaths", "aws:principaltype", "aws:userid", "aws:username"];
    KEYS.contains(&&*pattern::lower(&entry.key))
}

/// Whether it tells what is called upon, which no caller chooses.
fn is_of_resource(key: &str) -> bool {
    let key = pattern::lower(key);
    key.starts_with("aws:resource") || &*key == "s3:resourceaccount"
}

/// Whether nobody but a service is without what it asks for, of those who sign.
pub(super) fn is_of_no_service(entry: &Entry<'_>) -> bool {
    let operator = Operator::of(&entry.operator);
    let is_false = |value: &Word<'_>| value.text.eq_ignore_ascii_case("false");
    tells_service(entry)
        && matches!(operator.form, Form::Bool | Form::Exact)
        && !operator.is_negated
        && entry.values.iter().any(is_false)
}

/// Whether it is about nobody but who comes with a token of an identity provider.
fn is_of_tokens(statement: &Statement<'_>) -> bool {
    matches!(&statement.principal, Principal::Those(lists) if lists.iter().all(|list| list.kind == "Federated"))
}

fn tells_who_signs(key: &str) -> bool {
    ["aws:PrincipalAccount", "aws:PrincipalArn"].iter().any(|one| key.eq_ignore_ascii_case(one))
}

/// Whether whoever makes one of these calls, named or not, can meet what this key asks for, as they write it into the
/// request.
pub(super) fn is_callers_choice(entry: &Entry<'_>, named: Option<(&str, &str)>, actions: &Scope<'_>) -> bool {
    match meaning(&entry.key).0 {
        Names::Header => is_carried(&entry.key, actions),
        Names::Nobody => named.is_some_and(|(kind, provider)| kind == "Federated" && is_claim_of(&entry.key, provider)),
        Names::SessionName => {
            let is_told =
                |(_, provider): (&str, &str)| principal::issuer(provider).is_some_and(Issuer::is_told_by_session_name);
            Operator::of(&entry.operator).form != Form::Null && !named.is_some_and(is_told)
        }
        _ => false,
    }
}

fn is_date(entry: &Entry<'_>) -> bool {
    let name = pattern::lower(&entry.operator);
    name.rsplit(':').next().is_some_and(|name| name.starts_with("date"))
}

/// What a key names, and about whom it tells.
fn meaning(key: &str) -> (Names, About) {
    let key = pattern::lower(key);
    let names = match &*key {
        "aws:principalorgid" | "aws:vpceorgid" | "aws:sourceorgid" => Names::Organization,
        "aws:principalorgpaths" | "aws:vpceorgpaths" | "aws:sourceorgpaths" => Names::OrganizationPath,
        "aws:principalaccount"
        | "aws:sourceaccount"
        | "aws:sourceowner"
        | "aws:vpceaccount"
        | "kms:calleraccount"
        | "s3:dataaccesspointaccount" => Names::Account,
        "aws:principalarn"
        | "aws:sourcearn"
        | "aws:sourcevpcarn"
        | "ec2:sourceinstancearn"
        | "lambda:sourcefunctionarn"
        | "s3:dataaccesspointarn" => Names::Arn,
        "s3:x-amz-server-side-encryption-aws-kms-key-id" => Names::Key,
        "aws:sourcevpc" | "aws:sourcevpce" | "aws:ec2instancesourcevpc" => Names::Network,
        "aws:sourceip" => Names::Address,
        "aws:userid" => Names::UserId,
        "aws:principalservicename" | "aws:principalservicenameslist" => Names::ServiceName,
        "aws:principalisawsservice" => Names::WhetherService,
        "aws:resourceaccount" | "aws:resourceorgid" | "s3:resourceaccount" => Names::Owner,
        "elasticfilesystem:accessedviamounttarget" => Names::MountTarget,
        "sns:endpoint" => Names::Destination,
        "sts:rolesessionname" => Names::SessionName,
        key if known::tells_of_guests(key) => Names::Guest,
        key if is_met_by_anyone(key) => Names::Nobody,
        key if carriers(key).is_some() => Names::Header,
        key => claim(key),
    };
    let about = match names {
        _ if key.starts_with("aws:source") && SOURCES.contains(&&*key) => About::Source,
        Names::ServiceName | Names::WhetherService => About::Service,
        Names::SignedIn(_) if known::tells_a_pool(&key) => About::Pool,
        Names::SignedIn(issuer) => About::Claim { stays: issuer.is_known_to_sessions() },
        Names::SessionName => About::SessionName,
        Names::Guest => About::Guests,
        Names::Key => About::Key,
        Names::Network | Names::Address | Names::Owner | Names::MountTarget | Names::Destination => About::Way,
        _ if key.starts_with("aws:vpce") || key.starts_with("s3:dataaccesspoint") => About::Way,
        _ if &*key == "aws:sourcevpcarn" => About::Way,
        _ => About::Caller,
    };
    (names, about)
}

/// For whom a service acts.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
const SOURCES: [&str; 5] =
    ["aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"];

/// Those of them that say whose a source is.
const OWNERS: [&str; 4] = ["aws:sourceaccount", "aws:sourceorgid", "aws:sourceorgpaths", "aws:sourceowner"];

/// Keys that any stranger can meet: they tell how the call is made and what it is made upon, or a stranger chooses
/// them. `aws:VpcSourceIp` is among them as anyone's VPC may have any private address, and tags as anyone tags his own.
/// Anonymous calls have no signature, but whoever has an AWS account signs as the policy asks.
/// - <https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html>
/// - <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
fn is_met_by_anyone(key: &str) -> bool {
    const KEYS: [&str; 83] = [
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:currenttime",
        "aws:ec2instancesourceprivateipv4",
        "aws:epochtime",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:securetransport",
        "aws:sourceidentity",
        "aws:tagkeys",
        "aws:tokenissuetime",
        "aws:useragent",
        "aws:username",
        "aws:viaawsservice",
        "aws:vpcsourceip",
        "dynamodb:attributes",
        "dynamodb:enclosingoperation",
        "dynamodb:fulltablescan",
        "dynamodb:leadingkeys",
        "dynamodb:returnconsumedcapacity",
        "dynamodb:returnvalues",
        "dynamodb:select",
        "ec2:roledelivery",
        "events:detail-type",
        "events:source",
        "kms:datakeypairspec",
        "kms:encryptionalgorithm",
        "kms:encryptioncontextkeys",
        "kms:grantconstrainttype",
        "kms:granteeprincipal",
        "kms:grantisforawsresource",
        "kms:grantoperations",
        "kms:keyagreementalgorithm",
        "kms:macalgorithm",
        "kms:messagetype",
        "kms:requestalias",
        "kms:retiringprincipal",
        "kms:signingalgorithm",
        "kms:viaservice",
        "kms:wrappingalgorithm",
        "kms:wrappingkeyspec",
        "lambda:functionurlauthtype",
        "lambda:invokedviafunctionurl",
        "s3-object-lambda:authtype",
        "s3-object-lambda:signatureage",
        "s3-object-lambda:signatureversion",
        "s3-object-lambda:tlsversion",
        "s3-object-lambda:versionid",
        "s3-outposts:authtype",
        "s3-outposts:delimiter",
        "s3-outposts:max-keys",
        "s3-outposts:prefix",
        "s3-outposts:signatureage",
        "s3-outposts:signatureversion",
        "s3-outposts:versionid",
        "s3-outposts:x-amz-content-sha256",
        "s3:authtype",
        "s3:delimiter",
        "s3:max-keys",
        "s3:prefix",
        "s3:signatureage",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:versionid",
        "s3:x-amz-content-sha256",
        "s3express:authtype",
        "s3express:sessionmode",
        "s3express:signatureage",
        "s3express:signatureversion",
        "s3express:tlsversion",
        "s3express:x-amz-content-sha256",
        "secretsmanager:secretid",
        "secretsmanager:versionid",
        "secretsmanager:versionstage",
        "sns:protocol",
        "sts:durationseconds",
        "sts:externalid",
        "sts:sourceidentity",
        "sts:transitivetagkeys",
    ];
    const FAMILIES: [&str; 6] = [
        "aws:principaltag/",
        "aws:requesttag/",
        "aws:resource",
        "kms:encryptioncontext:",
        "saml:",
        "secretsmanager:resourcetag/",
    ];
    KEYS.binary_search(&key).is_ok() || FAMILIES.iter().any(|family| key.starts_with(family))
}

/// The calls whose requests carry what a key tells, which is for the caller to write. In others the key is absent, so
/// that a condition on it means something that nobody has judged.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
fn carriers(key: &str) -> Option<&'static [&'static str]> {
    const PUT: &[&str] = &["s3:putobject", "s3:replicateobject"];
    const TAGGING: &[&str] = &["s3:putobject", "s3:putobjecttagging", "s3:putobjectversiontagging"];
    const ACL: &[&str] =
        &["s3:createbucket", "s3:putbucketacl", "s3:putobject", "s3:putobjectacl", "s3:putobjectversionacl"];
    let (service, name) = key.split_once(':')?;
    let carriers: &[&str] = match (service, name) {
        ("s3", "x-amz-acl") => ACL,
        ("s3", name) if name.starts_with("x-amz-grant-") => ACL,
        ("s3", "x-amz-object-ownership") => &["s3:createbucket", "s3:putbucketownershipcontrols"],
        ("s3", "x-amz-server-side-encryption-aws-kms-key-id") => return None,
        ("s3", name) if name.starts_with("x-amz-") => PUT,
        ("s3express", name) if name.starts_with("x-amz-") => &["s3express:createsession", "s3express:createbucket"],
        ("s3-outposts", name) if name.starts_with("x-amz-") => &["s3-outposts:putobject", "s3-outposts:putobjectacl"],
        ("s3", "if-match") => &["s3:deleteobject", "s3:putobject"],
        ("s3", "if-none-match" | "objectcreationoperation") => &["s3:putobject"],
        ("s3", "locationconstraint") => &["s3:createaccesspoint", "s3:createbucket"],
        ("s3", "object-lock-legal-hold") => &["s3:putobject", "s3:putobjectlegalhold"],
        ("s3", "object-lock-mode" | "object-lock-retain-until-date" | "object-lock-remaining-retention-days") => {
            &["s3:putobject", "s3:putobjectretention"]
        }
        ("s3", "requestobjecttagkeys") => TAGGING,
        ("s3", name) if name.starts_with("requestobjecttag/") => TAGGING,
        _ => return None,
    };
    Some(carriers)
}

/// Whether one of the actions is a call whose request carries this key.
fn is_carried(key: &str, actions: &Scope<'_>) -> bool {
    let is_named = |name: &str| actions.words.iter().any(|word| pattern::matches(&pattern::lower(&word.text), name));
    let carriers = carriers(&pattern::lower(key)).unwrap_or_default();
    carriers.iter().any(|name| is_named(name) != actions.is_all_but)
}

/// Whether it is a claim of an identity provider, whatever it tells.
fn is_claim(key: &str) -> bool {
    key.rsplit_once(':').is_some_and(|(host, _)| host.contains('.') || host.eq_ignore_ascii_case("saml"))
}

/// Whether it is one of this provider.
fn is_claim_of(key: &str, provider: &str) -> bool {
    let (key, provider) = (pattern::lower(key), pattern::lower(provider));
    key.rsplit_once(':').is_some_and(|(host, _)| match host {
        "saml" => provider.contains(":saml-provider/"),
        host => host.contains('.') && (provider == host || provider.ends_with(&format!("/{host}"))),
    })
}

/// Whether it is a claim, and none that a token of this provider has.
pub(super) fn is_of_another_provider(entry: &Entry<'_>, named: Option<(&str, &str)>) -> bool {
    let is_others = |(kind, provider): (&str, &str)| kind == "Federated" && !is_claim_of(&entry.key, provider);
    is_claim(&entry.key) && named.is_some_and(is_others)
}

/// Whether it holds for who is no principal of an account or an organization, as who comes with a token may be.
pub(super) fn is_of_no_principal(entry: &Entry<'_>) -> bool {
    let is_of_principal = tells_who_signs(&entry.key) || pattern::lower(&entry.key).starts_with("aws:principalorg");
    is_of_principal && Operator::of(&entry.operator).holds_if_absent
}

/// A claim of an identity provider: `gitlab.com:sub`.
fn claim(key: &str) -> Names {
    let Some((host, claim)) = key.rsplit_once(':').filter(|(host, _)| host.contains('.')) else {
        return Names::Unknown;
    };
    let issuer = known::shared_issuer(host).unwrap_or(&known::ANY_ISSUER);
    match claim {
        _ if issuer.claims.contains(&claim) => Names::SignedIn(issuer),
        _ if known::CLAIMS_OF_ANYONE.contains(&claim) || issuer.lets_choose(claim) => Names::Nobody,
        _ => Names::Unknown,
    }
}

/// Whether calls have this key although the condition also holds without it.
fn is_always_there(key: &str, names: Names, kind: Kind, actions: &Scope<'_>) -> bool {
    let is = |name| key.eq_ignore_ascii_case(name);
    // Of a call that is not signed, the account is `anonymous`.
    let is_of_principal = is("aws:PrincipalArn") && kind == Kind::Trust || is("aws:PrincipalAccount");
    let is_subscribing =
        !actions.is_all_but && actions.words.iter().all(|action| action.text.eq_ignore_ascii_case("sns:Subscribe"));
    let is_of_kms = |action: &Word<'_>| pattern::lower(&action.text).starts_with("kms:");
    match names {
        Names::SignedIn(_) | Names::SessionName => kind == Kind::Trust,
        Names::Destination => is_subscribing,
        _ if is("kms:CallerAccount") => !actions.is_all_but && actions.words.iter().all(is_of_kms),
        _ => is_of_principal,
    }
}

/// Whom each value lets through.
fn reaches(entry: &Entry<'_>, form: Form, names: Names, trust: &Trust) -> Vec<Reach> {
    match (names, form) {
        (Names::Address, Form::Address) => addresses(&entry.values, trust),
        (Names::WhetherService, Form::Bool | Form::Exact) => {
            let reach = |value: &Word<'_>| {
                if value.text.eq_ignore_ascii_case("true") { Reach::certain(Exposure::Service) } else { Reach::ANYONE }
            };
            entry.values.iter().map(reach).collect()
        }
        // Only what is in the network that the file system's owner has put its mount target into reaches that.
        (Names::MountTarget, Form::Bool | Form::Exact) => {
            let reach = |value: &Word<'_>| {
                if value.text.eq_ignore_ascii_case("true") { Reach::certain(Exposure::Account) } else { Reach::ANYONE }
            };
            entry.values.iter().map(reach).collect()
        }
        (
            Names::Address
            | Names::WhetherService
            | Names::MountTarget
            | Names::Nobody
            | Names::Header
            | Names::Guest
            | Names::Unknown,
            _,
        )
        | (_, Form::Address | Form::Bool | Form::Null | Form::Amount | Form::Unknown) => vec![Reach::UNKNOWN],
        _ => entry.values.iter().map(|value| of_value(&value.text, entry, form, names, trust)).collect(),
    }
}

fn of_value(value: &str, entry: &Entry<'_>, form: Form, names: Names, trust: &Trust) -> Reach {
    if value.contains("${") {
        return match names {
            _ if entry.has_variables => of_variable(value, &entry.key, names),
            // Nobody is called so.
            Names::Account | Names::Organization | Names::OrganizationPath | Names::Network | Names::Owner => {
                Reach::NOBODY
            }
            _ => Reach::UNKNOWN,
        };
    }
    let small = Operator::of(&entry.operator).ignores_case.then(|| pattern::lower(value));
    let value = small.as_deref().unwrap_or(value);
    if form == Form::Exact && pattern::is_pattern(value) && !may_hold_a_star(value, &entry.key, names) {
        // Nobody has a star in his name, and nothing else equals one.
        return Reach::NOBODY;
    }
    let of = |name: &str, trusted: fn(&Trust, &str) -> Exposure| {
        if is_fixed(name) { Reach::certain(trusted(trust, name)) } else { Reach::ANYONE }
    };
    match names {
        Names::Organization | Names::OrganizationPath => of_organization(value, trust),
        // As which everybody counts who does not sign; to S3, it is a value like others.
        Names::Account if value == "anonymous" && !trust.as_s3 => Reach::ANYONE,
        // After twelve digits nothing follows.
        Names::Account if principal::is_account(value.trim_end_matches('*')) => {
            principal::of_account(value.trim_end_matches('*'), trust)
        }
        Names::Account if is_fixed(value) => principal::of_account(value, trust),
        Names::Account => match ten_accounts(value, &entry.key, trust) {
            Some(accounts) => principal::of_accounts(accounts, trust),
            None => Reach::ANYONE,
        },
        Names::Network => of(value, Trust::of_network),
        Names::ServiceName => Reach::certain(Exposure::Service),
        Names::UserId => of_user_id(value, trust),
        // No resource of this account is another's.
        Names::Owner if principal::is_account(value) && trust.account.as_ref().is_some_and(|own| own != value) => {
            Reach::NOBODY
        }
        Names::SignedIn(issuer) => of_claim(value, &entry.key, form, issuer),
        // A key without an ARN is one of the account of who calls.
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
        Names::Key if !value.starts_with("arn:") && is_fixed(value) => Reach::UNKNOWN,
        Names::Arn | Names::Key => of_arn(value, entry, form, trust),
        Names::SessionName => of_session_name(value),
        Names::Destination => of_destination(value, entry, form, trust),
        _ => Reach::ANYONE,
    }
}

/// The accounts that a pattern means, if they are few. S3 takes every star for everyone, and a service that acts for one of
/// ten may act for friends.
fn ten_accounts(pattern: &str, key: &str, trust: &Trust) -> Option<impl Iterator<Item = String>> {
    let is_judged = !trust.as_s3 && meaning(key).1 != About::Source;
    if is_judged { principal::ten_accounts(pattern) } else { None }
}

/// Whoever has an account has an organization, and chooses no letter of its id: some letters mean somebody, and nearly none
/// whoever tries a few times. Ids of roots and of units are unique in their organization only.
fn of_organization(value: &str, trust: &Trust) -> Reach {
    const FEW: usize = 2;
    let name = value.split('/').next().unwrap_or_default();
    if is_fixed(name) {
        return Reach::certain(trust.of_organization(name));
    }
    let begins = &name[..name.find(['*', '?']).unwrap_or(name.len())];
    let letters = name.strip_prefix("o-").unwrap_or(name).chars();
    match trust.of_organization(begins) {
        _ if trust.as_s3 || letters.filter(|letter| !matches!(letter, '*' | '?')).count() <= FEW => Reach::ANYONE,
        // A longer id that begins with it nobody has seen, but AWS does not exclude it.
        Exposure::Foreign if principal::is_organization(begins) => Reach::certain(Exposure::Foreign),
        _ => Reach::UNKNOWN,
    }
}

/// An address of the web may, the path of a role but not its name, the names of an alarm and of a workflow; no ARN that
/// gets messages.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>
fn may_hold_a_star(value: &str, key: &str, names: Names) -> bool {
    let is_in_name = || {
        let (service, resource) = (value.split(':').nth(2)?, value.splitn(6, ':').nth(5)?);
        let plain = match service {
            "ec2" | "kms" | "lambda" | "s3" | "sns" | "sqs" => resource,
            "iam" | "sts" => resource.rsplit('/').next()?,
            _ => "",
        };
        Some(!pattern::is_pattern(plain) && !pattern::is_pattern(&value[..value.len() - resource.len()]))
    };
    match names {
        Names::Destination => !value.starts_with("arn:"),
        Names::Arn => is_in_name().unwrap_or(false),
        // What begins with the name of a repository goes on with that of a branch or an environment.
        Names::SignedIn(issuer) => {
            let is_label = |label: &&str| value.starts_with(label);
            matches!(&*claim_of(key), "sub" | known::WORKFLOW) && !issuer.subjects.iter().any(is_label)
        }
        _ => false,
    }
}

/// Whoever subscribes a queue, it gets the messages for its own account. Whose an address of mail or of the web is stands
/// nowhere.
/// <https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-language-api-permissions-reference.html>
fn of_destination(value: &str, entry: &Entry<'_>, form: Form, trust: &Trust) -> Reach {
    if value.starts_with("arn:") {
        return of_arn(value, entry, form, trust);
    }
    let address = value.trim_start_matches("https://").trim_start_matches("http://");
    let is_anyones = form != Form::Exact && address.chars().all(|letter| matches!(letter, '*' | '?' | '@'));
    if is_anyones { Reach::ANYONE } else { Reach::UNKNOWN }
}

/// Who is of the account or organization that owns the resource is no stranger, whether or not the operator has listed
/// it. What is compared with itself is met by everyone who has it. Whom any other comparison lets in is not worked out.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>
fn of_variable(value: &str, key: &str, names: Names) -> Reach {
    let is = |variable: &str| value.eq_ignore_ascii_case(variable);
    match names {
        Names::Account if is("${aws:ResourceAccount}") => Reach::certain(Exposure::Account),
        Names::Organization if is("${aws:ResourceOrgID}") => Reach::certain(Exposure::Organization),
        Names::Owner if is("${aws:PrincipalAccount}") => Reach::certain(Exposure::Account),
        Names::Owner if is("${aws:PrincipalOrgID}") => Reach::certain(Exposure::Organization),
        _ if is(&format!("${{{key}}}")) => Reach::ANYONE,
        _ => Reach::UNKNOWN,
    }
}

/// An ARN names somebody by its account; a bucket's, which has none, by the bucket.
fn of_arn(value: &str, entry: &Entry<'_>, form: Form, trust: &Trust) -> Reach {
    if let Some((before, account)) = principal::account_of_all(value) {
        // The path of a role may hold colons.
        let is_in_place = form == Form::Arn || !pattern::is_pattern(before);
        return if is_in_place { principal::of_account(account, trust) } else { Reach::UNKNOWN };
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let [_, _, service, _, account, resource] = parts[..] else {
        return if pattern::is_pattern(value) { Reach::ANYONE } else { Reach::UNKNOWN };
    };
    if let Some(accounts) = ten_accounts(account, &entry.key, trust) {
        let before = &value[..value.len() - account.len() - resource.len() - 1];
        let is_in_place = form == Form::Arn || !pattern::is_pattern(before) && !account.contains('*');
        return if is_in_place { principal::of_accounts(accounts, trust) } else { Reach::UNKNOWN };
    }
    let is_source = entry.key.eq_ignore_ascii_case("aws:SourceArn");
    let is_bucket = service == "s3" && is_fixed(resource.split('/').next().unwrap_or_default());
    let is_somebody = match account {
        "" => is_bucket || is_fixed(resource),
        _ => is_bucket && !resource.contains(['/', ':']),
    };
    // Whose bucket it is stands nowhere; who wrote the policy has fixed it.
    if is_source && is_somebody { Reach::certain(Exposure::Account) } else { Reach::ANYONE }
}

/// A user's or a role's unique id, or the account of a root user: `AIDA…`, `AROA…:session`, `111122223333`.
///
/// A fixed role with any session is public to S3, though it is not.
fn of_user_id(value: &str, trust: &Trust) -> Reach {
    let (id, session) = value.split_once(':').unwrap_or((value, ""));
    match (principal::is_account(id), is_fixed(id), pattern::is_pattern(session)) {
        (true, ..) => principal::of_account(id, trust),
        (_, true, false) => Reach::unsure(Exposure::Foreign),
        (_, true, true) => Reach::UNKNOWN,
        _ => Reach::ANYONE,
    }
}

/// The session of somebody's workspace is named in full; of an id that only begins so a stranger may have one.
fn of_session_name(value: &str) -> Reach {
    const ID: usize = "00000000-0000-0000-0000-000000000000".len();
    let is_fixed = value.find(['*', '?']).is_none_or(|star| star >= known::SESSION_OF_SENTINEL.len() + ID);
    match value {
        _ if is_fixed => Reach::certain(Exposure::Account),
        _ if pattern::covers(value, &format!("{}*", known::SESSION_OF_SENTINEL)) => Reach::ANYONE,
        _ => Reach::UNKNOWN,
    }
}

/// Who signed in is somebody if the claim is fixed up to and with the name of a tenant: `repo:example/*`.
fn of_claim(value: &str, key: &str, form: Form, issuer: &Issuer) -> Reach {
    let (fixed, is_whole) = match value.find(['*', '?']).filter(|_| form != Form::Exact) {
        Some(star) => (&value[..star], false),
        None => (value, true),
    };
    let claim = claim_of(key);
    if issuer.tells_an_app(&claim) {
        // A service account's token tells its number. Whose an app is, and who may sign in to it, is nowhere said.
        let is_service_account = claim == "aud" && is_whole && value.bytes().all(|byte| byte.is_ascii_digit());
        return match (is_service_account, is_whole) {
            (true, _) => Reach::certain(Exposure::Account),
            (_, true) => Reach::UNKNOWN,
            _ => Reach::ANYONE,
        };
    }
    // Anyone may call a workflow that is not in one of their own repositories, and call one of their own likewise.
    if claim == known::WORKFLOW {
        return if fixed.is_empty() { Reach::ANYONE } else { Reach::UNKNOWN };
    }
    let is_subject = claim == "sub";
    let label = issuer.subjects.iter().find(|label| is_subject && fixed.starts_with(**label));
    let is_labelled = !is_subject || issuer.subjects.is_empty() || label.is_some();
    let tenant = match (label, &*claim) {
        (Some(label), _) => &fixed[label.len()..],
        (None, "sub") => tenant_of(fixed),
        (None, "aud") => tenant_of(fixed.strip_prefix("https://").unwrap_or(fixed)),
        (None, "repository") => fixed,
        // Names and numbers, of which the beginning says nothing.
        (None, _) => "",
    };
    let is_tenant = is_whole && !fixed.is_empty() || tenant.find([':', '/']).is_some_and(|end| end > 0);
    match (is_tenant, is_labelled) {
        (true, true) => Reach::certain(Exposure::Account),
        (true, false) => Reach::UNKNOWN,
        _ => Reach::ANYONE,
    }
}

fn claim_of(key: &str) -> Cow<'_, str> {
    pattern::lower(key.rsplit_once(':').map_or("", |(_, claim)| claim))
}

/// What follows the kind of a subject, the Region of an identity pool, or a provider's own name. Every cluster has service
/// accounts.
fn tenant_of(fixed: &str) -> &str {
    let fixed = fixed.strip_prefix("system:serviceaccount").unwrap_or(fixed);
    fixed.split_once([':', '/']).map_or("", |(_, tenant)| tenant)
}

/// A value that is wider than S3 lets pass is public by itself. The others are judged together: of those that make a
/// world, all that are wide enough to be part of it are to blame.
fn addresses(values: &[Word<'_>], trust: &Trust) -> Vec<Reach> {
    let ranges: Vec<Option<IpNet>> = values.iter().map(|value| network::range(&value.text)).collect();
    let is_part = |range: &IpNet| trust.of_range(range).is_untrusted() && !is_public(range);
    let (v4, v6) = ranges.iter().flatten().copied().filter(is_part).partition(|range| matches!(range, IpNet::V4(_)));
    let narrowest = |ranges| if trust.as_s3 { None } else { narrowest_of_a_world(ranges) };
    let (v4, v6) = (narrowest(v4), narrowest(v6));
    let reach = |range: &Option<IpNet>| {
        let Some(range) = range else { return Reach::UNKNOWN };
        let narrowest = if matches!(range, IpNet::V4(_)) { v4 } else { v6 };
        let is_world = is_public(range) || narrowest.is_some_and(|narrowest| host_bits(range) >= narrowest);
        match trust.of_range(range) {
            Exposure::Foreign if is_world => Reach::ANYONE,
            exposure => Reach::certain(exposure),
        }
    };
    ranges.iter().map(reach).collect()
}

/// What S3 takes for public as a value of `aws:SourceIp`: more addresses of the internet than a /8 or a /32 has.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>
fn is_public(range: &IpNet) -> bool {
    network::public_addresses(range) > if matches!(range, IpNet::V4(_)) { 1 << (32 - 8) } else { 1 << (128 - 32) }
}

/// How many host bits the narrowest range has that is part of a world which these make; nothing if they make none.
fn narrowest_of_a_world(mut ranges: Vec<IpNet>) -> Option<u8> {
    if !network::is_world(&ranges) {
        return None;
    }
    ranges.sort_unstable_by_key(host_bits);
    let sizes: Vec<u8> = ranges.iter().map(host_bits).collect();
    let mut distinct = sizes.clone();
    distinct.dedup();
    let is_world = |size: &u8| network::is_world(&ranges[..sizes.partition_point(|other| other <= size)]);
    distinct.into_iter().find(is_world)
}

fn host_bits(range: &IpNet) -> u8 {
    range.max_prefix_len() - range.prefix_len()
}
