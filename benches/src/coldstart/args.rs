//! Parses the command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::container::Network;

pub(crate) const HELP: &str = include_str!("help.txt");

/// The port on which a Hugging Face Space expects its server.
const SPACE_PORT: u16 = 7860;

#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) control: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) runs: usize,
    pub(crate) container_runs: usize,
    pub(crate) networks: Vec<Network>,
    pub(crate) evicted: bool,
    pub(crate) path: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) settle: Duration,
    pub(crate) limit: Duration,
    pub(crate) goals: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) source: PathBuf,
}

/// One variant to measure: a program, an image, or both with the same name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) binary: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) image: Option<String>,
}

/// Returns `None` if the arguments ask for help.
///
/// # Errors
/// If an option is unknown, or its value is missing or invalid; the text names the option.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Option<Args>> {
    let mut args = Args {
        control: String::new(),
        targets: Vec::new(),
        runs: 200,
        container_runs: 20,
        networks: vec![Network::Host],
        evicted: false,
        path: "/health".to_owned(),
        env: Vec::new(),
        settle: Duration::from_secs(1),
        limit: Duration::from_secs(120),
        goals: None,
        json: None,
        source: PathBuf::from("."),
    };
    let mut words = words.into_iter();
    while let Some(option) = words.next() {
        if option == "--" {
            let command: Vec<String> = words.by_ref().collect();
            ensure!(!command.is_empty(), "-- must be followed by a command");
            args.targets.push(Target { name: "command".to_owned(), command, ..Target::default() });
            break;
        }
        if ["--help", "-h"].contains(&option.as_str()) {
            return Ok(None);
        }
        if args.flag(&option) {
            continue;
        }
        let value = words.next();
        args.set(&option, value).with_context(|| option.clone())?;
    }
    ensure!(
        !args.control.is_empty(),
        "--control is missing; compile the control with benches/control/build.sh"
    );
    Ok(Some(args))
}

impl Args {
    /// Applies an option without a value; returns false for any other.
    fn flag(&mut self, option: &str) -> bool {
        match option {
            "--bridge" => self.networks = vec![Network::Host, Network::Publish(SPACE_PORT)],
            "--evicted" => self.evicted = true,
            _ => return false,
        }
        true
    }

    fn set(&mut self, option: &str, value: Option<String>) -> Result<()> {
        let value = || value.context("requires a value");
        match option {
            "--control" => self.control = value()?,
            "--binary" => {
                let (name, file) = pair(&value()?)?;
                self.target(&name, |target| target.binary = Some(file));
            }
            "--image" => {
                let image = value()?;
                let (name, image) = pair(&image).unwrap_or((image.clone(), image));
                self.target(&name, |target| target.image = Some(image));
            }
            "--runs" => self.runs = at_least_one(&value()?)?,
            "--container-runs" => self.container_runs = at_least_one(&value()?)?,
            "--command" => {
                let (name, line) = pair(&value()?)?;
                let words = shlex::split(&line).filter(|words| !words.is_empty());
                let words = words.context("the command is empty or has an unmatched quote")?;
                self.target(&name, |target| target.command = words);
            }
            "--publish" => {
                self.networks =
                    vec![Network::Publish(value()?.parse().context("must be a port, 1 to 65535")?)];
            }
            "--path" => self.path = value()?,
            "--env" => self.env.push(pair(&value()?)?),
            "--settle" => self.settle = seconds(&value()?)?,
            "--limit" => self.limit = seconds(&value()?)?,
            "--goals" => self.goals = Some(value()?.into()),
            "--json" => self.json = Some(value()?.into()),
            "--source" => self.source = value()?.into(),
            _ => bail!("unknown option; --help lists all"),
        }
        Ok(())
    }

    /// Changes the target with this name; adds it if it is new.
    fn target(&mut self, name: &str, change: impl FnOnce(&mut Target)) {
        if let Some(target) = self.targets.iter_mut().find(|target| target.name == name) {
            return change(target);
        }
        let mut target = Target { name: name.to_owned(), ..Target::default() };
        change(&mut target);
        self.targets.push(target);
    }
}

fn pair(text: &str) -> Result<(String, String)> {
    let (name, value) = text.split_once('=').context("must be NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn at_least_one(text: &str) -> Result<usize> {
    text.parse().ok().filter(|count| *count > 0).context("must be a whole number above 0")
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.context("must be a number of seconds")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Args>> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn binary_and_image_with_the_same_name_are_one_variant() {
        let line = "--control c --binary one=dist/one --image one=one:latest --image two:1";
        let targets = parsed(line).unwrap().unwrap().targets;
        let found: Vec<_> =
            targets.iter().map(|t| (t.name.as_str(), t.binary.as_deref(), t.image.as_deref())).collect();
        assert_eq!(found, [("one", Some("dist/one"), Some("one:latest")), ("two:1", None, Some("two:1"))]);
    }

    #[test]
    fn all_words_after_two_dashes_are_the_command() {
        let args = parsed("--control c --runs 5 -- python3 -m http.server --runs 7").unwrap().unwrap();
        assert_eq!(args.runs, 5);
        assert_eq!(args.targets[0].command, ["python3", "-m", "http.server", "--runs", "7"]);
    }

    #[test]
    fn command_is_split_into_words_like_a_shell() {
        let commands =
            ["--command", "one=sh -c 'exec two three'", "--command", "four=five", "--image", "four=img"];
        let words = ["--control", "c"].iter().chain(&commands).map(|&word| word.to_owned());
        let targets = parse(words).unwrap().unwrap().targets;
        let found: Vec<_> =
            targets.iter().map(|t| (t.name.as_str(), t.command.join("|"), t.image.as_deref())).collect();
        let expected =
            [("one", "sh|-c|exec two three".to_owned(), None), ("four", "five".to_owned(), Some("img"))];
        assert_eq!(found, expected);
    }

    #[test]
    fn error_names_the_option_that_is_wrong() {
        for (line, expected) in [
            ("--control c --runs 0", "--runs"),
            ("--control c --runs", "--runs"),
            ("--control c --limit -1", "--limit"),
            ("--control c --settle soon", "--settle"),
            ("--control c --binary dist/one", "--binary"),
            ("--control c --publish 70000", "--publish"),
            ("--control c --command one=it's", "--command"),
            ("--control c --command one=", "--command"),
            ("--control c --run 5", "--run"),
            ("--control c --", "command"),
            ("--runs 5", "--control"),
        ] {
            let error = format!("{:#}", parsed(line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn help_takes_precedence_over_other_options() {
        assert_eq!(parsed("--runs 5 --help").unwrap(), None);
    }

    #[test]
    fn every_option_in_the_help_is_accepted() {
        for line in HELP.lines().filter_map(|line| line.trim().strip_prefix("--")) {
            let option = format!("--{}", line.split(' ').next().unwrap());
            let error = format!("{:#}", parse([option.clone()]).unwrap_err());
            assert!(!error.contains("unknown option"), "{option}");
        }
    }
}
