//! Every other path under `/v1`: passed to the upstream and back unchanged.

use bytes::Bytes;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use hyper::http::request::Parts;
use space_kit::{Call, Error, HandlerResult, StatusCode};

use super::dialects;
use crate::catalogue::DEMO_MODEL;
use crate::demo;
use crate::dialect::without_own_reasoning;
use crate::errors::anthropic;
use crate::request::{Admitted, Exchange, admission, body, model_rules};
use crate::response::{passthrough, stream};
use crate::state::State;
use crate::upstream::{Expect, UpstreamRequest};
use crate::usage::UsageRecord;
use crate::wire::chat_body::ChatBody;
use crate::wire::dialect::Dialect;
use crate::wire::form::{Form, is_form};
use crate::wire::{affinity::affinity, azure_path, headers, model_path};

/// Paths whose requests or responses the gateway reads. Other spellings of them are rejected.
const READ_PATHS: &[&str] =
    &["/chat/completions", "/completions", "/embeddings", "/messages", "/models", "/responses"];

/// Paths of inference, whose requests are sent again after a failure, like a chat's, unless they run in the background.
/// Every other POST, and every DELETE, may create, bill or delete something, so it is sent again only if it was not
/// processed.
const REPEATABLE: &[&str] = &["/messages", "/messages/count_tokens", "/responses"];

/// Passes a request to the upstream.
///
/// # Errors
///
/// An error of admission, 400 or 404 if the path is not accepted, or the upstream's error.
pub(crate) async fn pass(call: Call<State>) -> HandlerResult {
    let id = anthropic::is_path(call.head.uri.path()).then(|| call.id.clone());
    let mut result = respond(call).await;
    if let (Ok(response), Some(id)) = (&mut result, id) {
        anthropic::name_request(response.headers_mut(), id);
    }
    result
}

async fn respond(mut call: Call<State>) -> HandlerResult {
    let is_for_demo = dialects::of(&call.head) != Dialect::Other || dialects::counts_tokens(&call.head);
    if !call.state.access.is_configured() && is_for_demo {
        return dialects::demo_only(call).await;
    }
    let admitted = admission::admit(&call).await?;
    let result = forward(&mut call, &admitted).await;
    admitted.with_rate_headers(result)
}

async fn forward(call: &mut Call<State>, admitted: &Admitted) -> HandlerResult {
    let running = call.running.clone();
    let state = &running.state;
    let path = path(&call.head)?;
    let dialect = dialects::of(&call.head);
    let counts_tokens = dialects::counts_tokens(&call.head);
    let Some(group) = state.upstreams.main() else {
        if dialect != Dialect::Other || counts_tokens {
            return dialects::demo_model(call, admitted).await;
        }
        let message = "no upstream is configured, so only /v1/models and the demo model are available, at \
                       /v1/chat/completions, /v1/responses and /v1/messages";
        return Err(Error::new(StatusCode::NOT_FOUND, "unknown_url", message));
    };
    let (text, reservation) = body::read(call, admitted, running.kit.config.max_body_bytes).await?;
    if state.catalogue.is_limited() {
        model_rules::check(&path, call.head.uri.query(), &text)?;
    }
    if dialect != Dialect::Other && dialects::names_demo(state, &text) {
        return dialects::demo(call, admitted, &text);
    }
    let counted = counts_tokens.then(|| text.clone());
    if let Some(text) = &counted
        && (group.lacks(Dialect::Messages) || dialects::names_demo(state, text))
    {
        return dialects::count_tokens(call, text);
    }
    let deployment = azure_path::deployment(call.head.uri.path())?;
    let Checked { body, mut model, asked, streams, background } =
        checked(state, text, &call.head.headers, &path, deployment)?;
    if let Some(name) = path.strip_prefix("/models/").and_then(model_path::decode) {
        model = name;
    }
    let streamed = streams && dialect != Dialect::Other;
    let translation = dialects::translation(call, dialect, &body, &asked, streamed);
    let body = if translation.is_some() { without_own_reasoning(dialect, body) } else { body };
    let payer = admitted.caller.payer.token(&call.head.headers)?;
    let slot = state.limits.slots.acquire(admitted.id).await?;
    let mut headers = headers::to_upstream(&call.head.headers, &state.forwarded);
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    let method = &call.head.method;
    let repeatable =
        matches!(*method, Method::GET | Method::HEAD) || REPEATABLE.contains(&path.as_str()) && !background;
    let request = UpstreamRequest {
        method: call.head.method.clone(),
        path: azure_path::with_query(&path, &call.head.uri),
        affinity: match group.has_replicas() {
            true => affinity(&admitted.caller.label, &model, &call.head.headers, &body),
            false => 0,
        },
        headers,
        body,
        model_without_pin: None,
        adds_options: false,
        expect: if streamed { Expect::Events } else { Expect::Head },
        repeatable,
        client_repeats: headers::is_repetition(&call.head.headers),
        model,
        deadline: state.clock.instant() + group.timeouts().total,
        translation,
        held: state.limits.answers.reserve(admitted.id),
        payer,
    };
    let model = if asked.is_empty() { "unknown" } else { asked.as_str() };
    let caller = &admitted.caller.label;
    let usage = UsageRecord::new(state.usage.clone(), running.kit.log, call.id.clone(), caller, model);
    let group = group.clone();
    let exchange =
        Exchange { group, request, dialect, usage, slot, reservation, hide_usage: false, choices: 1 };
    if streamed {
        return stream::respond(exchange, state.clock).await;
    }
    match (passthrough::respond(exchange, state.clock).await, counted) {
        (Err(error), Some(text)) if matches!(error.status.as_u16(), 404 | 405 | 501) => {
            dialects::count_tokens(call, &text)
        }
        (result, _) => result,
    }
}

