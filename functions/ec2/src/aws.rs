//! Every call to Amazon EC2 that Snapback makes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    AddPrefixListEntry, CreateVolumePermission, CreateVolumePermissionModifications, DestinationFileFormat,
    DestinationOptionsRequest, Filter, FlowLogsResourceType, HttpTokensState, IcmpTypeCode, ImageAttributeName,
    ImageBlockPublicAccessEnabledState, InstanceMetadataEndpointState, InternetGatewayBlockMode,
    InternetGatewayExclusionMode, IpPermission, IpRange, Ipv6Range, LaunchPermission, LaunchPermissionModifications,
    LogDestinationType, PermissionGroup, PortRange, PrefixListId, RemovePrefixListEntry, ResourceType, RuleAction,
    SecurityGroupRule, SecurityGroupRuleRequest, SecurityGroupRuleUpdate, SnapshotAttributeName,
    SnapshotBlockPublicAccessState, Tag, TagSpecification, TrafficType, UnsuccessfulItem, UserIdGroupPair,
    VpcBlockPublicAccessExclusion,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::{code, failure};
use snapback::change::{
    AclEntry, Applied, Change, Direction, Ec2, FlowLog, FlowLogFiles, PrefixEntry, Rule, Shared, SharedWith, Source,
    Switch, VpcExclusion,
};
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::network;
use snapback::place::Place;
use snapback::subject::Subject;

use crate::controls::MetadataOptions;
use crate::rights;
use crate::rules::PrefixList;

/// The rules of a group, none if it is gone; without a group, those of all groups in the Region.
pub(crate) async fn rules(place: &Place, direction: Direction, group: Option<&str>) -> Result<Vec<Rule>> {
    let filter = group.map(|group| Filter::builder().name("group-id").values(group).build());
    let call =
        Client::new(&place.config).describe_security_group_rules().set_filters(filter.map(|filter| vec![filter]));
    let rules = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(|error| {
        failure(error).context(format!("reading the rules of security group `{}`", group.unwrap_or("(all)")))
    })?;
    Ok(rules.into_iter().filter_map(rule).filter(|rule| rule.direction == direction).collect())
}

/// The security groups of the account in the Region.
pub(crate) const SECURITY_GROUPS: Survey = Survey { list: security_groups, needs: &[rights::DESCRIBE_SECURITY_GROUPS] };

fn security_groups<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let owned = Filter::builder().name("owner-id").values(&look.place.account).build();
        let groups =
            Client::new(&look.place.config).describe_security_groups().filters(owned).into_paginator().items().send();
        let groups = groups.collect::<Result<Vec<_>, _>>().await;
        let groups = groups.map_err(|error| failure(error).context("listing the security groups"))?;
        Ok(groups.into_iter().filter_map(|group| Some(Subject::security_group(event, &group.group_id?))).collect())
    }
    .boxed()
}

/// The account's own snapshots.
pub(crate) const SNAPSHOTS: Survey = Survey { list: snapshots, needs: &[rights::DESCRIBE_SNAPSHOTS] };

fn snapshots<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let found =
            Client::new(&look.place.config).describe_snapshots().owner_ids("self").into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the snapshots"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::snapshot(event, &one.snapshot_id?))).collect())
    }
    .boxed()
}

/// The account's own AMIs.
pub(crate) const IMAGES: Survey = Survey { list: images, needs: &[rights::DESCRIBE_IMAGES] };

fn images<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let found = Client::new(&look.place.config).describe_images().owners("self").into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the AMIs"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::image(event, &one.image_id?))).collect())
    }
    .boxed()
}

/// The endpoint services that the account offers.
pub(crate) const ENDPOINT_SERVICES: Survey =
    Survey { list: endpoint_services, needs: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_CONFIGURATIONS] };

fn endpoint_services<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let call = Client::new(&look.place.config).describe_vpc_endpoint_service_configurations();
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the endpoint services"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::endpoint_service(event, &one.service_id?))).collect())
    }
    .boxed()
}

/// The instances that run, or can be started again.
pub(crate) const INSTANCES: Survey = Survey { list: instances, needs: &[rights::DESCRIBE_INSTANCES] };

fn instances<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let there = Filter::builder().name("instance-state-name").set_values(Some(states.into())).build();
        let found = Client::new(&look.place.config).describe_instances().filters(there).into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the instances"))?;
        let found = found.into_iter().filter_map(|one| one.instances).flatten();
        Ok(found.filter_map(|one| Some(Subject::instance(event, &one.instance_id?))).collect())
    }
    .boxed()
}

/// The network ACLs that somebody has made. That of a new VPC lets everything in, as AWS makes it, and is left to the
/// security groups; Security Hub leaves it out for the same reason.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-21>
pub(crate) const NETWORK_ACLS: Survey = Survey { list: network_acls, needs: &[rights::DESCRIBE_NETWORK_ACLS] };

