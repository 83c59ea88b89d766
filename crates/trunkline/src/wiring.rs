//! The wiring: joins the products, mounts their routes, starts their workers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::Clock;
use products::carriers::{self, Carrier, CarrierId};
use products::console::{self, Console};
use products::dev;
use products::gateway::{Routes, health};
use products::jobs::Jobs;
use products::live::Live;
use products::messaging::{self, Messaging, Prices, work::Context};
use products::registry::{self, Ending, Kit};
use products::voice::Voice;
use products::webhooks::{self, Nudge, Outbox, Webhooks, WorkerConfig};

use crate::carriers::{Configured, configured};
use crate::install::{Mode, Parts, StartError};
use crate::secrets;
use crate::settings::Settings;

/// Joins the products, starts their workers, and answers their routes, the carriers, and what is
/// done before the program ends.
pub fn join(
    parts: &Parts,
    settings: &Settings,
    mode: Mode,
    public_url: &str,
    live: &Live,
) -> Result<(Routes, Vec<Carrier>, Vec<Ending>), StartError> {
    let clock: Arc<dyn Clock> = Arc::clone(&parts.clock) as Arc<dyn Clock>;
    let Configured { carriers, network, sim } =
        configured(&settings.carriers, mode, parts, settings.trace(mode))?;
    let policy = policy(settings)?;
    let (hooks, hooks_mailbox) = Webhooks::new();
    let (jobs, jobs_mailbox) = Jobs::new();
    let nudge: Nudge = Arc::new({
        let jobs = jobs.clone();
        move |_| jobs.nudge()
    });
    let context = Arc::new(Context {
        master: Arc::clone(&parts.master),
        prices: Prices::default(),
        outbox: Outbox::new(Arc::clone(&parts.master), hooks.handover(), Arc::clone(&nudge)),
        nudge,
        network: Arc::new(network),
        home: settings.home(mode),
        public_url: public_url.into(),
    });
    let (messaging, mailboxes) = messaging(parts, &context);
    for (number, carrier) in (0..).map(CarrierId).zip(&carriers) {
        let told = Arc::clone(&messaging);
        carrier.connect(Arc::new(move |events| told.tell(number, events)));
    }
    let kit = kit(parts, settings, mode, public_url, live, (&jobs, &hooks, &messaging))?;
    let mut installed = registry::install(&kit).map_err(StartError::Setting)?;
    let voice = installed.shared::<Voice>();
    let routes = &mut installed.routes;
    health::routes(routes, &Arc::new(parts.store.clone()));
    if let Some(carrier) = sim.clone().filter(|_| mode == Mode::Dev) {
        let (clock, store) = (Arc::clone(&parts.clock), parts.store.clone());
        let known = move || voice.as_ref().map_or_else(Vec::new, |voice| voice.handsets());
        let phones: dev::Phones = Arc::new(known);
        dev::routes(routes, &Arc::new(dev::Dev { carrier, clock, store, phones }));
    }
    let shown = carriers::api::Carriers {
        carriers: carriers.clone(),
        network: Arc::clone(&context.network),
        clock: Arc::clone(&clock),
    };
    carriers::api::routes(routes, &Arc::new(shown));
    console::routes(routes, &Arc::new(console(parts, mode, public_url, live)));
    let rate = settings.message_rate.unwrap_or(if mode == Mode::Dev { 0 } else { 1 });
    let grace = Duration::from_secs(settings.uncertain_grace_s);
    let queue_max = Duration::from_secs(settings.queue_hours * 60 * 60);
    let run = messaging::RunConfig { sender_rate: rate, queue_max, grace, context };
    if let Some(sim) = sim {
        sim.announce(live.clone());
        tokio::spawn(sim.run(Arc::clone(&clock)));
    }
    tokio::spawn(Arc::clone(&messaging).run(carriers.clone(), run, mailboxes));
    installed.tasks.into_iter().for_each(|task| drop(tokio::spawn(task)));
    let handlers = installed.jobs;
    tokio::spawn(jobs.run(parts.store.clone(), Arc::clone(&clock), handlers, jobs_mailbox));
    let worker = WorkerConfig {
        store: parts.store.clone(),
        master: Arc::clone(&parts.master),
        accounts: Arc::clone(&parts.accounts),
        client: Arc::clone(&parts.client),
        clock,
        queue: webhooks::queue::Config { policy, ..Default::default() },
        seed: secrets::seed(),
        live: live.clone(),
        relay: Arc::clone(&parts.relay),
    };
    tokio::spawn(hooks.run(worker, hooks_mailbox));
    Ok((installed.routes, carriers, installed.endings))
}

/// Messaging, and the mailboxes of its dispatchers.
fn messaging(parts: &Parts, context: &Arc<Context>) -> (Arc<Messaging>, Vec<messaging::Mailbox>) {
    Messaging::new(messaging::Parts {
        store: parts.store.clone(),
        master: Arc::clone(&parts.master),
        accounts: Arc::clone(&parts.accounts),
        clock: Arc::clone(&parts.clock) as Arc<dyn Clock>,
        client: Arc::clone(&parts.client),
        relay: Arc::clone(&parts.relay),
        blobs: parts.blobs.clone(),
        context: Arc::clone(context),
    })
}

/// What every product is given.
fn kit(
    parts: &Parts,
    settings: &Settings,
    mode: Mode,
    public_url: &str,
    live: &Live,
    (jobs, hooks, messaging): (&Jobs, &Webhooks, &Arc<Messaging>),
) -> Result<Kit, StartError> {
    Ok(Kit {
        store: parts.store.clone(),
        master: Arc::clone(&parts.master),
        accounts: Arc::clone(&parts.accounts),
        clock: Arc::clone(&parts.clock) as Arc<dyn Clock>,
        client: Arc::clone(&parts.client),
        blobs: parts.blobs.clone(),
        relay: Arc::clone(&parts.relay),
        live: live.clone(),
        jobs: jobs.clone(),
        hooks: hooks.clone(),
        messaging: Arc::clone(messaging),
        public_url: public_url.into(),
        node: secrets::node(&settings.data)?.into(),
        tls: parts.tls.acceptor.clone(),
        dev: mode == Mode::Dev,
        carriers: settings.carriers.clone(),
        settings: settings.products.0.clone(),
        random: secrets::random,
    })
}

/// The console, with the page that is in the binary.
fn console(parts: &Parts, mode: Mode, public_url: &str, live: &Live) -> Console {
    Console {
        accounts: Arc::clone(&parts.accounts),
        store: parts.store.clone(),
        live: live.clone(),
        dev: mode == Mode::Dev,
        base_url: public_url.to_owned(),
        file: |path| {
            let file = ::console::file(path)?;
            let octets = match file.octets {
                Cow::Borrowed(octets) => Bytes::from_static(octets),
                Cow::Owned(octets) => Bytes::from(octets),
            };
            Some(console::File { octets, content_type: file.content_type, lasting: file.lasting })
        },
        streams: console::Streams::default(),
    }
}

fn policy(settings: &Settings) -> Result<webhooks::policy::Policy, StartError> {
    use webhooks::policy::Policy;
    match settings.webhook_retry.as_str() {
        "twilio" => Ok(Policy::Twilio),
        "patient" => Ok(Policy::Patient { release_later: false }),
        "patient-release" => Ok(Policy::Patient { release_later: true }),
        other => {
            let text = format!(
                "TRUNKLINE_WEBHOOK_RETRY is '{other}'; it must be twilio, patient or patient-release"
            );
            Err(StartError::Setting(text))
        }
    }
}
