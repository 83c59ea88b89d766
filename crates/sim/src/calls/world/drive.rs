//! The driver of the node: carries out what its machines want, in the world's time. Between any
//! two of its steps the process may be killed.

use std::sync::Arc;
use std::time::Duration;

use machine::Machine;
use media::Prompt;
use products::resource::Refusal;
use products::voice::edge::rooms::{self, Write};
use products::voice::engine::{Admission, Fetching, Input, Output, Recorded};
use products::voice::model::{CallKey, Hook, Progress, Status, StatusCallback};
use products::voice::recordings::{self, New, Recording};
use products::voice::store::Change;
use products::voice::{queues, store, work};
use sip::io::{Input as SipInput, Output as SipOutput};
use twiml::voice::{self, Heard};

use super::{Killed, World};
use crate::calls::documents;
use crate::calls::far::NODE;
use crate::calls::node::{Later, Take, placing};
use crate::world::{TENANTS, account};

impl World {
    /// Carries out what the machines want until they want nothing more, or for a moment.
    pub(super) fn pump(&mut self) -> Result<(), Killed> {
        let now = self.now;
        loop {
            self.maybe_kill(1)?;
            let (sites, Some(node)) = (&self.sites, self.node.as_mut()) else { return Ok(()) };
            node.agent.tick(now);
            if let Some(output) = node.agent.poll() {
                self.sip(output);
                continue;
            }
            node.engine.tick(now);
            if let Some(output) = node.engine.poll() {
                self.carry_out(output)?;
                continue;
            }
            node.media.tick(now, |from| sites.iter().any(|site| site.talks(from)));
            if self.random.chance(20) {
                break;
            }
            if !self.take_one() && !self.place_next() {
                break;
            }
        }
        if self.stops()? {
            return Ok(());
        }
        if let Some(node) = &self.node
            && node.engine.calls() > 0
            && now.since(node.seen_at) >= Duration::from_secs(1)
        {
            self.commit(|tx, context| store::seen(tx, &context.node))?;
            self.node.iter_mut().for_each(|node| node.seen_at = now);
        }
        let Some(node) = &self.node else { return Ok(()) };
        let waits = !node.heard.is_empty()
            || !node.commands.is_empty()
            || !node.orders.is_empty()
            || !node.media.events.is_empty();
        let at = if waits { Some(now + Duration::from_millis(2)) } else { node.wake_at() };
        self.wake(None, at);
        Ok(())
    }

    /// Hands on one thing that waits between the machines; whose turn it is, is drawn.
    fn take_one(&mut self) -> bool {
        let now = self.now;
        let Some(node) = self.node.as_mut() else { return false };
        let waits = [
            !node.heard.is_empty(),
            !node.commands.is_empty(),
            !node.orders.is_empty(),
            !node.media.events.is_empty(),
        ];
        let ready: Vec<usize> = (0..4).filter(|lane| waits[*lane]).collect();
        if ready.is_empty() {
            return false;
        }
        match ready[self.random.below(ready.len() as u64) as usize] {
            0 => {
                if let Some(input) = node.heard.pop_front() {
                    self.tell(input);
                }
            }
            1 => {
                if let Some(command) = node.commands.pop_front() {
                    node.agent.handle(now, SipInput::Command(Box::new(command)));
                }
            }
            2 => {
                if let Some(command) = node.orders.pop_front() {
                    node.media.command(now, command, &mut self.random);
                }
            }
            _ => {
                if let Some((owner, event)) = node.media.events.pop_front() {
                    node.engine.handle(now, Input::Media(owner, event));
                }
            }
        }
        true
    }

    fn tell(&mut self, input: Input) {
        let Some(node) = self.node.as_mut() else { return };
        node.engine.handle(self.now, input);
    }

    fn place_next(&mut self) -> bool {
        let node = self.node.as_mut().filter(|node| node.stop_by.is_none());
        let Some(node) = node else { return false };
        let Some((record, plan)) = node.pace.next(self.now) else { return false };
        let placing = Box::new(placing(record, plan, Vec::new()));
        node.heard.push_back(Input::Place(placing));
        true
    }

    fn sip(&mut self, output: SipOutput) {
        let now = self.now;
        let Some(node) = self.node.as_mut() else { return };
        match output {
            SipOutput::Send(hop, octets) => {
                node.watch.sent(now, &octets);
                self.send(NODE, hop.remote, octets);
            }
            SipOutput::Resolve(query) => {
                node.agent.handle(now, SipInput::Resolved(query.id, Vec::new()));
            }
            SipOutput::Event(event) => node.heard.push_back(Input::Sip(*event)),
        }
    }

