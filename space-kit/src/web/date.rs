//! Points in time as other programs write them.

use std::time::SystemTime;

/// Seconds since 1970 (Unix time); 0 for a clock that is set before that.
pub fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The time of an HTTP date such as `Sun, 06 Nov 1994 08:49:37 GMT`, in any of its three forms (RFC 9110 section
/// 5.6.7); `None` for any other text.
pub fn parse_http_date(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

/// The value of a `Date` header.
pub(crate) fn http_date(time: SystemTime) -> String {
    httpdate::fmt_http_date(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_an_http_date_are_the_same_time() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse_http_date(text).map(unix_seconds), Some(784_111_777), "{text}");
        }
        assert_eq!(parse_http_date("soon"), None);
    }
}
