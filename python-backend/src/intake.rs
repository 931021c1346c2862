//! How a request comes in: whom it is from, whether it may pass, and its body.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use space_kit::header::CONNECTION;
use space_kit::{Call, Error, HandlerResult, HeaderName, HeaderValue, Refusal, StatusCode};
use tokio::time::timeout_at;

use crate::access::{Caller, Credentials, Now};
use crate::config::State;
use crate::limits::{Reservation, rate_headers};

/// So many bytes of a body, or its end, have to come within the time: that is 8.7 KiB a second. A body of 20 MiB needs
/// more of a client, within `REQUEST_TIMEOUT`.
const STRETCH: usize = 256 * 1024;
const STRETCH_TIME: Duration = Duration::from_secs(30);

/// A caller who may pass, and what the answer tells of the rate limit.
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    rate: Vec<(HeaderName, HeaderValue)>,
}

impl Guest {
    /// The answer, or the failure, with what each to this caller has.
    pub(crate) fn tell(self, mut answer: HandlerResult) -> HandlerResult {
        for (name, value) in self.rate {
            match &mut answer {
                Ok(response) => _ = response.headers_mut().insert(name, value),
                Err(error) if error.headers.iter().any(|(told, _)| *told == name) => {}
                Err(error) => error.headers.push((name, value)),
            }
        }
        answer
    }
}

/// Decides whether the caller may pass, and counts the request. It waits only where an issuer's keys are to be
/// fetched.
pub(crate) async fn admit(call: &Call<State>) -> Result<Guest, Error> {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = Now { at: Instant::now(), unix };
    let caller = call.state.access.decide(&Credentials::of(&call.head.headers), now).await?;
    count(call, caller)
}

/// Somebody who asks for the demo model while nobody has decided who may use the upstreams.
pub(crate) fn admit_to_demo(call: &Call<State>) -> Result<Guest, Error> {
    count(call, Caller::anonymous())
}

fn count(call: &Call<State>, caller: Caller) -> Result<Guest, Error> {
    let Some(limiter) = &call.state.limiter else { return Ok(Guest { caller, rate: Vec::new() }) };
    let verdict = limiter.take(caller.bucket(call.client), Instant::now());
    if !verdict.admitted {
        return Err(rate_headers::refusal(&verdict));
    }
    Ok(Guest { caller, rate: rate_headers::headers(&verdict).into() })
}

/// Reads the whole body, of `most` bytes at the most, within the memory for bodies. The reservation grows with what
/// has come, for anybody can announce a long body; it is kept as long as the body is.
pub(crate) async fn body(call: &mut Call<State>, most: usize) -> Result<(Bytes, Reservation), Error> {
    let mut reservation = call.state.limits.body_memory.reserve();
    let mut whole = BytesMut::with_capacity(call.body.announced().min(most).min(64 * 1024));
    let mut pace = Pace::from(Instant::now());
    loop {
        let piece = timeout_at(pace.until.into(), call.body.chunk()).await;
        let Some(piece) = piece.map_err(|_| too_slow())? else { return Ok((whole.freeze(), reservation)) };
        let piece = piece?;
        if whole.len() + piece.len() > most {
            return Err(Refusal::BodyTooLarge(most).into());
        }
        reservation.grow(piece.len())?;
        whole.extend_from_slice(&piece);
        pace.note(whole.len(), Instant::now());
    }
}

/// Until when the rest of a body, or the next stretch of it, has to be there: who trickles must not hold the memory
/// that others wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pace {
    until: Instant,
    due: usize,
}

impl Pace {
    fn from(now: Instant) -> Pace {
        Pace { until: now + STRETCH_TIME, due: STRETCH }
    }

    /// So many bytes are there.
    fn note(&mut self, bytes: usize, now: Instant) {
        if bytes >= self.due {
            *self = Pace { until: now + STRETCH_TIME, due: bytes + STRETCH };
        }
    }
}

fn too_slow() -> Error {
    let message =
        "the request's body came too slowly: its end, or 256 KiB more of it, has to come within 30 s";
    Error::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
        .header(CONNECTION, HeaderValue::from_static("close"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_to_keep_a_pace_and_what_came_fast_is_no_credit() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut pace = Pace::from(start);
        pace.note(STRETCH - 1, after(29));
        assert_eq!(pace.until, after(30), "not a stretch yet");
        pace.note(STRETCH, after(29));
        assert_eq!(pace.until, after(59));
        pace.note(20 * STRETCH, after(30));
        assert_eq!(pace.until, after(60));
        pace.note(21 * STRETCH - 1, after(59));
        assert_eq!(pace.until, after(60));
        assert!(too_slow().message.contains("256 KiB") && STRETCH == 256 * 1024);
    }
}
