//! The limits on concurrent requests and on memory for bodies.

use space_kit::{Config, Env, parse};

use super::vars::{ANSWER_LIMIT, BODY_MEMORY, MAX_CONCURRENT, QUEUE_LENGTH, QUEUE_TIMEOUT};
use crate::limits::{BodyMemory, Limits, Slots};

/// Reads the variables; `None` means that `env` has the problems.
pub(super) fn read(env: &mut Env<'_>, config: &Config) -> Option<Limits> {
    let count = env.read(&MAX_CONCURRENT, parse::count);
    let queue_length = env.read(&QUEUE_LENGTH, |text| text.parse().ok());
    let queue_timeout = env.read(&QUEUE_TIMEOUT, parse::duration);
    let body_memory = env.read(&BODY_MEMORY, parse::size);
    let answer = env.read(&ANSWER_LIMIT, parse::size);
    if let Some(bytes) = body_memory.filter(|bytes| *bytes < config.max_body_bytes) {
        let longest = config.max_body_bytes;
        env.problem(
            &BODY_MEMORY,
            format!(
                "{bytes} bytes are less than MAX_BODY_BYTES ({longest}): a body of that size would never be accepted"
            ),
        );
        return None;
    }
    Some(Limits {
        slots: Slots::new(count?, queue_length?, queue_timeout?),
        body_memory: BodyMemory::new(body_memory?),
        answer: answer?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn problems(set: &[(&str, &str)]) -> Vec<String> {
        let lookup =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[("MAX_BODY_BYTES", "26MiB")]);
        let config = Config::read(&mut env).unwrap();
        let limits = read(&mut env, &config);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(limits.is_some(), problems.is_empty());
        problems
    }

    #[test]
    fn the_defaults_are_consistent() {
        assert_eq!(problems(&[]), [""; 0]);
    }

    #[test]
    fn inconsistent_limits_are_named() {
        for (set, expected) in [
            (
                &[("BODY_MEMORY", "1MiB")][..],
                "BODY_MEMORY: 1048576 bytes are less than MAX_BODY_BYTES (27262976)",
            ),
            (&[("QUEUE_TIMEOUT", "5")], "QUEUE_TIMEOUT: \"5\" is not accepted"),
            (&[("MAX_CONCURRENT", "0")], "MAX_CONCURRENT: \"0\" is not accepted"),
            (&[("QUEUE_LENGTH", "-1")], "QUEUE_LENGTH: \"-1\" is not accepted"),
        ] {
            let problems = problems(set);
            assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
        }
        assert_eq!(problems(&[("QUEUE_LENGTH", "0")]), [""; 0]);
    }
}
