//! Reads the memory of a server from `/proc/PID/smaps_rollup`, after its first response and at rest.

use std::fs;
use std::ops::Add;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::process::Program;
use crate::start::{Method, StartOptions, start};

/// Bytes, summed over the server's processes.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Memory {
    /// Resident; a shared page is divided by the number of processes that share it.
    pub(crate) pss_bytes: u64,
    pub(crate) rss_bytes: u64,
    /// Pages that only this process maps and that it has written: the least that one more instance costs.
    pub(crate) private_dirty_bytes: u64,
    /// All mapped addresses, resident or not.
    #[serde(default)]
    pub(crate) mapped_bytes: u64,
}

/// Two readings of one server.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MemoryReport {
    /// Right after the first response, with the connection open.
    pub(crate) first_answer: Memory,
    /// After that connection was closed and a pause.
    pub(crate) idle: Memory,
    pub(crate) pause_s: f64,
    /// Page faults up to the first response, with the file in the page cache.
    pub(crate) page_faults: u64,
}

impl MemoryReport {
    /// Starts the server once to read its memory.
    ///
    /// # Errors
    /// If the server does not start, or `/proc` cannot be read.
    pub(crate) fn take(
        program: &Program,
        method: Method,
        options: &StartOptions<'_>,
        pause: Duration,
    ) -> Result<Self> {
        let mut serving = start(method, program, options)?;
        let page_faults = faults(serving.child.id())?;
        let first_answer = of_tree(serving.child.id())?;
        serving.connection = None;
        thread::sleep(pause);
        let idle = of_tree(serving.child.id())?;
        serving.end()?;
        Ok(Self { first_answer, idle, pause_s: pause.as_secs_f64(), page_faults })
    }
}

/// Sums the process and its children, because a server may have workers.
fn of_tree(pid: i32) -> Result<Memory> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let own = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .with_context(|| format!("/proc/{pid}/smaps_rollup"))?;
    let mut own = parse(&own).context("smaps_rollup has no Pss, Rss or Private_Dirty")?;
    own.mapped_bytes = mapped(pid)?;
    children.split_whitespace().try_fold(own, |sum, child| Ok(sum + of_tree(child.parse()?)?))
}

/// The first field of statm, in pages.
fn mapped(pid: i32) -> Result<u64> {
    let file = format!("/proc/{pid}/statm");
    let statm = fs::read_to_string(&file).with_context(|| file.clone())?;
    let pages: u64 = statm.split(' ').next().unwrap_or_default().parse().context(file)?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Minor and major page faults of the first process.
fn faults(pid: i32) -> Result<u64> {
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).with_context(|| file.clone())?;
    parse_faults(&stat).with_context(|| format!("{file} has no fault counts"))
}

/// Fields 10 and 12 of proc(5). Field 2, the name, can contain any character, so it counts from its end.
fn parse_faults(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(") ")?;
    let field = |number: usize| after_name.split(' ').nth(number - 3)?.parse::<u64>().ok();
    Some(field(10)? + field(12)?)
}

fn parse(rollup: &str) -> Option<Memory> {
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1024)
    };
    Some(Memory {
        pss_bytes: field("Pss")?,
        rss_bytes: field("Rss")?,
        private_dirty_bytes: field("Private_Dirty")?,
        mapped_bytes: 0,
    })
}

impl Add for Memory {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            pss_bytes: self.pss_bytes + other.pss_bytes,
            rss_bytes: self.rss_bytes + other.rss_bytes,
            private_dirty_bytes: self.private_dirty_bytes + other.private_dirty_bytes,
            mapped_bytes: self.mapped_bytes + other.mapped_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLLUP: &str = "\
7f0000000000-7fff00000000 ---p 00000000 00:00 0                          [rollup]
Rss:                 512 kB
Pss:                 464 kB
Pss_Dirty:            88 kB
Pss_Anon:             60 kB
Shared_Clean:         48 kB
Private_Clean:       376 kB
Private_Dirty:        88 kB
";

    #[test]
    fn pss_is_read_from_its_own_line_instead_of_pss_dirty() {
        let found = parse(ROLLUP).unwrap();
        let expected = Memory {
            pss_bytes: 464 * 1024,
            rss_bytes: 512 * 1024,
            private_dirty_bytes: 88 * 1024,
            mapped_bytes: 0,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn missing_line_is_no_measurement_instead_of_zero() {
        assert_eq!(parse(&ROLLUP.replace("Private_Dirty", "Other")), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn faults_are_read_with_any_program_name() {
        let stat = "7 (a) b (c) R 1 7 7 0 -1 4194304 145 0 2 0 0 1 0 0 20 0 1 0 99 0 0";
        assert_eq!(parse_faults(stat), Some(147));
        assert_eq!(parse_faults("7 (a) R 1"), None);
    }

    #[test]
    fn memory_of_the_harness_itself_can_be_read() {
        let own = of_tree(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.pss_bytes > 0 && own.pss_bytes <= own.rss_bytes && own.rss_bytes <= own.mapped_bytes);
    }
}
