//! What all requests share.

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use space_kit::HeaderName;
use space_kit::rate_limit::Limiter;

use crate::access::Access;
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::limits::Limits;
use crate::upstream::Upstreams;
use crate::usage::UsageTotals;

/// What all requests share.
pub struct State {
    pub(crate) upstreams: Upstreams,
    pub(crate) access: Access,
    /// `None`: no limit.
    pub(crate) limiter: Option<Limiter<RandomState>>,
    pub(crate) limits: Limits,
    /// Request headers that the operator adds to those that are forwarded.
    pub(crate) forwarded: Vec<HeaderName>,
    pub(crate) catalogue: Catalogue,
    pub(crate) usage: Arc<UsageTotals>,
    /// Pause between the words of the demo model.
    pub(crate) demo_delay: Duration,
    pub(crate) clock: Clock,
}

/// Why the service does less than it could.
pub(crate) fn degraded(state: &State) -> Vec<&'static str> {
    let upstreams = &state.upstreams;
    let reasons = [
        (
            upstreams.main().is_none(),
            "HF_TOKEN is not set, so only the demo model answers: add it under Settings > Variables and secrets, or set \
             UPSTREAM_URL",
        ),
        (
            !state.access.is_configured(),
            "HF_TOKEN or UPSTREAM_API_KEYS is set, but access is not configured, so only the demo model is served: set \
             ACCESS, API_KEYS or JWT_ALLOW",
        ),
        (
            !state.access.has_payers() && upstreams.lacks_token(),
            "HF_TOKEN is not set, but an upstream is Hugging Face",
        ),
        (upstreams.has_failing(), "an upstream fails, and its circuit breaker is open"),
    ];
    reasons.into_iter().filter_map(|(applies, reason)| applies.then_some(reason)).collect()
}

/// Appends the service's own metrics in the Prometheus text format.
pub(crate) fn render_metrics(state: &State, out: &mut String) {
    state.upstreams.render(out);
    state.limits.render(out);
    state.usage.render(out);
}
