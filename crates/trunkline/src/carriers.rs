//! `TRUNKLINE_CARRIERS`: who delivers, and which messages.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use base::AccountSid;
use clap::Subcommand;
use net::Clock;
use products::carriers::routes::{Member, Network, Question, Reason, Route};
use products::carriers::smpp::{Settings, SmppCarrier, settings};
use products::carriers::trace::Trace;
use products::carriers::{Absent, Carrier, CarrierId, sim::SimCarrier};

use crate::install::{Mode, Parts, StartError};
use crate::secrets;

/// The carriers that the setting names, and the simulated one if it is among them.
pub struct Configured {
    /// Who delivers, by number.
    pub carriers: Vec<Carrier>,
    /// What each of them takes.
    pub network: Network,
    /// The handsets of `dev`.
    pub sim: Option<Arc<SimCarrier>>,
}

/// A carrier as the setting names it.
enum Named {
    Sim,
    Smpp(Box<Settings>),
}

/// Reads the setting. `dev` has the simulated carrier unless told otherwise, `serve` none.
pub fn configured(
    setting: &[String],
    mode: Mode,
    parts: &Parts,
    trace: Trace,
) -> Result<Configured, StartError> {
    let mut named = read(setting)?;
    if named.is_empty() && mode == Mode::Dev {
        named.push(Named::Sim);
    }
    let (mut carriers, mut members, mut sim) = (Vec::new(), Vec::new(), None);
    for (number, named) in (0..).map(CarrierId).zip(named) {
        let (carrier, up, route) = match named {
            Named::Sim => {
                let carrier = SimCarrier::new(parts.store.clone());
                sim = Some(Arc::clone(&carrier));
                let up = Arc::new(AtomicBool::new(true));
                (Carrier::Sim(carrier), up, sim_route())
            }
            Named::Smpp(settings) => {
                let clock = Arc::clone(&parts.clock) as Arc<dyn Clock>;
                let route = settings.route.clone();
                let carrier =
                    SmppCarrier::new(number, *settings, clock, secrets::seed(), trace.clone());
                let up = carrier.up();
                (Carrier::Smpp(carrier), up, route)
            }
        };
        members.push(Member { route, split: carrier.split(), up });
        carriers.push(carrier);
    }
    if carriers.is_empty() {
        tracing::warn!(
            "no carrier is configured: every message will fail with 30006; set TRUNKLINE_CARRIERS"
        );
        let carrier = Carrier::Absent(Arc::new(Absent::default()));
        let network = Network::single(carrier.split());
        return Ok(Configured { carriers: vec![carrier], network, sim });
    }
    Ok(Configured { carriers, network: Network::new(members).traced(trace), sim })
}

fn sim_route() -> Route {
    Route { name: "sim".to_owned(), weight: 1, ..Route::default() }
}

fn read(setting: &[String]) -> Result<Vec<Named>, StartError> {
    let mut named: Vec<Named> = Vec::new();
    // Carriers of calls are the voice product's.
    let of_calls = |url: &str| url.starts_with("sip:") || url.starts_with("sips:");
    let urls = setting.iter().map(|url| url.trim());
    for url in urls.filter(|url| !url.is_empty() && !of_calls(url)) {
        if url == "sim:" && !named.iter().any(|named| matches!(named, Named::Sim)) {
            named.push(Named::Sim);
        } else if url.starts_with("smpp://") || url.starts_with("smpps://") {
            let settings = settings::parse(url).map_err(|why| {
                StartError::Setting(format!("TRUNKLINE_CARRIERS: an SMPP carrier: {why}"))
            })?;
            named.push(Named::Smpp(Box::new(settings)));
        } else {
            // A URL may hold a password: only its scheme is told.
            let scheme = url.split(':').next().unwrap_or_default();
            let text = format!(
                "TRUNKLINE_CARRIERS: a carrier is 'sim:' (once), 'smpp://…' or 'smpps://…'; \
                 '{scheme}:' can't be used"
            );
            return Err(StartError::Setting(text));
        }
    }
    Ok(named)
}

/// What can be asked of routes.
#[derive(Subcommand)]
pub enum Action {
    /// Say which carrier takes a message, and why the others do not. Every carrier counts as up.
    Explain {
        /// The sender.
        #[arg(long)]
        from: String,

        /// The recipient.
        #[arg(long)]
        to: String,

        /// Whose message it is.
        #[arg(long)]
        account: Option<AccountSid>,

        /// The number of a carrier that has just failed, from 0.
        #[arg(long)]
        failed: Option<u16>,

        /// Carriers as URLs, as the server has them.
        #[arg(long, env = "TRUNKLINE_CARRIERS", value_delimiter = ',', hide_env_values = true)]
        carriers: Vec<String>,
    },
}

/// Runs `trunkline route`.
pub fn routes(action: Action) -> Result<(), StartError> {
    let Action::Explain { from, to, account, failed, carriers } = action;
    let members = read(&carriers)?.into_iter().map(|named| Member {
        route: match named {
            Named::Sim => sim_route(),
            Named::Smpp(settings) => settings.route,
        },
        split: Arc::new(|submission| vec![submission.body.clone()]),
        up: Arc::new(AtomicBool::new(true)),
    });
    let network = Network::new(members.collect());
    let account = account.unwrap_or_else(|| base::Sid::from_bytes([0; 16]));
    let failed = failed.map(CarrierId);
    let question = Question { account, from: &from, to: &to, pick: 0, failed };
    let explained = network.explain(&question);
    for (number, (route, reason)) in explained.iter().enumerate() {
        crate::say(&format!(
            "{number} {}: {}",
            route.name,
            reason.map_or("takes it", Reason::words)
        ));
    }
    if explained.iter().all(|(_, reason)| reason.is_some()) {
        crate::say("no route takes it: it would fail with 30006");
    }
    Ok(())
}
