//! What AWS's own documentation says of policies, and what other tools get wrong, one test each.
//!
//! The policies are written from the facts on the linked pages. Where AWS gives a verdict, it is the verdict here.

mod checked;
mod naive;

use serde_json::{Value, json};
use snapback::policy::{Exposure, Judgement, Kind, Policy};

use Exposure::{Account, Foreign, Organization, Public, Service};
use checked::{Checked, trust};

const TRUSTED: &str = "111122223333";
const STRANGER: &str = "444455556666";

/// A statement that lets this principal read a bucket, with the members of `more` in place of its own.
fn allow(principal: Value, more: Value) -> Value {
    let mut statement = json!({
        "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*",
    });
    let members = more.as_object().expect("members").clone();
    statement.as_object_mut().expect("members").extend(members);
    statement
}

fn deny(principal: Value, more: Value) -> Value {
    let mut statement = allow(principal, json!({"Effect": "Deny", "Action": "*", "Resource": "*"}));
    statement.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
    statement
}

/// Everyone may read, on this condition.
fn everyone_if(condition: Value) -> Value {
    allow(json!("*"), json!({"Condition": condition}))
}

fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn judged(statements: &[Value]) -> Judgement {
    judged_as(Kind::Resource, &policy(statements))
}

/// Judges it, and shows the laws for it on the way.
fn judged_as(kind: Kind, text: &str) -> Judgement {
    let checked = Checked::of(text, kind);
    checked.is_closed().expect("closed");
    checked.allows_nothing_new().expect("never more");
    checked.takes_nothing_from_friends().expect("never weaker");
    checked.is_quiet().expect("quiet");
    checked.tells_of_everyone_who_gets_in().expect("told");
    checked.keeps_the_bytes().expect("byte for byte");
    Policy::parse(text).expect("a policy").judge(kind, &trust())
}

#[track_caller]
fn is(exposure: Exposure, statements: &[Value]) {
    let judgement = judged(statements);
    assert_eq!(judgement.exposure, exposure, "{judgement:#?}");
}

#[track_caller]
fn is_certain(exposure: Exposure, statements: &[Value]) {
    let judgement = judged(statements);
    let is_certain = judgement.grants.iter().any(|grant| grant.exposure == exposure && grant.certain);
    assert!(judgement.exposure == exposure && is_certain, "{judgement:#?}");
}

#[track_caller]
fn is_trusted(judgement: &Judgement) {
    assert!((Account..=Organization).contains(&judgement.exposure), "{judgement:#?}");
}

/// The policy after strangers are out of it.
fn left(kind: Kind, text: &str) -> Option<Value> {
    let policy = Policy::parse(text).expect("a policy");
    let untrusted: Vec<_> =
        policy.judge(kind, &trust()).grants.into_iter().filter(snapback::policy::Grant::is_untrusted).collect();
    policy.without(&untrusted).map(|text| serde_json::from_str(&text).expect("what is left is JSON"))
}

/// What Amazon S3 means by public.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>
mod s3_says {
    use super::*;

