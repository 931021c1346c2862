//! Whether the program's file is in memory when it starts.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use serde::{Deserialize, Serialize};

/// Figures of two states are never divided by one another.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cache {
    #[default]
    Warm,
    /// The program's own file was read from the disk; its libraries, if any, were not taken out.
    Evicted,
}

impl Cache {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Warm => "",
            Self::Evicted => ", evicted",
        }
    }

    /// Brings the file into this state. An error where it cannot be taken out of the page cache.
    pub(crate) fn prepare(self, file: &Path) -> Result<()> {
        if self == Self::Evicted {
            let what = || format!("{} cannot be taken out of the page cache", file.display());
            let open = File::open(file).with_context(what)?;
            // What is not on the disk yet cannot be dropped.
            open.sync_all().with_context(what)?;
            fadvise(&open, 0, None, Advice::DontNeed).with_context(what)?;
            let left = resident(&open).with_context(what)?;
            ensure!(left == 0, "{}: {left} pages stayed", what());
        }
        Ok(())
    }
}

/// Pages of the file that are in memory.
fn resident(file: &File) -> Result<usize> {
    let length = usize::try_from(file.metadata()?.len())?;
    let mut pages = vec![0_u8; length.div_ceil(rustix::param::page_size())];
    if pages.is_empty() {
        return Ok(0);
    }
    // SAFETY: the mapping is new, is only looked at by mincore, and is gone before anything else runs. `pages` has a
    // byte for each of its pages.
    #[allow(unsafe_code)]
    let seen = unsafe {
        let map = mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, 0)?;
        let seen = libc::mincore(map, length, pages.as_mut_ptr());
        munmap(map, length)?;
        seen
    };
    ensure!(seen == 0, "mincore: {}", std::io::Error::last_os_error());
    Ok(pages.iter().filter(|page| **page & 1 == 1).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evicted_file_is_not_in_memory_and_a_read_one_is() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![1; 100_000]).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(resident(&file).unwrap(), 25);
        match Cache::Evicted.prepare(&path) {
            Ok(()) => assert_eq!(resident(&file).unwrap(), 0),
            Err(error) => assert!(format!("{error:#}").contains("pages stayed"), "{error:#}"),
        }
    }
}
