//! One event at a time on one resource: the next one waits for its retry.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use super::{Entry, Journal, LEASE, is_condition, seconds};
use crate::aws::failure;

impl Journal {
    /// Takes the resource for an entry; false if another entry has it. Whoever dies with it loses it when the lease ends.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn take(&self, entry: &Entry, now: Timestamp) -> Result<bool> {
        let free = "attribute_not_exists(pk) OR lease < :now OR entry = :entry";
        let call = self
            .lease(entry, now + LEASE)
            .condition_expression(free)
            .expression_attribute_values(":now", seconds(now))
            .expression_attribute_values(":entry", AttributeValue::S(entry.id.clone()));
        match call.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(failure(error).context("taking the resource in the journal")),
        }
    }

    /// Gives the resource back, if the entry still has it.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn give_back(&self, entry: &Entry) -> Result<()> {
        let call = self
            .lease(entry, Timestamp::UNIX_EPOCH)
            .condition_expression("entry = :entry")
            .expression_attribute_values(":entry", AttributeValue::S(entry.id.clone()));
        match call.send().await {
            Err(error) if !is_condition(&error) => Err(failure(error).context("giving the resource back")),
            _ => Ok(()),
        }
    }

    fn lease(
        &self,
        entry: &Entry,
        until: Timestamp,
    ) -> aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder {
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
