//! Reading CloudTrail's JSON leniently: the same list arrives as `{"items":[…]}`, `{}`, an array, or a lone object.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;

/// Why a JSON text is not what was expected, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misread {
    pub message: String,
    pub line: usize,
    pub column: usize,
}

/// Reads a JSON text as what it is expected to be.
///
/// # Errors
/// Says which field is wrong, what was expected there and what was found.
pub fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Misread> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        misread(error.inner(), if field == "." { "" } else { &field })
    })?;
    deserializer.end().map_err(|error| misread(&error, ""))?;
    Ok(read)
}

/// The same of an object. A list with its fields in their order would be read as one, too.
///
/// # Errors
/// As for [`read`], and of a list.
pub fn read_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Misread> {
    let before = text.len() - text.trim_start().len();
    if text[before..].starts_with('[') {
        let line = text[..before].matches('\n').count() + 1;
        return Err(Misread { message: "expected an object, found a list".to_owned(), line, column: 1 });
    }
    read(text)
}

fn misread(error: &serde_json::Error, field: &str) -> Misread {
    let said = said(error);
    // One that is not known is named already.
    let is_of_a_field = error.is_data() && !field.is_empty() && !said.starts_with("unknown field ");
    let message = if is_of_a_field { format!("field `{field}`: {said}") } else { said };
    Misread { message, line: error.line().max(1), column: error.column().max(1) }
}

/// The elements of a list in any of the forms that CloudTrail gives it; nothing for null and for what is no list.
#[must_use]
pub fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(elements) => elements.iter().collect(),
        Value::Object(object) => match object.get("items") {
            Some(items) => list(items),
            None if object.is_empty() => vec![],
            None => vec![value],
        },
        _ => vec![],
    }
}

/// A string field that is there and not empty.
#[must_use]
pub fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}

/// What a value is, in a word.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether a field that says this might as well be left out.
#[must_use]
pub fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// How many things a request lists, each with what belongs to it, apart from tags.
#[must_use]
pub fn listed(request: &Value) -> usize {
    match request {
        Value::Array(list) => list.iter().map(|element| listed(element).max(1)).sum(),
        Value::Object(fields) => {
            let is_of_tags = |name: &str| name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("tag"));
            fields.iter().filter(|(name, _)| !is_of_tags(name)).map(|(_, value)| listed(value)).sum()
        }
        _ => 0,
    }
}

/// What is wrong with a JSON text, without its place and without the names that Rust has for it.
#[must_use]
pub fn said(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = message.strip_suffix(&place).unwrap_or(&message);
    match error.classify() {
        Category::Eof if (error.line(), error.column()) == (1, 0) => "expected JSON, found an empty text".to_owned(),
        Category::Eof => "not JSON: it ends too early".to_owned(),
        Category::Syntax => format!("not JSON: {message}"),
        Category::Data | Category::Io => of_another_type(message).unwrap_or_else(|| message.to_owned()),
    }
}

/// What is wrong with a text that begins as JSON and breaks off.
#[must_use]
pub fn broken_off(text: &str) -> Option<String> {
    let error = serde_json::from_str::<Value>(text).err()?;
    error.is_eof().then(|| said(&error))
}

/// `invalid type: string "22", expected i64`, in the words of JSON.
fn of_another_type(message: &str) -> Option<String> {
    let (found, expected) = message.strip_prefix("invalid type: ")?.split_once(", expected ")?;
    let expected = match expected {
        "a string" | "a borrowed string" => "a text",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        "a boolean" => "true or false",
        of_rust if of_rust.starts_with("struct ") => "an object",
        of_rust if of_rust.starts_with(['i', 'u']) && of_rust[1..].parse::<u8>().is_ok() => "a number",
        other => other,
    };
    let found = match found {
        "sequence" => "a list",
        "map" => "an object",
        value => ["string ", "integer ", "floating point ", "boolean "]
            .iter()
            .find_map(|kind| value.strip_prefix(kind))
            .unwrap_or(value),
    };
    Some(format!("expected {expected}, found {found}"))
}

/// A number field, also when it was written as a string.
#[must_use]
pub fn number(value: &Value, field: &str) -> Option<i64> {
    let field = value.get(field)?;
    field.as_i64().or_else(|| field.as_str()?.parse().ok())
}

/// Whether a flag is set, also when it was written as a string.
#[must_use]
pub fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

/// Whether CloudTrail left the parameters out, as it does above about 100 KB, or has none to tell.
#[must_use]
pub fn is_left_out(parameters: &Value) -> bool {
    match parameters {
        Value::Object(object) => object.is_empty() || object.get("omitted").is_some_and(is_true),
        _ => true,
    }
}

/// One text for all spellings of the same JSON: keys sorted, no white space.
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    sorted.to_string()
}

/// Whether two texts are the same JSON, whatever their white space and the order of their keys.
#[must_use]
pub fn same(one: &str, other: &str) -> bool {
    let parsed = |text| serde_json::from_str::<Value>(text).ok();
    one == other || parsed(one).is_some_and(|value| Some(value) == parsed(other))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_wrong_with_a_text_is_said_by_its_field_in_words_of_json() {
        type Ports = BTreeMap<String, Vec<u16>>;
        assert_eq!(read::<Ports>(r#"{"open": [22]}"#), Ok(Ports::from([("open".to_owned(), vec![22])])));
        for (text, message, place) in [
            (r#"{"open": ["22"]}"#, "field `open[0]`: expected a number, found \"22\"", (1, 14)),
            ("{\"open\":\n 22}", "field `open`: expected a list, found `22`", (2, 3)),
            ("[]", "expected an object, found a list", (1, 1)),
            ("", "expected JSON, found an empty text", (1, 1)),
            ("{", "not JSON: it ends too early", (1, 1)),
            ("{} {}", "not JSON: trailing characters", (1, 4)),
        ] {
            let Misread { message: said, line, column } = read::<Ports>(text).expect_err(text);
            assert_eq!((said.as_str(), (line, column)), (message, place), "{text}");
        }
    }

    #[test]
    fn a_list_is_read_in_all_its_forms() {
        for (form, length) in [
            (json!({"items": [{"a": 1}, {"a": 2}]}), 2),
            (json!([{"a": 1}]), 1),
            (json!({"a": 1}), 1),
            (json!({"items": {"a": 1}}), 1),
            (json!({}), 0),
            (json!(null), 0),
            (json!(""), 0),
        ] {
            assert_eq!(list(&form).len(), length, "{form}");
        }
    }

    #[test]
    fn left_out_parameters_are_told_from_given_ones() {
        assert!(is_left_out(&json!(null)));
        assert!(is_left_out(&json!({})));
        assert!(is_left_out(&json!({"omitted": true, "originalSize": 120_000, "reason": "too large"})));
        assert!(!is_left_out(&json!({"bucketName": "b"})));
    }

    #[test]
    fn white_space_and_key_order_do_not_make_a_difference() {
        assert!(same(r#"{"a": 1, "b": [1, 2]}"#, r#"{"b":[1,2],"a":1}"#));
        assert!(!same(r#"{"b": [1, 2]}"#, r#"{"b": [2, 1]}"#));
        assert!(!same("{", "["));
    }
}
