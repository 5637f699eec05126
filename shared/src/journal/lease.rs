//! One event at a time on one resource: the next one waits for its retry.

use anyhow::Result;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use jiff::Timestamp;

use super::{Entry, Journal, LEASE, LEASE_IS_FREE, Lease, compared, endless, is_condition, seconds};
use crate::aws::failure;

/// What came of trying to take a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    Taken,
    /// It was kept by a lease that no run has taken, in words for people.
    Regardless(String),
    /// Another entry has it.
    No,
}

impl Journal {
    /// Takes the resource for an entry, unless another entry has it. Whoever dies with it loses it when the lease ends.
    ///
    /// # Errors
    /// When the journal cannot be written: then nothing may be done.
    pub async fn take(&self, entry: &Entry, now: Timestamp) -> Result<Taken> {
        let call = compared(self.lease(entry, now + LEASE), now)
            .condition_expression(format!("attribute_not_exists(pk) OR {LEASE_IS_FREE} OR entry = :entry"))
            .expression_attribute_values(":entry", AttributeValue::S(entry.id.clone()))
            .return_values(ReturnValue::AllOld);
        match call.send().await {
            Ok(answer) => {
                let before = answer.attributes.as_ref().and_then(|item| item.get("lease"));
                let is_endless = before.is_some_and(|lease| Lease::read(lease, now) == Lease::Endless);
                let resource = || endless(&format!("resource `{}`", entry.subject.arn));
                Ok(if is_endless { Taken::Regardless(resource()) } else { Taken::Taken })
            }
            Err(error) if is_condition(&error) => Ok(Taken::No),
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