fn network_acls<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let call =
            Client::new(&look.place.config).describe_network_acls().filters(filter("owner-id", &look.place.account));
        let found = call.filters(filter("default", "false")).into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the network ACLs"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::network_acl(event, &one.network_acl_id?))).collect())
    }
    .boxed()
}

/// The account's own prefix lists.
pub(crate) const PREFIX_LISTS: Survey = Survey { list: prefix_lists, needs: &[rights::DESCRIBE_MANAGED_PREFIX_LISTS] };

fn prefix_lists<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let owned = Filter::builder().name("owner-id").values(&look.place.account).build();
        let call = Client::new(&look.place.config).describe_managed_prefix_lists().filters(owned);
        let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the prefix lists"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::prefix_list(event, &one.prefix_list_id?))).collect())
    }
    .boxed()
}

/// The id of the group of the default VPC that has this name.
pub(crate) async fn group_called(look: &Look<'_>, name: &str) -> Result<Option<String>> {
    match Client::new(&look.place.config).describe_security_groups().group_names(name).send().await {
        Ok(answer) => Ok(answer.security_groups.unwrap_or_default().into_iter().find_map(|group| group.group_id)),
        Err(error) if code(&error) == Some("InvalidGroup.NotFound") => Ok(None),
        Err(error) => Err(failure(error).context(format!("looking for the security group called `{name}`"))),
    }
}

/// Whose a prefix list is and what it holds; nothing if it is not there for us to see.
pub(crate) async fn prefix_list(place: &Place, id: &str) -> Result<Option<PrefixList>> {
    let context = || format!("reading prefix list `{id}`");
    let client = Client::new(&place.config);
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
        let tags = Client::new(&look.place.config).describe_tags().filters(filter).into_paginator().items().send();
        let tags = tags.collect::<Result<Vec<_>, _>>().await;
        let tags = tags.map_err(|error| failure(error).context(format!("reading the tags of `{id}`")))?;
        Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
    }
    .boxed()
}

/// With whom a thing is shared; nothing if it is gone.
pub(crate) async fn shared_with(place: &Place, of: &Shared) -> Result<Option<Vec<SharedWith>>> {
    let client = Client::new(&place.config);
    let context = || format!("reading with whom {of} is shared");
    match of {
        Shared::Snapshot(id) => {
            let permission = SnapshotAttributeName::CreateVolumePermission;
            match client.describe_snapshot_attribute().snapshot_id(id).attribute(permission).send().await {
                Ok(answer) => {
                    let permissions = answer.create_volume_permissions.unwrap_or_default().into_iter();
                    let grantee = |one: CreateVolumePermission| {
                        one.user_id.map(SharedWith::Account).or(one.group.map(|_| SharedWith::Everyone))
                    };
                    Ok(Some(permissions.filter_map(grantee).collect()))
                }
                Err(error) if code(&error) == Some("InvalidSnapshot.NotFound") => Ok(None),
                Err(error) => Err(failure(error).context(context())),
            }
        }
        Shared::Image(id) => {
            let permission = ImageAttributeName::LaunchPermission;
            match client.describe_image_attribute().image_id(id).attribute(permission).send().await {
                Ok(answer) => {
                    let permissions = answer.launch_permissions.unwrap_or_default().into_iter();
                    let grantee = |one: LaunchPermission| {
                        (one.user_id.map(SharedWith::Account))
                            .or(one.group.map(|_| SharedWith::Everyone))
                            .or(one.organization_arn.map(SharedWith::Organization))
                            .or(one.organizational_unit_arn.map(SharedWith::OrganizationalUnit))
                    };
                    Ok(Some(permissions.filter_map(grantee).collect()))
                }
                Err(error) if matches!(code(&error), Some("InvalidAMIID.NotFound" | "InvalidAMIID.Unavailable")) => {
                    Ok(None)
                }
                Err(error) => Err(failure(error).context(context())),
            }
        }
        Shared::EndpointService(id) => {
            let call = client.describe_vpc_endpoint_service_permissions().service_id(id);
            match call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await {
                Ok(allowed) => {
                    let principals = allowed.into_iter().filter_map(|one| one.principal);
                    Ok(Some(principals.map(principal).collect()))
                }
                Err(error) if code(&error) == Some("InvalidVpcEndpointServiceId.NotFound") => Ok(None),
                Err(error) => Err(failure(error).context(context())),
            }
        }
    }
}

fn principal(name: String) -> SharedWith {
    if name == "*" { SharedWith::Everyone } else { SharedWith::Principal(name) }
}

