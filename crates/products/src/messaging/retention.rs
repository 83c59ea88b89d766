//! What is kept no longer than an account wants: messages with their media and webhooks, alerts.

use std::sync::Arc;
use std::time::Duration;

use ::store::{StoreError, Tx};
use base::{AccountSid, AnySid, Instant};

use crate::accounts;
use crate::messaging::change::{drop_media, note};
use crate::messaging::{Messaging, store};
use crate::webhooks;

/// Messages that one unit of work forgets.
const BATCH: u32 = 200;

/// A day in seconds.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Messaging {
    /// Forgets what is older than its account keeps it. Repeats itself until nothing is.
    pub(super) async fn forget_old(&self, now: Instant) -> Result<(), StoreError> {
        let retaining = self.store.read(|reader| accounts::store::retaining(reader)).await?;
        for (account, retention) in retaining {
            if let Some(days) = retention.messages {
                let before = now - DAY * days;
                while self.forget_batch(account, before).await? == BATCH as usize {}
            }
            if let Some(days) = retention.alerts {
                let before = now - DAY * days;
                let unit = move |tx: &mut Tx<'_>| webhooks::alerts::forget(tx, account, before);
                self.store.write::<_, StoreError, _>(unit).await?;
            }
        }
        Ok(())
    }

    /// Forgets the oldest messages before an instant that have come to an end; answers how many.
    async fn forget_batch(
        &self,
        account: AccountSid,
        before: Instant,
    ) -> Result<usize, StoreError> {
        let context = Arc::clone(&self.context);
        let unit = move |tx: &mut Tx<'_>| {
            let old = store::ended_before(tx, account, before, BATCH)?;
            for message in &old {
                note(tx, message, "messaging.message.expired")?;
                drop_media(tx, &context, message.key)?;
                webhooks::store::forget(tx, AnySid::from(message.key.sid))?;
                store::delete(tx, message.key)?;
            }
            Ok(old.len())
        };
        self.store.write::<_, StoreError, _>(unit).await
    }
}
