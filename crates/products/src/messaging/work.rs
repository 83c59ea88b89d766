//! Units of work of messages: what happens inside a commit. Synchronous, over slices, with every
//! decision made before the first write, so that they run the same in the product and in the
//! simulation.

use std::collections::HashMap;

use ::store::{NewEvent, Query, StoreError, Tx, job};
use base::{AccountSid, AnySid, ApiError, Instant, MasterKey, MessageSid, Money, ObjectKey, code};

use crate::carriers::{
    self, CarrierId, Inbound, Receipt, ReceiptStatus, Submission, SubmitOutcome,
};
use crate::messaging::dispatch::Waiting;
use crate::messaging::model::{Direction, Draft, Flags, Message, MessageKey, Status};
use crate::messaging::opt_words::{self, Word};
use crate::messaging::rules::{self, Facts, Prices, SenderFacts};
use crate::messaging::store::{self, Change, NewRow};
use crate::numbers;
use crate::webhooks::{self, NewDelivery, Outbox};

/// What the units need to know besides the tables.
pub struct Context {
    /// Seals what may be redacted.
    pub master: std::sync::Arc<MasterKey>,
    /// What messages cost.
    pub prices: Prices,
    /// Tells the application.
    pub outbox: Outbox,
    /// Tells the job runner of a new job.
    pub nudge: std::sync::Arc<dyn Fn(job::JobId) + Send + Sync>,
    /// Who delivers.
    pub carrier: CarrierId,
}

/// What became of a draft.
pub type Outcome = Result<Accepted, ApiError>;

/// An accepted message, and whether it was there before under the same idempotency key.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The message as stored.
    pub message: Message,
    /// The text, before it was sealed.
    pub body: String,
    /// Told again, not made again.
    pub repeated: bool,
}

/// Accepts drafts: decides about each, then writes the accepted ones. The second list is for the
/// dispatcher.
pub fn accept(
    tx: &mut Tx<'_>,
    context: &Context,
    drafts: Vec<Draft>,
) -> Result<(Vec<Outcome>, Vec<Waiting>), StoreError> {
    let mut lookups = Lookups::default();
    let mut outcomes = Vec::with_capacity(drafts.len());
    let mut waiting = Vec::with_capacity(drafts.len());
    let mut keys = HashMap::new();
    for draft in drafts {
        let known = match &draft.idempotency {
            None => None,
            Some(_) => repeated(tx, context, &draft, &keys)?,
        };
        if let Some(outcome) = known {
            outcomes.push(outcome);
            continue;
        }
        let facts = lookups.facts(tx, &draft)?;
        let decided = rules::accept(&draft, &facts, &context.prices, tx.now());
        outcomes.push(match decided {
            Err(error) => Err(error),
            Ok(decided) => {
                let message = make(tx, context, &draft, &decided);
                if let Some(idempotency) = &draft.idempotency {
                    keys.insert((draft.account, idempotency.key.clone()), outcomes.len());
                    remember(tx, &draft, message.key.sid)?;
                }
                insert_media(tx, &message, &draft.media)?;
                waiting.push(to_waiting(&message, draft.body.clone(), draft.media));
                Ok(Accepted { message, body: draft.body, repeated: false })
            }
        });
    }
    write_accepted(tx, context, &mut outcomes)?;
    Ok((outcomes, waiting))
}

/// The same create again: the same answer, or a conflict when its parameters differ.
fn repeated(
    tx: &mut Tx<'_>,
    context: &Context,
    draft: &Draft,
    keys: &HashMap<(AccountSid, String), usize>,
) -> Result<Option<Outcome>, StoreError> {
    let Some(idempotency) = &draft.idempotency else { return Ok(None) };
    if keys.contains_key(&(draft.account, idempotency.key.clone())) {
        let text = "A create with this Idempotency-Key is running; repeat it when it has answered";
        return Ok(Some(Err(ApiError::conflict(text))));
    }
    let Some((fingerprint, sid)) = store::idempotent(tx, draft.account, &idempotency.key)? else {
        return Ok(None);
    };
    if fingerprint != idempotency.fingerprint {
        let text = "This Idempotency-Key was used with other parameters";
        return Ok(Some(Err(ApiError::conflict(text))));
    }
    let key = MessageKey { account: draft.account, sid };
    let Some(message) = store::find(tx, key)? else { return Ok(None) };
    let body = open_body(&context.master, &message);
    Ok(Some(Ok(Accepted { message, body, repeated: true })))
}

