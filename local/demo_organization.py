"""Shows one Snapback guarding an organization, on an AWS on this machine: three accounts, two Regions, one deployment.

    target/venv/bin/python local/demo_organization.py

The template of the hub is deployed with `sam deploy`, organization/member.yaml as an ordinary stack: the StackSets of
organization/template.yaml, which would do that in each account of a real organization, are not played here.
"""

from __future__ import annotations

import json

from botocore.exceptions import ClientError
from demo import (
    Inbox,
    Stranger,
    allow,
    bold,
    chapter,
    dim,
    done,
    green,
    in_company,
    out_of_sight,
    play,
    port,
    red,
    rules,
    say,
    show,
    undo,
)
from member import Member, policy
from stack import ACCOUNT, REGION, LocalAws, Trouble, wait_for

ORGANIZATION = "o-exampleorgid"
MEMBER, OUTSIDER = "222233334444", "777788889999"
FAR = "eu-west-1"
BUCKET, OBJECT = "members-data", "customers.csv"


def tell(aws: LocalAws) -> None:
    print(bold("One Snapback guards every account and Region of an organization."))
    print("You will see it on an AWS that runs on this machine; nothing leaves it.\n")
    done("A local AWS runs: ministack, with permissions enforced and a CloudTrail of our own")
    with in_company(f"Deploying the hub in account {ACCOUNT}, {REGION}"):
        stack = aws.deploy(Hub=ORGANIZATION)
        member = Member(aws, MEMBER, stack.outputs["HubBusArn"])
        with out_of_sight(aws):
            member.deploy(REGION, roles="yes")
            member.deploy(FAR, roles="no")
            inbox = Inbox(aws, stack)
    done(f"The hub is in account {ACCOUNT}; account {MEMBER} has forwarding rules and roles, as a StackSet would make them")

    announced = a_member_makes_a_bucket_public(member, inbox)
    a_member_opens_a_port_in_another_region(member, inbox)
    it_was_meant_after_all(aws, member, announced)
    an_outsider_is_not_heard(aws, member)
    print(dim("\nOn AWS, CloudTrail's delivery and the hop to the hub come on top; here both are at once."))


def a_member_makes_a_bucket_public(member: Member, inbox: Inbox) -> dict:
    chapter(1, "Somebody in a member account makes a bucket public")
    s3 = member.client("s3")
    with out_of_sight(member.aws):
        s3.create_bucket(Bucket=BUCKET)
        s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=OBJECT, Body=b"name,card\n")
    statement = {**allow("EveryoneReads", "*"), "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    stranger = Stranger(f"{member.aws.endpoint}/{BUCKET}/{OBJECT}")
    stranger.tries()
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy(statement))
    say(f"In account {member.account}, to which nobody deployed by hand, bucket {BUCKET} lets everyone in:")
    print("      " + red(json.dumps({"Sid": statement["Sid"], "Principal": "*", "Action": statement["Action"]})))
    announced = inbox.next_about(BUCKET)
    if not stranger.gives_up() or has_policy(s3):
        raise Trouble("The bucket is still public.")
    say(f"The hub in account {ACCOUNT} has taken that back, with the role that it has in the member: " + green("403"))
    show(announced)
    return announced


def a_member_opens_a_port_in_another_region(member: Member, inbox: Inbox) -> None:
    chapter(2, f"And port 22 is opened in {FAR}")
    ec2 = member.client("ec2", FAR)
    group = ec2.create_security_group(GroupName="web", Description="The web servers")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[port(443, "0.0.0.0/0", "HTTPS for all")])
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[port(22, "0.0.0.0/0", "for a moment")])
    say(f"In security group {group} of account {member.account}:")
    print("      " + red("tcp/22  from 0.0.0.0/0  for a moment"))
    if not wait_for(lambda: rules(ec2, group) == ["tcp/443 from 0.0.0.0/0  HTTPS for all"]):
        raise Trouble("Port 22 was not closed again.")
    say("What is left: " + green(", ".join(rules(ec2, group))))
    show(inbox.next_about(group))


def it_was_meant_after_all(aws: LocalAws, member: Member, announced: dict) -> None:
    chapter(3, "The bucket was meant after all: undo")
    undoes = [
        {"Effect": "Allow", "Action": ["s3:GetBucketPolicy", "s3:PutBucketPolicy"], "Resource": f"arn:aws:s3:::{BUCKET}"}
    ]
    with out_of_sight(aws):
        role = member.let_operators_undo(undoes)
        taken = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"arn:aws:iam::{member.account}:role/{role}"}
        journal = {"Effect": "Allow", "Action": ["dynamodb:*", "kms:GenerateMac", "kms:VerifyMac"], "Resource": "*"}
        operator = aws.user_with("operator", [taken, journal])
    say(f"An operator of the hub, who may take the role {role} in the member, types the command from the announcement:")
    undo(aws, operator, f"{announced['undo']} --member-role {role} --yes")
    if not has_policy(member.client("s3")):
        raise Trouble("The policy that was restored did not stay.")
    say("The hub heard of that call too, and leaves in place what an operator has restored.")


def an_outsider_is_not_heard(aws: LocalAws, member: Member) -> None:
    chapter(4, "Nobody else gets onto the hub's bus")
    outsider = Member(aws, OUTSIDER, member.hub_bus)
    for who, account in (("An account that is not in the organization", outsider), ("An event made by hand", member)):
        entry = {"Source": "my.own", "DetailType": "AWS API Call via CloudTrail", "Detail": "{}"}
        try:
            put = account.client("events").put_events(Entries=[{**entry, "EventBusName": member.hub_bus}])
        except ClientError as error:
            answer = error.response["Error"]["Code"]
        else:
            if not put["FailedEntryCount"]:
                raise Trouble(f"{who} was taken.")
            answer = put["Entries"][0]["ErrorCode"]
        say(f"{who}, from account {account.account}: " + green(answer))


def has_policy(s3) -> bool:
    try:
        s3.get_bucket_policy(Bucket=BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchBucketPolicy":
            raise
        return False
    return True


if __name__ == "__main__":
    play(tell)
