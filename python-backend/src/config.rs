//! The service's own settings.

use std::time::Duration;

use space_kit::env::Groups;
use space_kit::{Config, Env, parse};

space_kit::vars! {
    OWN;
    DEMO_DELAY = "15ms", "a duration such as 15ms, or 0", "pause between the words that the demo model streams";
}

/// All of the service's own variables, in the order of `--help`.
pub(crate) static ALL: Groups = &[("demo model", OWN)];

/// What requests share.
#[derive(Debug)]
pub struct State {
    pub(crate) demo_delay: Duration,
}

pub(crate) fn configure(env: &mut Env<'_>, _: &Config) -> Option<State> {
    Some(State { demo_delay: env.read(&DEMO_DELAY, parse::duration_or_zero)? })
}
