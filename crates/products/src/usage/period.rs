//! The spans of time of the lists of usage, and the buckets that they are shown in. A day is its
//! text, `2026-11-24`: texts of days order as the days do.

use std::time::Duration;

use base::{ApiError, Instant, code};

/// Which list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// One record for each category, over all that is asked for.
    Whole,
    Daily,
    Monthly,
    Yearly,
    Today,
    Yesterday,
    ThisMonth,
    LastMonth,
}

/// A day in seconds.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The day of an instant.
pub(super) fn day_of(at: Instant) -> String {
    at.to_iso8601()[..10].to_owned()
}

fn day_before(day: &str) -> String {
    Instant::parse_date(day).map_or_else(|_| day.to_owned(), |at| day_of(at - DAY))
}

/// The first day of the month after a day's.
fn next_month(day: &str) -> String {
    let (year, month) = (number(&day[..4]), number(&day[5..7]));
    match month {
        12 => format!("{:04}-01-01", year + 1),
        month => format!("{year:04}-{:02}-01", month + 1),
    }
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or_default()
}

/// What a caller asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) start: Option<String>,
    pub(super) end: Option<String>,
}

/// Reads `StartDate` or `EndDate`: a day, or an offset from today like `-30days`.
pub(crate) fn day(name: &str, text: &str, now: Instant) -> Result<String, ApiError> {
    let offset = text.strip_prefix('-').and_then(|rest| rest.strip_suffix("days"));
    let offset = offset.and_then(|days| days.parse::<u32>().ok()).filter(|days| *days < 36_600);
    if let Some(days) = offset {
        return Ok(day_of(now - DAY * days));
    }
    let parsed = Some(text).filter(|text| Instant::is_day(text)).map(Instant::parse_date);
    match parsed {
        Some(Ok(at)) => Ok(day_of(at)),
        _ => {
            let text = format!("{name} must be a day like 2026-11-24, or an offset like -30days");
            Err(ApiError::new(code::BAD_REQUEST, text))
        }
    }
}

impl Period {
    /// The first and the last day of which records tell. Without a beginning, `first` is the
    /// account's first day.
    pub(super) fn span(self, asked: &Asked, first: &str, now: Instant) -> (String, String) {
        let today = day_of(now);
        let month = format!("{}-01", &today[..7]);
        match self {
            Self::Today => (today.clone(), today),
            Self::Yesterday => (day_before(&today), day_before(&today)),
            Self::ThisMonth => (month, today),
            Self::LastMonth => {
                let last = day_before(&month);
                (format!("{}-01", &last[..7]), last)
            }
            Self::Whole | Self::Daily | Self::Monthly | Self::Yearly => {
                let start = asked.start.clone().unwrap_or_else(|| first.to_owned());
                let end = asked.end.clone().unwrap_or(today);
                (start, end)
            }
        }
    }

    /// The bucket of a day within a span: its first and its last day.
    pub(super) fn bucket(self, day: &str, (start, end): &(String, String)) -> (String, String) {
        let (first, last) = match self {
            Self::Daily => (day.to_owned(), day.to_owned()),
            Self::Monthly => (format!("{}-01", &day[..7]), day_before(&next_month(day))),
            Self::Yearly => (format!("{}-01-01", &day[..4]), format!("{}-12-31", &day[..4])),
            Self::Whole | Self::Today | Self::Yesterday | Self::ThisMonth | Self::LastMonth => {
                (start.clone(), end.clone())
            }
        };
        (first.max(start.clone()), last.min(end.clone()))
    }

    /// Every bucket of a span, the newest first; at most `max`.
    pub(super) fn buckets(self, span: &(String, String), max: usize) -> Vec<(String, String)> {
        let mut buckets = Vec::new();
        let mut day = span.1.clone();
        while day >= span.0 && buckets.len() < max {
            let bucket = self.bucket(&day, span);
            day = day_before(&bucket.0);
            buckets.push(bucket);
        }
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        Instant::parse_date("2026-03-02T10:00:00Z").expect("an instant")
    }

    fn span(period: Period, start: Option<&str>, end: Option<&str>) -> (String, String) {
        let asked = Asked { start: start.map(str::to_owned), end: end.map(str::to_owned) };
        period.span(&asked, "2025-12-30", now())
    }

    fn texts((start, end): &(String, String)) -> (&str, &str) {
        (start, end)
    }

    #[test]
    fn spans_are_those_of_the_calendar() {
        let cases = [
            (Period::Today, ("2026-03-02", "2026-03-02")),
            (Period::Yesterday, ("2026-03-01", "2026-03-01")),
            (Period::ThisMonth, ("2026-03-01", "2026-03-02")),
            (Period::LastMonth, ("2026-02-01", "2026-02-28")),
            (Period::Whole, ("2025-12-30", "2026-03-02")),
        ];
        for (period, expected) in cases {
            assert_eq!(texts(&span(period, None, None)), expected, "{period:?}");
        }
    }

    #[test]
    fn buckets_cover_a_span_once_and_end_at_its_edges() {
        let whole = span(Period::Monthly, None, None);
        let months = Period::Monthly.buckets(&whole, 100);
        let expected = [
            ("2026-03-01", "2026-03-02"),
            ("2026-02-01", "2026-02-28"),
            ("2026-01-01", "2026-01-31"),
            ("2025-12-30", "2025-12-31"),
        ];
        assert_eq!(months.iter().map(texts).collect::<Vec<_>>(), expected);
        let years = Period::Yearly.buckets(&whole, 100);
        assert_eq!(
            years.iter().map(texts).collect::<Vec<_>>(),
            [("2026-01-01", "2026-03-02"), ("2025-12-30", "2025-12-31"),]
        );
        assert_eq!(Period::Daily.buckets(&whole, 100).len(), 63);
        assert_eq!(Period::Whole.buckets(&whole, 100).len(), 1);
        let backwards = span(Period::Daily, Some("2026-03-02"), Some("2026-03-01"));
        assert!(Period::Daily.buckets(&backwards, 100).is_empty());
    }

    #[test]
    fn days_are_read_or_refused() {
        assert_eq!(day("StartDate", "-1days", now()).as_deref(), Ok("2026-03-01"));
        assert_eq!(day("StartDate", "2026-02-28", now()).as_deref(), Ok("2026-02-28"));
        for bad in ["", "yesterday", "-999999999days", "2026-02-31", "2026-02-28T10:00:00Z"] {
            assert!(day("StartDate", bad, now()).is_err(), "{bad}");
        }
    }
}
