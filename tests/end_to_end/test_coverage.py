"""Whether Snapback would hear of what happens in an account and Region, and in members: `snapback coverage`, and the function
that looks once a day."""

import json
from contextlib import contextmanager
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from accounts import MANAGEMENT
from member import Member
from scene import operator_policy, tick
from stack import ACCOUNT, FAULTS, REGION, REPOSITORY

MEMBER, LOCKED = "222233334444", "333344445555"
FAR = "eu-west-1"
WITHOUT_SNAPBACK = "eu-north-1"
ALL = ("--accounts", MEMBER, "--regions", f"{REGION},{FAR}")
CHANGED = "that change something"


@pytest.fixture(scope="module")
def world(deployed):
    """A hub, its account's other Region, and a member with two Regions; each account has a trail for all Regions."""
    # A look believes what AWS shows, and says so; what a role trusted before is not asked for again.
    faults = tuple(fault for fault in FAULTS if fault != "old")
    hub = deployed(mode="revert", Hub="o-exampleorgid", CoverageRegions=f"{REGION},{FAR}", faults=faults)
    own, member = (Member(hub.aws, account, hub.stack.outputs["HubBusArn"]) for account in (ACCOUNT, MEMBER))
    own.deploy(FAR, roles="yes")
    member.deploy(REGION, roles="yes")
    member.deploy(FAR, roles="no")
    for account in (own, member):
        trails = account.client("cloudtrail")
        trails.create_trail(Name="all", S3BucketName=f"logs-{account.account}", IsMultiRegionTrail=True)
        trails.start_logging(Name="all")
    role = member.let_operators_undo(operator_policy(hub.stack.name, "coverage", account=MEMBER))
    auditor = hub.user_with("auditor", operator_policy(hub.stack.name, "read", "coverage", "members"))
    without_members = hub.user_with("trainee", operator_policy(hub.stack.name, "read", "coverage"))

    def coverage(*options: str, by: dict | None = None):
        return hub.operate("coverage", *options, by=by or auditor)

    def of_all(*options: str):
        """What is found, by account and Region, and the exit status."""
        done = coverage(*ALL, "--member-role", role, "--json", *options)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        return {(one["account"], one["region"]): one for one in found}, done.returncode

    return SimpleNamespace(
        hub=hub, own=own, member=member, role=role, coverage=coverage, of_all=of_all, without_members=without_members
    )


@contextmanager
def but(do, undo):
    """With something done, and undone again."""
    do()
    try:
        yield
    finally:
        undo()


def missing_in(found: dict) -> dict:
    return {place: one["missing"] for place, one in found.items() if one["missing"]}


def test_where_everything_is_as_deployed_all_is_covered(world):
    found, status = world.of_all()
    assert status == 0, [(one["missing"], one["unknown"]) for one in found.values()]
    places = {(account, region) for account in (ACCOUNT, MEMBER) for region in (REGION, FAR, None)}
    assert set(found) == places and {one["status"] for one in found.values()} == {"covered"}
    assert found[ACCOUNT, REGION]["deployed"].startswith("stack `snapback`")
    forwarding = f"forwarding to {world.member.hub_bus}"
    assert all(found[place]["deployed"].startswith(forwarding) for place in ((ACCOUNT, FAR), (MEMBER, FAR)))
    # A trail of another Region is at work here too.
    [trail] = found[MEMBER, FAR]["trails"]
    assert trail["arn"] == f"arn:aws:cloudtrail:{REGION}:{MEMBER}:trail/all" and trail["is_multi_region"]


