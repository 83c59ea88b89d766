//! Event streams: what happens on an account, posted to its sinks as CloudEvents.

pub mod api;
mod deliver;
pub mod resources;
mod rules;
mod store;
mod types;
mod worker;

use std::sync::Arc;

use crate::registry::Product;

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "events",
    migrations: &[store::MIGRATIONS],
    resources: &resources::RESOURCES,
    closing: &[resources::end_all],
    install: |kit, installed| {
        api::routes(&mut installed.routes, &Arc::new(kit.store.clone()));
        let streams = worker::WorkerConfig {
            store: kit.store.clone(),
            accounts: Arc::clone(&kit.accounts),
            client: Arc::clone(&kit.client),
            relay: Arc::clone(&kit.relay),
            clock: Arc::clone(&kit.clock),
            node: kit.node.to_string(),
            root: format!("{}/events", kit.public_url),
        };
        installed.tasks.push(Box::pin(worker::run(streams)));
        Ok(())
    },
    ..Product::BASE
};
