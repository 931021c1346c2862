//! One row's median beside another's, and how far the noise reaches.

use crate::stats::percentile_of;

/// Times that the runs are drawn again. Enough for two digits of a 95 % interval.
const DRAWS: usize = 2000;

/// How many times the control's median this median is. Only for rows of one run and one method.
pub(crate) fn ratio(median_ns: u64, control_ns: u64) -> Option<f64> {
    (control_ns > 0).then(|| median_ns as f64 / control_ns as f64)
}

/// The bootstrap's 95 % interval of `figure`, which gets rounds drawn again, with repetition, for each set of runs.
/// Seeded, so that one record always gives one interval. None where there are no runs.
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
    // The 2.5th and the 97.5th per cent.
    let at = |share: usize| found.get(DRAWS * share / 1000).copied();
    Some([at(25)?, at(974)?])
}

/// The interval of [`ratio`].
pub(crate) fn ratio_interval(own: &[u64], control: &[u64]) -> Option<[f64; 2]> {
    interval([own, control], |[own, control]| ratio(own, control))
}

/// splitmix64: a generator of one line is enough to draw runs.
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
    fn a_ratio_to_nothing_is_not_a_number_to_report() {
        assert_eq!(ratio(3, 2), Some(1.5));
        assert_eq!(ratio(3, 0), None);
        assert_eq!(ratio_interval(&[], &[1]), None);
    }

    #[test]
    fn an_interval_holds_the_ratio_and_is_the_same_each_time() {
        let own: Vec<u64> = (1500..1600).collect();
        let control: Vec<u64> = (1000..1100).collect();
        let [low, high] = ratio_interval(&own, &control).unwrap();
        assert!(low < 1549.0 / 1049.0 && 1549.0 / 1049.0 < high && high - low < 0.1, "{low} {high}");
        assert_eq!(ratio_interval(&own, &control), Some([low, high]));
        assert_eq!(ratio_interval(&[3], &[2]), Some([1.5, 1.5]), "one run has no noise to show");
    }

    #[test]
    fn every_run_is_drawn_about_as_often() {
        let (mut random, mut seen) = (Random(1), [0; 7]);
        (0..70_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
    }
}
