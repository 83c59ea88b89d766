//! What follows from a text that came in: the application is asked, and its answer carried out.

use std::sync::Arc;

use ::store::{StoreError, Tx, job::Job};
use base::{Instant, MessageSid, Secret};
use machine::Machine;
use twiml::messaging::{Hook, Input, Message as ReplyMessage, Output, Reply};

use crate::accounts::{Kind, Status as AccountStatus};
use crate::messaging::model::{Direction, Draft, Idempotency, Message, MessageKey};
use crate::messaging::opt_words::Word;
use crate::messaging::{Messaging, media, numbers_of, rules, store, work};
use crate::numbers::{self, MessageHooks};
use crate::webhooks::alerts::{self, NewAlert};
use crate::webhooks::ask::{Asker, Question, form_of};
use crate::webhooks::params::{Form, InboundMessage, inbound_message};

/// Everything that is known when the application is asked.
struct Asking {
    message: Message,
    hooks: MessageHooks,
    token: Secret,
    form: Form,
    word: Option<Word>,
    trial: bool,
    at_most_once: bool,
}

impl Messaging {
    /// Gives up waiting for the missing parts of a text.
    pub(super) async fn do_parts(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let context = Arc::clone(&self.context);
        self.store.write(move |tx| work::give_up_parts(tx, &context, &job.payload)).await
    }

