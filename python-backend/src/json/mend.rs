//! Repairs JSON that some upstreams send although it is invalid.

use bytes::Bytes;

/// Numbers that Python's `json` writes and no other reader accepts. OpenAI's API has -9999.0 for the logarithm
/// of a probability of 0.
const NUMBERS: [(&[u8], &[u8]); 3] = [(b"-Infinity", b"-9999.0"), (b"Infinity", b"null"), (b"NaN", b"null")];

/// The text with invalid UTF-8 replaced, as the HTML standard decodes events, and without numbers that are not
/// JSON. `None` if nothing had to be changed.
pub(crate) fn mended(text: &[u8]) -> Option<Bytes> {
    let decoded = String::from_utf8_lossy(text);
    let mut rest = decoded.as_bytes();
    let (mut out, mut in_string) = (Vec::with_capacity(rest.len()), false);
    while let Some(&byte) = rest.first() {
        let found = NUMBERS.iter().find(|(from, _)| !in_string && rest.starts_with(from));
        let (taken, put) = match (found, byte) {
            (Some((from, to)), _) => (from.len(), *to),
            (None, b'\\') => (2, rest.get(..2).unwrap_or(rest)),
            (None, _) => (1, rest.get(..1).unwrap_or_default()),
        };
        in_string ^= byte == b'"';
        out.extend_from_slice(put);
        rest = rest.get(taken..).unwrap_or_default();
    }
    (out != text).then(|| out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::samples;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_invalid_is_changed() {
        let mended = |text: &[u8]| mended(text).map(|text| String::from_utf8(text.to_vec()).unwrap());
        let text = br#"{"a":[-Infinity, NaN,Infinity],"b":"NaN \" -Infinity"}"#;
        assert_eq!(mended(text).as_deref(), Some(r#"{"a":[-9999.0, null,null],"b":"NaN \" -Infinity"}"#));
        assert_eq!(mended(b"{\"a\":\"\xFF\"}").as_deref(), Some("{\"a\":\"\u{FFFD}\"}"));
        assert_eq!(mended(br#"{"a":"\"#), None);
    }

    proptest! {
        #[test]
        fn valid_json_is_unchanged_and_mending_twice_changes_nothing(
            valid in samples::valid_json(), any in samples::mutated(samples::json()),
        ) {
            prop_assert_eq!(mended(valid.as_bytes()), None);
            if let Some(once) = mended(&any) {
                prop_assert_eq!(mended(&once), None);
            }
        }
    }
}
