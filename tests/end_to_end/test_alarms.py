"""The alarms of the CIS benchmark, as `alarms/template.yaml` makes them. No local AWS plays metric filters."""

import re

import boto3
import pytest

from stack import ACCOUNT, REGION, REPOSITORY, LocalAws

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
SERVICES = ["iam", "kms", "s3", "config", "ec2", "organizations", "cloudtrail"]


@pytest.fixture(scope="module")
def made():
    """The filters and the alarms of a stack."""
    with LocalAws() as aws:
        formation, logs = aws.client("cloudformation"), aws.client("logs")
        logs.create_log_group(logGroupName="trail/logs")
        given = {"LogGroup": "trail/logs", "TopicArn": TOPIC}
        formation.create_stack(
            StackName="alarms",
            TemplateBody=(REPOSITORY / "alarms/template.yaml").read_text(encoding="utf-8"),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        )
        formation.get_waiter("stack_create_complete").wait(StackName="alarms", WaiterConfig={"Delay": 1})
        filters = logs.describe_metric_filters(logGroupName="trail/logs")["metricFilters"]
        yield filters, aws.client("cloudwatch").describe_alarms()["MetricAlarms"]


def test_each_filter_counts_what_an_alarm_rings_at(made):
    filters, alarms = made
    counted = {(one["metricNamespace"], one["metricName"]) for of in filters for one in of["metricTransformations"]}
    assert len(filters) == len(alarms) == len(counted) == 15
    assert counted == {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}
    assert all(alarm["AlarmActions"] == [TOPIC] for alarm in alarms)


def test_each_filter_is_in_a_form_that_aws_takes(made):
    filters, _ = made
    for pattern in [one["filterPattern"] for one in filters]:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricFilter.html
        assert len(pattern) <= 1024, pattern
        assert pattern.startswith("{") and pattern.endswith("}") and pattern.count("(") == pattern.count(")"), pattern


def test_each_filter_asks_for_calls_that_there_are(made):
    filters, _ = made
    calls = {of: set(boto3.client(of, REGION).meta.service_model.operation_names) for of in SERVICES}
    for pattern in [one["filterPattern"] for one in filters]:
        named = set(re.findall(r"\$\.eventName=(\w+)", pattern)) - {"ConsoleLogin"}
        [service] = re.findall(r"eventSource=(\w+)\.amazonaws", pattern) or [None]
        there_are = calls[service] if service else set().union(*calls.values())
        assert named <= there_are, named - there_are
