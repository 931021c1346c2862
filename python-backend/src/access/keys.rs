//! `API_KEYS`: the keys that open the service, each under a label. Only their digests stay in memory.

use std::fmt;

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The shortest key, in characters: one that cannot be guessed.
const MIN_KEY: usize = 20;

/// The longest label, in characters.
const MAX_LABEL: usize = 32;

/// Labels that logs and counters use for callers without a key.
const RESERVED: [&str; 2] = ["anonymous", "jwt"];

/// The keys, as SHA-256 digests.
#[derive(PartialEq, Eq)]
pub(crate) struct Keys(Vec<Key>);

#[derive(PartialEq, Eq)]
struct Key {
    label: String,
    digest: [u8; SHA256_OUTPUT_LEN],
}

impl Keys {
    /// Reads `label:key` entries separated by commas. The error names entries by their number and repeats
    /// neither key nor label: whoever mixes the two up has the key where the label belongs.
    pub(crate) fn parse(text: &str) -> Result<Keys, String> {
        let mut keys: Vec<Key> = Vec::new();
        for (at, entry) in text.split(',').enumerate() {
            let number = at + 1;
            let Some((label, key)) = entry.trim().split_once(':') else {
                return Err(format!("entry {number} is not label:key"));
            };
            if !is_label(label) {
                return Err(format!(
                    "entry {number}: the label before the colon must be 1 to {MAX_LABEL} of A-Z a-z 0-9 . _ - \
                     and not anonymous or jwt"
                ));
            }
            if key.len() < MIN_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(format!(
                    "entry {number}: the key after the colon must be {MIN_KEY} or more visible ASCII characters"
                ));
            }
            let key = Key { label: label.to_owned(), digest: hash(key) };
            if let Some(same) = keys.iter().position(|other| other.label == key.label) {
                return Err(format!("entries {} and {number} have the same label", same + 1));
            }
            if let Some(same) = keys.iter().position(|other| other.digest == key.digest) {
                return Err(format!("entries {} and {number} have the same key", same + 1));
            }
            keys.push(key);
        }
        Ok(Keys(keys))
    }

    /// The label of a key. It takes as long for a wrong key as for any right one: each digest is compared
    /// whole, and all of them are.
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

/// The labels alone.
impl fmt::Debug for Keys {
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
    fn a_key_opens_under_its_label_and_nothing_else_opens() {
        let keys = Keys::parse(&format!("ann:{ANN}, bob:{BOB}")).unwrap();
        assert_eq!((keys.label(ANN), keys.label(BOB)), (Some("ann"), Some("bob")));
        for wrong in ["", "ann", &ANN[1..], &ANN[..22], &format!("{ANN} "), &ANN.to_uppercase()] {
            assert_eq!(keys.label(wrong), None, "{wrong}");
        }
        assert_eq!(keys.label(&format!("ann:{ANN}")), None);
    }

    #[test]
    fn a_key_may_hold_colons() {
        assert_eq!(Keys::parse("a:b:c:0123456789abcdefg").unwrap().label("b:c:0123456789abcdefg"), Some("a"));
    }

    #[test]
    fn what_is_wrong_is_told_by_number_without_the_key() {
        let long = "x".repeat(33);
        for (text, problem) in [
            (ANN.to_owned(), "entry 1 is not"),
            (String::new(), "entry 1 is not"),
            (format!("ann:{ANN},"), "entry 2 is not"),
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
            let told = Keys::parse(&text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
            assert!(!told.contains(ANN) && !told.contains("short"), "{told}");
        }
    }

    #[test]
    fn neither_keys_nor_digests_are_shown() {
        assert_eq!(format!("{:?}", Keys::parse(&format!("ann:{ANN}")).unwrap()), "{\"ann\"}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_problem_repeats_nothing_of_the_text(entries in prop::collection::vec("[ -~é]{0,9}:?[!-~é]{8,30}", 1..4)) {
            if let Err(told) = Keys::parse(&entries.join(",")) {
                for piece in entries.iter().flat_map(|entry| entry.split([',', ':', ' '])) {
                    prop_assert!(piece.len() < 8 || !told.contains(piece), "{}", told);
                }
            }
        }

        #[test]
        fn of_all_keys_exactly_the_offered_one_is_found(
            keys in prop::collection::btree_set("[!-+\\--~]{20,24}", 1..8), other in "[!-~]{20,24}",
        ) {
            let keys: Vec<String> = keys.into_iter().collect();
            let text: Vec<String> = keys.iter().enumerate().map(|(at, key)| format!("l{at}:{key}")).collect();
            let parsed = Keys::parse(&text.join(",")).unwrap();
            for (at, key) in keys.iter().enumerate() {
                prop_assert_eq!(parsed.label(key).map(str::to_owned), Some(format!("l{at}")));
            }
            prop_assert_eq!(parsed.label(&other).is_some(), keys.contains(&other));
        }
    }
}
