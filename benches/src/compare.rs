//! What moved between two records, and what is only noise.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::ratio::{interval, ratio};
use crate::report::{Kind, Report, SCHEMA, Start, Variant};
use crate::table::{Style, thousands, titled};

/// Tables of starts and of counts, for what both records have.
pub(crate) fn compare(old: &str, new: &str) -> Result<String> {
    let (old, new) = (read(old)?, read(new)?);
    let machine =
        |report: &Report| (report.host.cpu.clone(), report.host.kernel.clone(), report.path.clone());
    let mut said = String::new();
    if machine(&old) != machine(&new) {
        said.push_str("The machines or the paths differ: this compares more than the programs.\n");
    }
    let rows = starts(&old, &new);
    let head = ["variant", "method", "old × C", "new × C", "new/old", "95 %", "verdict"];
    let title = "Starts: the ratio to the control, of two runs; it moved where the interval leaves 1 out. Of twenty \
                 rows, one moves by chance";
    said.push_str(&titled(Style::Terminal, title, 2, &head, &rows));
    let rows = weights(&old, &new);
    said.push_str(&titled(
        Style::Terminal,
        "Weight: what differs",
        2,
        &["variant", "what", "old", "new", "change"],
        &rows,
    ));
    Ok(said)
}

fn read(file: &str) -> Result<Report> {
    let report: Report = serde_json::from_slice(&fs::read(file).with_context(|| file.to_owned())?)
        .with_context(|| format!("{file} is no record of this harness"))?;
    ensure!(report.schema == SCHEMA, "{file}: schema {}, not {SCHEMA}", report.schema);
    Ok(report)
}

/// The variants that both records have, with their controls.
fn pairs<'a>(old: &'a Report, new: &'a Report) -> impl Iterator<Item = (&'a Variant, &'a Variant)> {
    let with_name = |name: &str| old.variants.iter().find(|variant| variant.name == name);
    new.variants.iter().filter_map(move |variant| Some((with_name(&variant.name)?, variant)))
}

fn starts(old: &Report, new: &Report) -> Vec<Vec<String>> {
    let (Some(old_control), Some(new_control)) = (control(old), control(new)) else { return Vec::new() };
    let programs = pairs(old, new).filter(|(_, variant)| variant.kind != Kind::Control);
    programs
        .flat_map(|(before, after)| after.starts.iter().map(move |start| (before, after, start)))
        .filter_map(|(before, after, start)| {
            let same = |variant: &'_ Variant| {
                variant.start(start.method, start.cache).map(|start| start.runs_ns.clone())
            };
            let sets = [same(before)?, same(old_control)?, start.runs_ns.clone(), same(new_control)?];
            row(
                &after.name,
                before.start(start.method, start.cache)?,
                start,
                sets.each_ref().map(Vec::as_slice),
            )
        })
        .collect()
}

fn control(report: &Report) -> Option<&Variant> {
    report.variants.iter().find(|variant| variant.kind == Kind::Control)
}

fn row(name: &str, old: &Start, new: &Start, sets: [&[u64]; 4]) -> Option<Vec<String>> {
    let times = new.ratio_to_control? / old.ratio_to_control?;
    let [low, high] = interval(sets, |[old, old_control, new, new_control]| {
        Some(ratio(new, new_control)? / ratio(old, old_control)?)
    })?;
    let verdict = match (low, high) {
        _ if high < 1.0 => "faster",
        _ if low > 1.0 => "slower",
        _ => "within noise",
    };
    let figures = [old.ratio_to_control?, new.ratio_to_control?, times].map(|figure| format!("{figure:.2}"));
    let method = format!("{}{}", new.method.title(), new.cache.title());
    let names = [name.to_owned(), method].into_iter().chain(figures);
    Some(names.chain([format!("{low:.2}–{high:.2}"), verdict.to_owned()]).collect())
}

fn weights(old: &Report, new: &Report) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (before, after) in pairs(old, new) {
        for ((what, old), (_, new)) in counts(before).into_iter().zip(counts(after)) {
            if let (Some(old), Some(new)) = (old, new)
                && old != new
            {
                let change = format!("{}{}", if new > old { "+" } else { "-" }, thousands(new.abs_diff(old)));
                rows.push(vec![after.name.clone(), what.to_owned(), thousands(old), thousands(new), change]);
            }
        }
    }
    rows
}

fn counts(variant: &Variant) -> [(&'static str, Option<u64>); 7] {
    let memory = variant.memory.measured();
    let image = variant.image.measured();
    [
        ("binary bytes", variant.binary_bytes.measured().copied()),
        ("image bytes", image.map(|image| image.uncompressed_bytes)),
        ("pulled bytes", image.map(|image| image.pulled_bytes)),
        ("Pss bytes, idle", memory.map(|memory| memory.idle.pss_bytes)),
        ("page faults", memory.map(|memory| memory.page_faults)),
        ("system calls", variant.syscalls.measured().map(|calls| calls.to_first_answer)),
        ("instructions", variant.instructions.measured().copied()),
    ]
}
