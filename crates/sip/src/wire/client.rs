//! Requests of ours: on their way, repeated, tried at the next address, cancelled.

use core::net::SocketAddr;
use std::collections::VecDeque;

use super::{TxId, Up, Wake, Wire, complete, literal};
use crate::dialog::Dest;
use crate::io::{Hop, Output, Transport};
use crate::message::{Address, Method, Request, Response, Via, name};
use crate::transaction::{self, ClientDue, Heard};

/// On whose behalf a request goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A leg; the method says what for.
    Leg(u64),
    /// A registration with a carrier.
    Registration(u64),
    /// A gateway's health.
    Probe(u64),
    /// Nobody waits for the answer.
    Nobody,
}

pub(super) struct ClientTx {
    pub(super) machine: transaction::Client,
    /// Without Via, so that it can be tried elsewhere.
    request: Request,
    octets: Vec<u8>,
    hop: Hop,
    rest: VecDeque<Hop>,
    owner: Owner,
    key: String,
    via: String,
    /// A CANCEL waits for the first provisional response (RFC 3261 §9.1).
    cancel: Option<Option<String>>,
    /// ACKs of successes by the tag of their dialog.
    acks: Vec<(String, Hop, Vec<u8>)>,
}

/// A request that waits for an address.
pub(super) struct Waiting {
    request: Request,
    owner: Owner,
    id: TxId,
    /// An ACK for the success of this INVITE, in the dialog of this tag.
    ack: Option<(TxId, String)>,
    name: String,
    cancelled: bool,
}

impl Wire {
    /// Sends a request in a new transaction.
    pub(crate) fn request(&mut self, request: Request, dest: Dest, owner: Owner) -> TxId {
        let id = TxId(self.number());
        match self.place(dest) {
            Ok(hop) => self.launch(id, request, hop, VecDeque::new(), owner),
            Err(uri) => {
                let query = self.ask(&uri);
                let (name, cancelled) = (uri.host, false);
                let waiting = Waiting { request, owner, id, ack: None, name, cancelled };
                self.lookups.insert(query.id, waiting);
                self.outputs.push_back(Output::Resolve(query));
            }
        }
        id
    }

    fn place(&self, dest: Dest) -> Result<Hop, Box<crate::message::Uri>> {
        match dest {
            Dest::Hop(hop) => Ok(hop),
            Dest::Uri(uri) => literal(&uri).ok_or_else(|| Box::new(uri)),
        }
    }

    /// The answer to a query.
    pub(crate) fn resolved(&mut self, query: u64, found: &[(Transport, SocketAddr)]) {
        let Some(waiting) = self.lookups.remove(&query) else { return };
        let name = waiting.name;
        let hop = |(transport, remote): &(Transport, SocketAddr)| Hop {
            transport: *transport,
            remote: *remote,
            flow: None,
            name: name.clone(),
        };
        let mut hops: VecDeque<Hop> = found.iter().take(16).map(hop).collect();
        match (hops.pop_front(), waiting.ack) {
            _ if waiting.cancelled => {
                let method = waiting.request.method;
                self.ups.push_back(Up::Failed(waiting.id, waiting.owner, method, 487));
            }
            (Some(hop), Some((invite, tag))) => {
                self.acknowledge_at(invite, &tag, waiting.request, hop)
            }
            (Some(hop), None) => self.launch(waiting.id, waiting.request, hop, hops, waiting.owner),
            (None, None) => {
                let method = waiting.request.method;
                self.ups.push_back(Up::Failed(waiting.id, waiting.owner, method, 503));
            }
            (None, Some(_)) => {}
        }
    }

    fn launch(
        &mut self,
        id: TxId,
        mut request: Request,
        hop: Hop,
        rest: VecDeque<Hop>,
        owner: Owner,
    ) {
        complete(&mut request, &self.config.user_agent);
        let branch = self.token();
        let via = self.via(&hop, &branch);
        self.fill_contact(&mut request, &hop);
        let mut sent = request.clone();
        sent.headers.push_front(name::VIA, &via);
        let octets = sent.to_octets();
        let invite = request.method == Method::Invite;
        let reliable = hop.transport.is_reliable();
        let machine = transaction::Client::new(invite, reliable, self.config.timing, self.now);
        self.timers.set(Wake::Client(id), machine.wake_at());
        let key = format!("{branch} {}", request.method);
        self.branches.insert(key.clone(), id);
        self.send(&hop, octets.clone());
        let acks = Vec::new();
        let cancel = None;
        let client =
            ClientTx { machine, request, octets, hop, rest, owner, key, via, cancel, acks };
        self.clients.insert(id, client);
    }

    fn via(&self, hop: &Hop, branch: &str) -> String {
        let at = self.local_for(hop);
        let (transport, cookie) = (hop.transport.as_str(), crate::message::COOKIE);
        format!("SIP/2.0/{transport} {at};branch={cookie}{branch};rport")
    }