    fn carry_out(&mut self, output: Output) -> Result<(), Killed> {
        match output {
            Output::Sip(command) => self.queue(|node| node.commands.push_back(command)),
            Output::Media(command) => self.queue(|node| node.orders.push_back(command)),
            Output::Screen(incoming) => {
                let delay = self.millis(200);
                self.later(delay, Later::Screened(incoming));
            }
            Output::Step(change) => self.step(change),
            Output::Member(member) => self.write(Write::Member(member)),
            Output::Conference(news) => self.write(Write::Conference(news)),
            Output::Quality { call, statistics } => {
                self.write(Write::Quality(call, (&*statistics).into()));
            }
            Output::Fetch { call, fetching, hook, .. } => self.fetch(call, fetching, &hook),
            Output::Speak { call, ticket, .. } => {
                let (delay, result) = self.prompt();
                let told = Input::Prompt { call, ticket, result };
                self.later(delay, Later::Told(Box::new(told)));
            }
            Output::Load { call, ticket, .. } => {
                let (delay, result) = self.prompt();
                let told = Input::Prompt { call: call.sid, ticket, result };
                self.later(delay, Later::Told(Box::new(told)));
            }
            Output::Listen { call, id, .. } => self.listen(call, id),
            Output::Recording { recording, account, of, source, plan } => {
                let (call, conference) = match of {
                    Recorded::Call(call) => (Some(call), None),
                    Recorded::Conference(conference) => (None, Some(conference)),
                };
                let name = Some(recording.0);
                let new = New { account, call, conference, name, source: source.name(), plan };
                let take = Take { new, recording: None, early: 0, over: None };
                self.queue(|node| drop(node.takes.insert(recording, take)));
                let delay = self.millis(100);
                self.later(delay, Later::TakeBegins(recording));
            }
            Output::Chunk { recording, .. } => self.chunk(recording),
            Output::RecordingOver { recording, duration_ms } => {
                let take = self.node.as_mut().and_then(|node| node.takes.get_mut(&recording));
                if let Some(take) = take {
                    take.over = Some(duration_ms);
                    let delay = self.millis(300);
                    self.later(delay, Later::TakeEnds(recording));
                }
            }
            Output::Dial { parent, ticket, draft, headers } => {
                let delay = self.millis(100);
                self.later(delay, Later::Dialled { parent, ticket, draft, headers });
            }
            Output::Send { call, id, .. } => {
                let result = if self.random.chance(800) { Ok(Vec::new()) } else { Err(21610) };
                let delay = self.millis(500);
                let told = Input::Sent { call: call.sid, id, result };
                self.later(delay, Later::Told(Box::new(told)));
            }
            Output::NameQueue { call, ticket, name, make } => {
                let delay = self.millis(200);
                self.later(delay, Later::Named { call, ticket, name, make });
            }
            Output::Gone(call) => self.queue(|node| node.pace.gone(call)),
            // Nobody waits for what becomes of these.
            Output::Notify { .. }
            | Output::Tapped { .. }
            | Output::Unlisten { .. }
            | Output::Problem { .. } => {}
        }
        self.maybe_kill(1)
    }

    fn queue(&mut self, put: impl FnOnce(&mut crate::calls::node::Node)) {
        if let Some(node) = self.node.as_mut() {
            put(node);
        }
    }

    /// A step is handed in to be written, soon and in order.
    pub(super) fn step(&mut self, change: Change) {
        let delay = self.millis(30);
        let Some(node) = self.node.as_mut() else { return };
        let first = node.steps.is_empty();
        node.steps.push(change);
        if first {
            self.later(delay, Later::Steps);
        }
    }

    pub(super) fn write(&mut self, one: Write) {
        let delay = self.millis(30);
        let Some(node) = self.node.as_mut() else { return };
        let first = node.writes.is_empty();
        node.writes.push(one);
        if first {
            self.later(delay, Later::Writes);
        }
    }

    /// An application is asked for a document.
    fn fetch(&mut self, call: CallKey, fetching: Fetching, hook: &Hook) {
        let (delay, result) = self.application();
        let result = match result {
            Ok(status) => Ok(twiml::Fetched {
                status,
                content_type: Some("text/xml".to_owned()),
                body: documents::document(&mut self.random, self.theme).into_bytes(),
                url: hook.url.clone(),
            }),
            Err(code) => Err((code, "no answer".to_owned())),
        };
        let told = Input::Document { call: call.sid, fetching, result };
        self.later(delay, Later::Told(Box::new(told)));
    }

