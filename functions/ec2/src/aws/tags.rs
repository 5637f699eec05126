//! The tags of anything that EC2 knows by an id.

use std::collections::BTreeMap;

use anyhow::Result;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::failure;
use snapback::control::Look;
use snapback::subject::Subject;

pub(crate) type Tags = BTreeMap<String, String>;

pub(crate) fn read<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<Tags>> {
    async move {
        let id = &subject.name;
        let filter = Filter::builder().name("resource-id").values(id).build();
        let tags = snapback::client!(aws_sdk_ec2, &look.place.config)
            .describe_tags()
            .filters(filter)
            .into_paginator()
            .items()
            .send();
        let tags = tags.try_collect().await;
        let tags = tags.map_err(|error| failure(error).context(format!("reading the tags of `{id}`")))?;
        Ok(tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect())
    }
    .boxed()
}

/// Those that can be given again. Only AWS gives the others, as it does to what CloudFormation has made.
pub(super) fn own(tags: Option<Vec<Tag>>) -> Tags {
    let tags = tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value?)));
    tags.filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// What a call that makes something takes; nothing where there are no tags.
pub(super) fn specification(of: ResourceType, tags: &Tags) -> Option<Vec<TagSpecification>> {
    let specification = TagSpecification::builder().resource_type(of);
    let listed = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    (!tags.is_empty()).then(|| vec![specification.set_tags(Some(listed)).build()])
}
