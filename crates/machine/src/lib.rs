//! The sans-IO contract: a [`Machine`] is given the time and inputs, and answers with outputs and
//! the instant at which it wants to be woken. It never reads a clock, opens a socket or draws
//! randomness that was not handed to it, so the same inputs always give the same outputs.
//!
//! The driver's loop is always the same: `handle` an input (or the passing of time), `poll` until
//! `None`, sleep until `wake_at`.

pub mod fuzz;
mod random;

use base::Instant;

pub use random::Random;

/// A state machine without IO.
pub trait Machine {
    /// What the world tells the machine.
    type Input;
    /// What the machine asks of the world.
    type Output;

    /// Takes one input at `now`. `now` never goes back between calls.
    fn handle(&mut self, now: Instant, input: Self::Input);

    /// Lets time pass: fires what is due at `now`.
    fn tick(&mut self, now: Instant);

    /// The next effect that the machine wants, until `None`.
    fn poll(&mut self) -> Option<Self::Output>;

    /// When the machine wants its next `tick`; `None` means only an input can move it.
    fn wake_at(&self) -> Option<Instant>;

    /// Whether the machine is finished and can be dropped.
    fn is_closed(&self) -> bool {
        false
    }
}
