//! Queries and form bodies in `application/x-www-form-urlencoded` (URL standard, section 5).

use std::fmt::Write;

/// The most pairs of a query.
const MAX_PAIRS: usize = 64;

/// Decoded names and values, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

/// Why a query is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum QueryError {
    /// A name occurs twice; parsers would disagree on which value to use (RFC 6749 section 3.1).
    Repeated,
    /// More than 64 pairs.
    TooMany,
}

impl Params {
    /// Decodes a query without its `?`, or a form.
    ///
    /// # Errors
    ///
    /// A repeated name, or more than 64 pairs.
    pub(crate) fn parse(text: &str) -> Result<Params, QueryError> {
        let mut params = Params::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name);
            if params.get(&name).is_some() {
                return Err(QueryError::Repeated);
            }
            if params.0.len() == MAX_PAIRS {
                return Err(QueryError::TooMany);
            }
            params.0.push((name, decode(value)));
        }
        Ok(params)
    }

    /// The value of a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The value of a name, unless it is empty.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// Encodes names and values as a query or a form.
pub(crate) fn encode(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        escape(&mut text, name);
        text.push('=');
        escape(&mut text, value);
    }
    text
}

/// Appends pairs to the query of an address, before its fragment.
pub(crate) fn append(address: &str, pairs: &[(&str, &str)]) -> String {
    let (address, fragment) = match address.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (address, String::new()),
    };
    let separator = match address.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{address}{separator}{}{fragment}", encode(pairs))
}

fn escape(text: &mut String, part: &str) {
    for byte in part.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"-._*".contains(&b) => text.push(char::from(b)),
            b' ' => text.push('+'),
            b => _ = write!(text, "%{b:02X}"),
        }
    }
}

/// A `%` without two hexadecimal digits stands for itself. Invalid UTF-8 becomes the replacement character.
fn decode(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| hex_byte(after)).flatten();
        bytes.push(match (first, escaped) {
            (_, Some(byte)) => byte,
            (b'+', None) => b' ',
            (byte, None) => byte,
        });
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_byte(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*text.get(at)?).to_digit(16);
    u8::try_from(digit(0)? << 4 | digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use url::form_urlencoded;

    #[test]
    fn a_repeated_name_is_rejected_in_any_encoding() {
        for text in ["code=a&code=b", "code=a&x=1&code=a", "code=a&%63ode=b", "a&a"] {
            assert_eq!(Params::parse(text), Err(QueryError::Repeated), "{text}");
        }
        let many: Vec<String> = (0..65).map(|at| format!("n{at}=")).collect();
        assert_eq!(Params::parse(&many.join("&")), Err(QueryError::TooMany));
    }

    #[test]
    fn pairs_are_appended_after_the_query_and_before_the_fragment() {
        for (address, whole) in [
            ("/x", "/x?e=a+b"),
            ("/x?", "/x?e=a+b"),
            ("/x?y=1", "/x?y=1&e=a+b"),
            ("/x?y=1#f?", "/x?y=1&e=a+b#f?"),
            ("https://a.example", "https://a.example?e=a+b"),
        ] {
            assert_eq!(append(address, &[("e", "a b")]), whole);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_query_is_decoded_as_browsers_do(text in "([a-c=&+%é ]|%[0-9a-fA-F]{2}|%[0-9a-g]){0,30}") {
            let theirs: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes()).into_owned().collect();
            let mut names: Vec<&String> = theirs.iter().map(|(name, _)| name).collect();
            names.sort();
            names.dedup();
            match Params::parse(&text) {
                Ok(ours) => prop_assert_eq!(ours.0, theirs),
                Err(error) => prop_assert!(error == QueryError::Repeated && names.len() < theirs.len()),
            }
        }

        #[test]
        fn pairs_are_encoded_as_browsers_do_and_decode_unchanged(
            pairs in prop::collection::btree_map("\\PC{0,8}", "\\PC{0,16}", 0..6)
        ) {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let text = encode(&pairs);
            let theirs: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            prop_assert_eq!(&text, &theirs);
            let read = Params::parse(&text).unwrap();
            for (name, value) in pairs {
                prop_assert_eq!(read.get(name), Some(value));
            }
        }

        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,60}") {
            _ = Params::parse(&text);
        }
    }
}
