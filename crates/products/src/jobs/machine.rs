//! The job runner's decisions: what is loaded, run, removed and put off. A machine.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use base::Instant;
use machine::Machine;
use store::job::{Job, JobId};

/// Jobs that run at once.
const RUNNING_MAX: usize = 256;

/// How often the table is looked at even when nothing calls for it.
const RECHECK: Duration = Duration::from_secs(2);

/// What the runner is told.
#[derive(Debug)]
pub enum Input {
    /// There is a new job in the table.
    Nudge,
    /// What a `Load` brought, and when the next job after these is due.
    Loaded(Vec<Job>, Option<Instant>),
    /// A job ended well.
    Done(JobId),
    /// A job failed; it will be tried again.
    Failed(JobId),
}

/// What the runner wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// Read up to so many due jobs.
    Load(u32),
    /// Run this job.
    Run(Job),
    /// Remove this job: it is done.
    Remove(JobId),
    /// Try it again at this instant.
    PutOff(JobId, Instant),
}

/// The runner.
#[derive(Default)]
pub struct JobRunner {
    now: Instant,
    running: BTreeMap<JobId, i64>,
    loading: bool,
    again: bool,
    load_at: Option<Instant>,
    outputs: VecDeque<Output>,
}

impl JobRunner {
    /// A runner that begins by loading.
    pub fn new(now: Instant) -> Self {
        Self { now, load_at: Some(now), ..Self::default() }
    }

    /// Jobs that run now.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    fn loaded(&mut self, jobs: Vec<Job>, next_due: Option<Instant>) {
        self.loading = false;
        for job in jobs {
            if self.running.len() < RUNNING_MAX && !self.running.contains_key(&job.id) {
                self.running.insert(job.id, job.attempts);
                self.outputs.push_back(Output::Run(job));
            }
        }
        let recheck = self.now + RECHECK;
        self.load_at = Some(next_due.map_or(recheck, |at| at.min(recheck)));
    }

    fn load_if_due(&mut self) {
        let due = self.again || self.load_at.is_some_and(|at| at <= self.now);
        if due && !self.loading && self.running.len() < RUNNING_MAX {
            (self.loading, self.again, self.load_at) = (true, false, None);
            // Running jobs are still in the table: room is made for them beside the new ones.
            self.outputs.push_back(Output::Load(2 * RUNNING_MAX as u32));
        }
    }
}

/// Pauses grow from a second to ten minutes.
fn pause(attempts: i64) -> Duration {
    Duration::from_secs(1 << attempts.clamp(0, 10)).min(Duration::from_secs(600))
}

impl Machine for JobRunner {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, now: Instant, input: Input) {
        self.now = now;
        match input {
            Input::Nudge => self.again = true,
            Input::Loaded(jobs, next_due) => self.loaded(jobs, next_due),
            Input::Done(id) => {
                self.running.remove(&id);
                self.outputs.push_back(Output::Remove(id));
            }
            Input::Failed(id) => {
                let attempts = self.running.remove(&id).unwrap_or_default();
                self.outputs.push_back(Output::PutOff(id, now + pause(attempts)));
            }
        }
        self.load_if_due();
    }

    fn tick(&mut self, now: Instant) {
        self.now = now;
        self.load_if_due();
    }

    fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn wake_at(&self) -> Option<Instant> {
        self.load_at.filter(|_| !self.loading)
    }
}

#[cfg(test)]
mod tests {
    use base::{AccountSid, Sid};

    use super::*;

    fn job(number: u8, attempts: i64) -> Job {
        Job {
            id: [number; 16],
            account: AccountSid::from_bytes([1; 16]),
            kind: "test".into(),
            due_at: Instant::from_secs(1),
            attempts,
            payload: String::new(),
        }
    }

    fn outputs(runner: &mut JobRunner) -> Vec<Output> {
        std::iter::from_fn(|| runner.poll()).collect()
    }

    #[test]
    fn a_job_is_run_once_until_it_ended() {
        let now = Instant::from_secs(10);
        let mut runner = JobRunner::new(now);
        runner.tick(now);
        assert_eq!(outputs(&mut runner), [Output::Load(512)]);
        runner.handle(now, Input::Loaded(vec![job(1, 0)], None));
        runner.handle(now, Input::Nudge);
        runner.handle(now, Input::Loaded(vec![job(1, 0)], None));
        assert_eq!(outputs(&mut runner), [Output::Run(job(1, 0)), Output::Load(512)]);
        runner.handle(now, Input::Done([1; 16]));
        assert_eq!(outputs(&mut runner), [Output::Remove([1; 16])]);
    }

    #[test]
    fn failures_wait_longer_each_time() {
        let now = Instant::from_secs(10);
        let mut runner = JobRunner::new(now);
        runner.handle(now, Input::Loaded(vec![job(1, 3)], None));
        runner.handle(now, Input::Failed([1; 16]));
        let put_off = outputs(&mut runner).pop();
        assert_eq!(put_off, Some(Output::PutOff([1; 16], now + Duration::from_secs(8))));
    }
}
