//! The rules of security groups.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use snapback::aws::{code, failure};
use snapback::change::{Applied, Direction, Rule, Source};
use snapback::place::Place;

use crate::aws::answer::unless_gone;
use crate::aws::tags::{self, Tags};

/// The rules of a group, none if it is gone; without a group, those of all groups in the Region.
pub(crate) async fn read(place: &Place, direction: Direction, group: Option<&str>) -> Result<Vec<Rule>> {
    let filter = group.map(|group| Filter::builder().name("group-id").values(group).build());
    let call =
        Client::new(&place.config).describe_security_group_rules().set_filters(filter.map(|filter| vec![filter]));
    let rules = call.into_paginator().items().send().try_collect().await.map_err(|error| {
        failure(error).context(format!("reading the rules of security group `{}`", group.unwrap_or("(all)")))
    })?;
    Ok(rules.into_iter().filter_map(kept).filter(|rule| rule.direction == direction).collect())
}

fn kept(rule: SecurityGroupRule) -> Option<Rule> {
    Some(Rule {
        id: rule.security_group_rule_id?,
        protocol: rule.ip_protocol?,
        from_port: rule.from_port.map(i64::from),
        to_port: rule.to_port.map(i64::from),
        source: (rule.cidr_ipv4.map(Source::Ipv4))
            .or(rule.cidr_ipv6.map(Source::Ipv6))
            .or(rule.prefix_list_id.map(Source::PrefixList))
            .or(rule.referenced_group_info.and_then(|group| group.group_id).map(Source::SecurityGroup))?,
        direction: if rule.is_egress == Some(true) { Direction::Egress } else { Direction::Ingress },
        description: rule.description.filter(|text| !text.is_empty()),
        tags: tags::own(rule.tags),
    })
}

/// The id of the group of the default VPC that has this name.
pub(crate) async fn group_called(place: &Place, name: &str) -> Result<Option<String>> {
    let answer = Client::new(&place.config).describe_security_groups().group_names(name).send().await;
    let doing = || format!("looking for the security group called `{name}`");
    let answer = unless_gone(answer, &["InvalidGroup.NotFound"], doing)?;
    let groups = answer.and_then(|answer| answer.security_groups).unwrap_or_default();
    Ok(groups.into_iter().find_map(|group| group.group_id))
}

