//! Memory for what requests hold: `BODY_MEMORY` for their bodies, `ANSWER_MEMORY` for whole responses.
//!
//! No caller can take it from the others. What is at most [`SMALL`] comes from a part of its own, so that the usual
//! requests do not wait for long ones. In each part, a caller may hold as much as is left for others: one caller gets at
//! most a half, two get a third each, and however many there are, something is left for the next one (A. Choudhury and
//! E. Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use space_kit::header::RETRY_AFTER;
use space_kit::{Bytes, Error, StatusCode, memory};

use super::shares::Shares;

/// What is at most this long comes from the part for small bodies, in bytes.
const SMALL: usize = 64 * 1024;

/// The part for what is small is the whole divided by this.
const SMALL_PART: usize = 8;

/// The parts before the first use that needs the limits: they are read late, because start-up does not wait for them.
const UNKNOWN: [usize; 2] = [2 * SMALL, 0];

/// Something is held until its response begins, or is sent. That moment is unknown, and a retry costs little.
const RETRY_SECONDS: u64 = 1;

/// Memory that all callers share. Clones share it too.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Shared>);

struct Shared {
    what: &'static str,
    /// Returns the limit.
    limit: Box<dyn Fn() -> usize + Send + Sync>,
    parts: Mutex<Parts>,
}

struct Parts {
    is_known: bool,
    /// The part for what is small, and the other.
    parts: [Shares; 2],
}

/// Why something cannot be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HoldError {
    /// It is longer than this many bytes, the most that one caller may hold.
    TooLong(usize),
    /// The memory for this, or the caller's share of it, is in use.
    InUse(&'static str),
    /// The system has none.
    Refused,
}

impl HoldError {
    /// The error for a response: 502, or 429 with `Retry-After`.
    pub(crate) fn of_response(self) -> Error {
        let HoldError::TooLong(limit) = self else { return self.into() };
        let message = "the upstream's response is too long for this service";
        Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
            .cause(format_args!("one caller's responses may take {limit} bytes (see ANSWER_MEMORY)"))
    }
}

impl From<HoldError> for Error {
    /// The error for a request: 413, or 429 with `Retry-After`.
    fn from(error: HoldError) -> Error {
        match error {
            HoldError::TooLong(limit) => space_kit::RequestError::BodyTooLarge(limit).into(),
            HoldError::Refused => space_kit::RequestError::OutOfMemory.into(),
            HoldError::InUse(what) => {
                let message =
                    format!("the memory for {what} is in use, or your share of it is; try again in a second");
                Error::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", message)
                    .header(RETRY_AFTER, RETRY_SECONDS.into())
            }
        }
    }
}

impl Memory {
    /// Memory for `what`. `limit` returns the bytes, when they are first needed.
    pub(crate) fn new(what: &'static str, limit: impl Fn() -> usize + Send + Sync + 'static) -> Memory {
        let parts = UNKNOWN.map(Shares::new);
        let parts = Mutex::new(Parts { is_known: false, parts });
        Memory(Arc::new(Shared { what, limit: Box::new(limit), parts }))
    }

    /// An empty reservation of a caller.
    pub(crate) fn reserve(&self, caller: u64) -> Reservation {
        Reservation { memory: self.clone(), caller, part: 0, bytes: 0 }
    }

    /// The bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().parts.iter().map(|part| part.used).sum()
    }

    /// The limit in bytes.
    pub(crate) fn limit(&self) -> usize {
        (self.0.limit)()
    }

    /// The longest that one caller can hold while nobody holds anything, in bytes.
    pub(crate) fn longest(&self) -> usize {
        let mut parts = self.lock();
        self.know(&mut parts);
        let [small, large] = &parts.parts;
        small.longest().min(SMALL).max(large.longest())
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn know(&self, parts: &mut Parts) {
        if !std::mem::replace(&mut parts.is_known, true) {
            let (limit, [small, large]) = ((self.0.limit)(), &mut parts.parts);
            small.limit = limit / SMALL_PART;
            large.limit = limit - small.limit;
        }
    }
}

