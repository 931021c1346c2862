//! What to run: a file and its arguments, found before any clock starts.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A program whose file was found, so that starting it searches no `PATH`.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) file: PathBuf,
    pub(crate) words: Vec<String>,
}

impl Program {
    /// Finds the first word as the shell would: as a path when it has a slash, else along `search`.
    pub(crate) fn find(words: &[String], search: &str) -> Result<Self> {
        let name = words.first().context("the command is empty")?;
        let file = if name.contains('/') {
            Some(PathBuf::from(name)).filter(|file| runs(file))
        } else {
            search.split(':').map(|folder| Path::new(folder).join(name)).find(|file| runs(file))
        };
        let file = file.with_context(|| format!("{name}: no program of this name can be run"))?;
        Ok(Self { file, words: words.to_vec() })
    }

    /// The same program run by `wrapper`, whose own words come first.
    pub(crate) fn under(&self, wrapper: &Self) -> Self {
        let own = std::iter::once(self.file.display().to_string()).chain(self.words.iter().skip(1).cloned());
        Self { file: wrapper.file.clone(), words: wrapper.words.iter().cloned().chain(own).collect() }
    }

    pub(super) fn c_file(&self) -> Result<CString> {
        CString::new(self.file.as_os_str().as_bytes()).context("a program's path holds a NUL")
    }

    pub(super) fn c_words(&self) -> Result<Vec<CString>> {
        let words = self.words.iter().map(|word| CString::new(word.as_bytes()));
        words.collect::<Result<_, _>>().context("an argument holds a NUL")
    }
}

fn runs(file: &Path) -> bool {
    file.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_bare_name_is_searched_for_and_a_path_is_taken_as_it_is() {
        let found = Program::find(&words("sh -c true"), "/nowhere:/bin").unwrap();
        assert_eq!(found.file, Path::new("/bin/sh"));
        assert_eq!(found.words, words("sh -c true"));
        assert!(Program::find(&words("./sh"), "/bin").is_err());
        assert!(Program::find(&words("/etc/passwd"), "").is_err(), "a file that cannot be run is no program");
    }

    #[test]
    fn a_wrapped_program_keeps_its_arguments() {
        let inner = Program::find(&words("sh -c true"), "/bin").unwrap();
        let outer = Program { file: "/usr/bin/strace".into(), words: words("strace -f") };
        assert_eq!(inner.under(&outer).words, words("strace -f /bin/sh -c true"));
    }
}
