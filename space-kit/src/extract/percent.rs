//! Percent-encoding (RFC 3986 section 2.1).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

/// What a part that cannot be decoded should have been.
pub(crate) const EXPECTED: &str = "expected percent-encoded UTF-8";

/// The text that an encoded one stands for. `None` if a `%` is not followed by two hexadecimal digits, or the result is
/// not UTF-8.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { digit(rest.next()?)? << 4 | digit(rest.next()?)? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

/// The same for a part of a form or query, in which `+` is a space.
pub(crate) fn decode_form(encoded: &str) -> Option<String> {
    decode(&encoded.replace('+', " "))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_or_rejected() {
        for (encoded, text) in [
            ("", Some("")),
            ("a+b%20c%2f%2B", Some("a+b c/+")),
            ("%C3%A9%25", Some("é%")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%C3", None),
            ("%FF", None),
        ] {
            assert_eq!(decode(encoded).as_deref(), text, "{encoded}");
        }
        assert_eq!(decode_form("a+b%2B").as_deref(), Some("a b+"));
    }
}
