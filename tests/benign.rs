//! What happens in an account all day raises no suspicion: no look is taken, no AWS call is made.
//!
//! The corpus is made here, from what ordinary callers ordinarily do: every caller makes every call. Most of it is
//! calls that the controls do watch, with parameters that let in nobody who should not be let in.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use snapback::control::{AnyControl, Watch};
use snapback::event::{Kind, SCHEDULED};
use snapback::mode::Mode;
use snapback::responder::Suspected;
use snapback::settings::{Own, Settings};
use workspace_tests::{FUNCTIONS, controls};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

/// What makes an administrator is all that an identity holds together, and no event tells that. Nor does it tell what a
/// boundary or a role that is passed allows, what the password policy was before, on which tags policies depend, whose name a
/// device has, whether a trail delivers to a log group, or which alarms people rely on.
const ALWAYS_LOOK: [&str; 9] = [
    "alarm-silenced",
    "iam-changed-principal-tag",
    "iam-foreign-mfa-device",
    "iam-lost-boundary",
    "iam-new-administrator",
    "iam-new-default-version",
    "iam-passed-administrator",
    "iam-weak-password-policy",
    "trail-lost-log-group",
];

/// Calls that take a protection away, make a credential or open a way in, whatever their parameters. They are always looked
/// at.
const NEVER_ORDINARY: [&str; 144] = [
    "StartExportTask",
    "DeleteAlias",
    "DeleteCustomKeyStore",
    "DeleteImportedKeyMaterial",
    "DisableKey",
    "DisableKeyRotation",
    "DisconnectCustomKeyStore",
    "ImportKeyMaterial",
    "ScheduleKeyDeletion",
    "UpdateAlias",
    "UpdateCustomKeyStore",
    "AddClientIDToOpenIDConnectProvider",
    "AddRoleToInstanceProfile",
    "AssociateIamInstanceProfile",
    "CreateOpenIDConnectProvider",
    "CreateProfile",
    "CreateSAMLProvider",
    "CreateTrustAnchor",
    "CreateUser",
    "DeactivateMFADevice",
    "DeleteAttributeMapping",
    "DeleteCrl",
    "DisableCrl",
    "ImportCrl",
    "PutAttributeMapping",
    "UpdateCrl",
    "DeleteAccountPasswordPolicy",
    "DeleteGroupPolicy",
    "DeleteRolePolicy",
    "DeleteRolePermissionsBoundary",
    "DeleteUserPermissionsBoundary",
    "DeleteUserPolicy",
    "RemoveUserFromGroup",
    "EnableMFADevice",
    "EnableProfile",
    "EnableTrustAnchor",
    "ReplaceIamInstanceProfileAssociation",
    "UpdateOpenIDConnectProviderThumbprint",
    "UpdateSAMLProvider",
    "UpdateGroup",
    "UpdateUser",
    "UpdateProfile",
    "UpdateTrustAnchor",
    "AddUserToGroup",
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "CreatePolicyVersion",
    "PutGroupPolicy",
    "PutRolePolicy",
    "PutUserPolicy",
    "SetDefaultPolicyVersion",
    "AcceptDelegationRequest",
    "CloseAccount",
    "CreateAccessKey",
    "CreateLoginProfile",
    "CreateServiceSpecificCredential",
    "CreateInstanceExportTask",
    "CreateStoreImageTask",
    "CreateTrafficMirrorSession",
    "CreateVpcBlockPublicAccessExclusion",
    "DeleteAccountPublicAccessBlock",
    "DeleteBucketOwnershipControls",
    "DeleteBucketPolicy",
    "DeleteBucketPublicAccessBlock",
    "DeleteFlowLogs",
    "DeregisterDelegatedAdministrator",
    "DisableAllowedImagesSettings",
    "DisableEbsEncryptionByDefault",
    "DisableImageBlockPublicAccess",
    "DisableSnapshotBlockPublicAccess",
    "EnableOrganizationsRootSessions",
    "EnableOutboundWebIdentityFederation",
    "EnableSerialConsoleAccess",
    "LeaveOrganization",
    "MoveAccount",
    "RegisterDelegatedAdministrator",
    "RemoveAccountFromOrganization",
    "ResetServiceSpecificCredential",
    "DeleteConfigurationRecorder",
    "DeleteDeliveryChannel",
    "PutConfigurationRecorder",
    "PutDeliveryChannel",
    "StopConfigurationRecorder",
    "StopLogging",
    "DeleteTrail",
    "PutEventSelectors",
    "PutInsightSelectors",
    "UpdateTrail",
    "StartSession",
    "UploadSSHPublicKey",
    "UpdateLoginProfile",
    "UploadSigningCertificate",
    "ExportImage",
    "ReplaceNetworkAclAssociation",
    "RestoreManagedPrefixListVersion",
    "BatchDisableStandards",
    "BatchUpdateStandardsControlAssociations",
    "CreateArchiveRule",
    "CreateAutomationRule",
    "CreateAutomationRuleV2",
    "CreateFilter",
    "CreateIPSet",
    "CreateTrustedEntitySet",
    "DeleteAnalyzer",
    "DeleteConfigRule",
    "DeleteConfigurationAggregator",
    "DeleteConformancePack",
    "DeleteDetector",
    "DeleteEventDataStore",
    "DeleteGraph",
    "DeleteLoggingConfiguration",
    "DeleteMember",
    "DeleteMembers",
    "DeleteOrganizationConfigRule",
    "DeleteOrganizationConformancePack",
    "DeletePublishingDestination",
    "DeleteResolverQueryLogConfig",
    "Disable",
    "DisableImportFindingsForProduct",
    "DisableMacie",
    "DisableOrganizationAdminAccount",
    "DisableSecurityHub",
    "DisableSecurityHubFeatureV2",
    "DisableSecurityHubV2",
    "DisassociateFromAdministratorAccount",
    "DisassociateFromMasterAccount",
    "DisassociateMember",
    "DisassociateMembers",
    "DisassociateResolverQueryLogConfig",
    "DisassociateWebACL",
    "PutAlarmMuteRule",
    "StopEventDataStoreIngestion",
    "StopMonitoringMembers",
    "UpdateArchiveRule",
    "UpdateDetector",
    "UpdateEventDataStore",
    "UpdateFilter",
    "UpdateIPSet",
    "UpdateMacieSession",
    "UpdateMemberDetectors",
    "UpdateStandardsControl",
    "UpdateTrustedEntitySet",
    Watch::BY_ROOT.name,
];

/// A policy may stand where another denied more or let logs be delivered, which no event tells: these controls ask the
/// journal, and S3 or IAM only where something is remembered.
const ASK_THE_JOURNAL: [(&str, &str); 6] = [
    ("iam-lost-deny", "PutGroupPolicy"),
    ("iam-lost-deny", "PutRolePolicy"),
    ("iam-lost-deny", "PutUserPolicy"),
    ("iam-wider-trust", "UpdateAssumeRolePolicy"),
    ("s3-lost-bucket-deny", "PutBucketPolicy"),
    ("s3-lost-log-delivery", "PutBucketPolicy"),
];

/// No label tells whether it is that of a `Deny`, so the policy that is left is read.
const REMOVED_BY_LABEL: [(&str, &str); 2] =
    [("sns-open-topic-policy", "RemovePermission"), ("sqs-open-queue-policy", "RemovePermission")];

/// Nothing that root does is ordinary, and to all other controls root is a caller like any.
const OF_ROOT: &str = "signin-root-call";

/// One API call: service, name, parameters, answer, and how it failed if it did.
struct Call {
    service: &'static str,
    name: &'static str,
    request: Value,
    response: Value,
    error: Option<&'static str>,
}

fn call(service: &'static str, name: &'static str, request: Value, response: Value) -> Call {
    Call { service, name, request, response, error: None }
}

