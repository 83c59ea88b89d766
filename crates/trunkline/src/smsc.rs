//! `trunkline smsc`: a test carrier for programs that speak SMPP, Trunkline among them.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use smpp::smsc::{Config, Faults, Output};
use smpp::text::octets::{self, Alphabet};
use smpp::udh;
use tokio::net::TcpListener;

use crate::install::{StartError, wait_for_signal};
use crate::{say, secrets};

/// How the test carrier behaves.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:2775")]
    listen: SocketAddr,

    /// The password that binds need; without it any will do.
    #[arg(long)]
    password: Option<String>,

    /// Submissions a second that each bind may make; the rest is answered with ESME_RTHROTTLED.
    #[arg(long, default_value_t = 0)]
    throughput: u32,

    /// Milliseconds after which a receipt comes.
    #[arg(long, default_value_t = 0)]
    receipt_after_ms: u64,

    /// Handsets answer every text with itself.
    #[arg(long)]
    echo: bool,

    /// Print no line for each message.
    #[arg(long)]
    quiet: bool,

    /// Submissions of a thousand that are refused.
    #[arg(long, default_value_t = 0)]
    refused: u64,

    /// Receipts of a thousand that say undelivered.
    #[arg(long, default_value_t = 0)]
    undelivered: u64,

    /// Receipts of a thousand that come twice.
    #[arg(long, default_value_t = 0)]
    receipt_twice: u64,

    /// Receipts of a thousand that come before the response.
    #[arg(long, default_value_t = 0)]
    receipt_first: u64,

    /// Responses of a thousand that come up to three seconds late.
    #[arg(long, default_value_t = 0)]
    response_late: u64,

    /// Where a client waits to be called by `outbind`: it is called once, at the start.
    #[arg(long)]
    call: Option<SocketAddr>,

    /// Who calls.
    #[arg(long, default_value = "smsc")]
    call_id: String,

    /// How the caller proves it.
    #[arg(long, default_value = "")]
    call_password: String,

    /// Ids are hexadecimal in responses and decimal in receipts.
    #[arg(long)]
    hex_ids: bool,
}

/// Runs until it is told to stop.
pub async fn run(options: Options) -> Result<(), StartError> {
    let config = Config {
        password: options.password,
        throughput: options.throughput,
        receipt_after: Duration::from_millis(options.receipt_after_ms),
        echo: options.echo,
        faults: Faults {
            refused: options.refused,
            undelivered: options.undelivered,
            receipt_twice: options.receipt_twice,
            receipt_first: options.receipt_first,
            response_late: options.response_late,
            hex_ids: options.hex_ids,
        },
        seed: secrets::seed(),
    };
    let listener = TcpListener::bind(options.listen).await?;
    say(&format!("listening on smpp://{}", listener.local_addr()?));
    let quiet = options.quiet;
    let running = net::smpp::serve_smsc(listener, config, move |output| {
        if let Output::Taken { id, message, .. } = output
            && !quiet
        {
            let (part, octets) = udh::of(message);
            let header = message.payload().len() - octets.len();
            let text = octets::decode(octets, message.data_coding, Alphabet::Gsm, header);
            let part = part.map_or(String::new(), |part| format!(" {}/{}", part.index, part.total));
            let (from, to) = (&message.source.digits, &message.destination.digits);
            say(&format!("{id} {from} -> {to}{part}: {text}"));
        }
    });
    if let Some(client) = options.call {
        running.call(client, &options.call_id, &options.call_password);
    }
    wait_for_signal().await;
    Ok(())
}
