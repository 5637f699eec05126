//! How many reverts an actor may cause in an hour before people are asked instead.

use std::num::NonZeroU32;

use anyhow::Result;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};

use super::{Entry, Journal, is_condition, seconds};
use crate::aws::failure;
use crate::event::Actor;

/// Hours are those of the clock, so that one item counts for one of them.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What an actor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// So many reverts in an hour.
    pub most: NonZeroU32,
    /// Whether an entry uses up one of them.
    pub counts: bool,
}

impl Journal {
    /// Counts an entry against what its actor may have reverted in this hour, if it is to be counted; false if that is used
    /// up. A later delivery of the same entry is not counted again.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub async fn afford(&self, entry: &Entry, budget: Budget, now: Timestamp) -> Result<bool> {
        match self.affording(entry, budget, now).send().await {
            Ok(_) => Ok(true),
            Err(error) if is_condition(&error) => Ok(false),
            Err(error) => Err(failure(error).context("counting an actor's reverts in the journal")),
        }
    }

    /// The write that does so.
    pub(super) fn affording(&self, entry: &Entry, budget: Budget, now: Timestamp) -> UpdateItemFluentBuilder {
        let hour = now.as_second() / HOUR.as_secs();
        // What one account's automation uses up leaves the others theirs.
        let key = format!("budget#{}#{}", entry.subject.account, payer(&entry.event.actor));
        let counted = if budget.counts { " ADD entries :ids" } else { "" };
        let call = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(key))
            .key("sk", AttributeValue::S(format!("{hour}")))
            .condition_expression("attribute_not_exists(entries) OR size(entries) < :most OR contains(entries, :id)")
            .update_expression(format!("SET expires = :expires{counted}"))
            .expression_attribute_values(":most", AttributeValue::N(budget.most.to_string()))
            .expression_attribute_values(":id", AttributeValue::S(entry.id.clone()))
            .expression_attribute_values(":expires", seconds(now + HOUR));
        // DynamoDB refuses a value that no expression names.
        let ids = AttributeValue::Ss(vec![entry.id.clone()]);
        if budget.counts { call.expression_attribute_values(":ids", ids) } else { call }
    }
}

/// Who is counted: a role with all its sessions, whose names are the caller's own choice; a user; a service.
fn payer(actor: &Actor) -> &str {
    let named = actor.role.as_deref().or(actor.arn.as_deref()).or(actor.invoked_by.as_deref());
    named.unwrap_or(&actor.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_pays_for_all_its_sessions() {
        let role = Some("arn:aws:iam::111122223333:role/pipeline".to_owned());
        let session = |name: &str| Some(format!("arn:aws:sts::111122223333:assumed-role/pipeline/{name}"));
        let one = Actor { role: role.clone(), arn: session("one"), ..Actor::default() };
        let other = Actor { role, arn: session("other"), ..Actor::default() };
        assert_eq!(payer(&one), payer(&other));
        let user = Actor { arn: Some("arn:aws:iam::111122223333:user/ada".to_owned()), ..Actor::default() };
        assert_eq!(payer(&user), "arn:aws:iam::111122223333:user/ada");
        assert_eq!(payer(&Actor { kind: "AWSService".to_owned(), ..Actor::default() }), "AWSService");
    }
}
