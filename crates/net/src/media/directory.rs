//! Which thread has which leg or mixer. Orders are sent under its lock, so that all threads see
//! moves in one order.

use std::collections::HashMap;

use media::{Command, Item, Law, LegId, MixerId, Owner, Source};

use super::worker::Order;

/// A leg's thread, and its law.
struct Home {
    thread: usize,
    law: Law,
}

pub(super) struct Directory {
    legs: HashMap<LegId, Home>,
    mixers: HashMap<MixerId, usize>,
    /// Legs of each thread.
    load: Vec<usize>,
    next: u64,
}

impl Directory {
    pub(super) fn new(threads: usize) -> Self {
        Self { legs: HashMap::new(), mixers: HashMap::new(), load: vec![0; threads], next: 1 }
    }

    pub(super) fn legs(&self) -> usize {
        self.legs.len()
    }

    pub(super) fn open(&mut self, beside: Option<LegId>, law: Law) -> (LegId, usize) {
        let thread = self.choose(beside);
        let leg = LegId(self.next());
        self.load[thread] += 1;
        self.legs.insert(leg, Home { thread, law });
        (leg, thread)
    }

    pub(super) fn open_mixer(&mut self, beside: Option<LegId>) -> (MixerId, usize) {
        let thread = self.choose(beside);
        let mixer = MixerId(self.next());
        self.mixers.insert(mixer, thread);
        (mixer, thread)
    }

    /// The thread that a command is for; legs that it brings together are moved there first.
    pub(super) fn route(
        &mut self,
        command: &Command,
        mut send: impl FnMut(Order, usize),
    ) -> Option<usize> {
        match command {
            Command::Bridge { a, b, .. } => {
                let thread = self.legs.get(a)?.thread;
                self.bring(*b, thread, &mut send)?;
                Some(thread)
            }
            Command::Join(leg, mixer, _) => {
                let thread = *self.mixers.get(mixer)?;
                self.bring(*leg, thread, &mut send)?;
                Some(thread)
            }
            Command::Play(leg, items) => {
                let home = self.legs.get(leg)?;
                prepare(items, home.law);
                Some(home.thread)
            }
            Command::Update(leg, config) => {
                let home = self.legs.get_mut(leg)?;
                home.law = config.law;
                Some(home.thread)
            }
            Command::Close(leg) => {
                let home = self.legs.remove(leg)?;
                self.load[home.thread] -= 1;
                Some(home.thread)
            }
            Command::Announce(mixer, items) => {
                prepare(items, Law::Mu);
                self.mixers.get(mixer).copied()
            }
            Command::CloseMixer(mixer) => self.mixers.remove(mixer),
            Command::StopAnnouncing(mixer) => self.mixers.get(mixer).copied(),
            Command::OpenMixer(_) => None,
            Command::Record(owner, ..)
            | Command::PauseRecording(owner, ..)
            | Command::ResumeRecording(owner, _)
            | Command::StopRecording(owner, _) => match owner {
                Owner::Leg(leg) => self.home(*leg),
                Owner::Mixer(mixer) => self.mixers.get(mixer).copied(),
            },
            Command::Stop(leg)
            | Command::Echo(leg, _)
            | Command::Detach(leg)
            | Command::Listen(leg, _)
            | Command::Tap(leg, ..)
            | Command::Untap(leg, _)
            | Command::Statistics(leg) => self.home(*leg),
        }
    }

    fn home(&self, leg: LegId) -> Option<usize> {
        self.legs.get(&leg).map(|home| home.thread)
    }

    /// Moves a leg to a thread, where it is not there yet.
    fn bring(
        &mut self,
        leg: LegId,
        thread: usize,
        send: &mut impl FnMut(Order, usize),
    ) -> Option<()> {
        let home = self.legs.get_mut(&leg)?;
        let before = std::mem::replace(&mut home.thread, thread);
        if before != thread {
            self.load[before] -= 1;
            self.load[thread] += 1;
            send(Order::Expect(leg), thread);
            send(Order::Move { leg, to: thread }, before);
        }
        Some(())
    }

    fn choose(&self, beside: Option<LegId>) -> usize {
        let lightest = || (0..self.load.len()).min_by_key(|thread| self.load[*thread]);
        beside.and_then(|leg| self.home(leg)).or_else(lightest).unwrap_or_default()
    }

    fn next(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Makes the law that a prompt is needed in, here and not on the media thread.
fn prepare(items: &[Item], law: Law) {
    for item in items {
        if let Source::Prompt { prompt, .. } = &item.source {
            prompt.octets(law);
        }
    }
}
