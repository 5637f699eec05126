//! `snapback explain`, as a user runs it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The exit status, what is said, and what is complained of.
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{}{}", self.out, self.err))
    }
}

/// Runs `snapback explain` with standard input.
fn explain(arguments: &[&str], input: impl AsRef<[u8]>) -> Result<Said> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_snapback"))
        .arg("explain")
        .args(arguments)
        .env_remove("SNAPBACK_PUBLIC_PORTS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    // A wrong flag ends the program before it reads anything.
    let _ = child.stdin.take().context("standard input")?.write_all(input.as_ref());
    let Output { status, stdout, stderr } = child.wait_with_output()?;
    Ok(Said { status: status.code(), out: String::from_utf8(stdout)?, err: String::from_utf8(stderr)? })
}

fn file(name: &str, content: &str) -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("explain");
    fs::create_dir_all(&folder)?;
    let file = folder.join(name);
    fs::write(&file, content)?;
    Ok(file)
}

fn statement(principal: &Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"})
}

fn policy(principals: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": principals.iter().map(statement).collect::<Vec<_>>()})
}

fn permission(port: u16, cidr: &str) -> Value {
    json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": cidr}]})
}

#[test]
fn a_public_policy_is_told_with_every_grant_and_without_the_untrusted_ones() -> Result<()> {
    let text = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Sid\": \"Own\", \"Effect\": \"Allow\", \
                \"Principal\": {\"AWS\": \"arn:aws:iam::111122223333:root\"}, \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    \
                {\"Sid\": \"Open\", \"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"}\n  ] }";
    let file = file("public.json", text)?;
    let path = file.to_str().context("a path")?;
    let said = explain(&["policy", path, "--account", "111122223333", "--json"], "")?;
    assert_eq!(said.status, Some(1));
    let answer = said.json()?;
    assert_eq!(answer["exposure"], "public");
    let grants: Vec<_> = answer["grants"].as_array().context("grants")?.iter().collect();
    let told: Vec<_> =
        grants.iter().map(|grant| (&grant["statement"], &grant["exposure"], &grant["grantee"])).collect();
    assert_eq!(
        told,
        [
            (&json!(0), &json!("account"), &json!("arn:aws:iam::111122223333:root")),
            (&json!(1), &json!("public"), &json!("*")),
        ]
    );
    for grant in grants {
        let keys: Vec<_> = grant.as_object().context("a grant")?.keys().collect();
        assert_eq!(keys, ["statement", "exposure", "grantee", "why", "certain"]);
        assert_eq!(grant["certain"], true);
    }
    assert_eq!(answer["without"]["Statement"].as_array().map(Vec::len), Some(1));
    // Not only the same JSON: the same bytes.
    assert!(said.out.contains("\"without\":{ \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Sid\": \"Own\""));
    Ok(())
}

#[test]
fn people_see_which_lines_of_a_policy_would_go() -> Result<()> {
    let text = "{\"Statement\": [\n  {\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"111122223333\"}, \"Action\": \"s3:*\", \"Resource\": \"*\"},\n  \
                {\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"s3:*\", \"Resource\": \"*\"}\n]}\n";
    let said = explain(&["policy", "-", "--account", "111122223333"], text)?;
    assert_eq!(said.status, Some(1));
    assert!(said.out.starts_with("public\n"), "{}", said.out);
    for line in [
        "\n! public ",
        "\n  account ",
        "\nWithout the untrusted:\n  {\"Statement\": [\n",
        "\n-   {\"Effect\": \"Allow\", \"Principal\": \"*\"",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    Ok(())
}

#[test]
fn a_policy_is_judged_by_whom_the_operator_trusts() -> Result<()> {
    let foreign = policy(&[json!({"AWS": "444455556666"})]).to_string();
    let organization = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}}})
    .to_string();
    for (text, flags, exposure, status) in [
        (&foreign, &[][..], "foreign", 1),
        (&foreign, &["--account", "111122223333"], "foreign", 1),
        (&foreign, &["--account", "444455556666"], "account", 0),
        (&foreign, &["--trust-account", "111122223333", "--trust-account", "444455556666"], "account", 0),
        (&organization, &[], "foreign", 1),
        (&organization, &["--trust-organization", "o-a1b2c3d4e5"], "organization", 0),
    ] {
        let said = explain(&[&["policy", "-", "--json"], flags].concat(), text)?;
        assert_eq!((said.json()?["exposure"].as_str(), said.status), (Some(exposure), Some(status)), "{flags:?}");
    }
    Ok(())
}

