//! Voice: calls in and out, driven by TwiML.

pub mod engine;
pub mod model;
pub mod params;
pub mod rules;
pub mod store;
pub mod work;

use crate::registry::Product;

/// What this product is.
pub static PRODUCT: Product =
    Product { name: "voice", migrations: &[store::MIGRATIONS], ..Product::BASE };
