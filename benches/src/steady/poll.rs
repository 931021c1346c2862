//! Waits for readable sockets with epoll on one thread, without a runtime between the clock and the socket.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// Shorter waits spin, because a sleep can end 50 µs late.
const SPIN: Duration = Duration::from_micros(100);

pub(crate) struct Poll {
    epoll: OwnedFd,
    found: Vec<epoll::Event>,
}

impl Poll {
    pub(crate) fn new() -> Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).context("epoll")?;
        Ok(Self { epoll, found: Vec::with_capacity(1024) })
    }

    /// [`Poll::wait`] returns `key` for this socket. Closing the socket removes it.
    pub(crate) fn add(&self, socket: impl AsFd, key: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(key as u64);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN).context("epoll")
    }

    /// Returns the keys of all readable sockets, or none at `until`; `None` waits without a limit.
    pub(crate) fn wait(&mut self, until: Option<Instant>) -> Result<Vec<usize>> {
        let mut left = until.map(|until| until.saturating_duration_since(Instant::now()));
        left = left.map(|left| if left < SPIN { Duration::ZERO } else { left - SPIN / 2 });
        let limit = left.map(Timespec::try_from).transpose().context("the time limit")?;
        self.found.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.found), limit.as_ref()).context("epoll")?;
        Ok(self.found.iter().map(|event| event.data.u64() as usize).collect())
    }
}
