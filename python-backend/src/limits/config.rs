//! The settings of what the service takes on at once.

use std::fmt::Write;

use space_kit::{Config, Env, parse};

use super::memory::Budget;
use super::slots::Slots;

space_kit::vars! {
    pub(crate) ALL;
    MAX_CONCURRENT = "1024", "a whole number above 0",
        "requests that are forwarded at once; more wait in a queue";
    QUEUE_LENGTH = "128", "a whole number, or 0 for no queue",
        "requests that may wait for one of MAX_CONCURRENT (429 beyond it)";
    QUEUE_TIMEOUT = "5s", "a duration such as 5s or 500ms",
        "time that a request may wait for one of MAX_CONCURRENT (429 beyond it)";
    BODY_MEMORY = "64MiB", "a size such as 65536, 64MiB or 1GiB, MAX_BODY_BYTES or more",
        "memory for all request bodies together while they are held (429 beyond it)";
}

/// What the variables make.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) slots: Slots,
    pub(crate) body_memory: Budget,
}

impl Limits {
    /// Appends what is in use in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        for (name, help, value) in [
            ("gateway_slots_in_use", "Requests at the upstreams", self.slots.in_use()),
            ("gateway_queue_length", "Requests that wait for a slot", self.slots.waiting()),
            ("gateway_body_bytes", "Bytes of request bodies held", self.body_memory.used()),
        ] {
            _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
        }
    }
}

/// Reads the variables; `None` means that `env` has the problems.
pub(crate) fn read(env: &mut Env<'_>, config: &Config) -> Option<Limits> {
    let count = env.read(&MAX_CONCURRENT, parse::count);
    let queue_length = env.read(&QUEUE_LENGTH, |text| text.parse().ok());
    let queue_timeout = env.read(&QUEUE_TIMEOUT, parse::duration);
    let body_memory = env.read(&BODY_MEMORY, parse::size);
    if let Some(bytes) = body_memory.filter(|bytes| *bytes < config.max_body_bytes) {
        let longest = config.max_body_bytes;
        env.problem(
            &BODY_MEMORY,
            format!(
                "{bytes} bytes are less than MAX_BODY_BYTES ({longest}): such a body could never be taken"
            ),
        );
        return None;
    }
    Some(Limits {
        slots: Slots::new(count?, queue_length?, queue_timeout?),
        body_memory: Budget::new(body_memory?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn problems(set: &[(&str, &str)]) -> Vec<String> {
        let lookup =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[("MAX_BODY_BYTES", "20MiB")]);
        let config = Config::read(&mut env).unwrap();
        let limits = read(&mut env, &config);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(limits.is_some(), problems.is_empty());
        problems
    }

    #[test]
    fn the_defaults_go_together() {
        assert_eq!(problems(&[]), [""; 0]);
    }

    #[test]
    fn limits_that_could_never_be_met_are_named() {
        for (set, told) in [
            (
                &[("BODY_MEMORY", "1MiB")][..],
                "BODY_MEMORY: 1048576 bytes are less than MAX_BODY_BYTES (20971520)",
            ),
            (&[("QUEUE_TIMEOUT", "5")], "QUEUE_TIMEOUT: \"5\" is not accepted"),
            (&[("MAX_CONCURRENT", "0")], "MAX_CONCURRENT: \"0\" is not accepted"),
            (&[("QUEUE_LENGTH", "-1")], "QUEUE_LENGTH: \"-1\" is not accepted"),
        ] {
            let problems = problems(set);
            assert!(problems.len() == 1 && problems[0].starts_with(told), "{problems:?}");
        }
        assert_eq!(problems(&[("QUEUE_LENGTH", "0")]), [""; 0]);
    }
}
