//! Counters, gauges and histograms, and their Prometheus text format (version 0.0.4).

use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::observe::stderr;
use crate::web::unix_seconds;

/// Upper bounds of a histogram: seconds as text, and microseconds. A whole response of a model may take ten minutes.
const BOUNDS: [(&str, u64); 14] = [
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
    ("120", 120_000_000),
    ("300", 300_000_000),
    ("600", 600_000_000),
];

/// Statuses that have a count of their own. Any other is counted by its class, because upstreams may invent statuses.
const CODES: [u16; 32] = [
    200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413,
    415, 421, 422, 426, 429, 431, 499, 500, 502, 503, 504,
];
const CLASSES: usize = 5;

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

/// Counts by status.
#[derive(Debug)]
pub struct StatusCounts([Count; CODES.len() + CLASSES]);

impl Default for StatusCounts {
    fn default() -> StatusCounts {
        StatusCounts(std::array::from_fn(|_| Count::default()))
    }
}

impl StatusCounts {
    /// Counts a status.
    pub fn add(&self, status: StatusCode) {
        let code = status.as_u16();
        let class = || CODES.len() + usize::from(code / 100).clamp(1, CLASSES) - 1;
        let at = CODES.iter().position(|known| *known == code).unwrap_or_else(class);
        if let Some(count) = self.0.get(at) {
            count.add(1);
        }
    }

    /// Appends a line for each status that was counted, with `labels` before its own.
    pub fn render(&self, name: &str, labels: &str, out: &mut String) {
        for (at, count) in self.0.iter().enumerate().filter(|(_, count)| count.get() > 0) {
            let class = || format!("{}xx", at + 1 - CODES.len());
            let code = CODES.get(at).map_or_else(class, u16::to_string);
            _ = writeln!(out, r#"{name}{{{labels},code="{code}"}} {}"#, count.get());
        }
    }
}

/// Durations by upper bound.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Count; BOUNDS.len() + 1],
    micros: Count,
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.micros.add(micros);
        let at = BOUNDS.iter().position(|(_, bound)| micros <= *bound).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(at) {
            bucket.add(1);
        }
    }

    /// Appends the buckets, the sum and the count, unless nothing was counted.
    pub fn render(&self, name: &str, labels: &str, out: &mut String) {
        if self.buckets.iter().all(|bucket| bucket.get() == 0) {
            return;
        }
        let mut below = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            below += bucket.get();
            let bound = BOUNDS.get(at).map_or("+Inf", |(bound, _)| bound);
            _ = writeln!(out, r#"{name}_bucket{{{labels},le="{bound}"}} {below}"#);
        }
        let micros = self.micros.get();
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        _ = writeln!(out, "{name}_sum{{{labels}}} {seconds}.{micros:06}\n{name}_count{{{labels}}} {below}");
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
    statuses: StatusCounts,
    durations: Histogram,
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

    /// The pattern of a row, or "unmatched".
    pub(crate) fn route(&self, route: Option<usize>) -> &'static str {
        self.rows.get(route.unwrap_or(self.rows.len() - 1)).map_or("", |row| row.path)
    }

    /// Counts a finished request under its row, or under "unmatched".
    pub(crate) fn finished(&self, route: Option<usize>, status: StatusCode, took: Duration) {
        let at = route.unwrap_or(self.rows.len() - 1);
        let Some(row) = self.rows.get(at).map(|row| row.counts.get_or_init(Box::default)) else { return };
        row.statuses.add(status);
        row.durations.observe(took);
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
        single(out, "space_http_requests_in_flight", "gauge", "Requests in flight", self.in_flight.get());
        single(out, "space_http_connections", "gauge", "Open connections", self.connections.get());
        let totals = [
            ("space_http_connections_total", "Connections accepted", &self.connections_total),
            (
                "space_http_refused_connections_total",
                "Connections rejected before a request",
                &self.refused_total,
            ),
            ("space_http_request_body_bytes_total", "Bytes of request bodies read", &self.received_bytes),
            ("space_http_response_body_bytes_total", "Bytes of response bodies sent", &self.sent_bytes),
        ];
        for (name, help, count) in totals {
            single(out, name, "counter", help, count.get());
        }
        let lost = "Log lines that standard error did not take";
        single(out, "space_log_lines_dropped_total", "counter", lost, stderr::dropped());
        family(out, "space_restarts_total", "counter", "Restarts of this process after a crash");
        for (cause, count) in restarts {
            _ = writeln!(out, r#"space_restarts_total{{cause="{cause}"}} {count}"#);
        }
        let name = "space_http_requests_total";
        family(out, name, "counter", "Finished requests");
        self.each_counted(|labels, counts| counts.statuses.render(name, labels, out));
        let name = "space_http_request_duration_seconds";
        family(out, name, "histogram", "Time from a request's head to the end of its response");
        self.each_counted(|labels, counts| counts.durations.render(name, labels, out));
        text
    }

    /// Passes on the labels and counts of each row that has finished requests.
    fn each_counted(&self, mut to: impl FnMut(&str, &Counts)) {
        for Row { method, path, counts } in &self.rows {
            if let Some(counts) = counts.get() {
                to(&format!(r#"method="{method}",route="{path}""#), counts);
            }
        }
    }
}

/// Appends the two lines before the samples of a family.
pub fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// Appends a family that has one sample.
pub fn single(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
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
        metrics.finished(Some(0), StatusCode::NOT_FOUND, Duration::from_secs(601));
        metrics.finished(None, StatusCode::OK, Duration::ZERO);
        let text = metrics.render("s", "1", "rustc", SystemTime::UNIX_EPOCH, [("panic", 2)].into_iter());
        for line in [
            r#"space_restarts_total{cause="panic"} 2"#,
            r#"space_http_requests_total{method="GET",route="/a",code="200"} 1"#,
            r#"space_http_requests_total{method="GET",route="/a",code="404"} 2"#,
            r#"space_http_requests_total{method="other",route="unmatched",code="200"} 1"#,
            r#"space_http_request_duration_seconds_bucket{method="GET",route="/a",le="0.001"} 0"#,
            r#"space_http_request_duration_seconds_bucket{method="GET",route="/a",le="0.005"} 1"#,
            r#"space_http_request_duration_seconds_bucket{method="GET",route="/a",le="60"} 1"#,
            r#"space_http_request_duration_seconds_bucket{method="GET",route="/a",le="600"} 2"#,
            r#"space_http_request_duration_seconds_bucket{method="GET",route="/a",le="+Inf"} 3"#,
            r#"space_http_request_duration_seconds_sum{method="GET",route="/a"} 691.002000"#,
            r#"space_http_request_duration_seconds_count{method="GET",route="/a"} 3"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }

    #[test]
    fn an_invented_status_is_counted_by_its_class() {
        let counts = StatusCounts::default();
        for code in 100..1000 {
            counts.add(StatusCode::from_u16(code).unwrap());
        }
        let mut text = String::new();
        counts.render("m", r#"a="b""#, &mut text);
        assert_eq!(text.lines().count(), CODES.len() + CLASSES);
        for line in [r#"m{a="b",code="429"} 1"#, r#"m{a="b",code="1xx"} 100"#, r#"m{a="b",code="5xx"} 496"#] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
