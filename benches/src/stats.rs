//! Percentiles of measured times.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Count, percentiles and maximum of a series, in nanoseconds. Percentiles are nearest-rank, so each
/// one is a time that was really measured.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the field names say it all")]
pub struct Summary {
    pub n: usize,
    pub p50_ns: u64,
    pub p90_ns: u64,
    pub p99_ns: u64,
    pub max_ns: u64,
}

/// Returns `None` if there are no samples.
pub fn summary(samples: &[u64]) -> Option<Summary> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let at = |percent| percentile_of(&sorted, percent);
    Some(Summary { n: sorted.len(), p50_ns: at(50)?, p90_ns: at(90)?, p99_ns: at(99)?, max_ns: at(100)? })
}

/// The nearest-rank percentile of samples that are already sorted.
pub fn percentile_of(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (percent * sorted.len()).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// A duration in nanoseconds; `u64::MAX` if it does not fit.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank_in_any_input_order() {
        let mut runs: Vec<u64> = (1..=200).rev().collect();
        let found = summary(&runs).unwrap();
        assert_eq!(found, Summary { n: 200, p50_ns: 100, p90_ns: 180, p99_ns: 198, max_ns: 200 });
        runs.truncate(1);
        let one = summary(&runs).unwrap();
        assert_eq!((one.p50_ns, one.p99_ns, one.max_ns), (200, 200, 200));
    }

    #[test]
    fn percentile_is_always_a_measured_sample() {
        let found = summary(&[10, 1000]).unwrap();
        assert_eq!((found.p50_ns, found.p90_ns), (10, 1000));
    }

    #[test]
    fn no_samples_give_no_summary() {
        assert_eq!(summary(&[]), None);
    }
}
