//! Segments that wait for a bind, and those that wait for their response.

use base::Instant;

use crate::client::{Client, Key, LinkId, Outcome, Output};
use crate::pdu::{Body, ShortMessage, status};

/// The segments of one message that are not answered yet.
#[derive(Debug)]
pub(super) struct Group {
    key: Key,
    parts: u8,
    expires_at: Option<Instant>,
    open: usize,
    /// Something of it was submitted, so that it can't be given back any more.
    started: bool,
}

/// A segment that waits.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) group: u64,
    pub(super) part: u8,
    pub(super) message: Box<ShortMessage>,
}

/// A segment without its response.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) link: LinkId,
    pub(super) group: u64,
    pub(super) part: u8,
    pub(super) message: Box<ShortMessage>,
}

impl Client {
    pub(super) fn submit(
        &mut self,
        key: Key,
        parts: u8,
        expires_at: Option<Instant>,
        segments: Vec<(u8, ShortMessage)>,
    ) {
        let group = self.next_id;
        self.next_id += 1;
        let open = segments.len();
        if open == 0 {
            // The settings changed while parts were out: there is nothing that could complete it.
            let outcome = Outcome::Refused(status::SYSTEM_ERROR);
            let answered = Output::Answered { key, part: 0, parts, outcome, last: true };
            return self.outputs.push_back(answered);
        }
        self.groups.insert(group, Group { key, parts, expires_at, open, started: false });
        let queued = segments.into_iter();
        self.queue.extend(queued.map(|(part, m)| Queued { group, part, message: Box::new(m) }));
    }

    pub(super) fn answer(&mut self, id: u64, part: u8, outcome: Outcome) {
        let Some(group) = self.groups.get_mut(&id) else { return };
        group.open -= 1;
        let (key, parts, last) = (group.key, group.parts, group.open == 0);
        if last {
            self.groups.remove(&id);
        }
        self.outputs.push_back(Output::Answered { key, part, parts, outcome, last });
    }

    /// Submits as far as windows and paces allow.
    pub(super) fn fill(&mut self) {
        if self.stopping {
            return self.give_back(Outcome::Unreachable);
        }
        let overdue = self.down_since.is_some_and(|since| since + self.config.patience <= self.now);
        if overdue {
            return self.give_back(Outcome::Unreachable);
        }
        while let Some(queued) = self.queue.front() {
            let Some(group) = self.groups.get(&queued.group) else {
                self.queue.pop_front();
                continue;
            };
            if !group.started && group.expires_at.is_some_and(|at| at <= self.now) {
                let id = queued.group;
                self.withdraw(id, Outcome::Expired);
                continue;
            }
            let Some(index) = self.next_link() else { return };
            let Some(queued) = self.queue.pop_front() else { return };
            self.send(index, queued);
        }
    }

    /// The next bind in turn with room in its window, at its pace.
    fn next_link(&mut self) -> Option<usize> {
        let (now, window, count) = (self.now, self.config.window, self.links.len());
        for step in 0..count {
            let index = (self.turn + step) % count;
            let link = &mut self.links[index];
            if link.has_room(window) && link.pace.take(now) {
                self.turn = (index + 1) % count;
                return Some(index);
            }
        }
        None
    }

    fn send(&mut self, index: usize, queued: Queued) {
        let Queued { group, part, message } = queued;
        let token = self.next_id;
        self.next_id += 1;
        let now = self.now;
        let link = &mut self.links[index];
        let id = LinkId { index, connection: link.connection };
        let Some(session) = link.session.as_mut() else { return };
        session.request(now, token, Body::SubmitSm(message.clone()));
        link.in_flight += 1;
        self.in_flight.insert(token, InFlight { link: id, group, part, message });
        if let Some(group) = self.groups.get_mut(&group) {
            group.started = true;
        }
    }

    /// Gives messages back of which nothing was submitted.
    fn give_back(&mut self, outcome: Outcome) {
        let mut ids: Vec<u64> =
            self.groups.iter().filter(|(_, group)| !group.started).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.into_iter().for_each(|id| self.withdraw(id, outcome.clone()));
    }

    /// Answers a message as a whole.
    fn withdraw(&mut self, id: u64, outcome: Outcome) {
        self.queue.retain(|queued| queued.group != id);
        if let Some(group) = self.groups.remove(&id) {
            let (key, parts) = (group.key, group.parts);
            let last = true;
            self.outputs.push_back(Output::Answered { key, part: 0, parts, outcome, last });
        }
    }
}
