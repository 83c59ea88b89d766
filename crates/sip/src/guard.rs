//! Floods and scanners: a bucket of tokens for each source, in bounded memory.

use core::net::IpAddr;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use base::Instant;

/// How much one source may send outside calls, and who is shut out by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second; 0 means no limit.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
    /// Sources that are remembered; the one that was silent longest gives way.
    pub sources_max: usize,
    /// Wrong proofs of one source in a row until it is asked for none for a while.
    pub failures_max: u32,
    /// How long after its last wrong proof a source is trusted again.
    pub failures_life: Duration,
    /// Beginnings or parts of User-Agent that are never answered, in lower case.
    pub scanners: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        let scanners = [
            "friendly-scanner",
            "sipvicious",
            "sipcli",
            "sip-scan",
            "sipscan",
            "sundayddr",
            "vaxsipuseragent",
            "pplsip",
            "iwar",
            "sivus",
            "smap",
            "gulp",
        ];
        Self {
            per_second: 30,
            burst: 60,
            sources_max: 16_384,
            failures_max: 10,
            failures_life: Duration::from_secs(300),
            scanners: scanners.map(str::to_owned).to_vec(),
        }
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// The buckets.
#[derive(Debug)]
pub struct Guard {
    limits: Limits,
    buckets: HashMap<IpAddr, Bucket>,
    by_age: BTreeSet<(Instant, IpAddr)>,
    failures: HashMap<IpAddr, (u32, Instant)>,
}

impl Guard {
    /// Without a source yet.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buckets: HashMap::new(), by_age: BTreeSet::new(), failures: HashMap::new() }
    }

    /// Whether one more request of this source is let in.
    pub fn admits(&mut self, now: Instant, source: IpAddr) -> bool {
        if self.limits.per_second == 0 {
            return true;
        }
        let source = network(source);
        let burst = f64::from(self.limits.burst.max(1));
        if !self.buckets.contains_key(&source) && self.buckets.len() >= self.limits.sources_max {
            let oldest = self.by_age.pop_first();
            oldest.map(|(_, oldest)| self.buckets.remove(&oldest));
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket { tokens: burst, at: now });
        self.by_age.remove(&(bucket.at, source));
        let passed = now.since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * f64::from(self.limits.per_second)).min(burst);
        bucket.at = now;
        self.by_age.insert((now, source));
        let admitted = bucket.tokens >= 1.0;
        if admitted {
            bucket.tokens -= 1.0;
        }
        admitted
    }

    /// Notes a wrong proof; the number of them in a row.
    pub fn failed(&mut self, now: Instant, source: IpAddr) -> u32 {
        let (life, source) = (self.limits.failures_life, network(source));
        if self.failures.len() >= self.limits.sources_max && !self.failures.contains_key(&source) {
            self.failures.retain(|_, (_, at)| now.since(*at) < life);
            if self.failures.len() >= self.limits.sources_max {
                let oldest = self.failures.iter().min_by_key(|(source, (_, at))| (*at, **source));
                let oldest = oldest.map(|(source, _)| *source);
                oldest.map(|oldest| self.failures.remove(&oldest));
            }
        }
        let (count, at) = self.failures.entry(source).or_insert((0, now));
        *count = if now.since(*at) < life { count.saturating_add(1) } else { 1 };
        *at = now;
        *count
    }

    /// A right proof forgives the wrong ones before it.
    pub fn passed(&mut self, source: IpAddr) {
        self.failures.remove(&network(source));
    }

    /// Whether a source proved wrongly so often that it is not asked for now.
    pub fn is_shut(&self, now: Instant, source: IpAddr) -> bool {
        let limits = &self.limits;
        self.failures.get(&network(source)).is_some_and(|(count, at)| {
            *count >= limits.failures_max && now.since(*at) < limits.failures_life
        })
    }

    /// Whether a User-Agent is a known scanner's.
    pub fn is_scanner(&self, user_agent: &str) -> bool {
        let agent = user_agent.to_ascii_lowercase();
        self.limits.scanners.iter().any(|scanner| agent.contains(scanner.as_str()))
    }
}

/// One IPv6 source is a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flood_gets_its_rate_and_others_are_untouched() {
        let limits = Limits { per_second: 10, burst: 20, sources_max: 4, ..Limits::default() };
        let mut guard = Guard::new(limits);
        let start = Instant::from_secs(1_000);
        let flood = IpAddr::from([192, 0, 2, 1]);
        let passed = (0..10_000)
            .filter(|ms| guard.admits(start + Duration::from_millis(*ms), flood))
            .count();
        assert!((115..=121).contains(&passed), "{passed}");
        assert!(guard.admits(start + Duration::from_secs(10), IpAddr::from([192, 0, 2, 2])));
    }

    #[test]
    fn wrong_proofs_shut_a_source_out_for_a_while() {
        let mut guard = Guard::new(Limits { sources_max: 2, ..Limits::default() });
        let (start, bad) = (Instant::from_secs(1_000), IpAddr::from([192, 0, 2, 1]));
        for _ in 0..9 {
            guard.failed(start, bad);
        }
        assert!(!guard.is_shut(start, bad));
        assert_eq!(guard.failed(start, bad), 10);
        assert!(guard.is_shut(start, bad));
        assert!(!guard.is_shut(start, IpAddr::from([192, 0, 2, 2])));
        let later = start + Duration::from_secs(301);
        assert!(!guard.is_shut(later, bad));
        assert_eq!(guard.failed(later, bad), 1, "counted from the start again");
        guard.passed(bad);
        assert_eq!(guard.failed(later, bad), 1);
        for last in 0..20 {
            guard.failed(later, IpAddr::from([10, 0, 0, last]));
        }
        assert!(guard.failures.len() <= 2);
    }

    #[test]
    fn memory_is_bounded_and_a_prefix_is_one_source() {
        let limits = Limits { per_second: 1, burst: 1, sources_max: 4, ..Limits::default() };
        let mut guard = Guard::new(limits);
        let now = Instant::from_secs(1_000);
        for last in 0..=255 {
            guard.admits(now + Duration::from_millis(last.into()), IpAddr::from([10, 0, 0, last]));
        }
        assert_eq!((guard.buckets.len(), guard.by_age.len()), (4, 4));
        let later = now + Duration::from_secs(1);
        assert!(guard.admits(later, "2001:db8::1".parse().expect("an address")));
        assert!(!guard.admits(later, "2001:db8::2".parse().expect("an address")));
        assert!(guard.is_scanner("Friendly-Scanner/1.0") && !guard.is_scanner("Yealink T46"));
    }
}
