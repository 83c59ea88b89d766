//! Verify: one-time codes, and factors of people.

pub mod resources;

use crate::registry::Product;

/// What this product is.
pub static PRODUCT: Product =
    Product { name: "verify", resources: &resources::RESOURCES, ..Product::BASE };
