//! `Retry-After` of an upstream (RFC 9110, section 10.2.3), in seconds or as a date, and `retry-after-ms`.

use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};
use space_kit::web::{parse_http_date, unix_seconds};

use crate::errors::openai::RETRY_AFTER_MS;
use crate::wire::headers::seconds;

/// The delay that the headers ask for; the one in milliseconds is more exact. `now` is the time in seconds since 1970.
pub(crate) fn retry_after(headers: &HeaderMap, now: u64) -> Option<Duration> {
    let until = || Some(unix_seconds(parse_http_date(headers.get(RETRY_AFTER)?.to_str().ok()?)?));
    let exact = seconds(headers, &RETRY_AFTER_MS).map(|time| time / 1000);
    exact
        .or_else(|| seconds(headers, &RETRY_AFTER))
        .or_else(|| Some(Duration::from_secs(until()?.saturating_sub(now))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_retry_after_is_a_number_of_seconds_or_a_date() {
        let delay = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(&headers, 784_111_777).map(|wait| wait.as_secs())
        };
        assert_eq!(delay("30"), Some(30));
        for date in
            ["Sun, 06 Nov 1994 08:50:07 GMT", "Sunday, 06-Nov-94 08:50:07 GMT", "Sun Nov  6 08:50:07 1994"]
        {
            assert_eq!(delay(date), Some(30), "{date}");
        }
        assert_eq!(delay("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0), "in the past");
        for ignored in ["soon", "a b c d e f g GMT", "Sun, 06 Nov 1994", "-1"] {
            assert_eq!(delay(ignored), None, "{ignored}");
        }
        for (millis, expected) in [("1500", 1500), ("0", 0), ("2.5e3", 2500), ("soon", 9000), ("-1", 9000)] {
            let both = [(RETRY_AFTER_MS, millis), (RETRY_AFTER, "9")];
            let headers = both.map(|(name, value)| (name, HeaderValue::from_static(value)));
            let wait = retry_after(&HeaderMap::from_iter(headers), 0);
            assert_eq!(wait, Some(Duration::from_millis(expected)), "{millis}");
        }
    }
}
