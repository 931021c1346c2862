//! A chat completion request for the demo model, parsed and checked (OpenAI API reference, "Create chat
//! completion"). Fields that the demo model does not use are ignored, as OpenAI's own service ignores those
//! of newer clients.

use serde_json::Value;
use space_kit::Error;

use super::tools::{self, ToolCall};
use crate::errors::openai::{invalid, not_json};

/// The fields of a request that the demo model uses.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ChatRequest {
    /// The last message of role `user`, as text.
    pub(super) question: String,
    /// The last message, if it is the result of a tool call, as text.
    pub(super) result: Option<String>,
    /// The text of all messages, for counting tokens.
    pub(super) prompt: String,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
    pub(super) max_tokens: Option<u64>,
    pub(super) stop: Vec<String>,
    /// The tool call that the request demands.
    pub(super) call: Option<ToolCall>,
}

const ROLES: [&str; 6] = ["developer", "system", "user", "assistant", "tool", "function"];

/// The largest count that is accepted. The contract has the same limit.
const MOST: u64 = u32::MAX as u64;

/// Parses and checks a request body.
///
/// # Errors
///
/// 400 if it is invalid. The error's `param` is the path in the JSON.
pub(super) fn parse(body: &[u8]) -> Result<ChatRequest, Error> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| not_json(format!("the body is not valid JSON: {error}")))?;
    if !body.is_object() {
        return Err(not_json("the body must be a JSON object"));
    }
    let field = |name| body.get(name).filter(|value| !value.is_null());
    let Messages { question, result, prompt } = messages(field("messages"))?;
    let n = count(field("n"), "n")?;
    if n.is_some_and(|n| n != 1) {
        return Err(invalid("n", "n must be 1: the demo model makes one choice"));
    }
    let options = field("stream_options");
    if options.is_some_and(|options| !options.is_object()) {
        return Err(invalid("stream_options", "stream_options must be an object"));
    }
    let include_usage = options.and_then(|options| options.get("include_usage"));
    let longest = count(field("max_completion_tokens"), "max_completion_tokens")?;
    let call = match result {
        // A call that was answered is not made again.
        Some(_) => tools::demanded(&body)?,
        None => tools::demanded(&body)?.or_else(|| tools::asked(&question, &body)),
    };
    Ok(ChatRequest {
        question,
        result,
        prompt,
        stream: flag(field("stream"), "stream")?,
        include_usage: flag(include_usage, "stream_options.include_usage")?,
        max_tokens: longest.or(count(field("max_tokens"), "max_tokens")?),
        stop: stops(field("stop"))?,
        call,
    })
}

/// The texts of the messages that the demo model uses.
#[derive(Default)]
struct Messages {
    question: String,
    result: Option<String>,
    prompt: String,
}

fn messages(value: Option<&Value>) -> Result<Messages, Error> {
    let Some(Value::Array(list)) = value else {
        return Err(invalid("messages", "messages is required: an array of messages"));
    };
    if list.is_empty() {
        return Err(invalid("messages", "messages must have at least one message"));
    }
    let mut messages = Messages::default();
    for (at, message) in list.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !ROLES.contains(&role) {
            let accepted = ROLES.join(", ");
            return Err(invalid(format!("messages[{at}].role"), format!("role must be one of {accepted}")));
        }
        let text = content(message.get("content"), role, at)?;
        messages.prompt.push_str(&text);
        messages.prompt.push('\n');
        messages.result = (role == "tool").then(|| text.clone());
        if role == "user" {
            messages.question = text;
        }
    }
    Ok(messages)
}

/// A message's content as text: a string, or the text of its parts and the types of the others.
fn content(value: Option<&Value>, role: &str, at: usize) -> Result<String, Error> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().enumerate().map(|(n, part)| part_text(part, at, n));
            Ok(texts.collect::<Result<Vec<_>, _>>()?.join(" "))
        }
        // An assistant message with a tool call may have no content.
        None | Some(Value::Null) if role == "assistant" => Ok(String::new()),
        _ => Err(invalid(format!("messages[{at}].content"), "content must be a string or an array of parts")),
    }
}

