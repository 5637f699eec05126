//! What functions write is believed if it was signed by a key that KMS has certified, for this table and this time.
//!
//! Certificates and signatures are made here by what docs/journal.md says of them, as somebody would who has got hold of
//! a role or of a key.

use anyhow::{Context, Result};
use aws_smithy_types::base64;
use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use snapback::journal::{Baselines, Entry, Journal, Wanted};
use snapback::mode::Mode;

use super::scene::{JOURNAL_KEY, NAMED, PUBLIC, bucket_policy_was_put, deliver, hold, policy, put, remembering};
use super::wire::{Answer, Aws, OPERATORS_KEY, mac_of, ok};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Whoever signs, and what is said of them.
#[derive(Clone, Copy)]
struct Certificate<'a> {
    key: &'a str,
    account: &'a str,
    region: &'a str,
    table: &'a str,
    from: Timestamp,
    until: Timestamp,
}

impl Certificate<'_> {
    fn of(from: Timestamp) -> Self {
        let (account, region) = ("111122223333", "eu-central-1");
        Self { key: JOURNAL_KEY, account, region, table: "journal", from, until: from + HOUR }
    }

    /// The item with a seal of this time.
    fn signs(self, item: &Value, at: Timestamp) -> Result<Value> {
        let secret = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok().context("a pair of keys")?;
        let pair = Ed25519KeyPair::from_pkcs8(secret.as_ref()).ok().context("a pair of keys")?;
        let Self { key, account, region, table, from, until } = self;
        let (from, until, at) = (from.as_second(), until.as_second(), at.as_second());
        let public = hexadecimal(pair.public_key().as_ref());
        let certified = hexadecimal(
            format!("snapback certificate 1\n{public}\n{account}\n{region}\n{table}\n{from}\n{until}").as_bytes(),
        );
        let [pk, sk, body] =
            ["pk", "sk", "body"].map(|name| hexadecimal(item[name]["S"].as_str().unwrap_or_default().as_bytes()));
        let signed = format!("snapback journal 1\n{pk}\n{sk}\nplain\n{body}\n{certified}\n{at}");
        let bytes = |bytes: &[u8]| json!({"B": base64::encode(bytes)});
        let number = |number: i64| json!({"N": number.to_string()});
        let mut item = item.clone();
        item["seal"] = json!({"M": {
            "key": bytes(pair.public_key().as_ref()), "from": number(from), "until": number(until),
            "mac": bytes(mac_of(key, certified.as_bytes())), "at": number(at),
            "signature": bytes(pair.sign(signed.as_bytes()).as_ref()),
        }});
        Ok(item)
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn found(item: &Value) -> Answer {
    ok(&json!({"Item": item}).to_string())
}

/// An entry that Snapback has written, about an event of this time.
async fn entry(time: Timestamp) -> Result<Value> {
    let public = policy(&[PUBLIC, NAMED]);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), ok(&policy(&[NAMED]))]);
    deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&public)).await?;
    let mut entry = put(&aws, "DynamoDB.PutItem").pop().context("an entry")?;
    let mut body: Value = serde_json::from_str(entry["body"]["S"].as_str().context("JSON")?)?;
    body["event"]["time"] = json!(time);
    entry["body"] = json!({"S": body.to_string()});
    Ok(entry)
}

async fn read(item: &Value) -> Result<Option<Entry>> {
    let aws = Aws::default().answers("DynamoDB.GetItem", [found(item)]);
    let id = item["pk"]["S"].as_str().context("a key")?.trim_start_matches("entry#").to_owned();
    Journal::new(&aws.config(), "journal").find(&id).await
}

async fn is_forged(item: &Value) -> Result<bool> {
    Ok(read(item).await.is_err_and(|error| error.to_string().contains("in the journal is not genuine")))
}

#[tokio::test]
async fn what_was_signed_in_its_time_is_believed_for_as_long_as_it_is_kept() -> Result<()> {
    for days in [0, 30, 365] {
        let then = Timestamp::now() - DAY * days - MINUTE * 10;
        let signed = Certificate::of(then).signs(&entry(then).await?, then + MINUTE)?;
        assert_eq!(read(&signed).await?.context("it is there")?.event.time, then, "{days} days ago");
    }
    Ok(())
}

