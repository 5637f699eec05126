"""The local CloudTrail's records have the shapes that were seen on AWS.

Requests and answers are written as they go over the wire, records as AWS keeps them; the values are our own.
"""

import json
from datetime import datetime, timezone

import cloudtrail
from wire import Call

ACCOUNT = "111122223333"
ALICE = cloudtrail.identity_of_user(
    ACCOUNT,
    "AKIAEXAMPLEALICE0000",
    {"UserName": "alice", "UserId": "AIDAEXAMPLEALICE0000", "Arn": f"arn:aws:iam::{ACCOUNT}:user/alice"},
)


def form(**parameters):
    return "&".join(f"{key.replace('__', '.')}={value}" for key, value in parameters.items()).encode()


def call(service, method="POST", path="/", query=None, headers=None, body=b"", status=200, answer=b""):
    # A body of a query request says so in a header; the others do not look at it.
    said = {"user-agent": "aws-cli/2.0", "content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return Call(
        signing_name=service,
        region="eu-west-1",
        account=ACCOUNT,
        method=method,
        path=path,
        query={key: [value] for key, value in (query or {}).items()},
        headers={**said, **(headers or {})},
        body=body,
        status=status,
        answer=answer,
        identity=ALICE,
        source_ip="203.0.113.7",
        request_id="11111111-2222-3333-4444-555555555555",
        time=datetime(2024, 3, 5, 14, 7, 9, tzinfo=timezone.utc),
    )


def error(code, message):
    """How query services other than EC2 say no."""
    said = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return f"<ErrorResponse><Error>{said}</Error></ErrorResponse>".encode()


def ec2(body, answer, status=200):
    return call("ec2", body=body, answer=answer, status=status)


AUTHORIZED = b"""<?xml version="1.0" encoding="UTF-8"?>
<AuthorizeSecurityGroupIngressResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee</requestId><return>true</return>
  <securityGroupRuleSet><item>
    <groupId>sg-0123456789abcdef0</groupId><groupOwnerId>111122223333</groupOwnerId><isEgress>false</isEgress>
    <cidrIpv4>0.0.0.0/0</cidrIpv4><fromPort>22</fromPort><toPort>22</toPort><ipProtocol>tcp</ipProtocol>
    <securityGroupRuleId>sgr-0123456789abcdef0</securityGroupRuleId>
  </item></securityGroupRuleSet>
</AuthorizeSecurityGroupIngressResponse>"""

AUTHORIZED_RESPONSE = {
    "requestId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "_return": True,
    "securityGroupRuleSet": {
        "items": [
            {
                "groupId": "sg-0123456789abcdef0",
                "groupOwnerId": ACCOUNT,
                "securityGroupRuleId": "sgr-0123456789abcdef0",
                "isEgress": False,
                "ipProtocol": "tcp",
                "fromPort": 22,
                "toPort": 22,
                "cidrIpv4": "0.0.0.0/0",
            }
        ]
    },
}


def test_a_record_says_who_did_what_from_where():
    record = cloudtrail.record(
        ec2(form(Action="DeleteSecurityGroup", GroupId="sg-0123456789abcdef0"), b"<R><return>true</return></R>")
    )
    assert record.pop("eventID")
    assert record == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEALICE0000",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAEXAMPLEALICE0000",
            "userName": "alice",
        },
        "eventTime": "2024-03-05T14:07:09Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "DeleteSecurityGroup",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.0",
        "requestParameters": {"groupId": "sg-0123456789abcdef0"},
        "responseElements": {"_return": True},
        "requestID": "11111111-2222-3333-4444-555555555555",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
        "tlsDetails": {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": "ec2.eu-west-1.amazonaws.com",
        },
    }


def test_it_travels_in_an_envelope_of_the_service():
    record = cloudtrail.record(ec2(form(Action="DeleteVpc", VpcId="vpc-1"), b"<R><return>true</return></R>"))
    event = cloudtrail.envelope(record)
    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws.ec2",
        "account": ACCOUNT,
        "time": "2024-03-05T14:07:09Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": record,
    }


