//! What is on or off for the whole account in a Region.

use anyhow::{Context, Result};
use aws_sdk_ec2::types::{
    AllowedImagesSettingsEnabledState, ImageBlockPublicAccessEnabledState, InternetGatewayBlockMode,
    SnapshotBlockPublicAccessState,
};
use snapback::aws::failure;
use snapback::change::{Applied, Live, Swap, Switch, SwitchMode};
use snapback::place::Place;

/// How a switch is now, in the words of its API.
pub(crate) async fn read(place: &Place, of: Switch) -> Result<String> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let on = |is_on: Option<bool>| Some(if is_on? { "enabled" } else { "disabled" }.to_owned());
    let is = match of {
        Switch::SnapshotBlockPublicAccess => {
            let answer = client.get_snapshot_block_public_access_state().send().await;
            answer.map(|answer| answer.state.map(|state| state.as_str().to_owned())).map_err(failure)
        }
        Switch::ImageBlockPublicAccess => {
            let answer = client.get_image_block_public_access_state().send().await;
            answer.map(|answer| answer.image_block_public_access_state).map_err(failure)
        }
        Switch::EbsEncryptionByDefault => {
            let answer = client.get_ebs_encryption_by_default().send().await;
            answer.map(|answer| on(answer.ebs_encryption_by_default)).map_err(failure)
        }
        Switch::SerialConsoleAccess => {
            let answer = client.get_serial_console_access_status().send().await;
            answer.map(|answer| on(answer.serial_console_access_enabled)).map_err(failure)
        }
        Switch::VpcBlockPublicAccess => {
            let answer = client.describe_vpc_block_public_access_options().send().await;
            let mode = answer.map(|answer| answer.vpc_block_public_access_options?.internet_gateway_block_mode);
            mode.map(|mode| Some(mode?.as_str().to_owned())).map_err(failure)
        }
        Switch::AllowedImages => {
            let answer = client.get_allowed_images_settings().send().await;
            answer.map(|answer| answer.state).map_err(failure)
        }
    };
    let context = || format!("reading {of}");
    is.with_context(context)?.with_context(|| "AWS does not say how it is").with_context(context)
}

pub(super) async fn change(place: &Place, change: &Swap<Switch, SwitchMode>) -> Result<Applied> {
    let read = async { Ok(Live::Is(SwitchMode(read(place, change.of).await?))) };
    change.put(read, async |to| write(place, change.of, &to.0).await).await
}

async fn write(place: &Place, of: Switch, to: &str) -> Result<()> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let done = match (of, to) {
        (Switch::SnapshotBlockPublicAccess, "unblocked") => {
            client.disable_snapshot_block_public_access().send().await.map(drop).map_err(failure)
        }
        (Switch::SnapshotBlockPublicAccess, mode) => {
            let call = client.enable_snapshot_block_public_access().state(SnapshotBlockPublicAccessState::from(mode));
            call.send().await.map(drop).map_err(failure)
        }
        (Switch::ImageBlockPublicAccess, "unblocked") => {
            client.disable_image_block_public_access().send().await.map(drop).map_err(failure)
        }
        (Switch::ImageBlockPublicAccess, mode) => {
            let mode = ImageBlockPublicAccessEnabledState::from(mode);
            let call = client.enable_image_block_public_access().image_block_public_access_state(mode);
            call.send().await.map(drop).map_err(failure)
        }
        (Switch::EbsEncryptionByDefault, "enabled") => {
            client.enable_ebs_encryption_by_default().send().await.map(drop).map_err(failure)
        }
        (Switch::EbsEncryptionByDefault, _) => {
            client.disable_ebs_encryption_by_default().send().await.map(drop).map_err(failure)
        }
        (Switch::SerialConsoleAccess, "enabled") => {
            client.enable_serial_console_access().send().await.map(drop).map_err(failure)
        }
        (Switch::SerialConsoleAccess, _) => {
            client.disable_serial_console_access().send().await.map(drop).map_err(failure)
        }
        (Switch::VpcBlockPublicAccess, mode) => {
            let call = client.modify_vpc_block_public_access_options();
            let call = call.internet_gateway_block_mode(InternetGatewayBlockMode::from(mode));
            call.send().await.map(drop).map_err(failure)
        }
        (Switch::AllowedImages, "disabled") => {
            client.disable_allowed_images_settings().send().await.map(drop).map_err(failure)
        }
        (Switch::AllowedImages, mode) => {
            let mode = AllowedImagesSettingsEnabledState::from(mode);
            let call = client.enable_allowed_images_settings().allowed_images_settings_state(mode);
            call.send().await.map(drop).map_err(failure)
        }
    };
    done.with_context(|| format!("setting {of} to `{to}`"))
}
