//! Calls a container engine through its command line client.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Docker, or Podman if Docker does not answer.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) client: &'static str,
    pub(crate) version: String,
}

impl Engine {
    /// Returns the first engine that answers.
    ///
    /// # Errors
    /// If none answers; the text has the error of each.
    pub(crate) fn find() -> Result<Self> {
        let mut errors = Vec::new();
        for (client, format) in [("docker", "{{.ServerVersion}}"), ("podman", "{{.Version.Version}}")] {
            let engine = Self { client, version: String::new() };
            match engine.ask(["info", "--format", format]) {
                Ok(version) if !version.is_empty() => return Ok(Self { client, version }),
                Ok(_) => errors.push(format!("{client} printed no version")),
                Err(error) => errors.push(format!("{error:#}")),
            }
        }
        bail!("no container engine answers ({})", errors.join("; "))
    }

    pub(super) fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(self.client);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs the client and returns its trimmed standard output.
    pub(super) fn ask(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
        run(&mut self.command(words))
    }

    /// # Errors
    /// If the image is not on this machine, because the harness never pulls one.
    pub(crate) fn has(&self, image: &str) -> Result<()> {
        let found = self.ask(["image", "inspect", "--format", "{{.Id}}", image]);
        found
            .map(drop)
            .map_err(|_| anyhow::anyhow!("{} has no image {image}; build or pull it first", self.client))
    }
}

/// An image that contains only the control. Dropping it removes the image.
pub(crate) struct EmptyContainer {
    pub(crate) image: String,
    engine: Engine,
}

impl EmptyContainer {
    pub(crate) fn make(engine: &Engine, control: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::copy(control, folder.path().join("control")).context("copying the control")?;
        let archive = folder.path().join("image.tar");
        run(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(folder.path()).arg("control"))?;
        let image = format!("coldstart-empty-container:{}", std::process::id());
        let change = r#"ENTRYPOINT ["/control"]"#;
        run(engine.command(["import", "--change", change]).arg(&archive).arg(&image))?;
        Ok(Self { image, engine: engine.clone() })
    }
}

impl Drop for EmptyContainer {
    fn drop(&mut self) {
        let _best_effort = self.engine.ask(["image", "rm", "--force", &self.image]);
    }
}

/// Runs a command and returns its trimmed standard output.
///
/// # Errors
/// If it fails; the text has the last line of its stderr.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| name.clone())?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(output.status.success(), "{name}: {}", last.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_command_is_an_error_with_its_last_line() {
        let error =
            run(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh: last");
        assert!(
            run(&mut Command::new("/nowhere/docker")).unwrap_err().to_string().contains("/nowhere/docker")
        );
    }
}
