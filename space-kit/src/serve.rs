//! The server: accept, hand each connection to its task, drain, end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use crate::app::App;
use crate::conn;
use crate::listen::Handed;
use crate::log::Value;
use crate::shutdown::{Drain, Guard, Signals, Watch};
use crate::{task, tidy};

/// Runs a service until a signal ends it. An error means that it could not start.
pub(crate) fn run<S: Send + Sync + 'static>(app: Arc<App<S>>) -> Result<(), String> {
    log_panics(&app);
    let mut handed = Handed::take(&app.config)?;
    raise_open_files(&app);
    let signals = Signals::hold().map_err(no_signals)?;
    runtime()?.block_on(async {
        let starting = app.readiness.latch("listening");
        let listener = handed.bind(&app.config)?;
        drop(starting);
        handed.notify_ready()?;
        let address = listener.local_addr();
        let drain = Drain::new();
        let accepting = task::spawn(accept(app.clone(), listener, drain.guard()));
        settle(&app, address).await;
        serve(&app, drain, accepting, signals.watch().map_err(no_signals)?).await
    })
}

#[inline(never)] // what it has on the stack is gone when the server runs
fn runtime() -> Result<Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    // The default of 1,024 takes 12 KB, three pages in each start.
    let built = builder.enable_all().max_io_events_per_tick(128).build();
    built.map_err(|error| format!("cannot make a runtime: {error}"))
}

fn no_signals(error: io::Error) -> String {
    format!("cannot handle signals: {error}")
}

/// What can wait until those who waited for the start are answered: after one turn they are accepted, after two
/// served.
async fn settle<S: Send + Sync + 'static>(app: &App<S>, address: io::Result<SocketAddr>) {
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    space_heap::claim();
    let address = address.unwrap_or(app.config.listen);
    app.log.info(
        "listening",
        &[
            ("service", Value::Str(app.service.name)),
            ("version", Value::Str(app.service.version)),
            ("address", Value::Show(&address)),
        ],
    );
    task::spawn(tidy::run());
}

/// Waits for a signal, then drains: it listens no more, what has come is answered, and the first of
/// "all done", `DRAIN_TIMEOUT` and a second signal ends it.
async fn serve<S: Send + Sync + 'static>(
    app: &App<S>,
    drain: Drain,
    mut accepting: JoinHandle<()>,
    mut signals: Watch,
) -> Result<(), String> {
    let signal = tokio::select! {
        signal = signals.next() => signal,
        _ = &mut accepting => return Err("nobody accepts connections any more".to_owned()),
    };
    app.readiness.drain();
    drain.begin();
    _ = accepting.await; // until nobody is taken any more
    let under_way = app.metrics.in_flight.get();
    app.log.info("draining", &[("signal", Value::Str(signal)), ("under_way", Value::Int(under_way))]);
    let deadline = Instant::now() + app.config.drain_timeout;
    let cut = |reason| {
        let cut = app.metrics.in_flight.get();
        app.log.warn("cut off", &[("reason", Value::Str(reason)), ("under_way", Value::Int(cut))]);
    };
    tokio::select! {
        () = drain.done() => app.log.info("stopped", &[]),
        () = sleep_until(deadline) => cut("DRAIN_TIMEOUT is over"),
        _ = signals.next() => cut("a second signal"),
    }
    Ok(())
}

/// Accepts until the drain begins, then takes what waits and listens no more.
async fn accept<S: Send + Sync + 'static>(app: Arc<App<S>>, listener: TcpListener, mut drain: Guard) {
    let guard = drain.clone();
    tokio::select! {
        biased;
        () = drain.begun() => {}
        () = accept_all(&app, &listener, &guard) => {}
    }
    close(&app, listener, &guard);
}

/// Accepts for ever. An error of one connection is passed over; when resources run out it waits.
async fn accept_all<S: Send + Sync + 'static>(app: &Arc<App<S>>, listener: &TcpListener, drain: &Guard) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                connected(app, stream, peer, drain.clone());
                tokio::task::yield_now().await; // it is served before the next one is asked for
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                app.log.error("cannot accept", &[("cause", Value::Show(&error))]);
                sleep(Duration::from_millis(250)).await;
            }
        }
    }
}

fn connected<S: Send + Sync + 'static>(app: &Arc<App<S>>, stream: TcpStream, peer: SocketAddr, drain: Guard) {
    _ = stream.set_nodelay(true);
    task::spawn(conn::serve(app.clone(), stream, peer.ip().to_canonical(), drain));
}

/// Takes the connections that wait to be accepted, and listens no more. Whoever comes later is refused by the
/// system: a proxy knows then that nothing was sent, and asks another replica, whatever the request is. Of a
/// socket handed over, the successor has its own descriptor: there they wait for it.
fn close<S: Send + Sync + 'static>(app: &Arc<App<S>>, listener: TcpListener, drain: &Guard) {
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                _ = stream.map(|stream| connected(app, stream, peer, drain.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// A panic is one log line with its place, whatever thread or request it is in.
fn log_panics<S>(app: &App<S>) {
    let log = app.log;
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = crate::track::panic_text(panic.payload());
        log.error("panic", &[("place", Value::Str(&place)), ("cause", Value::Str(text))]);
    }));
}

/// Raises the limit of open files as far as this process may, for a service has connections of its own too, and says
/// when it is too low for `MAX_CONNECTIONS`.
fn raise_open_files<S>(app: &App<S>) {
    let wanted = (app.config.max_connections as u64).saturating_add(64);
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(0);
    if limit < wanted {
        app.log.warn(
            "MAX_CONNECTIONS is more than this process may open",
            &[("open_files", Value::Int(limit)), ("wanted", Value::Int(wanted))],
        );
    }
}
