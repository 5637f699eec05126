//! What is public and what is not, as AWS documents it; what others get wrong; what is left after the cut.

use std::time::Instant;

use serde_json::{Value, json};

use super::Exposure::{Account, Foreign, None as Nobody, Organization, Public, Service};
use super::*;

fn trust() -> Trust {
    Trust {
        account: Some("111122223333".to_owned()),
        organizations: ["o-a1b2c3d4e5".to_owned()].into(),
        networks: ["vpce-1a2b3c4d".to_owned()].into(),
        ranges: vec!["203.0.113.0/24".parse().expect("a range")],
        ..Trust::default()
    }
}

fn judged(kind: Kind, statements: &Value) -> Judgement {
    let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    Policy::parse(&text).expect("a policy").judge(kind, &trust())
}

fn exposure(statements: &Value) -> Exposure {
    judged(Kind::Resource, statements).exposure
}

/// Whether the widest grant is certain.
fn is_certain(statements: &Value) -> bool {
    let judgement = judged(Kind::Resource, statements);
    judgement.grants.iter().any(|grant| grant.exposure == judgement.exposure && grant.certain)
}

fn allow(principal: Value, condition: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*", "Condition": condition})
}

fn everyone(condition: Value) -> Value {
    allow(json!("*"), condition)
}

fn service(condition: Value) -> Value {
    allow(json!({"Service": "sns.amazonaws.com"}), condition)
}

fn deny(action: &str, condition: Value) -> Value {
    json!({"Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*", "Condition": condition})
}