fn remember(tx: &mut Tx<'_>, draft: &Draft, sid: MessageSid) -> Result<(), StoreError> {
    match &draft.idempotency {
        Some(idempotency) => store::remember_idempotent(tx, draft.account, idempotency, sid),
        None => Ok(()),
    }
}

/// What the tables say, asked once for each sender of a batch.
#[derive(Default)]
struct Lookups {
    senders: HashMap<String, Option<SenderFacts>>,
    with_opt_outs: HashMap<(AccountSid, String), bool>,
}

impl Lookups {
    fn facts(&mut self, tx: &mut Tx<'_>, draft: &Draft) -> Result<Facts, StoreError> {
        let sender = match self.senders.get(&draft.from) {
            Some(found) => *found,
            None => {
                let found = numbers::sender(tx, &draft.from)?.map(|number| SenderFacts {
                    account: number.account,
                    sms: number.sms,
                    mms: number.mms,
                });
                self.senders.insert(draft.from.clone(), found);
                found
            }
        };
        let key = (draft.account, draft.from.clone());
        let any = match self.with_opt_outs.get(&key) {
            Some(any) => *any,
            None => {
                let any = store::has_opt_outs(tx, draft.account, &draft.from)?;
                self.with_opt_outs.insert(key, any);
                any
            }
        };
        let opted_out = any && store::opted_out(tx, draft.account, &draft.from, &draft.to)?;
        let verified = draft.trial && numbers::is_verified(tx, draft.account, &draft.to)?;
        Ok(Facts { sender, opted_out, verified })
    }
}

fn insert_media(tx: &mut Tx<'_>, message: &Message, urls: &[String]) -> Result<(), StoreError> {
    let media: Vec<store::Media> = urls
        .iter()
        .map(|url| store::Media {
            sid: tx.new_sid(),
            message: message.key,
            content_type: guess_type(url).to_owned(),
            source: url.clone(),
            size: 0,
            created_at: message.created_at,
        })
        .collect();
    store::insert_media(tx, &media)
}

/// By the address's ending, until it is fetched.
fn guess_type(url: &str) -> &'static str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "mp4" => "video/mp4",
        "mp3" => "audio/mpeg",
        "pdf" => "application/pdf",
        "txt" => "text/plain",
        _ => "application/octet-stream",
    }
}

fn make(tx: &mut Tx<'_>, context: &Context, draft: &Draft, decided: &rules::Accepted) -> Message {
    let now = tx.now();
    let mut sid: MessageSid = tx.new_sid();
    sid = if draft.media.is_empty() { sid.without_media() } else { sid.with_media() };
    let salt = tx.random().salt();
    let nonce = tx.random().nonce();
    let key = ObjectKey::derive(&context.master, &salt);
    let mut flags = if draft.feedback { Flags(Flags::FEEDBACK) } else { Flags::default() };
    if decided.too_dear {
        flags = flags.with(Flags::TOO_DEAR);
    }
    Message {
        key: MessageKey { account: draft.account, sid },
        direction: draft.direction,
        status: Status::Queued,
        from: decided.from.clone(),
        to: decided.to.clone(),
        segments: decided.segments,
        media: u32::try_from(draft.media.len()).unwrap_or_default(),
        error: 0,
        price: None,
        created_at: now,
        updated_at: now,
        sent_at: None,
        expires_at: Some(decided.expires_at),
        callback: draft.callback.clone(),
        event: (0, 1),
        salt: Some(salt),
        body: Some(key.seal(nonce, draft.body.as_bytes())),
        flags,
    }
}

fn write_accepted(
    tx: &mut Tx<'_>,
    context: &Context,
    outcomes: &mut [Outcome],
) -> Result<(), StoreError> {
    let mut fresh: Vec<&mut Message> = outcomes
        .iter_mut()
        .filter_map(|outcome| outcome.as_mut().ok())
        .filter(|accepted| !accepted.repeated)
        .map(|accepted| &mut accepted.message)
        .collect();
    let events: Vec<NewEvent<'_>> = fresh
        .iter()
        .map(|message| NewEvent {
            account: message.key.account,
            object: AnySid::from(message.key.sid),
            object_seq: 1,
            previous: 0,
            kind: "messaging.message.queued",
            facts: "{}",
        })
        .collect();
    let first = tx.emit_many(&events)?;
    for (index, message) in fresh.iter_mut().enumerate() {
        message.event = (first + index as i64, 1);
    }
    let now = tx.now();
    let rows: Vec<NewRow<'_>> = fresh
        .iter()
        .map(|message| NewRow {
            message,
            queue: Some(carriers::queue_of(context.carrier, &message.from)),
            due_at: now,
        })
        .collect();
    store::insert(tx, &rows)
}

