//! Upstreams: OpenAI-compatible APIs that requests are forwarded to, with failover between the endpoints of a
//! group.

mod address;
mod answer;
mod api_key;
mod attempt;
mod attempt_counts;
mod attempt_error;
mod breaker;
mod collect;
mod endpoint;
mod failover;
mod group;
mod group_settings;
mod groups;
mod habits;
mod join;
mod models;
mod order;
mod request;
mod retry_after;
mod timeouts;
mod wake;

pub(crate) use address::{Upstream, UpstreamApi};
pub(crate) use answer::{Answer, EventStream, WholeAnswer};
pub(crate) use group::UpstreamGroup;
pub(crate) use group_settings::GroupSettings;
pub(crate) use groups::Upstreams;
pub(crate) use models::ModelPatterns;
pub(crate) use request::{Expect, UpstreamRequest, without_pin};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use retry_after::retry_after;
pub(crate) use timeouts::Timeouts;
