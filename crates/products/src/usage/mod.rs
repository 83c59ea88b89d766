//! Usage: what an account has used, and what it costs.

mod categories;
pub(crate) mod period;
pub mod records;
pub(crate) mod store;
pub mod triggers;

pub use categories::Leaf;
use std::sync::Arc;

use crate::registry::Product;

pub use store::{Used, count, spent_today};

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "usage",
    migrations: &[store::MIGRATIONS],
    resources: &triggers::RESOURCES,
    install: |kit, installed| {
        records::routes(&mut installed.routes, &Arc::new(kit.store.clone()));
        let (store, outbox) = (kit.store.clone(), Arc::new(kit.outbox()));
        installed.tasks.push(Box::pin(triggers::run(store, outbox, Arc::clone(&kit.clock))));
        Ok(())
    },
    ..Product::BASE
};
