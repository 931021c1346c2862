//! Describes the machine, the compilers and the commit of a run.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// What a reader needs to judge the figures or to reproduce them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Host {
    pub(crate) kernel: String,
    pub(crate) cpu: String,
    pub(crate) cpus: usize,
    /// `None` if the process may use only one CPU.
    pub(crate) harness_cpu: Option<usize>,
    pub(crate) server_cpu: Option<usize>,
    /// The load averages of 1, 5 and 15 minutes.
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    /// `rustc -vV` of each compiler found. The harness cannot tell which one built a binary.
    pub(crate) rustc: BTreeMap<String, String>,
    pub(crate) commit: Option<String>,
    /// Whether the working tree differs from the commit.
    pub(crate) modified: Option<bool>,
}

impl Host {
    /// Reads the machine's description, and the commit of the folder `source`.
    pub(crate) fn describe(source: &Path) -> Self {
        let git = |words: &[&str]| output(Command::new("git").arg("-C").arg(source).args(words));
        let rustc = ["rustc", "/usr/bin/rustc"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), output(Command::new(name).arg("-vV"))?)))
            .collect();
        Self {
            kernel: read("/proc/sys/kernel/osrelease"),
            cpu: cpu_name(&read("/proc/cpuinfo")).unwrap_or_else(|| "unknown".to_owned()),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            harness_cpu: None,
            server_cpu: None,
            load_before: load(),
            load_after: String::new(),
            rustc,
            commit: git(&["rev-parse", "HEAD"]),
            modified: git(&["status", "--porcelain"]).map(|changes| !changes.is_empty()),
        }
    }
}

/// The current load averages of 1, 5 and 15 minutes.
pub(crate) fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Whether the 1-minute load average is at least half the number of CPUs.
pub(crate) fn busy(load: &str, cpus: usize) -> bool {
    let minute = load.split(' ').next().and_then(|minute| minute.parse::<f64>().ok());
    minute.is_some_and(|minute| minute >= cpus as f64 / 2.0)
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cpu_name(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_name_is_read_from_cpuinfo() {
        let cpuinfo = "processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n";
        assert_eq!(cpu_name(cpuinfo).as_deref(), Some("AMD EPYC"));
        assert_eq!(cpu_name("processor : 0"), None);
    }

    #[test]
    fn machine_is_busy_when_half_its_cpus_are() {
        assert!(busy("1.00 0.10 0.10", 2));
        assert!(!busy("0.99 5.00 5.00", 2));
        assert!(!busy("", 2), "an unknown load is not busy");
    }
}
