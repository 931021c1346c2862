//! `link/mem.s`, which the static build links instead of libc's: here it takes their names in this program.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, clippy::indexing_slicing)] // a test fails by panicking
#![allow(bad_asm_style)] // gcc reads the file too, and needs the directive for the syntax

use std::ffi::{c_int, c_void};

use proptest::prelude::*;

// The static build has it in each program.
#[cfg(not(target_env = "musl"))]
std::arch::global_asm!(include_str!("../../link/mem.s"));

unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
    fn bcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
}

/// Bytes around what is copied, which must stay as they are.
const AROUND: usize = 300;

/// Vectors are 16 bytes long and a turn of the loop 64.
const ALIGNMENTS: usize = 64;

/// Words before and behind what is copied.
const MARGIN: usize = 32;

/// The byte that the source has at an index. Neighbours differ, and so do bytes a power of two apart.
fn byte(at: usize) -> u8 {
    (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

/// Words of `byte`s.
fn noise(words: usize) -> Vec<u64> {
    (0..words).map(|word| u64::from_ne_bytes(std::array::from_fn(|at| byte(word * 8 + at)))).collect()
}

/// What memmove must make of `before`, without memmove: `count` bytes from index `from` to index `to`.
fn expected(before: &[u64], count: usize, from: usize, to: usize) -> Vec<u64> {
    let at = |index: usize| (before[index / 8] >> (index % 8 * 8)) as u8;
    let whole = |index: usize| match index % 8 {
        0 => before[index / 8],
        part => before[index / 8] >> (part * 8) | before[index / 8 + 1] << (64 - part * 8),
    };
    let mut after: Vec<u64> = (0..before.len()).map(|word| before[word]).collect(); // without memcpy
    for (word, value) in after.iter_mut().enumerate().take((to + count).div_ceil(8)).skip(to / 8) {
        let first = word * 8;
        if first >= to && first + 8 <= to + count {
            *value = whole(first - to + from);
        } else {
            let bytes = (first..first + 8).map(|index| match index.checked_sub(to) {
                Some(into) if into < count => at(from + into),
                _ => at(index),
            });
            *value = bytes.rev().fold(0, |value, byte| value << 8 | u64::from(byte));
        }
    }
    after
}

/// Equal, without memcmp.
fn same(one: &[u64], other: &[u64]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one == other)
}

/// Moves `count` bytes within one block and compares all of it.
#[track_caller]
fn check_move(block: &mut [u64], count: usize, from: usize, to: usize) {
    let expected = expected(block, count, from, to);
    let start = block.as_mut_ptr().cast::<u8>();
    // SAFETY: the callers' indexes lie within the block.
    let returned = unsafe { memmove(start.add(to).cast(), start.add(from).cast(), count) };
    assert_eq!(returned.addr(), start.addr() + to);
    assert!(same(block, &expected), "{count} bytes from {from} to {to}");
}

/// Around the lengths at which the code takes another path, and around powers of two up to 1 MiB.
fn long() -> impl Iterator<Item = usize> {
    (8..=20).flat_map(|power| [-1, 0, 1, 33].map(|more| ((1_isize << power) + more) as usize))
}

#[test]
fn every_short_length_is_copied_from_every_alignment_to_every_alignment() {
    for count in 0..=200 {
        let gap = MARGIN * 8 + 256; // no overlap
        let mut block = noise((gap + 256 + ALIGNMENTS) / 8 + 2 * MARGIN);
        for from in 0..ALIGNMENTS {
            for to in [0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 63] {
                let far = gap + to;
                let start = block.as_mut_ptr().cast::<u8>();
                let expected = expected(&block, count, MARGIN * 8 + from, far + 128);
                // SAFETY: both lie within the block, and do not overlap: the source ends 56 bytes before.
                let returned = unsafe {
                    memcpy(start.add(far + 128).cast(), start.add(MARGIN * 8 + from).cast(), count)
                };
                assert_eq!(returned.addr(), start.addr() + far + 128);
                assert!(same(&block, &expected), "{count} bytes from {from} to {to}");
            }
        }
    }
}

#[test]
fn every_long_length_is_copied_from_every_alignment_to_every_alignment_of_a_vector() {
    let longest = (1 << 20) + 64;
    let mut block = noise(2 * (longest / 8 + MARGIN) + 2 * MARGIN);
    for count in long() {
        let every = if count > 1 << 14 { 17 } else { 1 }; // odd: all alignments of either side are met
        for pair in (0..256).step_by(every) {
            let (from, to) = (MARGIN * 8 + pair % 16, MARGIN * 8 + count + 72 + pair / 16);
            check_move(&mut block[..(to + count) / 8 + MARGIN], count, from, to);
        }
    }
}

#[test]
fn overlapping_bytes_are_moved_up_and_down_by_every_short_distance() {
    let mut block = noise(((1 << 20) + 64) / 8 + 4 * MARGIN);
    let distances: Vec<usize> = (0..=80).chain([127, 128, 129]).collect();
    for count in (0..=200).chain(long()) {
        let every = if count > 1 << 14 { 20 } else { 1 };
        for &distance in distances.iter().step_by(every) {
            let at = MARGIN * 8 + count % 13;
            let part = &mut block[..(at + count + distance) / 8 + MARGIN];
            check_move(part, count, at + distance, at);
            check_move(part, count, at, at + distance);
        }
    }
}

#[test]
fn the_first_byte_that_differs_is_found_at_every_length_and_alignment() {
    let longest = 1 << 20;
    let (one, mut other) = (noise(longest / 8 + MARGIN), noise(longest / 8 + MARGIN));
    for count in (1..=80).chain(long().filter(|count| *count <= longest)) {
        for align in [0, 1, 3, 7, 8, 9, 15] {
            let left = one.as_ptr().cast::<u8>().wrapping_add(align);
            for at in [0, count / 2, count - 1] {
                let right = other.as_mut_ptr().cast::<u8>().wrapping_add(align);
                // SAFETY: both blocks are longer than the alignment and the count together.
                unsafe {
                    let compare =
                        || (memcmp(left.cast(), right.cast(), count), bcmp(left.cast(), right.cast(), count));
                    assert_eq!(compare(), (0, 0), "{count} bytes");
                    let was = right.add(at).read();
                    right.add(at).write(was ^ 0x80);
                    let (order, differ) = compare();
                    assert_eq!(order, c_int::from(was) - c_int::from(was ^ 0x80), "{at} of {count} bytes");
                    assert_ne!(differ, 0, "{at} of {count} bytes");
                    right.add(at).write(was);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn moved_bytes_are_right_however_they_overlap(
        bytes in prop::collection::vec(any::<u8>(), 2 * AROUND),
        count in prop_oneof![0..20_usize, 0..AROUND],
        from in 0..AROUND,
        to in 0..AROUND,
    ) {
        let expected: Vec<u8> = (0..bytes.len())
            .map(|at| match at.checked_sub(to) {
                Some(into) if into < count => bytes[from + into],
                _ => bytes[at],
            })
            .collect();
        let mut moved = bytes;
        let start = moved.as_mut_ptr();
        // SAFETY: both parts lie within the vector.
        let returned = unsafe { memmove(start.add(to).cast(), start.add(from).cast(), count) };
        prop_assert_eq!(returned.addr(), start.addr() + to);
        prop_assert!(moved == expected, "{} bytes from {} to {}", count, from, to);
    }

    #[test]
    fn copying_changes_only_the_destination(
        from in prop::collection::vec(any::<u8>(), 0..AROUND),
        before in 0..AROUND,
    ) {
        let mut copy = vec![0x5A; before + from.len() + AROUND];
        // SAFETY: both parts lie within their vectors, which are separate.
        unsafe { memcpy(copy.as_mut_ptr().add(before).cast(), from.as_ptr().cast(), from.len()) };
        let there = |(at, byte): (usize, &u8)| match at.checked_sub(before).and_then(|at| from.get(at)) {
            Some(copied) => byte == copied,
            None => *byte == 0x5A,
        };
        prop_assert!(copy.iter().enumerate().all(there));
    }

    #[test]
    fn the_first_byte_that_differs_decides_the_order(
        one in prop::collection::vec(any::<u8>(), 0..AROUND),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        later in any::<prop::sample::Index>(),
    ) {
        let mut other = one.clone();
        if let (Some((at, byte)), false) = (change, one.is_empty()) {
            other[at.index(one.len())] = byte;
            other[later.index(one.len())] = 0;
        }
        let order = one.iter().zip(&other).map(|(one, other)| one.cmp(other)).find(|order| order.is_ne());
        let order = order.map_or(0, |order| order as c_int);
        let (left, right, count) = (one.as_ptr().cast(), other.as_ptr().cast(), one.len());
        // SAFETY: both vectors have this length.
        let (ordered, differ) = unsafe { (memcmp(left, right, count), bcmp(left, right, count)) };
        prop_assert_eq!(ordered.signum(), order);
        prop_assert_eq!(differ != 0, order != 0);
    }
}
