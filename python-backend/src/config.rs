//! The service's settings, and what they make.

use std::hash::RandomState;
use std::time::{Duration, Instant};

use space_kit::env::Groups;
use space_kit::outgoing::SSL_CERT_FILE;
use space_kit::rate_limit::Limiter;
use space_kit::{Config, Env, Log, jwks, parse};

use crate::access::{self, Access};
use crate::catalogue::{self, Catalogue};
use crate::limits::{self, Limits};
use crate::meter::Meter;
use crate::upstream::{self, Upstreams};

space_kit::vars! {
    OWN;
    DEMO_DELAY = "15ms", "a duration such as 15ms, or 0", "pause between the words that the demo model streams";
}

/// All of the service's own variables, in the order of `--help`.
pub(crate) static ALL: Groups = &[
    ("upstreams", upstream::ALL),
    ("TLS", &[&SSL_CERT_FILE]),
    ("access", access::ALL),
    ("models", catalogue::ALL),
    ("limits", limits::ALL),
    ("demo model", OWN),
];

/// What requests share.
pub struct State {
    pub(crate) upstreams: Upstreams,
    pub(crate) access: Access,
    /// `None`: no limit.
    pub(crate) limiter: Option<Limiter<RandomState>>,
    pub(crate) limits: Limits,
    pub(crate) catalogue: Catalogue,
    pub(crate) meter: Meter,
    pub(crate) demo_delay: Duration,
}

pub(crate) fn configure(env: &mut Env<'_>, config: &Config) -> Option<State> {
    let upstreams = upstream::read(env);
    // Where the upstreams cannot be read, what depends on them is checked as if there were a token.
    let access = access::read(env, upstreams.as_ref().is_none_or(|upstreams| upstreams.has_key));
    let limits = limits::read(env, config);
    let catalogue = catalogue::read(env);
    let demo_delay = env.read(&DEMO_DELAY, parse::duration_or_zero);
    let (Some(upstreams), Some(access), Some(limits), Some(catalogue), Some(demo_delay)) =
        (upstreams, access, limits, catalogue, demo_delay)
    else {
        return None; // at one place, because each drops what there is
    };
    if let Some(warning) = access.warning() {
        Log::new(config.log_level, config.log_format).warn(warning, &[]);
    }
    Some(State {
        access: Access::new(access.rule, jwks::over(upstreams.pool.clone())),
        limiter: access.rate.map(|rate| Limiter::new(rate, Instant::now(), RandomState::new())),
        upstreams,
        limits,
        catalogue,
        meter: Meter::default(),
        demo_delay,
    })
}

/// The service's own metrics.
pub(crate) fn metrics(state: &State, out: &mut String) {
    state.upstreams.render(out);
    state.limits.render(out);
    state.meter.render(out);
}
