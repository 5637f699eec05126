//! What is printed. Names and texts of events are their makers' choice, and a terminal obeys what is in them: so no
//! control character gets out but the ends of lines.

use std::fmt;
use std::io::{self, Write};

pub(crate) use snapback::plain::{on_one_line, plain};

/// Shows control characters as JSON does, so that what was JSON stays the same JSON.
#[derive(Debug)]
pub(crate) struct Plain<W>(pub(crate) W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(plain(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    /// All of a line at once, as its parts may break a character in two.
    fn write_fmt(&mut self, line: fmt::Arguments<'_>) -> io::Result<()> {
        self.0.write_all(plain(&line.to_string()).as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_nothing_to_obey() {
        let mut out = Plain(vec![]);
        writeln!(out, "\u{1b}[2Jgone\tüber\r\u{9b}2J").expect("a line");
        assert_eq!(String::from_utf8_lossy(&out.0), "\\u001b[2Jgone\tüber\\u000d\\u009b2J\n");
        assert_eq!(plain("user\u{202e}nimda"), "user\\u202enimda");
        assert_eq!(on_one_line("a\nDo it? yes"), "a\\u000aDo it? yes");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({"name": "\u{1b}[0m\u{9b}\u{202e}\n\"\\"});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&plain(&value.to_string())).expect("JSON"), value);
    }
}
