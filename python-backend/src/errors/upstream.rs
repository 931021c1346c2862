//! Errors of upstreams. Every form in which an upstream reports one becomes one error that keeps the
//! upstream's message.

use std::time::Duration;

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use serde_json::Value;
use space_kit::respond::to_json;
use space_kit::{Error, StatusCode};

use super::openai::RETRY_AFTER_MS;

/// The longest message that is forwarded, in characters.
const MAX_MESSAGE_CHARS: usize = 2_000;
/// The longest text that is taken from a web page, in characters.
const MAX_PAGE_CHARS: usize = 200;
/// The longest `Retry-After`: some clients give up, or wait forever, when it is longer.
const MAX_RETRY_AFTER_SECONDS: u64 = 60;

/// Codes that clients act on. They are kept if an upstream sends them as `code` or `type`. The status is used
/// if the upstream sends none.
const CODES: &[(&str, u64)] = &[
    ("account_deactivated", 401),
    ("billing_hard_limit_reached", 402),
    ("billing_not_active", 402),
    ("content_filter", 400),
    ("content_policy_violation", 400),
    ("context_length_exceeded", 400),
    ("image_parse_error", 400),
    ("insufficient_quota", 402),
    ("invalid_api_key", 401),
    ("invalid_image", 400),
    ("invalid_image_url", 400),
    ("invalid_json", 400),
    ("invalid_value", 400),
    ("model_not_found", 404),
    ("model_not_supported", 400),
    ("rate_limit_exceeded", 429),
    ("request_too_large", 413),
    ("string_above_max_length", 400),
    ("unsupported_parameter", 400),
    ("unsupported_value", 400),
];

/// An error as an upstream reported it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Reported {
    message: String,
    kind: Option<String>,
    param: Option<String>,
    code: Option<String>,
    /// The status, if `code` is one.
    status: Option<StatusCode>,
}

/// The upstream answered with something that cannot be used: 502.
pub(crate) fn bad_gateway(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
}

/// The upstream did not answer in time: 504.
pub(crate) fn timed_out(message: &'static str) -> Error {
    Error::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
}

/// The error for a response with this status. A 503 becomes 502, and so does a status that is not an error,
/// such as that of a web page instead of a JSON response. A delay before the next attempt is kept, up to 60
/// s.
pub(crate) fn normalise(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    wait: Option<Duration>,
) -> Error {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let error = words(content_type, body).into_error(status);
    match wait {
        Some(wait) => {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let seconds = seconds.clamp(1, MAX_RETRY_AFTER_SECONDS);
            let error = error.header(RETRY_AFTER, HeaderValue::from(seconds));
            match wait.subsec_millis() {
                millis if millis > 0 && seconds < MAX_RETRY_AFTER_SECONDS => {
                    error.header(RETRY_AFTER_MS, HeaderValue::from(wait.as_secs() * 1000 + u64::from(millis)))
                }
                _ => error,
            }
        }
        None => error,
    }
}

/// The error in an event of a stream whose status was a success.
pub(crate) fn from_event(data: &[u8]) -> Error {
    let words = words(b"application/json", data);
    let known = || status(words.known()?.1);
    let status = words.status.or_else(known).unwrap_or(StatusCode::BAD_GATEWAY);
    words.into_error(status)
}

fn words(content_type: &[u8], body: &[u8]) -> Reported {
    let body = body.trim_ascii();
    if let Ok(json) = serde_json::from_slice::<Value>(body) {
        return from_json(&json, 0);
    }
    let Some(text) = std::str::from_utf8(body).ok().filter(|text| !text.contains('\0')) else {
        return Reported::message(format!(
            "the upstream answered with {} bytes that are not text",
            body.len()
        ));
    };
    let start = text.get(..9).unwrap_or(text).to_ascii_lowercase();
    let is_page = start.starts_with("<!doctype") || start.starts_with("<html");
    if is_page || content_type.to_ascii_lowercase().starts_with(b"text/html") {
        return Reported::message(page(text));
    }
    Reported::message(text.to_owned())
}

/// An error in JSON. `depth` limits how far errors inside errors are followed.
fn from_json(json: &Value, depth: u8) -> Reported {
    let Value::Object(fields) = json else {
        return match json {
            Value::Array(list) if list.len() == 1 && depth < 4 => {
                list.first().map_or_else(Reported::default, |first| from_json(first, depth + 1))
            }
            _ => Reported::message(plain(json)),
        };
    };
    let text = |names: &[&str]| names.iter().find_map(|name| fields.get(*name)?.as_str().map(str::to_owned));
    let outer = Reported {
        message: String::new(),
        kind: text(&["type", "error_type"]).filter(|kind| kind != "error"),
        param: text(&["param"]),
        code: text(&["code"]),
        status: fields
            .get("code")
            .and_then(|code| status(code.as_u64().or_else(|| code.as_str()?.parse().ok())?)),
    };
    let found = ["error", "message", "detail", "msg", "errors"].iter().find_map(|name| {
        let value = fields.get(*name).filter(|value| value.is_string() || is_filled(value));
        value.filter(|value| !value.is_null()).map(|value| (*name, value))
    });
    let inner = match found {
        // OAuth and some frameworks put a name here and the explanation next to it.
        Some(("error", Value::String(name))) => {
            let more = text(&["message", "error_description", "detail"]).filter(|more| more != name);
            Reported::message(more.map_or_else(|| name.clone(), |more| format!("{name}: {more}")))
        }
        Some(("detail" | "errors", Value::Array(problems))) => from_problems(problems),
        Some((_, inner)) if depth < 4 => from_json(inner, depth + 1),
        _ => Reported::message(to_json(json)),
    };
    Reported {
        message: inner.message,
        kind: inner.kind.or(outer.kind),
        param: inner.param.or(outer.param),
        code: inner.code.or(outer.code),
        status: inner.status.or(outer.status),
    }
}

