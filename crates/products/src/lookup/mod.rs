//! Lookup: what is known of a number.

pub mod api;
mod ask;
mod cache;
mod follow;
mod held;
mod look;
mod magic;
pub mod model;
mod packages;
pub mod plan;
pub mod ranges;
mod rules;
mod settings;
mod sources;
mod store;

use std::collections::BTreeSet;
use std::sync::Arc;

use ::store::{Batch, Store};
use base::{AccountSid, Params};
use net::Clock;

use crate::accounts::{Permission, Verb};
use crate::registry::{Kit, Product};
use crate::usage::{self, Used};

use ask::Asker;
use cache::Cache;
use follow::Follower;
use held::Held;
use look::{Question, Recent};
use model::{Description, Package};
use packages::Object;
use ranges::Ranges;
use settings::Prices;

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "lookup",
    migrations: &[store::MIGRATIONS],
    closing: &[|tx, account| Ok(store::forget_account(tx, account)?)],
    settings: &settings::SETTINGS,
    open_to_test: &[
        Permission::new(api::NUMBERS, Verb::Read),
        Permission::new(api::BATCH, Verb::Read),
    ],
    install: |kit, installed| {
        let lookup = Arc::new(Lookup::new(kit)?);
        api::routes(&mut installed.routes, &lookup);
        installed.share(&lookup);
        let rate = settings::learn_rate(&kit.settings)?;
        if rate > 0 {
            let (store, clock) = (kit.store.clone(), Arc::clone(&kit.clock));
            let follower = Follower::new(store, clock, kit.node.to_string(), rate);
            installed.tasks.push(Box::pin(follower.run()));
        }
        Ok(())
    },
    ..Product::BASE
};

/// Numbers whose descriptions are remembered.
const DESCRIBED_MAX: usize = 100_000;

/// The façade: describes numbers, and finds out about them.
pub struct Lookup {
    store: Store,
    clock: Arc<dyn Clock>,
    described: Cache<String, Arc<Description>>,
    ranges: Ranges,
    asker: Asker,
    held: Held,
    prices: Prices,
    using: Batch<Used, ()>,
    recent: Recent,
}

impl Lookup {
    /// As the settings say.
    fn new(kit: &Kit) -> Result<Self, String> {
        let ranges = settings::ranges(&kit.settings)?;
        let sources = settings::sources(&kit.settings)?;
        let (client, clock) = (Arc::clone(&kit.client), Arc::clone(&kit.clock));
        let using = Batch::new(kit.store.clone(), |tx, used: Vec<Used>| {
            let count = used.len();
            usage::count(tx, used.into_iter())?;
            Ok(vec![(); count])
        });
        Ok(Self {
            store: kit.store.clone(),
            clock: Arc::clone(&kit.clock),
            described: Cache::new(DESCRIBED_MAX),
            ranges,
            asker: Asker::new(client, clock, sources)?,
            held: Held::new(kit.store.clone(), settings::buckets(&kit.settings)?),
            prices: Prices::of(&kit.settings)?,
            using,
            recent: Recent::default(),
        })
    }

    /// What the numbering plans know of a number; `country` is that of numbers in national form.
    /// Cheap: no question leaves the process.
    pub fn describe(&self, number: &str, country: Option<&str>) -> Arc<Description> {
        let international = number.starts_with('+');
        let key = match country.filter(|_| !international) {
            Some(country) => format!("{country} {number}"),
            None => number.to_owned(),
        };
        if let Some(known) = self.described.get(&key) {
            return known;
        }
        let described = Arc::new(plan::describe(number, country));
        self.described.put(key, Arc::clone(&described));
        described
    }

    /// The line type and carrier of a number as far as overrides, sources, ranges, plans and
    /// receipts tell, or the code in their place; a source that is configured for it is asked.
    /// Within the account's buckets, counted and charged like a request of its own.
    pub async fn line_type(&self, account: AccountSid, number: &str) -> Object {
        let package = Package::LineTypeIntelligence;
        let question = Question {
            account,
            described: self.describe(number, None),
            packages: BTreeSet::from([package]),
            params: Params::default(),
        };
        let mut found = self.answer(&question, false).await.map_err(|error| error.code)?;
        found.remove(&package).unwrap_or(Err(model::NOT_COVERED))
    }
}
