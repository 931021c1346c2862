//! Model ids in paths. OpenAI's clients percent-encode the slash of `org/name`, and upstreams expect it as it is.

/// The id of a model, which a client may have percent-encoded. `None` if the codes are wrong, or if a reader could
/// resolve the id to another path.
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digit = |at| char::from(*part.as_bytes().get(at)?).to_digit(16);
        bytes.push(u8::try_from(digit(0)? << 4 | digit(1)?).ok()?);
        bytes.extend_from_slice(part.as_bytes().get(2..)?);
    }
    let name = String::from_utf8(bytes).ok()?;
    let is_odd = |c: char| c == '\\' || c.is_control();
    let resolves = name.split('/').any(|segment| matches!(segment, "" | "." | ".."));
    (!resolves && !name.contains(is_odd)).then_some(name)
}

/// The id as it is sent to an upstream: slashes stay, and what would end or change the path is encoded.
pub(crate) fn encode(name: &str) -> String {
    let mut path = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b':'
            | b'@'
            | b'+' => {
                path.push(char::from(byte));
            }
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_decoded_is_encoded_to_one_path_that_stays_below_the_models(text in ".{0,20}|[a%2-9A-F./]{0,20}") {
            let Some(name) = decode(&text) else { return Ok(()) };
            let path = encode(&name);
            prop_assert_eq!(decode(&path), Some(name));
            prop_assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
            prop_assert!(path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\".contains(&b)), "{}", path);
        }
    }
}
