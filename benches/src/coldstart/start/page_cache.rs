//! Takes the program's file out of the page cache before a start.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::fs::{Advice, fadvise};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use serde::{Deserialize, Serialize};

/// Whether the program's file is in the page cache. Only compare figures of the same state.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageCache {
    #[default]
    Warm,
    /// The program's own file is read from disk. Its shared libraries, if any, stay in the page cache.
    Evicted,
}

impl PageCache {
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Warm => "",
            Self::Evicted => ", evicted",
        }
    }

    /// Brings the file into this state.
    ///
    /// # Errors
    /// If the kernel does not evict the file, for example because another process runs it.
    pub(crate) fn prepare(self, file: &Path) -> Result<()> {
        if self == Self::Evicted {
            let what = || format!("{} cannot be taken out of the page cache", file.display());
            let open = File::open(file).with_context(what)?;
            // Dirty pages cannot be evicted, so write them to disk first.
            open.sync_all().with_context(what)?;
            fadvise(&open, 0, None, Advice::DontNeed).with_context(what)?;
            let left = resident(&open).with_context(what)?;
            ensure!(left == 0, "{}: {left} pages stayed", what());
        }
        Ok(())
    }
}

/// The number of the file's pages in memory.
fn resident(file: &File) -> Result<usize> {
    let length = usize::try_from(file.metadata()?.len())?;
    let mut pages = vec![0_u8; length.div_ceil(rustix::param::page_size())];
    if pages.is_empty() {
        return Ok(0);
    }
    // SAFETY: the mapping is new, only mincore inspects it, and it is unmapped before other code runs.
    // `pages` has one byte for each of its pages.
    #[allow(unsafe_code)]
    let result = unsafe {
        let map = mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::SHARED, file, 0)?;
        let result = libc::mincore(map, length, pages.as_mut_ptr());
        munmap(map, length)?;
        result
    };
    ensure!(result == 0, "mincore: {}", std::io::Error::last_os_error());
    Ok(pages.iter().filter(|page| **page & 1 == 1).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evicted_file_has_no_pages_in_memory() {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, vec![1; 100_000]).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(resident(&file).unwrap(), 25);
        match PageCache::Evicted.prepare(&path) {
            Ok(()) => assert_eq!(resident(&file).unwrap(), 0),
            Err(error) => assert!(format!("{error:#}").contains("pages stayed"), "{error:#}"),
        }
    }
}
