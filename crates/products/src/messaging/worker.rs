//! The driver of the dispatcher: loads, writes windows down, submits, and takes what the carrier
//! tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ::store::{Batch, StoreError, Tx};
use base::Instant;
use machine::Machine;
use tokio::sync::mpsc;

use crate::carriers::routes::Network;
use crate::carriers::{self, Carrier, CarrierEvent, CarrierId, Receipt, SubmitOutcome};
use crate::messaging::dispatch::{Config, Dispatcher, Input, Output, Waiting};
use crate::messaging::work::{self, Answer, Context};
use crate::messaging::{MessageKey, Messaging, store};

/// What the dispatcher's driver is told.
pub enum Event {
    /// Messages were accepted.
    Offer(Vec<Waiting>),
    /// A load ended.
    Loaded(Vec<Waiting>, bool, Option<Instant>),
    /// A window is on disk, in the row with this id.
    WindowStored(u64, [u8; 16]),
    /// The carrier answered, and the answer is on disk.
    Answered(Vec<(MessageKey, SubmitOutcome)>),
    /// A message was called back or removed.
    Withdrawn(MessageKey),
    /// The carrier brings receipts (again).
    Receiving,
    /// Uncertain messages were explained, or are due again.
    Explained,
    /// The carrier can't be reached for these, and other carriers have some of them now.
    Rerouted(Vec<MessageKey>, Vec<MessageKey>),
}

/// The way to the dispatchers, by their carriers' numbers. What can't reach one that has stopped
/// waits in the table.
#[derive(Clone)]
pub(super) struct Dispatchers(Vec<mpsc::UnboundedSender<Event>>);

impl Dispatchers {
    pub(super) fn of(network: &Network) -> (Self, Vec<Mailbox>) {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            network.carriers().map(|_| mpsc::unbounded_channel()).unzip();
        (Self(senders), receivers.into_iter().map(Mailbox).collect())
    }

    fn send(&self, carrier: CarrierId, event: Event) {
        if let Some(dispatcher) = self.0.get(usize::from(carrier.0)) {
            // A dispatcher only stops with the program.
            let _ = dispatcher.send(event);
        }
    }

    pub(super) fn offer(&self, waiting: Vec<Waiting>) {
        if let [only] = &self.0[..] {
            // A dispatcher only stops with the program.
            let _ = only.send(Event::Offer(waiting));
            return;
        }
        let mut by_carrier: BTreeMap<CarrierId, Vec<Waiting>> = BTreeMap::new();
        for waiting in waiting {
            by_carrier.entry(waiting.carrier).or_default().push(waiting);
        }
        for (carrier, waiting) in by_carrier {
            self.send(carrier, Event::Offer(waiting));
        }
    }

    pub(super) fn withdraw(&self, key: MessageKey) {
        for dispatcher in &self.0 {
            // A dispatcher only stops with the program.
            let _ = dispatcher.send(Event::Withdrawn(key));
        }
    }
}

/// The receiving end of a dispatcher.
pub struct Mailbox(pub(super) mpsc::UnboundedReceiver<Event>);

/// How the dispatcher runs.
#[derive(Clone)]
pub struct RunConfig {
    /// Segments a second for each sender; 0 means no limit.
    pub sender_rate: u32,
    /// Messages that waited longer fail with 30001; zero means no limit.
    pub queue_max: Duration,
    /// How long uncertain messages wait for receipts that explain them.
    pub grace: Duration,
    /// What the units of work need.
    pub context: Arc<Context>,
}

/// Takes a batch of carrier events into the ledger; acknowledges after the commit.
pub(super) fn take_events(
    tx: &mut Tx<'_>,
    context: &Context,
    events: Vec<(CarrierId, CarrierEvent)>,
    dispatchers: &Dispatchers,
) -> Result<Vec<()>, StoreError> {
    let count = events.len();
    let mut answers: Vec<Answer> = Vec::with_capacity(count);
    let mut finished: BTreeMap<CarrierId, Vec<(MessageKey, SubmitOutcome)>> = BTreeMap::new();
    let mut receiving = Vec::new();
    let mut receipts: Vec<Receipt> = Vec::with_capacity(count);
    let mut acknowledgements = Vec::with_capacity(count);
    let mut inbound = Vec::new();
    for (carrier, event) in events {
        match event {
            CarrierEvent::Answered { key, part, outcome, last } => {
                let Some(key) = MessageKey::from_bytes(&key) else { continue };
                if last {
                    finished.entry(carrier).or_default().push((key, outcome.clone()));
                }
                answers.push(Answer { carrier, key, part, outcome });
            }
            CarrierEvent::Receiving => receiving.push(carrier),
            CarrierEvent::Receipt(receipt, acknowledge) => {
                receipts.push(receipt);
                acknowledgements.push(acknowledge);
            }
            CarrierEvent::Inbound(text, acknowledge) => {
                inbound.push(text);
                acknowledgements.push(acknowledge);
            }
        }
    }
    let moved = work::answered(tx, context, &answers)?;
    let proven = work::receipts(tx, context, &receipts)?;
    work::inbound(tx, context, inbound)?;
    let dispatchers = dispatchers.clone();
    tx.after_commit(move || {
        acknowledgements.into_iter().for_each(carriers::Acknowledge::done);
        for (carrier, finished) in finished {
            dispatchers.send(carrier, Event::Answered(finished));
        }
        if !moved.is_empty() {
            dispatchers.offer(moved);
        }
        for carrier in receiving {
            dispatchers.send(carrier, Event::Receiving);
        }
        for key in proven {
            dispatchers.withdraw(key);
        }
    });
    Ok(vec![(); count])
}

