//! `Dial`: other legs are called, all at once or in turn; the first that answers is connected.

use base::{ApiError, CallSid, Instant};
use twiml::voice::{self, Destination, Dial, DialStatus, Dialled, Endpoint, Id, Input as Told};

use crate::voice::engine::endpoint::{draft, unserved};
use crate::voice::engine::live::{Effect, Role, Runner};
use crate::voice::engine::queue::Serving;
use crate::voice::engine::record::events;
use crate::voice::engine::{Engine, Output, Placing, RecordingSource, Ticket, io};
use crate::voice::model::{RecordPlan, Status};
use crate::voice::rules::sip_code;

/// One leg of a dial.
struct Leg {
    ticket: Ticket,
    endpoint: Endpoint,
    call: Option<CallSid>,
    /// How it ended, and the SIP status of it.
    over: Option<(Status, u16)>,
}

/// A dial under way.
pub(super) struct Dialling {
    pub id: Id,
    pub dial: Dial,
    /// Begun ones.
    legs: Vec<Leg>,
    /// Those whose turn has not come, last first.
    later: Vec<Endpoint>,
    /// The one that answered.
    pub chosen: Option<CallSid>,
    /// Since when the two are connected.
    pub bridged_at: Option<Instant>,
    recording: Option<media::RecordingId>,
    /// What is told once the recording is on disk.
    pub told: Option<Dialled>,
    /// Of a queue: nobody is called, who waits is taken out.
    pub queue: Option<Serving>,
}

impl Dialling {
    /// A dial of a queue.
    pub(super) fn of_queue(id: Id, dial: Dial, serving: Serving) -> Self {
        Self {
            id,
            dial,
            legs: Vec::new(),
            later: Vec::new(),
            chosen: None,
            bridged_at: None,
            recording: None,
            told: None,
            queue: Some(serving),
        }
    }

    /// When it wants to be looked at: its legs have timers of their own.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.queue.as_ref().and_then(|serving| serving.until)
    }
}

impl Engine {
    /// Begins a dial.
    pub(super) fn dial(&mut self, call: CallSid, id: Id, dial: Dial) {
        self.passed_over(call, "Dial", &unserved(&dial));
        let endpoints = match &dial.to {
            voice::Target::Endpoints(endpoints) => endpoints.clone(),
            voice::Target::Conference(conference) => {
                let conference = conference.as_ref().clone();
                return self.join(call, id, conference, dial.time_limit_s);
            }
            voice::Target::Queue(queue) => {
                let queue = queue.clone();
                return self.dial_queue(call, id, dial, queue);
            }
        };
        let sequential = dial.sequential;
        let ring = self.tones.ringback(dial.ring_tone.as_deref().unwrap_or("us"));
        let mut later = endpoints;
        later.reverse();
        let dialling = Dialling {
            id,
            dial,
            legs: Vec::new(),
            later,
            chosen: None,
            bridged_at: None,
            recording: None,
            told: None,
            queue: None,
        };
        let item = self.number();
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.dialling = Some(Box::new(dialling));
        live.effects.insert((Runner::Main, id), Effect::Dialling);
        if live.is_up() {
            self.play(call, vec![media::Item::forever(item, ring)]);
        }
        while self.next_leg(call) && !sequential {}
        self.look_at_dial(call);
    }

    /// Begins the next leg; `false` when there is none.
    fn next_leg(&mut self, call: CallSid) -> bool {
        let ticket = Ticket(self.number());
        let Some(live) = self.calls.get_mut(&call) else { return false };
        let Some(dialling) = live.dialling.as_mut() else { return false };
        let Some(endpoint) = dialling.later.pop() else { return false };
        let wanted = draft(&live.record, &live.plan, &dialling.dial, &endpoint);
        let over = wanted.is_err().then_some((Status::Failed, 0));
        dialling.legs.push(Leg { ticket, endpoint, call: None, over });
        match wanted {
            Ok((draft, headers)) => {
                let draft = Box::new(draft);
                self.put(Output::Dial { parent: call, ticket, draft, headers });
            }
            Err(text) => self.complain(call, &text),
        }
        true
    }