fn part_text(part: &Value, at: usize, n: usize) -> Result<String, Error> {
    match part.get("type").and_then(Value::as_str) {
        Some("text") => match part.get("text") {
            Some(Value::String(text)) => Ok(text.clone()),
            _ => Err(invalid(format!("messages[{at}].content[{n}].text"), "text must be a string")),
        },
        Some(other) => Ok(format!("[{}]", other.chars().take(40).collect::<String>())),
        None => Err(invalid(format!("messages[{at}].content[{n}].type"), "a part must have a type")),
    }
}

fn stops(value: Option<&Value>) -> Result<Vec<String>, Error> {
    let all = match value {
        None => return Ok(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(list)) => list.iter().map(|stop| stop.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    all.filter(|stops| stops.len() <= 4 && stops.iter().all(|stop| !stop.is_empty()))
        .ok_or_else(|| invalid("stop", "stop must be a non-empty string or an array of up to 4 of them"))
}

fn flag(value: Option<&Value>, name: &str) -> Result<bool, Error> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(invalid(name, format!("{name} must be true or false"))),
    }
}

fn count(value: Option<&Value>, name: &str) -> Result<Option<u64>, Error> {
    let Some(value) = value else { return Ok(None) };
    // 100.0 is a whole number in JSON Schema, and some clients send it. An f64 is exact up to MOST.
    let whole =
        value.as_f64().map(|number| (number, number as u64)).filter(|(number, n)| *n as f64 == *number);
    match whole {
        Some((_, n)) if (1..=MOST).contains(&n) => Ok(Some(n)),
        _ => Err(invalid(name, format!("{name} must be a whole number from 1 to {MOST}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn rejected(body: &Value) -> (String, String) {
        let error = parse(body.to_string().as_bytes()).unwrap_err();
        (error.param.clone().unwrap_or_default().into_owned(), error.message.to_string())
    }

    #[test]
    fn the_last_user_message_is_the_question() {
        let body = json!({"model": "demo", "stop": "x", "max_tokens": 3.0, "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {}}]},
            {"role": "assistant", "content": null, "tool_calls": []},
        ]});
        let request = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(request.question, "see [image_url]");
        assert_eq!(request.prompt, "be brief\nsee [image_url]\n\n");
        assert_eq!((request.max_tokens, request.stop), (Some(3), vec!["x".to_owned()]));
        assert!(!request.stream);
    }

    #[test]
    fn an_error_names_the_path_in_the_json() {
        let user = json!([{"role": "user", "content": "hi"}]);
        for (body, param) in [
            (json!([]), ""),
            (json!({"model": "demo"}), "messages"),
            (json!({"model": "demo", "messages": []}), "messages"),
            (json!({"model": "demo", "messages": ["hi"]}), "messages[0].role"),
            (json!({"model": "demo", "messages": [{"role": "user"}]}), "messages[0].content"),
            (
                json!({"model": "demo", "messages": [{"role": "user", "content": [{}]}]}),
                "messages[0].content[0].type",
            ),
            (json!({"model": "demo", "messages": user, "stream": "yes"}), "stream"),
            (json!({"model": "demo", "messages": user, "stream_options": 1}), "stream_options"),
            (json!({"model": "demo", "messages": user, "n": 2}), "n"),
            (json!({"model": "demo", "messages": user, "max_tokens": -1}), "max_tokens"),
            (json!({"model": "demo", "messages": user, "max_tokens": 4_294_967_296_u64}), "max_tokens"),
            (json!({"model": "demo", "messages": user, "max_tokens": 1.5}), "max_tokens"),
            (json!({"model": "demo", "messages": user, "stop": [""]}), "stop"),
        ] {
            assert_eq!(rejected(&body).0, param, "{body}");
        }
    }

    #[test]
    fn invalid_json_is_rejected_with_its_position() {
        let error = parse(b"{\"model\":").unwrap_err();
        assert!(error.message.contains("line 1 column 9"), "{}", error.message);
    }

    proptest! {
        #[test]
        fn no_input_causes_a_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = parse(&body);
        }
    }
}
