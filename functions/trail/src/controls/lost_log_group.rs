//! # The log group of a trail lost its logs, or what is told by them
//!
//! **Watches** of CloudWatch Logs `DeleteLogGroup`, `PutRetentionPolicy`, `DeleteSubscriptionFilter`, `DeleteMetricFilter`.
//!
//! **Why** Many are told by the log group of a trail what happens: by metric filters and alarms, as the CIS benchmark asks
//! for, or by a subscription that carries it on. Whoever deletes the group deletes what it holds as well.
//!
//! **Does** Lists the trails of the Region, and alerts if one of them delivers to the group. It reverts nothing: what a group
//! held is gone for good, and no event tells how a filter was.
//!
//! **Leaves alone**
//! - groups that no trail delivers to
//! - a retention of a year or more
//! - what an AWS service does by itself, with nobody's credentials
//!
//! It costs one call of CloudTrail for each of these calls, unless the retention is long.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use snapback::change::Nothing;
use snapback::control::{About, Control, Given, Look, Suspicion, Watch};
use snapback::decision::{Decision, Severity};
use snapback::event::Event;
use snapback::json;
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::{aws, rights};

const SERVICE: &str = "logs.amazonaws.com";
const DELETE: &str = "DeleteLogGroup";
const RETENTION: &str = "PutRetentionPolicy";

/// As AWS's own control has it.
/// <https://docs.aws.amazon.com/securityhub/latest/userguide/cloudwatch-controls.html#cloudwatch-16>
const LONG_ENOUGH: i64 = 365;

#[derive(Debug)]
pub(crate) struct LostLogGroup;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The names of the trails that deliver to the group; of any group, if the event does not say which.
    trails: Vec<String>,
}

impl Control for LostLogGroup {
    const ABOUT: &'static About = &About {
        id: "trail-lost-log-group",
        title: "The log group of a trail lost its logs, or what is told by them",
        happened: "tells less of a trail",
        watches: &[
            Watch { service: SERVICE, name: DELETE },
            Watch { service: SERVICE, name: RETENTION },
            Watch { service: SERVICE, name: "DeleteSubscriptionFilter" },
            Watch { service: SERVICE, name: "DeleteMetricFilter" },
        ],
        reads: &[rights::DESCRIBE_TRAILS],
        writes: &[],
        undoes: &[],
        severity: Severity::High,
        frameworks: &["AWS FSBP CloudWatch.16", "CIS AWS Foundations 4.5", "ATT&CK T1562.008"],
        caveat: "The log files in the trail's bucket hold the same events.",
        source: file!(),
    };

    /// Most groups are no trail's, and no later look could show another.
    const IS_SETTLED: Option<fn(&State) -> bool> = Some(|state| state.trails.is_empty());

    type State = State;
    type Change = Nothing;

    fn suspect(event: &Event, _: &Settings) -> Vec<Suspicion> {
        let is_long = json::number(&event.request, "retentionInDays").is_some_and(|days| days >= LONG_ENOUGH);
        if event.actor.is_aws() || event.name == RETENTION && is_long {
            return vec![];
        }
        let group = group(event);
        let of = group.map_or_else(
            || "a log group that the event does not name".to_owned(),
            |name| format!("log group `{name}`"),
        );
        let filter = json::text(&event.request, "filterName").map(|name| format!(" `{name}`")).unwrap_or_default();
        let done = match event.name.as_str() {
            DELETE => format!("{of} was deleted, with all that it held"),
            RETENTION => match json::number(&event.request, "retentionInDays") {
                Some(1) => format!("{of} keeps its logs for one day only"),
                Some(days) => format!("{of} keeps its logs for {days} days only"),
                None => format!("{of} keeps its logs for a time that the event does not tell"),
            },
            "DeleteSubscriptionFilter" => format!("{of} lost subscription filter{filter}, which carried its logs on"),
            _ => format!("{of} lost metric filter{filter}, by which alarms tell people"),
        };
        let subject = group.map_or_else(
            || Subject::account(event),
            |name| {
                let page = format!("cloudwatch/home?region={}#logsV2:log-groups", event.region);
                Subject::part(event, "log group", name, "logs", "log-group:", &page)
            },
        );
        vec![Suspicion { subject, why: format!("{done}, by {}", event.actor) }]
    }

    async fn observe(look: &Look<'_>, event: &Event, _: &Suspicion) -> Result<State> {
        let trails = Box::pin(aws::trails::with_log_groups(look.place)).await?;
        let wanted = group(event);
        let is_of = |found: &str| wanted.is_none_or(|wanted| found == wanted);
        Ok(State { trails: trails.into_iter().filter(|(_, group)| is_of(group)).map(|(name, _)| name).collect() })
    }

    fn decide(event: &Event, suspicion: &Suspicion, state: &State, _: &Given<'_>) -> Decision<Nothing> {
        if state.trails.is_empty() {
            return Decision::Allow { why: "no trail delivers to it".to_owned() };
        }
        let severity = if event.name == RETENTION { Severity::Medium } else { Severity::High };
        let trails = state.trails.join("`, `");
        let back = match event.name.as_str() {
            DELETE => {
                "make it again, and the subscription and metric filters that it had; until then, see with `aws cloudtrail \
                 get-trail-status` that the trail delivers"
            }
            RETENTION => {
                "to put it right: `aws logs put-retention-policy`, or `delete-retention-policy` for logs to be kept for ever"
            }
            "DeleteSubscriptionFilter" => "to put it right: `aws logs put-subscription-filter`",
            _ => "to put it right: `aws logs put-metric-filter`",
        };
        Decision::Alert { severity, why: format!("{}; trail `{trails}` delivers to it; {back}", suspicion.why) }
    }

    fn after(_: &State, change: &Nothing) -> State {
        match *change {}
    }
}

fn group(event: &Event) -> Option<&str> {
    json::text(&event.request, "logGroupName")
}
