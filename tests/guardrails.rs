//! The guardrails that are shipped: the schema knows every control, and each example forbids just what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use snapback::decision::Severity;
use snapback::event::Event;
use snapback::guardrail::{Guardrails, Question, Verdict, groups};
use snapback::subject::Subject;
use workspace_tests::{controls, workspace};

use crate::events::{entries, examples, name};
use crate::recorded::is_recorded;

/// The last line of the schema that is written by hand.
const BY_HAND: &str =
    "// say. What follows is written by `UPDATE=1 cargo test --workspace --test workspace guardrails`.\n";

/// A revert that guardrails are asked about, and in which way it differs from `revert()`.
type Change = fn(&mut Revert);

/// What each example forbids, and what comes closest to it and stays permitted.
const EXAMPLES: [(&str, &[Change], &[Change]); 9] = [
    (
        "approved-tag",
        &[|revert| revert.tags = vec![("exposure", "approved")]],
        &[|_| {}, |revert| revert.tags = vec![("exposure", "denied")], |revert| revert.tags = vec![("approved", "")]],
    ),
    (
        "break-glass",
        &[|revert| revert.identity = session("111122223333", "BreakGlass", "alice")],
        &[
            |_| {},
            |revert| revert.identity = session("444455556666", "BreakGlass", "alice"),
            |revert| revert.identity = session("111122223333", "Developer", "BreakGlass"),
            |revert| {
                revert.identity = json!({"type": "IAMUser", "userName": "BreakGlass",
                "arn": "arn:aws:iam::111122223333:user/BreakGlass", "accountId": "111122223333"});
            },
        ],
    ),
    (
        "certificate-authority",
        &[|revert| {
            *revert = trust_anchor();
            revert.identity = session("111122223333", "Platform", "alice");
        }],
        &[|revert| *revert = trust_anchor(), |revert| revert.identity = session("111122223333", "Platform", "alice")],
    ),
    (
        "credential-issuer",
        &[|revert| {
            *revert = credential();
            revert.identity = session("111122223333", "Vault", "issuer");
        }],
        &[
            |revert| *revert = credential(),
            |revert| {
                *revert = credential();
                revert.identity = session("111122223333", "Vault", "issuer");
                revert.name = "bob";
            },
        ],
    ),
    (
        "maintenance-window",
        &[
            |revert| {
                *revert = security_group();
                revert.identity = session("111122223333", "Network", "alice");
                revert.time = "2026-11-20T01:00:00Z";
            },
            |revert| {
                *revert = security_group();
                revert.identity = session("111122223333", "Network", "alice");
                revert.time = "2026-11-20T02:59:59Z";
            },
        ],
        &[
            |revert| {
                *revert = security_group();
                revert.identity = session("111122223333", "Network", "alice");
                revert.time = "2026-11-20T03:00:00Z";
            },
            |revert| {
                *revert = security_group();
                revert.time = "2026-11-20T02:00:00Z";
            },
            |revert| {
                revert.identity = session("111122223333", "Network", "alice");
                revert.time = "2026-11-20T02:00:00Z";
            },
        ],
    ),
    (
        "migration",
        &[
            |revert| *revert = security_group(),
            |revert| {
                *revert = security_group();
                revert.now = "2027-03-31T23:59:59Z";
            },
        ],
        &[
            |_| {},
            |revert| {
                *revert = security_group();
                revert.now = "2027-04-01T00:00:00Z";
            },
        ],
    ),
    (
        "pipeline-role",
        &[|revert| {
            revert.identity = session("111122223333", "Deploy", "build-7");
            revert.name = "site-eu";
        }],
        &[|revert| revert.identity = session("111122223333", "Deploy", "build-7"), |revert| revert.name = "site-eu"],
    ),
    (
        "public-bucket",
        &[|revert| revert.name = "www.example.com"],
        &[
            |_| {},
            |revert| {
                revert.name = "www.example.com";
                revert.severity = Severity::Critical;
            },
        ],
    ),
    ("sandbox-account", &[|revert| revert.account = "444455556666"], &[|_| {}]),
];

