//! Calls, recordings, queues and conferences over HTTP: the only place that knows Twilio's casing.

mod calls;
mod conferences;
mod lines;
mod media;
mod members;
mod participants;
mod participate;
mod recordings;
mod requests;
mod timeline;
mod view;

use std::sync::Arc;

use crate::gateway::Routes;
use crate::voice::Voice;

/// Adds the routes of this product that are not declared.
pub fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    calls::routes(routes, voice);
    conferences::routes(routes, voice);
    lines::routes(routes, voice);
    members::routes(routes, voice);
    participants::routes(routes, voice);
    recordings::routes(routes, voice);
    requests::routes(routes, voice);
    timeline::routes(routes, voice);
}
