//! What the tests across the workspace share: where things are, and which functions there are.

use std::path::{Path, PathBuf};

use snapback::control::{AnyControl, Function};

/// Every function there is.
pub const FUNCTIONS: [&Function; 3] = [&s3::FUNCTION, &ec2::FUNCTION, &own::FUNCTION];

/// Every control there is.
pub fn controls() -> impl Iterator<Item = &'static AnyControl> {
    FUNCTIONS.iter().flat_map(|function| function.controls)
}

/// A file or folder of the workspace.
#[must_use]
pub fn workspace(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
