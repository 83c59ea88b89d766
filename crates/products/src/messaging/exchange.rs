//! What was asked of an application about an inbound message, and what it answered: kept beside
//! the status callbacks, so that it is seen in the message's story and can be sent again.

use std::time::Duration;

use ::store::{StoreError, Tx};
use base::{Instant, ObjectKey, Params, signature};
use net::{Answer, SendError};

use crate::messaging::Messaging;
use crate::messaging::model::Message;
use crate::webhooks::ANSWER_KEPT;
use crate::webhooks::store::{self as webhooks, Attempt, Delivery, State};

/// One question with all its tries.
#[derive(Default)]
pub(super) struct Exchange {
    /// Where to; the whole address of a GET.
    pub(super) url: String,
    /// The form of a POST, encoded.
    pub(super) request: String,
    /// In order.
    pub(super) tries: Vec<Try>,
}

/// One try.
pub(super) struct Try {
    started_at: Instant,
    duration: Duration,
    status: u16,
    error: u32,
    answer: Vec<u8>,
}

impl Try {
    /// What a try came to.
    pub(super) fn of(
        started_at: Instant,
        duration: Duration,
        result: &Result<Answer, SendError>,
    ) -> Self {
        let (status, error, answer) = match result {
            Ok(answer) => (answer.status.as_u16(), 0, &answer.body[..]),
            Err(error) => (0, error.code(), &[][..]),
        };
        let answer = answer[..answer.len().min(ANSWER_KEPT)].to_vec();
        Self { started_at, duration, status, error, answer }
    }
}

impl Messaging {
    /// Keeps a question about a message behind those that were asked before.
    pub(super) async fn keep_exchange(
        &self,
        message: &Message,
        exchange: Exchange,
    ) -> Result<(), StoreError> {
        if exchange.tries.is_empty() {
            return Ok(());
        }
        let (key, salt, master) = (message.key, message.salt, self.master.clone());
        let unit = move |tx: &mut Tx<'_>| {
            let asked = webhooks::recorded(tx, key.account, key.sid.into())?;
            let object_seq = asked.last().map_or(1, |last| last.object_seq + 1);
            let salt = salt.unwrap_or_else(|| tx.random().salt());
            let sealing = ObjectKey::derive(&master, &salt);
            let request = exchange.request.as_bytes();
            let form = Params::parse_form(request, webhooks::FIELDS_MAX).unwrap_or_default();
            let delivery = Delivery {
                account: key.account,
                object: key.sid.into(),
                object_seq,
                url: exchange.url,
                sorted: signature::sorted(form.iter()),
                sealed: sealing.seal(tx.random().nonce(), request),
                request: exchange.request,
                salt: Some(salt),
                due_at: tx.now(),
                attempts: 0,
            };
            let last = exchange.tries.len() - 1;
            let tries = exchange.tries.into_iter().zip(1..).enumerate();
            let attempts = tries.map(|(index, (tried, number))| {
                let good = (200..300).contains(&tried.status);
                let nonce = tx.random().nonce();
                Attempt {
                    account: key.account,
                    object: key.sid.into(),
                    object_seq,
                    number,
                    started_at: tried.started_at,
                    duration_us: i64::try_from(tried.duration.as_micros()).unwrap_or(i64::MAX),
                    status: tried.status,
                    error: tried.error,
                    answer: (!tried.answer.is_empty()).then(|| sealing.seal(nonce, &tried.answer)),
                    state: match (good, index == last) {
                        (true, _) => State::Delivered,
                        (false, true) => State::Exhausted,
                        (false, false) => State::Waiting,
                    },
                    due_at: None,
                    // The interpreter tells what was wrong.
                    alert: None,
                }
            });
            let attempts: Vec<Attempt> = attempts.collect();
            webhooks::insert(tx, std::slice::from_ref(&delivery))?;
            webhooks::record(tx, &attempts)
        };
        self.store.write(unit).await
    }
}
