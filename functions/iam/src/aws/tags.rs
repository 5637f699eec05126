//! The tags of users and roles.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::unless_gone;
use snapback::control::Look;
use snapback::subject::Subject;

use super::GONE;

pub(crate) fn read<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        let (client, name) = (snapback::client!(aws_sdk_iam, &look.place.config), &subject.name);
        let doing = || format!("reading the tags of {} `{name}`", subject.kind);
        let tags = match subject.kind.as_str() {
            "user" => {
                let answer = client.list_user_tags().user_name(name).send().await;
                unless_gone(answer, GONE, doing)?.map(|answer| answer.tags)
            }
            "role" => {
                let answer = client.list_role_tags().role_name(name).send().await;
                unless_gone(answer, GONE, doing)?.map(|answer| answer.tags)
            }
            _ => None,
        };
        Ok(tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
    .boxed()
}
