//! The policies of VPC endpoints.

use anyhow::Result;
use snapback::aws::{failure, unless_gone};
use snapback::change::{Applied, Live, PolicyChange};
use snapback::place::Place;
use snapback::policy::PolicyText;

/// Nothing if there is no such endpoint, or if it is of a kind that has no policy.
pub(crate) async fn policy(place: &Place, endpoint: &str) -> Result<Option<PolicyText>> {
    let call = snapback::client!(aws_sdk_ec2, &place.config).describe_vpc_endpoints();
    let answer = call.vpc_endpoint_ids(endpoint).send().await;
    let doing = || format!("reading the policy of VPC endpoint `{endpoint}`");
    let Some(answer) = unless_gone(answer, &["InvalidVpcEndpointId.NotFound"], doing)? else { return Ok(None) };
    let mut policies = answer.vpc_endpoints.unwrap_or_default().into_iter().filter_map(|one| one.policy_document);
    Ok(policies.next().filter(|policy| !policy.is_empty()).map(PolicyText::from))
}

/// What the call does not name stays as it is. A policy can only be replaced.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>
pub(super) async fn put(place: &Place, endpoint: &str, change: &PolicyChange) -> Result<Applied> {
    let read = async {
        let found = policy(place, endpoint).await?;
        Ok(Live::or(found.map(Some), || format!("VPC endpoint `{endpoint}` has no policy, or is gone")))
    };
    let write = async |to: &Option<PolicyText>| {
        let to = to.as_ref().map(PolicyText::as_str).unwrap_or_default();
        let call = snapback::client!(aws_sdk_ec2, &place.config).modify_vpc_endpoint().vpc_endpoint_id(endpoint);
        let done = call.policy_document(to).send().await;
        done.map(drop)
            .map_err(|error| failure(error).context(format!("writing the policy of VPC endpoint `{endpoint}`")))
    };
    change.put(read, write).await
}
