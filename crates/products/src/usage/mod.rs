//! Usage: what an account has used, and what it costs.

mod categories;
pub(crate) mod period;
pub mod records;
pub(crate) mod store;
pub mod triggers;

pub use categories::Leaf;
pub use store::{MIGRATIONS, Used, count};
