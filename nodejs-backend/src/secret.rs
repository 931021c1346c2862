//! The secrets from which every key is derived.

use std::fmt;

/// What a secret must have. The public key set lets anybody test guesses without asking the service.
const MIN_BYTES: usize = 32;
const MIN_DISTINCT: usize = 16;
/// A client secret is made by the provider, often as a UUID: 128 random bits in few different characters.
const MIN_DISTINCT_CLIENT: usize = 10;

/// A secret that is long and varied enough.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    bytes: Vec<u8>,
    origin: Origin,
}

/// Where a secret came from. Keys of the one never equal keys of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `AUTH_SECRET` or `AUTH_SECRETS`.
    Given,
    /// The OAuth client secret.
    Client,
    /// Either, or chance, for the made-up users of local development: none of them is anybody elsewhere.
    Development,
}

/// The word in `AUTH_SECRETS` for the secret that counts where there is none.
const CLIENT: &str = "client-secret";

impl Secret {
    /// A secret of at least 32 bytes with at least 16 distinct characters.
    pub(crate) fn parse(text: &str) -> Option<Secret> {
        Secret::checked(text, MIN_DISTINCT, Origin::Given)
    }

    /// One or more secrets separated by commas, all different; the first is the current one. The word `client-secret`
    /// stands for the one of the provider's `client` secret.
    pub(crate) fn parse_list(text: &str, client: Option<&str>) -> Option<Vec<Secret>> {
        let parse = |one: &str| match one.trim() {
            CLIENT => Secret::from_client_secret(client?),
            one => Secret::parse(one),
        };
        let list: Vec<Secret> = text.split(',').map(parse).collect::<Option<_>>()?;
        let repeated =
            list.iter().enumerate().any(|(at, one)| list.iter().skip(at + 1).any(|other| other == one));
        (!repeated).then_some(list)
    }

    /// The secret that stands in for `AUTH_SECRET`: the client secret of at least 32 bytes.
    pub(crate) fn from_client_secret(text: &str) -> Option<Secret> {
        Secret::checked(text, MIN_DISTINCT_CLIENT, Origin::Client)
    }

    /// The same for the made-up users of local development.
    pub(crate) fn of_development(self) -> Secret {
        Secret { origin: Origin::Development, ..self }
    }

    /// The bytes, for key derivation alone.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where it came from.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    fn checked(text: &str, distinct: usize, origin: Origin) -> Option<Secret> {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        let good = text.len() >= MIN_BYTES && characters.len() >= distinct;
        good.then(|| Secret { bytes: text.as_bytes().to_vec(), origin })
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";

    #[test]
    fn a_secret_that_can_be_guessed_offline_is_refused() {
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
    fn a_provider_made_client_secret_will_do_and_a_short_one_will_not() {
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
    fn in_a_list_the_client_secret_has_a_word_of_its_own() {
        let (uuid, list) = ("6f1d2c3b-90a1-4e5f-8b7c-112233445566", format!("{GOOD},client-secret"));
        let both = Secret::parse_list(&list, Some(uuid)).unwrap();
        assert_eq!(both[1], Secret::from_client_secret(uuid).unwrap());
        assert_eq!(Secret::parse_list(&list, None), None);
        assert_eq!(Secret::parse_list(&list, Some("too short")), None);
        assert_eq!(Secret::parse_list("client-secret,client-secret", Some(uuid)), None);
    }

    #[test]
    fn a_secret_is_never_shown() {
        let shown = format!("{:?}", Secret::parse(GOOD).unwrap());
        assert!(!shown.contains("q8Zt") && shown.contains("Given"), "{shown}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_accepted_secret_keeps_the_rule(text in "[a-f0-9\\PC]{0,60}") {
            if Secret::parse(&text).is_some() {
                let distinct: std::collections::BTreeSet<char> = text.chars().collect();
                prop_assert!(text.len() >= 32 && distinct.len() >= 16);
            }
        }
    }
}
