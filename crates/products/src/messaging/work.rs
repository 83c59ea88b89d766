//! Units of work of messages: what happens inside a commit. Synchronous, over slices, with every
//! decision made before the first write, so that they run the same in the product and in the
//! simulation.

mod accept;
mod inbound;
mod routing;
mod segments;
mod told;
mod uncertain;

use ::store::{NewEvent, Query, StoreError, Tx, job};
use base::{AnySid, ApiError, Instant, MasterKey, MediaSid, Money, ObjectKey, Sid, code};

use crate::accounts::geo::Home;
use crate::carriers::routes::Network;
use crate::carriers::{CarrierId, Part, Receipt, ReceiptStatus, Submission, SubmitOutcome};
use crate::messaging::dispatch::Waiting;
use crate::messaging::media;
use crate::messaging::model::{Flags, Message, MessageKey, Status};
use crate::messaging::rules::Prices;
use crate::messaging::store::{self, Change, Segment};
use crate::messaging::work::routing::{next_route, route};
use crate::messaging::work::told::{alert_of, callback_of, facts_of, kind_of, used_by};
use crate::usage;
use crate::webhooks::alerts::{self, NewAlert};
use crate::webhooks::{NewDelivery, Outbox};

pub use accept::accept;
pub use inbound::{INBOUND_JOB, PARTS_JOB, give_up_parts, inbound};
pub use routing::{question_of, queue, reroute};
pub use uncertain::{explain, mark_open_windows};

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
    /// Who delivers what.
    pub network: std::sync::Arc<Network>,
    /// Where texts may go until an account says otherwise.
    pub home: Home,
    /// How the world reaches this installation.
    pub public_url: std::sync::Arc<str>,
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

