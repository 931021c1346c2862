//! Eviction of flow cookies: a browser keeps only a few sign-ins in progress, so that its cookies fit into a request.

/// The most sign-ins in progress per browser.
const MAX_FLOWS: usize = 5;
/// The longest sealed flow, in bytes. It leaves 2 KB for the callback URLs, and fits into a cookie (4,096 bytes with its
/// name).
pub(crate) const MAX_SEALED: usize = 3600;
/// The names and values of all flow cookies together, in bytes. On a Space a browser sends each cookie twice; with a
/// typical session of 700 bytes, that is two thirds of the longest request head that the service reads.
const MAX_TOTAL: usize = 4800;

/// The names of the cookies to delete before one more is set, which has `bytes` bytes and of which the browser keeps
/// `copies` copies. First go cookies that do not open or have expired, then the oldest, until number and bytes are
/// within their limits. `sent` has expiry (0 if the cookie does not open), name and bytes of each cookie of the
/// request; every copy is an item of its own.
pub(crate) fn evict<'a>(
    sent: impl Iterator<Item = (u64, &'a str, usize)>,
    bytes: usize,
    copies: usize,
    now: u64,
) -> Vec<&'a str> {
    let mut flows: Vec<(u64, &str, usize)> = Vec::new();
    for (expiry, name, bytes) in sent {
        match flows.iter_mut().find(|(_, found, _)| *found == name) {
            Some(flow) => *flow = (flow.0.max(expiry), name, flow.2.saturating_add(bytes)),
            None => flows.push((expiry, name, bytes)),
        }
    }
    flows.sort_unstable();
    let mut count = flows.len().saturating_add(1);
    let own = bytes.saturating_mul(copies);
    let mut total = flows.iter().fold(own, |sum, (_, _, bytes)| sum.saturating_add(*bytes));
    flows.retain(|(expiry, _, bytes)| {
        let evicted = *expiry <= now || count > MAX_FLOWS || total > MAX_TOTAL.saturating_mul(copies);
        if evicted {
            (count, total) = (count.saturating_sub(1), total.saturating_sub(*bytes));
        }
        evicted
    });
    flows.into_iter().map(|(_, name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn expired_flows_are_evicted_first_then_the_oldest_until_number_and_bytes_fit() {
        let evicted = |sent: &[(u64, &'static str, usize)], bytes, copies| {
            evict(sent.iter().copied(), bytes, copies, 100)
        };
        let five = [(105, "e", 300), (104, "d", 300), (103, "c", 300), (102, "b", 300), (101, "a", 300)];
        assert_eq!(evicted(&five, 300, 1), ["a"]);
        assert_eq!(evicted(&five[..4], 300, 1), [""; 0]);
        assert_eq!(evicted(&five[..4], 3625, 1), ["b"]);
        assert_eq!(evicted(&[(0, "x", 9), (100, "y", 9), (101, "z", 9)], 300, 1), ["x", "y"]);
        // The browser sent two copies, or one copy that is in another partition.
        assert_eq!(evicted(&[(101, "a", 3625), (101, "a", 3625), (102, "b", 900)], 3625, 2), ["a"]);
        assert_eq!(evicted(&[(0, "a", 9), (101, "a", 9)], 1225, 2), [""; 0], "one copy opens");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// For any lengths of callback URLs and any number of sign-ins.
        #[test]
        fn flow_cookies_never_exceed_their_number_and_bytes(
            lengths in prop::collection::vec(300..MAX_SEALED, 1..30), copies in 1..3_usize,
        ) {
            let names: Vec<String> = (0..lengths.len()).map(|at| format!("__Host-nb.flow.{at:08}")).collect();
            let mut kept: Vec<(u64, &str, usize)> = vec![];
            for (at, (name, length)) in names.iter().zip(lengths).enumerate() {
                let bytes = name.len() + length;
                let sent = kept.iter().flat_map(|cookie| std::iter::repeat_n(*cookie, copies));
                let evicted = evict(sent, bytes, copies, 100);
                kept.retain(|(_, name, _)| !evicted.contains(name));
                kept.push((101 + at as u64, name, bytes));
                prop_assert!(kept.len() <= MAX_FLOWS && kept.iter().map(|(_, _, bytes)| bytes).sum::<usize>() <= MAX_TOTAL);
            }
        }
    }
}