/// How a switch of the account is now, in the words of its API.
pub(crate) async fn switch(place: &Place, of: Switch) -> Result<String> {
    let client = Client::new(&place.config);
    let on = |is_on: Option<bool>| Some(if is_on? { "enabled" } else { "disabled" }.to_owned());
    let is = match of {
        Switch::SnapshotBlockPublicAccess => {
            let answer = client.get_snapshot_block_public_access_state().send().await;
            answer.map(|answer| answer.state.map(|state| state.as_str().to_owned())).map_err(failure)
        }
        Switch::ImageBlockPublicAccess => {
            let answer = client.get_image_block_public_access_state().send().await;
            answer.map(|answer| answer.image_block_public_access_state).map_err(failure)
        }
        Switch::EbsEncryptionByDefault => {
            let answer = client.get_ebs_encryption_by_default().send().await;
            answer.map(|answer| on(answer.ebs_encryption_by_default)).map_err(failure)
        }
        Switch::SerialConsoleAccess => {
            let answer = client.get_serial_console_access_status().send().await;
            answer.map(|answer| on(answer.serial_console_access_enabled)).map_err(failure)
        }
        Switch::VpcBlockPublicAccess => {
            let answer = client.describe_vpc_block_public_access_options().send().await;
            let mode = answer.map(|answer| answer.vpc_block_public_access_options?.internet_gateway_block_mode);
            mode.map(|mode| Some(mode?.as_str().to_owned())).map_err(failure)
        }
    };
    let context = || format!("reading {of}");
    is.with_context(context)?.with_context(|| "AWS does not say how it is").with_context(context)
}

/// The exclusions from Block Public Access of VPCs.
pub(crate) const EXCLUSIONS: Survey =
    Survey { list: listed_exclusions, needs: &[rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSIONS] };

fn listed_exclusions<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let found = exclusions(look.place).await?;
        Ok(found.iter().map(|exclusion| Subject::vpc_exclusion(event, &exclusion.id)).collect())
    }
    .boxed()
}

/// The exclusions from Block Public Access of VPCs that are there, or are being made. AWS goes on showing those that were
/// deleted. <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessExclusion.html>
pub(crate) async fn exclusions(place: &Place) -> Result<Vec<VpcExclusion>> {
    let client = Client::new(&place.config);
    let (mut found, mut next) = (vec![], None);
    loop {
        let answer = client.describe_vpc_block_public_access_exclusions().set_next_token(next).send().await;
        let answer = answer
            .map_err(|error| failure(error).context("reading the exclusions from Block Public Access of VPCs"))?;
        found.extend(answer.vpc_block_public_access_exclusions.unwrap_or_default().into_iter().filter_map(exclusion));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn exclusion(shown: VpcBlockPublicAccessExclusion) -> Option<VpcExclusion> {
    let state = shown.state?;
    let is_there = ["create-in-progress", "create-complete", "update-"].iter().any(|of| state.as_str().starts_with(of));
    let tags = shown.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?)));
    is_there.then_some(VpcExclusion {
        id: shown.exclusion_id?,
        // The ARN is that of the VPC or the subnet.
        resource: shown.resource_arn?.rsplit('/').next()?.to_owned(),
        mode: shown.internet_gateway_exclusion_mode?.as_str().to_owned(),
        tags: tags.filter(|(key, _)| !key.starts_with("aws:")).collect(),
    })
}

/// The account's own snapshots that are shared with everyone.
pub(crate) async fn snapshots_shared_with_everyone(place: &Place) -> Result<Vec<String>> {
    let call = Client::new(&place.config).describe_snapshots().owner_ids("self").restorable_by_user_ids("all");
    let found = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| failure(error).context("looking for snapshots that are shared with everyone"))?;
    Ok(found.into_iter().filter_map(|snapshot| snapshot.snapshot_id).collect())
}

/// The options of an instance's metadata service; nothing if the instance is gone.
pub(crate) async fn metadata_options(place: &Place, instance: &str) -> Result<Option<MetadataOptions>> {
    let answer = match Client::new(&place.config).describe_instances().instance_ids(instance).send().await {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("InvalidInstanceID.NotFound") => return Ok(None),
        Err(error) => return Err(failure(error).context(format!("reading the options of instance `{instance}`"))),
    };
    let instances = answer.reservations.unwrap_or_default().into_iter().filter_map(|one| one.instances).flatten();
    let mut options = instances.filter_map(|instance| instance.metadata_options);
    Ok(options.next().and_then(|options| {
        Some(MetadataOptions {
            tokens: options.http_tokens?.as_str().to_owned(),
            is_on: options.http_endpoint != Some(InstanceMetadataEndpointState::Disabled),
        })
    }))
}

