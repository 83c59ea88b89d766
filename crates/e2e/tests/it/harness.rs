//! Starts the real program on free ports and temporary folders, and runs peers against it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The main account of every instance.
pub const ACCOUNT: &str = "ACe2e00000000000000000000000000001";
/// Its token.
pub const TOKEN: &str = "e2e-token";
/// The pair of test credentials.
pub const TEST_ACCOUNT: &str = "ACe2e00000000000000000000000000002";

static INSTANCES: AtomicU32 = AtomicU32::new(0);

/// Which database an instance runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The embedded one.
    Sqlite,
    /// The server that `scripts/with-postgres` started.
    Postgres,
}

/// A running `trunkline dev`, or `trunkline serve`.
pub struct Trunkline {
    child: Child,
    folder: PathBuf,
    database: Option<String>,
    settings: Vec<(String, String)>,
    mode: &'static str,
    lines: Arc<Mutex<Vec<String>>>,
    /// `http://127.0.0.1:port`
    pub address: String,
}

impl Trunkline {
    /// Starts a fresh instance.
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    /// Starts a fresh instance with further settings.
    pub fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        Self::start_as("dev", engine, settings)
    }

    /// Starts a fresh instance of `trunkline serve`.
    pub fn serve(engine: Engine, settings: &[(&str, &str)]) -> Self {
        Self::start_as("serve", engine, settings)
    }

    fn start_as(mode: &'static str, engine: Engine, settings: &[(&str, &str)]) -> Self {
        let number = INSTANCES.fetch_add(1, Ordering::SeqCst);
        let name = format!("trunkline_e2e_{}_{number}", std::process::id());
        let folder = std::env::temp_dir().join(&name);
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let database = (engine == Engine::Postgres).then(|| create_database(&name));
        let settings: Vec<(String, String)> =
            settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (child, address, lines) = spawn(mode, &folder, database.as_deref(), &settings);
        Self { child, folder, database, settings, mode, lines, address }
    }

    /// Kills the program with SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().expect("the program runs");
        self.child.wait().expect("the program ends");
    }

    /// Asks it to end by SIGTERM, and waits until it has.
    pub fn terminate(&mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(asked.expect("kill runs").success(), "the program runs");
        self.child.wait().expect("the program ends");
    }

    /// Its files that contain `text`, the log among them when `TRUNKLINE_LOG` is set.
    pub fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder of data").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = std::fs::read(&path)
                    && bytes.windows(text.len()).any(|part| part == text.as_bytes())
                {
                    found.push(path);
                }
            }
        }
        found
    }

    /// Starts it again on the same data.
    pub fn restart(&mut self) {
        let (child, address, lines) =
            spawn(self.mode, &self.folder, self.database.as_deref(), &self.settings);
        (self.child, self.lines) = (child, lines);
        self.address = address;
    }

    /// Changes a setting for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Runs a command of the program on this instance's data, and gives what it prints.
    pub fn command(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(program());
        command.args(arguments).env("TRUNKLINE_DATA", &self.folder);
        if let Some(database) = &self.database {
            command.env("TRUNKLINE_DATABASE_URL", database);
        }
        let output = command.output().expect("the program starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{errors}");
        text
    }

    /// The rest of a line that the program printed at its start.
    pub fn printed(&self, beginning: &str) -> String {
        wait_for(beginning, 20, || {
            let lines = self.lines.lock().expect("what it printed");
            lines.iter().find_map(|line| line.strip_prefix(beginning).map(str::to_owned))
        })
    }

    /// Runs a Python peer and fails with its output when it fails.
    pub fn python(&self, script: &str) {
        self.run(python(script), script);
    }

    /// The same with further variables.
    pub fn python_with(&self, script: &str, variables: &[(&str, &str)]) {
        let mut command = python(script);
        command.envs(variables.iter().copied());
        self.run(command, script);
    }

    /// Where its data is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs a Node peer and fails with its output when it fails.
    pub fn node(&self, script: &str) {
        self.run(node(script), script);
    }

    /// The same with further variables.
    pub fn node_with(&self, script: &str, variables: &[(&str, &str)]) {
        let mut command = node(script);
        command.envs(variables.iter().copied());
        self.run(command, script);
    }

    /// The status of a message.
    pub fn status(&self, sid: &str) -> String {
        let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json", self.address);
        let mut answer = ureq::get(&url)
            .header("authorization", &basic(ACCOUNT, TOKEN))
            .call()
            .expect("an accepted message is there");
        let json: serde_json::Value = answer.body_mut().read_json().expect("JSON");
        json["status"].as_str().unwrap_or_default().to_owned()
    }

    fn run(&self, mut command: Command, script: &str) {
        command.env("BASE_URL", &self.address).env("ACCOUNT_SID", ACCOUNT).env("AUTH_TOKEN", TOKEN);
        command.env("DATA", &self.folder).env("TEST_ACCOUNT_SID", TEST_ACCOUNT);
        command.env("PROGRAM", program());
        succeed(command, script);
    }

    /// The messages that a handset received.
    pub fn handset(&self, number: &str) -> Vec<serde_json::Value> {
        let url = format!("{}/dev/handsets/{number}/messages", self.address);
        let mut answer = ureq::get(&url)
            .header("authorization", &basic(ACCOUNT, TOKEN))
            .call()
            .expect("the handset's inbox");
        let json: serde_json::Value = answer.body_mut().read_json().expect("JSON");
        json["messages"].as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Trunkline {
    fn drop(&mut self) {
        // It may have been killed before.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A Python peer about to be run.
pub fn python(script: &str) -> Command {
    let mut command = Command::new(root().join(".tools/venv/bin/python"));
    command.arg(root().join("crates/e2e/peers/python").join(script));
    command
}

/// A Node peer about to be run.
pub fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("crates/e2e/peers/node").join(script));
    command
}

/// Runs a peer and fails with its output when it fails.
pub fn succeed(mut command: Command, script: &str) {
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        command.env_remove(name);
    }
    let output = command.output().unwrap_or_else(|error| {
        panic!("{script} could not be started ({error}); run scripts/setup test first")
    });
    assert!(
        output.status.success(),
        "{script} failed:\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The header of HTTP Basic.
pub fn basic(user: &str, password: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::from("Basic ");
    for chunk in format!("{user}:{password}").as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * index) & 63) as usize] as char;
            text.push(if index <= chunk.len() { digit } else { '=' });
        }
    }
    text
}

