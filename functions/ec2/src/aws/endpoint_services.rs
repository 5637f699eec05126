//! Whether connections to an endpoint service have to be accepted.

use anyhow::Result;
use snapback::aws::{failure, unless_gone};
use snapback::change::{Acceptance, Applied, EndpointService, Live, Swap};
use snapback::place::Place;

/// Nothing if there is no such service.
pub(crate) async fn acceptance(place: &Place, service: &str) -> Result<Option<Acceptance>> {
    let call = snapback::client!(aws_sdk_ec2, &place.config).describe_vpc_endpoint_service_configurations();
    let answer = call.service_ids(service).send().await;
    let doing = || format!("reading the configuration of endpoint service `{service}`");
    let Some(answer) = unless_gone(answer, &["InvalidVpcEndpointServiceId.NotFound"], doing)? else { return Ok(None) };
    let is_required =
        answer.service_configurations.unwrap_or_default().into_iter().find_map(|one| one.acceptance_required);
    Ok(is_required.map(|is| if is { Acceptance::Required } else { Acceptance::NotRequired }))
}

/// What the call does not name stays as it is.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointServiceConfiguration.html>
pub(super) async fn change(place: &Place, change: &Swap<EndpointService, Acceptance>) -> Result<Applied> {
    let of = &change.of;
    let read = async { Ok(Live::or(acceptance(place, &of.0).await?, || format!("{of} is gone"))) };
    let write = async |to: &Acceptance| {
        let client = snapback::client!(aws_sdk_ec2, &place.config);
        let call = client.modify_vpc_endpoint_service_configuration().service_id(&of.0);
        let done = call.acceptance_required(*to == Acceptance::Required).send().await;
        done.map(drop).map_err(|error| failure(error).context(format!("changing the configuration of {of}")))
    };
    change.put(read, write).await
}
