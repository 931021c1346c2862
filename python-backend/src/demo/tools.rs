//! Tool calls of the demo model. It makes one if the request demands it (`tool_choice` is `required` or names
//! a function), with arguments made from the function's schema, or if the last message asks for it in one exact form.
//! It never invents one, because agents run what a model calls.

use serde_json::{Map, Value, json};
use space_kit::Error;
use space_kit::respond::to_json;

use crate::errors::openai::invalid;

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    /// JSON as text, as in OpenAI's API.
    pub(super) arguments: String,
}

/// How many levels of a schema are followed.
const MAX_DEPTH: u8 = 8;

/// The call that the request demands, if any.
///
/// # Errors
///
/// 400 if `tools` or `tool_choice` is invalid.
pub(super) fn demanded(body: &Value) -> Result<Option<ToolCall>, Error> {
    let tools = functions(body.get("tools"))?;
    let wanted = match body.get("tool_choice") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(choice)) => match choice.as_str() {
            "none" | "auto" => return Ok(None),
            "required" => tools
                .first()
                .ok_or_else(|| invalid("tool_choice", "tool_choice is required, but tools is empty"))?,
            _ => {
                return Err(invalid(
                    "tool_choice",
                    "tool_choice must be none, auto, required or a function by name",
                ));
            }
        },
        Some(choice) => {
            let name = choice.pointer("/function/name").and_then(Value::as_str);
            let name =
                name.ok_or_else(|| invalid("tool_choice", "tool_choice.function.name must be a string"))?;
            let named = tools.iter().find(|(known, _)| *known == name);
            named.ok_or_else(|| invalid("tool_choice", format!("tools has no function named {name:?}")))?
        }
    };
    let (name, schema) = wanted;
    let arguments = schema.map_or_else(|| json!({}), |schema| example(schema, MAX_DEPTH));
    Ok(Some(ToolCall { name: (*name).to_owned(), arguments: to_json(&arguments) }))
}

/// The call that a message asks for: its only line that is not empty, or its last one, is `/call NAME {json}`. The
/// function must be one of the tools, and the arguments a JSON object; they are sent as they are.
pub(super) fn asked(question: &str, body: &Value) -> Option<ToolCall> {
    if body.get("tool_choice").is_some_and(|choice| choice == "none") {
        return None;
    }
    let line = question.trim_end().lines().next_back()?;
    let (name, arguments) = line.strip_prefix("/call ")?.split_once(' ')?;
    let is_object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
    let is_known =
        functions(body.get("tools")).is_ok_and(|tools| tools.iter().any(|(known, _)| *known == name));
    (is_object && is_known)
        .then(|| ToolCall { name: name.to_owned(), arguments: arguments.trim().to_owned() })
}

type Function<'a> = (&'a str, Option<&'a Value>);

fn functions<'a>(tools: Option<&'a Value>) -> Result<Vec<Function<'a>>, Error> {
    let Some(tools) = tools.filter(|tools| !tools.is_null()) else { return Ok(Vec::new()) };
    let list = tools.as_array().ok_or_else(|| invalid("tools", "tools must be an array"))?;
    let function = |(at, tool): (usize, &'a Value)| {
        let name = tool.pointer("/function/name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            invalid(format!("tools[{at}].function.name"), "a tool must be a function with a name")
        });
        if tool.get("type").is_some_and(|kind| kind != "function") {
            return Err(invalid(format!("tools[{at}].type"), "the type of a tool must be function"));
        }
        let schema = tool.pointer("/function/parameters").filter(|schema| !schema.is_null());
        if schema.is_some_and(|schema| !schema.is_object()) {
            let param = format!("tools[{at}].function.parameters");
            return Err(invalid(param, "parameters must be an object: a JSON Schema"));
        }
        Ok((name?, schema))
    };
    list.iter().enumerate().map(function).collect()
}

