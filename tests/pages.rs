//! The header of a control's file is its page in `docs/controls.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use snapback::control::{About, AnyControl, Applier};
use snapback::right::actions;
use workspace_tests::{FUNCTIONS, controls, workspace};

use crate::cases::cases;
use crate::docs::anchor;
use crate::events::{entries, folders, name};
use crate::recorded::is_recorded;

/// The parts of a page, in their order.
const PARTS: [&str; 4] = ["Watches", "Why", "Does", "Leaves alone"];

/// What each control was seen to do end to end, and on whose emulator, which a run of all those tests records.
const PROOFS: &str = "tests/end_to_end/proofs.json";

/// Whose emulator, and what that is; the strongest proof first.
const PLAYERS: [(&str, &str); 3] = [
    ("ministack", "on ministack, the local AWS"),
    ("moto", "on moto, an EC2 by other authors"),
    ("stand-in", "on a stand-in of ours, where no emulator has the API"),
];

/// How far a control went: the most is that its revert was taken back.
const OUTCOMES: [&str; 3] = ["undone", "reverted", "alerted"];

const PROVEN: &str = "*Reverted and undone* is a round trip by the deployed functions and `snapback undo`. So many controls \
                      have which proof, as the\nlast run of all end-to-end tests has seen it; a run that sees less fails:\n";

/// By control and emulator, the most that was seen.
pub(crate) type Proofs = BTreeMap<String, BTreeMap<String, String>>;

pub(crate) fn proofs() -> Result<Proofs> {
    Ok(serde_json::from_str(&fs::read_to_string(workspace(PROOFS))?)?)
}

/// The controls to which AWS's answers are put in their wire shapes, for what no emulator does on demand. Each page asks for
/// them, and to read all cases takes seconds.
fn given_canned_answers() -> Result<&'static BTreeSet<&'static str>> {
    static GIVEN: OnceLock<BTreeSet<&str>> = OnceLock::new();
    if let Some(given) = GIVEN.get() {
        return Ok(given);
    }
    let given = cases()?.iter().filter(|case| case.tells_answers()).map(|case| case.control.about.id).collect();
    Ok(GIVEN.get_or_init(|| given))
}

fn outcome_in_words(outcome: &str) -> &str {
    match outcome {
        "undone" => "reverted and undone",
        other => other,
    }
}

/// All that proves a control, the strongest first.
fn proven_by(control: &AnyControl) -> Result<Vec<String>> {
    let proofs = proofs()?;
    let seen = proofs.get(control.about.id);
    let end_to_end = PLAYERS.iter().filter_map(|(player, words)| {
        let outcome = seen?.get(*player)?;
        Some(format!("{} {words}", outcome_in_words(outcome)))
    });
    let canned = given_canned_answers()?.contains(control.about.id).then(|| "canned HTTP answers".to_owned());
    Ok(end_to_end.chain(canned).collect())
}

/// How many controls have which proof.
fn counts() -> Result<String> {
    let proofs = proofs()?;
    let mut rows = String::new();
    for (player, words) in PLAYERS {
        for outcome in OUTCOMES {
            let count = proofs.values().filter(|seen| seen.get(player).is_some_and(|seen| seen == outcome)).count();
            if count > 0 {
                writeln!(rows, "| {} {words} | {count} |", outcome_in_words(outcome))?;
            }
        }
    }
    writeln!(rows, "| given canned HTTP answers in AWS's wire shapes | {} |", given_canned_answers()?.len())?;
    Ok(format!("| proof | controls |\n|---|---|\n{rows}| all | {} |\n", controls().count()))
}