    /// The leg of a dial is in its row, or may not be.
    pub(super) fn child_placed(
        &mut self,
        parent: CallSid,
        ticket: Ticket,
        result: Result<Placing, ApiError>,
    ) {
        let leg = self.dial_leg(parent, ticket);
        match (result, leg) {
            (Ok(placing), Some(leg)) => {
                leg.call = Some(placing.record.key.sid);
                self.call_out(placing, Role::Child { parent, ticket });
            }
            // The dial is over meanwhile: the row is ended as it was begun.
            (Ok(placing), None) => {
                let call = placing.record.key.sid;
                let change = crate::voice::store::Change {
                    key: placing.record.key,
                    status: Status::Canceled,
                    at: self.now,
                    sip_code: 0,
                    price: None,
                };
                self.put(Output::Step(change));
                self.put(Output::Gone(call));
            }
            (Err(error), Some(leg)) => {
                leg.over = Some((Status::Failed, sip_code(&error)));
                if let Some(live) = self.calls.get(&parent) {
                    let (code, message) = (error.code, error.message.clone());
                    let problem = twiml::Problem { code, message, warning: true };
                    let call = live.record.key;
                    self.put(Output::Problem { call, problem, url: String::new() });
                }
                self.look_at_dial(parent);
            }
            (Err(_), None) => {}
        }
    }

    fn dial_leg(&mut self, parent: CallSid, ticket: Ticket) -> Option<&mut Leg> {
        let dialling = self.calls.get_mut(&parent)?.dialling.as_mut()?;
        if dialling.told.is_some() {
            return None;
        }
        dialling.legs.iter_mut().find(|leg| leg.ticket == ticket)
    }

    /// A leg of a dial rings.
    pub(super) fn child_rings(&mut self, call: CallSid) {
        tracing::debug!(%call, "a called party rings");
    }

    /// A leg of a dial answered: the others are called back, and it is asked, or connected.
    pub(super) fn child_answered(&mut self, call: CallSid, parent: CallSid, ticket: Ticket) {
        let Some(leg) = self.dial_leg(parent, ticket) else {
            return self.hang_up(call, Status::Canceled);
        };
        let url = leg.endpoint.url.clone();
        let Some(dialling) = self.calls.get_mut(&parent).and_then(|live| live.dialling.as_mut())
        else {
            return self.hang_up(call, Status::Canceled);
        };
        if dialling.chosen.is_some() {
            return self.hang_up(call, Status::Canceled);
        }
        dialling.chosen = Some(call);
        let others: Vec<CallSid> = dialling
            .legs
            .iter()
            .filter(|leg| leg.over.is_none())
            .filter_map(|leg| leg.call.filter(|other| *other != call))
            .collect();
        others.into_iter().for_each(|other| self.hang_up(other, Status::Canceled));
        let Some(primary) = url else { return self.connect(parent, call) };
        let start = voice::Start::Fetch { primary, fallback: None };
        let facts = voice::Facts { mode: voice::Mode::Screening, answered: true, clients: false };
        let side = voice::Call::new(self.now, start, facts);
        if let Some(live) = self.calls.get_mut(&call) {
            live.side = Some(side);
        }
        self.run(call);
    }

