"""What is down or denied delays Snapback or is noticed; it never makes a change unjournaled or unsaid."""

import json

from stack import wait_for


def test_when_nobody_can_be_told_the_revert_is_not_lost(snapback):
    bucket = snapback.a_bucket()
    with snapback.silenced():
        bucket.put_policy(bucket.lets_in_everyone())
        assert wait_for(lambda: bucket.policy_text() is None)
    # Lambda's next attempt finds the change taken back already and has only to say so.
    assert snapback.announces(bucket)["outcome"] == "reverted"
    assert snapback.has_settled()
    assert [entry["outcome"] for entry in snapback.journal_about(bucket)] == ["reverted"]
    assert snapback.dead_letters_about(bucket) == []


def test_without_a_journal_nothing_is_touched(snapback):
    group = snapback.a_group()
    with snapback.role_without(
        "Ec2Function", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:GetItem", "dynamodb:Query"
    ):
        rule = group.open(22)
        assert wait_for(lambda: snapback.dead_letters_about(group))
        assert group.rules() == [rule]
        # However often it was tried, and by whichever process, people are told once.
        assert [announced["outcome"] for announced in snapback.announcements_about(group)] == ["failed"]


def test_a_journal_outage_that_ends_delays_the_revert(snapback):
    bucket = snapback.a_bucket()
    with snapback.role_without("S3Function", "dynamodb:PutItem", "dynamodb:UpdateItem"):
        with snapback.tried():
            text = bucket.put_policy(bucket.lets_in_everyone())
        assert bucket.policy_text() == text
        assert snapback.announces(bucket)["outcome"] == "failed"
    assert snapback.announces(bucket, outcome="reverted")
    assert bucket.policy_text() is None
    assert snapback.dead_letters_about(bucket) == []


def test_where_it_cannot_be_told_what_operators_hold_nothing_is_touched(snapback):
    bucket = snapback.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    assert snapback.undo(snapback.announces(bucket, outcome="reverted")["id"]).returncode == 0
    assert snapback.has_settled() and bucket.statements() == ["Everyone"]
    with snapback.without_key():
        with snapback.tried():
            text = bucket.put_policy(bucket.lets_in_everyone(), bucket.lets_in_everyone("s3:PutObject", sid="Writes"))
        assert bucket.policy_text() == text
        announced = snapback.announces(bucket, outcome="failed")
        assert "nothing was touched" in announced["problem"]
    assert wait_for(lambda: bucket.statements() == ["Everyone"])
    assert snapback.has_settled() and snapback.dead_letters_about(bucket) == []


def test_a_role_that_may_not_revert_is_noticed(snapback):
    group = snapback.a_group()
    with snapback.role_without("Ec2Function", "ec2:RevokeSecurityGroupIngress"):
        rule = group.open(22)
        assert wait_for(lambda: snapback.announcements_about(group) or snapback.dead_letters_about(group))
        assert group.rules() == [rule]
        said = [announced["outcome"] for announced in snapback.announcements_about(group)]
        assert "reverted" not in said
        assert snapback.dead_letters_about(group) or set(said) & {"alerted", "failed"}


def test_a_role_that_may_not_look_is_noticed(snapback):
    bucket = snapback.a_bucket()
    with snapback.role_without("S3Function", "s3:GetBucketPolicy"):
        text = bucket.put_policy(bucket.lets_in_everyone())
        assert wait_for(lambda: snapback.announcements_about(bucket) or snapback.dead_letters_about(bucket))
    assert bucket.policy_text() == text


def test_a_policy_that_locks_snapback_out_is_noticed(snapback):
    bucket = snapback.a_bucket()
    own = snapback.aws.client("sts", snapback.mallory).get_caller_identity()["Arn"]
    lock = {
        "Sid": "Lock",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
        "Resource": [bucket.arn, f"{bucket.arn}/*"],
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": own}},
    }
    text = bucket.put_policy(bucket.lets_in_everyone(), lock)
    assert wait_for(lambda: snapback.announcements_about(bucket) or snapback.dead_letters_about(bucket))
    assert bucket.policy_text() == text
    announced = snapback.announces(bucket)
    assert (announced["outcome"], announced["severity"]) == ("alerted", "critical")
    assert f"aws s3api delete-bucket-policy --bucket {bucket.name}" in announced["why"]
    assert "reverted" not in [announced["outcome"] for announced in snapback.announcements_about(bucket)]


def test_a_rule_whose_function_is_gone_keeps_the_event(deployed):
    other = deployed(mode="revert")
    other.aws.client("lambda").delete_function(FunctionName=other.stack.outputs["S3FunctionArn"])
    bucket = other.a_bucket()
    bucket.put_policy(bucket.lets_in_everyone())
    queue = other.stack.outputs["RuleDeadLettersUrl"]
    look = {"QueueUrl": queue, "VisibilityTimeout": 0, "MessageAttributeNames": ["All"]}
    [undelivered] = wait_for(lambda: other.as_function("RedriveFunction", "sqs").receive_message(**look).get("Messages"))
    assert bucket.name in undelivered["Body"]
    # It is known for whom it was, and stays until there is somebody to take it.
    assert "ResourceNotFoundException" in json.dumps(other.redrive(minutes=6)["payload"])
    assert other.waiting() == {"RuleDeadLetters": 1, "FunctionDeadLetters": 0, "GivenUpEvents": 0}
