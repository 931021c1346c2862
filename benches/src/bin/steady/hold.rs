//! Connections that are kept alive and do nothing.

use std::io::{self, Read};

use anyhow::{Context, Result};
use serde_json::json;

use crate::args::Args;
use crate::connection::Connection;
use crate::say;

/// Opens all, asks once on each, says so, and holds them until the standard input ends.
pub(crate) fn hold(args: &Args) -> Result<()> {
    let request = args.request();
    let mut held = Vec::with_capacity(args.connections);
    for number in 0..args.connections {
        let what = || format!("connection {number}");
        let mut connection = Connection::open(args.address).with_context(what)?;
        connection.ask(&request).with_context(what)?;
        connection.inbox = Vec::new();
        held.push(connection);
    }
    say(&json!({"held": held.len()}).to_string())?;
    io::copy(&mut io::stdin().lock(), &mut io::sink()).context("standard input")?;
    // A server that closed them gives its memory back too, but not as an answer to what is asked here.
    let open = held.iter_mut().filter_map(|connection| still_open(connection).then_some(())).count();
    say(&json!({"open": open}).to_string())
}

fn still_open(connection: &mut Connection) -> bool {
    let nothing_came = connection.stream.read(&mut [0]);
    nothing_came.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}
