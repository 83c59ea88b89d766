//! What follows from what is known: status, risk, likeness of people's data, when a source is left
//! alone, how much a bucket holds. Pure.

use std::time::Duration;

use base::Instant;

use crate::lookup::model::LineType;

/// What this installation's receipts have told an account about a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Texts to it.
    pub sent: i64,
    /// Of these, those that a receipt called delivered.
    pub delivered: i64,
    /// Of these, those that failed.
    pub failed: i64,
    /// Texts from it.
    pub received: i64,
    /// When it was reached last, or wrote last.
    pub reached_at: Option<Instant>,
    /// When a text failed last.
    pub failed_at: Option<Instant>,
    /// Why it did.
    pub error: u32,
    /// When it was met first.
    pub first_at: Instant,
    /// When it was met last.
    pub last_at: Instant,
}

/// A handset that was reached so lately is reachable.
const REACHABLE: Duration = Duration::from_secs(24 * 60 * 60);

/// A number that was reached so lately is in use.
const ACTIVE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// A failure tells nothing of today after so long.
const FAILED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The handset is off or out of coverage.
const HANDSET_OFF: u32 = 30003;
/// Nobody knows the number.
const NOBODY: u32 = 30005;
/// A fixed line, or a carrier that can't be reached.
const NO_TEXTS: u32 = 30006;

impl Learnt {
    /// Whether the last that was heard of the number is a failure of the last weeks.
    fn failing(&self, now: Instant) -> Option<u32> {
        let failed_at = self.failed_at.filter(|at| now.since(*at) < FAILED)?;
        (self.reached_at.is_none_or(|reached| failed_at > reached)).then_some(self.error)
    }

    /// The status of the line, as far as receipts tell.
    pub fn status(&self, now: Instant) -> Option<&'static str> {
        match self.failing(now) {
            Some(HANDSET_OFF | NO_TEXTS) => return Some("unreachable"),
            Some(NOBODY) => return Some("inactive"),
            _ => {}
        }
        let age = now.since(self.reached_at?);
        (age < ACTIVE).then_some(if age < REACHABLE { "reachable" } else { "active" })
    }

    /// The kind of line, as far as receipts tell: what takes texts is mobile; what a carrier
    /// calls unreachable by text is taken for a fixed line, as error 30006 says.
    pub fn line(&self, now: Instant) -> Option<LineType> {
        match self.failing(now) {
            Some(NO_TEXTS) => Some(LineType::Landline),
            _ => self.reached_at.map(|_| LineType::Mobile),
        }
    }
}

/// What a risk is judged by.
#[derive(Clone, Copy, Debug, Default)]
pub struct RiskFacts<'a> {
    /// The kind of line.
    pub line: Option<LineType>,
    /// What receipts told of the number.
    pub learnt: Option<&'a Learnt>,
    /// Numbers that differ in their last three digits alone and were texted within a day: pumping
    /// walks through ranges.
    pub neighbours: usize,
}

/// How likely texts to a number are sent for the fees: 0 to 100, and in a word.
pub fn risk(facts: RiskFacts<'_>) -> (u8, &'static str) {
    let by_line = match facts.line {
        Some(LineType::Premium | LineType::SharedCost) => 85,
        Some(LineType::Voicemail | LineType::Pager | LineType::Uan) => 70,
        Some(LineType::Personal | LineType::FixedVoip | LineType::NonFixedVoip) => 45,
        Some(LineType::Landline | LineType::TollFree) => 30,
        Some(LineType::Unknown) | None => 20,
        Some(LineType::Mobile) => 10,
    };
    let by_neighbours = match facts.neighbours {
        0..=4 => 0,
        5..=19 => 20,
        20..=49 => 40,
        _ => 60,
    };
    let by_receipts = facts.learnt.map_or(0, |learnt| {
        let failing = if learnt.failed > learnt.delivered { 15 } else { 0 };
        // Who answers is somebody.
        failing - if learnt.received > 0 { 25 } else { 0 }
    });
    let score: i32 = (by_line + by_neighbours + by_receipts).clamp(0, 100);
    let word = match score {
        0..=24 => "low",
        25..=49 => "mild",
        50..=74 => "moderate",
        _ => "high",
    };
    (u8::try_from(score).unwrap_or(100), word)
}

