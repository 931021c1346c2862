//! One row's median beside another's.

/// How many times the control's median this median is. Only for rows of one run and one method.
pub(crate) fn ratio(median_ns: u64, control_ns: u64) -> Option<f64> {
    (control_ns > 0).then(|| median_ns as f64 / control_ns as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_to_nothing_is_not_a_number_to_report() {
        assert_eq!(ratio(3, 2), Some(1.5));
        assert_eq!(ratio(3, 0), None);
    }
}
