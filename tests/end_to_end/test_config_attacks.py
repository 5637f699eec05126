"""What attackers do to AWS Config, each as the calls that Pacu's `detection__disruption` makes, and others.

<https://github.com/RhinoSecurityLabs/pacu/blob/master/pacu/modules/detection__disruption/main.py>
"""

from dataclasses import dataclass
from functools import cached_property
from uuid import uuid4

import pytest

from scene import Snapback
from stack import ACCOUNT, REGION, wait_for

# It has what is recorded in all accounts.
ARCHIVE = "444455556666"

OWN_ROLE = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"
EVERYTHING = {"allSupported": True, "includeGlobalResourceTypes": True}
ONLY_BUCKETS = {"allSupported": False, "resourceTypes": ["AWS::S3::Bucket"]}


@pytest.fixture(scope="module")
def guarded(deployed):
    return deployed(mode="revert")


@dataclass
class Recorder:
    """The recorder of the Region, and its delivery channel, which has the same name."""

    snapback: Snapback
    name: str
    bucket: str

    @property
    def id(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        """As Snapback calls AWS Config of the Region."""
        return f"arn:aws:config:{REGION}:{ACCOUNT}:account-setting/{REGION}"

    @cached_property
    def client(self):
        """As mallory."""
        return self.snapback.aws.client("config", self.snapback.mallory)

    def put(self, group: dict, role: str = OWN_ROLE, **settings) -> None:
        recorder = {"name": self.name, "roleARN": role, "recordingGroup": group, **settings}
        self.client.put_configuration_recorder(ConfigurationRecorder=recorder)

    def put_channel(self, bucket: str, **settings) -> None:
        self.client.put_delivery_channel(DeliveryChannel={"name": self.name, "s3BucketName": bucket, **settings})

    def stop(self) -> None:
        self.client.stop_configuration_recorder(ConfigurationRecorderName=self.name)

    def delete_channel(self) -> None:
        self.client.delete_delivery_channel(DeliveryChannelName=self.name)

    def is_recording(self) -> bool:
        statuses = self.client.describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
        return any(status["recording"] for status in statuses)

    def is_set_up(self) -> dict:
        """All that AWS Config tells of it but its id and how it came to be."""
        recorders = self.client.describe_configuration_recorders()["ConfigurationRecorders"]
        arns = [recorder.pop("arn") for recorder in recorders]
        return {
            "recorders": [meaning(recorder) for recorder in recorders],
            "tags": [self.client.list_tags_for_resource(ResourceArn=arn)["Tags"] for arn in arns],
            "channels": self.client.describe_delivery_channels()["DeliveryChannels"],
            "recording": self.is_recording(),
        }


def meaning(recorder: dict) -> dict:
    """The recorder without what is so by itself."""
    group, mode = recorder["recordingGroup"], recorder.get("recordingMode", {"recordingFrequency": "CONTINUOUS"})
    group = {name: value for name, value in group.items() if value and name != "recordingStrategy"}
    return {**recorder, "recordingGroup": group, "recordingMode": mode}


@pytest.fixture
def recorder(guarded):
    """A recorder that records everything, with a channel and a bucket of its own; how it came to be is none of its events.
    AWS has one in each Region, so it takes the place of the last."""
    number = uuid4().hex[:8]
    recorder = Recorder(guarded, f"recorder-{number}", f"history-{number}")
    with guarded.unseen():
        remove(recorder.client)
        guarded.s3.create_bucket(Bucket=recorder.bucket)
        settings = {"name": recorder.name, "roleARN": OWN_ROLE, "recordingGroup": EVERYTHING}
        tags = [{"Key": "team", "Value": "audit"}]
        recorder.client.put_configuration_recorder(ConfigurationRecorder=settings, Tags=tags)
        topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:config"
        snapshots = {"deliveryFrequency": "TwentyFour_Hours"}
        recorder.put_channel(recorder.bucket, snsTopicARN=topic, configSnapshotDeliveryProperties=snapshots)
        recorder.client.start_configuration_recorder(ConfigurationRecorderName=recorder.name)
    yield recorder
    assert guarded.has_settled()


@pytest.fixture
def known(recorder) -> Recorder:
    """One that a scheduled check has seen."""
    assert recorder.snapback.look(recorder, "DetectorsFunction")["error"] is None
    assert recorder.snapback.memory_of(recorder) == {"config-narrowed-recorder"}
    return recorder


def remove(client) -> None:
    for one in client.describe_configuration_recorders()["ConfigurationRecorders"]:
        client.stop_configuration_recorder(ConfigurationRecorderName=one["name"])
        client.delete_configuration_recorder(ConfigurationRecorderName=one["name"])
    for one in client.describe_delivery_channels()["DeliveryChannels"]:
        client.delete_delivery_channel(DeliveryChannelName=one["name"])


def reverted_and_undone(recorder: Recorder, control: str, before: dict, weakened: dict) -> None:
    """It is as before once it is reverted; once that is undone it is as it was made, and stays so, until that is released:
    AWS Config of a Region is one thing to all of these tests."""
    guarded = recorder.snapback
    said = guarded.announces(recorder, "reverted")
    assert said["control"] == control, said
    assert guarded.has_settled() and recorder.is_set_up() == before
    undone = guarded.undo(said["id"])
    assert (undone.returncode, undone.stderr) == (0, "")
    held = {"control": control, "outcome": "held"}
    assert wait_for(lambda: any(held.items() <= one.items() for one in guarded.announcements_about(recorder)))
    assert guarded.has_settled() and recorder.is_set_up() == weakened
    released = guarded.release(said["id"])
    assert released.returncode == 0, released.stderr


# `config-stopped-recorder`


def test_a_stopped_recorder_records_again_and_undo_stops_it(recorder):
    before = recorder.is_set_up()
    recorder.stop()
    reverted_and_undone(recorder, "config-stopped-recorder", before, {**before, "recording": False})


def test_a_recorder_that_was_stopped_and_lost_its_channel_records_again(known):
    before, guarded = known.is_set_up(), known.snapback
    with guarded.unseen():
        known.stop()
        known.delete_channel()
    [stopped] = [call for call in guarded.calls_upon(known) if call["eventName"] == "StopConfigurationRecorder"]
    guarded.deliver({**stopped, "eventID": str(uuid4())})
    reverted_and_undone(known, "config-stopped-recorder", before, {**before, "channels": [], "recording": False})


def test_whose_bucket_is_another_accounts_an_operator_starts(recorder):
    guarded, bucket = recorder.snapback, f"archive-{uuid4().hex[:8]}"
    guarded.aws.client("s3", {"AccessKeyId": ARCHIVE, "SecretAccessKey": "test"}).create_bucket(Bucket=bucket)
    with guarded.unseen():
        recorder.put_channel(bucket)
    recorder.stop()
    said = guarded.announces(recorder, "asked")
    assert f"bucket `{bucket}`, which is not this account's" in said["problem"], said
    assert guarded.has_settled() and not recorder.is_recording()
    applied = guarded.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert recorder.is_recording()


def test_whose_bucket_is_gone_stays_stopped(recorder):
    guarded = recorder.snapback
    with guarded.unseen():
        guarded.s3.delete_bucket(Bucket=recorder.bucket)
    recorder.stop()
    said = guarded.announces(recorder, "alerted")
    assert f"start-configuration-recorder --configuration-recorder-name {recorder.name}" in said["why"]
    assert guarded.has_settled() and not recorder.is_recording()


# `config-narrowed-recorder`


def test_what_is_recorded_no_more_is_recorded_again_and_undo_narrows_it(known):
    before = known.is_set_up()
    known.put(ONLY_BUCKETS, recordingMode={"recordingFrequency": "DAILY"})
    [recorder] = before["recorders"]
    group = {"resourceTypes": ["AWS::S3::Bucket"]}
    narrowed = {**recorder, "recordingGroup": group, "recordingMode": {"recordingFrequency": "DAILY"}}
    reverted_and_undone(known, "config-narrowed-recorder", before, {**before, "recorders": [narrowed]})


def test_a_role_of_the_account_is_passed_by_an_operator(recorder):
    guarded, role = recorder.snapback, f"arn:aws:iam::{ACCOUNT}:role/team/config"
    with guarded.unseen():
        recorder.put(EVERYTHING, role)
    assert guarded.look(recorder, "DetectorsFunction")["error"] is None
    before = recorder.is_set_up()
    recorder.put(ONLY_BUCKETS, role)
    said = guarded.announces(recorder, "asked")
    assert f"needs iam:PassRole on `{role}`" in said["problem"], said
    assert guarded.has_settled() and recorder.is_set_up() != before
    applied = guarded.apply(said["id"])
    assert applied.returncode == 0, applied.stderr
    assert recorder.is_set_up() == before


def test_a_recorder_that_is_put_to_record_everything_wakes_nobody(known):
    before = known.snapback.journal_about(known)
    known.put(EVERYTHING)
    assert known.snapback.has_settled() and known.snapback.journal_about(known) == before


def test_without_a_baseline_a_narrow_recorder_is_said(recorder):
    recorder.put(ONLY_BUCKETS)
    said = recorder.snapback.announces(recorder, "alerted")
    assert said["control"] == "config-narrowed-recorder" and "what it recorded before is not known" in said["why"]


# `config-deleted-recorder`


def test_a_deleted_recorder_is_made_again_as_it_was_and_undo_deletes_it(known):
    before = known.is_set_up()
    known.client.delete_configuration_recorder(ConfigurationRecorderName=known.name)
    gone = {**before, "recorders": [], "tags": [], "recording": False}
    reverted_and_undone(known, "config-deleted-recorder", before, gone)


def test_what_was_stopped_and_deleted_altogether_is_as_it_was(known):
    before, guarded = known.is_set_up(), known.snapback
    with guarded.unseen():
        known.stop()
        known.delete_channel()
    known.client.delete_configuration_recorder(ConfigurationRecorderName=known.name)
    gone = {"recorders": [], "tags": [], "channels": [], "recording": False}
    reverted_and_undone(known, "config-deleted-recorder", before, gone)


# `config-lost-delivery`


def test_a_deleted_channel_is_put_back_and_undo_deletes_it(known):
    guarded = known.snapback
    with guarded.unseen():
        known.stop()
    before = known.is_set_up()
    known.delete_channel()
    reverted_and_undone(known, "config-lost-delivery", before, {**before, "channels": []})


def test_what_is_recorded_goes_to_the_bucket_of_before_again(known):
    before, guarded = known.is_set_up(), known.snapback
    with guarded.unseen():
        guarded.s3.create_bucket(Bucket=f"other-{known.bucket}")
    known.put_channel(f"other-{known.bucket}")
    elsewhere = [{"name": known.name, "s3BucketName": f"other-{known.bucket}"}]
    reverted_and_undone(known, "config-lost-delivery", before, {**before, "channels": elsewhere})
