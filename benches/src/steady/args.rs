//! Parses the command line.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

pub(crate) const HELP: &str = "\
Generates load: requests at a fixed rate, idle connections, and event streams whose delay it measures.

  steady requests ADDRESS [options]  send requests; print counts and latencies as JSON
  steady hold ADDRESS [options]      send one request per connection, keep them open until stdin ends
  steady streams ADDRESS [options]   read event streams of 'steady upstream'; print how late events were
  steady upstream ADDRESS [options]  answer chat requests, with or without a stream; print the address

  --connections N       number of connections or streams (64)
  --path PATH           request this path (/health)
  --body TEXT           send this JSON with POST
  --header 'NAME: TEXT' add a header
  --rate N              requests per second, independent of the responses; latency counts from the time
                        at which a request was due. Without it, each response triggers the next request
  --count N             stop after this many requests instead of after --seconds
  --seconds S           duration of the load, or of each stream (5)
  --events N            events per second in a stream (20)

Exit codes: 0 measured, 2 could not measure, 64 wrong command line.";

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Help,
    Requests,
    Hold,
    Streams,
    Upstream,
}

#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) mode: Mode,
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) rate: Option<f64>,
    pub(crate) count: Option<u64>,
    pub(crate) time: Duration,
    pub(crate) events: f64,
}

pub(crate) fn parse(words: Vec<String>) -> Result<Args> {
    let mut args = Args {
        mode: Mode::Help,
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        connections: 64,
        path: "/health".to_owned(),
        body: None,
        headers: Vec::new(),
        rate: None,
        count: None,
        time: Duration::from_secs(5),
        events: 20.0,
    };
    if words.is_empty() || words.iter().any(|word| word == "--help" || word == "-h") {
        return Ok(args);
    }
    let mut words = words.into_iter();
    args.mode = match words.next().as_deref() {
        Some("requests") => Mode::Requests,
        Some("hold") => Mode::Hold,
        Some("streams") => Mode::Streams,
        Some("upstream") => Mode::Upstream,
        _ => bail!("the first argument must be requests, hold, streams or upstream; see --help"),
    };
    args.address = words.next().and_then(|word| word.parse().ok()).context("the address must be IP:PORT")?;
    while let Some(option) = words.next() {
        let value = words.next().with_context(|| format!("{option}: requires a value"))?;
        args.set(&option, value).with_context(|| option.clone())?;
    }
    Ok(args)
}

impl Args {
    fn set(&mut self, option: &str, value: String) -> Result<()> {
        match option {
            "--connections" => self.connections = usize::try_from(whole(&value)?)?,
            "--path" => self.path = value,
            "--body" => self.body = Some(value),
            "--header" => self.headers.push(value),
            "--rate" => self.rate = Some(above_zero(&value)?),
            "--count" => self.count = Some(whole(&value)?),
            "--seconds" => self.time = Duration::try_from_secs_f64(above_zero(&value)?)?,
            "--events" => self.events = above_zero(&value)?,
            _ => bail!("unknown option; --help lists all"),
        }
        Ok(())
    }

    /// The request that every connection sends.
    pub(crate) fn request(&self) -> Vec<u8> {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut text = format!("{method} {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.address);
        for header in &self.headers {
            text.push_str(&format!("{header}\r\n"));
        }
        let body = self.body.as_deref().unwrap_or_default();
        if !body.is_empty() {
            let length = body.len();
            text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"));
        }
        format!("{text}\r\n{body}").into_bytes()
    }

    /// The time between two events of a stream.
    pub(crate) fn step(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.events)
    }

    /// The number of events in one stream.
    pub(crate) fn events_in_stream(&self) -> u32 {
        (self.time.as_secs_f64() * self.events).round() as u32
    }
}

fn whole(text: &str) -> Result<u64> {
    text.parse().ok().filter(|count| *count > 0).context("must be a whole number above 0")
}

fn above_zero(text: &str) -> Result<f64> {
    let number: f64 = text.parse().context("must be a number")?;
    ensure!(number.is_finite() && number > 0.0, "must be a number above 0");
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &[&str]) -> Result<Args> {
        parse(line.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn error_names_the_option_that_is_wrong() {
        for (line, expected) in [
            (&["request", "127.0.0.1:1"][..], "requests, hold"),
            (&["requests"], "IP:PORT"),
            (&["requests", "127.0.0.1:1", "--rate", "0"], "--rate"),
            (&["requests", "127.0.0.1:1", "--count"], "--count"),
            (&["requests", "127.0.0.1:1", "--speed", "1"], "--speed"),
        ] {
            let error = format!("{:#}", parsed(line).unwrap_err());
            assert!(error.contains(expected), "{line:?}: {error}");
        }
    }

    #[test]
    fn body_is_sent_with_post_and_its_length() {
        let args = parsed(&["requests", "127.0.0.1:1", "--body", "{}", "--header", "a: b"]).unwrap();
        let request = String::from_utf8(args.request()).unwrap();
        assert!(request.starts_with("POST /health HTTP/1.1\r\n"), "{request}");
        assert!(request.contains("\r\na: b\r\n") && request.ends_with("Content-Length: 2\r\n\r\n{}"));
    }
}
