//! How the command finds the journal, and what it says where it cannot: against canned answers of AWS, over HTTP.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context, Result};

/// A status and a body.
type Answer = (u16, String);

/// Answers as AWS does, and keeps what it was asked.
struct Aws {
    endpoint: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Aws {
    /// Without an answer of its own, an operation is denied, as AWS denies what no policy allows.
    fn answering<const N: usize>(answers: [(&str, Answer); N]) -> Result<Self> {
        let answers: HashMap<String, Answer> = answers.map(|(name, answer)| (name.to_owned(), answer)).into();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let asked = Arc::new(Mutex::new(vec![]));
        let keep = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // The command may have ended in between.
                let _ = answer(stream, &answers, &keep);
            }
        });
        Ok(Self { endpoint, asked })
    }

    /// The operations in order, with the tables, stacks and keys that their requests name.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics while holding it").clone()
    }

    fn asked_for(&self, operation: &str) -> Vec<String> {
        self.asked().into_iter().filter(|asked| asked.starts_with(operation)).collect()
    }

    fn run(&self, words: &[&str]) -> Result<Said> {
        self.run_with(words, &[])
    }

    fn run_with(&self, words: &[&str], variables: &[(&str, &str)]) -> Result<Said> {
        let mut all = vec![("AWS_ENDPOINT_URL", self.endpoint.as_str()), ("AWS_REGION", "eu-central-1")];
        all.extend([("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
        all.extend(variables);
        snapback(words, &all)
    }
}

fn answer(mut stream: TcpStream, answers: &HashMap<String, Answer>, keep: &Mutex<Vec<String>>) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut target, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            if line.trim().is_empty() {
                break;
            }
            continue;
        };
        match name.to_lowercase().as_str() {
            "x-amz-target" => target = value.rsplit('.').next().map(str::to_owned),
            "content-length" => length = value.parse()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8(body)?;
    let form: HashMap<&str, &str> = body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let is_json = target.is_some();
    let operation = target.or(form.get("Action").map(ToString::to_string)).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let names = [json["TableName"].as_str(), json["KeyId"].as_str(), form.get("StackName").copied()];
    let of = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
    keep.lock().expect("nobody panics while holding it").push(format!("{operation} {of}"));
    let denied = if is_json {
        json_error("AccessDeniedException", "not authorized")
    } else {
        xml_error("AccessDenied", "not authorized")
    };
    let (status, body) = answers.get(&operation).cloned().unwrap_or(denied);
    write!(stream, "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())?;
    Ok(())
}

fn json_error(code: &str, message: &str) -> Answer {
    (400, serde_json::json!({"__type": code, "message": message}).to_string())
}

fn xml_error(code: &str, message: &str) -> Answer {
    (400, format!("<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"))
}

fn caller() -> Answer {
    let who = "<Account>111122223333</Account><Arn>arn:aws:iam::111122223333:user/operator</Arn>";
    (
        200,
        format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult>{who}</GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
    )
}

fn stack(output: &str, table: &str) -> Answer {
    let outputs = format!("<member><OutputKey>{output}</OutputKey><OutputValue>{table}</OutputValue></member>");
    let stack = format!(
        "<member><StackName>any</StackName><StackStatus>CREATE_COMPLETE</StackStatus>\
         <CreationTime>2026-01-31T12:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member>"
    );
    (
        200,
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks>{stack}</Stacks></DescribeStacksResult></DescribeStacksResponse>"
        ),
    )
}

/// A journal without entries, holds or a stop.
fn empty() -> [(&'static str, Answer); 2] {
    [("Query", (200, r#"{"Items": [], "Count": 0}"#.to_owned())), ("GetItem", (200, "{}".to_owned()))]
}

/// The same, where the stack names it.
fn deployed() -> [(&'static str, Answer); 3] {
    let [query, item] = empty();
    [query, item, ("DescribeStacks", stack("JournalTable", "of-the-stack"))]
}

fn no_table() -> Answer {
    json_error("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "Requested resource not found")
}

struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// One error: its first line and what follows it, each said once.
    #[track_caller]
    fn refuses(&self, first: &str, others: &[&str]) {
        assert_eq!(self.status, Some(2), "{}", self.err);
        assert_eq!(self.err.lines().next(), Some(format!("snapback: {first}").as_str()), "{}", self.err);
        assert_eq!(self.err.matches("snapback: ").count(), 1, "it is one error: {}", self.err);
        for other in others {
            assert_eq!(self.err.matches(other).count(), 1, "`{other}` once: {}", self.err);
        }
        for debug in ["DispatchFailure", "SdkError", "Error {", "Some("] {
            assert!(!self.err.contains(debug), "{}", self.err);
        }
    }
}

fn snapback(words: &[&str], variables: &[(&str, &str)]) -> Result<Said> {
    let done = Command::new(env!("CARGO_BIN_EXE_snapback"))
        .args(words)
        .env_clear()
        .env("HOME", home()?)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()?;
    let (out, err) = (String::from_utf8(done.stdout)?, String::from_utf8(done.stderr)?);
    Ok(Said { status: done.status.code(), out, err })
}

/// A home without a profile of AWS.
fn home() -> Result<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    fs::create_dir_all(&home)?;
    Ok(home)
}

/// An address at which nobody listens.
fn nobody() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    Ok(format!("http://{}", listener.local_addr()?))
}

#[test]
fn flags_name_the_journal_before_the_variable_and_that_before_the_stack_of_the_usual_name() -> Result<()> {
    let aws = Aws::answering(deployed())?;
    let variable = [("SNAPBACK_JOURNAL", "of-the-variable")];
    let said = aws.run_with(&["history", "--journal", "of-the-flag", "--stack", "other"], &variable)?;
    assert_eq!((said.status, said.out.as_str(), said.err.as_str()), (Some(0), "The journal has no entries yet.\n", ""));
    assert_eq!(aws.run_with(&["history"], &variable)?.status, Some(0));
    assert_eq!(aws.run_with(&["history", "--stack", "mine"], &variable)?.status, Some(0));
    assert_eq!(aws.run_with(&["history"], &[("SNAPBACK_JOURNAL", "")])?.status, Some(0));
    assert_eq!(aws.run(&["history", "--stack", "other"])?.status, Some(0));
    assert_eq!(
        aws.asked(),
        [
            "Query of-the-flag",
            "Query of-the-variable",
            "DescribeStacks mine",
            "Query of-the-stack",
            "DescribeStacks snapback",
            "Query of-the-stack",
            "DescribeStacks other",
            "Query of-the-stack",
        ]
    );
    Ok(())
}

#[test]
fn every_command_that_needs_the_journal_finds_it() -> Result<()> {
    let [query, item, stack] = deployed();
    let aws = Aws::answering([query, item, stack, ("GetCallerIdentity", caller())])?;
    for words in [
        &["history"][..],
        &["undo", "e-1", "--yes"],
        &["undo", "--since", "2h", "--yes"],
        &["apply", "e-1", "--yes"],
        &["release", "e-1"],
        &["start"],
        &["stop", "--reason", "a drill"],
    ] {
        aws.run(words)?;
    }
    assert_eq!(aws.asked_for("DescribeStacks").len(), 7);
    let of_the_journal = ["Query", "GetItem"].map(|operation| aws.asked_for(operation)).concat();
    assert!(of_the_journal.len() >= 6, "{of_the_journal:?}");
    assert!(of_the_journal.iter().all(|asked| asked.ends_with(" of-the-stack")), "{of_the_journal:?}");
    // The operators' key goes by the table's name.
    assert_eq!(aws.asked_for("GenerateMac"), ["GenerateMac alias/of-the-stack-operators"]);
    Ok(())
}

#[test]
fn an_error_names_the_journal_and_who_named_it() -> Result<()> {
    let [query, item] = empty();
    let aws =
        Aws::answering([query, item, ("DescribeStacks", stack("JournalTable", "t")), ("GetCallerIdentity", caller())])?;
    let place = "eu-central-1, account 111122223333";
    for (words, variables, by) in [
        (&["undo", "e-1", "--journal", "t"][..], &[][..], "--journal"),
        (&["undo", "e-1"], &[("SNAPBACK_JOURNAL", "t")], "SNAPBACK_JOURNAL"),
        (&["undo", "e-1"], &[], "stack `snapback`"),
        (&["undo", "e-1", "--stack", "mine"], &[], "stack `mine`"),
    ] {
        let said = aws.run_with(words, variables)?;
        said.refuses(
            "there is no entry `e-1` in the journal",
            &[&format!("journal: table `t` (named by {by}), {place}")],
        );
    }
    let elsewhere = aws.run(&["undo", "e-1", "--region", "us-east-2"])?;
    elsewhere.refuses("there is no entry `e-1` in the journal", &[", us-east-2, account 111122223333"]);
    Ok(())
}

#[test]
fn an_unknown_table_is_one_error_however_many_entries_were_meant() -> Result<()> {
    let aws = Aws::answering([("Query", no_table()), ("GetItem", no_table()), ("GetCallerIdentity", caller())])?;
    for words in [
        &["history"][..],
        &["undo", "--since", "2h", "--yes"],
        &["undo", "e-1", "--yes"],
        &["apply", "e-1", "--yes"],
        &["release", "e-1"],
        &["start"],
        &["scan"],
    ] {
        let said = aws.run(&[words, &["--journal", "typo"]].concat())?;
        said.refuses(
            "there is no table `typo` in eu-central-1",
            &[
                "hint: Check --region, --journal and SNAPBACK_JOURNAL.",
                "(named by --journal), eu-central-1, account 111122223333",
            ],
        );
    }
    Ok(())
}

#[test]
fn a_table_that_is_no_journal_is_told_from_a_missing_one() -> Result<()> {
    let missing = json_error(
        "NotFoundException",
        "Alias arn:aws:kms:eu-central-1:111122223333:alias/orders-operators is not found.",
    );
    let aws = Aws::answering([("GenerateMac", missing), ("GetCallerIdentity", caller())])?;
    let said = aws.run(&["stop", "--reason", "a drill", "--journal", "orders"])?;
    said.refuses(
        "table `orders` is not the journal of a Snapback: there is no KMS key `alias/orders` in eu-central-1",
        &["hint: Check --region, --journal and SNAPBACK_JOURNAL."],
    );
    Ok(())
}

/// `40d` is easily written for `4h`.
#[test]
fn a_stop_of_more_than_a_week_is_asked_about() -> Result<()> {
    let aws = Aws::answering([("GetCallerIdentity", caller())])?;
    let stop = ["stop", "--reason", "a drill", "--journal", "t", "--for"];
    let said = aws.run(&[&stop[..], &["999d"]].concat())?;
    said.refuses("there is no terminal to ask at: add --yes if you are sure", &[]);
    assert!(said.out.starts_with("Snapback would revert nothing until 20"), "{}", said.out);
    assert!(said.out.ends_with("Z, which is more than 7 days.\n"), "{}", said.out);
    assert!(aws.asked_for("GenerateMac").is_empty(), "nothing is stopped");
    for sure in [&["7d"][..], &["999d", "-y"]] {
        assert_eq!(aws.run(&[&stop[..], sure].concat())?.out, "");
    }
    assert_eq!(aws.asked_for("GenerateMac").len(), 2);
    Ok(())
}

#[test]
fn without_the_journal_coverage_does_not_say_that_there_was_nothing() -> Result<()> {
    let aws = Aws::answering([("GetCallerIdentity", caller())])?;
    let said = aws.run(&["coverage", "--regions", "eu-central-1", "--journal", "t"])?;
    assert!(said.out.contains("    newest entry in the journal: not known\n"), "{}", said.out);
    let sum = "1 checked, 0 not covered, 1 cannot be told; the journal could not be read";
    assert_eq!((said.status, said.out.lines().last()), (Some(2), Some(sum)), "{}", said.err);
    Ok(())
}

#[test]
fn what_goes_wrong_with_all_entries_is_said_once() -> Result<()> {
    let item = |id: &str| format!(r#"{{"pk": {{"S": "entry#{id}"}}, "sk": {{"S": "entry"}}}}"#);
    let found = format!(r#"{{"Items": [{}, {}], "Count": 2}}"#, item("e-1"), item("e-2"));
    let denied = json_error("AccessDeniedException", "User: arn:aws:iam::111122223333:user/ops is not authorized");
    let aws = Aws::answering([("Query", (200, found)), ("GetItem", denied), ("GetCallerIdentity", caller())])?;
    let said = aws.run(&["history", "--journal", "t"])?;
    assert_eq!((said.status, said.err.matches("not authorized").count()), (Some(1), 1), "{}", said.err);
    assert!(said.err.starts_with("snapback: cannot read e-1, e-2: "), "{}", said.err);
    let said = aws.run(&["undo", "--since", "2h", "--yes", "--journal", "t"])?;
    assert_eq!((said.status, said.out.matches("Cannot be undone: e-1, e-2: ").count()), (Some(1), 1), "{}", said.out);
    Ok(())
}

#[test]
fn an_unknown_stack_is_told_with_what_else_names_the_journal() -> Result<()> {
    let missing = xml_error("ValidationError", "Stack with id snapback does not exist");
    let aws = Aws::answering([("DescribeStacks", missing), ("GetCallerIdentity", caller())])?;
    let said = aws.run(&["history"])?;
    said.refuses(
        "there is no CloudFormation stack `snapback` in eu-central-1, account 111122223333",
        &["with --region, its stack with --stack, or the journal's table with --journal."],
    );
    let other = Aws::answering([("DescribeStacks", stack("BucketName", "b"))])?.run(&["history", "--stack", "web"])?;
    other.refuses("stack `web` in eu-central-1 is not Snapback's: it has no output `JournalTable`", &["hint: "]);
    Ok(())
}

#[test]
fn a_denied_call_names_the_permission() -> Result<()> {
    let user = "User: arn:aws:iam::111122223333:user/operator is not authorized to perform:";
    let denied = |action: &str| json_error("AccessDeniedException", &format!("{user} {action}"));
    let stacks = xml_error("AccessDenied", &format!("{user} cloudformation:DescribeStacks"));
    let [query, _] = empty();
    let aws = Aws::answering([
        query,
        ("GetItem", denied("dynamodb:GetItem")),
        ("DescribeStacks", stacks),
        ("GetCallerIdentity", caller()),
    ])?;
    let first = "your credentials are not allowed to do this in eu-central-1";
    aws.run(&["undo", "e-1", "--journal", "t"])?.refuses(first, &["dynamodb:GetItem", "hint: ", "journal: table `t`"]);
    aws.run(&["history"])?.refuses(first, &["cloudformation:DescribeStacks", "hint: "]);
    Ok(())
}

#[test]
fn expired_and_wrong_credentials_are_told_apart() -> Result<()> {
    for (code, first, hint) in [
        ("ExpiredTokenException", "your AWS credentials have expired", "aws sso login"),
        ("UnrecognizedClientException", "AWS does not accept your credentials in eu-central-1", "AWS_PROFILE"),
    ] {
        let refusal = json_error(code, "The security token included in the request is no good");
        let [as_xml, as_json] = [xml_error(code, "no good"), refusal];
        let aws =
            Aws::answering([("Query", as_json), ("GetCallerIdentity", as_xml.clone()), ("DescribeStacks", as_xml)])?;
        aws.run(&["history", "--journal", "t"])?.refuses(first, &[hint, "journal: table `t`"]);
        aws.run(&["history"])?.refuses(first, &[hint]);
        aws.run(&["scan"])?.refuses(first, &[hint]);
    }
    Ok(())
}

#[test]
fn without_credentials_it_says_how_to_get_some() -> Result<()> {
    let event = Path::new(env!("CARGO_MANIFEST_DIR")).join("../events/s3-public-bucket-policy/everyone-may-read.json");
    let event = event.to_str().context("a path")?;
    let region = [("AWS_REGION", "eu-central-1")];
    for words in [&["history"][..], &["history", "--journal", "t"], &["undo", "e-1"], &["scan"]] {
        snapback(words, &region)?.refuses("there are no AWS credentials", &["hint: Sign in with `aws configure`"]);
    }
    let explained = snapback(&["explain", "event", event, "--look"], &region)?;
    assert_eq!(explained.status, Some(2));
    assert!(explained.err.contains("there are no AWS credentials"), "{}", explained.err);
    Ok(())
}

#[test]
fn without_a_region_or_with_a_wrong_one_it_says_so() -> Result<()> {
    let keys = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    for words in [&["history"][..], &["history", "--journal", "t"], &["undo", "--since", "2h"], &["scan"]] {
        snapback(words, &keys)?.refuses("no AWS Region is set", &["hint: Name it with --region"]);
        let no_region = snapback(words, &[&keys[..], &[("AWS_REGION", "Frankfurt!")]].concat())?;
        no_region.refuses("`Frankfurt!` is not an AWS Region: expected a Region such as `eu-central-1`", &["hint: "]);
    }
    let endpoint = nobody()?;
    let all = [&keys[..], &[("AWS_ENDPOINT_URL", &endpoint), ("AWS_MAX_ATTEMPTS", "1")]].concat();
    for words in [&["history"][..], &["history", "--journal", "t"], &["undo", "--since", "2h"], &["scan"]] {
        let said = snapback(&[words, &["--region", "eu-centrl-1"]].concat(), &all)?;
        let first = format!("AWS does not answer in eu-centrl-1 ({endpoint})");
        said.refuses(&first, &["hint: Check that the Region is spelled as AWS spells it"]);
    }
    Ok(())
}

#[test]
fn a_scan_goes_on_without_a_journal_that_nobody_named_and_says_so_once() -> Result<()> {
    let missing = xml_error("ValidationError", "Stack with id snapback does not exist");
    let aws = Aws::answering([("DescribeStacks", missing), ("GetCallerIdentity", caller())])?;
    let said = aws.run(&["scan", "--control", "ec2-serial-console"])?;
    let note = "going on without baselines and holds: there is no CloudFormation stack `snapback` in eu-central-1";
    assert_eq!(said.err.matches(note).count(), 1, "{}", said.err);
    assert!(said.err.contains("ec2-serial-console on "), "it went on: {}", said.err);
    aws.run(&["scan", "--stack", "mine"])?
        .refuses("there is no CloudFormation stack `mine` in eu-central-1, account 111122223333", &["hint: "]);
    Ok(())
}

#[test]
fn a_scan_asks_the_journal_that_it_found() -> Result<()> {
    let [query, item, stack] = deployed();
    let aws = Aws::answering([
        query,
        item,
        stack,
        ("GetCallerIdentity", caller()),
        (
            "GetSerialConsoleAccessStatus",
            (200, "<GetSerialConsoleAccessStatusResponse><serialConsoleAccessEnabled>true</serialConsoleAccessEnabled></GetSerialConsoleAccessStatusResponse>".to_owned()),
        ),
    ])?;
    let said = aws.run(&["scan", "--control", "ec2-serial-console"])?;
    assert_eq!((said.status, said.err.as_str()), (Some(1), ""), "{}", said.out);
    assert!(said.out.contains("    If this were changed now, Snapback would: "), "{}", said.out);
    assert!(said.out.contains("1 checked, 1 open\n"), "{}", said.out);
    // For the emergency stop, and for the holds.
    assert_eq!(aws.asked_for("GetItem"), ["GetItem of-the-stack"; 2]);
    Ok(())
}

#[test]
fn an_undo_of_nothing_in_particular_names_both_ways() -> Result<()> {
    let said = snapback(&["undo"], &[])?;
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains("`snapback undo ID`") && said.err.contains("`snapback undo --since 2h`"), "{}", said.err);
    let both = snapback(&["undo", "e-1", "--since", "2h"], &[])?;
    assert_eq!(both.status, Some(2));
    Ok(())
}

#[test]
fn help_lists_each_command_in_one_line() -> Result<()> {
    let said = snapback(&["--help"], &[])?;
    assert!(said.out.contains("  undo        Undo a revert, or many\n"), "{}", said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 120), "{}", said.out);
    assert!(snapback(&["--version"], &[])?.out.starts_with("snapback "), "it is called as it is run");
    let undo = snapback(&["undo", "--help"], &[])?.out;
    assert!(undo.contains("Examples:\n  snapback undo 3b548a2ad18543698c66\n"), "{undo}");
    Ok(())
}
