//! Reads many event streams at once. Each event carries the time at which it was due, from the monotonic
//! clock that all processes of a machine share. The lateness is how much later it is read.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use benches::stats::{self, Summary};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::args::Args;
use crate::connection::Connection;
use crate::output::say;
use crate::poll::Poll;
use crate::response::find;

/// The text before the time in an event's data, and what only the end of a stream has.
struct Form {
    before: &'static [u8],
    last: &'static [u8],
}

impl Form {
    fn of(path: &str) -> Form {
        match path {
            "/v1/responses" => Form { before: br#""delta":""#, last: b"event: response.completed" },
            "/v1/messages" => Form { before: br#"_delta","text":""#, last: b"event: message_stop" },
            _ => Form { before: br#""content":""#, last: b"[DONE]" },
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

/// The result, printed as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Streams {
    pub(crate) streams: usize,
    pub(crate) events: usize,
    pub(crate) lateness: Option<Summary>,
}

struct Reader {
    /// `None` after the end.
    connection: Option<Connection>,
    /// The time in the previous event.
    last: u64,
    events: u32,
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// Starts all streams, prints a line once each has its first event, and reads them to their end.
///
/// # Errors
/// If a stream ends early, or an event is missing or duplicate.
pub(crate) fn measure(args: &Args) -> Result<Streams> {
    let (request, step, form) = (args.request(), args.step().as_nanos() as u64, Form::of(&args.path));
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
            let reader = readers.get_mut(key).context("unknown key")?;
            let first = reader.events == 0;
            reader.read(&form, step, &mut lateness)?;
            begun += usize::from(first && reader.events > 0);
            done += usize::from(reader.connection.is_none());
            if first && reader.events > 0 && begun == args.connections {
                say(r#"{"begun":true}"#)?;
            }
        }
    }
    let short = readers.iter().filter(|reader| reader.events != args.events_in_stream()).count();
    ensure!(short == 0, "{short} streams did not get all {} events", args.events_in_stream());
    Ok(Streams { streams: readers.len(), events: lateness.len(), lateness: stats::summary(&lateness) })
}

impl Reader {
    /// Fails unless each event follows the previous one by one step, so that none is lost or duplicate.
    fn read(&mut self, form: &Form, step: u64, lateness: &mut Vec<u64>) -> Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let open = connection.read()?;
        let now = now();
        let mut taken = 0;
        while let Some((time, end)) =
            next_time(connection.received.get(taken..).unwrap_or_default(), form.before)
        {
            taken += end;
            ensure!(self.last == 0 || time == self.last + step, "an event is missing");
            self.last = time;
            self.events += 1;
            lateness.push(now.saturating_sub(time));
        }
        connection.received.drain(..taken);
        if connection.received.ends_with(b"0\r\n\r\n") && find(&connection.received, form.last).is_some() {
            self.connection = None;
            return Ok(());
        }
        ensure!(open, "a stream ended early: {}", String::from_utf8_lossy(&connection.received));
        Ok(())
    }
}

/// The time in the next event, and the offset after its digits.
fn next_time(bytes: &[u8], before: &[u8]) -> Option<(u64, usize)> {
    let start = find(bytes, before)? + before.len();
    let digits = bytes.get(start..)?;
    let length = digits.iter().position(|byte| *byte == b'"')?;
    let time = std::str::from_utf8(digits.get(..length)?).ok()?.parse().ok()?;
    Some((time, start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_only_when_all_its_digits_are_there() {
        let event = br#"data: {"choices":[{"delta":{"content":"1234"}}]}"#;
        let (end, before) = (find(event, b"\"}}").unwrap(), Form::of("/v1/chat/completions").before);
        for cut in 0..=end {
            assert_eq!(next_time(&event[..cut], before), None);
        }
        assert_eq!(next_time(event, before), Some((1234, end)));
    }
}
