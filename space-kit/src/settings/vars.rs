//! The kit's variables, one row each: name, default, accepted values, meaning.

crate::vars! {
    pub ALL;
    /// Where to listen.
    pub HOST = "0.0.0.0", "an IP address such as 0.0.0.0, 127.0.0.1 or ::", "address to listen on";
    /// Where to listen.
    pub PORT = "7860", "a port from 0 to 65535 (0: any free one)", "port to listen on";
    /// The least severe line that is written.
    pub LOG_LEVEL = "info", "error, warn, info or debug", "least severe level that is logged; debug includes health checks";
    /// How a line is written.
    pub LOG_FORMAT = "text on a terminal, otherwise json", "json or text", "form of a log line";
    /// Sites whose pages may call the service.
    pub CORS_ORIGINS = "none", "none, *, or origins such as https://site.example, separated by commas", "sites whose pages may call this service";
    /// The longest request body.
    pub MAX_BODY_BYTES = "1MiB", "a size such as 65536, 64KiB or 20MiB", "longest request body (413 beyond it)";
    /// Open connections.
    pub MAX_CONNECTIONS = "16384, but at most one for each 32 KiB of a quarter of the container's memory limit", "a whole number above 0", "maximum number of open connections, of which one address may have a half; further ones are rejected";
    /// Time for a request's head.
    pub HEADER_TIMEOUT = "10s", "a duration such as 30s or 500ms", "time for a request's head to arrive (408 beyond it)";
    /// Time for a response to begin.
    pub REQUEST_TIMEOUT = "60s", "a duration such as 30s or 500ms", "time for a request's body to arrive and its response to begin";
    /// Time that a connection may be idle.
    pub IDLE_TIMEOUT = "75s", "a duration such as 30s or 500ms", "time that a kept-alive connection may be idle, or a client may stop reading a response";
    /// Time to finish after TERM.
    pub DRAIN_TIMEOUT = "20s", "a duration such as 30s or 500ms", "time for requests in flight to finish after TERM or INT";
    /// Proxies in front.
    pub TRUSTED_PROXY_HOPS = "1 on a Space, otherwise 0", "a whole number from 0 to 255", "number of proxies in front whose X-Forwarded-For entries are trusted, counted from the right";
    /// Names of the service.
    pub ALLOWED_HOSTS = "", "host names without ports, separated by commas, or *", "names under which clients may call this service, besides loopback names (421 for others); if unset, a service that listens on loopback only accepts HOST, any other accepts all";
    /// Grants access to `/metrics`.
    pub METRICS_TOKEN (secret) = "", "at least 16 visible ASCII characters", "bearer token for /metrics; if unset, only this machine may read it, and on a Space nobody";
    /// Whether a crash restarts the process.
    pub CRASH_RESTART = "yes", "yes or no", "after a crash the process restarts in place; no: it ends, and may dump core";
    /// Crashes without a delay.
    pub CRASH_BURST = "3/60s", "a count and a duration such as 3/60s", "crashes in this time that restart at once; more wait from 10 ms up to 5 s";
    /// Socket activation.
    pub LISTEN_FDS = "", "1", "use the listening socket that is passed as file descriptor 3 (systemd socket activation)";
    /// Socket activation.
    pub LISTEN_PID = "", "a process id", "LISTEN_FDS applies only to the process with this id";
    /// Ready notification.
    pub READY_FD = "", "a file descriptor from 3 on", "file descriptor that receives one byte when the service accepts connections";
}
