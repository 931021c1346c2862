//! How many connections each client address has, so that no address takes them all.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::rate_limit::Bucket;

/// Connections that every address may have, whatever others have.
pub(crate) const FEW: usize = 64;

/// The addresses with connections and how many each has, sorted. An IPv6 client can use any address of its /64, so the
/// /64 counts as one.
#[derive(Default)]
pub(crate) struct Peers(Mutex<Vec<(IpAddr, usize)>>);

impl Peers {
    /// Counts a connection, and returns how many its address has with it.
    pub(crate) fn enter(&self, peer: IpAddr) -> usize {
        let (network, mut peers) = (network(peer), self.lock());
        let place = peers.binary_search_by_key(&network, |(known, _)| *known);
        match place.map(|at| peers.get_mut(at)) {
            Ok(Some((_, count))) => {
                *count += 1;
                *count
            }
            Ok(None) => 1,
            Err(at) => {
                peers.insert(at, (network, 1));
                1
            }
        }
    }

    /// Ends the count of a connection. An address that was not counted is ignored.
    pub(crate) fn leave(&self, peer: IpAddr) {
        let (network, mut peers) = (network(peer), self.lock());
        let place = peers.binary_search_by_key(&network, |(known, _)| *known);
        if let Ok(at) = place
            && let Some((_, count)) = peers.get_mut(at)
        {
            *count -= 1;
            if *count == 0 {
                peers.remove(at);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(IpAddr, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an address may have `own` connections, this one included. It may have as many as are left for others: one
/// address gets at most a half.
pub(crate) fn may_have(own: usize, open: usize, limit: usize) -> bool {
    open <= limit && own <= limit.saturating_sub(open).max(FEW)
}

fn network(peer: IpAddr) -> IpAddr {
    match Bucket::address(peer) {
        Bucket::Address(network) => network,
        _ => peer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_address_gets_at_most_a_half_and_everyone_a_few() {
        assert!(may_have(500, 500, 1000) && !may_have(501, 501, 1000));
        assert!(may_have(1, 1000, 1000) && !may_have(1, 1001, 1000));
        assert!(may_have(FEW, 1000, 1000) && !may_have(FEW + 1, 1000, 1000));
    }

    proptest! {
        #[test]
        fn what_enters_and_leaves_is_counted_by_network(acts in prop::collection::vec((any::<bool>(), 0..4_u16), 0..60)) {
            let peers = Peers::default();
            let mut counts = [0_usize; 2];
            for (enters, who) in acts {
                let at = usize::from(who / 2);
                let peer = IpAddr::from([0x2001, 0xdb8, 0, who / 2, 0, 0, 0, who]);
                if enters {
                    counts[at] += 1;
                    prop_assert_eq!(peers.enter(peer), counts[at]);
                } else {
                    counts[at] = counts[at].saturating_sub(1);
                    peers.leave(peer);
                }
                prop_assert_eq!(peers.lock().len(), counts.iter().filter(|count| **count > 0).count());
            }
        }
    }
}
