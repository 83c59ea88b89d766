//! When a request is tried again.

use std::time::Duration;

use crate::webhooks::overrides::Overrides;

/// How long an installation keeps trying.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Twilio's: what the overrides say, at once, within the total time.
    #[default]
    Twilio,
    /// Eight tries over a day, each pause longer than the one before; `Retry-After` is honoured.
    Patient {
        /// Later callbacks of the same object need not wait for an earlier one's retries.
        release_later: bool,
    },
}

/// How one try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With a status.
    Answered(u16),
    /// Without an answer.
    Failed {
        /// Twilio's code.
        code: u32,
        /// The other side can't have seen it.
        never_reached: bool,
        /// Time ran out after it was written.
        timed_out: bool,
    },
}

impl Outcome {
    /// Whether the application took it.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Answered(status) if (200..300).contains(&status))
    }

    /// Whether it speaks against the endpoint as a whole.
    pub fn is_outage(self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Answered(502..=504))
    }
}

/// What follows from a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Done.
    Delivered,
    /// Again after this pause.
    Retry(Duration),
    /// Given up.
    Exhausted,
}

/// Pauses of the patient policy: 8 tries over 24 hours.
const PAUSES_S: [u64; 7] = [5, 60, 300, 1_800, 7_200, 21_600, 54_000];

/// Decides what follows from try number `attempt` (from 1). `elapsed` is the time since the first
/// try began, `entropy` spreads the patient policy's pauses by a tenth.
pub fn next(
    policy: Policy,
    overrides: &Overrides,
    attempt: u32,
    outcome: Outcome,
    elapsed: Duration,
    retry_after: Option<Duration>,
    entropy: u64,
) -> Next {
    if outcome.is_success() {
        return Next::Delivered;
    }
    match policy {
        Policy::Twilio => twilio(overrides, attempt, outcome, elapsed),
        Policy::Patient { .. } => patient(attempt, retry_after, entropy),
    }
}

fn twilio(overrides: &Overrides, attempt: u32, outcome: Outcome, elapsed: Duration) -> Next {
    let on = overrides.retry_on;
    let wanted = match outcome {
        Outcome::Answered(400..=499) => on.client_errors,
        Outcome::Answered(500..=599) => on.server_errors,
        Outcome::Answered(_) => false,
        Outcome::Failed { never_reached: true, .. } => on.connect,
        Outcome::Failed { timed_out: true, .. } => on.read,
        Outcome::Failed { .. } => false,
    };
    if wanted && attempt <= overrides.retries && elapsed < overrides.total {
        Next::Retry(Duration::ZERO)
    } else {
        Next::Exhausted
    }
}

fn patient(attempt: u32, retry_after: Option<Duration>, entropy: u64) -> Next {
    let Some(pause) = PAUSES_S.get(attempt as usize - 1) else { return Next::Exhausted };
    let spread = pause * 1_000 / 10;
    let pause = Duration::from_millis(pause * 1_000 + entropy % (spread + 1));
    let asked = retry_after.unwrap_or_default().min(Duration::from_secs(86_400));
    Next::Retry(pause.max(asked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::overrides::parse;

    const REFUSED: Outcome = Outcome::Failed { code: 11202, never_reached: true, timed_out: false };
    const SLOW: Outcome = Outcome::Failed { code: 11200, never_reached: false, timed_out: true };

    fn after(fragment: &str, attempt: u32, outcome: Outcome) -> Next {
        let url = format!("http://a/#{fragment}");
        let overrides = parse(&url).1.expect("a good fragment");
        next(Policy::Twilio, &overrides, attempt, outcome, Duration::from_secs(1), None, 0)
    }

    #[test]
    fn twilios_policy_repeats_connect_failures_once_unless_told_otherwise() {
        let again = Next::Retry(Duration::ZERO);
        let cases = [
            ("", 1, REFUSED, again),
            ("", 2, REFUSED, Next::Exhausted),
            ("", 1, SLOW, Next::Exhausted),
            ("", 1, Outcome::Answered(500), Next::Exhausted),
            ("", 1, Outcome::Answered(204), Next::Delivered),
            ("rc=3&rp=5xx", 3, Outcome::Answered(503), again),
            ("rc=3&rp=5xx", 4, Outcome::Answered(503), Next::Exhausted),
            ("rc=3&rp=5xx", 1, Outcome::Answered(404), Next::Exhausted),
            ("rp=all", 1, SLOW, again),
            ("rc=0", 1, REFUSED, Next::Exhausted),
            ("tt=1000", 1, REFUSED, Next::Exhausted),
        ];
        for (fragment, attempt, outcome, expected) in cases {
            assert_eq!(after(fragment, attempt, outcome), expected, "{fragment} {outcome:?}");
        }
    }

    #[test]
    fn the_patient_policy_tries_eight_times_over_a_day() {
        let policy = Policy::Patient { release_later: false };
        let overrides = Overrides::default();
        let mut waited = Duration::ZERO;
        let mut attempt = 1;
        while let Next::Retry(pause) = next(policy, &overrides, attempt, REFUSED, waited, None, 0) {
            waited += pause;
            attempt += 1;
        }
        assert_eq!((attempt, waited.as_secs() / 3_600), (8, 23));
        let asked = Some(Duration::from_secs(1_000));
        let answer = next(policy, &overrides, 1, Outcome::Answered(429), waited, asked, 0);
        assert_eq!(answer, Next::Retry(Duration::from_secs(1_000)));
    }
}
