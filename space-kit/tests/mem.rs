//! `.cargo/mem.s`, which the static build links in place of libc's: here it takes their names in this program.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]
#![allow(unsafe_code, clippy::indexing_slicing)] // a test fails by panicking
#![allow(bad_asm_style)] // gcc takes the file too, and must be told the syntax

use std::ffi::{c_int, c_void};

use proptest::prelude::*;

std::arch::global_asm!(include_str!("../../.cargo/mem.s"));

unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
    fn bcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
}

/// Bytes around what is copied, which must stay as they are.
const AROUND: usize = 300;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn bytes_are_moved_as_one_by_one_wherever_they_overlap(
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
    fn bytes_are_copied_and_those_around_them_stay(
        from in prop::collection::vec(any::<u8>(), 0..AROUND),
        before in 0..AROUND,
    ) {
        let mut copy = vec![0x5A; before + from.len() + AROUND];
        // SAFETY: both parts lie within their vectors, which are two.
        unsafe { memcpy(copy.as_mut_ptr().add(before).cast(), from.as_ptr().cast(), from.len()) };
        let there = |(at, byte): (usize, &u8)| match at.checked_sub(before).and_then(|at| from.get(at)) {
            Some(copied) => byte == copied,
            None => *byte == 0x5A,
        };
        prop_assert!(copy.iter().enumerate().all(there));
    }

    #[test]
    fn the_first_byte_that_differs_decides(
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
        // SAFETY: both vectors are so long.
        let (ordered, differ) = unsafe { (memcmp(left, right, count), bcmp(left, right, count)) };
        prop_assert_eq!(ordered.signum(), order);
        prop_assert_eq!(differ != 0, order != 0);
    }
}
