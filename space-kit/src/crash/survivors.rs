//! Values that outlive a crash: fixed-size records in a file in memory (memfd_create(2)) that the process hands to its
//! next image. They are written by a system call and never mapped, so that no stray write can change them.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};

use crate::crash::record::Restarts;

/// The file's descriptor, or -1. After a crash it is handed to the next image.
static FILE: AtomicI32 = AtomicI32::new(-1);

/// Bytes of a record: its end, the value's length, the value, a checksum. A value of more than 47 does not survive.
const RECORD: usize = 64;
/// Bytes that are read at once.
const PAGE: usize = 4096;

/// The file. It is made with the first value, so that no start-up waits for it. On a kernel that refuses it, values
/// do not survive.
#[derive(Debug, Default)]
pub struct Survivors(OnceLock<Option<File>>);

impl Survivors {
    /// The values that the last image of this process left, if it crashed.
    pub fn of(restarts: &Restarts) -> Survivors {
        let survivors = Survivors::default();
        if let Some(file) = restarts.survivors().and_then(adopt) {
            FILE.store(file.as_raw_fd(), Relaxed);
            _ = survivors.0.set(Some(file));
        }
        survivors
    }

    /// Keeps a value until `end` (Unix time in seconds) in the record with this number, and forgets the one before it.
    pub fn keep(&self, record: u64, value: &[u8], end: u64) {
        let file = self.0.get_or_init(|| {
            let file = create().ok()?;
            FILE.store(file.as_raw_fd(), Relaxed);
            Some(file)
        });
        let (Some(file), Some(bytes)) = (file, encode(value, end)) else { return };
        _ = file.write_all_at(&bytes, record * RECORD as u64);
    }

    /// Calls `each` with the values of these records that are whole: record, value and end.
    pub fn load(&self, records: std::ops::Range<u64>, mut each: impl FnMut(u64, &[u8], u64)) {
        let Some(Some(file)) = self.0.get() else { return };
        let mut page = [0; PAGE];
        let mut at = records.start * RECORD as u64;
        while let Some(data) = data_from(file, at).filter(|&data| data < records.end * RECORD as u64) {
            at = data - data % PAGE as u64;
            let read = file.read_at(&mut page, at).unwrap_or_default();
            let (whole, _) = page.get(..read).unwrap_or_default().as_chunks();
            for (record, bytes) in (at / RECORD as u64..).zip(whole) {
                if let Some((value, end)) = decode(bytes).filter(|_| records.contains(&record)) {
                    each(record, value, end);
                }
            }
            if read < PAGE {
                break;
            }
            at += PAGE as u64;
        }
    }
}

/// The file's descriptor, if there is one.
pub(crate) fn descriptor() -> Option<RawFd> {
    Some(FILE.load(Relaxed)).filter(|&fd| fd >= 0)
}

fn encode(value: &[u8], end: u64) -> Option<[u8; RECORD]> {
    let mut bytes = [0; RECORD];
    let (content, checksum) = bytes.split_last_chunk_mut()?;
    let (ending, rest) = content.split_first_chunk_mut()?;
    let (length, room) = rest.split_first_mut()?;
    *ending = end.to_le_bytes();
    *length = u8::try_from(value.len()).ok()?;
    room.get_mut(..value.len())?.copy_from_slice(value);
    *checksum = sum(content).to_le_bytes();
    Some(bytes)
}

/// Value and end of a record that is whole.
fn decode(bytes: &[u8; RECORD]) -> Option<(&[u8], u64)> {
    let (content, checksum) = bytes.split_last_chunk()?;
    let (ending, rest) = content.split_first_chunk()?;
    let (length, room) = rest.split_first()?;
    let value = room.get(..usize::from(*length))?;
    (sum(content) == u64::from_le_bytes(*checksum)).then(|| (value, u64::from_le_bytes(*ending)))
}

/// FNV-1a: it finds accidents, and nobody else can write the file.
fn sum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// Where the next data of the file is, from an offset on (lseek(2)): pages that were never written are skipped. `None`
/// if there is none. A kernel that cannot tell says that the offset itself is data.
#[allow(unsafe_code)]
fn data_from(file: &File, at: u64) -> Option<u64> {
    let offset = libc::off_t::try_from(at).ok()?;
    // SAFETY: numbers are passed, and the descriptor is open as long as `file` is.
    let found = unsafe { libc::lseek(file.as_raw_fd(), offset, libc::SEEK_DATA) };
    match u64::try_from(found) {
        Ok(found) => Some(found),
        Err(_) => (io::Error::last_os_error().raw_os_error() != Some(libc::ENXIO)).then_some(at),
    }
}

#[allow(unsafe_code)]
fn create() -> io::Result<File> {
    // SAFETY: the name is a string of C that lives for ever.
    let fd =
        unsafe { libc::memfd_create(c"survivors".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it, and nothing else knows of it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// The file under this descriptor, if it is one of [`create`]'s kind.
#[allow(unsafe_code)]
fn adopt(fd: RawFd) -> Option<File> {
    // SAFETY: numbers are passed; only a file in memory has seals.
    let is_ours = unsafe {
        libc::fcntl(fd, libc::F_GET_SEALS) >= 0 && libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) == 0
    };
    // SAFETY: it is open, and nothing else in this image owns it: the last image put it there for this one, above all
    // numbers that a start-up uses, and says so in a record that names this process.
    is_ours.then(|| File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_fails_its_checksum_is_skipped() {
        let survivors = Survivors::default();
        survivors.keep(0, b"first", 10);
        survivors.keep(2, &[b'x'; RECORD - 17], 20);
        survivors.keep(3, &[b'x'; RECORD - 16], 30);
        let whole = |survivors: &Survivors| {
            let mut whole = Vec::new();
            survivors.load(0..5, |record, _, _| whole.push(record));
            whole
        };
        survivors.load(0..1, |record, value, end| assert_eq!((record, value, end), (0, &b"first"[..], 10)));
        assert_eq!(whole(&survivors), [0, 2], "an empty record and one that is too long are none");
        let file = survivors.0.get().unwrap().as_ref().unwrap();
        for at in 0..RECORD as u64 {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            assert_eq!(whole(&survivors), [2], "byte {at} is wrong");
            file.write_all_at(&byte, at).unwrap();
        }
        assert_eq!(whole(&survivors), [0, 2]);
    }
}
