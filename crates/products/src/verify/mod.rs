//! Verify: one-time codes, and factors of people.

pub mod factors;
pub mod resources;

use crate::registry::Product;

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "verify",
    migrations: &[factors::MIGRATIONS],
    resources: &resources::RESOURCES,
    closing: &[factors::close],
    install: |kit, installed| {
        factors::install(kit, installed);
        Ok(())
    },
    ..Product::BASE
};
