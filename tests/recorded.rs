//! Files that tests compare with what the code says now, and rewrite when they are asked to with `UPDATE=1`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Says whether a file holds this text; with `UPDATE=1` it does afterwards.
pub(crate) fn is_recorded(path: &Path, text: &str) -> Result<()> {
    let recorded = fs::read_to_string(path).unwrap_or_default();
    if recorded != text && std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        return rewrite(path, text).with_context(|| format!("writing {}", path.display()));
    }
    ensure!(
        recorded == text,
        "{} is not what the code says now. Read the difference, then rewrite it with UPDATE=1:\n{}",
        path.display(),
        difference(&recorded, text)
    );
    Ok(())
}

/// In one step, since other tests read the same files at the same time.
fn rewrite(path: &Path, text: &str) -> Result<()> {
    let draft = Path::new(env!("CARGO_TARGET_TMPDIR")).join(path.file_name().context("a path without a name")?);
    fs::write(&draft, text)?;
    Ok(fs::rename(&draft, path)?)
}

/// The lines in which two texts differ: from the first that differs to the last.
fn difference(recorded: &str, now: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (recorded.lines().collect(), now.lines().collect());
    let same = |one: &mut dyn Iterator<Item = (&&str, &&str)>| one.take_while(|(old, new)| old == new).count();
    let start = same(&mut old.iter().zip(&new));
    let end = same(&mut old[start..].iter().rev().zip(new[start..].iter().rev()));
    let lines = |sign: char, lines: &[&str]| lines.iter().map(|line| format!("{sign}{line}\n")).collect::<String>();
    lines('-', &old[start..old.len() - end]) + &lines('+', &new[start..new.len() - end])
}
