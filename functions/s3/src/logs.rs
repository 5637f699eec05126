//! Which buckets receive the logs of AWS: a bucket's policy tells, as without its leave they are not delivered.

use serde_json::Value;
use snapback::json;
use snapback::policy::pattern;

/// Who delivers the logs of trails, of AWS Config, of access to buckets, and of VPCs, load balancers and others.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html>
/// <https://docs.aws.amazon.com/config/latest/developerguide/s3-bucket-policy.html>
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html>
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/AWS-logs-infrastructure-S3.html>
pub(crate) const DELIVER: [&str; 4] =
    ["cloudtrail.amazonaws.com", "config.amazonaws.com", "logging.s3.amazonaws.com", "delivery.logs.amazonaws.com"];

/// Whether a bucket with this policy receives logs.
pub(crate) fn are_delivered(policy: Option<&str>) -> bool {
    let Some(policy) = policy.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return false };
    json::list(&policy["Statement"]).into_iter().any(|statement| {
        let is_by = texts(&statement["Principal"]["Service"]).any(|service| DELIVER.contains(&service));
        let may_put = |action: &str| pattern::matches(&action.to_ascii_lowercase(), "s3:putobject");
        json::text(statement, "Effect") == Some("Allow") && is_by && texts(&statement["Action"]).any(may_put)
    })
}

/// A value that may be a text or a list of texts.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let listed = value.as_array().into_iter().flatten();
    value.as_str().into_iter().chain(listed.filter_map(Value::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_policy_that_lets_a_service_deliver_makes_a_bucket_one_of_logs() {
        let policy = |principal: Value, action: Value, effect: &str| {
            let resource = "arn:aws:s3:::b/*";
            let statement = json!({"Effect": effect, "Principal": principal, "Action": action, "Resource": resource});
            json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
        };
        let (trail, put) = (json!({"Service": "cloudtrail.amazonaws.com"}), json!("s3:PutObject"));
        for (policy, expected) in [
            (policy(trail.clone(), put.clone(), "Allow"), true),
            (
                policy(
                    json!({"Service": ["sns.amazonaws.com", "config.amazonaws.com"]}),
                    json!(["s3:GetObject", "s3:Put*"]),
                    "Allow",
                ),
                true,
            ),
            (json!({"Statement": {"Effect": "Allow", "Principal": trail, "Action": "s3:*"}}).to_string(), true),
            (policy(trail.clone(), put.clone(), "Deny"), false),
            (policy(trail.clone(), json!("s3:GetBucketAcl"), "Allow"), false),
            (policy(json!({"Service": "cloudfront.amazonaws.com"}), put.clone(), "Allow"), false),
            (policy(json!({"AWS": "arn:aws:iam::111122223333:root"}), put, "Allow"), false),
            ("{".to_owned(), false),
        ] {
            assert_eq!(are_delivered(Some(&policy)), expected, "{policy}");
        }
        assert!(!are_delivered(None));
    }
}
