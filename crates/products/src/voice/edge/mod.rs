//! What drives the engine: one task that owns it, and everything slow beside it: rows, documents,
//! speech, recordings.

mod ask;
mod caller_ids;
mod engines;
mod ladder;
mod legs;
mod lines;
mod listen;
mod onnet;
pub mod pace;
pub(in crate::voice) mod place;
mod prompts;
mod recordings;
mod registrar;
pub mod rooms;
mod screen;
mod settings;
mod stop;
mod warn;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ::store::{Batch, Blobs, Store, StoreError, Tx};
use base::{AccountSid, CallSid, ConferenceSid, Instant, MasterKey};
use machine::Machine as _;
use net::media::Media;
use net::sip::{SipHandle, Watch};
use net::{Client, Clock};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::accounts::Accounts;
use crate::messaging::Messaging;
use crate::voice::caller_ids::Validations;
use crate::voice::engine::{Config, Engine, Input, Order, Output};
use crate::voice::model::{CallRecord, Plan, Quality};
use crate::voice::phones::Phones;
use crate::voice::store::Change;
use crate::voice::work::{self, Context};
use crate::webhooks::alerts::NewAlert;
use crate::webhooks::ask::Asker;

pub use ladder::Ladder;
pub(in crate::voice) use legs::Legs;
pub use lines::{Line, Lines, Registration};
pub use prompts::Voices;
pub(in crate::voice) use prompts::fetched;
pub use recordings::{blob as recording_blob, file as recording_file, mp3 as recording_mp3};
pub use registrar::Bindings;
pub use settings::{SETTINGS, Settings};
pub use warn::Warned;

/// How often it is noted that calls live.
const SEEN_EVERY: Duration = Duration::from_secs(1);

/// What everything slow needs.
pub struct Shared {
    /// Where calls are.
    pub store: Store,
    /// Seals what may be redacted.
    pub master: Arc<MasterKey>,
    /// Whose calls they are.
    pub accounts: Arc<Accounts>,
    /// Fetches audio.
    pub client: Arc<Client>,
    /// Where recordings are.
    pub blobs: Blobs,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
    /// Asks applications.
    pub asker: Asker,
    /// Sends texts of calls.
    pub messaging: Arc<Messaging>,
    /// What units of work need.
    pub context: Arc<Context>,
    /// Speaks.
    pub voices: Voices,
    /// What was said of calls.
    pub settings: Settings,
    /// How the world reaches this installation.
    pub public_url: Arc<str>,
    /// Whether this is `dev`.
    pub dev: bool,
    /// Calls that never leave.
    pub door: Arc<onnet::Door>,
    /// SIP messages of calls.
    pub ladder: Arc<Ladder>,
    /// Calls that prove numbers.
    pub validations: Validations,
    /// The handsets of `dev`.
    pub phones: Option<Arc<Phones>>,
    /// Where registered phones are.
    pub bindings: Bindings,
    /// How the carriers' ends stand.
    pub carriers: Lines,
    /// Of whom alerts were raised.
    pub warned: Warned,
}

/// What the task is told besides the engine's inputs.
#[expect(clippy::large_enum_variant, reason = "handed on at once, never kept in numbers")]
pub enum Told {
    /// For the engine.
    Input(Input),
    /// A call is called back, if it still waits for its turn; else it is ended.
    CalledBack(CallSid),
    /// A call waits for its turn.
    Queued(Box<CallRecord>, Box<Plan>),
    /// Tell when everything that was said before is on disk.
    Settle(oneshot::Sender<()>),
    /// A conference was made for a call that was not made after all.
    Unpromised(AccountSid, ConferenceSid),
    /// It was found out how a queued call reaches its far end, or that it does not.
    Reached(Box<CallRecord>, Box<Plan>, Result<place::Way, base::ApiError>),
    /// The program ends: end every call, and tell when that is done and on disk.
    Stop(oneshot::Sender<()>),
}

