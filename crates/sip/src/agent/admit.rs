//! Who is let in: what is known, what is a flood, what must prove itself first.

use core::net::SocketAddr;

use super::Agent;
use crate::config::Strangers;
use crate::digest::Nonces;
use crate::gateway::Gateways;
use crate::guard::Guard;
use crate::io::{FlowId, Hop, Transport};
use crate::message::{Address, Method, Request, name};
use crate::wire::Wire;

impl Agent {
    pub(super) fn received(
        &mut self,
        flow: FlowId,
        transport: Transport,
        remote: SocketAddr,
        octets: &[u8],
    ) {
        let Self { wire, guard, gateways, nonces, tags, .. } = self;
        let mut admit = |wire: &mut Wire, request: &Request, hop: &Hop| {
            let to = request.headers.get(name::TO).and_then(Address::parse);
            let within = to.as_ref().and_then(Address::tag).is_some_and(|t| tags.contains_key(t));
            within || admits(wire, (guard, gateways, nonces), request, hop)
        };
        wire.received(flow, transport, remote, octets, &mut admit);
    }
}

/// Whether a request outside of our dialogs is looked at.
fn admits(
    wire: &mut Wire,
    (guard, gateways, nonces): (&mut Guard, &Gateways, &Nonces),
    request: &Request,
    hop: &Hop,
) -> bool {
    let source = hop.remote.ip();
    if gateways.of_source(source).is_some() {
        return true;
    }
    let agent = request.headers.get(name::USER_AGENT).unwrap_or_default();
    // What we send to ourselves is no flood.
    let ours = wire.config.listeners.iter().any(|listener| listener.is_at(hop.remote));
    if guard.is_scanner(agent) || !(ours || guard.admits(wire.now, source)) {
        return false;
    }
    match wire.config.strangers {
        Strangers::Admit => true,
        Strangers::Ignore => false,
        Strangers::Refuse => {
            wire.refuse(request, hop, request.respond(403, ""));
            false
        }
        Strangers::Challenge => {
            // A CANCEL can't be challenged (§22.1); it harms only what it belongs to.
            if request.method == Method::Cancel || proves(request) {
                return true;
            }
            let realm = realm(wire, request);
            let salt = wire.random.u64();
            let mut response = request.respond(401, "");
            for value in nonces.challenge(wire.now, &realm, salt, false) {
                response.headers.push(name::WWW_AUTHENTICATE, &value);
            }
            wire.refuse(request, hop, response);
            false
        }
    }
}

/// Whether a request claims to be somebody's.
pub(super) fn proves(request: &Request) -> bool {
    let fields = [name::AUTHORIZATION, name::PROXY_AUTHORIZATION];
    fields.iter().any(|field| request.headers.get(field).is_some())
}

/// The realm that a request is challenged for.
pub(super) fn realm(wire: &Wire, request: &Request) -> String {
    wire.config.realm.clone().unwrap_or_else(|| request.uri.host.clone())
}
