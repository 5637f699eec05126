//! Exclusions from Block Public Access of VPCs.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{InternetGatewayExclusionMode, ResourceType, VpcBlockPublicAccessExclusion};
use snapback::aws::failure;
use snapback::change::{Applied, VpcExclusion};
use snapback::place::Place;

use crate::aws::tags;

/// Those that are there, or are being made. AWS goes on showing those that were deleted.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessExclusion.html>
pub(crate) async fn all(place: &Place) -> Result<Vec<VpcExclusion>> {
    let client = Client::new(&place.config);
    let (mut found, mut next) = (vec![], None);
    loop {
        let answer = client.describe_vpc_block_public_access_exclusions().set_next_token(next).send().await;
        let answer = answer
            .map_err(|error| failure(error).context("reading the exclusions from Block Public Access of VPCs"))?;
        found.extend(answer.vpc_block_public_access_exclusions.unwrap_or_default().into_iter().filter_map(kept));
        next = answer.next_token.filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn kept(shown: VpcBlockPublicAccessExclusion) -> Option<VpcExclusion> {
    let state = shown.state?;
    let is_there = ["create-in-progress", "create-complete", "update-"].iter().any(|of| state.as_str().starts_with(of));
    is_there.then_some(VpcExclusion {
        id: shown.exclusion_id?,
        // The ARN is that of the VPC or the subnet.
        resource: shown.resource_arn?.rsplit('/').next()?.to_owned(),
        mode: shown.internet_gateway_exclusion_mode?.as_str().to_owned(),
        tags: tags::own(shown.tags),
    })
}

/// An exclusion that is made again has another id.
pub(super) async fn change(place: &Place, from: Option<&VpcExclusion>, to: Option<&VpcExclusion>) -> Result<Applied> {
    let Some(of) = to.or(from) else { bail!("a change of no exclusion") };
    let live = all(place).await?;
    let live = live.iter().find(|live| from.map_or(live.resource == of.resource, |from| live.id == from.id));
    let mode = |of: Option<&VpcExclusion>| of.map(|of| of.mode.clone());
    if mode(live) == mode(to) {
        return Ok(Applied::Already);
    }
    if mode(live) != mode(from) {
        let found = mode(live).map_or_else(|| format!("the {of} is gone"), |mode| format!("the {of} is `{mode}`"));
        return Ok(Applied::Changed { found });
    }
    write(place, live, to).await.with_context(|| format!("changing the {of}"))?;
    Ok(Applied::Done { made: BTreeMap::new() })
}

async fn write(place: &Place, live: Option<&VpcExclusion>, to: Option<&VpcExclusion>) -> Result<()> {
    let client = Client::new(&place.config);
    match (live, to) {
        (Some(live), None) => {
            let call = client.delete_vpc_block_public_access_exclusion().exclusion_id(&live.id);
            call.send().await.map(drop).map_err(failure)
        }
        (Some(live), Some(to)) => {
            let call = client.modify_vpc_block_public_access_exclusion().exclusion_id(&live.id);
            let call = call.internet_gateway_exclusion_mode(InternetGatewayExclusionMode::from(to.mode.as_str()));
            call.send().await.map(drop).map_err(failure)
        }
        (None, Some(to)) => create(&client, to).await,
        (None, None) => Ok(()),
    }
}

async fn create(client: &Client, exclusion: &VpcExclusion) -> Result<()> {
    let resource = &exclusion.resource;
    let (vpc, subnet) = if resource.starts_with("vpc-") { (Some(resource), None) } else { (None, Some(resource)) };
    let call = client
        .create_vpc_block_public_access_exclusion()
        .set_vpc_id(vpc.cloned())
        .set_subnet_id(subnet.cloned())
        .internet_gateway_exclusion_mode(InternetGatewayExclusionMode::from(exclusion.mode.as_str()))
        .set_tag_specifications(tags::specification(ResourceType::VpcBlockPublicAccessExclusion, &exclusion.tags));
    call.send().await.map(drop).map_err(failure)
}
