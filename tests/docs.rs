//! The documentation leads to what there is.

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

#[test]
fn the_readme_names_every_control() -> Result<()> {
    let readme = fs::read_to_string(workspace("README.md"))?;
    let missing: Vec<&str> =
        controls().map(|control| control.about.id).filter(|id| !readme.contains(&format!("`{id}`"))).collect();
    assert!(missing.is_empty(), "README.md does not name {missing:?}");
    Ok(())
}
