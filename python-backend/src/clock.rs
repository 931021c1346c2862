//! The clocks of the service. [`Clock::system`] is called once, where the state is made; everything else gets
//! a [`Clock`] or a [`Now`] as an argument.

use std::time::{Instant, SystemTime};

use space_kit::web::unix_seconds;

/// Reads the time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    instant: fn() -> Instant,
    unix: fn() -> u64,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For intervals.
    pub(crate) instant: Instant,
    /// Seconds since 1970, to compare with times that other systems wrote.
    pub(crate) unix: u64,
}

impl Clock {
    /// The clocks of the operating system. tokio's has the same times as its timers, also where a test has stopped it.
    pub(crate) fn system() -> Clock {
        Clock { instant: || tokio::time::Instant::now().into_std(), unix: || unix_seconds(SystemTime::now()) }
    }

    /// The monotonic clock.
    pub(crate) fn instant(self) -> Instant {
        (self.instant)()
    }

    /// Seconds since 1970.
    pub(crate) fn unix(self) -> u64 {
        (self.unix)()
    }

    /// Both clocks.
    pub(crate) fn now(self) -> Now {
        Now { instant: self.instant(), unix: self.unix() }
    }
}