    /// The called party's document is over: it lets the two be connected, or not.
    pub(super) fn screened(&mut self, call: CallSid, lets: bool) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.side = None;
        let Role::Child { parent, .. } = live.role else { return };
        match lets {
            true => self.connect(parent, call),
            false => self.hang_up(call, Status::Completed),
        }
    }

    /// Connects the two.
    fn connect(&mut self, parent: CallSid, child: CallSid) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&parent) else {
            return self.hang_up(child, Status::Completed);
        };
        let Some(dialling) = live.dialling.as_mut() else {
            return self.hang_up(child, Status::Completed);
        };
        dialling.bridged_at = Some(now);
        let (id, limit_s) = (dialling.id, dialling.dial.time_limit_s);
        if !live.is_up() && !self.pick_up(parent) {
            return self.hang_up(child, Status::Completed);
        }
        let legs = (
            self.calls.get(&parent).and_then(|live| live.media),
            self.calls.get(&child).and_then(|live| live.media),
        );
        let (Some(a), Some(b)) = legs else { return self.hang_up(child, Status::Failed) };
        self.put(Output::Media(media::Command::Stop(a)));
        self.put(Output::Media(media::Command::Bridge { a, b, pass_digits: true }));
        if let Some(live) = self.calls.get_mut(&child) {
            live.peer = Some(parent);
            live.limit(now, limit_s);
        }
        if let Some(live) = self.calls.get_mut(&parent) {
            live.peer = Some(child);
        }
        self.rewake(child);
        self.record_dial(parent);
        self.tell(parent, Runner::Main, Told::Bridged(id));
    }

    pub(super) fn record_dial(&mut self, parent: CallSid) {
        let Some(dialling) = self.calls.get(&parent).and_then(|live| live.dialling.as_ref()) else {
            return;
        };
        let Some(record) = &dialling.dial.record else { return };
        let status = dialling.dial.recording_status.as_ref();
        let plan = RecordPlan {
            dual: record.dual,
            track: match record.track {
                voice::Track::Both => "both",
                voice::Track::Inbound => "inbound",
                voice::Track::Outbound => "outbound",
            }
            .to_owned(),
            trim: record.trim,
            callback: status.map(|status| io::hook(&status.hook)),
            events: events(status),
        };
        let source = RecordingSource::DialVerb;
        let Some(recording) = self.start_recording(parent, None, &plan, source, 0) else { return };
        if let Some(known) = self.recordings.get_mut(&recording) {
            known.dial = true;
        }
        let dialling = self.calls.get_mut(&parent).and_then(|live| live.dialling.as_mut());
        if let Some(dialling) = dialling {
            dialling.recording = Some(recording);
        }
    }

    /// A leg of a dial is over.
    pub(super) fn child_over(
        &mut self,
        call: CallSid,
        (parent, ticket): (CallSid, Ticket),
        over: (Status, u16),
    ) {
        let Some(leg) = self.dial_leg(parent, ticket) else { return };
        leg.over = Some(over);
        let dialling = self.calls.get_mut(&parent).and_then(|live| live.dialling.as_mut());
        let Some(dialling) = dialling else { return };
        if dialling.chosen == Some(call) && dialling.bridged_at.is_none() {
            // It answered, and did not want to be connected.
            dialling.chosen = None;
        }
        self.look_at_dial(parent);
    }

    /// Goes on with a dial: the next leg, or its end.
    fn look_at_dial(&mut self, call: CallSid) {
        loop {
            let Some(dialling) = self.calls.get(&call).and_then(|live| live.dialling.as_ref())
            else {
                return;
            };
            let bridged = dialling.bridged_at.is_some();
            if dialling.told.is_some() || dialling.legs.iter().any(|leg| leg.over.is_none()) {
                return;
            }
            if bridged || !self.next_leg(call) {
                break;
            }
        }
        self.end_dial(call, None);
    }

    /// Ends a dial: `Stop`, or nobody is left.
    pub(super) fn cancel_dial(&mut self, call: CallSid) {
        self.end_dial(call, Some(DialStatus::Canceled));
    }

    pub(super) fn end_dial(&mut self, call: CallSid, cut: Option<DialStatus>) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(dialling) = live.dialling.as_mut().filter(|dialling| dialling.told.is_none())
        else {
            return;
        };
        let dialled = dialling.outcome(now, cut);
        let (recording, id) = (dialling.recording, dialling.id);
        dialling.told = Some(dialled);
        live.peer = None;
        let leg = live.media;
        let open: Vec<CallSid> = live
            .dialling
            .iter()
            .flat_map(|dialling| &dialling.legs)
            .filter(|leg| leg.over.is_none())
            .filter_map(|leg| leg.call)
            .collect();
        open.into_iter().for_each(|child| self.hang_up(child, Status::Canceled));
        if let Some(leg) = leg {
            self.put(Output::Media(media::Command::Stop(leg)));
            self.put(Output::Media(media::Command::Detach(leg)));
        }
        self.agent_gone(call);
        match recording {
            Some(recording) => self.stop_recording(call, recording),
            None => self.dial_over(call, id, None),
        }
    }

    /// Where a dial's parties may be sent to by REFER.
    pub(super) fn refer_hook(&self, call: CallSid) -> Option<twiml::Hook> {
        self.calls.get(&call)?.dialling.as_ref()?.dial.refer.clone()
    }

    /// A dialled leg goes a way of its own: its dial ends, and it does not.
    pub(super) fn leave_dial(&mut self, call: CallSid) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Role::Child { parent, ticket } = live.role else { return };
        live.role = Role::Main;
        live.peer = None;
        self.child_over(call, (parent, ticket), (Status::Completed, 200));
    }

    /// A dial's recording is on disk, or was nothing.
    pub(super) fn dial_recorded(&mut self, call: CallSid, saved: Option<voice::Recording>) {
        let dialling = self.calls.get(&call).and_then(|live| live.dialling.as_ref());
        if let Some(id) = dialling.filter(|it| it.told.is_some()).map(|it| it.id) {
            self.dial_over(call, id, saved);
        }
    }

    fn dial_over(&mut self, call: CallSid, id: Id, recording: Option<voice::Recording>) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.effects.remove(&(Runner::Main, id));
        let Some(told) = live.dialling.take().and_then(|dialling| dialling.told) else { return };
        let dialled = Dialled { recording, ..told };
        self.tell(call, Runner::Main, Told::Dialled(id, dialled));
        self.forget_if_over(call);
    }
}

