//! Embeddings as base64, for clients that request it. OpenAI's npm client always does, and silently reads
//! nothing if it gets numbers instead.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use space_kit::Error;

use crate::errors::upstream::bad_gateway;
use crate::json::{self, ScanError, Span, Splice, quoted};

/// Why embeddings cannot be converted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum EmbeddingsError {
    Json(ScanError),
    /// An embedding has an item that is not a number.
    NotNumbers,
}

impl fmt::Display for EmbeddingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EmbeddingsError::Json(error) => error.fmt(f),
            EmbeddingsError::NotNumbers => f.write_str("an embedding is not an array of numbers"),
        }
    }
}

impl From<ScanError> for EmbeddingsError {
    fn from(error: ScanError) -> EmbeddingsError {
        EmbeddingsError::Json(error)
    }
}

/// The response with each `data[].embedding` that is an array of numbers as base64 of little-endian 32-bit
/// floats. Embeddings in another form stay as they are.
///
/// # Errors
///
/// 502 if the response is not JSON of the expected form.
pub(super) fn to_base64(body: &Bytes) -> Result<Bytes, Error> {
    convert(body).map_err(|error| bad_gateway("the upstream's embeddings cannot be read").cause(error))
}

fn convert(body: &Bytes) -> Result<Bytes, EmbeddingsError> {
    let top = json::members(body, ["data"])?;
    let Some(data) = top.get("data") else { return Ok(body.clone()) };
    let mut vectors: Vec<(Span, String)> = Vec::new();
    let mut failed = None;
    json::items_in(body, &data.value, &mut |item| match vector(body, &item) {
        Ok(found) => vectors.extend(found),
        Err(error) => failed = Some(error),
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    let mut splice = Splice::default();
    for (place, text) in &vectors {
        splice.replace(place, quoted(text));
    }
    Ok(splice.apply(body).into_bytes())
}

/// The place of an item's embedding and its base64, if it is an array.
fn vector(body: &[u8], item: &Span) -> Result<Option<(Span, String)>, EmbeddingsError> {
    let slice = |place: &Span| body.get(place.clone()).unwrap_or_default();
    if !slice(item).starts_with(b"{") {
        return Ok(None);
    }
    let members = json::members_in(body, item, ["embedding"])?;
    let Some(place) = members.get("embedding").map(|member| member.value.clone()) else { return Ok(None) };
    let Some(inner) = slice(&place).strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
        return Ok(None);
    };
    let mut floats = Vec::new();
    for number in inner.split(|&b| b == b',').filter(|number| !number.trim_ascii().is_empty()) {
        let number: f64 = serde_json::from_slice(number).map_err(|_| EmbeddingsError::NotNumbers)?;
        floats.extend_from_slice(&(number as f32).to_le_bytes());
    }
    Ok(Some((place, STANDARD.encode(floats))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use space_kit::StatusCode;

    fn converted(body: &str) -> Value {
        serde_json::from_slice(&to_base64(&Bytes::from(body.to_owned())).unwrap()).unwrap()
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
            assert_eq!(to_base64(&Bytes::from(body)).unwrap_err().status, StatusCode::BAD_GATEWAY, "{body}");
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
