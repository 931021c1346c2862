//! What the kernel counts for this process, under the names of Prometheus' client libraries. It is read for a scrape only.

use std::fmt::Write;
use std::fs;

use rlimit::Resource;

use crate::observe::metrics::{family, single};

/// Ticks in a second of the times in `/proc`: USER_HZ, which Linux shows to every program on x86-64.
const TICKS: u64 = 100;
/// Bytes of a page on x86-64.
const PAGE: u64 = 4096;

/// Appends processor time, memory and descriptors. What cannot be read is left out.
pub(crate) fn render(out: &mut String) {
    if let Some((ticks, memory, resident)) =
        fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(stat)
    {
        let (seconds, hundredths) = (ticks / TICKS, ticks % TICKS);
        family(out, "process_cpu_seconds_total", "counter", "Processor time used");
        _ = writeln!(out, "process_cpu_seconds_total {seconds}.{hundredths:02}");
        single(out, "process_virtual_memory_bytes", "gauge", "Virtual memory", memory);
        single(out, "process_resident_memory_bytes", "gauge", "Resident memory", resident);
    }
    // Since Linux 6.2 the folder's size is the number of descriptors; before it is 0. Reading the folder would add 6 KB of
    // code.
    let open = fs::metadata("/proc/self/fd").map_or(0, |folder| folder.len());
    if open > 0 {
        single(out, "process_open_fds", "gauge", "Open descriptors", open);
    }
    if let Ok((most, _)) = Resource::NOFILE.get() {
        single(out, "process_max_fds", "gauge", "Most descriptors that may be open", most);
    }
}

/// Ticks, bytes of virtual and of resident memory: fields 14, 15, 23 and 24 of `/proc/self/stat` (proc(5)). The second
/// field is the program's name, which may have spaces and parentheses.
fn stat(text: &str) -> Option<(u64, u64, u64)> {
    let mut fields = text.get(text.rfind(')')?..)?.split(' ');
    let mut number_after = |skipped: usize| -> Option<u64> {
        for _ in 0..skipped {
            fields.next()?;
        }
        fields.next()?.parse().ok()
    };
    let ticks = number_after(12)?.checked_add(number_after(0)?)?;
    Some((ticks, number_after(7)?, number_after(0)?.checked_mul(PAGE)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_name_does_not_shift_the_fields() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 150 75 0 0 20 0 1 0 99 8192 3 18446744073709551615";
        assert_eq!(stat(&format!("7 (a) b (c) {rest}")), Some((225, 8192, 3 * PAGE)));
        assert_eq!(stat("7 (a) S 1"), None);
        assert_eq!(stat(""), None);
    }
}
