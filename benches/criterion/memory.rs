//! The memory functions of the static build (`link/mem.s`) beside those of musl 1.2.3, which it would link otherwise.
//! In this program `memcpy` and its kin are ours, for all benches.
#![allow(unsafe_code)]
#![allow(bad_asm_style)] // gcc reads the file too, and needs the directive for the syntax

use std::ffi::{c_int, c_void};

use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};

std::arch::global_asm!(include_str!("../../link/mem.s"));

// musl 1.2.3, src/string/x86_64/memcpy.s and memmove.s, under other names.
std::arch::global_asm!(
    ".pushsection .text.musl_memory, \"ax\", @progbits",
    "musl_memcpy: mov rax, rdi",
    "cmp rdx, 8",
    "jc 1f",
    "test edi, 7",
    "jz 1f",
    "2: movsb",
    "dec rdx",
    "test edi, 7",
    "jnz 2b",
    "1: mov rcx, rdx",
    "shr rcx, 3",
    "rep movsq",
    "and edx, 7",
    "jz 1f",
    "2: movsb",
    "dec edx",
    "jnz 2b",
    "1: ret",
    "musl_memmove: mov rax, rdi",
    "sub rax, rsi",
    "cmp rax, rdx",
    "jnc musl_memcpy",
    "mov rcx, rdx",
    "lea rdi, [rdi + rdx - 1]",
    "lea rsi, [rsi + rdx - 1]",
    "std",
    "rep movsb",
    "cld",
    "lea rax, [rdi + 1]",
    "ret",
    ".popsection",
);

type Move = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> *mut c_void;
type Compare = unsafe extern "C" fn(*const c_void, *const c_void, usize) -> c_int;

unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int;
    fn musl_memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
    fn musl_memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void;
}

/// As in musl 1.2.3, src/string/memcmp.c.
///
/// # Safety
///
/// Both are `count` bytes long.
unsafe extern "C" fn musl_memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int {
    let (mut one, mut other, mut left) = (one.cast::<u8>(), other.cast::<u8>(), count);
    // SAFETY: the caller's promise: at most `count` steps.
    unsafe {
        while left != 0 && *one == *other {
            (one, other, left) = (one.add(1), other.add(1), left - 1);
        }
        if left == 0 { 0 } else { c_int::from(*one) - c_int::from(*other) }
    }
}

const PAGE: usize = 4096;
const SIZES: [(&str, usize); 4] =
    [("200 B", 200), ("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("16 MiB", 16 << 20)];

/// Distances of the destination and of the source from a page.
const OFFSETS: [(&str, usize, usize); 3] =
    [("aligned", 0, 0), ("unaligned", 3, 5), ("just above modulo 4096", 3, 0)];

pub(crate) fn benches(c: &mut Criterion) {
    let longest = (16 << 20) + 2 * PAGE;
    let (mut to, mut from) = (vec![0_u8; longest], vec![0_u8; longest]);
    for (at, byte) in from.iter_mut().enumerate() {
        *byte = at.to_le_bytes().iter().fold(7, |sum, byte| sum ^ byte);
    }
    let page = |start: *mut u8| start.wrapping_add(start.align_offset(PAGE));
    let (to, from) = (page(to.as_mut_ptr()), page(from.as_mut_ptr()));

    let mut group = c.benchmark_group("memory");
    for (size, count) in SIZES {
        group.throughput(Throughput::Bytes(count as u64));
        for (name, above, below) in OFFSETS {
            for (whose, copy) in [("ours", memcpy as Move), ("musl's", musl_memcpy)] {
                let (to, from) = (to.wrapping_add(above), from.wrapping_add(below));
                // SAFETY: both vectors have the longest size and two pages more.
                let run = || unsafe { copy(to.cast(), from.cast(), count) };
                run();
                assert!(same(to, from, count));
                time(&mut group, &format!("memcpy {size}, {name}, {whose}"), run);
            }
        }
        for (whose, shift) in [("ours", memmove as Move), ("musl's", musl_memmove)] {
            // SAFETY: as above; the two overlap.
            let run = || unsafe { shift(to.wrapping_add(24).cast(), to.cast(), count) };
            time(&mut group, &format!("memmove {size}, up by 24, {whose}"), run);
        }
        // SAFETY: as above.
        unsafe { memcpy(to.cast(), from.cast(), count) };
        for (whose, compare) in [("ours", memcmp as Compare), ("musl's", musl_memcmp)] {
            // SAFETY: as above.
            let run = || unsafe { compare(to.cast(), from.cast(), count) };
            assert_eq!(run(), 0);
            time(&mut group, &format!("memcmp {size}, equal, {whose}"), run);
        }
    }
}

fn time<T>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, run: impl Fn() -> T) {
    group.bench_function(name, |b| b.iter(&run));
}

/// Without memcmp.
fn same(one: *const u8, other: *const u8, count: usize) -> bool {
    // SAFETY: the caller copied `count` bytes from one to the other.
    (0..count).all(|at| unsafe { *one.add(at) == *other.add(at) })
}
