"""Records written by hand after the shapes seen on AWS lead to the same as those of the local CloudTrail.

So Snapback is not only proven to understand our own idea of CloudTrail. What they speak of is really there: it was
made while nobody looked, and then the record is put on the bus.
"""

from uuid import uuid4

import pytest

from stack import ACCOUNT

ALICE = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLEADMIN0000:alice@example.com",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice@example.com",
    "accountId": ACCOUNT,
    "accessKeyId": "ASIAEXAMPLEALICE0000",
    "sessionContext": {
        "sessionIssuer": {
            "type": "Role",
            "principalId": "AROAEXAMPLEADMIN0000",
            "arn": f"arn:aws:iam::{ACCOUNT}:role/Admin",
            "accountId": ACCOUNT,
            "userName": "Admin",
        },
        "attributes": {"creationDate": "2026-02-03T08:00:00Z", "mfaAuthenticated": "true"},
    },
}

OMITTED = {"omitted": True, "originalSize": 104213, "reason": "requestParameters too large"}


def record(service, name, now, request, response=None, **more):
    return {
        "eventVersion": "1.11",
        "userIdentity": ALICE,
        "eventTime": now,
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "Mozilla/5.0",
        "requestParameters": request,
        "responseElements": response,
        "requestID": str(uuid4()),
        "eventID": str(uuid4()),
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
        "sessionCredentialFromConsole": "true",
        **more,
    }


# How S3 has told of a policy over the years: {bucket} and {policy} stand for what was put on what.
POLICIES = {
    "as of today": lambda bucket, policy: {
        "Host": f"{bucket}.s3.us-east-1.amazonaws.com",
        "bucketName": bucket,
        "bucketPolicy": policy,
        "policy": "",
    },
    "as of 2019, in lists": lambda bucket, policy: {
        "host": ["s3.amazonaws.com"],
        "bucketName": bucket,
        "bucketPolicy": policy,
        "policy": [""],
    },
    "with a single statement outside a list": lambda bucket, policy: {
        "bucketName": bucket,
        "bucketPolicy": {**policy, "Statement": policy["Statement"][0]},
    },
    "with the policy left out": lambda bucket, policy: {"bucketName": bucket, "policy": ""},
    "too large": lambda bucket, policy: OMITTED,
    "without parameters": lambda bucket, policy: None,
}


