//! # Another policy of S3 lets strangers in
//!
//! **Watches** `PutMultiRegionAccessPointPolicy`, `PutAccessPointPolicyForObjectLambda`,
//! `PutAccessGrantsInstanceResourcePolicy`; of directory buckets `PutBucketPolicy`; of S3 Tables
//! `PutTableBucketPolicy` and `PutTablePolicy`.
//!
//! **Why** Multi-Region access points, Object Lambda access points, instances of Access Grants, directory buckets and
//! tables have policies of their own. Each lets people reach objects or tables that the policy of a bucket does not let
//! them reach.
//!
//! **Does** Judges the policy in the event. Alerts and touches nothing: what the policy was before is not known, and
//! whether the bucket behind it lets anybody in was not checked. The notice has the command that deletes the policy.
//!
//! **Leaves alone**
//! - policies that let in only its own account, accounts and organizations that the operator trusts, and services of AWS
//!
//! CloudTrail records calls on multi-Region access points in `us-west-2` alone: a stack there is notified.

use serde_json::Value;
use snapback::control::{About, Watch};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::json;
use snapback::noticed::{Noticed, Risk, strangers_in};
use snapback::settings::Settings;
use snapback::subject::Subject;

const S3: &str = "s3.amazonaws.com";
const CONTROL: &str = "s3-control.amazonaws.com";
const TABLES: &str = "s3tables.amazonaws.com";

#[derive(Debug)]
pub(crate) struct OtherOpenPolicy;

impl Noticed for OtherOpenPolicy {
    const ABOUT: &'static About = &About {
        id: "s3-other-open-policy",
        title: "Another policy of S3 lets strangers in",
        happened: "was opened by its policy",
        watches: &[
            Watch { service: S3, name: "PutMultiRegionAccessPointPolicy" },
            Watch { service: CONTROL, name: "PutMultiRegionAccessPointPolicy" },
            Watch { service: S3, name: "PutAccessPointPolicyForObjectLambda" },
            Watch { service: CONTROL, name: "PutAccessPointPolicyForObjectLambda" },
            Watch { service: S3, name: "PutAccessGrantsInstanceResourcePolicy" },
            Watch { service: CONTROL, name: "PutAccessGrantsInstanceResourcePolicy" },
            Watch { service: "s3express.amazonaws.com", name: "PutBucketPolicy" },
            Watch { service: TABLES, name: "PutTableBucketPolicy" },
            Watch { service: TABLES, name: "PutTablePolicy" },
        ],
        reads: &[],
        writes: &[],
        undoes: &[],
        severity: Severity::Critical,
        frameworks: &["ATT&CK T1537"],
        caveat: "Data may have been read in the meantime: check CloudTrail's data events, if a trail records them.",
        source: file!(),
    };

    fn noticed(event: &Event, settings: &Settings) -> Option<Risk> {
        let (severity, open) = strangers_in(policy(event).as_deref(), event, settings)?;
        let (subject, delete) = upon(event);
        let why = format!("{open}. If it should not be so, delete the policy with `{delete}` or put a narrower one");
        Some(Risk { subject, severity, why })
    }
}

/// Wherever the call has it: as a text, or as JSON.
fn policy(event: &Event) -> Option<String> {
    let request = body(event);
    let places = ["bucketPolicy", "resourcePolicy", "policy", "Policy"].map(|name| &request[name]);
    places.into_iter().chain([&request["Details"]["Policy"]]).find_map(|place| match place {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Object(policy) if !policy.is_empty() => Some(place.to_string()),
        _ => None,
    })
}

/// The body of a call to S3 Control stands beside its parameters.
fn body(event: &Event) -> &Value {
    event.request.get(format!("{}Request", event.name)).unwrap_or(&event.request)
}

/// What has the policy, and the command that deletes it. A multi-Region access point's can only be replaced.
fn upon(event: &Event) -> (Subject, String) {
    let (account, region, request) = (&event.account, &event.region, &event.request);
    let of = |kind: &str, service: &str, path: &str, name: &str| {
        let page = format!("s3/home?region={region}");
        Subject::part(event, kind, name, service, path, &page)
    };
    let named = |field: &str| json::text(request, field);
    match event.name.as_str() {
        "PutMultiRegionAccessPointPolicy" => {
            let name = json::text(&body(event)["Details"], "Name");
            let subject = name.map(|name| of("multi-Region access point", "s3", "accesspoint/", name));
            let put = "aws s3control put-multi-region-access-point-policy";
            (subject.unwrap_or_else(|| Subject::account(event)), format!("{put} --account-id {account} --details …"))
        }
        "PutAccessPointPolicyForObjectLambda" => {
            let name = named("name");
            let delete = "aws s3control delete-access-point-policy-for-object-lambda --account-id";
            let subject = name.map(|name| of("Object Lambda access point", "s3-object-lambda", "accesspoint/", name));
            let subject = subject.unwrap_or_else(|| Subject::account(event));
            (subject, format!("{delete} {account} --name {}", name.unwrap_or("NAME")))
        }
        "PutAccessGrantsInstanceResourcePolicy" => {
            let delete = "aws s3control delete-access-grants-instance-resource-policy --account-id";
            (of("instance of Access Grants", "s3", "access-grants/", "default"), format!("{delete} {account}"))
        }
        "PutBucketPolicy" => {
            let name = named("bucketName");
            let subject = name.map(|name| of("directory bucket", "s3express", "bucket/", name));
            let delete = format!("aws s3api delete-bucket-policy --bucket {}", name.unwrap_or("BUCKET"));
            (subject.unwrap_or_else(|| Subject::account(event)), delete)
        }
        _ => {
            let arn = named("tableBucketARN").unwrap_or("TABLE_BUCKET_ARN");
            let bucket = arn.rsplit('/').next().unwrap_or(arn);
            let (what, which) = match (event.name.as_str(), named("namespace"), named("name")) {
                ("PutTablePolicy", Some(namespace), Some(name)) => {
                    ("table-policy", format!(" --namespace {namespace} --name {name}"))
                }
                ("PutTablePolicy", ..) => ("table-policy", String::new()),
                _ => ("table-bucket-policy", String::new()),
            };
            let delete = format!("aws s3tables delete-{what} --table-bucket-arn {arn}{which}");
            (of("table bucket", "s3tables", "bucket/", bucket), delete)
        }
    }
}