/// A rule keeps its id when it is changed, so what the ids stand for is read again just before.
pub(super) async fn revoke(place: &Place, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = read(place, direction_of(rules), Some(group)).await?;
    let mut ids = vec![];
    for rule in rules {
        match live.iter().find(|live| live.id == rule.id) {
            Some(live) if live.lets_through_the_same(rule) => ids.push(rule.id.clone()),
            Some(live) => return Ok(Applied::Changed { found: format!("{} is now {live}", rule.id) }),
            None => {}
        }
    }
    if ids.is_empty() {
        return Ok(Applied::Already);
    }
    let client = Client::new(&place.config);
    let done = match direction_of(rules) {
        Direction::Ingress => {
            let call = client.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map(drop).map_err(failure)
        }
        Direction::Egress => {
            let call = client.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("revoking rules of security group `{group}`"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// What a rule lets in is changed under its id; its tags stay.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html>
pub(super) async fn modify(place: &Place, group: &str, from: &[Rule], to: &[Rule]) -> Result<Applied> {
    let live = read(place, direction_of(from), Some(group)).await?;
    let mut updates = vec![];
    for (from, to) in from.iter().zip(to) {
        match live.iter().find(|live| live.id == from.id) {
            None => return Ok(Applied::Changed { found: format!("{} is gone", from.id) }),
            Some(live) if live.lets_through_the_same(to) && live.description == to.description => {}
            Some(live) if !live.lets_through_the_same(from) => {
                return Ok(Applied::Changed { found: format!("{} is now {live}", from.id) });
            }
            Some(_) => updates.push(update(to)),
        }
    }
    if updates.is_empty() {
        return Ok(Applied::Already);
    }
    let call = Client::new(&place.config).modify_security_group_rules().group_id(group);
    let done = call.set_security_group_rules(Some(updates)).send().await;
    done.map_err(|error| failure(error).context(format!("changing rules of security group `{group}`")))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// Tags are given for a whole call, so there is one call for all rules that have the same.
pub(super) async fn authorize(place: &Place, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = read(place, direction_of(rules), Some(group)).await?;
    let missing = rules.iter().filter(|rule| !live.iter().any(|live| live.lets_through_the_same(rule)));
    let mut by_tags: BTreeMap<&Tags, Vec<&Rule>> = BTreeMap::new();
    for rule in missing {
        by_tags.entry(&rule.tags).or_default().push(rule);
    }
    if by_tags.is_empty() {
        return Ok(Applied::Already);
    }
    let mut made = BTreeMap::new();
    for (tags, rules) in by_tags {
        let context = || format!("authorising rules of security group `{group}`");
        let Some(new) = authorize_alike(place, group, &rules, tags).await.with_context(context)? else {
            return Ok(Applied::Changed { found: format!("security group `{group}` is gone") });
        };
        for new in new.into_iter().filter_map(kept) {
            if let Some(old) = rules.iter().find(|old| old.lets_through_the_same(&new)) {
                made.insert(old.id.clone(), new.id);
            }
        }
    }
    Ok(Applied::Done { made })
}

/// The new rules; nothing if the group is gone.
async fn authorize_alike(
    place: &Place,
    group: &str,
    rules: &[&Rule],
    tags: &Tags,
) -> Result<Option<Vec<SecurityGroupRule>>> {
    let client = Client::new(&place.config);
    let permissions = Some(rules.iter().map(|rule| permission(rule)).collect());
    let tags = tags::specification(ResourceType::SecurityGroupRule, tags);
    let gone = Some("InvalidGroup.NotFound");
    let done = match direction_of(rules.iter().copied()) {
        Direction::Ingress => {
            let call = client.authorize_security_group_ingress().group_id(group).set_ip_permissions(permissions);
            let done = call.set_tag_specifications(tags).send().await;
            done.map(|answer| answer.security_group_rules).map_err(|error| (code(&error) == gone, failure(error)))
        }
        Direction::Egress => {
            let call = client.authorize_security_group_egress().group_id(group).set_ip_permissions(permissions);
            let done = call.set_tag_specifications(tags).send().await;
            done.map(|answer| answer.security_group_rules).map_err(|error| (code(&error) == gone, failure(error)))
        }
    };
    match done {
        Ok(rules) => Ok(Some(rules.unwrap_or_default())),
        Err((true, _)) => Ok(None),
        Err((false, failure)) => Err(failure),
    }
}

/// All rules of a change go the same way.
fn direction_of<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Direction {
    rules.into_iter().next().map(|rule| rule.direction).unwrap_or_default()
}

fn update(rule: &Rule) -> SecurityGroupRuleUpdate {
    let request = SecurityGroupRuleRequest::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(port(rule.from_port))
        .set_to_port(port(rule.to_port))
        .set_description(rule.description.clone());
    let request = match &rule.source {
        Source::Ipv4(cidr) => request.cidr_ipv4(cidr),
        Source::Ipv6(cidr) => request.cidr_ipv6(cidr),
        Source::PrefixList(id) => request.prefix_list_id(id),
        Source::SecurityGroup(id) => request.referenced_group_id(id),
    };
    SecurityGroupRuleUpdate::builder().security_group_rule_id(&rule.id).security_group_rule(request.build()).build()
}

fn port(port: Option<i64>) -> Option<i32> {
    port.and_then(|port| i32::try_from(port).ok())
}

fn permission(rule: &Rule) -> IpPermission {
    let permission = IpPermission::builder()
        .ip_protocol(&rule.protocol)
        .set_from_port(port(rule.from_port))
        .set_to_port(port(rule.to_port));
    let said = rule.description.clone();
    match &rule.source {
        Source::Ipv4(cidr) => permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(said).build()),
        Source::Ipv6(cidr) => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(said).build())
        }
        Source::PrefixList(id) => {
            permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(said).build())
        }
        Source::SecurityGroup(id) => {
            permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(id).set_description(said).build())
        }
    }
    .build()
}