    /// Does the job of an inbound message. Safe to repeat: replies carry idempotency keys.
    pub(super) async fn do_inbound(self: Arc<Self>, job: Job) -> Result<(), StoreError> {
        let Some(asking) = self.prepare(&job).await? else { return Ok(()) };
        if let Some(word) = asking.word {
            let reply = ReplyMessage::of_text(word.answer().to_owned());
            // People who left may still be told that they did. A refusal (a trial, a number that
            // can't send) leaves the application's own answer.
            if let Err(code) = self.reply(&asking, reply, 0, true).await? {
                tracing::info!(code, "the answer to a STOP, START or HELP was refused");
            }
        }
        let Some((url, get)) = asking.hooks.primary.clone() else { return Ok(()) };
        let fallback = asking.hooks.fallback.clone().map(|(url, get)| Hook { url, get });
        let mut interpreter = Reply::new(Hook { url, get }, fallback);
        let (mut replies, mut method) = (0, "POST");
        while let Some(output) = interpreter.poll() {
            match output {
                Output::Fetch(hook, extra) => {
                    method = if hook.get { "GET" } else { "POST" };
                    let input = self.ask(&asking, &hook, extra).await?;
                    interpreter.handle(Instant::default(), input);
                }
                Output::Send(message) => {
                    replies += 1;
                    let outcome = self.reply(&asking, message, replies, false).await?;
                    interpreter.handle(Instant::default(), Input::Sent(outcome));
                }
                Output::Problem(problem, url) => {
                    let alert = NewAlert {
                        account: asking.message.key.account,
                        resource: asking.message.key.sid.into(),
                        code: problem.code,
                        warning: problem.warning,
                        method,
                        url,
                        message: problem.message,
                    };
                    self.store.write(move |tx: &mut Tx<'_>| alerts::raise(tx, &[alert])).await?;
                }
            }
        }
        Ok(())
    }

    async fn prepare(&self, job: &Job) -> Result<Option<Asking>, StoreError> {
        let payload: serde_json::Value = serde_json::from_str(&job.payload).unwrap_or_default();
        let sid: Option<MessageSid> = payload["message"].as_str().and_then(|sid| sid.parse().ok());
        let Some(sid) = sid else { return Ok(None) };
        let key = MessageKey { account: job.account, sid };
        let read = self.store.read(move |reader| {
            let Some(message) = store::find(reader, key)? else { return Ok(None) };
            let hooks = match numbers_of(reader, &message)? {
                Some(number) => numbers::message_hooks(reader, &number)?,
                None => MessageHooks::default(),
            };
            Ok::<_, StoreError>(Some((message, hooks)))
        });
        let Some((message, hooks)) = read.await? else { return Ok(None) };
        let account = self.accounts.find(job.account).await?;
        let Some(account) = account.filter(|a| a.status == AccountStatus::Active) else {
            return Ok(None);
        };
        let media = self.received_media(&message).await?;
        let word = payload["word"].as_str().and_then(Word::from_name);
        let facts = InboundMessage {
            message: sid,
            account: job.account,
            from: message.from.clone(),
            to: message.to.clone(),
            body: work::open_body(&self.master, &message),
            segments: message.segments,
            media,
            opt_out: word.map(Word::name),
        };
        let form = inbound_message(&facts);
        let (token, trial) = (account.auth_token.clone(), account.kind == Kind::Trial);
        let at_most_once = account.at_most_once;
        Ok(Some(Asking { message, hooks, token, form, word, trial, at_most_once }))
    }

    /// The media of a message, fetched from where its sender put it: addresses and types. What
    /// can't be had is told by an alert, and keeps its place.
    async fn received_media(&self, message: &Message) -> Result<Vec<(String, String)>, StoreError> {
        if message.media == 0 {
            return Ok(Vec::new());
        }
        let key = message.key;
        if let Some(refused) = self.keep_media(message).await? {
            let alert = refused.into_alert(key);
            self.store.write(move |tx: &mut Tx<'_>| alerts::raise(tx, &[alert])).await?;
        }
        let files = self.store.read(move |reader| store::media_of(reader, key)).await?;
        let public_url = &self.context.public_url;
        let view =
            |file: &store::Media| (media::address(public_url, file), file.content_type.clone());
        Ok(files.iter().map(view).collect())
    }

    /// Hands in a reply. The same reply of a repeated job is the same message.
    async fn reply(
        &self,
        asking: &Asking,
        reply: ReplyMessage,
        number: u32,
        to_opted_out: bool,
    ) -> Result<Result<Vec<(String, String)>, u32>, StoreError> {
        let message = &asking.message;
        let draft = Draft {
            account: message.key.account,
            direction: Direction::OutboundReply,
            from: reply.from.unwrap_or_else(|| message.to.clone()),
            to: reply.to.unwrap_or_else(|| message.from.clone()),
            body: reply.body,
            media: reply.media,
            callback: reply.status_callback.or_else(|| asking.hooks.status_callback.clone()),
            price_max: None,
            validity_s: rules::VALIDITY_MAX_S,
            feedback: false,
            smart_encoded: false,
            trial: asking.trial,
            to_opted_out,
            // Somebody has just written, and waits for the answer.
            urgent: true,
            at_most_once: asking.at_most_once,
            idempotency: Some(Idempotency {
                key: format!("reply/{}/{number}", message.key.sid),
                fingerprint: [0; 32],
            }),
        };
        let outcome = self.accept(draft).await?;
        Ok(match outcome {
            Err(error) => Err(error.code),
            Ok(accepted) => {
                let sent = &accepted.message;
                let sid = sent.key.sid.to_string();
                Ok(vec![
                    ("MessageSid".to_owned(), sid.clone()),
                    ("SmsSid".to_owned(), sid),
                    ("MessageStatus".to_owned(), sent.status.name().to_owned()),
                    ("SmsStatus".to_owned(), sent.status.name().to_owned()),
                    ("To".to_owned(), sent.to.clone()),
                    ("From".to_owned(), sent.from.clone()),
                ])
            }
        })
    }
}

impl Messaging {
    /// Asks the application about an inbound message.
    async fn ask(
        &self,
        asking: &Asking,
        hook: &Hook,
        extra: Vec<(String, String)>,
    ) -> Result<Input, StoreError> {
        let standing = asking.form.iter().map(|(name, value)| (*name, value.as_str()));
        let question = Question {
            account: asking.message.key.account,
            object: asking.message.key.sid.into(),
            salt: asking.message.salt,
            token: asking.token.clone(),
            url: hook.url.clone(),
            get: hook.get,
            form: form_of(standing, &extra),
        };
        let asker = Asker {
            store: self.store.clone(),
            master: Arc::clone(&self.master),
            client: Arc::clone(&self.client),
            relay: Arc::clone(&self.relay),
            clock: Arc::clone(&self.clock),
        };
        Ok(match asker.ask(&question).await? {
            Ok(fetched) => Input::Fetched(fetched),
            Err((code, text)) => Input::Failed(code, text),
        })
    }
}
