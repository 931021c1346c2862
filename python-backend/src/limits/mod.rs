//! How much the service does at once, and how often for one caller.

mod memory;
pub(crate) mod rate_headers;
mod slots;

use std::hash::RandomState;

use space_kit::metrics::single;

pub(crate) use memory::{Held, HoldError, Memory, Reservation, longest};
pub(crate) use slots::{Slot, Slots};

/// What requests must share.
pub(crate) struct Limits {
    pub(crate) slots: Slots,
    /// For the bodies of requests.
    pub(crate) bodies: Memory,
    /// For whole responses, and for long events of streams.
    pub(crate) answers: Memory,
    /// Identifies callers in both.
    pub(crate) hasher: RandomState,
    /// The longest text of a translated response, in bytes.
    pub(crate) answer: usize,
}

impl Limits {
    /// The bytes that requests may hold together.
    pub(crate) fn budgets(&self) -> Vec<(&'static str, usize)> {
        vec![("BODY_MEMORY", self.bodies.limit()), ("ANSWER_MEMORY", self.answers.limit())]
    }

    /// Appends what is in use, in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        for (name, help, value) in [
            ("gateway_slots_in_use", "Requests at the upstreams", self.slots.in_use()),
            ("gateway_queue_length", "Requests that wait for a slot", self.slots.waiting()),
            ("gateway_body_bytes", "Bytes of request bodies held", self.bodies.used()),
            ("gateway_answer_bytes", "Bytes of responses held", self.answers.used()),
        ] {
            single(out, name, "gauge", help, value as u64);
        }
    }
}