/// A revert, as far as a guardrail can tell it from others.
struct Revert {
    control: &'static str,
    identity: Value,
    account: &'static str,
    name: &'static str,
    tags: Vec<(&'static str, &'static str)>,
    severity: Severity,
    time: &'static str,
    now: &'static str,
}

/// A user has let everyone read a bucket.
fn bucket() -> Revert {
    Revert {
        control: "s3-public-bucket-policy",
        identity: json!({"type": "IAMUser", "userName": "mallory", "accountId": "111122223333",
            "arn": "arn:aws:iam::111122223333:user/mallory"}),
        account: "111122223333",
        name: "reports",
        tags: vec![],
        severity: Severity::High,
        time: "2026-11-20T12:00:00Z",
        now: "2026-11-20T12:00:05Z",
    }
}

fn security_group() -> Revert {
    Revert { control: "ec2-open-security-group", name: "sg-1", severity: Severity::Critical, ..bucket() }
}

fn credential() -> Revert {
    Revert { control: "iam-new-credential", name: "vault-reports", ..bucket() }
}

fn trust_anchor() -> Revert {
    Revert { control: "rolesanywhere-trusted-certificates", name: "1a2b3c4d", ..bucket() }
}

fn session(account: &str, role: &str, name: &str) -> Value {
    json!({
        "type": "AssumedRole", "accountId": account, "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        "sessionContext": {"sessionIssuer": {
            "type": "Role", "accountId": account, "userName": role, "arn": format!("arn:aws:iam::{account}:role/{role}"),
        }},
    })
}

fn ask(guardrails: &Guardrails, revert: &Revert) -> Result<Verdict> {
    let event = Event::from_record(json!({
        "eventID": "e-1", "eventTime": revert.time, "eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy",
        "awsRegion": "eu-central-1", "recipientAccountId": revert.account, "userIdentity": revert.identity,
    }))?;
    let control = controls().find(|control| control.about.id == revert.control).context("no such control")?;
    let subject = match revert.control {
        "ec2-open-security-group" => Subject::security_group(&event, revert.name),
        "iam-new-credential" => Subject::user(&event, revert.name),
        "rolesanywhere-trusted-certificates" => {
            Subject::part(&event, "trust anchor", revert.name, "rolesanywhere", "trust-anchor/", "rolesanywhere/home")
        }
        _ => Subject::bucket(&event, revert.name),
    };
    let tags = revert.tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Ok(guardrails.judge(&Question {
        event: &event,
        subject: &subject,
        about: control.about,
        severity: revert.severity,
        tags: Some(&tags),
        units: None,
        now: revert.now.parse()?,
    }))
}

#[test]
fn the_schema_knows_every_control_and_its_groups() -> Result<()> {
    let path = workspace("guardrails/schema.cedarschema");
    let schema = fs::read_to_string(&path)?;
    let (by_hand, _) = schema.split_once(BY_HAND).context("the schema does not say where it is no longer by hand")?;
    is_recorded(&path, &format!("{by_hand}{BY_HAND}\n{}", actions()?))
}

fn actions() -> Result<String> {
    let mut text = String::new();
    let all: BTreeSet<String> = controls().flat_map(|control| groups(control.about)).collect();
    for service in all.iter().filter(|group| group.starts_with("service/")) {
        writeln!(text, "action \"{service}\";")?;
    }
    writeln!(text)?;
    for severity in [Severity::Low, Severity::Medium, Severity::High, Severity::Critical] {
        writeln!(text, "action \"severity/{severity}\";")?;
    }
    writeln!(text)?;
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for about in controls().map(|control| control.about) {
        let groups: Vec<String> = groups(about).into_iter().map(|group| format!("\"{group}\"")).collect();
        members.entry(groups.join(", ")).or_default().push(format!("  \"{}\"", about.id));
    }
    for (groups, ids) in members {
        writeln!(text, "action\n{}\nin [{groups}]", ids.join(",\n"))?;
        writeln!(text, "appliesTo {{ principal: Actor, resource: Resource, context: Circumstances }};\n")?;
    }
    Ok(text.trim_end().to_owned() + "\n")
}