/// The longest that one caller may hold in a memory of `limit` bytes.
pub(crate) fn longest(limit: usize) -> usize {
    Memory::new("", move || limit).longest()
}

/// Bytes of the memory that a caller uses. Dropping it releases them: keep it as long as what it is for.
#[must_use = "the bytes are free again when this is dropped"]
pub(crate) struct Reservation {
    memory: Memory,
    caller: u64,
    part: usize,
    bytes: usize,
}

impl Reservation {
    /// An empty one of the same caller, in the same memory.
    pub(crate) fn another(&self) -> Reservation {
        self.memory.reserve(self.caller)
    }

    /// Reserves this many bytes in total. It does not wait, because a wait for others could last forever.
    ///
    /// # Errors
    ///
    /// If the bytes are more than the caller's share, or than what is left. Nothing changes then.
    pub(crate) fn resize(&mut self, bytes: usize) -> Result<(), HoldError> {
        let mut parts = self.memory.lock();
        let mut part = usize::from(bytes > SMALL);
        loop {
            let kept = if part == self.part { self.bytes } else { 0 };
            let place = parts.parts.get_mut(part);
            if bytes <= kept || place.is_some_and(|place| place.take(self.caller, bytes - kept, 0)) {
                let release = self.bytes.saturating_sub(if part == self.part { bytes } else { 0 });
                if let Some(place) = parts.parts.get_mut(self.part).filter(|_| release > 0) {
                    place.give(self.caller, release);
                }
                (self.part, self.bytes) = (part, bytes);
                return Ok(());
            }
            if !parts.is_known {
                self.memory.know(&mut parts);
                part = usize::from(bytes > SMALL);
            } else if part == 0 {
                part = 1;
            } else {
                break;
            }
        }
        drop(parts);
        let longest = self.memory.longest();
        Err(if bytes > longest { HoldError::TooLong(longest) } else { HoldError::InUse(self.memory.0.what) })
    }

    /// [`Reservation::resize`] for what is usually too short to be worth counting: up to a quarter of [`SMALL`], nothing
    /// is reserved.
    pub(crate) fn resize_if_long(&mut self, bytes: usize) -> Result<(), HoldError> {
        match bytes > SMALL / 4 {
            true => self.resize(bytes),
            false if self.bytes > 0 => self.resize(0),
            false => Ok(()),
        }
    }

    /// The bytes, which release this when they are dropped.
    pub(crate) fn attach(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Attached { bytes, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            _ = self.resize(0);
        }
    }
}

struct Attached {
    bytes: Bytes,
    _reservation: Reservation,
}

impl AsRef<[u8]> for Attached {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Bytes that are collected within a reservation. It counts their buffer, which may be longer than they are.
pub(crate) struct Held {
    bytes: Vec<u8>,
    reservation: Reservation,
}

impl Held {
    /// Nothing, in an empty reservation.
    pub(crate) fn new(reservation: Reservation) -> Held {
        Held { bytes: Vec::new(), reservation }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends bytes. `announced` is the expected length of the whole, or 0. It only avoids a longer buffer, because
    /// anyone can announce a long body.
    ///
    /// # Errors
    ///
    /// If the memory for it is in use, or the system refuses it.
    pub(crate) fn push(&mut self, bytes: &[u8], announced: usize) -> Result<(), HoldError> {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            let twice = needed.saturating_mul(2);
            let mut room = if announced < needed { twice } else { announced.min(twice) };
            if self.reservation.resize(room).is_err() {
                room = needed;
                self.reservation.resize(room)?;
            }
            memory::reserve(&mut self.bytes, room - needed + bytes.len()).map_err(|_| HoldError::Refused)?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The bytes, and their reservation.
    pub(crate) fn into_parts(self) -> (Bytes, Reservation) {
        (self.bytes.into(), self.reservation)
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
