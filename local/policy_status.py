"""Stands in for `GetBucketPolicyStatus`, which ministack does not have: it knows itself what is public, for Block Public Access."""

from __future__ import annotations

from ministack.services import s3

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def install() -> None:
    dispatch = s3._dispatch

    def answered(method: str, bucket: str, key: str, headers: dict, body: bytes, query: dict) -> tuple:
        if method != "GET" or key or "policyStatus" not in query:
            return dispatch(method, bucket, key, headers, body, query)
        status, sent, policy = s3._get_bucket_policy(bucket)
        if status != 200:
            return status, sent, policy
        is_public = str(s3._policy_is_public(policy.decode())).lower()
        answer = f'<PolicyStatus xmlns="{NAMESPACE}"><IsPublic>{is_public}</IsPublic></PolicyStatus>'
        return 200, {"Content-Type": "application/xml"}, answer.encode()

    s3._dispatch = answered
