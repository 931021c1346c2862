//! What a process knows of its crashes. It travels to the next process image in an environment variable, because
//! nothing else of the process survives.

use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Crashes before the first response that end the process.
const MOST_UNANSWERED: u64 = 3;
/// The first delay, which doubles with each crash, and the longest one.
const DELAYS: (u64, u64) = (10, 5_000);
/// Changes with the meaning of a word, so that another version's record is not misread.
const VERSION: u64 = 1;
const WORDS: usize = 12 + Cause::ALL.len();
/// Bytes of a record as text: a word has 16 digits, and a separator follows each but the last.
pub(crate) const TEXT: usize = WORDS * 17 - 1;

/// Why a process restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Cause {
    /// A segmentation fault, also from a stack overflow.
    Segv,
    /// An address that the machine cannot access.
    Bus,
    /// An instruction that the machine does not have.
    Ill,
    /// A division by zero.
    Fpe,
    /// `abort`.
    Abrt,
    /// An allocation that failed.
    Allocation,
    /// A panic.
    Panic,
}

impl Cause {
    /// Every cause, in the order of their numbers.
    pub const ALL: [Cause; 7] =
        [Cause::Segv, Cause::Bus, Cause::Ill, Cause::Fpe, Cause::Abrt, Cause::Allocation, Cause::Panic];

    /// The name in logs, metrics and `/health`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Segv => "SEGV",
            Cause::Bus => "BUS",
            Cause::Ill => "ILL",
            Cause::Fpe => "FPE",
            Cause::Abrt => "ABRT",
            Cause::Allocation => "allocation",
            Cause::Panic => "panic",
        }
    }
}

/// Crashes in a time after which the next one is delayed (`CRASH_BURST`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    count: u64,
    window: u64,
}

impl Burst {
    /// So many crashes in a time.
    pub(crate) fn new(count: u32, window: Duration) -> Burst {
        Burst { count: count.into(), window: u64::try_from(window.as_millis()).unwrap_or(u64::MAX) }
    }
}

/// One crash, as the process that has it sees it.
pub(crate) struct Crash {
    pub(crate) cause: Cause,
    /// Milliseconds of the monotonic clock, which goes on in the next image.
    pub(crate) now: u64,
    /// Unix time in seconds.
    pub(crate) at: u64,
    /// Whether this image sent a response.
    pub(crate) answered: bool,
    /// The client whose request was being served.
    pub(crate) client: Option<IpAddr>,
}

/// The crashes of a process so far. The default is a process that has had none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restarts {
    /// Whether the first image was given its listening socket, so that `HOST` does not say where it listens.
    pub(crate) is_socket_given: bool,
    answered: bool,
    unanswered: u64,
    window_start: u64,
    in_window: u64,
    last: Option<(Cause, u64)>,
    client: Option<Ipv6Addr>,
    survivors: Option<i32>,
    totals: [u64; Cause::ALL.len()],
}

impl Restarts {
    /// These and one more. `survivors` is the descriptor that the next image finds them under.
    pub(crate) fn after(&self, crash: &Crash, burst: Burst, survivors: Option<i32>) -> Restarts {
        let mut next = *self;
        next.answered |= crash.answered;
        next.unanswered += u64::from(!next.answered);
        if self.in_window == 0 || crash.now.saturating_sub(self.window_start) >= burst.window {
            (next.window_start, next.in_window) = (crash.now, 0);
        }
        next.in_window += 1;
        next.last = Some((crash.cause, crash.at));
        next.client = crash.client.map(|client| match client {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        });
        next.survivors = survivors;
        if let Some(total) = next.totals.get_mut(crash.cause as usize) {
            *total += 1;
        }
        next
    }

    /// Whether to end instead of restarting: the process crashed again and again and never answered.
    pub(crate) fn is_hopeless(&self) -> bool {
        !self.answered && self.unanswered >= MOST_UNANSWERED
    }

    /// Time to wait before connections are accepted.
    pub(crate) fn delay(&self, burst: Burst) -> Duration {
        let (first, longest) = DELAYS;
        match self.in_window.checked_sub(burst.count + 1) {
            Some(doublings) => {
                let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
                Duration::from_millis(first.saturating_mul(2_u64.saturating_pow(doublings)).min(longest))
            }
            None => Duration::ZERO,
        }
    }

    /// All restarts.
    pub fn count(&self) -> u64 {
        self.totals.iter().sum()
    }

    /// The restarts of each cause.
    pub fn by_cause(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::ALL.into_iter().zip(self.totals)
    }

    /// Cause and Unix time in seconds of the last one.
    pub fn last(&self) -> Option<(Cause, u64)> {
        self.last
    }

    /// The client whose request was being served at the last crash, where known.
    pub fn client(&self) -> Option<IpAddr> {
        self.client.map(|client| IpAddr::V6(client).to_canonical())
    }

    /// The descriptor of the survivors, if the last image had any.
    pub(crate) fn survivors(&self) -> Option<i32> {
        self.survivors
    }