def test_a_session_names_its_role():
    role = {"RoleName": "deploy", "RoleId": "AROAEXAMPLEDEPLOY000", "Arn": f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"}
    since = datetime(2024, 3, 5, 14, 0, 0, tzinfo=timezone.utc)
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/build-42"
    assert cloudtrail.identity_of_session(ACCOUNT, "ASIAEXAMPLE", arn, role, since) == {
        "type": "AssumedRole",
        "principalId": "AROAEXAMPLEDEPLOY000:build-42",
        "arn": arn,
        "accountId": ACCOUNT,
        "accessKeyId": "ASIAEXAMPLE",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAEXAMPLEDEPLOY000",
                "arn": f"arn:aws:iam::{ACCOUNT}:role/ci/deploy",
                "accountId": ACCOUNT,
                "userName": "deploy",
            },
            "attributes": {"creationDate": "2024-03-05T14:00:00Z", "mfaAuthenticated": "false"},
        },
    }


def test_lists_of_ec2_are_items_and_empty_ones_are_shown():
    record = cloudtrail.record(
        ec2(
            form(
                Action="AuthorizeSecurityGroupIngress",
                GroupId="sg-0123456789abcdef0",
                IpPermissions__1__IpProtocol="tcp",
                IpPermissions__1__FromPort="22",
                IpPermissions__1__ToPort="22",
                IpPermissions__1__IpRanges__1__CidrIp="0.0.0.0%2F0",
                IpPermissions__1__IpRanges__1__Description="ssh",
                IpPermissions__2__IpProtocol="-1",
                IpPermissions__2__Ipv6Ranges__1__CidrIpv6="%3A%3A%2F0",
                IpPermissions__2__PrefixListIds__1__PrefixListId="pl-0123456789abcdef0",
                IpPermissions__2__Groups__1__GroupId="sg-00000000000000001",
            ),  # fmt: skip
            AUTHORIZED,
        )
    )
    assert record["requestParameters"] == {
        "groupId": "sg-0123456789abcdef0",
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "groups": {},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "ssh"}]},
                    "ipv6Ranges": {},
                    "prefixListIds": {},
                },
                {
                    "ipProtocol": "-1",
                    "groups": {"items": [{"groupId": "sg-00000000000000001"}]},
                    "ipRanges": {},
                    "ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]},
                    "prefixListIds": {"items": [{"prefixListId": "pl-0123456789abcdef0"}]},
                },
            ]
        },
    }
    assert record["responseElements"] == AUTHORIZED_RESPONSE
    assert record["requestID"] == "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


def test_flat_parameters_stay_flat():
    flat = form(
        Action="AuthorizeSecurityGroupIngress",
        GroupName="web",
        CidrIp="0.0.0.0%2F0",
        IpProtocol="tcp",
        FromPort="22",
        ToPort="22",
    )
    assert cloudtrail.record(ec2(flat, AUTHORIZED))["requestParameters"] == {
        "groupName": "web",
        "cidrIp": "0.0.0.0/0",
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "ipPermissions": {},
    }


def test_tags_of_what_is_made_are_a_plain_list():
    tagged = form(
        Action="CreateSecurityGroup",
        GroupName="web",
        GroupDescription="of%20the%20web",
        TagSpecification__1__ResourceType="security-group",
        TagSpecification__1__Tag__1__Key="team",
        TagSpecification__1__Tag__1__Value="blue",
    )
    made = b"<R xmlns='http://ec2.amazonaws.com/doc/2016-11-15/'><groupId>sg-1</groupId><return>true</return></R>"
    assert cloudtrail.record(ec2(tagged, made))["requestParameters"] == {
        "groupDescription": "of the web",
        "groupName": "web",
        "tagSpecificationSet": {
            "items": [{"resourceType": "security-group", "tags": [{"key": "team", "value": "blue"}]}]
        },
    }


