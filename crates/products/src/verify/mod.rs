//! Verify: one-time codes, and factors of people.

pub mod api;
mod attempts;
mod call;
pub mod channels;
pub mod code;
pub mod factors;
mod follow;
pub mod funnel;
pub mod guard;
mod limits;
pub mod model;
pub mod resources;
pub mod rules;
mod sms;
pub mod store;
pub mod templates;
pub mod told;
mod view;
mod work;

use std::sync::Arc;
use std::time::Duration;

use ::store::{Store, StoreError, Tx};
use net::Clock;

use crate::accounts::Accounts;
use crate::lookup::Lookup;
use crate::registry::{Installed, Kit, Product, Setting};
use crate::voice::Voice;
use crate::webhooks::Outbox;
use channels::Channels;
use code::Codes;

/// What this product is.
pub static PRODUCT: Product = Product {
    name: "verify",
    migrations: &[store::MIGRATIONS, guard::store::MIGRATIONS, factors::MIGRATIONS],
    resources: &resources::RESOURCES,
    closing: &[factors::close],
    events: &told::EVENTS,
    settings: &[RETENTION],
    commands: &[guard::replay::COMMAND, guard::simulation::COMMAND],
    install,
    ..Product::BASE
};

const RETENTION: Setting = Setting::new(
    "verify_retention",
    "Days for which ended verifications, attempts and fraud decisions are kept; 0 is for ever",
)
.or("90");

/// The pause between sweeps.
const SWEEP_EVERY: Duration = Duration::from_secs(5 * 60);

/// A day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The façade.
pub struct Verify {
    store: Store,
    accounts: Arc<Accounts>,
    lookup: Arc<Lookup>,
    channels: Channels,
    codes: Codes,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    seed: fn() -> [u8; 32],
    retention: Option<Duration>,
}

fn install(kit: &Kit, installed: &mut Installed) -> Result<(), String> {
    let days: u32 = kit.settings.parsed("verify_retention")?.unwrap_or(90);
    let lookup = installed.shared::<Lookup>().ok_or("lookup is installed before verify")?;
    let voice = installed.shared::<Voice>().ok_or("voice is installed before verify")?;
    let verify = Arc::new(Verify {
        store: kit.store.clone(),
        accounts: Arc::clone(&kit.accounts),
        lookup,
        channels: Channels::new(vec![
            Box::new(sms::Sms(Arc::clone(&kit.messaging))),
            Box::new(call::Call(voice)),
        ]),
        codes: Codes::new(&kit.master),
        outbox: kit.outbox(),
        clock: Arc::clone(&kit.clock),
        seed: kit.random,
        retention: (days > 0).then(|| DAY * days),
    });
    api::routes(&mut installed.routes, &verify);
    attempts::routes(&mut installed.routes, &verify);
    guard::api::routes(&mut installed.routes, &verify);
    funnel::routes(&mut installed.routes, &verify);
    installed.job(sms::FOLLOW_JOB, &verify, |verify, job| async move { verify.follow(job).await });
    installed.job(call::FOLLOW_JOB, &verify, |verify, job| async move { verify.follow(job).await });
    installed.job(work::EXPIRE_JOB, &verify, |verify, job| async move { verify.expire(job).await });
    installed.job(work::END_JOB, &verify, |verify, job| async move { verify.end_all(job).await });
    installed.tasks.push(Box::pin(verify.sweep()));
    factors::install(kit, installed);
    Ok(())
}

impl Verify {
    /// Forgets what is old, every few minutes, until the program ends.
    async fn sweep(self: Arc<Self>) {
        loop {
            let now = self.clock.now();
            let before = self.retention.map(|kept| now - kept);
            let swept = self.store.write(move |tx: &mut Tx<'_>| {
                store::forget(tx, before)?;
                guard::store::forget(tx, before)?;
                Ok::<_, StoreError>(())
            });
            if let Err(error) = swept.await {
                tracing::warn!(%error, "old verifications could not be forgotten");
            }
            self.clock.sleep_until(now + SWEEP_EVERY).await;
        }
    }
}
