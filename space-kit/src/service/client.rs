//! Where a request comes from: the client's address, and the request id.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The header of the request id, in requests and responses.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header of the trace that a request belongs to.
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The client's address: the peer, or the `X-Forwarded-For` entry that the outermost of `hops` trusted proxies wrote.
/// Entries are counted from the right, because the client can forge those further left.
pub fn address(headers: &HeaderMap, peer: IpAddr, hops: u8) -> IpAddr {
    // Bytes, not text: an entry that is not UTF-8 must still count as one entry.
    let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
    let from_the_right = lines.flat_map(|line| line.as_bytes().rsplit(|&b| b == b','));
    let entry = from_the_right.take(usize::from(hops)).last();
    entry.and_then(|entry| parse_entry(str::from_utf8(entry).ok()?.trim_ascii())).unwrap_or(peer)
}

/// The trace's id in a `traceparent`: 32 hexadecimal digits, not all of them 0 (W3C Trace Context, section 3.2).
pub(crate) fn trace_id(traceparent: &HeaderValue) -> Option<&str> {
    let text = traceparent.to_str().ok()?;
    let mut fields = text.split('-');
    let [version, id, parent, flags] = [(); 4].map(|()| fields.next().unwrap_or(""));
    let is_hex = |text: &str, digits| {
        text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let fits = is_hex(version, 2) && is_hex(id, 32) && is_hex(parent, 16) && is_hex(flags, 2);
    let is_known = version != "ff" && (version != "00" || fields.next().is_none());
    let is_set = |field: &str| field.bytes().any(|b| b != b'0');
    (fits && is_known && is_set(id) && is_set(parent)).then_some(id)
}

/// Whether a proxy forwarded the request, trusted or not, by the headers that proxies add.
pub fn is_forwarded(headers: &HeaderMap) -> bool {
    let mut names = headers.keys().map(HeaderName::as_str);
    names.any(|name| {
        name.starts_with("x-forwarded-")
            || matches!(name, "forwarded" | "via" | "x-real-ip" | "cf-connecting-ip")
    })
}

/// Whether an address belongs to this machine or a private network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// An address with or without a port, in the forms that proxies write: `1.2.3.4`, `1.2.3.4:5`, `::1`, `[::1]:5`.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// Makes request ids that are unique across processes: hashes of a counter under a random key of this process.
#[derive(Debug, Default)]
pub struct RequestIds {
    key: RandomState,
    next: AtomicU64,
}

impl RequestIds {
    /// The id that the client sent, if it is 1 to 128 characters of `A-Z a-z 0-9 . _ : ; = -`; otherwise a new one of 32
    /// hexadecimal digits.
    pub fn of(&self, headers: &HeaderMap) -> HeaderValue {
        let valid = |b: &u8| b.is_ascii_alphanumeric() || b"._:;=-".contains(b);
        match headers.get(X_REQUEST_ID) {
            Some(id) if (1..=128).contains(&id.len()) && id.as_bytes().iter().all(valid) => id.clone(),
            _ => self.fresh(),
        }
    }

    /// A new id.
    pub fn fresh(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let bits = u128::from(self.key.hash_one(count)) << 64 | u128::from(self.key.hash_one(!count));
        // Without `format!`, which took 2 % of the time of a proxied request.
        let mut digits = [0; 32];
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(bits.to_be_bytes()) {
            *pair = [hexadecimal(byte >> 4), hexadecimal(byte & 15)];
        }
        HeaderValue::from_bytes(&digits).unwrap_or(HeaderValue::from_static("none"))
    }
}

/// The digit of a number up to 15.
fn hexadecimal(number: u8) -> u8 {
    (if number < 10 { b'0' } else { b'a' - 10 }).wrapping_add(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_a_valid_traceparent_names_a_trace() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |text: String| trace_id(&HeaderValue::try_from(text).unwrap()).map(str::to_owned);
        for valid in
            [format!("00-{id}-00f067aa0ba902b7-01"), format!("cc-{id}-00f067aa0ba902b7-01-what-follows")]
        {
            assert_eq!(of(valid.clone()).as_deref(), Some(id), "{valid}");
        }
        for invalid in [
            format!("00-{id}-00f067aa0ba902b7-01-more"),
            format!("ff-{id}-00f067aa0ba902b7-01"),
            format!("00-{id}-0000000000000000-01"),
            format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            format!("00-{}-00f067aa0ba902b7-01", id.to_uppercase()),
            format!("00-{id}-00f067aa0ba902b7"),
            format!("00-{}-00f067aa0ba902b7-01", &id[1..]),
            String::new(),
        ] {
            assert_eq!(of(invalid.clone()), None, "{invalid}");
        }
    }

    #[test]
    fn a_forged_entry_on_the_left_is_not_trusted() {
        let peer = IpAddr::from([10, 0, 0, 1]);
        let chain = headers("x-forwarded-for", &["6.6.6.6, 5.5.5.5", "[2001:db8::1]:4711"]);
        assert_eq!(address(&chain, peer, 0), peer);
        assert_eq!(address(&chain, peer, 1).to_string(), "2001:db8::1");
        assert_eq!(address(&chain, peer, 2).to_string(), "5.5.5.5");
        assert_eq!(address(&chain, peer, 9).to_string(), "6.6.6.6");
        assert_eq!(address(&headers("x-forwarded-for", &["unknown"]), peer, 1), peer);
        assert_eq!(address(&HeaderMap::new(), peer, 1), peer);
    }

    #[test]
    fn only_a_valid_request_id_is_kept() {
        let ids = RequestIds::default();
        assert_eq!(ids.of(&headers("x-request-id", &["Root=1-67;a.b"])), "Root=1-67;a.b");
        for rejected in ["", "with space", "\"quoted\"", "<b>"] {
            let id = ids.of(&headers("x-request-id", &[rejected]));
            assert_eq!(id.len(), 32, "{rejected}");
        }
        assert_ne!(ids.fresh(), ids.fresh());
    }

    #[test]
    fn an_ipv4_mapped_address_is_treated_as_ipv4() {
        assert!(is_private("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!is_private("::ffff:8.8.8.8".parse().unwrap()));
    }
}