/// AWS refuses it. Passed over, a statement would lose its condition or its actions, and the answer be about another policy.
#[test]
fn a_misspelt_element_is_refused_with_the_one_that_was_meant() -> Result<()> {
    let resource = |member: &str| {
        format!(
            "{{\"Version\": \"2012-10-17\",\n \"Statement\": {{\"Effect\": \"Allow\", \"Principal\": {{\"AWS\": \
             \"111122223333\"}}, \"Resource\": \"*\", {member}}}}}"
        )
    };
    let around = |members: &str| {
        format!(
            "{{{members}, \"Statement\": {{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\"}}}}"
        )
    };
    let of_kind = |kind: &str| {
        format!(
            "{{\"Statement\": {{\"Effect\": \"Allow\", \"Principal\": {{\"{kind}\": \"x\"}}, \"Action\": \"*\", \"Resource\": \"*\"}}}}"
        )
    };
    for (text, complaint) in [
        (resource(r#""Acton": "s3:GetObject""#), "-:2:90: expected `Action`, found `Acton`"),
        (resource(r#""Action": "*", "Condtion": {}"#), "expected `Condition`, found `Condtion`"),
        (resource(r#""Action": "*", "Comment": "ours""#), "expected `Sid`, `Effect`, `Principal`"),
        (around(r#""Version": "2012-10-18""#), "-:1:13: expected `2012-10-17`, found `2012-10-18`"),
        (around(r#""Version": 2012"#), "expected `2012-10-17` or `2008-10-17`, found `2012`"),
        (around(r#""Verson": "2012-10-17""#), "-:1:2: expected `Version`, found `Verson`"),
        (around(r#""Statment": []"#), "expected `Statement`, found `Statment`"),
        (around(r#""Owner": "us""#), "expected `Version`, `Id` or `Statement`, found `Owner`"),
        (of_kind("Aws"), "expected `AWS`, found `Aws`"),
        (of_kind("Federation"), "expected `Federated`, found `Federation`"),
        (resource(r#""Action": []"#), "-:2:100: expected `\"Action\": \"s3:GetObject\"`, found `[]`"),
        (resource(r#""NotAction": [ ]"#), "expected `\"NotAction\": \"s3:GetObject\"`, found `[ ]`"),
        (
            resource(r#""Action": "*""#).replace(r#""Resource": "*""#, r#""Resource": []"#),
            "expected `\"Resource\": \"*\"`, found `[]`",
        ),
        (
            of_kind("Service").replace(r#""x""#, r#"["s3.amazonaws.com", "*"]"#),
            "expected `\"Service\": \"cloudtrail.amazonaws.com\"`, found `*`",
        ),
    ] {
        let said = explain(&["policy", "-"], &text)?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{text}");
        assert!(said.err.starts_with("snapback: -:") && said.err.contains(complaint), "{text}: {}", said.err);
    }
    let id = around(r#""Version": "2008-10-17", "Id": "ours""#);
    assert_eq!(explain(&["policy", "-"], id)?.status, Some(1));

    let identity =
        |member: &str| format!("{{\"Statement\": {{\"Effect\": \"Allow\", \"Resource\": \"*\", {member}}}}}");
    let said = explain(&["identity", "-"], identity(r#""Acton": "*""#))?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("expected `Action`, found `Acton`"), "{}", said.err);
    assert_eq!(explain(&["identity", "-"], identity(r#""Action": "s3:GetObject""#))?.status, Some(0));
    Ok(())
}

#[test]
fn who_is_a_stranger_only_because_nobody_named_the_owner_is_said_to_be() -> Result<()> {
    let own = policy(&[json!({"AWS": "111122223333"})]).to_string();
    let public = policy(&[json!("*")]).to_string();
    let hint = "\n\nhint: every account counts as a stranger's here. Name the owner's with --account";
    for (text, flags, is_hinted) in [
        (&own, &[][..], true),
        (&own, &["--account", "444455556666"], false),
        (&own, &["--json"], false),
        (&public, &[], false),
    ] {
        let said = explain(&[&["policy", "-"], flags].concat(), text)?;
        assert_eq!(said.out.contains(hint), is_hinted, "{flags:?}: {}", said.out);
    }
    Ok(())
}

#[test]
fn why_a_role_that_nobody_may_assume_denies_everyone_is_said() -> Result<()> {
    let of = |principals: &[Value]| {
        let statements: Vec<Value> = principals
            .iter()
            .map(|principal| json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}))
            .collect();
        json!({"Version": "2012-10-17", "Statement": statements}).to_string()
    };
    let why = "\n\nWithout the untrusted nobody is left. A role cannot be without a trust policy";
    let explained = |text: &str| explain(&["policy", "-", "--kind", "trust", "--account", "111122223333"], text);
    let said = explained(&of(&[json!("*")]))?;
    assert!(said.out.contains(why) && said.out.contains("So everyone is denied:\n"), "{}", said.out);
    assert!(
        said.out.contains(r#"{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}"#),
        "{}",
        said.out
    );
    let some_stay = explained(&of(&[json!("*"), json!({"AWS": "111122223333"})]))?;
    assert!(some_stay.out.contains("\n\nWithout the untrusted:\n"), "{}", some_stay.out);
    Ok(())
}

/// Errors of whatever parses an argument or a file are of no use to whoever wrote it.
#[test]
fn what_is_wrong_with_an_argument_or_a_file_is_said_in_plain_words() -> Result<()> {
    let brace = file("brace.json", "{")?;
    let brace = brace.to_str().context("a path")?;
    let (empty, folder) = (file("empty.json", "")?, concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let empty = empty.to_str().context("a path")?;
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/s3-public-bucket-policy/everyone-may-read.json");
    for (arguments, complaint) in [
        (&["replay", "--threads", "0", "x"][..], "'--threads <NUMBER>': expected a whole number from 1 to 1024"),
        (&["replay", "--threads", "x", "x"], "'--threads <NUMBER>': expected a whole number from 1 to 1024"),
        (&["history", "--limit", "x"], "'--limit <NUMBER>': expected a whole number from 1\n"),
        (&["history", "--limit", "0"], "'--limit <NUMBER>': expected a whole number from 1\n"),
        (&["undo", "x", "--days", "0"], "'--days <DAYS>': expected a whole number from 1 to 3653"),
        (&["scan", "--public-ports", "http"], "expected ports such as `tcp/80,tcp/8000-8100,udp/53,icmp`"),
        (&["explain", "policy", brace], "brace.json:1:1: not JSON: it ends too early\n"),
        (&["explain", "identity", brace], "brace.json:1:1: not JSON: it ends too early\n"),
        (&["explain", "ingress", brace], "brace.json:1:1: not JSON: it ends too early\n"),
        (&["explain", "event", brace], "brace.json:1:1: not JSON: it ends too early\n"),
        (&["explain", "event", event, "--state", brace], "brace.json: not JSON: it ends too early (line 1)\n"),
        (&["stop", "--reason", "r", "--for", "4"], "'--for <SPAN>': expected a span such as `4h`, `30m` or `2d`"),
        (&["explain", "identity"], "expected the file of a policy, or the ARN of who is to be judged with --principal"),
        (&["explain", "policy", folder], "src: expected a file, found a folder\n"),
        (&["explain", "ingress", "--lines", folder], "src: expected a file, found a folder\n"),
        (&["explain", "event", event, "--state", folder], "src: expected a file, found a folder\n"),
        (&["replay", empty], "empty.json: expected CloudTrail records or EventBridge events, found none\n"),
        (&[], "expected a command, found none\n\n"),
        (&["explain"], "expected a command, found none\n\n"),
        (&["guardrails"], "expected a command, found none\n\n"),
    ] {
        let done = Command::new(env!("CARGO_BIN_EXE_snapback"))
            .args(arguments)
            .env_remove("SNAPBACK_PUBLIC_PORTS")
            .output()?;
        let err = String::from_utf8(done.stderr)?;
        assert_eq!((done.status.code(), done.stdout.len()), (Some(2), 0), "{arguments:?}: {err}");
        assert!(err.starts_with("snapback: ") && err.contains(complaint), "{arguments:?}: {err}");
    }
    let done =
        Command::new(env!("CARGO_BIN_EXE_snapback")).arg("scan").env("SNAPBACK_PUBLIC_PORTS", "http").output()?;
    let err = String::from_utf8(done.stderr)?;
    assert!(err.contains("or `none`; the variable SNAPBACK_PUBLIC_PORTS says so"), "{err}");
    Ok(())
}

/// There is no revert that a guardrail could forbid.
#[test]
fn of_a_control_that_only_notifies_no_revert_is_spoken_of() -> Result<()> {
    let event = |path: &str| format!("{}/../events/{path}", env!("CARGO_MANIFEST_DIR"));
    let notified = explain(&["event", &event("signin-root-sign-in/with-mfa.json")], "")?;
    assert!(notified.out.contains("\nguardrails  not asked: this control only notifies"), "{}", notified.out);
    assert!(!notified.out.contains("revert"), "{}", notified.out);
    let reverted = explain(&["event", &event("s3-public-bucket-policy/everyone-may-read.json")], "")?;
    assert!(reverted.out.contains("\nguardrails  if it came to a revert: "), "{}", reverted.out);
    Ok(())
}

#[test]
fn what_a_policy_is_attached_to_can_be_told() -> Result<()> {
    let statement = |effect: &str, resource: &str| json!({"Effect": effect, "Principal": "*", "Action": "sqs:*", "Resource": resource});
    let queue = "arn:aws:sqs:eu-central-1:111122223333:orders";
    let text = json!({"Statement": [statement("Allow", "*"), statement("Deny", queue)]}).to_string();
    for (flags, exposure, is_certain) in [
        (&[][..], "public", false),
        (&["--resource", queue], "none", true),
        (&["--resource", "arn:aws:sqs:eu-central-1:111122223333:bills"], "public", true),
    ] {
        let said = explain(&[&["policy", "-", "--json"], flags].concat(), &text)?.json()?;
        let certain = &said["grants"][0]["certain"];
        assert_eq!((said["exposure"].as_str(), certain.as_bool()), (Some(exposure), Some(is_certain)), "{flags:?}");
    }
    Ok(())
}

#[test]
fn nothing_is_left_of_a_policy_that_only_lets_strangers_in_but_a_role_keeps_a_trust_policy() -> Result<()> {
    let bucket = policy(&[json!("*")]).to_string();
    let said = explain(&["policy", "-", "--json"], &bucket)?;
    assert_eq!((said.json()?["without"].clone(), said.status), (Value::Null, Some(1)));
    let people = explain(&["policy", "-"], &bucket)?;
    assert!(people.out.contains("Nothing would be left"), "{}", people.out);

    let role = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}});
    let said = explain(&["policy", "-", "--kind", "trust", "--json"], role.to_string())?;
    let left = said.json()?["without"].clone();
    assert_eq!((&left["Statement"]["Effect"], said.status), (&json!("Deny"), Some(1)), "{left}");
    Ok(())
}

#[test]
fn a_policy_that_lets_nobody_untrusted_in_stays_as_it_is() -> Result<()> {
    let text = policy(&[json!({"AWS": "111122223333"})]).to_string();
    let said = explain(&["policy", "-", "--account", "111122223333", "--json"], &text)?;
    assert_eq!(said.status, Some(0));
    assert!(said.out.ends_with(&format!("\"without\":{text}}}\n")), "{}", said.out);
    let empty = explain(&["policy", "-", "--json"], "{\"Statement\": []}")?;
    assert_eq!(empty.out, "{\"exposure\":\"none\",\"grants\":[],\"without\":{\"Statement\": []}}\n");
    assert_eq!(empty.status, Some(0));
    Ok(())
}

#[test]
fn an_identity_policy_is_told_with_the_ways_to_become_administrator() -> Result<()> {
    let of = |actions: Value| json!({"Statement": {"Effect": "Allow", "Action": actions, "Resource": "*"}}).to_string();
    let said = explain(&["identity", "-", "--json"], of(json!("*")))?;
    let answer = said.json()?;
    assert_eq!((&answer["admin"], said.status), (&json!(true), Some(1)));
    assert_eq!(answer["escalation"].as_array().map(Vec::len), Some(103));
    let said = explain(
        &["identity", "-", "--json"],
        of(json!(["iam:PassRole", "lambda:InvokeFunction", "lambda:CreateFunction"])),
    )?;
    assert_eq!(said.json()?["escalation"], json!(["iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction"]));
    assert_eq!((&said.json()?["admin"], said.status), (&json!(false), Some(1)));
    let said = explain(&["identity", "-", "--json"], of(json!("s3:Get*")))?;
    assert_eq!(said.out, "{\"admin\":false,\"escalation\":[],\"why\":[]}\n");
    assert_eq!(said.status, Some(0));
    let people = explain(&["identity", "-"], of(json!("iam:CreateAccessKey")))?;
    assert_eq!(
        people.out,
        "one of the published ways to become administrator\n! `iam:CreateAccessKey`: the holder signs \
        in as another user with a new access key (pathfinding.cloud iam-002), allowed by statement 1\n"
    );
    Ok(())
}

/// What `aws iam get-account-authorization-details` writes of one user, who is in one group.
fn details() -> Value {
    let admin = json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}});
    let no_iam = json!({"Statement": [
        {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"},
    ]});
    // As the API has it; the AWS CLI gives objects.
    let pass = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22iam%3APassRole%22%2C\
                %22Resource%22%3A%22%2A%22%7D%7D";
    let run = json!({"Statement": {"Effect": "Allow", "Action": ["lambda:*"], "Resource": "*"}});
    let version = |document: &Value| {
        json!([
            {"VersionId": "v2", "IsDefaultVersion": false, "Document": {"Statement": []}},
            {"VersionId": "v1", "IsDefaultVersion": true, "Document": document},
        ])
    };
    let of = |name: &str| format!("arn:aws:iam::111122223333:policy/{name}");
    json!({
        "UserDetailList": [
            {"UserName": "bob", "Arn": "arn:aws:iam::111122223333:user/eng/bob", "GroupList": ["devs"],
             "UserPolicyList": [{"PolicyName": "pass", "PolicyDocument": pass}], "AttachedManagedPolicies": []},
            {"UserName": "eve", "Arn": "arn:aws:iam::111122223333:user/eve", "GroupList": [],
             "AttachedManagedPolicies": [{"PolicyName": "admin", "PolicyArn": of("admin")}],
             "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": of("no-iam")}},
            {"UserName": "tom", "Arn": "arn:aws:iam::111122223333:user/tom", "GroupList": ["gone"]},
        ],
        "RoleDetailList": [
            {"RoleName": "root", "Arn": "arn:aws:iam::111122223333:role/root",
             "AttachedManagedPolicies": [{"PolicyName": "admin", "PolicyArn": of("admin")}]},
        ],
        "GroupDetailList": [
            {"GroupName": "devs", "Arn": "arn:aws:iam::111122223333:group/devs",
             "AttachedManagedPolicies": [{"PolicyName": "run", "PolicyArn": of("run")}]},
        ],
        "Policies": [
            {"Arn": of("run"), "PolicyVersionList": version(&run)},
            {"Arn": of("admin"), "PolicyVersionList": version(&admin)},
            {"Arn": of("no-iam"), "PolicyVersionList": version(&no_iam)},
        ],
    })
}

#[test]
fn a_principal_is_judged_by_all_that_a_saved_account_says_it_holds() -> Result<()> {
    let of = |arn: &str| explain(&["identity", "-", "--principal", arn, "--json"], details().to_string());
    let bob = of("arn:aws:iam::111122223333:user/eng/bob")?;
    let answer = bob.json()?;
    assert_eq!((&answer["admin"], bob.status), (&json!(false), Some(1)), "{}", bob.err);
    let name = "iam:PassRole+lambda:CreateFunction+lambda:InvokeFunction";
    let why = answer["why"].as_array().and_then(|why| why.iter().find(|why| why.to_string().contains(name)));
    let why = why.map(ToString::to_string).unwrap_or_default();
    let through = "statement 1 of inline policy `pass` and statement 1 of managed policy `run` of group `devs`";
    assert!(why.contains(through), "{answer}");

    let eve = of("arn:aws:iam::111122223333:user/eve")?.json()?;
    assert_eq!(eve["admin"], json!(false), "her boundary bounds her");
    let why = eve["why"][0].to_string();
    assert!(why.contains("of managed policy `admin`, within statement 1 of permissions boundary `no-iam`"), "{why}");

    let session = "arn:aws:sts::111122223333:assumed-role/root/alice";
    let people = explain(&["identity", "-", "--principal", session], details().to_string())?;
    let told = "arn:aws:iam::111122223333:role/root: administrator, and 102 of the published ways to become one\n\
                ! the holder may do everything, allowed by statement 1 of managed policy `admin`\n";
    assert_eq!((people.out.as_str(), people.status), (told, Some(1)));

    for (arn, said) in [
        ("arn:aws:iam::111122223333:user/zoe", "-:1:1: `arn:aws:iam::111122223333:user/zoe` is not in it"),
        ("arn:aws:iam::111122223333:user/tom", "-:1:1: group `gone` is not in it"),
        ("arn:aws:iam::444455556666:user/bob", "-:1:1: `arn:aws:iam::444455556666:user/bob` is not in it"),
    ] {
        let said_of = of(arn)?;
        assert_eq!((said_of.status, said_of.err), (Some(2), format!("snapback: {said}\n")), "{arn}");
    }
    let nobody = json!({"UserDetailList": [], "RoleDetailList": [], "GroupDetailList": [], "Policies": []});
    let said = explain(&["identity", "-", "--principal", session], nobody.to_string())?;
    assert!(said.err.contains("`arn:aws:iam::111122223333:role/root` is not in it"), "{}", said.err);
    let other = explain(&["identity", "-", "--principal", session], json!({"Statement": []}).to_string())?;
    assert!(other.err.contains("expected what `aws iam get-account-authorization-details` writes"), "{}", other.err);
    Ok(())
}

#[test]
fn of_a_saved_account_the_roles_are_followed_that_a_principal_may_assume() -> Result<()> {
    let may_assume = |role: &str| {
        let statement = json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": format!("arn:aws:iam::111122223333:role/{role}")});
        json!({"PolicyName": "assumes", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}})
    };
    let role = |name: &str, inline: Value, managed: &[&str]| {
        let trust = json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"});
        let attached: Vec<Value> = managed.iter().map(|arn| json!({"PolicyName": "p", "PolicyArn": arn})).collect();
        json!({
            "Arn": format!("arn:aws:iam::111122223333:role/{name}"), "RoleName": name, "RolePolicyList": inline,
            "AttachedManagedPolicies": attached,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        })
    };
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let runs = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"},
    ]});
    let user = |name: &str, role: &str| {
        let arn = format!("arn:aws:iam::111122223333:user/{name}");
        json!({"Arn": arn, "UserName": name, "UserPolicyList": [may_assume(role)]})
    };
    let account = json!({
        "UserDetailList": [user("dave", "Admin"), user("erin", "Hop"), user("finn", "Reader"), user("gus", "Adm*"),
            user("hana", "Runner")],
        "RoleDetailList": [
            role("Admin", json!([]), &[admin]), role("Hop", json!([may_assume("Admin")]), &[]), role("Reader", json!([]), &[]),
            role("Runner", json!([{"PolicyName": "runs", "PolicyDocument": runs}]), &[]),
        ],
        "GroupDetailList": [],
        "Policies": [{"Arn": admin, "PolicyVersionList": [{"IsDefaultVersion": true, "Document": all}]}],
    });
    for (name, status, said) in [
        ("dave", 1, "it may assume role `Admin`"),
        ("erin", 1, "it may assume role `Hop`"),
        ("gus", 1, "it may assume role `Admin`"),
        ("hana", 1, "it may assume role `Runner`"),
        ("finn", 0, "not an administrator"),
    ] {
        let arn = format!("arn:aws:iam::111122223333:user/{name}");
        let answer = explain(&["identity", "-", "--principal", &arn], account.to_string())?;
        assert_eq!(answer.status, Some(status), "{name}: {}{}", answer.out, answer.err);
        assert!(answer.out.contains(said), "{name}: {}", answer.out);
    }
    let alone = explain(&["identity", "-"], may_assume("Admin")["PolicyDocument"].to_string())?;
    assert!(alone.status == Some(0) && alone.err.contains("it may assume roles"), "{}", alone.err);
    Ok(())
}

#[test]
fn ingress_is_told_as_the_ranges_beyond_the_public_ports() -> Result<()> {
    let (ssh, web) = (permission(22, "0.0.0.0/0"), permission(443, "0.0.0.0/0"));
    let open = "{\"exposure\":\"public\",\"open\":[{\"protocol\":\"tcp\",\"ports\":\"22\",\"cidr\":\"0.0.0.0/0\"}]}\n";
    let closed = "{\"exposure\":\"none\",\"open\":[]}\n";
    for (document, flags, answer, status) in [
        (ssh.clone(), &[][..], open, 1),
        (json!([ssh, web]), &[], open, 1),
        (json!([permission(22, "0.0.0.0/1"), permission(22, "128.0.0.0/1")]), &[], open, 1),
        (web.clone(), &[], closed, 0),
        (json!([]), &[], closed, 0),
        (ssh, &["--public-ports", "tcp/22"], closed, 0),
        (web, &["--public-ports", ""], &open.replace("\"22\"", "\"443\""), 1),
        (permission(22, "203.0.113.0/24"), &[], closed, 0),
    ] {
        let said = explain(&[&["ingress", "-", "--json"], flags].concat(), document.to_string())?;
        assert_eq!((said.out.as_str(), said.status), (answer, Some(status)), "{document} {}", said.err);
    }
    let people = explain(&["ingress", "-"], permission(22, "0.0.0.0/0").to_string())?;
    assert_eq!(people.out, "public: open to the world beyond tcp/80,tcp/443\n! tcp/22 from 0.0.0.0/0\n");
    Ok(())
}

/// One rule, as `aws ec2 describe-security-group-rules` tells it.
fn rule(group: &str, is_egress: bool, cidr: &str) -> Value {
    let field = if cidr.contains(':') { "CidrIpv6" } else { "CidrIpv4" };
    json!({"SecurityGroupRuleId": "sgr-1", "GroupId": group, "GroupOwnerId": "111122223333", "IsEgress": is_egress,
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, field: cidr, "Tags": []})
}

#[test]
fn ingress_is_read_from_what_describes_rules_or_groups() -> Result<()> {
    let of_group = |rules: &[Value]| json!({"SecurityGroupRules": rules});
    let by_group = json!({"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "-1",
        "FromPort": -1, "ToPort": -1, "ReferencedGroupInfo": {"GroupId": "sg-2"}});
    for (document, open) in [
        (of_group(&[rule("sg-1", false, "0.0.0.0/0"), by_group.clone()]), json!(["0.0.0.0/0"])),
        (of_group(&[rule("sg-1", true, "0.0.0.0/0"), by_group]), json!([])),
        (json!([rule("sg-1", false, "::/0"), rule("sg-1", true, "0.0.0.0/0")]), json!(["::/0"])),
        (rule("sg-1", false, "0.0.0.0/0"), json!(["0.0.0.0/0"])),
        (of_group(&[rule("sg-1", false, "8.0.0.0/8"), rule("sg-1", false, "9.0.0.0/8")]), json!(["8.0.0.0/7"])),
        (of_group(&[rule("sg-1", false, "8.0.0.0/8"), rule("sg-2", false, "9.0.0.0/8")]), json!([])),
        (
            json!({"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [permission(22, "0.0.0.0/0")],
                "IpPermissionsEgress": [permission(25, "0.0.0.0/0")]}]}),
            json!(["0.0.0.0/0"]),
        ),
        (json!({"SecurityGroupRules": []}), json!([])),
        (json!({"IpPermissions": [permission(22, "0.0.0.0/0")]}), json!(["0.0.0.0/0"])),
        (
            json!([{"GroupId": "sg-1", "IpPermissions": [permission(22, "8.0.0.0/8")]},
                {"GroupId": "sg-2", "IpPermissions": [permission(22, "9.0.0.0/8")]}]),
            json!([]),
        ),
    ] {
        let said = explain(&["ingress", "-", "--json"], document.to_string())?;
        let ranges: Vec<Value> =
            said.json()?["open"].as_array().context("a list")?.iter().map(|open| open["cidr"].clone()).collect();
        assert_eq!(json!(ranges), open, "{document}");
        assert_eq!(said.status, Some(i32::from(open != json!([]))), "{document}");
    }
    for (document, complaint) in [
        (json!({"SecurityGroupRules": [{"IsEgress": false, "IpProtocol": "tcp"}]}), "expected a rule with a range"),
        (
            json!({"SecurityGroupRules": [rule("sg-1", false, "10.0.0.0/33")]}),
            "`SecurityGroupRules[0].CidrIpv4`: expected a range",
        ),
        (json!({"SecurityGroupRules": {}}), "field `SecurityGroupRules`: expected a list, found an object"),
        (json!({"IpPermissions": {}}), "field `IpPermissions`: expected a list, found an object"),
        (json!({"GroupId": "sg-1"}), "unknown field `GroupId`"),
    ] {
        let said = explain(&["ingress", "-"], document.to_string())?;
        assert!(said.status == Some(2) && said.err.contains(complaint), "{document} {}", said.err);
    }
    Ok(())
}

#[test]
fn events_are_read_as_they_are_looked_up_and_notified_of() -> Result<()> {
    let record = |id: &str, cidr: &str| {
        json!({"eventID": id, "eventTime": "2026-01-31T12:00:00Z", "eventSource": "ec2.amazonaws.com",
            "eventName": "AuthorizeSecurityGroupIngress", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "userName": "mallory", "accountId": "111122223333"},
            "requestParameters": {"groupId": "sg-1", "cidrIp": cidr, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22}})
    };
    let looked_up = |record: &Value| json!({"EventId": "e", "CloudTrailEvent": record.to_string()});
    let (open, own) = (record("open", "0.0.0.0/0"), record("own", "203.0.113.7/32"));
    let mut foreign = open.clone();
    foreign["resources"] = json!([{"accountId": "444455556666", "ARN": "arn:aws:ec2:::security-group/sg-1"}]);
    let mut network = open.clone();
    network["eventType"] = json!("AwsVpceEvent");
    for (document, ids, status) in [
        (json!({"Events": [looked_up(&open), looked_up(&own)]}), &["open", "own"][..], 1),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": open.to_string()}}]}), &["open"], 1),
        (json!({"Type": "Notification", "Message": own.to_string()}), &["own"], 0),
        (foreign, &["open"], 0),
        (network, &[], 0),
    ] {
        let said = explain(&["event", "-", "--json"], document.to_string())?;
        let told: Vec<Value> =
            said.out.lines().filter(|line| !line.is_empty()).map(serde_json::from_str).collect::<Result<_, _>>()?;
        assert_eq!(told.iter().map(|trace| trace["id"].clone()).collect::<Vec<_>>(), ids, "{document} {}", said.err);
        assert_eq!(said.status, Some(status), "{document}");
    }
    Ok(())
}

#[test]
fn a_prefix_list_cannot_be_looked_into_and_that_is_said() -> Result<()> {
    let list = json!({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "PrefixListIds": [{"PrefixListId": "pl-1"}],
        "UserIdGroupPairs": [{"GroupId": "sg-1"}]});
    let said = explain(&["ingress", "-", "--json"], list.to_string())?;
    let unknown = "{\"exposure\":\"unknown\",\"open\":[],\"unknown\":[\"pl-1\"]}\n";
    assert_eq!((said.out.as_str(), said.err.as_str(), said.status), (unknown, "", Some(1)));
    let lines = explain(&["ingress", "-", "--lines"], list.to_string())?;
    let told = "-:1: unknown: it cannot be told whether anything is open to the world beyond tcp/80,tcp/443\n\
                ! what is in prefix list pl-1 can only be read from AWS\n";
    assert!(lines.out.starts_with(told) && lines.status == Some(1), "{}", lines.out);
    let rule = json!({"SecurityGroupRules": [{"IsEgress": false, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
        "PrefixListId": "pl-2"}]});
    let said = explain(&["ingress", "-"], rule.to_string())?;
    assert!(said.out.contains("unknown: ") && said.status == Some(1), "{}", said.out);

    let both = explain(&["ingress", "-"], json!([list, permission(25, "0.0.0.0/0")]).to_string())?;
    assert!(both.out.starts_with("public: ") && both.out.contains("prefix list pl-1"), "{}", both.out);
    let web = explain(&["ingress", "-", "--public-ports", "tcp/22", "--json"], list.to_string())?;
    assert_eq!(web.status, Some(0), "whoever is in it may come to a public port");
    // No instance of a group comes from the internet's addresses.
    let group = json!({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]});
    assert_eq!(explain(&["ingress", "-"], group.to_string())?.status, Some(0));
    Ok(())
}

#[test]
fn an_address_without_its_length_is_no_range() -> Result<()> {
    let of = |field: &str, address: &str| json!({"IsEgress": false, "IpProtocol": "-1", field: address});
    for (document, complaint) in [
        (permission(22, "0.0.0.0"), "field `IpRanges[0].CidrIp`: expected a range of IPv4 addresses with its length"),
        (
            permission(22, "203.0.113.7"),
            "field `IpRanges[0].CidrIp`: expected a range of IPv4 addresses with its length",
        ),
        (
            json!({"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::"}]}),
            "field `Ipv6Ranges[0].CidrIpv6`: expected a range of IPv6 addresses with its length",
        ),
        (
            json!({"SecurityGroupRules": [of("CidrIpv4", "0.0.0.0")]}),
            "field `SecurityGroupRules[0].CidrIpv4`: expected a range of IPv4 addresses with its length",
        ),
        (
            json!({"SecurityGroupRules": [of("CidrIpv6", "::")]}),
            "field `SecurityGroupRules[0].CidrIpv6`: expected a range of IPv6 addresses with its length",
        ),
    ] {
        let said = explain(&["ingress", "-"], document.to_string())?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{document}");
        assert!(said.err.contains(complaint), "{document}: {}", said.err);
    }
    Ok(())
}

/// As the control that decides about the same policy says.
#[test]
fn whose_a_network_is_cannot_be_told_unless_the_operator_names_it() -> Result<()> {
    for (condition, network) in [
        (json!({"IpAddress": {"aws:SourceIp": "8.8.8.0/24"}}), "8.8.8.0/24"),
        (json!({"StringEquals": {"aws:SourceVpce": "vpce-0a1b2c3d4e5f60718"}}), "vpce-0a1b2c3d4e5f60718"),
    ] {
        let mut open = statement(&json!("*"));
        open["Condition"] = condition;
        let text = json!({"Version": "2012-10-17", "Statement": [open]});
        let grant = explain(&["policy", "-", "--json"], text.to_string())?.json()?["grants"][0].clone();
        assert_eq!((&grant["exposure"], &grant["certain"]), (&json!("foreign"), &json!(false)), "{grant}");
        let why = grant["why"].as_str().context("a reason")?;
        let people = explain(&["policy", "-"], text.to_string())?;
        assert!(people.status == Some(1) && people.out.contains("--trust-network"), "{}", people.out);
        let trusted = explain(&["policy", "-", "--trust-network", network], text.to_string())?;
        assert!(trusted.status == Some(0) && !trusted.out.contains("hint"), "{}", trusted.out);

        let mut event = queue_event();
        event["requestParameters"]["attributes"]["Policy"] = json!(text.to_string());
        let state = file(&format!("state-{}.json", network.len()), &json!({"policy": text.to_string()}).to_string())?;
        let state = state.to_str().context("a path")?;
        let decided = explain(&["event", "-", "--json", "--state", state], event.to_string())?.json()?;
        let decision = &decided["suspicions"][0]["decision"];
        assert_eq!((&decision["decision"], decision["why"].as_str()), (&json!("alert"), Some(why)));
    }
    for wrong in ["0.0.0.0/0", "subnet-1", "office"] {
        assert_eq!(explain(&["policy", "-", "--trust-network", wrong], "{}")?.status, Some(2), "{wrong}");
    }
    Ok(())
}

#[test]
fn what_judges_the_event_alone_decides_at_once() -> Result<()> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");
    for (example, decision) in [
        ("signin-root-sign-in/with-mfa.json", "decision    alert"),
        ("ec2-foreign-peering/accepted.json", "decision    alert"),
        ("own-opened-event-bus/policy-replaced.json", "decision    alert"),
    ] {
        let path = format!("{folder}/{example}");
        let said = explain(&["event", &path], "")?;
        assert!(said.out.contains("state       none: this control judges by the event alone"), "{}", said.out);
        assert!(said.out.contains(decision) && !said.out.contains("--look"), "{}", said.out);
        let decided = explain(&["event", "--json", &path], "")?.json()?;
        assert!(decided["suspicions"][0]["decision"]["decision"].is_string(), "{decided}");
    }
    for (example, first) in
        [("signin-failed-logins/as-a-user.json", "number 10"), ("signin-root-call/bucket-made.json", "the first")]
    {
        let said = explain(&["event", &format!("{folder}/{example}")], "")?;
        let counted =
            format!("it depends on how many the journal has counted within a day: Snapback notifies at {first}, ");
        assert!(said.out.contains(&format!("\ncounted     {counted}")), "{}", said.out);
        assert!(said.out.contains("judges by the event, and by how many the journal has counted"), "{}", said.out);
    }
    let path = format!("{folder}/signin-root-sign-in/with-mfa.json");
    let file = file("no-state-of-root.json", r#"{"policy": null}"#)?;
    let said = explain(&["event", &path, "--state", file.to_str().context("a path")?], "")?;
    assert!(
        said.status == Some(2) && said.err.contains("judges by the event alone: leave out --state"),
        "{}",
        said.err
    );
    Ok(())
}

#[test]
fn of_what_only_an_operator_reverts_it_says_so() -> Result<()> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let case = format!("{root}/tests/decisions/iam-open-trust/another-account.json");
    let case: Value = serde_json::from_str(&fs::read_to_string(case)?)?;
    let state = file("state-of-an-open-role.json", &case["state"].to_string())?;
    let event = format!("{root}/events/iam-open-trust/{}", case["event"].as_str().context("an event")?);
    let said = explain(&["event", &event, "--state", state.to_str().context("a path")?], "")?;
    let asks = "\nasks        in every mode: an operator applies it";
    assert!(said.out.contains("\ndecision    revert") && said.out.contains(asks), "{}", said.out);
    Ok(())
}

/// AWS takes neither, and what it takes instead may be wider.
#[test]
fn nobody_and_operators_that_there_are_not_are_refused() -> Result<()> {
    let named = |principal: Value, condition: Value| {
        let mut named = statement(&principal);
        named["Condition"] = condition;
        json!({"Version": "2012-10-17", "Statement": [named]}).to_string()
    };
    let none = || json!({});
    for (text, complaint) in [
        (named(json!("everyone"), none()), "expected `*` or `{\"AWS\": \"111122223333\"}`, found `everyone`"),
        (named(json!("111122223333"), none()), "expected `*` or `{\"AWS\": \"111122223333\"}`, found `111122223333`"),
        (named(json!({"AWS": ["111122223333", "everyone"]}), none()), "found `everyone`"),
        (
            named(json!("*"), json!({"StringEqual": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
            "expected `StringEquals`, found `StringEqual`",
        ),
        (
            named(json!("*"), json!({"ForAnyValue:StringLikes": {"aws:PrincipalArn": "x"}})),
            "expected `StringLike`, found `StringLikes`",
        ),
        (
            named(json!("*"), json!({"IpAdressIfExists": {"aws:SourceIp": "10.0.0.0/8"}})),
            "expected `IpAddress`, found `IpAdress`",
        ),
        (
            named(json!("*"), json!({"ForAnyValues:StringLike": {"aws:PrincipalArn": "x"}})),
            "expected `ForAnyValue`, found `ForAnyValues`",
        ),
        (named(json!("*"), json!({"NullIfExists": {"aws:PrincipalArn": "true"}})), "found `Null`"),
        (named(json!("*"), json!({"Matches": {"aws:PrincipalArn": "true"}})), "expected `StringEquals`"),
        (
            named(json!("*"), json!({"éü": {"aws:PrincipalArn": "true"}})).replace("éü", "\\u00e9\\u00fcé"),
            "expected `StringEquals`",
        ),
    ] {
        let said = explain(&["policy", "-"], &text)?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{text}");
        assert!(said.err.starts_with("snapback: -:") && said.err.contains(complaint), "{text}: {}", said.err);
    }
    for fine in [
        named(json!({"AWS": ["AROAEXAMPLEEXAMPLE001", "arn:aws:iam::111122223333:root"]}), none()),
        named(
            json!({"Service": "logging.s3.amazonaws.com"}),
            json!({"stringequalsifexists": {"aws:SourceAccount": "1"}}),
        ),
        named(
            json!("*"),
            json!({"ForAllValues:StringLike": {"aws:PrincipalArn": "x"}, "Null": {"aws:x": "true"}, "BinaryEquals": {"x": "eA=="}}),
        ),
    ] {
        assert_ne!(explain(&["policy", "-"], &fine)?.status, Some(2), "{fine}");
    }
    let identity = json!({"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"StringEqual": {"aws:x": "y"}}}});
    assert_eq!(explain(&["identity", "-"], identity.to_string())?.status, Some(2));
    Ok(())
}

#[test]
fn the_trust_policy_of_a_role_is_asked_to_be_judged_as_one() -> Result<()> {
    let hint = "hint: this reads as the trust policy of a role: --kind trust judges it as one";
    let trust = |action: Value| json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": "777788889999"}, "Action": action}});
    for action in [json!("sts:AssumeRole"), json!(["sts:TagSession", "sts:AssumeRoleWithSAML"])] {
        let text = trust(action).to_string();
        assert!(explain(&["policy", "-"], &text)?.out.contains(hint), "{text}");
        assert!(!explain(&["policy", "-", "--kind", "trust"], &text)?.out.contains(hint), "{text}");
    }
    assert!(!explain(&["policy", "-"], policy(&[json!("*")]).to_string())?.out.contains(hint));
    Ok(())
}

#[test]
fn each_line_gets_its_answer_and_a_bad_one_does_not_stop_the_rest() -> Result<()> {
    let (open, own) = (policy(&[json!("*")]), policy(&[json!({"AWS": "111122223333"})]));
    let lines = format!("{own}\n\n{{\"Statement\": [\n{open}\n[]");
    let file = file("lines.jsonl", &lines)?;
    let path = file.to_str().context("a path")?;
    let said = explain(&["policy", path, "--account", "111122223333", "--lines", "--json"], "")?;
    let answers: Vec<Value> = said.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let exposures: Vec<_> = answers.iter().map(|answer| &answer["exposure"]).collect();
    assert_eq!(exposures, ["account", "public"]);
    assert_eq!(said.status, Some(2));
    assert!(said.err.contains(&format!("snapback: {path}:3:")), "{}", said.err);
    assert!(said.err.contains(&format!("snapback: {path}:5:1: expected a JSON object\n")), "{}", said.err);
    assert!(said.err.ends_with(&format!("snapback: {path}: 2 answered, 2 bad\n")), "{}", said.err);

    let people = explain(&["policy", path, "--account", "111122223333", "--lines"], "")?;
    assert!(people.out.contains(&format!("{path}:1: account\n")), "{}", people.out);
    assert!(people.out.ends_with("2 answered, 1 untrusted, 2 bad\n"), "{}", people.out);

    for (what, good, risky) in [
        (
            "identity",
            json!({"Statement": []}),
            json!({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}),
        ),
        ("ingress", permission(443, "0.0.0.0/0"), permission(22, "0.0.0.0/0")),
    ] {
        let said = explain(&[what, "-", "--lines", "--json"], format!("{good}\r\n{risky}\n"))?;
        assert_eq!((said.out.lines().count(), said.status), (2, Some(1)), "{what} {}", said.err);
        let said = explain(&[what, "-", "--lines", "--json"], format!("{good}\n"))?;
        assert_eq!((said.out.lines().count(), said.status), (1, Some(0)), "{what} {}", said.err);
        let none = explain(&[what, "-", "--lines", "--json"], "\n")?;
        let expected = "snapback: -: expected a JSON object on each line, found none\n";
        assert_eq!((none.err.lines().next(), none.status), (expected.lines().next(), Some(2)), "{what}");
    }
    Ok(())
}

#[test]
fn bad_input_is_told_with_file_place_and_what_was_expected() -> Result<()> {
    let range = |cidr: &str| permission(22, cidr).to_string();
    for (what, text, said) in [
        ("policy", "", "-:1:1: expected a JSON object"),
        ("policy", "{\n  \"Statement\": 1}", "-:2:16: expected an object or a list as `Statement`"),
        (
            "policy",
            "{\"Statement\": [{\"Effect\": 1}]}",
            "-:1:16: expected `Allow` or `Deny` as the statement's `Effect`",
        ),
        ("identity", "[]", "-:1:1: expected a JSON object"),
        (
            "identity",
            "{\"Statement\": {\"Effect\": \"Allow\", \"Principal\": \"*\"}}",
            "-:1:15: expected a policy of an identity, found a statement that names a principal",
        ),
        ("ingress", "", "-:1:1: expected JSON, found an empty text"),
        ("event", "", "-:1:1: expected JSON, found an empty text"),
        ("event", "{", "-:1:1: not JSON: it ends too early"),
        ("ingress", "{}", "-:1:2: missing field `IpProtocol`"),
        (
            "ingress",
            &range("::/0"),
            "expected a range of IPv4 addresses with its length, such as `203.0.113.0/24`, found `::/0`",
        ),
        ("ingress", &range("10.0.0.0/33"), "expected a range of IPv4 addresses"),
        (
            "ingress",
            "{\"IpProtocol\": \"tcp\",\n \"CidrIp\": \"0.0.0.0/0\"}",
            "-:2:9: unknown field `CidrIp`, expected one of",
        ),
        (
            "ingress",
            "{\"IpProtocol\": \"tcp\", \"FromPort\": 30, \"ToPort\": 20}",
            "expected a `ToPort` from 30 on, found 20",
        ),
        (
            "ingress",
            "{\"IpProtocol\": \"tcp\", \"FromPort\": \"22\", \"ToPort\": \"22\"}",
            "field `FromPort`: expected a number, found \"22\"",
        ),
        (
            "ingress",
            "{\"IpProtocol\": \"tcp\", \"FromPort\": 22, \"ToPort\": 99999}",
            "expected a `ToPort` from 0 to 65535, found 99999",
        ),
        (
            "ingress",
            "{\"IpProtocol\": \"-1\", \"IpRanges\": [\"0.0.0.0/0\"]}",
            "field `IpRanges[0]`: expected an object",
        ),
        ("event", "{\"Statement\": []}", "expected an event of EventBridge or a record of CloudTrail, found a policy"),
        ("event", "{\"a\": 1}", "found an object with neither `eventName` nor `detail`"),
        ("event", "{\"detail\": {}, \"source\": \"aws.s3\"}", "field `detail-type`: expected a type such as"),
    ] {
        let answer = explain(&[what, "-", "--json"], text)?;
        assert_eq!((answer.status, answer.out.as_str()), (Some(2), ""), "{what} {text}");
        assert!(answer.err.starts_with("snapback: -:") && answer.err.contains(said), "{what} {text}: {}", answer.err);
    }
    let answer = explain(&["policy", "-"], b"{\"Statement\":\n [\xff]}")?;
    assert_eq!((answer.status, answer.err.as_str()), (Some(2), "snapback: -:2:3: expected UTF-8\n"));
    let answer = explain(&["policy", "no/such.json"], "")?;
    assert_eq!(answer.status, Some(2));
    assert!(answer.err.starts_with("snapback: no/such.json: cannot be opened"), "{}", answer.err);
    Ok(())
}

#[test]
fn a_document_longer_than_any_policy_is_refused() -> Result<()> {
    let long = format!("{{\"Statement\": []}}{}", " ".repeat(2 << 20));
    for what in ["policy", "identity"] {
        let answer = explain(&[what, "-"], &long)?;
        assert_eq!(answer.status, Some(2));
        assert!(answer.err.contains("no policy has as many"), "{}", answer.err);
    }
    Ok(())
}

#[test]
fn wrong_usage_is_told_apart_from_an_answer() -> Result<()> {
    for arguments in [
        &["policy"][..],
        &["policy", "-", "--account", "root"],
        &["policy", "-", "--trust-organization", "acme"],
        &["policy", "-", "--kind", "bucket"],
        &["policy", "-", "--resource", "reports"],
        &["ingress", "-", "--public-ports", "http"],
        &["identity", "-", "--account", "root"],
        &["identity"],
        &["identity", "--principal", "bob"],
        &["identity", "--principal", "arn:aws:iam::111122223333:root"],
        &["identity", "--principal", "arn:aws:s3:::bob"],
        &["identity", "--lines", "--principal", "arn:aws:iam::111122223333:user/bob"],
        &["acl", "-"],
    ] {
        let said = explain(arguments, "{}")?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{arguments:?}");
    }
    Ok(())
}

/// An event of a queue that lets everyone in.
fn queue_event() -> Value {
    json!({"eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "sqs.amazonaws.com",
        "eventName": "SetQueueAttributes", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "requestParameters": {"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/orders",
            "attributes": {"Policy": policy(&[json!("*")]).to_string()}}})
}

#[test]
fn a_file_with_another_state_is_refused_by_its_name_and_field() -> Result<()> {
    for (number, (state, said)) in [
        (r#"{"policies":"x"}"#, "field `policies` is not known: expected `policy`"),
        ("{}", "field `policy` is missing: expected `policy`"),
        (r#"{"policy":5}"#, "field `policy`: expected a text, found `5`"),
        ("null", "expected an object"),
        ("{", "not JSON"),
    ]
    .into_iter()
    .enumerate()
    {
        let file = file(&format!("state-{number}.json"), state)?;
        let path = file.to_str().context("a path")?;
        let told = explain(&["event", "-", "--state", path], queue_event().to_string())?;
        assert_eq!(told.status, Some(2), "{state}: {}", told.out);
        assert!(told.err.starts_with(&format!("snapback: {path}: ")) && told.err.contains(said), "{}", told.err);
    }
    Ok(())
}

/// A bucket policy that wakes three controls, of which two have a state of the same form.
fn bucket_event() -> Value {
    json!({"eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "s3.amazonaws.com",
        "eventName": "PutBucketPolicy", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "requestParameters": {"bucketName": "b", "bucketPolicy": policy(&[json!("*")])}})
}

#[test]
fn a_state_is_only_of_the_controls_that_it_fits() -> Result<()> {
    let asked = |state: &str| -> Result<Said> {
        let file = file("state-of-one.json", state)?;
        let path = file.to_str().context("a path")?;
        explain(&["event", "-", "--json", "--state", path], bucket_event().to_string())
    };
    let all = explain(&["event", "-", "--json"], bucket_event().to_string())?.json()?;
    assert_eq!(all["suspicions"].as_array().map(Vec::len), Some(3), "{all}");
    for (state, controls) in [
        (r#"{"policy": null, "restricted": false}"#, &["s3-public-bucket-policy"][..]),
        (r#"{"policy": null, "remembered": null}"#, &["s3-lost-bucket-deny", "s3-lost-log-delivery"]),
    ] {
        let fitting = asked(state)?.json()?;
        let suspicions = fitting["suspicions"].as_array().context("a list")?;
        let told: Vec<_> = suspicions.iter().filter_map(|suspected| suspected["control"].as_str()).collect();
        assert_eq!(told, controls);
        assert!(suspicions.iter().all(|suspected| suspected["decision"].is_object()), "{fitting}");
    }
    let none = asked(r#"{"polices": null}"#)?;
    assert_eq!(none.status, Some(2), "{}", none.out);
    for control in ["s3-public-bucket-policy", "s3-lost-bucket-deny", "s3-lost-log-delivery"] {
        assert!(none.err.contains(&format!("this is no state of {control}: ")), "{}", none.err);
    }
    Ok(())
}

#[test]
fn an_event_that_does_not_say_whose_it_is_is_bad_input() -> Result<()> {
    let mut envelope = json!({"source": "aws.s3", "detail-type": "AWS API Call via CloudTrail", "account": "111122223333",
        "detail": bucket_event()});
    assert_eq!(explain(&["event", "-"], envelope.to_string())?.status, Some(1));
    envelope.as_object_mut().context("an envelope")?.remove("account");
    let told = explain(&["event", "-"], envelope.to_string())?;
    assert_eq!((told.status, told.out.as_str()), (Some(2), ""));
    assert!(told.err.contains("field `account`: expected"), "{}", told.err);
    let mut record = bucket_event();
    record.as_object_mut().context("a record")?.remove("recipientAccountId");
    let told = explain(&["event", "-"], record.to_string())?;
    assert!(told.status == Some(2) && told.err.contains("field `recipientAccountId`: expected"), "{}", told.err);
    Ok(())
}

#[test]
fn whom_a_deny_keeps_out_is_not_said_to_get_in() -> Result<()> {
    let text = json!({"Statement": [statement(&json!({"AWS": "777788889999"})),
        {"Effect": "Deny", "Principal": {"AWS": "777788889999"}, "Action": "*", "Resource": "*"}]});
    let said = explain(&["policy", "-"], text.to_string())?;
    assert_eq!(said.status, Some(0), "{}", said.out);
    assert!(said.out.contains(" would let ") && !said.out.contains(" lets `"), "{}", said.out);
    Ok(())
}

#[test]
fn a_permission_is_told_with_its_accounts_and_actions() -> Result<()> {
    let mut event = queue_event();
    event["eventName"] = json!("AddPermission");
    event["requestParameters"] = json!({"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/orders",
        "label": "partner", "aWSAccountIds": ["777788889999"], "actions": ["SendMessage"]});
    let said = explain(&["event", "-"], event.to_string())?;
    assert!(
        said.out.contains("statement 1 (`partner`) lets `777788889999`, which is not trusted, do SQS:SendMessage"),
        "{}",
        said.out
    );
    Ok(())
}

#[test]
fn what_is_no_event_and_no_rule_is_said_without_names_of_rust() -> Result<()> {
    for what in ["event", "ingress"] {
        for text in ["null", r#""x""#, "1", "[1]", r#"[{"IpProtocol":"tcp"},1]"#] {
            let told = explain(&[what, "-"], text)?;
            assert_eq!(told.status, Some(2), "{what} {text}");
            assert!(told.err.contains("expected an") && !told.err.contains("struct"), "{what} {text}: {}", told.err);
        }
    }
    Ok(())
}

#[test]
fn a_look_without_credentials_is_not_the_files_fault() -> Result<()> {
    let file = file("queue-event.json", &queue_event().to_string())?;
    let path = file.to_str().context("a path")?;
    let told = Command::new(env!("CARGO_BIN_EXE_snapback"))
        .args(["explain", "event", path, "--look"])
        .env_clear()
        .envs([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_PROFILE", "nope"),
            ("HOME", "/nonexistent"),
        ])
        .output()?;
    let err = String::from_utf8(told.stderr)?;
    assert_eq!(told.status.code(), Some(2), "{err}");
    assert!(err.starts_with("snapback: there are no AWS credentials in profile `nope`"), "{err}");
    assert!(!err.contains(path) && !err.contains("\\u000a"), "{err}");
    assert!(err.lines().count() == 2 && err.contains("hint: AWS_PROFILE names it"), "{err}");
    Ok(())
}

#[test]
fn wrong_flags_are_wrong_usage() -> Result<()> {
    for arguments in [
        &["history", "--since", "yesterday"][..],
        &["history", "--control", "nope"],
        &["history", "--outcome", "nope"],
        &["history", "--journal", ""],
        &["history", "--stack", ""],
        &["undo", ""],
        &["undo", "--since", "soon"],
        &["undo", "e-1", "--until", "yesterday"],
        &["apply", ""],
        &["release", ""],
        &["stop", "--reason", "x", "--for", "0h"],
        &["stop", "--reason", " "],
        &["scan", "--region", "nowhere-9"],
        &["history", "--region", "Frankfurt!"],
        &["explain", "identity", "--principal", "arn:aws:iam::111122223333:user/bob", "--region", "eu"],
        &["replay", "-", "--public-ports", "tcp/99999"],
        &["replay", "-", "--journal-key", "arn:aws:kms:eu-central-1:111122223333:key/1a2b3c4d"],
        &["explain", "event", "-", "--topic-key", "1a2b3c4d"],
        &["nope"],
        &["scan", "--control", "nope"],
        &["replay", "--control", "nope", "-"],
    ] {
        let told = Command::new(env!("CARGO_BIN_EXE_snapback")).args(arguments).env_clear().output()?;
        let err = String::from_utf8(told.stderr)?;
        assert_eq!(told.status.code(), Some(2), "{arguments:?}: {err}");
        assert!(
            err.starts_with("snapback: ") && !err.contains("PT0S") && !err.contains("variant"),
            "{arguments:?}: {err}"
        );
    }
    Ok(())
}

#[test]
fn an_event_that_is_given_as_a_policy_is_called_an_event() -> Result<()> {
    let envelope = json!({"version": "0", "source": "aws.s3", "detail": bucket_event()});
    for what in ["policy", "identity"] {
        for event in [bucket_event(), envelope.clone(), json!({"Records": [bucket_event()]})] {
            let told = explain(&[what, "-"], event.to_string())?;
            let said = "snapback: -:1:1: expected a policy, found an event: `snapback explain event` explains events\n";
            assert_eq!((told.status, told.err.as_str()), (Some(2), said), "{what}");
        }
    }
    Ok(())
}

#[test]
fn a_policy_in_the_answer_of_the_aws_cli_is_asked_for_by_itself() -> Result<()> {
    for (answer, query) in [
        (json!({"Policy": policy(&[json!("*")]).to_string()}), "`--query Policy --output text`"),
        (json!({"RoleName": "r", "PolicyDocument": {"Statement": []}}), "`--query PolicyDocument`"),
    ] {
        let told = explain(&["policy", "-"], answer.to_string())?;
        assert!(told.status == Some(2) && told.err.contains(query), "{}", told.err);
    }
    Ok(())
}

#[test]
fn the_parts_of_a_stack_of_another_name_are_snapbacks_where_it_is_named() -> Result<()> {
    let event = json!({"eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "logs.amazonaws.com",
        "eventName": "DeleteLogStream", "awsRegion": "eu-central-1", "recipientAccountId": "111122223333",
        "requestParameters": {"logGroupName": "guard-OwnLogs-A1B2C3D4E5F6"}});
    let status =
        |flags: &[&str]| Ok::<_, anyhow::Error>(explain(&[&["event", "-"], flags].concat(), event.to_string())?.status);
    assert_eq!((status(&[])?, status(&["--stack", "guard"])?), (Some(0), Some(1)));
    Ok(())
}

const JOURNAL_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1f2e3d4c";
const OPERATORS_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/3c4d5e6f";
const TOPIC_KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/5a6b7c8d";

fn key_event(name: &str, request: &Value) -> String {
    json!({"eventID": "e-1", "eventTime": "2026-01-31T12:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": name,
        "awsRegion": "eu-central-1", "recipientAccountId": "111122223333", "requestParameters": request})
    .to_string()
}

#[test]
fn without_snapbacks_keys_it_cannot_be_told_whether_an_event_is_about_one() -> Result<()> {
    // Upon a key of others, one to somebody of the account is harmless.
    let grant = |key: &str| json!({"keyId": key, "granteePrincipal": "arn:aws:iam::111122223333:role/app"});
    let left_to_the_account =
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}]}"#;
    let named = ["--journal-key", JOURNAL_KEY, "--operators-key", OPERATORS_KEY, "--topic-key", TOPIC_KEY];
    for (name, request, status) in [
        ("CreateGrant", grant(JOURNAL_KEY), 1),
        ("CreateGrant", grant("5a6b7c8d"), 1),
        ("CreateGrant", grant("3c4d5e6f"), 1),
        ("CreateGrant", grant("1a2b3c4d"), 0),
        ("PutKeyPolicy", json!({"keyId": JOURNAL_KEY, "policy": left_to_the_account}), 1),
        ("DeleteAlias", json!({"aliasName": "alias/snapback-Journal-1ABC"}), 1),
        ("DeleteAlias", json!({"aliasName": "alias/snapback-Journal-1ABC-operators"}), 1),
    ] {
        let event = key_event(name, &request);
        let told = explain(&["event", "-"], &event)?;
        assert_eq!(told.status, Some(1), "{request}: {}", told.out);
        let why = "suspicion   cannot tell whether it is about a key of Snapback";
        assert!(told.out.contains(why) && !told.out.contains("none"), "{request}: {}", told.out);
        let answer = explain(&["event", "-", "--json"], &event)?.json()?;
        assert_eq!(answer["unknown"][0]["control"], "own-disabled-key", "{answer}");
        let known = explain(&[&["event", "-"], &named[..]].concat(), &event)?;
        assert_eq!(known.status, Some(status), "{request}: {}", known.out);
        assert!(!known.out.contains("cannot tell whether it is about"), "{}", known.out);
    }
    let other = explain(&["event", "-"], key_event("CreateAlias", &json!({"aliasName": "alias/mine"})))?;
    assert_eq!(other.status, Some(0), "the name of an alias says that it is none of Snapback's: {}", other.out);
    Ok(())
}
