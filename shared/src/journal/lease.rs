//! One event at a time on one resource: the next one waits for its retry.

use anyhow::Result;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Entry, Item, Journal, LEASE, LEASE_IS_FREE, Lease, compared, endless, is_condition, seconds};
use crate::aws::failure;

impl Journal {
    /// The write that takes the resource for an entry, unless another entry has it. Whoever dies with it loses it when the
    /// lease ends. A lease that no run has taken is in the way unless it is known: people are told of it.
    pub(super) fn taking(&self, entry: &Entry, is_endless: bool, now: Timestamp) -> PutItemFluentBuilder {
        let free = if is_endless { LEASE_IS_FREE } else { "lease < :now" };
        let call = self.lease(entry, now + LEASE);
        let call =
            if is_endless { compared(call, now) } else { call.expression_attribute_values(":now", seconds(now)) };
        call.condition_expression(format!("attribute_not_exists(pk) OR {free} OR entry = :entry"))
            .expression_attribute_values(":entry", AttributeValue::S(entry.id.clone()))
    }

    /// The write that gives the resource back, if the entry still has it.
    pub(super) fn giving_back(&self, entry: &Entry) -> PutItemFluentBuilder {
        self.lease(entry, Timestamp::UNIX_EPOCH)
            .condition_expression("entry = :entry")
            .expression_attribute_values(":entry", AttributeValue::S(entry.id.clone()))
    }

    /// Gives the resource back, if the entry still has it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn give_back(&self, entry: &Entry) -> Result<()> {
        match self.giving_back(entry).send().await {
            Err(error) if !is_condition(&error) => Err(failure(error).context("giving the resource back")),
            _ => Ok(()),
        }
    }

    fn lease(&self, entry: &Entry, until: Timestamp) -> PutItemFluentBuilder {
        self.client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(format!("lease#{}", entry.subject.arn)))
            .item("sk", AttributeValue::S("lease".to_owned()))
            .item("entry", AttributeValue::S(entry.id.clone()))
            .item("lease", seconds(until))
            .item("expires", seconds(entry.expires))
    }
}

/// What people are told of a resource that is kept by a lease which no run has taken, if it is.
pub(super) fn endless_lease(of: &Entry, found: Option<&Item>, now: Timestamp) -> Option<String> {
    let is_endless = found?.get("lease").is_none_or(|lease| Lease::read(lease, now) == Lease::Endless);
    is_endless.then(|| endless(&format!("resource `{}`", of.subject.arn)))
}
