//! How many requests a second an account may make.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base::{AccountSid, ApiError, Instant};

/// A token bucket for each account: a second's worth may be used at once.
pub struct RateLimit {
    per_second: u32,
    buckets: Mutex<HashMap<AccountSid, Bucket>>,
}

struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// `per_second` requests for each account; 0 means no limit.
    pub fn new(per_second: u32) -> Self {
        Self { per_second, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one request from the account's bucket, or answers 20429 with `Retry-After`.
    pub fn take(&self, account: AccountSid, now: Instant) -> Result<(), ApiError> {
        if self.per_second == 0 {
            return Ok(());
        }
        let full = f64::from(self.per_second);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(account).or_insert(Bucket { tokens: full, filled_at: now });
        let elapsed = now.since(bucket.filled_at).as_secs_f64();
        bucket.tokens = (bucket.tokens + elapsed * full).min(full);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Err(ApiError::too_many_requests(1));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base::Sid;

    use super::*;

    #[test]
    fn a_second_worth_is_let_through_and_no_more_until_time_passes() {
        let limit = RateLimit::new(2);
        let (account, now) = (AccountSid::from_bytes([1; 16]), Instant::from_secs(10));
        assert!(limit.take(account, now).is_ok());
        assert!(limit.take(account, now).is_ok());
        let refused = limit.take(account, now).expect_err("the third in one instant");
        assert_eq!((refused.code, refused.status, refused.retry_after_s), (20429, 429, Some(1)));
        assert!(limit.take(AccountSid::from_bytes([2; 16]), now).is_ok(), "another account");
        assert!(limit.take(account, now + Duration::from_millis(500)).is_ok());
    }
}