/// All controls at one glance.
fn overview() -> Result<String> {
    let mut out = "| control | severity | events | proven by |\n|---|---|---|---|\n".to_owned();
    for control in controls() {
        let about = control.about;
        // Some calls come from either of two services.
        let events: BTreeSet<String> = about.watches.iter().map(|watch| format!("`{}`", watch.name)).collect();
        let events: Vec<String> = events.into_iter().collect();
        let (anchor, proven_by) = (anchor(about.title), proven_by(control)?);
        let (events, proven_by) = (events.join(", "), proven_by.join("; "));
        writeln!(out, "| [`{}`](#{anchor}) | {} | {events} | {proven_by} |", about.id, about.severity)?;
    }
    Ok(out)
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
    let mut out = "# Controls\n\nWhat Snapback watches, and what it reverts or only alerts about. Each chapter is the header \
                   of the file that\ndoes it, and its table is what that file declares. `UPDATE=1 cargo test -p workspace-tests` writes this page from \
                   them;\nwithout `UPDATE` a test fails where they differ.\n"
        .to_owned();
    write!(out, "\n{}\n{PROVEN}\n{}", overview()?, counts()?)?;
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
            write!(out, "\n## {}\n\n| `{}` | |\n|---|---|\n", about.title, about.id)?;
            for (label, value) in [
                ("Function", code(&[function.name])),
                ("Events", code(&events.iter().map(String::as_str).collect::<Vec<_>>())),
                ("Reads", code(&actions(about.reads))),
                ("Writes", code(&actions(about.writes))),
                ("Undoing needs", code(&actions(about.undoes))),
                ("Severity", format!("up to {}", about.severity)),
                (
                    "Opt-in",
                    if control.opt_in { "yes: off until `ModeOverrides` names it".to_owned() } else { String::new() },
                ),
                (
                    "In mode `revert`",
                    if control.applied_by == Applier::Operator {
                        "asks: an operator applies what it plans, and its function has no right to it".to_owned()
                    } else if control.applied_by == Applier::IamWriter {
                        "asks: an operator applies what it plans, and its function has no right to it without `IamWriter`; \
                         with it, it asks until `ModeOverrides` names its full id"
                            .to_owned()
                    } else if control.asks_unless_named {
                        "asks, until `ModeOverrides` names its full id".to_owned()
                    } else {
                        String::new()
                    },
                ),
                ("Frameworks", about.frameworks.join(", ")),
                ("Proven by", proven_by(control)?.join("; ")),
                ("Source", format!("[{0}](../{0})", about.source)),
            ] {
                if !value.is_empty() {
                    writeln!(out, "| {label} | {value} |")?;
                }
            }
            let limit = match about.writes {
                [] => "",
                _ => "A revert does not take back what was done in the meantime. ",
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

/// As it stands in the subject of a mail, after the resource's name.
#[test]
fn every_control_says_in_a_few_words_what_happened() {
    for About { id, happened, .. } in controls().map(|control| control.about) {
        assert!(happened.starts_with(|first: char| first.is_ascii_lowercase()), "{id}: {happened}");
        assert!(happened.is_ascii() && happened.len() <= 50 && !happened.ends_with('.'), "{id}: {happened}");
    }
}

/// An alert says it as well, and then nothing was reverted.
#[test]
fn what_people_must_know_is_true_without_a_revert() {
    for control in controls() {
        let caveat = control.about.caveat;
        let claims = ["the revert", "undo this", "was reverted", "were reverted"].into_iter();
        let claimed: Vec<_> = claims.filter(|claim| caveat.contains(claim)).collect();
        assert!(claimed.is_empty() && caveat.ends_with('.'), "{}: {claimed:?}: {caveat}", control.about.id);
    }
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

/// A case shows it: it quotes the line, and `cases.rs` sees to it that it leaves it alone.
#[test]
fn everything_that_is_left_alone_is_shown_by_a_case() -> Result<()> {
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
        // Where a folder is of no one service, the file names it.
        let named = stem.replace('_', "-");
        let id = if ["detectors", "policies"].contains(&folder) { named } else { format!("{folder}-{named}") };
        assert_eq!(about.id, id, "{}", about.source);
        let capitalised = |word: &str| word[..1].to_uppercase() + &word[1..];
        let kind: String = stem.split('_').map(capitalised).collect();
        let source = fs::read_to_string(workspace(about.source))?;
        // Controls that have most in common implement a trait of theirs.
        let is_its = |line: &str| line.starts_with("impl ") && line.ends_with(&format!(" for {kind} {{"));
        assert!(source.lines().any(is_its), "{} has no {kind}", about.source);
        assert!(ids.insert(about.id), "two controls are called {}", about.id);
    }
    Ok(())
}

#[test]
fn every_control_is_proven() -> Result<()> {
    let proofs = proofs()?;
    let ids: BTreeSet<&str> = controls().map(|control| control.about.id).collect();
    assert_eq!(proofs.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids, "{PROOFS}");
    for control in controls() {
        let (id, proven_by) = (control.about.id, proven_by(control)?);
        assert!(!proven_by.is_empty(), "nothing proves {id}");
        let seen: BTreeSet<&str> = proofs[id].values().map(String::as_str).collect();
        assert!(seen.is_subset(&OUTCOMES.into()), "{id} was seen to do {seen:?}, which is nothing known");
    }
    Ok(())
}
