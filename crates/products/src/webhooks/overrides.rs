//! Connection overrides: what the fragment of a webhook's address asks for
//! (`#ct=2000&rc=2&rp=5xx,ct`). The fragment is neither sent nor signed.

use std::time::Duration;

/// A fragment that can't be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadOverride {
    /// A number outside its range, or an unknown retry condition.
    #[error("a connection override in the URL's fragment is wrong")]
    Value,
}

impl BadOverride {
    /// Twilio's code.
    pub fn code(self) -> u32 {
        11243
    }
}

/// On which failures a request is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryOn {
    /// Statuses 400 to 499.
    pub client_errors: bool,
    /// Statuses 500 to 599.
    pub server_errors: bool,
    /// The connection did not stand.
    pub connect: bool,
    /// The answer did not come in time.
    pub read: bool,
}

/// How one request is made and repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overrides {
    /// Time for the connection: 100 ms to 10 s, 5 s by default.
    pub connect: Duration,
    /// Time for the answer: 100 ms to 15 s, 15 s by default.
    pub read: Duration,
    /// Time for all tries: 100 ms to 15 s, 15 s by default.
    pub total: Duration,
    /// Further tries: 0 to 5, 1 by default.
    pub retries: u32,
    /// What is tried again: connect failures by default.
    pub retry_on: RetryOn,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(15),
            total: Duration::from_secs(15),
            retries: 1,
            retry_on: RetryOn { connect: true, ..RetryOn::default() },
        }
    }
}

/// The address without its fragment, and what the fragment asks for.
pub fn parse(url: &str) -> (&str, Result<Overrides, BadOverride>) {
    match url.split_once('#') {
        None => (url, Ok(Overrides::default())),
        Some((url, fragment)) => (url, parse_fragment(fragment)),
    }
}

fn parse_fragment(fragment: &str) -> Result<Overrides, BadOverride> {
    let mut overrides = Overrides::default();
    for (name, value) in fragment.split('&').filter_map(|pair| pair.split_once('=')) {
        match name {
            "ct" => overrides.connect = millis(value, 10_000)?,
            "rt" => overrides.read = millis(value, 15_000)?,
            "tt" => overrides.total = millis(value, 15_000)?,
            "rc" => overrides.retries = number(value, 0, 5)?,
            "rp" => overrides.retry_on = conditions(value)?,
            // Edges and SNI choose among Twilio's own networks; a self-hosted one has no choice.
            _ => {}
        }
    }
    Ok(overrides)
}

fn number(text: &str, min: u32, max: u32) -> Result<u32, BadOverride> {
    let number: u32 = text.parse().map_err(|_| BadOverride::Value)?;
    if (min..=max).contains(&number) { Ok(number) } else { Err(BadOverride::Value) }
}

fn millis(text: &str, max: u32) -> Result<Duration, BadOverride> {
    Ok(Duration::from_millis(u64::from(number(text, 100, max)?)))
}

fn conditions(text: &str) -> Result<RetryOn, BadOverride> {
    let mut on = RetryOn::default();
    for condition in text.split(',') {
        match condition {
            "4xx" => on.client_errors = true,
            "5xx" => on.server_errors = true,
            "ct" => on.connect = true,
            "rt" => on.read = true,
            "all" => {
                on =
                    RetryOn { client_errors: true, server_errors: true, connect: true, read: true };
            }
            _ => return Err(BadOverride::Value),
        }
    }
    Ok(on)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_taken_off_and_read() {
        let (url, overrides) =
            parse("https://a.example/x?y=1#ct=2000&rc=2&rp=4xx,5xx,ct,rt&e=dublin");
        let overrides = overrides.expect("all in range");
        assert_eq!(url, "https://a.example/x?y=1");
        assert_eq!((overrides.connect, overrides.retries), (Duration::from_secs(2), 2));
        assert!(overrides.retry_on.client_errors && overrides.retry_on.read);
        assert_eq!(parse("http://a/").1, Ok(Overrides::default()));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for fragment in ["ct=99", "ct=10001", "rc=6", "rp=6xx", "rt=x", "tt=15001"] {
            let url = format!("http://a/#{fragment}");
            assert_eq!(parse(&url).1, Err(BadOverride::Value), "{fragment}");
        }
    }
}
