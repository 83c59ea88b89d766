//! The console: the page, signing in, the facts that its lists are made of, and the stream of
//! what happens. Everything else it asks of the products' own APIs.

mod pages;
mod registry;
mod session;
pub(crate) mod stream;

use std::sync::Arc;

use ::store::Store;
use http::Method;

use crate::accounts::{Accounts, Permission, Verb};
use crate::gateway::{Answering, Call, Request, Routes};
use crate::live::Live;

/// What the routes reach.
pub struct Console {
    /// Who may sign in.
    pub accounts: Arc<Accounts>,
    /// Where events are.
    pub store: Store,
    /// News beside the events.
    pub live: Live,
    /// Whether this is the development mode, with handsets.
    pub dev: bool,
    /// What the outside world calls this installation.
    pub base_url: String,
    /// Finds a file of the page.
    pub file: fn(&str) -> Option<File>,
    /// How many streams are open.
    pub streams: stream::Streams,
}

pub use stream::Streams;

/// One file of the page.
pub struct File {
    /// Its octets.
    pub octets: bytes::Bytes,
    /// Its media type.
    pub content_type: &'static str,
    /// Its name changes with its content: it may be kept for ever.
    pub lasting: bool,
}

/// Adds the routes.
pub fn routes(routes: &mut Routes, state: &Arc<Console>) {
    type Open = fn(Arc<Console>, Request) -> Answering;
    let open: [(Method, &str, Open); 6] = [
        (Method::GET, "/", |_, _| Box::pin(async { Ok(pages::redirect("/console/")) })),
        (Method::GET, "/console", |_, _| Box::pin(async { Ok(pages::redirect("/console/")) })),
        (Method::GET, "/console/", |s, r| Box::pin(pages::file(s, r))),
        (Method::GET, "/console/{*path}", |s, r| Box::pin(pages::file(s, r))),
        (Method::GET, "/console/login", |s, r| Box::pin(session::follow_link(s, r))),
        (Method::POST, "/console/session", |s, r| Box::pin(session::sign_in(s, r))),
    ];
    for (method, path, handler) in open {
        routes.open("", method, path, state, handler);
    }
    type Guarded = fn(Arc<Console>, Call) -> Answering;
    let on = Permission::new;
    let guarded: [(Method, &str, Permission, Guarded); 4] = [
        (Method::GET, "/console/session", on("console/session", Verb::Read), |s, c| {
            Box::pin(session::show(s, c))
        }),
        (Method::DELETE, "/console/session", on("console/session", Verb::Delete), |s, c| {
            Box::pin(session::sign_out(s, c))
        }),
        (Method::GET, "/console/credentials", on("accounts/credentials", Verb::Read), |s, c| {
            Box::pin(session::credentials(s, c))
        }),
        (Method::GET, "/console/events", on("console/events", Verb::List), |s, c| {
            Box::pin(stream::open(s, c))
        }),
    ];
    for (method, path, permission, handler) in guarded {
        routes.on("", method, path, permission, state, handler);
    }
}
