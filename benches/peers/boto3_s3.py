"""The least that takes a public statement out of a bucket policy and says so: no journal, no guardrail, no way back."""

import json
import os

import boto3

s3, sns = boto3.client("s3"), boto3.client("sns")


def run(event, context):
    detail = event["detail"]
    if "errorCode" in detail:
        return
    bucket = detail["requestParameters"]["bucketName"]
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    stays = [statement for statement in policy["Statement"] if not lets_everyone_in(statement)]
    if len(stays) == len(policy["Statement"]):
        return
    if stays:
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({**policy, "Statement": stays}))
    else:
        s3.delete_bucket_policy(Bucket=bucket)
    sns.publish(TopicArn=os.environ["TOPIC"], Message=f"{bucket} was public: {json.dumps(policy)}")


def lets_everyone_in(statement):
    is_for_all = statement.get("Principal") in ("*", {"AWS": "*"})
    return statement["Effect"] == "Allow" and is_for_all and "Condition" not in statement