def test_newer_operations_of_ec2_are_wrapped():
    modified = form(
        Action="ModifySecurityGroupRules",
        GroupId="sg-0123456789abcdef0",
        SecurityGroupRule__1__SecurityGroupRuleId="sgr-0123456789abcdef0",
        SecurityGroupRule__1__SecurityGroupRule__IpProtocol="tcp",
        SecurityGroupRule__1__SecurityGroupRule__FromPort="22",
        SecurityGroupRule__1__SecurityGroupRule__ToPort="22",
        SecurityGroupRule__1__SecurityGroupRule__CidrIpv4="0.0.0.0%2F0",
    )
    answer = b"""<ModifySecurityGroupRulesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <requestId>aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee</requestId><return>true</return>
        </ModifySecurityGroupRulesResponse>"""
    one = {
        "SecurityGroupRuleId": "sgr-0123456789abcdef0",
        "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"},
        "tag": 1,
    }
    record = cloudtrail.record(ec2(modified, answer))
    assert record["requestParameters"] == {
        "ModifySecurityGroupRulesRequest": {"GroupId": "sg-0123456789abcdef0", "SecurityGroupRule": one}
    }
    assert record["responseElements"] == {
        "ModifySecurityGroupRulesResponse": {
            "requestId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "return": True,
            "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
        }
    }
    two = modified + b"&" + form(SecurityGroupRule__2__SecurityGroupRuleId="sgr-00000000000000002")
    wrapped = cloudtrail.record(ec2(two, answer))["requestParameters"]["ModifySecurityGroupRulesRequest"]
    assert wrapped["SecurityGroupRule"] == [one, {"SecurityGroupRuleId": "sgr-00000000000000002", "tag": 2}]


def test_wrapped_lists_of_ids_carry_content():
    deleted = form(Action="DeleteFlowLogs", FlowLogId__1="fl-0123456789abcdef0")
    answer = b"""<DeleteFlowLogsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
        <unsuccessful/></DeleteFlowLogsResponse>"""
    record = cloudtrail.record(ec2(deleted, answer))
    assert record["requestParameters"] == {
        "DeleteFlowLogsRequest": {"FlowLogId": {"content": "fl-0123456789abcdef0", "tag": 1}}
    }
    assert record["responseElements"] == {
        "DeleteFlowLogsResponse": {"unsuccessful": "", "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/"}
    }


def test_what_failed_says_why_and_changed_nothing():
    refused = b"""<Response><Errors><Error>
        <Code>UnauthorizedOperation</Code><Message>You may not.</Message></Error></Errors>
        <RequestID>aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee</RequestID></Response>"""
    record = cloudtrail.record(ec2(form(Action="DeleteVpc", VpcId="vpc-1"), refused, status=403))
    assert (record["errorCode"], record["errorMessage"]) == ("Client.UnauthorizedOperation", "You may not.")
    assert (record["requestParameters"], record["responseElements"]) == ({"vpcId": "vpc-1"}, None)


POLICY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}}


def s3(method, path, query=None, headers=None, body=b"", status=200, answer=b""):
    return call("s3", method, path, query, {"content-type": "", **(headers or {})}, body, status, answer)