    fn prompt(&mut self) -> (Duration, Result<Arc<Prompt>, (u32, String)>) {
        let samples = match self.random.below(10) {
            0 => 0,
            _ => 200 + self.random.below(40_000) as usize,
        };
        let failed = self.random.chance(50);
        let most = if self.random.chance(100) { 5_000 } else { 200 };
        let delay = self.millis(most);
        let prompt = Prompt::from_octets(media::Law::Mu, vec![0xff; samples]);
        (delay, if failed { Err((11200, String::new())) } else { Ok(Arc::new(prompt)) })
    }

    /// Somebody says something, perhaps.
    fn listen(&mut self, call: base::CallSid, id: voice::Id) {
        let began = self.millis(4_000);
        let over = began + self.millis(4_000);
        let heard = match self.random.below(4) {
            // Silence: the document's own time ends it.
            0 => return,
            1 => Heard::Nothing,
            _ => Heard::Final { text: "yes".to_owned(), confidence: 0.9 },
        };
        for (delay, heard) in [(began, Heard::Began), (over, heard)] {
            let told = Input::Heard { call, id, heard };
            self.later(delay, Later::Told(Box::new(told)));
        }
    }

    /// Something slow is done.
    pub(super) fn done(&mut self, later: Later) -> Result<(), Killed> {
        match later {
            Later::Screened(incoming) => self.screened(*incoming),
            Later::Told(input) => {
                self.queue(|node| node.heard.push_back(*input));
                Ok(())
            }
            Later::Named { call, ticket, name, make } => {
                let account = call.account;
                let named = self.commit(|tx, _| match queues::named(tx, account, &name, make) {
                    Ok(known) => Ok(Ok(known)),
                    Err(Refusal::Store(error)) => Err(error),
                    Err(Refusal::Api(error)) => Ok(Err((error.code, error.message))),
                })?;
                let told = Input::Queue { call: call.sid, ticket, result: named };
                self.queue(|node| node.heard.push_back(told));
                Ok(())
            }
            Later::Dialled { parent, ticket, draft, headers } => {
                let accepted = self.commit(|tx, context| work::accept(tx, context, &draft))?;
                let life = self.life;
                let result = accepted.map(|(record, plan)| {
                    self.known.insert(record.key, life);
                    Box::new(placing(record, plan, headers))
                });
                let told = Input::ChildPlaced { parent, ticket, result };
                self.queue(|node| node.heard.push_back(told));
                Ok(())
            }
            Later::TakeBegins(name) => self.take_begins(name),
            Later::TakeEnds(name) => self.take_ends(name),
            Later::Abandoned(name) => self.abandoned(name),
            Later::Steps => {
                let Some(node) = self.node.as_mut() else { return Ok(()) };
                let steps = std::mem::take(&mut node.steps);
                self.commit(|tx, context| work::step(tx, context, &steps)).map(drop)
            }
            Later::Writes => {
                let Some(node) = self.node.as_mut() else { return Ok(()) };
                let writes = std::mem::take(&mut node.writes);
                self.commit(|tx, context| rooms::write(tx, context, &writes))
            }
        }
    }

    fn screened(&mut self, incoming: sip::Incoming) -> Result<(), Killed> {
        let leg = incoming.leg;
        let called = incoming.request.uri.user().unwrap_or_default();
        let tenant = TENANTS.iter().find(|(_, number)| *number == called);
        let Some((tenant, number)) = tenant.filter(|_| !self.random.chance(50)) else {
            let refused = Input::Refused { leg, status: 404 };
            self.queue(|node| node.heard.push_back(refused));
            return Ok(());
        };
        let callback = self.callback();
        let record = self.commit(|tx, context| {
            work::came_in(tx, context, account(*tenant), |call| {
                call.from = "+15558675300".to_owned();
                call.to = (*number).to_owned();
                call.callback = callback;
            })
        })?;
        self.known.insert(record.key, self.life);
        let start = self.start();
        let offer = incoming.offer.map(Box::new);
        let (extra, path) = (Vec::new(), Vec::new());
        let admission = Admission { leg, record, start, offer, extra, path };
        self.queue(|node| node.heard.push_back(Input::Admitted(Box::new(admission))));
        Ok(())
    }

    /// What a call runs.
    pub(super) fn start(&mut self) -> voice::Start {
        if self.random.chance(300) {
            return voice::Start::Inline(documents::document(&mut self.random, self.theme));
        }
        let hook = |random: &mut machine::Random| twiml::Hook {
            url: format!("{}/voice", documents::application(random)),
            get: false,
        };
        let primary = hook(&mut self.random);
        let fallback = self.random.chance(300).then(|| hook(&mut self.random));
        voice::Start::Fetch { primary, fallback }
    }