/// Writes the files of a message. Their SIDs ascend, so that files keep the order in which they
/// were given.
fn insert_media(tx: &mut Tx<'_>, message: &Message, urls: &[String]) -> Result<(), StoreError> {
    let mut sids: Vec<MediaSid> = urls.iter().map(|_| tx.new_sid()).collect();
    sids.sort_by_key(|sid| sid.bytes());
    let files = sids.into_iter().zip(urls).map(|(sid, url)| store::Media {
        sid,
        message: message.key,
        content_type: guess_type(url).to_owned(),
        source: url.clone(),
        size: 0,
        created_at: message.created_at,
    });
    store::insert_media(tx, &files.collect::<Vec<_>>())
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

/// A message of the table as the dispatcher needs it.
pub fn reload(
    query: &mut impl Query,
    context: &Context,
    carrier: CarrierId,
    message: &Message,
) -> Result<Waiting, StoreError> {
    let media = match message.media {
        0 => Vec::new(),
        _ => {
            let found = store::media_of(query, message.key)?;
            found.iter().map(|file| media::address(&context.public_url, file)).collect()
        }
    };
    let mut waiting = to_waiting(carrier, message, open_body(&context.master, message), media);
    if message.flags.has(Flags::UNCERTAIN) {
        let answered = store::segments_of(query, message.key)?;
        waiting.submission.done = answered.iter().map(|segment| segment.part.index).collect();
    }
    Ok(waiting)
}

fn to_waiting(carrier: CarrierId, message: &Message, body: String, media: Vec<String>) -> Waiting {
    let doomed =
        [(Flags::TOO_DEAR, code::PRICE_ABOVE_MAX), (Flags::UNROUTED, code::CARRIER_UNREACHABLE)];
    Waiting {
        key: message.key,
        carrier,
        submission: Submission {
            key: message.key.to_bytes(),
            from: message.from.clone(),
            to: message.to.clone(),
            body,
            media,
            expires_at: message.expires_at,
            done: Vec::new(),
        },
        segments: message.segments,
        due_at: message.created_at,
        expires_at: message.expires_at,
        urgent: message.flags.has(Flags::URGENT),
        doomed: doomed.iter().find(|(mark, _)| message.flags.has(*mark)).map(|(_, code)| *code),
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

/// The carrier's answer to a submission, or to one segment of it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who answers.
    pub carrier: CarrierId,
    /// Which message.
    pub key: MessageKey,
    /// Which segment of it.
    pub part: Part,
    /// What became of it.
    pub outcome: SubmitOutcome,
}

/// Answers of the carrier to submissions, in the order in which they came. Answers what other
/// carriers are offered instead.
pub fn answered(
    tx: &mut Tx<'_>,
    context: &Context,
    answers: &[Answer],
) -> Result<Vec<Waiting>, StoreError> {
    answered_as(tx, context, answers, Flags(Flags::REPEATED))
}

/// The same, with the marks that uncertain messages get when they turn out to be taken.
fn answered_as(
    tx: &mut Tx<'_>,
    context: &Context,
    answers: &[Answer],
    resent: Flags,
) -> Result<Vec<Waiting>, StoreError> {
    let (wholes, parts): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.part.of <= 1);
    let moved = whole_answered(tx, context, &wholes, resent)?;
    if parts.is_empty() {
        return Ok(moved);
    }
    let keys: Vec<MessageKey> = parts.iter().map(|answer| answer.key).collect();
    let (mut fresh, mut again, mut uncertain) = (Vec::new(), Vec::new(), Vec::new());
    for (answer, message) in parts.into_iter().zip(store::find_each(tx, &keys)?) {
        let Some(message) = message else { continue };
        match answer.outcome {
            SubmitOutcome::Uncertain => uncertain.push((answer.carrier, message, answer.part)),
            _ if message.flags.has(Flags::UNCERTAIN) => again.push(answer.clone()),
            _ => fresh.push(answer.clone()),
        }
    }
    segments::answered(tx, context, &fresh, Flags::default())?;
    segments::answered(tx, context, &again, resent)?;
    uncertain::mark(tx, &uncertain)?;
    Ok(moved)
}

/// Answers about messages of one segment: the hot path.
fn whole_answered(
    tx: &mut Tx<'_>,
    context: &Context,
    answers: &[&Answer],
    resent: Flags,
) -> Result<Vec<Waiting>, StoreError> {
    let mut steps = Vec::with_capacity(answers.len());
    let (mut uncertain, mut moved) = (Vec::new(), Vec::new());
    let keys: Vec<MessageKey> = answers.iter().map(|answer| answer.key).collect();
    let found = store::find_each(tx, &keys)?;
    for (answer, message) in answers.iter().zip(found) {
        let Some(message) = message else { continue };
        let (status, error, carrier_ref) = match &answer.outcome {
            SubmitOutcome::Taken { reference } => (Status::Sent, 0, Some(reference.clone())),
            SubmitOutcome::Refused { code } => {
                if let Some(waiting) = next_route(tx, context, answer.carrier, &message, *code)? {
                    moved.push(waiting);
                    continue;
                }
                (Status::Failed, *code, None)
            }
            SubmitOutcome::Throttled | SubmitOutcome::Unreachable => continue,
            SubmitOutcome::Uncertain => {
                uncertain.push((answer.carrier, message, answer.part));
                continue;
            }
        };
        let mut flags = message.flags;
        if flags.has(Flags::UNCERTAIN) && status == Status::Sent {
            flags = flags.with(resent.0);
        }
        steps.push(Step { message, status, error, carrier_ref, flags });
    }
    uncertain::mark(tx, &uncertain)?;
    let references = steps.iter().filter_map(|step| step.carrier_ref.as_deref());
    let early = store::take_parked(tx, &references.collect::<Vec<_>>())?;
    let overtaken: Vec<(MessageKey, (Status, u32))> = steps
        .iter()
        .filter_map(|step| Some((step.message.key, *early.get(step.carrier_ref.as_ref()?)?)))
        .collect();
    write_steps(tx, context, steps)?;
    let keys: Vec<MessageKey> = overtaken.iter().map(|(key, _)| *key).collect();
    let found = store::find_each(tx, &keys)?;
    let steps = found.into_iter().zip(overtaken).filter_map(|(message, (_, early))| {
        let message = message?;
        let (flags, (status, error)) = (message.flags, early);
        Some(Step { message, status, error, carrier_ref: None, flags })
    });
    let steps = steps.collect();
    log_placed(tx, early.keys().map(String::as_str).collect())?;
    write_steps(tx, context, steps)?;
    Ok(moved)
}

/// Remembers which receipts were placed.
fn log_placed(tx: &mut Tx<'_>, references: Vec<&str>) -> Result<(), StoreError> {
    if references.is_empty() { Ok(()) } else { store::log_receipts(tx, &references) }
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
    let (mut unplaced, mut placed) = (Vec::new(), Vec::new());
    let found = addressed(tx, receipts)?;
    for (receipt, found) in receipts.iter().zip(found) {
        let (status, error) = word_of(receipt);
        match found {
            None if receipt.key.is_some() => {}
            None => unplaced.push(receipt),
            // The same receipt twice in one batch: the first one counts.
            Some(message) if !seen.insert(message.key) => {}
            Some(message) => {
                placed.extend(receipt.key.is_none().then_some(receipt.reference.as_str()));
                let flags = message.flags;
                steps.push(Step { message, status, error, carrier_ref: None, flags });
            }
        }
    }
    let references: Vec<&str> = unplaced.iter().map(|r| r.reference.as_str()).collect();
    let mut settled: std::collections::BTreeMap<_, Segment> = std::collections::BTreeMap::new();
    for (receipt, segment) in unplaced.into_iter().zip(store::find_segments(tx, &references)?) {
        let (status, error) = word_of(receipt);
        match segment {
            None => uncertain::park(tx, context, receipt, status, error)?,
            Some(segment) => {
                placed.push(receipt.reference.as_str());
                let segment = Segment { status, error, carrier_ref: None, ..segment };
                settled.entry((segment.key, segment.part.index)).or_insert(segment);
            }
        }
    }
    let waiting = steps.iter().filter(|step| step.message.status == Status::Queued);
    let proven = waiting.map(|step| step.message.key).collect();
    log_placed(tx, placed)?;
    write_steps(tx, context, steps)?;
    segments::settle(tx, context, settled.into_values().collect())?;
    Ok(proven)
}

fn word_of(receipt: &Receipt) -> (Status, u32) {
    match receipt.status {
        ReceiptStatus::Delivered => (Status::Delivered, 0),
        ReceiptStatus::Undelivered(code) => (Status::Undelivered, code),
    }
}

/// The message of each receipt: by our key where the carrier echoes it, else by its reference.
fn addressed(tx: &mut Tx<'_>, receipts: &[Receipt]) -> Result<Vec<Option<Message>>, StoreError> {
    let key_of = |receipt: &Receipt| receipt.key.as_ref().and_then(MessageKey::from_bytes);
    let keys: Vec<MessageKey> = receipts.iter().filter_map(key_of).collect();
    let unkeyed = receipts.iter().filter(|receipt| key_of(receipt).is_none());
    let references: Vec<&str> = unkeyed.map(|receipt| receipt.reference.as_str()).collect();
    let mut by_key = store::find_each(tx, &keys)?.into_iter();
    let mut by_reference = store::find_open_each(tx, &references)?.into_iter();
    let next = |receipt| match key_of(receipt) {
        Some(_) => by_key.next().flatten(),
        None => by_reference.next().flatten(),
    };
    Ok(receipts.iter().map(next).collect())
}

/// Fails messages that were not handed to the carrier.
pub fn fail(
    tx: &mut Tx<'_>,
    context: &Context,
    failures: &[(MessageKey, u32)],
) -> Result<(), StoreError> {
    let mut steps = Vec::with_capacity(failures.len());
    let keys: Vec<MessageKey> = failures.iter().map(|(key, _)| *key).collect();
    let found = store::find_each(tx, &keys)?;
    for ((_, error), message) in failures.iter().zip(found) {
        let Some(message) = message else { continue };
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

/// Fails a message for one of its files: the file's alert is the message's.
pub fn fail_for_file(
    tx: &mut Tx<'_>,
    context: &Context,
    key: MessageKey,
    alert: NewAlert,
) -> Result<(), StoreError> {
    let Some(message) = store::find(tx, key)? else { return Ok(()) };
    let (flags, error) = (message.flags, alert.code);
    let step = Step { message, status: Status::Failed, error, carrier_ref: None, flags };
    write_steps_telling(tx, context, vec![step], |_| Some(alert.clone()))
}

/// Calls back a message that waits.
pub fn cancel(tx: &mut Tx<'_>, context: &Context, message: Message) -> Result<(), StoreError> {
    let flags = message.flags;
    let step = Step { message, status: Status::Canceled, error: 0, carrier_ref: None, flags };
    write_steps(tx, context, vec![step])
}

/// Writes steps: events, rows, callbacks. Steps that would lead back are left out.
fn write_steps(tx: &mut Tx<'_>, context: &Context, steps: Vec<Step>) -> Result<(), StoreError> {
    write_steps_telling(tx, context, steps, |step| alert_of(step, context))
}

fn write_steps_telling(
    tx: &mut Tx<'_>,
    context: &Context,
    steps: Vec<Step>,
    alert: impl Fn(&Step) -> Option<NewAlert>,
) -> Result<(), StoreError> {
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
    usage::count(tx, steps.iter().filter_map(|step| used_by(step, context)))?;
    let alerts: Vec<NewAlert> = steps.iter().filter_map(alert).collect();
    alerts::raise(tx, &alerts)?;
    let deliveries: Vec<NewDelivery> = steps.iter().filter_map(callback_of).collect();
    context.outbox.enqueue(tx, deliveries)
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
/// What a message costs; negative.
pub fn charge(message: &Message, prices: &Prices) -> Money {
    let price = if message.media > 0 { prices.media } else { prices.segment };
    let count = if message.media > 0 { 1 } else { i64::from(message.segments) };
    Money { micros: -price.micros * count, currency: price.currency }
}