#[tokio::test]
async fn what_was_signed_at_another_time_than_it_may_have_been_is_not_believed() -> Result<()> {
    let now = Timestamp::now();
    let entry = entry(now).await?;
    // CloudTrail's times are whole seconds, and clocks differ.
    for (at, is_believed) in [(-4, true), (-6, false), (4, true), (6, false)] {
        let at = now + MINUTE * at;
        let signed = Certificate::of(at - MINUTE).signs(&entry, at)?;
        assert_eq!(is_forged(&signed).await?, !is_believed, "signed at {at}, of {now}");
    }
    for (from, until) in [
        (now - MINUTE * 30, now - MINUTE),
        (now + MINUTE, now + MINUTE * 30),
        (now - MINUTE * 30, now + MINUTE * 31),
        (now - DAY, now + DAY * 3650),
    ] {
        let signed = Certificate { until, ..Certificate::of(from) }.signs(&entry, now)?;
        assert!(is_forged(&signed).await?, "from {from} until {until}");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_is_for_one_table_and_by_the_journals_key() -> Result<()> {
    let now = Timestamp::now();
    let (entry, own) = (entry(now).await?, Certificate::of(now - MINUTE));
    assert!(!is_forged(&own.signs(&entry, now)?).await?);
    for other in [
        Certificate { table: "another", ..own },
        Certificate { account: "444455556666", ..own },
        Certificate { region: "eu-west-1", ..own },
        // Operators seal with it, and do not certify.
        Certificate { key: OPERATORS_KEY, ..own },
    ] {
        assert!(is_forged(&other.signs(&entry, now)?).await?, "{} {} {}", other.account, other.region, other.table);
    }
    Ok(())
}

#[tokio::test]
async fn each_part_of_a_signature_counts() -> Result<()> {
    let now = Timestamp::now();
    let (entry, own) = (entry(now).await?, Certificate::of(now - MINUTE));
    let (signed, other) = (own.signs(&entry, now)?, own.signs(&entry, now - MINUTE)?);
    for part in ["key", "from", "until", "mac", "at", "signature"] {
        let mut changed = signed.clone();
        changed["seal"]["M"][part] = match part {
            "from" | "until" => json!({"N": (now + MINUTE).as_second().to_string()}),
            _ => other["seal"]["M"][part].clone(),
        };
        assert!(is_forged(&changed).await?, "another {part}");
        changed["seal"]["M"][part] = json!({"S": "none"});
        assert!(is_forged(&changed).await?, "no {part}");
    }
    for attribute in ["pk", "sk", "body"] {
        let mut moved = signed.clone();
        let text = moved[attribute]["S"].as_str().context("a text")?.replace('0', "1").replace("entry", "entrj");
        moved[attribute] = json!({"S": text});
        assert!(is_forged(&moved).await?, "another {attribute}");
    }
    Ok(())
}

#[tokio::test]
async fn kms_is_asked_about_a_certificate_once_and_not_about_what_it_does_not_fit() -> Result<()> {
    let now = Timestamp::now();
    let (entry, own) = (entry(now).await?, Certificate::of(now - MINUTE));
    let signed = own.signs(&entry, now)?;
    let listed = json!({"Items": [signed, signed, signed], "Count": 3, "ScannedCount": 3}).to_string();
    let aws = Aws::default().answers("DynamoDB.Query", [ok(&listed)]).answers("DynamoDB.GetItem", [found(&signed)]);
    let journal = Journal::new(&aws.config(), "journal");
    assert!(journal.history(&Wanted::default(), 50).await?.0.iter().all(|(_, entry)| entry.is_ok()));
    assert_eq!(aws.bodies("KMS.VerifyMac").len(), 1);
    let mut changed = signed;
    changed["body"] = json!({"S": "{}"});
    let aws = Aws::default().answers("DynamoDB.GetItem", [found(&changed)]);
    assert!(Journal::new(&aws.config(), "journal").find("any").await.is_err());
    assert!(aws.bodies("KMS.VerifyMac").is_empty());
    Ok(())
}

/// Neither with a key that may sign, nor with the journal's key itself.
#[tokio::test]
async fn who_has_got_hold_of_a_function_holds_nothing() -> Result<()> {
    let now = Timestamp::now();
    let genuine = hold(&snapback::json::canonical(&serde_json::from_str(PUBLIC)?), now + HOUR).await?;
    let signed = Certificate::of(now - MINUTE).signs(&genuine, now)?;
    let [pk, sk, body] =
        ["pk", "sk", "body"].map(|name| hexadecimal(genuine[name]["S"].as_str().unwrap_or_default().as_bytes()));
    let message = hexadecimal(format!("snapback journal 1\n{pk}\n{sk}\nplain\n{body}").as_bytes());
    let [by_operators, by_functions] = [OPERATORS_KEY, JOURNAL_KEY].map(|key| {
        let mut sealed = genuine.clone();
        sealed["seal"] = json!({"B": base64::encode(mac_of(key, message.as_bytes()))});
        sealed
    });
    for (item, is_held) in [(&genuine, true), (&by_operators, true), (&by_functions, false), (&signed, false)] {
        let aws = Aws::default().answers("DynamoDB.GetItem(hold)", [found(item)]);
        let held =
            Journal::new(&aws.config(), "journal").holds("s3-public-bucket-policy", "arn:aws:s3:::b", now).await?;
        assert_eq!((held.0.len(), held.1.len()), if is_held { (1, 0) } else { (0, 1) });
    }
    Ok(())
}

#[tokio::test]
async fn a_baseline_is_as_old_as_its_signature_whatever_stands_beside_it() -> Result<()> {
    let (control, resource, now) = ("s3-lost-bucket-deny", "arn:aws:s3:::b", Timestamp::now());
    let (_, body) = remembering(control, resource, json!("good")).await?;
    let mut item = serde_json::from_str::<Value>(&body)?["Item"].clone();
    for (days, expires, is_known) in
        [(0, now + DAY, true), (0, now - DAY, true), (29, now + DAY, true), (31, now + DAY, false)]
    {
        let at = now - DAY * days;
        item["expires"] = json!({"N": expires.as_second().to_string()});
        let signed = Certificate::of(at - MINUTE).signs(&item, at)?;
        let aws = Aws::default().answers("DynamoDB.GetItem(memory)", [found(&signed)]);
        let memory = Journal::new(&aws.config(), "journal").remembered(control, resource, now).await?;
        let seen = memory.map(|memory| memory.seen.as_second());
        assert_eq!(seen, is_known.then_some(at.as_second()), "{days} days");
    }
    Ok(())
}

/// What is put in its place silences nobody.
#[tokio::test]
async fn a_forged_baseline_is_an_error_that_names_it_where_one_is_needed() -> Result<()> {
    let (control, resource, now) = ("s3-lost-bucket-deny", "arn:aws:s3:::b", Timestamp::now());
    let (_, body) = remembering(control, resource, json!("good")).await?;
    let mut item = serde_json::from_str::<Value>(&body)?["Item"].clone();
    item["body"] = json!({"S": item["body"]["S"].as_str().context("JSON")?.replace("good", "bad")});
    let answers = [found(&item), found(&item), found(&item)];
    let aws = Aws::default().answers("DynamoDB.GetItem(memory)", answers);
    let journal = Journal::new(&aws.config(), "journal");
    let failures = [
        journal.remembered(control, resource, now).await.expect_err("it is forged"),
        Baselines::new(&journal, []).of(control, resource).await.expect_err("it is forged"),
    ];
    for failure in failures.map(|failure| format!("{failure:#}")) {
        assert!(failure.contains("the baseline of `arn:aws:s3:::b` in the journal is not genuine"), "{failure}");
    }
    assert!(Baselines::to_overwrite(&journal).of(control, resource).await?.is_none(), "a check remembers anew");
    Ok(())
}
