//! Numbers for CloudWatch, in the embedded metric format: a line of the log is all it takes, and no AWS call.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use jiff::Timestamp;
use serde_json::json;

const NAMESPACE: &str = "Snapback";

/// Counts one decision by what came of it, and how long the risk lasted if it has been taken back.
pub fn decision(control: &str, outcome: &str, seconds_open: Option<i64>) {
    let mut metrics = vec![json!({"Name": "Decisions", "Unit": "Count"})];
    metrics.extend(seconds_open.map(|_| json!({"Name": "SecondsOpen", "Unit": "Seconds"})));
    emit(&json!({
        "_aws": metadata(&[["control", "outcome"].as_slice()], &metrics),
        "control": control, "outcome": outcome, "Decisions": 1, "SecondsOpen": seconds_open,
    }));
}

/// Counts an event that did not come from AWS as it says.
pub fn forged() {
    emit(&json!({"_aws": metadata(&[&[]], &[json!({"Name": "ForgedEvents", "Unit": "Count"})]), "ForgedEvents": 1}));
}

/// How many accounts and Regions were looked at for coverage, and of these are not covered, and cannot be told.
pub fn coverage(checked: usize, missing: usize, unknown: usize) {
    let metrics =
        ["PlacesChecked", "PlacesNotCovered", "PlacesNotTold"].map(|name| json!({"Name": name, "Unit": "Count"}));
    emit(&json!({
        "_aws": metadata(&[&[]], &metrics),
        "PlacesChecked": checked, "PlacesNotCovered": missing, "PlacesNotTold": unknown,
    }));
}

fn metadata(dimensions: &[&[&str]], metrics: &[serde_json::Value]) -> serde_json::Value {
    let set = json!({"Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics});
    json!({"Timestamp": Timestamp::now().as_millisecond(), "CloudWatchMetrics": [set]})
}

#[expect(clippy::print_stdout, reason = "what a Lambda function prints is its log, and CloudWatch reads metrics there")]
fn emit(line: &serde_json::Value) {
    println!("{line}");
}
