//! Every call upon Snapback's own parts that Snapback makes.

use std::collections::BTreeMap;
use std::fmt::Debug;

use anyhow::{Result, bail};
use aws_sdk_cloudformation::types::ResourceStatus;
use aws_sdk_dynamodb::types::{PointInTimeRecoverySpecification, PointInTimeRecoveryStatus};
use aws_sdk_eventbridge::types as eventbridge;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::{code, failure};
use snapback::change::{Applied, Change, KeyState, Own, RuleState, Target};
use snapback::control::Look;
use snapback::place::Place;

/// What a rule is, and to whom it hands its events. A target that has more than Snapback can write is not understood.
pub(crate) type Rule = (RuleState, Vec<Result<Target, String>>);

/// What the stack knows its parts by: for each logical id the name, the ARN or the address.
pub(crate) async fn parts_of(look: &Look<'_>, stack: &str) -> Result<BTreeMap<String, String>> {
    let client = aws_sdk_cloudformation::Client::new(&look.place.config);
    let parts = client.list_stack_resources().stack_name(stack).into_paginator().items().send();
    let parts = parts.collect::<Result<Vec<_>, _>>().await;
    let parts = parts.map_err(|error| failure(error).context(format!("listing the parts of stack `{stack}`")))?;
    let there = parts.into_iter().filter(|part| part.resource_status() != Some(&ResourceStatus::DeleteComplete));
    Ok(there.filter_map(|part| Some((part.logical_resource_id?, part.physical_resource_id?))).collect())
}

/// A rule of the default bus; nothing if it is gone.
pub(crate) async fn rule(place: &Place, name: &str) -> Result<Option<Rule>> {
    let client = aws_sdk_eventbridge::Client::new(&place.config);
    let state = match client.describe_rule().name(name).send().await {
        Ok(answer) if answer.state() == Some(&eventbridge::RuleState::Disabled) => RuleState::Disabled,
        Ok(_) => RuleState::Enabled,
        Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(failure(error).context(format!("reading rule `{name}`"))),
    };
    match client.list_targets_by_rule().rule(name).send().await {
        Ok(answer) => Ok(Some((state, answer.targets.unwrap_or_default().into_iter().map(target).collect()))),
        Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading the targets of rule `{name}`"))),
    }
}

/// How many concurrent executions are reserved for a function, if any are; nothing if it is gone.
pub(crate) async fn concurrency(place: &Place, function: &str) -> Result<Option<Option<u32>>> {
    let client = aws_sdk_lambda::Client::new(&place.config);
    match client.get_function_concurrency().function_name(function).send().await {
        Ok(answer) => Ok(Some(answer.reserved_concurrent_executions.and_then(|number| number.try_into().ok()))),
        Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading the concurrency of function `{function}`"))),
    }
}

/// Whether a table is protected from deletion, and whether it can be restored to a point in time; nothing if it is gone.
pub(crate) async fn protection(place: &Place, table: &str) -> Result<Option<(bool, bool)>> {
    let client = aws_sdk_dynamodb::Client::new(&place.config);
    let described = futures::join!(client.describe_table().table_name(table).send(), recovery(place, table));
    match described {
        (Ok(answer), recovery) => {
            let protected = answer.table.and_then(|table| table.deletion_protection_enabled) == Some(true);
            Ok(Some((protected, recovery?)))
        }
        (Err(error), _) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
        (Err(error), _) => Err(failure(error).context(format!("reading table `{table}`"))),
    }
}

async fn recovery(place: &Place, table: &str) -> Result<bool> {
    let client = aws_sdk_dynamodb::Client::new(&place.config);
    let answer = client.describe_continuous_backups().table_name(table).send().await;
    let answer =
        answer.map_err(|error| failure(error).context(format!("reading the point-in-time recovery of `{table}`")))?;
    let described = answer.continuous_backups_description.and_then(|all| all.point_in_time_recovery_description);
    Ok(described.and_then(|of_time| of_time.point_in_time_recovery_status) == Some(PointInTimeRecoveryStatus::Enabled))
}

/// The state of a key, in AWS's words; nothing if it is gone.
pub(crate) async fn key_state(place: &Place, key: &str) -> Result<Option<String>> {
    match aws_sdk_kms::Client::new(&place.config).describe_key().key_id(key).send().await {
        Ok(answer) => Ok(answer.key_metadata.and_then(|key| key.key_state).map(|state| state.as_str().to_owned())),
        Err(error) if code(&error) == Some("NotFoundException") => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading key `{key}`"))),
    }
}

