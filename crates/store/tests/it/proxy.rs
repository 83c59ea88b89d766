//! A network between a store and PostgreSQL that can be cut at chosen moments.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// When the network is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Not at all.
    Never,
    /// A commit is not handed on, and nothing after it.
    BeforeCommit,
    /// A commit is handed on, and its answer is not.
    AfterCommit,
}

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: String,
    cut: AtomicU8,
    /// Whether new connections are refused.
    closed: AtomicU8,
    connections: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// A way to the server at `url`, and the address by which a store takes it.
    pub fn to(url: &str) -> (Self, String) {
        let (head, database) = url.rsplit_once('/').unwrap();
        let (user, server) = head.rsplit_once('@').unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server: server.to_owned(),
            cut: AtomicU8::new(Cut::Never as u8),
            closed: AtomicU8::new(0),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                accepting.connect(client);
            }
        });
        (Self { port, shared }, format!("{user}@127.0.0.1:{port}/{database}"))
    }

    /// Cuts each connection at its next commit.
    pub fn cut(&self, cut: Cut) {
        self.shared.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// Breaks all connections and lets no new one through.
    pub fn close(&self) {
        self.shared.closed.store(1, Ordering::SeqCst);
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            // It may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
        assert!(TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub fn open(&self) {
        self.shared.closed.store(0, Ordering::SeqCst);
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) {
        if self.closed.load(Ordering::SeqCst) == 1 {
            return;
        }
        let Ok(server) = TcpStream::connect(&self.server) else { return };
        let mut connections = self.connections.lock().unwrap();
        connections.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
        let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let up = Arc::clone(self);
        std::thread::spawn(move || up.forward(from_client, to_server));
        std::thread::spawn(move || {
            // A cut ends it with an error, which is what is wanted.
            let _ = std::io::copy(&mut &server, &mut &client);
            let _ = client.shutdown(Shutdown::Both);
        });
    }

    /// From the client to the server, one read at a time: a commit comes in a read of its own or
    /// at the end of one, as the client waits for its answer.
    fn forward(&self, mut client: TcpStream, mut server: TcpStream) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(length @ 1..) = client.read(&mut buffer) {
            let bytes = &buffer[..length];
            let cut = self.cut.load(Ordering::SeqCst);
            if cut != Cut::Never as u8 && bytes.ends_with(b"COMMIT\0") {
                self.cut.store(Cut::Never as u8, Ordering::SeqCst);
                // The client hears no more; the server may still get the commit.
                let _ = client.shutdown(Shutdown::Both);
                if cut == Cut::AfterCommit as u8 {
                    let _ = server.write_all(bytes);
                }
                break;
            }
            if server.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Write);
        let _ = client.shutdown(Shutdown::Both);
    }
}
