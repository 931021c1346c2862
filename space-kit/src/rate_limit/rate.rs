//! A rate in the form of the setting: `60/min`.

use std::fmt;

/// A number of requests per unit of time. The same number may arrive at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

/// The highest count, so that a step is at least a microsecond.
const MAX_COUNT: u32 = 1_000_000;

impl Rate {
    /// A rate per minute; 0 counts as 1.
    pub const fn a_minute(count: u32) -> Rate {
        Rate { count: if count == 0 { 1 } else { count }, unit: Unit::Minute }
    }

    /// Parses `COUNT/UNIT`: 1 to 1000000 per `s`, `min`, `h` or `day`.
    pub fn parse(text: &str) -> Option<Rate> {
        let (count, unit) = text.split_once('/')?;
        let unit =
            [Unit::Second, Unit::Minute, Unit::Hour, Unit::Day].into_iter().find(|u| u.name() == unit)?;
        let digits = count.bytes().all(|byte| byte.is_ascii_digit()); // the parser would accept a sign
        let count = count.parse().ok().filter(|count| digits && (1..=MAX_COUNT).contains(count))?;
        Some(Rate { count, unit })
    }

    /// How many requests a full bucket admits.
    pub fn count(self) -> u32 {
        self.count
    }

    /// The unit in seconds.
    pub fn window(self) -> u64 {
        match self.unit {
            Unit::Second => 1,
            Unit::Minute => 60,
            Unit::Hour => 3600,
            Unit::Day => 86_400,
        }
    }

    /// The nanoseconds per request, rounded up, so that the rate is never exceeded.
    pub fn step(self) -> u64 {
        (self.window() * 1_000_000_000).div_ceil(u64::from(self.count.max(1)))
    }

    /// The nanoseconds in which an empty bucket becomes full.
    pub fn room(self) -> u64 {
        self.step() * u64::from(self.count.max(1))
    }
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Second => "s",
            Unit::Minute => "min",
            Unit::Hour => "h",
            Unit::Day => "day",
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rate_is_a_count_per_known_unit() {
        for (text, window, step) in [
            ("60/min", 60, 1_000_000_000),
            ("1/s", 1, 1_000_000_000),
            ("1000000/s", 1, 1000),
            ("7/h", 3600, 514_285_714_286),
            ("1000/day", 86_400, 86_400_000_000),
        ] {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.window(), rate.step(), rate.to_string().as_str()), (window, step, text));
        }
        assert_eq!(Rate::parse("20/min"), Some(Rate::a_minute(20)));
    }

    #[test]
    fn anything_else_is_rejected() {
        for text in [
            "",
            "60",
            "/min",
            "60/",
            "0/min",
            "-1/min",
            "+1/min",
            "1.5/min",
            "60/minute",
            "60/m",
            "60/MIN",
            "60 /min",
            "60/ min",
            "1000001/s",
            "99999999999/s",
            "60/min/s",
            "none",
        ] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_is_read_is_what_is_shown(text in "[0-9+]{0,9}/?(s|min|h|day|m|[ -~é漢])?") {
            if let Some(rate) = Rate::parse(&text) {
                prop_assert_eq!(rate.to_string(), text.trim_start_matches('0'));
                prop_assert!(rate.room() >= rate.window() * 1_000_000_000);
            }
        }
    }
}