/// How alike two texts about a person are, in Twilio's words.
pub fn likeness(given: Option<&str>, known: Option<&str>) -> Option<&'static str> {
    let given = bare(given?);
    let Some(known) = known.map(bare).filter(|known| !known.is_empty()) else {
        return Some("no_data_available");
    };
    if given == known {
        return Some("exact_match");
    }
    let distance = distance(&given, &known);
    let longer = given.len().max(known.len());
    let inside = !given.is_empty() && (given.contains(&known) || known.contains(&given));
    Some(match distance {
        _ if inside => "high_partial_match",
        distance if distance * 5 <= longer => "high_partial_match",
        distance if distance * 2 <= longer => "partial_match",
        _ => "no_match",
    })
}

/// Letters and digits in small letters, 64 at most.
fn bare(text: &str) -> String {
    let plain = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    plain.take(64).collect()
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.chars().enumerate() {
        let mut before = std::mem::replace(&mut row[0], line + 1);
        for (column, right) in b.iter().enumerate() {
            let changed = before + usize::from(left != *right);
            before = row[column + 1];
            row[column + 1] = changed.min(before + 1).min(row[column] + 1);
        }
    }
    row[b.len()]
}

/// The sum of likenesses: 0 to 100, of what could be compared.
pub fn summary<'a>(likenesses: impl Iterator<Item = &'a str>) -> Option<u32> {
    let worth = |word: &str| match word {
        "exact_match" => Some(100),
        "high_partial_match" => Some(90),
        "partial_match" => Some(50),
        "no_match" => Some(0),
        _ => None,
    };
    let worths: Vec<u32> = likenesses.filter_map(worth).collect();
    let count = u32::try_from(worths.len()).ok().filter(|count| *count > 0)?;
    Some(worths.iter().sum::<u32>() / count)
}

/// Failures in a row after which a source is left alone.
const FAILURES_MAX: u32 = 5;

/// How long it is left alone first; each failure after that doubles it.
const REST: Duration = Duration::from_secs(5);

/// Doublings at most: five minutes.
const DOUBLINGS_MAX: u32 = 6;

/// Leaves a source alone that fails again and again, and tries it once in a while.
#[derive(Clone, Copy, Debug, Default)]
pub struct Breaker {
    failures: u32,
    rests_until: Option<Instant>,
}

impl Breaker {
    /// Whether the source may be asked; one question at a time after a rest.
    pub fn may_ask(&mut self, now: Instant) -> bool {
        match self.rests_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.rests_until = Some(now + REST);
                true
            }
            None => true,
        }
    }

    /// The source answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// It did not.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_MAX {
            let doublings = (self.failures - FAILURES_MAX).min(DOUBLINGS_MAX);
            self.rests_until = Some(now + REST * 2_u32.pow(doublings));
        }
    }
}

/// How many look-ups of a package an account may make in how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Look-ups.
    pub limit: u32,
    /// Seconds after which it is empty again.
    pub ttl_s: u32,
}

/// What is in a bucket.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    since: Instant,
    count: u32,
}