    /// Contact where the method needs one and the user left it to us.
    fn fill_contact(&self, request: &mut Request, hop: &Hop) {
        let needed = matches!(
            request.method,
            Method::Invite
                | Method::Update
                | Method::Refer
                | Method::Notify
                | Method::Subscribe
                | Method::Options
        );
        let ours = request.headers.get(CONTACT_USER).map(str::to_owned);
        request.headers.remove(CONTACT_USER);
        if needed || ours.is_some() {
            let from = request.headers.get(name::FROM).and_then(Address::parse);
            let user = ours.or_else(|| from.and_then(|from| from.uri.user()));
            if request.headers.get(name::CONTACT).is_none() {
                let contact = self.contact(user.as_deref().filter(|user| !user.is_empty()), hop);
                request.headers.push(name::CONTACT, &contact);
            }
        }
    }

    /// The response to a request of ours.
    pub(super) fn response_came(&mut self, mut response: Response, from: Hop) {
        let vias = response.headers.all(name::VIA);
        let via = vias.first().and_then(|via| Via::parse(via));
        let branch = via.as_ref().and_then(Via::branch).and_then(|branch| branch.get(7..));
        let (Some(branch), Some((_, method))) = (branch, response.headers.cseq()) else { return };
        let Some(id) = self.branches.get(&format!("{branch} {method}")).copied() else { return };
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else { return };
        let heard = client.machine.heard(now, response.status);
        let (owner, method) = (client.owner, client.request.method.clone());
        let wake = client.machine.wake_at();
        self.timers.set(Wake::Client(id), wake);
        if matches!(heard, Heard::NewsToAck | Heard::AckAgain) {
            self.acknowledge_refusal(id, &response);
        }
        self.cancel_if_wanted(id);
        if matches!(heard, Heard::Nothing | Heard::AckAgain) {
            return;
        }
        if response.status == 503 && self.try_next(id) {
            return;
        }
        if response.is_success() && self.acknowledge_again(id, &response) {
            return;
        }
        response.headers.pop_via();
        self.ups.push_back(Up::Response(id, owner, method, Box::new(response), from));
    }

    /// The ACK of a final response that is no success, within its transaction (§17.1.1.3).
    fn acknowledge_refusal(&mut self, id: TxId, response: &Response) {
        let Some(client) = self.clients.get(&id) else { return };
        let mut ack = self.within(client, Method::Ack);
        if let Some(to) = response.headers.get(name::TO) {
            ack.headers.set(name::TO, to);
        }
        let hop = client.hop.clone();
        self.send(&hop, ack.to_octets());
    }

    /// A request that shares Via, number and route with an INVITE: its ACK or CANCEL.
    fn within(&self, client: &ClientTx, method: Method) -> Request {
        let mut request = Request::new(method, client.request.uri.clone());
        request.headers.push(name::VIA, &client.via);
        for copied in [name::MAX_FORWARDS, name::FROM, name::TO, name::CALL_ID, name::ROUTE] {
            for value in client.request.headers.all(copied) {
                request.headers.push(copied, value);
            }
        }
        let seq = client.request.headers.cseq().map_or(1, |(seq, _)| seq);
        request.headers.push(name::CSEQ, &format!("{seq} {}", request.method));
        request
    }

    /// Cancels an INVITE: now, or when the first provisional response comes (§9.1).
    pub(crate) fn cancel(&mut self, id: TxId, reason: Option<String>) {
        let waiting = self.lookups.values_mut().find(|waiting| waiting.id == id);
        if let Some(waiting) = waiting {
            waiting.cancelled = true;
        }
        if let Some(client) = self.clients.get_mut(&id) {
            client.rest.clear();
            client.cancel = Some(reason);
            self.cancel_if_wanted(id);
        }
    }

