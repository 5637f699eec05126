"""A year of a busy account's CloudTrail logs, invented, laid out as CloudTrail leaves them in a bucket.

    python3 benches/year.py --records 10000000 target/year

Ten million records are a year of it, fewer are fewer days. Mostly ordinary calls of many services; one record in a
thousand is one of the events in events/, most of which some control suspects. The same number of records always makes
the same logs.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from string import ascii_letters, digits
from typing import NamedTuple

ACCOUNT = "111122223333"
EVENTS = Path(__file__).resolve().parent.parent / "events"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
A_DAY = 10_000_000 // 365

# How often a Region's records are delivered, and its share of them. CloudTrail delivers about every five minutes where
# something happens all the time:
# https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
REGIONS = {"eu-central-1": (5, 0.85), "us-east-1": (60, 0.1), "eu-west-1": (60, 0.05)}

# One in so many records is taken from events/.
RARE = 1000


class Call(NamedTuple):
    service: str
    name: str
    is_read: bool
    request: dict
    response: dict | None


# What an account does all day. `{id}` becomes another random id in each record, `{name}` one of few names.
CALLS = [
    Call("sts", "AssumeRole", True, {"roleArn": "arn:aws:iam::{account}:role/{name}", "roleSessionName": "{id}", "durationSeconds": 3600}, {"credentials": {"accessKeyId": "ASIA{key}", "sessionToken": "{id}{id}{id}{id}{id}{id}{id}{id}", "expiration": "Jan 1, 2026, 1:00:00 AM"}, "assumedRoleUser": {"assumedRoleId": "AROA{key}:{id}", "arn": "arn:aws:sts::{account}:assumed-role/{name}/{id}"}}),
    Call("sts", "GetCallerIdentity", True, None, None),
    Call("ec2", "DescribeInstances", True, {"maxResults": 1000, "instancesSet": {}, "filterSet": {"items": [{"name": "tag:service", "valueSet": {"items": [{"value": "{name}"}]}}]}}, None),
    Call("ec2", "DescribeSecurityGroups", True, {"securityGroupSet": {}, "securityGroupIdSet": {"items": [{"groupId": "sg-{id}"}]}, "filterSet": {}}, None),
    Call("ec2", "DescribeNetworkInterfaces", True, {"networkInterfaceIdSet": {}, "filterSet": {"items": [{"name": "vpc-id", "valueSet": {"items": [{"value": "vpc-{id}"}]}}]}}, None),
    Call("ec2", "RunInstances", False, {"instancesSet": {"items": [{"imageId": "ami-{id}", "minCount": 1, "maxCount": 1}]}, "instanceType": "m7g.large", "subnetId": "subnet-{id}", "tagSpecificationSet": {"items": [{"resourceType": "instance", "tags": [{"key": "service", "value": "{name}"}, {"key": "aws:autoscaling:groupName", "value": "{name}"}]}]}}, {"requestId": "{id}", "reservationId": "r-{id}", "ownerId": "{account}", "groupSet": {}, "instancesSet": {"items": [{"instanceId": "i-{id}", "imageId": "ami-{id}", "instanceState": {"code": 0, "name": "pending"}, "privateDnsName": "ip-10-0-0-1.eu-central-1.compute.internal", "amiLaunchIndex": 0, "monitoring": {"state": "pending"}, "vpcId": "vpc-{id}", "subnetId": "subnet-{id}", "architecture": "arm64", "rootDeviceType": "ebs", "rootDeviceName": "/dev/xvda"}]}}),
    Call("ec2", "TerminateInstances", False, {"instancesSet": {"items": [{"instanceId": "i-{id}"}]}}, {"requestId": "{id}", "instancesSet": {"items": [{"instanceId": "i-{id}", "currentState": {"code": 32, "name": "shutting-down"}, "previousState": {"code": 16, "name": "running"}}]}}),
    Call("ec2", "CreateTags", False, {"resourcesSet": {"items": [{"resourceId": "vol-{id}"}]}, "tagSet": {"items": [{"key": "kubernetes.io/cluster/{name}", "value": "owned"}, {"key": "CSIVolumeName", "value": "pvc-{id}"}]}}, {"requestId": "{id}", "_return": True}),
    Call("s3", "GetBucketLocation", True, {"bucketName": "example-{name}", "Host": "example-{name}.s3.eu-central-1.amazonaws.com", "location": ""}, None),
    Call("s3", "GetBucketAcl", True, {"bucketName": "example-{name}", "Host": "example-{name}.s3.eu-central-1.amazonaws.com", "acl": ""}, None),
    Call("s3", "ListBuckets", True, {"Host": "s3.eu-central-1.amazonaws.com"}, None),
    Call("kms", "Decrypt", True, {"encryptionContext": {"aws:s3:arn": "arn:aws:s3:::example-{name}/{id}"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"}, None),
    Call("kms", "GenerateDataKey", True, {"keyId": "arn:aws:kms:eu-central-1:{account}:key/{id}", "keySpec": "AES_256", "encryptionContext": {"aws:ebs:id": "vol-{id}"}}, None),
    Call("logs", "CreateLogStream", False, {"logGroupName": "/aws/lambda/{name}", "logStreamName": "2026/01/01/[$LATEST]{id}"}, None),
    Call("logs", "DescribeLogGroups", True, {"limit": 50, "nextToken": "{id}{id}"}, None),
    Call("ssm", "UpdateInstanceInformation", False, {"instanceId": "i-{id}", "agentVersion": "3.3.1611.0", "agentStatus": "Active", "platformType": "Linux", "platformName": "Amazon Linux", "platformVersion": "2023", "iPAddress": "10.0.0.1", "computerName": "ip-10-0-0-1.eu-central-1.compute.internal", "agentName": "amazon-ssm-agent", "availabilityZone": "eu-central-1a"}, None),
    Call("ssm", "GetParameter", True, {"name": "/{name}/database/endpoint", "withDecryption": True}, None),
    Call("secretsmanager", "GetSecretValue", True, {"secretId": "arn:aws:secretsmanager:eu-central-1:{account}:secret:{name}-{id}"}, None),
    Call("ecr", "BatchGetImage", True, {"registryId": "{account}", "repositoryName": "{name}", "imageIds": [{"imageTag": "{id}"}], "acceptedMediaTypes": ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"]}, None),
    Call("ecr", "GetAuthorizationToken", True, {}, None),
    Call("ecs", "RegisterTaskDefinition", False, {"family": "{name}", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "executionRoleArn": "arn:aws:iam::{account}:role/{name}", "containerDefinitions": [{"name": "{name}", "image": "{account}.dkr.ecr.eu-central-1.amazonaws.com/{name}:{id}", "essential": True, "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/{name}", "awslogs-region": "eu-central-1"}}}]}, {"taskDefinition": {"taskDefinitionArn": "arn:aws:ecs:eu-central-1:{account}:task-definition/{name}:1", "revision": 1, "status": "ACTIVE", "family": "{name}"}}),
    Call("lambda", "GetFunction20150331v2", True, {"functionName": "{name}"}, None),
    Call("lambda", "PublishVersion20150331", False, {"functionName": "{name}", "codeSha256": "{id}="}, {"functionName": "{name}", "functionArn": "arn:aws:lambda:eu-central-1:{account}:function:{name}:7", "runtime": "provided.al2023", "role": "arn:aws:iam::{account}:role/{name}", "codeSize": 5242880, "codeSha256": "{id}=", "version": "7", "state": "Active"}),
    Call("dynamodb", "DescribeTable", True, {"tableName": "{name}"}, None),
    Call("rds", "DescribeDBInstances", True, {"dBInstanceIdentifier": "{name}"}, None),
    Call("cloudformation", "DescribeStacks", True, {"stackName": "arn:aws:cloudformation:eu-central-1:{account}:stack/{name}/{id}"}, None),
    Call("monitoring", "DescribeAlarms", True, {"maxRecords": 100, "alarmNamePrefix": "{name}"}, None),
    Call("autoscaling", "DescribeAutoScalingGroups", True, {"autoScalingGroupNames": ["{name}"], "maxRecords": 100}, None),
    Call("elasticloadbalancing", "DescribeTargetHealth", True, {"targetGroupArn": "arn:aws:elasticloadbalancing:eu-central-1:{account}:targetgroup/{name}/{id}"}, None),
    Call("eks", "DescribeCluster", True, {"name": "{name}"}, None),
    Call("iam", "GetRole", True, {"roleName": "{name}"}, None),
    Call("organizations", "DescribeOrganization", True, None, None),
]  # fmt: skip

NAMES = ["checkout", "search", "billing", "reports", "ingest", "web", "worker", "mailer", "catalogue", "payments"]
AGENTS = [
    "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#arm64 api/ec2#1.173.0",
    "Boto3/1.35.10 md/Botocore#1.35.10 ua/2.0 os/linux#6.1.102 md/arch#aarch64 lang/python#3.12.5",
    "APN/1.0 HashiCorp/1.0 Terraform/1.9.5 terraform-provider-aws/5.64.0 aws-sdk-go-v2/1.30.4",
    "aws-cli/2.17.40 md/awscrt#0.21.2 ua/2.0 os/linux#6.1.102 lang/python#3.11.9 cfg/retry-mode#standard",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, required=True)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    make(arguments.folder, arguments.records)


def make(folder: Path, records: int) -> None:
    each_day = [min(A_DAY, records - begun) for begun in range(0, records, A_DAY)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for made in [processes.submit(make_day, folder, day, count) for day, count in enumerate(each_day)]:
            made.result()


def make_day(folder: Path, day: int, records: int) -> None:
    dice = random.Random(day)
    rare = [json.loads(file.read_text())["detail"] for file in sorted(EVENTS.glob("*/*.json"))]
    rare = [detail for detail in rare if "eventID" in detail]
    date = FIRST_DAY + timedelta(days=day)
    for region, start, minutes, count in deliveries(date, records):
        some = [record(dice, rare, region, start + timedelta(minutes=minutes * i / count)) for i in range(count)]
        text = '{"Records":[' + ",".join(some) + "]}"
        file = folder / "AWSLogs" / ACCOUNT / "CloudTrail" / region / f"{date:%Y/%m/%d}"
        file.mkdir(parents=True, exist_ok=True)
        tail = "".join(dice.choices(ascii_letters + digits, k=16))
        delivered = start + timedelta(minutes=minutes)
        name = f"{ACCOUNT}_CloudTrail_{region}_{delivered:%Y%m%dT%H%MZ}_{tail}.json.gz"
        (file / name).write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def deliveries(date: datetime, records: int) -> Iterator[tuple[str, datetime, int, int]]:
    """Region, start, minutes and number of records of each file of a day."""
    left = records
    for region, (minutes, share) in reversed(REGIONS.items()):
        files = 24 * 60 // minutes
        # What the shares do not come to goes to the first Region, so that all records are there.
        of_region = left if region == next(iter(REGIONS)) else int(records * share)
        left -= of_region
        for file in range(files):
            count = of_region * (file + 1) // files - of_region * file // files
            if count:
                yield region, date + timedelta(minutes=minutes * file), minutes, count


def record(dice: random.Random, rare: list[dict], region: str, time: datetime) -> str:
    if dice.random() < 1 / RARE:
        told = {**dice.choice(rare), "eventID": an_id(dice), "eventTime": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
        return json.dumps(told, separators=(",", ":"))
    call, name, key = dice.choice(TEXTS), dice.choice(NAMES), f"{dice.getrandbits(64):016X}"
    known = {"@key@": key, "@name@": name, "@time@": f"{time:%Y-%m-%dT%H:%M:%SZ}", "@region@": region}
    known |= {"@agent@": dice.choice(AGENTS), "@address@": f"198.51.100.{dice.randrange(256)}"}
    return "".join(an_id(dice) if part == "@id@" else known.get(part, part) for part in call)


def an_id(dice: random.Random) -> str:
    bits = f"{dice.getrandbits(128):032x}"
    return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"


def text(call: Call) -> list[str]:
    """The record of a call, cut where something else stands in each."""
    host = f"{call.service}.@region@.amazonaws.com"
    role = "arn:aws:iam::{account}:role/{name}"
    told = {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEEXAMPLE:{name}-session",
            "arn": "arn:aws:sts::{account}:assumed-role/{name}/{name}-session",
            "accountId": "{account}",
            "accessKeyId": "ASIA{key}",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLEEXAMPLE",
                    "arn": role,
                    "accountId": "{account}",
                    "userName": "{name}",
                },
                "attributes": {"creationDate": "{time}", "mfaAuthenticated": "false"},
            },
        },
        "eventTime": "{time}",
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.name,
        "awsRegion": "{region}",
        "sourceIPAddress": "{address}",
        "userAgent": "{agent}",
        "requestParameters": call.request,
        "responseElements": call.response,
        "requestID": "{id}",
        "eventID": "{id}",
        "readOnly": call.is_read,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "{account}",
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": host},
    }  # fmt: skip
    whole = json.dumps(told, separators=(",", ":")).replace("{account}", ACCOUNT)
    for blank in ("id", "key", "name", "time", "region", "address", "agent"):
        whole = whole.replace(f"{{{blank}}}", f"@{blank}@").replace(f"@{blank}@", f"\0@{blank}@\0")
    return whole.split("\0")


TEXTS = [text(call) for call in CALLS]

if __name__ == "__main__":
    main()