/// The path that the client meant if its base URL ends in `/v1/v1` or in an endpoint's path. `path` is in lower case.
fn repeated(path: &str) -> Option<&str> {
    let mut rest = path;
    while let Some(after) =
        rest.strip_prefix("/v1").filter(|after| after.is_empty() || after.starts_with('/'))
    {
        rest = after;
    }
    let is_read = |after: &&str| READ_PATHS.contains(after);
    let after = READ_PATHS
        .iter()
        .filter(|path| **path != "/models")
        .find_map(|path| rest.strip_prefix(path).filter(is_read));
    after.or((rest.len() < path.len()).then_some(rest))
}

/// The path below `/v1`. It is rejected if another reader could resolve it to another path: the upstream's
/// key is sent with it, and a request that the gateway must read must not bypass it under another spelling.
fn path(head: &Parts) -> Result<String, Error> {
    let path = head.uri.path();
    let below = azure_path::below(path);
    let mut usual = String::new();
    for segment in below.split('/').filter(|segment| !segment.is_empty()) {
        usual.extend(["/", segment]);
    }
    let lower = usual.to_ascii_lowercase();
    let unknown = |path: &str| {
        let message = format!("no route has this path; use /v1{path}");
        Err(Error::new(StatusCode::NOT_FOUND, "unknown_url", message))
    };
    if let Some(rest) = repeated(&lower) {
        let is_read = READ_PATHS.contains(&rest);
        return unknown(if is_read {
            rest
        } else {
            usual.get(lower.len() - rest.len()..).unwrap_or_default()
        });
    }
    if let Some(id) = below.strip_prefix("/models/").filter(|id| !id.is_empty()) {
        let name = model_path::decode(id).ok_or_else(invalid_path)?;
        return Ok(format!("/models/{}", model_path::encode(&name)));
    }
    let escapes = below.split('/').any(|segment| matches!(segment, "." | ".."));
    if escapes || below.contains('\\') || below.split('%').skip(1).any(is_plain) {
        return Err(invalid_path());
    }
    if lower != below && READ_PATHS.contains(&lower.as_str()) {
        return unknown(&lower);
    }
    Ok(below.to_owned())
}

fn invalid_path() -> Error {
    let message = "the path has empty, . or .. segments, or percent-encodes a character that needs no encoding: send it unencoded";
    Error::new(StatusCode::BAD_REQUEST, "invalid_path", message)
}

/// Whether the text after a % is not a code, or is the code of a character that needs no encoding (RFC 3986,
/// section 2.3) or that some readers treat as the end of a segment.
fn is_plain(code: &str) -> bool {
    let digit = |at| char::from(*code.as_bytes().get(at)?).to_digit(16);
    let byte = digit(0).zip(digit(1)).and_then(|(high, low)| char::from_u32(high << 4 | low));
    byte.is_none_or(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '/' | '\\'))
}

/// A request body that may be forwarded.
#[derive(Default)]
struct Checked {
    /// With the model of its alias.
    body: Bytes,
    /// The model in it, or "".
    model: String,
    /// The name that the caller used for it.
    asked: String,
    /// Whether the caller wants a stream.
    streams: bool,
    /// Whether the response is created, and continues after this request.
    background: bool,
}

