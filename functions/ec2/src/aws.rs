//! Every call to Amazon EC2 that Snapback makes: for each thing how it is read and how it is written.

mod answer;
pub(crate) mod endpoint_services;
pub(crate) mod endpoints;
pub(crate) mod flow_logs;
pub(crate) mod instances;
pub(crate) mod network_acls;
pub(crate) mod prefix_lists;
pub(crate) mod rules;
pub(crate) mod shares;
pub(crate) mod surveys;
pub(crate) mod switches;
pub(crate) mod tags;
pub(crate) mod traffic_mirrors;
pub(crate) mod vpc_exclusions;

use anyhow::{Result, bail};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::change::{Applied, Change, Ec2, Holder};
use snapback::place::Place;

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let change = match change {
            Change::Ec2(change) => change,
            Change::Policy(change) => match &change.of {
                Holder::VpcEndpoint(endpoint) => return Box::pin(endpoints::put(place, endpoint, change)).await,
                _ => bail!("the function for EC2 was asked to {change}"),
            },
            other => bail!("the function for EC2 was asked to {other}"),
        };
        match change {
            Ec2::Rules(change) => Box::pin(rules::change(place, change)).await,
            Ec2::Sharing(change) => Box::pin(shares::change(place, change)).await,
            Ec2::Switch(change) => Box::pin(switches::change(place, change)).await,
            Ec2::MetadataTokens(change) => Box::pin(instances::change(place, change)).await,
            Ec2::MetadataHopLimit(change) => Box::pin(instances::change_hop_limit(place, change)).await,
            Ec2::EndpointAcceptance(change) => Box::pin(endpoint_services::change(place, change)).await,
            Ec2::NetworkAclEntries(change) => Box::pin(network_acls::change(place, change)).await,
            Ec2::PrefixListEntries(change) => Box::pin(prefix_lists::change(place, change)).await,
            Ec2::FlowLogs(change) => Box::pin(flow_logs::change(place, change)).await,
            Ec2::VpcExclusions(change) => Box::pin(vpc_exclusions::change(place, change)).await,
        }
    }
    .boxed()
}
