//! `TRUNKLINE_CARRIERS`: who delivers.

use std::sync::Arc;

use net::Clock;
use products::carriers::smpp::{SmppCarrier, settings};
use products::carriers::{Absent, Carrier, sim::SimCarrier};

use crate::install::{Mode, Parts, StartError};
use crate::secrets;

/// The carrier that the setting names, and the simulated one if that is it.
pub struct Configured {
    /// Who delivers.
    pub carrier: Carrier,
    /// The handsets of `dev`.
    pub sim: Option<Arc<SimCarrier>>,
}

/// Reads the setting. `dev` has the simulated carrier unless told otherwise, `serve` none.
pub fn configured(setting: &[String], mode: Mode, parts: &Parts) -> Result<Configured, StartError> {
    let named: Vec<&str> = setting.iter().map(|url| url.trim()).filter(|u| !u.is_empty()).collect();
    match (named.as_slice(), mode) {
        (["sim:"], _) | ([], Mode::Dev) => {
            let sim = SimCarrier::new(parts.store.clone());
            Ok(Configured { carrier: Carrier::Sim(Arc::clone(&sim)), sim: Some(sim) })
        }
        ([], Mode::Serve) => {
            tracing::warn!(
                "no carrier is configured: every message will fail with 30006; set \
                 TRUNKLINE_CARRIERS"
            );
            Ok(Configured { carrier: Carrier::Absent(Arc::new(Absent::default())), sim: None })
        }
        ([url], _) if url.starts_with("smpp://") || url.starts_with("smpps://") => {
            let settings = settings::parse(url).map_err(|why| {
                StartError::Setting(format!("TRUNKLINE_CARRIERS: an SMPP carrier: {why}"))
            })?;
            let clock = Arc::clone(&parts.clock) as Arc<dyn Clock>;
            let carrier = SmppCarrier::new(settings, clock, secrets::seed());
            Ok(Configured { carrier: Carrier::Smpp(carrier), sim: None })
        }
        // A URL may hold a password: only its scheme is told.
        (others, _) => {
            let schemes = others.iter().map(|url| url.split(':').next().unwrap_or_default());
            let text = format!(
                "TRUNKLINE_CARRIERS: this version knows one carrier, 'sim:', 'smpp://…' or \
                 'smpps://…'; it can't use {}",
                schemes.collect::<Vec<_>>().join(", ")
            );
            Err(StartError::Setting(text))
        }
    }
}
