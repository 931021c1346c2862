//! The settings of every service, and the table of their variables.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::crash::record::{Burst, Restarts};
use crate::observe::log::{Format, Level};
use crate::settings::cors::Cors;
use crate::settings::env::{Env, Var};
use crate::settings::memory_limit::memory_limit;
use crate::settings::{parse, vars};

/// The crashes of this process so far. The process sets it for itself when it restarts, and no operator does.
static CRASH_RECORD: Var = Var {
    name: "CRASH_RECORD",
    default: "",
    accepts: "",
    meaning: "the crashes of this process so far",
    secret: false,
};
/// The default of `MAX_CONNECTIONS` without a memory limit, and however low that is.
const CONNECTIONS: usize = 16384;
const ALWAYS: usize = 64;

/// What a connection takes at most while it is idle or its request's head arrives, in bytes: hyper's buffers and the task.
pub(crate) const CONNECTION_BYTES: usize = 32 * 1024;

/// The first descriptor that systemd passes (sd_listen_fds(3)).
pub(crate) const FIRST_FD: i32 = 3;

/// `app_port` of the Spaces that `scripts/deploy.sh` makes.
const USUAL_PORT: u16 = 7860;

/// The platform sets it on a Hugging Face Space.
pub(crate) const SPACE_ID: &str = "SPACE_ID";

/// The settings of every service. Sizes are in bytes.
#[derive(Debug, Clone)]
#[allow(missing_docs)] // each field is described by its variable's row in [`vars`]
pub struct Config {
    pub listen: SocketAddr,
    pub log_level: Level,
    pub log_format: Format,
    pub cors: Cors,
    pub max_body_bytes: usize,
    pub max_connections: Option<usize>,
    pub header_timeout: Duration,
    pub request_timeout: Duration,
    pub idle_timeout: Duration,
    pub drain_timeout: Duration,
    pub trusted_proxy_hops: u8,
    pub allowed_hosts: String,
    pub metrics_token: Option<String>,
    pub crash_restart: bool,
    pub crash_burst: Burst,
    /// The crashes of this process so far.
    pub restarts: Restarts,
    pub listen_fds: bool,
    pub ready_fd: Option<i32>,
    /// Whether this runs on a Hugging Face Space (`SPACE_ID` is set).
    pub on_space: bool,
}

impl Config {
    /// Reads the kit's variables; `None` means that `env` has the problems.
    pub fn read(env: &mut Env<'_>) -> Option<Config> {
        Config::read_with(env, &vars::CORS_ORIGINS)
    }

    /// [`Config::read`] with another variable instead of `CORS_ORIGINS`.
    pub fn read_with(env: &mut Env<'_>, sites: &'static Var) -> Option<Config> {
        let on_space = env.is_set(SPACE_ID);
        let host = env.read(&vars::HOST, parse::address);
        let port = env.read(&vars::PORT, parse::port);
        if on_space && port.is_some_and(|port| port != USUAL_PORT) {
            env.notice("PORT differs from the usual 7860: app_port in the Space's README.md must have the same number");
        }
        let log_level = env.read(&vars::LOG_LEVEL, Level::parse);
        let log_format = env.optional(&vars::LOG_FORMAT, Format::parse);
        let cors = env.read(sites, Cors::parse);
        let max_body_bytes = env.read(&vars::MAX_BODY_BYTES, parse::size);
        let max_connections = env.optional(&vars::MAX_CONNECTIONS, parse::count);
        let header_timeout = env.read(&vars::HEADER_TIMEOUT, parse::duration);
        let request_timeout = env.read(&vars::REQUEST_TIMEOUT, parse::duration);
        let idle_timeout = env.read(&vars::IDLE_TIMEOUT, parse::duration);
        let drain_timeout = env.read(&vars::DRAIN_TIMEOUT, parse::duration);
        let hops = env.optional(&vars::TRUSTED_PROXY_HOPS, parse::small);
        let allowed_hosts = env.optional(&vars::ALLOWED_HOSTS, parse::hosts);
        let metrics_token = env.optional(&vars::METRICS_TOKEN, parse::token);
        let crash_restart = env.read(&vars::CRASH_RESTART, parse::yes_or_no);
        let crash_burst = env.read(&vars::CRASH_BURST, parse::burst);
        let record = |text: &str| Some(Restarts::parse(text, std::process::id()).unwrap_or_default());
        let restarts = env.optional(&CRASH_RECORD, record);
        let listen_fds = env.optional(&vars::LISTEN_FDS, |text| (text == "1").then_some(true));
        let listen_pid = env.optional(&vars::LISTEN_PID, |text| text.parse::<u32>().ok());
        let ready_fd = env.optional(&vars::READY_FD, |text| text.parse().ok().filter(|&fd| fd > 2));
        let for_us = listen_pid?.is_none_or(|pid| pid == std::process::id());
        let listen_fds = listen_fds?.unwrap_or(false) && for_us;
        if listen_fds && ready_fd? == Some(FIRST_FD) {
            env.problem(&vars::READY_FD, format!("{FIRST_FD} is the socket of LISTEN_FDS"));
        }
        let mut restarts = restarts?.unwrap_or_default();
        restarts.is_socket_given |= listen_fds && restarts.count() == 0; // a restarted process hands its own to itself
        Some(Config {
            listen: SocketAddr::new(host?, port?),
            log_level: log_level?,
            log_format: log_format?.unwrap_or_else(default_format),
            cors: cors?,
            max_body_bytes: max_body_bytes?,
            max_connections: max_connections?,
            header_timeout: header_timeout?,
            request_timeout: request_timeout?,
            idle_timeout: idle_timeout?,
            drain_timeout: drain_timeout?,
            trusted_proxy_hops: hops?.unwrap_or(u8::from(on_space)),
            allowed_hosts: allowed_hosts?.unwrap_or_default(),
            metrics_token: metrics_token?,
            crash_restart: crash_restart?,
            crash_burst: crash_burst?,
            restarts,
            listen_fds,
            ready_fd: ready_fd?,
            on_space,
        })
    }

