//! `make bench`: how fast texts are accepted and delivered, with every accept synced and two
//! signed callbacks each, beside the limits of this machine. Generator and callback sink run on
//! the same cores as the product. How fast numbers are looked up. And calls: what a held one costs
//! and how many are set up a second, beside Asterisk.
//!
//! `bench [MESSAGES] [PART…]`: `half`, `calls` (of the system), `laden`, `postgres`, `smpp`,
//! `lookup` and `voice`, which are measured without parts, and `soak`, which must be named.

mod generator;
mod kannel;
mod limits;
mod lookup;
mod preload;
mod report;
mod server;
mod sink;
mod smpp;
mod voice;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Outcome;
use generator::Load;
use report::{Figures, Table};
use server::{Engine, Server};
use sink::Sink;

/// Messages of one measurement unless another number is given.
const MESSAGES: usize = 60_000;

/// Connections of the generator: each waits for its answer before its next request.
const CONNECTIONS: usize = 96;

/// Messages that are in the tables for the last measurement.
const PRELOADED: u64 = 2_000_000;

/// Measures `[MESSAGES] [PART…]` and prints a table; without parts all of them.
pub fn run(arguments: &[String]) -> Outcome<()> {
    let (number, parts) = match arguments.split_first() {
        Some((first, parts)) => match first.parse() {
            Ok(number) => (number, parts),
            Err(_) => (MESSAGES, arguments),
        },
        None => (MESSAGES, arguments),
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    server::build()?;
    let folder = server::scratch()?;
    let bench = Bench { messages: number, parts, folder: &folder };
    let outcome = runtime.block_on(bench.measure());
    std::fs::remove_dir_all(&folder)?;
    outcome
}

struct Bench<'a> {
    messages: usize,
    parts: &'a [String],
    folder: &'a Path,
}

impl Bench<'_> {
    fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
    }

    async fn measure(&self) -> Outcome<()> {
        if self.wants("lookup") {
            lookup::measure(&self.folder.join("lookup"), self.messages).await?;
        }
        let others = ["lookup", "voice", "soak"];
        if self.parts.is_empty() || self.parts.iter().any(|part| !others.contains(&&**part)) {
            self.texts().await?;
        }
        // Last, for it stays on one core.
        if self.wants("voice") {
            voice::measure(self.folder).await?;
        }
        if self.parts.iter().any(|part| part == "soak") {
            voice::soak(self.folder).await?;
        }
        Ok(())
    }

    async fn texts(&self) -> Outcome<()> {
        let (syncs, rows) = limits::of(self.folder)?;
        let table = Table::begin(syncs, rows);
        let sink = Sink::start().await?;
        let server = Arc::new(Server::start(self.folder, Engine::Sqlite, None).await?);
        // Caches, plans and connections first.
        series(&server, &sink, self.messages / 10, None).await?;
        let full = series(&server, &sink, self.messages, None).await?;
        table.add("SQLite, full speed", &full);
        if self.wants("half") {
            let rate = full.end_to_end() / 2.0;
            let half = series(&server, &sink, self.messages / 2, Some(rate)).await?;
            table.add("SQLite, half load", &half);
        }
        if self.wants("calls") {
            table.calls(server.system_calls(&sink, self.messages / 20).await?);
        }
        stop(server).await?;
        if self.wants("laden") {
            preload::messages(self.folder, PRELOADED)?;
            let laden = self.fresh(&sink, self.folder, Engine::Sqlite).await?;
            table.add("SQLite, 2,000,000 before", &laden);
        }
        let postgres = std::env::var("TRUNKLINE_TEST_POSTGRES").ok();
        if let Some(url) = postgres.filter(|_| self.wants("postgres")) {
            let folder = self.folder.join("postgres");
            let figures = self.fresh(&sink, &folder, Engine::Postgres(url)).await?;
            table.add("PostgreSQL, full speed", &figures);
        }
        if self.wants("smpp") {
            smpp::measure(self.folder, self.messages, &sink).await?;
        }
        Ok(())
    }

    /// Full speed on a product that was just started.
    async fn fresh(&self, sink: &Sink, folder: &Path, engine: Engine) -> Outcome<Figures> {
        let server = Arc::new(Server::start(folder, engine, None).await?);
        series(&server, sink, self.messages / 10, None).await?;
        let figures = series(&server, sink, self.messages, None).await?;
        stop(server).await?;
        Ok(figures)
    }
}

async fn stop(server: Arc<Server>) -> Outcome<()> {
    let server = Arc::try_unwrap(server).map_err(|_| "the product is still in use")?;
    server.stop().await
}

/// Sends `messages`, waits for both callbacks of each, and reads what that took.
pub(crate) async fn series(
    server: &Arc<Server>,
    sink: &Sink,
    messages: usize,
    rate: Option<f64>,
) -> Outcome<Figures> {
    let (cpu, ledger, called) = (server.cpu()?, server.ledger().await?, sink.finals());
    let started = Instant::now();
    let load = Load {
        first: 0,
        messages,
        connections: CONNECTIONS,
        rate,
        callback: sink.url(),
        fragile: false,
    };
    let latencies = generator::run(server, load).await?;
    let accepted_in = started.elapsed();
    let patience = Duration::from_secs(120);
    while sink.finals() < called + messages as u64 {
        if started.elapsed() > accepted_in + patience {
            let missing = called + messages as u64 - sink.finals();
            return Err(format!("{missing} messages had no final callback in time").into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let done_in = started.elapsed();
    let after = server.ledger().await?;
    Ok(Figures {
        messages,
        accepted_in,
        done_in,
        latencies,
        cpu: server.cpu()? - cpu,
        rows: after.rows - ledger.rows,
        commits: after.commits - ledger.commits,
        memory: server.memory()?,
    })
}
