//! How a carrier's binds stand, for people to look at.

use std::sync::{Mutex, PoisonError};

use ::smpp::pdu::Mode;
use base::Instant;

/// How a bind stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was never up, and not refused yet.
    New,
    /// It is up.
    Up,
    /// It was up.
    Down,
    /// The carrier refused it with this status.
    Refused(u32),
}

impl Standing {
    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "connecting",
            Self::Up => "up",
            Self::Down => "down",
            Self::Refused(_) => "refused",
        }
    }
}

/// How a bind stands, and since when.
type Now = (Standing, Option<Instant>);

struct Known {
    mode: Mode,
    now: Mutex<Now>,
}

/// The binds of one carrier.
pub struct Binds(Vec<Known>);

impl Binds {
    /// All of them, before the first connection.
    pub fn new(modes: impl Iterator<Item = Mode>) -> Self {
        let known = |mode| Known { mode, now: Mutex::new((Standing::New, None)) };
        Self(modes.map(known).collect())
    }

    /// A bind stands otherwise from now on. What ends after it was refused stays refused.
    pub fn note(&self, index: usize, standing: Standing, at: Instant) {
        let Some(known) = self.0.get(index) else { return };
        let mut now = known.now.lock().unwrap_or_else(PoisonError::into_inner);
        let told = standing == Standing::Down && matches!(now.0, Standing::Refused(_));
        if !told && now.0 != standing {
            *now = (standing, Some(at));
        }
    }

    /// Each bind: its kind, how it stands, and since when.
    pub fn all(&self) -> Vec<(Mode, Standing, Option<Instant>)> {
        let read = |known: &Known| {
            let (standing, since) = *known.now.lock().unwrap_or_else(PoisonError::into_inner);
            (known.mode, standing, since)
        };
        self.0.iter().map(read).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_outlasts_the_end_of_its_connection() {
        let binds = Binds::new([Mode::Transceiver, Mode::Receiver].into_iter());
        let at = Instant::from_secs;
        binds.note(0, Standing::Refused(14), at(1));
        binds.note(0, Standing::Down, at(2));
        assert_eq!(binds.all()[0], (Mode::Transceiver, Standing::Refused(14), Some(at(1))));
        binds.note(0, Standing::Up, at(3));
        binds.note(0, Standing::Up, at(4));
        binds.note(9, Standing::Up, at(4));
        assert_eq!(binds.all()[0], (Mode::Transceiver, Standing::Up, Some(at(3))));
        assert_eq!(binds.all()[1].1, Standing::New);
    }
}
