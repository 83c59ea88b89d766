//! The same texts over SMPP: one test carrier, Trunkline and Kannel after each other, for full
//! speed, half load, a carrier that throttles, cuts, and a kill with receipts on their way.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use net::smpp::{SmscHandle, serve_smsc};
use smpp::smsc::{Config, Output};
use tokio::net::TcpListener;

use super::generator::{self, Load};
use super::kannel::{Kannel, Keeping};
use super::server::{Engine, Server};
use super::sink::Sink;
use super::{CONNECTIONS, stop};
use crate::Outcome;

/// The test carrier, counting the texts that it takes.
struct Carrier {
    handle: SmscHandle,
    port: u16,
    taken: Arc<Mutex<HashMap<Vec<u8>, u32>>>,
    running: tokio::runtime::Runtime,
}

impl Carrier {
    fn start(config: Config) -> Outcome<Self> {
        let taken: Arc<Mutex<HashMap<Vec<u8>, u32>>> = Arc::default();
        let told = Arc::clone(&taken);
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let running = builder.worker_threads(1).enable_all().build()?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let handle = running.handle().clone();
        let guard = handle.enter();
        let handle = serve_smsc(TcpListener::from_std(listener)?, config, move |output| {
            if let Output::Taken { message, .. } = output {
                let mut taken = told.lock().unwrap_or_else(PoisonError::into_inner);
                *taken.entry(message.octets.clone()).or_default() += 1;
            }
        });
        drop(guard);
        Ok(Self { handle, port, taken, running })
    }

    /// Texts taken, and copies among them.
    fn counts(&self) -> (u64, u64) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let copies: u64 = taken.values().map(|times| u64::from(*times) - 1).sum();
        (taken.len() as u64, copies)
    }

    fn url(&self) -> String {
        format!("smpp://trunk:pw@127.0.0.1:{}?window=500", self.port)
    }

    fn end(self) {
        self.running.shutdown_background();
    }
}

/// What is done to the gateway while it works.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    None,
    Half(f64),
    Throttled,
    Cuts,
}

/// A gateway under measurement.
pub(super) enum Gateway {
    Trunkline(Arc<Server>),
    Kannel(Arc<Kannel>),
}

impl Gateway {
    fn cpu(&self) -> Outcome<Duration> {
        match self {
            Self::Trunkline(server) => server.cpu(),
            Self::Kannel(kannel) => kannel.cpu(),
        }
    }

    fn memory(&self) -> Outcome<u64> {
        match self {
            Self::Trunkline(server) => server.memory(),
            Self::Kannel(kannel) => kannel.memory(),
        }
    }

    async fn send(&self, load: Load<'_>) -> Outcome<Vec<Duration>> {
        match self {
            Self::Trunkline(server) => generator::run(server, load).await,
            Self::Kannel(kannel) => generator::run(kannel, load).await,
        }
    }

    async fn stop(self) -> Outcome<()> {
        match self {
            Self::Trunkline(server) => stop(server).await,
            Self::Kannel(kannel) => kannel.end(),
        }
    }
}

/// How a gateway is started for a carrier.
#[derive(Clone)]
enum Kind {
    Sqlite,
    Postgres(String),
    Kannel(Keeping),
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "Trunkline, SQLite",
            Self::Postgres(_) => "Trunkline, PostgreSQL",
            Self::Kannel(Keeping::File) => "Kannel, file store",
            Self::Kannel(Keeping::Spool) => "Kannel, spool",
        }
    }

    async fn start(&self, folder: &Path, carrier: &Carrier) -> Outcome<Gateway> {
        let engine = match self {
            Self::Sqlite => Engine::Sqlite,
            Self::Postgres(url) => Engine::Postgres(url.clone()),
            Self::Kannel(keeping) => {
                let kannel = Kannel::start(folder, carrier.port, *keeping).await?;
                return Ok(Gateway::Kannel(Arc::new(kannel)));
            }
        };
        let server = Server::start(folder, engine, Some(&carrier.url())).await?;
        Ok(Gateway::Trunkline(Arc::new(server)))
    }
}

/// Measures and prints every series.
pub(super) async fn measure(folder: &Path, messages: usize, sink: &Sink) -> Outcome<()> {
    head();
    let mut kinds = vec![Kind::Sqlite];
    kinds.extend(std::env::var("TRUNKLINE_TEST_POSTGRES").ok().map(Kind::Postgres));
    if Kannel::is_installed() {
        kinds.extend([Keeping::File, Keeping::Spool].map(Kind::Kannel));
    }
    for kind in kinds {
        let folder = folder.join(format!("smpp-{}", kind.name().replace([' ', ','], "-")));
        let mut run = Run { kind, folder, sink, series: 0 };
        let full = run.series("full speed", messages, Trouble::None).await?;
        if matches!(run.kind, Kind::Postgres(_) | Kind::Kannel(Keeping::Spool)) {
            continue;
        }
        run.series("half load", messages / 2, Trouble::Half(full / 2.0)).await?;
        run.series("throttled at 2,000/s", messages / 3, Trouble::Throttled).await?;
        run.series("six cuts", messages / 3, Trouble::Cuts).await?;
        run.kill(messages / 4).await?;
    }
    Ok(())
}

struct Run<'a> {
    kind: Kind,
    folder: std::path::PathBuf,
    sink: &'a Sink,
    series: usize,
}

