//! What a product is to the rest of the house. A product's folder says it in one `PRODUCT`; the
//! binary, the tables, the console, event streams, the tests and `xtask tidy` read [`PRODUCTS`].

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base::MasterKey;
use net::{Client, Clock};
use store::{Blobs, Migration, Store};

use crate::accounts::{Accounts, Closing, Permission};
use crate::gateway::Routes;
use crate::jobs::{Handler, Jobs};
use crate::live::Live;
use crate::messaging::Messaging;
use crate::resource::Resource;
use crate::webhooks::relay::Relay;
use crate::webhooks::{Outbox, Webhooks};

/// A product: one folder, and one line in [`PRODUCTS`].
pub struct Product {
    /// Its folder.
    pub name: &'static str,
    /// Its tables, in the order in which they came.
    pub migrations: &'static [&'static [Migration]],
    /// What it declares.
    pub resources: &'static [&'static Resource],
    /// What ends with a closed account.
    pub closing: &'static [Closing],
    /// What test credentials may do.
    pub open_to_test: &'static [Permission],
    /// Kinds of events that streams tell of beside changes of declared resources.
    pub events: &'static [Told],
    /// What it can be told by flag, variable and file.
    pub settings: &'static [Setting],
    /// What it adds to the command line.
    pub commands: &'static [Command],
    /// Mounts its routes, and names its jobs and what runs for it.
    pub install: fn(&Kit, &mut Installed) -> Result<(), String>,
}

impl Product {
    /// A product that declares nothing and does nothing.
    pub const BASE: Self = Self {
        name: "",
        migrations: &[],
        resources: &[],
        closing: &[],
        open_to_test: &[],
        events: &[],
        settings: &[],
        commands: &[],
        install: |_, _| Ok(()),
    };
}

/// An event of the ledger that streams tell of.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// The ledger's kind: `verify.verification.approved`. The type is `com.twilio.` and it.
    pub kind: &'static str,
    /// The name of the schema of its data.
    pub schema: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// Members of its facts that are told: name, JSON type, whether it is always there, meaning.
    pub members: &'static [(&'static str, &'static str, bool, &'static str)],
}

/// Something that an installation, or a command, can be told.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// In small letters with `_`: the flag has `-` instead, the variable `TRUNKLINE_` and capitals.
    pub key: &'static str,
    /// What it means, with its unit.
    pub help: &'static str,
    /// Its value when nobody said anything.
    pub default: Option<&'static str>,
    /// Whether commas separate several values.
    pub many: bool,
    /// Whether it is never printed.
    pub secret: bool,
}

impl Setting {
    /// One value, which may be absent.
    pub const fn new(key: &'static str, help: &'static str) -> Self {
        Self { key, help, default: None, many: false, secret: false }
    }

    /// Its value when nobody said anything.
    pub const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Commas separate several values.
    pub const fn many(self) -> Self {
        Self { many: true, ..self }
    }

    /// It is never printed.
    pub const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }
}