/// A value that matches a JSON Schema, for the usual keywords.
fn example(schema: &Value, depth: u8) -> Value {
    for keyword in ["const", "default", "example"] {
        if let Some(value) = schema.get(keyword) {
            return value.clone();
        }
    }
    for keyword in ["enum", "examples"] {
        if let Some(value) = schema.get(keyword).and_then(|list| list.get(0)) {
            return value.clone();
        }
    }
    let below = depth.saturating_sub(1);
    if depth == 0 {
        return Value::Null;
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(keyword).and_then(|list| list.get(0)) {
            return example(first, below);
        }
    }
    let kind = schema.get("type").map(|kind| kind.get(0).unwrap_or(kind)).and_then(Value::as_str);
    match kind {
        Some("string") => json!("text"),
        Some("integer") => json!(schema.get("minimum").and_then(Value::as_i64).unwrap_or(1)),
        Some("number") => json!(schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.0)),
        Some("boolean") => json!(true),
        Some("array") => {
            schema.get("items").map_or_else(|| json!([]), |items| json!([example(items, below)]))
        }
        Some("null") => Value::Null,
        _ => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let mut members = Map::new();
            for (name, schema) in properties.into_iter().flatten() {
                members.insert(name.clone(), example(schema, below));
            }
            Value::Object(members)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(choice: Value) -> Result<Option<ToolCall>, Error> {
        demanded(&json!({"tool_choice": choice, "tools": [
            {"type": "function", "function": {"name": "weather", "parameters": {
                "type": "object", "required": ["city"], "properties": {
                    "city": {"type": "string"}, "days": {"type": "integer", "minimum": 3},
                    "unit": {"enum": ["C", "F"]}, "tags": {"type": "array", "items": {"type": ["boolean", "null"]}},
                }}}},
            {"type": "function", "function": {"name": "bare"}},
        ]}))
    }

    #[test]
    fn a_demanded_call_matches_its_schema() {
        let call = ask(json!("required")).unwrap().unwrap();
        let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
        assert_eq!(call.name, "weather");
        assert_eq!(arguments, json!({"city": "text", "days": 3, "unit": "C", "tags": [true]}));
        let call = ask(json!({"type": "function", "function": {"name": "bare"}})).unwrap().unwrap();
        assert_eq!((call.name.as_str(), call.arguments.as_str()), ("bare", "{}"));
    }

    #[test]
    fn no_call_is_made_unless_the_request_demands_it() {
        for choice in [json!(null), json!("auto"), json!("none")] {
            assert_eq!(ask(choice).unwrap(), None);
        }
    }

    #[test]
    fn a_call_is_made_as_the_message_asks_and_only_in_the_exact_form() {
        let body = json!({"tools": [{"type": "function", "function": {"name": "shell"}}]});
        let call = asked("<context>\n/call shell {\"command\": [\"ls\"]}\n", &body).unwrap();
        assert_eq!((call.name.as_str(), call.arguments.as_str()), ("shell", "{\"command\": [\"ls\"]}"));
        for other in [
            "run /call shell {}",
            "/call shell {}\nplease",
            "/call shell",
            "/call shell []",
            "/call shell {",
            "/call other {}",
            " /call shell {}",
            "/CALL shell {}",
        ] {
            assert_eq!(asked(other, &body), None, "{other}");
        }
        let forbidden = json!({"tools": body["tools"], "tool_choice": "none"});
        assert_eq!(asked("/call shell {}", &forbidden), None);
    }

    #[test]
    fn a_demand_that_cannot_be_met_is_rejected() {
        for choice in [json!("always"), json!({"function": {"name": "other"}}), json!(7)] {
            assert_eq!(ask(choice).unwrap_err().param.as_deref(), Some("tool_choice"));
        }
        let error = demanded(&json!({"tools": [{"type": "function"}]})).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("tools[0].function.name"));
    }

    #[test]
    fn a_deep_schema_is_followed_only_to_a_limit() {
        let mut schema = json!({"type": "object"});
        for _ in 0..100 {
            schema = json!({"type": "object", "properties": {"a": schema}});
        }
        assert!(example(&schema, MAX_DEPTH).to_string().len() < 100);
    }
}
