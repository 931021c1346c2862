//! The command line. It has one optional word and a few flags, so it needs no parser crate.

use std::ffi::OsString;
use std::fmt::{self, Write};
use std::path::PathBuf;

use crate::service::command::ServiceCommand;
use crate::settings::env::{Defaults, Groups, Var};

/// What the arguments ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Serve until TERM or INT (no argument).
    Serve,
    /// Validate the configuration and exit.
    Check,
    /// Ask the local port for `/health/ready`; exit 0 or 1.
    Healthcheck,
    /// Print usage and every variable.
    Help,
    /// Print name, version and compiler.
    Version,
    /// Run the service's own command at this place of its table.
    Own(usize),
}

/// A parsed command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Invocation {
    /// What to do.
    pub command: Command,
    /// The arguments of the service's own command.
    pub arguments: Vec<String>,
    /// A `.env` file to read too.
    pub env_file: Option<PathBuf>,
}

/// Parses the arguments, program name first. `own` are the service's commands, whose further words are their arguments.
///
/// # Errors
///
/// For an unknown argument, a missing FILE, or a second command.
pub fn parse<S>(
    args: impl IntoIterator<Item = OsString>,
    own: &[ServiceCommand<S>],
) -> Result<Invocation, CliError> {
    let mut invocation = Invocation { command: Command::Serve, arguments: Vec::new(), env_file: None };
    let mut args = args.into_iter().skip(1);
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        let command = match &*text {
            "check" => Command::Check,
            "healthcheck" => Command::Healthcheck,
            "--help" | "-h" => Command::Help,
            "--version" | "-V" => Command::Version,
            "--env-file" => {
                let file = args.next().ok_or(CliError::NoFile)?;
                invocation.env_file = Some(file.into());
                continue;
            }
            _ => {
                let file = text.strip_prefix("--env-file=").filter(|file| !file.is_empty());
                if let Some(file) = file {
                    invocation.env_file = Some(file.into());
                    continue;
                }
                if matches!(invocation.command, Command::Own(_)) && !text.starts_with('-') {
                    invocation.arguments.push(text.into_owned());
                    continue;
                }
                match own.iter().position(|own| own.name == text) {
                    Some(at) => Command::Own(at),
                    None => {
                        let own = own.iter().fold(String::new(), |all, own| all + own.name + ", ");
                        return Err(CliError::Unknown(text.into_owned(), own));
                    }
                }
            }
        };
        if invocation.command != Command::Serve {
            return Err(CliError::SecondCommand(text.into_owned()));
        }
        invocation.command = command;
    }
    Ok(invocation)
}

/// Why a command line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CliError {
    /// No argument has this name. The service's commands, with a comma after each, are accepted too.
    Unknown(String, String),
    /// `--env-file` without a FILE.
    NoFile,
    /// This is a second command.
    SecondCommand(String),
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CliError::Unknown(argument, own) => write!(
                f,
                "unknown argument {argument:?}; accepted: check, healthcheck, {own}--env-file FILE, --help, --version"
            ),
            CliError::NoFile => f.write_str("--env-file requires a FILE after it"),
            CliError::SecondCommand(command) => write!(f, "only one command is accepted; remove {command:?}"),
        }
    }
}

/// Name, version, compiler and target: the text of `--version`.
pub fn version(name: &str, version: &str) -> String {
    format!("{name} {version} ({}, {})\n", env!("KIT_RUSTC"), env!("KIT_TARGET"))
}

/// The text of `--help`: usage, and every variable from the tables that parse them.
pub fn help<S>(
    name: &str,
    about: &str,
    commands: &[ServiceCommand<S>],
    own: Groups,
    kit: &[&Var],
    defaults: Defaults,
) -> String {
    let mut text = format!(
        "{name}: {about}\n\n\
         usage: {name} [--env-file FILE]   serve until TERM or INT\n       \
         {name} check             validate the configuration and exit (64: invalid)\n       \
         {name} healthcheck       request /health/ready from the local port; exit 0 or 1\n"
    );
    for command in commands {
        _ = writeln!(text, "       {name} {}", command.usage);
    }
    _ = write!(
        text,
        "       {name} --help | --version\n\n\
         Environment variables configure the service. An empty value counts as unset.\n"
    );
    for (title, vars) in own.iter().copied().chain([("server", kit)]) {
        _ = write!(text, "\n{title}:\n");
        for var in vars {
            let default = Some(var.default_in(defaults)).filter(|text| !text.is_empty()).unwrap_or("unset");
            _ = write!(
                text,
                "  {}\n      {}\n      default: {default}; accepted: {}\n",
                var.name, var.meaning, var.accepts
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Invocation, CliError> {
        let own: [ServiceCommand<()>; 1] =
            [ServiceCommand { name: "say", usage: "", run: |(), _, _| Ok(String::new()) }];
        parse(std::iter::once("service").chain(args.iter().copied()).map(OsString::from), &own)
    }

    #[test]
    fn no_argument_serves() {
        assert_eq!(run(&[]).unwrap().command, Command::Serve);
    }

    #[test]
    fn the_env_file_is_accepted_with_any_command() {
        for args in [["--env-file", ".env", "check"], ["check", "--env-file", ".env"]] {
            let invocation = run(&args).unwrap();
            assert_eq!(invocation.command, Command::Check);
            assert_eq!(invocation.env_file, Some(PathBuf::from(".env")));
        }
        assert_eq!(run(&["--env-file=a"]).unwrap().env_file, Some(PathBuf::from("a")));
    }

    #[test]
    fn an_unknown_argument_is_reported_with_the_accepted_ones() {
        let error = run(&["--prot", "80"]).unwrap_err().to_string();
        assert!(error.contains("--prot") && error.contains("healthcheck"), "{error}");
        assert_eq!(run(&["--env-file"]), Err(CliError::NoFile));
        assert!(run(&["sya"]).unwrap_err().to_string().contains("healthcheck, say, --env-file"));
        let second = CliError::SecondCommand("healthcheck".to_owned());
        assert_eq!(run(&["check", "healthcheck"]), Err(second));
    }

    #[test]
    fn a_command_of_the_service_has_the_words_after_it() {
        let invocation = run(&["say", "a", "--env-file", ".env", "b"]).unwrap();
        assert_eq!((invocation.command, invocation.arguments.join(" ")), (Command::Own(0), "a b".to_owned()));
        assert_eq!(invocation.env_file, Some(PathBuf::from(".env")));
        for wrong in [&["a", "say"][..], &["say", "--a"]] {
            assert!(matches!(run(wrong), Err(CliError::Unknown(..))), "{wrong:?}");
        }
        assert_eq!(run(&["say", "check"]), Err(CliError::SecondCommand("check".to_owned())));
    }
}
