//! The products, a folder each, and what they share: the gateway and the registry.
//!
//! Calls go left, news goes right as events: `accounts` ← `webhooks`, `numbers`, `carriers` ←
//! `messaging` ← `events`. `dev` stands beside them and is mounted by the development mode alone.

pub mod accounts;
pub mod carriers;
pub mod console;
pub mod dev;
pub mod events;
pub mod fuzz;
pub mod gateway;
pub mod jobs;
pub mod live;
pub mod messaging;
pub mod numbers;
pub mod openapi;
pub mod resource;
pub mod usage;
pub mod webhooks;

#[cfg(test)]
mod tests;

use store::Migration;

/// The tables of every product, in the order of the products.
pub fn migrations() -> Vec<Migration> {
    [
        accounts::MIGRATIONS,
        accounts::audit::MIGRATIONS,
        accounts::safe_list::MIGRATIONS,
        webhooks::store::MIGRATIONS,
        webhooks::alerts::MIGRATIONS,
        numbers::MIGRATIONS,
        carriers::sim::MIGRATIONS,
        usage::MIGRATIONS,
        messaging::MIGRATIONS,
        events::MIGRATIONS,
    ]
    .concat()
}

/// Every declared resource: routes, views and the test that strangers are refused read this list.
pub fn declared() -> impl Iterator<Item = &'static resource::Resource> {
    accounts::resources::RESOURCES
        .into_iter()
        .chain(numbers::resources::RESOURCES)
        .chain(usage::triggers::RESOURCES)
        .chain(events::resources::RESOURCES)
}

/// What ends with a closed account, product by product.
pub const CLOSING: &[accounts::Closing] =
    &[numbers::resources::release_all, events::resources::end_all];
