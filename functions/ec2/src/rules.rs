//! What the rules of a security group let through, in or out: which of them an event made, which are open to the world,
//! and what they were. Both directions are judged here once.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::{Direction, Ec2, Rule, SecurityGroup, Source, Swap};
use snapback::control::{About, Control, Given, Look, Remembered, Remembers, Survey, Suspicion};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::network::{self, Opening, Protocol};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::aws;
use crate::aws::prefix_lists::PrefixList;
use crate::told::{Group, Told, ToldRule};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The id of the group; nothing if the event does not say it, or if it is gone.
    pub(crate) group: Option<String>,
    /// Its rules of one direction. If the event does not say which group: those of all groups that are open to the world.
    pub(crate) rules: Vec<Rule>,
    /// What the prefix lists hold that the rules name; nothing if we cannot see them.
    pub(crate) prefix_lists: BTreeMap<String, Option<PrefixList>>,
    /// The same rules of the group when it was last looked at, without their tags. They are not asked for unless the
    /// event changed some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Remembered<Vec<Rule>>>,
}

/// A control of the rules of security groups that go one way.
pub(crate) trait OneWay: 'static {
    const ABOUT: &'static About;
    const DIRECTION: Direction;
    const OPT_IN: bool = false;
}

#[derive(Debug)]
pub(crate) struct Open<C>(PhantomData<C>);

impl<C: OneWay> Control for Open<C> {
    const ABOUT: &'static About = C::ABOUT;
    const OPT_IN: bool = C::OPT_IN;

    type State = State;
    type Change = Ec2;

    const SURVEY: Option<Survey> = Some(aws::surveys::SECURITY_GROUPS);

    fn suspect(event: &Event, settings: &Settings) -> Vec<Suspicion> {
        suspect(C::DIRECTION, event, settings)
    }

    async fn observe(look: &Look<'_>, event: &Event, suspicion: &Suspicion) -> Result<State> {
        let group = match Told::of(event).group {
            _ if event.is_look() => Some(suspicion.subject.name.clone()),
            Some(Group::Name(name)) => match aws::rules::group_called(look.place, &name).await? {
                None => return Ok(State::default()),
                found => found,
            },
            Some(Group::Id(id)) => Some(id),
            None => None,
        };
        let before = match &group {
            Some(id) if event.name == "ModifySecurityGroupRules" => {
                Box::pin(look.remembered::<Self>(&Subject::security_group(event, id))).await?
            }
            _ => None,
        };
        let mut state = Box::pin(read(look, C::DIRECTION, group)).await?;
        let was = before.as_ref().and_then(|before| before.good.as_deref()).unwrap_or_default();
        add_prefix_lists(look, &mut state.prefix_lists, was).await?;
        Ok(State { before, ..state })
    }

    fn decide(event: &Event, _: &Suspicion, state: &State, given: &Given<'_>) -> Decision<Ec2> {
        decide(C::DIRECTION, event, state, given)
    }

    fn found(event: &Event, suspicion: &Suspicion, state: &State) -> Subject {
        state.group.as_ref().map_or_else(|| suspicion.subject.clone(), |id| Subject::security_group(event, id))
    }

    fn as_told(event: &Event, state: &State, _: &Settings) -> Option<(State, bool)> {
        let Told { group: Some(Group::Id(named) | Group::Name(named)), rules: Some(told) } = Told::of(event) else {
            return None;
        };
        // A rule that is still as it was made was judged as it is; one that was changed since is not.
        let is_over = |told: &&ToldRule| !state.rules.iter().any(|rule| is_it(rule, told) && told.lets_through(rule));
        // A change does not tell which way its rule goes: one that is gone may have let in.
        let goes_this_way = |told: &ToldRule| {
            event.name != "ModifySecurityGroupRules" || state.rules.iter().any(|rule| is_it(rule, told))
        };
        let may_go_this_way = |told: &&ToldRule| C::DIRECTION == Direction::Ingress || goes_this_way(told);
        let over = told.iter().filter(is_over).filter(may_go_this_way);
        let certain = over.clone().all(goes_this_way);
        let over: Vec<Rule> = over.map(|told| told.as_rule(C::DIRECTION)).collect();
        if over.is_empty() {
            return None;
        }
        let others = state.rules.iter().filter(|rule| !over.iter().any(|over| over.id == rule.id)).cloned();
        let (rules, group) = (others.chain(over.iter().cloned()).collect(), state.group.clone().unwrap_or(named));
        Some((State { group: Some(group), rules, prefix_lists: state.prefix_lists.clone(), before: None }, certain))
    }

