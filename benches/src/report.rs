//! The record of one run: what `--json` writes, and what the tables are printed from.

use serde::{Deserialize, Serialize};

use crate::container::ImageSize;
use crate::footprint::{MemoryReport, Syscalls};
use crate::goals::Verdict;
use crate::host::Host;
use crate::ratio::{ratio, ratio_interval};
use crate::start::{Cache, Method};
use crate::stats::{self, Summary};

/// What no figure here contains.
pub(crate) const EXCLUDED: &str = "Excluded everywhere: pulling the image, the scheduler's queue, and \
the seconds that a platform itself takes. Ratios hold within this run alone.";

/// Raised when a field changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) taken_unix_s: u64,
    /// Whether the run was interrupted: what follows is what was measured until then.
    #[serde(default)]
    pub(crate) partial: bool,
    pub(crate) arguments: Vec<String>,
    pub(crate) host: Host,
    /// The engine that ran the containers.
    pub(crate) engine: Outcome<String>,
    /// How the containers are reached.
    pub(crate) network: String,
    pub(crate) path: String,
    pub(crate) excluded: String,
    /// The control comes first.
    pub(crate) variants: Vec<Variant>,
    pub(crate) verdicts: Vec<Verdict>,
}

/// One program or image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) command: Vec<String>,
    pub(crate) image_name: Option<String>,
    pub(crate) starts: Vec<Start>,
    pub(crate) binary_bytes: Outcome<u64>,
    pub(crate) image: Outcome<ImageSize>,
    pub(crate) memory: Outcome<MemoryReport>,
    pub(crate) syscalls: Outcome<Syscalls>,
    #[serde(default = "not_asked_for")]
    pub(crate) instructions: Outcome<u64>,
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Control,
    Binary,
    /// The file is the command's first word: perhaps an interpreter.
    Command,
    Image,
}

/// One variant's starts by one method.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Start {
    pub(crate) method: Method,
    #[serde(default)]
    pub(crate) cache: Cache,
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// p50 over the control's p50 by the same method.
    pub(crate) ratio_to_control: Option<f64>,
    /// Its 95 % interval, by the bootstrap.
    #[serde(default)]
    pub(crate) ratio_interval: Option<[f64; 2]>,
    /// The median with process creation and the move to the server's CPU, which all variants pay alike.
    pub(crate) p50_from_clone_ns: Option<u64>,
    pub(crate) ratio_from_clone: Option<f64>,
    /// In the order of the rounds, from right before `execve` (of the engine's client for an image).
    pub(crate) runs_ns: Vec<u64>,
    /// The same runs from right before `clone`.
    pub(crate) runs_from_clone_ns: Vec<u64>,
}

/// A figure, or why there is none.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome<T> {
    Measured(T),
    Skipped(String),
}

impl<T> Outcome<T> {
    pub(crate) fn measured(&self) -> Option<&T> {
        match self {
            Self::Measured(figure) => Some(figure),
            Self::Skipped(_) => None,
        }
    }

    pub(crate) fn why_not(&self) -> Option<&str> {
        match self {
            Self::Measured(_) => None,
            Self::Skipped(reason) => Some(reason),
        }
    }
}

impl<T> From<anyhow::Result<T>> for Outcome<T> {
    fn from(result: anyhow::Result<T>) -> Self {
        result.map_or_else(|error| Self::Skipped(format!("{error:#}")), Self::Measured)
    }
}

impl Variant {
    pub(crate) fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            command: Vec::new(),
            image_name: None,
            starts: Vec::new(),
            binary_bytes: Outcome::Skipped("no program was given".to_owned()),
            image: Outcome::Skipped("no image was given".to_owned()),
            memory: Outcome::Skipped("no program was given".to_owned()),
            syscalls: Outcome::Skipped("no program was given".to_owned()),
            instructions: Outcome::Skipped("no program was given".to_owned()),
            notes: Vec::new(),
        }
    }

    pub(crate) fn ratio(&self, method: Method) -> Option<f64> {
        self.start(method, Cache::Warm)?.ratio_to_control
    }

    pub(crate) fn start(&self, method: Method, cache: Cache) -> Option<&Start> {
        self.starts.iter().find(|start| (start.method, start.cache) == (method, cache))
    }
}

impl Start {
    /// None without runs.
    pub(crate) fn new(
        method: Method,
        cache: Cache,
        runs_ns: Vec<u64>,
        runs_from_clone_ns: Vec<u64>,
    ) -> Option<Self> {
        let summary = stats::summary(&runs_ns)?;
        let p50_from_clone_ns = stats::summary(&runs_from_clone_ns).map(|found| found.p50_ns);
        Some(Self {
            method,
            cache,
            summary,
            ratio_to_control: None,
            ratio_interval: None,
            p50_from_clone_ns,
            ratio_from_clone: None,
            runs_ns,
            runs_from_clone_ns,
        })
    }
}

/// In a record of before there was such a figure.
fn not_asked_for() -> Outcome<u64> {
    Outcome::Skipped("it was not asked for".to_owned())
}

/// Fills in every ratio: to the control, by the same method, in this run.
pub(crate) fn add_ratios(variants: &mut [Variant]) {
    let control = variants.iter().find(|variant| variant.kind == Kind::Control).cloned();
    let starts = variants.iter_mut().flat_map(|variant| {
        let kind = variant.kind;
        variant.starts.iter_mut().map(move |start| (kind, start))
    });
    for (kind, start) in starts {
        let floor = control.as_ref().and_then(|control| control.start(start.method, start.cache));
        let Some(floor) = floor else { continue };
        start.ratio_to_control = ratio(start.summary.p50_ns, floor.summary.p50_ns);
        if kind != Kind::Control {
            start.ratio_interval = ratio_interval(&start.runs_ns, &floor.runs_ns);
        }
        let both = start.p50_from_clone_ns.zip(floor.p50_from_clone_ns);
        start.ratio_from_clone = both.and_then(|(own, floor)| ratio(own, floor));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str, kind: Kind, starts: &[(Method, u64)]) -> Variant {
        let starts =
            starts.iter().filter_map(|(method, ns)| Start::new(*method, Cache::Warm, vec![*ns], vec![]));
        Variant { starts: starts.collect(), ..Variant::new(name, kind) }
    }

    #[test]
    fn a_ratio_compares_one_method_with_itself_alone() {
        let (a, polled) = (Method::InheritedListener, Method::ConnectPolling);
        let mut variants = [
            variant("c-control", Kind::Control, &[(a, 100)]),
            variant("one", Kind::Command, &[(a, 150), (polled, 9000)]),
        ];
        add_ratios(&mut variants);
        assert_eq!(variants[0].ratio(a), Some(1.0));
        assert_eq!((variants[1].ratio(a), variants[1].ratio(polled)), (Some(1.5), None));
    }
}
