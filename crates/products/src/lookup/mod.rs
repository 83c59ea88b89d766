//! Lookup: what is known of a number.

use crate::registry::Product;

/// What this product is.
pub static PRODUCT: Product = Product { name: "lookup", ..Product::BASE };
