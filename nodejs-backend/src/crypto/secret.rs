//! The secrets that all keys are derived from.

use std::fmt;

use space_kit::seal::{MIN_DISTINCT, is_hard_to_guess};

/// The provider generates a client secret, often as a UUID: 128 random bits in few distinct characters.
const MIN_DISTINCT_CLIENT: usize = 10;

/// A secret that is long and varied enough to derive keys from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    bytes: Vec<u8>,
    source: SecretSource,
}

/// Where a secret comes from. Secrets of different sources never give the same keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// `AUTH_SECRET` or `AUTH_SECRETS`.
    Configured,
    /// The OAuth client secret.
    ClientSecret,
    /// Any of these, or random bytes, while `DEV_SIGN_IN` is on: its made-up users must not be valid anywhere else.
    Development,
}

/// The word in `AUTH_SECRETS` that stands for the OAuth client secret.
const CLIENT_SECRET: &str = "client-secret";

impl Secret {
    /// A secret of at least 32 bytes with at least 16 distinct characters.
    pub(crate) fn parse(text: &str) -> Option<Secret> {
        Secret::checked(text, MIN_DISTINCT, SecretSource::Configured)
    }

    /// One or more different secrets separated by commas; the first is the current one. The word `client-secret` stands
    /// for the provider's `client` secret.
    pub(crate) fn parse_list(text: &str, client: Option<&str>) -> Option<Vec<Secret>> {
        let parse = |one: &str| match one.trim() {
            CLIENT_SECRET => Secret::from_client_secret(client?),
            one => Secret::parse(one),
        };
        let list: Vec<Secret> = text.split(',').map(parse).collect::<Option<_>>()?;
        let repeated =
            list.iter().enumerate().any(|(at, one)| list.iter().skip(at + 1).any(|other| other == one));
        (!repeated).then_some(list)
    }

    /// The secret to use without `AUTH_SECRET`: an OAuth client secret of at least 32 bytes.
    pub(crate) fn from_client_secret(text: &str) -> Option<Secret> {
        Secret::checked(text, MIN_DISTINCT_CLIENT, SecretSource::ClientSecret)
    }

    /// The same secret for local development, which gives different keys.
    pub(crate) fn for_development(self) -> Secret {
        Secret { source: SecretSource::Development, ..self }
    }

    /// The bytes. Use them only to derive keys.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the secret comes from.
    pub(crate) fn source(&self) -> SecretSource {
        self.source
    }

    fn checked(text: &str, distinct: usize, source: SecretSource) -> Option<Secret> {
        is_hard_to_guess(text, distinct).then(|| Secret { bytes: text.as_bytes().to_vec(), source })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("source", &self.source).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";

    #[test]
    fn a_secret_that_can_be_guessed_offline_is_rejected() {
        assert!(Secret::parse(GOOD).is_some());
        for weak in [
            "",
            "secret",
            "0123456789abcdef0123456789abcde",          // 31 bytes
            "0123456789abcde0123456789abcde0123456789", // 15 distinct characters
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "correct horse correct horse correct horse",
        ] {
            assert_eq!(Secret::parse(weak), None, "{weak}");
        }
        assert!(Secret::parse("0123456789abcdef0123456789abcdef").is_some());
    }

    #[test]
    fn a_uuid_is_accepted_as_client_secret_and_a_short_text_is_not() {
        assert!(Secret::from_client_secret("6f1d2c3b-90a1-4e5f-8b7c-112233445566").is_some());
        assert_eq!(Secret::from_client_secret("client-secret"), None);
        assert_eq!(Secret::from_client_secret("00000000-0000-0000-0000-000000000000"), None);
    }

    #[test]
    fn a_list_has_no_repeated_secret() {
        let other = GOOD.replace('q', "Q");
        assert_eq!(Secret::parse_list(&format!("{GOOD}, {other}"), None).unwrap().len(), 2);
        assert_eq!(Secret::parse_list(&format!("{GOOD},{GOOD}"), None), None);
        assert_eq!(Secret::parse_list(&format!("{GOOD},"), None), None);
    }

    #[test]
    fn a_word_in_the_list_stands_for_the_client_secret() {
        let (uuid, list) = ("6f1d2c3b-90a1-4e5f-8b7c-112233445566", format!("{GOOD},client-secret"));
        let both = Secret::parse_list(&list, Some(uuid)).unwrap();
        assert_eq!(both[1], Secret::from_client_secret(uuid).unwrap());
        assert_eq!(Secret::parse_list(&list, None), None);
        assert_eq!(Secret::parse_list(&list, Some("too short")), None);
        assert_eq!(Secret::parse_list("client-secret,client-secret", Some(uuid)), None);
    }

    #[test]
    fn debug_output_never_contains_the_secret() {
        let shown = format!("{:?}", Secret::parse(GOOD).unwrap());
        assert!(!shown.contains("q8Zt") && shown.contains("Configured"), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_accepted_secret_has_32_bytes_and_16_distinct_characters(text in "[a-f0-9\\PC]{0,60}") {
            if Secret::parse(&text).is_some() {
                let distinct: std::collections::BTreeSet<char> = text.chars().collect();
                prop_assert!(text.len() >= 32 && distinct.len() >= 16);
            }
        }
    }
}
