//! Kannel, the open SMS gateway that others are measured against: `bearerbox` with its file store
//! or its spool, and `smsbox`, as its user's guide sets them up.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::generator::{Target, text};
use crate::Outcome;

const BEARERBOX: &str = "/usr/sbin/bearerbox";
const SMSBOX: &str = "/usr/sbin/smsbox";

/// How it keeps what it has accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// In one file, written now and then.
    File,
    /// In a file for each message.
    Spool,
}

/// Both of its programs.
pub struct Kannel {
    boxes: Mutex<Vec<Child>>,
    address: String,
}

impl Kannel {
    /// Whether it is on this machine.
    pub fn is_installed() -> bool {
        Path::new(BEARERBOX).exists() && Path::new(SMSBOX).exists()
    }

    /// Starts it bound to the carrier at `port`, with its store in `folder`.
    pub async fn start(folder: &Path, port: u16, keeping: Keeping) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let free = || -> Outcome<u16> {
            Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
        };
        let (admin, inner, outer) = (free()?, free()?, free()?);
        let (kind, store) = match keeping {
            Keeping::File => ("file", folder.join("kannel.store")),
            Keeping::Spool => ("spool", folder.join("spool")),
        };
        if keeping == Keeping::Spool {
            std::fs::create_dir_all(&store)?;
        }
        let text = format!(
            "group = core\nadmin-port = {admin}\nadmin-password = x\nadmin-interface = 127.0.0.1\n\
             smsbox-port = {inner}\nbox-allow-ip = 127.0.0.1\nstore-type = {kind}\n\
             store-location = {}\nlog-level = 4\n\n\
             group = smsc\nsmsc = smpp\nhost = 127.0.0.1\nport = {port}\nsmsc-username = trunk\n\
             smsc-password = pw\nsystem-type = \"\"\ntransceiver-mode = true\n\
             max-pending-submits = 500\nreconnect-delay = 1\nthroughput = 0\n\n\
             group = smsbox\nbearerbox-host = 127.0.0.1\nsendsms-port = {outer}\nlog-level = 4\n\n\
             group = sendsms-user\nusername = u\npassword = p\nmax-messages = 1\n",
            store.display()
        );
        let file = folder.join("kannel.conf");
        std::fs::write(&file, text)?;
        let start = |program: &Path| {
            Command::new(program)
                .args(["-v", "4"])
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let bearerbox = start(Path::new(BEARERBOX))?;
        wait_for(inner).await?;
        let smsbox = start(Path::new(SMSBOX))?;
        wait_for(outer).await?;
        let boxes = Mutex::new(vec![bearerbox, smsbox]);
        Ok(Self { boxes, address: format!("127.0.0.1:{outer}") })
    }

    fn sum<T: std::iter::Sum>(&self, read: impl Fn(u32) -> Outcome<T>) -> Outcome<T> {
        let boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        boxes.iter().map(|child| read(child.id())).sum()
    }

    /// CPU time so far of both.
    pub fn cpu(&self) -> Outcome<Duration> {
        self.sum(super::server::cpu_of)
    }

    /// Resident MiB of both.
    pub fn memory(&self) -> Outcome<u64> {
        self.sum(super::server::memory_of)
    }

    /// Kills both.
    pub fn kill(&self) -> Outcome<()> {
        let mut boxes = self.boxes.lock().unwrap_or_else(PoisonError::into_inner);
        for child in &mut *boxes {
            child.kill()?;
            child.wait()?;
        }
        boxes.clear();
        Ok(())
    }

    /// Ends both: how it does so is not measured.
    pub fn end(&self) -> Outcome<()> {
        self.kill()
    }
}

async fn wait_for(port: u16) -> Outcome<()> {
    let started = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        if started.elapsed().as_secs() > 20 {
            return Err("Kannel did not start".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

impl Target for Kannel {
    fn address(&self) -> &str {
        &self.address
    }

    fn request(&self, number: usize, callback: &str) -> Vec<u8> {
        // Delivered, and taken by the carrier: two callbacks, as Trunkline makes.
        let told = format!("{callback}?type=%d&number={number}");
        let told = told.replace('%', "%25").replace(':', "%3A").replace('/', "%2F");
        let told = told.replace('?', "%3F").replace('&', "%26").replace('=', "%3D");
        format!(
            "GET /cgi-bin/sendsms?username=u&password=p&from=15550001111&to=1555867{:04}&text={}\
             &dlr-mask=9&dlr-url={told} HTTP/1.1\r\nHost: kannel\r\nConnection: keep-alive\r\n\r\n",
            number % 10_000,
            text(number).replace(' ', "+"),
        )
        .into_bytes()
    }

    fn accepts(&self) -> &'static [u8] {
        b"HTTP/1.1 202"
    }
}
