//! The options of an instance's metadata service.

use anyhow::Result;
use aws_sdk_ec2::operation::modify_instance_metadata_options::builders::ModifyInstanceMetadataOptionsFluentBuilder as Modify;
use aws_sdk_ec2::types::{HttpTokensState, InstanceMetadataEndpointState, InstanceMetadataOptionsResponse};
use serde::{Deserialize, Serialize};
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, HopLimit, HttpTokens, Instance, Live, Swap};
use snapback::place::Place;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetadataOptions {
    /// `required` or `optional`
    pub(crate) tokens: String,
    /// Whether the metadata service answers at all.
    pub(crate) is_on: bool,
}

/// Nothing if the instance is gone.
pub(crate) async fn metadata_options(place: &Place, instance: &str) -> Result<Option<MetadataOptions>> {
    let found = read(place, instance).await?;
    Ok(found.and_then(|options| {
        Some(MetadataOptions {
            tokens: options.http_tokens?.as_str().to_owned(),
            is_on: options.http_endpoint != Some(InstanceMetadataEndpointState::Disabled),
        })
    }))
}

/// How many hops the answers of the metadata service may take; nothing if the instance is gone.
pub(crate) async fn hop_limit(place: &Place, instance: &str) -> Result<Option<HopLimit>> {
    let found = read(place, instance).await?;
    Ok(found.and_then(|options| options.http_put_response_hop_limit).map(HopLimit))
}

async fn read(place: &Place, instance: &str) -> Result<Option<InstanceMetadataOptionsResponse>> {
    let answer = snapback::client!(aws_sdk_ec2, &place.config).describe_instances().instance_ids(instance).send().await;
    let doing = || format!("reading the options of instance `{instance}`");
    let Some(answer) = unless_gone(answer, &["InvalidInstanceID.NotFound"], doing)? else { return Ok(None) };
    let instances = answer.reservations.unwrap_or_default().into_iter().filter_map(|one| one.instances).flatten();
    let mut options = instances.filter_map(|instance| instance.metadata_options);
    Ok(options.next())
}

pub(super) async fn change(place: &Place, change: &Swap<Instance, HttpTokens>) -> Result<Applied> {
    let of = &change.of;
    let read = async {
        let options = metadata_options(place, &of.0).await?;
        Ok(Live::or(options.map(|options| HttpTokens(options.tokens)), || format!("{of} is gone")))
    };
    let write =
        async |to: &HttpTokens| modify(place, of, |call| call.http_tokens(HttpTokensState::from(to.0.as_str()))).await;
    change.put(read, write).await
}

pub(super) async fn change_hop_limit(place: &Place, change: &Swap<Instance, HopLimit>) -> Result<Applied> {
    let of = &change.of;
    let read = async {
        let found = hop_limit(place, &of.0).await?;
        Ok(Live::or(found, || format!("{of} is gone")))
    };
    let write = async |to: &HopLimit| modify(place, of, |call| call.http_put_response_hop_limit(to.0)).await;
    change.put(read, write).await
}

/// What the call does not name stays as it is.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>
async fn modify(place: &Place, of: &Instance, set: impl FnOnce(Modify) -> Modify) -> Result<()> {
    let call = snapback::client!(aws_sdk_ec2, &place.config).modify_instance_metadata_options().instance_id(&of.0);
    let done = set(call).send().await;
    done.map(drop).map_err(|error| failure(error).context(format!("changing the options of {of}")))
}
