//! Did-you-mean suggestions for misspelled names: one letter is missing, extra, wrong, or swapped with its neighbour.

/// Whether the names differ by one such slip.
pub(crate) fn is_slip_of(name: &str, other: &str) -> bool {
    let (mut one, mut other) = (name.as_bytes(), other.as_bytes());
    while let ([first, rest @ ..], [second, others @ ..]) = (one, other)
        && first == second
    {
        (one, other) = (rest, others);
    }
    while let ([rest @ .., last], [others @ .., second]) = (one, other)
        && last == second
    {
        (one, other) = (rest, others);
    }
    match (one, other) {
        ([], []) => false,
        ([] | [_], [] | [_]) => true,
        ([a, b], [c, d]) => (a, b) == (d, c),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_recognised_and_two_are_not() {
        for (name, other) in [
            ("TRUSTED_ORGINS", "TRUSTED_ORIGINS"),
            ("API_KEY", "API_KEYS"),
            ("HF_TOEKN", "HF_TOKEN"),
            ("HF_TOKENS", "HF_TOKEN"),
            ("MODEL", "MODELS"),
            ("PORD", "PORT"),
        ] {
            assert!(is_slip_of(name, other) && is_slip_of(other, name), "{name} {other}");
        }
        for (name, other) in
            [("PORT", "PORT"), ("HOME", "HOST"), ("A_KEY", "API_KEYS"), ("", "AB"), ("ABCD", "BADC")]
        {
            assert!(!is_slip_of(name, other) && !is_slip_of(other, name), "{name} {other}");
        }
    }
}
