//! The limits on concurrent requests and on memory for bodies.

use std::hash::RandomState;

use space_kit::{Config, Env, memory_limit, parse};

use super::vars::{ANSWER_LIMIT, ANSWER_MEMORY, BODY_MEMORY, MAX_CONCURRENT, QUEUE_LENGTH, QUEUE_TIMEOUT};
use crate::limits::{Limits, Memory, Slots, longest};

/// The defaults without a memory limit, in bytes.
const BODIES: usize = 64 << 20;
const ANSWERS: usize = 256 << 20;

/// Reads the variables; `None` means that `env` has the problems.
pub(super) fn read(env: &mut Env<'_>, config: &Config) -> Option<Limits> {
    let count = env.read(&MAX_CONCURRENT, parse::count);
    let queue_length = env.read(&QUEUE_LENGTH, |text| text.parse().ok());
    let queue_timeout = env.read(&QUEUE_TIMEOUT, parse::duration);
    let body_memory = env.optional(&BODY_MEMORY, parse::size);
    let answer_memory = env.optional(&ANSWER_MEMORY, parse::size);
    let answer = env.read(&ANSWER_LIMIT, parse::size);
    let max_body = config.max_body_bytes;
    if let Some(bytes) = body_memory.flatten().filter(|bytes| longest(*bytes) < max_body) {
        env.problem(
            &BODY_MEMORY,
            format!(
                "of {bytes} bytes, one caller may hold {}, less than MAX_BODY_BYTES ({max_body}): a body of that size \
                 would never be accepted",
                longest(bytes)
            ),
        );
        return None;
    }
    let (body_memory, answer_memory) = (body_memory?, answer_memory?);
    Some(Limits {
        slots: Slots::new(count?, queue_length?, queue_timeout?),
        bodies: Memory::new("request bodies", move || {
            body_memory.unwrap_or_else(|| within_container(BODIES.max(max_body.saturating_mul(3))))
        }),
        answers: Memory::new("whole responses", move || {
            answer_memory.unwrap_or_else(|| within_container(ANSWERS))
        }),
        hasher: RandomState::new(),
        answer: answer?,
    })
}

/// The default, but at most a quarter of the container's memory: connections take another quarter, and one is left for
/// everything else.
fn within_container(default: usize) -> usize {
    memory_limit().map_or(default, |limit| default.min(limit / 4))
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
                "BODY_MEMORY: of 1048576 bytes, one caller may hold 458752, less than MAX_BODY_BYTES (27262976)",
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
