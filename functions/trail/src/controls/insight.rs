//! # CloudTrail found an unusual rate of calls or errors
//!
//! **Watches** `AwsCloudTrailInsight`, the events of CloudTrail Insights.
//!
//! **Why** Whoever takes a lot, tries a lot or is refused a lot stands out by the number of calls, though no single one of
//! them does. CloudTrail compares that number with the one of the week before, for trails that have Insights.
//!
//! **Does** Alerts, with the API, the rate, the rate that is usual, and who has called most.
//!
//! **Leaves alone**
//! - the end of what was unusual
//!
//! Insights cost extra, and Snapback does not turn them on. They are heard from EventBridge alone: in log files they are passed
//! over. [AWS says](https://docs.aws.amazon.com/awscloudtrail/latest/userguide/logging-insights-events-with-cloudtrail.html)
//! how long CloudTrail takes to know what is usual.

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::{Event, INSIGHT, Kind};
use snapback::json;
use snapback::noticed::{Noticed, Risk};
use snapback::settings::Settings;
use snapback::subject::Subject;

use crate::told::SERVICE;

#[derive(Debug)]
pub(crate) struct Insight;

impl Noticed for Insight {
    const ABOUT: &'static About = &About {
        id: "trail-insight",
        title: "CloudTrail found an unusual rate of calls or errors",
        happened: "has an unusual rate of calls",
        watches: &[Watch { service: SERVICE, name: INSIGHT }],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Medium,
        frameworks: &["ATT&CK T1526", "ATT&CK T1580"],
        caveat: "An unusual rate may be a deployment, or a fault: see in CloudTrail who has called.",
        source: file!(),
    };

    const WATCHES: Kind = Kind::Insight;

    fn happened(event: &Event) -> &'static str {
        let is_of_errors = json::text(&event.request, "insightType") == Some("ApiErrorRateInsight");
        if is_of_errors { "has an unusual rate of errors" } else { Self::ABOUT.happened }
    }

    /// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-insights-fields-trails.html>
    fn noticed(event: &Event, _: &Settings) -> Option<Risk> {
        let details = &event.request;
        if json::text(details, "state") == Some("End") {
            return None;
        }
        let statistics = &details["insightContext"]["statistics"];
        let rate =
            |of: &str| statistics[of]["average"].as_f64().map_or_else(|| "an untold number of".to_owned(), per_minute);
        let api = json::text(details, "eventName").unwrap_or("?");
        let service = json::text(details, "eventSource").unwrap_or("?");
        let kind = json::text(details, "insightType").unwrap_or("Insight");
        let (what, error) = match json::text(details, "errorCode") {
            Some(code) => ("failed", format!(" with `{code}`")),
            None => ("was called", String::new()),
        };
        let mostly = most(details, "userIdentityArn").map(|who| format!(", mostly by `{who}`")).unwrap_or_default();
        let why = format!(
            "`{api}` of {service} {what} {} times a minute{error}, where {} are usual{mostly} ({kind})",
            rate("insight"),
            rate("baseline")
        );
        Some(Risk { subject: Subject::account(event), severity: Severity::Medium, why })
    }
}

/// A rate, as exact as people need it.
fn per_minute(rate: f64) -> String {
    let digits = if rate >= 1.0 { 1 } else { 4 };
    let text = format!("{rate:.digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Of what CloudTrail lists of an attribute of the unusual calls, the first, which most of them had.
fn most<'a>(details: &'a Value, attribute: &str) -> Option<&'a str> {
    let all = json::list(&details["insightContext"]["attributions"]);
    let of = all.into_iter().find(|one| json::text(one, "attribute") == Some(attribute))?;
    json::list(&of["insight"]).into_iter().find_map(|one| json::text(one, "value"))
}

#[cfg(test)]
mod tests {
    use super::per_minute;

    #[test]
    fn rates_are_as_exact_as_people_need_them() {
        for (rate, said) in [(0.001_785_714_3, "0.0018"), (664.0, "664"), (18.449_997, "18.4"), (0.0, "0")] {
            assert_eq!(per_minute(rate), said);
        }
    }
}
