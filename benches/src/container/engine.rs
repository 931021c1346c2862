//! A running container engine, spoken to by its own client.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// docker, or podman where docker does not answer.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) client: &'static str,
    pub(crate) version: String,
}

impl Engine {
    /// The first engine that answers, or what each of them said.
    pub(crate) fn find() -> Result<Self> {
        let mut said = Vec::new();
        for (client, format) in [("docker", "{{.ServerVersion}}"), ("podman", "{{.Version.Version}}")] {
            let engine = Self { client, version: String::new() };
            match engine.ask(["info", "--format", format]) {
                Ok(version) if !version.is_empty() => return Ok(Self { client, version }),
                Ok(_) => said.push(format!("{client} tells no version")),
                Err(error) => said.push(format!("{error:#}")),
            }
        }
        bail!("no container engine answers ({})", said.join("; "))
    }

    pub(super) fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(self.client);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Runs the client to its end, and gives back what it printed.
    pub(super) fn ask(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
        run(&mut self.command(words))
    }

    /// An error where the image is not on this machine: nothing is ever pulled.
    pub(crate) fn has(&self, image: &str) -> Result<()> {
        let found = self.ask(["image", "inspect", "--format", "{{.Id}}", image]);
        found
            .map(drop)
            .map_err(|_| anyhow::anyhow!("{} has no image {image}, and nothing is pulled here", self.client))
    }
}

/// An image that holds the control and nothing else; removed when dropped.
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

/// Runs a command to its end; an error holds the last line that it said.
pub(super) fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| name.clone())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    ensure!(output.status.success(), "{name}: {}", last.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_an_error_with_its_last_line() {
        let error =
            run(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "sh: last");
        assert!(
            run(&mut Command::new("/nowhere/docker")).unwrap_err().to_string().contains("/nowhere/docker")
        );
    }
}
