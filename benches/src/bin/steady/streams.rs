//! Many event streams at once. Each event carries the moment at which it was due, by the clock that all
//! processes of a machine share; what is measured is how much later it arrives.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::answer::find;
use crate::args::Args;
use crate::connection::Connection;
use crate::poll::Poll;
use crate::say;
use crate::stats::{self, Summary};

/// What stands before the moment in an event's data.
pub(crate) const BEFORE: &[u8] = br#""content":""#;
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Serialize)]
pub(crate) struct Streams {
    pub(crate) streams: usize,
    pub(crate) events: usize,
    pub(crate) lateness: Option<Summary>,
}

struct Reader {
    /// None after the end.
    connection: Option<Connection>,
    /// The moment in the event before.
    last: u64,
    events: u32,
}

/// Nanoseconds of the clock that never jumps.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Begins all streams, says so when each has its first event, and reads them to their ends.
pub(crate) fn measure(args: &Args) -> Result<Streams> {
    let (request, step) = (args.request(), args.step().as_nanos() as u64);
    let mut poll = Poll::new()?;
    let mut readers = Vec::with_capacity(args.connections);
    for key in 0..args.connections {
        let mut connection = Connection::open(args.address)?;
        connection.send(&request)?;
        poll.add(&connection.stream, key)?;
        readers.push(Reader { connection: Some(connection), last: 0, events: 0 });
    }
    let (mut lateness, mut begun, mut done) = (Vec::new(), 0, 0);
    let limit = Instant::now() + args.time + PATIENCE;
    while done < readers.len() {
        ensure!(
            Instant::now() < limit,
            "{} streams of {} have not ended",
            readers.len() - done,
            readers.len()
        );
        for key in poll.wait(Some(limit))? {
            let reader = readers.get_mut(key).context("a key")?;
            let first = reader.events == 0;
            reader.read(step, &mut lateness)?;
            begun += usize::from(first && reader.events > 0);
            done += usize::from(reader.connection.is_none());
            if first && reader.events > 0 && begun == args.connections {
                say(r#"{"begun":true}"#)?;
            }
        }
    }
    let short = readers.iter().filter(|reader| reader.events != args.events_in_stream()).count();
    ensure!(short == 0, "{short} streams have not had all their {} events", args.events_in_stream());
    Ok(Streams { streams: readers.len(), events: lateness.len(), lateness: stats::summary(&lateness) })
}

impl Reader {
    /// Every event must follow the one before by one step: none lost, none twice.
    fn read(&mut self, step: u64, lateness: &mut Vec<u64>) -> Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let there = connection.read()?;
        let now = now();
        let mut taken = 0;
        while let Some((moment, end)) = next_moment(connection.inbox.get(taken..).unwrap_or_default()) {
            taken += end;
            ensure!(self.last == 0 || moment == self.last + step, "an event is missing");
            self.last = moment;
            self.events += 1;
            lateness.push(now.saturating_sub(moment));
        }
        connection.inbox.drain(..taken);
        if connection.inbox.ends_with(b"0\r\n\r\n") && find(&connection.inbox, b"[DONE]").is_some() {
            self.connection = None;
            return Ok(());
        }
        ensure!(there, "a stream ended early: {}", String::from_utf8_lossy(&connection.inbox));
        Ok(())
    }
}

/// The next event's moment, and where its digits end.
fn next_moment(bytes: &[u8]) -> Option<(u64, usize)> {
    let start = find(bytes, BEFORE)? + BEFORE.len();
    let digits = bytes.get(start..)?;
    let length = digits.iter().position(|byte| *byte == b'"')?;
    let moment = std::str::from_utf8(digits.get(..length)?).ok()?.parse().ok()?;
    Some((moment, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_only_when_all_its_digits_are_there() {
        let event = br#"data: {"choices":[{"delta":{"content":"1234"}}]}"#;
        let end = find(event, b"\"}}").unwrap();
        for cut in 0..=end {
            assert_eq!(next_moment(&event[..cut]), None);
        }
        assert_eq!(next_moment(event), Some((1234, end)));
    }
}
