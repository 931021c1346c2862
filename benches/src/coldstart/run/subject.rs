//! A program or an image during the run.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use benches::stats::nanoseconds;

use crate::args::{Args, Target};
use crate::footprint::{MemoryReport, Syscalls, instructions};
use crate::process::Program;
use crate::report::{Outcome, StartFigures, Variant, VariantKind};
use crate::start::{Method, PageCache, StartOptions, StartSeries, Timing, methods_of};

pub(crate) struct Subject {
    pub(crate) variant: Variant,
    pub(crate) series: Vec<StartSeries>,
    program: Option<Program>,
}

/// The control first, then the targets in the given order.
pub(crate) fn subjects(args: &Args, search: &str) -> Result<Vec<Subject>> {
    let control =
        Target { name: "c-control".to_owned(), binary: Some(args.control.clone()), ..Target::default() };
    let control = Subject::new(&control, VariantKind::Control, search)?;
    let targets = args.targets.iter().map(|target| {
        let kind = match target {
            Target { binary: Some(_), .. } => VariantKind::Binary,
            Target { command, .. } if !command.is_empty() => VariantKind::Command,
            Target { .. } => VariantKind::Image,
        };
        Subject::new(target, kind, search)
    });
    std::iter::once(Ok(control)).chain(targets).collect()
}

/// Finds out which methods each program supports, and adds a series for each.
///
/// # Errors
/// If a program answers by no method.
pub(crate) fn choose_methods(subjects: &mut [Subject], options: &StartOptions<'_>) -> Result<()> {
    for subject in &mut *subjects {
        let Some(program) = &subject.program else { continue };
        for method in methods_of(program, options)? {
            subject.add_series(method, PageCache::Warm);
        }
    }
    complete_control(subjects);
    Ok(())
}

/// Adds the series with the file out of the page cache. Measure them last: the file comes back into the page
/// cache in smaller pieces, which makes all later starts slower.
pub(crate) fn evict(subjects: &mut [Subject]) {
    subjects.iter_mut().for_each(Subject::add_evicted);
    complete_control(subjects);
}

/// Adds to the control each method that any program uses, so that every figure has its base.
fn complete_control(subjects: &mut [Subject]) {
    let all = subjects.iter().flat_map(|subject| &subject.series);
    let kinds: BTreeSet<_> = all.map(|series| (series.method, series.cache)).collect();
    if let Some(control) = subjects.first_mut() {
        let missing = kinds.into_iter().filter(|kind| !control.has(*kind));
        missing.collect::<Vec<_>>().into_iter().for_each(|(method, cache)| control.add_series(method, cache));
    }
}

impl Subject {
    fn new(target: &Target, kind: VariantKind, search: &str) -> Result<Self> {
        let mut variant = Variant::new(&target.name, kind);
        variant.image_name.clone_from(&target.image);
        variant.command = target.binary.as_ref().map_or(target.command.clone(), |file| vec![as_path(file)]);
        let mut program = None;
        if !variant.command.is_empty() {
            let found = Program::find(&variant.command, search)?;
            let bytes = fs::metadata(&found.file).context("the program's size")?.len();
            variant.binary_bytes = Outcome::Measured(bytes);
            program = Some(found);
        }
        Ok(Self { variant, series: Vec::new(), program })
    }

    fn has(&self, kind: (Method, PageCache)) -> bool {
        self.series.iter().any(|series| (series.method, series.cache) == kind)
    }

    fn add_series(&mut self, method: Method, cache: PageCache) {
        let name = &self.variant.name;
        let series = self.program.as_ref().map(|program| StartSeries::new(name, program, method, cache));
        self.series.extend(series);
    }

    /// Uses the program's best method. If its file cannot be evicted, adds a note instead.
    fn add_evicted(&mut self) {
        let (Some(program), Some(method)) = (&self.program, self.series.first().map(|series| series.method))
        else {
            return;
        };
        match PageCache::Evicted.prepare(&program.file) {
            Ok(()) => self.add_series(method, PageCache::Evicted),
            Err(reason) => self.variant.notes.push(format!("evicted skipped: {reason:#}")),
        }
    }

    /// Measures memory, system calls and instructions: one start each, by the program's best method.
    pub(crate) fn measure_footprint(&mut self, options: &StartOptions<'_>, settle: Duration, search: &str) {
        if let (Some(program), Some(first)) = (&self.program, self.series.first()) {
            self.variant.memory = MemoryReport::take(program, first.method, options, settle).into();
            self.variant.syscalls = Syscalls::count(program, first.method, options, search).into();
            self.variant.instructions = instructions(program, first.method, options, search).into();
        }
    }

    /// Returns the variant with the timings of its series.
    pub(crate) fn finish(mut self) -> Variant {
        for series in self.series {
            if series.killed > 0 {
                let note = format!(
                    "{} servers did not exit within 10 s after SIGTERM and were killed",
                    series.killed
                );
                self.variant.notes.push(note);
            }
            if let Some(reason) = series.not_evicted.last() {
                let note = format!("{} evicted starts skipped: {reason}", series.not_evicted.len());
                self.variant.notes.push(note);
            }
            let ns = |of: fn(&Timing) -> Duration| {
                series.timings.iter().map(|timing| nanoseconds(of(timing))).collect()
            };
            let (from_exec, from_clone) = (ns(|timing| timing.from_exec), ns(|timing| timing.from_clone));
            let figures = StartFigures::new(series.method, series.cache, from_exec, from_clone);
            self.variant.starts.extend(figures);
        }
        self.variant
    }
}

/// Makes the name a path, so that it names a file of the current folder instead of a command in `PATH`.
fn as_path(file: &str) -> String {
    Path::new(".").join(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_is_a_file_instead_of_a_command_in_path() {
        assert_eq!(as_path("sh"), "./sh");
        assert_eq!(as_path("/bin/sh"), "/bin/sh");
    }
}
