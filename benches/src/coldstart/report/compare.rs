//! Compares two records, and tells changes from noise.

use std::fs;

use anyhow::{Context, Result, ensure};

use super::ratio::{interval, ratio};
use super::record::{Report, SCHEMA, StartFigures, Variant, VariantKind};
use super::table::{thousands, titled};

/// Compares two records written by `--json`, given as file names. Returns one table of starts and one
/// of counts, for the variants in both.
///
/// # Errors
/// If a file cannot be read, or is not a record of this schema.
pub(crate) fn compare(old: &str, new: &str) -> Result<String> {
    let (old, new) = (read(old)?, read(new)?);
    let machine =
        |report: &Report| (report.host.cpu.clone(), report.host.kernel.clone(), report.path.clone());
    let mut text = String::new();
    if machine(&old) != machine(&new) {
        text.push_str("The machines or the paths differ, so the programs are not the only difference.\n");
    }
    let rows = starts(&old, &new);
    let head = ["variant", "method", "old × C", "new × C", "new/old", "95 %", "verdict"];
    let title = "Starts: ratio to the control in each run. A start changed if the 95 % interval of new/old excludes \
                 1. One row in twenty changes by chance";
    text.push_str(&titled(title, 2, &head, &rows));
    let rows = footprint(&old, &new);
    let head = ["variant", "what", "old", "new", "change"];
    text.push_str(&titled("Size, memory and counts that differ", 2, &head, &rows));
    Ok(text)
}

fn read(file: &str) -> Result<Report> {
    let report: Report = serde_json::from_slice(&fs::read(file).with_context(|| file.to_owned())?)
        .with_context(|| format!("{file} is not a record written by --json"))?;
    ensure!(report.schema == SCHEMA, "{file}: schema {} instead of {SCHEMA}", report.schema);
    Ok(report)
}

/// The variants that are in both records, including the control.
fn pairs<'a>(old: &'a Report, new: &'a Report) -> impl Iterator<Item = (&'a Variant, &'a Variant)> {
    let with_name = |name: &str| old.variants.iter().find(|variant| variant.name == name);
    new.variants.iter().filter_map(move |variant| Some((with_name(&variant.name)?, variant)))
}

fn starts(old: &Report, new: &Report) -> Vec<Vec<String>> {
    let (Some(old_control), Some(new_control)) = (control(old), control(new)) else { return Vec::new() };
    let programs = pairs(old, new).filter(|(_, variant)| variant.kind != VariantKind::Control);
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
    report.variants.iter().find(|variant| variant.kind == VariantKind::Control)
}

fn row(name: &str, old: &StartFigures, new: &StartFigures, sets: [&[u64]; 4]) -> Option<Vec<String>> {
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

fn footprint(old: &Report, new: &Report) -> Vec<Vec<String>> {
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