    fn after(state: &State, change: &Ec2) -> State {
        after(state, change)
    }
}

impl<C: OneWay> Remembers for Open<C> {
    /// A rule that is changed before it is in the baseline can only be revoked.
    const SOON: bool = true;

    type Good = Vec<Rule>;

    fn good(state: &State) -> Option<Vec<Rule>> {
        let without_tags = |rule: &Rule| Rule { tags: BTreeMap::new(), ..rule.clone() };
        let mut rules: Vec<Rule> = state.rules.iter().map(without_tags).collect();
        rules.sort_by(|one, other| one.id.cmp(&other.id));
        (!rules.is_empty()).then_some(rules)
    }
}

/// The rules of a group as they are now, or without one those of all groups that are open to the world; and what the
/// prefix lists hold that they name.
pub(crate) async fn read(look: &Look<'_>, direction: Direction, group: Option<String>) -> Result<State> {
    let mut rules = aws::rules::read(look.place, direction, group.as_deref()).await?;
    if group.is_none() {
        rules.retain(is_world);
    }
    let mut prefix_lists = BTreeMap::new();
    add_prefix_lists(look, &mut prefix_lists, &rules).await?;
    Ok(State { group, rules, prefix_lists, before: None })
}

async fn add_prefix_lists(
    look: &Look<'_>,
    lists: &mut BTreeMap<String, Option<PrefixList>>,
    rules: &[Rule],
) -> Result<()> {
    for rule in rules {
        if let Source::PrefixList(id) = &rule.source
            && !lists.contains_key(id)
        {
            lists.insert(id.clone(), aws::prefix_lists::read(look.place, id).await?);
        }
    }
    Ok(())
}

/// The rules by which a group lets the world in, or may.
pub(crate) fn worlds(state: &State, event: &Event, settings: &Settings) -> Vec<String> {
    let judge = Judge { state, event, settings };
    let open = state.rules.iter().filter(|rule| judge.is_open(rule) || judge.is_unseen(rule));
    open.map(ToString::to_string).collect()
}

/// Ports for which AWS calls unrestricted access critical.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-19>
const HIGH_RISK_PORTS: [u16; 24] = [
    20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088,
    8888, 9200, 9300,
];

fn suspect(direction: Direction, event: &Event, settings: &Settings) -> Vec<Suspicion> {
    let told = Told::of(event);
    let why = match &told.rules {
        None => "the event does not contain the rules".to_owned(),
        Some(rules) => {
            let wide: Vec<String> = rules
                .iter()
                .filter(|rule| may_be_open(rule, settings))
                .map(|rule| format!("{} {} {}", rule.traffic, direction.preposition(), rule.source))
                .collect();
            if wide.is_empty() {
                return vec![];
            }
            format!("the event lets {direction} {}", wide.join(", "))
        }
    };
    let subject = match &told.group {
        Some(Group::Id(group) | Group::Name(group)) => Subject::security_group(event, group),
        None => Subject::account(event),
    };
    vec![Suspicion { subject, why }]
}