@pytest.mark.parametrize("told", POLICIES.values(), ids=POLICIES.keys())
def test_a_bucket_policy(snapback, told):
    bucket = snapback.a_bucket()
    with snapback.unseen():
        bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in("444455556666"))
    policy = {"Version": "2012-10-17", "Statement": [bucket.lets_in_everyone(), bucket.lets_in("444455556666")]}
    resources = [{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": bucket.arn}]
    snapback.deliver(
        record("s3", "PutBucketPolicy", now(snapback, bucket), told(bucket.name, policy), resources=resources)
    )
    announced = snapback.announces(bucket)
    assert announced["outcome"] == "reverted"
    assert "alice@example.com" in str(announced)
    assert bucket.statements() == ["Partner"]


def made(group, rule):
    """How EC2's response tells of the rule since 2021."""
    return {
        "_return": True,
        "requestId": str(uuid4()),
        "securityGroupRuleSet": {
            "items": [
                {
                    "securityGroupRuleId": rule["SecurityGroupRuleId"],
                    "groupId": group.id,
                    "groupOwnerId": ACCOUNT,
                    "isEgress": False,
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "cidrIpv4": "0.0.0.0/0",
                }
            ]
        },
    }


def listed(source):
    frame = {
        "ipProtocol": "tcp",
        "fromPort": 22,
        "toPort": 22,
        "groups": {},
        "ipRanges": {},
        "ipv6Ranges": {},
        "prefixListIds": {},
    }
    return {"items": [{**frame, **source}]}


EVERYWHERE = {"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
FLAT = {"cidrIp": "0.0.0.0/0", "fromPort": 22, "toPort": 22, "ipProtocol": "tcp", "ipPermissions": {}}
SUCCESS = {"_return": True, "requestId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"}

AUTHORIZATIONS = {
    "listed, with the rules made": lambda group, rule: (
        {"groupId": group.id, "ipPermissions": listed(EVERYWHERE)},
        made(group, rule),
    ),
    "flat, with the rules made": lambda group, rule: ({"groupId": group.id, **FLAT}, made(group, rule)),
    "flat, from before rules had ids": lambda group, rule: ({"groupId": group.id, **FLAT}, SUCCESS),
    "flat, with host bits": lambda group, rule: ({"groupId": group.id, **FLAT, "cidrIp": "203.0.113.9/0"}, SUCCESS),
    "listed, from before rules had ids": lambda group, rule: (
        {"groupId": group.id, "ipPermissions": listed(EVERYWHERE)},
        SUCCESS,
    ),
    "by the group's name": lambda group, rule: ({"groupName": group.name, **FLAT}, SUCCESS),
    "with the response left out": lambda group, rule: (
        {"groupId": group.id, "ipPermissions": listed(EVERYWHERE)},
        None,
    ),
    "with the request too large": lambda group, rule: (OMITTED, made(group, rule)),
}


@pytest.mark.parametrize("told", AUTHORIZATIONS.values(), ids=AUTHORIZATIONS.keys())
def test_an_authorization(snapback, told):
    group = snapback.a_group()
    with snapback.unseen():
        office = group.open(22, "198.51.100.0/24")
        rule = group.open(22)
    request, response = told(group, rule)
    snapback.deliver(record("ec2", "AuthorizeSecurityGroupIngress", now(snapback, group), request, response))
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == [office]


def changed(rule, tag=1):
    to = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}
    return {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": to, "tag": tag}


MODIFIED = {
    "ModifySecurityGroupRulesResponse": {
        "requestId": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "return": True,
        "xmlns": "http://ec2.amazonaws.com/doc/2016-11-15/",
    }
}

CHANGES = {
    "one": lambda rule: changed(rule),
    "a list": lambda rule: [changed({"SecurityGroupRuleId": "sgr-00000000000000000"}), changed(rule, tag=2)],
}


@pytest.mark.parametrize("told", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_rules_is_wrapped(snapback, told):
    group = snapback.a_group()
    with snapback.unseen():
        office = group.open(22, "198.51.100.0/24")
        rule = group.open(22)
    request = {"ModifySecurityGroupRulesRequest": {"GroupId": group.id, "SecurityGroupRule": told(rule)}}
    snapback.deliver(record("ec2", "ModifySecurityGroupRules", now(snapback, group), request, MODIFIED))
    assert snapback.announces(group)["outcome"] == "reverted"
    assert group.rules() == [office]


def test_which_rules_were_made_is_told_by_neither_side(snapback):
    group = snapback.a_group()
    with snapback.unseen():
        rule = group.open(22)
    told = record(
        "ec2",
        "AuthorizeSecurityGroupIngress",
        now(snapback, group),
        {"groupId": group.id, "ipPermissions": {}},
        SUCCESS,
    )
    snapback.deliver(told)
    assert snapback.announces(group)["outcome"] == "alerted"
    assert group.rules() == [rule]


def test_what_was_closed_in_the_meantime_is_left_alone(snapback):
    group = snapback.a_group()
    with snapback.unseen():
        office = group.open(22, "198.51.100.0/24")
    gone = {"SecurityGroupRuleId": "sgr-00000000000000000"}
    request = {"groupId": group.id, "ipPermissions": listed(EVERYWHERE)}
    snapback.deliver(record("ec2", "AuthorizeSecurityGroupIngress", now(snapback, group), request, made(group, gone)))
    assert snapback.has_settled()
    [announced] = snapback.announcements_about(group)
    assert (announced["control"], announced["outcome"]) == ("ec2-open-security-group", "closed")
    assert group.rules() == [office]


def now(snapback, thing):
    """When it was really done; an event that is too old is only announced."""
    return snapback.events_about(thing)[-1]["eventTime"]