    /// Which steps are told.
    pub(super) fn callback(&mut self) -> Option<StatusCallback> {
        let all = [Progress::Initiated, Progress::Ringing, Progress::Answered, Progress::Completed];
        let wanted = self.random.below(16);
        let events = (0..4).filter(|bit| wanted & 1 << bit != 0).map(|bit| all[bit as usize]);
        let events: Vec<Progress> = events.collect();
        let url = format!("{}/status", documents::application(&mut self.random));
        (!events.is_empty()).then_some(StatusCallback { hook: Hook { url, get: false }, events })
    }

    fn chunk(&mut self, name: media::RecordingId) {
        let take = self.node.as_mut().and_then(|node| node.takes.get_mut(&name));
        let Some(take) = take else { return };
        match &take.recording {
            Some(recording) => *self.parts.entry(recording.sid).or_default() += 1,
            None => take.early += 1,
        }
    }

    fn take_begins(&mut self, name: media::RecordingId) -> Result<(), Killed> {
        let take = self.node.as_ref().and_then(|node| node.takes.get(&name));
        let Some(new) = take.map(|take| take.new.clone()) else { return Ok(()) };
        let recording = self.commit(|tx, context| recordings::begin(tx, context, &new))?;
        let sid = recording.sid;
        let take = self.node.as_mut().and_then(|node| node.takes.get_mut(&name));
        let Some(take) = take else { return Ok(()) };
        let (early, over) = (std::mem::take(&mut take.early), take.over.is_some());
        take.recording = Some(recording);
        *self.parts.entry(sid).or_default() += early;
        if over {
            self.later(Duration::from_millis(1), Later::TakeEnds(name));
        }
        Ok(())
    }

    fn take_ends(&mut self, name: media::RecordingId) -> Result<(), Killed> {
        let Some(node) = self.node.as_mut() else { return Ok(()) };
        let begun = node.takes.get(&name).is_some_and(|take| take.recording.is_some());
        let Some(take) = begun.then(|| node.takes.remove(&name)).flatten() else { return Ok(()) };
        let Some(recording) = take.recording else { return Ok(()) };
        let recording = self.end_recording(recording, take.over.unwrap_or_default())?;
        let completed = recording.status == recordings::Status::Completed;
        let saved = completed.then(|| voice::Recording {
            url: recordings::address("http://sim", &recording),
            sid: recording.sid.to_string(),
            duration_s: recording.duration_s(),
        });
        self.queue(|node| node.heard.push_back(Input::Saved { recording: name, saved }));
        Ok(())
    }

    fn end_recording(&mut self, mut recording: Recording, ms: u64) -> Result<Recording, Killed> {
        let parts = self.parts.get(&recording.sid).copied().unwrap_or_default();
        recording.duration_ms = ms.max(u64::from(parts) * 20);
        recording.status = match parts {
            0 => recordings::Status::Absent,
            _ => recordings::Status::Completed,
        };
        self.commit(|tx, context| recordings::end(tx, context, &recording))?;
        Ok(recording)
    }

    /// Joins what a crash left of recordings.
    pub(super) fn join_recordings(&mut self) -> Result<(), Killed> {
        for recording in self.open_recordings() {
            self.end_recording(recording, 0)?;
        }
        Ok(())
    }

    /// A recording was asked for, and its call is over.
    fn abandoned(&mut self, name: media::RecordingId) -> Result<(), Killed> {
        for recording in self.open_recordings() {
            if recording.name == name.0 {
                self.end_recording(recording, 0)?;
            }
        }
        Ok(())
    }

    fn open_recordings(&mut self) -> Vec<Recording> {
        let node = Arc::clone(&self.context.node);
        let open = self.ledger.read(|reader| recordings::open_on(reader, &node));
        open.unwrap_or_else(|error| panic!("a read failed: {error}"))
    }

    /// A call that waits is called back.
    pub(super) fn call_back(&mut self, call: base::CallSid) -> bool {
        let Some(record) = self.node.as_mut().and_then(|node| node.pace.remove(call)) else {
            return false;
        };
        let (key, status, at) = (record.key, Status::Canceled, self.now);
        self.step(Change { key, status, at, sip_code: 0, price: None });
        true
    }

    /// An order of the API reaches the engine's task.
    pub(super) fn ordered(&mut self, input: Input) {
        use products::voice::engine::Order;
        if let Input::Order(call, Order::Record(_, name)) = &input {
            let can = self.node.as_ref().is_some_and(|node| node.engine.can_record(*call));
            if !can {
                let name = *name;
                let delay = self.millis(50);
                return self.later(delay, Later::Abandoned(name));
            }
        }
        self.tell(input);
    }
}
