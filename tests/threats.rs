//! Each line of the threat model names the tests that show it, or says why there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use workspace_tests::workspace;

use crate::events::entries;

/// Where tests are.
const FOLDERS: [&str; 7] =
    ["cli/src", "cli/tests", "functions", "shared/src", "shared/tests", "tests", "tests/end_to_end"];

fn page() -> Result<String> {
    Ok(fs::read_to_string(workspace("docs/threat-model.md"))?)
}

/// The chapters between these two headings.
fn between<'a>(page: &'a str, from: &str, to: &str) -> Result<&'a str> {
    let (_, rest) = page.split_once(from).with_context(|| format!("no heading `{from}`"))?;
    Ok(rest.split_once(to).with_context(|| format!("no heading `{to}`"))?.0)
}

/// What the paragraphs are about: the bold words that they begin with.
fn lines(page: &str) -> Result<BTreeSet<String>> {
    let chapters = between(page, "\n## What holds\n", "\n## What shows it\n")?;
    let bold = chapters.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**"));
    Ok(bold.map(|(bold, _)| plain(bold)).collect())
}

/// The rows of the table: what they are about, and what stands beside it.
fn rows(page: &str) -> Result<Vec<(String, String)>> {
    let (_, table) = page.split_once("\n## What shows it\n").context("no table")?;
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [about, _, shown] = cells[..] else { anyhow::bail!("not three cells: {row}") };
        Ok((plain(about), shown.to_owned()))
    })
    .collect()
}

fn plain(words: &str) -> String {
    words.trim_end_matches('.').replace('`', "")
}

/// The names of all tests below a folder.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() {
            tests_in(&path, found)?;
            continue;
        }
        let source = fs::read_to_string(&path).unwrap_or_default();
        let name = |line: &str, start: &str| Some(line.split_once(start)?.1.split('(').next()?.to_owned());
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("py") => found
                .extend(source.lines().filter_map(|line| line.starts_with("def test_").then(|| name(line, "def "))?)),
            Some("rs") => {
                let mut lines = source.lines();
                while let Some(line) = lines.next() {
                    if ["#[test]", "#[tokio::test]"].contains(&line.trim()) {
                        found.extend(lines.by_ref().find_map(|line| name(line, "fn ")));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn every_line_of_the_threat_model_is_shown_by_a_test_or_says_why_by_none() -> Result<()> {
    let page = page()?;
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for (about, by) in rows(&page)? {
        let names = by.split('`').skip(1).step_by(2).count();
        let says_why = by.strip_prefix("none: ").is_some_and(|why| why.split(' ').count() > 2);
        assert!(names > 0 || says_why, "nothing shows `{about}`: {by}");
        *shown.entry(about).or_default() += 1;
    }
    assert_eq!(shown.into_keys().collect::<BTreeSet<_>>(), lines(&page)?);
    Ok(())
}

#[test]
fn every_test_that_the_threat_model_names_is_there() -> Result<()> {
    let mut tests = BTreeSet::new();
    for folder in FOLDERS {
        tests_in(&workspace(folder), &mut tests)?;
    }
    for (about, by) in rows(&page()?)? {
        for name in by.split('`').skip(1).step_by(2) {
            assert!(tests.contains(name), "{about}: there is no test `{name}`");
        }
    }
    Ok(())
}
