//! Embeddings as base64, for clients that ask for it: OpenAI's npm client does always, and silently reads
//! nothing where it gets numbers instead.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use space_kit::Error;

use crate::json_scan::{self, Span};
use crate::splice::{Splice, quoted};
use crate::stream::upstream_error;

/// The answer with each `data[].embedding` that is an array of numbers as base64 of little-endian 32-bit
/// floats. Embeddings in another form stay as they are.
pub(crate) fn to_base64(body: &Bytes) -> Result<Bytes, Error> {
    let unreadable = |cause: &dyn std::fmt::Display| {
        upstream_error("the upstream's embeddings cannot be read").cause(cause)
    };
    let top = json_scan::members(body, ["data"]).map_err(|error| unreadable(&error))?;
    let Some(data) = top.get("data") else { return Ok(body.clone()) };
    let mut vectors: Vec<(Span, String)> = Vec::new();
    let mut failed = None;
    json_scan::items_in(body, &data.value, &mut |item| match vector(body, &item) {
        Ok(found) => vectors.extend(found),
        Err(cause) => failed = Some(cause),
    })
    .map_err(|error| unreadable(&error))?;
    if let Some(cause) = failed {
        return Err(unreadable(&cause));
    }
    let mut splice = Splice::default();
    for (place, text) in &vectors {
        splice.replace(place, quoted(text));
    }
    Ok(splice.apply(body).into_bytes())
}

fn vector(body: &[u8], item: &Span) -> Result<Option<(Span, String)>, String> {
    let slice = |place: &Span| body.get(place.clone()).unwrap_or_default();
    if !slice(item).starts_with(b"{") {
        return Ok(None);
    }
    let members = json_scan::members_in(body, item, ["embedding"]).map_err(|error| error.to_string())?;
    let Some(place) = members.get("embedding").map(|member| member.value.clone()) else { return Ok(None) };
    let Some(inner) = slice(&place).strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")) else {
        return Ok(None);
    };
    let mut floats = Vec::new();
    for number in inner.split(|&b| b == b',').filter(|number| !number.trim_ascii().is_empty()) {
        let number: f64 =
            serde_json::from_slice(number).map_err(|_| "an embedding is no array of numbers")?;
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

    fn convert(body: &str) -> Value {
        serde_json::from_slice(&to_base64(&Bytes::from(body.to_owned())).unwrap()).unwrap()
    }

    fn floats(text: &str) -> Vec<f32> {
        let bytes = STANDARD.decode(text).unwrap();
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }

    #[test]
    fn numbers_become_base64_and_the_rest_stays() {
        let body = r#"{"object":"list", "data":[{"index":0,"embedding":[ 0.5, -1,2e-1 ]},{"embedding":"AAAA"}],"usage":{}}"#;
        let answer = convert(body);
        assert_eq!(floats(answer["data"][0]["embedding"].as_str().unwrap()), [0.5, -1.0, 0.2]);
        assert_eq!(answer["data"][0]["index"], 0);
        assert_eq!((&answer["data"][1]["embedding"], &answer["usage"]), (&json!("AAAA"), &json!({})));
    }

    #[test]
    fn what_is_no_embedding_is_an_upstreams_error() {
        for body in [r#"{"data":[{"embedding":["a"]}]}"#, r#"{"data":{}}"#, "[]", ""] {
            assert_eq!(to_base64(&Bytes::from(body)).unwrap_err().status, StatusCode::BAD_GATEWAY, "{body}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_float_survives(numbers in prop::collection::vec(any::<f32>().prop_filter("JSON has no NaN", |f| f.is_finite()), 0..20)) {
            let body = json!({"data": [{"embedding": numbers}]}).to_string();
            let answer = convert(&body);
            prop_assert_eq!(floats(answer["data"][0]["embedding"].as_str().unwrap()), numbers);
        }
    }
}
