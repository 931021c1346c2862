//! How a request comes in: whom it is from, whether it may pass, and its body.

use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use space_kit::{Answer, Call, Error, HeaderName, HeaderValue, Refusal};
use tokio::time::timeout;

use crate::access::{Caller, Credentials, Now};
use crate::config::State;
use crate::limits::{Reservation, rate_headers};

/// Time for the next piece of a body.
const BODY_PAUSE: Duration = Duration::from_secs(30);

/// A caller who may pass, and what the answer tells of the rate limit.
pub(crate) struct Guest {
    pub(crate) caller: Caller,
    rate: Vec<(HeaderName, HeaderValue)>,
}

impl Guest {
    /// The answer, or the failure, with what each to this caller has.
    pub(crate) fn tell(self, mut answer: Answer) -> Answer {
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
    let caller = call.app.state.access.decide(&Credentials::of(&call.head.headers), now).await?;
    count(call, caller)
}

/// Somebody who asks for the demo model while nobody has decided who may use the upstreams.
pub(crate) fn admit_to_demo(call: &Call<State>) -> Result<Guest, Error> {
    count(call, Caller::anonymous())
}

fn count(call: &Call<State>, caller: Caller) -> Result<Guest, Error> {
    let Some(limiter) = &call.app.state.limiter else { return Ok(Guest { caller, rate: Vec::new() }) };
    let verdict = limiter.take(caller.bucket(call.client), Instant::now());
    if !verdict.admitted {
        return Err(rate_headers::refusal(&verdict));
    }
    Ok(Guest { caller, rate: rate_headers::headers(&verdict).into() })
}

/// Reads the whole body within the memory for bodies. The reservation is kept as long as the body is.
pub(crate) async fn body(call: &mut Call<State>) -> Result<(Bytes, Reservation), Error> {
    let mut reservation = call.app.state.limits.body_memory.reserve();
    let announced = call.body.announced().min(call.app.config.max_body_bytes);
    reservation.grow(announced)?;
    let mut whole = BytesMut::with_capacity(announced.min(64 * 1024));
    loop {
        let piece = timeout(BODY_PAUSE, call.body.chunk()).await;
        let Some(piece) = piece.map_err(|_| Refusal::BodyTimeout(BODY_PAUSE))? else { break };
        let piece = piece?;
        let needed = whole.len() + piece.len();
        if needed > reservation.bytes() {
            reservation.grow(needed - reservation.bytes())?;
        }
        whole.extend_from_slice(&piece);
    }
    reservation.shrink_to(whole.len());
    Ok((whole.freeze(), reservation))
}
