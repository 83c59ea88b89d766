//! Calls: what a held one costs, what is lost and late, and how many are set up a second, with the
//! product on one core and the carrier, its callers and the application on another. Beside
//! Asterisk, where it is installed.

mod asterisk;
mod carrier;
mod figures;
mod site;
mod soak;
mod streams;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::server::{self, Server};
use crate::Outcome;
use asterisk::Asterisk;
use carrier::{Call, Carrier};
use figures::{Held, Placed};
use site::Site;

/// The core of whoever is measured, and that of everything else.
const MEASURED: usize = 0;
const OTHERS: usize = 1;
/// Where relayed calls go.
const CALLEE: &str = "15552220000";
/// Calls begin so many a second while many are to be held.
const BEGIN_RATE: u32 = 50;
/// How long held calls are measured.
const HOLD: Duration = Duration::from_secs(10);
/// How long set-ups are measured.
const SET_UP: Duration = Duration::from_secs(8);
/// Calls that are being set up at once, at full speed.
const AT_ONCE: usize = 64;

/// What a number does when it is called.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    /// Plays a prompt over and over, and begins anew at each digit.
    Menu,
    /// Calls another number and connects the two.
    Relay,
    /// Answers and waits.
    Brief,
}

impl Number {
    const ALL: [Self; 3] = [Self::Menu, Self::Relay, Self::Brief];

    const fn digits(self) -> &'static str {
        match self {
            Self::Menu => "15550001111",
            Self::Relay => "15550001112",
            Self::Brief => "15550001113",
        }
    }

    fn dialled(self) -> String {
        format!("+{}", self.digits())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Menu => "prompt and digits",
            Self::Relay => "relayed",
            Self::Brief => "set-ups",
        }
    }
}

/// Who is measured.
enum Switch {
    Trunkline(Arc<Server>),
    Asterisk(Asterisk),
}

impl Switch {
    fn id(&self) -> Outcome<u32> {
        match self {
            Self::Trunkline(server) => server.id(),
            Self::Asterisk(asterisk) => Ok(asterisk.id()),
        }
    }

    fn cpu(&self) -> Outcome<Duration> {
        server::cpu_of(self.id()?)
    }

    /// Resident KiB.
    fn memory(&self) -> Outcome<u64> {
        server::memory_kib_of(self.id()?)
    }

    async fn stop(self) -> Outcome<()> {
        match self {
            Self::Trunkline(server) => super::stop(server).await,
            Self::Asterisk(asterisk) => asterisk.stop(),
        }
    }
}

/// One who is measured, and what stands around it.
struct Field {
    switch: Switch,
    carrier: Carrier,
    site: Site,
}

/// Measures and prints everything.
pub(super) async fn measure(folder: &Path) -> Outcome<()> {
    pin_others()?;
    let bare = Field::trunkline(&folder.join("voice")).await?;
    figures::head();
    let ours =
        Series::of("Trunkline", bare, &[(Number::Menu, 1_000), (Number::Relay, 500)]).await?;
    let root = asterisk::root(&server::target());
    let Some(version) = Asterisk::version(&root) else {
        figures::say("No Asterisk beside it: scripts/setup bench says why.");
        return Ok(());
    };
    let peer = Series::of(&version, Field::asterisk(&root).await?, &[]).await?;
    figures::ratios(&ours, &peer);
    Ok(())
}

/// Holds calls that end and begin anew for so many minutes, and prints memory and failures.
pub(super) async fn soak(folder: &Path) -> Outcome<()> {
    pin_others()?;
    soak::run(Field::trunkline(&folder.join("soak")).await?).await
}

/// What one of them has shown.
struct Series {
    held: Vec<Held>,
    placed: Vec<Placed>,
}

impl Series {
    /// Measures the calls that both are measured with, and `more`.
    async fn of(name: &str, field: Field, more: &[(Number, usize)]) -> Outcome<Self> {
        let mut series = Self { held: Vec::new(), placed: Vec::new() };
        // Caches, plans and connections first.
        field.hold(Number::Menu, 20, Duration::from_secs(1)).await?;
        field.hold(Number::Relay, 20, Duration::from_secs(1)).await?;
        let calls = [(Number::Menu, 200), (Number::Relay, 100)];
        for (number, calls) in calls.iter().chain(more) {
            let held = field.hold(*number, *calls, HOLD).await?;
            held.print(name, *number);
            series.held.push(held);
        }
        field.place(None, Duration::from_secs(2)).await?;
        let full = field.place(None, SET_UP).await?;
        full.print(name, "set-ups, full speed");
        // One a second at least, where nothing came through.
        let half = field.place(Some((full.rate() / 2.0).max(1.0)), SET_UP).await?;
        half.print(name, "set-ups, half load");
        series.placed.extend([full, half]);
        field.switch.stop().await?;
        Ok(series)
    }
}

impl Field {
    async fn trunkline(folder: &Path) -> Outcome<Self> {
        let site = Site::start().await?;
        let (own, carrier) = (free()?, free()?);
        let numbers = Number::ALL.map(Number::dialled).join(",");
        let settings = [
            ("TRUNKLINE_NUMBERS", numbers),
            ("TRUNKLINE_SIP_LISTEN", format!("udp:{own}")),
            ("TRUNKLINE_CARRIERS", format!("sip:{carrier}?ping=0&source=127.0.0.1")),
            ("TRUNKLINE_VOICE_URL", site.url()),
            ("TRUNKLINE_RTP_PORTS", "20000-29999".to_owned()),
        ];
        let server = Server::start_pinned(folder, MEASURED, &settings).await?;
        let carrier = Carrier::start(carrier.port(), own).await?;
        Ok(Self { switch: Switch::Trunkline(Arc::new(server)), carrier, site })
    }

