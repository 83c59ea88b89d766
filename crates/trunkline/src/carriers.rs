//! `TRUNKLINE_CARRIERS`: who delivers.

use products::carriers::{Absent, Carrier, sim::SimCarrier};
use std::sync::Arc;
use store::Store;

use crate::install::{Mode, StartError};

/// The carrier that the setting names, and the simulated one if that is it.
pub struct Configured {
    /// Who delivers.
    pub carrier: Carrier,
    /// The handsets of `dev`.
    pub sim: Option<Arc<SimCarrier>>,
}

/// Reads the setting. `dev` has the simulated carrier unless told otherwise, `serve` none.
pub fn configured(setting: &[String], mode: Mode, store: &Store) -> Result<Configured, StartError> {
    let named: Vec<&str> = setting.iter().map(|url| url.trim()).filter(|u| !u.is_empty()).collect();
    match (named.as_slice(), mode) {
        (["sim:"], _) | ([], Mode::Dev) => {
            let sim = SimCarrier::new(store.clone());
            Ok(Configured { carrier: Carrier::Sim(Arc::clone(&sim)), sim: Some(sim) })
        }
        ([], Mode::Serve) => {
            tracing::warn!(
                "no carrier is configured: every message will fail with 30006; set \
                 TRUNKLINE_CARRIERS"
            );
            Ok(Configured { carrier: Carrier::Absent(Arc::new(Absent::default())), sim: None })
        }
        (others, _) => {
            let text = format!(
                "TRUNKLINE_CARRIERS: this version knows one carrier, 'sim:'; it can't use {}",
                others.join(",")
            );
            Err(StartError::Setting(text))
        }
    }
}
