//! Whether an answer is what a scenario expects.

use serde_json::Value;

/// Finds the first difference; `None` if `actual` holds all that `expected` says.
///
/// Objects may have more fields than expected, arrays may not have more items. Text that is expected where
/// bytes are answered means its UTF-8. `"$any"` stands for anything but null.
#[must_use]
pub fn difference(expected: &Value, actual: &Value) -> Option<String> {
    match (expected, actual) {
        (Value::String(any), actual) if any == "$any" => {
            actual.is_null().then(|| "expected something, got null".to_owned())
        }
        (Value::String(text), Value::Object(bytes)) if bytes.contains_key("hex") => {
            let wanted = hex(text.as_bytes());
            (bytes["hex"] != wanted).then(|| format!("expected {text:?}, got {}", readable(actual)))
        }
        (Value::Object(expected), Value::Object(actual)) => expected.iter().find_map(|(name, wanted)| {
            let found = actual.get(name).unwrap_or(&Value::Null);
            difference(wanted, found).map(|what| format!(".{name}: {what}"))
        }),
        (Value::Array(expected), Value::Array(actual)) => {
            if expected.len() != actual.len() {
                let (wanted, found) = (expected.len(), actual.len());
                return Some(format!(
                    "expected {wanted} items, got {found}: {}",
                    readable(&actual.clone().into())
                ));
            }
            let pairs = expected.iter().zip(actual).enumerate();
            pairs.into_iter().find_map(|(index, (wanted, found))| {
                difference(wanted, found).map(|what| format!("[{index}]{what}"))
            })
        }
        (Value::Number(expected), Value::Number(actual)) => (expected.as_f64() != actual.as_f64()
            || expected.as_i64() != actual.as_i64())
        .then(|| format!("expected {expected}, got {actual}")),
        _ => (expected != actual).then(|| format!("expected {expected}, got {}", readable(actual))),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The answer with bytes as text where they are text.
fn readable(value: &Value) -> String {
    match value {
        Value::Object(bytes) if bytes.len() == 1 && bytes.contains_key("hex") => {
            let hex = bytes["hex"].as_str().unwrap_or_default();
            let byte = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
            let raw: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(byte).collect();
            let text = raw.and_then(|raw| String::from_utf8(raw).ok());
            text.map_or_else(|| value.to_string(), |text| format!("{text:?}"))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().take(20).map(readable).collect();
            format!("[{}]", items.join(", "))
        }
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn expected_fields_must_be_there_and_others_may() {
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1, "b": 2})), None);
        assert!(difference(&json!({"a": 1}), &json!({"b": 2})).is_some());
        assert!(difference(&json!([1]), &json!([1, 2])).is_some());
        assert_eq!(difference(&json!({"v": "hé"}), &json!({"v": {"hex": "68c3a9"}})), None);
        assert!(difference(&json!({"v": "h"}), &json!({"v": {"hex": "69"}})).is_some());
        assert_eq!(difference(&json!("$any"), &json!(3)), None);
        assert!(difference(&json!("$any"), &Value::Null).is_some());
        assert_eq!(difference(&json!(2), &json!(2.0)).is_some(), json!(2).as_i64() != json!(2.0).as_i64());
    }
}
