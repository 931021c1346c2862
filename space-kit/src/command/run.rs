//! The life of a service: configure, log, bind, announce, serve, drain.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::command::cli::{self, Command};
use crate::command::told::Told;
use crate::command::{check, healthcheck};
use crate::crash::{handler, restart};
use crate::observe::log::Value;
use crate::server::accept::accept;
use crate::server::listen::{Handed, ListenError};
use crate::server::render::Server;
use crate::server::shutdown::{Drain, SignalReader, Signals};
use crate::server::{restarts, task, trim};
use crate::service::description::Service;
use crate::settings::config::{Config, SPACE_ID};
use crate::settings::env::{Env, Var};
use crate::settings::env_file;

/// Exit status when all went well.
const SUCCESS: u8 = 0;
/// Exit status when the service cannot listen, or is not ready.
const FAILURE: u8 = 1;
/// Exit status for a command line or a configuration that cannot be used (sysexits.h `EX_USAGE`).
const USAGE: u8 = 64;

/// Does what the arguments say and returns the exit status: 0 success, 1 cannot listen or not ready, 64 unusable
/// arguments or configuration. `process` is the environment, each variable a name and a value.
pub fn main<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: impl Iterator<Item = &'static OsStr>,
    process: &[(&OsStr, &OsStr)],
) -> u8 {
    match configure(service, args.map(OsStr::to_owned), process) {
        Ok((server, told)) => run(&server, &told),
        Err(status) => status,
    }
}

/// Configures the server, or returns the exit status if the arguments ask for something else or are not usable. Not
/// inlined, so that the server does not run on top of the two pages of stack that this needs.
#[inline(never)]
fn configure<'a, S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: impl Iterator<Item = OsString>,
    process: &'a [(&'a OsStr, &'a OsStr)],
) -> Result<(Arc<Server<S>>, Told<'a>), u8> {
    let invocation =
        cli::parse(args, service.commands).map_err(|error| unusable(service.name, &[error.to_string()]))?;
    match invocation.command {
        Command::Help => {
            let kit: Vec<&Var> = service.kit_vars().collect();
            let Service { name, about, commands, vars, defaults, .. } = *service;
            let text = cli::help(name, about, commands, vars, &kit, defaults);
            return Err(print(&text));
        }
        Command::Version => return Err(print(&cli::version(service.name, service.version))),
        Command::Serve | Command::Check | Command::Healthcheck | Command::Own(_) => {}
    }
    let file = invocation.env_file.as_deref().map(env_file::read).transpose();
    let file = file.map_err(|error| unusable(service.name, &[error.to_string()]))?.unwrap_or_default();
    let lookup = |name: &str| {
        let set = process.iter().find(|(own, value)| *own == name && !value.is_empty());
        set.map(|(_, value)| OsString::from(value)).or_else(|| file.get(name).cloned())
    };
    let mut env = Env::new(&lookup, service.defaults);
    if invocation.command == Command::Check {
        env = env.explaining();
    }
    let config = Config::read_with(&mut env, service.sites);
    if let (Command::Healthcheck, Some(config)) = (invocation.command, &config) {
        return Err(if healthcheck::is_ready(config.local_address()) { SUCCESS } else { FAILURE });
    }
    let state = match &config {
        Some(config) => (service.configure)(&mut env, config),
        None => {
            // With the defaults, so that problems of the service's own variables are reported too.
            let where_it_runs = |name: &str| lookup(name).filter(|_| name == SPACE_ID);
            let config = Config::read(&mut Env::new(&where_it_runs, service.defaults));
            config.and_then(|config| (service.configure)(&mut env, &config))
        }
    };
    let (explanation, notices) = (env.take_explanation(), env.take_notices());
    let mut problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
    let (Some(config), Some(state), true) = (config, state, problems.is_empty()) else {
        let told = Told { notices, process, file };
        told.unknown_names(service, &mut |line| problems.push(line.to_owned()));
        return Err(unusable(service.name, &problems));
    };
    match invocation.command {
        Command::Check => {
            let limits = check::limits(service, &config, &state, &lookup);
            let told = Told { notices, process, file };
            Err(print(&(check::valid(service, &state, &told) + &explanation + &limits)))
        }
        Command::Own(at) => {
            let own = service.commands.get(at);
            Err(own.map_or(SUCCESS, |own| match (own.run)(&state, &config, &invocation.arguments) {
                Ok(text) => print(&text),
                Err(error) => unusable(service.name, &[error.to_string()]),
            }))
        }
        _ => Ok((Server::new(service, state, config), Told { notices, process, file })),
    }
}

/// Runs a configured service until a signal ends it, and returns the exit status.
fn run<S: Send + Sync + 'static>(server: &Arc<Server<S>>, told: &Told<'_>) -> u8 {
    match live(server, told) {
        Ok(()) => SUCCESS,
        Err(error) => {
            server.kit().log.error("cannot serve", &[("cause", Value::Show(&error))]);
            FAILURE
        }
    }
}

