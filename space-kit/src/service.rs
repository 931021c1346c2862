//! A service described as data, and what its `main` does with it.

use std::ffi::OsString;
use std::process::ExitCode;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::app::App;
use crate::cli::{self, Command};
use crate::config::vars::CORS_ORIGINS;
use crate::config::{self, Config};
use crate::env::{Defaults, Env, Groups, Var};
use crate::error::Error;
use crate::log::Log;
use crate::route::Route;
use crate::{env_file, healthcheck, probes, serve};

/// Exit status for a command line or a configuration that cannot be used (sysexits.h `EX_USAGE`).
const UNUSABLE: u8 = 64;

/// A service: names, tables and functions. One constant of this type is all that its `main` needs.
pub struct Service<S: 'static> {
    /// The name in logs, metrics and answers.
    pub name: &'static str,
    /// The version in the same places.
    pub version: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The service's own variables.
    pub vars: Groups,
    /// Other defaults for some of the kit's variables, by name.
    pub defaults: Defaults,
    /// The variable that lists the sites whose pages may call the service: the kit's `CORS_ORIGINS`, or one of
    /// the service's own that stands in its place.
    pub sites: &'static Var,
    /// Reads the service's own variables and makes its state; `None` means that the problems are in `Env`.
    pub configure: fn(&mut Env<'_>, &Config) -> Option<S>,
    /// The service's routes; the kit adds `/health*`, `/metrics` and `/openapi.json`.
    pub routes: &'static [Route<S>],
    /// The OpenAPI document served at `/openapi.json`.
    pub openapi: &'static str,
    /// Statuses that this service answers in place of others.
    pub statuses: &'static [(StatusCode, StatusCode)],
    /// The JSON body of an error, and headers that go with it.
    pub render: fn(&Error, &mut HeaderMap) -> Bytes,
    /// Appends the service's own metrics in the Prometheus text format (version 0.0.4).
    pub metrics: fn(&S, &mut String),
    /// The answer's headers that pages on other sites may read, separated by commas.
    pub expose: &'static str,
}

impl<S: Send + Sync + 'static> Service<S> {
    /// Every route: the service's own, then the kit's.
    pub fn routes(&self) -> impl Iterator<Item = &'static Route<S>> + Clone + use<S> {
        self.routes.iter().chain(probes::Probes::<S>::ROUTES)
    }

    /// The kit's variables as this service has them, in the order of `--help`.
    pub fn kit_vars(&self) -> impl Iterator<Item = &'static Var> + use<S> {
        let sites = self.sites;
        let own = move |var: &'static Var| if var.name == CORS_ORIGINS.name { sites } else { var };
        config::vars::ALL.iter().copied().map(own)
    }
}

/// Does what the arguments say and gives the exit status: 0 fine, 1 cannot listen or not ready,
/// 64 unusable arguments or configuration. `process` is the environment, each variable a name and a value.
pub fn main<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: impl IntoIterator<Item = OsString>,
    process: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let invocation = match cli::parse(args) {
        Ok(invocation) => invocation,
        Err(message) => return unusable(service.name, &[message]),
    };
    match invocation.command {
        Command::Help => {
            let kit: Vec<&Var> = service.kit_vars().collect();
            let text = cli::help(service.name, service.about, service.vars, &kit, service.defaults);
            return print(&text);
        }
        Command::Version => return print(&version(service.name, service.version)),
        Command::Serve | Command::Check | Command::Healthcheck => {}
    }
    let mut values = match invocation.env_file.as_deref().map(env_file::read).transpose() {
        Ok(file) => file.unwrap_or_default(),
        Err(message) => return unusable(service.name, &[message]),
    };
    for (name, value) in process {
        if let (Ok(name), false) = (name.into_string(), value.is_empty()) {
            values.insert(name, value);
        }
    }
    let lookup = |name: &str| values.get(name).cloned();
    let mut env = Env::new(&lookup, service.defaults);
    let config = Config::read_with(&mut env, service.sites);
    if let (Command::Healthcheck, Some(config)) = (invocation.command, &config) {
        return healthcheck::run(config.local_address());
    }
    let state = config.as_ref().and_then(|config| (service.configure)(&mut env, config));
    let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
    match (config, state) {
        (Some(config), Some(state)) if problems.is_empty() => match invocation.command {
            Command::Check => print(&format!("{}: the configuration is valid\n", service.name)),
            _ => start(service, state, config),
        },
        _ => unusable(service.name, &problems),
    }
}

/// Name, version, compiler and target: what `--version` prints.
pub fn version(name: &str, version: &str) -> String {
    format!("{name} {version} ({}, {})\n", env!("KIT_RUSTC"), env!("KIT_TARGET"))
}

fn start<S: Send + Sync + 'static>(service: &'static Service<S>, state: S, config: Config) -> ExitCode {
    let log = Log::new(config.log_level, config.log_format);
    match serve::run(App::new(service, state, config)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log.error("cannot serve", &[("cause", crate::log::Value::Show(&error))]);
            ExitCode::FAILURE
        }
    }
}

fn unusable(name: &str, problems: &[String]) -> ExitCode {
    let count = problems.len();
    eprintln!("{name}: {count} {}", if count == 1 { "problem" } else { "problems" });
    for problem in problems {
        eprintln!("  {problem}");
    }
    eprintln!("Try: {name} --help");
    ExitCode::from(UNUSABLE)
}

/// Prints to standard output, where a closed pipe is no error of ours.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
