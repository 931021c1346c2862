//! When an upstream wants to be asked again: `Retry-After` (RFC 9110, section 10.2.3), which may be a date.

use std::ops::Range;
use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};

use crate::headers::seconds;

/// The delay that it tells; `unix` is the time now, in seconds since 1970.
pub(crate) fn retry_after(headers: &HeaderMap, unix: u64) -> Option<Duration> {
    let until = || date(headers.get(RETRY_AFTER)?.to_str().ok()?);
    let left = || Some(Duration::from_secs(until()?.saturating_sub(unix)));
    seconds(headers, &RETRY_AFTER).or_else(left)
}

/// The seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7; its two
/// obsolete forms are passed over).
fn date(text: &str) -> Option<u64> {
    // From March on, so that a leap day is the last of its year.
    const MONTHS: &[u8] = b"MarAprMayJunJulAugSepOctNovDecJanFeb";
    let number = |place: Range<usize>| text.get(place)?.parse::<u64>().ok();
    let name = text.get(8..11).filter(|_| text.get(25..) == Some(" GMT"))?;
    let month = MONTHS.chunks(3).position(|month| month == name.as_bytes())? as u64;
    let year = number(12..16)?.checked_sub(u64::from(month >= 10))?;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + number(5..7)?;
    let seconds = (number(17..19)? * 60 + number(20..22)?) * 60 + number(23..25)?;
    Some(days.checked_sub(719_469)? * 86_400 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn a_retry_after_may_be_a_date() {
        let told = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            retry_after(&headers, 784_111_777).map(|wait| wait.as_secs())
        };
        assert_eq!(told("30"), Some(30));
        assert_eq!(told("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(told("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0), "over");
        for passed_over in
            ["soon", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "a b c d e f g GMT"]
        {
            assert_eq!(told(passed_over), None, "{passed_over}");
        }
    }

    /// Day by day from 1970.
    fn by_calendar(days: u64) -> (u64, usize, u64) {
        let (mut year, mut month, mut left) = (1970, 0, days);
        loop {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let long = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month];
            if left < long {
                return (year, month, left + 1);
            }
            left -= long;
            (year, month) = if month == 11 { (year + 1, 0) } else { (year, month + 1) };
        }
    }

    proptest! {
        #[test]
        fn a_date_is_read_as_the_calendar_has_it(days in 0..60_000_u64, time in 0..86_400_u64) {
            let (year, month, day) = by_calendar(days);
            let name = "JanFebMarAprMayJunJulAugSepOctNovDec".get(month * 3..month * 3 + 3).unwrap();
            let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
            let text = format!("Xxx, {day:02} {name} {year} {hour:02}:{minute:02}:{second:02} GMT");
            prop_assert_eq!(date(&text), Some(days * 86_400 + time));
        }

        #[test]
        fn any_text_is_a_date_or_none(text in "[A-Za-z0-9 :,]{0,40}|[a-z]{3}, [0-9]{1,6} (Jan|Feb|Mar) [0-9]{1,6} [0-9]{1,6}:[0-9]{1,6}:[0-9]{1,6} GMT") {
            _ = date(&text);
        }
    }
}
