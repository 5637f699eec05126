//! `snapback guardrails check` and `snapback explain event`, as a user runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

const PERMIT: &str = "permit (principal, action, resource);";
const ROLE: &str = "@reason(\"the pipeline deploys the site\") @owner(\"web@example.com\")
    forbid (principal == Actor::\"arn:aws:iam::111122223333:role/Deploy\", action, resource);";

struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

fn snapback(arguments: &[&str]) -> Result<Said> {
    let done = Command::new(env!("CARGO_BIN_EXE_snapback"))
        .args(arguments)
        .current_dir(workspace(""))
        .env_remove("SNAPBACK_PUBLIC_PORTS")
        .output()?;
    let (out, err) = (String::from_utf8(done.stdout)?, String::from_utf8(done.stderr)?);
    Ok(Said { status: done.status.code(), out, err })
}

fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A folder with these guardrails in one file.
fn guardrails(name: &str, texts: &[&str]) -> Result<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("guardrails-{name}"));
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("own.cedar"), texts.join("\n"))?;
    Ok(folder.to_str().context("a path")?.to_owned())
}

/// A recorded decision: the file of its event, and a file with its state.
fn recorded(case: &str) -> Result<(String, String)> {
    let case = workspace("tests/decisions/s3-public-bucket-policy").join(case);
    let case: Value = serde_json::from_str(&fs::read_to_string(&case)?)?;
    let event = case["event"].as_str().context("a case names its event")?;
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("state-of-{event}"));
    fs::write(&state, case["state"].to_string())?;
    let event = workspace("events/s3-public-bucket-policy").join(event);
    Ok((event.to_str().context("a path")?.to_owned(), state.to_str().context("a path")?.to_owned()))
}

#[test]
fn what_is_shipped_is_fine() -> Result<()> {
    let said = snapback(&["guardrails", "check"])?;
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    assert_eq!(said.out, "guardrails/default.cedar: permits, guardrail `default`\n");
    let said = snapback(&["guardrails", "check", "guardrails/examples"])?;
    assert_eq!(said.status, Some(0));
    assert!(
        said.out.contains("owner security@example.com") && said.out.contains("Some guardrails use tags"),
        "{}",
        said.out
    );
    assert!(said.out.contains("warning: no guardrail permits anything"), "{}", said.out);
    Ok(())
}

#[test]
fn what_is_broken_is_told_with_its_place() -> Result<()> {
    let folder = guardrails("broken", &[PERMIT, "forbid (principal, action, resource) when { resource.owner == 1 };"])?;
    let said = snapback(&["guardrails", "check", &folder])?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("own.cedar: `own-2`: expected `@reason"), "{}", said.err);
    let folder = guardrails("misfit", &[PERMIT, "permit (principal, action, resource) when { resource.owner == 1 };"])?;
    let said = snapback(&["guardrails", "check", &folder])?;
    assert!(said.err.contains("own.cedar:2:") && said.err.contains("`owner`"), "{}", said.err);
    let empty = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guardrails-none");
    fs::create_dir_all(&empty)?;
    for (folder, complaint) in [
        ("no/such/folder", "there is no such folder"),
        ("README.md", "it is no folder"),
        (empty.to_str().context("a path")?, "found none"),
    ] {
        let said = snapback(&["guardrails", "check", folder])?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{folder}");
        assert!(said.err.starts_with(&format!("snapback: {folder}: ")) && said.err.contains(complaint), "{}", said.err);
    }
    assert_eq!(snapback(&["guardrails", "validate"])?.status, Some(2));
    Ok(())
}

