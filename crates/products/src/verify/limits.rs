//! Rate limits of a service: an application names a limit and the key to count by; each bucket of
//! the limit holds so many requests in so many seconds. Keys are kept as digests.

use std::time::Duration;

use ::store::Tx;
use base::ApiError;

use crate::resource::{self, Document, Refusal};
use crate::verify::resources::{BUCKET, BUCKETS_MAX, RATE_LIMIT};
use crate::verify::rules::bad;
use crate::verify::{Verify, store};

/// Limits that one request may name.
pub const NAMED_MAX: usize = 10;

/// Characters of a key.
pub const KEY_MAX: usize = 256;

/// Counts a request in every bucket of the limits that it names; 20429 when one is full.
pub fn take(
    verify: &Verify,
    tx: &mut Tx<'_>,
    service: &Document,
    named: &[(String, String)],
) -> Result<Result<(), ApiError>, Refusal> {
    let mut full: Option<u32> = None;
    for (name, key) in named {
        let of = (service.account, service.sid.bytes);
        let by_name = [("UniqueName".to_owned(), name.clone())];
        let found = resource::store::list_of(tx, &RATE_LIMIT, of, &by_name, None, 1)?;
        let Some(limit) = found.into_iter().next() else {
            let shown: String = name.chars().take(60).collect();
            return Err(bad("RateLimits", &format!("this service has no limit '{shown}'")).into());
        };
        let of = (service.account, limit.sid.bytes);
        for bucket in resource::store::list_of(tx, &BUCKET, of, &[], None, BUCKETS_MAX)? {
            let (most, seconds) = (bucket.int("Max"), bucket.int("Interval"));
            let seconds = u32::try_from(seconds.unwrap_or(1)).unwrap_or(1);
            let counted = verify.codes.blind(&bucket.sid.bytes, key);
            let ends_at = tx.now() + Duration::from_secs(u64::from(seconds));
            let count = store::count_limit(tx, bucket.sid.bytes, counted, ends_at)?;
            if count > most.unwrap_or(0) {
                full = Some(full.map_or(seconds, |longest| longest.max(seconds)));
            }
        }
    }
    Ok(match full {
        None => Ok(()),
        Some(seconds) => Err(ApiError::too_many_requests(seconds)),
    })
}
