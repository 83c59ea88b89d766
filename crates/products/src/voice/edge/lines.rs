//! What is known of the carriers' ends: whether they answer, and whether we are registered.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sip::GatewayId;
use sip::event::RegistrationId;

/// One carrier's end as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its address, without credentials.
    pub address: String,
    /// Whether it answers; one that is never asked counts as up.
    pub up: bool,
    /// The last status that said otherwise.
    pub status: Option<u16>,
    /// Where it takes registrations: how that stands.
    pub registration: Option<Registration>,
}

/// How a registration stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Not answered yet.
    #[default]
    Pending,
    /// For this long at a time.
    Registered(Duration),
    /// Refused, or silent, with this status; it is tried again.
    Failed(u16),
}

/// Every carrier's end.
#[derive(Default)]
pub struct Lines(Mutex<BTreeMap<u64, Line>>);

impl Lines {
    /// Names the ends of the settings.
    pub fn begin<'a>(&self, gateways: impl Iterator<Item = (&'a sip::gateway::Gateway, bool)>) {
        let line = |(gateway, registers): (&sip::gateway::Gateway, bool)| {
            let registration = registers.then(Registration::default);
            let address = gateway.uri.to_string();
            (gateway.id.0, Line { address, up: true, status: None, registration })
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = gateways.map(line).collect();
    }

    /// Every end, by its place in the settings.
    pub fn all(&self) -> Vec<Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn note(&self, id: u64, change: impl FnOnce(&mut Line)) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get_mut(&id).map(change);
    }

    /// Takes in what SIP tells. Registrations have the numbers of their gateways.
    pub(super) fn hear(&self, event: sip::Event) {
        use sip::Event as E;
        match event {
            E::GatewayUp { gateway: GatewayId(id) } => {
                tracing::info!(gateway = id, "a SIP carrier answers");
                self.note(id, |line| (line.up, line.status) = (true, None));
            }
            E::GatewayDown { gateway: GatewayId(id), status } => {
                tracing::warn!(gateway = id, status, "a SIP carrier does not answer");
                self.note(id, |line| (line.up, line.status) = (false, Some(status)));
            }
            E::Registered { registration: RegistrationId(id), expires } => {
                tracing::info!(gateway = id, ?expires, "registered with a SIP carrier");
                self.note(id, |line| line.registration = Some(Registration::Registered(expires)));
            }
            E::RegistrationFailed { registration: RegistrationId(id), status, .. } => {
                tracing::warn!(gateway = id, status, "a SIP carrier does not register us");
                self.note(id, |line| line.registration = Some(Registration::Failed(status)));
            }
            E::Unregistered { registration: RegistrationId(id) } => {
                self.note(id, |line| line.registration = Some(Registration::Pending));
            }
            _ => {}
        }
    }
}
