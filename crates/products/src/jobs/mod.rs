//! Jobs: work that must follow a change, found in the table and done by the product that its kind
//! names.

pub mod machine;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use ::machine::Machine;
use net::Clock;
use store::job::{self, Job, JobId};
use store::{Batch, Store, StoreError};
use tokio::sync::mpsc;

use machine::{Input, JobRunner, Output};

/// A job under way: `Err` asks for another try later.
pub type Running = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Does the jobs of one kind.
pub struct Handler {
    /// The kind: `product.job`.
    pub kind: &'static str,
    /// Does one; must be safe to repeat.
    pub run: Box<dyn Fn(Job) -> Running + Send + Sync>,
}

/// The mailbox of the running job runner.
#[derive(Clone)]
pub struct Jobs {
    events: mpsc::UnboundedSender<Input>,
}

/// Its receiving end.
pub struct Mailbox(mpsc::UnboundedReceiver<Input>);

/// A change of the jobs' table.
enum Change {
    Remove(JobId),
    PutOff(JobId, base::Instant),
}

impl Jobs {
    /// A mailbox, and what `run` needs of it.
    pub fn new() -> (Self, Mailbox) {
        let (events, mailbox) = mpsc::unbounded_channel();
        (Self { events }, Mailbox(mailbox))
    }

    /// Tells the runner of a new job.
    pub fn nudge(&self) {
        // Without a runner the job waits in the table.
        let _ = self.events.send(Input::Nudge);
    }

    /// Runs jobs until the program ends.
    pub async fn run(
        self,
        store: Store,
        clock: Arc<dyn Clock>,
        handlers: Vec<Handler>,
        Mailbox(mut mailbox): Mailbox,
    ) {
        let changes = Batch::new(store.clone(), |tx, changes: Vec<Change>| {
            for change in &changes {
                match change {
                    Change::Remove(id) => job::done(tx, id)?,
                    Change::PutOff(id, at) => job::put_off(tx, id, *at)?,
                }
            }
            Ok(vec![(); changes.len()])
        });
        let mut runner = JobRunner::new(clock.now());
        loop {
            runner.tick(clock.now());
            self.drain(&mut runner, &store, &clock, &handlers, &changes);
            let wake_at = runner.wake_at();
            let sleep = async {
                match wake_at {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                input = mailbox.recv() => match input {
                    Some(input) => runner.handle(clock.now(), input),
                    None => return,
                },
                () = sleep => {}
            }
        }
    }

    fn drain(
        &self,
        runner: &mut JobRunner,
        store: &Store,
        clock: &Arc<dyn Clock>,
        handlers: &[Handler],
        changes: &Batch<Change, ()>,
    ) {
        while let Some(output) = runner.poll() {
            let change = match output {
                Output::Load(limit) => {
                    self.load(store, clock.now(), limit);
                    continue;
                }
                Output::Run(job) => {
                    self.start(job, handlers);
                    continue;
                }
                Output::Remove(id) => Change::Remove(id),
                Output::PutOff(id, at) => Change::PutOff(id, at),
            };
            if let Err(error) = changes.send([change]) {
                tracing::warn!(%error, "a job's end could not be written; it will run again");
            }
        }
    }

    fn load(&self, store: &Store, now: base::Instant, limit: u32) {
        let (store, events) = (store.clone(), self.events.clone());
        tokio::spawn(async move {
            let read = store.read(move |reader| {
                let due = job::due(reader, now, limit)?;
                Ok::<_, StoreError>((due, job::next_due_after(reader, now)?))
            });
            let (jobs, next) = read.await.unwrap_or_else(|error| {
                tracing::warn!(%error, "jobs could not be loaded");
                (Vec::new(), None)
            });
            // The runner only stops with the program.
            let _ = events.send(Input::Loaded(jobs, next));
        });
    }

    fn start(&self, job: Job, handlers: &[Handler]) {
        let (events, id) = (self.events.clone(), job.id);
        let Some(handler) = handlers.iter().find(|handler| handler.kind == job.kind) else {
            tracing::error!(kind = job.kind, "nobody does jobs of this kind");
            let _ = events.send(Input::Failed(id));
            return;
        };
        let running = (handler.run)(job);
        tokio::spawn(async move {
            let input = match running.await {
                Ok(()) => Input::Done(id),
                Err(error) => {
                    tracing::warn!(%error, "a job failed; it will be tried again");
                    Input::Failed(id)
                }
            };
            // The runner only stops with the program.
            let _ = events.send(input);
        });
    }
}
