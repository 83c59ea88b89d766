//! Asterisk, the open PBX that others are measured against, in a folder of its own
//! (`scripts/setup bench` makes it), with the same three numbers as the product has.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{CALLEE, Number, site};
use crate::Outcome;

/// A running Asterisk.
pub struct Asterisk {
    child: Child,
    /// The folder that it takes for the root.
    root: PathBuf,
}

/// Where `scripts/setup bench` puts it.
pub fn root(target: &Path) -> PathBuf {
    target.join("peers/asterisk")
}

impl Asterisk {
    /// What it says of itself; none when it is not there, or when this user may not enter its
    /// folder.
    pub fn version(root: &Path) -> Option<String> {
        let said = Command::new("chroot").arg(root).args(["/usr/sbin/asterisk", "-V"]).output();
        let text = String::from_utf8(said.ok()?.stdout).ok()?;
        let version = text.split(['+', '~']).next()?.trim().to_owned();
        version.starts_with("Asterisk").then_some(version)
    }

    /// Starts it on a core, for a carrier at `carrier`.
    pub async fn start(
        root: &Path,
        core: usize,
        own: SocketAddr,
        carrier: SocketAddr,
    ) -> Outcome<Self> {
        let root = std::path::absolute(root)?;
        write(&root, own, carrier)?;
        let child = Command::new("taskset")
            .args(["-c", &core.to_string(), "chroot"])
            .arg(&root)
            .args(["/usr/sbin/asterisk", "-f", "-C", "/bench/asterisk.conf"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let asterisk = Self { child, root };
        let started = Instant::now();
        while !asterisk.is_ready() {
            if started.elapsed() > Duration::from_secs(30) {
                return Err("Asterisk did not start".into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(asterisk)
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new("chroot")
            .arg(&self.root)
            .args(["/usr/sbin/asterisk", "-C", "/bench/asterisk.conf", "-rx"])
            .arg("core waitfullybooted")
            .stderr(Stdio::null())
            .output();
        asked.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).contains("booted"))
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it.
    pub fn stop(mut self) -> Outcome<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

fn write(root: &Path, own: SocketAddr, carrier: SocketAddr) -> Outcome<()> {
    let folder = root.join("bench");
    for name in ["sounds", "run", "log", "spool", "db", "keys"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    // It looks for its own name, and waits for a name server where there is none.
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?;
    std::fs::write(root.join("etc/hosts"), format!("127.0.0.1 localhost {}\n", name.trim()))?;
    std::fs::set_permissions(folder.join("run"), std::fs::Permissions::from_mode(0o700))?;
    std::fs::write(folder.join("sounds/prompt.ulaw"), site::prompt())?;
    let file = |name: &str, text: String| std::fs::write(folder.join(name), text);
    file(
        "asterisk.conf",
        format!(
            "[directories]\nastetcdir => /bench\nastmoddir => {}\nastdbdir => /bench/db\n\
             astvarlibdir => /usr/share/asterisk\nastdatadir => /usr/share/asterisk\n\
             astkeydir => /bench/keys\nastspooldir => /bench/spool\nastrundir => /bench/run\n\
             astlogdir => /bench/log\n[options]\nverbose = 0\ndebug = 0\nmaxfiles = 20000\n",
            modules(root)?
        ),
    )?;
    file("modules.conf", "[modules]\nautoload = yes\n".to_owned())?;
    file("logger.conf", "[general]\n[logfiles]\nmessages => error\n".to_owned())?;
    file(
        "rtp.conf",
        "[general]\nrtpstart = 30000\nrtpend = 39999\nstrictrtp = no\nicesupport = no\n".to_owned(),
    )?;
    file("cdr.conf", "[general]\nenable = no\n".to_owned())?;
    file(
        "pjsip.conf",
        format!(
            "[global]\ntype = global\nuser_agent = a\n[system]\ntype = system\ntimer_t1 = 500\n\
             threadpool_initial_size = 4\n[udp]\ntype = transport\nprotocol = udp\nbind = {own}\n\
             [carrier]\ntype = endpoint\ncontext = calls\ndisallow = all\nallow = ulaw\n\
             aors = carrier\ndirect_media = no\ndtmf_mode = rfc4733\ntimers = no\n\
             media_address = 127.0.0.1\nbind_rtp_to_media_address = yes\n\
             [carrier]\ntype = aor\ncontact = sip:{carrier}\nqualify_frequency = 0\n\
             [carrier]\ntype = identify\nendpoint = carrier\nmatch = {}\n",
            carrier.ip()
        ),
    )?;
    file(
        "extensions.conf",
        format!(
            "[calls]\n\
             exten => +{menu},1,Answer()\n same => n(again),Read(d,/bench/sounds/prompt,1,,1,1)\n\
             same => n,Goto(again)\n\
             exten => +{relay},1,Dial(PJSIP/+{CALLEE}@carrier)\n\
             exten => +{brief},1,Answer()\n same => n,Wait(60)\n",
            menu = Number::Menu.digits(),
            relay = Number::Relay.digits(),
            brief = Number::Brief.digits(),
        ),
    )?;
    Ok(())
}

/// Where its modules are, as it sees it: below the name of the machine's kind.
fn modules(root: &Path) -> Outcome<String> {
    for entry in std::fs::read_dir(root.join("usr/lib"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let folder = format!("usr/lib/{name}/asterisk/modules");
        if root.join(&folder).is_dir() {
            return Ok(format!("/{folder}"));
        }
    }
    Err("Asterisk has no modules".into())
}
