//! The report as text: every figure with its unit and its n.

use super::host::busy;
use super::record::{Report, StartFigures, Variant, VariantKind};
use super::table::{milliseconds, thousands, titled};
use crate::start::Method;

const NONE: &str = "–";
const POLLED: &str = "connect polled: the server neither inherits a listener nor writes a ready byte, so each figure \
is up to 1 ms late, and polling takes CPU time";

/// Returns the machine, all tables, and the figures that are missing with their reasons.
pub(crate) fn print(report: &Report) -> String {
    let parts = [
        machine(report),
        starts(report),
        containers(report),
        footprint(report),
        goals(report),
        notes(report),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn machine(report: &Report) -> String {
    let host = &report.host;
    let pinned = match (host.harness_cpu, host.server_cpu) {
        (Some(harness), Some(server)) => format!("harness on CPU {harness}, server on CPU {server}"),
        _ => "harness and server share one CPU".to_owned(),
    };
    let commit = match (&host.commit, host.modified) {
        (Some(commit), Some(true)) => format!("{commit} with changes"),
        (Some(commit), _) => commit.clone(),
        (None, _) => "none".to_owned(),
    };
    let partial = if report.partial { "PARTIAL: the run was interrupted\n" } else { "" };
    format!(
        "{}, {} CPUs, Linux {}; load {} before, {} after\n{pinned}; commit {commit}\narguments: {}\n{partial}",
        host.cpu,
        host.cpus,
        host.kernel,
        host.load_before,
        host.load_after,
        report.arguments.join(" ")
    )
}

fn starts(report: &Report) -> String {
    let title = format!(
        "Start: from right before execve to the first byte of a 200 on {}; files in the page cache unless evicted; variants take turns",
        report.path
    );
    start_table(&title, &start_rows(report, |method| !method.in_container()))
}

fn containers(report: &Report) -> String {
    let engine = report.engine.measured().map_or(NONE, String::as_str);
    let title = format!(
        "Container: from `run` of {engine} to the first byte of a 200 on {1}, polled every 1 ms, {0}; c-control is an image of only the control",
        report.network, report.path
    );
    start_table(&title, &start_rows(report, Method::in_container))
}

fn start_rows(report: &Report, wanted: fn(Method) -> bool) -> Vec<Vec<String>> {
    // Sorted by method first, because ratios are only meaningful within one method.
    let mut starts: Vec<(&Variant, &StartFigures)> = report
        .variants
        .iter()
        .flat_map(|variant| variant.starts.iter().map(move |start| (variant, start)))
        .filter(|(_, start)| wanted(start.method))
        .collect();
    starts.sort_by_key(|(_, start)| (start.method, start.cache));
    starts.iter().map(|(variant, start)| start_row(variant, start)).collect()
}

fn start_row(variant: &Variant, start: &StartFigures) -> Vec<String> {
    let found = &start.summary;
    let times = [found.p50_ns, found.p90_ns, found.p99_ns, found.max_ns].map(milliseconds);
    let ratio = |ratio: Option<f64>| ratio.map_or(NONE.to_owned(), |ratio| format!("{ratio:.2}"));
    let interval = start.ratio_interval.map_or(NONE.to_owned(), |[low, high]| format!("{low:.2}–{high:.2}"));
    let from_clone = start.p50_from_clone_ns.map_or(NONE.to_owned(), milliseconds);
    let method = format!("{}{}", start.method.title(), start.cache.title());
    let names = [variant.name.clone(), method, found.n.to_string()];
    names
        .into_iter()
        .chain(times)
        .chain([ratio(start.ratio_to_control), interval, from_clone, ratio(start.ratio_from_clone)])
        .collect()
}

fn start_table(title: &str, rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let head = [
        "variant",
        "method",
        "n",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "max ms",
        "p50 × C",
        "95 %",
        "from clone ms",
        "× C",
    ];
    titled(title, 2, &head, rows)
}

fn footprint(report: &Report) -> String {
    let head = [
        "variant",
        "binary B",
        "image B",
        "pulled B",
        "Pss B, first response",
        "Pss B, idle",
        "private dirty B",
        "mapped B",
        "page faults",
        "system calls",
        "instructions",
    ];
    let rows: Vec<Vec<String>> = report.variants.iter().map(footprint_row).collect();
    let title = "Size, memory and counts: one start of each (n = 1); page faults and system calls up to the first \
                 response, instructions until the exit after it";
    titled(title, 1, &head, &rows)
}

fn footprint_row(variant: &Variant) -> Vec<String> {
    let bytes = |figure: Option<u64>| figure.map_or(NONE.to_owned(), thousands);
    let image = variant.image.measured();
    let memory = variant.memory.measured();
    vec![
        variant.name.clone(),
        bytes(variant.binary_bytes.measured().copied()),
        bytes(image.map(|image| image.uncompressed_bytes)),
        bytes(image.map(|image| image.pulled_bytes)),
        bytes(memory.map(|memory| memory.first_answer.pss_bytes)),
        bytes(memory.map(|memory| memory.idle.pss_bytes)),
        bytes(memory.map(|memory| memory.idle.private_dirty_bytes)),
        bytes(memory.map(|memory| memory.idle.mapped_bytes).filter(|bytes| *bytes > 0)),
        bytes(memory.map(|memory| memory.page_faults)),
        bytes(variant.syscalls.measured().map(|calls| calls.to_first_answer)),
        bytes(variant.instructions.measured().copied()),
    ]
}

fn goals(report: &Report) -> String {
    if report.verdicts.is_empty() {
        return String::new();
    }
    let rows: Vec<Vec<String>> = report
        .verdicts
        .iter()
        .map(|verdict| {
            let word = match (verdict.met, verdict.gate) {
                (Some(true), _) => "met",
                (Some(false), false) => "missed",
                (Some(false), true) => "GATE MISSED",
                (None, _) => "not measured",
            };
            let figure = verdict.figure.map_or(NONE.to_owned(), number);
            let kind = if verdict.gate { "gate" } else { "goal" };
            let words = [&verdict.name, &verdict.subject, kind, word].map(str::to_owned);
            words.into_iter().chain([figure, number(verdict.at_most)]).collect()
        })
        .collect();
    titled("Goals", 4, &["name", "variant", "kind", "verdict", "figure", "at most"], &rows)
}

/// Whole numbers as they are, ratios and seconds with three decimals.
fn number(figure: f64) -> String {
    if figure.fract() == 0.0 && figure >= 0.0 { thousands(figure as u64) } else { format!("{figure:.3}") }
}

fn notes(report: &Report) -> String {
    let mut lines = Vec::new();
    if busy(&report.host.load_before, report.host.cpus) {
        lines.push("the machine was busy before the run (see load), so times are noisy".to_owned());
    }
    let images = report.variants.iter().any(|variant| variant.image_name.is_some());
    if let Some(reason) = report.engine.skipped().filter(|_| images) {
        lines.push(format!("images skipped: {reason}"));
    }
    for variant in &report.variants {
        let runs_here = variant.kind != VariantKind::Image;
        let in_engine = variant.image_name.is_some() && report.engine.measured().is_some();
        let parts = [
            (runs_here, "memory", variant.memory.skipped()),
            (runs_here, "system calls", variant.syscalls.skipped()),
            (runs_here, "instructions", variant.instructions.skipped()),
            (in_engine, "image", variant.image.skipped()),
        ];
        let skipped = parts.into_iter().filter(|(wanted, ..)| *wanted);
        let skipped = skipped.filter_map(|(_, what, reason)| Some(format!("{what} skipped: {}", reason?)));
        let own = skipped.chain(variant.notes.iter().cloned());
        lines.extend(own.map(|line| format!("{}: {line}", variant.name)));
    }
    if starts_polled(report) {
        lines.push(POLLED.to_owned());
    }
    lines.push(report.excluded.clone());
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn starts_polled(report: &Report) -> bool {
    let mut starts = report.variants.iter().flat_map(|variant| &variant.starts);
    starts.any(|start| start.method == Method::ConnectPolling)
}
