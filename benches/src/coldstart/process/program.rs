//! A program file and its arguments, resolved before any clock starts.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A program whose file is known, so that starting it does not search `PATH`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    pub(crate) words: Vec<String>,
}

impl Program {
    /// Finds the first word like a shell: as a path if it contains a slash, else in the folders of
    /// `search`, which has the format of `PATH`.
    ///
    /// # Errors
    /// If there is no executable file of this name.
    pub(crate) fn find(words: &[String], search: &str) -> Result<Self> {
        let name = words.first().context("the command is empty")?;
        let file = if name.contains('/') {
            Some(PathBuf::from(name)).filter(|file| executable(file))
        } else {
            search.split(':').map(|folder| Path::new(folder).join(name)).find(|file| executable(file))
        };
        let file = file.with_context(|| format!("{name}: no such executable file"))?;
        Ok(Self { file, words: words.to_vec() })
    }

    /// The same program as an argument of `wrapper`, for example strace.
    pub(crate) fn under(&self, wrapper: &Self) -> Self {
        let own = std::iter::once(self.file.display().to_string()).chain(self.words.iter().skip(1).cloned());
        Self { file: wrapper.file.clone(), words: wrapper.words.iter().cloned().chain(own).collect() }
    }

    pub(super) fn c_file(&self) -> Result<CString> {
        CString::new(self.file.as_os_str().as_bytes()).context("the program's path contains a NUL byte")
    }

    pub(super) fn c_words(&self) -> Result<Vec<CString>> {
        let words = self.words.iter().map(|word| CString::new(word.as_bytes()));
        words.collect::<Result<_, _>>().context("an argument contains a NUL byte")
    }
}

fn executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn bare_name_is_searched_and_path_is_used_unchanged() {
        let found = Program::find(&words("sh -c true"), "/nowhere:/bin").unwrap();
        assert_eq!(found.file, Path::new("/bin/sh"));
        assert_eq!(found.words, words("sh -c true"));
        assert!(Program::find(&words("./sh"), "/bin").is_err());
        assert!(Program::find(&words("/etc/passwd"), "").is_err(), "not executable");
    }

    #[test]
    fn wrapped_program_keeps_its_arguments() {
        let inner = Program::find(&words("sh -c true"), "/bin").unwrap();
        let outer = Program { file: "/usr/bin/strace".into(), words: words("strace -f") };
        assert_eq!(inner.under(&outer).words, words("strace -f /bin/sh -c true"));
    }
}
