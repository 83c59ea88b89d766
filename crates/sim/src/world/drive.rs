//! The driver of the node's machines: carries out what they want, in the world's time.

use std::sync::Arc;
use std::time::Duration;

use base::Instant;
use machine::Machine;
use products::messaging::{dispatch, store as messages, work};
use products::webhooks::queue::{self, Key, Verdict};
use products::webhooks::store::{self as hooks, Attempt, State};
use store::StoreError;

use crate::node::{CARRIER, Node, key_of, queues};
use crate::world::{Happening, Killed, World};

impl World {
    /// Carries out what the machines want until they want nothing more.
    pub(super) fn pump(&mut self) -> Result<(), Killed> {
        loop {
            let Some(node) = &mut self.node else { return Ok(()) };
            node.dispatcher.tick(self.now);
            node.queue.tick(self.now);
            if let Some(output) = node.dispatcher.poll() {
                self.dispatch(output)?;
            } else if let Some(output) = node.queue.poll() {
                self.deliver(output)?;
            } else if let Some(event) = self.line.as_mut().and_then(|line| line.poll(self.now)) {
                self.told(event)?;
            } else {
                break;
            }
        }
        let line = self.line.as_ref().and_then(|line| line.wake_at(self.now));
        self.wake(line, || Happening::Line);
        let node = self.node.as_ref().and_then(Node::wake_at);
        self.wake(node, || Happening::Wake);
        Ok(())
    }

    /// Has something happen at an instant, unless it happens before then anyway.
    fn wake(&mut self, at: Option<Instant>, happening: fn() -> Happening) {
        let Some(at) = at else { return };
        let kind = std::mem::discriminant(&happening());
        let before = self.agenda.range(..=(at, u64::MAX));
        let asked = before.into_iter().any(|(_, next)| std::mem::discriminant(next) == kind);
        if !asked {
            let delay = at.since(self.now).max(Duration::from_micros(1));
            self.after(delay, happening());
        }
    }

    fn dispatch(&mut self, output: dispatch::Output) -> Result<(), Killed> {
        use dispatch::Output;
        let life = self.life;
        let input = match output {
            Output::StoreWindow(number, keys) => {
                let row = self.commit(|tx, _| messages::open_window(tx, &keys))?;
                if let Some(node) = &mut self.node {
                    node.windows.insert(number, row);
                }
                dispatch::Input::WindowStored(number)
            }
            Output::Submit(submissions) if self.line.is_some() => {
                for submission in submissions {
                    let line = self.line.as_mut();
                    line.into_iter().for_each(|line| line.submit(submission.clone(), self.now));
                }
                return Ok(());
            }
            Output::Submit(submissions) => {
                for submission in submissions {
                    let reaction = self.carrier.submit(&submission, &mut self.random);
                    let key = key_of(&submission.key);
                    let last = reaction.answers.len().saturating_sub(1);
                    for (index, (delay, part, outcome)) in reaction.answers.into_iter().enumerate()
                    {
                        let answer = work::Answer { carrier: CARRIER, key, part, outcome };
                        self.after(delay, Happening::Answered(life, answer, index == last));
                    }
                    for (delay, receipt) in reaction.receipts {
                        self.after(delay, Happening::Receipt(receipt));
                    }
                }
                return Ok(());
            }
            Output::WindowDone(number) => {
                let row = self.node.as_mut().and_then(|node| node.windows.remove(&number));
                let rows: Vec<[u8; 16]> = row.into_iter().collect();
                return self.commit(|tx, _| messages::close_windows(tx, &rows));
            }
            Output::Fail(key, code) => {
                return self.commit(|tx, context| work::fail(tx, context, &[(key, code)]));
            }
            Output::PutOff(key, at) => {
                return self.commit(|tx, _| messages::put_off(tx, &[(key, at)]));
            }
            Output::Load(limit) => {
                let loaded = self.load_messages(limit);
                let delay = Duration::from_millis(self.random.below(50));
                self.after(delay, Happening::MessagesLoaded(life, loaded));
                return Ok(());
            }
        };
        if let Some(node) = &mut self.node {
            node.dispatcher.handle(self.now, input);
        }
        Ok(())
    }

    fn load_messages(&mut self, limit: usize) -> dispatch::Input {
        let (now, context) = (self.now, &self.context);
        self.ledger.read(|reader| {
            let found = messages::waiting(reader, queues(), now, limit as u32);
            let found = found.unwrap_or_else(|error| panic!("a load failed: {error}"));
            let more = found.len() == limit;
            let reload = |message| work::reload(reader, context, CARRIER, message);
            let loaded: Result<Vec<_>, StoreError> = found.iter().map(reload).collect();
            let next_due = messages::next_waiting(reader, queues(), now);
            dispatch::Input::Loaded {
                messages: loaded.unwrap_or_else(|error| panic!("a load failed: {error}")),
                more,
                next_due: next_due.unwrap_or_else(|error| panic!("a load failed: {error}")),
            }
        })
    }

    fn deliver(&mut self, output: queue::Output) -> Result<(), Killed> {
        let life = self.life;
        match output {
            queue::Output::Attempt(key, number) => {
                let Some(node) = &mut self.node else { return Ok(()) };
                let Some(delivery) = node.deliveries.get(&key) else { return Ok(()) };
                let endpoint = delivery.url.split('#').next().unwrap_or_default().to_owned();
                let (delay, outcome) =
                    self.endpoints.ask(&endpoint, key.0, key.1, &mut self.random);
                self.note(&[u64::from(number)]);
                self.after(delay, Happening::Called(life, key, outcome));
                Ok(())
            }
            queue::Output::Record(key, verdict) => self.record(key, verdict),
            queue::Output::Load(objects) => {
                self.load_deliveries(objects);
                Ok(())
            }
        }
    }

    fn record(&mut self, key: Key, verdict: Verdict) -> Result<(), Killed> {
        let now = self.now;
        let Some(node) = &mut self.node else { return Ok(()) };
        let Some(delivery) = node.deliveries.get_mut(&key) else { return Ok(()) };
        delivery.attempts += 1;
        let (number, account) = (delivery.attempts, delivery.account);
        let (state, due_at) = match verdict {
            Verdict::Delivered => (State::Delivered, None),
            Verdict::Exhausted => (State::Exhausted, None),
            Verdict::RetryAt(at) => (State::Waiting, Some(at)),
        };
        if state != State::Waiting {
            node.deliveries.remove(&key);
        }
        let attempt = Attempt {
            account,
            object: key.0,
            object_seq: key.1,
            number,
            started_at: now,
            duration_us: 0,
            status: 0,
            error: 0,
            answer: None,
            state,
            due_at,
            alert: None,
        };
        self.commit(|tx, _| hooks::record(tx, &[attempt]))?;
        if let Some(node) = &mut self.node {
            node.queue.handle(now, queue::Input::Recorded(key));
        }
        Ok(())
    }

    fn load_deliveries(&mut self, objects: u32) {
        let (life, master) = (self.life, Arc::clone(&self.context.master));
        let waiting = self.ledger.read(|reader| hooks::waiting(reader, &master, objects));
        let waiting = waiting.unwrap_or_else(|error| panic!("a load failed: {error}"));
        let complete = waiting.len() < objects as usize;
        let delay = Duration::from_millis(self.random.below(50));
        self.after(delay, Happening::DeliveriesLoaded(life, waiting, complete));
    }
}
