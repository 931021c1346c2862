//! The report as text for a person: every figure with its unit and its n.

use crate::host;
use crate::report::{Kind, Report, Start, Variant};
use crate::start::Method;
use crate::table::{Style, milliseconds, thousands, titled};

const NONE: &str = "–";
const POLLED: &str = "connect polled: the server takes no listener and writes no ready byte; each figure is \
up to 1 ms late, and the polling takes CPU time";

/// All tables, with what was left out and why.
pub(crate) fn print(report: &Report, style: Style) -> String {
    let parts = [
        machine(report),
        starts(report, style),
        containers(report, style),
        weights(report, style),
        goals(report, style),
        notes(report, style),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

fn machine(report: &Report) -> String {
    let host = &report.host;
    let pinned = match (host.harness_cpu, host.server_cpu) {
        (Some(harness), Some(server)) => format!("harness on CPU {harness}, server on CPU {server}"),
        _ => "one CPU: harness and server share it".to_owned(),
    };
    let commit = match (&host.commit, host.modified) {
        (Some(commit), Some(true)) => format!("{commit} with changes"),
        (Some(commit), _) => commit.clone(),
        (None, _) => "none".to_owned(),
    };
    let partial = if report.partial { "PARTIAL: the run was interrupted\n" } else { "" };
    format!(
        "{}, {} CPUs, Linux {}; load {} before, {} after\n{pinned}; commit {commit}\n{partial}",
        host.cpu, host.cpus, host.kernel, host.load_before, host.load_after
    )
}

fn starts(report: &Report, style: Style) -> String {
    let title = format!(
        "Start: right before execve to the first byte of a 200 on {}; files in the page cache unless evicted, variants in turn",
        report.path
    );
    start_table(&title, style, &start_rows(report, |method| !method.in_container()))
}

fn containers(report: &Report, style: Style) -> String {
    let engine = report.engine.measured().map_or(NONE, String::as_str);
    let title = format!(
        "Container: `run` of {engine}, polled every 1 ms, {}, to the first byte of a 200 on {}; c-control is the empty container",
        report.network, report.path
    );
    start_table(&title, style, &start_rows(report, Method::in_container))
}

fn start_rows(report: &Report, wanted: fn(Method) -> bool) -> Vec<Vec<String>> {
    // By method first, for ratios hold within one method.
    let mut starts: Vec<(&Variant, &Start)> = report
        .variants
        .iter()
        .flat_map(|variant| variant.starts.iter().map(move |start| (variant, start)))
        .filter(|(_, start)| wanted(start.method))
        .collect();
    starts.sort_by_key(|(_, start)| (start.method, start.cache));
    starts.iter().map(|(variant, start)| start_row(variant, start)).collect()
}

fn start_row(variant: &Variant, start: &Start) -> Vec<String> {
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

fn start_table(title: &str, style: Style, rows: &[Vec<String>]) -> String {
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
    titled(style, title, 2, &head, rows)
}

fn weights(report: &Report, style: Style) -> String {
    let head = [
        "variant",
        "binary B",
        "image B",
        "pulled B",
        "Pss B, answered",
        "Pss B, idle",
        "private dirty B",
        "mapped B",
        "page faults",
        "syscalls",
        "instructions",
    ];
    let rows: Vec<Vec<String>> = report.variants.iter().map(weight_row).collect();
    let title = "Weight: one look at each (n = 1); page faults and syscalls up to the first answer, instructions \
                 from the start to the end after it";
    titled(style, title, 1, &head, &rows)
}

fn weight_row(variant: &Variant) -> Vec<String> {
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

fn goals(report: &Report, style: Style) -> String {
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
    titled(style, "Goals", 4, &["name", "variant", "kind", "verdict", "figure", "at most"], &rows)
}

/// Counts and bytes as they are, ratios and seconds with three decimals.
pub(crate) fn number(figure: f64) -> String {
    if figure.fract() == 0.0 && figure >= 0.0 { thousands(figure as u64) } else { format!("{figure:.3}") }
}

fn notes(report: &Report, style: Style) -> String {
    let mut lines = Vec::new();
    if host::busy(&report.host.load_before, report.host.cpus) {
        lines.push("the machine was busy before the run (see load): times are noisy".to_owned());
    }
    let images = report.variants.iter().any(|variant| variant.image_name.is_some());
    if let Some(reason) = report.engine.why_not().filter(|_| images) {
        lines.push(format!("images skipped: {reason}"));
    }
    for variant in &report.variants {
        let runs_here = variant.kind != Kind::Image;
        let in_engine = variant.image_name.is_some() && report.engine.measured().is_some();
        let parts = [
            (runs_here, "memory", variant.memory.why_not()),
            (runs_here, "syscalls", variant.syscalls.why_not()),
            (runs_here, "instructions", variant.instructions.why_not()),
            (in_engine, "image", variant.image.why_not()),
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
    let sign = if style == Style::Markdown { "- " } else { "" };
    lines.iter().map(|line| format!("{sign}{line}\n")).collect()
}

fn starts_polled(report: &Report) -> bool {
    let mut starts = report.variants.iter().flat_map(|variant| &variant.starts);
    starts.any(|start| start.method == Method::ConnectPolling)
}