def test_the_newest_entry_of_each_region_is_told(world):
    assert world.of_all()[0][MEMBER, FAR]["newest_entry"] is None
    ec2 = world.member.client("ec2", FAR)
    group = ec2.create_security_group(GroupName="seen", Description="seen")["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
    assert world.hub.announces(SimpleNamespace(id=group, arn=group))["outcome"] == "reverted"
    assert world.of_all()[0][MEMBER, FAR]["newest_entry"] is not None


def test_a_stopped_trail_and_a_service_that_it_leaves_out_are_found(world):
    trails = world.member.client("cloudtrail")
    with but(lambda: trails.stop_logging(Name="all"), lambda: trails.start_logging(Name="all")):
        found, status = world.of_all()
    assert status == 1 and set(missing_in(found)) == {(MEMBER, REGION), (MEMBER, FAR)}
    assert all("no trail logs the calls that Snapback watches" in one for [one] in missing_in(found).values())

    def select(**selector):
        trails.put_event_selectors(TrailName="all", EventSelectors=[{"ReadWriteType": "All", **selector}])

    with but(lambda: select(ExcludeManagementEventSources=["kms.amazonaws.com"]), select):
        found, status = world.of_all()
    expected = [f"no trail logs the calls to kms.amazonaws.com {CHANGED}"]
    assert status == 1 and missing_in(found) == {(MEMBER, REGION): expected, (MEMBER, FAR): expected}
    conditions = [{"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["true"]}]

    def select_reads():
        trails.put_event_selectors(TrailName="all", AdvancedEventSelectors=[{"FieldSelectors": conditions}])

    with but(select_reads, select):
        found, status = world.of_all()
    assert status == 1 and set(missing_in(found)) == {(MEMBER, REGION), (MEMBER, FAR)}
    assert world.of_all()[1] == 0


def test_rules_that_are_not_as_deployed_are_found(world):
    events, name = world.member.client("events", FAR), "snapback-member-S3Rule"
    with but(lambda: events.disable_rule(Name=name), lambda: events.enable_rule(Name=name)):
        assert missing_in(world.of_all()[0]) == {(MEMBER, FAR): [f"rule `{name}` is disabled"]}
    rule = events.describe_rule(Name=name)
    narrow = json.loads(rule["EventPattern"])
    narrow["detail"]["eventName"] = ["CreateBucket"]

    def put(pattern: str):
        events.put_rule(Name=name, EventPattern=pattern, State="ENABLED")

    with but(lambda: put(json.dumps(narrow)), lambda: put(rule["EventPattern"])):
        expected = f"rule `{name}` asks for other events than this version deploys"
        assert missing_in(world.of_all()[0]) == {(MEMBER, FAR): [expected]}
    [target] = events.list_targets_by_rule(Rule=name)["Targets"]
    elsewhere = {**target, "Arn": target["Arn"].replace("snapback-hub", "elsewhere")}
    with but(
        lambda: events.put_targets(Rule=name, Targets=[elsewhere]),
        lambda: events.put_targets(Rule=name, Targets=[target]),
    ):
        expected = f"rule `{name}` does not hand its events to {world.member.hub_bus}"
        assert missing_in(world.of_all()[0]) == {(MEMBER, FAR): [expected]}
    assert world.of_all()[1] == 0


def test_roles_that_are_not_as_deployed_are_found(world):
    iam, name = world.member.client("iam"), "snapback-member-ec2"
    text = json.dumps(iam.get_role_policy(RoleName=name, PolicyName="snapback")["PolicyDocument"])
    with but(
        lambda: iam.delete_role_policy(RoleName=name, PolicyName="snapback"),
        lambda: iam.put_role_policy(RoleName=name, PolicyName="snapback", PolicyDocument=text),
    ):
        found, status = world.of_all()
    assert status == 1 and missing_in(found) == {(MEMBER, None): [f"role `{name}` has lost its policy `snapback`"]}
    trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    anybody = {"Effect": "Allow", "Principal": {"AWS": MEMBER}, "Action": "sts:AssumeRole"}
    opened = {**trust, "Statement": [*trust["Statement"], anybody]}

    def put(document: dict):
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(document))

    with but(lambda: put(opened), lambda: put(trust)):
        expected = f"role `{name}` may be taken by others than this version deploys"
        assert missing_in(world.of_all()[0]) == {(MEMBER, None): [expected]}
    assert world.of_all()[1] == 0


def test_regions_that_are_enabled_and_have_no_snapback_are_named_together(world):
    done = world.coverage()
    assert done.returncode == 1
    # None of them has an entry, and all lack the same.
    [paragraph] = [one for one in done.stdout.split("\n\n") if one.startswith("not covered")]
    first, missing, *_ = paragraph.splitlines()
    said, _, regions = first.partition(" Regions: ")
    assert said.startswith(f"not covered: account {ACCOUNT}, ") and int(said.split()[-1]) == len(regions.split(", "))
    assert WITHOUT_SNAPBACK in regions.split(", ") and not {REGION, FAR} & set(regions.split(", "))
    assert missing == "    missing: neither stack `snapback` nor what forwards to its hub is deployed here"
    assert f"covered: account {ACCOUNT}, {REGION}\n" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("not covered")


def test_a_member_that_cannot_be_looked_at_hides_no_other_and_is_not_taken_for_covered(world):
    accounts = f"{LOCKED},{MEMBER}"
    done = world.coverage("--accounts", accounts, "--regions", FAR, "--member-role", world.role)
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"cannot be told: account {LOCKED}, {FAR}\n    cannot tell: " in done.stdout
    assert f"\ncovered: account {MEMBER}, {FAR}\n" in done.stdout


def test_every_active_account_of_the_organization_is_checked_and_what_has_changed_is_told(world, tmp_path):
    everything = ("--organization", "--member-role", world.role, "--regions", FAR)
    management = Member(world.hub.aws, MANAGEMENT, world.member.hub_bus)
    organizations = management.client("organizations")

    def refused(by: dict | None = None) -> str:
        done = world.coverage(*everything, by=by)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
        assert "may not list the accounts of the organization" in done.stderr and "organization/README.md" in done.stderr
        return done.stderr

    assert "You don't have permissions to access this resource" in refused()
    policy = (REPOSITORY / "organization" / "list-accounts.policy.json").read_text(encoding="utf-8")
    organizations.put_resource_policy(Content=policy)
    assert "organizations:ListAccounts" in refused(world.without_members)

    joined, closed = (
        organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]["AccountId"]
        for name in ("joined", "closed")
    )
    for account in (management, Member(world.hub.aws, joined, world.member.hub_bus)):
        account.let_operators_undo(operator_policy(world.hub.stack.name, "coverage", account=account.account))

    def of_everything():
        done = world.coverage(*everything, "--json")
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 1 and found, done.stderr
        return {(one["account"], one["region"]): one for one in found}

    found = of_everything()
    assert {account for account, _ in found} == {ACCOUNT, MEMBER, LOCKED, MANAGEMENT, joined, closed}
    assert next(iter(found))[0] == ACCOUNT
    assert {found[account, None]["status"] for account in (ACCOUNT, MEMBER)} == {"covered"}
    assert {found[account, None]["status"] for account in (LOCKED, closed)} == {"unknown"}
    bare = "neither stack `snapback` nor what forwards to its hub is deployed here"
    assert bare in found[joined, FAR]["missing"] and "role `snapback-member-s3` is missing" in found[joined, None]["missing"]
    by_hand = "organization/member.yaml in the management account"
    asked = [[one for one in of["missing"] if one.startswith(by_hand)] for of in found.values()]
    assert [of for of, asks in zip(found, asked) if asks] == [(MANAGEMENT, None)]

    organizations.close_account(AccountId=closed)
    management.deploy(FAR, roles="yes", Writes="no")
    found = of_everything()
    assert found[MANAGEMENT, None]["status"] == "covered", found[MANAGEMENT, None]
    assert [one for of, one in found.items() if of[0] == closed] == [found[closed, None]]
    assert (found[closed, None]["status"], found[closed, None]["state"]) == ("inactive", "CLOSED")
    said = world.coverage(*everything).stdout
    assert f"\nnot active: account {closed}, CLOSED\n" in said
    assert said.splitlines()[-1].endswith(", 1 not active")

    def changed(*options: str) -> list[dict]:
        done = world.coverage(*everything, "--json", "--changes", str(kept), *options)
        assert done.returncode in (0, 1), done.stderr
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == int(bool(lines)), done.stdout + done.stderr
        return lines

    kept = tmp_path / "coverage.jsonl"
    assert {one["was"] for one in changed()} == {"absent"}
    assert changed() == []
    events, name = world.member.client("events", FAR), "snapback-member-S3Rule"
    with but(lambda: events.disable_rule(Name=name), lambda: events.enable_rule(Name=name)):
        [silenced] = changed()
        assert (silenced["account"], silenced["was"], silenced["status"]) == (MEMBER, "covered", "missing")
        assert changed() == []
    [again] = changed()
    assert (again["account"], again["was"], again["status"]) == (MEMBER, "missing", "covered")
    organizations.close_account(AccountId=joined)
    assert [(one["account"], one["status"], one["was"]) for one in changed()] == [(joined, "inactive", "missing")]


def look(hub) -> list[dict]:
    """What people are told of a daily look."""

    def told() -> list[dict]:
        return [one for one in hub.announcements() if one["outcome"] == "coverage"]

    before = len(told())
    answer = hub.invoke("CoverageFunction", tick(datetime.now(timezone.utc)))
    assert answer["error"] is None, answer
    return told()[before:]


def places_of(notice: dict) -> dict:
    return {(one["account"], region): one for one in notice["places"] for region in one["regions"] or [None]}


def test_once_a_day_people_are_told_what_is_new_and_what_is_solved_and_else_nothing(world):
    hub, organization = world.hub, "o-exampleorgid"
    with hub.role_without("CoverageFunction", "organizations:ListAccounts"):
        [first] = look(hub)
    assert set(places_of(first)) == {(organization, None)}, first
    assert "organizations:ListAccounts" in first["places"][0]["unknown"][0] and first["severity"] == "medium"

    [second] = look(hub)
    places = places_of(second)
    assert (places[organization, None]["status"], places[organization, None]["was"]) == ("covered", "unknown")
    # Nothing is deployed there: the role that tells of it is not there either.
    assert {places[LOCKED, region]["status"] for region in (REGION, FAR, None)} == {"unknown"}
    assert not any(account in (ACCOUNT, MEMBER) for account, _ in places), second
    assert look(hub) == []

    events, name = world.member.client("events", FAR), "snapback-member-S3Rule"
    with but(lambda: events.disable_rule(Name=name), lambda: events.enable_rule(Name=name)):
        [silenced] = look(hub)
        changed = places_of(silenced)[MEMBER, FAR]
        assert (changed["status"], changed["was"]) == ("missing", "covered")
        assert changed["missing"] == [f"rule `{name}` is disabled"] and (silenced["new"], silenced["solved"]) == (1, 0)
        assert look(hub) == []
    [solved] = look(hub)
    assert (places_of(solved)[MEMBER, FAR]["was"], solved["new"], solved["solved"]) == ("missing", 0, 1)
    assert solved["severity"] == "low" and look(hub) == []

    trails = world.own.client("cloudtrail")
    with but(lambda: trails.stop_logging(Name="all"), lambda: trails.start_logging(Name="all")):
        [dark] = look(hub)
    assert {place for place, one in places_of(dark).items() if one["was"] == "covered"} == {(ACCOUNT, REGION), (ACCOUNT, FAR)}
    assert look(hub)[0]["solved"] == 2


def test_what_is_forged_of_what_was_found_is_told_and_all_else_is_told_anew(world):
    table = world.hub.aws.client("dynamodb")
    known = {"pk": {"S": f"coverage#{MEMBER}"}, "sk": {"S": "coverage"}}
    body = table.get_item(TableName=world.hub.stack.journal, Key=known)["Item"]["body"]["S"]
    table.update_item(
        TableName=world.hub.stack.journal, Key=known, UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": {"S": body.replace("covered", "missing")}},
    )  # fmt: skip
    [told] = look(world.hub)
    assert told["severity"] == "critical" and MEMBER in told["forged"][0], told
    assert look(world.hub) == []


def test_the_function_reads_tells_and_does_nothing_else(world):
    hub, name = world.hub, "snapback-member-S3Rule"
    dynamodb, table = hub.as_function("CoverageFunction", "dynamodb"), hub.stack.journal
    for key in ("entry#1", "hold#1", "stop", "memory#1", "members"):
        with pytest.raises(dynamodb.exceptions.ClientError, match="AccessDenied"):
            dynamodb.put_item(TableName=table, Item={"pk": {"S": key}, "sk": {"S": "entry"}})
    role = f"arn:aws:iam::{MEMBER}:role/snapback-member-coverage"
    sts = hub.as_function("CoverageFunction", "sts")
    keys = sts.assume_role(RoleArn=role, RoleSessionName="coverage")["Credentials"]
    events, iam = (hub.aws.client(service, keys, FAR) for service in ("events", "iam"))
    assert events.list_targets_by_rule(Rule=name)["Targets"]
    for refused in (
        lambda: events.disable_rule(Name=name),
        lambda: iam.delete_role_policy(RoleName="snapback-member-ec2", PolicyName="snapback"),
        lambda: sts.assume_role(RoleArn=f"arn:aws:iam::{MEMBER}:role/snapback-member-iam", RoleSessionName="test"),
        lambda: hub.as_function("S3Function", "sts").assume_role(RoleArn=role, RoleSessionName="test"),
    ):
        with pytest.raises(events.exceptions.ClientError, match="AccessDenied|not authorized"):
            refused()
    answer = hub.invoke("CoverageFunction", {"source": "mallory", "detail-type": "Scheduled Event"})
    assert answer["error"] and "nothing that this function handles" in answer["payload"]["errorMessage"]


@pytest.mark.parametrize("action", ["dynamodb:GetItem", "dynamodb:PutItem"])
def test_a_look_that_cannot_remember_or_tell_fails_and_its_alarm_rings(world, action):
    events, name = world.member.client("events", FAR), "snapback-member-Ec2Rule"
    with but(lambda: events.disable_rule(Name=name), lambda: events.enable_rule(Name=name)):
        with world.hub.role_without("CoverageFunction", action):
            assert world.hub.invoke("CoverageFunction", tick(datetime.now(timezone.utc)))["error"]
        # What was not told, or could not be remembered, is told then.
        assert places_of(look(world.hub)[0])[MEMBER, FAR]["was"] == "covered"
    look(world.hub)