impl Dialling {
    /// How it went.
    fn outcome(&self, now: Instant, cut: Option<DialStatus>) -> Dialled {
        let last = self.chosen.or_else(|| self.legs.iter().rev().find_map(|leg| leg.call));
        let worst = || {
            let statuses = self.legs.iter().filter_map(|leg| leg.over.map(|(status, _)| status));
            statuses.map(dial_status).max_by_key(|status| match status {
                DialStatus::Busy => 3,
                DialStatus::NoAnswer => 2,
                DialStatus::Failed => 1,
                _ => 0,
            })
        };
        let status = match (self.bridged_at, cut) {
            (Some(_), _) if self.queue.is_some() => DialStatus::Answered,
            (Some(_), _) => DialStatus::Completed,
            (None, Some(cut)) => cut,
            (None, None) => worst().unwrap_or(DialStatus::Failed),
        };
        let duration = self.bridged_at.map(|at| now.since(at).as_secs());
        let sip = self
            .legs
            .iter()
            .rev()
            .find(|leg| matches!(leg.endpoint.to, Destination::Sip { .. }) && leg.call == last);
        let code = sip.and_then(|leg| leg.over).map(|(_, code)| code).filter(|code| *code != 0);
        let code = code.map(|code| ("DialSipResponseCode".to_owned(), code.to_string()));
        let queue = self.queue.iter().flat_map(Serving::params);
        let more = code.into_iter().chain(queue).collect();
        Dialled {
            status,
            sid: last.map(|sid| sid.to_string()),
            duration_s: Some(duration.unwrap_or_default()),
            bridged: Some(self.bridged_at.is_some()),
            recording: None,
            more,
        }
    }
}

fn dial_status(status: Status) -> DialStatus {
    match status {
        Status::Completed => DialStatus::NoAnswer,
        Status::Busy => DialStatus::Busy,
        Status::NoAnswer | Status::Canceled => DialStatus::NoAnswer,
        _ => DialStatus::Failed,
    }
}
