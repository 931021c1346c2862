//! The headers of the rate limit: OpenAI's `x-ratelimit-*`, and the two of
//! draft-ietf-httpapi-ratelimit-headers, which `huggingface_hub` reads.

use std::time::Duration;

use space_kit::header::{HeaderName, HeaderValue, RETRY_AFTER};
use space_kit::rate_limit::Verdict;
use space_kit::{Error, StatusCode};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit-requests");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining-requests");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset-requests");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The longest `Retry-After`, in seconds. Clients give up on a longer one, or ignore it.
const LONGEST_RETRY: u64 = 60;

/// The headers for every response, success or error.
pub(crate) fn headers(verdict: &Verdict) -> [(HeaderName, HeaderValue); 5] {
    let (count, remaining) = (verdict.rate.count(), verdict.remaining);
    // When more requests are allowed again.
    let next = seconds(if remaining == 0 { verdict.wait } else { verdict.reset });
    [
        (LIMIT, count.into()),
        (REMAINING, remaining.into()),
        (RESET, value(span(seconds(verdict.reset)))),
        (RATE_LIMIT, value(format!("\"api\";r={remaining};t={next}"))),
        (RATE_LIMIT_POLICY, value(format!("\"api\";q={count};w={}", verdict.rate.window()))),
    ]
}

/// The error for a request beyond the limit. It has the headers.
pub(crate) fn rejected(verdict: &Verdict) -> Error {
    let wait = seconds(verdict.wait).max(1);
    let message =
        format!("the limit of {} requests has been reached; try again in {}", verdict.rate, span(wait));
    let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message)
        .header(RETRY_AFTER, wait.min(LONGEST_RETRY).into());
    headers(verdict).into_iter().fold(error, |error, (name, value)| error.header(name, value))
}

/// Whole seconds, rounded up, so that a retry is not too early.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Seconds as OpenAI writes them: `1h2m3s`, `6m0s`, `20s`.
fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use space_kit::rate_limit::{Bucket, Limiter, Rate};
    use std::hash::RandomState;
    use std::time::Instant;

    fn after(rate: &str, takes: u32) -> Verdict {
        let start = Instant::now();
        let limiter = Limiter::new(Rate::parse(rate).unwrap(), start, RandomState::new());
        (0..takes).map(|_| limiter.take(Bucket::Key("k"), start)).last().unwrap()
    }

    fn shown(headers: &[(HeaderName, HeaderValue)]) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn every_response_has_the_limit_the_rest_and_the_reset() {
        assert_eq!(
            shown(&headers(&after("60/min", 3))),
            [
                "x-ratelimit-limit-requests: 60",
                "x-ratelimit-remaining-requests: 57",
                "x-ratelimit-reset-requests: 3s",
                "ratelimit: \"api\";r=57;t=3",
                "ratelimit-policy: \"api\";q=60;w=60",
            ]
        );
    }

    #[test]
    fn a_rejection_has_a_retry_after_of_at_most_a_minute() {
        let error = rejected(&after("10/min", 11));
        assert_eq!((error.status.as_u16(), error.code), (429, "rate_limit_exceeded"));
        assert_eq!(error.message, "the limit of 10/min requests has been reached; try again in 6s");
        assert_eq!(shown(&error.headers)[0], "retry-after: 6");
        assert_eq!(shown(&error.headers)[4], "ratelimit: \"api\";r=0;t=6");
        let error = rejected(&after("1/h", 2));
        assert_eq!(shown(&error.headers)[0], "retry-after: 60");
        assert_eq!(shown(&error.headers)[4], "ratelimit: \"api\";r=0;t=3600");
        assert_eq!(shown(&rejected(&after("1000/s", 1001)).headers)[0], "retry-after: 1");
    }

    #[test]
    fn a_span_has_only_the_parts_it_needs() {
        let spans =
            [(0, "0s"), (59, "59s"), (60, "1m0s"), (363, "6m3s"), (3600, "1h0m0s"), (86_399, "23h59m59s")];
        for (seconds, text) in spans {
            assert_eq!(span(seconds), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_rejection_waits_from_1_to_60_seconds(count in 1..20_u32, unit in "s|min|h|day") {
            let verdict = after(&format!("{count}/{unit}"), count + 1);
            prop_assert!(!verdict.admitted);
            let error = rejected(&verdict);
            let (name, value) = &error.headers[0];
            prop_assert_eq!(name, RETRY_AFTER);
            let seconds: u64 = value.to_str().unwrap().parse().unwrap();
            prop_assert!((1..=60).contains(&seconds));
            prop_assert!(Duration::from_secs(seconds) >= verdict.wait.min(Duration::from_secs(60)));
        }
    }
}