/// The version of a prefix list and its entries; nothing if it is gone.
pub(crate) async fn prefix_entries(place: &Place, id: &str) -> Result<Option<(i64, Vec<PrefixEntry>)>> {
    let context = || format!("reading the entries of prefix list `{id}`");
    let client = Client::new(&place.config);
    let gone = Some("InvalidPrefixListID.NotFound");
    let version = match client.describe_managed_prefix_lists().prefix_list_ids(id).send().await {
        Ok(answer) => answer.prefix_lists.unwrap_or_default().into_iter().find_map(|list| list.version),
        Err(error) if code(&error) == gone => None,
        Err(error) => return Err(failure(error).context(context())),
    };
    let Some(version) = version else { return Ok(None) };
    let entries = client.get_managed_prefix_list_entries().prefix_list_id(id).into_paginator().items().send();
    match entries.collect::<Result<Vec<_>, _>>().await {
        Ok(entries) => {
            let entry = |entry: aws_sdk_ec2::types::PrefixListEntry| {
                let description = entry.description.filter(|text| !text.is_empty());
                Some(PrefixEntry { cidr: entry.cidr?, description })
            };
            Ok(Some((version, entries.into_iter().filter_map(entry).collect())))
        }
        Err(error) if code(&error) == gone => Ok(None),
        Err(error) => Err(failure(error).context(context())),
    }
}

/// The account whose a target of mirror sessions is; nothing if it is not there for us to see.
pub(crate) async fn owner_of_mirror_target(place: &Place, target: &str) -> Result<Option<String>> {
    match Client::new(&place.config).describe_traffic_mirror_targets().traffic_mirror_target_ids(target).send().await {
        Ok(answer) => {
            let targets = answer.traffic_mirror_targets.unwrap_or_default();
            Ok(targets.into_iter().find_map(|target| target.owner_id))
        }
        Err(error) if code(&error) == Some("InvalidTrafficMirrorTargetId.NotFound") => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading traffic mirror target `{target}`"))),
    }
}

/// The rules of a network ACL; nothing if it is gone.
pub(crate) async fn acl_entries(place: &Place, acl: &str) -> Result<Option<Vec<AclEntry>>> {
    let answer = match Client::new(&place.config).describe_network_acls().network_acl_ids(acl).send().await {
        Ok(answer) => answer,
        Err(error) if code(&error) == Some("InvalidNetworkAclID.NotFound") => return Ok(None),
        Err(error) => return Err(failure(error).context(format!("reading the rules of network ACL `{acl}`"))),
    };
    let Some(found) = answer.network_acls.unwrap_or_default().into_iter().next() else { return Ok(None) };
    Ok(Some(found.entries.unwrap_or_default().into_iter().filter_map(acl_entry).collect()))
}