impl Run<'_> {
    fn load(&self, messages: usize, rate: Option<f64>, fragile: bool) -> Load<'_> {
        let first = self.series * 100_000;
        let callback = self.sink.url();
        Load { first, messages, connections: CONNECTIONS, rate, callback, fragile }
    }

    /// One series on a fresh gateway; answers messages a second end to end.
    async fn series(&mut self, name: &str, messages: usize, trouble: Trouble) -> Outcome<f64> {
        self.series += 1;
        let throughput = if trouble == Trouble::Throttled { 2_000 } else { 0 };
        let carrier = Carrier::start(Config { throughput, ..Config::default() })?;
        let folder = self.folder.join(self.series.to_string());
        let gateway = self.kind.start(&folder, &carrier).await?;
        // Callbacks of what was measured before would end the wait for these too early.
        self.sink.reset();
        let warm = self.load(2_000, None, false);
        gateway.send(Load { first: 900_000, ..warm }).await?;
        self.finals(2_000, 60).await;
        carrier.taken.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.sink.reset();
        let (cpu, started) = (gateway.cpu()?, Instant::now());
        let rate = if let Trouble::Half(rate) = trouble { Some(rate) } else { None };
        let load = gateway.send(self.load(messages, rate, false));
        let (latencies, ()) = tokio::join!(load, self.trouble(trouble, &carrier, messages));
        let latencies = latencies?;
        let accepted_in = started.elapsed();
        let done = self.finals(messages as u64, 60).await;
        let done_in = started.elapsed();
        let (taken, copies) = carrier.counts();
        let figures = Figures {
            accepted: messages as f64 / accepted_in.as_secs_f64(),
            done: done as f64 / done_in.as_secs_f64(),
            latencies,
            cpu: (gateway.cpu()? - cpu).as_secs_f64() * 1e6 / messages as f64,
            memory: gateway.memory()?,
            lost: messages as u64 - taken.min(messages as u64),
            copies,
            forgotten: taken - done.min(taken),
        };
        figures.print(self.kind.name(), name);
        gateway.stop().await?;
        carrier.end();
        self.sink.reset();
        Ok(done as f64 / done_in.as_secs_f64())
    }

    /// Waits for final callbacks until none came for a while; answers how many there are.
    async fn finals(&self, wanted: u64, patience_s: u64) -> u64 {
        let (mut last, mut seen_at) = (self.sink.finals(), Instant::now());
        while self.sink.finals() < wanted && seen_at.elapsed().as_secs() < patience_s {
            tokio::time::sleep(Duration::from_millis(2)).await;
            if self.sink.finals() != last {
                (last, seen_at) = (self.sink.finals(), Instant::now());
            }
        }
        self.sink.finals()
    }

    async fn trouble(&self, trouble: Trouble, carrier: &Carrier, messages: usize) {
        if trouble != Trouble::Cuts {
            return;
        }
        for cut in 1..=6 {
            let at = (messages * cut / 7) as u64;
            while carrier.counts().0 < at {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            carrier.handle.cut();
        }
    }

    /// Killed in the middle, with receipts three seconds late, and started again.
    async fn kill(&mut self, messages: usize) -> Outcome<()> {
        self.series += 1;
        let receipt_after = Duration::from_secs(3);
        let carrier = Carrier::start(Config { receipt_after, ..Config::default() })?;
        let folder = self.folder.join(self.series.to_string());
        let gateway = self.kind.start(&folder, &carrier).await?;
        let load = gateway.send(self.load(messages, None, true));
        let (latencies, killed) = tokio::join!(load, async {
            while carrier.counts().0 < messages as u64 / 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match &gateway {
                Gateway::Trunkline(server) => server.kill(),
                Gateway::Kannel(kannel) => kannel.kill(),
            }
        });
        killed?;
        let accepted = latencies?.len() as u64;
        drop(gateway);
        let gateway = self.kind.start(&folder, &carrier).await?;
        // What was accepted and not answered any more is delivered as well.
        let mut done = self.finals(accepted, 30).await;
        while done < carrier.counts().0 && self.finals(carrier.counts().0, 15).await > done {
            done = self.sink.finals();
        }
        let (taken, copies) = carrier.counts();
        let lost = accepted - taken.min(accepted);
        let forgotten = taken - done.min(taken);
        kill_line(self.kind.name(), accepted, lost, copies, forgotten);
        gateway.stop().await?;
        carrier.end();
        self.sink.reset();
        Ok(())
    }
}

struct Figures {
    accepted: f64,
    done: f64,
    latencies: Vec<Duration>,
    cpu: f64,
    memory: u64,
    lost: u64,
    copies: u64,
    forgotten: u64,
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn head() {
    println!("\nOver SMPP, one bind with a window of 500; the carrier on the same cores.\n");
    println!(
        "{:<44}{:>10}{:>11}{:>8}{:>8}{:>7}{:>6}{:>6}{:>9}{:>11}",
        "",
        "accepted/s",
        "end to end",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "MiB",
        "lost",
        "repeated",
        "forgotten"
    );
}

impl Figures {
    fn percentile(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * part) as usize;
        self.latencies.get(index).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    #[expect(clippy::print_stdout, reason = "the result of the benchmark")]
    fn print(&self, gateway: &str, series: &str) {
        println!(
            "{:<44}{:>10.0}{:>11.0}{:>8.1}{:>8.1}{:>7.0}{:>6}{:>6}{:>9}{:>11}",
            format!("{gateway}: {series}"),
            self.accepted,
            self.done,
            self.percentile(0.5),
            self.percentile(0.99),
            self.cpu,
            self.memory,
            self.lost,
            self.copies,
            self.forgotten,
        );
    }
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn kill_line(gateway: &str, accepted: u64, lost: u64, copies: u64, forgotten: u64) {
    println!(
        "{:<94}{lost:>6}{copies:>9}{forgotten:>11}",
        format!("{gateway}: kill -9 with receipts 3 s late, {accepted} accepted"),
    );
}
