//! What is printed. Names and texts of events are their makers' choice, and a terminal obeys what is in them: so no
//! control character gets out but the ends of lines.

use std::fmt;
use std::io::{self, Write};

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

/// The text without what a terminal would obey or show in another order.
pub(crate) fn plain(text: &str) -> String {
    shown(text, |char| char == '\n' || char == '\t')
}

/// The same on one line: a name cannot pretend to be the next one.
pub(crate) fn on_one_line(text: &str) -> String {
    shown(text, |_| false)
}

fn shown(text: &str, is_fine: impl Fn(char) -> bool) -> String {
    let is_bad = |char: char| !is_fine(char) && (char.is_control() || changes_direction(char));
    if !text.contains(is_bad) {
        return text.to_owned();
    }
    let as_in_json = |char: char| format!("\\u{:04x}", u32::from(char));
    text.chars().map(|char| if is_bad(char) { as_in_json(char) } else { char.to_string() }).collect()
}

/// <https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>, and the ends of lines of Unicode's own.
fn changes_direction(char: char) -> bool {
    matches!(char, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