fn acl_entry(entry: aws_sdk_ec2::types::NetworkAclEntry) -> Option<AclEntry> {
    let ports = entry.port_range.and_then(|range| Some((range.from?, range.to?)));
    let icmp = entry.icmp_type_code.and_then(|icmp| Some((icmp.r#type?, icmp.code.unwrap_or(-1))));
    Some(AclEntry {
        number: entry.rule_number?,
        egress: entry.egress?,
        allow: entry.rule_action? == RuleAction::Allow,
        protocol: entry.protocol?,
        cidr: entry.cidr_block.or(entry.ipv6_cidr_block)?,
        ports: ports.or(icmp),
    })
}

/// The account's flow logs.
pub(crate) const FLOW_LOGS: Survey = Survey { list: all_flow_logs, needs: &[rights::DESCRIBE_FLOW_LOGS] };

fn all_flow_logs<'a>(look: &'a Look<'a>, event: &'a Event) -> BoxFuture<'a, Result<Vec<Subject>>> {
    async move {
        let found = Client::new(&look.place.config).describe_flow_logs().into_paginator().items().send();
        let found = found.collect::<Result<Vec<_>, _>>().await;
        let found = found.map_err(|error| failure(error).context("listing the flow logs"))?;
        Ok(found.into_iter().filter_map(|one| Some(Subject::flow_log(event, &one.flow_log_id?))).collect())
    }
    .boxed()
}

/// A flow log, or none if it is gone.
pub(crate) async fn flow_log(place: &Place, id: &str) -> Result<Vec<FlowLog>> {
    match Client::new(&place.config).describe_flow_logs().flow_log_ids(id).send().await {
        Ok(answer) => Ok(answer.flow_logs.unwrap_or_default().into_iter().filter_map(kept).collect()),
        Err(error) if code(&error) == Some("InvalidFlowLogId.NotFound") => Ok(vec![]),
        Err(error) => Err(failure(error).context(format!("reading flow log `{id}`"))),
    }
}

/// The flow logs of a resource.
pub(crate) async fn flow_logs_of(place: &Place, resource: &str) -> Result<Vec<FlowLog>> {
    let of_it = Filter::builder().name("resource-id").values(resource).build();
    let found = Client::new(&place.config).describe_flow_logs().filter(of_it).into_paginator().items().send();
    let found = found.collect::<Result<Vec<_>, _>>().await;
    let found = found.map_err(|error| failure(error).context(format!("reading the flow logs of `{resource}`")))?;
    Ok(found.into_iter().filter_map(kept).collect())
}

fn kept(log: aws_sdk_ec2::types::FlowLog) -> Option<FlowLog> {
    let is_all_told = log.deliver_cross_account_role.is_none() && log.tag_field_specifications().is_empty();
    let files = log.destination_options.and_then(|options| {
        Some(FlowLogFiles {
            format: options.file_format?.as_str().to_owned(),
            hive_partitions: options.hive_compatible_partitions.unwrap_or_default(),
            hourly: options.per_hour_partition.unwrap_or_default(),
        })
    });
    let tags = log.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?)));
    Some(FlowLog {
        id: log.flow_log_id?,
        resource: log.resource_id?,
        traffic: log.traffic_type.map(|traffic| traffic.as_str().to_owned()),
        destination_type: log.log_destination_type?.as_str().to_owned(),
        destination: log.log_destination,
        log_group: log.log_group_name,
        role: log.deliver_logs_permission_arn,
        format: log.log_format,
        interval: log.max_aggregation_interval,
        files,
        // Only AWS gives those, as it does to what CloudFormation has made.
        tags: tags.filter(|(key, _)| !key.starts_with("aws:")).collect(),
        is_all_told,
    })
}

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        match change {
            Change::Ec2(Ec2::RevokeRules { group, rules }) => Box::pin(revoke(place, group, rules)).await,
            Change::Ec2(Ec2::AuthorizeRules { group, rules }) => Box::pin(authorize(place, group, rules)).await,
            Change::Ec2(Ec2::ModifyRules { group, from, to }) => Box::pin(modify(place, group, from, to)).await,
            Change::Ec2(Ec2::Sharing { of, from, to }) => Box::pin(share(place, of, from, to)).await,
            Change::Ec2(Ec2::Switch { of, from, to }) => Box::pin(turn(place, *of, from, to)).await,
            Change::Ec2(Ec2::MetadataTokens { instance, from, to }) => {
                Box::pin(set_metadata_tokens(place, instance, from, to)).await
            }
            Change::Ec2(Ec2::NetworkAclEntry { acl, from, to }) => {
                Box::pin(set_acl_entry(place, acl, from.as_ref(), to.as_ref())).await
            }
            Change::Ec2(Ec2::PrefixListEntries { list, from, to }) => {
                Box::pin(set_prefix_entries(place, list, from, to)).await
            }
            Change::Ec2(Ec2::FlowLog { from, to }) => {
                Box::pin(set_flow_log(place, from.as_deref(), to.as_deref())).await
            }
            Change::Ec2(Ec2::VpcExclusion { from, to }) => {
                Box::pin(set_exclusion(place, from.as_ref(), to.as_ref())).await
            }
            other => bail!("the function for EC2 was asked to {other}"),
        }
    }
    .boxed()
}