#[test]
fn what_is_shipped_forbids_nothing() -> Result<()> {
    let guardrails = Guardrails::read(&workspace("guardrails"))?;
    assert_eq!(guardrails.warnings(Timestamp::now()), [] as [String; 0]);
    assert!(!guardrails.mention_tags(Timestamp::now()), "reading tags would cost a call before each revert");
    for revert in [bucket(), security_group()] {
        assert_eq!(ask(&guardrails, &revert)?, Verdict::Permitted);
    }
    Ok(())
}

/// An event of each kind that is there can be asked about, where there is a guardrail that has to be asked.
#[test]
fn every_example_event_can_be_judged() -> Result<()> {
    let default = fs::read_to_string(workspace("guardrails/default.cedar"))?;
    let never =
        r#"@reason("never") @owner("nobody") forbid (principal, action, resource) when { resource.arn == "" };"#;
    let guardrails = Guardrails::parse(&[("default.cedar", &*default), ("never.cedar", never)])?;
    for example in examples()?.iter().filter(|example| !example.is_benign()) {
        for suspicion in (example.control.suspect)(&example.event, &example.settings()) {
            let verdict = guardrails.judge(&Question {
                event: &example.event,
                subject: &suspicion.subject,
                about: example.control.about,
                severity: Severity::High,
                tags: Some(&BTreeMap::from([(String::new(), "\u{202e} \"'\\ 🙂".to_owned())])),
                units: None,
                now: Timestamp::now(),
            });
            assert_eq!(verdict, Verdict::Permitted, "{}", example.file);
        }
    }
    Ok(())
}

#[test]
fn each_example_forbids_just_what_it_says() -> Result<()> {
    let shipped: BTreeSet<String> =
        entries(&workspace("guardrails/examples"))?.iter().map(|path| name(path)).collect::<Result<_>>()?;
    let tested: BTreeSet<String> = EXAMPLES.iter().map(|(name, ..)| format!("{name}.cedar")).collect();
    assert_eq!(shipped, tested, "each example has its test");
    let default = fs::read_to_string(workspace("guardrails/default.cedar"))?;
    for (example, forbidden, permitted) in EXAMPLES {
        let file = format!("{example}.cedar");
        let text = fs::read_to_string(workspace("guardrails/examples").join(&file))?;
        let guardrails = Guardrails::parse(&[("default.cedar", &*default), (&file, &text)])?;
        for (number, change) in forbidden.iter().enumerate() {
            let mut revert = bucket();
            change(&mut revert);
            let verdict = ask(&guardrails, &revert)?;
            ensure!(
                matches!(&verdict, Verdict::Forbidden(by) if by.iter().map(|by| &by.id).eq([example])),
                "{example}, forbidden case {number}: {verdict}"
            );
        }
        for (number, change) in permitted.iter().enumerate() {
            let mut revert = bucket();
            change(&mut revert);
            let verdict = ask(&guardrails, &revert)?;
            ensure!(verdict == Verdict::Permitted, "{example}, permitted case {number}: {verdict}");
        }
    }
    Ok(())
}

#[test]
fn each_example_says_what_it_costs_and_stands_in_the_docs() -> Result<()> {
    let page = fs::read_to_string(workspace("docs/guardrails.md"))?;
    for path in entries(&workspace("guardrails/examples"))? {
        let text = fs::read_to_string(&path)?;
        ensure!(text.contains("\n// Costs: "), "{} does not say what it costs", path.display());
        let quoted = format!("```cedar\n{text}```\n");
        ensure!(page.contains(&quoted), "docs/guardrails.md does not show {} as it is", path.display());
    }
    Ok(())
}
