//! How an agent is set up.

use std::time::Duration;

use crate::digest::Algorithm;
use crate::guard::Limits;
use crate::io::Listener;
use crate::transaction::Timing;

/// Who sends provisional responses reliably (RFC 3262), and when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reliable {
    /// Only where the other end requires it.
    #[default]
    Required,
    /// Wherever the other end supports it.
    Supported,
}

/// What happens to requests from places that are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strangers {
    /// They are told to the user, who may challenge them.
    #[default]
    Admit,
    /// They must authenticate first: 401, and nothing is kept until they do.
    Challenge,
    /// 403.
    Refuse,
    /// Silence.
    Ignore,
}

/// The setup of an agent.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where we listen; the first of a transport is the one that we send from.
    pub listeners: Vec<Listener>,
    /// What User-Agent and Server say.
    pub user_agent: String,
    /// The transactions' times.
    pub timing: Timing,
    /// Legs at once; beyond, calls get 503.
    pub legs_max: usize,
    /// Transactions at once; beyond, requests get 503.
    pub transactions_max: usize,
    /// Bindings at once that the registrar keeps; beyond, REGISTER gets 503.
    pub bindings_max: usize,
    /// How long a session lasts without a refresh (RFC 4028); zero asks for none.
    pub session_expires: Duration,
    /// The shortest that we accept; the RFC's least is 90 s.
    pub session_min: Duration,
    /// When we send provisional responses reliably.
    pub reliable: Reliable,
    /// What happens to requests from unknown places.
    pub strangers: Strangers,
    /// The realm of challenges; the host of the Request-URI where there is none.
    pub realm: Option<String>,
    /// The algorithms of challenges, best first. MD5 alone is what every phone knows; whoever
    /// stores hashes needs one for each.
    pub algorithms: Vec<Algorithm>,
    /// How long a nonce holds.
    pub nonce_life: Duration,
    /// Bindings' shortest, usual and longest life.
    pub binding_life: (Duration, Duration, Duration),
    /// How much a source may send.
    pub limits: Limits,
    /// Pause between keep-alives of registrations and gateways' connections; zero for none.
    pub keep_alive: Duration,
    /// Seed of branches, tags, nonces and jitter.
    pub seed: [u8; 32],
}

impl Config {
    /// The usual setup of a node that listens here.
    pub fn new(listeners: Vec<Listener>, seed: [u8; 32]) -> Self {
        Self {
            listeners,
            user_agent: "Trunkline".to_owned(),
            timing: Timing::default(),
            legs_max: 20_000,
            transactions_max: 100_000,
            bindings_max: 100_000,
            session_expires: Duration::from_secs(1_800),
            session_min: Duration::from_secs(90),
            reliable: Reliable::Required,
            strangers: Strangers::Admit,
            realm: None,
            algorithms: vec![Algorithm::Md5],
            nonce_life: Duration::from_secs(300),
            binding_life: (
                Duration::from_secs(60),
                Duration::from_secs(600),
                Duration::from_secs(7_200),
            ),
            limits: Limits::default(),
            keep_alive: Duration::from_secs(30),
            seed,
        }
    }
}