impl Level {
    /// Puts one look-up in; the seconds to wait when the bucket is full.
    pub fn take(&mut self, bucket: &Bucket, now: Instant) -> Result<(), u32> {
        let lasts = Duration::from_secs(bucket.ttl_s.into());
        if now.since(self.since) >= lasts {
            *self = Self { since: now, count: 0 };
        }
        if self.count >= bucket.limit {
            let left = lasts.saturating_sub(now.since(self.since));
            return Err(u32::try_from(left.as_secs()).unwrap_or(u32::MAX).saturating_add(1));
        }
        self.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn learnt(reached: Option<Instant>, failed: Option<Instant>, error: u32) -> Learnt {
        Learnt { reached_at: reached, failed_at: failed, error, ..Learnt::default() }
    }

    #[test]
    fn receipts_tell_the_status_with_their_age() {
        let now = Instant::from_secs(1_800_000_000);
        let cases = [
            (learnt(Some(now - DAY / 2), None, 0), Some("reachable"), Some(LineType::Mobile)),
            (learnt(Some(now - DAY * 40), None, 0), Some("active"), Some(LineType::Mobile)),
            (learnt(Some(now - DAY * 400), None, 0), None, Some(LineType::Mobile)),
            (learnt(None, Some(now - DAY), 30003), Some("unreachable"), None),
            (learnt(None, Some(now - DAY), 30005), Some("inactive"), None),
            (
                learnt(Some(now - DAY * 2), Some(now - DAY), 30006),
                Some("unreachable"),
                Some(LineType::Landline),
            ),
            (learnt(Some(now), Some(now - DAY), 30006), Some("reachable"), Some(LineType::Mobile)),
            (learnt(None, Some(now - DAY * 31), 30005), None, None),
            (learnt(None, Some(now - DAY), 30007), None, None),
        ];
        for (learnt, status, line) in cases {
            assert_eq!((learnt.status(now), learnt.line(now)), (status, line), "{learnt:?}");
        }
    }

    #[test]
    fn ranges_that_are_walked_through_are_a_risk() {
        let of = |line, neighbours| risk(RiskFacts { line, learnt: None, neighbours });
        assert_eq!(of(Some(LineType::Mobile), 0), (10, "low"));
        assert_eq!(of(Some(LineType::Mobile), 60), (70, "moderate"));
        assert_eq!(of(Some(LineType::Premium), 20), (100, "high"));
        let answers = Learnt { received: 1, ..Learnt::default() };
        let line = Some(LineType::Mobile);
        let facts = RiskFacts { line, learnt: Some(&answers), neighbours: 5 };
        assert_eq!(risk(facts), (5, "low"));
    }

    #[test]
    fn likenesses_are_in_twilios_words() {
        let cases = [
            (Some("John"), Some("JOHN"), Some("exact_match")),
            (Some("Jon"), Some("John"), Some("partial_match")),
            (Some("John"), Some("John Paul"), Some("high_partial_match")),
            (Some("Ada"), Some("Grace"), Some("no_match")),
            (Some("Ada"), None, Some("no_data_available")),
            (None, Some("Ada"), None),
        ];
        for (given, known, word) in cases {
            assert_eq!(likeness(given, known), word, "{given:?} {known:?}");
        }
        assert_eq!(summary(["exact_match", "no_match", "no_data_available"].into_iter()), Some(50));
        assert_eq!(summary(["no_data_available"].into_iter()), None);
    }

    #[test]
    fn a_source_that_fails_rests_and_is_tried_again() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::from_secs(1_000));
        for _ in 0..FAILURES_MAX {
            assert!(breaker.may_ask(now));
            breaker.failed(now);
        }
        assert!(!breaker.may_ask(now + REST / 2));
        now = now + REST;
        assert!(breaker.may_ask(now) && !breaker.may_ask(now), "one question alone");
        breaker.failed(now);
        assert!(!breaker.may_ask(now + REST) && breaker.may_ask(now + REST * 2));
        breaker.answered();
        assert!(breaker.may_ask(now) && breaker.may_ask(now));
    }

    #[test]
    fn a_bucket_holds_what_it_holds_until_its_time_is_over() {
        let bucket = Bucket { name: "second".to_owned(), limit: 2, ttl_s: 10 };
        let (mut level, now) = (Level::default(), Instant::from_secs(1_000));
        assert_eq!((level.take(&bucket, now), level.take(&bucket, now)), (Ok(()), Ok(())));
        assert_eq!(level.take(&bucket, now + Duration::from_secs(4)), Err(7));
        assert_eq!(level.take(&bucket, now + Duration::from_secs(10)), Ok(()));
        let none = Bucket { limit: 0, ..bucket };
        assert!(Level::default().take(&none, now).is_err());
    }
}