    fn words(&self, pid: u32) -> [u64; WORDS] {
        let client = self.client.map_or(0, Ipv6Addr::to_bits);
        let (cause, at) = self.last.map_or((0, 0), |(cause, at)| (cause as u64 + 1, at));
        let mut words = [0; WORDS];
        let own = [
            VERSION,
            pid.into(),
            u64::from(self.answered) | u64::from(self.is_socket_given) << 1,
            self.unanswered,
            self.window_start,
            self.in_window,
            cause,
            at,
            (client >> 64) as u64,
            client as u64,
            self.client.is_some().into(),
            self.survivors.map_or(0, |fd| fd as u64),
        ];
        for (word, value) in words.iter_mut().zip(own.into_iter().chain(self.totals)) {
            *word = value;
        }
        words
    }

    /// Writes [`TEXT`] bytes: words in hexadecimal. `pid` is the process that they are for.
    pub(crate) fn write(&self, pid: u32, out: &mut impl Write) -> fmt::Result {
        for (at, word) in self.words(pid).into_iter().enumerate() {
            write!(out, "{}{word:016x}", if at == 0 { "" } else { "." })?;
        }
        Ok(())
    }

    /// Reads what [`Restarts::write`] wrote for this process. Anything else is no record: a process must start
    /// whatever its environment holds.
    pub(crate) fn parse(text: &str, pid: u32) -> Option<Restarts> {
        let mut words = [0; WORDS];
        let mut parts = text.split('.');
        for word in &mut words {
            *word = u64::from_str_radix(parts.next()?, 16).ok()?;
        }
        let [version, owner, flags, unanswered, window_start, in_window, cause, at, high, low, known, fd, ..] =
            words;
        if text.len() != TEXT || parts.next().is_some() || version != VERSION || owner != u64::from(pid) {
            return None;
        }
        let cause = usize::try_from(cause).ok()?.checked_sub(1).and_then(|at| Cause::ALL.get(at));
        let bits = u128::from(high) << 64 | u128::from(low);
        Some(Restarts {
            is_socket_given: flags & 2 != 0,
            answered: flags & 1 != 0,
            unanswered,
            window_start,
            in_window,
            last: cause.map(|cause| (*cause, at)),
            client: (known != 0).then(|| Ipv6Addr::from_bits(bits)),
            survivors: i32::try_from(fd).ok().filter(|&fd| fd > 3),
            totals: *words.last_chunk()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: Burst = Burst { count: 3, window: 60_000 };

    fn crash(now: u64, answered: bool) -> Crash {
        let client = Some("::ffff:1.2.3.4".parse().unwrap());
        Crash { cause: Cause::Bus, now, at: 7, answered, client }
    }

    fn delays(times: impl Iterator<Item = u64>) -> Vec<u128> {
        let mut restarts = Restarts::default();
        let delay = |now| {
            restarts = restarts.after(&crash(now, true), BURST, None);
            restarts.delay(BURST).as_millis()
        };
        times.map(delay).collect()
    }

    #[test]
    fn three_crashes_in_a_minute_restart_at_once_and_then_the_delay_doubles_up_to_five_seconds() {
        let all = delays(0..15);
        assert_eq!(all, [0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5000, 5000, 5000]);
        assert!(delays((0..100).map(|n| n * 20_001)).iter().all(|delay| *delay == 0), "three a minute");
    }

    #[test]
    fn a_process_that_has_answered_never_gives_up_and_one_that_has_not_gives_up_at_the_third_crash() {
        let mut restarts = Restarts::default();
        let hopeless = |answered| {
            move |restarts: &mut Restarts| {
                *restarts = restarts.after(&crash(1, answered), BURST, None);
                restarts.is_hopeless()
            }
        };
        let seen: Vec<bool> = (0..4).map(|_| hopeless(false)(&mut restarts)).collect();
        assert_eq!(seen, [false, false, true, true]);
        let mut restarts = Restarts::default();
        assert!(!hopeless(true)(&mut restarts));
        assert!((0..100).all(|_| !hopeless(false)(&mut restarts)), "an earlier image answered");
    }

    #[test]
    fn a_record_survives_as_text_and_only_for_its_process() {
        let first = Restarts { is_socket_given: true, ..Restarts::default() };
        let restarts = first.after(&crash(12, true), BURST, Some(10));
        assert!(restarts.is_socket_given);
        let mut text = String::new();
        restarts.write(77, &mut text).unwrap();
        assert_eq!(text.len(), TEXT);
        assert_eq!(Restarts::parse(&text, 77), Some(restarts));
        assert_eq!(Restarts::parse(&text, 78), None);
        for wrong in ["", "1", &text[1..], &format!("{text}.0"), &text.replace('.', ","), &"f".repeat(TEXT)] {
            assert_eq!(Restarts::parse(wrong, 77), None, "{wrong}");
        }
        assert_eq!((restarts.count(), restarts.last()), (1, Some((Cause::Bus, 7))));
        assert_eq!(restarts.client(), Some("1.2.3.4".parse().unwrap()));
    }
}
