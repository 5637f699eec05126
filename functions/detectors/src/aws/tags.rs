//! The tags of recorders. Delivery channels have none.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::control::Look;
use snapback::subject::Subject;

use super::recorders;
use crate::told::recorder_of;

pub(crate) fn read<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        let Some(name) = recorder_of(subject) else { return Ok(BTreeMap::new()) };
        match recorders::find(look.place).await?.filter(|found| found.name == name) {
            Some(found) => recorders::tags(look.place, &found).await,
            None => Ok(BTreeMap::new()),
        }
    }
    .boxed()
}
