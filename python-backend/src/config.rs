//! The service's own settings.

use std::time::Duration;

use space_kit::{Config, Env, Var, parse};

/// The pause between two words of a streamed answer.
pub(crate) static DEMO_DELAY: Var = Var {
    name: "DEMO_DELAY",
    default: "15ms",
    accepts: "a duration such as 15ms, or 0",
    meaning: "pause between the words that the demo model streams",
    secret: false,
};

/// All of the service's own variables, in the order of `--help`.
pub(crate) static ALL: &[&Var] = &[&DEMO_DELAY];

/// What requests share.
#[derive(Debug)]
pub struct State {
    pub(crate) demo_delay: Duration,
}

pub(crate) fn configure(env: &mut Env<'_>, _: &Config) -> Option<State> {
    Some(State { demo_delay: env.read(&DEMO_DELAY, parse::duration_or_zero)? })
}