/// The life of a configured service, from start to end.
fn live<S: Send + Sync + 'static>(server: &Arc<Server<S>>, told: &Told<'_>) -> Result<(), RunError> {
    let config = &server.kit().config;
    handler::catch_panics(server.kit().log.format());
    let mut handed = Handed::take(config)?; // before anything else is opened
    raise_open_files(server);
    let signals = Signals::hold().map_err(RunError::Signals)?;
    runtime()?.block_on(async {
        let listener = bind(server, &mut handed)?;
        let address = listener.local_addr();
        let descriptor = listener.as_raw_fd();
        let first = config.restarts.count() == 0;
        if !first
            && Box::pin(restarts::resume(server, descriptor, &signals)).await.map_err(RunError::Signals)?
        {
            return Ok(());
        }
        let drain = Drain::new();
        let accepting = task::spawn(accept(server.clone(), listener, drain.guard()));
        announce(server, address, told).await;
        if first {
            restarts::prepare(server, descriptor); // after the first responses
        }
        let mut signals = signals.watch().map_err(RunError::Signals)?;
        let signal = serve(accepting, &mut signals).await?;
        drain_connections(server, drain, signal, signals).await;
        Ok(())
    })
}

/// Raises the limit of open files as far as this process may, because a service has outgoing connections too, and warns
/// if it is too low for `MAX_CONNECTIONS`.
fn raise_open_files<S>(server: &Server<S>) {
    let wanted = (server.kit().config.connections(0) as u64).saturating_add(64);
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    if limit < wanted {
        server.kit().log.warn(
            "MAX_CONNECTIONS exceeds the limit of open files",
            &[("open_files", Value::Int(limit)), ("wanted", Value::Int(wanted))],
        );
    }
}

#[inline(never)] // its stack is free again when the server runs
fn runtime() -> Result<Runtime, RunError> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // The default of 1,024 takes 12 KB, three pages in each start-up.
    builder.enable_all().max_io_events_per_tick(128);
    builder.on_thread_start(handler::use_own_stack).on_thread_stop(handler::release_own_stack);
    builder.build().map_err(RunError::Runtime)
}

/// Binds the listening socket, and tells the process that waits for it.
fn bind<S>(server: &Server<S>, handed: &mut Handed) -> Result<TcpListener, RunError> {
    let latch = server.kit().readiness.latch("listening");
    let listener = handed.bind(&server.kit().config)?;
    drop(latch);
    handed.notify_ready()?;
    Ok(listener)
}

/// Logs that the service listens, and what the operator should know. This and the work that start-up does not need wait
/// for two turns of the runtime: the first accepts the clients that waited for the start, the second serves them.
async fn announce<S: Send + Sync + 'static>(
    server: &Server<S>,
    address: io::Result<SocketAddr>,
    told: &Told<'_>,
) {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    space_heap::claim();
    let kit = server.kit();
    let address = address.unwrap_or(kit.config.listen);
    kit.log.info(
        "listening",
        &[
            ("service", Value::Str(kit.name)),
            ("version", Value::Str(kit.version)),
            ("address", Value::Show(&address)),
            ("restarts", Value::Int(kit.config.restarts.count())),
        ],
    );
    told.all(server.service, &server.running.state, &mut |line| kit.log.warn(line, &[]));
    task::spawn(trim::run());
}

/// Serves until the first signal, and returns its name. Then the accept loop has ended too.
async fn serve(mut accepting: JoinHandle<()>, signals: &mut SignalReader) -> Result<Signal, RunError> {
    tokio::select! {
        name = signals.next() => Ok(Signal { name, accepting }),
        _ = &mut accepting => Err(RunError::AcceptEnded),
    }
}

/// The signal that ends the service, and the accept loop that it stops.
struct Signal {
    name: &'static str,
    accepting: JoinHandle<()>,
}

/// Drains: the service stops listening and responds to what has arrived. The first of "all connections ended",
/// `DRAIN_TIMEOUT` and a second signal ends the drain.
async fn drain_connections<S: Send + Sync + 'static>(
    server: &Server<S>,
    drain: Drain,
    signal: Signal,
    mut signals: SignalReader,
) {
    let kit = server.kit();
    kit.readiness.drain();
    restart::stops_listening();
    drain.begin();
    _ = signal.accepting.await; // then no more connections are accepted
    let in_flight = kit.metrics.in_flight.get();
    kit.log.info("draining", &[("signal", Value::Str(signal.name)), ("in_flight", Value::Int(in_flight))]);
    let deadline = Instant::now() + kit.config.drain_timeout;
    let cut = |reason| {
        let cut = kit.metrics.in_flight.get();
        kit.log.warn("cut off", &[("reason", Value::Str(reason)), ("in_flight", Value::Int(cut))]);
    };
    tokio::select! {
        () = drain.done() => kit.log.info("stopped", &[]),
        () = sleep_until(deadline) => cut("DRAIN_TIMEOUT expired"),
        _ = signals.next() => cut("second signal"),
    }
}

/// Why a service does not run, or stopped without a signal.
#[derive(Debug)]
enum RunError {
    /// The listening socket or the ready notification.
    Listen(ListenError),
    /// The signals that end the service.
    Signals(io::Error),
    /// The async runtime.
    Runtime(io::Error),
    /// The accept loop ended.
    AcceptEnded,
}

impl From<ListenError> for RunError {
    fn from(error: ListenError) -> RunError {
        RunError::Listen(error)
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunError::Listen(error) => error.fmt(f),
            RunError::Signals(error) => write!(f, "cannot handle signals: {error}"),
            RunError::Runtime(error) => write!(f, "cannot create a runtime: {error}"),
            RunError::AcceptEnded => f.write_str("the accept loop ended"),
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
    USAGE
}

/// Prints to standard output. A closed pipe is not a failure of the service.
fn print(text: &str) -> u8 {
    _ = io::stdout().write_all(text.as_bytes());
    SUCCESS
}
