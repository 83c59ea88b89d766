//! Queues and conferences beside the engine: names are looked up, and what happened is written, in
//! the order in which it did.

use std::sync::Arc;

use ::store::{StoreError, Tx};
use base::{AccountSid, ApiError, CallSid, ConferenceSid};
use tokio::sync::oneshot;

use crate::resource::Refusal;
use crate::voice::conferences;
use crate::voice::edge::Edge;
use crate::voice::engine::{Conferenced, Input, Member, Step, Ticket};
use crate::voice::model::{CallKey, Plan, Quality};
use crate::voice::queues;
use crate::voice::store;
use crate::voice::work::Context;

/// A call that was made to join a conference.
pub(super) struct Promise {
    account: AccountSid,
    conference: ConferenceSid,
    label: Option<String>,
    joined: bool,
}

/// Something to be written.
pub enum Write {
    /// Who waits where.
    Member(Member),
    /// What happened in a conference.
    Conference(Box<Conferenced>),
    /// Nobody came into a conference.
    Abandoned(AccountSid, ConferenceSid),
    /// The numbers of a call's media.
    Quality(CallKey, Quality),
    /// A call that was to come into a conference, and its label there, did not.
    AddFailed(CallKey, ConferenceSid, Option<String>),
    /// Nothing: whoever hands it in waits for what was handed in before.
    Nothing,
}

/// Writes, in order.
pub fn write(tx: &mut Tx<'_>, context: &Context, writes: &[Write]) -> Result<(), StoreError> {
    for one in writes {
        match one {
            Write::Member(member) => queues::follow(tx, &context.node, member)?,
            Write::Conference(news) => conferences::follow(tx, context, news)?,
            Write::Abandoned(account, sid) => conferences::abandon(tx, *account, *sid)?,
            Write::Quality(call, quality) => store::set_quality(tx, *call, quality)?,
            Write::AddFailed(call, sid, label) => {
                conferences::add_failed(tx, context, *call, *sid, label.as_deref())?;
            }
            Write::Nothing => {}
        }
    }
    Ok(())
}

impl Edge {
    /// Looks a queue up by its name.
    pub(super) fn name_queue(
        &self,
        call: CallKey,
        ticket: Ticket,
        name: String,
        make: Option<u32>,
    ) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let account = call.account;
            let unit = move |tx: &mut Tx<'_>| queues::named(tx, account, &name, make);
            let found = shared.store.write::<_, Refusal, _>(unit).await.map_err(ApiError::from);
            let result = found.map_err(|error| (error.code, error.message));
            desk.input(Input::Queue { call: call.sid, ticket, result });
        });
    }

    /// Hands something in to be written.
    pub(super) fn write(&self, one: Write) {
        if let Err(error) = self.writing.send([one]) {
            tracing::error!(%error, "a step of a queue or conference could not be written");
        }
    }

    /// Tells when everything that was said before is on disk.
    pub(super) fn settle(&mut self, settled: oneshot::Sender<()>) {
        self.drain();
        let writing = self.writing.clone();
        tokio::spawn(async move {
            if let Err(error) = writing.submit(Write::Nothing).await {
                tracing::error!(%error, "what was said of a conference is not on disk");
            }
            // Whoever asked may be gone.
            let _ = settled.send(());
        });
    }

    /// A call that was made will join a conference, or ask for a code.
    pub(super) fn promised(&mut self, call: CallKey, plan: &Plan) {
        if let Some(validation) = &plan.validation {
            self.shared.validations.begin(call, validation.clone());
        }
        if let Some(conference) = plan.conference {
            let (label, joined) = (plan.label.clone(), false);
            let promise = Promise { account: call.account, conference, label, joined };
            self.promises.insert(call.sid, promise);
        }
    }

    /// A call is over: it comes into no conference any more, and proves nothing.
    pub(super) fn promise_over(&mut self, call: CallSid) {
        if let Some((key, validation)) = self.shared.validations.over(call) {
            self.code_unknown(key, validation);
        }
        if let Some(promise) = self.promises.remove(&call) {
            let Promise { account, conference, label, joined } = promise;
            if !joined {
                let key = CallKey { account, sid: call };
                self.write(Write::AddFailed(key, conference, label));
            }
            self.unpromised(account, conference);
        }
    }

    /// What happened in a conference is written.
    pub(super) fn conferenced(&mut self, news: Box<Conferenced>) {
        if let Step::Joined(of) = &news.step
            && let Some(promise) = self.promises.get_mut(&of.call)
        {
            promise.joined = true;
        }
        self.write(Write::Conference(news));
    }

    /// A conference is over, unless somebody is in it or will be.
    pub(super) fn unpromised(&self, account: AccountSid, conference: ConferenceSid) {
        let others = self.promises.values().any(|other| other.conference == conference);
        if !others && !self.engine.has_room(conference) {
            self.write(Write::Abandoned(account, conference));
        }
    }
}