/// How many subscriptions of a topic are confirmed; nothing if it is gone.
pub(crate) async fn subscriptions(place: &Place, topic: &str) -> Result<Option<u32>> {
    match aws_sdk_sns::Client::new(&place.config).get_topic_attributes().topic_arn(topic).send().await {
        Ok(answer) => {
            let number = answer.attributes.as_ref().and_then(|all| all.get("SubscriptionsConfirmed"));
            Ok(Some(number.and_then(|number| number.parse().ok()).unwrap_or_default()))
        }
        Err(error) if matches!(code(&error), Some("NotFound" | "NotFoundException")) => Ok(None),
        Err(error) => Err(failure(error).context(format!("reading topic `{topic}`"))),
    }
}

/// Whether messages wait in a queue; nothing if it is gone.
pub(crate) async fn has_messages(place: &Place, address: &str) -> Result<Option<bool>> {
    let client = aws_sdk_sqs::Client::new(&place.config);
    let number = QueueAttributeName::ApproximateNumberOfMessages;
    let call = client.get_queue_attributes().queue_url(address).attribute_names(number.clone());
    match call.send().await {
        Ok(answer) => {
            let number = answer.attributes.as_ref().and_then(|all| all.get(&number));
            Ok(Some(number.is_some_and(|number| number != "0")))
        }
        Err(error) if matches!(code(&error), Some("QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue")) => {
            Ok(None)
        }
        Err(error) => Err(failure(error).context(format!("reading queue `{address}`"))),
    }
}

/// Applies a change if the part is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::Own(change) = change else { bail!("the function for Snapback's own parts was asked to {change}") };
        let written = match change {
            Own::RuleState { rule, from, to } => change_rule_state(place, rule, *from, *to).await,
            Own::RuleTarget { rule, id, from, to } => {
                Box::pin(change_target(place, rule, id, from.as_deref(), to.as_deref())).await
            }
            Own::Concurrency { function, from, to } => change_concurrency(place, function, *from, *to).await,
            Own::DeletionProtection { table, from, to } => Box::pin(change_protection(place, table, *from, *to)).await,
            Own::PointInTimeRecovery { table, from, to } => Box::pin(change_recovery(place, table, *from, *to)).await,
            Own::Key { key, from, to } => Box::pin(change_key(place, key, *from, *to)).await,
        };
        written.map_err(|error| error.context(change.to_string()))
    }
    .boxed()
}

fn done() -> Applied {
    Applied::Done { made: BTreeMap::new() }
}

/// What came of a change that there is nothing to be written for. Nothing is found of a part that is gone.
fn is_settled<T: PartialEq + Debug + ?Sized>(found: Option<&T>, from: &T, to: &T) -> Option<Applied> {
    match found {
        Some(found) if found == to => Some(Applied::Already),
        Some(found) if found == from => None,
        Some(found) => Some(Applied::Changed { found: format!("{found:?}") }),
        None => Some(Applied::Changed { found: "nothing: it is gone".to_owned() }),
    }
}

async fn change_rule_state(place: &Place, name: &str, from: RuleState, to: RuleState) -> Result<Applied> {
    let found = rule(place, name).await?.map(|(state, _)| state);
    if let Some(not_to_be_done) = is_settled(found.as_ref(), &from, &to) {
        return Ok(not_to_be_done);
    }
    let client = aws_sdk_eventbridge::Client::new(&place.config);
    match to {
        RuleState::Enabled => client.enable_rule().name(name).send().await.map(drop).map_err(failure)?,
        RuleState::Disabled => client.disable_rule().name(name).send().await.map(drop).map_err(failure)?,
    }
    Ok(done())
}

async fn change_target(
    place: &Place,
    name: &str,
    id: &str,
    from: Option<&Target>,
    to: Option<&Target>,
) -> Result<Applied> {
    let targets = rule(place, name).await?.map(|(_, targets)| targets);
    if targets.iter().flatten().any(|target| target.as_ref().is_err_and(|other| other == id)) {
        return Ok(Applied::Changed { found: "a target that is not understood".to_owned() });
    }
    let found = targets.as_ref().map(|all| all.iter().flatten().find(|target| target.id == id));
    if let Some(not_to_be_done) = is_settled(found.as_ref(), &from, &to) {
        return Ok(not_to_be_done);
    }
    let client = aws_sdk_eventbridge::Client::new(&place.config);
    let refused = if let Some(target) = to {
        let answer = client.put_targets().rule(name).targets(written(target)?).send().await.map_err(failure)?;
        answer.failed_entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_message)
    } else {
        let answer = client.remove_targets().rule(name).ids(id).send().await.map_err(failure)?;
        answer.failed_entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_message)
    };
    match refused {
        None => Ok(done()),
        Some(why) => bail!("AWS refused the target: {why}"),
    }
}