def test_a_bucket_policy_is_an_object():
    record = cloudtrail.record(
        s3("PUT", "/logs", {"policy": "", "x-id": "PutBucketPolicy"}, body=json.dumps(POLICY).encode())
    )
    assert (record["eventSource"], record["eventName"]) == ("s3.amazonaws.com", "PutBucketPolicy")
    assert record["requestParameters"] == {
        "Host": "logs.s3.eu-west-1.amazonaws.com",
        "bucketName": "logs",
        "bucketPolicy": POLICY,
        "policy": "",
    }
    assert record["responseElements"] is None
    assert record["resources"] == [{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": "arn:aws:s3:::logs"}]
    assert record["userAgent"] == "[aws-cli/2.0]"


def test_s3_says_which_bucket_was_missing():
    missing = b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>"
    record = cloudtrail.record(s3("DELETE", "/logs", {"policy": ""}, status=404, answer=missing))
    assert record["errorCode"] == "NoSuchBucket"
    assert record["requestParameters"] == {
        "Host": "logs.s3.eu-west-1.amazonaws.com",
        "bucketName": "logs",
        "policy": "",
    }


def test_headers_of_s3_are_parameters():
    record = cloudtrail.record(
        s3("PUT", "/logs", {"acl": ""}, {"x-amz-acl": "public-read", "x-amz-date": "20240305T140709Z"})
    )
    assert record["requestParameters"] == {
        "Host": "logs.s3.eu-west-1.amazonaws.com",
        "acl": "",
        "bucketName": "logs",
        "x-amz-acl": "public-read",
    }


def test_xml_bodies_of_s3_are_objects():
    body = b"""<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
        <BlockPublicAcls>true</BlockPublicAcls><RestrictPublicBuckets>false</RestrictPublicBuckets>
        </PublicAccessBlockConfiguration>"""
    record = cloudtrail.record(s3("PUT", "/logs", {"publicAccessBlock": ""}, body=body))
    assert record["eventName"] == "PutBucketPublicAccessBlock"
    assert record["requestParameters"]["publicAccessBlock"] == ""
    assert record["requestParameters"]["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "RestrictPublicBuckets": False,
        "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
    }


def test_a_single_grant_is_no_list():
    def grant(uri):
        return (
            '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
            f"<URI>{uri}</URI></Grantee><Permission>READ</Permission></Grant>"
        )

    def granted(*uris):
        grants = "".join(grant(uri) for uri in uris)
        body = f"<AccessControlPolicy><AccessControlList>{grants}</AccessControlList></AccessControlPolicy>"
        record = cloudtrail.record(s3("PUT", "/logs", {"acl": ""}, body=body.encode()))
        return record["requestParameters"]["AccessControlPolicy"]["AccessControlList"]["Grant"]

    assert granted("uri:a") == {"Grantee": {"xsi:type": "Group", "URI": "uri:a"}, "Permission": "READ"}
    assert [one["Grantee"]["URI"] for one in granted("uri:a", "uri:b")] == ["uri:a", "uri:b"]


def test_the_documents_of_iam_stay_strings_and_secrets_stay_out():
    answer = b"""<CreateRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateRoleResult><Role>
        <Path>/</Path><RoleName>deploy</RoleName><RoleId>AROAEXAMPLE</RoleId>
        <Arn>arn:aws:iam::111122223333:role/deploy</Arn>
        <CreateDate>2024-03-05T14:07:09Z</CreateDate><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument>
        </Role></CreateRoleResult></CreateRoleResponse>"""
    created = form(
        Action="CreateRole",
        RoleName="deploy",
        AssumeRolePolicyDocument="%7B%7D",
        Tags__member__1__Key="a",
        Tags__member__1__Value="b",
    )
    record = cloudtrail.record(call("iam", body=created, answer=answer))
    assert record["awsRegion"] == "us-east-1"
    assert record["requestParameters"] == {
        "roleName": "deploy",
        "assumeRolePolicyDocument": "{}",
        "tags": [{"key": "a", "value": "b"}],
    }
    assert record["responseElements"] == {
        "role": {
            "path": "/",
            "roleName": "deploy",
            "roleId": "AROAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:role/deploy",
            "createDate": "Mar 5, 2024 2:07:09 PM",
            "assumeRolePolicyDocument": "%7B%7D",
        }
    }
    login = call(
        "iam",
        body=form(Action="CreateLoginProfile", UserName="bob", Password="hunter2"),
        answer=b"<R><CreateLoginProfileResult/></R>",
    )
    assert cloudtrail.record(login)["requestParameters"] == {"userName": "bob"}


def test_an_error_of_iam_has_the_name_that_the_api_gives_it():
    missing = error("NoSuchEntity", "Who?")
    record = cloudtrail.record(call("iam", body=form(Action="DeleteUser", UserName="bob"), status=404, answer=missing))
    assert record["errorCode"] == "NoSuchEntityException"
    assert record["requestParameters"] == {"userName": "bob"}


def test_who_is_denied_by_the_front_door_leaves_no_parameters():
    denied = error("AccessDenied", "No.")
    record = cloudtrail.record(call("iam", body=form(Action="DeleteUser", UserName="bob"), status=403, answer=denied))
    assert (record["errorCode"], record["requestParameters"]) == ("AccessDenied", None)
    kept = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
    assert (
        cloudtrail.record(s3("DELETE", "/logs", {"policy": ""}, status=403, answer=kept))["requestParameters"][
            "bucketName"
        ]
        == "logs"
    )


def test_json_services_begin_small_and_keep_odd_names_odd():
    headers = {
        "x-amz-target": "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging",
        "content-type": "application/x-amz-json-1.1",
    }
    record = cloudtrail.record(call("cloudtrail", headers=headers, body=b'{"Name": "audit"}', answer=b"{}"))
    assert (record["eventName"], record["requestParameters"], record["responseElements"]) == (
        "StopLogging",
        {"name": "audit"},
        None,
    )
    shared = form(
        Action="ModifyDBSnapshotAttribute",
        DBSnapshotIdentifier="s",
        AttributeName="restore",
        ValuesToAdd__AttributeValue__1="444455556666",
    )
    record = cloudtrail.record(call("rds", body=shared, answer=b"<R><ModifyDBSnapshotAttributeResult/></R>"))
    assert record["requestParameters"] == {
        "dBSnapshotIdentifier": "s",
        "attributeName": "restore",
        "valuesToAdd": ["444455556666"],
    }


def test_lambda_versions_its_event_names():
    headers = {"content-type": "application/json"}
    body = b'{"StatementId": "open", "Action": "lambda:InvokeFunction", "Principal": "*"}'
    record = cloudtrail.record(
        call(
            "lambda",
            path="/2015-03-31/functions/hello/policy",
            headers=headers,
            body=body,
            answer=b'{"Statement": "{}"}',
        )
    )
    assert record["eventName"] == "AddPermission20150331v2"
    assert record["requestParameters"] == {
        "functionName": "hello", "statementId": "open", "action": "lambda:InvokeFunction", "principal": "*"
    }  # fmt: skip
    assert record["responseElements"] == {"statement": "{}"}


def test_what_is_too_large_is_only_noted():
    large = {**POLICY, "Id": "x" * cloudtrail.LARGEST_PARAMETERS}
    parameters = cloudtrail.record(s3("PUT", "/logs", {"policy": ""}, body=json.dumps(large).encode()))[
        "requestParameters"
    ]
    assert parameters.pop("originalSize") > cloudtrail.LARGEST_PARAMETERS
    assert parameters == {"omitted": True, "reason": "requestParameters too large"}


def test_reading_and_data_leave_no_record():
    target = {"x-amz-target": "DynamoDB_20120810.PutItem", "content-type": "application/x-amz-json-1.0"}
    unrecorded = [
        ec2(form(Action="DescribeSecurityGroups"), b"<R/>"),
        s3("GET", "/logs", {"policy": ""}),
        s3("HEAD", "/logs"),
        s3("PUT", "/logs/a/b.txt", body=b"hello"),
        s3("POST", "/logs", {"delete": ""}),
        call("sns", body=form(Action="Publish", Message="hi"), answer=b"<R/>"),
        call("dynamodb", headers=target, body=b"{}", answer=b"{}"),
        call("lambda", path="/2015-03-31/functions/hello/invocations", headers={"content-type": ""}, answer=b"{}"),
        call("no-such-service", body=form(Action="CreateWorld")),
    ]
    assert [cloudtrail.record(one) for one in unrecorded] == [None] * len(unrecorded)


def test_only_changes_of_buckets_are_told_from_one_another_by_their_address():
    def name(method, query):
        return cloudtrail.record(s3(method, "/logs", query))["eventName"]

    assert name("PUT", {}) == "CreateBucket"
    assert name("DELETE", {}) == "DeleteBucket"
    assert name("PUT", {"versioning": ""}) == "PutBucketVersioning"
    assert name("DELETE", {"publicAccessBlock": ""}) == "DeleteBucketPublicAccessBlock"
