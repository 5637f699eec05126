//! Texts of events as people may read them. Names and texts are their makers' choice: none of them may start a line of its
//! own, and a terminal or a mail has nothing to obey.

/// The text without what a terminal would obey or show in another order.
#[must_use]
pub fn plain(text: &str) -> String {
    shown(text, |char| char == '\n' || char == '\t')
}

/// The same on one line: a name cannot pretend to be the next one.
#[must_use]
pub fn on_one_line(text: &str) -> String {
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
