//! The ratio of two medians, and its 95 % bootstrap interval.

use benches::stats::percentile_of;

/// Number of bootstrap samples. Enough for two digits of a 95 % interval.
const DRAWS: usize = 2000;

/// A median divided by the control's. Only meaningful within one run and one method.
pub(crate) fn ratio(median_ns: u64, control_ns: u64) -> Option<f64> {
    (control_ns > 0).then(|| median_ns as f64 / control_ns as f64)
}

/// The 95 % bootstrap interval of `figure`, which receives the medians of the resampled sets. The seed is
/// fixed, so that a record always gives the same interval. Returns `None` if a set is empty.
pub(crate) fn interval<const N: usize>(
    sets: [&[u64]; N],
    figure: impl Fn([u64; N]) -> Option<f64>,
) -> Option<[f64; 2]> {
    let mut random = Random(0x5eed);
    let mut found = Vec::with_capacity(DRAWS);
    let mut drawn = Vec::new();
    for _ in 0..DRAWS {
        let mut medians = [0; N];
        for (set, median) in sets.iter().zip(&mut medians) {
            drawn.clear();
            drawn.extend((0..set.len()).filter_map(|_| set.get(random.below(set.len()))));
            drawn.sort_unstable();
            *median = percentile_of(&drawn, 50)?;
        }
        found.push(figure(medians)?);
    }
    found.sort_unstable_by(f64::total_cmp);
    // The 2.5th and the 97.5th percentile.
    let at = |share: usize| found.get(DRAWS * share / 1000).copied();
    Some([at(25)?, at(974)?])
}

/// The interval of [`ratio`].
pub(crate) fn ratio_interval(own: &[u64], control: &[u64]) -> Option<[f64; 2]> {
    interval([own, control], |[own, control]| ratio(own, control))
}

/// splitmix64 is enough to resample runs.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 32) as usize * end) >> 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_to_zero_or_to_no_runs_is_none() {
        assert_eq!(ratio(3, 2), Some(1.5));
        assert_eq!(ratio(3, 0), None);
        assert_eq!(ratio_interval(&[], &[1]), None);
    }

    #[test]
    fn interval_contains_the_ratio_and_is_deterministic() {
        let own: Vec<u64> = (1500..1600).collect();
        let control: Vec<u64> = (1000..1100).collect();
        let [low, high] = ratio_interval(&own, &control).unwrap();
        assert!(low < 1549.0 / 1049.0 && 1549.0 / 1049.0 < high && high - low < 0.1, "{low} {high}");
        assert_eq!(ratio_interval(&own, &control), Some([low, high]));
        assert_eq!(ratio_interval(&[3], &[2]), Some([1.5, 1.5]), "one run has no spread");
    }

    #[test]
    fn runs_are_drawn_uniformly() {
        let (mut random, mut seen) = (Random(1), [0; 7]);
        (0..70_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
    }
}
