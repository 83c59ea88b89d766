//! Binds that begin with the carrier's call: it connects, says who it is by `outbind`, and is
//! answered by a bind over the same connection (SMPP 3.4 §2.2.1, §4.1.7).

use std::time::Duration;

use base::Instant;

use crate::client::link::State;
use crate::client::{Client, LinkId, Output};

/// How long a caller may take to say who it is.
pub(super) const CALLED_MAX: Duration = Duration::from_secs(10);

/// What a carrier that calls must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbind {
    /// Its name.
    pub system_id: String,
    /// Its password.
    pub password: String,
}

impl Client {
    /// Somebody connected to the address that carriers call. Answers which bind the connection is
    /// for; none when all have theirs, or the client stops.
    pub fn called(&mut self, now: Instant) -> Option<LinkId> {
        let waits = self.config.outbind.is_some() && !self.stopping;
        let mut links = self.links.iter_mut().enumerate();
        let (index, link) =
            links.find(|(_, link)| matches!(link.state, State::Down { .. })).filter(|_| waits)?;
        let connection = link.called(now, self.config.timing);
        Some(LinkId { index, connection })
    }

    /// A caller says who it is: the one that is expected is bound to, others are sent away. On a
    /// connection that is bound an invitation changes nothing.
    pub(super) fn invited(&mut self, id: LinkId, said: &Outbind) {
        let (now, expected) = (self.now, self.config.outbind.clone());
        let Some(bind) = self.config.binds.get(id.index).cloned() else { return };
        let Some(link) = self.link(id).filter(|link| matches!(link.state, State::Called { .. }))
        else {
            return;
        };
        if expected.is_some_and(|expected| expected == *said) {
            link.bind_here(now, bind);
        } else {
            self.outputs.push_back(Output::InvitationRefused(id));
            self.close(id, None);
        }
    }
}
