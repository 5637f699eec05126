//! Where traffic is mirrored to.

use anyhow::Result;
use snapback::aws::unless_gone;
use snapback::place::Place;

/// The account whose a target of mirror sessions is; nothing if it is not there for us to see.
pub(crate) async fn owner_of_target(place: &Place, target: &str) -> Result<Option<String>> {
    let call = snapback::client!(aws_sdk_ec2, &place.config)
        .describe_traffic_mirror_targets()
        .traffic_mirror_target_ids(target);
    let doing = || format!("reading traffic mirror target `{target}`");
    let answer = unless_gone(call.send().await, &["InvalidTrafficMirrorTargetId.NotFound"], doing)?;
    let targets = answer.and_then(|answer| answer.traffic_mirror_targets).unwrap_or_default();
    Ok(targets.into_iter().find_map(|target| target.owner_id))
}
