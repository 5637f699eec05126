//! The header of a control's file is its page in `docs/controls.md`.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use snapback::control::AnyControl;
use workspace_tests::{FUNCTIONS, controls, workspace};

use crate::decisions::cases;
use crate::events::{entries, folders, name};
use crate::recorded::is_recorded;

/// The parts of a page, in their order.
const PARTS: [&str; 4] = ["Watches", "Why", "Does", "Leaves alone"];

/// What a control has been put through. What stands here is what `docs/controls.md` says, so a weaker proof shows.
#[derive(Clone, Copy)]
enum Proof {
    /// The deployed template on the local AWS.
    Ministack,
    /// AWS's answers in their real wire shapes, for what no emulator does on demand.
    CannedAnswers,
}

const PROOFS: &[(&str, &[Proof])] = &[
    ("s3-public-bucket-policy", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-lost-bucket-deny", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-foreign-bucket-policy", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-public-bucket-acl", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-bucket-public-access-block-off", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-account-public-access-block-off", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-access-point-policy", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-early-log-expiry", &[Proof::Ministack, Proof::CannedAnswers]),
    ("s3-suspended-log-versioning", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-open-security-group", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-open-egress", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-opened-prefix-list", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-shared-snapshot", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-used-shared-snapshot", &[Proof::Ministack]),
    ("ec2-shared-image", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-open-endpoint-service", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-unblocked-snapshots", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-unblocked-images", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-unencrypted-volumes", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-serial-console", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-unblocked-vpcs", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-excluded-vpc", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-instance-metadata-default-v1", &[Proof::Ministack]),
    ("ec2-open-network-acl", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-deleted-flow-logs", &[Proof::Ministack, Proof::CannedAnswers]),
    ("ec2-foreign-peering", &[Proof::Ministack]),
    ("ec2-foreign-traffic-mirror", &[Proof::CannedAnswers]),
    ("ec2-instance-metadata-v1", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-silenced-rule", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-changed-function", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-changed-role", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-muted-topic", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-unprotected-journal", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-disabled-key", &[Proof::Ministack, Proof::CannedAnswers]),
    ("own-changed-queue", &[Proof::Ministack, Proof::CannedAnswers]),
];

impl Proof {
    fn words(self) -> &'static str {
        match self {
            Self::Ministack => "ministack (local AWS)",
            Self::CannedAnswers => "canned HTTP answers",
        }
    }

    /// The sources of the tests that are this proof.
    fn tests(self) -> (&'static str, &'static str) {
        match self {
            Self::Ministack => ("tests/end_to_end", "py"),
            Self::CannedAnswers => ("tests/canned", "rs"),
        }
    }
}

fn proofs(control: &AnyControl) -> &'static [Proof] {
    PROOFS.iter().find(|(id, _)| *id == control.about.id).map_or(&[], |(_, proofs)| proofs)
}

/// A control's page, without the signs that make it a comment.
fn page(control: &AnyControl) -> Result<String> {
    let source = fs::read_to_string(workspace(control.about.source))
        .with_context(|| format!("reading {}", control.about.source))?;
    let header = source.lines().map_while(|line| line.strip_prefix("//!"));
    Ok(header.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n"))
}

/// The text of one part of a page.
fn part<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n**{name}**"))?;
    Some(rest.split("\n**").next().unwrap_or(rest))
}

/// The items of the first list of a part, each on one line.
fn items(part: &str) -> Vec<String> {
    let list = part.lines().skip_while(|line| !line.starts_with("- ")).take_while(|line| !line.is_empty());
    let mut items: Vec<String> = vec![];
    for line in list {
        match (line.strip_prefix("- "), items.last_mut()) {
            (None, Some(item)) => *item = format!("{item} {}", line.trim()),
            (item, _) => items.push(item.unwrap_or(line).to_owned()),
        }
    }
    items
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn render() -> Result<String> {
    let mut out = "# Controls\n\nWhat Snapback takes back. Each chapter is the header of the file that does it, and its table is \
                   what that file declares.\n`UPDATE=1 cargo test -p workspace-tests` writes this page from them; \
                   without `UPDATE` a test fails where they differ.\n"
        .to_owned();
    for function in FUNCTIONS {
        for control in function.controls {
            let about = control.about;
            let code = |words: &[&str]| match words {
                [] => "nothing".to_owned(),
                some => some.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            };
            let page = page(control)?;
            let (_, text) = page.split_once("\n\n").with_context(|| format!("{} has no page", about.source))?;
            let events: Vec<String> =
                about.watches.iter().map(|watch| format!("{}:{}", watch.service, watch.name)).collect();
            let proofs: Vec<&str> = proofs(control).iter().map(|proof| proof.words()).collect();
            write!(out, "\n## {}\n\n| `{}` | |\n|---|---|\n", about.title, about.id)?;
            for (label, value) in [
                ("Function", code(&[function.name])),
                ("Events", code(&events.iter().map(String::as_str).collect::<Vec<_>>())),
                ("Reads", code(about.reads)),
                ("Writes", code(about.writes)),
                ("Undoing needs", code(about.undoes)),
                ("Severity", format!("up to {}", about.severity)),
                (
                    "Opt-in",
                    if control.opt_in { "yes: off until `ModeOverrides` names it".to_owned() } else { String::new() },
                ),
                ("Frameworks", about.frameworks.join(", ")),
                ("Proven by", proofs.join(", ")),
                ("Source", format!("[{0}](../{0})", about.source)),
            ] {
                if !value.is_empty() {
                    writeln!(out, "| {label} | {value} |")?;
                }
            }
            let limit = match about.writes {
                [] => "",
                _ => "A revert does not end what was done through the opening. ",
            };
            write!(out, "\n{}\n\n{limit}{}\n", text.trim(), about.caveat)?;
        }
    }
    Ok(out)
}

#[test]
fn the_documentation_is_what_the_files_say() -> Result<()> {
    is_recorded(&workspace("docs/controls.md"), &render()?)
}

#[test]
fn every_page_has_its_title_and_its_four_parts() -> Result<()> {
    for control in controls() {
        let (page, source) = (page(control)?, control.about.source);
        assert_eq!(page.lines().next(), Some(format!("# {}", control.about.title).as_str()), "{source}");
        let places = PARTS.map(|part| page.find(&format!("\n**{part}**")));
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{source} has {places:?} of {PARTS:?}");
        for name in PARTS {
            let text = part(&page, name).unwrap_or_default();
            assert!(text.trim().len() > 10, "{source}: **{name}** says nothing");
        }
    }
    Ok(())
}

#[test]
fn every_page_names_the_calls_that_its_control_watches() -> Result<()> {
    for control in controls() {
        let page = page(control)?;
        let watches = part(&page, "Watches").unwrap_or_default();
        let names = control.about.watches.iter().map(|watch| watch.name).collect();
        assert_eq!(quoted(watches), names, "{}", control.about.source);
    }
    Ok(())
}

/// A recorded decision shows it: the case quotes the line, and `decisions.rs` sees to it that it leaves it alone.
#[test]
fn everything_that_is_left_alone_is_shown_by_a_recorded_decision() -> Result<()> {
    let cases = cases()?;
    let shown: BTreeSet<(&str, String)> =
        cases.iter().filter_map(|case| case.leaves_alone()).map(|(id, line)| (id, line.to_owned())).collect();
    let mut promised = BTreeSet::new();
    for control in controls() {
        let lines = items(part(&page(control)?, "Leaves alone").unwrap_or_default());
        ensure!(!lines.is_empty(), "{} leaves nothing alone", control.about.source);
        promised.extend(lines.into_iter().map(|line| (control.about.id, line)));
    }
    assert_eq!(promised, shown);
    Ok(())
}

#[test]
fn every_file_among_the_controls_is_a_registered_control() -> Result<()> {
    let mut files = BTreeSet::new();
    for folder in folders("functions")? {
        // What redrives has none.
        if !workspace("functions").join(&folder).join("src/controls").exists() {
            continue;
        }
        for path in entries(&workspace("functions").join(&folder).join("src/controls"))? {
            let file = name(&path)?;
            if file != "mod.rs" {
                files.insert(format!("functions/{folder}/src/controls/{file}"));
            }
        }
    }
    assert_eq!(files, controls().map(|control| control.about.source.to_owned()).collect());
    Ok(())
}

#[test]
fn file_type_and_id_are_the_same_words() -> Result<()> {
    let mut ids = BTreeSet::new();
    for control in controls() {
        let about = control.about;
        let path = Path::new(about.source);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).context("a file without a name")?;
        let folder = about.source.split('/').nth(1).context("a file outside functions/")?;
        assert_eq!(about.id, format!("{folder}-{}", stem.replace('_', "-")), "{}", about.source);
        let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
        let kind: String = stem.split('_').map(capitalised).collect();
        let source = fs::read_to_string(workspace(about.source))?;
        assert!(source.contains(&format!("impl Control for {kind} {{")), "{} has no {kind}", about.source);
        assert!(ids.insert(about.id), "two controls are called {}", about.id);
    }
    Ok(())
}

#[test]
fn every_control_is_proven_as_the_documentation_says() -> Result<()> {
    let known: BTreeSet<&str> = PROOFS.iter().map(|(id, _)| *id).collect();
    assert_eq!(known, controls().map(|control| control.about.id).collect());
    for (id, proofs) in PROOFS.iter().copied() {
        ensure!(!proofs.is_empty(), "nothing proves {id}");
        for proof in proofs {
            let (folder, extension) = proof.tests();
            let mut found = false;
            for path in entries(&workspace(folder))? {
                let is_source = path.extension().is_some_and(|of_file| of_file == extension);
                found |= is_source && fs::read_to_string(&path)?.contains(id);
            }
            assert!(found, "{folder} does not mention {id}, so it is not proven by {}", proof.words());
        }
    }
    Ok(())
}
