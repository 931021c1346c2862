//! A service described as data, and what its `main` does with it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use crate::cli::{self, Command};
use crate::config::vars::CORS_ORIGINS;
use crate::config::{self, Config, SPACE_ID};
use crate::env::{Defaults, Env, Groups, Var};
use crate::error::Error;
use crate::render::Server;
use crate::route::Route;
use crate::suggest::is_slip_of;
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
    pub fn kit_vars(&self) -> impl Iterator<Item = &'static Var> + Clone + use<S> {
        let sites = self.sites;
        let own = move |var: &'static Var| if var.name == CORS_ORIGINS.name { sites } else { var };
        config::vars::ALL.iter().copied().map(own)
    }
}

/// Exit status when all went well, or not.
pub(crate) const FINE: u8 = 0;
pub(crate) const FAILED: u8 = 1;

/// Does what the arguments say and gives the exit status: 0 fine, 1 cannot listen or not ready,
/// 64 unusable arguments or configuration. `process` is the environment, each variable a name and a value.
pub fn main<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: impl Iterator<Item = &'static OsStr>,
    process: &[(&OsStr, &OsStr)],
) -> u8 {
    match prepare(service, args.map(OsStr::to_owned), process) {
        Ok(server) => start(server),
        Err(status) => status,
    }
}

/// Everything up to a service that can start, or the exit status where there is none to start. Not inlined, so that the
/// server does not run on top of what this has on the stack: two pages.
#[inline(never)]
fn prepare<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: impl Iterator<Item = OsString>,
    process: &[(&OsStr, &OsStr)],
) -> Result<Arc<Server<S>>, u8> {
    let invocation = cli::parse(args).map_err(|message| unusable(service.name, &[message]))?;
    match invocation.command {
        Command::Help => {
            let kit: Vec<&Var> = service.kit_vars().collect();
            let text = cli::help(service.name, service.about, service.vars, &kit, service.defaults);
            return Err(print(&text));
        }
        Command::Version => return Err(print(&version(service.name, service.version))),
        Command::Serve | Command::Check | Command::Healthcheck => {}
    }
    let file = invocation.env_file.as_deref().map(env_file::read).transpose();
    let file = file.map_err(|message| unusable(service.name, &[message]))?.unwrap_or_default();
    let lookup = |name: &str| {
        let set = process.iter().find(|(own, value)| *own == name && !value.is_empty());
        set.map(|(_, value)| OsString::from(value)).or_else(|| file.get(name).cloned())
    };
    let mut env = Env::new(&lookup, service.defaults);
    let config = Config::read_with(&mut env, service.sites);
    if let (Command::Healthcheck, Some(config)) = (invocation.command, &config) {
        return Err(healthcheck::run(config.local_address()));
    }
    let state = match &config {
        Some(config) => (service.configure)(&mut env, config),
        None => {
            // By the defaults, so that what is wrong with the service's own variables is told as well.
            let where_it_runs = |name: &str| lookup(name).filter(|_| name == SPACE_ID);
            let config = Config::read(&mut Env::new(&where_it_runs, service.defaults));
            config.and_then(|config| (service.configure)(&mut env, &config))
        }
    };
    let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
    match (config, state) {
        (Some(_), Some(_)) if problems.is_empty() && invocation.command == Command::Check => {
            let set =
                process.iter().filter_map(|(name, _)| name.to_str()).chain(file.keys().map(String::as_str));
            Err(print(&valid(service, set)))
        }
        (Some(config), Some(state)) if problems.is_empty() => Ok(Server::new(service, state, config)),
        _ => Err(unusable(service.name, &problems)),
    }
}

/// What `check` says of a configuration that can be used, with names that are set and were probably meant for others.
fn valid<'a, S: Send + Sync>(
    service: &'static Service<S>,
    set: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let mut text = format!("{}: the configuration is valid\n", service.name);
    let known = service.vars.iter().flat_map(|(_, vars)| vars.iter().copied()).chain(service.kit_vars());
    for name in set.clone().filter(|name| !known.clone().any(|var| var.name == *name)) {
        let meant =
            known.clone().find(|var| is_slip_of(name, var.name) && !set.clone().any(|set| set == var.name));
        if let Some(var) = meant {
            _ = writeln!(text, "  {name} is not known here; did you mean {}?", var.name);
        }
    }
    text
}

/// Name, version, compiler and target: what `--version` prints.
pub fn version(name: &str, version: &str) -> String {
    format!("{name} {version} ({}, {})\n", env!("KIT_RUSTC"), env!("KIT_TARGET"))
}

fn start<S: Send + Sync + 'static>(server: Arc<Server<S>>) -> u8 {
    let log = server.kit().log;
    match serve::run(server) {
        Ok(()) => FINE,
        Err(error) => {
            log.error("cannot serve", &[("cause", crate::log::Value::Show(&error))]);
            FAILED
        }
    }
}

fn unusable(name: &str, problems: &[String]) -> u8 {
    let count = problems.len();
    eprintln!("{name}: {count} {}", if count == 1 { "problem" } else { "problems" });
    for problem in problems {
        eprintln!("  {problem}");
    }
    eprintln!("Try: {name} --help");
    UNUSABLE
}

/// Prints to standard output, where a closed pipe is no error of ours.
fn print(text: &str) -> u8 {
    _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    FINE
}
