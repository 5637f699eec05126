//! Flow logs: what they record of what, and where to.

use anyhow::{Result, bail};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, Filter, FlowLogsResourceType, LogDestinationType, ResourceType,
    TrafficType,
};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Edit, FlowLog, FlowLogFiles, Live, Network, Swap};
use snapback::place::Place;

use crate::aws::answer::refused;
use crate::aws::tags;

/// A flow log, or none if it is gone.
pub(crate) async fn read(place: &Place, id: &str) -> Result<Vec<FlowLog>> {
    let answer = snapback::client!(aws_sdk_ec2, &place.config).describe_flow_logs().flow_log_ids(id).send().await;
    let answer = unless_gone(answer, &["InvalidFlowLogId.NotFound"], || format!("reading flow log `{id}`"))?;
    let found = answer.and_then(|answer| answer.flow_logs).unwrap_or_default();
    Ok(found.into_iter().filter_map(kept).collect())
}

/// The flow logs of a resource.
pub(crate) async fn of_resource(place: &Place, resource: &str) -> Result<Vec<FlowLog>> {
    let of_it = Filter::builder().name("resource-id").values(resource).build();
    let call = snapback::client!(aws_sdk_ec2, &place.config).describe_flow_logs().filter(of_it);
    let found = call.into_paginator().items().send().try_collect().await;
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
        tags: tags::own(log.tags),
        is_all_told,
    })
}

pub(super) async fn change(place: &Place, change: &Swap<Network, Vec<FlowLog>>) -> Result<Applied> {
    let read = move || async move { Ok(Live::Is(of_resource(place, &change.of.0).await?)) };
    change.edit(read, async |edit| write(place, edit).await).await
}

async fn write(place: &Place, edit: Edit<FlowLog>) -> Result<Applied> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    for log in &edit.remove {
        delete(&client, &log.id).await?;
    }
    let mut is_there = !edit.add.is_empty();
    for log in &edit.add {
        is_there &= create(&client, log).await? == Applied::Already;
    }
    Ok(if is_there && edit.remove.is_empty() { Applied::Already } else { Applied::done() })
}

async fn delete(client: &Client, id: &str) -> Result<()> {
    let done = client.delete_flow_logs().flow_log_ids(id).send().await;
    let done = done.map_err(|error| failure(error).context(format!("deleting flow log `{id}`")))?;
    match refused(done.unsuccessful()) {
        None => Ok(()),
        Some((code, why)) => bail!("deleting flow log `{id}`: {code}: {why}"),
    }
}

async fn create(client: &Client, log: &FlowLog) -> Result<Applied> {
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
        .set_tag_specifications(tags::specification(ResourceType::VpcFlowLog, &log.tags));
    let done = call.send().await.map_err(|error| failure(error).context(format!("creating the {log}")))?;
    match refused(done.unsuccessful()) {
        None => Ok(Applied::done()),
        // For one resource of several the code may be a number, and only the text says it.
        // https://github.com/getmoto/moto/blob/master/tests/test_ec2/test_flow_logs.py
        Some((code, why)) if code == "FlowLogAlreadyExists" || why.contains("existing Flow Log with the same") => {
            Ok(Applied::Already)
        }
        Some((code, why)) => bail!("creating the {log}: {code}: {why}"),
    }
}