/// The way to the task.
#[derive(Clone)]
pub struct Desk(UnboundedSender<Told>);

/// Its other end.
pub struct Mailbox(UnboundedReceiver<Told>);

impl Desk {
    /// A desk that nobody sits at yet.
    pub fn new() -> (Self, Mailbox) {
        let (sender, mailbox) = unbounded_channel();
        (Self(sender), Mailbox(mailbox))
    }

    /// Tells the engine something; lost when the program ends, as its calls are.
    pub fn input(&self, input: Input) {
        self.tell(Told::Input(input));
    }

    /// A live call is to be changed. One that is over takes no notice.
    pub fn order(&self, call: CallSid, order: Order) {
        self.input(Input::Order(call, order));
    }

    /// Tells the task something.
    pub fn tell(&self, told: Told) {
        let _ = self.0.send(told);
    }
}

/// The task.
pub struct Edge {
    shared: Arc<Shared>,
    desk: Desk,
    engine: Engine,
    sip: SipHandle,
    media: Media,
    stepping: Batch<Change, ()>,
    writing: Batch<rooms::Write, ()>,
    /// Calls that were made to join a conference.
    promises: BTreeMap<CallSid, rooms::Promise>,
    pace: pace::Pace,
    gateways: Vec<sip::GatewayId>,
    handsets: Option<sip::Uri>,
    ears: HashMap<media::TapId, listen::Ear>,
    takes: BTreeMap<media::RecordingId, recordings::Take>,
    /// The program ends: whom to tell once calls are over, and by when.
    stopping: Option<(Instant, oneshot::Sender<()>)>,
}

/// Starts SIP and media, and the task that joins them. Without a place to listen there are no
/// calls.
pub async fn run(shared: Arc<Shared>, desk: Desk, Mailbox(mut mailbox): Mailbox, seed: [u8; 32]) {
    let (events, mut heard) = unbounded_channel();
    let mut edge = match Edge::start(shared, desk, events, seed).await {
        Ok(edge) => edge,
        Err(error) => {
            tracing::error!(%error, "calls can't be taken or made");
            return;
        }
    };
    if let Err(error) = edge.recover().await {
        tracing::error!(%error, "calls that a crash left open could not be ended");
    }
    let clock = Arc::clone(&edge.shared.clock);
    let mut seen_at = clock.now();
    loop {
        let now = clock.now();
        edge.engine.tick(now);
        edge.drain();
        if let Some((by, _)) = &edge.stopping {
            if edge.engine.is_idle() || *by <= now {
                return edge.finish().await;
            }
        } else {
            while let Some((record, plan)) = edge.pace.next(now) {
                edge.place_queued(record, plan);
            }
        }
        if now.since(seen_at) >= SEEN_EVERY && edge.engine.calls() > 0 {
            seen_at = now;
            edge.note_alive();
        }
        let by = edge.stopping.as_ref().map(|(by, _)| *by);
        // Nothing is placed any more once the program ends.
        let pace = edge.pace.wake_at().filter(|_| by.is_none());
        let wake = [edge.engine.wake_at(), pace, Some(now + SEEN_EVERY), by];
        let wake = wake.into_iter().flatten().min().unwrap_or(now + SEEN_EVERY);
        tokio::select! {
            told = mailbox.recv() => match told {
                Some(told) => edge.take(told),
                None => return,
            },
            Some((owner, event)) = heard.recv() => {
                edge.engine.handle(clock.now(), Input::Media(owner, event));
            }
            () = clock.sleep_until(wake) => {}
        }
        // What else is there already shares one round.
        while let Ok(told) = mailbox.try_recv() {
            edge.take(told);
        }
        while let Ok((owner, event)) = heard.try_recv() {
            edge.engine.handle(clock.now(), Input::Media(owner, event));
        }
    }
}

/// Keeps SIP messages, where they are kept.
fn watch(shared: &Arc<Shared>) -> Option<Watch> {
    let (ladder, clock) = (Arc::clone(&shared.ladder), Arc::clone(&shared.clock));
    shared.settings.trace.then(|| Watch(Arc::new(move |seen| ladder.keep(clock.now(), &seen))))
}

