//! Every call upon Snapback's own parts that Snapback makes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::ResourceStatus;
use aws_sdk_dynamodb::types::{
    BillingMode, GlobalSecondaryIndexUpdate, OnDemandThroughput, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ProvisionedThroughput, ProvisionedThroughputDescription, TableDescription,
    UpdateGlobalSecondaryIndexAction,
};
use aws_sdk_eventbridge::types as eventbridge;
use aws_sdk_sqs::types::QueueAttributeName;
use futures::FutureExt;
use futures::future::BoxFuture;
use snapback::aws::{code, failure, unless_gone};
use snapback::change::{
    Applied, Capacity, Change, Concurrency, DeletionProtection, Edit, EventRule, Key, KeyState, LambdaFunction, Live,
    Own, PointInTimeRecovery, RuleState, Swap, Table, Target, Throughput,
};
use snapback::control::Look;
use snapback::place::Place;

/// What a rule is, and to whom it hands its events. A target that has more than Snapback can write is not understood.
pub(crate) type Rule = (RuleState, Vec<Result<Target, String>>);

/// What a stack knows its parts by: for each logical id the name, the ARN or the address. Those of Snapback's own are
/// listed once.
pub(crate) async fn parts_of(look: &Look<'_>, name: &str) -> Result<BTreeMap<String, String>> {
    match look.stack.filter(|stack| stack.name == name) {
        Some(stack) => Ok(stack.parts.get_or_try_init(|| listed(look.place, name)).await?.clone()),
        None => listed(look.place, name).await,
    }
}

async fn listed(place: &Place, stack: &str) -> Result<BTreeMap<String, String>> {
    let client = snapback::client!(aws_sdk_cloudformation, &place.config);
    let parts = client.list_stack_resources().stack_name(stack).into_paginator().items().send();
    let parts = parts.collect::<Result<Vec<_>, _>>().await;
    let parts = parts.map_err(|error| failure(error).context(format!("listing the parts of stack `{stack}`")))?;
    let there = parts.into_iter().filter(|part| part.resource_status() != Some(&ResourceStatus::DeleteComplete));
    Ok(there.filter_map(|part| Some((part.logical_resource_id?, part.physical_resource_id?))).collect())
}

/// A rule of the default bus; nothing if it is gone.
pub(crate) async fn rule(place: &Place, name: &str) -> Result<Option<Rule>> {
    let client = snapback::client!(aws_sdk_eventbridge, &place.config);
    let state = match client.describe_rule().name(name).send().await {
        Ok(answer) if answer.state() == Some(&eventbridge::RuleState::Disabled) => RuleState::Disabled,
        Ok(_) => RuleState::Enabled,
        Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(None),
        Err(error) => return Err(failure(error).context(format!("reading rule `{name}`"))),
    };
    let answer = client.list_targets_by_rule().rule(name).send().await;
    let doing = || format!("reading the targets of rule `{name}`");
    let answer = unless_gone(answer, &["ResourceNotFoundException"], doing)?;
    Ok(answer.map(|answer| (state, answer.targets.unwrap_or_default().into_iter().map(target).collect())))
}

/// How many concurrent executions are reserved for a function, if any are; nothing if it is gone.
pub(crate) async fn concurrency(place: &Place, function: &str) -> Result<Option<Option<u32>>> {
    let client = snapback::client!(aws_sdk_lambda, &place.config);
    let answer = client.get_function_concurrency().function_name(function).send().await;
    let doing = || format!("reading the concurrency of function `{function}`");
    let answer = unless_gone(answer, &["ResourceNotFoundException"], doing)?;
    Ok(answer.map(|answer| answer.reserved_concurrent_executions.and_then(|number| number.try_into().ok())))
}

/// What Snapback restores of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TableSettings {
    /// Whether it is protected from deletion.
    pub protected: bool,
    /// Whether it can be restored to a point in time.
    pub recoverable: bool,
    pub capacity: Capacity,
}

/// The settings of a table; nothing if it is gone.
pub(crate) async fn table_settings(place: &Place, table: &str) -> Result<Option<TableSettings>> {
    let client = snapback::client!(aws_sdk_dynamodb, &place.config);
    let described = futures::join!(client.describe_table().table_name(table).send(), recovery(place, table));
    match described {
        (Ok(answer), recovery) => {
            let table = answer.table.with_context(|| format!("AWS describes nothing of table `{table}`"))?;
            let protected = table.deletion_protection_enabled == Some(true);
            Ok(Some(TableSettings { protected, recoverable: recovery?, capacity: capacity(&table) }))
        }
        (Err(error), _) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
        (Err(error), _) => Err(failure(error).context(format!("reading table `{table}`"))),
    }
}