/// A message of the table as the dispatcher needs it.
pub fn reload(
    query: &mut impl Query,
    context: &Context,
    message: &Message,
) -> Result<Waiting, StoreError> {
    let media = match message.media {
        0 => Vec::new(),
        _ => store::media_of(query, message.key)?.into_iter().map(|media| media.source).collect(),
    };
    Ok(to_waiting(message, open_body(&context.master, message), media))
}

fn to_waiting(message: &Message, body: String, media: Vec<String>) -> Waiting {
    let too_dear = message.flags.has(Flags::TOO_DEAR);
    Waiting {
        key: message.key,
        submission: Submission {
            key: message.key.to_bytes(),
            from: message.from.clone(),
            to: message.to.clone(),
            body,
            media,
            expires_at: message.expires_at,
        },
        segments: message.segments,
        due_at: message.created_at,
        expires_at: message.expires_at,
        doomed: too_dear.then_some(code::PRICE_ABOVE_MAX),
    }
}

/// The text of a message; empty after redaction.
pub fn open_body(master: &MasterKey, message: &Message) -> String {
    let opened = message
        .salt
        .as_ref()
        .zip(message.body.as_ref())
        .and_then(|(salt, sealed)| ObjectKey::derive(master, salt).open(sealed).ok());
    opened.and_then(|plain| String::from_utf8(plain).ok()).unwrap_or_default()
}

/// A step of a message's life, decided and ready to be written.
struct Step {
    message: Message,
    status: Status,
    error: u32,
    carrier_ref: Option<String>,
    flags: Flags,
}

/// Answers of the carrier to submissions, in the order in which they came.
pub fn answered(
    tx: &mut Tx<'_>,
    context: &Context,
    answers: &[(MessageKey, SubmitOutcome)],
) -> Result<(), StoreError> {
    let mut steps = Vec::with_capacity(answers.len());
    let mut early = Vec::new();
    for (key, outcome) in answers {
        let (status, error, carrier_ref) = match outcome {
            SubmitOutcome::Taken { reference } => (Status::Sent, 0, Some(reference.clone())),
            SubmitOutcome::Refused { code } => (Status::Failed, *code, None),
            SubmitOutcome::Throttled | SubmitOutcome::Unreachable => continue,
        };
        let Some(message) = store::find(tx, *key)? else { continue };
        if let Some(reference) = &carrier_ref {
            early.extend(store::take_parked(tx, reference)?.map(|receipt| (*key, receipt)));
        }
        let mut flags = message.flags;
        if flags.has(Flags::UNCERTAIN) && status == Status::Sent {
            flags = flags.with(Flags::REPEATED);
        }
        steps.push(Step { message, status, error, carrier_ref, flags });
    }
    write_steps(tx, context, steps)?;
    let mut overtaken = Vec::with_capacity(early.len());
    for (key, (status, error)) in early {
        let Some(message) = store::find(tx, key)? else { continue };
        let flags = message.flags;
        overtaken.push(Step { message, status, error, carrier_ref: None, flags });
    }
    write_steps(tx, context, overtaken)
}

/// Receipts: advance the statuses, park those whose submit response is not here yet. Answers the
/// messages that were still waiting here: their receipt proves that they were submitted.
pub fn receipts(
    tx: &mut Tx<'_>,
    context: &Context,
    receipts: &[Receipt],
) -> Result<Vec<MessageKey>, StoreError> {
    let mut seen = std::collections::HashSet::new();
    let mut steps: Vec<Step> = Vec::with_capacity(receipts.len());
    for receipt in receipts {
        let (status, error) = match receipt.status {
            ReceiptStatus::Delivered => (Status::Delivered, 0),
            ReceiptStatus::Undelivered(code) => (Status::Undelivered, code),
        };
        let by_key = receipt.key.as_ref().and_then(MessageKey::from_bytes);
        let found = match by_key {
            Some(key) => store::find(tx, key)?,
            None => store::find_open(tx, &receipt.reference)?,
        };
        match found {
            None if by_key.is_some() => {}
            None => store::park(tx, receipt, status, error)?,
            // The same receipt twice in one batch: the first one counts.
            Some(message) if !seen.insert(message.key) => {}
            Some(message) => {
                let flags = message.flags;
                steps.push(Step { message, status, error, carrier_ref: None, flags });
            }
        }
    }
    let waiting = steps.iter().filter(|step| step.message.status == Status::Queued);
    let proven = waiting.map(|step| step.message.key).collect();
    write_steps(tx, context, steps)?;
    Ok(proven)
}

