//! Queues: `Enqueue` puts a caller into a line, `Dial` with a `Queue` takes the one out that has
//! waited longest. A queue's name, size and SID are the edge's to know.

use std::collections::VecDeque;
use std::time::Duration;

use base::{CallSid, Instant, QueueSid};
use twiml::voice::{
    self, Dequeued, DialStatus, Dialled, Id, Input as Told, Mode, Queue, QueueResult,
};

use crate::voice::engine::dial::Dialling;
use crate::voice::engine::live::{Effect, Runner};
use crate::voice::engine::{Engine, KnownQueue, Member, Output, Ticket};

/// Callers at most in a queue that is made on demand.
const SIZE_MAX: u32 = 100;

/// Where a caller is in its stay in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// The queue is being looked up.
    Naming,
    /// In line.
    Waits,
    /// Called for by this one: a document is heard before the two are connected.
    Whispered(CallSid),
    /// Connected with this one.
    Bridged(CallSid),
}

/// A caller's stay in a queue.
pub(super) struct Queued {
    id: Id,
    ticket: Ticket,
    wait: voice::Wait,
    queue: Option<QueueSid>,
    since: Instant,
    /// When it was called for.
    left_at: Option<Instant>,
    pub stay: Stay,
}

/// A queue that somebody waits in, or for.
#[derive(Default)]
pub(super) struct Line {
    size_max: u32,
    members: VecDeque<CallSid>,
    agents: VecDeque<CallSid>,
}

impl Line {
    /// Whether nobody is in it, at either end.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.agents.is_empty()
    }
}

/// What a `Dial` of a queue has beside other dials.
pub(super) struct Serving {
    ticket: Ticket,
    whisper: Option<twiml::Hook>,
    queue: Option<QueueSid>,
    /// Waits for somebody, or is connected, until then.
    pub until: Option<Instant>,
    member: Option<CallSid>,
    /// How long the one that was called for had waited, in seconds.
    waited_s: Option<u64>,
}

impl Serving {
    /// What the action of the dial is told.
    pub(super) fn params(&self) -> voice::Params {
        let result = if self.waited_s.is_some() { "bridged" } else { "queue-empty" };
        let mut params = vec![("QueueResult".to_owned(), result.to_owned())];
        params.extend(self.queue.map(|sid| ("QueueSid".to_owned(), sid.to_string())));
        params.extend(self.waited_s.map(|s| ("QueueTime".to_owned(), s.to_string())));
        params
    }
}

impl Engine {
    /// `Enqueue`: the queue is looked up, and made where it is not there.
    pub(super) fn enqueue(&mut self, call: CallSid, id: Id, enqueue: voice::Enqueue) {
        let (ticket, now) = (Ticket(self.number()), self.now);
        let Some(live) = self.calls.get_mut(&call) else { return };
        live.effects.insert((Runner::Main, id), Effect::Enqueued);
        live.queued = Some(Box::new(Queued {
            id,
            ticket,
            wait: enqueue.wait,
            queue: None,
            since: now,
            left_at: None,
            stay: Stay::Naming,
        }));
        let (call, name) = (live.record.key, enqueue.name);
        let make = Some(enqueue.size_max.unwrap_or(SIZE_MAX));
        self.put(Output::NameQueue { call, ticket, name, make });
    }

    /// A queue is known, or is not there.
    pub(super) fn queue_named(
        &mut self,
        call: CallSid,
        ticket: Ticket,
        result: Result<Option<KnownQueue>, (u32, String)>,
    ) {
        let known = match result {
            Ok(known) => known,
            Err((_, text)) => {
                self.complain(call, &text);
                None
            }
        };
        let Some(live) = self.calls.get_mut(&call) else { return };
        if live.queued.as_ref().is_some_and(|it| it.ticket == ticket && it.stay == Stay::Naming) {
            return match known {
                Some(known) => self.join_line(call, known),
                None => self.dequeue(call, QueueResult::SystemError),
            };
        }
        let serving = live.dialling.as_mut().and_then(|it| it.queue.as_mut());
        if serving.is_some_and(|serving| serving.ticket == ticket && serving.queue.is_none()) {
            match known {
                Some(known) => self.join_agents(call, known),
                None => self.no_such_queue(call),
            }
        }
    }

