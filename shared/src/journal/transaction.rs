//! Writes of which all are made or none.

use anyhow::{Result, anyhow};
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::{ATTEMPTS, BEFORE_THE_REST, Item, Journal};
use crate::aws::failure;

/// How DynamoDB says of one of the writes that its item is not as it demands.
const CONDITION: &str = "ConditionalCheckFailed";

/// How it says that somebody else writes the item right now, or that too much happens at once: nothing that a condition
/// has found, and worth another try. The SDK takes the whole for final.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const PASSING: [&str; 4] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"];

/// Why none of some writes was made: for each of them the reason, if it was one.
#[derive(Debug)]
pub(super) struct Cancelled(Vec<CancellationReason>);

impl Cancelled {
    /// Whether the item of a write was not as that demands.
    pub(super) fn is_for(&self, write: usize) -> bool {
        self.0.get(write).is_some_and(|reason| reason.code() == Some(CONDITION))
    }

    /// What there was instead.
    pub(super) fn found(&self, write: usize) -> Option<&Item> {
        self.0.get(write)?.item()
    }
}

impl Journal {
    /// Makes all these writes, or none: then a condition of one of them did not hold.
    ///
    /// Within one call the SDK sends the same token with each attempt, so that one whose answer was lost is not made twice,
    /// nor taken for somebody else's. What was cancelled was not made, so its next try is a call of its own.
    pub(super) async fn write_together(&self, writes: &[TransactWriteItem]) -> Result<Result<(), Cancelled>> {
        let mut failed = anyhow!("no attempt was made");
        for attempt in 0..ATTEMPTS {
            let call = self.client.transact_write_items().set_transact_items(Some(writes.to_vec()));
            let Err(error) = call.send().await else { return Ok(Ok(())) };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons().to_vec()
                }
                _ => return Err(failure(error)),
            };
            let is_one =
                |of: &[&str]| reasons.iter().any(|reason| reason.code().is_some_and(|code| of.contains(&code)));
            if is_one(&[CONDITION]) {
                return Ok(Err(Cancelled(reasons)));
            }
            let may_pass = is_one(&PASSING);
            failed = failure(error);
            if !may_pass {
                break;
            }
            tokio::time::sleep(BEFORE_THE_REST * 2_u32.pow(attempt)).await;
        }
        Err(failed)
    }
}

/// A write as one of several. Where its condition does not hold, DynamoDB says what there is.
pub(super) fn put(call: &PutItemFluentBuilder) -> Result<TransactWriteItem> {
    let call = call.as_input();
    let put = Put::builder()
        .set_table_name(call.get_table_name().clone())
        .set_item(call.get_item().clone())
        .set_condition_expression(call.get_condition_expression().clone())
        .set_expression_attribute_names(call.get_expression_attribute_names().clone())
        .set_expression_attribute_values(call.get_expression_attribute_values().clone())
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

/// The same of an update.
pub(super) fn update(call: &UpdateItemFluentBuilder) -> Result<TransactWriteItem> {
    let call = call.as_input();
    let update = Update::builder()
        .set_table_name(call.get_table_name().clone())
        .set_key(call.get_key().clone())
        .set_update_expression(call.get_update_expression().clone())
        .set_condition_expression(call.get_condition_expression().clone())
        .set_expression_attribute_names(call.get_expression_attribute_names().clone())
        .set_expression_attribute_values(call.get_expression_attribute_values().clone());
    Ok(TransactWriteItem::builder().update(update.build()?).build())
}
