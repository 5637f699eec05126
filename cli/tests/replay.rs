//! `snapback replay` and `snapback controls`, as a user runs them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// A folder of its own for each test, under the target directory.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn snapback(arguments: &[&str], input: &[u8]) -> Result<Output> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapback"))
        .args(arguments)
        .env_remove("SNAPBACK_PUBLIC_PORTS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A wrong flag ends the program before it reads anything.
    let _ = child.stdin.take().context("standard input")?.write_all(input);
    Ok(child.wait_with_output()?)
}

fn lines(output: &Output) -> Result<Vec<Value>> {
    String::from_utf8(output.stdout.clone())?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn record(id: &str, name: &str, cidr: &str) -> Value {
    json!({
        "eventID": id, "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
        "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "userIdentity": {"type": "IAMUser", "userName": "mallory"},
        "requestParameters": {"groupId": "sg-1", "cidrIp": cidr, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22},
        "responseElements": null,
    })
}

fn open(id: &str) -> Value {
    record(id, "AuthorizeSecurityGroupIngress", "0.0.0.0/0")
}

#[test]
fn every_form_of_a_log_is_read_and_every_event_gets_its_line() -> Result<()> {
    let folder = folder("forms")?;
    let records = json!({"Records": [open("in-records"), record("unwatched", "StartInstances", "")]});
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(records.to_string().as_bytes())?;
    fs::create_dir(folder.join("deep"))?;
    fs::write(folder.join("deep/log.json.gz"), gzip.finish()?)?;
    let envelope = json!({"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "account": "111122223333", "detail": open("in-envelope")});
    fs::write(folder.join("envelope.json"), format!("{envelope:#}"))?;
    let benign = record("benign", "AuthorizeSecurityGroupIngress", "203.0.113.7/32");
    let mut on_a_line = envelope;
    on_a_line["detail"]["eventID"] = json!("on-a-line");
    fs::write(folder.join("lines.jsonl"), format!("{}\n\n{benign}\n{on_a_line}", open("in-lines")))?;
    fs::write(folder.join("list.json"), format!("{:#}", json!([open("in-list")])))?;
    fs::write(folder.join("open.json"), format!("{{\"Records\": [\n{}\n]}}", open("in-open")))?;
    fs::write(folder.join("readme.txt"), "no record")?;

    let output = snapback(
        &["replay", "--json", folder.to_str().context("a path")?, "-"],
        open("on-stdin").to_string().as_bytes(),
    )?;
    let told: Vec<(Value, bool, bool)> = lines(&output)?
        .into_iter()
        .map(|line| (line["eventID"].clone(), line["control"].is_string(), line["suspicion"].is_string()))
        .collect();
    let expected = [
        ("in-records", true, true),
        ("unwatched", false, false),
        ("in-envelope", true, true),
        ("in-lines", true, true),
        ("benign", true, false),
        ("on-a-line", true, true),
        ("in-list", true, true),
        ("in-open", true, true),
        ("on-stdin", true, true),
    ];
    assert_eq!(told, expected.map(|(id, watched, suspicious)| (json!(id), watched, suspicious)));
    assert!(output.status.success() && output.stderr.is_empty());
    Ok(())
}

#[test]
fn a_bad_line_is_named_and_counted_and_the_rest_is_done() -> Result<()> {
    let folder = folder("bad")?;
    let mut nameless = open("nameless");
    nameless["eventName"] = json!(7);
    fs::write(folder.join("a.jsonl"), format!("{}\nnot json\n{nameless}\n{}\n", open("one"), open("two")))?;
    fs::write(folder.join("b.json"), "{\n  \"Records\": [\n    oops\n")?;
    fs::write(folder.join("c.jsonl"), format!("{{\"eventID\": \"cut\n{}\n", open("after")))?;
    let output = snapback(&["replay", "--json", folder.to_str().context("a path")?, "missing.json"], b"")?;
    let complaints = String::from_utf8(output.stderr.clone())?;
    for expected in [
        "a.jsonl:2: not JSON",
        "a.jsonl:3: field `eventName`: expected an API call such as `PutBucketPolicy`, found `7`",
        "b.json:3: not JSON",
        "c.jsonl:1: not JSON: the line breaks off",
        "missing.json: cannot be opened",
    ] {
        assert!(complaints.contains(expected), "{expected} is not in {complaints}");
    }
    assert_eq!(lines(&output)?.len(), 3);
    assert_eq!(output.status.code(), Some(1));

    let text = snapback(&["replay", folder.join("a.jsonl").to_str().context("a path")?], b"")?;
    assert!(String::from_utf8(text.stdout)?.ends_with("2 events, 2 watched, 2 suspicious, 2 bad\n"));
    Ok(())
}

#[test]
fn what_repeats_calls_or_is_for_another_account_is_no_suspicion() -> Result<()> {
    let folder = folder("repeating")?;
    let mut network = open("network");
    network["eventType"] = json!("AwsVpceEvent");
    network["eventCategory"] = json!("NetworkActivity");
    let mut elsewhere = open("elsewhere");
    elsewhere["userIdentity"]["accountId"] = json!("111122223333");
    elsewhere["resources"] =
        json!([{"ARN": "arn:aws:ec2:eu-central-1:444455556666:security-group/sg-1", "accountId": "444455556666"}]);
    let mut key = record("key", "CreateGrant", "");
    key["eventSource"] = json!("kms.amazonaws.com");
    key["requestParameters"] = own_grant("arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d");
    let aggregated = json!([{"eventVersion": "1.0", "eventCategory": "Aggregated", "eventType": "AwsAggregatedEvent", "accountId": "111122223333"}]);
    for (number, document) in [&network, &json!({"Records": [network, network]}), &aggregated].into_iter().enumerate() {
        fs::write(folder.join(format!("{number}.json")), document.to_string())?;
    }
    for name in ["CloudTrail-NetworkActivity", "CloudTrail-Aggregated", "CloudTrail-Insight"] {
        fs::create_dir(folder.join(name))?;
        fs::write(folder.join(name).join("log.json"), "no JSON")?;
    }
    fs::write(folder.join("own.jsonl"), format!("{elsewhere}\n{key}\n"))?;
    let output = snapback(&["replay", folder.to_str().context("a path")?], b"")?;
    assert_eq!(String::from_utf8(output.stdout)?, "2 events, 2 watched, 0 suspicious\n");
    assert_eq!(output.status.code(), Some(0), "of one it cannot be told, which is said");
    let note = "snapback: cannot tell whether 1 event is about keys of Snapback: name its keys with --journal-key, \
                --operators-key and --topic-key\n";
    assert_eq!(String::from_utf8(output.stderr)?, note);
    Ok(())
}

#[test]
fn looked_up_and_notified_events_are_read_under_their_own_identity() -> Result<()> {
    let looked_up = |id: &str| json!({"EventId": id, "EventName": "n", "CloudTrailEvent": open(id).to_string()});
    let history = json!({"Events": [looked_up("one"), looked_up("two")], "NextToken": "n"});
    let notified = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": open("three").to_string()}}]});
    let mut again = open("again");
    again["addendum"] = json!({"reason": "DELIVERY_DELAY", "originalEventID": "one"});
    let mut unwatched = record("unwatched", "StartInstances", "");
    unwatched["addendum"] = json!({"originalEventID": "four"});
    let text = format!("{history}\n{notified}\n{again}\n{unwatched}\n");
    let output = snapback(&["replay", "--json", "-"], text.as_bytes())?;
    let told: Vec<(Value, bool)> =
        lines(&output)?.into_iter().map(|line| (line["eventID"].clone(), line["suspicion"].is_string())).collect();
    let expected = [("one", true), ("two", true), ("three", true), ("four", false)];
    assert_eq!(told, expected.map(|(id, suspicious)| (json!(id), suspicious)), "what is recorded again is told once");
    assert!(output.status.success() && output.stderr.is_empty());
    let output = snapback(&["replay", "-"], text.as_bytes())?;
    assert!(
        String::from_utf8(output.stdout)?.ends_with("5 events, 3 watched (1 more record of these), 3 suspicious\n")
    );

    let bucket = json!({"Type": "Notification", "Message": json!({"s3Bucket": "b", "s3ObjectKey": ["k"]}).to_string()});
    let output = snapback(&["replay", "-"], bucket.to_string().as_bytes())?;
    assert!(String::from_utf8(output.stderr)?.contains("it tells where a log file lies"));
    assert_eq!(output.status.code(), Some(2), "no event could be read");
    Ok(())
}

/// A bucket policy that raises three suspicions: it lets a partner in, and what it replaces may have denied something or
/// let logs be delivered.
fn partner(id: &str) -> Value {
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*"}});
    let mut record = record(id, "PutBucketPolicy", "");
    record["eventSource"] = json!("s3.amazonaws.com");
    record["requestParameters"] = json!({"bucketName": "b", "bucketPolicy": policy});
    record
}

/// Of what nobody watches, not even the ids are kept.
#[test]
fn records_that_occur_twice_are_counted_as_often_whether_or_not_they_are_watched() -> Result<()> {
    let text = format!("{}\n{}\n", open("watched"), record("unwatched", "StartInstances", ""));
    let output = snapback(&["replay", "-"], text.repeat(2).as_bytes())?;
    let said = String::from_utf8(output.stdout)?;
    assert!(said.ends_with("4 events, 1 watched (1 more record of these), 1 suspicious\n"), "{said}");
    Ok(())
}

/// Whoever is denied a call chooses what stands in its record.
#[test]
fn nobody_s_line_break_makes_a_line_of_the_answer() -> Result<()> {
    let mut denied = record("denied", "CreateAccessKey", "");
    denied["eventSource"] = json!("iam.amazonaws.com");
    denied["errorCode"] = json!("AccessDenied");
    denied["errorMessage"] = json!(
        "User: arn:aws:iam::111122223333:user/mallory is not authorized to perform: iam:CreateAccessKey on resource: \
         user x\n2026-11-01T00:00:00Z 111122223333 all is well because no identity-based policy allows it"
    );
    let said = String::from_utf8(snapback(&["replay", "-"], denied.to_string().as_bytes())?.stdout)?;
    assert!(said.contains("all is well"), "{said}");
    assert_eq!(said.lines().count(), 3, "the event, its suspicion and the sum: {said}");
    Ok(())
}

#[test]
fn what_is_told_from_a_number_on_says_so() -> Result<()> {
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/signin-failed-logins/as-a-user.json");
    let said = String::from_utf8(snapback(&["replay", event], b"")?.stdout)?;
    assert!(said.contains(" (told from number 10 within a day)\n"), "{said}");
    Ok(())
}

#[test]
fn an_event_of_several_suspicions_is_one_suspicious_event() -> Result<()> {
    let output = snapback(&["replay", "-"], format!("{}\n{}\n", partner("one"), open("two")).as_bytes())?;
    let said = String::from_utf8(output.stdout)?;
    assert_eq!(said.matches("PutBucketPolicy by IAM user `mallory`").count(), 1, "{said}");
    assert!(said.ends_with("2 events, 2 watched, 2 suspicious (4 suspicions)\n"), "{said}");
    Ok(())
}

#[test]
fn whom_the_operator_trusts_raises_no_suspicion() -> Result<()> {
    let control = ["replay", "--json", "--control", "s3-foreign-bucket-policy", "-"];
    let asked = |flags: &[&str]| snapback(&[&control, flags].concat(), partner("e").to_string().as_bytes());
    assert!(lines(&asked(&[])?)?[0]["suspicion"].is_string());
    assert_eq!(lines(&asked(&["--trust-account", "444455556666"])?)?[0]["suspicion"], Value::Null);
    let folder = folder("trusting")?;
    fs::write(folder.join("trusted.json"), r#"{"accounts": {"444455556666": "our partner"}}"#)?;
    let by_file = asked(&["--guardrails", folder.to_str().context("a path")?])?;
    assert_eq!(lines(&by_file)?[0]["suspicion"], Value::Null);
    fs::write(folder.join("trusted.json"), "{")?;
    let broken = asked(&["--guardrails", folder.to_str().context("a path")?])?;
    assert_eq!(broken.status.code(), Some(2));
    assert!(String::from_utf8(broken.stderr)?.contains("trusted.json"));
    Ok(())
}

/// As Windows writes it, and as `cat` puts such files together.
#[test]
fn a_byte_order_mark_is_no_part_of_the_json() -> Result<()> {
    let folder = folder("marked")?;
    let mark = "\u{feff}";
    fs::write(folder.join("lines.jsonl"), format!("{mark}{}\r\n{mark}{}\r\n{mark}\r\n", open("one"), open("two")))?;
    fs::write(folder.join("record.json"), format!("{mark}{:#}", open("three")))?;
    fs::write(folder.join("log.json"), format!("{mark}{}", json!({"Records": [open("four")]})))?;
    let output = snapback(&["replay", "--json", folder.to_str().context("a path")?], b"")?;
    let told: Vec<Value> = lines(&output)?.iter().map(|line| line["eventID"].clone()).collect();
    assert_eq!(told, ["one", "two", "four", "three"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");

    let utf16: Vec<u8> = [0xfeff].into_iter().chain("{}\n{}\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let output = snapback(&["replay", "-"], &utf16)?;
    assert_eq!(String::from_utf8(output.stderr)?, "snapback: -: expected UTF-8, found UTF-16\n");
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

#[test]
fn what_is_wrong_many_times_is_shown_some_times_and_counted() -> Result<()> {
    let folder = folder("flood")?;
    fs::write(folder.join("a.jsonl"), format!("{}\n{}", open("one"), "no json\n".repeat(5000)))?;
    fs::write(folder.join("b.jsonl"), "  no json either\n".repeat(7))?;
    let path = folder.to_str().context("a path")?;
    let output = snapback(&["replay", path], b"")?;
    let complaints = String::from_utf8(output.stderr)?;
    let lines: Vec<&str> = complaints.lines().collect();
    assert_eq!(lines.len(), 4, "{complaints}");
    for (line, number) in lines.iter().zip(2..5) {
        assert!(line.starts_with(&format!("snapback: {path}/a.jsonl:{number}: not JSON: ")), "{line}");
    }
    assert!(lines[3].starts_with("snapback: 5004 more: not JSON: "), "{complaints}");
    assert!(String::from_utf8(output.stdout)?.ends_with("1 event, 1 watched, 1 suspicious, 5007 bad\n"));
    assert_eq!(output.status.code(), Some(1));

    let values: Vec<String> =
        (0..100).map(|number| format!("{{\"Records\": 1, \"field{number}\": 1, \"eventName\": 1}}")).collect();
    let odd: Vec<String> =
        (0..100).map(|number| open("odd").to_string().replace("2026-01-31T", &format!("2026-01-{number}x"))).collect();
    let output = snapback(&["replay", "-"], [values, odd].concat().join("\n").as_bytes())?;
    let complaints = String::from_utf8(output.stderr)?;
    assert!(complaints.lines().count() < 20, "{complaints}");
    assert!(complaints.contains("snapback: 97 more: field `Records`: expected a list of records\n"), "{complaints}");
    assert!(complaints.contains("snapback: 91 more with something else wrong\n"), "{complaints}");
    Ok(())
}

#[test]
fn where_there_is_no_event_at_all_that_is_said() -> Result<()> {
    let folder = folder("nothing")?;
    let path = folder.to_str().context("a path")?;
    let is_bad = |output: &Output| {
        let said = String::from_utf8_lossy(&output.stderr);
        output.status.code() == Some(2)
            && said.contains("expected CloudTrail records or EventBridge events, found none")
    };
    assert!(is_bad(&snapback(&["replay", path], b"")?));
    fs::write(folder.join("notes.txt"), "no record")?;
    fs::write(folder.join("empty.json"), "\n")?;
    fs::write(folder.join("log.json"), r#"{"Records": []}"#)?;
    for form in [&["replay", path][..], &["replay", "--json", path]] {
        let output = snapback(form, b"")?;
        assert!(is_bad(&output) && output.stdout.is_empty(), "{output:?}");
    }
    for (name, text, complaint) in [
        ("bad.json", "{", "bad.json:1: not JSON: it ends too early"),
        ("shape.json", r#"{"a": 1}"#, "shape.json:1: expected an event of EventBridge or a record of CloudTrail"),
        ("none.json", "", "none.json: expected CloudTrail records"),
    ] {
        let file = folder.join(name);
        fs::write(&file, text)?;
        let output = snapback(&["replay", file.to_str().context("a path")?], b"")?;
        let said = String::from_utf8(output.stderr)?;
        assert!(output.status.code() == Some(2) && said.contains(complaint), "{name}: {said}");
    }
    assert_eq!(snapback(&["replay", "no/such/file"], b"")?.status.code(), Some(2));
    let beside = snapback(&["replay", "-"], br#"{"eventType": "AwsAggregatedEvent"}"#)?;
    assert_eq!(beside.status.code(), Some(0), "{beside:?}");
    Ok(())
}

fn gzip(text: &str) -> Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(text.as_bytes())?;
    Ok(gzip.finish()?)
}

/// A bucket of CloudTrail's: some days of two Regions, with all that can be wrong with a file in some of them.
fn bucket(name: &str) -> Result<PathBuf> {
    let folder = folder(name)?;
    for file in 0..120 {
        let day = folder.join(format!("AWSLogs/111122223333/CloudTrail/eu-{}-1/2026/01/{:02}", file % 2, file / 10));
        fs::create_dir_all(&day)?;
        let records: Vec<Value> = (0..file % 40)
            .map(|number| match (file + number) % 7 {
                0 => open(&format!("{file}-{number}")),
                1 => record(&format!("{file}-{number}"), "AuthorizeSecurityGroupIngress", "203.0.113.7/32"),
                _ => record(&format!("{file}-{number}"), "DescribeInstances", ""),
            })
            .collect();
        let text = json!({"Records": records}).to_string();
        let mut bytes = match file {
            70 => gzip(&text[..text.len() / 2])?,
            71 => gzip(r#"{"Records":"none"}"#)?,
            72 => gzip(&text.replacen("eventName", "eventname", 1))?,
            _ => gzip(&text)?,
        };
        if file == 73 {
            bytes.truncate(bytes.len() / 2);
        }
        fs::write(day.join(format!("{file:03}.json.gz")), bytes)?;
    }
    Ok(folder)
}

#[test]
fn however_many_files_are_read_side_by_side_the_same_is_said() -> Result<()> {
    let folder = bucket("threads")?;
    let path = folder.to_str().context("a path")?;
    for form in [&["replay", path][..], &["replay", "--json", path]] {
        let alone = snapback(&[form, &["--threads", "1"]].concat(), b"")?;
        assert!(alone.stdout.len() > 10_000 && alone.stderr.len() > 100);
        for threads in ["2", "3", "16", "500"] {
            assert_eq!(snapback(&[form, &["--threads", threads]].concat(), b"")?, alone, "{threads} threads");
        }
        assert_eq!(snapback(form, b"")?, alone);
    }
    Ok(())
}

#[test]
fn a_broken_file_is_named_with_what_is_wrong_and_the_others_are_judged() -> Result<()> {
    let folder = bucket("broken")?;
    let digests = folder.join("AWSLogs/111122223333/CloudTrail-Digest/eu-0-1/2026");
    fs::create_dir_all(&digests)?;
    fs::write(digests.join("digest.json.gz"), gzip(r#"{"awsAccountId":"111122223333"}"#)?)?;
    let output = snapback(&["replay", folder.to_str().context("a path")?], b"")?;
    let complaints = String::from_utf8(output.stderr)?;
    let expected = [
        "070.json.gz:1: not JSON: it ends too early (column ",
        "071.json.gz:1: field `Records`: expected a list of records",
        "072.json.gz:1, record 1: field `eventName`: expected an API call such as `PutBucketPolicy`, found nothing",
        "073.json.gz: cannot be read to its end: ",
    ];
    for text in expected {
        assert!(complaints.contains(text), "{text} is not in {complaints}");
    }
    assert_eq!(complaints.lines().count(), expected.len());
    // Of the broken ones, only the one with a broken record has others.
    let events: usize = (0..120).map(|file| file % 40).sum::<usize>() - (70 % 40) - (71 % 40) - 1 - (73 % 40);
    let summary = String::from_utf8(output.stdout)?;
    assert!(summary.lines().last().is_some_and(|line| line.starts_with(&format!("{events} events, "))), "{summary}");
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

/// Most records are read no further than their names. What is told of them is what reading all of them tells.
#[test]
fn a_log_says_the_same_in_any_spelling() -> Result<()> {
    let folder = folder("spelling")?;
    let mut records =
        vec![open("open"), record("benign", "DescribeInstances", ""), record("watched", "CreateTags", "")];
    for field in ["eventID", "eventSource", "eventName", "awsRegion", "eventTime", "requestParameters"] {
        for value in [Value::Null, json!(""), json!(7), json!({"detail": 1, "Records": []})] {
            let mut changed = record(&format!("{field}-{value}"), "DescribeInstances", "");
            changed[field] = value;
            records.push(changed);
        }
    }
    for field in ["detail", "Records"] {
        let mut changed = open(&format!("with-{field}"));
        changed[field] = Value::Null;
        records.push(changed);
    }
    for (number, record) in records.iter().enumerate() {
        let beside = json!({"Records": [record, open("beside")]}).to_string();
        let escaped = beside.replace("AuthorizeSecurityGroupIngress", "\\u0041uthorizeSecurityGroupIngress");
        let spellings = [beside.clone(), beside.replacen(':', " : ", 1), escaped];
        let mut said = vec![];
        for text in spellings {
            let file = folder.join(format!("{number}.json"));
            fs::write(&file, text)?;
            said.push(snapback(&["replay", "--json", file.to_str().context("a path")?], b"")?);
        }
        assert!(String::from_utf8_lossy(&said[0].stdout).contains(r#""eventID":"beside""#), "{record}");
        assert!(said.iter().all(|other| *other == said[0]), "{record}: {said:#?}");

        let alone = snapback(&["replay", "--json", "-"], record.to_string().as_bytes())?;
        let spaced = snapback(&["replay", "--json", "-"], format!("{record:#}").as_bytes())?;
        assert_eq!(alone.stdout, spaced.stdout, "{record}");
        assert_eq!(alone.status, spaced.status, "{record}");
    }
    Ok(())
}

#[test]
fn failed_and_forged_events_are_watched_and_not_suspicious() -> Result<()> {
    let mut failed = open("failed");
    failed["errorCode"] = json!("Client.UnauthorizedOperation");
    let forged = json!({"source": "my.app", "detail-type": "AWS API Call via CloudTrail", "account": "111122223333", "detail": open("forged")});
    let output = snapback(&["replay", "--json", "-"], format!("{failed}\n{forged}\n").as_bytes())?;
    let lines = lines(&output)?;
    // Only what watches denied calls is asked about one, and this call is none of those.
    assert_eq!((&lines[0]["control"], &lines[0]["suspicion"]), (&Value::Null, &Value::Null), "{lines:?}");
    assert_eq!((&lines[1]["control"], &lines[1]["suspicion"]), (&json!("ec2-open-security-group"), &Value::Null));
    assert_eq!(output.status.code(), Some(0));
    Ok(())
}

#[test]
fn the_operator_s_public_ports_count() -> Result<()> {
    let replay =
        |ports: &str| snapback(&["replay", "--json", "--public-ports", ports, "-"], open("e").to_string().as_bytes());
    assert_eq!(lines(&replay("tcp/22")?)?[0]["suspicion"], Value::Null);
    let wrong = replay("ssh")?;
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8(wrong.stderr)?;
    assert!(said.contains("--public-ports") && said.contains("expected ports such as"), "{said}");
    Ok(())
}

#[test]
fn what_is_opt_in_is_asked_where_it_is_named() -> Result<()> {
    let way_out = record("e", "AuthorizeSecurityGroupEgress", "0.0.0.0/0").to_string();
    let asked = |control: &str| snapback(&["replay", "--json", "--control", control, "-"], way_out.as_bytes());
    assert_eq!(lines(&asked("ec2-*")?)?[0]["suspicion"], Value::Null);
    assert_eq!(lines(&asked("ec2-open-egress")?)?[0]["suspicion"], "the event lets out tcp/22 to 0.0.0.0/0");
    let only_by_its_id = asked("ec2-open-egr*")?;
    assert_eq!(only_by_its_id.status.code(), Some(2));
    assert!(String::from_utf8(only_by_its_id.stderr)?.contains("there is no such control"));
    Ok(())
}

#[test]
fn the_controls_are_listed_with_what_a_pipeline_needs() -> Result<()> {
    let listed: Value = serde_json::from_slice(&snapback(&["controls", "--json"], b"")?.stdout)?;
    let controls = listed.as_array().context("an array")?;
    assert!(controls.len() >= 2);
    for control in controls {
        for field in ["id", "function", "severity"] {
            assert!(control[field].is_string(), "{field} of {control}");
        }
        let is_empty = |field: &str| control[field].as_array().is_none_or(Vec::is_empty);
        let opt_in = [
            "alarm-silenced",
            "ec2-launched-metadata-v1",
            "ec2-open-egress",
            "iam-federation-token",
            "kms-moved-alias",
            "s3-public-object-acl",
            "signin-remote-command",
        ];
        let is_opt_in = opt_in.iter().any(|id| control["id"] == *id);
        assert_eq!(control["opt_in"], is_opt_in, "{control}");
        for field in ["events", "frameworks"] {
            assert!(!is_empty(field), "{field} of {control}");
        }
        // One that only announces may do with the event; one that writes has looked.
        assert!(control["reads"].is_array() && control["writes"].is_array(), "{control}");
        assert!(is_empty("writes") || !is_empty("reads"), "{control}");
    }
    let text = String::from_utf8(snapback(&["controls"], b"")?.stdout)?;
    assert!(text.contains("s3-public-bucket-policy") && text.contains("ec2-open-security-group"));
    for (only, number) in [("s3-public-bucket-policy", 1), ("ec2-open-egress", 1), ("s3-public-*", 3)] {
        let listed: Value = serde_json::from_slice(&snapback(&["controls", only, "--json"], b"")?.stdout)?;
        assert_eq!(listed.as_array().map(Vec::len), Some(number), "{only}: opt-in controls too");
    }
    let none = snapback(&["controls", "s3-public-bucket"], b"")?;
    assert_eq!(none.status.code(), Some(2));
    Ok(())
}

/// To somebody of the account, which is harmless upon a key of others.
fn own_grant(key: &str) -> Value {
    json!({"keyId": key, "granteePrincipal": "arn:aws:iam::111122223333:role/app"})
}

#[test]
fn an_event_about_a_key_is_suspicious_if_the_key_is_said_to_be_snapbacks() -> Result<()> {
    let key = "arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d";
    let mut event = record("key", "CreateGrant", "");
    event["eventSource"] = json!("kms.amazonaws.com");
    event["requestParameters"] = own_grant(key);
    let asked = |flags: &[&str]| -> Result<Value> {
        let output = snapback(&[&["replay", "--json", "-"], flags].concat(), event.to_string().as_bytes())?;
        lines(&output)?.pop().context("a line")
    };
    let unknown = asked(&[])?;
    assert_eq!(unknown["suspicion"], Value::Null);
    assert!(unknown["unknown"].as_str().is_some_and(|why| why.starts_with("cannot tell")), "{unknown}");
    let others = ["3c4d5e6f", "5a6b7c8d"].map(|id| format!("arn:aws:kms:eu-central-1:111122223333:key/{id}"));
    let known = asked(&["--journal-key", key, "--operators-key", &others[0], "--topic-key", &others[1]])?;
    assert!(known["suspicion"].is_string() && known.get("unknown").is_none(), "{known}");
    Ok(())
}
