//! What there is of each kind in an account and a Region, for a look without an event.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;

use anyhow::Result;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::Filter;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::failure;
use snapback::control::{Look, Survey};
use snapback::event::Event;
use snapback::subject::Subject;

use crate::aws::vpc_exclusions;
use crate::rights;

pub(crate) const SECURITY_GROUPS: Survey = Survey {
    list: |look, event| {
        let call = client(look).describe_security_groups().filters(owned(look));
        let found = call.into_paginator().items().send().try_collect();
        listed("security groups", found, |group| group.group_id, event, Subject::security_group)
    },
    needs: &[rights::DESCRIBE_SECURITY_GROUPS],
};

pub(crate) const SNAPSHOTS: Survey = Survey {
    list: |look, event| {
        let call = client(look).describe_snapshots().owner_ids("self");
        let found = call.into_paginator().items().send().try_collect();
        listed("snapshots", found, |snapshot| snapshot.snapshot_id, event, Subject::snapshot)
    },
    needs: &[rights::DESCRIBE_SNAPSHOTS],
};

pub(crate) const IMAGES: Survey = Survey {
    list: |look, event| {
        let found = client(look).describe_images().owners("self").into_paginator().items().send().try_collect();
        listed("AMIs", found, |image| image.image_id, event, Subject::image)
    },
    needs: &[rights::DESCRIBE_IMAGES],
};

/// The endpoint services that the account offers.
pub(crate) const ENDPOINT_SERVICES: Survey = Survey {
    list: |look, event| {
        let call = client(look).describe_vpc_endpoint_service_configurations();
        let found = call.into_paginator().items().send().try_collect();
        listed("endpoint services", found, |service| service.service_id, event, Subject::endpoint_service)
    },
    needs: &[rights::DESCRIBE_VPC_ENDPOINT_SERVICE_CONFIGURATIONS],
};

pub(crate) const VPC_ENDPOINTS: Survey = Survey {
    list: |look, event| {
        let found = client(look).describe_vpc_endpoints().into_paginator().items().send().try_collect();
        listed("VPC endpoints", found, |endpoint| endpoint.vpc_endpoint_id, event, Subject::vpc_endpoint)
    },
    needs: &[rights::DESCRIBE_VPC_ENDPOINTS],
};

/// The instances that run, or can be started again.
pub(crate) const INSTANCES: Survey = Survey {
    list: |look, event| {
        let states = ["pending", "running", "stopping", "stopped"].map(str::to_owned);
        let there = Filter::builder().name("instance-state-name").set_values(Some(states.into())).build();
        let call = client(look).describe_instances().filters(there);
        let found = call.into_paginator().items().send().try_collect();
        let ids = |one: aws_sdk_ec2::types::Reservation| {
            let instances = one.instances.unwrap_or_default();
            instances.into_iter().filter_map(|instance| instance.instance_id).collect::<Vec<_>>()
        };
        listed("instances", found, ids, event, Subject::instance)
    },
    needs: &[rights::DESCRIBE_INSTANCES],
};

/// The network ACLs that somebody has made. That of a new VPC lets everything in, as AWS makes it, and is left to the
/// security groups; Security Hub leaves it out for the same reason.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/ec2-controls.html#ec2-21>
pub(crate) const NETWORK_ACLS: Survey = Survey {
    list: |look, event| {
        let made = Filter::builder().name("default").values("false").build();
        let call = client(look).describe_network_acls().filters(owned(look)).filters(made);
        let found = call.into_paginator().items().send().try_collect();
        listed("network ACLs", found, |acl| acl.network_acl_id, event, Subject::network_acl)
    },
    needs: &[rights::DESCRIBE_NETWORK_ACLS],
};

pub(crate) const PREFIX_LISTS: Survey = Survey {
    list: |look, event| {
        let call = client(look).describe_managed_prefix_lists().filters(owned(look));
        let found = call.into_paginator().items().send().try_collect();
        listed("prefix lists", found, |list| list.prefix_list_id, event, Subject::prefix_list)
    },
    needs: &[rights::DESCRIBE_MANAGED_PREFIX_LISTS],
};

pub(crate) const FLOW_LOGS: Survey = Survey {
    list: |look, event| {
        let found = client(look).describe_flow_logs().into_paginator().items().send().try_collect();
        listed("flow logs", found, |log| log.flow_log_id, event, Subject::flow_log)
    },
    needs: &[rights::DESCRIBE_FLOW_LOGS],
};

/// The exclusions from Block Public Access of VPCs, for which the SDK has no paginator.
pub(crate) const VPC_EXCLUSIONS: Survey = Survey {
    list: |look, event| {
        async move {
            let found = vpc_exclusions::all(look.place).await?;
            Ok(found.iter().map(|exclusion| Subject::vpc_exclusion(event, &exclusion.id)).collect())
        }
        .boxed()
    },
    needs: &[rights::DESCRIBE_VPC_BLOCK_PUBLIC_ACCESS_EXCLUSIONS],
};

fn client(look: &Look<'_>) -> Client {
    snapback::client!(aws_sdk_ec2, &look.place.config)
}

fn owned(look: &Look<'_>) -> Filter {
    Filter::builder().name("owner-id").values(&look.place.account).build()
}

/// The subject of each thing that is found, by its id.
fn listed<'a, T, I, E, R>(
    what: &'static str,
    found: impl Future<Output = Result<Vec<T>, SdkError<E, R>>> + Send + 'a,
    ids: fn(T) -> I,
    event: &'a Event,
    subject: fn(&Event, &str) -> Subject,
) -> BoxFuture<'a, Result<Vec<Subject>>>
where
    T: 'a,
    I: IntoIterator<Item = String> + 'a,
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: Debug + Send + Sync + 'static,
{
    async move {
        let found = found.await.map_err(|error| failure(error).context(format!("listing the {what}")))?;
        Ok(found.into_iter().flat_map(ids).map(|id| subject(event, &id)).collect())
    }
    .boxed()
}
