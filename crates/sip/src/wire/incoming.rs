//! What arrives: to which transaction it belongs (RFC 3261 §17.1.3, §17.2.3), and what gets its
//! answer without one.

use core::net::SocketAddr;

use super::{ServerTx, TxId, Up, Wake, Wire, is_keep_alive, message_of};
use crate::io::{FlowId, Hop, Transport};
use crate::message::{Address, Message, Method, Request, Response, Via, name};
use crate::transaction::{self, Repeat};

/// Who is let in: asked for each request outside of what we know already.
pub(crate) type Admit<'a> = &'a mut dyn FnMut(&mut Wire, &Request, &Hop) -> bool;

impl Wire {
    /// Takes one message.
    pub(crate) fn received(
        &mut self,
        flow: FlowId,
        transport: Transport,
        remote: SocketAddr,
        octets: &[u8],
        admit: Admit<'_>,
    ) {
        if is_keep_alive(octets) {
            return;
        }
        let hop = Hop { transport, remote, flow: Some(flow), name: remote.ip().to_string() };
        let Some((message, fault)) = message_of(octets) else { return };
        let mut request = match message {
            // RFC 3261 §8.1.3: a response that is wrong is dropped.
            Message::Response(_) if fault.is_some() => return,
            Message::Response(response) => return self.response_came(response, hop),
            Message::Request(request) => request,
        };
        let vias = request.headers.all(name::VIA);
        let Some(mut via) = vias.first().and_then(|via| Via::parse(via)) else { return };
        via.stamp(remote);
        request.headers.set_via(&via.to_string());
        let back = back(&via, hop.clone());
        let key = key(&request, &via);
        if let Some(id) = self.keys.get(&key).copied() {
            return self.came_again(id, request, hop);
        }
        if request.method == Method::Ack {
            if fault.is_none() {
                self.ups.push_back(Up::Ack(Box::new(request), hop));
            }
            return;
        }
        if !admit(self, &request, &hop) {
            return;
        }
        if let Some(fault) = fault {
            let mut response = request.respond(fault.status, "");
            fault.why.clone_into(&mut response.reason);
            return self.stateless(&back, &request, response);
        }
        if request.method == Method::Cancel {
            return self.cancel_came(&request, &via, &back);
        }
        self.open(key, request, back, hop);
    }

    fn came_again(&mut self, id: TxId, request: Request, hop: Hop) {
        let now = self.now;
        let Some(server) = self.servers.get_mut(&id) else { return };
        if request.method == Method::Ack && server.request.method == Method::Invite {
            if server.machine.is_accepted() {
                // RFC 2543 gave the ACK of a success the branch of its INVITE.
                return self.ups.push_back(Up::Ack(Box::new(request), hop));
            }
            server.machine.acknowledged(now);
            let wake = server.machine.wake_at();
            self.timers.set(Wake::Server(id), wake);
        } else if server.machine.repeated() == Repeat::Answer {
            self.repeat(id);
        }
    }

    fn open(&mut self, key: String, mut request: Request, back: Hop, from: Hop) {
        let to = request.headers.get(name::TO).and_then(Address::parse);
        let tagged = to.as_ref().and_then(Address::tag).is_some();
        let merge = (!tagged).then(|| merge_key(&request));
        if merge.as_ref().is_some_and(|merge| self.merges.contains_key(merge)) {
            // §8.2.2.2: the same request by another way.
            let response = request.respond(482, "");
            return self.stateless(&back, &request, response);
        }
        if self.transactions() >= self.config.transactions_max {
            let mut response = request.respond(503, "");
            response.headers.push(name::RETRY_AFTER, "10");
            return self.stateless(&back, &request, response);
        }
        let id = TxId(self.number());
        let invite = request.method == Method::Invite;
        let machine =
            transaction::Server::new(invite, back.transport.is_reliable(), self.config.timing);
        if let Some(merge) = &merge {
            self.merges.insert(merge.clone(), id);
        }
        self.keys.insert(key.clone(), id);
        let tag = self.token();
        let body = std::mem::take(&mut request.body);
        let kept = request.clone();
        request.body = body;
        let server = ServerTx { machine, key, merge, request: kept, last: None, back, tag };
        self.servers.insert(id, server);
        self.ups.push_back(Up::Request(id, Box::new(request), from));
    }

