//! Instants: microseconds since the Unix epoch, the one unit in which the product keeps time.

use std::time::Duration;

/// A point in time, in microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(i64);

impl Instant {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs * 1_000_000)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_micros()).unwrap_or(i64::MAX)))
    }
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Text that is no date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid date: write 2024-01-02 or 2024-01-02T03:04:05Z")]
pub struct InvalidDate;

impl Instant {
    /// `Thu, 24 Aug 2023 05:01:45 +0000` (RFC 2822 §3.3), as the 2010-04-01 API writes dates.
    pub fn to_rfc2822(self) -> String {
        let (year, month, day, second) = self.civil();
        let weekday = DAYS[self.days().rem_euclid(7) as usize];
        let month = MONTHS[month as usize - 1];
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        format!("{weekday}, {day:02} {month} {year:04} {h:02}:{m:02}:{s:02} +0000")
    }

    /// `2015-07-30T20:12:31Z` (RFC 3339), as the newer hosts write dates.
    pub fn to_iso8601(self) -> String {
        let (year, month, day, second) = self.civil();
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}Z")
    }

    /// `2015-07-30T20:12:31.000042Z`: to the microsecond, where steps are compared.
    pub fn to_iso8601_micros(self) -> String {
        let (second, micros) = (self.to_iso8601(), self.0.rem_euclid(1_000_000));
        format!("{}.{micros:06}Z", second.trim_end_matches('Z'))
    }

    /// Reads a day (`2024-01-02`, its first instant), an ISO 8601 or an RFC 2822 date.
    pub fn parse_date(text: &str) -> Result<Self, InvalidDate> {
        let text = text.trim();
        if Self::is_day(text) {
            let start = format!("{text}T00:00:00Z").parse::<jiff::Timestamp>();
            return start.map(|at| Self(at.as_microsecond())).map_err(|_| InvalidDate);
        }
        let iso = text.parse::<jiff::Timestamp>().ok();
        let parsed = iso.or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()));
        parsed.map(|at| Self(at.as_microsecond())).ok_or(InvalidDate)
    }

    /// Whether `text` names a whole day rather than a moment.
    pub fn is_day(text: &str) -> bool {
        text.trim().len() == 10
    }

    /// The first instant of its day (UTC).
    pub fn start_of_day(self) -> Self {
        Self(self.days() * 86_400_000_000)
    }

    fn days(self) -> i64 {
        self.0.div_euclid(86_400_000_000)
    }

    /// Year, month, day and second of the day, in the proleptic Gregorian calendar: counted from
    /// the first of March, so that the leap day is the last of its year.
    fn civil(self) -> (i64, i64, i64, i64) {
        let second = self.0.rem_euclid(86_400_000_000) / 1_000_000;
        let shifted = self.days() + 719_468;
        let era = shifted.div_euclid(146_097);
        let of_era = shifted.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, month, day, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_in_both_styles() {
        let at = Instant::from_secs(1_692_853_305);
        assert_eq!(at.to_rfc2822(), "Thu, 24 Aug 2023 05:01:45 +0000");
        assert_eq!(at.to_iso8601(), "2023-08-24T05:01:45Z");
        assert_eq!(Instant::parse_date("Thu, 24 Aug 2023 05:01:45 +0000"), Ok(at));
        assert_eq!(Instant::parse_date("2023-08-24T05:01:45Z"), Ok(at));
        assert_eq!(Instant::parse_date("2023-08-24T07:01:45+02:00"), Ok(at));
        assert_eq!(Instant::parse_date("1970-01-02"), Ok(Instant::from_secs(86_400)));
        for bad in ["", "yesterday", "2024-13-01", "2024-02-30", "1"] {
            assert_eq!(Instant::parse_date(bad), Err(InvalidDate), "{bad}");
        }
    }

    #[test]
    fn our_calendar_agrees_with_jiff_over_the_years() {
        for day in (-30_000..60_000).step_by(13) {
            let at = Instant::from_secs(day * 86_400 + 3_661);
            let theirs = jiff::Timestamp::from_second(day * 86_400 + 3_661).expect("in range");
            assert_eq!(at.to_iso8601(), theirs.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}