/// How much may be read from and written to a table. A table that was never on demand says nothing of how it is billed.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BillingModeSummary.html>
fn capacity(table: &TableDescription) -> Capacity {
    let throughput = |units: Option<&ProvisionedThroughputDescription>, most: Option<&OnDemandThroughput>| {
        let billing = table.billing_mode_summary.as_ref().and_then(|billing| billing.billing_mode.as_ref());
        let units = units.map(|of| (of.read_capacity_units.unwrap_or(0), of.write_capacity_units.unwrap_or(0)));
        if let (Some(BillingMode::Provisioned) | None, Some((read, write))) =
            (billing, units.filter(|units| *units != (0, 0)))
        {
            Throughput::Provisioned { read, write }
        } else {
            // A maximum of -1 is none.
            let limit = |units: Option<i64>| units.filter(|units| *units >= 0);
            let read = most.and_then(|most| limit(most.max_read_request_units));
            let write = most.and_then(|most| limit(most.max_write_request_units));
            Throughput::OnDemand { read, write }
        }
    };
    let indexes = table.global_secondary_indexes().iter().filter_map(|index| {
        let of_index = throughput(index.provisioned_throughput.as_ref(), index.on_demand_throughput.as_ref());
        Some((index.index_name.clone()?, of_index))
    });
    let of_table = throughput(table.provisioned_throughput.as_ref(), table.on_demand_throughput.as_ref());
    Capacity { table: of_table, indexes: indexes.collect() }
}

async fn recovery(place: &Place, table: &str) -> Result<bool> {
    let client = snapback::client!(aws_sdk_dynamodb, &place.config);
    let answer = client.describe_continuous_backups().table_name(table).send().await;
    let answer =
        answer.map_err(|error| failure(error).context(format!("reading the point-in-time recovery of `{table}`")))?;
    let described = answer.continuous_backups_description.and_then(|all| all.point_in_time_recovery_description);
    Ok(described.and_then(|of_time| of_time.point_in_time_recovery_status) == Some(PointInTimeRecoveryStatus::Enabled))
}

/// The state of a key, in AWS's words; nothing if it is gone.
pub(crate) async fn key_state(place: &Place, key: &str) -> Result<Option<String>> {
    let answer = snapback::client!(aws_sdk_kms, &place.config).describe_key().key_id(key).send().await;
    let answer = unless_gone(answer, &["NotFoundException"], || format!("reading key `{key}`"))?;
    let state = answer.and_then(|answer| answer.key_metadata?.key_state);
    Ok(state.map(|state| state.as_str().to_owned()))
}

/// How many subscriptions of a topic are confirmed; nothing if it is gone.
pub(crate) async fn subscriptions(place: &Place, topic: &str) -> Result<Option<u32>> {
    let answer = snapback::client!(aws_sdk_sns, &place.config).get_topic_attributes().topic_arn(topic).send().await;
    let answer = unless_gone(answer, &["NotFound", "NotFoundException"], || format!("reading topic `{topic}`"))?;
    Ok(answer.map(|answer| {
        let number = answer.attributes.as_ref().and_then(|all| all.get("SubscriptionsConfirmed"));
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }))
}

/// Whether messages wait in a queue; nothing if it is gone.
pub(crate) async fn has_messages(place: &Place, address: &str) -> Result<Option<bool>> {
    let client = snapback::client!(aws_sdk_sqs, &place.config);
    let number = QueueAttributeName::ApproximateNumberOfMessages;
    let call = client.get_queue_attributes().queue_url(address).attribute_names(number.clone());
    let gone = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"];
    let answer = unless_gone(call.send().await, &gone, || format!("reading queue `{address}`"))?;
    Ok(answer.map(|answer| {
        let number = answer.attributes.as_ref().and_then(|all| all.get(&number));
        number.is_some_and(|number| number != "0")
    }))
}