fn decide(direction: Direction, event: &Event, state: &State, given: &Given<'_>) -> Decision<Ec2> {
    let allow = |why: &str| Decision::Allow { why: why.to_owned() };
    let alert = |severity, why| Decision::Alert { severity, why };
    let judge = Judge { state, event, settings: given.settings };
    let world = match direction {
        Direction::Ingress => "the world in",
        Direction::Egress => "out to the world",
    };
    let named = |rule: &Rule| format!("{rule} ({})", rule.id);
    let is_held = |rule: &&Rule| given.holds.contains(&rule.to_string());
    let (Some(told), Some(group)) = (Told::of(event).rules, &state.group) else {
        let free = state.rules.iter().filter(|rule| !is_held(rule));
        let open: Vec<String> = free.filter(|rule| judge.is_open(rule) || judge.is_unseen(rule)).map(named).collect();
        if open.is_empty() {
            return allow(&format!("no rule lets {world}"));
        }
        let untold = if event.is_look() { "" } else { "the event does not say which rules it made; " };
        return alert(Severity::High, format!("{untold}open to the world, or may be: {}", open.join(", ")));
    };
    let (held, own): (Vec<&Rule>, Vec<&Rule>) =
        state.rules.iter().filter(|rule| told.iter().any(|told| is_it(rule, told))).partition(is_held);
    let open: Vec<&Rule> = own.iter().copied().filter(|rule| judge.is_open(rule)).collect();
    let unseen: Vec<String> = own.iter().copied().filter(|rule| judge.is_unseen(rule)).map(named).collect();
    if open.is_empty() {
        return if !unseen.is_empty() {
            alert(Severity::Medium, format!("a prefix list cannot be read: {}", unseen.join(", ")))
        } else if !held.is_empty() {
            allow("an operator has restored it")
        } else if own.is_empty() {
            allow(&format!("none of the event's rules is among the group's {} rules", direction.name()))
        } else {
            allow(&format!("the event's rules do not let {world}"))
        };
    }
    let said: Vec<String> = open.iter().map(ToString::to_string).collect();
    let others =
        State { rules: state.rules.iter().filter(|rule| !open.contains(rule)).cloned().collect(), ..state.clone() };
    let judge_others = Judge { state: &others, ..judge };
    let left = others.rules.iter().filter(|rule| judge_others.is_open(rule) && !is_held(rule));
    let left = left.map(|rule| format!("{}, which this event did not make", named(rule)));
    let before = judge.before(&told, &open);
    let lost = if event.name == "ModifySecurityGroupRules" && before.is_none() { lost(&open) } else { String::new() };
    Decision::Revert {
        severity: open.iter().map(|rule| judge.severity(rule)).max().unwrap_or(Severity::High),
        why: format!("security group `{group}` lets {direction} {}{lost}", said.join(", ")),
        grants: said,
        left: left
            .chain(unseen.iter().map(|rule| format!("perhaps {rule}, whose prefix list cannot be read")))
            .collect(),
        plan: vec![Ec2::Rules(Swap {
            of: SecurityGroup(group.clone()),
            to: before.unwrap_or_default(),
            from: open.into_iter().cloned().collect(),
        })],
    }
}

/// What a revert takes besides what the event opened, and what to do about that.
fn lost(changed: &[&Rule]) -> String {
    let ids = changed.iter().map(|rule| rule.id.as_str()).collect::<Vec<_>>().join(", ");
    format!(
        "; neither the event nor a baseline tells what {ids} was before, so the revert deletes it, and whoever needed it is \
         shut out: find out what it was (its description, your templates, CloudTrail's events of the group) and authorise \
         that anew. An undo restores only what the event made of it"
    )
}

fn after(state: &State, change: &Ec2) -> State {
    let Ec2::Rules(change) = change else { return state.clone() };
    State { rules: change.after(&state.rules), ..state.clone() }
}

/// Judges the rules of a group together.
#[derive(Clone, Copy)]
struct Judge<'a> {
    state: &'a State,
    event: &'a Event,
    settings: &'a Settings,
}

