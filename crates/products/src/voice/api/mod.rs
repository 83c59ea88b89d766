//! Calls, recordings, queues and conferences over HTTP: the only place that knows Twilio's casing.

mod caller_ids;
mod calls;
mod conferences;
mod dialing;
mod lines;
mod media;
mod members;
mod participants;
mod participate;
mod peaks;
mod recordings;
mod requests;
mod timeline;
mod view;

use std::sync::Arc;

use crate::gateway::Routes;
use crate::voice::Voice;

/// Adds the routes of this product that are not declared.
pub fn routes(routes: &mut Routes, voice: &Arc<Voice>) {
    caller_ids::routes(routes, voice);
    calls::routes(routes, voice);
    conferences::routes(routes, voice);
    lines::routes(routes, voice);
    dialing::routes(routes, voice);
    members::routes(routes, voice);
    participants::routes(routes, voice);
    peaks::routes(routes, voice);
    recordings::routes(routes, voice);
    requests::routes(routes, voice);
    timeline::routes(routes, voice);
}

#[cfg(test)]
mod tests;
