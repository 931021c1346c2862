//! The `Host` header: whether it is valid, and whether it is one of the names under which the service may be called.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use hyper::header::HeaderValue;

use crate::service::error::RequestError;
use crate::settings::config::Config;
use crate::web::{host_of, is_loopback_host};

/// Checks a `Host` header (RFC 9110 section 7.2), and whether it may be used.
///
/// Any page can let its own name resolve to 127.0.0.1 and then call a service there as its own site (DNS rebinding). So
/// a service that listens on loopback only is called by a loopback name, by `HOST`, or by one of `ALLOWED_HOSTS`.
///
/// # Errors
///
/// 400 if it is not a host with an optional port, 421 if it is another name. Probes are exempt from the latter.
pub(crate) fn check(
    value: Option<&HeaderValue>,
    config: &Config,
    is_probe: bool,
) -> Result<(), RequestError> {
    let authority = str::from_utf8(value.map_or(b"", HeaderValue::as_bytes)).unwrap_or("/");
    if !is_valid(authority) {
        return Err(RequestError::Malformed(
            "the Host header is not a host name or address with an optional port",
        ));
    }
    let allowed = &config.allowed_hosts;
    let here = config.listen.ip();
    let is_checked = if allowed.is_empty() {
        here.is_loopback() && !config.restarts.is_socket_given
    } else {
        allowed != "*"
    };
    if !is_checked || is_probe || is_loopback(authority) {
        return Ok(());
    }
    let host = bare(authority);
    let is_own = host.parse() == Ok(here);
    let mut names = allowed.split(',').map(str::trim).filter(|name| !name.is_empty());
    if is_own || names.any(|name| name.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    let shown: String = host.chars().take(100).collect();
    Err(RequestError::Misdirected(format!(
        "this service may not be called as {shown:?}: use localhost, or let the operator add it to ALLOWED_HOSTS"
    )))
}

/// Whether a `Host` header's value names this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    is_loopback_host(&bare(authority).to_ascii_lowercase())
}

/// The host without port and brackets.
fn bare(authority: &str) -> &str {
    let host = host_of(authority);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Whether a value is empty, or a host with an optional port (RFC 3986 section 3.2.2).
fn is_valid(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((host, port)) = rest.split_once(']') else { return false };
            if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b":.".contains(&b)) {
                return false;
            }
            ("", port)
        }
        None => {
            authority.split_at_checked(authority.find(':').unwrap_or(authority.len())).unwrap_or_default()
        }
    };
    let port = port.strip_prefix(':').unwrap_or(if port.is_empty() { "" } else { "x" });
    port.bytes().all(|b| b.is_ascii_digit())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for valid in
            ["", "a", "a:", "a:80", "A-b.c_d.", "127.0.0.1:7860", "[::1]", "[::1]:80", "x%41", "h:0080"]
        {
            assert!(is_valid(valid), "{valid}");
        }
        for invalid in [
            "a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "[::1]80", "[a]b", "a#", "a?b", "a\\b", "\"", "ü",
            "<a>",
        ] {
            assert!(!is_valid(invalid), "{invalid}");
        }
    }

    #[test]
    fn loopback_is_recognized_in_every_spelling() {
        for here in
            ["localhost", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9", "[::1]:80", "[::ffff:127.0.0.1]"]
        {
            assert!(is_loopback(here), "{here}");
        }
        for other in ["", "a", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]", "0.0.0.0"] {
            assert!(!is_loopback(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_the_uri_parser_accepts_without_a_user_is_valid(text in "[a-z0-9.:\\[\\]@/%_-]{1,20}") {
            let parsed = text.parse::<hyper::http::uri::Authority>();
            if parsed.is_ok_and(|authority| !authority.as_str().contains('@')) && !text.contains('%') {
                // The parser does not check ports and the text between brackets.
                let tail = text.rsplit_once(':').map_or("", |(_, port)| port);
                let plain = tail.bytes().all(|b| b.is_ascii_digit()) && !text.contains('[');
                prop_assert!(is_valid(&text) || !plain, "{}", text);
            }
        }
    }
}