    fn cancel_if_wanted(&mut self, id: TxId) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else { return };
        if !client.machine.is_proceeding() {
            return;
        }
        let Some(reason) = client.cancel.take() else { return };
        client.machine.cancelled(now);
        let wake = client.machine.wake_at();
        self.timers.set(Wake::Client(id), wake);
        let Some(client) = self.clients.get(&id) else { return };
        let mut cancel = self.within(client, Method::Cancel);
        if let Some(reason) = reason {
            cancel.headers.push(name::REASON, &reason);
        }
        cancel.headers.push(name::USER_AGENT, &self.config.user_agent);
        let (hop, via, request) = (client.hop.clone(), client.via.clone(), cancel.clone());
        let octets = cancel.to_octets();
        let own = TxId(self.number());
        let reliable = hop.transport.is_reliable();
        let machine = transaction::Client::new(false, reliable, self.config.timing, now);
        self.timers.set(Wake::Client(own), machine.wake_at());
        let branch = Via::parse(&via).and_then(|via| via.branch().map(str::to_owned));
        let key = format!("{} CANCEL", branch.unwrap_or_default().get(7..).unwrap_or_default());
        self.branches.insert(key.clone(), own);
        self.send(&hop, octets.clone());
        let client = ClientTx {
            machine,
            request,
            octets,
            hop,
            rest: VecDeque::new(),
            owner: Owner::Nobody,
            key,
            via,
            cancel: None,
            acks: Vec::new(),
        };
        self.clients.insert(own, client);
    }

    /// Acknowledges the success of an INVITE (§13.2.2.4), now and whenever it comes again.
    pub(crate) fn acknowledge(&mut self, invite: TxId, tag: &str, mut ack: Request, dest: Dest) {
        complete(&mut ack, &self.config.user_agent);
        match self.place(dest) {
            Ok(hop) => self.acknowledge_at(invite, tag, ack, hop),
            Err(uri) => {
                let query = self.ask(&uri);
                let waiting = Waiting {
                    request: ack,
                    owner: Owner::Nobody,
                    id: TxId(self.number()),
                    ack: Some((invite, tag.to_owned())),
                    name: uri.host,
                    cancelled: false,
                };
                self.lookups.insert(query.id, waiting);
                self.outputs.push_back(Output::Resolve(query));
            }
        }
    }

    fn acknowledge_at(&mut self, invite: TxId, tag: &str, mut ack: Request, hop: Hop) {
        let branch = self.token();
        let via = self.via(&hop, &branch);
        ack.headers.push_front(name::VIA, &via);
        let octets = ack.to_octets();
        self.send(&hop, octets.clone());
        if let Some(client) = self.clients.get_mut(&invite) {
            client.acks.push((tag.to_owned(), hop, octets));
        }
    }

    /// A success that came before is acknowledged once more; false when it is new.
    fn acknowledge_again(&mut self, id: TxId, response: &Response) -> bool {
        let to = response.headers.get(name::TO).and_then(Address::parse);
        let tag = to.as_ref().and_then(Address::tag).unwrap_or_default();
        let Some(client) = self.clients.get(&id) else { return false };
        let known = client.acks.iter().find(|(known, _, _)| known == tag);
        let Some((_, hop, octets)) = known.cloned() else { return false };
        self.send(&hop, octets);
        true
    }

    /// The request of a transaction, as the user made it.
    pub(crate) fn request_of(&self, id: TxId) -> Option<&Request> {
        Some(&self.clients.get(&id)?.request)
    }

    /// Where a transaction's request went.
    pub(crate) fn hop_of(&self, id: TxId) -> Option<Hop> {
        Some(self.clients.get(&id)?.hop.clone())
    }

    /// Tries the next address (RFC 3263 §4.3); false when there is none.
    fn try_next(&mut self, id: TxId) -> bool {
        let Some(client) = self.clients.get_mut(&id) else { return false };
        let Some(hop) = client.rest.pop_front() else { return false };
        let (mut request, owner) = (client.request.clone(), client.owner);
        let rest = std::mem::take(&mut client.rest);
        request.headers.remove(name::CONTACT);
        // A completed transaction goes on repeating its ACK under its old branch.
        if client.machine.is_open() {
            let key = client.key.clone();
            self.branches.remove(&key);
        } else if let Some(old) = self.clients.remove(&id) {
            let own = TxId(self.number());
            self.branches.insert(old.key.clone(), own);
            self.timers.set(Wake::Client(own), old.machine.wake_at());
            self.clients.insert(own, ClientTx { owner: Owner::Nobody, ..old });
        }
        self.launch(id, request, hop, rest, owner);
        true
    }

    pub(super) fn client_due(&mut self, id: TxId) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else { return };
        match client.machine.due(now) {
            Some(ClientDue::Repeat) => {
                let (hop, octets) = (client.hop.clone(), client.octets.clone());
                self.send(&hop, octets);
            }
            Some(ClientDue::TimedOut) => return self.fail(id, 408),
            Some(ClientDue::Over) => return self.forget_client(id),
            None => {}
        }
        let wake = self.clients.get(&id).and_then(|client| client.machine.wake_at());
        self.timers.set(Wake::Client(id), wake);
    }

    fn fail(&mut self, id: TxId, status: u16) {
        if self.try_next(id) {
            return;
        }
        if let Some(client) = self.clients.get(&id) {
            let method = client.request.method.clone();
            self.ups.push_back(Up::Failed(id, client.owner, method, status));
        }
        self.forget_client(id);
    }

    /// Nothing can be sent to a place: its open requests fail (§8.1.3.1).
    pub(crate) fn send_failed(&mut self, hop: &Hop) {
        let hit = |client: &ClientTx| client.machine.is_open() && client.hop.is_same_place(hop);
        let found = self.clients.iter().filter(|(_, client)| hit(client));
        let mut hit: Vec<TxId> = found.map(|(id, _)| *id).collect();
        hit.sort_unstable();
        hit.into_iter().for_each(|id| self.fail(id, 503));
    }

    fn forget_client(&mut self, id: TxId) {
        self.timers.set(Wake::Client(id), None);
        if let Some(client) = self.clients.remove(&id)
            && self.branches.get(&client.key) == Some(&id)
        {
            self.branches.remove(&client.key);
        }
    }
}

/// A field that never leaves: the user part that Contact is to have.
pub(crate) const CONTACT_USER: &str = "X-Contact-User";
