//! Every call to Amazon EC2 that Snapback makes: for each thing how it is read and how it is written.

mod answer;
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
use snapback::change::{Applied, Change, Ec2};
use snapback::place::Place;

/// Applies a change if what it changes is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::Ec2(change) = change else { bail!("the function for EC2 was asked to {change}") };
        match change {
            Ec2::RevokeRules { group, rules } => Box::pin(rules::revoke(place, group, rules)).await,
            Ec2::AuthorizeRules { group, rules } => Box::pin(rules::authorize(place, group, rules)).await,
            Ec2::ModifyRules { group, from, to } => Box::pin(rules::modify(place, group, from, to)).await,
            Ec2::Sharing { of, from, to } => Box::pin(shares::change(place, of, from, to)).await,
            Ec2::Switch { of, from, to } => Box::pin(switches::turn(place, *of, from, to)).await,
            Ec2::MetadataTokens { instance, from, to } => {
                Box::pin(instances::set_metadata_tokens(place, instance, from, to)).await
            }
            Ec2::NetworkAclEntry { acl, from, to } => {
                Box::pin(network_acls::change(place, acl, from.as_ref(), to.as_ref())).await
            }
            Ec2::PrefixListEntries { list, from, to } => Box::pin(prefix_lists::change(place, list, from, to)).await,
            Ec2::FlowLog { from, to } => Box::pin(flow_logs::change(place, from.as_deref(), to.as_deref())).await,
            Ec2::VpcExclusion { from, to } => Box::pin(vpc_exclusions::change(place, from.as_ref(), to.as_ref())).await,
        }
    }
    .boxed()
}
