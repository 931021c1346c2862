//! How much room the cookies of sign-ins under way have in a browser, and which give way to one more.

/// Sign-ins that one browser may have under way; the oldest gives way.
const MOST: usize = 5;
/// The longest sealed one, in bytes: it leaves about 600 for the addresses to return to.
pub(crate) const MAX: usize = 1200;
/// All cookies of sign-ins under way, names and values, in bytes. With a usual session's 700 that is well below the 4096
/// of one cookie; each of them sent twice (a Space) is still a third of the head that is read.
const MAX_ALL: usize = 2400;

/// The names of cookies that give way to one more of so many bytes, of which the browser keeps so many copies: what does
/// not open or is over, then the oldest, until number and bytes are within their limits. `known` are the end (0: it
/// does not open), name and bytes of each cookie as it was sent, copies one by one.
pub(crate) fn superfluous<'a>(
    known: impl Iterator<Item = (u64, &'a str, usize)>,
    bytes: usize,
    copies: usize,
    now: u64,
) -> Vec<&'a str> {
    let mut flows: Vec<(u64, &str, usize)> = Vec::new();
    for (end, name, bytes) in known {
        match flows.iter_mut().find(|(_, found, _)| *found == name) {
            Some(flow) => *flow = (flow.0.max(end), name, flow.2 + bytes),
            None => flows.push((end, name, bytes)),
        }
    }
    flows.sort_unstable();
    let (mut count, mut all) = (flows.len() + 1, bytes * copies);
    all += flows.iter().map(|(_, _, bytes)| bytes).sum::<usize>();
    flows.retain(|(end, _, bytes)| {
        let goes = *end <= now || count > MOST || all > MAX_ALL * copies;
        if goes {
            (count, all) = (count - 1, all - bytes);
        }
        goes
    });
    flows.into_iter().map(|(_, name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_over_goes_first_then_the_oldest_until_number_and_bytes_fit() {
        let gone = |known: &[(u64, &'static str, usize)], bytes, copies| {
            superfluous(known.iter().copied(), bytes, copies, 100)
        };
        let five = [(105, "e", 300), (104, "d", 300), (103, "c", 300), (102, "b", 300), (101, "a", 300)];
        assert_eq!(gone(&five, 300, 1), ["a"]);
        assert_eq!(gone(&five[..4], 300, 1), [""; 0]);
        assert_eq!(gone(&five[..4], 1225, 1), ["b"]);
        assert_eq!(gone(&[(0, "x", 9), (100, "y", 9), (101, "z", 9)], 300, 1), ["x", "y"]);
        // Each twice, or one copy in another partition.
        assert_eq!(gone(&[(101, "a", 1225), (101, "a", 1225), (102, "b", 900)], 1225, 2), ["a"]);
        assert_eq!(gone(&[(0, "a", 9), (101, "a", 9)], 1225, 2), [""; 0], "one copy opens");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Whatever addresses sign-ins have, and however many begin one after the other.
        #[test]
        fn cookies_of_sign_ins_never_have_more_bytes_than_fit(
            lengths in prop::collection::vec(300..MAX, 1..30), copies in 1..3_usize,
        ) {
            let names: Vec<String> = (0..lengths.len()).map(|at| format!("__Host-nb.flow.{at:08}")).collect();
            let mut jar: Vec<(u64, &str, usize)> = vec![];
            for (at, (name, length)) in names.iter().zip(lengths).enumerate() {
                let bytes = name.len() + length;
                let sent = jar.iter().flat_map(|cookie| std::iter::repeat_n(*cookie, copies));
                let gone = superfluous(sent, bytes, copies, 100);
                jar.retain(|(_, name, _)| !gone.contains(name));
                jar.push((101 + at as u64, name, bytes));
                prop_assert!(jar.len() <= MOST && jar.iter().map(|(_, _, bytes)| bytes).sum::<usize>() <= MAX_ALL);
            }
        }
    }
}
