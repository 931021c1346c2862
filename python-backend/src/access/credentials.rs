//! The credentials of a request: `Authorization: Bearer …`, `x-api-key: …`, Azure's `api-key: …`, or several of them.

use space_kit::header::{AUTHORIZATION, HeaderName};
use space_kit::{HeaderMap, HeaderValue};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The credentials of a request, not yet checked. There is no `Debug`, so that they are never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    x_api_key: Result<&'a str, CredentialsError>,
    api_key: Result<&'a str, CredentialsError>,
    bearer: Result<&'a str, CredentialsError>,
}

/// Why a header has no usable credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialsError {
    Missing,
    Scheme,
    Malformed,
    Repeated,
}

impl CredentialsError {
    /// What is wrong and what to send, for the client.
    pub(crate) fn message(self) -> &'static str {
        match self {
            CredentialsError::Missing => {
                "no credentials were sent; send the header Authorization: Bearer KEY, or x-api-key: KEY"
            }
            CredentialsError::Scheme => {
                "the header Authorization does not begin with Bearer; send Authorization: Bearer KEY"
            }
            CredentialsError::Malformed => {
                "the credentials are empty or not visible ASCII; send Authorization: Bearer KEY, with nothing after the key"
            }
            CredentialsError::Repeated => {
                "the credentials were sent more than once; send one Authorization header"
            }
        }
    }
}

impl<'a> Credentials<'a> {
    /// Reads the credentials of a request.
    pub(crate) fn of(headers: &'a HeaderMap) -> Credentials<'a> {
        let key = |name| single(headers, name).and_then(|value| visible(value.as_bytes()));
        let bearer = single(headers, &AUTHORIZATION).and_then(|value| {
            let (scheme, rest) = value.as_bytes().split_at_checked(6).ok_or(CredentialsError::Scheme)?;
            match rest {
                _ if !scheme.eq_ignore_ascii_case(b"bearer") => Err(CredentialsError::Scheme),
                [] => Err(CredentialsError::Malformed),
                [b' ', rest @ ..] => visible(rest.trim_ascii()),
                _ => Err(CredentialsError::Scheme),
            }
        });
        Credentials { x_api_key: key(&X_API_KEY), api_key: key(&API_KEY), bearer }
    }

    /// The credentials to try, in order. A key in a header of its own comes first, because a private Space needs
    /// the caller's Hub token in `Authorization`.
    pub(crate) fn offered(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        [self.x_api_key.ok(), self.api_key.ok(), self.bearer.ok()].into_iter().flatten()
    }

    /// Why there are no credentials to try.
    pub(crate) fn error(&self) -> CredentialsError {
        let errors = [self.bearer.err(), self.x_api_key.err(), self.api_key.err()];
        let specific = errors.into_iter().flatten().find(|error| *error != CredentialsError::Missing);
        specific.unwrap_or(CredentialsError::Missing)
    }
}

/// The header's value, if it was sent once. Of two values, different readers may use different ones.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a HeaderValue, CredentialsError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(CredentialsError::Missing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(CredentialsError::Repeated),
    }
}

fn visible(value: &[u8]) -> Result<&str, CredentialsError> {
    let visible = !value.is_empty() && value.iter().all(u8::is_ascii_graphic);
    str::from_utf8(value).ok().filter(|_| visible).ok_or(CredentialsError::Malformed)
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

    fn offered(list: &[(&'static str, &str)]) -> Result<Vec<String>, CredentialsError> {
        let headers = headers(list);
        let credentials = Credentials::of(&headers);
        let found: Vec<String> = credentials.offered().map(str::to_owned).collect();
        if found.is_empty() { Err(credentials.error()) } else { Ok(found) }
    }

    #[test]
    fn all_headers_are_read_and_a_key_of_its_own_comes_first() {
        for name in ["x-api-key", "api-key"] {
            let both = [("authorization", "Bearer hf_token"), (name, "key")];
            assert_eq!(offered(&both), Ok(vec!["key".to_owned(), "hf_token".to_owned()]), "{name}");
        }
        for spelling in ["Bearer key", "bearer key", "BEARER   key", "Bearer key "] {
            assert_eq!(offered(&[("authorization", spelling)]), Ok(vec!["key".to_owned()]), "{spelling}");
        }
    }

    #[test]
    fn each_way_to_send_no_credential_has_its_own_error() {
        for (list, error) in [
            (&[][..], CredentialsError::Missing),
            (&[("authorization", "Basic YTpi")], CredentialsError::Scheme),
            (&[("authorization", "key")], CredentialsError::Scheme),
            (&[("authorization", "Bearerkey")], CredentialsError::Scheme),
            (&[("authorization", "")], CredentialsError::Scheme),
            (&[("authorization", "Bearer")], CredentialsError::Malformed),
            (&[("authorization", "Bearer  ")], CredentialsError::Malformed),
            (&[("authorization", "Bearer two words")], CredentialsError::Malformed),
            (&[("authorization", "Bearer schlüssel")], CredentialsError::Malformed),
            (&[("x-api-key", "")], CredentialsError::Malformed),
            (&[("x-api-key", "a b")], CredentialsError::Malformed),
            (&[("api-key", "a b")], CredentialsError::Malformed),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], CredentialsError::Repeated),
            (&[("x-api-key", "a"), ("x-api-key", "a")], CredentialsError::Repeated),
        ] {
            assert_eq!(offered(list), Err(error), "{list:?}");
        }
    }

    #[test]
    fn one_valid_header_is_enough() {
        let list = [("authorization", "Basic YTpi"), ("x-api-key", "key")];
        assert_eq!(offered(&list), Ok(vec!["key".to_owned()]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn offered_credentials_are_visible_ascii(
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