/// Waits until `condition` gives a value; fails after `seconds`.
pub fn wait_for<T>(what: &str, seconds: u64, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {seconds} s for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a workspace").to_owned()
}

/// The program beside this test binary: `cargo build` puts both into one folder.
pub fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test's own path");
    let program = own.ancestors().nth(2).expect("target/<profile>").join("trunkline");
    assert!(program.exists(), "{} is missing: run cargo build first", program.display());
    program
}

fn spawn(
    mode: &str,
    folder: &Path,
    database: Option<&str>,
    settings: &[(String, String)],
) -> (Child, String, Arc<Mutex<Vec<String>>>) {
    let mut command = Command::new(program());
    command.arg(mode).env("TRUNKLINE_LISTEN", "127.0.0.1:0").env("TRUNKLINE_DATA", folder);
    command.env("TRUNKLINE_ACCOUNT_SID", ACCOUNT).env("TRUNKLINE_AUTH_TOKEN", TOKEN);
    command.env("TRUNKLINE_TEST_ACCOUNT_SID", TEST_ACCOUNT).env("TRUNKLINE_TEST_AUTH_TOKEN", TOKEN);
    if mode == "dev" {
        // Two that start at once would both find the usual port free, and one would have no calls.
        command.env("TRUNKLINE_SIP_LISTEN", "udp:127.0.0.1:0,tcp:127.0.0.1:0");
    }
    if let Some(database) = database {
        command.env("TRUNKLINE_DATABASE_URL", database);
    }
    command.envs(settings.iter().map(|(k, v)| (k, v))).stdout(Stdio::piped());
    if settings.iter().any(|(name, _)| name == "TRUNKLINE_LOG") {
        // Who asks for a log of its own looks into it.
        let mut options = std::fs::OpenOptions::new();
        let log = options.create(true).append(true).open(folder.join("log"));
        command.stderr(log.expect("a file for the log"));
    }
    let mut child = command.spawn().expect("the program starts");
    let stdout = child.stdout.take().expect("its output");
    let mut lines = BufReader::new(stdout).lines();
    let address = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
        .expect("the program says where it listens");
    // What else it prints must not fill the pipe.
    let kept: Arc<Mutex<Vec<String>>> = Arc::default();
    let to = Arc::clone(&kept);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            to.lock().expect("what it printed").push(line);
        }
    });
    (child, address, kept)
}

fn create_database(name: &str) -> String {
    let server = std::env::var("TRUNKLINE_TEST_POSTGRES").expect(
        "TRUNKLINE_TEST_POSTGRES names a PostgreSQL server: run scripts/with-postgres cargo test",
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let connecting = tokio_postgres::connect(&server, tokio_postgres::NoTls);
        let (client, connection) = connecting.await.expect("the server answers");
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("a database");
    });
    let (base, _) = server.rsplit_once('/').expect("postgres://host/database");
    format!("{base}/{name}")
}
