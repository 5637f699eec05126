//! The options of an instance's metadata service.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{HttpTokensState, InstanceMetadataEndpointState};
use serde::{Deserialize, Serialize};
use snapback::aws::failure;
use snapback::change::Applied;
use snapback::place::Place;

use crate::aws::answer::unless_gone;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MetadataOptions {
    /// `required` or `optional`
    pub(crate) tokens: String,
    /// Whether the metadata service answers at all.
    pub(crate) is_on: bool,
}

/// Nothing if the instance is gone.
pub(crate) async fn metadata_options(place: &Place, instance: &str) -> Result<Option<MetadataOptions>> {
    let answer = Client::new(&place.config).describe_instances().instance_ids(instance).send().await;
    let doing = || format!("reading the options of instance `{instance}`");
    let Some(answer) = unless_gone(answer, &["InvalidInstanceID.NotFound"], doing)? else { return Ok(None) };
    let instances = answer.reservations.unwrap_or_default().into_iter().filter_map(|one| one.instances).flatten();
    let mut options = instances.filter_map(|instance| instance.metadata_options);
    Ok(options.next().and_then(|options| {
        Some(MetadataOptions {
            tokens: options.http_tokens?.as_str().to_owned(),
            is_on: options.http_endpoint != Some(InstanceMetadataEndpointState::Disabled),
        })
    }))
}

/// What the call does not name stays as it is.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceMetadataOptions.html>
pub(super) async fn set_metadata_tokens(place: &Place, instance: &str, from: &str, to: &str) -> Result<Applied> {
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
