//! What the documentation shows of the commands that need no AWS is what they print.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;

/// The commands that print the same for everybody. The others look at an account.
const NEED_NO_AWS: [&str; 4] = ["controls", "replay", "explain", "guardrails"];

const PAGES: [&str; 2] = ["README.md", "docs/guardrails.md"];

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Commands and what is shown below them.
fn shown() -> Result<Vec<(String, String)>> {
    let mut shown = vec![];
    for page in PAGES {
        let text = fs::read_to_string(workspace(page))?;
        let blocks = text.split("```console\n$ ").skip(1);
        for block in blocks.filter_map(|rest| rest.split("\n```").next()) {
            let (command, output) = block.split_once('\n').context("a block without output")?;
            shown.push((command.to_owned(), output.to_owned()));
        }
    }
    Ok(shown)
}

/// A folder with what the examples name.
fn folder() -> Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("shown");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("guardrails"))?;
    std::os::unix::fs::symlink(workspace("events"), folder.join("events"))?;
    for (from, to) in [
        ("default.cedar", "default.cedar"),
        ("examples/break-glass.cedar", "break-glass.cedar"),
        ("schema.cedarschema", "schema.cedarschema"),
    ] {
        fs::copy(workspace("guardrails").join(from), folder.join("guardrails").join(to))?;
    }
    let call = |name: &str, cidr: &str| {
        json!({
            "eventID": cidr, "eventTime": "2026-11-20T11:39:28Z", "eventSource": "ec2.amazonaws.com", "eventName": name,
            "awsRegion": "us-east-1", "recipientAccountId": "111122223333",
            "userIdentity": {"type": "IAMUser", "userName": "mallory"},
            "requestParameters": {"groupId": "sg-1", "cidrIp": cidr, "ipProtocol": "tcp", "fromPort": 22, "toPort": 22},
        })
    };
    let authorized = |cidr| call("AuthorizeSecurityGroupIngress", cidr);
    let log = [authorized("0.0.0.0/0"), authorized("10.0.0.0/8"), call("StartInstances", "-")];
    fs::write(folder.join("cloudtrail.jsonl"), log.map(|record| format!("{record}\n")).concat())?;
    let readme = fs::read_to_string(workspace("README.md"))?;
    let (_, shown) = readme.split_once("in `bucket.json`\n\n```json\n").context("the policy is shown")?;
    fs::write(folder.join("bucket.json"), shown.split("```").next().unwrap_or_default())?;
    Ok(folder)
}

/// Whether it has all that is shown in this order; `…` stands for anything.
fn has(printed: &str, shown: &str) -> bool {
    let mut rest = printed;
    shown.split('…').map(|part| part.trim_matches('\n')).all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    })
}

#[test]
fn what_is_shown_is_what_is_printed() -> Result<()> {
    let folder = folder()?;
    let mut compared = vec![];
    for (command, shown) in shown()? {
        let words: Vec<&str> = command.split(' ').collect();
        let is_of_account = words.contains(&"--history");
        if words[0] != "snapback" || !NEED_NO_AWS.contains(&words[1]) || is_of_account {
            continue;
        }
        let run = Command::new(env!("CARGO_BIN_EXE_snapback")).args(&words[1..]).current_dir(&folder).output()?;
        let printed = String::from_utf8(run.stdout)?;
        assert!(
            has(&printed, &shown),
            "`{command}` prints\n{printed}\nand not, as is shown,\n{shown}\n{}",
            String::from_utf8(run.stderr)?
        );
        compared.push(words[1].to_owned());
    }
    compared.sort();
    compared.dedup();
    assert_eq!(compared, ["controls", "explain", "guardrails", "replay"], "each has an example");
    Ok(())
}