/// Every call by every caller.
fn corpus() -> Vec<Value> {
    let calls: Vec<Call> = [
        bucket_policies(),
        bucket_acls(),
        versioning(),
        lifecycles(),
        replications(),
        access_logging(),
        object_acls(),
        object_ownership(),
        public_access_blocks(),
        access_points(),
        rules(),
        changed_rules(),
        sharing(),
        settings(),
        parts_of_others(),
        log_groups(),
        topics_and_queues(),
        keys(),
        databases(),
        resource_policies(),
        networks(),
        credentials(),
        noticed(),
        tokens_and_commands(),
        trusts(),
        passed_roles(),
        refused_calls(),
        neighbours(),
        looks(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let callers = callers();
    let pairs = calls.iter().flat_map(|call| callers.iter().map(move |caller| (call, caller)));
    pairs.enumerate().map(|(number, (call, caller))| envelope(number, call, caller)).collect()
}

/// The fields of a record that tell who called, how and from where.
fn callers() -> Vec<Value> {
    let role = |name: &str, session: &str, mfa: &str| {
        json!({
            "type": "AssumedRole", "principalId": format!("AROAEXAMPLE0000000000:{session}"), "accountId": ACCOUNT,
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}"), "accessKeyId": "ASIAEXAMPLE000000000",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role", "principalId": "AROAEXAMPLE0000000000", "accountId": ACCOUNT, "userName": name,
                    "arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
                },
                "attributes": {"creationDate": "2026-02-03T07:30:00Z", "mfaAuthenticated": mfa},
            },
        })
    };
    let caller = |identity: Value, address: &str, agent: &str| json!({"userIdentity": identity, "sourceIPAddress": address, "userAgent": agent});
    let mut in_console = caller(role("Admin", "alice@example.com", "true"), "203.0.113.7", "Mozilla/5.0");
    in_console["sessionCredentialFromConsole"] = json!("true");
    let mut by_cloudformation = role("Deploy", "release-89", "false");
    by_cloudformation["invokedBy"] = json!("cloudformation.amazonaws.com");
    let service = json!({"type": "AWSService", "invokedBy": "config.amazonaws.com"});
    let user = json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE0000000000", "accountId": ACCOUNT, "userName": "bob",
        "arn": format!("arn:aws:iam::{ACCOUNT}:user/bob"), "accessKeyId": "AKIAEXAMPLE000000000",
    });
    let root = json!({
        "type": "Root", "principalId": ACCOUNT, "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root"),
    });
    vec![
        in_console,
        caller(role("Deploy", "pipeline-4711", "false"), "192.0.2.80", "APN/1.0 HashiCorp/1.0 Terraform/1.14.4"),
        caller(by_cloudformation, "cloudformation.amazonaws.com", "cloudformation.amazonaws.com"),
        caller(service, "config.amazonaws.com", "config.amazonaws.com"),
        caller(user, "198.51.100.23", "aws-cli/2.33.5"),
        caller(root, "2001:db8:17::2a", "Mozilla/5.0"),
        caller(
            role("snapback-S3Role-1A2B3C", "snapback-S3Function-3C2B1A", "false"),
            "198.51.100.200",
            "aws-sdk-rust/1.3",
        ),
    ]
}

fn envelope(number: usize, call: &Call, caller: &Value) -> Value {
    let time = format!("2026-02-03T{:02}:{:02}:{:02}Z", number / 3600 % 24, number / 60 % 60, number % 60);
    let is_read = ["Get", "List", "Describe"].iter().any(|verb| call.name.starts_with(verb));
    let mut detail = json!({
        "eventVersion": "1.11", "eventTime": time, "eventSource": format!("{}.amazonaws.com", call.service),
        "eventName": call.name, "awsRegion": REGION, "requestParameters": call.request,
        "responseElements": call.response, "requestID": format!("{number:016X}"),
        "eventID": format!("00000000-0000-4000-8000-{number:012}"), "eventType": "AwsApiCall",
        "managementEvent": true, "eventCategory": "Management", "recipientAccountId": ACCOUNT,
        "readOnly": is_read,
    });
    for (field, value) in caller.as_object().into_iter().flatten() {
        detail[field] = value.clone();
    }
    if let Some(error) = call.error {
        detail["errorCode"] = json!(error);
    }
    json!({
        "version": "0", "id": format!("00000000-0000-4000-9000-{number:012}"), "account": ACCOUNT, "time": time,
        "detail-type": "AWS API Call via CloudTrail", "source": format!("aws.{}", call.service), "region": REGION,
        "resources": [], "detail": detail,
    })
}

fn put_policy(statements: Value) -> Call {
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    let request = json!({
        "bucketName": "example-reports", "Host": "example-reports.s3.eu-central-1.amazonaws.com", "policy": "",
        "bucketPolicy": policy,
    });
    call("s3", "PutBucketPolicy", request, Value::Null)
}

