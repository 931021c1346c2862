//! Parsers for the values of environment variables. `None` means that the value is not accepted; the variable's row
//! says what is.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::net::IpAddr;
use std::time::Duration;

use crate::crash::record::Burst;

/// A longer duration could exceed the range of the system's clock.
const LONGEST: Duration = Duration::from_secs(100 * 31_557_600); // a year has 365.25 days

/// A duration above zero and up to 100 years with its unit, such as `30s`, `500ms` or `1m 30s`.
pub fn duration(text: &str) -> Option<Duration> {
    duration_or_zero(text).filter(|duration| !duration.is_zero())
}

/// Like [`duration`], but also accepts zero (`0s`, `0`), which means "none".
pub fn duration_or_zero(text: &str) -> Option<Duration> {
    if let Some(plain) = seconds(text) {
        return Some(plain);
    }
    humantime::parse_duration(text).ok().filter(|duration| *duration <= LONGEST)
}

/// Up to 9,999 seconds such as `30s`, the form of most defaults. Start-up parses a dozen, and humantime takes 600
/// instructions for each.
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.strip_suffix('s').filter(|digits| digits.len() <= 4)?;
    let seconds = digits.chars().try_fold(0_u64, |sum, digit| {
        Some(sum.saturating_mul(10).saturating_add(digit.to_digit(10)?.into()))
    });
    seconds.filter(|_| !digits.is_empty()).map(Duration::from_secs)
}

/// A size in bytes above zero: `65536`, `64KiB` (1024 each) or `64kB` (1000 each).
pub fn size(text: &str) -> Option<usize> {
    let bytes = parse_size::parse_size(text).ok()?;
    usize::try_from(bytes).ok().filter(|&bytes| bytes > 0)
}

/// A whole number above zero.
pub fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|&count| count > 0)
}

/// A whole number from 0 to 255.
pub fn small(text: &str) -> Option<u8> {
    text.parse().ok()
}

/// A count of crashes and a duration, such as `3/60s`.
pub(crate) fn burst(text: &str) -> Option<Burst> {
    let (count, window) = text.split_once('/')?;
    let digits = count.bytes().all(|byte| byte.is_ascii_digit()); // the parser would take a sign
    Some(Burst::new(count.parse().ok().filter(|_| digits)?, duration(window)?))
}

/// `yes` or `no`, in any case.
pub fn yes_or_no(text: &str) -> Option<bool> {
    ["no", "yes"].iter().position(|word| word.eq_ignore_ascii_case(text)).map(|at| at == 1)
}

/// A TCP port from 0 to 65535; 0 asks the system for a free one.
pub fn port(text: &str) -> Option<u16> {
    text.parse().ok()
}

/// An IPv4 or IPv6 address.
pub fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Host names without ports, separated by commas, or `*`.
pub fn hosts(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b".-_: ".contains(&b);
    let is_name = |name: &str| !name.trim().is_empty() && name.bytes().all(plain);
    (text == "*" || text.split(',').all(is_name)).then(|| text.to_owned())
}

/// A secret of at least 16 visible ASCII characters: it fits a header and cannot be guessed.
pub fn token(text: &str) -> Option<String> {
    (text.len() >= 16 && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_require_a_unit_and_are_above_zero() {
        assert_eq!(duration("30s"), Some(Duration::from_secs(30)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for rejected in ["", "30", "0s", "-1s", "soon", "1 parsec", "99999999999999999999s", "101y"] {
            assert_eq!(duration(rejected), None, "{rejected}");
        }
        assert_eq!(duration_or_zero("0"), Some(Duration::ZERO));
    }

    #[test]
    fn plain_seconds_parse_as_with_humantime() {
        for text in ["0s", "5s", "007s", "9999s", "10000s", "s", "-1s", "+1s", "1ms", " 1s", "1 s", "१s"] {
            let read = humantime::parse_duration(text).ok();
            assert_eq!(duration_or_zero(text), read, "{text}");
            assert!(seconds(text).is_none() || seconds(text) == read, "{text}");
        }
    }

    #[test]
    fn sizes_accept_binary_and_decimal_units() {
        assert_eq!(size("1MiB"), Some(1_048_576));
        assert_eq!(size("1MB"), Some(1_000_000));
        assert_eq!(size("16384"), Some(16_384));
        for rejected in ["", "0", "-1", "many", "1XB", "99999999999999999999"] {
            assert_eq!(size(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn a_burst_is_a_count_and_a_duration() {
        assert_eq!(burst("3/60s"), Some(Burst::new(3, Duration::from_secs(60))));
        assert_eq!(burst("0/1m"), Some(Burst::new(0, Duration::from_secs(60))));
        for wrong in ["", "3", "3/", "/60s", "+3/60s", "3/0s", "-1/60s", "3/60s/1"] {
            assert_eq!(burst(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn tokens_are_long_and_fit_a_header() {
        assert!(token("0123456789abcdef").is_some());
        for rejected in ["short", "0123456789 abcdef", "0123456789abcdeé"] {
            assert_eq!(token(rejected), None, "{rejected}");
        }
    }
}
