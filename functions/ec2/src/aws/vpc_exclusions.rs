//! Exclusions from Block Public Access of VPCs.

use anyhow::{Context, Result};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{InternetGatewayExclusionMode, ResourceType, VpcBlockPublicAccessExclusion};
use snapback::aws::failure;
use snapback::change::{Applied, Edit, Live, Network, Swap, VpcExclusion};
use snapback::place::Place;

use crate::aws::tags;

/// Those that are there, or are being made. AWS goes on showing those that were deleted.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpcBlockPublicAccessExclusion.html>
pub(crate) async fn all(place: &Place) -> Result<Vec<VpcExclusion>> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
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

pub(super) async fn change(place: &Place, change: &Swap<Network, Vec<VpcExclusion>>) -> Result<Applied> {
    // What is there is known by its id; what is made again has another one, and is known by what it excludes.
    let is_it = |live: &VpcExclusion| match change.from.as_slice() {
        [] => live.resource == change.of.0,
        from => from.iter().any(|from| from.id == live.id),
    };
    let read = move || async move { Ok(Live::Is(all(place).await?.into_iter().filter(is_it).collect())) };
    let write = async |edit| write(place, edit).await.with_context(|| change.to_string());
    change.edit(read, write).await
}

async fn write(place: &Place, edit: Edit<VpcExclusion>) -> Result<Applied> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    for exclusion in &edit.remove {
        let call = client.delete_vpc_block_public_access_exclusion().exclusion_id(&exclusion.id);
        call.send().await.map_err(failure)?;
    }
    for (exclusion, to) in &edit.replace {
        let call = client.modify_vpc_block_public_access_exclusion().exclusion_id(&exclusion.id);
        let call = call.internet_gateway_exclusion_mode(InternetGatewayExclusionMode::from(to.mode.as_str()));
        call.send().await.map_err(failure)?;
    }
    for exclusion in &edit.add {
        create(&client, exclusion).await?;
    }
    Ok(Applied::done())
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
