//! Declared resources: the dull is declared, the hard is written. A declaration gives a resource
//! its routes, parsing with coded errors, views, paging, storage, tenant separation and events.

pub mod api;
mod declare;
mod document;
pub mod store;

pub use api::Shared;
pub(crate) use declare::events;
pub use declare::{ALL, DeleteRule, Fallback, Field, Form, Resource, Rule, Rules, member};
pub use document::{Document, Draft, Refusal, Scene};
