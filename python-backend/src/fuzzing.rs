//! The assertions of the fuzz targets. They are here because they use private items.
#![allow(clippy::indexing_slicing)] // a panic is what a fuzz target is for

mod forwarded;
mod relay;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::dialect::{Output, ResponseContext, Translation, check};
use crate::upstream::retry_after;
use crate::wire::chat_body::{Changes, ChatBody};
use crate::wire::choices::Choices;
use crate::wire::dialect::Dialect;
use crate::wire::form::Form;
use crate::wire::sse::{Event, Rest, Scanner};
use crate::wire::{affinity, azure_path, chunk, headers, model_path, sse};
use crate::{errors, json};

pub use relay::relay;

/// The JSON scanner accepts the same texts as `serde_json`; edits of a body and the facts of a chunk match
/// its tree.
pub fn json_scan(text: &[u8]) {
    let tree = serde_json::from_slice::<Value>(text).ok();
    let object = tree.as_ref().filter(|tree| tree.is_object());
    assert_eq!(json::members(text, []).is_ok(), object.is_some(), "accepted by one of the two");
    if std::str::from_utf8(text).is_ok() {
        let items = json::items_in(text, &(0..text.len()), &mut |item| {
            assert!(text.get(item).is_some_and(|item| serde_json::from_slice::<Value>(item).is_ok()));
        });
        assert_eq!(items.is_ok(), tree.as_ref().is_some_and(Value::is_array));
    }
    assert!(json::mended(text).is_none_or(|mended| json::mended(&mended).is_none()), "mended twice");
    assert!(object.is_none() || json::mended(text).is_none(), "valid");
    assert!(!errors::upstream::from_event(text).message.is_empty());
    if let Ok(chunk) = chunk::inspect(text, &mut Choices::new(1)) {
        let cleaned = chunk::without_null_error(&Bytes::copy_from_slice(text));
        let cleaned = serde_json::from_slice::<Value>(&cleaned).ok();
        let no_error = cleaned.is_some_and(|cleaned| cleaned["error"].is_null());
        assert_eq!(no_error, !chunk.error || vllm(object));
        assert_eq!(chunk.choices_empty, object.is_some_and(|tree| is_empty(&tree["choices"])));
    }
    let Ok(body) = ChatBody::read(Bytes::copy_from_slice(text)) else { return };
    assert_eq!(body.with(Changes::default()).into_bytes(), text, "no change");
    let Some(mut tree) = tree else { return };
    let changed = body.with(Changes { model: Some("\"m"), usage: true, floats: true }).into_bytes();
    tree["model"] = "\"m".into();
    if tree["stream"] == true {
        tree["stream_options"]["include_usage"] = true.into();
    }
    if tree["encoding_format"].is_string() {
        tree["encoding_format"] = "float".into();
    }
    assert_eq!(serde_json::from_slice::<Value>(&changed).ok().map(without_nulls), Some(without_nulls(tree)));
}

/// Whether it is missing, null or empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        other => other.is_null() || other == "",
    }
}

/// Whether it is an error by its `object`.
fn vllm(object: Option<&Value>) -> bool {
    object.is_some_and(|tree| tree["error"].is_null() && tree["object"] == "error")
}

/// The tree without the nulls that reading a missing member with `[]` inserts.
fn without_nulls(mut tree: Value) -> Value {
    if let Some(fields) = tree.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    tree
}

/// Any split of a stream gives the same events, and written events are read back. The first byte is the
/// limit; the bits of the second select where the input is split.
pub fn sse(input: &[u8]) {
    let [limit, cuts, input @ ..] = input else { return };
    let limit = usize::from(*limit) * 4;
    let whole = scan(limit, [input].into_iter());
    assert_eq!(whole, scan(limit, input.chunks(1)), "byte by byte");
    let cut = |at: &usize| cuts.rotate_left(u32::try_from(at % 8).unwrap_or(0)) & 1 == 1;
    let mut ends: Vec<usize> = (0..input.len()).filter(cut).chain([input.len()]).collect();
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.iter().copied());
    let parts = starts.zip(&ends).filter_map(|(start, end)| input.get(start..*end));
    assert_eq!(whole, scan(limit, parts), "split");

    let mut written = Vec::new();
    whole.0.iter().for_each(|event| sse::write(event, &mut written));
    let one_line = |mut event: Event| {
        if event.data.starts_with(b"{") {
            event.data = event.data.iter().map(|&b| if b == b'\n' { b' ' } else { b }).collect();
        }
        event
    };
    let expected = whole.0.into_iter().map(one_line).collect();
    assert_eq!(scan(usize::MAX, [&written[..]].into_iter()), (expected, Some(Rest::Nothing)), "written");
}

