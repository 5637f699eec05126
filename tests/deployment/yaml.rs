//! YAML as people write it: short lists and mappings on one line, long ones a line each.

use std::fmt::Write;

/// How long a line may be.
const WIDTH: usize = 120;

/// Sentences, wrapped, each line behind the same words.
pub(super) fn wrapped(before: &str, text: &str) -> String {
    let mut out = String::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && before.len() + line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(out, "{before}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    let _ = writeln!(out, "{before}{line}");
    out
}

pub(super) fn comment(indent: usize, text: &str) -> String {
    if text.is_empty() { String::new() } else { wrapped(&format!("{:indent$}# ", ""), text) }
}

/// A list of words behind a key, or the one word.
pub(super) fn words(indent: usize, key: &str, words: &[&str]) -> String {
    match words {
        [lone] => format!("{:indent$}{key}: {lone}\n", ""),
        _ => list(indent, &format!("{key}:"), words),
    }
}

/// A list behind whatever comes before it.
pub(super) fn list(indent: usize, before: &str, items: &[impl AsRef<str>]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    let line = format!("{:indent$}{before} [{}]", "", items.join(", "));
    if line.len() <= WIDTH && !items.iter().any(|item| item.contains("!Sub")) {
        return format!("{line}\n");
    }
    let lines = items.iter().map(|item| format!("{:indent$}  - {item}\n", "")).collect::<String>();
    format!("{:indent$}{before}\n{lines}", "")
}

/// A text in which `${…}` stands for what CloudFormation knows.
pub(super) fn text(text: &str) -> String {
    let lone = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| !name.contains('}'));
    match lone {
        Some(name) if name.contains('.') => format!("!GetAtt {name}"),
        Some(name) => format!("!Ref {name}"),
        None if text.contains("${") => format!("!Sub {text}"),
        // Else YAML reads a star as an alias, and these words as no text.
        None if text == "*" || text == "true" || text == "false" => format!("\"{text}\""),
        None => text.to_owned(),
    }
}

/// The heading of a section, as wide as a line.
pub(super) fn heading(text: &str) -> String {
    let line = format!("  # ── {text} ");
    let rest = WIDTH.saturating_sub(line.chars().count());
    format!("{line}{}\n", "─".repeat(rest))
}
