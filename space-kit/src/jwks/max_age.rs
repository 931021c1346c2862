//! How long a response may be kept (`Cache-Control`, RFC 9111 section 5.2.2).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::time::Duration;

/// The time of a `Cache-Control` value: `max-age`, zero for `no-store` and `no-cache`, `None` if it has none of them or is
/// malformed.
pub(super) fn max_age(cache_control: &str) -> Option<Duration> {
    let mut age = None;
    for directive in cache_control.split(',') {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let name = name.trim();
        if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
            return Some(Duration::ZERO);
        }
        if name.eq_ignore_ascii_case("max-age") && age.is_none() {
            age = seconds(value.trim().trim_matches('"'));
        }
    }
    age
}

/// Only digits; a number that is too large counts as very long.
fn seconds(text: &str) -> Option<Duration> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn max_age_is_found_at_any_position() {
        for (value, age) in [
            ("max-age=300", Some(300)),
            ("public, max-age=300, must-revalidate", Some(300)),
            ("PUBLIC,Max-Age = \"60\"", Some(60)),
            ("max-age=300, no-store", Some(0)),
            ("no-cache", Some(0)),
            ("max-age=1, max-age=9", Some(1)),
            ("max-age=99999999999999999999999", Some(u64::from(u32::MAX))),
            ("s-maxage=300", None),
            ("max-age", None),
            ("max-age=-1", None),
            ("max-age=+1", None),
            ("max-age=1.5", None),
            ("", None),
        ] {
            assert_eq!(max_age(value), age.map(Duration::from_secs), "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_value_panics(value in "([ -~é漢]|[,=\"]|max-age|no-store){0,20}") {
            _ = max_age(&value);
        }

        #[test]
        fn every_number_of_seconds_is_parsed(seconds: u64, before in "(public|private|immutable)?") {
            let value = format!("{before},max-age={seconds}");
            prop_assert_eq!(max_age(&value), Some(Duration::from_secs(seconds)));
        }
    }
}
