//! Every call to Amazon EC2 that Snapback makes.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule, Tag, TagSpecification,
    UserIdGroupPair,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::{code, failure};
use snapback::change::{Applied, Change, Ec2, Rule, Source};
use snapback::control::Look;
use snapback::network;
use snapback::subject::Subject;

use crate::controls::PrefixList;

/// The ingress rules of a group, none if it is gone; without a group, those of all groups in the Region.
pub(crate) async fn ingress_rules(config: &SdkConfig, group: Option<&str>) -> Result<Vec<Rule>> {
    let filter = group.map(|group| Filter::builder().name("group-id").values(group).build());
    let call = Client::new(config).describe_security_group_rules().set_filters(filter.map(|filter| vec![filter]));
    let rules = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
        failure(error).context(format!("reading the rules of security group `{}`", group.unwrap_or("(all)")))
    })?;
    Ok(rules.into_iter().filter(|rule| rule.is_egress != Some(true)).filter_map(rule).collect())
}

/// The id of the group of the default VPC that has this name.
pub(crate) async fn group_called(look: &Look<'_>, name: &str) -> Result<Option<String>> {
    match Client::new(look.config).describe_security_groups().group_names(name).send().await {
        Ok(answer) => Ok(answer.security_groups.unwrap_or_default().into_iter().find_map(|group| group.group_id)),
        Err(error) if code(&error) == Some("InvalidGroup.NotFound") => Ok(None),
        Err(error) => Err(failure(error).context(format!("looking for the security group called `{name}`"))),
    }
}

/// Whose a prefix list is and what it holds; nothing if it is not there for us to see.
pub(crate) async fn prefix_list(config: &SdkConfig, id: &str) -> Result<Option<PrefixList>> {
    let context = || format!("reading prefix list `{id}`");
    let client = Client::new(config);
    let gone = Some("InvalidPrefixListID.NotFound");
    let owner = match client.describe_managed_prefix_lists().prefix_list_ids(id).send().await {
        Ok(answer) => answer.prefix_lists.unwrap_or_default().into_iter().find_map(|list| list.owner_id),
        Err(error) if code(&error) == gone => None,
        Err(error) => return Err(failure(error).context(context())),
    };
    let Some(owner) = owner else { return Ok(None) };
    let entries = client.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().items().send();
    match entries.collect::<Result<Vec<_>, _>>().await {
        Ok(entries) => {
            let ranges: Option<Vec<_>> = entries.iter().map(|entry| network::range(entry.cidr()?)).collect();
            Ok(ranges.map(|ranges| PrefixList { owner, ranges }))
        }
        Err(error) if code(&error) == gone => Ok(None),
        Err(error) => Err(failure(error).context(context())),
    }
}

/// The tags of anything that EC2 knows by an id.
pub(crate) fn tags<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        let id = &subject.name;
        let filter = Filter::builder().name("resource-id").values(id).build();
        let tags = Client::new(look.config).describe_tags().filters(filter).into_paginator().items().send();
        let tags = tags.collect::<Result<Vec<_>, _>>().await;
        let tags = tags.map_err(|error| failure(error).context(format!("reading the tags of `{id}`")))?;
        Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
    }
    .boxed()
}

/// Applies a change if the rules are as the change says they were.
pub(crate) fn apply<'a>(config: &'a SdkConfig, _: &'a str, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Ec2(Ec2::RevokeIngress { group, rules }) => revoke(config, group, rules).await,
            Change::Ec2(Ec2::AuthorizeIngress { group, rules }) => authorize(config, group, rules).await,
            other => bail!("the function for EC2 was asked to {other}"),
        }
    }
    .boxed()
}

/// A rule keeps its id when it is changed, so what the ids stand for is read again just before.
async fn revoke(config: &SdkConfig, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = ingress_rules(config, Some(group)).await?;
    let mut ids = vec![];
    for rule in rules {
        match live.iter().find(|live| live.id == rule.id) {
            Some(live) if live.lets_in_the_same(rule) => ids.push(rule.id.clone()),
            Some(live) => return Ok(Applied::Changed { found: format!("{} is now {live}", rule.id) }),
            None => {}
        }
    }
    if ids.is_empty() {
        return Ok(Applied::Already);
    }
    let call =
        Client::new(config).revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
    call.send().await.map_err(|error| failure(error).context(format!("revoking rules of security group `{group}`")))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// Tags are given for a whole call, so there is one call for all rules that have the same.
async fn authorize(config: &SdkConfig, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = ingress_rules(config, Some(group)).await?;
    let missing = rules.iter().filter(|rule| !live.iter().any(|live| live.lets_in_the_same(rule)));
    let mut by_tags: BTreeMap<&BTreeMap<String, String>, Vec<&Rule>> = BTreeMap::new();
    for rule in missing {
        by_tags.entry(&rule.tags).or_default().push(rule);
    }
    if by_tags.is_empty() {
        return Ok(Applied::Already);
    }
    let mut made = BTreeMap::new();
    for (tags, rules) in by_tags {
        let call = Client::new(config)
            .authorize_security_group_ingress()
            .group_id(group)
            .set_ip_permissions(Some(rules.iter().map(|rule| permission(rule)).collect()))
            .set_tag_specifications((!tags.is_empty()).then(|| vec![tag_specification(tags)]));
        let answer = match call.send().await {
            Ok(answer) => answer,
            Err(error) if code(&error) == Some("InvalidGroup.NotFound") => {
                return Ok(Applied::Changed { found: format!("security group `{group}` is gone") });
            }
            Err(error) => {
                return Err(failure(error).context(format!("authorising rules of security group `{group}`")));
            }
        };
        for new in answer.security_group_rules.unwrap_or_default().into_iter().filter_map(rule) {
            if let Some(old) = rules.iter().find(|old| old.lets_in_the_same(&new)) {
                made.insert(old.id.clone(), new.id);
            }
        }
    }
    Ok(Applied::Done { made })
}

fn rule(rule: SecurityGroupRule) -> Option<Rule> {
    let group = |of: aws_sdk_ec2::types::ReferencedSecurityGroup| of.group_id.map(Source::SecurityGroup);
    Some(Rule {
        id: rule.security_group_rule_id?,
        protocol: rule.ip_protocol?,
        from_port: rule.from_port.map(i64::from),
        to_port: rule.to_port.map(i64::from),
        source: (rule.cidr_ipv4.map(Source::Ipv4))
            .or(rule.cidr_ipv6.map(Source::Ipv6))
            .or(rule.prefix_list_id.map(Source::PrefixList))
            .or(rule.referenced_group_info.and_then(group))?,
        description: rule.description.filter(|text| !text.is_empty()),
        tags: rule.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect(),
    })
}

fn permission(rule: &Rule) -> IpPermission {
    let port = |port: Option<i64>| port.and_then(|port| i32::try_from(port).ok());
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

fn tag_specification(tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(tags)).build()
}
