//! The product under measurement: the release build, started as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command as Blocking, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::generator::{Target, text};
use super::sink::Sink;
use crate::Outcome;

const SID: &str = "AC00000000000000000000000000000001";
const TOKEN: &str = "00000000000000000000000000000002";
const NUMBER: &str = "+15550001111";

/// Which database.
pub enum Engine {
    /// In the folder.
    Sqlite,
    /// At this address.
    Postgres(String),
}

/// A running product.
pub struct Server {
    child: Child,
    address: String,
}

/// What the ledger has counted.
pub struct Ledger {
    /// Rows written.
    pub rows: u64,
    /// Commits, each of them synced.
    pub commits: u64,
}

/// Builds the release binary.
pub fn build() -> Outcome<()> {
    let built = Blocking::new("cargo")
        .args(["build", "--quiet", "--release", "-p", "trunkline"])
        .status()?;
    if built.success() { Ok(()) } else { Err("trunkline does not build".into()) }
}

/// A folder for this run, on the disk of the build.
pub fn scratch() -> Outcome<PathBuf> {
    let folder = target().join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Where builds go.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from)
}

fn program() -> PathBuf {
    target().join("release/trunkline")
}

impl Server {
    /// Starts `trunkline dev` and waits until it listens; without carriers the simulated one
    /// delivers.
    pub async fn start(folder: &Path, engine: Engine, carriers: Option<&str>) -> Outcome<Self> {
        let mut command = Command::new(program());
        command.args(["dev", "--numbers", NUMBER]);
        if let Some(carriers) = carriers {
            command.env("TRUNKLINE_CARRIERS", carriers);
        }
        if let Engine::Postgres(url) = engine {
            command.args(["--database-url", &url]);
        }
        Self::run(command, folder).await
    }

    /// Starts it on one core, with settings from the environment.
    pub async fn start_pinned(
        folder: &Path,
        core: usize,
        settings: &[(&str, String)],
    ) -> Outcome<Self> {
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string()]).arg(program()).arg("dev");
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        Self::run(command, folder).await
    }

    async fn run(mut command: Command, folder: &Path) -> Outcome<Self> {
        command
            .args(["--listen", "127.0.0.1:0", "--account-sid", SID, "--auth-token", TOKEN])
            .arg("--data")
            .arg(folder)
            .env("TRUNKLINE_LOG", "warn")
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                let address = address.to_owned();
                return Ok(Self { child, address });
            }
        }
        Err("the product did not start".into())
    }

    /// The head of a request of the main account, without its end.
    pub(super) fn head(&self, method: &str, path: &str) -> String {
        let basic = BASE64_STANDARD.encode(format!("{SID}:{TOKEN}"));
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {basic}\r\n\
             Accept: application/json\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            self.address
        )
    }

    /// What the ledger has counted so far.
    pub async fn ledger(&self) -> Outcome<Ledger> {
        let mut stream = TcpStream::connect(&self.address).await?;
        let request = format!("{}Connection: close\r\n\r\n", self.head("GET", "/dev/ledger"));
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
        let json: serde_json::Value = serde_json::from_str(body)?;
        let number = |name: &str| json[name].as_u64().ok_or_else(|| format!("no {name}: {body}"));
        Ok(Ledger { rows: number("rows")?, commits: number("commits")? })
    }

    /// Its process.
    pub fn id(&self) -> Outcome<u32> {
        Ok(self.child.id().ok_or("the product ended")?)
    }

    /// CPU time so far, all threads, user and system.
    pub fn cpu(&self) -> Outcome<Duration> {
        cpu_of(self.id()?)
    }

    /// Resident memory in MiB.
    pub fn memory(&self) -> Outcome<u64> {
        memory_of(self.id()?)
    }

    /// System calls a message, counted by `strace` where it is installed.
    pub async fn system_calls(
        self: &Arc<Self>,
        sink: &Sink,
        messages: usize,
    ) -> Outcome<Option<f64>> {
        let id = self.child.id().ok_or("the product ended")?.to_string();
        let started = Command::new("strace")
            .args(["-f", "-c", "-U", "calls,name", "-p", &id])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut tracer) = started else { return Ok(None) };
        tokio::time::sleep(Duration::from_millis(500)).await;
        super::series(self, sink, messages, None).await?;
        let tracer_id = tracer.id().ok_or("strace ended")?.to_string();
        Blocking::new("kill").args(["-INT", &tracer_id]).status()?;
        let mut text = String::new();
        let mut stderr = tracer.stderr.take().ok_or("no output of strace")?;
        stderr.read_to_string(&mut text).await?;
        tracer.wait().await?;
        let total = text.lines().find(|line| line.trim_end().ends_with("total"));
        let calls = total.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(calls.map(|calls| calls / messages as f64))
    }

    /// Kills it.
    pub fn kill(&self) -> Outcome<()> {
        Blocking::new("kill").args(["-KILL", &self.id()?.to_string()]).status()?;
        Ok(())
    }

    /// Stops it as a service manager would.
    pub async fn stop(mut self) -> Outcome<()> {
        let id = self.child.id().ok_or("the product ended")?.to_string();
        Blocking::new("kill").args(["-TERM", &id]).status()?;
        self.child.wait().await?;
        Ok(())
    }
}

/// CPU time of a process so far, all threads, user and system.
pub fn cpu_of(id: u32) -> Outcome<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').ok_or("no stat")?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok());
    let (user, system) = (ticks().ok_or("no utime")?, ticks().ok_or("no stime")?);
    // The kernel's clock tick has been 100 a second on Linux for user space ever since.
    Ok(Duration::from_millis((user + system) * 10))
}

/// Resident memory of a process in MiB.
pub fn memory_of(id: u32) -> Outcome<u64> {
    Ok(memory_kib_of(id)? >> 10)
}

/// Resident memory of a process in KiB.
pub fn memory_kib_of(id: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}

impl Target for Server {
    fn address(&self) -> &str {
        &self.address
    }

    fn request(&self, number: usize, callback: &str) -> Vec<u8> {
        let head = self.head("POST", &format!("/2010-04-01/Accounts/{SID}/Messages.json"));
        let body = format!(
            "From=%2B{}&To=%2B1555867{:04}&Body={}&StatusCallback={}",
            NUMBER.trim_start_matches('+'),
            number % 10_000,
            text(number).replace(' ', "+"),
            callback.replace(':', "%3A").replace('/', "%2F"),
        );
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    fn accepts(&self) -> &'static [u8] {
        b"HTTP/1.1 201"
    }
}