/// The events of an input in parts, and the rest, unless an event was too large.
fn scan<'a>(limit: usize, parts: impl Iterator<Item = &'a [u8]>) -> (Vec<Event>, Option<Rest>) {
    let (mut scanner, mut events) = (Scanner::new(limit), Vec::new());
    for part in parts {
        let pushed = scanner.push(part);
        events.extend(std::iter::from_fn(|| scanner.next_event()));
        if pushed.is_err() {
            return (events, None);
        }
    }
    let rest = scanner.finish();
    (events, Some(rest))
}

/// No secret is forwarded and no value changes. The input is header lines.
pub fn headers(input: &[u8]) {
    let mut sent = HeaderMap::new();
    for line in input.split(|&b| b == b'\n').take(100) {
        let Some(colon) = line.iter().position(|&b| b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = HeaderName::from_bytes(name);
        let value = HeaderValue::from_bytes(value.strip_prefix(b":").unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            sent.append(name, value);
        }
    }
    let secret = [
        "authorization",
        "api-key",
        "x-api-key",
        "cookie",
        "set-cookie",
        "x-hf-",
        "x-forwarded-",
        "forwarded",
        "proxy-",
        "openai-organization",
        "accept-encoding",
        "connection",
        "access-control-",
    ];
    for kept in [headers::to_upstream(&sent, &[]), headers::to_client(&sent)] {
        for name in kept.keys() {
            let origin = if name == "x-upstream-request-id" { "x-request-id" } else { name.as_str() };
            assert!(!secret.iter().any(|secret| name.as_str().starts_with(secret)), "{name}");
            assert!(kept.get_all(name).iter().eq(sent.get_all(origin).iter()), "{name}");
            let mut listed =
                sent.get_all("connection").iter().flat_map(|value| value.as_bytes().split(|&b| b == b','));
            assert!(
                !listed.any(|listed| listed.trim_ascii().eq_ignore_ascii_case(origin.as_bytes())),
                "{name}"
            );
        }
    }
    let body = input.split_at_checked(input.len() / 2).map_or(input, |(_, body)| body);
    let error = errors::upstream::normalise(
        hyper::StatusCode::SERVICE_UNAVAILABLE,
        &sent,
        body,
        retry_after(&sent, 0),
    );
    assert_eq!(error.status, hyper::StatusCode::BAD_GATEWAY);
}

/// Any request becomes a chat request of valid JSON or an error, and the events for any chunks are those of the API. The
/// first line is the request, the others are the chunks.
pub fn dialect(input: &[u8]) {
    let mut lines = input.split(|&b| b == b'\n');
    let Some(Ok(body)) = lines.next().map(|line| ChatBody::read(Bytes::copy_from_slice(line))) else {
        return;
    };
    for dialect in [Dialect::Responses, Dialect::Messages] {
        let text = body.with(Changes::default()).into_bytes();
        let (id, model) = ("id".to_owned(), "m".to_owned());
        let context = ResponseContext { id, created: 0, model, limit: 1 << 16 };
        let translation = Translation::new(dialect, text, body.stream, context);
        let Ok(form) = translation.chat() else { continue };
        assert!(serde_json::from_slice::<Value>(&form.body).is_ok(), "a chat request that is not JSON");
        let Some(mut translator) = translation.into_translator() else { continue };
        let mut out = Output::default();
        let mut chunks = lines.clone().filter(|line| chunk::inspect(line, &mut Choices::new(1)).is_ok());
        let result = chunks.try_for_each(|line| translator.chunk(line, &mut out));
        let result = result.and_then(|()| translator.finish(&mut out));
        let mut events = Vec::new();
        if let Err(error) = &result {
            translator.fail(error, &mut out);
        }
        out.take().into_iter().for_each(|piece| events.extend_from_slice(&piece));
        let events = String::from_utf8_lossy(&events);
        match result {
            Ok(()) => _ = check::whole(dialect, &events),
            Err(_) => _ = check::events(&events),
        }
    }
}

/// Where a request names its model: forms, paths, and the first message that selects a replica. The first line is a
/// content type or a path.
pub fn model_names(input: &[u8]) {
    affinity::affinity("site", "m", &HeaderMap::new(), input);
    let end = input.iter().position(|&b| b == b'\n').unwrap_or(input.len());
    let (line, rest) = input.split_at(end);
    let Ok(line) = std::str::from_utf8(line) else { return };
    let form = Form::read(Bytes::copy_from_slice(rest.get(1..).unwrap_or_default()), line);
    if let Ok(form) = form
        && form.model().is_ok()
    {
        let changed = Form::read(form.with_model("new"), line).ok();
        let model = changed.as_ref().and_then(|form| form.model().ok().flatten());
        assert_eq!(model, Some("new"));
    }
    if let Some(name) = model_path::decode(line) {
        let path = model_path::encode(&name);
        assert_eq!(model_path::decode(&path).as_deref(), Some(&*name));
        assert!(path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\".contains(&b)), "{path}");
        assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{path}");
    }
    for base in ["/v1/", "/openai/"] {
        assert!(azure_path::below(&[base, line].concat()).starts_with('/'));
    }
}
