//! Embeddings as base64, for clients that request it. OpenAI's npm client always does, and silently reads
//! nothing if it gets numbers instead.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use space_kit::Error;

use crate::errors::upstream::bad_gateway;
use crate::json::{self, ScanError, Span, quoted};
use crate::limits::{Held, HoldError};

/// Why embeddings cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EmbeddingsError {
    Json(ScanError),
    /// An embedding has an item that is not a number.
    NotNumbers,
    /// There is no memory for the result.
    NotHeld(HoldError),
}

impl fmt::Display for EmbeddingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmbeddingsError::Json(error) => error.fmt(f),
            EmbeddingsError::NotHeld(_) => f.write_str("there is no memory for the result"),
            EmbeddingsError::NotNumbers => f.write_str("an embedding is not an array of numbers"),
        }
    }
}

impl From<ScanError> for EmbeddingsError {
    fn from(error: ScanError) -> EmbeddingsError {
        EmbeddingsError::Json(error)
    }
}

/// Appends the response to `out`, with each `data[].embedding` that is an array of numbers as base64 of little-endian 32-bit
/// floats. Embeddings in another form stay as they are.
///
/// # Errors
///
/// 502 if the response is not JSON of the expected form, 429 if there is no memory for the result.
pub(super) fn to_base64(body: &[u8], out: &mut Held) -> Result<(), Error> {
    convert(body, out).map_err(|error| match error {
        EmbeddingsError::NotHeld(error) => error.of_response(),
        error => bad_gateway("the upstream's embeddings cannot be read").cause(error),
    })
}

fn convert(body: &[u8], out: &mut Held) -> Result<(), EmbeddingsError> {
    let top = json::members(body, ["data"])?;
    let (mut done, mut outcome) = (0, Ok(()));
    if let Some(data) = top.get("data") {
        json::items_in(body, &data.value, &mut |item| {
            if outcome.is_ok() {
                outcome = vector(body, &item, &mut done, out);
            }
        })?;
    }
    outcome?;
    push(out, body.get(done..).unwrap_or_default())
}

/// Appends without expecting a length: it is not known before the end.
fn push(out: &mut Held, bytes: &[u8]) -> Result<(), EmbeddingsError> {
    out.push(bytes, 0).map_err(EmbeddingsError::NotHeld)
}

/// Appends the text from `done` to the end of the item's embedding, which is in base64 then, if it is an array.
fn vector(body: &[u8], item: &Span, done: &mut usize, out: &mut Held) -> Result<(), EmbeddingsError> {
    let slice = |place: &Span| body.get(place.clone()).unwrap_or_default();
    if !slice(item).starts_with(b"{") {
        return Ok(());
    }
    let members = json::members_in(body, item, ["embedding"])?;
    let Some(place) = members.get("embedding").map(|member| member.value.clone()) else { return Ok(()) };
    let Some(inner) = slice(&place).strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
        return Ok(());
    };
    let mut floats = Vec::new();
    for number in inner.split(|&b| b == b',').filter(|number| !number.trim_ascii().is_empty()) {
        let number: f64 = serde_json::from_slice(number).map_err(|_| EmbeddingsError::NotNumbers)?;
        floats.extend_from_slice(&(number as f32).to_le_bytes());
    }
    let before = std::mem::replace(done, place.end)..place.start;
    push(out, slice(&before))?;
    push(out, quoted(&STANDARD.encode(floats)).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Memory;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use space_kit::{Bytes, StatusCode};

    fn convert(body: &str) -> Result<Bytes, Error> {
        let mut out = Held::new(Memory::new("tests", || 1 << 20).reserve(1));
        to_base64(body.as_bytes(), &mut out).map(|()| out.into_parts().0)
    }

    fn converted(body: &str) -> Value {
        serde_json::from_slice(&convert(body).unwrap()).unwrap()
    }

    fn floats(text: &str) -> Vec<f32> {
        let bytes = STANDARD.decode(text).unwrap();
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }

    #[test]
    fn numbers_become_base64_and_the_rest_is_unchanged() {
        let body = r#"{"object":"list", "data":[{"index":0,"embedding":[ 0.5, -1,2e-1 ]},{"embedding":"AAAA"}],"usage":{}}"#;
        let response = converted(body);
        assert_eq!(floats(response["data"][0]["embedding"].as_str().unwrap()), [0.5, -1.0, 0.2]);
        assert_eq!(response["data"][0]["index"], 0);
        assert_eq!((&response["data"][1]["embedding"], &response["usage"]), (&json!("AAAA"), &json!({})));
    }

    #[test]
    fn an_invalid_embedding_is_an_upstream_error() {
        for body in [r#"{"data":[{"embedding":["a"]}]}"#, r#"{"data":{}}"#, "[]", ""] {
            assert_eq!(convert(body).unwrap_err().status, StatusCode::BAD_GATEWAY, "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_float_survives(numbers in prop::collection::vec(any::<f32>().prop_filter("JSON has no NaN", |f| f.is_finite()), 0..20)) {
            let body = json!({"data": [{"embedding": numbers}]}).to_string();
            let response = converted(&body);
            prop_assert_eq!(floats(response["data"][0]["embedding"].as_str().unwrap()), numbers);
        }
    }
}
