//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::container::Network;

pub(crate) const HELP: &str = "\
coldstart: how soon a server answers, and what it weighs, beside a minimal C server.

  coldstart --control FILE [options] [--binary NAME=FILE]... [--image [NAME=]IMAGE]...
            [--command NAME=WORDS]... [-- COMMAND...]

  --control FILE        the C control, compiled by benches/control/build.sh
  --binary NAME=FILE    a server that knows LISTEN_FDS and READY_FD
  --image [NAME=]IMAGE  an image on this machine; the NAME of a binary puts both in one row
  --command NAME=WORDS  any server, its words between spaces: one of several, as scripts/peers.sh prints them
  -- COMMAND...         any server: gets PORT, and LISTEN_FDS or READY_FD where it knows them
  --runs N              starts of each variant by each method (200)
  --container-runs N    starts of each image (20)
  --publish PORT        publish this port of the images on 127.0.0.1, instead of the host's network
  --path PATH           what is asked for (/health)
  --env NAME=VALUE      a variable for all servers; they get PATH, HOME and HOST=127.0.0.1 besides
  --settle SECONDS      from the first answer to the second look at memory (1)
  --limit SECONDS       the longest that one start may take (120)
  --goals FILE          judge the figures; a missed gate is exit code 1
  --json FILE           write the raw runs and all that is known about the machine
  --source DIR          the folder whose commit is recorded (.)

Exit: 0 measured, 1 a gate was missed, 2 could not measure, 64 the command line is wrong.";

#[derive(Debug, PartialEq)]
pub(crate) struct Args {
    pub(crate) control: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) runs: usize,
    pub(crate) container_runs: usize,
    pub(crate) network: Network,
    pub(crate) path: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) settle: Duration,
    pub(crate) limit: Duration,
    pub(crate) goals: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) source: PathBuf,
}

/// One variant to measure: a program, an image, or both under one name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) binary: Option<String>,
    pub(crate) command: Vec<String>,
    pub(crate) image: Option<String>,
}

/// None when help is asked for.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Option<Args>> {
    let mut args = Args {
        control: String::new(),
        targets: Vec::new(),
        runs: 200,
        container_runs: 20,
        network: Network::Host,
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
            ensure!(!command.is_empty(), "after -- comes a command");
            args.targets.push(Target { name: "command".to_owned(), command, ..Target::default() });
            break;
        }
        if ["--help", "-h"].contains(&option.as_str()) {
            return Ok(None);
        }
        let value = words.next();
        args.set(&option, value).with_context(|| option.clone())?;
    }
    ensure!(!args.control.is_empty(), "--control is missing: benches/control/build.sh compiles it");
    Ok(Some(args))
}

impl Args {
    fn set(&mut self, option: &str, value: Option<String>) -> Result<()> {
        let value = || value.context("a value is missing");
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
            "--command" => {
                let (name, words) = pair(&value()?)?;
                let command: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
                ensure!(!command.is_empty(), "no command stands after the =");
                self.target(&name, |target| target.command = command);
            }
            "--runs" => self.runs = at_least_one(&value()?)?,
            "--container-runs" => self.container_runs = at_least_one(&value()?)?,
            "--publish" => self.network = Network::Publish(value()?.parse().context("a port is 1 to 65535")?),
            "--path" => self.path = value()?,
            "--env" => self.env.push(pair(&value()?)?),
            "--settle" => self.settle = seconds(&value()?)?,
            "--limit" => self.limit = seconds(&value()?)?,
            "--goals" => self.goals = Some(value()?.into()),
            "--json" => self.json = Some(value()?.into()),
            "--source" => self.source = value()?.into(),
            _ => bail!("no such option; --help lists them"),
        }
        Ok(())
    }

    /// Changes the target of this name, new or there already.
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
    let (name, value) = text.split_once('=').context("NAME=VALUE is expected")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn at_least_one(text: &str) -> Result<usize> {
    text.parse().ok().filter(|count| *count > 0).context("a whole number above 0 is expected")
}

fn seconds(text: &str) -> Result<Duration> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.context("a number of seconds is expected")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Args>> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_binary_and_an_image_of_one_name_are_one_variant() {
        let line = "--control c --binary one=dist/one --image one=one:latest --image two:1";
        let targets = parsed(line).unwrap().unwrap().targets;
        let found: Vec<_> =
            targets.iter().map(|t| (t.name.as_str(), t.binary.as_deref(), t.image.as_deref())).collect();
        assert_eq!(found, [("one", Some("dist/one"), Some("one:latest")), ("two:1", None, Some("two:1"))]);
    }

    #[test]
    fn what_follows_two_dashes_is_the_command_whole() {
        let args = parsed("--control c --runs 5 -- python3 -m http.server --runs 7").unwrap().unwrap();
        assert_eq!(args.runs, 5);
        assert_eq!(args.targets[0].command, ["python3", "-m", "http.server", "--runs", "7"]);
    }

    #[test]
    fn several_commands_have_their_names_and_one_may_have_an_image() {
        let words =
            ["--control", "c", "--command", "go=./go -v", "--image", "go=peer-go", "--command", "sh=sh"];
        let targets = parse(words.map(str::to_owned)).unwrap().unwrap().targets;
        assert_eq!(
            (targets[0].command.join(" ").as_str(), targets[1].command.join(" ").as_str()),
            ("./go -v", "sh")
        );
        assert_eq!((targets.len(), targets[0].image.as_deref()), (2, Some("peer-go")));
    }

    #[test]
    fn a_wrong_line_is_named_and_never_guessed_at() {
        for (line, said) in [
            ("--control c --runs 0", "--runs"),
            ("--control c --runs", "--runs"),
            ("--control c --limit -1", "--limit"),
            ("--control c --settle soon", "--settle"),
            ("--control c --binary dist/one", "--binary"),
            ("--control c --command one=", "--command"),
            ("--control c --publish 70000", "--publish"),
            ("--control c --run 5", "--run"),
            ("--control c --", "command"),
            ("--runs 5", "--control"),
        ] {
            let error = format!("{:#}", parsed(line).unwrap_err());
            assert!(error.contains(said), "{line}: {error}");
        }
    }

    #[test]
    fn help_is_given_whatever_else_is_asked() {
        assert_eq!(parsed("--runs 5 --help").unwrap(), None);
    }

    #[test]
    fn every_option_that_is_taken_is_in_the_help() {
        for line in HELP.lines().filter_map(|line| line.trim().strip_prefix("--")) {
            let option = format!("--{}", line.split(' ').next().unwrap());
            let error = format!("{:#}", parse([option.clone()]).unwrap_err());
            assert!(!error.contains("no such option"), "{option}");
        }
    }
}