struct Driver {
    messaging: Arc<Messaging>,
    id: CarrierId,
    carrier: Carrier,
    config: RunConfig,
    dispatcher: Dispatcher,
    windows: HashMap<u64, [u8; 16]>,
    failing: Batch<(MessageKey, u32), ()>,
    putting_off: Batch<(MessageKey, Instant), ()>,
    closing: Batch<[u8; 16], ()>,
}

pub(super) async fn run(
    messaging: Arc<Messaging>,
    carriers: Vec<Carrier>,
    config: RunConfig,
    mailboxes: Vec<Mailbox>,
) {
    // Once, and before the first of them opens a window.
    let context = Arc::clone(&config.context);
    let marked = messaging.store.write(move |tx| work::mark_open_windows(tx, &context)).await;
    match marked {
        Ok(keys) if keys.is_empty() => {}
        Ok(keys) => tracing::warn!(messages = keys.len(), "were in flight when the program ended"),
        Err(error) => tracing::error!(%error, "uncertain messages could not be marked"),
    }
    let members = config.context.network.carriers().zip(carriers).zip(mailboxes);
    let drivers = members.map(|((id, carrier), mailbox)| {
        tokio::spawn(drive(Arc::clone(&messaging), id, carrier, config.clone(), mailbox))
    });
    for driver in drivers.collect::<Vec<_>>() {
        if let Err(error) = driver.await {
            tracing::error!(%error, "a dispatcher failed");
        }
    }
}

async fn drive(
    messaging: Arc<Messaging>,
    id: CarrierId,
    carrier: Carrier,
    config: RunConfig,
    mailbox: Mailbox,
) {
    let machine = Dispatcher::new(
        Config {
            window_max: carrier.window_max(),
            batch_max: 500,
            memory_max: 50_000,
            sender_rate: config.sender_rate,
            queue_max: config.queue_max,
        },
        messaging.clock.now(),
    );
    let (store, context) = (messaging.store.clone(), Arc::clone(&config.context));
    let driver = Driver {
        failing: Batch::new(store.clone(), move |tx, failures: Vec<_>| {
            work::fail(tx, &context, &failures)?;
            Ok(vec![(); failures.len()])
        }),
        putting_off: Batch::new(store.clone(), |tx, keys: Vec<_>| {
            store::put_off(tx, &keys)?;
            Ok(vec![(); keys.len()])
        }),
        closing: Batch::new(store, |tx, ids: Vec<_>| {
            store::close_windows(tx, &ids)?;
            Ok(vec![(); ids.len()])
        }),
        messaging,
        id,
        carrier,
        config,
        dispatcher: machine,
        windows: HashMap::new(),
    };
    driver.run(mailbox).await;
}

