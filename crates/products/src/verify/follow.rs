//! What becomes of deliveries: attempts hear of them, and what failed goes another way.

use std::sync::Arc;

use ::store::job::Job;
use ::store::{StoreError, Tx};

use crate::accounts::Account;
use crate::resource::Refusal;
use crate::verify::channels;
use crate::verify::model::{Attempt, Kind, Line, Start, Status, Verification, attempt_sid};
use crate::verify::work::named;
use crate::verify::{Verify, resources, rules, store};

impl Verify {
    /// The job of a text or call whose status changed: notes it, redacts what has to be, and moves
    /// on to the next channel when it failed.
    pub(super) async fn follow(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let key = named(&job, "MessageSid").or_else(|| named(&job, "CallSid"));
        let Some(key) = key else { return Ok(()) };
        let Some(account) = self.accounts.find(job.account).await? else { return Ok(()) };
        self.unit(move |verify, tx| verify.followed(tx, &account, key)).await
    }

    fn followed(&self, tx: &mut Tx<'_>, account: &Account, key: [u8; 16]) -> Result<(), Refusal> {
        let Some(attempt) = store::attempt_carried(tx, account.sid, key)? else { return Ok(()) };
        let Some(channel) = self.channels.find(attempt.channel) else { return Ok(()) };
        store::hold(tx, attempt.verification)?;
        let Some(now) = channel.look(tx, account.sid, key)? else { return Ok(()) };
        let changed = attempt.status != now.status;
        let told = Attempt {
            status: now.status.to_owned(),
            error: i64::from(now.error),
            price: now.price,
            updated_at: tx.now(),
            ..attempt
        };
        store::update_attempt(tx, &told)?;
        let Some(verification) = store::find(tx, account.sid, told.verification)? else {
            channel.redact(tx, account.sid, key)?;
            return Ok(());
        };
        if verification.status != Status::Pending {
            channel.redact(tx, account.sid, key)?;
        } else if changed && rules::is_lost(now.status) {
            self.move_on(tx, account, verification, (&told, now.interrupted))?;
        }
        Ok(())
    }

    /// A delivery failed: the next channel of the service's order has its try, or the same one
    /// again, if it was this program that cut it off.
    fn move_on(
        &self,
        tx: &mut Tx<'_>,
        account: &Account,
        verification: Verification,
        (failed, interrupted): (&Attempt, bool),
    ) -> Result<(), Refusal> {
        let service = resources::service(tx, account.sid, verification.service)?;
        let Some(service) = service else { return Ok(()) };
        let attempts = store::attempts_of(tx, verification.sid)?;
        let first = attempts.first().map_or(failed.channel, |attempt| attempt.channel);
        let tried: Vec<Kind> = attempts.iter().map(|attempt| attempt.channel).collect();
        let order = service.text("FallbackOrder");
        let mut there = self.there(&service);
        let line = Line::kept(verification.lookup.as_ref());
        if line.is_landline() && service.flag("SkipSmsToLandlines") {
            there = rules::without_texts(there).unwrap_or_default();
        }
        let next = match interrupted {
            true => Some(failed.channel),
            false => channels::next(first, order, &there, &tried),
        };
        let Some(next) = next.filter(|_| rules::send_again(&verification).is_ok()) else {
            return Ok(());
        };
        let start = again(&verification, next);
        match self.deliver(tx, (account, &service), verification, &start, &[next]) {
            // Refused by this one as well: the user may still ask for another.
            Err(Refusal::Api(error)) => {
                let attempt = attempt_sid(failed.sid).to_string();
                tracing::info!(code = error.code, attempt, "no channel was left to move on to");
                Ok(())
            }
            outcome => outcome.map(|_| ()),
        }
    }
}

/// What is asked when a channel failed: the same, by another one.
fn again(verification: &Verification, channel: Kind) -> Start {
    Start {
        service: verification.service,
        target: verification.target.clone(),
        channel: Some(channel),
        name: None,
        locale: None,
        custom_code: None,
        amount: None,
        payee: None,
        limits: Vec::new(),
        app_hash: None,
        template: None,
        device_ip: None,
        device_hint: None,
        risk_check: true,
        tags: None,
        send_digits: None,
        line: Line::kept(verification.lookup.as_ref()),
    }
}