fn signed_in(provider: &str, condition: Value) -> Exposure {
    let statement = json!({"Effect": "Allow", "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition});
    judged(Kind::Trust, &statement).exposure
}

#[test]
fn what_is_said_of_whom_a_role_trusts_is_what_is_known() {
    let said = |principal: Value, condition: Value| {
        let action = "sts:AssumeRoleWithWebIdentity";
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition});
        let grants = judged(Kind::Trust, &statement).grants;
        grants.iter().map(|grant| grant.why.clone()).collect::<Vec<_>>().join("\n")
    };
    let github = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";
    let subject = json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:evil/evil:*"}});
    let tenant = said(json!({"Federated": github}), subject);
    assert!(
        tenant.ends_with(", but only for whoever its condition names, and whose that is, is not checked"),
        "{tenant}"
    );
    let deleted = said(json!({"AWS": "AIDACKCEVSQ6C2EXAMPLE"}), json!({}));
    assert!(
        deleted.starts_with("statement 1 would let the deleted principal `AIDACKCEVSQ6C2EXAMPLE` do "),
        "{deleted}"
    );
    assert!(deleted.ends_with(", but that was deleted, so it lets in nobody"), "{deleted}");
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>
#[test]
fn s3_does_not_take_everything_for_public_that_lets_everyone_in() {
    let by_s3 = |statement: &Value| {
        let text = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
        Policy::parse(&text).expect("a policy").judge_as_s3(&trust()).exposure
    };
    let from = |ranges: Value| everyone(json!({"IpAddress": {"aws:SourceIp": ranges}}));
    for (statement, to_s3) in [
        (everyone(json!({})), Public),
        (from(json!(["0.0.0.0/1", "128.0.0.0/1"])), Public),
        (from(json!("2001::/31")), Public),
        (everyone(json!({"StringLike": {"aws:PrincipalArn": "*"}})), Public),
        (from(json!(["12.0.0.0/8", "13.0.0.0/8"])), Foreign),
        (from((0..256).map(|number| format!("{number}.0.0.0/8")).collect()), Foreign),
        (everyone(json!({"StringEquals": {"aws:PrincipalAccount": "anonymous"}})), Foreign),
        (allow(json!({"Federated": "accounts.google.com"}), json!({})), Foreign),
    ] {
        assert_eq!((exposure(&statement), by_s3(&statement)), (Public, to_s3), "{statement}");
    }
    let elsewhere = json!({"NotIpAddress": {"aws:SourceIp": ["12.0.0.0/8", "13.0.0.0/8"]}});
    let (everyone, deny) = (everyone(json!({})), deny("s3:GetObject", elsewhere));
    let both = json!([everyone, deny]);
    assert_eq!((exposure(&both), by_s3(&both)), (Public, Foreign));
}

const GITHUB: &str = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com";

/// The policy without all that is untrusted.
fn closed(kind: Kind, text: &str) -> Option<String> {
    let policy = Policy::parse(text).expect("a policy");
    let mut grants = policy.judge(kind, &trust()).grants;
    grants.retain(Grant::is_untrusted);
    policy.without(&grants)
}

#[test]
fn whoever_is_named_is_who_is_let_in() {
    for (principal, expected) in [
        (json!("*"), Public),
        (json!({"AWS": "*"}), Public),
        (json!({"AWS": ["arn:aws:iam::111122223333:root", "*"]}), Public),
        (json!({"AWS": "arn:aws:iam::*:role/x"}), Public),
        (json!({"Federated": "accounts.google.com"}), Public),
        (json!({"AWS": "444455556666"}), Foreign),
        (json!({"AWS": "arn:aws-us-gov:iam::444455556666:role/x"}), Foreign),
        (json!({"AWS": "arn:aws:sts::444455556666:assumed-role/x/y"}), Foreign),
        (json!({"CanonicalUser": "0123456789abcdef"}), Foreign),
        (json!({"Unheard": "of"}), Foreign),
        (json!({"Service": "logs.amazonaws.com"}), Service),
        (json!({"AWS": "111122223333"}), Account),
        (json!({"AWS": ["arn:aws-cn:iam::111122223333:user/x"]}), Account),
        (json!({"Federated": "arn:aws:iam::111122223333:saml-provider/x"}), Account),
        (json!({}), Nobody),
        (json!({"AWS": []}), Nobody),
    ] {
        assert_eq!(exposure(&allow(principal.clone(), json!({}))), expected, "{principal}");
    }
}

#[test]
fn everyone_but_some_is_everyone() {
    let but = json!({"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"});
    assert_eq!(exposure(&but), Public);
}

#[test]
fn aws_delivers_logs_from_accounts_that_are_no_strangers() {
    for principal in [
        json!({"AWS": "arn:aws:iam::127311923021:root"}),
        json!({"AWS": "arn:aws:iam::193672423079:user/logs"}),
        json!({"AWS": "086441151436"}),
        json!({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1EXAMPLE"}),
        json!({"CanonicalUser": "c4c1ede66af53448b93c283ce9448c4ba468c9432aa01d700d3878632f77d2d0"}),
    ] {
        assert_eq!(exposure(&allow(principal.clone(), json!({}))), Service, "{principal}");
    }
    assert!(!is_certain(&allow(json!({"CanonicalUser": "0123"}), json!({}))), "it may be the owner's own");
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status>
#[test]
fn what_s3_calls_fixed_is_not_public() {
    for (operator, key, value, expected) in [
        ("StringEquals", "aws:PrincipalOrgID", "o-a1b2c3d4e5", Organization),
        ("stringequals", "AWS:principalorgid", "o-zzzzzzzzzz", Foreign),
        ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-a1b2c3d4e5/r-ab12/*", Organization),
        ("StringEquals", "aws:PrincipalAccount", "444455556666", Foreign),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/*", Account),
        ("StringLike", "aws:PrincipalArn", "arn:aws:iam::111122223333:role/*", Account),
        ("StringEquals", "aws:SourceVpc", "vpc-91237329", Foreign),
        ("StringEquals", "aws:SourceVpce", "vpce-1a2b3c4d", Organization),
        ("IpAddress", "aws:SourceIp", "192.0.2.0/24", Foreign),
        ("IpAddress", "aws:SourceIp", "203.0.113.7", Organization),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", Foreign),
        ("StringEquals", "aws:SourceAccount", "111122223333", Account),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:::bucket", Account),
        ("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:bucket", Account),
        ("ArnLike", "aws:SourceArn", "arn:aws:sns:*:444455556666:*", Foreign),
        ("StringLike", "s3:DataAccessPointArn", "arn:aws:s3:eu-central-1:111122223333:accesspoint/*", Account),
        ("StringEquals", "s3:DataAccessPointAccount", "444455556666", Foreign),
        ("Bool", "aws:PrincipalIsAWSService", "true", Service),
        ("StringEquals", "kms:CallerAccount", "111122223333", Account),
        ("StringEquals", "aws:PrincipalAccount", "${aws:ResourceAccount}", Account),
        ("StringEquals", "aws:PrincipalOrgID", "${aws:ResourceOrgID}", Organization),
        ("StringEquals", "aws:ResourceOrgID", "${aws:PrincipalOrgID}", Organization),
        ("StringEquals", "aws:PrincipalOrgID", "o-*", Nobody),
    ] {
        assert_eq!(exposure(&everyone(json!({operator: {key: value}}))), expected, "{operator} {key} {value}");
    }
}

#[test]
fn what_any_stranger_can_meet_is_public() {
    for condition in [
        json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}),
        json!({"StringLike": {"aws:SourceVpc": "vpc-*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/x"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}}),
        json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/mine"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}),
        json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1a2b3c4d"}}),
        json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}}),
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),
        json!({"Null": {"aws:PrincipalOrgID": "false"}}),
        json!({"Bool": {"aws:SecureTransport": true}}),
        json!({"StringLike": {"aws:Referer": "https://example.com/*"}}),
        json!({"IpAddress": {"aws:VpcSourceIp": "10.0.0.0/8"}}),
        json!({"StringEquals": {"aws:PrincipalTag/team": "x", "aws:ResourceTag/team": "x", "aws:ResourceOrgID": "o-a"}}),
        json!({"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com", "lambda:FunctionUrlAuthType": "NONE"}}),
        json!({"StringEquals": {"sns:Protocol": "email"}}),
        json!({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}),
    ] {
        assert_eq!(exposure(&everyone(condition.clone())), Public, "{condition}");
        assert!(is_certain(&everyone(condition.clone())), "{condition}");
    }
}

#[test]
fn what_the_engine_does_not_know_never_narrows_and_is_said() {
    for condition in [
        json!({"StringEquals": {"some:Key": "x"}}),
        json!({"SomeOperator": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"IpAddress": {"aws:SourceIp": "not a range"}}),
        json!({"StringLike": {"aws:userid": "AROAEXAMPLEEXAMPLE:*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "arn:*:iam::111122223333:role/x"}}),
        json!({"StringEquals": {"aws:PrincipalOrgID": []}}),
    ] {
        assert_eq!(exposure(&everyone(condition.clone())), Public, "{condition}");
        assert!(!is_certain(&everyone(condition.clone())), "{condition}");
    }
    let grants = judged(Kind::Resource, &everyone(json!({"StringEquals": {"some:Key": "x"}}))).grants;
    assert!(grants[0].why.ends_with("if the condition on `some:Key` does not keep them out"), "{}", grants[0].why);
}

#[test]
fn keys_are_anded_and_values_are_ored() {
    let both =
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}, "IpAddress": {"aws:SourceIp": "0.0.0.0/0"}});
    assert_eq!(exposure(&everyone(both)), Organization);
    let either = json!({"StringEquals": {"aws:PrincipalOrgID": ["o-a1b2c3d4e5", "o-zzzzzzzzzz"]}});
    assert_eq!(exposure(&everyone(either)), Foreign);
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>
#[test]
fn what_holds_without_the_key_narrows_if_the_key_is_demanded_beside_it() {
    let condition = json!({"ForAllValues:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"},
        "Null": {"aws:PrincipalOrgPaths": "false"}});
    assert_eq!(exposure(&everyone(condition)), Organization);
}

#[test]
fn a_service_acts_for_whom_its_condition_says() {
    for (condition, expected) in [
        (json!({}), Service),
        (json!({"Bool": {"aws:SecureTransport": "true"}}), Service),
        (json!({"StringLike": {"aws:SourceArn": "arn:aws:sns:*:*:*"}}), Service),
        (json!({"StringEquals": {"aws:SourceAccount": "444455556666"}}), Foreign),
        (json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}), Account),
        (json!({"StringEquals": {"aws:SourceOrgID": "o-a1b2c3d4e5"}}), Organization),
        (json!({"ArnLike": {"aws:SourceArn": "arn:aws:sns:eu-central-1:111122223333:topic"}}), Account),
    ] {
        assert_eq!(exposure(&service(condition.clone())), expected, "{condition}");
    }
    assert!(!judged(Kind::Resource, &service(json!({}))).grants[0].is_untrusted());
}

#[test]
fn a_deny_narrows_only_what_it_certainly_covers() {
    let public = everyone(json!({}));
    for (denied, expected) in [
        (deny("s3:*", json!({})), Nobody),
        (deny("S3:GET*", json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})), Organization),
        (deny("*", json!({"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}})), Foreign),
        (
            deny(
                "*",
                json!({"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}),
            ),
            Service,
        ),
        (deny("*", json!({"Bool": {"aws:PrincipalIsAWSService": "false"}})), Public),
        (deny("s3:DeleteBucket", json!({})), Public),
        (deny("s3:*", json!({"Bool": {"aws:SecureTransport": "false"}})), Public),
        (deny("s3:*", json!({"NotIpAddress": {"aws:SourceIp": "0.0.0.0/0"}})), Public),
        (deny("s3:*", json!({"StringNotLike": {"aws:PrincipalOrgID": "*"}})), Public),
        (deny("s3:*", json!({"ForAnyValue:StringNotLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/*"}})), Public),
        (json!({"Effect": "Deny", "Principal": "*", "NotAction": "s3:PutObject", "Resource": "*"}), Nobody),
        (json!({"Effect": "Deny", "Principal": "*", "NotAction": "s3:Get*", "Resource": "*"}), Public),
        (json!({"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "arn:aws:s3:::b/private/*"}), Public),
        (json!({"Effect": "Deny", "Principal": "*", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}), Nobody),
        (json!({"Effect": "Deny", "Principal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"}), Public),
    ] {
        assert_eq!(exposure(&json!([public, denied])), expected, "{denied}");
        assert!(is_certain(&json!([public, denied])), "{denied}");
    }
}

#[test]
fn several_denies_narrow_together_and_one_that_may_narrow_is_said() {
    let outside = || json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}});
    let mut both = everyone(json!({}));
    both["Action"] = json!(["s3:GetObject", "s3:PutObject"]);
    let (get, put) = (deny("s3:Get*", outside()), deny("s3:Put*", outside()));
    assert_eq!(exposure(&json!([get, both, put])), Organization);
    assert_eq!(exposure(&json!([get, both])), Public);
    let others =
        |spared: &str| json!({"Effect": "Deny", "NotPrincipal": {"AWS": spared}, "Action": "*", "Resource": "*"});
    assert_eq!(exposure(&json!([both, others("111122223333")])), Account);
    let grants = judged(Kind::Resource, &json!([both, others("*")])).grants;
    assert!(!grants[0].certain && grants[0].why.ends_with("unless a `Deny` in the same policy keeps them out"));
}

#[test]
fn a_role_is_assumed_only_by_what_assumes_it() {
    let trusting = |principal: Value, action: &str| {
        judged(Kind::Trust, &json!({"Effect": "Allow", "Principal": principal, "Action": action})).exposure
    };
    assert_eq!(trusting(json!("*"), "sts:AssumeRole"), Public);
    assert_eq!(trusting(json!("*"), "STS:assume*"), Public);
    assert_eq!(trusting(json!("*"), "sts:GetCallerIdentity"), Nobody);
    assert_eq!(trusting(json!({"AWS": "444455556666"}), "sts:AssumeRole"), Foreign);
    assert_eq!(trusting(json!({"Service": "ec2.amazonaws.com"}), "sts:AssumeRole"), Account);
    assert_eq!(trusting(json!({"AWS": "AROAEXAMPLEEXAMPLE"}), "sts:AssumeRole"), Nobody);
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc_secure-by-default.html>
#[test]
fn a_shared_identity_provider_is_everyone_unless_the_tenant_is_fixed() {
    let sub = |operator: &str, value: &str| json!({operator: {"token.actions.githubusercontent.com:sub": value}});
    for (condition, expected) in [
        (json!({}), Public),
        (json!({"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}}), Public),
        (sub("StringEquals", "repo:octo-org/octo-repo:ref:refs/heads/main"), Account),
        (sub("StringLike", "repo:octo-org/*"), Account),
        (sub("StringLike", "repo:octo-org*"), Public),
        (sub("StringLike", "repo:*"), Public),
        (sub("StringEquals", "environment:production"), Public),
        (sub("ForAllValues:StringLike", "repo:octo-org/*"), Public),
    ] {
        assert_eq!(signed_in(GITHUB, condition.clone()), expected, "{condition}");
    }
    let pool = json!({"StringEquals": {"cognito-identity.amazonaws.com:aud": "eu-central-1:1f2e"}});
    assert_eq!(signed_in("cognito-identity.amazonaws.com", pool.clone()), Public, "it may have guests");
    let signed_in_to = json!({"StringEquals": pool["StringEquals"],
        "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"}});
    assert_eq!(signed_in("cognito-identity.amazonaws.com", signed_in_to), Account);
    assert_eq!(signed_in("cognito-identity.amazonaws.com", json!({})), Public);
    let app = json!({"StringEquals": {"accounts.google.com:aud": "66677788899900pro0"}});
    assert_eq!(signed_in("accounts.google.com", app), Public);
    let cluster = "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/0123";
    assert_eq!(signed_in(cluster, json!({})), Account);
}

// What others get wrong.

#[test]
fn a_condition_on_the_address_is_no_pass_for_the_whole_world() {
    for world in [json!("0.0.0.0/0"), json!(["0.0.0.0/1", "128.0.0.0/1"]), json!("208.236.235.254/0"), json!("::/0")] {
        assert_eq!(exposure(&everyone(json!({"IpAddress": {"aws:SourceIp": world}}))), Public, "{world}");
    }
    let scattered: Vec<String> = (11..100).map(|first| format!("{first}.0.0.0/8")).collect();
    assert_eq!(exposure(&everyone(json!({"IpAddress": {"aws:SourceIp": scattered}}))), Public);
}

#[test]
fn a_condition_on_the_network_without_a_value_is_no_pass() {
    assert_eq!(exposure(&everyone(json!({"StringEquals": {"aws:SourceVpc": []}}))), Public);
    assert_eq!(exposure(&everyone(json!({"StringLike": {"aws:SourceVpce": "*"}}))), Public);
}

#[test]
fn an_unknown_operator_is_not_skipped_as_if_it_were_met() {
    let condition =
        json!({"StringSomehow": {"aws:SourceVpc": "vpc-1"}, "StringEquals": {"aws:PrincipalAccount": "111122223333"}});
    assert_eq!(exposure(&everyone(condition)), Account);
}

#[test]
fn a_deleted_principal_is_nobody_and_is_not_taken_away() {
    let deleted = allow(json!({"AWS": "AIDAEXAMPLEEXAMPLEXX"}), json!({}));
    assert_eq!(exposure(&deleted), Nobody);
    let text = json!({"Statement": [deleted]}).to_string();
    assert_eq!(closed(Kind::Resource, &text), Some(text));
}

#[test]
fn a_statement_without_a_principal_is_read_and_the_others_are_judged() {
    let without = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
    assert_eq!(exposure(&without), Nobody);
    assert_eq!(exposure(&json!([without, everyone(json!({}))])), Public);
}

#[test]
fn everyone_in_a_list_goes_and_a_deny_never_does() {
    let text = "{ \"Version\":\"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\":\"Deny\", \"Principal\":\"*\", \
                \"Action\":\"s3:Delete*\",\"Resource\":\"*\" } ,\n    {\"Effect\":\"Allow\",\"Principal\":\"*\",\
                \"Action\":\"s3:GetObject\",\"Resource\":\"*\"},\n    {\"Sid\":\"é\",\"Effect\":\"Allow\",\
                \"Principal\":{\"AWS\":[ \"*\", \"111122223333\" ]},\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}\n ] }";
    let left = text
        .replace(",\n    {\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}", "")
        .replace("\"*\", \"111122223333\"", "\"111122223333\"");
    // One comma goes with the statement, and it is the one before it.
    let left = left.replace("} ,\n", "},\n");
    assert_eq!(closed(Kind::Resource, text), Some(left));
}

#[test]
fn a_service_beside_everyone_stays() {
    let text = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":"*", "Service":["logs.amazonaws.com"]},"Action":"*","Resource":"*"}}"#;
    assert_eq!(closed(Kind::Resource, text), Some(text.replace(r#""AWS":"*", "#, "")));
}

#[test]
fn a_value_of_a_condition_goes_before_the_statement_does() {
    let text = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:Get*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":["203.0.113.0/24" , "0.0.0.0/1","128.0.0.0/1"]}}}]}"#;
    assert_eq!(closed(Kind::Resource, text), Some(text.replace(r#" , "0.0.0.0/1","128.0.0.0/1""#, "")));
    let grants = Policy::parse(text).expect("a policy").judge(Kind::Resource, &trust()).grants;
    assert_eq!(grants[1].grantee, "0.0.0.0/1");
    assert_eq!(grants[1].why, "statement 1 lets everyone with `aws:SourceIp` `0.0.0.0/1` do s3:Get*");
}

#[test]
fn of_a_value_and_a_principal_the_one_goes_that_costs_the_trusted_nothing() {
    let organizations = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["*","111122223333"]},"Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":["o-a1b2c3d4e5","o-zzzzzzzzzz"]}}}}"#;
    assert_eq!(closed(Kind::Resource, organizations), Some(organizations.replace(r#","o-zzzzzzzzzz""#, "")));
    let networks = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["444455556666","111122223333"]},"Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpce":["vpce-1a2b3c4d","vpce-99999999"]}}}}"#;
    assert_eq!(closed(Kind::Resource, networks), Some(networks.replace(r#""444455556666","#, "")));
}

#[test]
fn what_is_public_goes_alone_if_only_that_is_asked_for() {
    let text = r#"{"Statement":{"Effect":"Allow","Principal":{"AWS":["444455556666","*"]},"Action":"s3:Get*","Resource":"*"}}"#;
    let policy = Policy::parse(text).expect("a policy");
    let mut grants = policy.judge(Kind::Resource, &trust()).grants;
    grants.retain(|grant| grant.exposure == Public);
    assert_eq!(policy.without(&grants), Some(text.replace(",\"*\"", "")));
}

#[test]
fn nothing_is_left_of_a_policy_that_lets_in_only_strangers() {
    for statements in [everyone(json!({})), json!([allow(json!({"AWS": ["*", "444455556666"]}), json!({}))])] {
        assert_eq!(closed(Kind::Resource, &json!({"Statement": statements}).to_string()), None);
    }
}

#[test]
fn a_role_that_nobody_may_assume_denies_everyone() {
    let text =
        r#"{"Version": "2012-10-17", "Statement": [ {"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"} ]}"#;
    let left = closed(Kind::Trust, text).expect("the trust of a role is never nothing");
    assert_eq!(left, format!(r#"{{"Version": "2012-10-17", "Statement": [ {NOBODY} ]}}"#));
    assert_eq!(closed(Kind::Trust, &left), Some(left));
}

#[test]
fn a_grant_is_one_sentence() {
    for (statement, said) in [
        (everyone(json!({})), "statement 1 lets everyone do s3:GetObject on arn:aws:s3:::b/*"),
        (
            allow(json!({"AWS": "444455556666"}), json!({})),
            "statement 1 lets `444455556666`, which is not trusted, do s3:GetObject on arn:aws:s3:::b/*",
        ),
        (
            service(json!({})),
            "statement 1 lets `sns.amazonaws.com` do s3:GetObject on arn:aws:s3:::b/*, and does not say on whose behalf",
        ),
        (
            everyone(json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
            "statement 1 lets everyone do s3:GetObject on arn:aws:s3:::b/*, but only for a trusted organization or network",
        ),
    ] {
        assert_eq!(judged(Kind::Resource, &statement).grants[0].why, said);
    }
}

#[test]
fn a_grant_is_named_by_what_it_grants_and_not_by_where_it_stands() {
    let (own, stranger) = (allow(json!({"AWS": "111122223333"}), json!({})), everyone(json!({})));
    let name = |statements: &Value, index: usize| judged(Kind::Resource, statements).grants[index].name.clone();
    assert_eq!(name(&json!([own, stranger]), 1), name(&stranger, 0));
    assert_eq!(name(&stranger, 0), crate::json::canonical(&stranger));
    let (among_two, among_three) = (
        allow(json!({"AWS": ["*", "111122223333"]}), json!({})),
        allow(json!({"AWS": ["*", "111122223333", "444455556666"]}), json!({})),
    );
    assert_eq!(name(&among_two, 0), name(&among_three, 0));
    let mut wider = among_two.clone();
    wider["Action"] = json!("s3:*");
    assert_ne!(name(&among_two, 0), name(&wider, 0));
}

/// A megabyte of each kind of hostility. The bound is far above what a slow machine takes, and far below a square.
#[test]
fn hostile_policies_cost_no_more_than_their_size() {
    let many = |one: &str, count: usize| vec![one; count].join(",");
    let statements = |statements: String| format!(r#"{{"Statement":[{statements}]}}"#);
    let allow = r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}"#;
    let deny = r#"{"Effect":"Deny","Principal":"*","Action":"s3:G*t*","Resource":"arn:aws:s3:::*/*"}"#;
    let starry = format!("\"{}b\"", "*a".repeat(900));
    let plain = format!("\"{}\"", "a".repeat(1800));
    let arns = format!("{{\"aws:PrincipalArn\":[{}]}}", many("\"arn:aws:iam::444455556666:role/a*b\"", 10_000));
    for text in [
        statements(format!("{},{}", many(allow, 5000), many(deny, 5000))),
        statements(allow.replace("\"*\"", &format!("{{\"AWS\":[{}]}}", many("\"444455556666\",\"*\"", 30_000)))),
        statements(allow.replace("\"s3:GetObject\"", &format!("[{}]", many("\"s3:a\"", 100_000))) + "," + deny),
        statements(format!(
            "{},{}",
            allow.replace("\"s3:GetObject\"", &format!("[{}]", many(&plain, 200))),
            deny.replace("\"s3:G*t*\"", &format!("[{}]", many(&starry, 200)))
        )),
        statements(allow.replace(
            '}',
            &format!(
                ",\"Condition\":{{\"IpAddress\":{{\"aws:SourceIp\":[{}]}}}}}}",
                many("\"8.0.0.0/8\",\"9.1.0.0/16\"", 30_000)
            ),
        )),
        statements(allow.replace('}', &format!(",\"Condition\":{{\"ArnLike\":{arns},\"ArnNotLike\":{arns}}}}}"))),
        statements(
            allow
                .replace("\"*\"", &format!("{{\"AWS\":[{}]}}", many("\"arn:aws:iam::444455556666:role/r\"", 8_000)))
                .replace("b/*\"}", &format!("b/*\",\"Condition\":{{\"ArnLike\":{arns}}}}}")),
        ),
    ] {
        assert!(text.len() < 1 << 20, "{}", text.len());
        let start = Instant::now();
        let policy = Policy::parse(&text).expect("a policy");
        let grants = policy.judge(Kind::Resource, &trust()).grants;
        let _ = policy.without(&grants[..grants.len() / 2]);
        assert!(start.elapsed().as_secs() < 20, "{:?}: {}", start.elapsed(), &text[..200]);
    }
}
