//! Tests of the memory for what requests hold.

use super::*;
use proptest::prelude::*;

const MIB: usize = 1 << 20;

fn memory(limit: usize) -> Memory {
    Memory::new("tests", move || limit)
}

fn hold(memory: &Memory, caller: u64, bytes: usize) -> Result<Reservation, HoldError> {
    let mut one = memory.reserve(caller);
    one.resize(bytes).map(|()| one)
}

#[test]
fn one_caller_cannot_take_the_memory_from_the_others() {
    let memory = memory(64 * MIB);
    let mut all = Vec::new();
    while let Ok(one) = hold(&memory, 1, 2 * MIB) {
        all.push(one);
    }
    assert_eq!(all.len(), 14, "half of 56 MiB");
    for other in 2..5 {
        assert!(hold(&memory, other, 14 * MIB).is_ok(), "caller {other}");
    }
    assert_eq!(hold(&memory, 1, 2 * MIB).err(), Some(HoldError::InUse("tests")));
    all.pop();
    assert!(hold(&memory, 1, 2 * MIB).is_ok());
}

#[test]
fn however_many_callers_there_are_something_is_left_for_the_next() {
    let memory = memory(64 * MIB);
    let mut all = Vec::new();
    for caller in 0..5 {
        while let Ok(one) = hold(&memory, caller, 100_000) {
            all.push(one);
        }
    }
    assert!(hold(&memory, 99, 100_000).is_ok());
}

#[test]
fn small_bodies_have_a_part_of_their_own_and_may_use_the_rest_too() {
    let memory = memory(MIB);
    let long: Vec<_> = (0..8).filter_map(|caller| hold(&memory, caller, 250_000).ok()).collect();
    assert_eq!(long.len(), 2);
    assert!(hold(&memory, 9, 250_000).is_err());
    let small: Vec<_> = (0..2).map(|_| hold(&memory, 9, 40_000).unwrap()).collect();
    drop(long);
    assert!(hold(&memory, 9, 60_000).is_ok(), "from the other part");
    assert_eq!(memory.used(), 80_000);
    drop(small);
    assert_eq!(memory.used(), 0);
}

#[test]
fn what_can_never_be_held_is_named_with_the_limit() {
    let memory = memory(16 * MIB);
    let longest = memory.longest();
    assert_eq!(longest, 14 * MIB / 2);
    assert_eq!(hold(&memory, 1, longest + 1).err(), Some(HoldError::TooLong(longest)));
    assert!(hold(&memory, 1, longest).is_ok());
    assert!(hold(&memory, 1, usize::MAX).is_err());
    let error = Error::from(HoldError::InUse("tests"));
    assert_eq!((error.status.as_u16(), error.code), (429, "overloaded"));
    assert_eq!(error.headers, [(RETRY_AFTER, 1_u64.into())]);
}

#[test]
fn the_limit_is_not_read_for_the_first_small_bodies() {
    let memory = Memory::new("tests", || panic!("read"));
    let _one = hold(&memory, 1, SMALL).unwrap();
}

#[test]
fn a_buffer_is_counted_and_an_announced_length_only_bounds_it() {
    let memory = memory(64 * MIB);
    let mut held = Held::new(memory.reserve(1));
    held.push(b"{", 20 * MIB).unwrap();
    assert_eq!(memory.used(), 2);
    held.push(&[b' '; 999], 1500).unwrap();
    assert_eq!((held.len(), memory.used()), (1000, 1500));
    held.push(&[b' '; 501], 0).unwrap();
    assert_eq!(memory.used(), held.bytes.capacity());
    let (bytes, reservation) = held.into_parts();
    let bytes = reservation.attach(bytes);
    let other = bytes.clone();
    drop(bytes);
    assert_eq!(memory.used(), 3002);
    drop(other);
    assert_eq!(memory.used(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn the_bytes_in_use_are_those_of_the_live_reservations(
        limit in 0..500_000_usize, acts in prop::collection::vec((0..6_usize, 0..200_000_usize), 1..60),
    ) {
        let memory = memory(limit);
        let mut all: Vec<Reservation> = (0..6).map(|at| memory.reserve(at / 2)).collect();
        for (which, bytes) in acts {
            let before = all[which].bytes;
            let done = all[which].resize(bytes);
            prop_assert_eq!(all[which].bytes, if done.is_ok() { bytes } else { before });
            prop_assert!(bytes > before || done.is_ok());
            prop_assert_eq!(memory.used(), all.iter().map(|one| one.bytes).sum::<usize>());
            prop_assert!(memory.used() <= limit + UNKNOWN[0]);
            let parts = memory.lock();
            for (at, part) in parts.parts.iter().enumerate() {
                let sum = |caller| all.iter().filter(|one| one.part == at && one.caller == caller).map(|one| one.bytes).sum();
                let expected: Vec<(u64, usize)> = (0..3).map(|caller| (caller, sum(caller))).filter(|(_, sum)| *sum > 0).collect();
                prop_assert_eq!(&part.held, &expected);
            }
        }
        drop(all);
        prop_assert_eq!(memory.used(), 0);
    }
}
