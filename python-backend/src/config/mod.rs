//! Reads the service's variables and makes its state.

mod access;
mod limits;
mod models;
mod payer;
mod upstreams;
pub(crate) mod vars;

use std::hash::RandomState;
use std::sync::Arc;

use space_kit::rate_limit::Limiter;
use space_kit::{Config, Env, HeaderName, Log, jwks, parse};

use self::payer::PayerConfig;
use crate::access::{Access, FAILURES};
use crate::clock::Clock;
use crate::state::State;
use crate::usage::UsageTotals;
use crate::wire::headers::may_be_forwarded;

/// The state of the service; `None` means that `env` has the problems, all of them.
pub(crate) fn configure(env: &mut Env<'_>, kit: &Config) -> Option<State> {
    let clock = Clock::system();
    let payer = PayerConfig::read(env);
    let log = Log::new(kit.log_level, kit.log_format);
    let upstreams = upstreams::read(env, clock, log, payer.as_ref().is_some_and(PayerConfig::is_some_caller));
    // If the upstreams cannot be read, the settings that depend on them are checked as if there were a token.
    let access = access::read(env, upstreams.as_ref().is_none_or(|upstreams| upstreams.has_key));
    let limits = limits::read(env, kit);
    let catalogue = models::read(env);
    let demo_delay = env.read(&vars::DEMO_DELAY, parse::duration_or_zero);
    let forwarded = env.optional(&vars::FORWARD_HEADERS, header_names);
    let fits = match (&payer, &upstreams, &access) {
        (Some(payer), Some(upstreams), Some(access)) => payer.check(env, &access.rule, upstreams),
        _ => None,
    };
    let (Some(payer), Some(upstreams), Some(access), Some(limits), Some(mut catalogue), Some(demo_delay)) =
        (payer, upstreams, access, limits, catalogue, demo_delay)
    else {
        return None; // few exits, because each one drops all that was read: less code
    };
    let (Some(forwarded), Some(())) = (forwarded, fits) else { return None };
    if !upstreams.all_know_pins {
        catalogue.forbid_pins();
    }
    if upstreams.main().is_none() {
        catalogue.serve_only_demo();
    }
    if let Some(notice) = access.notice() {
        env.notice(notice);
    }
    let failures = Limiter::new(FAILURES, clock.instant(), RandomState::new());
    Some(State {
        access: Access::new(access.rule, jwks::fetch_over(upstreams.pool.clone()), failures)
            .paid_by_callers(payer.gateway, payer.takes_own),
        limiter: access.rate.map(|rate| {
            Limiter::new(rate, clock.instant(), RandomState::new()).charging(kit.restarts.client())
        }),
        upstreams,
        limits,
        forwarded: forwarded.unwrap_or_default(),
        catalogue,
        usage: Arc::new(UsageTotals::default()),
        demo_delay,
        clock,
    })
}

/// Parses `name,…`.
fn header_names(text: &str) -> Option<Vec<HeaderName>> {
    let name = |item: &str| HeaderName::try_from(item.trim()).ok().filter(may_be_forwarded);
    text.split(',').map(name).collect()
}
