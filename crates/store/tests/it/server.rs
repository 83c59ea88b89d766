//! The PostgreSQL server of the suite: the one at `TRUNKLINE_TEST_POSTGRES`, or one of its own
//! from Debian's binaries, which ends and vanishes with the test process however that ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

/// Runs until its input ends, which the death of the test process sees to.
const SCRIPT: &str = r#"
set -e
folder=$(mktemp -d /tmp/trunkline-postgres.XXXXXX)
trap '"$1/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM HUP
cd "$folder"
"$1/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1 \
    || { cat initdb.log >&2; exit 1; }
"$1/pg_ctl" -D "$folder/data" -l server.log -w -t 60 \
    -o "-p $2 -k $folder -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=300" \
    start >/dev/null 2>&1 || { cat server.log >&2; exit 1; }
echo ready
cat >/dev/null
"#;

struct Server {
    /// Ends with `/`; a database's name follows.
    url: String,
    _own: Option<Child>,
}

/// The address of a fresh database.
pub fn fresh_database() -> String {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("it_{}_{number}", std::process::id());
    let url = &server().url;
    administer(&format!("{url}postgres"), &format!("CREATE DATABASE {name}"));
    format!("{url}{name}")
}

/// Runs a statement in a session of its own, on a thread without a runtime.
pub fn administer(url: &str, sql: &str) {
    std::thread::scope(|scope| scope.spawn(|| administer_here(url, sql)).join().unwrap());
}

fn administer_here(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
    });
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var("TRUNKLINE_TEST_POSTGRES") {
        Ok(url) => {
            let (server, _database) = url
                .rsplit_once('/')
                .filter(|(head, _)| head.contains("//"))
                .map_or((url.as_str(), ""), |found| found);
            Server { url: format!("{}/", server.trim_end_matches('/')), _own: None }
        }
        Err(_) => start(),
    })
}

fn start() -> Server {
    let binaries = binaries();
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    let mut command = unprivileged();
    command.args(["sh", "-c", SCRIPT, "sh", &binaries, &port.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the server's script starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n", "PostgreSQL did not start; its words are above");
    Server { url: format!("postgres://postgres@127.0.0.1:{port}/"), _own: Some(child) }
}

fn binaries() -> String {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.map(|version| version.path().join("bin")).max();
    let found = newest.filter(|folder| folder.join("initdb").exists());
    let found = found.expect(
        "the suite needs PostgreSQL: install Debian's `postgresql` package, or set \
         TRUNKLINE_TEST_POSTGRES to the address of a server",
    );
    found.to_str().unwrap().to_owned()
}

/// PostgreSQL refuses to run as root.
fn unprivileged() -> Command {
    let id = Command::new("id").arg("-u").output().expect("`id` answers");
    if id.stdout.trim_ascii() != b"0" {
        return Command::new("env");
    }
    let exists = |user: &&str| {
        Command::new("id").arg(user).stderr(Stdio::null()).output().unwrap().status.success()
    };
    let user = ["postgres", "nobody"].into_iter().find(exists).expect("an unprivileged user");
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]);
    command
}
