//! What people are told to run.

use std::borrow::Cow;

/// A name as a word of a command: no shell acts on what it holds.
pub(crate) fn quoted(name: &str) -> Cow<'_, str> {
    shlex::try_quote(name).unwrap_or(Cow::Borrowed("''"))
}