/// Fails messages that were not handed to the carrier.
pub fn fail(
    tx: &mut Tx<'_>,
    context: &Context,
    failures: &[(MessageKey, u32)],
) -> Result<(), StoreError> {
    let mut steps = Vec::with_capacity(failures.len());
    for (key, error) in failures {
        let Some(message) = store::find(tx, *key)? else { continue };
        let flags = message.flags;
        steps.push(Step {
            message,
            status: Status::Failed,
            error: *error,
            carrier_ref: None,
            flags,
        });
    }
    write_steps(tx, context, steps)
}

/// Calls back a message that waits.
pub fn cancel(tx: &mut Tx<'_>, context: &Context, message: Message) -> Result<(), StoreError> {
    let flags = message.flags;
    let step = Step { message, status: Status::Canceled, error: 0, carrier_ref: None, flags };
    write_steps(tx, context, vec![step])
}

/// Writes steps: events, rows, callbacks. Steps that would lead back are left out.
fn write_steps(tx: &mut Tx<'_>, context: &Context, steps: Vec<Step>) -> Result<(), StoreError> {
    let steps: Vec<Step> =
        steps.into_iter().filter(|step| step.message.status.may_become(step.status)).collect();
    let facts: Vec<String> = steps.iter().map(facts_of).collect();
    let events: Vec<NewEvent<'_>> = steps
        .iter()
        .zip(&facts)
        .map(|(step, facts)| NewEvent {
            account: step.message.key.account,
            object: AnySid::from(step.message.key.sid),
            object_seq: step.message.event.1 + 1,
            previous: step.message.event.0,
            kind: kind_of(step.status),
            facts,
        })
        .collect();
    let first = tx.emit_many(&events)?;
    let now = tx.now();
    let changes: Vec<Change<'_>> = steps
        .iter()
        .enumerate()
        .map(|(index, step)| change_of(step, first + index as i64, now, context))
        .collect();
    store::update(tx, &changes)?;
    let deliveries: Vec<NewDelivery> = steps.iter().filter_map(callback_of).collect();
    context.outbox.enqueue(tx, deliveries)
}

/// Small and written by hand: this is the hot path.
fn facts_of(step: &Step) -> String {
    let repeated = step.flags.has(Flags::REPEATED) && step.status == Status::Sent;
    match (step.error, repeated) {
        (0, false) => "{}".to_owned(),
        (0, true) => "{\"repeated\":true}".to_owned(),
        (error, _) => format!("{{\"error\":{error}}}"),
    }
}

fn kind_of(status: Status) -> &'static str {
    match status {
        Status::Sent => "messaging.message.sent",
        Status::Delivered => "messaging.message.delivered",
        Status::Undelivered => "messaging.message.undelivered",
        Status::Failed => "messaging.message.failed",
        Status::Canceled => "messaging.message.canceled",
        Status::Read => "messaging.message.read",
        _ => "messaging.message.changed",
    }
}

fn change_of<'a>(step: &'a Step, event: i64, now: Instant, context: &Context) -> Change<'a> {
    let message = &step.message;
    let handed_over = matches!(step.status, Status::Sent | Status::Delivered | Status::Undelivered);
    Change {
        key: message.key,
        status: step.status,
        error: step.error,
        price: if handed_over { Some(charge(message, &context.prices)) } else { message.price },
        sent_at: message.sent_at.or(handed_over.then_some(now)),
        queue: None,
        due_at: now,
        carrier_ref: step.carrier_ref.as_deref(),
        flags: step.flags,
        event: (event, message.event.1 + 1),
    }
}

