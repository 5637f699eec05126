//! The check for known defects works offline, with the copy of `RustSec`'s database that there is, however old.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};
use workspace_tests::workspace;

/// As cargo-deny 0.20: `--offline` belongs before `check`, and anything else is wrong usage.
const CARGO_DENY: &str = "#!/bin/sh\n[ \"$1 $2\" = '--offline check' ] && echo advisories ok";

fn scratch(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let deny = folder.join("cargo-deny");
    fs::write(&deny, CARGO_DENY)?;
    fs::set_permissions(&deny, fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// A copy whose newest commit is of that time.
fn fetched(home: &Path, at: Timestamp) -> Result<()> {
    let copy = home.join("advisory-dbs/advisory-db-3157b0e258782691");
    fs::create_dir_all(&copy)?;
    for arguments in [
        &["init", "--quiet"][..],
        &["-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "--quiet", "--allow-empty", "-m", "x"],
    ] {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(&copy).env("GIT_COMMITTER_DATE", at.to_string());
        ensure!(git.status()?.success(), "git {arguments:?}");
    }
    Ok(())
}

fn checked(home: &Path) -> Result<String> {
    let mut command = Command::new(workspace("tools/advisories"));
    let output = command.arg(home.join("cargo-deny")).env("CARGO_HOME", home).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn a_new_database_is_used_and_its_date_is_said() -> Result<()> {
    let (home, now) = (scratch("advisories-new")?, Timestamp::now());
    fetched(&home, now)?;
    assert_eq!(checked(&home)?, format!("RustSec's database is of {}.\nadvisories ok\n", now.strftime("%F")));
    Ok(())
}

#[test]
fn an_old_database_is_used_with_a_warning() -> Result<()> {
    let home = scratch("advisories-old")?;
    fetched(&home, Timestamp::now() - SignedDuration::from_hours(24 * 99))?;
    let said = checked(&home)?;
    assert!(said.contains("WARNING: that is 99 days ago.") && said.ends_with("advisories ok\n"), "{said}");
    Ok(())
}

#[test]
fn without_a_database_it_says_what_was_not_checked() -> Result<()> {
    let said = checked(&scratch("advisories-none")?)?;
    assert!(said.starts_with("Not checked: ") && said.contains("`make advisories` fetches it"), "{said}");
    Ok(())
}