/// Applies a change if the part is as the change says it was.
pub(crate) fn apply<'a>(place: &'a Place, change: &'a Change) -> BoxFuture<'a, Result<Applied>> {
    async move {
        let Change::Own(change) = change else { bail!("the function for Snapback's own parts was asked to {change}") };
        let written = match change {
            Own::RuleState(change) => change_rule_state(place, change).await,
            Own::RuleTargets(change) => Box::pin(change_targets(place, change)).await,
            Own::Concurrency(change) => change_concurrency(place, change).await,
            Own::DeletionProtection(change) => Box::pin(change_protection(place, change)).await,
            Own::PointInTimeRecovery(change) => Box::pin(change_recovery(place, change)).await,
            Own::Capacity(change) => Box::pin(change_capacity(place, change)).await,
            Own::Key(change) => Box::pin(change_key(place, change)).await,
        };
        written.with_context(|| change.to_string())
    }
    .boxed()
}

/// What is found of a part, if it is there.
fn live<V>(found: Option<V>) -> Live<V> {
    Live::or(found, || "nothing: it is gone".to_owned())
}

async fn change_rule_state(place: &Place, change: &Swap<EventRule, RuleState>) -> Result<Applied> {
    let name = &change.of.0;
    let client = snapback::client!(aws_sdk_eventbridge, &place.config);
    let read = async { Ok(live(rule(place, name).await?.map(|(state, _)| state))) };
    let write = async |to: &RuleState| match to {
        RuleState::Enabled => client.enable_rule().name(name).send().await.map(drop).map_err(failure),
        RuleState::Disabled => client.disable_rule().name(name).send().await.map(drop).map_err(failure),
    };
    change.put(read, write).await
}

async fn change_targets(place: &Place, change: &Swap<EventRule, Vec<Target>>) -> Result<Applied> {
    let name = &change.of.0;
    let is_named = |id: &str| change.from.iter().chain(&change.to).any(|target| target.id == id);
    let read = move || async move {
        let Some((_, targets)) = rule(place, name).await? else { return Ok(live(None)) };
        if targets.iter().any(|target| target.as_ref().is_err_and(|id| is_named(id))) {
            return Ok(Live::Cannot("a target that is not understood".to_owned()));
        }
        Ok(Live::Is(targets.into_iter().flatten().collect()))
    };
    change.edit(read, async |edit| write_targets(place, name, edit).await).await
}

async fn write_targets(place: &Place, rule: &str, edit: Edit<Target>) -> Result<Applied> {
    let client = snapback::client!(aws_sdk_eventbridge, &place.config);
    let put = edit.replace.into_iter().map(|(_, to)| to).chain(edit.add);
    let put = put.map(|target| written(&target)).collect::<Result<Vec<_>>>()?;
    let mut refused = None;
    if !put.is_empty() {
        let answer = client.put_targets().rule(rule).set_targets(Some(put)).send().await.map_err(failure)?;
        refused = answer.failed_entries.unwrap_or_default().into_iter().find_map(|entry| entry.error_message);
    }
    if !edit.remove.is_empty() {
        let ids = edit.remove.into_iter().map(|target| target.id).collect();
        let answer = client.remove_targets().rule(rule).set_ids(Some(ids)).send().await.map_err(failure)?;
        let entries = answer.failed_entries.unwrap_or_default();
        refused = refused.or(entries.into_iter().find_map(|entry| entry.error_message));
    }
    match refused {
        None => Ok(Applied::done()),
        Some(why) => bail!("AWS refused the target: {why}"),
    }
}

async fn change_concurrency(place: &Place, change: &Swap<LambdaFunction, Concurrency>) -> Result<Applied> {
    let function = &change.of.0;
    let client = snapback::client!(aws_sdk_lambda, &place.config);
    let read = async { Ok(live(concurrency(place, function).await?.map(Concurrency))) };
    let write = async |to: &Concurrency| {
        if let Some(number) = to.0 {
            let call = client.put_function_concurrency().function_name(function);
            let call = call.reserved_concurrent_executions(number.try_into()?);
            call.send().await.map(drop).map_err(failure)
        } else {
            let call = client.delete_function_concurrency().function_name(function);
            call.send().await.map(drop).map_err(failure)
        }
    };
    change.put(read, write).await
}

async fn change_protection(place: &Place, change: &Swap<Table, DeletionProtection>) -> Result<Applied> {
    let table = &change.of.0;
    let read = async { Ok(live(table_settings(place, table).await?.map(|found| DeletionProtection(found.protected)))) };
    let write = async |to: &DeletionProtection| {
        let client = snapback::client!(aws_sdk_dynamodb, &place.config);
        let call = client.update_table().table_name(table).deletion_protection_enabled(to.0);
        call.send().await.map(drop).map_err(failure)
    };
    Box::pin(change.put(read, write)).await
}