/// What was said of settings or of a command's options, by key.
#[derive(Clone, Debug, Default)]
pub struct Values(pub BTreeMap<&'static str, Vec<String>>);

impl Values {
    /// The value of a setting that was given or has a default.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.first().map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All values of a setting.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a str> {
        let values = self.0.get(key).into_iter().flatten();
        values.map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A value as what it stands for, or a sentence that says what is wrong.
    pub fn parsed<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, String> {
        let refused = |text| format!("TRUNKLINE_{}: '{text}' can't be used", key.to_uppercase());
        self.get(key).map(|text| text.parse().map_err(|_| refused(text))).transpose()
    }
}

/// A command of a product, on an installation's database: `trunkline guard replay`.
pub struct Command {
    /// Its words, a group and a verb.
    pub words: [&'static str; 2],
    /// What it does.
    pub about: &'static str,
    /// Its options.
    pub options: &'static [Setting],
    /// Does it, and answers what is printed.
    pub run: fn(Tools, Values) -> Running,
}

/// A command under way.
pub type Running = Pin<Box<dyn Future<Output = Result<String, String>> + Send>>;

/// What a command works with.
pub struct Tools {
    /// The ledger, opened beside a running installation.
    pub store: Store,
    /// Opens what is sealed.
    pub master: Arc<MasterKey>,
}

/// What every product is given.
pub struct Kit {
    /// The ledger.
    pub store: Store,
    /// Seals secrets and bodies.
    pub master: Arc<MasterKey>,
    /// Who may do what.
    pub accounts: Arc<Accounts>,
    /// The product's time.
    pub clock: Arc<dyn Clock>,
    /// Asks applications.
    pub client: Arc<Client>,
    /// Where media is kept.
    pub blobs: Blobs,
    /// Knows who listens to webhooks in the applications' place.
    pub relay: Arc<Relay>,
    /// Tells open pages.
    pub live: Live,
    /// Tells the job runner.
    pub jobs: Jobs,
    /// The deliverer of webhooks.
    pub hooks: Webhooks,
    /// Texts.
    pub messaging: Arc<Messaging>,
    /// How the world reaches this installation.
    pub public_url: Arc<str>,
    /// This process among those of the installation.
    pub node: Arc<str>,
    /// Our certificate, for SIP over TLS; none where there is no HTTPS.
    pub tls: Option<net::TlsAcceptor>,
    /// Whether this is `dev`.
    pub dev: bool,
    /// Carriers as URLs, as they were set.
    pub carriers: Vec<String>,
    /// What was said of products' settings.
    pub settings: Values,
    /// Randomness of the operating system's: secrets come of it, and seeds.
    pub random: fn() -> [u8; 32],
}

impl Kit {
    /// A way to enqueue webhooks, and jobs instead of webhooks.
    pub fn outbox(&self) -> Outbox {
        let jobs = self.jobs.clone();
        Outbox::new(
            Arc::clone(&self.master),
            self.hooks.handover(),
            Arc::new(move |_| jobs.nudge()),
        )
    }

    /// A seed of the operating system's.
    pub fn seed(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = (self.random)();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Something that runs until the program ends.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Begins what is done before the program ends.
pub type Ending = Box<dyn FnOnce() -> Task + Send>;

/// What products installed.
#[derive(Default)]
pub struct Installed {
    /// Every route.
    pub routes: Routes,
    /// Who does which jobs.
    pub jobs: Vec<Handler>,
    /// What is to be run.
    pub tasks: Vec<Task>,
    /// What is done before the program ends, all at once and within a few seconds.
    pub endings: Vec<Ending>,
    /// Façades, for products to the right.
    shared: Vec<Arc<dyn std::any::Any + Send + Sync>>,
}

impl Installed {
    /// Lends a façade to the products to the right.
    pub fn share<T: Send + Sync + 'static>(&mut self, facade: &Arc<T>) {
        self.shared.push(Arc::clone(facade) as Arc<dyn std::any::Any + Send + Sync>);
    }

    /// The façade of a product to the left.
    pub fn shared<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.shared.iter().find_map(|any| Arc::clone(any).downcast().ok())
    }

    /// Names the doer of one kind of jobs.
    pub fn job<S, F, A>(&mut self, kind: &'static str, state: &Arc<S>, run: F)
    where
        S: Send + Sync + 'static,
        F: Fn(Arc<S>, store::job::Job) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), store::StoreError>> + Send + 'static,
    {
        let state = Arc::clone(state);
        let run = move |job| Box::pin(run(Arc::clone(&state), job)) as crate::jobs::Running;
        self.jobs.push(Handler { kind, run: Box::new(run) });
    }
}

/// Every product, left to right: calls go left, news goes right as events.
pub static PRODUCTS: &[&Product] = &[
    &crate::accounts::PRODUCT,
    &crate::webhooks::PRODUCT,
    &crate::numbers::PRODUCT,
    &crate::carriers::PRODUCT,
    &crate::usage::PRODUCT,
    &crate::messaging::PRODUCT,
    &crate::voice::PRODUCT,
    &crate::lookup::PRODUCT,
    &crate::verify::PRODUCT,
    &crate::events::PRODUCT,
];

/// The tables of every product, in the order of the products.
pub fn migrations() -> Vec<Migration> {
    PRODUCTS
        .iter()
        .flat_map(|product| product.migrations.iter().copied())
        .flatten()
        .copied()
        .collect()
}

/// Every declared resource: routes, views and the test that strangers are refused read this list.
pub fn declared() -> impl Iterator<Item = &'static Resource> {
    PRODUCTS.iter().flat_map(|product| product.resources.iter().copied())
}

/// What ends with a closed account, product by product.
pub fn closing() -> Vec<Closing> {
    PRODUCTS.iter().flat_map(|product| product.closing.iter().copied()).collect()
}

/// Installs every product: what is declared, and what each adds.
pub fn install(kit: &Kit) -> Result<Installed, String> {
    let mut installed = Installed::default();
    let accounts = Arc::clone(&kit.accounts);
    let shared = Arc::new(crate::resource::Shared {
        store: kit.store.clone(),
        master: Arc::clone(&kit.master),
        said: Arc::new(kit.settings.clone()),
        changed: Box::new(move |sid| {
            if let Some(key) = sid.cast() {
                accounts.forget_key(key);
            }
        }),
    });
    installed.share(&shared);
    for resource in declared() {
        crate::resource::api::routes(&mut installed.routes, &shared, resource);
    }
    for product in PRODUCTS {
        (product.install)(kit, &mut installed).map_err(|why| format!("{}: {why}", product.name))?;
    }
    Ok(installed)
}
