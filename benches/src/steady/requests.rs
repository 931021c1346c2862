//! Sends requests, at a fixed rate or each after the previous response.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::stats::{self, Summary, nanoseconds};
use serde::Serialize;

use crate::args::Args;
use crate::connection::Connection;
use crate::poll::Poll;

/// How long to wait for responses after the last request was due.
const PATIENCE: Duration = Duration::from_secs(5);

/// The result, printed as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Requests {
    pub(crate) answered: u64,
    /// Requests that were due but had no response at the end. If there are any, the server could not keep
    /// up with the rate, and the latency means nothing.
    pub(crate) unanswered: u64,
    pub(crate) not_200: u64,
    pub(crate) per_second: f64,
    /// From when a request was due (without `--rate`: was sent) to the end of its response. It includes
    /// the wait for a connection that a slow response occupies, because a caller would wait too.
    pub(crate) latency: Option<Summary>,
    pub(crate) p999_ns: Option<u64>,
    /// How late this program sent requests for which a connection was free.
    pub(crate) own_delay: Option<Summary>,
}

struct Load<'a> {
    args: &'a Args,
    request: Vec<u8>,
    connections: Vec<Connection>,
    /// When the current request of each connection was due.
    due_at: Vec<Instant>,
    free: Vec<usize>,
    began: Instant,
    /// The number of requests that were due so far.
    fallen_due: u64,
    /// When each request that waits for a connection was due.
    waiting: VecDeque<Instant>,
    latencies: Vec<u64>,
    delays: Vec<u64>,
    not_200: u64,
}

pub(crate) fn measure(args: &Args) -> Result<Requests> {
    let request = args.request();
    let mut poll = Poll::new()?;
    let mut connections = Vec::with_capacity(args.connections);
    for key in 0..args.connections {
        let mut connection = Connection::open(args.address)?;
        connection.ask(&request).context("the first response")?;
        poll.add(&connection.stream, key)?;
        connections.push(connection);
    }
    let began = Instant::now();
    let mut load = Load {
        args,
        request,
        due_at: vec![began; connections.len()],
        free: (0..connections.len()).collect(),
        connections,
        began,
        fallen_due: 0,
        waiting: VecDeque::new(),
        latencies: Vec::new(),
        delays: Vec::new(),
        not_200: 0,
    };
    load.run(&mut poll)?;
    Ok(load.finish())
}

impl Load<'_> {
    fn run(&mut self, poll: &mut Poll) -> Result<()> {
        loop {
            let next = self.fall_due(Instant::now());
            self.send_waiting()?;
            let pending = self.free.len() < self.connections.len();
            let last = self.began + self.args.time + PATIENCE;
            if next.is_none() && (!pending || Instant::now() > last && self.args.count.is_none()) {
                return Ok(());
            }
            // Without a rate, the next request only waits for a response.
            let until = if self.args.rate.is_some() {
                next.or(Some(last))
            } else {
                Some(last.max(Instant::now() + PATIENCE))
            };
            for key in poll.wait(until)? {
                self.read(key)?;
            }
        }
    }

    /// Queues all requests that are due by `now`. Returns when the next one is due; `None` after the last.
    fn fall_due(&mut self, now: Instant) -> Option<Instant> {
        loop {
            let next = match self.args.rate {
                Some(rate) => self.began + Duration::from_secs_f64(self.fallen_due as f64 / rate),
                None => now,
            };
            let over = match self.args.count {
                Some(count) => self.fallen_due >= count,
                None => next >= self.began + self.args.time,
            };
            if over {
                return None;
            }
            let no_room = self.args.rate.is_none() && self.waiting.len() >= self.free.len();
            if next > now || no_room {
                return Some(next);
            }
            // If no connection is free, the server causes the delay instead of this program.
            if self.waiting.len() < self.free.len() {
                self.delays.push(nanoseconds(now.duration_since(next)));
            }
            self.fallen_due += 1;
            self.waiting.push_back(next);
        }
    }

    fn send_waiting(&mut self) -> Result<()> {
        while let (Some(due), Some(key)) = (self.waiting.front().copied(), self.free.last().copied()) {
            let connection = self.connections.get_mut(key).context("unknown key")?;
            connection.send(&self.request)?;
            *self.due_at.get_mut(key).context("unknown key")? = due;
            self.waiting.pop_front();
            self.free.pop();
        }
        Ok(())
    }

    fn read(&mut self, key: usize) -> Result<()> {
        let connection = self.connections.get_mut(key).context("unknown key")?;
        ensure!(connection.read()?, "the server closed a connection that was kept");
        let Some(status) = connection.take_response()? else { return Ok(()) };
        self.not_200 += u64::from(status != 200);
        let due = self.due_at.get(key).context("unknown key")?;
        self.latencies.push(nanoseconds(due.elapsed()));
        self.free.push(key);
        Ok(())
    }

    fn finish(mut self) -> Requests {
        let answered = self.latencies.len() as u64;
        self.latencies.sort_unstable();
        let rank = (self.latencies.len() * 999).div_ceil(1000);
        Requests {
            answered,
            unanswered: self.fallen_due - answered,
            not_200: self.not_200,
            per_second: answered as f64 / self.began.elapsed().as_secs_f64(),
            latency: stats::summary(&self.latencies),
            p999_ns: rank.checked_sub(1).and_then(|at| self.latencies.get(at).copied()),
            own_delay: self.args.rate.and_then(|_| stats::summary(&self.delays)),
        }
    }
}
