//! What a request brings to show who it is from: `Authorization: Bearer …`, `x-api-key: …`, or both.

use space_kit::header::{AUTHORIZATION, HeaderName};
use space_kit::{HeaderMap, HeaderValue};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The credentials of a request: unchecked, and never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    api_key: Result<&'a str, Lack>,
    bearer: Result<&'a str, Lack>,
}

/// Why a header brings no credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    Missing,
    Scheme,
    Malformed,
    Repeated,
}

impl Lack {
    /// What was wrong and what to send, in words for the client.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Lack::Missing => {
                "no credentials were sent; send the header Authorization: Bearer KEY, or x-api-key: KEY"
            }
            Lack::Scheme => {
                "the header Authorization does not begin with Bearer; send Authorization: Bearer KEY"
            }
            Lack::Malformed => {
                "the credentials are empty or not visible ASCII; send Authorization: Bearer KEY, with the key alone"
            }
            Lack::Repeated => "the credentials were sent more than once; send one Authorization header",
        }
    }
}

impl<'a> Credentials<'a> {
    /// Reads the credentials of a request.
    pub(crate) fn of(headers: &'a HeaderMap) -> Credentials<'a> {
        let api_key = single(headers, &X_API_KEY).and_then(|value| visible(value.as_bytes()));
        let bearer = single(headers, &AUTHORIZATION).and_then(|value| {
            let (scheme, rest) = value.as_bytes().split_at_checked(6).ok_or(Lack::Scheme)?;
            match rest {
                _ if !scheme.eq_ignore_ascii_case(b"bearer") => Err(Lack::Scheme),
                [] => Err(Lack::Malformed),
                [b' ', rest @ ..] => visible(rest.trim_ascii()),
                _ => Err(Lack::Scheme),
            }
        });
        Credentials { api_key, bearer }
    }

    /// The credentials to try. A private Space takes the caller's Hub token in `Authorization`, so that a
    /// key in `x-api-key` goes first.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        [self.api_key.ok(), self.bearer.ok()].into_iter().flatten()
    }

    /// Why there are none to try.
    pub(crate) fn lack(&self) -> Lack {
        let lacks = [self.bearer.err(), self.api_key.err()];
        lacks.into_iter().flatten().find(|lack| *lack != Lack::Missing).unwrap_or(Lack::Missing)
    }
}

/// The header's value, if it was sent once: of two, readers along the way may take either.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, Lack> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Lack::Missing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Lack::Repeated),
    }
}

fn visible(value: &[u8]) -> Result<&str, Lack> {
    let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    str::from_utf8(value).ok().filter(|_| visible).ok_or(Lack::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn offered(list: &[(&'static str, &str)]) -> Result<Vec<String>, Lack> {
        let headers = headers(list);
        let credentials = Credentials::of(&headers);
        let found: Vec<String> = credentials.offered().map(str::to_owned).collect();
        if found.is_empty() { Err(credentials.lack()) } else { Ok(found) }
    }

    #[test]
    fn both_headers_are_read_and_the_key_goes_first() {
        let both = [("authorization", "Bearer hf_token"), ("x-api-key", "key")];
        assert_eq!(offered(&both), Ok(vec!["key".to_owned(), "hf_token".to_owned()]));
        for spelling in ["Bearer key", "bearer key", "BEARER   key", "Bearer key "] {
            assert_eq!(offered(&[("authorization", spelling)]), Ok(vec!["key".to_owned()]), "{spelling}");
        }
    }

    #[test]
    fn each_way_to_bring_none_has_its_own_reason() {
        for (list, lack) in [
            (&[][..], Lack::Missing),
            (&[("authorization", "Basic YTpi")], Lack::Scheme),
            (&[("authorization", "key")], Lack::Scheme),
            (&[("authorization", "Bearerkey")], Lack::Scheme),
            (&[("authorization", "")], Lack::Scheme),
            (&[("authorization", "Bearer")], Lack::Malformed),
            (&[("authorization", "Bearer  ")], Lack::Malformed),
            (&[("authorization", "Bearer two words")], Lack::Malformed),
            (&[("authorization", "Bearer schlüssel")], Lack::Malformed),
            (&[("x-api-key", "")], Lack::Malformed),
            (&[("x-api-key", "a b")], Lack::Malformed),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Lack::Repeated),
            (&[("x-api-key", "a"), ("x-api-key", "a")], Lack::Repeated),
        ] {
            assert_eq!(offered(list), Err(lack), "{list:?}");
        }
    }

    #[test]
    fn one_good_header_is_enough() {
        let list = [("authorization", "Basic YTpi"), ("x-api-key", "key")];
        assert_eq!(offered(&list), Ok(vec!["key".to_owned()]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_is_offered_is_visible_ascii(
            bearer in prop::collection::vec(any::<u8>(), 0..20), key in "(bearer|Bearer )?[ -~é漢]{0,10}",
        ) {
            let mut headers = HeaderMap::new();
            let texts = [("authorization", [b"Bearer ", &bearer[..]].concat()), ("x-api-key", key.into_bytes())];
            for (name, text) in texts {
                if let Ok(value) = HeaderValue::from_bytes(&text) {
                    headers.append(name, value);
                }
            }
            for one in Credentials::of(&headers).offered() {
                prop_assert!(!one.is_empty() && one.bytes().all(|b| b.is_ascii_graphic()));
            }
        }
    }
}