    /// The most open connections. Its default depends on the container's memory limit, which is read when `open`
    /// connections are so many that it matters.
    pub fn connections(&self, open: usize) -> usize {
        match self.max_connections {
            Some(set) => set,
            None if open <= ALWAYS => CONNECTIONS,
            None => memory_limit()
                .map_or(CONNECTIONS, |limit| (limit / 4 / CONNECTION_BYTES).clamp(ALWAYS, CONNECTIONS)),
        }
    }

    /// The address at which this machine reaches the service: the wildcard becomes loopback.
    pub fn local_address(&self) -> SocketAddr {
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        SocketAddr::new(ip, self.listen.port())
    }
}

fn default_format() -> Format {
    if std::io::stderr().is_terminal() { Format::Text } else { Format::Json }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read(set: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let lookup =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[]);
        let config = Config::read(&mut env);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        config.filter(|_| problems.is_empty()).ok_or(problems)
    }

    #[test]
    fn unset_variables_have_the_defaults_of_the_table() {
        let config = read(&[]).unwrap();
        assert_eq!(config.listen.to_string(), "0.0.0.0:7860");
        assert_eq!(config.trusted_proxy_hops, 0);
        assert_eq!(config.max_body_bytes, 1 << 20);
        assert_eq!(config.local_address().to_string(), "127.0.0.1:7860");
    }

    #[test]
    fn a_space_has_one_proxy_in_front() {
        assert_eq!(read(&[("SPACE_ID", "me/app")]).unwrap().trusted_proxy_hops, 1);
        let both = [("SPACE_ID", "me/app"), ("TRUSTED_PROXY_HOPS", "0")];
        assert_eq!(read(&both).unwrap().trusted_proxy_hops, 0);
    }

    #[test]
    fn several_problems_are_reported_together() {
        let problems = read(&[("PORT", "70000"), ("IDLE_TIMEOUT", "75"), ("METRICS_TOKEN", "tiny")]);
        let problems = problems.unwrap_err();
        assert_eq!(problems.len(), 3);
        assert!(!problems.concat().contains("tiny"), "a problem repeats a secret: {problems:?}");
    }

    #[test]
    fn a_listener_for_another_process_is_not_taken() {
        let other = (std::process::id() + 1).to_string();
        assert!(!read(&[("LISTEN_FDS", "1"), ("LISTEN_PID", &other)]).unwrap().listen_fds);
        let own = std::process::id().to_string();
        assert!(read(&[("LISTEN_FDS", "1"), ("LISTEN_PID", &own)]).unwrap().listen_fds);
    }

    #[test]
    fn the_ready_notice_does_not_go_to_the_listening_socket() {
        let problems = read(&[("LISTEN_FDS", "1"), ("READY_FD", "3")]).unwrap_err();
        assert_eq!(problems, ["READY_FD: 3 is the socket of LISTEN_FDS"]);
        assert_eq!(read(&[("LISTEN_FDS", "1"), ("READY_FD", "4")]).unwrap().ready_fd, Some(4));
    }
}
