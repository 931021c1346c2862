//! One program or image on its way into the report.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::{Args, Target};
use crate::footprint::{MemoryReport, Syscalls, instructions};
use crate::process::Program;
use crate::report::{Kind, Outcome, Start, Variant};
use crate::start::{Cache, Method, Row, Setting, Timing, methods_of};

pub(crate) struct Subject {
    pub(crate) variant: Variant,
    pub(crate) rows: Vec<Row>,
    program: Option<Program>,
}

/// The control first, then the targets as they were given.
pub(crate) fn subjects(args: &Args, search: &str) -> Result<Vec<Subject>> {
    let control =
        Target { name: "c-control".to_owned(), binary: Some(args.control.clone()), ..Target::default() };
    let control = Subject::new(&control, Kind::Control, search)?;
    let targets = args.targets.iter().map(|target| {
        let kind = match target {
            Target { binary: Some(_), .. } => Kind::Binary,
            Target { command, .. } if !command.is_empty() => Kind::Command,
            Target { .. } => Kind::Image,
        };
        Subject::new(target, kind, search)
    });
    std::iter::once(Ok(control)).chain(targets).collect()
}

/// Asks every program which methods it knows.
pub(crate) fn choose_methods(subjects: &mut [Subject], setting: &Setting<'_>) -> Result<()> {
    for subject in &mut *subjects {
        let Some(program) = &subject.program else { continue };
        for method in methods_of(program, setting)? {
            subject.add_row(method, Cache::Warm);
        }
    }
    complete_control(subjects);
    Ok(())
}

/// Adds the rows with the file out of the page cache. It comes back in smaller pieces, which makes starts slower for
/// as long as it stays there, so all else is measured before.
pub(crate) fn evict(subjects: &mut [Subject]) {
    subjects.iter_mut().for_each(Subject::add_evicted);
    complete_control(subjects);
}

/// The control has every row that another one has: where one can only be polled, so is the control.
fn complete_control(subjects: &mut [Subject]) {
    let rows = subjects.iter().flat_map(|subject| &subject.rows).map(|row| (row.method, row.cache));
    let kinds: BTreeSet<_> = rows.collect();
    if let Some(control) = subjects.first_mut() {
        let lacking = kinds.into_iter().filter(|kind| !control.has(*kind));
        lacking.collect::<Vec<_>>().into_iter().for_each(|(method, cache)| control.add_row(method, cache));
    }
}

impl Subject {
    fn new(target: &Target, kind: Kind, search: &str) -> Result<Self> {
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
        Ok(Self { variant, rows: Vec::new(), program })
    }

    fn has(&self, kind: (Method, Cache)) -> bool {
        self.rows.iter().any(|row| (row.method, row.cache) == kind)
    }

    fn add_row(&mut self, method: Method, cache: Cache) {
        let name = &self.variant.name;
        self.rows.extend(self.program.as_ref().map(|program| Row::new(name, program, method, cache)));
    }

    /// By the best method that the program knows, where its file leaves the page cache.
    fn add_evicted(&mut self) {
        let (Some(program), Some(method)) = (&self.program, self.rows.first().map(|row| row.method)) else {
            return;
        };
        match Cache::Evicted.prepare(&program.file) {
            Ok(()) => self.add_row(method, Cache::Evicted),
            Err(reason) => self.variant.notes.push(format!("evicted skipped: {reason:#}")),
        }
    }

    /// Memory, system calls and instructions, one start each, by the best method that the program knows.
    pub(crate) fn weigh(&mut self, setting: &Setting<'_>, settle: Duration, search: &str) {
        if let (Some(program), Some(row)) = (&self.program, self.rows.first()) {
            self.variant.memory = MemoryReport::take(program, row.method, setting, settle).into();
            self.variant.syscalls = Syscalls::count(program, row.method, setting, search).into();
            self.variant.instructions = instructions(program, row.method, setting, search).into();
        }
    }

    /// The variant with its rows' timings.
    pub(crate) fn finish(mut self) -> Variant {
        for row in self.rows {
            if row.killed > 0 {
                let note = format!("{} of its servers outlived TERM by 10 s and were killed", row.killed);
                self.variant.notes.push(note);
            }
            if let Some(reason) = row.not_evicted.last() {
                let note = format!("{} evicted starts left out: {reason}", row.not_evicted.len());
                self.variant.notes.push(note);
            }
            let ns = |of: fn(&Timing) -> Duration| {
                row.timings.iter().map(|timing| nanoseconds(of(timing))).collect()
            };
            let start = Start::new(
                row.method,
                row.cache,
                ns(|timing| timing.from_exec),
                ns(|timing| timing.from_clone),
            );
            self.variant.starts.extend(start);
        }
        self.variant
    }
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A file of the current folder is meant, not a command of that name.
fn as_path(file: &str) -> String {
    Path::new(".").join(file).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_a_file_and_never_a_command_of_that_name() {
        assert_eq!(as_path("sh"), "./sh");
        assert_eq!(as_path("/bin/sh"), "/bin/sh");
    }
}
