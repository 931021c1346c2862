//! A request as a chat request.

use std::fmt::Write;

use space_kit::Error;

use crate::dialect::chat::{add_effort, add_tool, not_stored, pass_members};
use crate::dialect::conversation::{ContentPart, Conversation, MessageContent, custom_arguments};
use crate::dialect::raw::{Fields, Raw};
use crate::dialect::tools::ToolNames;
use crate::dialect::writer::MARK;
use crate::errors::openai::invalid;

/// Members that chat requests have under the same name.
const SAME: [&str; 4] = ["temperature", "top_p", "presence_penalty", "frequency_penalty"];

/// Appends the members of the chat request. Returns the tools, and the types of those that cannot be translated.
///
/// # Errors
///
/// 400 if the request needs something that is stored elsewhere, or has another form than the API's.
pub(in crate::dialect) fn write_chat(
    request: &Fields<'_>,
    out: &mut String,
) -> Result<(ToolNames, Vec<String>), Error> {
    for name in ["previous_response_id", "conversation", "prompt"] {
        if request.get(name).is_some() {
            return Err(not_stored(
                name,
                "responses, conversations and prompts are not stored here: send the whole input",
            ));
        }
    }
    if request.is_true("store") {
        return Err(not_stored("store", "responses are not stored here: send \"store\": false"));
    }
    if request.is_true("background") {
        return Err(not_stored(
            "background",
            "responses are not stored here, so none can run in the background: stream it",
        ));
    }
    let (tools, dropped) = write_tools(request, out);
    write_choice(request, &tools, out);
    pass_members(request, &SAME, out);
    if let Some(most) = request.get("max_output_tokens") {
        _ = write!(out, r#","max_tokens":{}"#, most.text());
    }
    if let Some(effort) = request.fields("reasoning").get("effort") {
        add_effort(effort, out);
    }
    let format = request.fields("text").fields("format");
    match format.inner("type") {
        "json_schema" => {
            out.push_str(r#","response_format":{"type":"json_schema","json_schema":{"name":""#);
            out.push_str(Some(format.inner("name")).filter(|name| !name.is_empty()).unwrap_or("output"));
            out.push('"');
            pass_members(&format, &["description", "schema", "strict"], out);
            out.push_str("}}");
        }
        "json_object" => out.push_str(r#","response_format":{"type":"json_object"}"#),
        _ => {}
    }
    out.push_str(r#","messages":"#);
    write_messages(request, &tools, out)?;
    Ok((tools, dropped))
}

fn write_tools(request: &Fields<'_>, out: &mut String) -> (ToolNames, Vec<String>) {
    let (mut tools, mut dropped) = (ToolNames::default(), Vec::new());
    for tool in request.items("tools") {
        let tool = tool.fields();
        match tool.inner("type") {
            "namespace" => {
                for inner in tool.items("tools") {
                    let inner = inner.fields();
                    let is_custom = inner.inner("type") == "custom";
                    let name = tools.add(tool.inner("name"), inner.inner("name"), is_custom);
                    write_tool(&inner, &name, is_custom, tools.count() == 1, out);
                }
            }
            kind @ ("function" | "custom") => {
                let name = tools.add("", tool.inner("name"), kind == "custom");
                write_tool(&tool, &name, kind == "custom", tools.count() == 1, out);
            }
            other => dropped.push(other.to_owned()),
        }
    }
    if tools.count() > 0 {
        out.push(']');
        pass_members(request, &["parallel_tool_calls"], out);
    }
    (tools, dropped)
}

fn write_tool(tool: &Fields<'_>, name: &str, is_custom: bool, is_first: bool, out: &mut String) {
    /// The schema of a free-form tool: its text is a member.
    const TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
    if !is_custom {
        let parameters = tool.get("parameters").map_or("{}", Raw::text);
        return add_tool(name, tool.inner("description"), parameters, tool.get("strict"), is_first, out);
    }
    let mut description = tool.inner("description").to_owned();
    let definition = tool.fields("format").inner("definition");
    if !definition.is_empty() {
        description.push_str("\\n\\nThe input must match this grammar:\\n");
        description.push_str(definition);
    }
    add_tool(name, &description, TEXT, None, is_first, out);
}

fn write_choice(request: &Fields<'_>, tools: &ToolNames, out: &mut String) {
    let Some(choice) = request.get("tool_choice").filter(|_| tools.count() > 0) else { return };
    if choice.inner().is_some() {
        _ = write!(out, r#","tool_choice":{}"#, choice.text());
        return;
    }
    let choice = choice.fields();
    match choice.inner("type") {
        "function" | "custom" => {
            let name = tools.flat(choice.inner("namespace"), choice.inner("name"));
            _ = write!(out, r#","tool_choice":{{"type":"function","function":{{"name":"{name}"}}}}"#);
        }
        "allowed_tools" => _ = write!(out, r#","tool_choice":"{}""#, choice.inner("mode")),
        _ => {} // a hosted tool
    }
}

fn write_messages<'a>(request: &Fields<'a>, tools: &ToolNames, out: &mut String) -> Result<(), Error> {
    let mut conversation = Conversation::default();
    if let Some(text) = request.get("instructions").and_then(Raw::inner) {
        conversation.add_system(&[ContentPart::Text(text)]);
    }
    let input = request.get("input").ok_or_else(|| invalid("input", "input is required"))?;
    if let Some(text) = input.inner() {
        conversation.add_user(&[ContentPart::Text(text)]);
        conversation.finish(out);
        return Ok(());
    }
    let items: Vec<Fields<'a>> = input.items().into_iter().map(Raw::fields).collect();
    // Only the reasoning of the current turn goes back.
    let last_user = items.iter().rposition(|item| item.inner("role") == "user").unwrap_or(0);
    for item in &items {
        match item.inner("type") {
            "function_call" | "custom_tool_call" => conversation.announce_call(item.inner("call_id"))?,
            "function_call_output" | "custom_tool_call_output" => {
                conversation.announce_result(item.inner("call_id"), content(item.get("output"))?)?;
            }
            _ => {}
        }
    }
    for (at, item) in items.iter().enumerate() {
        match item.inner("type") {
            "message" | "" => {
                let content = content(item.get("content"))?;
                match item.inner("role") {
                    "system" | "developer" => conversation.add_system(&content),
                    "assistant" => conversation.add_assistant(&content),
                    _ => conversation.add_user(&content),
                }
            }
            "reasoning" if at > last_user => {
                if let Some(name) = item.inner("encrypted_content").strip_prefix(MARK) {
                    for part in item.items("summary") {
                        conversation.add_reasoning(name, part.fields().inner("text"));
                    }
                }
            }
            "function_call" => {
                let name = tools.flat(item.inner("namespace"), item.inner("name"));
                conversation.add_call(item.inner("call_id"), &name, item.inner("arguments"));
            }
            "custom_tool_call" => {
                let name = tools.flat(item.inner("namespace"), item.inner("name"));
                conversation.add_call(item.inner("call_id"), &name, &custom_arguments(item.inner("input")));
            }
            "function_call_output" | "custom_tool_call_output" => {
                conversation.place_result(item.inner("call_id"));
            }
            "item_reference" => {
                return Err(not_stored(
                    "input",
                    "items are not stored here: send each item instead of a reference",
                ));
            }
            _ => {} // calls of hosted tools, and kinds that are not known yet
        }
    }
    conversation.finish(out);
    Ok(())
}

/// The content of a message or a result: a string or parts.
fn content<'a>(content: Option<Raw<'a>>) -> Result<MessageContent<'a>, Error> {
    let Some(content) = content else { return Ok(Vec::new()) };
    if let Some(text) = content.inner() {
        return Ok(vec![ContentPart::Text(text)]);
    }
    let mut parts = Vec::new();
    for part in content.items() {
        let part = part.fields();
        match part.inner("type") {
            "input_text" | "output_text" | "text" => parts.push(ContentPart::Text(part.inner("text"))),
            "refusal" => parts.push(ContentPart::Text(part.inner("refusal"))),
            "input_image" if part.get("image_url").is_some() => {
                let (url, detail) = (part.inner("image_url"), part.inner("detail"));
                parts.push(ContentPart::Image { url, detail });
            }
            "input_image" | "input_file" | "input_audio" => {
                let message = "files are not stored here, and chat completions take only text and images: send the text, or \
                               an image as image_url";
                return Err(not_stored("input", message));
            }
            _ => {}
        }
    }
    Ok(parts)
}

/// Whether an item of `input` is reasoning that the gateway wrote.
pub(in crate::dialect) fn is_own_reasoning(item: &Fields<'_>) -> bool {
    item.inner("type") == "reasoning" && item.inner("encrypted_content").starts_with(MARK)
}
