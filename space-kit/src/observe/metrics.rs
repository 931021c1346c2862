//! Counters and gauges, and their Prometheus text format (version 0.0.4).

use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::web::unix_seconds;

/// Upper bounds of the duration histogram: seconds as text, and microseconds.
const BOUNDS: [(&str, u64); 11] = [
    ("0.001", 1_000),
    ("0.005", 5_000),
    ("0.01", 10_000),
    ("0.05", 50_000),
    ("0.1", 100_000),
    ("0.5", 500_000),
    ("1", 1_000_000),
    ("5", 5_000_000),
    ("10", 10_000_000),
    ("30", 30_000_000),
    ("60", 60_000_000),
];

/// A counter that only grows, or a gauge that drop guards decrease.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds to the count.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    /// Decreases a gauge by one.
    pub(crate) fn fall(&self) -> u64 {
        self.0.fetch_sub(1, Relaxed) - 1
    }

    /// The current value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// One row of the route table. Its counts are allocated when its first request finishes, so start-up does not pay for
/// them.
#[derive(Debug)]
struct Row {
    method: &'static str,
    path: &'static str,
    counts: OnceLock<Box<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    classes: [Count; 5],
    buckets: [Count; BOUNDS.len()],
    micros: Count,
}

/// All counters of a service. Labels are bounded: one row per route, and one for requests that match none.
#[derive(Debug)]
pub struct Metrics {
    rows: Vec<Row>,
    /// Requests in flight.
    pub in_flight: Count,
    /// Open connections.
    pub connections: Count,
    /// Connections accepted since the start.
    pub connections_total: Count,
    /// Connections that were rejected before a request was read.
    pub refused_total: Count,
    /// Bytes of request bodies read.
    pub received_bytes: Count,
    /// Bytes of response bodies passed to the connection.
    pub sent_bytes: Count,
}

impl Metrics {
    /// Counters for routes with these (method, path) labels, and for requests that match none.
    pub(crate) fn new(routes: impl Iterator<Item = (&'static str, &'static str)>) -> Metrics {
        let row = |(method, path)| Row { method, path, counts: OnceLock::new() };
        Metrics {
            rows: routes.chain([("other", "unmatched")]).map(row).collect(),
            in_flight: Count::default(),
            connections: Count::default(),
            connections_total: Count::default(),
            refused_total: Count::default(),
            received_bytes: Count::default(),
            sent_bytes: Count::default(),
        }
    }

    /// Counts a finished request under its row, or under "unmatched".
    pub(crate) fn finished(&self, route: Option<usize>, status: StatusCode, took: Duration) {
        let at = route.unwrap_or(self.rows.len() - 1);
        let Some(row) = self.rows.get(at).map(|row| row.counts.get_or_init(Box::default)) else { return };
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        if let Some(count) = row.classes.get(class) {
            count.add(1);
        }
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        row.micros.add(micros);
        if let Some((_, bucket)) = BOUNDS.iter().zip(&row.buckets).find(|((_, bound), _)| micros <= *bound) {
            bucket.add(1);
        }
    }

    /// The text for a scrape. `started` is when the process started; `rustc` is the compiler's version.
    pub fn render(
        &self,
        service: &str,
        version: &str,
        rustc: &str,
        started: SystemTime,
        restarts: impl Iterator<Item = (&'static str, u64)>,
    ) -> String {
        let mut text = String::with_capacity(4096);
        let out = &mut text;
        family(out, "space_build_info", "gauge", "The build that runs");
        _ = writeln!(out, r#"space_build_info{{service="{service}",version="{version}",rustc="{rustc}"}} 1"#);
        let started = unix_seconds(started);
        single(out, "process_start_time_seconds", "gauge", "Unix time of the start", started);
        single(out, "http_requests_in_flight", "gauge", "Requests in flight", self.in_flight.get());
        single(out, "http_connections", "gauge", "Open connections", self.connections.get());
        let totals = [
            ("http_connections_total", "Connections accepted", &self.connections_total),
            ("http_refused_connections_total", "Connections rejected before a request", &self.refused_total),
            ("http_request_body_bytes_total", "Bytes of request bodies read", &self.received_bytes),
            ("http_response_body_bytes_total", "Bytes of response bodies sent", &self.sent_bytes),
        ];
        for (name, help, count) in totals {
            single(out, name, "counter", help, count.get());
        }
        family(out, "restarts_total", "counter", "Restarts of this process after a crash");
        for (cause, count) in restarts {
            _ = writeln!(out, r#"restarts_total{{cause="{cause}"}} {count}"#);
        }
        self.render_requests(out);
        self.render_durations(out);
        text
    }

    /// The rows that have finished requests.
    fn counted(&self) -> impl Iterator<Item = (&Row, &Counts)> {
        self.rows.iter().filter_map(|row| Some((row, row.counts.get()?.as_ref())))
    }

    fn render_requests(&self, out: &mut String) {
        family(out, "http_requests_total", "counter", "Finished requests");
        for (Row { method, path, .. }, counts) in self.counted() {
            for (class, count) in counts.classes.iter().enumerate().filter(|(_, count)| count.get() > 0) {
                let (class, count) = (class + 1, count.get());
                _ = writeln!(
                    out,
                    r#"http_requests_total{{method="{method}",route="{path}",status="{class}xx"}} {count}"#
                );
            }
        }
    }

    fn render_durations(&self, out: &mut String) {
        let name = "http_request_duration_seconds";
        family(out, name, "histogram", "Time from a request's head to the end of its response");
        for (Row { method, path, .. }, counts) in self.counted() {
            let total: u64 = counts.classes.iter().map(Count::get).sum();
            let labels = format!(r#"method="{method}",route="{path}""#);
            let mut below = 0;
            for ((bound, _), bucket) in BOUNDS.iter().zip(&counts.buckets) {
                below += bucket.get();
                _ = writeln!(out, r#"{name}_bucket{{{labels},le="{bound}"}} {below}"#);
            }
            _ = writeln!(out, r#"{name}_bucket{{{labels},le="+Inf"}} {total}"#);
            let micros = counts.micros.get();
            _ = writeln!(out, "{name}_sum{{{labels}}} {}.{:06}", micros / 1_000_000, micros % 1_000_000);
            _ = writeln!(out, "{name}_count{{{labels}}} {total}");
        }
    }
}

fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    family(out, name, kind, help);
    _ = writeln!(out, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_histogram_is_cumulative_and_ends_at_its_count() {
        let metrics = Metrics::new([("GET", "/a")].into_iter());
        metrics.finished(Some(0), StatusCode::OK, Duration::from_millis(2));
        metrics.finished(Some(0), StatusCode::NOT_FOUND, Duration::from_secs(90));
        metrics.finished(None, StatusCode::OK, Duration::ZERO);
        let text = metrics.render("s", "1", "rustc", SystemTime::UNIX_EPOCH, [("panic", 2)].into_iter());
        for line in [
            r#"restarts_total{cause="panic"} 2"#,
            r#"http_requests_total{method="GET",route="/a",status="2xx"} 1"#,
            r#"http_requests_total{method="GET",route="/a",status="4xx"} 1"#,
            r#"http_requests_total{method="other",route="unmatched",status="2xx"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/a",le="0.001"} 0"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/a",le="0.005"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/a",le="60"} 1"#,
            r#"http_request_duration_seconds_bucket{method="GET",route="/a",le="+Inf"} 2"#,
            r#"http_request_duration_seconds_count{method="GET",route="/a"} 2"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
