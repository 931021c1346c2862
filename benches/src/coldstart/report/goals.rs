//! Compares the figures with the bounds of the goals file. A missed gate is exit code 1.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::record::{Variant, Verdict};
use crate::start::Method;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GoalsFile {
    row: Vec<GoalRow>,
    /// Read by scripts/measure-load.sh instead.
    #[serde(default, rename = "load")]
    _load: Vec<serde::de::IgnoredAny>,
    /// Read by scripts/measure_crash.py instead.
    #[serde(default, rename = "crash")]
    _crash: Vec<serde::de::IgnoredAny>,
}

/// Upper bounds of one metric for some variants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GoalRow {
    name: String,
    subjects: Vec<String>,
    metric: Metric,
    goal: Option<f64>,
    gate: Option<f64>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Metric {
    /// p50 with an inherited listener, divided by the control's.
    StartRatio,
    /// p50 with bind included, divided by the control's.
    ReadyRatio,
    /// The slowest start outside a container.
    StartMaxSeconds,
    ContainerMaxSeconds,
    IdlePssBytes,
    SyscallsToFirstAnswer,
    PageFaults,
    BinaryBytes,
    ImageBytes,
    ImageOverBinaryBytes,
    PulledBytes,
}

/// Reads the rows of the goals file.
///
/// # Errors
/// If a metric is unknown, a row has no bound, or a ratio has a gate.
pub(crate) fn parse(text: &str) -> Result<Vec<GoalRow>> {
    let file: GoalsFile = toml::from_str(text).context("the goals file")?;
    for row in &file.row {
        ensure!(row.goal.is_some() || row.gate.is_some(), "goal {:?} has neither goal nor gate", row.name);
        ensure!(row.gate.is_none() || row.metric.may_gate(), "goal {:?}: a ratio cannot be a gate", row.name);
    }
    Ok(file.row)
}

/// Returns one verdict per bound, for each of the row's subjects that is a variant of this run.
pub(crate) fn judge(rows: &[GoalRow], variants: &[Variant]) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for row in rows {
        for variant in variants.iter().filter(|variant| row.subjects.contains(&variant.name)) {
            let figure = row.metric.of(variant);
            let bounds =
                row.goal.map(|bound| (bound, false)).into_iter().chain(row.gate.map(|bound| (bound, true)));
            verdicts.extend(bounds.map(|(at_most, gate)| Verdict {
                name: row.name.clone(),
                subject: variant.name.clone(),
                at_most,
                figure,
                met: figure.map(|figure| figure <= at_most),
                gate,
            }));
        }
    }
    verdicts
}

/// Whether a gate was missed. A missing figure misses no gate.
pub(crate) fn gate_missed(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| verdict.gate && verdict.met == Some(false))
}

impl Metric {
    /// A ratio of two times also depends on other load on the machine, so it cannot be a gate.
    fn may_gate(self) -> bool {
        !matches!(self, Self::StartRatio | Self::ReadyRatio)
    }

    fn of(self, variant: &Variant) -> Option<f64> {
        let slowest = |container: bool| {
            let rows = variant.starts.iter().filter(|row| row.method.in_container() == container);
            rows.map(|row| row.summary.max_ns).max().map(|ns| ns as f64 / 1e9)
        };
        let binary = variant.binary_bytes.measured().map(|bytes| *bytes as f64);
        let image = variant.image.measured();
        match self {
            Self::StartRatio => variant.ratio(Method::InheritedListener),
            Self::ReadyRatio => variant.ratio(Method::BindIncluded),
            Self::StartMaxSeconds => slowest(false),
            Self::ContainerMaxSeconds => slowest(true),
            Self::IdlePssBytes => variant.memory.measured().map(|memory| memory.idle.pss_bytes as f64),
            Self::SyscallsToFirstAnswer => {
                variant.syscalls.measured().map(|calls| calls.to_first_answer as f64)
            }
            Self::PageFaults => variant.memory.measured().map(|memory| memory.page_faults as f64),
            Self::BinaryBytes => binary,
            Self::ImageBytes => image.map(|image| image.uncompressed_bytes as f64),
            Self::ImageOverBinaryBytes => Some(image?.uncompressed_bytes as f64 - binary?),
            Self::PulledBytes => image.map(|image| image.pulled_bytes as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::ImageSize;
    use crate::report::{Outcome, VariantKind};

    fn variant(binary: u64, image: u64) -> Variant {
        let mut variant = Variant::new("one", VariantKind::Binary);
        variant.binary_bytes = Outcome::Measured(binary);
        variant.image = Outcome::Measured(ImageSize { uncompressed_bytes: image, pulled_bytes: 0 });
        variant
    }

    fn row(metric: &str, bounds: &str) -> String {
        format!("[[row]]\nname = \"n\"\nsubjects = [\"one\"]\nmetric = \"{metric}\"\n{bounds}\n")
    }

    #[test]
    fn bound_is_met_up_to_and_including_its_value() {
        let rows = parse(&row("image-over-binary-bytes", "goal = 10\ngate = 4096")).unwrap();
        let verdicts = judge(&rows, &[variant(100, 100 + 4096)]);
        let found: Vec<_> = verdicts.iter().map(|verdict| (verdict.gate, verdict.met)).collect();
        assert_eq!(found, [(false, Some(false)), (true, Some(true))]);
        assert_eq!(judge(&rows, &[variant(100, 100 + 4097)])[1].met, Some(false));
    }

    #[test]
    fn missing_figure_is_neither_met_nor_missed() {
        let rows = parse(&row("idle-pss-bytes", "gate = 1")).unwrap();
        assert_eq!(judge(&rows, &[variant(1, 1)])[0].met, None);
        assert_eq!(judge(&rows, &[Variant::new("other", VariantKind::Binary)]), []);
    }

    #[test]
    fn ratio_cannot_be_a_gate() {
        let error = parse(&row("start-ratio", "gate = 1.6")).unwrap_err().to_string();
        assert!(error.contains("cannot be a gate"), "{error}");
    }

    #[test]
    fn row_without_a_bound_or_with_an_unknown_metric_is_rejected() {
        assert!(parse(&row("binary-bytes", "")).is_err());
        assert!(parse(&row("binary-bites", "goal = 1")).is_err());
        assert!(parse(&row("binary-bytes", "goal = 1\nlimit = 2")).is_err());
    }

    #[test]
    fn committed_goals_file_is_valid() {
        assert!(parse(include_str!("../../../goals.toml")).is_ok());
    }
}