    fn line(&mut self, known: KnownQueue) -> &mut Line {
        let line = self.lines.entry(known.sid).or_default();
        line.size_max = known.size_max;
        line
    }

    fn join_line(&mut self, call: CallSid, known: KnownQueue) {
        let now = self.now;
        let line = self.line(known);
        if line.members.len() >= line.size_max as usize {
            return self.dequeue(call, QueueResult::QueueFull);
        }
        line.members.push_back(call);
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(queued) = live.queued.as_mut() else { return };
        (queued.queue, queued.stay, queued.since) = (Some(known.sid), Stay::Waits, now);
        let wait = queued.wait.clone();
        let news = Member { call: live.record.key, queue: known.sid, since: Some(now) };
        self.put(Output::Member(news));
        self.begin_wait(call, &wait, Mode::QueueWait);
        self.match_line(known.sid);
    }

    /// Connects who waits with who asks, as long as there are both.
    fn match_line(&mut self, queue: QueueSid) {
        while let Some(line) = self.lines.get_mut(&queue) {
            if line.members.is_empty() || line.agents.is_empty() {
                return;
            }
            if let (Some(member), Some(agent)) = (line.members.pop_front(), line.agents.pop_front())
            {
                self.serve(agent, member);
            }
        }
    }

    fn serve(&mut self, agent: CallSid, member: CallSid) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&member) else { return };
        let (key, Some(queued)) = (live.record.key, live.queued.as_mut()) else { return };
        (queued.stay, queued.left_at) = (Stay::Whispered(agent), Some(now));
        let (queue, waited) = (queued.queue, now.since(queued.since).as_secs());
        if let Some(queue) = queue {
            self.put(Output::Member(Member { call: key, queue, since: None }));
        }
        self.end_wait(member);
        let dialling = self.calls.get_mut(&agent).and_then(|live| live.dialling.as_mut());
        let Some(serving) = dialling.and_then(|it| it.queue.as_mut()) else { return };
        (serving.member, serving.until) = (Some(member), None);
        serving.waited_s = Some(waited);
        let whisper = serving.whisper.clone();
        self.rewake(agent);
        match whisper {
            Some(hook) => self.begin_side(member, &hook, Mode::QueueWhisper),
            None => self.connect_member(agent, member),
        }
    }

    /// Connects the two.
    pub(super) fn connect_member(&mut self, agent: CallSid, member: CallSid) {
        let now = self.now;
        let leg = |engine: &Self, call| engine.calls.get(&call).and_then(|live| live.media);
        let (Some(a), Some(b)) = (leg(self, agent), leg(self, member)) else { return };
        let Some(live) = self.calls.get_mut(&agent) else { return };
        live.peer = Some(member);
        let Some(dialling) = live.dialling.as_mut() else { return };
        (dialling.chosen, dialling.bridged_at) = (Some(member), Some(now));
        let limit = Duration::from_secs(u64::from(dialling.dial.time_limit_s));
        let dial = dialling.id;
        if let Some(serving) = dialling.queue.as_mut() {
            serving.until = Some(now + limit);
        }
        let Some(live) = self.calls.get_mut(&member) else { return };
        live.peer = Some(agent);
        let Some(queued) = live.queued.as_mut() else { return };
        queued.stay = Stay::Bridged(agent);
        let stay = queued.id;
        for leg in [a, b] {
            self.put(Output::Media(media::Command::Stop(leg)));
        }
        self.put(Output::Media(media::Command::Bridge { a, b, pass_digits: true }));
        self.record_dial(agent);
        self.tell(agent, Runner::Main, Told::Bridged(dial));
        self.tell(member, Runner::Main, Told::Bridged(stay));
    }

    /// Ends a stay, and tells how.
    pub(super) fn dequeue(&mut self, call: CallSid, result: QueueResult) {
        let now = self.now;
        let Some(live) = self.calls.get_mut(&call) else { return };
        let (key, Some(queued)) = (live.record.key, live.queued.take()) else { return };
        live.effects.remove(&(Runner::Main, queued.id));
        live.peer = None;
        let left_at = queued.left_at.unwrap_or(now);
        if let (Some(queue), Stay::Waits) = (queued.queue, queued.stay) {
            if let Some(line) = self.lines.get_mut(&queue) {
                line.members.retain(|member| *member != call);
            }
            self.put(Output::Member(Member { call: key, queue, since: None }));
            self.match_line(queue);
        }
        if matches!(queued.stay, Stay::Waits | Stay::Whispered(_)) {
            self.end_wait(call);
        }
        let dequeued = Dequeued {
            result,
            sid: queued.queue.map(|sid| sid.to_string()),
            time_s: queued.queue.map(|_| left_at.since(queued.since).as_secs()),
        };
        self.tell(call, Runner::Main, Told::Dequeued(queued.id, dequeued));
        self.forget_if_over(call);
    }

    /// A caller hangs up, or is sent elsewhere.
    pub(super) fn stop_stay(&mut self, call: CallSid) {
        let Some(live) = self.calls.get(&call) else { return };
        let gone = !self.by_leg.contains_key(&live.leg);
        let Some(stay) = live.queued.as_ref().map(|queued| queued.stay) else { return };
        match (stay, gone) {
            (Stay::Naming | Stay::Waits, true) => self.dequeue(call, QueueResult::Hangup),
            (Stay::Naming | Stay::Waits, false) => self.dequeue(call, QueueResult::Redirected),
            (Stay::Whispered(agent), _) => {
                self.dequeue(call, QueueResult::BridgingInProcess);
                self.ask_again(agent);
            }
            (Stay::Bridged(agent), gone) => {
                self.dequeue(
                    call,
                    match gone {
                        true => QueueResult::Bridged,
                        false => QueueResult::RedirectedFromBridged,
                    },
                );
                self.end_dial(agent, None);
            }
        }
    }

    /// `Dial` of a queue: whoever waits longest is connected.
    pub(super) fn dial_queue(&mut self, call: CallSid, id: Id, dial: voice::Dial, queue: Queue) {
        let (ticket, item) = (Ticket(self.number()), self.number());
        let until = self.now + Duration::from_secs(u64::from(dial.timeout_s));
        let ring = self.tones.ringback(dial.ring_tone.as_deref().unwrap_or("us"));
        let Some(live) = self.calls.get_mut(&call) else { return };
        let serving = Serving {
            ticket,
            whisper: queue.url,
            queue: None,
            until: Some(until),
            member: None,
            waited_s: None,
        };
        live.dialling = Some(Box::new(Dialling::of_queue(id, dial, serving)));
        live.effects.insert((Runner::Main, id), Effect::Dialling);
        let key = live.record.key;
        self.play(call, vec![media::Item::forever(item, ring)]);
        self.put(Output::NameQueue { call: key, ticket, name: queue.name, make: None });
    }

    fn join_agents(&mut self, call: CallSid, known: KnownQueue) {
        let dialling = self.calls.get_mut(&call).and_then(|live| live.dialling.as_mut());
        let Some(dialling) = dialling.filter(|dialling| dialling.told.is_none()) else { return };
        let Some(serving) = dialling.queue.as_mut() else { return };
        serving.queue = Some(known.sid);
        self.line(known).agents.push_back(call);
        self.match_line(known.sid);
    }

    fn no_such_queue(&mut self, call: CallSid) {
        let Some(live) = self.calls.get_mut(&call) else { return };
        let Some(id) = live.dialling.take().map(|dialling| dialling.id) else { return };
        live.effects.remove(&(Runner::Main, id));
        if let Some(leg) = live.media {
            self.put(Output::Media(media::Command::Stop(leg)));
        }
        let result = ("QueueResult".to_owned(), QueueResult::Error.as_str().to_owned());
        let dialled = Dialled {
            status: DialStatus::Failed,
            sid: None,
            duration_s: None,
            bridged: Some(false),
            recording: None,
            more: vec![result],
        };
        self.tell(call, Runner::Main, Told::Dialled(id, dialled));
    }

    /// The one that was called for is gone: the next one is.
    fn ask_again(&mut self, agent: CallSid) {
        let now = self.now;
        let dialling = self.calls.get_mut(&agent).and_then(|live| live.dialling.as_mut());
        let Some(dialling) = dialling.filter(|dialling| dialling.told.is_none()) else { return };
        let timeout = Duration::from_secs(u64::from(dialling.dial.timeout_s));
        let Some(serving) = dialling.queue.as_mut() else { return };
        (serving.member, serving.waited_s) = (None, None);
        serving.until = Some(now + timeout);
        let Some(queue) = serving.queue else { return };
        self.lines.entry(queue).or_default().agents.push_front(agent);
        self.rewake(agent);
        self.match_line(queue);
    }

    /// Who asked is gone: whoever was to be connected is first in line again, and whoever was
    /// connected goes on.
    pub(super) fn agent_gone(&mut self, agent: CallSid) {
        let dialling = self.calls.get_mut(&agent).and_then(|live| live.dialling.as_mut());
        let Some(serving) = dialling.and_then(|it| it.queue.as_mut()) else { return };
        serving.until = None;
        let (queue, member) = (serving.queue, serving.member.take());
        if let Some(line) = queue.and_then(|queue| self.lines.get_mut(&queue)) {
            line.agents.retain(|call| *call != agent);
        }
        let Some(member) = member else {
            return queue.into_iter().for_each(|queue| self.match_line(queue));
        };
        let Some(live) = self.calls.get_mut(&member) else { return };
        let (key, Some(queued)) = (live.record.key, live.queued.as_mut()) else { return };
        match (queued.stay, queued.queue) {
            (Stay::Whispered(of), Some(queue)) if of == agent => {
                (queued.stay, queued.left_at) = (Stay::Waits, None);
                let (since, wait) = (Some(queued.since), queued.wait.clone());
                self.lines.entry(queue).or_default().members.push_front(member);
                self.put(Output::Member(Member { call: key, queue, since }));
                self.end_wait(member);
                self.begin_wait(member, &wait, Mode::QueueWait);
                self.match_line(queue);
            }
            (Stay::Bridged(of), _) if of == agent => self.dequeue(member, QueueResult::Bridged),
            _ => {}
        }
    }

    /// The time of a queue's dial is over: nobody came, or it lasted long enough.
    pub(super) fn queue_dial_due(&mut self, call: CallSid) {
        let now = self.now;
        let dialling = self.calls.get_mut(&call).and_then(|live| live.dialling.as_mut());
        let Some(serving) = dialling.and_then(|it| it.queue.as_mut()) else { return };
        if serving.until.is_none_or(|at| at > now) {
            return;
        }
        serving.until = None;
        let cut = serving.member.is_none().then_some(DialStatus::NoAnswer);
        self.end_dial(call, cut);
    }

    /// What the documents of one who waits, or is called for, are asked with.
    pub(super) fn queue_params(&self, call: CallSid) -> voice::Params {
        let Some(queued) = self.calls.get(&call).and_then(|live| live.queued.as_ref()) else {
            return Vec::new();
        };
        let Some(sid) = queued.queue else { return Vec::new() };
        let seconds = |of: &Queued| self.now.since(of.since).as_secs();
        let mut params = vec![
            ("QueueSid".to_owned(), sid.to_string()),
            ("QueueTime".to_owned(), seconds(queued).to_string()),
        ];
        if let Stay::Whispered(agent) = queued.stay {
            // Spelt as it is on the wire.
            params.push(("DequeingCallSid".to_owned(), agent.to_string()));
            return params;
        }
        let Some(line) = self.lines.get(&sid) else { return params };
        let position = line.members.iter().position(|member| *member == call).unwrap_or_default();
        let waits = line.members.iter().filter_map(|member| {
            self.calls.get(member)?.queued.as_ref().map(|queued| seconds(queued))
        });
        let average = waits.sum::<u64>() / (line.members.len().max(1) as u64);
        for (name, value) in [
            ("QueuePosition", position as u64 + 1),
            ("AvgQueueTime", average),
            ("CurrentQueueSize", line.members.len() as u64),
            ("MaxQueueSize", u64::from(line.size_max)),
        ] {
            params.push((name.to_owned(), value.to_string()));
        }
        params
    }
}