async fn change_concurrency(place: &Place, function: &str, from: Option<u32>, to: Option<u32>) -> Result<Applied> {
    let found = concurrency(place, function).await?;
    if let Some(not_to_be_done) = is_settled(found.as_ref(), &from, &to) {
        return Ok(not_to_be_done);
    }
    let client = aws_sdk_lambda::Client::new(&place.config);
    if let Some(number) = to {
        let call = client.put_function_concurrency().function_name(function);
        let call = call.reserved_concurrent_executions(number.try_into()?);
        call.send().await.map(drop).map_err(failure)?;
    } else {
        let call = client.delete_function_concurrency().function_name(function);
        call.send().await.map(drop).map_err(failure)?;
    }
    Ok(done())
}

async fn change_protection(place: &Place, table: &str, from: bool, to: bool) -> Result<Applied> {
    let found = protection(place, table).await?.map(|(protected, _)| protected);
    if let Some(not_to_be_done) = is_settled(found.as_ref(), &from, &to) {
        return Ok(not_to_be_done);
    }
    let client = aws_sdk_dynamodb::Client::new(&place.config);
    let call = client.update_table().table_name(table).deletion_protection_enabled(to);
    call.send().await.map_err(failure)?;
    Ok(done())
}

async fn change_recovery(place: &Place, table: &str, from: bool, to: bool) -> Result<Applied> {
    let found = protection(place, table).await?.map(|(_, recoverable)| recoverable);
    if let Some(not_to_be_done) = is_settled(found.as_ref(), &from, &to) {
        return Ok(not_to_be_done);
    }
    let setting = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(to).build()?;
    let client = aws_sdk_dynamodb::Client::new(&place.config);
    let call = client.update_continuous_backups().table_name(table).point_in_time_recovery_specification(setting);
    call.send().await.map_err(failure)?;
    Ok(done())
}

async fn change_key(place: &Place, key: &str, from: KeyState, to: KeyState) -> Result<Applied> {
    let found = key_state(place, key).await?;
    if let Some(not_to_be_done) = is_settled(found.as_deref(), words(from), words(to)) {
        return Ok(not_to_be_done);
    }
    let client = aws_sdk_kms::Client::new(&place.config);
    if matches!(from, KeyState::PendingDeletion { .. }) {
        client.cancel_key_deletion().key_id(key).send().await.map_err(failure)?;
    }
    match to {
        KeyState::Enabled => client.enable_key().key_id(key).send().await.map(drop).map_err(failure)?,
        // Cancelling the deletion has left it disabled.
        KeyState::Disabled if matches!(from, KeyState::PendingDeletion { .. }) => {}
        KeyState::Disabled => client.disable_key().key_id(key).send().await.map(drop).map_err(failure)?,
        KeyState::PendingDeletion { days } => {
            let call = client.schedule_key_deletion().key_id(key).pending_window_in_days(days);
            call.send().await.map(drop).map_err(failure)?;
        }
    }
    Ok(done())
}

/// As AWS calls it. The days are the caller's word and not the key's.
fn words(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "Enabled",
        KeyState::Disabled => "Disabled",
        KeyState::PendingDeletion { .. } => "PendingDeletion",
    }
}

/// The target, or its id if it has more than is kept of one.
fn target(seen: eventbridge::Target) -> Result<Target, String> {
    let (retries, letters) = (seen.retry_policy(), seen.dead_letter_config());
    let target = Target {
        id: seen.id().to_owned(),
        arn: seen.arn().to_owned(),
        retries: retries.and_then(eventbridge::RetryPolicy::maximum_retry_attempts),
        oldest_seconds: retries.and_then(eventbridge::RetryPolicy::maximum_event_age_in_seconds),
        dead_letters: letters.and_then(|letters| letters.arn()).map(str::to_owned),
        input: seen.input().map(str::to_owned),
        input_path: seen.input_path().map(str::to_owned),
    };
    if written(&target).is_ok_and(|same| same == seen) { Ok(target) } else { Err(seen.id) }
}

fn written(target: &Target) -> Result<eventbridge::Target> {
    let retries = (target.retries.is_some() || target.oldest_seconds.is_some()).then(|| {
        eventbridge::RetryPolicy::builder()
            .set_maximum_retry_attempts(target.retries)
            .set_maximum_event_age_in_seconds(target.oldest_seconds)
            .build()
    });
    let letters = target.dead_letters.as_ref().map(|arn| eventbridge::DeadLetterConfig::builder().arn(arn).build());
    Ok(eventbridge::Target::builder()
        .id(&target.id)
        .arn(&target.arn)
        .set_retry_policy(retries)
        .set_dead_letter_config(letters)
        .set_input(target.input.clone())
        .set_input_path(target.input_path.clone())
        .build()?)
}
