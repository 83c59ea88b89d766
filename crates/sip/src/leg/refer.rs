//! Transfers (RFC 3515), on both sides.

use super::{Leg, State};
use crate::dialog::Dialog;
use crate::event::{Event, LegId};
use crate::message::{Address, Method, Request, Response, Uri, name, reason};
use crate::wire::{TxId, Wire};

/// Transfers that wait or are told about, at most.
const TRANSFERS_MAX: usize = 8;

/// The transfers of one leg.
#[derive(Default)]
pub(super) struct Transfers {
    /// Number of the REFER, and its transaction until it is answered.
    theirs: Vec<(u32, Option<TxId>)>,
}

impl Transfers {
    pub(super) fn end(&mut self) {
        self.theirs.clear();
    }
}

impl Leg {
    /// A REFER came.
    pub(super) fn refer_came(
        &mut self,
        wire: &mut Wire,
        tx: TxId,
        request: &Request,
        replaces: Option<LegId>,
    ) {
        let target = request.headers.get(name::REFER_TO).and_then(Address::parse);
        let once = request.headers.count(name::REFER_TO) == 1;
        let Some(target) = target.filter(|_| once).map(|target| target.uri) else {
            wire.answer(tx, 400);
            return;
        };
        let seq = request.headers.cseq().map_or(0, |(seq, _)| seq);
        if self.state != State::Up || self.transfers.theirs.len() >= TRANSFERS_MAX {
            wire.answer(tx, 491);
            return;
        }
        self.transfers.theirs.push((seq, Some(tx)));
        let (leg, refer, headers) = (self.id, u64::from(seq), request.headers.clone());
        let target = Box::new(target);
        self.tell(wire, Event::Referred { leg, refer, target, replaces, headers });
    }

    /// The user takes a transfer on: 202, and 100 at once (§2.4.4).
    pub(crate) fn accept_refer(&mut self, wire: &mut Wire, refer: u64) {
        let Some(tx) = self.open_refer(refer) else { return };
        let Some(mut response) = wire.response(tx, 202) else { return };
        if let Some(hop) = wire.back_of(tx) {
            let contact = wire.contact(self.called().as_deref(), &hop);
            response.headers.push(name::CONTACT, &contact);
        }
        wire.respond(tx, &response);
        self.notify(wire, refer, 100);
    }

    /// The user refuses a transfer.
    pub(crate) fn refuse_refer(&mut self, wire: &mut Wire, refer: u64, status: u16) {
        if let Some(tx) = self.open_refer(refer) {
            wire.answer(tx, status);
            self.transfers.theirs.retain(|(seq, _)| u64::from(*seq) != refer);
        }
    }

    fn open_refer(&mut self, refer: u64) -> Option<TxId> {
        let found = self.transfers.theirs.iter_mut().find(|(seq, _)| u64::from(*seq) == refer);
        found?.1.take()
    }

    /// Tells how the new call goes.
    pub(crate) fn refer_progress(&mut self, wire: &mut Wire, refer: u64, status: u16) {
        let taken = |(seq, tx): &(u32, Option<TxId>)| u64::from(*seq) == refer && tx.is_none();
        if self.transfers.theirs.iter().any(taken) {
            self.notify(wire, refer, status);
        }
    }

    fn notify(&mut self, wire: &mut Wire, refer: u64, status: u16) {
        let state =
            if status < 200 { "active;expires=180" } else { "terminated;reason=noresource" };
        if status >= 200 {
            self.transfers.theirs.retain(|(seq, _)| u64::from(*seq) != refer);
        }
        self.send(wire, Method::Notify, |request| {
            request.headers.push(name::EVENT, &format!("refer;id={refer}"));
            request.headers.push(name::SUBSCRIPTION_STATE, state);
            request.headers.push(name::CONTENT_TYPE, "message/sipfrag;version=2.0");
            request.body = format!("SIP/2.0 {status} {}\r\n", reason(status)).into_bytes();
        });
    }

    /// Asks the other end to call somebody; in the place of `replaced` in an attended transfer.
    pub(crate) fn refer(&mut self, wire: &mut Wire, target: &Uri, replaced: Option<&Dialog>) {
        let leg = self.id;
        if self.state != State::Up {
            return self.tell(wire, Event::ReferAnswered { leg, status: 481 });
        }
        let mut target = replaced.map_or_else(|| target.clone(), |dialog| dialog.target.bare());
        if let Some(dialog) = replaced {
            // RFC 3891 §3 as the target sees it: its own tag is the remote one here.
            let value = format!(
                "{};to-tag={};from-tag={}",
                dialog.call_id,
                dialog.remote_tag(),
                dialog.local_tag()
            );
            target.headers = format!("Replaces={}", escape(&value));
        }
        let by = self.dialog.as_ref().map(|dialog| dialog.local.uri.to_string());
        self.send(wire, Method::Refer, |request| {
            request.headers.push(name::REFER_TO, &format!("<{target}>"));
            if let Some(by) = by {
                request.headers.push(name::REFERRED_BY, &format!("<{by}>"));
            }
        });
    }

    /// The answer to a REFER of ours.
    pub(super) fn refer_answered(&mut self, wire: &mut Wire, response: &Response) {
        let (leg, status) = (self.id, response.status);
        self.tell(wire, Event::ReferAnswered { leg, status });
    }

    /// A NOTIFY came.
    pub(super) fn notified(&mut self, wire: &mut Wire, tx: TxId, request: &Request) {
        let event = request.headers.get(name::EVENT).unwrap_or_default();
        if !event.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("refer") {
            wire.answer(tx, 489);
            return;
        }
        wire.answer(tx, 200);
        let text = String::from_utf8_lossy(&request.body);
        let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        let state = request.headers.get(name::SUBSCRIPTION_STATE).unwrap_or_default();
        let state = state.split(';').next().unwrap_or_default().trim();
        let last = state.eq_ignore_ascii_case("terminated");
        let leg = self.id;
        if let Some(status) = status {
            self.tell(wire, Event::ReferProgress { leg, status, last });
        }
    }
}

/// The Replaces field in the target of a REFER.
pub(crate) fn refer_replaces(request: &Request) -> Option<String> {
    let target = Address::parse(request.headers.get(name::REFER_TO)?)?.uri;
    let mut fields = target.header_fields().into_iter();
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name::REPLACES)).map(|(_, value)| value)
}

/// Escapes what may not stand in a URI's header part as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            escaped.push_str(&format!("%{octet:02X}"));
        }
    }
    escaped
}