/// What the account is charged: negative, as Twilio shows it.
fn charge(message: &Message, prices: &Prices) -> Money {
    let price = if message.media > 0 { prices.media } else { prices.segment };
    let count = if message.media > 0 { 1 } else { i64::from(message.segments) };
    Money { micros: -price.micros * count, currency: price.currency }
}

fn callback_of(step: &Step) -> Option<NewDelivery> {
    let message = &step.message;
    let url = message.callback.clone()?;
    let status = webhooks::params::MessageStatus {
        message: message.key.sid,
        account: message.key.account,
        from: &message.from,
        to: &message.to,
        status: step.status.name(),
        error: Some(step.error).filter(|error| *error != 0),
    };
    Some(NewDelivery {
        account: message.key.account,
        object: message.key.sid.into(),
        object_seq: message.event.1 + 1,
        url,
        params: webhooks::params::message_status(&status),
        salt: message.salt,
    })
}

/// Marks the messages of windows that a crash left open: their outcome is unknown. They wait for
/// receipts that explain them until the grace period ends, then they are due again. Answers them.
pub fn mark_uncertain(
    tx: &mut Tx<'_>,
    grace: std::time::Duration,
) -> Result<Vec<MessageKey>, StoreError> {
    let keys = store::open_windows(tx)?;
    let due_at = tx.now() + grace;
    let mut marks = Vec::new();
    for key in keys {
        let Some(message) = store::find(tx, key)? else { continue };
        if message.status == Status::Queued {
            marks.push((key, message.flags.with(Flags::UNCERTAIN), due_at));
        }
    }
    store::mark_waiting(tx, &marks)?;
    Ok(marks.into_iter().map(|(key, ..)| key).collect())
}

/// Texts from handsets: messages, STOP words, and the job that asks the application.
pub fn inbound(tx: &mut Tx<'_>, context: &Context, texts: Vec<Inbound>) -> Result<(), StoreError> {
    for text in texts {
        let Some(number) = numbers::sender(tx, &text.to)? else {
            tracing::info!("a text to a number that nobody holds was dropped");
            continue;
        };
        let word = opt_words::recognise(&text.body);
        match word {
            Some(Word::Stop) => store::opt_out(tx, number.account, &text.to, &text.from)?,
            Some(Word::Start) => store::opt_in(tx, number.account, &text.to, &text.from)?,
            Some(Word::Help) | None => {}
        }
        let message = received(tx, context, &text, &number);
        let event = tx.emit(NewEvent {
            account: number.account,
            object: AnySid::from(message.key.sid),
            object_seq: 1,
            previous: 0,
            kind: "messaging.message.received",
            facts: "{}",
        })?;
        let message = Message { event: (event, 1), ..message };
        let now = tx.now();
        store::insert(tx, &[NewRow { message: &message, queue: None, due_at: now }])?;
        insert_media(tx, &message, &text.media)?;
        let sid = message.key.sid.to_string();
        let payload = serde_json::json!({ "message": sid, "number": number.sid.to_string(),
            "word": word.map(Word::name) });
        let id = job::add(tx, number.account, INBOUND_JOB, now, &payload.to_string())?;
        let nudge = std::sync::Arc::clone(&context.nudge);
        tx.after_commit(move || nudge(id));
    }
    Ok(())
}

/// The kind of job that asks the application about an inbound message.
pub const INBOUND_JOB: &str = "messaging.inbound";

fn received(
    tx: &mut Tx<'_>,
    context: &Context,
    text: &Inbound,
    number: &numbers::OwnedNumber,
) -> Message {
    let now = tx.now();
    let mut sid: MessageSid = tx.new_sid();
    sid = if text.media.is_empty() { sid.without_media() } else { sid.with_media() };
    let (salt, nonce) = (tx.random().salt(), tx.random().nonce());
    let sealed = ObjectKey::derive(&context.master, &salt).seal(nonce, text.body.as_bytes());
    Message {
        key: MessageKey { account: number.account, sid },
        direction: Direction::Inbound,
        status: Status::Received,
        from: text.from.clone(),
        to: text.to.clone(),
        segments: smpp::text::segments(&text.body, false).count,
        media: u32::try_from(text.media.len()).unwrap_or_default(),
        error: 0,
        price: None,
        created_at: now,
        updated_at: now,
        sent_at: Some(now),
        expires_at: None,
        callback: None,
        event: (0, 1),
        salt: Some(salt),
        body: Some(sealed),
        flags: Flags::default(),
    }
}