/// Plugs in the handsets of `dev`: where they listen.
async fn plug(
    shared: &Shared,
    media: &Media,
    sip: &SipHandle,
    seed: [u8; 32],
) -> Result<Option<sip::Uri>, std::io::Error> {
    let udp = |listener: &&sip::io::Listener| listener.transport == sip::io::Transport::Udp;
    let listener = sip.listeners().iter().find(udp).or(sip.listeners().first());
    let (Some(phones), Some(listener)) = (&shared.phones, listener) else { return Ok(None) };
    let ip = match listener.bound.ip() {
        any if any.is_unspecified() => std::net::Ipv4Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut voice = sip::Uri::sip(None, &ip.to_string(), Some(listener.bound.port()));
    voice.params.set("transport", &listener.transport.as_str().to_ascii_lowercase());
    let mut seed = seed;
    seed[0] ^= 1;
    phones.plug(media.clone(), voice, seed).await.map(Some)
}

/// What writes steps of calls, and what happens in queues and conferences.
fn batches(shared: &Shared) -> (Batch<Change, ()>, Batch<rooms::Write, ()>) {
    let context = Arc::clone(&shared.context);
    let stepping = Batch::new(shared.store.clone(), move |tx, changes: Vec<Change>| {
        work::step(tx, &context, &changes)?;
        Ok(vec![(); changes.len()])
    });
    let context = Arc::clone(&shared.context);
    let writing = Batch::new(shared.store.clone(), move |tx, writes: Vec<rooms::Write>| {
        rooms::write(tx, &context, &writes)?;
        Ok(vec![(); writes.len()])
    });
    (stepping, writing)
}

impl Edge {
    async fn start(
        shared: Arc<Shared>,
        desk: Desk,
        events: net::media::Events,
        seed: [u8; 32],
    ) -> Result<Self, std::io::Error> {
        let settings = &shared.settings;
        let media = Media::start(settings.media())?;
        let (tell, registering) = registrar::post(desk.clone());
        let dev = shared.dev;
        let sip = SipHandle::start(
            settings.setup(watch(&shared)),
            seed,
            |config| {
                config.strangers = sip::config::Strangers::Admit;
                // Tests and phones on a laptop are many at one address.
                if dev {
                    config.limits.per_second = 0;
                }
            },
            tell,
        )
        .await?;
        let ids = settings.gateways().map(|gateway| gateway.id).collect();
        registrar::begin(&shared, &sip, registering).await;
        for listener in sip.listeners() {
            let name = listener.transport.as_str();
            tracing::info!("SIP by {name} on {}", listener.bound);
        }
        let address = settings.media_address(sip.listeners());
        let config = Config { media_address: address, calls_max: settings.calls_max };
        let ports = Box::new(Legs::new(media.clone(), events));
        let handsets = plug(&shared, &media, &sip, seed).await?;
        let (stepping, writing) = batches(&shared);
        let (rate, limit) = (settings.call_rate, settings.call_limit);
        Ok(Self {
            engine: Engine::new(config, ports, seed),
            pace: pace::Pace::new(rate, limit),
            gateways: ids,
            handsets,
            ears: HashMap::new(),
            takes: BTreeMap::new(),
            shared,
            desk,
            sip,
            media,
            stepping,
            writing,
            promises: BTreeMap::new(),
            stopping: None,
        })
    }

    /// Ends what a crash left open, and goes on with what waited.
    async fn recover(&mut self) -> Result<(), StoreError> {
        let context = Arc::clone(&self.shared.context);
        let unit = move |tx: &mut Tx<'_>| work::recover(tx, &context);
        let queued = self.shared.store.write::<_, StoreError, _>(unit).await?;
        for (record, sealed) in queued {
            let plan = sealed.and_then(|it| work::open_plan(&self.shared.master, &record, &it));
            let plan = plan.unwrap_or_default();
            self.promised(record.key, &plan);
            self.pace.queue(record, plan);
        }
        recordings::recover(&self.shared).await
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Input(Input::Order(call, Order::Record(_, name)))
                if !self.engine.can_record(call) =>
            {
                self.abandon(name);
            }
            Told::Input(input) => self.engine.handle(self.shared.clock.now(), input),
            Told::CalledBack(call) => {
                if !self.call_back(call) {
                    let order = Order::Hangup { unanswered_only: true };
                    self.engine.handle(self.shared.clock.now(), Input::Order(call, order));
                }
            }
            Told::Queued(record, plan) => {
                self.promised(record.key, &plan);
                self.pace.queue(*record, *plan);
            }
            Told::Settle(settled) => self.settle(settled),
            Told::Unpromised(account, conference) => self.unpromised(account, conference),
            Told::Reached(record, plan, way) => self.reached(*record, *plan, way),
            Told::Stop(stopped) => {
                let now = self.shared.clock.now();
                self.engine.handle(now, Input::Stop);
                self.stopping = Some((now + stop::STOP_MAX, stopped));
            }
        }
    }

    fn note_alive(&self) {
        let (store, node) = (self.shared.store.clone(), Arc::clone(&self.shared.context.node));
        tokio::spawn(async move {
            let noted = store.write(move |tx| crate::voice::store::seen(tx, &node)).await;
            if let Err(error) = noted {
                tracing::warn!(%error, "it could not be noted that calls live");
            }
        });
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll() {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Sip(command) => self.sip.send(command),
            Output::Media(command) => self.media.tell(command),
            Output::Screen(incoming) => self.screen(incoming),
            Output::Step(change) => self.step(change),
            Output::Fetch { call, fetching, hook, form, more } => {
                self.fetch(call, fetching, hook, form, more);
            }
            Output::Notify { call, hook, form, more } => self.notify(call, hook, form, more),
            Output::Speak { call, ticket, say } => self.speak(call, ticket, say),
            Output::Load { call, ticket, url } => self.load(call, ticket, url),
            Output::Listen { call, id, listen, tap } => self.listen(call, id, listen, tap),
            Output::Tapped { tap, samples, .. } => self.tapped(tap, samples),
            Output::Unlisten { tap } => drop(self.ears.remove(&tap)),
            Output::Recording { recording, account, of, source, plan } => {
                self.begin_take(recording, account, of, source, plan);
            }
            Output::Chunk { recording, octets } => self.chunk(recording, octets),
            Output::RecordingOver { recording, duration_ms } => {
                self.end_take(recording, duration_ms);
            }
            Output::Dial { parent, ticket, draft, headers } => {
                self.dial(parent, ticket, *draft, headers);
            }
            Output::Send { call, id, message, parties } => self.send(call, id, message, parties),
            Output::Problem { call, problem, url } => self.problem(call, &problem, url),
            Output::Quality { call, statistics } => {
                self.write(rooms::Write::Quality(call, Quality::from(&*statistics)));
            }
            Output::NameQueue { call, ticket, name, make } => {
                self.name_queue(call, ticket, name, make);
            }
            Output::Member(member) => self.write(rooms::Write::Member(member)),
            Output::Conference(news) => self.conferenced(news),
            Output::Gone(call) => {
                self.pace.gone(call);
                self.promise_over(call);
                self.shared.door.forget(call);
            }
        }
    }

    fn step(&self, change: Change) {
        if let Err(error) = self.stepping.send([change]) {
            tracing::error!(%error, "a step of a call could not be written");
        }
    }

    fn problem(&self, call: crate::voice::model::CallKey, problem: &twiml::Problem, url: String) {
        let alert = NewAlert {
            account: call.account,
            resource: call.sid.into(),
            code: problem.code,
            warning: problem.warning,
            method: "POST",
            url,
            message: problem.message.clone(),
        };
        self.shared.raise(alert);
    }
}