/// Policies that let in whom they name, and `Deny`s of everyone.
fn bucket_policies() -> Vec<Call> {
    let allow = |principal: Value, condition: Value| {
        let mut statement = json!({
            "Effect": "Allow", "Principal": principal, "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::example-reports", "arn:aws:s3:::example-reports/*"],
        });
        if condition != Value::Null {
            statement["Condition"] = condition;
        }
        statement
    };
    let deny = |condition: Value| {
        json!({
            "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::example-reports/*",
            "Condition": condition,
        })
    };
    let named = [
        json!({"AWS": "444455556666"}),
        json!({"AWS": "arn:aws:iam::444455556666:root"}),
        json!({"AWS": ["arn:aws:iam::111122223333:role/Reports", "arn:aws:iam::444455556666:user/carol"]}),
        json!({"AWS": "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E2EXAMPLE"}),
        json!({"CanonicalUser": "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"}),
        json!({"Service": "logging.s3.amazonaws.com"}),
        json!({"Service": ["delivery.logs.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"]}),
    ];
    let narrowed = [
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": ["111122223333", "444455556666"]}}),
        json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}),
        json!({"StringEquals": {"aws:SourceVpc": "vpc-0a1b2c3d4e5f60718"}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/*"}}),
        json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8:17::/48"]}}),
        json!({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
    ];
    let denied = [
        json!({"Bool": {"aws:SecureTransport": "false"}}),
        json!({"NumericLessThan": {"s3:TlsVersion": "1.2"}}),
        json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}),
        json!({"Null": {"s3:x-amz-server-side-encryption": "true"}}),
    ];
    let everyone = [json!("*"), json!({"AWS": "*"})];
    let mut policies: Vec<Value> = named.into_iter().map(|principal| json!([allow(principal, Value::Null)])).collect();
    for (number, condition) in narrowed.into_iter().enumerate() {
        policies.push(json!([allow(everyone[number % 2].clone(), condition)]));
    }
    policies.extend(denied.into_iter().map(&deny));
    policies.push(json!([
        deny(json!({"Bool": {"aws:SecureTransport": "false"}})),
        allow(json!({"AWS": "444455556666"}), Value::Null),
        allow(json!({"Service": "cloudtrail.amazonaws.com"}), json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}})),
    ]));
    policies.into_iter().map(put_policy).collect()
}

/// Versioning that is turned on.
fn versioning() -> Vec<Call> {
    let put = |told: Value, settings: Value| {
        let request = json!({"bucketName": "example-reports", "versioning": told, "VersioningConfiguration": settings});
        call("s3", "PutBucketVersioning", request, Value::Null)
    };
    let enabled = json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Status": "Enabled"});
    let with_mfa = |mfa: &str| json!({"Status": "Enabled", "MfaDelete": mfa});
    vec![put(json!(""), enabled.clone()), put(json!([""]), enabled), put(json!(""), with_mfa("Enabled"))]
}

/// Rules that keep objects for long, only move them, or are not in force.
fn lifecycles() -> Vec<Call> {
    let rule = |more: Value| {
        let mut rule = json!({"ID": "rule", "Status": "Enabled", "Filter": {"Prefix": ""}});
        rule.as_object_mut().into_iter().zip(more.as_object().cloned()).for_each(|(rule, more)| rule.extend(more));
        rule
    };
    let year = rule(json!({"Expiration": {"Days": 365}}));
    let moves = rule(json!({"Transition": {"Days": 30, "StorageClass": "GLACIER"}}));
    let off = rule(json!({"Status": "Disabled", "Expiration": {"Days": 1}}));
    let uploads = rule(json!({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}));
    let put = |rules: Value| {
        ["PutBucketLifecycle", "PutBucketLifecycleConfiguration"].map(|name| {
            let rules = json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rules});
            let request = json!({"bucketName": "example-reports", "lifecycle": "", "LifecycleConfiguration": rules});
            call("s3", name, request, Value::Null)
        })
    };
    [year.clone(), moves.clone(), off.clone(), json!([year, moves, off, uploads])].into_iter().flat_map(put).collect()
}

/// ACLs of objects that let nobody in but their owners.
fn object_acls() -> Vec<Call> {
    let put = |acl: &str| {
        let request = json!({"bucketName": "example-reports", "key": "2026/01.csv", "acl": "", "x-amz-acl": acl});
        call("s3", "PutObjectAcl", request, json!({"x-amz-version-id": "example-version"}))
    };
    ["private", "bucket-owner-read", "bucket-owner-full-control"].map(put).into()
}

/// Object Ownership under which no ACL counts.
fn object_ownership() -> Vec<Call> {
    let rule = json!({"ObjectOwnership": "BucketOwnerEnforced"});
    let put = |told: Value, rule: Value| {
        let controls = json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rule});
        let request =
            json!({"bucketName": "example-reports", "ownershipControls": told, "OwnershipControls": controls});
        call("s3", "PutBucketOwnershipControls", request, Value::Null)
    };
    vec![put(json!(""), rule.clone()), put(json!([""]), rule.clone()), put(json!(""), json!([rule]))]
}

/// Access logging that is switched on.
fn access_logging() -> Vec<Call> {
    let put = |keys: Value| {
        let mut to = json!({"TargetBucket": "example-access", "TargetPrefix": "reports/"});
        to.as_object_mut().into_iter().zip(keys.as_object().cloned()).for_each(|(to, keys)| to.extend(keys));
        let status = json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "LoggingEnabled": to});
        let request = json!({"bucketName": "example-reports", "logging": "", "BucketLoggingStatus": status});
        call("s3", "PutBucketLogging", request, Value::Null)
    };
    let by_date = json!({"PartitionedPrefix": {"PartitionDateSource": "EventTime"}});
    let in_one_folder = json!({"SimplePrefix": ""});
    let keys = [by_date, in_one_folder].map(|keys| json!({"TargetObjectKeyFormat": keys}));
    keys.into_iter().chain([json!({})]).map(put).collect()
}

/// Rules that copy to a trusted account, or are not in force.
fn replications() -> Vec<Call> {
    let rule = |account: &str, status: &str| {
        let owner = json!({"Owner": "Destination"});
        let to =
            json!({"Bucket": "arn:aws:s3:::example-copies", "Account": account, "AccessControlTranslation": owner});
        json!({"ID": "copies", "Priority": 1, "Filter": {"Prefix": ""}, "Status": status,
            "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": to})
    };
    let (friend, off) = (rule("444455556666", "Enabled"), rule("777788889999", "Disabled"));
    let put = |rules: Value| {
        let all = json!({"xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Rule": rules,
            "Role": "arn:aws:iam::111122223333:role/replication"});
        let request = json!({"bucketName": "example-reports", "replication": "", "ReplicationConfiguration": all});
        call("s3", "PutBucketReplication", request, Value::Null)
    };
    vec![put(friend.clone()), put(off.clone()), put(json!([friend, off]))]
}

/// ACLs that let in the owner and S3's log delivery, and buckets that are made without any.
fn bucket_acls() -> Vec<Call> {
    let owner = "11".repeat(32);
    let of = |kind: &str, field: &str, whom: &str, permission: &str| json!({"Grantee": {"xsi:type": kind, field: whom}, "Permission": permission});
    let own = of("CanonicalUser", "ID", &owner, "FULL_CONTROL");
    let logs = of("Group", "URI", "http://acs.amazonaws.com/groups/s3/LogDelivery", "WRITE");
    let put = |told: Value| {
        let mut request = json!({"bucketName": "example-logs", "Host": "s3.eu-central-1.amazonaws.com", "acl": ""});
        for (field, value) in told.as_object().into_iter().flatten() {
            request[field] = value.clone();
        }
        call("s3", "PutBucketAcl", request, Value::Null)
    };
    let body = |grants: Value| {
        put(json!({"AccessControlPolicy": {"Owner": {"ID": owner}, "AccessControlList": {"Grant": grants}}}))
    };
    let create = |request: Value| call("s3", "CreateBucket", request, Value::Null);
    vec![
        put(json!({"x-amz-acl": "private"})),
        put(json!({"x-amz-acl": ["log-delivery-write"]})),
        body(own.clone()),
        body(json!([own, logs])),
        create(
            json!({"bucketName": "example-new", "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}),
        ),
        create(json!({"bucketName": "example-new", "x-amz-object-ownership": "BucketOwnerEnforced"})),
        create(json!({"bucketName": "example-new", "x-amz-acl": "private"})),
    ]
}

/// Policies of access points for one's own.
fn access_points() -> Vec<Call> {
    let allow = |principal: Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*"}]});
    let named = [
        json!({"AWS": "arn:aws:iam::111122223333:role/Reports"}),
        json!({"AWS": "arn:aws:iam::444455556666:root"}),
        json!({"AWS": ["111122223333", "444455556666"]}),
        json!({"Service": "logging.s3.amazonaws.com"}),
    ];
    let put = |principal: Value| {
        let request =
            json!({"name": "reports", "PutAccessPointPolicyRequest": {"Policy": allow(principal).to_string()}});
        ["s3", "s3-control"].map(|service| call(service, "PutAccessPointPolicy", request.clone(), Value::Null))
    };
    named.into_iter().flat_map(put).collect()
}

/// Block Public Access that keeps strangers out. To switch it off is never ordinary, so only putting it is here.
fn public_access_blocks() -> Vec<Call> {
    let put = |block_policies: Value| {
        let settings = json!({"BlockPublicAcls": true, "IgnorePublicAcls": true, "BlockPublicPolicy": block_policies, "RestrictPublicBuckets": true});
        let request = json!({"bucketName": "example-reports", "publicAccessBlock": "", "PublicAccessBlockConfiguration": settings});
        ["s3", "s3-control"]
            .map(|service| call(service, "PutAccountPublicAccessBlock", request.clone(), Value::Null))
            .into_iter()
            .chain([call("s3", "PutBucketPublicAccessBlock", request, Value::Null)])
    };
    [json!(true), json!("true"), json!(false), json!("false")].into_iter().flat_map(put).collect()
}

fn permission(protocol: &str, ports: Option<(u16, u16)>, sources: &Value) -> Value {
    let mut permission =
        json!({"ipProtocol": protocol, "groups": {}, "ipRanges": {}, "ipv6Ranges": {}, "prefixListIds": {}});
    if let Some((from, to)) = ports {
        permission["fromPort"] = json!(from);
        permission["toPort"] = json!(to);
    }
    for (list, elements) in sources.as_object().into_iter().flatten() {
        permission[list] = json!({"items": elements});
    }
    permission
}

fn authorize(permissions: &Value) -> Call {
    let request = json!({"groupId": "sg-0f1e2d3c4b5a69788", "ipPermissions": {"items": permissions}});
    call("ec2", "AuthorizeSecurityGroupIngress", request, json!({"_return": true, "requestId": "r-1"}))
}

fn authorize_both_ways(permissions: &Value) -> [Call; 2] {
    [authorize(permissions), Call { name: "AuthorizeSecurityGroupEgress", ..authorize(permissions) }]
}

fn rules() -> Vec<Call> {
    let office = json!({"ipRanges": [{"cidrIp": "198.51.100.0/24", "description": "the office"}]});
    let alone =
        json!({"ipRanges": [{"cidrIp": "203.0.113.7/32"}], "ipv6Ranges": [{"cidrIpv6": "2001:db8:17::2a/128"}]});
    let private =
        json!({"ipRanges": [{"cidrIp": "10.0.0.0/8"}, {"cidrIp": "172.16.0.0/12"}, {"cidrIp": "192.168.0.0/16"}]});
    let private_v6 = json!({"ipv6Ranges": [{"cidrIpv6": "fd00:17::/48"}]});
    let carrier = json!({"ipRanges": [{"cidrIp": "100.64.0.0/10"}]});
    let world = json!({"ipRanges": [{"cidrIp": "0.0.0.0/0"}]});
    let world_v6 = json!({"ipv6Ranges": [{"cidrIpv6": "::/0"}]});
    let group = json!({"groups": [{"groupId": "sg-0123456789abcdef0", "userId": ACCOUNT}]});
    let peer = json!({"groups": [{"groupId": "sg-0fedcba9876543210", "userId": "444455556666"}]});
    let list = json!({"prefixListIds": [{"prefixListId": "pl-0a9b8c7d6e5f40312"}]});
    let mut calls: Vec<Call> = [
        json!([permission("tcp", Some((22, 22)), &office)]),
        json!([permission("tcp", Some((3389, 3389)), &alone)]),
        json!([permission("tcp", Some((0, 65535)), &private)]),
        json!([permission("-1", None, &private)]),
        json!([permission("-1", None, &private_v6)]),
        json!([permission("udp", Some((53, 53)), &carrier)]),
        json!([permission("tcp", Some((80, 80)), &world), permission("tcp", Some((443, 443)), &world)]),
        json!([permission("tcp", Some((443, 443)), &world_v6)]),
        json!([permission("tcp", Some((5432, 5432)), &group)]),
        json!([permission("-1", None, &group)]),
        json!([permission("tcp", Some((6379, 6379)), &peer)]),
        json!([permission("tcp", Some((443, 443)), &list)]),
        json!([permission("icmp", Some((8, 0)), &office)]),
        json!([permission("tcp", Some((22, 22)), &office), permission("tcp", Some((443, 443)), &world)]),
    ]
    .iter()
    .flat_map(authorize_both_ways)
    .collect();
    for (protocol, port, cidr) in
        [("tcp", 22, "198.51.100.0/24"), ("tcp", 443, "0.0.0.0/0"), ("udp", 500, "203.0.113.7/32")]
    {
        let request = json!({
            "groupName": "bastion", "ipProtocol": protocol, "fromPort": port, "toPort": port, "cidrIp": cidr,
            "ipPermissions": {},
        });
        calls.push(call("ec2", "AuthorizeSecurityGroupIngress", request, json!({"_return": true})));
    }
    calls
}

fn changed_rules() -> Vec<Call> {
    let change =
        |rule: Value| json!({"SecurityGroupRuleId": "sgr-0a1b2c3d4e5f60718", "SecurityGroupRule": rule, "tag": 1});
    let office = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "198.51.100.0/24", "Description": "the office"});
    let web = json!({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"});
    let group =
        json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "ReferencedGroupId": "sg-0123456789abcdef0"});
    [change(office.clone()), change(web.clone()), change(group.clone()), json!([change(office), change(web), change(group)])]
        .into_iter()
        .map(|changes| {
            let request = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-0f1e2d3c4b5a69788", "SecurityGroupRule": changes}});
            let response = json!({"ModifySecurityGroupRulesResponse": {"requestId": "r-1", "return": true}});
            call("ec2", "ModifySecurityGroupRules", request, response)
        })
        .collect()
}

/// Sharing within the account, with GuardDuty, and with nobody any more.
fn sharing() -> Vec<Call> {
    let (snapshot, image, service) = ("snap-0a1b2c3d4e5f60718", "ami-0a1b2c3d4e5f60718", "vpce-svc-0a1b2c3d4e5f60718");
    let done = || json!({"_return": true, "requestId": "r-1"});
    let of_snapshot = |permission: Value| {
        let request = json!({"snapshotId": snapshot, "attributeType": "CREATE_VOLUME_PERMISSION", "createVolumePermission": permission});
        call("ec2", "ModifySnapshotAttribute", request, done())
    };
    let of_image = |more: Value| {
        let mut request = json!({"imageId": image});
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        call("ec2", "ModifyImageAttribute", request, done())
    };
    let of_service = |more: Value| {
        let mut request = json!({"ServiceId": service});
        for (name, value) in more.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        let request = json!({"ModifyVpcEndpointServicePermissionsRequest": request});
        call(
            "ec2",
            "ModifyVpcEndpointServicePermissions",
            request,
            json!({"ModifyVpcEndpointServicePermissionsResponse": {"return": true}}),
        )
    };
    let own = || json!({"items": [{"userId": ACCOUNT}]});
    let organization = format!("arn:aws:organizations::{ACCOUNT}:organization/o-a1b2c3d4e5");
    let principal = |name: &str| json!({"content": format!("arn:aws:iam::{ACCOUNT}:{name}"), "tag": 1});
    vec![
        of_snapshot(json!({"add": own()})),
        of_snapshot(json!({"add": {"items": [{"userId": "002294850712"}]}})),
        of_snapshot(json!({"remove": {"items": [{"userId": "444455556666"}, {"group": "all"}]}})),
        of_image(json!({"attributeType": "launchPermission", "launchPermission": {"add": own()}})),
        of_image(
            json!({"attributeType": "launchPermission", "launchPermission": {"add": {"items": [{"organizationArn": organization}]}}}),
        ),
        of_image(
            json!({"attributeType": "launchPermission", "launchPermission": {"remove": {"items": [{"group": "all"}]}}}),
        ),
        of_image(json!({"description": {"value": "the web server"}})),
        of_service(json!({"AddAllowedPrincipals": principal("root")})),
        of_service(json!({"AddAllowedPrincipals": [principal("role/Reports"), principal("user/bob")]})),
        of_service(json!({"RemoveAllowedPrincipals": {"content": "*", "tag": 1}})),
    ]
}

/// Settings of instances and of the account that are as strict as they can be, or of another matter.
fn settings() -> Vec<Call> {
    let mut calls = vec![];
    for options in [
        json!({"HttpTokens": "required"}),
        json!({"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}),
        json!({"HttpPutResponseHopLimit": 1}),
        json!({"InstanceMetadataTags": "enabled"}),
    ] {
        let mut request = json!({"InstanceId": "i-0a1b2c3d4e5f60718"});
        for (name, value) in options.as_object().into_iter().flatten() {
            request[name] = value.clone();
        }
        calls.push(call(
            "ec2",
            "ModifyInstanceMetadataOptions",
            json!({"ModifyInstanceMetadataOptionsRequest": request}),
            json!({}),
        ));
    }
    for response in [json!({"state": "block-all-sharing"}), json!({}), Value::Null] {
        let request = json!({"EnableSnapshotBlockPublicAccessRequest": {"State": "block-all-sharing"}});
        calls.push(call(
            "ec2",
            "EnableSnapshotBlockPublicAccess",
            request,
            json!({"EnableSnapshotBlockPublicAccessResponse": response}),
        ));
    }
    calls
}

/// Whoever deletes a stack deletes its log groups.
fn log_groups() -> Vec<Call> {
    let groups = ["/aws/lambda/reports", "/ecs/shop", "/aws/codebuild/site", "orders"];
    let upon = |group: &&str| {
        let on = |name, more: Value| {
            let mut request = json!({"logGroupName": group});
            request.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
            call("logs", name, request, Value::Null)
        };
        [
            on("DeleteLogGroup", json!({})),
            on("PutRetentionPolicy", json!({"retentionInDays": 30})),
            on("PutRetentionPolicy", json!({"retentionInDays": 731})),
            on("DeleteSubscriptionFilter", json!({"filterName": "to-the-search"})),
            on("DeleteMetricFilter", json!({"filterName": "errors"})),
        ]
    };
    groups.iter().flat_map(upon).collect()
}

/// Calls that would be risky upon a part of Snapback. These are upon parts of others.
fn parts_of_others() -> Vec<Call> {
    let watches = own::FUNCTION.controls.iter().flat_map(|control| control.about.watches);
    let names = ["reports", "snapback-reports", "reports-S3Rule-1A2B3C", "snapback-Reports-1A2B3C"];
    let upon = |service: &str, name: &str| match service {
        "events" => {
            json!({"name": name, "rule": name, "eventBusName": "orders", "statementId": "own", "principal": ACCOUNT})
        }
        "monitoring" => json!({"alarmName": name, "alarmNames": [name]}),
        "logs" => json!({"logGroupName": name}),
        "lambda" => json!({
            "functionName": name, "statementId": "own", "action": "lambda:InvokeFunction", "principal": ACCOUNT,
        }),
        "iam" => {
            json!({"roleName": name, "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "permissionsBoundary": "arn:aws:iam::111122223333:policy/team", "policyDocument": r#"{"Statement":[{"Effect":"Allow",
            "Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#})
        }
        "sns" => json!({
            "topicArn": format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}"),
            "subscriptionArn": format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}:7a6b5c4d-0000-4000-8000-000000000007"),
            "attributeName": "DisplayName", "attributeValue": "Reports", "label": "own", "aWSAccountId": [ACCOUNT],
        }),
        "dynamodb" => json!({
            "tableName": name, "resourceArn": format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            "policy": r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"dynamodb:*","Resource":"*"}]}"#,
        }),
        "sqs" => json!({
            "queueUrl": format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"), "label": "own",
            "attributes": {"VisibilityTimeout": "60"}, "AWSAccountIds": [ACCOUNT],
        }),
        _ => json!({"aliasName": format!("alias/{name}"), "targetKeyId": "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"}),
    };
    // To delete a boundary is ordinary for nobody's role, and of keys all that is watched is risky upon anybody's but aliases.
    let calls = watches.filter(|watch| ![SCHEDULED, "DeleteRolePermissionsBoundary"].contains(&watch.name));
    let calls = calls.filter(|watch| watch.service != "kms.amazonaws.com" || watch.name == "CreateAlias");
    let calls = calls.map(|watch| (watch.service.trim_end_matches(".amazonaws.com"), watch.name));
    calls
        .flat_map(|(service, called)| names.map(|name| call(service, called, upon(service, name), Value::Null)))
        .collect()
}

/// Topics and queues as they are made, with policies for services, one's own account and those that are trusted.
fn topics_and_queues() -> Vec<Call> {
    let topic = format!("arn:aws:sns:{REGION}:{ACCOUNT}:reports");
    let queue = format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/reports");
    let mut calls = vec![];
    for (principal, condition) in [
        (json!({"AWS": ACCOUNT}), json!({})),
        (json!({"AWS": "arn:aws:iam::444455556666:role/reports"}), json!({})),
        (json!({"Service": "s3.amazonaws.com"}), json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}})),
        (json!({"AWS": "*"}), json!({"StringEquals": {"AWS:SourceOwner": ACCOUNT}})),
        (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
        (json!("*"), json!({"ArnEquals": {"aws:SourceArn": topic}})),
    ] {
        let policy = |action: &str| {
            let statement = json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", "Condition": condition});
            json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
        };
        let (publish, send) = (policy("SNS:Publish"), policy("SQS:SendMessage"));
        let set = json!({"topicArn": topic, "attributeName": "Policy", "attributeValue": publish});
        calls.push(call("sns", "SetTopicAttributes", set, Value::Null));
        let made = json!({"name": "reports", "attributes": {"Policy": publish}});
        calls.push(call("sns", "CreateTopic", made, json!({"topicArn": topic})));
        let set = json!({"queueUrl": queue, "attributes": {"Policy": send}});
        calls.push(call("sqs", "SetQueueAttributes", set, Value::Null));
        let made = json!({"queueName": "reports", "attributes": {"Policy": send}});
        calls.push(call("sqs", "CreateQueue", made, json!({"queueUrl": queue})));
    }
    calls
}

/// Keys as they are made and replicated, with policies for the account and for services, and grants to them.
fn keys() -> Vec<Call> {
    let id = "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d";
    let arn = format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}");
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let account = json!({"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*"});
    let mut calls =
        vec![call("kms", "CreateKey", json!({"description": "reports"}), json!({"keyMetadata": {"keyId": id}}))];
    for (principal, condition) in [
        (json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/reports")}), json!({})),
        (json!({"AWS": "arn:aws:iam::444455556666:role/reports"}), json!({})),
        (json!({"Service": "s3.amazonaws.com"}), json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}})),
        (
            json!({"AWS": "*"}),
            json!({"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "s3.eu-central-1.amazonaws.com"}}),
        ),
        (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
    ] {
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "kms:Decrypt", "Resource": "*", "Condition": condition});
        let policy = json!({"Version": "2012-10-17", "Statement": [account, statement]}).to_string();
        let put = json!({"keyId": arn, "policyName": "default", "policy": policy});
        calls.push(call("kms", "PutKeyPolicy", put, Value::Null));
        let made = json!({"description": "reports", "policy": policy});
        calls.push(call("kms", "CreateKey", made, json!({"keyMetadata": {"keyId": id, "arn": arn}})));
        let replica = json!({"keyId": arn, "replicaRegion": "eu-west-1", "policy": policy});
        calls.push(call("kms", "ReplicateKey", replica, json!({"replicaPolicy": policy})));
    }
    for grantee in [
        "rds.eu-central-1.amazonaws.com",
        "111122223333:aws:ec2-infrastructure:i-0a1b2c3d4e5f60718",
        "arn:aws:iam::111122223333:role/reports",
        "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        "arn:aws:sts::444455556666:assumed-role/reports/session",
    ] {
        let grant = json!({"keyId": arn, "granteePrincipal": grantee, "operations": ["Decrypt", "GenerateDataKey"]});
        calls.push(call("kms", "CreateGrant", grant, json!({"grantId": "0c237476", "keyId": arn})));
    }
    calls
}

/// Databases as they are made, modified and deleted, and snapshots that are shared with those who are trusted.
fn databases() -> Vec<Call> {
    let mut calls = vec![];
    for (id, days) in [("orders", 7), ("ledger", 14), ("reports", 30)] {
        let answer = |more: Value| {
            let mut answer = json!({
                "dBInstanceIdentifier": id, "dBClusterIdentifier": null, "publiclyAccessible": false,
                "deletionProtection": true, "backupRetentionPeriod": 7, "pendingModifiedValues": more,
            });
            answer["dBInstanceStatus"] = json!("available");
            answer
        };
        for made in [
            "CreateDBInstance",
            "CreateDBInstanceReadReplica",
            "RestoreDBInstanceFromDBSnapshot",
            "RestoreDBInstanceToPointInTime",
            "RestoreDBInstanceFromS3",
        ] {
            calls.push(call("rds", made, json!({"dBInstanceIdentifier": id}), answer(json!({}))));
        }
        for (name, field) in [("Instance", "dBInstanceIdentifier"), ("Cluster", "dBClusterIdentifier")] {
            let modify = |more: Value| {
                let mut request = json!({field: id, "applyImmediately": true});
                for (name, value) in more.as_object().into_iter().flatten() {
                    request[name] = value.clone();
                }
                call(
                    "rds",
                    if name == "Instance" { "ModifyDBInstance" } else { "ModifyDBCluster" },
                    request,
                    answer(more),
                )
            };
            calls.push(modify(json!({"engineVersion": "17.4"})));
            calls.push(modify(json!({"deletionProtection": true, "backupRetentionPeriod": days})));
            let last = json!({field: id, "skipFinalSnapshot": false, "finalDBSnapshotIdentifier": "last"});
            let deleted = if name == "Instance" { "DeleteDBInstance" } else { "DeleteDBCluster" };
            calls.push(call("rds", deleted, last, answer(json!({}))));
        }
        for account in [ACCOUNT, "444455556666"] {
            for (called, field) in [
                ("ModifyDBSnapshotAttribute", "dBSnapshotIdentifier"),
                ("ModifyDBClusterSnapshotAttribute", "dBClusterSnapshotIdentifier"),
            ] {
                let share = json!({field: id, "attributeName": "restore", "valuesToAdd": [account]});
                calls.push(call("rds", called, share, Value::Null));
                let stop = json!({field: id, "attributeName": "restore", "valuesToRemove": ["all", "777788889999"]});
                calls.push(call("rds", called, stop, Value::Null));
            }
        }
    }
    calls
}

/// Resources that services, one's own account and those that are trusted may use.
fn resource_policies() -> Vec<Call> {
    let arn = |service: &str, name: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{name}");
    let mut calls = vec![];
    for (principal, condition) in [
        (json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}), json!({})),
        (json!({"AWS": "arn:aws:iam::444455556666:role/reports"}), json!({})),
        (json!({"Service": "logs.amazonaws.com"}), json!({"StringEquals": {"aws:SourceAccount": ACCOUNT}})),
        (json!("*"), json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
    ] {
        let policy = |action: &str, resource: &str| {
            let mut statement =
                json!({"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition});
            // A repository's policy has none.
            if !resource.is_empty() {
                statement["Resource"] = json!(resource);
            }
            json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
        };
        let secret = policy("secretsmanager:GetSecretValue", "*");
        let set = json!({"secretId": "reports", "resourcePolicy": secret, "blockPublicPolicy": true});
        calls.push(call("secretsmanager", "PutResourcePolicy", set, Value::Null));
        let set = json!({"repositoryName": "reports", "policyText": policy("ecr:BatchGetImage", ""), "force": false});
        calls.push(call("ecr", "SetRepositoryPolicy", set, Value::Null));
        let mounted = policy("elasticfilesystem:ClientMount", "*");
        let set = json!({"fileSystemId": "fs-0a1b2c3d4e5f60718", "policy": mounted});
        calls.push(call("elasticfilesystem", "PutFileSystemPolicy", set, Value::Null));
        let stream = arn("kinesis", "stream/reports");
        let set = json!({"resourceARN": stream, "policy": policy("kinesis:GetRecords", &stream)});
        calls.push(call("kinesis", "PutResourcePolicy", set, Value::Null));
        let set = json!({"policyName": "reports", "policyDocument": policy("logs:PutLogEvents", "*")});
        calls.push(call("logs", "PutResourcePolicy", set, Value::Null));
        let sending = policy("ses:SendEmail", "*");
        let set = json!({"identity": "example.com", "policyName": "reports", "policy": sending});
        calls.push(call("ses", "PutIdentityPolicy", set, Value::Null));
        let set = json!({"emailIdentity": "example.com", "policyName": "reports", "policy": sending});
        calls.push(call("ses", "CreateEmailIdentityPolicy", set.clone(), Value::Null));
        calls.push(call("ses", "UpdateEmailIdentityPolicy", set, Value::Null));
        let set = json!({"vaultName": "reports", "policy": {"policy": policy("glacier:InitiateJob", "*")}});
        calls.push(call("glacier", "SetVaultAccessPolicy", set, Value::Null));
        let set = json!({"backupVaultName": "reports", "policy": policy("backup:CopyIntoBackupVault", "*")});
        calls.push(call("backup", "PutBackupVaultAccessPolicy", set, Value::Null));
        let table = arn("dynamodb", "table/reports");
        let set = json!({"resourceArn": table, "policy": policy("dynamodb:GetItem", &table)});
        calls.push(call("dynamodb", "PutResourcePolicy", set, Value::Null));
        let set = json!({"tableName": "reports", "resourcePolicy": policy("dynamodb:GetItem", &table)});
        calls.push(call("dynamodb", "CreateTable", set, Value::Null));
        for (service, put, field) in [
            ("codeartifact", "PutDomainPermissionsPolicy", "policyDocument"),
            ("codeartifact", "PutRepositoryPermissionsPolicy", "policyDocument"),
            ("ecr", "PutRegistryPolicy", "policyText"),
            ("kafka", "PutClusterPolicy", "policy"),
            ("glue", "PutResourcePolicy", "policyInJson"),
            ("codebuild", "PutResourcePolicy", "policy"),
            ("redshift", "PutResourcePolicy", "policy"),
            ("ssm", "PutResourcePolicy", "policy"),
            ("cloudtrail", "PutResourcePolicy", "resourcePolicy"),
            ("vpc-lattice", "PutResourcePolicy", "policy"),
        ] {
            let set = json!({"resourceArn": arn(service, "reports"), field: policy(&format!("{service}:Get*"), "*")});
            calls.push(call(service, put, set, Value::Null));
        }
        let authority = arn("acm-pca", "certificate-authority/1a2b3c4d-5e6f-4071-8293-a4b5c6d7e8f9");
        let set = json!({"resourceArn": authority, "policy": policy("acm-pca:IssueCertificate", &authority)});
        calls.push(call("acm-pca", "PutPolicy", set, Value::Null));
        for update in
            ["CreateDomain", "UpdateDomainConfig", "CreateElasticsearchDomain", "UpdateElasticsearchDomainConfig"]
        {
            let set = json!({"domainName": "reports", "accessPolicies": policy("es:ESHttpGet", "*")});
            calls.push(call("es", update, set, Value::Null));
        }
    }
    let deploy = json!([{"principals": [ACCOUNT, "444455556666"], "actions": ["Deploy"]}]);
    let put = json!({"applicationId": arn("serverlessrepo", "applications/reports"), "statements": deploy});
    let setting = json!({"settingId": "/ssm/parameter-store/high-throughput-enabled", "settingValue": "true"});
    for account in [ACCOUNT, "444455556666", ACCOUNT, "444455556666"] {
        calls.push(call("serverlessrepo", "PutApplicationPolicy", put.clone(), Value::Null));
        calls.push(call("ssm", "UpdateServiceSetting", setting.clone(), Value::Null));
        let with = json!({"principals": [account], "resourceShareArn": arn("ram", "resource-share/reports")});
        calls.push(call("ram", "CreateResourceShare", with.clone(), Value::Null));
        calls.push(call("ram", "AssociateResourceShare", with, Value::Null));
        let with = json!({"name": "reports", "permissionType": "Share", "accountIdsToAdd": [account]});
        calls.push(call("ssm", "ModifyDocumentPermission", with, Value::Null));
        for (authorize, of, to) in [
            ("AuthorizeSnapshotAccess", "snapshotIdentifier", "accountWithRestoreAccess"),
            ("AuthorizeDataShare", "dataShareArn", "consumerIdentifier"),
            ("AuthorizeEndpointAccess", "clusterIdentifier", "account"),
        ] {
            calls.push(call("redshift", authorize, json!({of: "reports", to: account}), Value::Null));
        }
    }
    calls.extend(permissions());
    calls
}

/// Functions and layers that services, one's own account and those that are trusted may use.
fn permissions() -> Vec<Call> {
    let mut calls = vec![];
    for (principal, more) in [
        ("s3.amazonaws.com", json!({"sourceArn": "arn:aws:s3:::reports", "sourceAccount": ACCOUNT})),
        ("apigateway.amazonaws.com", json!({})),
        (ACCOUNT, json!({})),
        ("444455556666", json!({})),
    ] {
        let mut add = json!({
            "functionName": "reports", "layerName": "reports", "versionNumber": 1, "statementId": "reports",
            "action": "lambda:InvokeFunction", "principal": principal,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            add[name] = value.clone();
        }
        for added in ["AddPermission20150331", "AddPermission20150331v2", "AddLayerVersionPermission20181031"] {
            calls.push(call("lambda", added, add.clone(), Value::Null));
        }
    }
    calls
}

/// Federation tokens that may do nothing by themselves, roles for those who have signed in, and commands that patch.
fn tokens_and_commands() -> Vec<Call> {
    let token = |request: Value| call("sts", "GetFederationToken", request, Value::Null);
    let pool = |roles: Value| {
        let request = json!({"identityPoolId": "eu-central-1:0a1b2c3d-4e5f-4607-8819-2a3b4c5d6e7f", "roles": roles});
        call("cognito-identity", "SetIdentityPoolRoles", request, Value::Null)
    };
    let command = |document: &str| {
        let request = json!({"documentName": document, "instanceIds": ["i-0a1b2c3d4e5f60718"], "interactive": false});
        call("ssm", "SendCommand", request, Value::Null)
    };
    let member = format!("arn:aws:iam::{ACCOUNT}:role/app-members");
    vec![
        token(json!({"name": "uploads"})),
        token(json!({"name": "uploads", "durationSeconds": 3600})),
        token(json!({"name": "uploads", "policy": null, "policyArns": null})),
        pool(json!({"authenticated": member})),
        pool(json!({})),
        pool(json!({"authenticated": member, "unauthenticated": ""})),
        command("AWS-RunPatchBaseline"),
        command("AWS-GatherSoftwareInventory"),
        command("AWS-UpdateSSMAgent"),
    ]
}

/// Snapback as it is deployed: with a key of its own, and whom its operator trusts.
fn deployed() -> Settings {
    let keys = BTreeSet::from([format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/1f2e3d4c-5b6a-4988-8776-655443322110")]);
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Settings {
        own: Own { keys, ..Own::default() },
        trusted_accounts: set(&["444455556666"]),
        trusted_organizations: set(&["o-a1b2c3d4e5"]),
        trusted_networks: set(&["vpce-0a1b2c3d4e5f60718", "vpc-0a1b2c3d4e5f60718"]),
        trusted_ranges: ["203.0.113.0/24", "2001:db8:17::/48"].iter().filter_map(|range| range.parse().ok()).collect(),
        trusted_canonical_users: set(&["79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"]),
        ..Settings::default()
    }
}

/// Network ACLs, peering connections and what keeps VPCs from the internet, as they usually are.
fn networks() -> Vec<Call> {
    let done = || json!({"_return": true, "requestId": "r-1"});
    let mut calls = vec![];
    for (number, action, egress, protocol, cidr, ports) in [
        (100, "allow", false, "6", "0.0.0.0/0", json!({"from": 443, "to": 443})),
        (110, "allow", false, "6", "198.51.100.0/24", json!({"from": 22, "to": 22})),
        (120, "allow", false, "6", "0.0.0.0/0", json!({"from": 1024, "to": 65535})),
        (130, "allow", false, "-1", "10.0.0.0/8", json!({})),
        (100, "allow", true, "-1", "0.0.0.0/0", json!({})),
        (90, "deny", false, "-1", "203.0.113.0/24", json!({})),
    ] {
        let request = json!({
            "networkAclId": "acl-0a1b2c3d4e5f60718", "ruleNumber": number, "egress": egress, "ruleAction": action,
            "icmpTypeCode": {}, "portRange": ports, "aclProtocol": protocol, "cidrBlock": cidr,
        });
        calls.push(call("ec2", "CreateNetworkAclEntry", request.clone(), done()));
        calls.push(call("ec2", "ReplaceNetworkAclEntry", request, done()));
    }
    let own = json!({"vpcPeeringConnection": {"vpcPeeringConnectionId": "pcx-1", "requesterVpcInfo": {"ownerId": ACCOUNT},
        "accepterVpcInfo": {"ownerId": ACCOUNT}}});
    for peer in ["vpc-1", "vpc-2", "vpc-3"] {
        calls.push(call(
            "ec2",
            "CreateVpcPeeringConnection",
            json!({"vpcId": "vpc-0", "peerVpcId": peer}),
            own.clone(),
        ));
        let id = json!({"vpcPeeringConnectionId": "pcx-1"});
        calls.push(call("ec2", "AcceptVpcPeeringConnection", id, own.clone()));
    }
    for mode in ["block-bidirectional", "block-ingress", "block-bidirectional"] {
        let request = json!({"ModifyVpcBlockPublicAccessOptionsRequest": {"InternetGatewayBlockMode": mode}});
        calls.push(call("ec2", "ModifyVpcBlockPublicAccessOptions", request, json!({})));
        let only_out = json!({"ModifyVpcBlockPublicAccessExclusionRequest": {
            "ExclusionId": "vpcbpa-exclude-0a1b2c3d4e5f60718", "InternetGatewayExclusionMode": "allow-egress"}});
        calls.push(call("ec2", "ModifyVpcBlockPublicAccessExclusion", only_out, json!({})));
    }
    let office = json!({"Cidr": "198.51.100.0/24", "Description": "the office", "tag": 1});
    let private = json!([{"Cidr": "10.0.0.0/8", "tag": 1}, {"Cidr": "203.0.113.7/32", "tag": 2}]);
    let gone = json!({"Cidr": "0.0.0.0/0", "tag": 1});
    for (name, entries) in [("AddEntry", office), ("AddEntry", private), ("RemoveEntry", gone)] {
        let request = json!({"PrefixListId": "pl-0a9b8c7d6e5f40312", "CurrentVersion": 3, name: entries});
        let request = json!({"ModifyManagedPrefixListRequest": request});
        calls.push(call("ec2", "ModifyManagedPrefixList", request, json!({})));
    }
    for options in
        [json!({"HttpTokens": "required"}), json!({"HttpPutResponseHopLimit": 2}), json!({"HttpEndpoint": "enabled"})]
    {
        let request = json!({"ModifyInstanceMetadataDefaultsRequest": options});
        calls.push(call("ec2", "ModifyInstanceMetadataDefaults", request, json!({})));
    }
    calls
}

/// Credentials that are made inactive, as those of people who leave are; tags, and devices of one's own.
fn credentials() -> Vec<Call> {
    let ids = [
        ("UpdateAccessKey", "accessKeyId", "AKIAI44QH8DHBEXAMPLE"),
        ("UpdateServiceSpecificCredential", "serviceSpecificCredentialId", "ACCAEXAMPLE123EXAMPLE"),
        ("UpdateSigningCertificate", "certificateId", "TA7SMP42TDN5Z26OBPJE7EXAMPLE"),
        ("UpdateSSHPublicKey", "sSHPublicKeyId", "APKAEXAMPLE1234EXAMPLE"),
    ];
    let users = ["bob", "carol", "dan"];
    let calls = ids.iter().flat_map(|(name, field, id)| {
        users.map(|user| call("iam", name, json!({"userName": user, *field: id, "status": "Inactive"}), Value::Null))
    });
    let tags = json!([{"key": "cost-center", "value": "17"}]);
    let tagged = users.iter().flat_map(|user| {
        [
            call("iam", "TagUser", json!({"userName": user, "tags": tags}), Value::Null),
            call("iam", "UntagUser", json!({"userName": user, "tagKeys": ["cost-center"]}), Value::Null),
            call("iam", "TagRole", json!({"roleName": "app", "tags": tags}), Value::Null),
            call("iam", "UntagRole", json!({"roleName": "app", "tagKeys": ["cost-center"]}), Value::Null),
            call(
                "iam",
                "CreateVirtualMFADevice",
                json!({"virtualMFADeviceName": format!("{user}-phone")}),
                Value::Null,
            ),
        ]
    });
    calls.chain(tagged).collect()
}

/// Calls that people would be notified of, had they other parameters.
fn noticed() -> Vec<Call> {
    let of_ec2 = |name: &'static str, options: Value, response: Value| {
        let request = json!({format!("{name}Request"): options});
        call("ec2", name, request, response)
    };
    let own_key = "arn:aws:kms:eu-central-1:111122223333:key/0f1e2d3c-4b5a-4978-8c6d-5e4f3a2b1c0d";
    let own = json!({"AWS": "arn:aws:iam::111122223333:role/Reports"});
    let statement = json!({"Effect": "Allow", "Principal": own, "Action": "*", "Resource": "*"});
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let of_control = |name: &'static str, body: Value| {
        let request = json!({"name": "reports", format!("{name}Request"): body});
        ["s3", "s3-control"].map(|service| call(service, name, request.clone(), Value::Null))
    };
    let of_bucket = |name: &'static str, field: &str, value: Value| {
        call("s3", name, json!({"bucketName": "example-reports", "id": "daily", field: value}), Value::Null)
    };
    let mut calls = vec![];
    for number in 1..=4 {
        let instance = json!({"instanceId": format!("i-{number}"), "metadataOptions": {"httpTokens": "required"}});
        let lists = json!({"AccountId": ACCOUNT, "Bucket": "arn:aws:s3:::example-lists"});
        calls.extend([
            of_ec2("CreateNetworkInterfacePermission", json!({"AwsAccountId": ACCOUNT}), json!({})),
            of_ec2("EnableAllowedImagesSettings", json!({"AllowedImagesSettingsState": "enabled"}), json!({})),
            of_ec2("ModifyEbsDefaultKmsKeyId", json!({"KmsKeyId": own_key}), json!({})),
            of_ec2("ModifyFpgaImageAttribute", json!({"Name": format!("filter {number}")}), json!({})),
            of_ec2("ModifyTrafficMirrorSession", json!({"PacketLength": 100 * number}), json!({})),
            of_ec2("ModifyVpcEndpoint", json!({"PrivateDnsEnabled": true}), json!({})),
            of_ec2("ModifyVpcEndpointServiceConfiguration", json!({"AcceptanceRequired": true}), json!({})),
            call("ec2", "RunInstances", json!({}), json!({"instancesSet": {"items": [instance]}})),
            call("ec2", "ModifyInstanceAttribute", json!({"instanceId": "i-1", "ebsOptimized": true}), json!({})),
            call("ec2", "ModifyNetworkInterfaceAttribute", json!({"sourceDestCheck": {"value": true}}), json!({})),
            of_bucket(
                "PutBucketEncryption",
                "ServerSideEncryptionConfiguration",
                json!({"Rule": {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": own_key}}}),
            ),
            of_bucket(
                "PutBucketInventoryConfiguration",
                "InventoryConfiguration",
                json!({"Destination": {
                "S3BucketDestination": lists}}),
            ),
            of_bucket("PutBucketAnalyticsConfiguration", "AnalyticsConfiguration", json!({"Id": "daily"})),
            call(
                "s3express",
                "PutBucketPolicy",
                json!({"bucketName": "reports--x-s3", "bucketPolicy": policy}),
                json!({}),
            ),
            call("s3tables", "PutTableBucketPolicy", json!({"resourcePolicy": policy}), json!({})),
            call("s3tables", "PutTablePolicy", json!({"resourcePolicy": policy}), json!({})),
        ]);
        let grantee = json!({"GranteeType": "IAM", "GranteeIdentifier": own["AWS"]});
        let read = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        let team = "arn:aws:iam::111122223333:policy/team";
        let password = json!({"minimumPasswordLength": 10 + number, "requireSymbols": true});
        calls.extend([
            call("iam", "DetachUserPolicy", json!({"userName": "reports", "policyArn": read}), Value::Null),
            call("iam", "DetachGroupPolicy", json!({"groupName": "reports", "policyArn": read}), Value::Null),
            call(
                "iam",
                "PutUserPermissionsBoundary",
                json!({"userName": "r", "permissionsBoundary": team}),
                Value::Null,
            ),
            call(
                "iam",
                "PutRolePermissionsBoundary",
                json!({"roleName": "r", "permissionsBoundary": team}),
                Value::Null,
            ),
            call("iam", "UpdateAccountPasswordPolicy", password, Value::Null),
        ]);
        calls.extend(of_control("CreateAccessGrant", json!({"Grantee": grantee, "Permission": "READ"})));
        calls.extend(of_control("PutAccessGrantsInstanceResourcePolicy", json!({"Policy": policy})));
        calls.extend(of_control("PutAccessPointPolicyForObjectLambda", json!({"Policy": policy})));
        calls.extend(of_control("PutMultiRegionAccessPointPolicy", json!({"Details": {"Policy": policy}})));
    }
    calls
}

/// Whom roles usually trust.
fn trusts() -> Vec<Call> {
    let trusted = [
        json!({"Service": "lambda.amazonaws.com"}),
        json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}),
        json!({"AWS": "arn:aws:iam::444455556666:role/reader"}),
    ];
    let calls = trusted.iter().flat_map(|principal| {
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
        let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let created = json!({"roleName": "Reports", "path": "/", "assumeRolePolicyDocument": document});
        let updated = json!({"roleName": "Reports", "policyDocument": document});
        [call("iam", "CreateRole", created, Value::Null), call("iam", "UpdateAssumeRolePolicy", updated, Value::Null)]
    });
    calls.collect()
}

/// What services are given with roles, or without.
fn passed_roles() -> Vec<Call> {
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let of_cdk = role(&format!("cdk-hnb659fds-cfn-exec-role-{ACCOUNT}-{REGION}"));
    let ways = [
        ("ec2", "RequestSpotInstances", "launchSpecification.iamInstanceProfile"),
        ("ec2", "RequestSpotFleet", "spotFleetRequestConfig.launchSpecifications.iamInstanceProfile"),
        ("ec2", "CreateFleet", "launchTemplateConfigs.overrides.iamInstanceProfile"),
        ("ec2", "ModifyFleet", "launchTemplateConfig.overrides.iamInstanceProfile"),
        ("ec2", "RunScheduledInstances", "launchSpecification.iamInstanceProfile"),
        ("lambda", "CreateFunction20150331", "role"),
        ("lambda", "UpdateFunctionConfiguration20150331v2", "role"),
        ("cloudformation", "CreateStack", "roleARN"),
        ("cloudformation", "UpdateStack", "roleARN"),
        ("cloudformation", "CreateChangeSet", "roleARN"),
        ("cloudformation", "RollbackStack", "roleARN"),
        ("cloudformation", "ContinueUpdateRollback", "roleARN"),
        ("cloudformation", "DeleteStack", "roleARN"),
        ("cloudformation", "CreateStackSet", "administrationRoleARN"),
        ("cloudformation", "UpdateStackSet", "administrationRoleARN"),
        ("cloudformation", "RegisterType", "executionRoleArn"),
        ("cloudformation", "ActivateType", "executionRoleArn"),
        ("ecs", "RegisterTaskDefinition", "taskRoleArn"),
        ("ecs", "RegisterDaemonTaskDefinition", "taskRoleArn"),
        ("ecs", "RunTask", "overrides.taskRoleArn"),
        ("ecs", "StartTask", "overrides.taskRoleArn"),
        ("ecs", "CreateExpressGatewayService", "taskRoleArn"),
        ("ecs", "UpdateExpressGatewayService", "taskRoleArn"),
        ("ecs", "CreateCapacityProvider", "managedInstancesProvider.instanceLaunchTemplate.ec2InstanceProfileArn"),
        ("ecs", "UpdateCapacityProvider", "managedInstancesProvider.instanceLaunchTemplate.ec2InstanceProfileArn"),
        ("glue", "CreateJob", "role"),
        ("glue", "UpdateJob", "jobUpdate.role"),
        ("glue", "CreateDevEndpoint", "roleArn"),
        ("glue", "CreateSession", "role"),
        ("glue", "StartBlueprintRun", "roleArn"),
        ("sagemaker", "CreateNotebookInstance", "roleArn"),
        ("sagemaker", "UpdateNotebookInstance", "roleArn"),
        ("sagemaker", "CreateTrainingJob", "roleArn"),
        ("sagemaker", "CreateProcessingJob", "roleArn"),
        ("sagemaker", "CreateHyperParameterTuningJob", "trainingJobDefinition.roleArn"),
        ("sagemaker", "CreateAutoMLJob", "roleArn"),
        ("sagemaker", "CreateAutoMLJobV2", "roleArn"),
        ("sagemaker", "CreateModel", "executionRoleArn"),
        ("sagemaker", "CreateModelPackage", "validationSpecification.validationRole"),
        ("sagemaker", "CreateAlgorithm", "validationSpecification.validationRole"),
        ("sagemaker", "CreateEndpointConfig", "executionRoleArn"),
        ("sagemaker", "CreateInferenceExperiment", "roleArn"),
        ("sagemaker", "CreateInferenceRecommendationsJob", "roleArn"),
        ("sagemaker", "CreateDomain", "defaultUserSettings.executionRole"),
        ("sagemaker", "UpdateDomain", "defaultUserSettings.executionRole"),
        ("sagemaker", "CreateUserProfile", "userSettings.executionRole"),
        ("sagemaker", "UpdateUserProfile", "userSettings.executionRole"),
        ("sagemaker", "CreatePipeline", "roleArn"),
        ("sagemaker", "UpdatePipeline", "roleArn"),
        ("sagemaker", "CreateCluster", "instanceGroups.executionRole"),
        ("sagemaker", "UpdateCluster", "instanceGroups.executionRole"),
        ("sagemaker", "CreateDataQualityJobDefinition", "roleArn"),
        ("sagemaker", "CreateModelQualityJobDefinition", "roleArn"),
        ("sagemaker", "CreateModelBiasJobDefinition", "roleArn"),
        ("sagemaker", "CreateModelExplainabilityJobDefinition", "roleArn"),
        ("sagemaker", "CreateMonitoringSchedule", "monitoringScheduleConfig.monitoringJobDefinition.roleArn"),
        ("sagemaker", "UpdateMonitoringSchedule", "monitoringScheduleConfig.monitoringJobDefinition.roleArn"),
    ];
    let calls = ways.iter().flat_map(|(service, name, path)| {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let given =
            |role: String| if path.ends_with("iamInstanceProfile") { json!({"name": "reports"}) } else { json!(role) };
        let field = |role: String| {
            let fields = rest.rsplit('.').filter(|field| !field.is_empty());
            fields.fold(given(role), |value, field| json!({field: value}))
        };
        let requests = [
            json!({"functionName": "reports", *first: field(role("reports"))}),
            json!({"functionName": "reports", *first: field(of_cdk.clone())}),
            json!({"functionName": "reports", "description": "without a role"}),
        ];
        requests.map(|request| call(service, name, request, Value::Null))
    });
    calls.collect()
}

/// What would be risky, had it not failed. Each takes the parameters or the answer away in its service's own way.
fn refused_calls() -> Vec<Call> {
    let public = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::example-reports/*"});
    let ssh = json!([permission("tcp", Some((22, 22)), &json!({"ipRanges": [{"cidrIp": "0.0.0.0/0"}]}))]);
    let change = json!({"ModifySecurityGroupRulesRequest": {"GroupId": "sg-0f1e2d3c4b5a69788", "SecurityGroupRule": {
        "SecurityGroupRuleId": "sgr-0a1b2c3d4e5f60718", "tag": 1,
        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"},
    }}});
    let failed = |call: Call, error| Call { response: Value::Null, error: Some(error), ..call };
    vec![
        failed(put_policy(public.clone()), "AccessDenied"),
        failed(put_policy(json!([public])), "NoSuchBucket"),
        failed(call("s3", "PutBucketPolicy", Value::Null, Value::Null), "MalformedPolicy"),
        failed(
            call("s3", "PutBucketAcl", json!({"bucketName": "b", "x-amz-acl": "public-read"}), Value::Null),
            "AccessDenied",
        ),
        failed(call("s3", "DeleteBucketPublicAccessBlock", json!({"bucketName": "b"}), Value::Null), "AccessDenied"),
        failed(authorize(&ssh), "Client.UnauthorizedOperation"),
        failed(authorize(&ssh), "Client.InvalidPermission.Duplicate"),
        failed(authorize(&ssh), "Client.DryRunOperation"),
        failed(call("ec2", "ModifySecurityGroupRules", change, Value::Null), "Client.UnauthorizedOperation"),
        failed(
            call("ec2", "DisableSnapshotBlockPublicAccess", Value::Null, Value::Null),
            "Client.UnauthorizedOperation",
        ),
        failed(call("ec2", "DisableImageBlockPublicAccess", Value::Null, Value::Null), "Client.UnauthorizedOperation"),
        failed(call("ec2", "DisableEbsEncryptionByDefault", Value::Null, Value::Null), "Client.UnauthorizedOperation"),
        failed(call("ec2", "EnableSerialConsoleAccess", Value::Null, Value::Null), "Client.UnauthorizedOperation"),
        // To be denied this call is not ordinary.
        failed(call("iam", "CreateAccessKey", Value::Null, Value::Null), "LimitExceededException"),
    ]
}

/// Calls that no control watches, among them those that the functions make themselves.
fn neighbours() -> Vec<Call> {
    let group = json!({"groupId": "sg-0f1e2d3c4b5a69788", "ipPermissions": {}});
    let bucket = json!({"bucketName": "example-reports", "Host": "example-reports.s3.eu-central-1.amazonaws.com"});
    [
        ("s3", "PutBucketRequestPayment", bucket.clone()),
        ("s3", "PutBucketTagging", bucket),
        (
            "ec2",
            "CreateSecurityGroup",
            json!({"groupName": "web", "groupDescription": "web", "vpcId": "vpc-0a1b2c3d4e5f60718"}),
        ),
        ("ec2", "RevokeSecurityGroupIngress", group.clone()),
        ("ec2", "UpdateSecurityGroupRuleDescriptionsIngress", group),
        ("ec2", "StartInstances", json!({"instancesSet": {"items": [{"instanceId": "i-0a1b2c3d4e5f60718"}]}})),
        (
            "ec2",
            "CreateTags",
            json!({"resourcesSet": {"items": [{"resourceId": "i-0a1b2c3d4e5f60718"}]}, "tagSet": {"items": []}}),
        ),
        ("lambda", "UpdateFunctionCode20150331v2", json!({"functionName": "reports", "publish": false})),
        ("logs", "CreateLogStream", json!({"logGroupName": "/aws/lambda/reports", "logStreamName": "2026/02/03"})),
        ("kms", "GenerateDataKey", json!({"keyId": "alias/reports", "keySpec": "AES_256"})),
        (
            "sts",
            "AssumeRole",
            json!({"roleArn": "arn:aws:iam::111122223333:role/Deploy", "roleSessionName": "pipeline-4711"}),
        ),
        ("dynamodb", "UpdateTimeToLive", json!({"tableName": "reports"})),
        ("cloudformation", "ExecuteChangeSet", json!({"stackName": "reports", "changeSetName": "release-89"})),
    ]
    .into_iter()
    .map(|(service, name, request)| call(service, name, request, Value::Null))
    .collect()
}

fn looks() -> Vec<Call> {
    [
        ("s3", "GetBucketPolicy"),
        ("s3", "GetBucketPublicAccessBlock"),
        ("s3", "ListBuckets"),
        ("ec2", "DescribeSecurityGroups"),
        ("ec2", "DescribeSecurityGroupRules"),
        ("ec2", "DescribeInstances"),
        ("iam", "GetRole"),
        ("sts", "GetCallerIdentity"),
    ]
    .into_iter()
    .map(|(service, name)| call(service, name, Value::Null, Value::Null))
    .collect()
}

#[test]
fn nothing_ordinary_raises_a_suspicion() -> Result<()> {
    for record in corpus() {
        for function in FUNCTIONS {
            // One that is opt-in has the same ordinary days.
            let settings = Settings { modes: workspace_tests::for_all(Mode::Notify), ..deployed() };
            let suspected = function.suspect(record.clone(), &settings)?;
            let Some((event, suspected)) = suspected else { continue };
            let asks = |control: &AnyControl| {
                let call = (control.about.id, event.name.as_str());
                ASK_THE_JOURNAL.contains(&call) || REMOVED_BY_LABEL.contains(&call)
            };
            let is_of_root = |control: &AnyControl| control.about.id == OF_ROOT && event.actor.is_root();
            let looks = |control: &AnyControl| ALWAYS_LOOK.contains(&control.about.id);
            let is_ordinary = |control: &AnyControl| !asks(control) && !is_of_root(control) && !looks(control);
            if let Some((_, suspicion)) = suspected.iter().find(|(control, _)| is_ordinary(control)) {
                bail!("{}: {suspicion:?}\n{:#}", function.name, record["detail"]);
            }
        }
    }
    Ok(())
}

/// A corpus that never comes near a control would prove nothing.
#[test]
fn the_ordinary_records_are_many_and_of_all_kinds() {
    let mut calls: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut callers: BTreeMap<String, usize> = BTreeMap::new();
    let corpus = corpus();
    for record in &corpus {
        let detail = &record["detail"];
        let word = |field: &str| detail[field].as_str().unwrap_or_default().to_owned();
        if detail["errorCode"].is_null() {
            *calls.entry((word("eventSource"), word("eventName"))).or_default() += 1;
        }
        let kind = detail["userIdentity"]["type"].as_str().unwrap_or_default();
        *callers.entry(kind.to_owned()).or_default() += 1;
    }
    assert!(corpus.len() > 400, "{}", corpus.len());
    assert!(calls.len() > 25, "{calls:?}");
    let of_calls = controls().filter(|control| control.kind == Kind::ApiCall);
    let watches = of_calls.flat_map(|control| control.about.watches);
    // Nobody calls AWS Organizations all day, and some of its calls are named like those of services that people do call.
    let watches = watches.filter(|watch| watch.service != "organizations.amazonaws.com");
    for watch in watches.filter(|watch| watch.name != SCHEDULED && !NEVER_ORDINARY.contains(&watch.name)) {
        let count = calls.get(&(watch.service.to_owned(), watch.name.to_owned())).copied().unwrap_or_default();
        assert!(count > 20, "{} calls of {} that succeeded", count, watch.name);
    }
    for kind in ["AssumedRole", "AWSService", "IAMUser", "Root"] {
        assert!(callers.get(kind).is_some_and(|count| *count > 50), "{callers:?}");
    }
}

/// Which also shows that a record of this corpus can be suspected at all.
#[test]
fn what_was_refused_would_have_been_suspected() -> Result<()> {
    let refused: Vec<Value> = corpus().into_iter().filter(|record| !record["detail"]["errorCode"].is_null()).collect();
    assert!(refused.len() > 40, "{}", refused.len());
    for mut record in refused {
        record["detail"].as_object_mut().context("a record")?.remove("errorCode");
        let mut suspected = 0;
        for function in FUNCTIONS {
            let found = function.suspect(record.clone(), &Settings::default())?;
            let of_what_was_done = |(_, found): &(_, Vec<Suspected>)| found[0].0.about.id != OF_ROOT;
            suspected += usize::from(found.is_some_and(|found| of_what_was_done(&found)));
        }
        assert_eq!(suspected, 1, "{:#}", record["detail"]);
    }
    Ok(())
}
