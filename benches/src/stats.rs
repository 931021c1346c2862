//! Percentiles of the raw runs.

use serde::{Deserialize, Serialize};

/// A row's figures, in nanoseconds. Percentiles are nearest-rank: each one is a run that happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) n: usize,
    pub(crate) p50_ns: u64,
    pub(crate) p90_ns: u64,
    pub(crate) p99_ns: u64,
    pub(crate) max_ns: u64,
}

/// None without samples: there is no percentile of nothing.
pub(crate) fn summary(samples: &[u64]) -> Option<Summary> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let at = |percent| percentile_of(&sorted, percent);
    Some(Summary { n: sorted.len(), p50_ns: at(50)?, p90_ns: at(90)?, p99_ns: at(99)?, max_ns: at(100)? })
}

/// Nearest-rank, of sorted samples.
pub(crate) fn percentile_of(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (percent * sorted.len()).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank_whatever_the_order() {
        let mut runs: Vec<u64> = (1..=200).rev().collect();
        let found = summary(&runs).unwrap();
        assert_eq!(found, Summary { n: 200, p50_ns: 100, p90_ns: 180, p99_ns: 198, max_ns: 200 });
        runs.truncate(1);
        let one = summary(&runs).unwrap();
        assert_eq!((one.p50_ns, one.p99_ns, one.max_ns), (200, 200, 200));
    }

    #[test]
    fn a_percentile_is_always_a_run_that_happened() {
        let found = summary(&[10, 1000]).unwrap();
        assert_eq!((found.p50_ns, found.p90_ns), (10, 1000));
    }

    #[test]
    fn no_runs_have_no_percentiles() {
        assert_eq!(summary(&[]), None);
    }
}