impl Judge<'_> {
    /// Whether a rule is open to the world, by itself or with others, or to an account that is not trusted.
    fn is_open(&self, rule: &Rule) -> bool {
        let public = &self.settings.public_ports;
        let Some(opening) = self.opening(rule) else { return false };
        opening.is_open(public)
            || (self.is_foreign(rule) && !public.allow_all_of(&opening.traffic))
            || (opening.may_be_part_of_a_world(public) && {
                let all: Vec<Opening> = self.state.rules.iter().filter_map(|rule| self.opening(rule)).collect();
                opening.is_part_of_a_world(&all, public)
            })
    }

    /// What these rules were before the event: if the event is all that has changed the group since it was looked at, and
    /// if they were harmless.
    fn before(&self, told: &[ToldRule], rules: &[&Rule]) -> Option<Vec<Rule>> {
        let (before, _) = self.state.before.as_ref()?.good_before(self.event)?;
        let is_other = |rule: &&Rule| !told.iter().any(|told| is_it(rule, told));
        let is_told = |rule: &Rule| told.iter().any(|told| told.id.as_deref() == Some(rule.id.as_str()));
        let now: Vec<&Rule> = self.state.rules.iter().filter(is_other).collect();
        let was: Vec<&Rule> = before.iter().filter(|rule| !is_told(rule)).collect();
        let is_among = |rule: &&&Rule| was.iter().any(|was| was.id == rule.id && was.lets_through_the_same(rule));
        if now.len() != was.len() || !now.iter().all(|rule| is_among(&rule)) {
            return None;
        }
        let was = |rule: &&Rule| {
            let was = before.iter().find(|was| was.id == rule.id)?;
            Some(Rule { tags: rule.tags.clone(), ..was.clone() })
        };
        let to = rules.iter().map(was).collect::<Option<Vec<Rule>>>()?;
        let from = rules.iter().copied().cloned().collect();
        let rules = Swap { of: SecurityGroup(String::new()), from, to: to.clone() }.after(&self.state.rules);
        let after = State { rules, ..self.state.clone() };
        let after = Judge { state: &after, ..*self };
        // Together with the others they may let in more than each by itself.
        let opens = |rule: &Rule| after.is_open(rule) && !(is_other(&rule) && self.is_open(rule));
        let is_harmless = !after.state.rules.iter().any(opens) && !to.iter().any(|rule| after.is_unseen(rule));
        is_harmless.then_some(to)
    }

    fn severity(&self, rule: &Rule) -> Severity {
        let traffic = rule.traffic();
        let high_risk = HIGH_RISK_PORTS.iter().any(|port| (traffic.from..=traffic.to).contains(port));
        let severity = match traffic.protocol {
            _ if self.is_foreign(rule) => Severity::Medium,
            Protocol::Icmp | Protocol::Icmpv6 => Severity::Low,
            Protocol::All => Severity::Critical,
            Protocol::Tcp if high_risk => Severity::Critical,
            _ => Severity::High,
        };
        match rule.direction {
            Direction::Ingress => severity,
            // Nobody gets in by it: somebody who is in may get out with what they have found.
            Direction::Egress => severity.min(Severity::High),
        }
    }

    /// Whether a rule names a prefix list that somebody fills who is not trusted.
    fn is_foreign(&self, rule: &Rule) -> bool {
        self.list(rule).is_some_and(|list| {
            list.owner != "AWS"
                && list.owner != self.event.account
                && !self.settings.trusted_accounts.contains(&list.owner)
        })
    }

    fn is_unseen(&self, rule: &Rule) -> bool {
        matches!(rule.source, Source::PrefixList(_))
            && self.list(rule).is_none()
            && !self.settings.public_ports.allow_all_of(&rule.traffic())
    }

    fn opening(&self, rule: &Rule) -> Option<Opening> {
        let ranges = match &rule.source {
            Source::Ipv4(range) | Source::Ipv6(range) => vec![network::range(range)?],
            Source::PrefixList(_) => self.list(rule)?.ranges.clone(),
            Source::SecurityGroup(_) => return None,
        };
        Some(Opening { traffic: rule.traffic(), ranges })
    }

    fn list(&self, rule: &Rule) -> Option<&PrefixList> {
        match &rule.source {
            Source::PrefixList(id) => self.state.prefix_lists.get(id)?.as_ref(),
            _ => None,
        }
    }
}

/// Whether a rule is open to the world by itself, on whatever port.
fn is_world(rule: &Rule) -> bool {
    match &rule.source {
        Source::Ipv4(range) | Source::Ipv6(range) => {
            network::range(range).is_some_and(|range| network::is_world(&[range]))
        }
        Source::PrefixList(_) | Source::SecurityGroup(_) => false,
    }
}

/// Whether a look could show that what the event tells is open.
fn may_be_open(told: &ToldRule, settings: &Settings) -> bool {
    let public = &settings.public_ports;
    match &told.source {
        Source::Ipv4(range) | Source::Ipv6(range) => match network::range(range) {
            Some(range) => {
                let opening = Opening { traffic: told.traffic, ranges: vec![range] };
                opening.is_open(public) || opening.may_be_part_of_a_world(public)
            }
            None => true,
        },
        Source::PrefixList(_) => !public.allow_all_of(&told.traffic),
        Source::SecurityGroup(_) => false,
    }
}

