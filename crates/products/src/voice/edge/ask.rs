//! Documents and notices of calls.

use std::sync::Arc;

use twiml::voice::{self, Id};

use crate::messaging::model::{Direction, Draft, Idempotency};
use crate::messaging::rules::VALIDITY_MAX_S;
use crate::voice::caller_ids::ADDRESS;
use crate::voice::edge::{Edge, Shared};
use crate::voice::engine::{Fetching, Input};
use crate::voice::model::{CallKey, Hook};
use crate::voice::params::Form;
use crate::webhooks::ask::{Question, form_of};

/// A question about a call, or why it can't be asked.
async fn question(
    shared: &Shared,
    call: CallKey,
    hook: &Hook,
    form: &Form,
    more: &[(String, String)],
) -> Result<Question, (u32, String)> {
    let failed = || (base::code::INTERNAL, "the call's account can't be read".to_owned());
    let account = shared.accounts.find(call.account).await.map_err(|_| failed())?;
    let account = account.ok_or_else(failed)?;
    let read = shared.store.read(move |reader| crate::voice::store::find(reader, call)).await;
    let salt = read.ok().flatten().map(|record| record.salt);
    let standing = form.iter().map(|(name, value)| (*name, value.as_str()));
    Ok(Question {
        account: call.account,
        object: call.sid.into(),
        salt,
        token: account.auth_token.clone(),
        url: hook.url.clone(),
        get: hook.get,
        form: form_of(standing, more),
    })
}

async fn ask(
    shared: &Shared,
    call: CallKey,
    hook: &Hook,
    form: &Form,
    more: &[(String, String)],
) -> Result<twiml::Fetched, (u32, String)> {
    let question = question(shared, call, hook, form, more).await?;
    let asked = shared.asker.ask(&question).await;
    asked.map_err(|error| (base::code::INTERNAL, error.to_string()))?
}

impl Edge {
    /// Asks for a document.
    pub(super) fn fetch(
        &self,
        call: CallKey,
        fetching: Fetching,
        hook: Hook,
        form: Form,
        more: voice::Params,
    ) {
        if hook.url == ADDRESS {
            return self.ask_code(call, fetching, &more);
        }
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let result = ask(&shared, call, &hook, &form, &more).await;
            desk.input(Input::Document { call: call.sid, fetching, result });
        });
    }

    /// Tells an application something whose answer is not looked at.
    pub(super) fn notify(&self, call: CallKey, hook: Hook, form: Form, more: voice::Params) {
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            if let Err((code, text)) = ask(&shared, call, &hook, &form, &more).await {
                tracing::info!(code, text, "a notice of a call was not taken");
            }
        });
    }

    /// Sends a text.
    pub(super) fn send(
        &self,
        call: CallKey,
        id: Id,
        message: twiml::messaging::Message,
        (caller, called): (String, String),
    ) {
        let (shared, desk) = (Arc::clone(&self.shared), self.desk.clone());
        tokio::spawn(async move {
            let result = send(&shared, call, message, caller, called).await;
            desk.input(Input::Sent { call: call.sid, id, result });
        });
    }
}

async fn send(
    shared: &Shared,
    call: CallKey,
    message: twiml::messaging::Message,
    caller: String,
    called: String,
) -> Result<voice::Params, u32> {
    let draft = Draft {
        account: call.account,
        direction: Direction::OutboundCall,
        from: message.from.unwrap_or(called),
        to: message.to.unwrap_or(caller),
        body: message.body,
        media: message.media,
        callback: message.status_callback,
        price_max: None,
        validity_s: VALIDITY_MAX_S,
        feedback: false,
        smart_encoded: false,
        trial: false,
        to_opted_out: false,
        urgent: true,
        at_most_once: false,
        idempotency: None::<Idempotency>,
    };
    let outcome = shared.messaging.accept(draft).await.map_err(|_| base::code::INTERNAL)?;
    let accepted = outcome.map_err(|error| error.code)?;
    let (sid, status) = (accepted.message.key.sid.to_string(), accepted.message.status.name());
    let pairs = [
        ("MessageSid", sid.as_str()),
        ("SmsSid", sid.as_str()),
        ("MessageStatus", status),
        ("SmsStatus", status),
    ];
    Ok(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}
