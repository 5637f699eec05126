//! What the tests across the workspace share: where things are, and which functions there are.

use std::path::{Path, PathBuf};

use snapback::mode::{Mode, Modes};

pub use functions::{FUNCTIONS, controls};

/// A mode for every control, those as well that have to be named for it.
///
/// # Panics
/// If the id of a control were no override.
#[must_use]
pub fn for_all(mode: Mode) -> Modes {
    let named = controls().filter(|control| control.opt_in || control.asks_unless_named);
    let named: Vec<String> = named.map(|control| format!("{}={mode}", control.about.id)).collect();
    Modes::read(mode, &named.join(",")).expect("ids")
}

/// A file or folder of the workspace.
#[must_use]
pub fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
