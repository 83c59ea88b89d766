//! The sockets of the test carrier.

use std::collections::HashMap;

use machine::Machine;
use smpp::smsc::{Connection, Input, Output, Smsc};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{now, pipe, sleep_until};

/// What reaches the test carrier.
pub enum Order {
    /// For the machine.
    Input(Input),
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
                let (id, arrived) = (next, arrived.clone());
                next += 1;
                let writer = pipe::open(stream, move |octets| {
                    let arrived = arrived.clone();
                    // Without a carrier there is nobody to tell.
                    async move { drop(arrived.send((id, octets)).await) }
                });
                writers.insert(id, writer);
                smsc.handle(now(), Input::Connected(id));
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
