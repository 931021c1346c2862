//! `API_KEYS`: the keys that callers may use, each with a label. Only their digests stay in memory.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The shortest key, in characters, so that it cannot be guessed.
const MIN_KEY: usize = 20;

/// The longest label, in characters.
const MAX_LABEL: usize = 32;

/// Labels that logs and metrics use for callers without a key.
const RESERVED: [&str; 2] = ["anonymous", "jwt"];

/// The keys, as SHA-256 digests.
#[derive(PartialEq, Eq)]
pub(crate) struct ApiKeys(Vec<Key>);

#[derive(PartialEq, Eq)]
struct Key {
    label: String,
    digest: [u8; SHA256_OUTPUT_LEN],
}

/// Why `API_KEYS` cannot be used. Entries count from 1. The message repeats neither keys nor labels, because
/// an operator who swaps the two has put the key in the place of the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiKeysError {
    NotLabelAndKey { entry: usize },
    Label { entry: usize },
    Key { entry: usize },
    SameLabel { first: usize, second: usize },
    SameKey { first: usize, second: usize },
}

impl fmt::Display for ApiKeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ApiKeysError::NotLabelAndKey { entry } => write!(f, "entry {entry} must be label:key"),
            ApiKeysError::Label { entry } => write!(
                f,
                "entry {entry}: the label before the colon must be 1 to {MAX_LABEL} of A-Z a-z 0-9 . _ - and not \
                 anonymous or jwt"
            ),
            ApiKeysError::Key { entry } => write!(
                f,
                "entry {entry}: the key after the colon must be {MIN_KEY} or more visible ASCII characters"
            ),
            ApiKeysError::SameLabel { first, second } => {
                write!(f, "entries {first} and {second} have the same label")
            }
            ApiKeysError::SameKey { first, second } => {
                write!(f, "entries {first} and {second} have the same key")
            }
        }
    }
}

impl ApiKeys {
    /// Reads `label:key` entries separated by commas.
    ///
    /// # Errors
    ///
    /// If an entry is malformed, or if two entries have the same label or key.
    pub(crate) fn parse(text: &str) -> Result<ApiKeys, ApiKeysError> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, text) in text.split(',').enumerate() {
            let entry = at + 1;
            let Some((label, key)) = text.trim().split_once(':') else {
                return Err(ApiKeysError::NotLabelAndKey { entry });
            };
            if !is_label(label) {
                return Err(ApiKeysError::Label { entry });
            }
            if key.len() < MIN_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ApiKeysError::Key { entry });
            }
            let key = Key { label: label.to_owned(), digest: hash(key) };
            if let Some(at) = keys.iter().position(|other| other.label == key.label) {
                return Err(ApiKeysError::SameLabel { first: at + 1, second: entry });
            }
            if let Some(at) = keys.iter().position(|other| other.digest == key.digest) {
                return Err(ApiKeysError::SameKey { first: at + 1, second: entry });
            }
            keys.push(key);
        }
        Ok(ApiKeys(keys))
    }

    /// The label of a key. The time it takes does not depend on the key, because the whole digest is compared
    /// with every stored one.
    pub(crate) fn label(&self, offered: &str) -> Option<&str> {
        let offered = hash(offered);
        let mut found = u64::MAX;
        for (at, key) in self.0.iter().enumerate() {
            found.conditional_assign(&(at as u64), key.digest.ct_eq(&offered));
        }
        self.0.get(usize::try_from(found).ok()?).map(|key| key.label.as_str())
    }
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !RESERVED.contains(&label)
}

fn hash(key: &str) -> [u8; SHA256_OUTPUT_LEN] {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    bytes
}

/// Shows only the labels.
impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|key| &key.label)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ANN: &str = "sk-ann-0123456789abcdef";
    const BOB: &str = "sk-bob-0123456789abcdef";

    #[test]
    fn a_key_has_its_label_and_anything_else_has_none() {
        let keys = ApiKeys::parse(&format!("ann:{ANN}, bob:{BOB}")).unwrap();
        assert_eq!((keys.label(ANN), keys.label(BOB)), (Some("ann"), Some("bob")));
        for wrong in ["", "ann", &ANN[1..], &ANN[..22], &format!("{ANN} "), &ANN.to_uppercase()] {
            assert_eq!(keys.label(wrong), None, "{wrong}");
        }
        assert_eq!(keys.label(&format!("ann:{ANN}")), None);
    }

    #[test]
    fn a_key_may_contain_colons() {
        assert_eq!(
            ApiKeys::parse("a:b:c:0123456789abcdefg").unwrap().label("b:c:0123456789abcdefg"),
            Some("a")
        );
    }

    #[test]
    fn an_error_names_the_entry_without_the_key() {
        let long = "x".repeat(33);
        for (text, problem) in [
            (ANN.to_owned(), "entry 1 must be"),
            (String::new(), "entry 1 must be"),
            (format!("ann:{ANN},"), "entry 2 must be"),
            (format!("ann:{ANN},bob:short"), "entry 2: the key"),
            ("ann:0123456789abcdefghé".to_owned(), "entry 1: the key"),
            ("ann:0123456789 abcdefgh".to_owned(), "entry 1: the key"),
            (format!(":{ANN}"), "entry 1: the label"),
            (format!("{long}:{ANN}"), "entry 1: the label"),
            (format!("a b:{ANN}"), "entry 1: the label"),
            (format!("jwt:{ANN}"), "entry 1: the label"),
            (format!("anonymous:{ANN}"), "entry 1: the label"),
            (format!("ann:{ANN},ann:{BOB}"), "entries 1 and 2 have the same label"),
            (format!("ann:{ANN},bob:{ANN}"), "entries 1 and 2 have the same key"),
        ] {
            let message = ApiKeys::parse(&text).unwrap_err().to_string();
            assert!(message.contains(problem), "{text}: {message}");
            assert!(!message.contains(ANN) && !message.contains("short"), "{message}");
        }
    }

    #[test]
    fn debug_shows_neither_keys_nor_digests() {
        assert_eq!(format!("{:?}", ApiKeys::parse(&format!("ann:{ANN}")).unwrap()), "{\"ann\"}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn an_error_repeats_nothing_of_the_text(entries in prop::collection::vec("[ -~é]{0,9}:?[!-~é]{8,30}", 1..4)) {
            if let Err(error) = ApiKeys::parse(&entries.join(",")) {
                let message = error.to_string();
                for piece in entries.iter().flat_map(|entry| entry.split([',', ':', ' '])) {
                    prop_assert!(piece.len() < 8 || !message.contains(piece), "{}", message);
                }
            }
        }

        #[test]
        fn exactly_the_offered_key_is_found(
            keys in prop::collection::btree_set("[!-+\\--~]{20,24}", 1..8), other in "[!-~]{20,24}",
        ) {
            let keys: Vec<String> = keys.into_iter().collect();
            let text: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("l{at}:{key}")).collect();
            let parsed = ApiKeys::parse(&text.join(",")).unwrap();
            for (at, key) in keys.iter().enumerate() {
                prop_assert_eq!(parsed.label(key).map(str::to_owned), Some(format!("l{at}")));
            }
            prop_assert_eq!(parsed.label(&other).is_some(), keys.contains(&other));
        }
    }
}
