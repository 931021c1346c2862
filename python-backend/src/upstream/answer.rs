//! What an upstream returned when an attempt succeeded.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Response;
use hyper::header::HeaderMap;
use hyper::http::response::Parts;
use space_kit::outgoing::PooledBody;

use super::habits::Habits;
use crate::limits::Reservation;
use crate::usage::Usage;
use crate::wire::sse::{Event, Scanner};

/// What an upstream returned. It has the form that the request expects.
#[allow(clippy::large_enum_variant)] // a box would be an allocation for each response
pub(crate) enum Answer {
    /// A stream of events, with those that have arrived.
    Events(EventStream),
    /// The same for the request's translation.
    ChatEvents(EventStream),
    /// A whole response. If another form was expected, it answers the request's translation.
    Whole(WholeAnswer),
    /// A head whose body has not been read.
    Head(Response<PooledBody>),
}

/// A stream of events.
pub(crate) struct EventStream {
    pub(crate) headers: HeaderMap,
    pub(crate) body: PooledBody,
    pub(crate) scanner: Scanner,
    pub(crate) first: Option<Event>,
    /// Of the upstream it is from.
    pub(crate) habits: Arc<Habits>,
    /// The memory of a long event.
    pub(crate) held: Reservation,
}

/// A whole response: a JSON object that is not an error.
pub(crate) struct WholeAnswer {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    /// The memory of the body.
    pub(crate) held: Reservation,
    pub(crate) usage: Option<Usage>,
}
