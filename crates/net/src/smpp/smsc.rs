//! The sockets of the test carrier.

use std::collections::HashMap;
use std::net::SocketAddr;

use machine::Machine;
use smpp::smsc::{Connection, Input, Output, Smsc};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::{now, pipe, sleep_until};

/// What reaches the test carrier.
pub enum Order {
    /// For the machine.
    Input(Input),
    /// Call a client that waits for it.
    Call {
        /// Where it listens.
        address: SocketAddr,
        /// Who we are.
        system_id: String,
        /// How we prove it.
        password: String,
    },
    /// Cut every connection, as a carrier's crash would.
    Cut,
}

/// The way to a running test carrier.
#[derive(Clone)]
pub struct SmscHandle(mpsc::UnboundedSender<Order>);

impl SmscHandle {
    /// A text from a handset.
    pub fn say(&self, from: &str, to: &str, text: &str) {
        let message = Smsc::text(from, to, text);
        let input = Input::Say { system_id: String::new(), message };
        // Without a carrier there is nobody to tell.
        let _ = self.0.send(Order::Input(input));
    }

    /// Calls a client that waits for it (`outbind`).
    pub fn call(&self, address: SocketAddr, system_id: &str, password: &str) {
        let (system_id, password) = (system_id.to_owned(), password.to_owned());
        // Without a carrier there is nobody to call.
        let _ = self.0.send(Order::Call { address, system_id, password });
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        // Without a carrier there is nothing to cut.
        let _ = self.0.send(Order::Cut);
    }
}

/// Runs the test carrier on a listener until the task is aborted. `told` hears of every message.
pub fn serve_smsc(
    listener: TcpListener,
    config: smpp::smsc::Config,
    told: impl FnMut(&Output) + Send + 'static,
) -> SmscHandle {
    let (orders, mailbox) = mpsc::unbounded_channel();
    tokio::spawn(run(listener, Smsc::new(config, now()), told, mailbox));
    SmscHandle(orders)
}

async fn run(
    listener: TcpListener,
    mut smsc: Smsc,
    mut told: impl FnMut(&Output) + Send + 'static,
    mut orders: mpsc::UnboundedReceiver<Order>,
) {
    let (arrived, mut events) = mpsc::channel::<(Connection, Option<Vec<u8>>)>(64);
    let mut writers: HashMap<Connection, mpsc::UnboundedSender<Vec<u8>>> = HashMap::new();
    let mut next: Connection = 1;
    loop {
        smsc.tick(now());
        while let Some(output) = smsc.poll() {
            told(&output);
            match output {
                Output::Write(id, octets) => {
                    if let Some(writer) = writers.get(&id) {
                        // A closed connection is told by its reader.
                        let _ = writer.send(octets);
                    }
                }
                Output::Close(id) => drop(writers.remove(&id)),
                Output::Taken { .. } => {}
            }
        }
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // A connection that can't be set up is slower, not broken.
                let _ = stream.set_nodelay(true);
                writers.insert(next, carry(stream, next, arrived.clone()));
                smsc.handle(now(), Input::Connected(next));
                next += 1;
            }
            Some((id, octets)) = events.recv() => {
                let input = match octets {
                    Some(octets) => Input::Received(id, octets),
                    None => Input::Lost(id),
                };
                smsc.handle(now(), input);
            }
            Some(order) = orders.recv() => match order {
                Order::Input(input) => smsc.handle(now(), input),
                Order::Call { address, system_id, password } => {
                    match TcpStream::connect(address).await {
                        Ok(stream) => {
                            writers.insert(next, carry(stream, next, arrived.clone()));
                            let connection = next;
                            smsc.handle(now(), Input::Called { connection, system_id, password });
                            next += 1;
                        }
                        Err(error) => tracing::warn!(%address, %error, "nobody takes the call"),
                    }
                }
                Order::Cut => {
                    for (id, _) in writers.drain() {
                        smsc.handle(now(), Input::Lost(id));
                    }
                }
            },
            () = sleep_until(smsc.wake_at()) => {}
        }
    }
}

/// Carries what comes in over a connection to the machine; answers the way out.
fn carry(
    stream: TcpStream,
    id: Connection,
    arrived: mpsc::Sender<(Connection, Option<Vec<u8>>)>,
) -> mpsc::UnboundedSender<Vec<u8>> {
    pipe::open(stream, move |octets| {
        let arrived = arrived.clone();
        // Without a carrier there is nobody to tell.
        async move { drop(arrived.send((id, octets)).await) }
    })
}