    async fn asterisk(root: &Path) -> Outcome<Self> {
        let (own, carrier) = (free()?, free()?);
        let asterisk = Asterisk::start(root, MEASURED, own, carrier).await?;
        let carrier = Carrier::start(carrier.port(), own).await?;
        Ok(Self { switch: Switch::Asterisk(asterisk), carrier, site: Site::start().await? })
    }

    /// Begins calls at a steady pace; those that fail are counted.
    async fn begin(&self, number: Number, count: usize) -> (Vec<Call>, u64) {
        let mut beginning = Vec::new();
        for _ in 0..count {
            let carrier = self.carrier.clone();
            beginning.push(tokio::spawn(async move {
                carrier.call(&number.dialled(), number == Number::Menu).await
            }));
            tokio::time::sleep(Duration::from_secs(1) / BEGIN_RATE).await;
        }
        let (mut calls, mut failed) = (Vec::new(), 0);
        for call in beginning {
            match call.await.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(call) => calls.push(call),
                Err(error) if failed == 0 => {
                    figures::say(&format!("a call failed: {error}"));
                    failed = 1;
                }
                Err(_) => failed += 1,
            }
        }
        (calls, failed)
    }

    /// Ends them all; answers how many did not end well.
    async fn end(&self, calls: Vec<Call>) -> u64 {
        let mut failed = 0;
        for call in calls {
            failed += u64::from(self.carrier.hang_up(call).await.is_err());
        }
        failed
    }

    /// Holds so many calls for a while.
    async fn hold(&self, number: Number, count: usize, time: Duration) -> Outcome<Held> {
        let before = self.switch.memory()?;
        let (calls, mut failed) = self.begin(number, count).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let ended = self.carrier.hung_up();
        self.carrier.streams().heard().await?;
        self.site.digits();
        let (cpu, began) = (self.switch.cpu()?, Instant::now());
        tokio::time::sleep(time).await;
        let (cpu, time) = (self.switch.cpu()? - cpu, began.elapsed());
        let heard = self.carrier.streams().heard().await?;
        let memory = self.switch.memory()?.saturating_sub(before);
        let told = match self.switch {
            Switch::Trunkline(_) => Some(self.site.digits()),
            Switch::Asterisk(_) => None,
        };
        failed += self.carrier.hung_up() - ended + heard.deaf;
        let held = calls.len();
        failed += self.end(calls).await;
        // The far legs of relayed calls end a moment later.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Held { asked: count, held, failed, cpu, time, memory, told, heard })
    }

    /// Sets calls up and ends them at once: as fast as answers come, or so many a second.
    async fn place(&self, rate: Option<f64>, time: Duration) -> Outcome<Placed> {
        let (cpu, began) = (self.switch.cpu()?, Instant::now());
        let (next, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut placing = Vec::new();
        for _ in 0..AT_ONCE {
            let (carrier, next, over) =
                (self.carrier.clone(), Arc::clone(&next), Arc::clone(&over));
            placing.push(tokio::spawn(async move {
                let (mut times, mut failed) = (Vec::new(), Vec::new());
                while !over.load(Ordering::Relaxed) {
                    let due = rate.map(|rate| {
                        let turn = next.fetch_add(1, Ordering::Relaxed) as f64;
                        began + Duration::from_secs_f64(turn / rate)
                    });
                    let due = due.unwrap_or_else(Instant::now);
                    tokio::time::sleep_until(due.into()).await;
                    let answered = carrier.call(&Number::Brief.dialled(), false).await;
                    // From the instant at which it was due: a stall can't hide.
                    let took = due.elapsed();
                    let ended = match answered {
                        Ok(call) => carrier.hang_up(call).await,
                        Err(error) => Err(error),
                    };
                    match ended {
                        Ok(()) => times.push(took),
                        Err(error) => failed.push(error),
                    }
                }
                (times, failed)
            }));
        }
        tokio::time::sleep(time).await;
        over.store(true, Ordering::Relaxed);
        let (cpu, time) = (self.switch.cpu()? - cpu, began.elapsed());
        let (mut times, mut failed) = (Vec::new(), Vec::new());
        for one in placing {
            let (some, bad) = one.await?;
            times.extend(some);
            failed.extend(bad);
        }
        times.sort_unstable();
        if let Some(error) = failed.first() {
            figures::say(&format!("a set-up failed: {error}"));
        }
        let failed = failed.len() as u64;
        Ok(Placed { times, failed, cpu, time })
    }
}

/// A free address of loopback for UDP.
fn free() -> Outcome<SocketAddr> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?)
}

/// Puts this process beside who is measured.
fn pin_others() -> Outcome<()> {
    let id = std::process::id().to_string();
    let pinned = Command::new("taskset")
        .args(["-acp", &OTHERS.to_string(), &id])
        .stdout(Stdio::null())
        .status()?;
    if pinned.success() { Ok(()) } else { Err("taskset can't pin: two cores are needed".into()) }
}