/// Whether a rule of the group is one that the event made: by its id, or else by what it lets through.
fn is_it(rule: &Rule, told: &ToldRule) -> bool {
    match &told.id {
        Some(id) => rule.id == *id,
        None => told.lets_through(rule),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    pub(crate) fn authorized<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Event {
        let items: Vec<Value> = rules
            .into_iter()
            .map(|rule| {
                let (field, source) = match &rule.source {
                    Source::Ipv4(cidr) => ("cidrIpv4", cidr),
                    Source::Ipv6(cidr) => ("cidrIpv6", cidr),
                    Source::PrefixList(id) => ("prefixListId", id),
                    Source::SecurityGroup(id) => ("sourceSecurityGroupName", id),
                };
                json!({"securityGroupRuleId": rule.id, "groupId": "sg-1", "ipProtocol": rule.protocol,
                    "fromPort": rule.from_port, "toPort": rule.to_port, field: source})
            })
            .collect();
        event(&json!({"groupId": "sg-1"}), &json!({"securityGroupRuleSet": {"items": items}}))
    }

    pub(crate) fn event(request: &Value, response: &Value) -> Event {
        let record = json!({
            "eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-central-1",
            "recipientAccountId": "111122223333", "requestParameters": request, "responseElements": response,
        });
        Event::from_record(record).expect("an event")
    }

    pub(crate) fn rule(id: &str, protocol: &str, port: i64, source: Source) -> Rule {
        let (from_port, to_port) = (Some(port), Some(port));
        Rule {
            id: id.to_owned(),
            protocol: protocol.to_owned(),
            from_port,
            to_port,
            source,
            description: None,
            tags: BTreeMap::new(),
            direction: Direction::Ingress,
        }
    }

    pub(crate) fn ipv4(id: &str, port: i64, cidr: &str) -> Rule {
        rule(id, "tcp", port, Source::Ipv4(cidr.to_owned()))
    }

    pub(crate) fn group(rules: &[Rule]) -> State {
        State { group: Some("sg-1".to_owned()), rules: rules.to_vec(), prefix_lists: BTreeMap::new(), before: None }
    }

    pub(crate) fn list(owner: &str, range: &str) -> PrefixList {
        PrefixList { owner: owner.to_owned(), ranges: vec![range.parse().expect("a range")] }
    }

    /// A change of these rules, and the group as it was seen before.
    pub(crate) fn changed(rules: &[Rule], state: State, before: &[Rule], seen: &str) -> (Event, State) {
        let changes: Vec<Value> = rules
            .iter()
            .map(|rule| {
                let (field, source) = match &rule.source {
                    Source::Ipv4(cidr) => ("CidrIpv4", cidr),
                    Source::Ipv6(cidr) => ("CidrIpv6", cidr),
                    Source::PrefixList(id) => ("PrefixListId", id),
                    Source::SecurityGroup(id) => ("ReferencedGroupId", id),
                };
                json!({"SecurityGroupRuleId": rule.id, "SecurityGroupRule": {"IpProtocol": rule.protocol,
                    "FromPort": rule.from_port, "ToPort": rule.to_port, field: source}})
            })
            .collect();
        let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": changes}});
        let event = Event { name: "ModifySecurityGroupRules".to_owned(), ..event(&request, &json!(null)) };
        let before = Remembered { good: Some(before.to_vec()), seen: seen.parse().expect("a time") };
        (event, State { before: Some(before), ..state })
    }

    fn suspected(direction: Direction, event: &Event) -> bool {
        !suspect(direction, event, &Settings::default()).is_empty()
    }

    fn decided(direction: Direction, event: &Event, state: &State) -> Decision<Ec2> {
        decide(direction, event, state, &Given { settings: &Settings::default(), holds: &BTreeSet::new() })
    }

    /// The same rules in this direction.
    fn turned(direction: Direction, state: &State) -> State {
        let turned = |rules: &[Rule]| rules.iter().map(|rule| Rule { direction, ..rule.clone() }).collect::<Vec<_>>();
        let before = state.before.as_ref();
        let before = before.map(|before| Remembered { good: before.good.as_deref().map(turned), seen: before.seen });
        State { rules: turned(&state.rules), before, ..state.clone() }
    }

    fn sources() -> impl Strategy<Value = Source> {
        let v4 = prop::sample::select(vec![
            "0.0.0.0/0",
            "0.0.0.0/1",
            "128.0.0.0/1",
            "8.0.0.0/8",
            "9.0.0.0/8",
            "8.0.0.0/9",
            "203.0.113.0/24",
            "10.0.0.0/8",
        ]);
        let v6 = prop::sample::select(vec!["::/0", "2000::/3", "2001:db8::/32", "2600::/32", "2601::/32", "fc00::/7"]);
        let list = prop::sample::select(vec!["pl-own", "pl-world", "pl-foreign", "pl-unseen"]);
        prop_oneof![
            3 => v4.prop_map(|cidr| Source::Ipv4(cidr.to_owned())),
            2 => v6.prop_map(|cidr| Source::Ipv6(cidr.to_owned())),
            1 => list.prop_map(|id| Source::PrefixList(id.to_owned())),
            1 => Just(Source::SecurityGroup("sg-2".to_owned())),
        ]
    }

    fn groups() -> impl Strategy<Value = State> {
        let protocol = prop::sample::select(vec!["tcp", "udp", "icmp", "-1", "50"]);
        let port = prop::sample::select(vec![22_i64, 80, 443, 3389]);
        let parts = (protocol, port.clone(), port, sources());
        prop::collection::vec(parts, 0..7).prop_map(|rules| {
            let rules = rules.into_iter().enumerate().map(|(index, (protocol, one, other, source))| Rule {
                from_port: Some(one.min(other)),
                to_port: Some(one.max(other)),
                ..rule(&format!("sgr-{index}"), protocol, 0, source)
            });
            let lists = [
                ("pl-own", Some(list("111122223333", "8.0.0.0/8"))),
                ("pl-world", Some(list("111122223333", "::/0"))),
                ("pl-foreign", Some(list("444455556666", "203.0.113.0/24"))),
                ("pl-unseen", None),
            ];
            State {
                prefix_lists: lists.map(|(id, list)| (id.to_owned(), list)).into(),
                ..group(&rules.collect::<Vec<_>>())
            }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_suspicion_misses_nothing_that_would_be_reverted(state in groups(), own in 0_usize..7) {
            let event = authorized(&state.rules[own.min(state.rules.len())..]);
            for direction in [Direction::Ingress, Direction::Egress] {
                let decision = decided(direction, &event, &turned(direction, &state));
                prop_assert!(decision.is_allow() || suspected(direction, &event), "{}", decision);
            }
        }

        #[test]
        fn what_was_is_put_back_harmless_once_and_can_be_undone(state in groups(), was in groups(), own in 0_usize..7) {
            let (before, event_rules) = state.rules.split_at(own.min(state.rules.len()));
            let was: Vec<Rule> = before.iter().chain(was.rules.iter().skip(before.len())).cloned().collect();
            let (event, state) = changed(event_rules, state.clone(), &was, "2026-01-31T03:00:00Z");
            laws(&event, &state, before.len())?;
        }

        #[test]
        fn a_revert_takes_only_the_event_s_rules_leaves_nothing_to_revert_and_can_be_undone(state in groups(), own in 0_usize..7) {
            let others = own.min(state.rules.len());
            laws(&authorized(&state.rules[others..]), &state, others)?;
        }
    }

    /// What must hold of a revert where the event did not make the first rules.
    fn laws(event: &Event, state: &State, others: usize) -> Result<(), TestCaseError> {
        for direction in [Direction::Ingress, Direction::Egress] {
            let state = turned(direction, state);
            let Decision::Revert { plan, left, .. } = decided(direction, event, &state) else { continue };
            let after = plan.iter().fold(state.clone(), |state, change| after(&state, change));
            prop_assert_eq!(&after.rules[..others], &state.rules[..others]);
            let again = decided(direction, event, &after);
            let said = left.iter().any(|left| left.contains("cannot be read"));
            prop_assert!(again.is_allow() || said && again.plan().is_empty(), "{}", again);
            let mut undone = plan.iter().rev().fold(after, |state, change| super::after(&state, &change.undo()));
            undone.rules.sort_by(|one, other| one.id.cmp(&other.id));
            prop_assert_eq!(undone, state);
        }
        Ok(())
    }
}
