//! Reads a request body, within the memory for bodies and at a minimum rate.

use std::time::{Duration, Instant};

use bytes::Bytes;
use space_kit::header::CONNECTION;
use space_kit::{Call, Error, HeaderValue, RequestError, StatusCode};
use tokio::time::timeout_at;

use crate::limits::{Held, Reservation};
use crate::request::Admitted;
use crate::state::State;

/// This many bytes of a body, or its end, must arrive within `STRETCH_TIME`: 8.7 KiB a second. A body of 26
/// MiB must be faster than that, because of `REQUEST_TIMEOUT`.
const STRETCH: usize = 256 * 1024;
const STRETCH_TIME: Duration = Duration::from_secs(30);

/// Reads the whole body of a caller's request, of at most `limit` bytes. The reservation grows with the bytes that have
/// arrived, because any client can announce a long body. Keep it as long as the body.
///
/// # Errors
///
/// 413 if the body is too long, 429 if the memory for bodies is in use, 408 if the body arrives too slowly,
/// and 400 if the client's framing is wrong.
pub(crate) async fn read(
    call: &mut Call<State>,
    admitted: &Admitted,
    limit: usize,
) -> Result<(Bytes, Reservation), Error> {
    let clock = call.state.clock;
    let mut whole = Held::new(call.state.limits.bodies.reserve(admitted.id));
    let mut pace = Pace::from(clock.instant());
    loop {
        let chunk = timeout_at(pace.until.into(), call.body.chunk()).await;
        let Some(chunk) = chunk.map_err(|_| too_slow())? else { return Ok(whole.into_parts()) };
        let chunk = chunk?;
        let length = whole.len() + chunk.len();
        if length > limit {
            return Err(RequestError::BodyTooLarge(limit).into());
        }
        whole.push(&chunk, length.saturating_add(call.body.announced()))?;
        pace.record(whole.len(), clock.instant());
    }
}

/// When the next stretch of a body, or its end, must have arrived. Slow uploads must not hold memory that
/// other requests wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    until: Instant,
    due: usize,
}

impl Pace {
    fn from(now: Instant) -> Pace {
        Pace { until: now + STRETCH_TIME, due: STRETCH }
    }

    /// Records the number of bytes that have arrived.
    fn record(&mut self, bytes: usize, now: Instant) {
        if bytes >= self.due {
            *self = Pace { until: now + STRETCH_TIME, due: bytes + STRETCH };
        }
    }
}

fn too_slow() -> Error {
    let message =
        "the request body arrived too slowly: its end, or 256 KiB more of it, must arrive within 30 s";
    Error::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
        .header(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_must_keep_its_pace_and_a_fast_start_is_no_credit() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::from(start);
        pace.record(STRETCH - 1, after(29));
        assert_eq!(pace.until, after(30), "not a stretch yet");
        pace.record(STRETCH, after(29));
        assert_eq!(pace.until, after(59));
        pace.record(20 * STRETCH, after(30));
        assert_eq!(pace.until, after(60));
        pace.record(21 * STRETCH - 1, after(59));
        assert_eq!(pace.until, after(60));
        assert!(too_slow().message.contains("256 KiB") && STRETCH == 256 * 1024);
    }
}