    fn cancel_came(&mut self, request: &Request, via: &Via, back: &Hop) {
        let found = self.keys.get(&key_of(request, via, "INVITE")).copied();
        let Some(id) = found else {
            let response = request.respond(481, "");
            return self.stateless(back, request, response);
        };
        let tag = self.tag(id).unwrap_or_default().to_owned();
        let response = request.respond(200, &tag);
        self.stateless(back, request, response);
        if self.is_known(id) {
            self.ups.push_back(Up::Cancelled(id, Box::new(request.clone())));
        }
    }

    /// Answers and keeps nothing (§8.2.7): repetitions get the same answer again.
    pub(crate) fn stateless(&mut self, back: &Hop, request: &Request, mut response: Response) {
        let to = response.headers.get(name::TO).unwrap_or_default().to_owned();
        if Address::parse(&to).is_some_and(|to| to.tag().is_none()) {
            let tag = stateless_tag(request);
            response.headers.set(name::TO, &format!("{to};tag={tag}"));
        }
        response.headers.push(name::SERVER, &self.config.user_agent);
        self.send(back, response.to_octets());
    }

    /// Answers the sender of a request that has no transaction.
    pub(crate) fn refuse(&mut self, request: &Request, from: &Hop, response: Response) {
        if request.method == Method::Ack {
            return;
        }
        let via = request.headers.all(name::VIA).first().and_then(|via| Via::parse(via));
        if let Some(via) = via {
            self.stateless(&back(&via, from.clone()), request, response);
        }
    }
}

/// The same tag for the same request.
fn stateless_tag(request: &Request) -> String {
    use sha2::Digest;
    let mut hash = sha2::Sha256::new();
    for field in [name::CALL_ID, name::FROM, name::CSEQ] {
        hash.update(request.headers.get(field).unwrap_or_default());
    }
    hash.finalize().iter().take(8).map(|octet| format!("{octet:02x}")).collect()
}

/// Where a response goes (§18.2.2, RFC 3581 §4): over the same flow; datagrams to where they came
/// from if `rport` asks so, else to the port of Via.
fn back(via: &Via, from: Hop) -> Hop {
    let symmetric = via.params.get("rport").is_some() || from.transport != Transport::Udp;
    let port = if symmetric { from.remote.port() } else { via.port.unwrap_or(5060) };
    Hop { remote: SocketAddr::new(from.remote.ip(), port), ..from }
}

/// What a server transaction is found by; ACK finds its INVITE.
fn key(request: &Request, via: &Via) -> String {
    let method = match &request.method {
        Method::Ack => "INVITE",
        method => method.as_str(),
    };
    key_of(request, via, method)
}

fn key_of(request: &Request, via: &Via, method: &str) -> String {
    let (host, port) = (&via.host, via.port.unwrap_or_default());
    if let Some(branch) = via.branch() {
        return format!("{branch} {host}:{port} {method}");
    }
    // §17.2.3 for RFC 2543: everything that tells two requests apart.
    let from = request.headers.get(name::FROM).and_then(Address::parse);
    let from = from.as_ref().and_then(Address::tag).unwrap_or_default();
    let call = request.headers.get(name::CALL_ID).unwrap_or_default();
    let seq = request.headers.cseq().map_or(0, |(seq, _)| seq);
    let branch = via.params.get("branch").unwrap_or_default();
    format!("- {} {from} {call} {seq} {host}:{port} {branch} {method}", request.uri)
}

fn merge_key(request: &Request) -> String {
    let field = |name| request.headers.get(name).unwrap_or_default();
    let from = Address::parse(field(name::FROM));
    let from = from.as_ref().and_then(Address::tag).unwrap_or_default();
    format!("{from} {} {}", field(name::CALL_ID), field(name::CSEQ))
}