impl Driver {
    async fn run(mut self, Mailbox(mut mailbox): Mailbox) {
        let clock = Arc::clone(&self.messaging.clock);
        loop {
            self.dispatcher.tick(clock.now());
            self.drain();
            let wake_at = self.dispatcher.wake_at();
            let sleep = async {
                match wake_at {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = mailbox.recv() => match event {
                    Some(event) => self.take(event),
                    None => return,
                },
                () = sleep => {}
            }
            while let Ok(event) = mailbox.try_recv() {
                self.take(event);
            }
        }
    }

    fn take(&mut self, event: Event) {
        let now = self.messaging.clock.now();
        match event {
            Event::Offer(messages) => self.dispatcher.handle(now, Input::Offer(messages)),
            Event::Loaded(messages, more, next_due) => {
                self.dispatcher.handle(now, Input::Loaded { messages, more, next_due });
            }
            Event::WindowStored(number, row) => {
                self.windows.insert(number, row);
                self.dispatcher.handle(now, Input::WindowStored(number));
            }
            Event::Answered(answers) => {
                let mut unreachable = Vec::new();
                let alone = self.messaging.dispatchers.0.len() == 1;
                for (key, outcome) in answers {
                    if outcome == SubmitOutcome::Unreachable && !alone {
                        unreachable.push(key);
                    } else {
                        self.dispatcher.handle(now, Input::Answered(key, outcome));
                    }
                }
                self.reroute(unreachable);
            }
            Event::Rerouted(moved, stayed) => {
                for key in moved {
                    self.dispatcher.handle(now, Input::Moved(key));
                }
                for key in stayed {
                    self.dispatcher.handle(now, Input::Answered(key, SubmitOutcome::Unreachable));
                }
            }
            Event::Withdrawn(key) => self.dispatcher.handle(now, Input::Withdrawn(key)),
            Event::Receiving => {
                self.explain_later(now);
                self.dispatcher.handle(now, Input::Resume);
            }
            Event::Explained => self.dispatcher.handle(now, Input::Resume),
        }
        self.drain();
    }

    fn drain(&mut self) {
        let (mut failures, mut put_off, mut done) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(output) = self.dispatcher.poll() {
            match output {
                Output::StoreWindow(number, keys) => self.store_window(number, keys),
                Output::Submit(submissions) => self.carrier.submit(submissions),
                Output::WindowDone(number) => done.extend(self.windows.remove(&number)),
                Output::Fail(key, code) => failures.push((key, code)),
                Output::PutOff(key, at) => put_off.push((key, at)),
                Output::Load(limit) => self.load(limit),
            }
        }
        let sent =
            [self.failing.send(failures), self.putting_off.send(put_off), self.closing.send(done)];
        let failed = sent.into_iter().filter_map(Result::err);
        for error in failed.filter(|error| !matches!(error, StoreError::Closed)) {
            // Each of them is found again by a later load or at the next start.
            tracing::warn!(%error, "the dispatcher could not write");
        }
    }

    /// What is uncertain now is explained when the grace period ends, and is not looked at before.
    fn explain_later(&self, until: Instant) {
        let messaging = Arc::clone(&self.messaging);
        let (context, grace) = (Arc::clone(&self.config.context), self.config.grace);
        let carrier = self.id;
        tokio::spawn(async move {
            messaging.clock.sleep_until(until + grace).await;
            let explain = move |tx: &mut Tx<'_>| work::explain(tx, &context, carrier, until);
            match messaging.store.write(explain).await {
                Ok((0, 0)) | Err(StoreError::Closed) => {}
                Ok((explained, again)) => {
                    tracing::info!(explained, again, "uncertain segments were settled");
                    messaging.dispatchers.send(carrier, Event::Explained);
                }
                Err(error) => tracing::error!(%error, "uncertain segments stay so until a restart"),
            }
        });
    }

    /// Asks whether another route takes what this carrier can't be reached for.
    fn reroute(&self, keys: Vec<MessageKey>) {
        if keys.is_empty() {
            return;
        }
        let messaging = Arc::clone(&self.messaging);
        let (context, id) = (Arc::clone(&self.config.context), self.id);
        tokio::spawn(async move {
            let asked = keys.clone();
            let reroute = move |tx: &mut Tx<'_>| work::reroute(tx, &context, id, &asked);
            let waiting = messaging.store.write(reroute).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "messages could not be moved to another carrier");
                Vec::new()
            });
            let moved: BTreeSet<MessageKey> = waiting.iter().map(|waiting| waiting.key).collect();
            messaging.dispatchers.offer(waiting);
            let (moved, stayed) = keys.into_iter().partition(|key| moved.contains(key));
            messaging.dispatchers.send(id, Event::Rerouted(moved, stayed));
        });
    }

    fn store_window(&self, number: u64, keys: Vec<MessageKey>) {
        let (store, id) = (self.messaging.store.clone(), self.id);
        let dispatchers = self.messaging.dispatchers.clone();
        tokio::spawn(async move {
            loop {
                let keys = keys.clone();
                match store.write(move |tx| store::open_window(tx, &keys)).await {
                    Ok(row) => {
                        dispatchers.send(id, Event::WindowStored(number, row));
                        return;
                    }
                    Err(StoreError::Closed) => return,
                    Err(error) => {
                        tracing::warn!(%error, "a window could not be written; trying again");
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                }
            }
        });
    }

    fn load(&self, limit: usize) {
        let messaging = Arc::clone(&self.messaging);
        let (id, queues) = (self.id, carriers::queues_of(self.id));
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let context = Arc::clone(&self.config.context);
        tokio::spawn(async move {
            let now = messaging.clock.now();
            let read = messaging.store.read(move |reader| {
                let found = store::waiting(reader, queues.clone(), now, limit)?;
                let mut waiting = Vec::with_capacity(found.len());
                for message in &found {
                    waiting.push(work::reload(reader, &context, id, message)?);
                }
                let next = store::next_waiting(reader, queues, now)?;
                Ok::<_, StoreError>((waiting, next))
            });
            let (waiting, next) = read.await.unwrap_or_else(|error| {
                tracing::warn!(%error, "waiting messages could not be loaded");
                (Vec::new(), None)
            });
            let more = waiting.len() as u32 == limit;
            messaging.dispatchers.send(id, Event::Loaded(waiting, more, next));
        });
    }
}
