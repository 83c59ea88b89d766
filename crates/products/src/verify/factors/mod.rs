//! Factors: authenticator apps, devices that hold a key, passkeys; and the challenges that they
//! answer.

mod api;
mod devices;
mod model;
mod push;
mod qr;
mod rules;
mod store;
#[cfg(test)]
mod tests;
mod tokens;
mod told;
mod totp;
mod webauthn;

pub mod fuzz;

use std::sync::Arc;

use ::store::{Store, StoreError, Tx};
use base::{AccountSid, MasterKey};

use crate::accounts::Accounts;
use crate::registry::{Installed, Kit};
use crate::resource::{Document, Refusal, Scene, store as documents};
use crate::verify::resources::SERVICE;
use crate::webhooks::Outbox;

pub use store::MIGRATIONS;

/// What the routes of factors share.
pub(crate) struct Factors {
    store: Store,
    master: Arc<MasterKey>,
    accounts: Arc<Accounts>,
    outbox: Arc<Outbox>,
    /// Secrets come of the operating system's randomness.
    random: fn() -> [u8; 32],
}

/// Mounts the routes of factors.
pub fn install(kit: &Kit, installed: &mut Installed) {
    let factors = Arc::new(Factors {
        store: kit.store.clone(),
        master: Arc::clone(&kit.master),
        accounts: Arc::clone(&kit.accounts),
        outbox: Arc::new(kit.outbox()),
        random: kit.random,
    });
    api::routes(&mut installed.routes, &factors);
}

/// Removes what a service holds; for the service's own delete rule.
pub fn forget_service(scene: &mut Scene<'_, '_>, service: &Document) -> Result<(), Refusal> {
    Ok(store::delete_service(scene.tx, service.sid.bytes)?)
}

/// Removes what a closed account holds.
pub fn close(tx: &mut Tx<'_>, account: AccountSid) -> Result<(), Refusal> {
    /// Services looked at together.
    const TOGETHER: u32 = 100;
    let mut cursor = None;
    loop {
        let services = documents::list(tx, &SERVICE, account, &[], cursor, TOGETHER)?;
        let Some(last) = services.last() else { return Ok(()) };
        cursor = Some((true, last.sid));
        for service in &services {
            store::delete_service(tx, service.sid.bytes)?;
        }
    }
}

/// A failure that is nobody's fault but ours: what was sealed does not open.
fn sealed() -> Refusal {
    Refusal::Store(StoreError::Corrupt("what a factor sealed does not open"))
}