/// Checks a body, and replaces its model by the one of its alias.
fn checked(
    state: &State,
    text: Bytes,
    headers: &HeaderMap,
    path: &str,
    deployment: Option<String>,
) -> Result<Checked, Error> {
    let unread = |body| Ok(Checked { body, ..Checked::default() });
    if text.is_empty() {
        return unread(text);
    }
    let is_json = text.trim_ascii_start().starts_with(b"{");
    let is_limited = state.catalogue.is_limited();
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let only = types.next().filter(|_| types.next().is_none());
    let form_type = only.and_then(|value| value.to_str().ok()).filter(|kind| is_form(kind));
    match form_type {
        Some(kind) if !is_json && state.catalogue.has_rules() => {
            return match Form::read(text.clone(), kind) {
                Ok(form) => checked_form(state, form, path, deployment),
                Err(error) if is_limited => Err(error),
                Err(_) => unread(text), // for the upstream to check
            };
        }
        None if !is_json && is_limited => {
            let message = "this service limits the models (MODELS), so it accepts only JSON bodies and multipart forms, \
                           whose model it can check";
            return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        _ if !is_json => return unread(text),
        _ => {}
    }
    let body = ChatBody::read(text.clone())?;
    let (streams, background) = (body.stream, body.background);
    let asked = deployment.as_deref().or(body.model.as_deref()).or(state.catalogue.default_model());
    if asked.is_none() && !is_limited {
        return Ok(Checked { body: text, streams, background, ..Checked::default() });
    }
    let (model, asked) = resolved(state, asked)?;
    let is_same = body.model.as_deref() == Some(model.as_str());
    let body = if is_same { text } else { body.with_model(&model).into_bytes() };
    Ok(Checked { body, model, asked, streams, background })
}

/// The same for a form. Without a model it gets the default one, but not where a form has none, such as for files.
fn checked_form(state: &State, form: Form, path: &str, deployment: Option<String>) -> Result<Checked, Error> {
    let runs_model = path.starts_with("/audio/") || path.starts_with("/images/");
    let given = form.model()?;
    let asked = deployment.as_deref().or(given).or(state.catalogue.default_model().filter(|_| runs_model));
    if asked.is_none() && !state.catalogue.is_limited() {
        return Ok(Checked { body: form.text, ..Checked::default() });
    }
    let (model, asked) = resolved(state, asked)?;
    let is_same = given == Some(model.as_str());
    let body = if is_same { form.text } else { form.with_model(&model) };
    Ok(Checked { body, model, asked, ..Checked::default() })
}

/// The model at the upstream, and the name that the caller used.
fn resolved(state: &State, asked: Option<&str>) -> Result<(String, String), Error> {
    let model = state.catalogue.resolve(asked)?;
    let asked = asked.unwrap_or_default().to_owned();
    if model == DEMO_MODEL && !state.catalogue.is_alias(&asked) {
        return Err(demo::only_chats(""));
    }
    Ok((model, asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(uri: &str) -> Result<String, Error> {
        path(&hyper::Request::get(uri).body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_path_cannot_leave_the_base_path() {
        assert_eq!(below("/v1/files/a.b/content?x=..").unwrap(), "/files/a.b/content");
        for escaping in
            ["/v1/../admin", "/v1/a/./b", "/v1/%2e%2E/x", "/v1/.%2e/x", "/v1/a%2Fb", "/v1/a%5cb", "/v1/.."]
        {
            assert_eq!(below(escaping).unwrap_err().code, "invalid_path", "{escaping}");
        }
    }

    #[test]
    fn another_spelling_of_a_known_path_is_rejected_with_the_usual_one() {
        for odd in [
            "/v1/chat/completions/",
            "/v1//chat/completions",
            "/v1/chat//completions//",
            "/v1/Chat/Completions",
            "/v1/responses/",
            "/v1/MESSAGES",
            "/v1/models/",
        ] {
            let error = below(odd).unwrap_err();
            let usual = odd.to_ascii_lowercase().replace("//", "/");
            assert_eq!((error.status.as_u16(), error.code), (404, "unknown_url"), "{odd}");
            assert!(error.message.ends_with(usual.trim_end_matches('/')), "{}", error.message);
        }
        for odd in ["/v1/chat/completion%73", "/v1/%72esponses", "/v1/messages%", "/v1/messages%4"] {
            assert_eq!(below(odd).unwrap_err().code, "invalid_path", "{odd}");
        }
        for other in ["/v1/responses", "/v1/messages/count_tokens", "/v1/files/", "/v1/files/a%20b%C3%A9"] {
            assert!(below(other).is_ok(), "{other}");
        }
    }
}
