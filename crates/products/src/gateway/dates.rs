//! Dates that lists are filtered by.

use std::time::Duration;

use base::{ApiError, Instant, code};

/// A date of a filter.
pub(crate) fn instant(name: &str, text: &str) -> Result<Instant, ApiError> {
    Instant::parse_date(text)
        .map_err(|error| ApiError::new(code::BAD_REQUEST, format!("{name}: {error}")))
}

/// The end of a day, or the instant that is given.
pub(crate) fn day_end(name: &str, text: &str) -> Result<Instant, ApiError> {
    let at = instant(name, text)?;
    let day = Duration::from_secs(24 * 60 * 60);
    Ok(if Instant::is_day(text) { at + day } else { at })
}
