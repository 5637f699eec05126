"""The least that revokes rules which let the world in and says so: no journal, no guardrail, no way back."""

import json
import os

import boto3

ec2, sns = boto3.client("ec2"), boto3.client("sns")


def run(event, context):
    detail = event["detail"]
    if "errorCode" in detail:
        return
    made = {rule["securityGroupRuleId"] for rule in detail["responseElements"]["securityGroupRuleSet"]["items"]}
    group = detail["requestParameters"]["groupId"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    open_ones = [rule for rule in rules if rule["SecurityGroupRuleId"] in made and lets_the_world_in(rule)]
    if not open_ones:
        return
    ids = [rule["SecurityGroupRuleId"] for rule in open_ones]
    ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=ids)
    sns.publish(TopicArn=os.environ["TOPIC"], Message=f"{group} was open: {json.dumps(open_ones)}")


def lets_the_world_in(rule):
    return "0.0.0.0/0" in (rule.get("CidrIpv4"), rule.get("CidrIpv6")) and rule["FromPort"] not in (80, 443)
