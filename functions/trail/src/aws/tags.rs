//! The tags of trails.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::unless_gone;
use snapback::control::Look;
use snapback::place::Place;
use snapback::subject::Subject;

use crate::told::trail_of;

/// CloudTrail has another word here for what is gone.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTags.html>
const GONE: &[&str] = &["ResourceNotFoundException"];

pub(crate) fn read<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        match trail_of(subject) {
            Some(arn) => of(look.place, arn).await,
            None => Ok(BTreeMap::new()),
        }
    }
    .boxed()
}

/// The tags of a trail; one that is gone has none.
pub(crate) async fn of(place: &Place, arn: &str) -> Result<BTreeMap<String, String>> {
    let answer = snapback::client!(aws_sdk_cloudtrail, &place.config).list_tags().resource_id_list(arn).send().await;
    let answer = unless_gone(answer, GONE, || format!("reading the tags of trail `{arn}`"))?;
    let listed = answer.and_then(|answer| answer.resource_tag_list).unwrap_or_default();
    let tags = listed.into_iter().flat_map(|of_one| of_one.tags_list.unwrap_or_default());
    Ok(tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
}
