"""Another account of the organization that a hub guards."""

from __future__ import annotations

import json

from stack import ACCOUNT, REGION, REPOSITORY, LocalAws, Trouble, wait_for


class Member:
    """An account with what organization/member.yaml deploys: what the StackSets of organization/template.yaml would do."""

    def __init__(self, aws: LocalAws, account: str, hub_bus: str):
        self.aws, self.account, self.hub_bus = aws, account, hub_bus
        # ministack takes an account id for the key of that account's root.
        self.root = {"AccessKeyId": account, "SecretAccessKey": "test"}

    def client(self, service: str, region: str = REGION):
        """A boto3 client of the account's root."""
        return self.aws.client(service, self.root, region)

    def deploy(self, region: str, roles: str, **more: str) -> None:
        """Deploys it to a Region; the roles are made in one Region of an account only."""
        given = {"HubBusArn": self.hub_bus, "HubAccount": ACCOUNT, "Roles": roles, **more}
        formation, name = self.client("cloudformation", region), "snapback-member"
        formation.create_stack(
            StackName=name,
            TemplateURL=self._template(),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )

        def status() -> str:
            return formation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]

        wait_for(lambda: "IN_PROGRESS" not in status())
        if status() != "CREATE_COMPLETE":
            raise Trouble(f"{name} in {self.account}: {formation.describe_stack_events(StackName=name)}")

    def _template(self) -> str:
        """Where the template is: it is larger than what CloudFormation takes at once."""
        s3, bucket, name = self.client("s3"), f"templates-{self.account}", "member.yaml"
        if bucket not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=bucket)
        s3.put_object(Bucket=bucket, Key=name, Body=(REPOSITORY / "organization" / name).read_bytes())
        return f"https://s3.amazonaws.com/{bucket}/{name}"

    def let_operators_undo(self, statements: list) -> str:
        """A role here with these statements, which the hub's account may let its people take; its name."""
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        iam, name = self.client("iam"), "SnapbackOperator"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy(*statements))
        return name


def policy(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
