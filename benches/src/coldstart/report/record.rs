//! The record of one run. `--json` writes it, and the tables are printed from it.

use benches::stats::{self, Summary};
use serde::{Deserialize, Serialize};

use super::host::Host;
use super::ratio::{ratio, ratio_interval};
use crate::container::ImageSize;
use crate::footprint::{MemoryReport, Syscalls};
use crate::start::{Method, PageCache};

/// What no figure includes.
pub(crate) const EXCLUDED: &str = "No figure includes pulling the image, the scheduler's queue, or the \
seconds that a hosting platform adds. Compare ratios only within this run.";

/// Increased when a field changes its meaning.
pub(crate) const SCHEMA: u32 = 1;

#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: u32,
    pub(crate) taken_unix_s: u64,
    /// Whether the run was interrupted. It then holds what was measured until that moment.
    #[serde(default)]
    pub(crate) partial: bool,
    pub(crate) arguments: Vec<String>,
    pub(crate) host: Host,
    /// The container engine and its version.
    pub(crate) engine: Outcome<String>,
    /// How the harness reaches the containers.
    pub(crate) network: String,
    pub(crate) path: String,
    pub(crate) excluded: String,
    /// The first one is the control.
    pub(crate) variants: Vec<Variant>,
    pub(crate) verdicts: Vec<Verdict>,
}

/// One program or image.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) kind: VariantKind,
    pub(crate) command: Vec<String>,
    pub(crate) image_name: Option<String>,
    pub(crate) starts: Vec<StartFigures>,
    pub(crate) binary_bytes: Outcome<u64>,
    pub(crate) image: Outcome<ImageSize>,
    pub(crate) memory: Outcome<MemoryReport>,
    pub(crate) syscalls: Outcome<Syscalls>,
    #[serde(default = "not_measured")]
    pub(crate) instructions: Outcome<u64>,
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum VariantKind {
    Control,
    Binary,
    /// The binary's size is that of the command's first word, which may be an interpreter.
    Command,
    Image,
}

/// The starts of one variant by one method.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct StartFigures {
    pub(crate) method: Method,
    #[serde(default)]
    pub(crate) cache: PageCache,
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// p50 divided by the control's p50 of the same method.
    pub(crate) ratio_to_control: Option<f64>,
    /// The 95 % bootstrap interval of that ratio.
    #[serde(default)]
    pub(crate) ratio_interval: Option<[f64; 2]>,
    /// The median including process creation and the move to the server's CPU, which cost all variants
    /// the same.
    pub(crate) p50_from_clone_ns: Option<u64>,
    pub(crate) ratio_from_clone: Option<f64>,
    /// In the order of the rounds, from right before `execve` (for an image, that of the engine's client).
    pub(crate) runs_ns: Vec<u64>,
    /// The same runs from right before `clone`.
    pub(crate) runs_from_clone_ns: Vec<u64>,
}

/// A figure compared with one bound of the goals file.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Verdict {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) at_most: f64,
    /// `None` if this run did not measure it, which is not a miss.
    pub(crate) figure: Option<f64>,
    pub(crate) met: Option<bool>,
    pub(crate) gate: bool,
}

/// A figure, or the reason why it is missing.
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

    pub(crate) fn skipped(&self) -> Option<&str> {
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
    pub(crate) fn new(name: &str, kind: VariantKind) -> Self {
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
        self.start(method, PageCache::Warm)?.ratio_to_control
    }

    pub(crate) fn start(&self, method: Method, cache: PageCache) -> Option<&StartFigures> {
        self.starts.iter().find(|start| (start.method, start.cache) == (method, cache))
    }
}

impl StartFigures {
    /// Returns `None` if there are no runs.
    pub(crate) fn new(
        method: Method,
        cache: PageCache,
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

/// The value in records that are older than this figure.
fn not_measured() -> Outcome<u64> {
    Outcome::Skipped("not measured".to_owned())
}

/// Fills in each variant's ratio to the control, per method.
pub(crate) fn add_ratios(variants: &mut [Variant]) {
    let control = variants.iter().find(|variant| variant.kind == VariantKind::Control).cloned();
    let starts = variants.iter_mut().flat_map(|variant| {
        let kind = variant.kind;
        variant.starts.iter_mut().map(move |start| (kind, start))
    });
    for (kind, start) in starts {
        let base = control.as_ref().and_then(|control| control.start(start.method, start.cache));
        let Some(base) = base else { continue };
        start.ratio_to_control = ratio(start.summary.p50_ns, base.summary.p50_ns);
        if kind != VariantKind::Control {
            start.ratio_interval = ratio_interval(&start.runs_ns, &base.runs_ns);
        }
        let both = start.p50_from_clone_ns.zip(base.p50_from_clone_ns);
        start.ratio_from_clone = both.and_then(|(own, base)| ratio(own, base));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(name: &str, kind: VariantKind, starts: &[(Method, u64)]) -> Variant {
        let starts = starts
            .iter()
            .filter_map(|(method, ns)| StartFigures::new(*method, PageCache::Warm, vec![*ns], vec![]));
        Variant { starts: starts.collect(), ..Variant::new(name, kind) }
    }

    #[test]
    fn ratio_divides_figures_of_the_same_method_only() {
        let (a, polled) = (Method::InheritedListener, Method::ConnectPolling);
        let mut variants = [
            variant("c-control", VariantKind::Control, &[(a, 100)]),
            variant("one", VariantKind::Command, &[(a, 150), (polled, 9000)]),
        ];
        add_ratios(&mut variants);
        assert_eq!(variants[0].ratio(a), Some(1.0));
        assert_eq!((variants[1].ratio(a), variants[1].ratio(polled)), (Some(1.5), None));
    }
}
