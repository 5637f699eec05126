//! The rules of security groups.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ReferencedSecurityGroup, ResourceType, SecurityGroupRule,
    SecurityGroupRuleRequest, SecurityGroupRuleUpdate, UserIdGroupPair,
};
use snapback::aws::{code, failure, unless_gone};
use snapback::change::{Applied, Direction, Edit, Live, Rule, SecurityGroup, Source, Swap};
use snapback::place::Place;

use crate::aws::tags::{self, Tags};

/// The rules of a group, none if it is gone; without a group, those of all groups in the Region.
pub(crate) async fn read(place: &Place, direction: Direction, group: Option<&str>) -> Result<Vec<Rule>> {
    let filter = group.map(|group| Filter::builder().name("group-id").values(group).build());
    let call = snapback::client!(aws_sdk_ec2, &place.config)
        .describe_security_group_rules()
        .set_filters(filter.map(|filter| vec![filter]));
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
            .or(rule.referenced_group_info.and_then(|group| referenced(group, rule.group_owner_id.as_deref())))?,
        direction: if rule.is_egress == Some(true) { Direction::Egress } else { Direction::Ingress },
        description: rule.description.filter(|text| !text.is_empty()),
        tags: tags::own(rule.tags),
    })
}

/// A group of another account goes by `444455556666/sg-1`, as AWS writes it: without its account it is not found.
fn referenced(group: ReferencedSecurityGroup, owner: Option<&str>) -> Option<Source> {
    let id = group.group_id?;
    let foreign = group.user_id.filter(|account| owner.is_some_and(|owner| owner != account));
    Some(Source::SecurityGroup(foreign.map_or_else(|| id.clone(), |account| format!("{account}/{id}"))))
}

/// The id of the group of the default VPC that has this name.
pub(crate) async fn group_called(place: &Place, name: &str) -> Result<Option<String>> {
    let answer =
        snapback::client!(aws_sdk_ec2, &place.config).describe_security_groups().group_names(name).send().await;
    let doing = || format!("looking for the security group called `{name}`");
    let answer = unless_gone(answer, &["InvalidGroup.NotFound"], doing)?;
    let groups = answer.and_then(|answer| answer.security_groups).unwrap_or_default();
    Ok(groups.into_iter().find_map(|group| group.group_id))
}

/// A rule keeps its id when it is changed, so what the ids stand for is read again just before.
pub(super) async fn change(place: &Place, change: &Swap<SecurityGroup, Vec<Rule>>) -> Result<Applied> {
    // All rules of a change go the same way.
    let direction = change.from.iter().chain(&change.to).map(|rule| rule.direction).next().unwrap_or_default();
    let read = move || async move { Ok(Live::Is(read(place, direction, Some(&change.of.0)).await?)) };
    change.edit(read, async |edit| write(place, &change.of, direction, edit).await).await
}

async fn write(place: &Place, of: &SecurityGroup, direction: Direction, edit: Edit<Rule>) -> Result<Applied> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    if !edit.remove.is_empty() {
        let ids = edit.remove.into_iter().map(|rule| rule.id).collect();
        let done = revoke(&client, &of.0, direction, ids).await;
        done.with_context(|| format!("revoking rules of {of}"))?;
    }
    if !edit.replace.is_empty() {
        let done = modify(&client, &of.0, edit.replace.iter().map(|(_, to)| update(to)).collect()).await;
        done.with_context(|| format!("changing rules of {of}"))?;
    }
    let made = authorize(&client, &of.0, direction, &edit.add).await;
    Ok(match made.with_context(|| format!("authorising rules of {of}"))? {
        Some(made) => Applied::Done { made },
        None => Applied::Changed { found: format!("{of} is gone") },
    })
}

async fn revoke(client: &Client, group: &str, direction: Direction, ids: Vec<String>) -> Result<()> {
    match direction {
        Direction::Ingress => {
            let call = client.revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map(drop).map_err(failure)
        }
        Direction::Egress => {
            let call = client.revoke_security_group_egress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map(drop).map_err(failure)
        }
    }
}

/// What a rule lets in is changed under its id; its tags stay.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifySecurityGroupRules.html>
async fn modify(client: &Client, group: &str, updates: Vec<SecurityGroupRuleUpdate>) -> Result<()> {
    let call = client.modify_security_group_rules().group_id(group).set_security_group_rules(Some(updates));
    call.send().await.map(drop).map_err(failure)
}

/// The ids of the new rules, by those that they had; nothing if the group is gone. Tags are given for a whole call, so
/// there is one call for all rules that have the same.
async fn authorize(
    client: &Client,
    group: &str,
    direction: Direction,
    rules: &[Rule],
) -> Result<Option<BTreeMap<String, String>>> {
    let mut by_tags: BTreeMap<&Tags, Vec<&Rule>> = BTreeMap::new();
    for rule in rules {
        by_tags.entry(&rule.tags).or_default().push(rule);
    }
    let mut made = BTreeMap::new();
    for (tags, rules) in by_tags {
        let Some(new) = authorize_alike(client, group, direction, &rules, tags).await? else { return Ok(None) };
        for new in new.into_iter().filter_map(kept) {
            if let Some(old) = rules.iter().find(|old| old.lets_through_the_same(&new)) {
                made.insert(old.id.clone(), new.id);
            }
        }
    }
    Ok(Some(made))
}

/// The new rules; nothing if the group is gone.
async fn authorize_alike(
    client: &Client,
    group: &str,
    direction: Direction,
    rules: &[&Rule],
    tags: &Tags,
) -> Result<Option<Vec<SecurityGroupRule>>> {
    let permissions = Some(rules.iter().map(|rule| permission(rule)).collect());
    let tags = tags::specification(ResourceType::SecurityGroupRule, tags);
    let gone = Some("InvalidGroup.NotFound");
    let done = match direction {
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
        Source::SecurityGroup(id) => request.referenced_group_id(id.rsplit('/').next().unwrap_or(id)),
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
            let (account, id) = id.split_once('/').map_or((None, id.as_str()), |(account, id)| (Some(account), id));
            let pair = UserIdGroupPair::builder().group_id(id).set_user_id(account.map(str::to_owned));
            permission.user_id_group_pairs(pair.set_description(said).build())
        }
    }
    .build()
}