async fn change_recovery(place: &Place, change: &Swap<Table, PointInTimeRecovery>) -> Result<Applied> {
    let table = &change.of.0;
    let read =
        async { Ok(live(table_settings(place, table).await?.map(|found| PointInTimeRecovery(found.recoverable)))) };
    let write = async |to: &PointInTimeRecovery| {
        let setting = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(to.0).build()?;
        let client = snapback::client!(aws_sdk_dynamodb, &place.config);
        let call = client.update_continuous_backups().table_name(table).point_in_time_recovery_specification(setting);
        call.send().await.map(drop).map_err(failure)
    };
    Box::pin(change.put(read, write)).await
}

async fn change_capacity(place: &Place, change: &Swap<Table, Capacity>) -> Result<Applied> {
    let table = &change.of.0;
    let read = async { Ok(live(table_settings(place, table).await?.map(|found| found.capacity))) };
    let write = async |to: &Capacity| {
        let client = snapback::client!(aws_sdk_dynamodb, &place.config);
        let indexes = to.indexes.iter().map(|(name, to)| index_update(name, *to));
        let indexes = indexes.collect::<Result<Vec<_>>>()?;
        let call = client.update_table().table_name(table);
        let call = call.set_global_secondary_index_updates((!indexes.is_empty()).then_some(indexes));
        let call = match to.table {
            Throughput::Provisioned { read, write } => {
                call.billing_mode(BillingMode::Provisioned).provisioned_throughput(provisioned(read, write)?)
            }
            Throughput::OnDemand { read, write } => {
                call.billing_mode(BillingMode::PayPerRequest).on_demand_throughput(on_demand(read, write))
            }
        };
        call.send().await.map(drop).map_err(failure)
    };
    Box::pin(change.put(read, write)).await
}

fn index_update(name: &str, to: Throughput) -> Result<GlobalSecondaryIndexUpdate> {
    let update = UpdateGlobalSecondaryIndexAction::builder().index_name(name);
    let update = match to {
        Throughput::Provisioned { read, write } => update.provisioned_throughput(provisioned(read, write)?),
        Throughput::OnDemand { read, write } => update.on_demand_throughput(on_demand(read, write)),
    };
    Ok(GlobalSecondaryIndexUpdate::builder().update(update.build()?).build())
}

fn provisioned(read: i64, write: i64) -> Result<ProvisionedThroughput> {
    Ok(ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write).build()?)
}

/// A maximum of -1 takes a maximum away.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_OnDemandThroughput.html>
fn on_demand(read: Option<i64>, write: Option<i64>) -> OnDemandThroughput {
    let most = OnDemandThroughput::builder().max_read_request_units(read.unwrap_or(-1));
    most.max_write_request_units(write.unwrap_or(-1)).build()
}

async fn change_key(place: &Place, change: &Swap<Key, KeyState>) -> Result<Applied> {
    let key = &change.of.0;
    let read = async {
        let Some(found) = key_state(place, key).await? else { return Ok(live(None)) };
        // AWS does not say for how many days its deletion was scheduled.
        let expected = [change.from, change.to].into_iter().find(|expected| expected.name() == found);
        Ok(Live::or(expected, || found))
    };
    change.put(read, async |to| write_key(place, key, change.from, *to).await).await
}

async fn write_key(place: &Place, key: &str, from: KeyState, to: KeyState) -> Result<()> {
    let client = snapback::client!(aws_sdk_kms, &place.config);
    if matches!(from, KeyState::PendingDeletion { .. }) {
        client.cancel_key_deletion().key_id(key).send().await.map_err(failure)?;
    }
    match to {
        KeyState::Enabled => client.enable_key().key_id(key).send().await.map(drop).map_err(failure),
        // Cancelling the deletion has left it disabled.
        KeyState::Disabled if matches!(from, KeyState::PendingDeletion { .. }) => Ok(()),
        KeyState::Disabled => client.disable_key().key_id(key).send().await.map(drop).map_err(failure),
        KeyState::PendingDeletion { days } => {
            let call = client.schedule_key_deletion().key_id(key).pending_window_in_days(days);
            call.send().await.map(drop).map_err(failure)
        }
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
