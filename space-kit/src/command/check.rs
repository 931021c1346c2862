//! The text of `check`.

use std::fmt::Write;

use crate::command::told::Told;
use crate::service::description::Service;
use crate::settings::config::{CONNECTION_BYTES, Config};
use crate::settings::env::{Lookup, Var};
use crate::settings::memory_limit::memory_limit;
use crate::settings::vars;

/// Says that the configuration is valid, and what a start would tell the operator.
pub(super) fn valid<S: Send + Sync>(service: &'static Service<S>, state: &S, told: &Told<'_>) -> String {
    let mut text = format!("{}: the configuration is valid\n", service.name);
    told.all(service, state, &mut |line| text.extend(["  ", line, "\n"]));
    text
}

/// The limits of this configuration, and the memory that they allow. A service that needs more than three quarters of the
/// container's memory for them is warned: the rest is for everything else.
pub(super) fn limits<S>(service: &Service<S>, config: &Config, state: &S, lookup: &Lookup<'_>) -> String {
    static KIT: [&Var; 5] = [
        &vars::MAX_BODY_BYTES,
        &vars::HEADER_TIMEOUT,
        &vars::REQUEST_TIMEOUT,
        &vars::IDLE_TIMEOUT,
        &vars::DRAIN_TIMEOUT,
    ];
    let mut text = "limits:\n".to_owned();
    let own = service.vars.iter().filter(|(title, _)| *title == "limits");
    for var in own.flat_map(|(_, vars)| vars.iter()).chain(&KIT) {
        let set = lookup(var.name).filter(|value| !value.is_empty());
        let value =
            set.as_ref().map_or(var.default_in(service.defaults).into(), |value| value.to_string_lossy());
        _ = writeln!(text, "  {}: {value}", var.name);
    }
    let connections = config.connections(usize::MAX);
    let mut budgets = vec![("MAX_CONNECTIONS", connections.saturating_mul(CONNECTION_BYTES))];
    _ = writeln!(text, "memory:\n  MAX_CONNECTIONS: {connections} connections of {CONNECTION_BYTES} bytes");
    for (name, bytes) in (service.budgets)(state) {
        _ = writeln!(text, "  {name}: {bytes} bytes");
        budgets.push((name, bytes));
    }
    let sum = budgets.iter().fold(0_usize, |sum, (_, bytes)| sum.saturating_add(*bytes));
    _ = match memory_limit() {
        None => writeln!(text, "  together: {sum} bytes; no memory limit was found"),
        Some(limit) if sum > limit / 4 * 3 => writeln!(
            text,
            "  together: {sum} bytes, more than three quarters of the container's {limit}: lower them, or raise its limit"
        ),
        Some(limit) => writeln!(text, "  together: {sum} bytes, which fit the container's {limit}"),
    };
    text
}
