//! Which sockets have something to read: epoll, one thread, no runtime between the clock and the socket.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};

/// Below this the processor is kept: a sleep would end up to 50 us late.
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

    /// `key` is what [`Poll::wait`] gives back for this socket. Closing the socket takes it out again.
    pub(crate) fn add(&self, socket: impl AsFd, key: usize) -> Result<()> {
        let data = epoll::EventData::new_u64(key as u64);
        epoll::add(&self.epoll, socket, data, epoll::EventFlags::IN).context("epoll")
    }

    /// The keys of all sockets with something to read; empty at `until`, which None puts off for ever.
    pub(crate) fn wait(&mut self, until: Option<Instant>) -> Result<Vec<usize>> {
        let mut left = until.map(|until| until.saturating_duration_since(Instant::now()));
        left = left.map(|left| if left < SPIN { Duration::ZERO } else { left - SPIN / 2 });
        let limit = left.map(Timespec::try_from).transpose().context("a time limit")?;
        self.found.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.found), limit.as_ref()).context("epoll")?;
        Ok(self.found.iter().map(|event| event.data.u64() as usize).collect())
    }
}
