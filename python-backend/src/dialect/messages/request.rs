//! A request as a chat request.

use std::fmt::Write;

use space_kit::Error;

use crate::dialect::chat::{add_effort, add_tool, not_stored, pass_members};
use crate::dialect::conversation::{ContentPart, Conversation, MessageContent};
use crate::dialect::raw::{Fields, Raw};
use crate::dialect::tools::ToolNames;
use crate::dialect::writer::MARK;
use crate::errors::openai::invalid;
use crate::json;

/// Members that chat requests have under the same name.
const SAME: [&str; 3] = ["max_tokens", "temperature", "top_p"];
/// The most stop sequences of a chat request.
const MAX_STOPS: usize = 4;

/// Appends the members of the chat request. Returns the tools, and the types of those that cannot be translated.
///
/// # Errors
///
/// 400 if the request needs something that is stored elsewhere, or has another form than the API's.
pub(in crate::dialect) fn write_chat(
    request: &Fields<'_>,
    out: &mut String,
) -> Result<(ToolNames, Vec<String>), Error> {
    if request.get("container").is_some() {
        return Err(not_stored("container", "containers are not stored here: send the whole conversation"));
    }
    let (tools, dropped) = write_tools(request, out);
    pass_members(request, &SAME, out);
    let stops = request.items("stop_sequences");
    if !stops.is_empty() {
        let stops: Vec<&str> = stops.into_iter().take(MAX_STOPS).map(Raw::text).collect();
        _ = write!(out, r#","stop":[{}]"#, stops.join(","));
    }
    let (output, thinking) = (request.fields("output_config"), request.fields("thinking"));
    match (output.get("effort"), thinking.number("budget_tokens")) {
        _ if thinking.inner("type") == "disabled" => {}
        (Some(effort), _) => add_effort(effort, out),
        (None, Some(budget)) => {
            let effort = match budget {
                0..=4096 => r#""low""#,
                4097..=16384 => r#""medium""#,
                _ => r#""high""#,
            };
            add_effort(Raw::of(effort.as_bytes()), out);
        }
        (None, None) => {}
    }
    let format = output.fields("format");
    if format.inner("type") == "json_schema" {
        out.push_str(r#","response_format":{"type":"json_schema","json_schema":{"name":"output""#);
        pass_members(&format, &["schema"], out);
        out.push_str("}}");
    }
    out.push_str(r#","messages":"#);
    write_messages(request, &tools, out)?;
    Ok((tools, dropped))
}

fn write_tools(request: &Fields<'_>, out: &mut String) -> (ToolNames, Vec<String>) {
    let (mut tools, mut dropped) = (ToolNames::default(), Vec::new());
    for tool in request.items("tools") {
        let tool = tool.fields();
        let Some(schema) = tool.get("input_schema") else {
            dropped.push(tool.inner("type").to_owned());
            continue;
        };
        let name = tools.add("", tool.inner("name"), false);
        add_tool(
            &name,
            tool.inner("description"),
            schema.text(),
            tool.get("strict"),
            tools.count() == 1,
            out,
        );
    }
    if tools.count() == 0 {
        return (tools, dropped);
    }
    out.push(']');
    let choice = request.fields("tool_choice");
    match choice.inner("type") {
        "any" => out.push_str(r#","tool_choice":"required""#),
        kind @ ("none" | "auto") => _ = write!(out, r#","tool_choice":"{kind}""#),
        "tool" => {
            let name = tools.flat("", choice.inner("name"));
            _ = write!(out, r#","tool_choice":{{"type":"function","function":{{"name":"{name}"}}}}"#);
        }
        _ => {}
    }
    if choice.is_true("disable_parallel_tool_use") {
        out.push_str(r#","parallel_tool_calls":false"#);
    }
    (tools, dropped)
}

fn write_messages<'a>(request: &Fields<'a>, tools: &ToolNames, out: &mut String) -> Result<(), Error> {
    let mut conversation = Conversation::default();
    let system = content(request.get("system"))?;
    if !system.is_empty() {
        conversation.add_system(&system);
    }
    let messages = request.get("messages").filter(|list| list.is_array());
    let messages =
        messages.ok_or_else(|| invalid("messages", "messages is required: an array of messages"))?;
    let messages: Vec<Fields<'a>> = messages.items().into_iter().map(Raw::fields).collect();
    let mut last_user = 0;
    for (at, message) in messages.iter().enumerate() {
        let mut has_result = false;
        for block in message.items("content") {
            let block = block.fields();
            match block.inner("type") {
                "tool_use" => conversation.announce_call(block.inner("id"))?,
                "tool_result" => {
                    let mut result = content(block.get("content"))?;
                    if block.is_true("is_error") {
                        result.insert(0, ContentPart::Text("Error:"));
                    }
                    conversation.announce_result(block.inner("tool_use_id"), result)?;
                    has_result = true;
                }
                _ => {}
            }
        }
        if message.inner("role") == "user" && !has_result {
            last_user = at; // only the reasoning after it, of the current turn, goes back
        }
    }
    for (at, message) in messages.iter().enumerate() {
        match message.inner("role") {
            "system" => conversation.add_system(&content(message.get("content"))?),
            "assistant" => add_assistant(message, at > last_user, tools, &mut conversation)?,
            _ => {
                for block in message.items("content") {
                    let block = block.fields();
                    if block.inner("type") == "tool_result" {
                        conversation.place_result(block.inner("tool_use_id"));
                    }
                }
                let content = content(message.get("content"))?;
                if !content.is_empty() {
                    conversation.add_user(&content);
                }
            }
        }
    }
    conversation.finish(out);
    Ok(())
}

fn add_assistant<'a>(
    message: &Fields<'a>,
    with_reasoning: bool,
    tools: &ToolNames,
    conversation: &mut Conversation<'a>,
) -> Result<(), Error> {
    let text = content(message.get("content"))?;
    if !text.is_empty() {
        conversation.add_assistant(&text);
    }
    for block in message.items("content") {
        let block = block.fields();
        match block.inner("type") {
            "thinking" if with_reasoning => {
                if let Some(name) = block.inner("signature").strip_prefix(MARK) {
                    conversation.add_reasoning(name, block.inner("thinking"));
                }
            }
            "tool_use" => {
                let name = tools.flat("", block.inner("name"));
                let input = json::quoted(block.get("input").map_or("{}", Raw::text));
                let arguments = Raw::of(input.as_bytes()).inner().unwrap_or_default();
                conversation.add_call(block.inner("id"), &name, arguments);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The texts and images of a content: a string or blocks.
fn content<'a>(content: Option<Raw<'a>>) -> Result<MessageContent<'a>, Error> {
    let Some(content) = content else { return Ok(Vec::new()) };
    if let Some(text) = content.inner() {
        return Ok(vec![ContentPart::Text(text)]);
    }
    let mut parts = Vec::new();
    for block in content.items() {
        let block = block.fields();
        let source = block.fields("source");
        match (block.inner("type"), source.inner("type")) {
            ("text", _) => parts.push(ContentPart::Text(block.inner("text"))),
            ("image", "base64") => {
                let (media_type, data) = (source.inner("media_type"), source.inner("data"));
                parts.push(ContentPart::Base64 { media_type, data });
            }
            ("image", "url") => parts.push(ContentPart::Image { url: source.inner("url"), detail: "" }),
            ("document", "text") => parts.push(ContentPart::Text(source.inner("data"))),
            ("document", "content") => parts.extend(self::content(source.get("content"))?),
            ("image" | "document" | "container_upload", _) => {
                let message = "files are not stored here, and chat completions take only text and images: send the text, or \
                               an image as base64";
                return Err(not_stored("messages", message));
            }
            ("search_result", _) => parts.extend(self::content(block.get("content"))?),
            _ => {}
        }
    }
    Ok(parts)
}

/// A message without the thinking that the gateway wrote. `None` if nothing else is in it.
pub(in crate::dialect) fn without_own_thinking(message: Raw<'_>) -> Option<String> {
    let is_own = |block: &Raw<'_>| {
        let block = block.fields();
        block.inner("type") == "thinking" && block.inner("signature").starts_with(MARK)
    };
    let fields = message.fields();
    let blocks = fields.items("content");
    if !blocks.iter().any(is_own) {
        return Some(message.text().to_owned());
    }
    let kept: Vec<&str> = blocks.into_iter().filter(|block| !is_own(block)).map(Raw::text).collect();
    let role = fields.inner("role");
    (!kept.is_empty()).then(|| format!(r#"{{"role":"{role}","content":[{}]}}"#, kept.join(",")))
}
