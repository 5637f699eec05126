"""What Snapback only notifies of, and what opens something without a call to it: by the example events of `events/`."""

import json
import time
from datetime import datetime, timezone
from uuid import uuid4

import pytest

from scene import tick
from stack import REGION, REPOSITORY, wait_for

# By control, the events that are delivered here, and what the notice has to say.
NOTICED = {
    "alarm-silenced": {"deleted": "deleted alarms `root-was-used`, `trail-changed`"},
    "analyzer-finds-less": {"archive-rule": "delete-archive-rule --analyzer-name account --rule-name quiet"},
    "config-deleted-rule": {"rule": "deleted rule `cloudtrail-enabled` of AWS Config"},
    "ec2-disabled-allowed-images": {"disabled": "enable-allowed-images-settings"},
    "ec2-exported-data": {"image": "cancel-export-task --export-task-id export-ami-", "stored-image": "`images-of-somebody`"},
    "ec2-foreign-default-key": {"a-stranger": "key `arn:aws:kms:eu-central-1:777788889999:key/"},
    "ec2-foreign-interface-permission": {"a-stranger": "account 777788889999 may attach it"},
    "ec2-launched-metadata-v1": {"optional": "--http-tokens required --instance-id i-"},
    "ec2-raised-hop-limit": {"two-hops": "the hop limit of the metadata service is 2"},
    "ec2-shared-fpga-image": {"everyone": "it is shared with everyone"},
    "ec2-unasked-connections": {"not-required": "--acceptance-required"},
    "ec2-unlimited-endpoint": {"reset": "reset to full access"},
    "guardduty-finds-less": {"detector-off": "update-detector --detector-id 12abc34d567e8fa901bc2d34e56789f0 --enable"},
    "iam-changed-mfa": {
        "deactivated": "deactivated the MFA device `arn:aws:iam::111122223333:mfa/bob-phone`",
        "enabled-for-another": "enabled the MFA device `arn:aws:iam::111122223333:mfa/mallory-phone`",
    },
    "iam-identity-provider": {"saml-updated": "changed the identity provider", "client-added": "takes tokens for `mallory`"},
    "iam-new-user": {"created": "created user `support`"},
    "rds-deleted-database": {
        "instance": "--db-instance-identifier orders",
        "automated-backups-stay": "its automated backups stay: `aws rds restore-db-instance-to-point-in-time`",
    },
    "rds-exported-snapshot": {
        "key-of-a-stranger": "encrypted with a key of account 777788889999",
        "own-key": "--export-task-identifier friday",
    },
    "resolver-lost-query-logs": {"deleted": "--name queries --destination-arn arn:aws:s3:::dns-logs-111122223333"},
    "kms-foreign-replica": {"to-a-stranger": "aws kms get-key-policy --region eu-west-1"},
    "kms-lost-key-material": {
        "deleted": "--key-id 1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d` and then `aws kms import-key-material`",
        "store-disconnected": "--custom-key-store-id cks-0a1b2c3d4e5f60718",
    },
    "kms-moved-alias": {"moved": "--alias-name alias/orders --target-key-id KEY", "deleted": "aws kms create-alias"},
    "kms-undelegated-key": {"named-alone": "has skipped KMS's check"},
    "other-open-permission": {
        "function-stranger": "remove-permission --function-name arn:aws:lambda:eu-central-1:111122223333:function:orders --qualifier live",
        "layer-everyone": "remove-layer-version-permission --layer-name parsers --version-number 3 --statement-id all",
        "bus-stranger": "remove-permission --event-bus-name orders --statement-id partner",
    },
    "other-new-share": {
        "share-of-a-stranger": "ram disassociate-resource-share --resource-share-arn arn:aws:ram:",
        "document-for-everyone": "--name Restart-Orders --permission-type Share --account-ids-to-remove all",
        "documents-may-be-public": "--setting-value Disable",
        "snapshot-for-a-stranger": "--snapshot-identifier orders-2026-02 --account-with-restore-access 777788889999",
    },
    "other-open-resource-policy": {
        "code-repository-everyone": "delete-repository-permissions-policy --region us-east-1 --domain packages --repository npm",
        "application-everyone": "Principals=111122223333,Actions=Deploy --region us-east-1 --application-id arn:aws:serverlessrepo:",
        "catalogue-stranger": "glue delete-resource-policy --region us-east-1",
        "parameter-stranger": "--policy-id 0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9 --policy-hash 6e2f0c1b7d",
    },
    "rolesanywhere-changed-revocations": {
        "disabled": "enable-crl --crl-id 1a2b3c4d",
        "deleted": "deleted the list of revoked certificates `servers` of trust anchor `arn:aws:rolesanywhere:",
        "replaced": "replaced the list of revoked certificates `servers`",
        "imported": "imported the list of revoked certificates `servers`",
    },
    "s3-disabled-mfa-delete": {"disabled": "the root user disabled MFA Delete"},
    "s3-foreign-access-grant": {"a-stranger": "delete-access-grant --account-id 111122223333 --access-grant-id 0f1e"},
    "s3-foreign-bucket-key": {"a-stranger": "delete-bucket-encryption --bucket example-reports"},
    "s3-foreign-object-list": {"inventory-of-a-stranger": "of account 777788889999"},
    "s3-other-open-policy": {
        "multi-region-everyone": "lets everyone do s3:GetObject",
        "object-lambda-stranger": "777788889999",
        "directory-bucket-stranger": "delete-bucket-policy --bucket reports--euc1-az1--x-s3",
        "table-bucket-stranger": "delete-table-bucket-policy",
    },
    "scans-turned-off": {"inspector-off": "aws inspector2 enable --resource-types EC2 ECR --account-ids 111122223333"},
    "securityhub-finds-less": {"v2-off": "aws securityhub enable-security-hub-v2"},
    "signin-instance-profile": {
        "role-added": "put role `admin` into instance profile `web`",
        "associated": "gave instance `i-0123456789abcdef0` instance profile `arn:aws:iam::111122223333:instance-profile/admin`",
    },
    "trail-insight": {"calls": "`RunInstances` of ec2.amazonaws.com was called 12.6 times a minute, where 0.0021 are usual"},
    "trail-lost-data-store": {"deleted": "restore-event-data-store --event-data-store ee54f226-431d-4777-9a5e-8a6b7c8d9e0f"},
    "waf-lost-protection": {"disassociated": "associate-web-acl --web-acl-arn … --resource-arn arn:aws:elasticloadbalancing:"},
}  # fmt: skip