/// Takes out those who are in `from`, and lets in those who are in `to`, as far as that is not so already.
async fn share(place: &Place, of: &Shared, from: &[SharedWith], to: &[SharedWith]) -> Result<Applied> {
    let Some(live) = shared_with(place, of).await? else {
        return Ok(Applied::Changed { found: format!("{of} is gone") });
    };
    let remove: Vec<&SharedWith> = from.iter().filter(|one| !to.contains(one) && live.contains(one)).collect();
    let add: Vec<&SharedWith> = to.iter().filter(|one| !live.contains(one)).collect();
    if remove.is_empty() && add.is_empty() {
        return Ok(Applied::Already);
    }
    let client = Client::new(&place.config);
    let done = match of {
        Shared::Snapshot(id) => {
            let permission = |one: &&SharedWith| {
                let (user, group) = user_or_group(one);
                CreateVolumePermission::builder().set_user_id(user).set_group(group).build()
            };
            let modifications = CreateVolumePermissionModifications::builder()
                .set_add(some(add.iter().map(permission)))
                .set_remove(some(remove.iter().map(permission)))
                .build();
            let call = client.modify_snapshot_attribute().snapshot_id(id).create_volume_permission(modifications);
            call.attribute(SnapshotAttributeName::CreateVolumePermission).send().await.map(drop).map_err(failure)
        }
        Shared::Image(id) => {
            let permission = |one: &&SharedWith| {
                let (user, group) = user_or_group(one);
                let permission = LaunchPermission::builder().set_user_id(user).set_group(group);
                match one {
                    SharedWith::Organization(arn) => permission.organization_arn(arn),
                    SharedWith::OrganizationalUnit(arn) => permission.organizational_unit_arn(arn),
                    SharedWith::Everyone | SharedWith::Account(_) | SharedWith::Principal(_) => permission,
                }
                .build()
            };
            let modifications = LaunchPermissionModifications::builder()
                .set_add(some(add.iter().map(permission)))
                .set_remove(some(remove.iter().map(permission)))
                .build();
            let call = client.modify_image_attribute().image_id(id).launch_permission(modifications);
            call.send().await.map(drop).map_err(failure)
        }
        Shared::EndpointService(id) => {
            let name = |one: &&SharedWith| match one {
                SharedWith::Everyone => "*".to_owned(),
                other => other.to_string(),
            };
            let call = client.modify_vpc_endpoint_service_permissions().service_id(id);
            let call = call.set_add_allowed_principals(some(add.iter().map(name)));
            let call = call.set_remove_allowed_principals(some(remove.iter().map(name)));
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("changing with whom {of} is shared"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

fn user_or_group(grantee: &SharedWith) -> (Option<String>, Option<PermissionGroup>) {
    match grantee {
        SharedWith::Everyone => (None, Some(PermissionGroup::All)),
        SharedWith::Account(id) => (Some(id.clone()), None),
        SharedWith::Organization(_) | SharedWith::OrganizationalUnit(_) | SharedWith::Principal(_) => (None, None),
    }
}

/// A list that is not sent at all if there is nothing in it.
fn some<T>(list: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let list: Vec<T> = list.collect();
    (!list.is_empty()).then_some(list)
}

async fn turn(place: &Place, of: Switch, from: &str, to: &str) -> Result<Applied> {
    let live = switch(place, of).await?;
    if live == to {
        return Ok(Applied::Already);
    }
    if live != from {
        return Ok(Applied::Changed { found: format!("{of} is `{live}`") });
    }
    let client = Client::new(&place.config);
    let done = match (of, to) {
        (Switch::SnapshotBlockPublicAccess, "unblocked") => {
            client.disable_snapshot_block_public_access().send().await.map(drop).map_err(failure)
        }
        (Switch::SnapshotBlockPublicAccess, mode) => {
            let call = client.enable_snapshot_block_public_access().state(SnapshotBlockPublicAccessState::from(mode));
            call.send().await.map(drop).map_err(failure)
        }
        (Switch::ImageBlockPublicAccess, "unblocked") => {
            client.disable_image_block_public_access().send().await.map(drop).map_err(failure)
        }
        (Switch::ImageBlockPublicAccess, mode) => {
            let mode = ImageBlockPublicAccessEnabledState::from(mode);
            let call = client.enable_image_block_public_access().image_block_public_access_state(mode);
            call.send().await.map(drop).map_err(failure)
        }
        (Switch::EbsEncryptionByDefault, "enabled") => {
            client.enable_ebs_encryption_by_default().send().await.map(drop).map_err(failure)
        }
        (Switch::EbsEncryptionByDefault, _) => {
            client.disable_ebs_encryption_by_default().send().await.map(drop).map_err(failure)
        }
        (Switch::SerialConsoleAccess, "enabled") => {
            client.enable_serial_console_access().send().await.map(drop).map_err(failure)
        }
        (Switch::SerialConsoleAccess, _) => {
            client.disable_serial_console_access().send().await.map(drop).map_err(failure)
        }
        (Switch::VpcBlockPublicAccess, mode) => {
            let call = client.modify_vpc_block_public_access_options();
            let call = call.internet_gateway_block_mode(InternetGatewayBlockMode::from(mode));
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("setting {of} to `{to}`"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// What the call does not name stays as it is.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>
async fn set_metadata_tokens(place: &Place, instance: &str, from: &str, to: &str) -> Result<Applied> {
    match metadata_options(place, instance).await? {
        None => return Ok(Applied::Changed { found: format!("instance `{instance}` is gone") }),
        Some(options) if options.tokens == to => return Ok(Applied::Already),
        Some(options) if options.tokens != from => {
            return Ok(Applied::Changed {
                found: format!("HttpTokens of instance `{instance}` is {}", options.tokens),
            });
        }
        Some(_) => {}
    }
    let call = Client::new(&place.config).modify_instance_metadata_options().instance_id(instance);
    let done = call.http_tokens(HttpTokensState::from(to)).send().await;
    done.map_err(|error| failure(error).context(format!("changing the options of instance `{instance}`")))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// A rule is known by its number and its direction, which another rule may have by now.
async fn set_acl_entry(place: &Place, acl: &str, from: Option<&AclEntry>, to: Option<&AclEntry>) -> Result<Applied> {
    let Some(entry) = from.or(to) else { bail!("a change of no rule") };
    let Some(live) = acl_entries(place, acl).await? else {
        return Ok(Applied::Changed { found: format!("network ACL `{acl}` is gone") });
    };
    let live = live.iter().find(|live| live.number == entry.number && live.egress == entry.egress);
    if live == to {
        return Ok(Applied::Already);
    }
    if live != from {
        let found = live.map_or_else(|| format!("rule {} is gone", entry.number), ToString::to_string);
        return Ok(Applied::Changed { found });
    }
    let client = Client::new(&place.config);
    let done = match to {
        None => {
            let call = client.delete_network_acl_entry().network_acl_id(acl).rule_number(entry.number);
            call.egress(entry.egress).send().await.map(drop).map_err(failure)
        }
        Some(entry) => {
            let is_icmp = matches!(entry.protocol.as_str(), "1" | "58");
            let range = |(from, to)| PortRange::builder().from(from).to(to).build();
            let icmp = |(kind, code)| IcmpTypeCode::builder().r#type(kind).code(code).build();
            let (v4, v6) = if entry.cidr.contains(':') { (None, Some(&entry.cidr)) } else { (Some(&entry.cidr), None) };
            let call = client
                .create_network_acl_entry()
                .network_acl_id(acl)
                .rule_number(entry.number)
                .egress(entry.egress)
                .protocol(&entry.protocol)
                .rule_action(if entry.allow { RuleAction::Allow } else { RuleAction::Deny })
                .set_cidr_block(v4.cloned())
                .set_ipv6_cidr_block(v6.cloned())
                .set_port_range(entry.ports.filter(|_| !is_icmp).map(range))
                .set_icmp_type_code(entry.ports.filter(|_| is_icmp).map(icmp));
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("changing {entry} of network ACL `{acl}`"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// EC2 takes the change only if nobody has changed the list since it was read.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyManagedPrefixList.html>
async fn set_prefix_entries(place: &Place, list: &str, from: &[PrefixEntry], to: &[PrefixEntry]) -> Result<Applied> {
    let Some((version, live)) = prefix_entries(place, list).await? else {
        return Ok(Applied::Changed { found: format!("prefix list `{list}` is gone") });
    };
    let is_in = |entry: &PrefixEntry, entries: &[PrefixEntry]| entries.iter().any(|other| other.cidr == entry.cidr);
    let remove = from.iter().filter(|entry| !is_in(entry, to) && is_in(entry, &live));
    let add = to.iter().filter(|entry| !is_in(entry, &live));
    let remove = some(remove.map(|entry| RemovePrefixListEntry::builder().cidr(&entry.cidr).build()));
    let add = some(add.map(|entry| {
        AddPrefixListEntry::builder().cidr(&entry.cidr).set_description(entry.description.clone()).build()
    }));
    if remove.is_none() && add.is_none() {
        return Ok(Applied::Already);
    }
    let call = Client::new(&place.config).modify_managed_prefix_list().prefix_list_id(list).current_version(version);
    match call.set_remove_entries(remove).set_add_entries(add).send().await {
        Ok(_) => Ok(Applied::Done { made: BTreeMap::new() }),
        Err(error) if code(&error) == Some("PrefixListVersionMismatch") => {
            Ok(Applied::Changed { found: format!("prefix list `{list}` has changed since version {version}") })
        }
        Err(error) => Err(failure(error).context(format!("changing prefix list `{list}`"))),
    }
}

/// A flow log is known by what it records, as its id is another once it is made again.
async fn set_flow_log(place: &Place, from: Option<&FlowLog>, to: Option<&FlowLog>) -> Result<Applied> {
    let Some(log) = to.or(from) else { bail!("a change of no flow log") };
    let live = flow_logs_of(place, &log.resource).await?;
    let live = live.iter().find(|live| live.records_the_same(log));
    if live.is_some() == to.is_some() {
        return Ok(Applied::Already);
    }
    let client = Client::new(&place.config);
    let Some(live) = live else { return create_flow_log(&client, log).await };
    let done = client.delete_flow_logs().flow_log_ids(&live.id).send().await;
    let done = done.map_err(|error| failure(error).context(format!("deleting flow log `{}`", live.id)))?;
    refused(done.unsuccessful()).map_or(Ok(Applied::Done { made: BTreeMap::new() }), |(code, why)| {
        bail!("deleting flow log `{}`: {code}: {why}", live.id)
    })
}

async fn create_flow_log(client: &Client, log: &FlowLog) -> Result<Applied> {
    let kind = match log.resource.split('-').next() {
        Some("vpc") => FlowLogsResourceType::Vpc,
        Some("subnet") => FlowLogsResourceType::Subnet,
        Some("eni") => FlowLogsResourceType::NetworkInterface,
        _ => bail!("a flow log of `{}` cannot be made again", log.resource),
    };
    let options = log.files.as_ref().map(|files| {
        DestinationOptionsRequest::builder()
            .file_format(DestinationFileFormat::from(files.format.as_str()))
            .hive_compatible_partitions(files.hive_partitions)
            .per_hour_partition(files.hourly)
            .build()
    });
    // A log group is given by its name or by its ARN, and not by both.
    let destination = log.destination.clone().filter(|_| log.log_group.is_none());
    let call = client
        .create_flow_logs()
        .resource_ids(&log.resource)
        .resource_type(kind)
        .set_traffic_type(log.traffic.as_deref().map(TrafficType::from))
        .log_destination_type(LogDestinationType::from(log.destination_type.as_str()))
        .set_log_destination(destination)
        .set_log_group_name(log.log_group.clone())
        .set_deliver_logs_permission_arn(log.role.clone())
        .set_log_format(log.format.clone())
        .set_max_aggregation_interval(log.interval)
        .set_destination_options(options)
        .set_tag_specifications(
            (!log.tags.is_empty()).then(|| vec![tag_specification(ResourceType::VpcFlowLog, &log.tags)]),
        );
    let done = call.send().await.map_err(|error| failure(error).context(format!("creating the {log}")))?;
    match refused(done.unsuccessful()) {
        None => Ok(Applied::Done { made: BTreeMap::new() }),
        Some((code, _)) if code == "FlowLogAlreadyExists" => Ok(Applied::Already),
        Some((code, why)) => bail!("creating the {log}: {code}: {why}"),
    }
}

/// An exclusion that is made again has another id.
async fn set_exclusion(place: &Place, from: Option<&VpcExclusion>, to: Option<&VpcExclusion>) -> Result<Applied> {
    let Some(of) = to.or(from) else { bail!("a change of no exclusion") };
    let live = exclusions(place).await?;
    let live = live.iter().find(|live| from.map_or(live.resource == of.resource, |from| live.id == from.id));
    let mode = |of: Option<&VpcExclusion>| of.map(|of| of.mode.clone());
    if mode(live) == mode(to) {
        return Ok(Applied::Already);
    }
    if mode(live) != mode(from) {
        let found = mode(live).map_or_else(|| format!("the {of} is gone"), |mode| format!("the {of} is `{mode}`"));
        return Ok(Applied::Changed { found });
    }
    let client = Client::new(&place.config);
    let done = match (live, to) {
        (Some(live), None) => {
            let call = client.delete_vpc_block_public_access_exclusion().exclusion_id(&live.id);
            call.send().await.map(drop).map_err(failure)
        }
        (Some(live), Some(to)) => {
            let call = client.modify_vpc_block_public_access_exclusion().exclusion_id(&live.id);
            let call = call.internet_gateway_exclusion_mode(InternetGatewayExclusionMode::from(to.mode.as_str()));
            call.send().await.map(drop).map_err(failure)
        }
        (None, _) => {
            let (vpc, subnet) =
                if of.resource.starts_with("vpc-") { (Some(&of.resource), None) } else { (None, Some(&of.resource)) };
            let call = client
                .create_vpc_block_public_access_exclusion()
                .set_vpc_id(vpc.cloned())
                .set_subnet_id(subnet.cloned())
                .internet_gateway_exclusion_mode(InternetGatewayExclusionMode::from(of.mode.as_str()))
                .set_tag_specifications(
                    (!of.tags.is_empty())
                        .then(|| vec![tag_specification(ResourceType::VpcBlockPublicAccessExclusion, &of.tags)]),
                );
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("changing the {of}"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

/// Calls upon several things succeed as a whole and tell beside it what was refused.
fn refused(items: &[UnsuccessfulItem]) -> Option<(String, String)> {
    let error = items.first()?.error.clone();
    let error = error.map(|error| (error.code.unwrap_or_default(), error.message.unwrap_or_default()));
    Some(error.unwrap_or_default())
}

/// A rule keeps its id when it is changed, so what the ids stand for is read again just before.
async fn revoke(place: &Place, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = self::rules(place, direction_of(rules), Some(group)).await?;
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
async fn modify(place: &Place, group: &str, from: &[Rule], to: &[Rule]) -> Result<Applied> {
    let live = rules(place, direction_of(from), Some(group)).await?;
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
async fn authorize(place: &Place, group: &str, rules: &[Rule]) -> Result<Applied> {
    let live = self::rules(place, direction_of(rules), Some(group)).await?;
    let missing = rules.iter().filter(|rule| !live.iter().any(|live| live.lets_through_the_same(rule)));
    let mut by_tags: BTreeMap<&BTreeMap<String, String>, Vec<&Rule>> = BTreeMap::new();
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
        for new in new.into_iter().filter_map(rule) {
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
    tags: &BTreeMap<String, String>,
) -> Result<Option<Vec<SecurityGroupRule>>> {
    let client = Client::new(&place.config);
    let permissions = Some(rules.iter().map(|rule| permission(rule)).collect());
    let tags = (!tags.is_empty()).then(|| vec![tag_specification(ResourceType::SecurityGroupRule, tags)]);
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
        direction: if rule.is_egress == Some(true) { Direction::Egress } else { Direction::Ingress },
        description: rule.description.filter(|text| !text.is_empty()),
        tags: rule.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect(),
    })
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

fn tag_specification(of: ResourceType, tags: &BTreeMap<String, String>) -> TagSpecification {
    let tags = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(of).set_tags(Some(tags)).build()
}
