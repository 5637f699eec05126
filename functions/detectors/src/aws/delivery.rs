//! Delivery channels: where what is recorded goes.

use anyhow::{Context, Result};
use aws_sdk_config::types::{
    ConfigSnapshotDeliveryProperties, DeliveryChannel as Found, MaximumExecutionFrequency as Frequency,
};
use serde::{Deserialize, Serialize};
use snapback::aws::failure;
use snapback::change::{Applied, Delivery, DeliveryChannel, Live, Swap};
use snapback::place::Place;

/// The delivery channel of a Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub name: String,
    pub delivery: Delivery,
}

/// The delivery channel of the Region; nothing if there is none. It is asked for without a name, which nothing has to have.
pub(crate) async fn find(place: &Place) -> Result<Option<Channel>> {
    let answer = snapback::client!(aws_sdk_config, &place.config).describe_delivery_channels().send().await;
    let answer = answer.map_err(|error| failure(error).context("reading the delivery channel"))?;
    Ok(answer.delivery_channels.unwrap_or_default().into_iter().next().map(of_sdk))
}

pub(super) async fn put(place: &Place, change: &Swap<DeliveryChannel, Option<Delivery>>) -> Result<Applied> {
    let name = &change.of.0;
    let read = async {
        Ok(match find(place).await? {
            Some(other) if other.name != *name => Live::Cannot(format!("there is `{}` instead", other.name)),
            found => Live::Is(found.map(|found| found.delivery)),
        })
    };
    let write = async |to: &Option<Delivery>| {
        let client = snapback::client!(aws_sdk_config, &place.config);
        match to {
            Some(to) => {
                let call = client.put_delivery_channel().delivery_channel(to_sdk(name, to));
                call.send().await.map(drop).map_err(failure)
            }
            None => {
                client.delete_delivery_channel().delivery_channel_name(name).send().await.map(drop).map_err(failure)
            }
        }
    };
    change.put(read, write).await.with_context(|| change.to_string())
}

fn of_sdk(found: Found) -> Channel {
    let there = |text: Option<String>| text.filter(|text| !text.is_empty());
    let every = found.config_snapshot_delivery_properties.and_then(|snapshots| snapshots.delivery_frequency);
    let delivery = Delivery {
        bucket: found.s3_bucket_name.unwrap_or_default(),
        prefix: there(found.s3_key_prefix),
        key: there(found.s3_kms_key_arn),
        topic: there(found.sns_topic_arn),
        snapshots: every.map(|every| every.as_str().to_owned()),
    };
    Channel { name: found.name.unwrap_or_default(), delivery }
}

fn to_sdk(name: &str, to: &Delivery) -> Found {
    let snapshots = to.snapshots.as_ref().map(|every| {
        ConfigSnapshotDeliveryProperties::builder().delivery_frequency(Frequency::from(every.as_str())).build()
    });
    Found::builder()
        .name(name)
        .s3_bucket_name(&to.bucket)
        .set_s3_key_prefix(to.prefix.clone())
        .set_s3_kms_key_arn(to.key.clone())
        .set_sns_topic_arn(to.topic.clone())
        .set_config_snapshot_delivery_properties(snapshots)
        .build()
}