/// FastAPI's list of problems: `[{"loc": ["body", "messages", 0], "msg": "…", "type": "…"}]`.
fn from_problems(problems: &[Value]) -> Reported {
    let path = |problem: &Value| {
        let mut path = String::new();
        for step in problem.get("loc").and_then(Value::as_array).into_iter().flatten() {
            match step {
                Value::String(name) if path.is_empty() && name == "body" => {}
                Value::String(name) if path.is_empty() => path.push_str(name),
                Value::String(name) => path.extend([".", name]),
                other => path.push_str(&format!("[{}]", to_json(other))),
            }
        }
        Some(path).filter(|path| !path.is_empty())
    };
    let line = |problem: &Value| match (path(problem), problem.get("msg").and_then(Value::as_str)) {
        (Some(path), Some(message)) => format!("{path}: {message}"),
        (None, Some(message)) => message.to_owned(),
        _ => plain(problem),
    };
    Reported {
        param: problems.first().and_then(path),
        ..Reported::message(problems.iter().map(line).collect::<Vec<_>>().join("; "))
    }
}

impl Reported {
    fn message(message: String) -> Reported {
        Reported { message, ..Reported::default() }
    }

    fn into_error(self, given: StatusCode) -> Error {
        let is_error = given.is_client_error() || given.is_server_error();
        // On 503, some clients retry at once and forever.
        let keep = is_error && given != StatusCode::SERVICE_UNAVAILABLE;
        let status = if keep { given } else { StatusCode::BAD_GATEWAY };
        let message = clip(&self.message, MAX_MESSAGE_CHARS);
        let mut message = if message.is_empty() { silence(given) } else { message };
        let mut code = self.code(status);
        if status == StatusCode::UNAUTHORIZED {
            // The client's key was accepted; the upstream rejected the operator's.
            code = "upstream_unauthorized";
            message.insert_str(0, "the upstream rejected this service's own credentials: ");
        } else if !is_error {
            message.insert_str(0, "the upstream did not respond like an API: ");
        }
        let shown = |text: &Option<String>| clip(text.as_deref().unwrap_or("none"), MAX_PAGE_CHARS);
        let cause =
            format!("the upstream's error has type {}, code {}", shown(&self.kind), shown(&self.code));
        let error = Error::new(status, code, message).cause(cause);
        match self.param {
            Some(param) => error.param(clip(&param, MAX_PAGE_CHARS)),
            None => error,
        }
    }

    fn known(&self) -> Option<(&'static str, u64)> {
        let find = |given: &String| CODES.iter().find(|(code, _)| code == given).copied();
        self.code.as_ref().and_then(find).or(self.kind.as_ref().and_then(find))
    }

    /// The upstream's code if it is a known one, otherwise the code for the status.
    fn code(&self, status: StatusCode) -> &'static str {
        if let Some((code, _)) = self.known() {
            return code;
        }
        let of_model = self.param.as_deref() == Some("model") || self.message.contains("model");
        let of_deployment = self.code.as_deref() == Some("DeploymentNotFound"); // Azure's
        match status.as_u16() {
            402 => "insufficient_quota",
            403 => "permission_denied",
            404 if of_model || of_deployment => "model_not_found",
            404 => "unknown_url",
            408 | 504 => "upstream_timeout",
            413 => "request_too_large",
            429 => "rate_limit_exceeded",
            529 => "overloaded", // Anthropic's
            400..=499 => "invalid_request",
            _ => "upstream_error",
        }
    }
}

fn status(code: u64) -> Option<StatusCode> {
    let code = u16::try_from(code).ok().filter(|code| (400..=599).contains(code))?;
    StatusCode::from_u16(code).ok()
}

fn silence(status: StatusCode) -> String {
    format!("the upstream answered {status} with no message")
}

/// A value that is not an object, as text.
fn plain(json: &Value) -> String {
    match json {
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
        }
        other => to_json(other),
    }
}

fn is_filled(json: &Value) -> bool {
    json.as_object().is_some_and(|fields| !fields.is_empty())
        || json.as_array().is_some_and(|list| !list.is_empty())
}

/// The text of a web page: its title, or otherwise its first heading.
fn page(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let words = |tag: &str| {
        let (start, _) = lower.match_indices(tag).next()?;
        let inside = html.get(start + tag.len()..)?.split_once('>')?.1.split('<').next()?;
        let inside = inside.split_whitespace().collect::<Vec<_>>().join(" ");
        Some(inside).filter(|inside| !inside.is_empty())
    };
    match words("<title").or_else(|| words("<h1")) {
        Some(words) => format!("the upstream answered with a web page: {}", clip(&words, MAX_PAGE_CHARS)),
        None => "the upstream answered with a web page".to_owned(),
    }
}

/// The beginning of a text, with an ellipsis if the rest is cut.
fn clip(text: &str, max_chars: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(max_chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
