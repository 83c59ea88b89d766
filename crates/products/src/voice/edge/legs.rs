//! Legs of media for the engine.

use net::media::{Media, OpenLeg};

use crate::voice::engine::{Opened, Ports};

/// Legs of media, from the media threads.
pub(in crate::voice) struct Legs {
    media: Media,
    events: net::media::Events,
}

impl Legs {
    /// Legs whose events go there.
    pub(in crate::voice) fn new(media: Media, events: net::media::Events) -> Self {
        Self { media, events }
    }
}

impl Ports for Legs {
    fn open(&mut self, beside: Option<media::LegId>) -> Option<Opened> {
        let config = media::LegConfig::default();
        let leg = OpenLeg { config, beside, events: self.events.clone() };
        match self.media.open(leg) {
            Ok(opened) => Some(Opened { leg: opened.leg, port: opened.rtp_port }),
            Err(error) => {
                tracing::warn!(%error, "no media for a call");
                None
            }
        }
    }

    fn open_mixer(&mut self, beside: Option<media::LegId>) -> media::MixerId {
        self.media.open_mixer(beside, self.events.clone())
    }
}
