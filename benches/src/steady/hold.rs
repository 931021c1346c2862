//! Holds idle keep-alive connections.

use std::io::{self, Read};

use anyhow::{Context, Result};
use serde_json::json;

use crate::args::Args;
use crate::connection::Connection;
use crate::output::say;

/// Opens the connections, sends one request on each, prints their number, and holds them until stdin ends.
pub(crate) fn hold(args: &Args) -> Result<()> {
    let request = args.request();
    let mut held = Vec::with_capacity(args.connections);
    for number in 0..args.connections {
        let what = || format!("connection {number}");
        let mut connection = Connection::open(args.address).with_context(what)?;
        connection.ask(&request).with_context(what)?;
        connection.received = Vec::new();
        held.push(connection);
    }
    say(&json!({"held": held.len()}).to_string())?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("standard input")?;
    // If the server has closed connections by itself, its memory is not that of idle connections.
    let open = held.iter_mut().map(still_open).filter(|open| *open).count();
    say(&json!({"open": open}).to_string())
}

fn still_open(connection: &mut Connection) -> bool {
    let read = connection.stream.read(&mut [0]);
    read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