    #[test]
    fn a_vpc_with_a_wildcard_is_public_and_a_fixed_one_is_not() {
        is_certain(Public, &[everyone_if(json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}))]);
        is(Foreign, &[everyone_if(json!({"StringEquals": {"aws:SourceVpc": "vpc-91237329"}}))]);
        is_trusted(&judged(&[everyone_if(json!({"StringEquals": {"aws:SourceVpc": "vpc-0ours"}}))]));
    }

    #[test]
    fn a_fixed_principal_is_not_public() {
        is(Account, &[allow(json!({"AWS": "arn:aws:iam::111122223333:root"}), json!({}))]);
        is(Foreign, &[allow(json!({"AWS": "arn:aws:iam::444455556666:root"}), json!({}))]);
        is(Service, &[allow(json!({"Service": "cloudtrail.amazonaws.com"}), json!({}))]);
    }

    #[test]
    fn each_key_that_it_lists_keeps_everyone_out_if_its_value_is_fixed() {
        for (operator, key, value) in [
            ("ArnEquals", "aws:SourceArn", "arn:aws:sns:us-east-1:111122223333:topic"),
            ("StringEquals", "aws:SourceVpc", "vpc-91237329"),
            ("StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d"),
            ("StringEquals", "aws:SourceOwner", "111122223333"),
            ("StringEquals", "aws:SourceAccount", "111122223333"),
            ("StringEquals", "aws:userid", "AIDAEXAMPLEEXAMPLE001"),
            ("StringEquals", "aws:PrincipalOrgID", "o-trusted0001"),
            ("StringEquals", "s3:DataAccessPointAccount", "111122223333"),
            ("ArnEquals", "s3:DataAccessPointArn", "arn:aws:s3:us-east-1:111122223333:accesspoint/point"),
            (
                "StringEquals",
                "s3:x-amz-server-side-encryption-aws-kms-key-id",
                "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            ),
            ("IpAddress", "aws:SourceIp", "203.0.113.0/24"),
        ] {
            let judgement = judged(&[everyone_if(json!({operator: {key: value}}))]);
            assert!(judgement.exposure < Public, "{key}: {judgement:#?}");
        }
    }

    #[test]
    fn an_access_point_may_have_any_name_but_must_be_of_a_fixed_account() {
        is(
            Account,
            &[everyone_if(
                json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-east-1:111122223333:accesspoint/*"}}),
            )],
        );
        is(
            Foreign,
            &[everyone_if(
                json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:us-east-1:444455556666:accesspoint/*"}}),
            )],
        );
        is_certain(
            Public,
            &[everyone_if(json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/point"}}))],
        );
    }

    #[test]
    fn a_session_name_alone_identifies_nobody() {
        is(Public, &[everyone_if(json!({"StringLike": {"aws:userid": "AROAEXAMPLEEXAMPLE001:*"}}))]);
    }

    #[test]
    fn ranges_broader_than_a_slash_8_are_public() {
        for range in ["0.0.0.0/0", "0.0.0.0/1", "64.0.0.0/7", "::/0", "2000::/3", "2001:db8::/31"] {
            is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": range}}))]);
        }
        // A /32 of IPv6 is the least that a provider gets: two of them are two providers.
        let providers = json!(["2001:db8::/32", "2001:67c::/32", "2620:149::/32"]);
        is(Foreign, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": providers}}))]);
        for range in ["52.0.0.0/8", "203.0.113.0/24", "2001:db8::/32"] {
            is(Foreign, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": range}}))]);
        }
    }

    #[test]
    fn private_ranges_are_not_public() {
        for range in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] {
            let judgement = judged(&[everyone_if(json!({"IpAddress": {"aws:SourceIp": range}}))]);
            assert!(judgement.exposure < Public, "{range}: {judgement:#?}");
        }
    }

    #[test]
    fn a_variable_is_not_a_fixed_value() {
        is_certain(
            Public,
            &[everyone_if(json!({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}))],
        );
    }

    #[test]
    fn one_public_statement_makes_a_policy_public_and_goes_alone() {
        let fixed = allow(json!({"AWS": "arn:aws:iam::111122223333:root"}), json!({"Sid": "Fixed"}));
        let public = allow(json!("*"), json!({"Sid": "Public"}));
        is_certain(Public, &[fixed.clone(), public.clone()]);
        let left = left(Kind::Resource, &policy(&[fixed.clone(), public]));
        assert_eq!(left.map(|policy| policy["Statement"].clone()), Some(json!([fixed])));
    }
}

/// Principals.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>
mod principals {
    use super::*;

    #[test]
    fn a_star_is_everyone_however_it_is_written() {
        for principal in [json!("*"), json!(["*"]), json!({"AWS": "*"}), json!({"AWS": [TRUSTED, "*"]})] {
            is_certain(Public, &[allow(principal, json!({}))]);
        }
    }

    #[test]
    fn an_account_can_be_named_in_each_partition_by_its_id_and_by_what_is_in_it() {
        for (account, exposure) in [(TRUSTED, Account), ("222233334444", Account), (STRANGER, Foreign)] {
            is(exposure, &[allow(json!({"AWS": account}), json!({}))]);
            for partition in ["aws", "aws-cn", "aws-us-gov", "aws-eusc"] {
                for name in
                    ["iam::{}:root", "iam::{}:role/app", "iam::{}:user/division/x", "sts::{}:assumed-role/app/session"]
                {
                    let arn = format!("arn:{partition}:{}", name.replace("{}", account));
                    is(exposure, &[allow(json!({"AWS": arn}), json!({}))]);
                }
            }
        }
    }

    #[test]
    fn a_wildcard_in_place_of_an_account_is_everyone() {
        is(Public, &[allow(json!({"AWS": "arn:aws:iam::*:root"}), json!({}))]);
    }

    #[test]
    fn everyone_but_one_is_everyone() {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html
        let mut statement =
            allow(json!("*"), json!({"NotPrincipal": {"AWS": "arn:aws:iam::444455556666:user/mallory"}}));
        statement.as_object_mut().expect("members").remove("Principal");
        is_certain(Public, &[statement]);
    }

    #[test]
    fn the_partner_stays_when_everyone_beside_them_goes() {
        let text = policy(&[allow(json!({"AWS": ["222233334444", "*", STRANGER]}), json!({}))]);
        let left = left(Kind::Resource, &text).expect("the partner stays");
        let principal = &left["Statement"][0]["Principal"]["AWS"];
        assert!(*principal == json!(["222233334444"]) || *principal == json!("222233334444"), "{left:#}");
    }

    #[test]
    fn an_unknown_canonical_user_is_told_of_and_not_certain() {
        let stranger = naive::universe::STRANGER_USER;
        let judgement = judged(&[allow(json!({"CanonicalUser": stranger}), json!({}))]);
        assert!(judgement.exposure == Foreign && judgement.grants.iter().all(|grant| !grant.certain), "{judgement:#?}");
        is(Account, &[allow(json!({"CanonicalUser": naive::universe::OWN_USER}), json!({}))]);
    }
}

/// AWS's own accounts are no strangers.
mod aws_itself {
    use super::*;

    #[track_caller]
    fn is_left_alone(statement: Value) {
        let text = policy(&[statement]);
        let judgement = judged_as(Kind::Resource, &text);
        assert!(!judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain), "{judgement:#?}");
    }

    #[test]
    fn load_balancers_deliver_their_logs_from_accounts_of_aws() {
        // https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
        is_left_alone(allow(json!({"AWS": "arn:aws:iam::127311923021:root"}), json!({"Action": "s3:PutObject"})));
    }

    #[test]
    fn redshift_delivers_its_audit_logs_from_accounts_of_aws() {
        // https://docs.aws.amazon.com/redshift/latest/mgmt/db-auditing.html
        let user = "arn:aws:iam::193672423079:user/logs";
        is_left_alone(allow(json!({"AWS": user}), json!({"Action": ["s3:PutObject", "s3:GetBucketAcl"]})));
    }

    #[test]
    fn cloudfront_reads_by_an_identity_of_its_own() {
        // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html
        let user = "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1EXAMPLE";
        is_left_alone(allow(json!({"AWS": user}), json!({})));
    }

    #[test]
    fn cloudfront_reads_as_a_service_for_one_distribution() {
        let for_ours =
            json!({"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE"}});
        is(Account, &[allow(json!({"Service": "cloudfront.amazonaws.com"}), json!({"Condition": for_ours}))]);
    }

    #[test]
    fn logs_are_delivered_by_a_canonical_user() {
        // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/AccessLogs.html
        let awslogsdelivery = "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0";
        is_left_alone(allow(json!({"CanonicalUser": awslogsdelivery}), json!({"Action": "s3:PutObject"})));
    }

    #[test]
    fn a_trail_writes_to_its_bucket() {
        // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html
        let trail = json!({"Service": "cloudtrail.amazonaws.com"});
        let source = json!({"aws:SourceArn": "arn:aws:cloudtrail:us-east-1:111122223333:trail/name"});
        let may_look = allow(
            trail.clone(),
            json!({"Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::bucket", "Condition": {"StringEquals": source}}),
        );
        let control = json!({"s3:x-amz-acl": "bucket-owner-full-control", "aws:SourceArn": source["aws:SourceArn"]});
        let may_write = allow(trail, json!({"Action": "s3:PutObject", "Condition": {"StringEquals": control}}));
        is(Account, &[may_look, may_write]);
    }
}

/// Conditions.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
mod conditions {
    use super::*;

    #[test]
    fn an_organization_is_trusted_by_its_id_only() {
        is(Organization, &[everyone_if(json!({"StringEquals": {"aws:PrincipalOrgID": "o-trusted0001"}}))]);
        is(Foreign, &[everyone_if(json!({"StringEquals": {"aws:PrincipalOrgID": "o-foreign0001"}}))]);
        is_certain(Public, &[everyone_if(json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}))]);
    }

    #[test]
    fn a_path_in_an_organization_narrows_to_it() {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgpaths
        let path = |path: &str| everyone_if(json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": [path]}}));
        is(Organization, &[path("o-trusted0001/r-ab12/ou-ab12-11111111/*")]);
        is(Foreign, &[path("o-foreign0001/r-ab12/*")]);
        is_certain(Public, &[path("*/r-ab12/*")]);
    }

    #[test]
    fn if_exists_and_for_all_values_are_true_where_the_key_is_missing() {
        is(Public, &[everyone_if(json!({"StringEqualsIfExists": {"aws:PrincipalOrgID": "o-trusted0001"}}))]);
        is(Public, &[everyone_if(json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-trusted0001"}}))]);
    }

    #[test]
    fn a_key_that_must_be_absent_lets_in_who_has_none() {
        is(Public, &[everyone_if(json!({"Null": {"aws:PrincipalOrgID": "true"}}))]);
    }

    #[test]
    fn what_must_not_be_narrows_nothing() {
        is(Public, &[everyone_if(json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-foreign0001"}}))]);
        is(Public, &[everyone_if(json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}))]);
        is(Public, &[everyone_if(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-0named"}}))]);
    }

    #[test]
    fn what_anyone_can_set_narrows_nothing() {
        for condition in [
            json!({"StringEquals": {"aws:PrincipalTag/team": "blue"}}),
            json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
            json!({"StringEquals": {"aws:UserAgent": "secret"}}),
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"Bool": {"aws:MultiFactorAuthPresent": true}}),
            json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
            json!({"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}}),
            json!({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
            json!({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
            json!({"StringEquals": {"aws:ResourceAccount": "111122223333"}}),
            json!({"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}),
        ] {
            is(Public, &[everyone_if(condition)]);
        }
    }

    /// What is signed how, and what a request says beside what it does, is for the caller to write.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/bucket-policy-s3-sigv4-conditions.html>
    #[test]
    fn what_the_caller_writes_into_the_request_keeps_nobody_out() {
        let put = |condition: Value| allow(json!("*"), json!({"Action": "s3:PutObject", "Condition": condition}));
        for condition in [
            json!({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}),
            json!({"StringEquals": {"s3:authType": ["REST-HEADER", "POST"]}}),
            json!({"NumericLessThan": {"s3:signatureAge": "600000"}}),
            json!({"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}),
        ] {
            is_certain(Public, &[everyone_if(condition.clone())]);
            is_certain(Public, &[put(condition)]);
        }
        for condition in [
            json!({"StringEquals": {"s3:x-amz-server-side-encryption": ["AES256", "aws:kms"]}}),
            json!({"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}),
            json!({"StringLike": {"s3:x-amz-grant-full-control": "*id=*"}}),
            json!({"StringEquals": {"s3:x-amz-storage-class": "STANDARD_IA"}}),
            json!({"StringLike": {"s3:x-amz-copy-source": "source/*"}}),
            json!({"StringEquals": {"s3:RequestObjectTag/team": "blue"}}),
            json!({"Null": {"s3:x-amz-server-side-encryption": "false"}}),
            json!({"Null": {"s3:if-none-match": "false"}}),
        ] {
            is_certain(Public, &[put(condition.clone())]);
            is_certain(Public, &[allow(json!("*"), json!({"Action": ["s3:Get*", "S3:put*"], "Condition": condition}))]);
            // A request to read has no such header, and what that means is not judged.
            let judgement = judged(&[everyone_if(condition)]);
            assert!(judgement.exposure == Public && judgement.grants.iter().all(|grant| !grant.certain));
        }
        is_certain(
            Public,
            &[
                allow(json!("*"), json!({"Action": "s3:PutObject"})),
                deny(
                    json!("*"),
                    json!({"Action": "s3:PutObject", "Condition": {"StringNotEquals": {"s3:x-amz-acl": "private"}}}),
                ),
                deny(
                    json!("*"),
                    json!({"Action": "s3:PutObject", "Condition": {"Null": {"s3:x-amz-server-side-encryption": "true"}}}),
                ),
            ],
        );
        let acl = json!({"Condition": {"StringNotEquals": {"s3:x-amz-acl": "private"}}});
        let judgement = judged(&[allow(json!("*"), json!({})), deny(json!("*"), acl)]);
        assert!(judgement.grants.iter().all(|grant| !grant.certain), "reading has no ACL: {judgement:#?}");
    }

    /// <https://docs.aws.amazon.com/efs/latest/ug/access-control-block-public-access.html>
    #[test]
    fn a_file_system_that_is_reached_through_its_mount_targets_is_not_public() {
        let mount = |condition: Value| {
            let actions = json!(["elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess"]);
            allow(json!({"AWS": "*"}), json!({"Action": actions, "Condition": condition}))
        };
        let through =
            |operator: &str, value: Value| json!({operator: {"elasticfilesystem:AccessedViaMountTarget": value}});
        is(Account, &[mount(through("Bool", json!("true")))]);
        is(Account, &[mount(through("Bool", json!(true)))]);
        is(Public, &[mount(through("Bool", json!("false")))]);
        is(Public, &[mount(through("BoolIfExists", json!("true")))]);
        is(Public, &[mount(json!({"Bool": {"aws:SecureTransport": "true"}}))]);
        let denied = deny(json!({"AWS": "*"}), json!({"Condition": through("BoolIfExists", json!("false"))}));
        is(Account, &[mount(json!({})), denied]);
    }

    /// Time only goes on. The tests happen in June 2026.
    #[test]
    fn only_what_had_to_be_before_a_time_that_has_passed_lets_nobody_in() {
        let date = |operator: &str, key: &str, value: &str| everyone_if(json!({operator: {key: value}}));
        for (operator, key, value) in [
            ("DateLessThan", "aws:CurrentTime", "2026-05-01T00:00:00Z"),
            ("DateLessThanEquals", "AWS:currenttime", "2020-01-01"),
            ("DateLessThanIfExists", "aws:CurrentTime", "2020-01-01"),
            ("DateLessThan", "aws:EpochTime", "1767225600"),
            ("NumericLessThan", "aws:EpochTime", "1767225600"),
            ("DateLessThan", "aws:TokenIssueTime", "2026-05-01T00:00:00Z"),
        ] {
            is(Exposure::None, &[date(operator, key, value)]);
        }
        for (operator, key, value) in [
            ("DateLessThan", "aws:CurrentTime", "2026-07-01T00:00:00Z"),
            ("DateGreaterThan", "aws:CurrentTime", "2026-07-01T00:00:00Z"),
            ("DateGreaterThanEquals", "aws:CurrentTime", "2020-01-01T00:00:00Z"),
            ("DateEquals", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
            ("DateNotEquals", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
            ("DateGreaterThan", "aws:EpochTime", "4102444800"),
            ("DateLessThan", "aws:TokenIssueTime", "2026-06-01T11:00:00Z"),
        ] {
            is_certain(Public, &[date(operator, key, value)]);
        }
        for (operator, value) in [
            ("DateGreaterThan", "2099-01-01"),
            ("DateLessThan", "2099-01-01"),
            ("DateLessThan", "2020-01-01"),
            ("DateNotEquals", "2020-01-01"),
        ] {
            let denied = deny(json!("*"), json!({"Condition": {operator: {"aws:CurrentTime": value}}}));
            is_certain(Public, &[allow(json!("*"), json!({})), denied]);
        }
        let for_good = deny(json!("*"), json!({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01"}}}));
        is(Exposure::None, &[allow(json!("*"), json!({})), for_good]);
    }

    #[test]
    fn an_operator_or_a_key_that_nobody_knows_narrows_nothing() {
        for condition in [
            json!({"StringResembles": {"aws:PrincipalOrgID": "o-trusted0001"}}),
            json!({"StringEquals": {"example:Whatever": "blue"}}),
        ] {
            is(Public, &[everyone_if(condition)]);
        }
    }

    #[test]
    fn names_of_operators_and_keys_compare_without_case() {
        is(Organization, &[everyone_if(json!({"stringequals": {"AWS:PRINCIPALORGID": "o-trusted0001"}}))]);
    }

    #[test]
    fn values_are_ored_and_keys_are_anded() {
        let both = json!(["111122223333", STRANGER]);
        is(Foreign, &[everyone_if(json!({"StringEquals": {"aws:PrincipalAccount": both}}))]);
        is(Public, &[everyone_if(json!({"StringLike": {"aws:PrincipalAccount": ["111122223333", "*"]}}))]);
        let narrowed = json!({
            "StringEquals": {"aws:PrincipalOrgID": "o-trusted0001"}, "IpAddress": {"aws:SourceIp": "0.0.0.0/0"},
        });
        is(Organization, &[everyone_if(narrowed)]);
    }

    #[test]
    fn of_several_values_only_the_strangers_go() {
        let both = json!({"StringEquals": {"aws:PrincipalAccount": [STRANGER, "111122223333"]}});
        let left = left(Kind::Resource, &policy(&[everyone_if(both)])).expect("our own account stays");
        let values = &left["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalAccount"];
        assert!(*values == json!(["111122223333"]) || *values == json!("111122223333"), "{left:#}");
    }

    #[test]
    fn an_account_with_a_wildcard_is_no_account() {
        is(Account, &[everyone_if(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/*"}}))]);
        is_certain(Public, &[everyone_if(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app"}}))]);
        is_certain(Public, &[everyone_if(json!({"StringLike": {"aws:PrincipalAccount": "1111*"}}))]);
    }

    #[test]
    fn a_bucket_sends_to_a_queue_as_aws_has_it_in_its_example() {
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
        let from_bucket = json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:*:*:my-bucket"}});
        let statement = allow(
            json!({"Service": "s3.amazonaws.com"}),
            json!({"Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:us-east-1:111122223333:queue", "Condition": from_bucket}),
        );
        is(Account, &[statement]);
    }
}

/// A service that acts for whoever asks it to.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>
mod confused_deputies {
    use super::*;

    fn service_if(condition: Value) -> Value {
        allow(json!({"Service": "sns.amazonaws.com"}), json!({"Condition": condition}))
    }

    #[test]
    fn each_source_key_says_for_whom_the_service_acts() {
        for (key, value, exposure) in [
            ("aws:SourceAccount", "111122223333", Account),
            ("aws:SourceArn", "arn:aws:sns:us-east-1:111122223333:topic", Account),
            ("aws:SourceOrgID", "o-trusted0001", Organization),
            ("aws:SourceAccount", STRANGER, Foreign),
            ("aws:SourceArn", "arn:aws:sns:us-east-1:444455556666:topic", Foreign),
            ("aws:SourceOrgID", "o-foreign0001", Foreign),
            ("aws:SourceArn", "arn:aws:sns:*:*:*", Service),
        ] {
            is(exposure, &[service_if(json!({"StringLike": {key: value}}))]);
        }
        is(Service, &[service_if(json!({"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}))]);
    }

    #[test]
    fn a_service_that_may_act_for_anyone_is_told_of_and_left_alone() {
        let text =
            policy(&[allow(json!({"Service": "delivery.logs.amazonaws.com"}), json!({"Action": "s3:PutObject"}))]);
        let judgement = judged_as(Kind::Resource, &text);
        assert_eq!(judgement.exposure, Service, "{judgement:#?}");
        assert_eq!(Policy::parse(&text).expect("a policy").without(&[]), Some(text));
    }

    #[test]
    fn everyone_that_is_a_service_is_a_service() {
        is(Service, &[everyone_if(json!({"Bool": {"aws:PrincipalIsAWSService": "true"}}))]);
    }
}

/// A `Deny` that keeps strangers out, and those that only look like it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html>
mod denies {
    use super::*;

    fn everyone_but(condition: Value) -> Judgement {
        judged(&[allow(json!("*"), json!({})), deny(json!("*"), json!({"Condition": condition}))])
    }

    #[test]
    fn everyone_outside_the_organization_is_kept_out() {
        let judgement = everyone_but(json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-trusted0001"}}));
        assert_eq!(judgement.exposure, Organization, "{judgement:#?}");
    }

    #[test]
    fn a_deny_without_a_condition_keeps_everyone_out() {
        let judgement = judged(&[allow(json!("*"), json!({})), deny(json!("*"), json!({}))]);
        assert!(!judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain), "{judgement:#?}");
    }

    #[test]
    fn a_deny_of_other_networks_leaves_those_networks() {
        let judgement = everyone_but(json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}));
        is_trusted(&judgement);
        let judgement = everyone_but(json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}));
        assert_eq!(judgement.exposure, Foreign, "{judgement:#?}");
        is_trusted(&everyone_but(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-0ours"}})));
        let judgement = everyone_but(json!({"NotIpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}));
        assert_eq!(judgement.exposure, Public, "{judgement:#?}");
    }

    #[test]
    fn a_deny_that_asks_for_two_things_leaves_who_has_one_of_them() {
        let both = json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-trusted0001", "aws:SourceVpce": "vpce-0named"}});
        assert!(everyone_but(both).exposure >= Foreign);
    }

    #[test]
    fn a_deny_of_plain_http_keeps_nobody_out() {
        assert_eq!(everyone_but(json!({"Bool": {"aws:SecureTransport": "false"}})).exposure, Public);
    }

    #[test]
    fn a_deny_of_part_of_it_keeps_nobody_out() {
        let part = deny(json!("*"), json!({"Resource": "arn:aws:s3:::bucket/secret/*"}));
        is_certain(Public, &[allow(json!("*"), json!({})), part]);
        let part = deny(json!("*"), json!({"Action": "s3:Put*"}));
        is_certain(Public, &[allow(json!("*"), json!({"Action": "s3:*"})), part]);
    }

    #[test]
    fn a_deny_of_one_stranger_leaves_all_others() {
        is_certain(Public, &[allow(json!("*"), json!({})), deny(json!({"AWS": STRANGER}), json!({}))]);
    }

    #[test]
    fn a_deny_that_holds_where_any_value_differs_does_not_hold_where_there_is_none() {
        let any = json!({"ForAnyValue:StringNotEquals": {"aws:PrincipalOrgID": "o-trusted0001"}});
        assert_eq!(everyone_but(any).exposure, Public);
    }

    #[test]
    fn a_deny_of_the_same_principal_takes_the_allow_away() {
        let root = json!({"AWS": "arn:aws:iam::444455556666:root"});
        let app = json!({"AWS": "arn:aws:iam::444455556666:role/app"});
        let service = json!({"Service": "sns.amazonaws.com"});
        for (allowed, denied) in [
            (root.clone(), root.clone()),
            (root.clone(), json!({"AWS": STRANGER})),
            (json!({"AWS": STRANGER}), json!({"AWS": ["222233334444", "arn:aws-cn:iam::444455556666:root"]})),
            (app.clone(), app.clone()),
            (app.clone(), root.clone()),
            (json!({"AWS": "arn:aws:sts::444455556666:assumed-role/app/session"}), root.clone()),
            (service.clone(), service.clone()),
        ] {
            is(Exposure::None, &[allow(allowed, json!({})), deny(denied, json!({}))]);
        }
        for (allowed, denied) in [
            (root.clone(), app.clone()),
            (json!("*"), root.clone()),
            (app.clone(), json!({"AWS": "arn:aws:iam::444455556666:role/other"})),
            (app.clone(), json!({"AWS": "arn:aws:sts::444455556666:assumed-role/app/session"})),
            (app.clone(), json!({"AWS": "222233334444"})),
            (root.clone(), service.clone()),
        ] {
            let judgement = judged(&[allow(allowed.clone(), json!({})), deny(denied.clone(), json!({}))]);
            let is_certain = judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain);
            assert!(is_certain, "{allowed} {denied}: {judgement:#?}");
        }
        for (left_out, exposure) in [
            (json!({"AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/app"]}), Exposure::None),
            (json!({"AWS": STRANGER}), Foreign),
            (json!({"AWS": ["111122223333", "arn:aws:iam::444455556666:role/app"]}), Foreign),
        ] {
            let mut denied = deny(json!("*"), json!({"NotPrincipal": left_out}));
            denied.as_object_mut().expect("members").remove("Principal");
            is(exposure, &[allow(root.clone(), json!({})), denied]);
        }
        // Another action, or a condition that not everyone meets, is not the same.
        let more = allow(root.clone(), json!({"Action": ["s3:GetObject", "s3:PutObject"]}));
        is_certain(Foreign, &[more.clone(), deny(root.clone(), json!({"Action": "s3:GetObject"}))]);
        is(
            Exposure::None,
            &[more, deny(root.clone(), json!({"Action": "s3:Get*"})), deny(root.clone(), json!({"Action": "s3:Put*"}))],
        );
        let http = json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        is_certain(Foreign, &[allow(root.clone(), json!({})), deny(root.clone(), http)]);
        let late = json!({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}});
        is_certain(Foreign, &[allow(root.clone(), json!({})), deny(root, late)]);
    }

    #[test]
    fn a_deny_of_everyone_that_is_narrowed_to_the_principal_takes_the_allow_away() {
        let root = json!({"AWS": "arn:aws:iam::444455556666:root"});
        let app = json!({"AWS": "arn:aws:iam::444455556666:role/app"});
        let if_ = |operator: &str, key: &str, value: Value| json!({"Condition": {operator: {key: value}}});
        for (allowed, denied, exposure) in [
            (&root, if_("StringEquals", "aws:PrincipalAccount", json!(STRANGER)), Exposure::None),
            (&root, if_("StringLike", "aws:PrincipalAccount", json!(["111122223333", "4444*"])), Exposure::None),
            (&root, if_("StringNotEquals", "aws:PrincipalAccount", json!("222233334444")), Exposure::None),
            (&root, if_("StringNotEquals", "aws:PrincipalAccount", json!(["222233334444", STRANGER])), Foreign),
            (&root, if_("StringEquals", "aws:PrincipalAccount", json!("222233334444")), Foreign),
            (&root, if_("ArnLike", "aws:PrincipalArn", json!("arn:*:*::444455556666:*")), Exposure::None),
            (&root, if_("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:role/*")), Foreign),
            (&app, if_("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:role/*")), Exposure::None),
            (&app, if_("ArnEquals", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:role/app")), Exposure::None),
            (
                &app,
                if_("ArnNotEquals", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:role/other")),
                Exposure::None,
            ),
            (&app, if_("ArnNotLike", "aws:PrincipalArn", json!("arn:aws:iam::444455556666:role/a*")), Foreign),
            (&app, if_("Bool", "aws:PrincipalIsAWSService", json!("false")), Exposure::None),
        ] {
            let judgement = judged(&[allow(allowed.clone(), json!({})), deny(json!("*"), denied.clone())]);
            assert_eq!(judgement.exposure, exposure, "{allowed} {denied}: {judgement:#?}");
        }
    }

    #[test]
    fn a_deny_of_those_whom_the_allow_asks_for_takes_the_allow_away() {
        let stranger = json!({"StringEquals": {"aws:PrincipalAccount": STRANGER}});
        let organization = json!({"StringEquals": {"aws:PrincipalOrgID": "o-foreign0001"}});
        let network = json!({"StringEquals": {"aws:SourceVpce": "vpce-0named"}});
        let range = json!({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}});
        for (allowed, denied) in [
            (&stranger, deny(json!({"AWS": STRANGER}), json!({}))),
            (&stranger, deny(json!("*"), json!({"Condition": stranger}))),
            (&organization, deny(json!("*"), json!({"Condition": {"StringLike": {"aws:PrincipalOrgID": "o-f*"}}}))),
            (
                &organization,
                deny(json!("*"), json!({"Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-other00001"}}})),
            ),
            (&network, deny(json!("*"), json!({"Condition": network}))),
            (&range, deny(json!("*"), json!({"Condition": {"IpAddress": {"aws:SourceIp": "203.0.112.0/20"}}}))),
        ] {
            is(Exposure::None, &[everyone_if(allowed.clone()), denied]);
        }
        let two = json!({"StringEquals": {"aws:PrincipalAccount": [STRANGER, "666677778888"]}});
        let denied = deny(json!({"AWS": STRANGER}), json!({}));
        let judgement = judged(&[everyone_if(two), denied]);
        let strangers: Vec<_> = judgement.grants.iter().filter(|grant| grant.is_untrusted()).collect();
        assert!(matches!(strangers[..], [one] if one.grantee == "666677778888"), "{judgement:#?}");
        is_certain(
            Foreign,
            &[
                everyone_if(range),
                deny(json!("*"), json!({"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.7"}}})),
            ],
        );
    }

    #[test]
    fn no_deny_is_ever_touched() {
        let denial = deny(json!("*"), json!({"Condition": {"Bool": {"aws:SecureTransport": "false"}}}));
        let left = left(Kind::Resource, &policy(&[allow(json!("*"), json!({})), denial.clone()]));
        assert_eq!(left.map(|policy| policy["Statement"].clone()), Some(json!([denial])));
    }
}

/// Who can assume a role.
mod role_trusts {
    use super::*;

    const GITHUB: &str = naive::universe::GITHUB;

    fn trusting(principal: Value, action: &str, condition: Value) -> Value {
        json!({"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition})
    }

    #[track_caller]
    fn is(exposure: Exposure, statement: Value) {
        let judgement = judged_as(Kind::Trust, &policy(&[statement]));
        assert_eq!(judgement.exposure, exposure, "{judgement:#?}");
    }

    fn github(condition: Value) -> Value {
        trusting(json!({"Federated": GITHUB}), "sts:AssumeRoleWithWebIdentity", condition)
    }

    #[test]
    fn github_is_everyone_on_github_unless_the_subject_is_fixed() {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
        let audience = json!({"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"});
        is(Public, github(json!({})));
        is(Public, github(json!({"StringEquals": audience})));
        let subject = |subject: &str| json!({"StringEquals": audience, "StringLike": {"token.actions.githubusercontent.com:sub": subject}});
        is(Account, github(subject("repo:acme/app:ref:refs/heads/main")));
        is(Account, github(subject("repo:acme/app:*")));
        is(Account, github(subject("repo:acme/*")));
        for anyone in ["*", "repo:*", "repo:acme*", "repo:*/app:ref:refs/heads/main"] {
            is(Public, github(subject(anyone)));
        }
    }

    #[test]
    fn a_subject_that_need_not_be_there_is_no_subject() {
        is(
            Public,
            github(json!({"StringEqualsIfExists": {"token.actions.githubusercontent.com:sub": "repo:acme/app:*"}})),
        );
        is(
            Public,
            github(json!({"ForAllValues:StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/app:*"}})),
        );
    }

    #[test]
    fn what_anyone_at_github_chooses_keeps_nobody_out() {
        // https://aws.amazon.com/about-aws/whats-new/2026/01/aws-sts-supports-validation-identity-provider-claims/
        let judged = |operator: &str, claim: &str, value: &str| {
            let key = format!("token.actions.githubusercontent.com:{claim}");
            let judgement = judged_as(Kind::Trust, &policy(&[github(json!({operator: {key: value}}))]));
            (judgement.exposure, judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain))
        };
        for (operator, claim, value) in [
            ("StringEquals", "environment", "prod"),
            ("StringEquals", "ref", "refs/heads/main"),
            ("StringLike", "workflow", "deploy*"),
            ("StringLike", "job_workflow_ref", "*/.github/workflows/deploy.yml@refs/heads/main"),
            ("StringLikeIfExists", "sub", "*"),
        ] {
            assert_eq!(judged(operator, claim, value), (Public, true), "{operator} {claim} {value}");
        }
        // A workflow that somebody shares is called by others too, but does what it says.
        let workflow = "acme/app/.github/workflows/deploy.yml@refs/heads/main";
        for (operator, claim, value) in [
            ("StringEquals", "job_workflow_ref", workflow),
            ("StringLike", "job_workflow_ref", "acme/*"),
            ("StringEquals", "actor", "octocat"),
            ("StringLikeIfExists", "sub", "repo:acme/*"),
        ] {
            assert!(!judged(operator, claim, value).1, "{operator} {claim} {value}");
        }
    }

    #[test]
    fn a_subject_that_is_compared_letter_by_letter_fixes_somebody_star_and_all() {
        // Nobody is called so. What keeps everyone out keeps strangers out too.
        let literal = json!({"StringEquals": {"token.actions.githubusercontent.com:sub": "repo:*"}});
        let judgement = judged_as(Kind::Trust, &policy(&[github(literal)]));
        assert!(judgement.exposure >= Account, "{judgement:#?}");
    }

    #[test]
    fn a_cluster_of_ones_own_is_ones_own() {
        // https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
        let cluster = json!({"Federated": naive::universe::CLUSTER});
        is(Account, trusting(cluster.clone(), "sts:AssumeRoleWithWebIdentity", json!({})));
        let subject = json!({"StringEquals": {"oidc.eks.us-east-1.amazonaws.com/id/D539D4633E53DE1B:sub": "system:serviceaccount:default:app"}});
        is(Account, trusting(cluster, "sts:AssumeRoleWithWebIdentity", subject));
    }

    #[test]
    fn whoever_has_an_identity_pool_is_everyone() {
        // https://docs.aws.amazon.com/cognito/latest/developerguide/role-trust-and-permissions.html
        let cognito = json!({"Federated": "cognito-identity.amazonaws.com"});
        is(Public, trusting(cognito.clone(), "sts:AssumeRoleWithWebIdentity", json!({})));
        let any_pool = json!({"ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}});
        is(Public, trusting(cognito, "sts:AssumeRoleWithWebIdentity", any_pool));
    }

    #[test]
    fn those_who_signed_in_to_ones_own_identity_pool_are_not_everyone() {
        // The pool is what `aud` names; the role that AWS makes for a pool is written so.
        let own_pool = json!({
            "StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        });
        let cognito = json!({"Federated": "cognito-identity.amazonaws.com"});
        let text = policy(&[trusting(cognito, "sts:AssumeRoleWithWebIdentity", own_pool)]);
        let judgement = judged_as(Kind::Trust, &text);
        assert!(!judgement.grants.iter().any(|grant| grant.is_untrusted() && grant.certain), "{judgement:#?}");
    }

    #[test]
    fn the_guests_of_an_identity_pool_are_everyone() {
        // https://docs.aws.amazon.com/cognito/latest/developerguide/identity-pools.html#authenticated-and-unauthenticated-identities
        let of_pool = |more: Value| {
            let mut condition = json!({"StringEquals": {"cognito-identity.amazonaws.com:aud": "us-east-1:12345678-aaaa-bbbb-cccc-123456790ab0"}});
            condition.as_object_mut().expect("members").extend(more.as_object().expect("members").clone());
            let cognito = json!({"Federated": "cognito-identity.amazonaws.com"});
            judged_as(Kind::Trust, &policy(&[trusting(cognito, "sts:AssumeRoleWithWebIdentity", condition)]))
        };
        let amr = |operator: &str, value: Value| json!({operator: {"cognito-identity.amazonaws.com:amr": value}});
        for (guests, is_public, is_certain) in [
            (amr("ForAnyValue:StringLike", json!("unauthenticated")), true, true),
            (amr("ForAnyValue:StringEquals", json!(["authenticated", "unauthenticated"])), true, true),
            (amr("ForAnyValue:StringLike", json!("*authenticated")), true, true),
            (amr("ForAllValues:StringLike", json!("un*")), true, true),
            (json!({}), true, false),
            (amr("ForAnyValue:StringLike", json!("authenticated")), false, true),
            (amr("ForAnyValue:StringLike", json!("cognito-idp.us-east-1.amazonaws.com/*")), false, true),
            (amr("StringNotEquals", json!("unauthenticated")), false, true),
            (amr("ForAllValues:StringNotLike", json!("unauth*")), false, true),
        ] {
            let judgement = of_pool(guests.clone());
            assert_eq!(judgement.exposure == Public, is_public, "{guests} {judgement:#?}");
            assert!(judgement.grants.iter().all(|grant| grant.certain == is_certain), "{guests} {judgement:#?}");
        }
    }

    #[test]
    fn whoever_can_sign_in_with_a_public_identity_is_everyone() {
        for provider in ["accounts.google.com", "graph.facebook.com", "www.amazon.com"] {
            is(Public, trusting(json!({"Federated": provider}), "sts:AssumeRoleWithWebIdentity", json!({})));
        }
        let google = |condition| {
            trusting(json!({"Federated": "accounts.google.com"}), "sts:AssumeRoleWithWebIdentity", condition)
        };
        is(Public, google(json!({"StringEquals": {"accounts.google.com:aud": "66677788899900pro0"}})));
        is(Account, google(json!({"StringEquals": {"accounts.google.com:sub": "113027383838383838383"}})));
    }

    #[test]
    fn a_saml_provider_belongs_to_its_account() {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_saml.html
        let audience = json!({"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}});
        let saml =
            |provider: &str| trusting(json!({"Federated": provider}), "sts:AssumeRoleWithSAML", audience.clone());
        is(Account, saml(naive::universe::SAML));
        is(Foreign, saml(naive::universe::FOREIGN_SAML));
    }

    #[test]
    fn a_service_is_what_a_role_is_for() {
        let judgement = judged_as(
            Kind::Trust,
            &policy(&[
                json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}),
            ]),
        );
        assert!(judgement.exposure < Service, "{judgement:#?}");
    }

    #[test]
    fn an_external_id_narrows_a_role_to_nobody() {
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html
        let external = json!({"StringEquals": {"sts:ExternalId": "12345"}});
        is(Public, trusting(json!({"AWS": "*"}), "sts:AssumeRole", external.clone()));
        is(Foreign, trusting(json!({"AWS": STRANGER}), "sts:AssumeRole", external.clone()));
        is(Account, trusting(json!({"AWS": "222233334444"}), "sts:AssumeRole", external));
    }

    #[test]
    fn mfa_keeps_no_stranger_out() {
        is(
            Foreign,
            trusting(
                json!({"AWS": STRANGER}),
                "sts:AssumeRole",
                json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}),
            ),
        );
    }

    #[test]
    fn only_what_has_to_do_with_assuming_a_role_matters() {
        is(Exposure::None, trusting(json!("*"), "s3:GetObject", json!({})));
    }

    #[test]
    fn an_organization_may_assume_a_role_through_a_star() {
        is(
            Organization,
            trusting(json!("*"), "sts:AssumeRole", json!({"StringEquals": {"aws:PrincipalOrgID": "o-trusted0001"}})),
        );
    }
}

/// What other tools were read to get wrong.
mod others_miss {
    use super::*;

    #[test]
    fn that_a_source_address_is_safe_only_if_it_is_narrow() {
        is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}))]);
    }

    #[test]
    fn that_two_halves_are_the_world() {
        is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}))]);
        is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": ["::/1", "8000::/1"]}}))]);
    }

    #[test]
    fn that_two_hundred_scattered_ranges_are_the_world() {
        let ranges: Vec<_> =
            (1..=223).filter(|first| ![10, 100, 127, 169, 172, 192, 198, 203].contains(first)).collect();
        let ranges: Vec<_> = ranges.into_iter().map(|first: u8| format!("{first}.0.0.0/8")).collect();
        assert!(ranges.len() > 200);
        is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": ranges}}))]);
    }

    #[test]
    fn that_host_bits_do_not_matter() {
        is_certain(Public, &[everyone_if(json!({"IpAddress": {"aws:SourceIp": "208.236.235.254/0"}}))]);
    }

    #[test]
    fn that_a_vpc_is_safe_only_if_it_is_fixed() {
        is_certain(Public, &[everyone_if(json!({"StringLike": {"aws:SourceVpc": "*"}}))]);
        is_certain(Public, &[everyone_if(json!({"StringLike": {"aws:SourceVpce": "vpce-*"}}))]);
    }

    #[test]
    fn that_an_unknown_operator_does_not_narrow_and_the_known_one_beside_it_does() {
        is(
            Organization,
            &[everyone_if(json!({
                "StringResembles": {"aws:PrincipalOrgID": "*"}, "StringEquals": {"aws:PrincipalOrgID": "o-trusted0001"},
            }))],
        );
    }

    #[test]
    fn that_a_service_may_act_for_anyone() {
        is(Service, &[allow(json!({"Service": "sns.amazonaws.com"}), json!({}))]);
    }

    #[test]
    fn that_a_deleted_principal_is_nobody() {
        for id in ["AROADELETEDROLEEXAMPLE", "AIDADELETEDUSEREXAMPLE"] {
            is(Exposure::None, &[allow(json!({"AWS": id}), json!({}))]);
            is(Account, &[allow(json!({"AWS": [id, TRUSTED]}), json!({}))]);
        }
    }

    #[test]
    fn that_a_statement_may_have_no_principal() {
        let mut statement = allow(json!("*"), json!({}));
        statement.as_object_mut().expect("members").remove("Principal");
        let text = policy(&[statement, allow(json!("*"), json!({}))]);
        // Refused or judged, but the statement beside it must not be overlooked.
        if let Ok(policy) = Policy::parse(&text) {
            assert_eq!(policy.judge(Kind::Resource, &trust()).exposure, Public);
        }
    }

    #[test]
    fn that_a_star_may_be_in_a_list_in_an_object_or_escaped() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":["\u002a"]},"Action":"*","Resource":"*"}}"#;
        assert_eq!(judged_as(Kind::Resource, text).exposure, Public);
    }

    #[test]
    fn that_a_deny_must_stay_when_all_else_goes() {
        let denial = deny(json!({"AWS": STRANGER}), json!({"Sid": "Denied"}));
        let left = left(Kind::Resource, &policy(&[denial.clone(), allow(json!("*"), json!({}))]));
        assert_eq!(left.map(|policy| policy["Statement"].clone()), Some(json!([denial])));
    }

    #[test]
    fn that_statements_beside_it_must_stay() {
        let keep = [
            allow(json!({"AWS": TRUSTED}), json!({"Sid": "Ours"})),
            allow(json!({"Service": "cloudtrail.amazonaws.com"}), json!({"Sid": "Trail"})),
        ];
        let left = left(Kind::Resource, &policy(&[keep[0].clone(), allow(json!("*"), json!({})), keep[1].clone()]));
        assert_eq!(left.map(|policy| policy["Statement"].clone()), Some(json!(keep)));
    }

    #[test]
    fn that_a_role_trust_must_keep_who_is_trusted() {
        let trust = json!({"Effect": "Allow", "Principal": {"AWS": [TRUSTED, STRANGER]}, "Action": "sts:AssumeRole"});
        let left = left(Kind::Trust, &policy(&[trust])).expect("our own account stays");
        let principal = &left["Statement"][0]["Principal"]["AWS"];
        assert!(*principal == json!([TRUSTED]) || *principal == json!(TRUSTED), "{left:#}");
    }

    #[test]
    fn that_actions_other_than_reading_expose_too() {
        for action in ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner", "s3:BypassGovernanceRetention"] {
            is_certain(Public, &[allow(json!("*"), json!({"Action": action}))]);
        }
    }

    #[test]
    fn that_what_is_not_named_is_granted() {
        let mut statement =
            allow(json!("*"), json!({"NotAction": "s3:DeleteBucket", "NotResource": "arn:aws:s3:::other/*"}));
        let members = statement.as_object_mut().expect("members");
        members.remove("Action");
        members.remove("Resource");
        is_certain(Public, &[statement]);
    }
}
