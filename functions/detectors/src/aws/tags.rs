//! The tags of AWS Config in a Region: those of its recorder, as a delivery channel has none.

use std::collections::BTreeMap;

use anyhow::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::control::Look;
use snapback::subject::Subject;

use super::recorders;
use crate::told::is_config;

pub(crate) fn read<'a>(look: &'a Look<'a>, subject: &'a Subject) -> BoxFuture<'a, Result<BTreeMap<String, String>>> {
    async move {
        match recorders::find(look.place).await?.filter(|_| is_config(subject)) {
            Some(found) => recorders::tags(look.place, &found).await,
            None => Ok(BTreeMap::new()),
        }
    }
    .boxed()
}
