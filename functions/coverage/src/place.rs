//! What is asked of an account and its Regions: which Regions there are, which rules and which roles.

use anyhow::{Context, Result};
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::RuleState;
use futures::{StreamExt, TryStreamExt};
use percent_encoding::percent_decode_str;
use snapback::aws::{failure, if_there, unless_gone};
use snapback::place::Place;

use crate::deployed::{Deployment, Role, Rule, SeenRule, Target, Template};

/// How many rules of a Region are looked at side by side.
const AT_ONCE: usize = 4;

/// What AWS says of a bus or a rule that is not there.
const GONE: [&str; 1] = ["ResourceNotFoundException"];
/// … and of a role.
const NO_SUCH_ROLE: [&str; 1] = ["NoSuchEntity"];

/// What is deployed in a Region.
pub(crate) struct Deployed {
    pub(crate) template: Template,
    /// How many rules it should have, and what is wrong with those that it has.
    pub(crate) rules: usize,
    pub(crate) faults: Vec<String>,
}

/// The Regions that are enabled in the account.
pub(crate) async fn regions(place: &Place) -> Result<Vec<String>> {
    let client = snapback::client!(aws_sdk_ec2, &place.config);
    let answer = client.describe_regions().send().await;
    let answer = answer.map_err(|error| failure(error).context("listing the Regions that are enabled"))?;
    let mut regions: Vec<String> =
        answer.regions.unwrap_or_default().into_iter().filter_map(|region| region.region_name).collect();
    regions.sort();
    Ok(regions)
}

/// What is deployed there of Snapback, and what is wrong with it; nothing if there is neither its stack nor a member's.
pub(crate) async fn deployed(place: &Place, deployment: &Deployment) -> Result<Option<Deployed>> {
    let client = snapback::client!(aws_sdk_eventbridge, &place.config);
    let names = format!("{}-", deployment.stack);
    let mut seen = listed(&client, &names, None).await?;
    let has = |rules: &[Rule]| seen.iter().any(|(_, seen)| rules.iter().any(|rule| rule.is(&seen.name)));
    let template = if has(&Template::Stack.rules(deployment)?) {
        Template::Stack
    } else if has(&Template::Member.rules(deployment)?) {
        Template::Member
    } else {
        return Ok(None);
    };
    let mut deployment = deployment.clone();
    if template == Template::Stack {
        let bus = format!("{}-hub", deployment.stack);
        deployment.is_hub = is_there(&client, &bus).await?;
        if deployment.is_hub {
            seen.extend(listed(&client, &names, Some(bus)).await?);
        }
    }
    let rules = template.rules(&deployment)?;
    let looks = rules.iter().map(|rule| async {
        let seen = seen.iter().find(|(bus, seen)| rule.is_on_hub_bus == bus.is_some() && rule.is(&seen.name));
        let Some((bus, seen)) = seen else { return Ok(rule.faults(None)) };
        let targets = targets(&client, &seen.name, bus.as_deref()).await?;
        anyhow::Ok(rule.faults(Some(&SeenRule { targets, ..seen.clone() })))
    });
    let faults: Vec<Vec<String>> = futures::stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    Ok(Some(Deployed { template, rules: rules.len(), faults: faults.concat() }))
}

/// Whether there is a bus of this name: a hub has one.
async fn is_there(client: &Client, bus: &str) -> Result<bool> {
    let answer = client.describe_event_bus().name(bus).send().await;
    Ok(unless_gone(answer, &GONE, || format!("reading the event bus `{bus}`"))?.is_some())
}

/// The rules of a bus whose names begin so, with the bus, which is the default one if none is named.
async fn listed(client: &Client, names: &str, bus: Option<String>) -> Result<Vec<(Option<String>, SeenRule)>> {
    let (mut rules, mut next) = (vec![], None);
    loop {
        let call = client.list_rules().name_prefix(names).set_event_bus_name(bus.clone()).set_next_token(next);
        let answer = call.send().await.map_err(|error| failure(error).context("listing the rules of Snapback"))?;
        rules.extend(answer.rules.unwrap_or_default().into_iter().map(|rule| {
            let seen = SeenRule {
                is_disabled: rule.state == Some(RuleState::Disabled),
                name: rule.name.unwrap_or_default(),
                pattern: rule.event_pattern,
                targets: vec![],
            };
            (bus.clone(), seen)
        }));
        next = answer.next_token;
        if next.is_none() {
            return Ok(rules);
        }
    }
}

async fn targets(client: &Client, rule: &str, bus: Option<&str>) -> Result<Vec<Target>> {
    let call = client.list_targets_by_rule().rule(rule).set_event_bus_name(bus.map(str::to_owned));
    let doing = || format!("listing the targets of rule `{rule}`");
    let answer = unless_gone(call.send().await, &GONE, doing)?;
    let targets = answer.and_then(|answer| answer.targets).unwrap_or_default().into_iter();
    Ok(targets.map(|target| Target { arn: target.arn, role: target.role_arn }).collect())
}

/// What is wrong with a role in a member.
pub(crate) async fn faults_of(place: &Place, role: &Role) -> Result<Vec<String>> {
    let client = snapback::client!(aws_sdk_iam, &place.config);
    let doing = || format!("reading role `{}`", role.name);
    let seen = unless_gone(client.get_role().role_name(&role.name).send().await, &NO_SUCH_ROLE, doing)?;
    let Some(seen) = seen.and_then(|answer| answer.role) else {
        return Ok(vec![format!("role `{}` is missing", role.name)]);
    };
    let policy = client.get_role_policy().role_name(&role.name).policy_name(&role.policy).send().await;
    let policy = if_there(policy, &NO_SUCH_ROLE).with_context(doing)?;
    // IAM gives documents as they would stand in an address.
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let policy = policy.map(|answer| decoded(&answer.policy_document));
    let trust = decoded(&seen.assume_role_policy_document.unwrap_or_default());
    Ok(role.faults(&trust, policy.as_deref()))
}
