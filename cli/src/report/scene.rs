//! A journal to report on, for tests.

use anyhow::anyhow;
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::journal::{Entry, Found, Hold, Wanted};
use snapback::settings::Settings;

use super::summary::{Read, Report};

pub(super) const NOW: &str = "2026-11-30T12:00:00Z";

/// What a name may be.
pub(super) const HOSTILE: &str = "=<script>alert(1)</script>\"'&\u{202e}";

/// An entry of a bucket, by whoever is called mallory, reverted seven seconds after the call if it was reverted.
pub(super) fn entry(id: &str, outcome: &str, at: &str) -> Value {
    let at: Timestamp = at.parse().expect("a time");
    let is_reverted = matches!(outcome, "reverted" | "undone");
    json!({
        "id": id, "control": "s3-public-bucket-policy", "title": "A bucket policy lets everyone in", "caveat": "",
        "subject": {"kind": "bucket", "name": "reports", "arn": "arn:aws:s3:::reports", "account": "111122223333",
            "region": "eu-central-1", "console": "https://eu-central-1.console.aws.amazon.com/"},
        "event": {"id": id, "service": "s3.amazonaws.com", "name": "PutBucketPolicy", "time": at,
            "actor": {"kind": "IAMUser", "name": "mallory", "account": "111122223333", "mfa": false, "console": false}},
        "suspicion": "", "state": null, "mode": "revert", "outcome": outcome, "decided_at": at,
        "basis": {"request": null, "response": null, "resources": [], "settings": Settings::default(), "holds": []},
        "decision": {"decision": "revert", "severity": "high", "why": "statement 1 lets everyone do s3:GetObject",
            "grants": [format!("statement 1 of {id}")], "plan": [], "left": []},
        "reverted_at": is_reverted.then(|| at + jiff::SignedDuration::from_secs(7)),
        "applied": [], "problem": null, "announced": true, "undone": null, "expires": at,
    })
}

/// The same, with something else.
pub(super) fn with(mut entry: Value, other: Value) -> Value {
    merge(&mut entry, other);
    entry
}

fn merge(into: &mut Value, other: Value) {
    match (into, other) {
        (Value::Object(into), Value::Object(other)) => {
            for (name, value) in other {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, other) => *into = other,
    }
}

pub(super) fn found(entry: Value) -> Found {
    let entry: Entry = serde_json::from_value(entry).expect("an entry");
    (entry.id.clone(), Ok(entry))
}

fn hold(resource: &str, control: &str, grant: &str, until: &str) -> Hold {
    let [since, until] = ["2026-11-04T09:00:00Z", until].map(|time| time.parse().expect("a time"));
    let by = "arn:aws:iam::111122223333:user/olga".to_owned();
    let [control, resource, grant] = [control, resource, grant].map(str::to_owned);
    Hold { control, resource, grant, entry: "77aa0b1c2d3e4f506172".to_owned(), by, since, until }
}

/// A month with something of everything.
pub(super) fn report() -> Report {
    let group = |name: &str, account: &str| {
        let arn = format!("arn:aws:ec2:us-east-1:{account}:security-group/{name}");
        json!({"control": "ec2-open-security-group", "title": "A security group lets the internet in",
            "subject": {"kind": "security group", "name": name, "arn": arn, "account": account, "region": "us-east-1"},
            "event": {"service": "ec2.amazonaws.com", "name": "AuthorizeSecurityGroupIngress", "actor": {"kind": "AssumedRole",
                "name": "deploy", "session": "42", "account": account}},
            "decision": {"severity": "critical", "why": "it lets in tcp/22 from 0.0.0.0/0",
                "grants": ["tcp/22 from 0.0.0.0/0"]}})
    };
    let bucket = |name: &str| json!({"subject": {"name": name, "arn": format!("arn:aws:s3:::{name}")}});
    let alert = json!({"control": "signin-root-sign-in", "title": "The root user is at work",
        "subject": {"kind": "account", "name": "444455556666", "arn": "arn:aws:iam::444455556666:root",
            "account": "444455556666", "region": "us-east-1"},
        "event": {"name": "ConsoleLogin", "actor": {"kind": "Root", "account": "444455556666"}},
        "decision": {"decision": "alert", "severity": "low", "why": "the root user has signed in"}});
    let allow = json!({"decision": {"decision": "allow", "why": "nothing is public"}});
    let hostile = json!({"event": {"actor": {"name": HOSTILE}},
        "decision": {"why": "statement `=<script>` lets everyone do s3:GetObject"}});
    let late = json!({"reverted_at": "2026-11-21T12:30:00Z", "applied_by": "arn:aws:iam::111122223333:user/olga"});
    let left = json!({"decision": {"left": ["statement 2 lets everyone do s3:GetObject under a condition"]}});
    let one = |number: usize| format!("{number:020x}");
    let entries = [
        with(entry(&one(1), "failed", "2026-11-29T23:10:00Z"), group("sg-6c09148145932dc07", "444455556666")),
        with(with(entry(&one(2), "asked", "2026-11-28T08:15:00Z"), bucket(HOSTILE)), hostile),
        with(entry(&one(3), "reverted", "2026-11-28T08:00:00Z"), left),
        with(entry(&one(4), "alerted", "2026-11-27T17:45:00Z"), alert),
        with(entry(&one(5), "would-revert", "2026-11-25T10:00:00Z"), bucket("exports")),
        with(entry(&one(6), "closed", "2026-11-22T10:00:00Z"), bucket("exports")),
        with(with(entry(&one(7), "reverted", "2026-11-21T10:00:00Z"), bucket("backups")), late),
        with(entry(&one(8), "reverted", "2026-11-20T11:39:28Z"), group("sg-0a1b2c3d4e5f60718", "111122223333")),
        with(entry(&one(9), "reverted", "2026-11-20T11:38:28Z"), group("sg-0a1b2c3d4e5f60718", "111122223333")),
        with(entry(&one(10), "held", "2026-11-12T07:00:00Z"), allow.clone()),
        with(entry(&one(11), "allowed", "2026-11-09T07:00:00Z"), allow),
        entry(&one(12), "undone", "2026-11-04T08:00:00Z"),
        entry(&one(13), "reverted", "2026-11-02T08:00:00Z"),
        with(
            entry(&one(14), "reverted", "2026-11-02T07:00:00Z"),
            json!({"forged": ["a hold on `arn:aws:s3:::reports` is not genuine"]}),
        ),
    ];
    let mut found: Vec<Found> = entries.into_iter().map(found).collect();
    found.push(("feedfacefeedfacefeed".to_owned(), Err(anyhow!("reading the journal: AccessDeniedException"))));
    let holds = vec![
        hold(
            "arn:aws:ec2:us-east-1:111122223333:security-group/sg-1",
            "ec2-open-security-group",
            "tcp/22 from 203.0.113.0/24",
            "2027-03-31T00:00:00Z",
        ),
        hold("arn:aws:s3:::reports", "s3-public-bucket-policy", "the statement `partner`", "2026-12-04T09:00:00Z"),
    ];
    let wanted = Wanted { since: Some("2026-10-31T12:00:00Z".parse().expect("a time")), ..Wanted::default() };
    Report::of(Read { found, holds, ..Read::default() }, &wanted, NOW.parse().expect("a time"))
}