/// Cedar takes each for a guardrail, of something that there is not.
#[test]
fn what_could_never_apply_is_an_error_of_the_check() -> Result<()> {
    let of = |scope: &str, when: &str| format!("@reason(\"r\") @owner(\"o\") forbid ({scope}){when};");
    for (number, (text, found)) in [
        (of("principal, action == Action::\"service/s3\", resource", ""), "service/s3"),
        (of("principal == Actor::\"BreakGlass\", action, resource", ""), "BreakGlass"),
        (of("principal, action, resource == Resource::\"example-reports\"", ""), "example-reports"),
        (of("principal, action, resource", " when { context.severity == \"hgih\" }"), "hgih"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = guardrails(&format!("never-{number}"), &[PERMIT, &text])?;
        let copy = guardrails("never-copy", &[PERMIT])?;
        let said = snapback(&["guardrails", "check", &folder, "--mark", &copy])?;
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{text}");
        let place = format!("snapback: {folder}/own.cedar:2: `own-2` could never apply: expected ");
        assert!(said.err.starts_with(&place) && said.err.ends_with(&format!("found `{found}`\n")), "{}", said.err);
        assert!(!Path::new(&copy).join("checked.sha256").exists());
    }
    Ok(())
}

#[test]
fn a_guardrail_that_forbids_every_revert_is_warned_of() -> Result<()> {
    let of = |when: &str| format!("@reason(\"r\") @owner(\"o\") forbid (principal, action, resource){when};");
    let said_of = |name: &str, when: &str| -> Result<Said> {
        snapback(&["guardrails", "check", &guardrails(name, &[PERMIT, &of(when)])?])
    };
    let said = said_of("all-forbidden", "")?;
    let warned = "own.cedar: `own-2` forbids every revert, so nothing is ever reverted\n";
    assert!(said.status == Some(0) && said.out.contains("warning: ") && said.out.ends_with(warned), "{}", said.out);
    let said = said_of("some-forbidden", " when { context.severity == \"high\" }")?;
    assert!(!said.out.contains("warning"), "{}", said.out);
    Ok(())
}

/// Whoever saves a guardrail under another name would believe in it, and nobody would ask it.
#[test]
fn what_nobody_would_read_is_named_and_is_an_error() -> Result<()> {
    let check = |name: &str, stray: &str, text: &str| -> Result<(Said, PathBuf)> {
        let folder = guardrails(name, &[PERMIT])?;
        let path = Path::new(&folder).join(stray);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(&path, text)?;
        Ok((snapback(&["guardrails", "check", &folder])?, path))
    };
    for (name, stray) in [
        ("ending", "break-glass.ceder"),
        ("capitals", "break-glass.CEDAR"),
        ("text", "break-glass.cedar.txt"),
        ("no-ending", "break-glass"),
        ("trust", "trust.json"),
        ("trust-ending", "trusted.jsonc"),
    ] {
        let (said, path) = check(name, stray, "{}")?;
        let complaint = "expected a name that ends in `.cedar`, or `trusted.json`: no other file is read";
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{stray}");
        assert_eq!(said.err, format!("snapback: {}: {complaint}\n", path.display()));
    }
    let (said, path) = check("below", "team/break-glass.cedar", ROLE)?;
    let folder = path.parent().context("a folder")?.display();
    let complaint = "expected guardrails in the folder itself: a folder in it is not read";
    assert_eq!((said.status, said.err), (Some(2), format!("snapback: {folder}: {complaint}\n")));
    for empty in ["", "// permit (principal, action, resource);\n"] {
        let (said, path) = check("empty", "break-glass.cedar", empty)?;
        let complaint = "expected a guardrail (`permit …` or `forbid …`), found none";
        assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{empty:?}");
        assert_eq!(said.err, format!("snapback: {}: {complaint}\n", path.display()));
    }
    for (name, beside) in [("dotted", ".gitignore"), ("readme", "README.md"), ("example", "examples/sandbox.cedar")] {
        assert_eq!(check(name, beside, ROLE)?.0.status, Some(0), "{beside}");
    }
    Ok(())
}

/// The build of the layer in which they travel copies them to the mark, and ends where there is none.
#[test]
fn only_what_is_fine_is_marked_as_checked() -> Result<()> {
    let (fine, broken) = (guardrails("to-mark", &[PERMIT])?, guardrails("not-to-mark", &["permit (principal);"])?);
    let copy = guardrails("marked", &[PERMIT])?;
    let mark = Path::new(&copy).join("checked.sha256");
    let is_marked = |folder: &str| -> Result<_> {
        _ = fs::remove_file(&mark);
        Ok((snapback(&["guardrails", "check", folder, "--mark", &copy])?.status, mark.exists()))
    };
    assert_eq!(is_marked(&fine)?, (Some(0), true));
    assert_eq!(is_marked(&broken)?, (Some(2), false));
    let said = snapback(&["guardrails", "check", &fine, "--mark", "no/such/folder"])?;
    assert_eq!((said.status, said.out.as_str()), (Some(2), ""));
    assert!(said.err.contains("no/such/folder/checked.sha256: cannot be written"), "{}", said.err);
    Ok(())
}

#[test]
fn what_no_longer_applies_is_warned_of() -> Result<()> {
    let over = ROLE.replace("forbid", "@until(\"2020-01-31\") forbid");
    let said = snapback(&["guardrails", "check", &guardrails("over", &[PERMIT, &over])?])?;
    assert_eq!(said.status, Some(0));
    assert!(said.out.contains("`own-2` ended with 2020-01-31 and no longer applies"), "{}", said.out);
    Ok(())
}

#[test]
fn the_way_of_an_event_is_told_up_to_the_guardrail_that_stops_it() -> Result<()> {
    let (event, state) = recorded("everyone-among-principals.json")?;
    let folder = guardrails("pipeline", &[PERMIT, ROLE])?;
    let said = snapback(&["explain", "event", &event, "--state", &state, "--guardrails", &folder])?;
    assert_eq!((said.status, said.err.as_str()), (Some(1), ""));
    let told = [
        "PutBucketPolicy on s3",
        "control ",
        "suspicion ",
        "state ",
        "decision    revert",
        "guardrails ",
        "result      alert",
    ];
    let places: Option<Vec<usize>> = told.iter().map(|part| said.out.find(part)).collect();
    assert!(places.is_some_and(|places| places.is_sorted()), "{}", said.out);
    assert!(said.out.contains("forbidden by guardrail `own-2`: the pipeline deploys the site"), "{}", said.out);

    let said = snapback(&["explain", "event", &event, "--state", &state, "--guardrails", &folder, "--json"])?;
    let trace: Value = serde_json::from_str(&said.out)?;
    let suspicion = &trace["suspicions"][0];
    assert_eq!(suspicion["decision"]["decision"], "revert");
    assert_eq!(
        (&suspicion["guardrails"]["permitted"], &suspicion["result"]["decision"]),
        (&json!(false), &json!("alert"))
    );
    assert_eq!(suspicion["guardrails"]["by"][0]["owner"], "web@example.com");
    Ok(())
}

#[test]
fn without_a_look_it_is_told_what_guardrails_would_say() -> Result<()> {
    let (event, _) = recorded("everyone-among-principals.json")?;
    let said = snapback(&["explain", "event", &event])?;
    assert_eq!(said.status, Some(1));
    assert!(said.out.contains("state       not read: --look reads it now"), "{}", said.out);
    assert!(said.out.contains("if it came to a revert: no guardrail forbids reverting it"), "{}", said.out);
    let tagged = "@reason(\"r\") @owner(\"o\") forbid (principal, action, resource) when { resource.hasTag(\"t\") };";
    let said = snapback(&["explain", "event", &event, "--guardrails", &guardrails("tagged", &[PERMIT, tagged])?])?;
    assert!(said.out.contains("asks for tags, and they are not known"), "{}", said.out);
    Ok(())
}

#[test]
fn what_is_harmless_forged_or_no_event_is_told_so() -> Result<()> {
    let benign = "events/ec2-open-security-group/benign-https.json";
    let said = snapback(&["explain", "event", benign])?;
    assert_eq!(said.status, Some(0));
    assert!(said.out.contains("suspicion   none"), "{}", said.out);

    let mut event: Value = serde_json::from_str(&fs::read_to_string(workspace(benign))?)?;
    event["source"] = json!("custom.ec2");
    let forged = Path::new(env!("CARGO_TARGET_TMPDIR")).join("forged.json");
    fs::write(&forged, event.to_string())?;
    let forged = forged.to_str().context("a path")?;
    assert!(snapback(&["explain", "event", forged])?.out.contains("refused     it is forged"));
    fs::write(forged, event["detail"].to_string())?;
    assert_eq!(snapback(&["explain", "event", forged])?.status, Some(0), "a bare record is an event as well");
    for bad in ["{", "{}", "[]", "null"] {
        fs::write(forged, bad)?;
        assert_eq!(snapback(&["explain", "event", forged])?.status, Some(2), "{bad}");
    }
    Ok(())
}

#[test]
fn whom_the_operator_trusts_is_checked_too() -> Result<()> {
    let folder = guardrails("trusted", &[PERMIT])?;
    let file = Path::new(&folder).join("trusted.json");
    fs::write(&file, r#"{"accounts": {"444455556666": "a vendor"}, "ranges": {"203.0.113.0/24": "the office"}}"#)?;
    let good = snapback(&["guardrails", "check", &folder])?;
    assert_eq!((good.status, good.err.as_str()), (Some(0), ""));
    assert!(good.out.contains(&format!("{}: accounts 1, ranges 1\n", file.display())), "{}", good.out);
    fs::write(&file, r#"{"accounts": {"444455556666": ""}}"#)?;
    let bad = snapback(&["guardrails", "check", &folder])?;
    assert_eq!(bad.status, Some(2));
    let said = format!("snapback: {}:1: field `accounts`: expected a reason for `444455556666`", file.display());
    assert!(bad.err.starts_with(&said), "{}", bad.err);
    for positions in ["[]", r#"[{"444455556666": "a vendor"}]"#] {
        fs::write(&file, positions)?;
        let list = snapback(&["guardrails", "check", &folder])?;
        let said = "trusted.json:1: expected an object, found a list; each name has its reason, as in {";
        assert!(list.status == Some(2) && list.err.contains(said), "{}", list.err);
    }
    fs::write(&file, r#"{"accounts": ["444455556666"]}"#)?;
    let list = snapback(&["guardrails", "check", &folder])?;
    let said = "trusted.json:1: field `accounts`: expected an object, found a list; each name has its reason, as in {";
    assert!(list.status == Some(2) && list.err.contains(said), "{}", list.err);
    Ok(())
}

/// A misspelled one would count as one in which nobody is trusted and nothing is forbidden.
#[test]
fn a_folder_that_a_flag_names_has_to_be_there() -> Result<()> {
    let (event, _) = recorded("everyone-among-principals.json")?;
    for folder in ["guardrials", "README.md"] {
        for command in [&["replay", &event][..], &["scan"], &["explain", "event", &event]] {
            let said = snapback(&[command, &["--guardrails", folder]].concat())?;
            assert_eq!((said.status, said.out.as_str()), (Some(2), ""), "{command:?}");
            let named =
                said.err.starts_with("snapback: ") && said.err.contains(&format!("'{folder}' for '--guardrails"));
            assert!(named && said.err.contains("(`*.cedar`)"), "{command:?}: {}", said.err);
        }
    }
    Ok(())
}

#[test]
fn where_there_is_no_folder_of_guardrails_that_is_said() -> Result<()> {
    let (event, _) = recorded("everyone-among-principals.json")?;
    let elsewhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elsewhere");
    fs::create_dir_all(&elsewhere)?;
    let explain = ["explain", "event", &event];
    let done = Command::new(env!("CARGO_BIN_EXE_snapback")).args(explain).current_dir(elsewhere).output()?;
    let out = String::from_utf8(done.stdout)?;
    assert!(out.contains("there is no folder `guardrails` here: --guardrails names yours"), "{out}");
    Ok(())
}
