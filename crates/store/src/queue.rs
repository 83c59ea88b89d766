//! Work waiting for a thread.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Monotonic};

use crate::StoreError;

/// A bounded queue that one or several threads take from.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limit: usize,
}

struct State<T> {
    items: VecDeque<T>,
    closed: bool,
    /// How many items a sleeping thread wants to be woken for.
    wanted: usize,
}

/// When [`Queue::take`] answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Items taken at once at most.
    pub(crate) limit: usize,
    /// Before this instant it waits for more company, up to `limit`.
    pub(crate) not_before: Option<Monotonic>,
    /// It answers without work after this time.
    pub(crate) idle: Option<Duration>,
}

/// What [`Queue::take`] found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// Work, in the order in which it came.
    Work(Vec<T>),
    /// Nothing came in the time given.
    Idle,
    /// The queue is closed and drained.
    Closed,
}

impl<T> Queue<T> {
    /// A queue that refuses work when `limit` items wait.
    pub(crate) fn new(limit: usize) -> Self {
        let state = State { items: VecDeque::new(), closed: false, wanted: 1 };
        Self { state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn push(&self, item: T) -> Result<(), StoreError> {
        let state = self.lock();
        if state.closed {
            return Err(StoreError::Closed);
        }
        if state.items.len() >= self.limit {
            return Err(StoreError::Overloaded);
        }
        self.add(state, item);
        Ok(())
    }

    /// Adds the rest of work that was taken already, whatever waits, and after `close` too.
    pub(crate) fn push_rest(&self, item: T) {
        self.add(self.lock(), item);
    }

    fn add(&self, mut state: MutexGuard<'_, State<T>>, item: T) {
        state.items.push_back(item);
        let wake = state.items.len() >= state.wanted;
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// Takes no more work; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Takes no more work and drops what waits, when the last thread that took from it ends.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.closed = true;
        let left = std::mem::take(&mut state.items);
        drop(state);
        self.changed.notify_all();
        drop(left);
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// Waits for work and takes it.
    pub(crate) fn take(&self, patience: Patience) -> Taken<T> {
        let idle_at = patience.idle.map(|idle| Monotonic::now() + idle);
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return Taken::Closed;
            }
            state.wanted = 1;
            state = match self.sleep(state, idle_at) {
                Ok(state) => state,
                Err(_) => return Taken::Idle,
            };
        }
        while patience.not_before.is_some() && state.items.len() < patience.limit && !state.closed {
            state.wanted = patience.limit;
            state = match self.sleep(state, patience.not_before) {
                Ok(state) => state,
                Err(mut state) => {
                    state.wanted = 1;
                    return Self::hand_out(state, patience.limit);
                }
            };
        }
        state.wanted = 1;
        Self::hand_out(state, patience.limit)
    }

    fn hand_out(mut state: MutexGuard<'_, State<T>>, limit: usize) -> Taken<T> {
        let count = state.items.len().min(limit);
        Taken::Work(state.items.drain(..count).collect())
    }

    /// Sleeps until something changed; `Err` once `until` has passed.
    fn sleep<'a>(
        &'a self,
        state: MutexGuard<'a, State<T>>,
        until: Option<Monotonic>,
    ) -> Result<MutexGuard<'a, State<T>>, MutexGuard<'a, State<T>>> {
        let Some(until) = until else {
            return Ok(self.changed.wait(state).unwrap_or_else(PoisonError::into_inner));
        };
        let left = until.saturating_duration_since(Monotonic::now());
        if left.is_zero() {
            return Err(state);
        }
        let woken = self.changed.wait_timeout(state, left);
        Ok(woken.unwrap_or_else(PoisonError::into_inner).0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NOW: Patience = Patience { limit: 2, not_before: None, idle: None };

    #[test]
    fn work_comes_in_order_and_in_portions() {
        let queue = Queue::new(3);
        for item in 1..=3 {
            queue.push(item).unwrap();
        }
        assert!(matches!(queue.push(4), Err(StoreError::Overloaded)));
        assert_eq!(queue.take(NOW), Taken::Work(vec![1, 2]));
        assert_eq!(queue.take(NOW), Taken::Work(vec![3]));
    }

    #[test]
    fn a_closed_queue_is_drained_first() {
        let queue = Queue::new(3);
        queue.push(1).unwrap();
        queue.close();
        assert!(matches!(queue.push(2), Err(StoreError::Closed)));
        queue.push_rest(3);
        assert_eq!(queue.take(NOW), Taken::Work(vec![1, 3]));
        assert_eq!(queue.take(NOW), Taken::Closed);
    }

    #[test]
    fn nothing_in_time_is_told() {
        let queue = Queue::<u8>::new(3);
        let idle = Some(Duration::from_millis(1));
        assert_eq!(queue.take(Patience { idle, ..NOW }), Taken::Idle);
    }

    #[test]
    fn full_portions_do_not_wait_for_company() {
        let queue = Arc::new(Queue::new(10));
        let pusher = Arc::clone(&queue);
        let thread = std::thread::spawn(move || (0..2).try_for_each(|item| pusher.push(item)));
        // An hour of patience ends when the portion is full.
        let not_before = Some(Monotonic::now() + Duration::from_secs(3600));
        assert_eq!(queue.take(Patience { not_before, ..NOW }), Taken::Work(vec![0, 1]));
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn every_item_finds_one_of_many_takers() {
        let queue = Arc::new(Queue::new(100_000));
        let takers: Vec<_> = (0..4)
            .map(|_| {
                let queue = Arc::clone(&queue);
                std::thread::spawn(move || {
                    let mut sum = 0_u64;
                    while let Taken::Work(items) = queue.take(Patience { limit: 1, ..NOW }) {
                        sum += items.iter().sum::<u64>();
                    }
                    sum
                })
            })
            .collect();
        (1..=20_000).for_each(|item| queue.push(item).unwrap());
        queue.close();
        let sum: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
        assert_eq!(sum, 20_000 * 20_001 / 2);
    }
}
