//! Reads a whole response within the memory for responses.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use space_kit::outgoing::{BodyError, PooledBody};

use crate::limits::{Held, HoldError, Reservation};

/// The longest response that is held whole, in bytes.
const MAX_WHOLE_BYTES: usize = 64 << 20;

/// Why a response cannot be held whole.
pub(super) enum CollectError {
    /// It broke off, or is too long.
    Body(BodyError),
    /// There is no memory for it.
    NotHeld(HoldError),
}

/// A whole body, with its memory. `empty` is a reservation of the caller.
///
/// # Errors
///
/// If the body breaks off or is too long, or if there is no memory for it.
pub(super) async fn collect_held(
    mut body: PooledBody,
    empty: Reservation,
) -> Result<(Bytes, Reservation), CollectError> {
    let mut whole = Held::new(empty);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| CollectError::Body(BodyError::Broken(error.to_string())))?;
        let Ok(data) = frame.into_data() else { continue };
        let left = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        let length = whole.len() + data.len();
        if length > MAX_WHOLE_BYTES {
            return Err(CollectError::Body(BodyError::TooLong(MAX_WHOLE_BYTES)));
        }
        let announced = length.saturating_add(left).min(MAX_WHOLE_BYTES);
        whole.push(&data, announced).map_err(CollectError::NotHeld)?;
    }
    Ok(whole.into_parts())
}
