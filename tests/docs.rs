//! The documentation leads to what there is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use regex_lite::Regex;
use workspace_tests::{controls, workspace};

/// Every page for people, but those that came with something else.
fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = vec![];
    for folder in ["", "docs", "docs/adr", "events", "fuzz", "organization", "guardrails", "benches", ".github"] {
        let Ok(files) = fs::read_dir(workspace(folder)) else { continue };
        let files = files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>>>()?;
        pages.extend(files.into_iter().filter(|path| path.extension().is_some_and(|of| of == "md")));
    }
    Ok(pages)
}

/// As GitHub makes it of a heading.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn has_anchor(page: &Path, wanted: &str) -> Result<bool> {
    let text = fs::read_to_string(page)?;
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    Ok(headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).any(|found| found == wanted))
}

#[test]
fn every_link_within_the_project_leads_somewhere() -> Result<()> {
    let link = Regex::new(r"\]\(([^)\s]+)\)")?;
    let mut followed = 0;
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, place) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { page.clone() } else { page.parent().context("a folder")?.join(file) };
            ensure!(to.exists(), "{}: {target} does not exist", page.display());
            ensure!(place.is_empty() || has_anchor(&to, place)?, "{}: {target} has no such heading", page.display());
            followed += 1;
        }
    }
    ensure!(followed > 50, "only {followed} links were found");
    Ok(())
}

#[test]
fn every_target_that_the_documentation_names_is_in_the_makefile() -> Result<()> {
    let makefile = fs::read_to_string(workspace("Makefile"))?;
    let target = Regex::new(r"(?:^    |`|\| `)make ([a-z-]+)")?;
    for page in pages()? {
        for line in fs::read_to_string(&page)?.lines() {
            for found in target.captures_iter(line) {
                let rule = format!("\n{}:", &found[1]);
                ensure!(makefile.contains(&rule), "{}: there is no `make {}`", page.display(), &found[1]);
            }
        }
    }
    Ok(())
}

/// One decision per file, each with the parts that readers look for.
#[test]
fn every_decision_has_a_status_a_date_and_its_parts_and_stands_in_the_index() -> Result<()> {
    let folder = workspace("docs/adr");
    let index = fs::read_to_string(folder.join("README.md"))?;
    let status = Regex::new(r"\A# (\d+)\. .+\n\n(?:Accepted|Superseded), \d{4}-\d\d-\d\d")?;
    let mut numbers = BTreeSet::new();
    for file in fs::read_dir(&folder)? {
        let name = file?.file_name().into_string().ok().context("a name")?;
        let Some((number, _)) = name.split_once('-').filter(|(number, _)| number.parse::<u32>().is_ok()) else {
            continue;
        };
        let text = fs::read_to_string(folder.join(&name))?;
        let found = status.captures(&text).with_context(|| format!("{name}: no number, status and date"))?;
        ensure!(found[1].parse::<u32>()? == number.parse::<u32>()?, "{name}: its heading has another number");
        for part in ["\n## Context\n", "\n## Decision\n", "\n## Consequences\n"] {
            ensure!(text.contains(part), "{name}: no part {part:?}");
        }
        ensure!(index.contains(&format!("]({name})")), "{name}: it does not stand in the index");
        ensure!(numbers.insert(number.to_owned()), "{name}: another decision has its number");
    }
    ensure!(numbers.len() > 50, "only {} decisions were found", numbers.len());
    Ok(())
}

#[test]
fn the_map_of_the_code_fits_on_a_few_pages() -> Result<()> {
    let lines = fs::read_to_string(workspace("ARCHITECTURE.md"))?.lines().count();
    ensure!(lines <= 200, "ARCHITECTURE.md has {lines} lines: move decisions to docs/adr/");
    Ok(())
}

#[test]
fn the_readme_names_every_control() -> Result<()> {
    let readme = fs::read_to_string(workspace("README.md"))?;
    let missing: Vec<&str> =
        controls().map(|control| control.about.id).filter(|id| !readme.contains(&format!("`{id}`"))).collect();
    assert!(missing.is_empty(), "README.md does not name {missing:?}");
    Ok(())
}

/// The control of the guide that shows how to add one.
const EXAMPLE: &str = "s3-public-website";

/// Whether it is a control's id or a pattern that means some.
fn means_a_control(name: &str) -> bool {
    let is_meant = |id: &str| name.strip_suffix('*').map_or(id == name, |start| id.starts_with(start));
    name == EXAMPLE || controls().any(|control| is_meant(control.about.id))
}

#[test]
fn every_control_that_the_documentation_names_exists() -> Result<()> {
    let services: BTreeSet<&str> = controls().filter_map(|control| control.about.id.split('-').next()).collect();
    let services = services.into_iter().collect::<Vec<_>>().join("|");
    let name = Regex::new(&format!(
        r"(?m)(?:^|[^\w.:/#-])((?:{services})-(?:[a-z0-9]+-)*(?:[a-z0-9]+\*?|\*))(?:$|[^\w.*-]|\.\s)"
    ))?;
    // What another project calls an attack, and the host of an API.
    let of_others = Regex::new(r"\(Stratus\s+Red\s+Team:[^)]*\)")?;
    let mut named = 0;
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        for found in name.captures_iter(&of_others.replace_all(&text, "")) {
            ensure!(means_a_control(&found[1]), "{}: there is no control `{}`", page.display(), &found[1]);
            named += 1;
        }
    }
    ensure!(named > 200, "only {named} names of controls were found");
    Ok(())
}