@pytest.fixture(scope="module")
def noticing(deployed):
    return deployed(mode="revert", ModeOverrides="alarm-silenced=notify,kms-moved-alias=notify,ec2-launched-metadata-v1=revert")


def example(control: str, name: str) -> dict:
    """An event of `events/` that has just happened here."""
    event = json.loads((REPOSITORY / "events" / control / f"{name}.json").read_text(encoding="utf-8"))
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    event["detail"] |= {"eventID": str(uuid4()), "eventTime": now, "awsRegion": REGION}
    return {**event, "id": str(uuid4()), "time": now, "region": REGION}


def notice_of(snapback, control: str, event: dict) -> dict:
    """What the control says of the event, which is delivered; the root user's call is a notice of its own."""
    snapback.aws.deliver(event)
    id = event["detail"]["eventID"]

    def heard() -> list:
        return [one for one in snapback.announcements() if one["control"] == control and id in json.dumps(one)]

    found = wait_for(heard)
    assert found, f"{control} said nothing"
    return found[0]


@pytest.mark.parametrize(
    ("control", "name", "said"),
    [(control, name, said) for control, names in NOTICED.items() for name, said in names.items()],
)
def test_people_are_notified_and_told_what_to_do(noticing, control, name, said):
    announced = notice_of(noticing, control, example(control, name))
    assert announced["outcome"] == "alerted"
    assert said in announced["why"], announced["why"]


def test_an_instance_that_gets_an_open_group_is_noticed(noticing):
    group = noticing.a_group()
    with noticing.unseen():
        group.open(22)
    for name in ("instance", "interface"):
        event = example("ec2-assigned-open-group", name)
        event["detail"]["requestParameters"]["groupSet"] = {"items": [{"groupId": group.id}]}
        announced = notice_of(noticing, "ec2-assigned-open-group", event)
        assert announced["outcome"] == "alerted"
        assert f"`{group.id}`, which lets in tcp/22 from 0.0.0.0/0" in announced["why"]


def test_a_rule_that_nobody_knows_the_former_form_of_is_revoked_with_a_word_of_what_is_lost(noticing):
    group = noticing.a_group()
    with noticing.unseen():
        rule = group.open(22, "203.0.113.7/32")
    group.modify(rule, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIpv4="0.0.0.0/0")
    announced = noticing.announces(group)
    assert announced["outcome"] == "reverted" and group.rules() == []
    assert f"what {rule['SecurityGroupRuleId']} was before" in announced["why"]
    assert "authorise that anew" in announced["why"]


def test_a_new_rule_is_in_the_baseline_within_the_hour(noticing):
    group = noticing.a_group()
    with noticing.unseen():
        rule = group.open(22, "203.0.113.7/32")
    # Whichever hour it is: there are few groups, so each is looked at every time.
    before = group.what_it_lets_in()
    noticing.invoke("Ec2Function", tick(datetime.now(timezone.utc)))
    # CloudTrail tells whole seconds, and what was seen in the same one may have been seen afterwards.
    time.sleep(1)
    group.modify(rule, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIpv4="0.0.0.0/0")
    assert noticing.announces(group)["outcome"] == "reverted"
    assert group.what_it_lets_in() == before
