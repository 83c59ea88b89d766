//! Settings: each one a flag and an environment variable, with its default.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use base::{E164, Secret};
use clap::Args;
use products::accounts::Accounts;
use products::accounts::geo::Home;
use products::accounts::ice::Ice;
use products::carriers::trace::Trace;
use store::Location;

use crate::install::Mode;
use crate::product_settings::ProductSettings;

/// Everything that an installation can be told.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address of the API; port 0 takes a free one.
    #[arg(long, env = "TRUNKLINE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Address for HTTPS. In `dev` by default the API's port and 363 (8443), with a certificate of
    /// the development authority; in `serve` none, and the two files below are needed.
    #[arg(long, env = "TRUNKLINE_HTTPS_LISTEN")]
    pub https_listen: Option<SocketAddr>,

    /// PEM file of the certificate for HTTPS, with its chain.
    #[arg(long, env = "TRUNKLINE_TLS_CERTIFICATE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,

    /// PEM file of its key.
    #[arg(long, env = "TRUNKLINE_TLS_KEY", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,

    /// Address of the forwarding proxy of `dev`; by default the API's port and 1 (8081).
    #[arg(long, env = "TRUNKLINE_PROXY_LISTEN")]
    pub proxy_listen: Option<SocketAddr>,

    /// How the world reaches this installation; links in webhooks begin with it. By default the
    /// address that is listened on.
    #[arg(long, env = "TRUNKLINE_PUBLIC_URL")]
    pub public_url: Option<String>,

    /// Folder of the embedded database, the blobs and the master key.
    #[arg(long, env = "TRUNKLINE_DATA", default_value = ".trunkline")]
    pub data: PathBuf,

    /// `postgres://…`; without it the embedded database is used.
    #[arg(long, env = "TRUNKLINE_DATABASE_URL")]
    pub database_url: Option<String>,

    /// `file:///folder` for media; without it the folder `blobs` of the data folder.
    #[arg(long, env = "TRUNKLINE_BLOBS_URL")]
    pub blobs_url: Option<String>,

    /// Account SID of the main account; made on the first start when absent.
    #[arg(long, env = "TRUNKLINE_ACCOUNT_SID")]
    pub account_sid: Option<String>,

    /// Auth Token of the main account; made on the first start when absent.
    #[arg(long, env = "TRUNKLINE_AUTH_TOKEN", hide_env_values = true)]
    pub auth_token: Option<String>,

    /// Account SID of the test credentials.
    #[arg(long, env = "TRUNKLINE_TEST_ACCOUNT_SID")]
    pub test_account_sid: Option<String>,

    /// Auth Token of the test credentials.
    #[arg(long, env = "TRUNKLINE_TEST_AUTH_TOKEN", hide_env_values = true)]
    pub test_auth_token: Option<String>,

    /// Owned numbers, added at start when absent: `+15550001111,+442071234567`.
    #[arg(long, env = "TRUNKLINE_NUMBERS", value_delimiter = ',')]
    pub numbers: Vec<String>,

    /// `SmsUrl` of numbers added by the setting above.
    #[arg(long, env = "TRUNKLINE_SMS_URL")]
    pub sms_url: Option<String>,

    /// Countries that texts may go to until an account says otherwise: `US,GB`, or `all`. All in
    /// `dev`; in `serve` the countries of the owned numbers above, all when there are none.
    #[arg(long, env = "TRUNKLINE_GEO_PERMISSIONS", value_delimiter = ',')]
    pub geo_permissions: Vec<String>,

    /// Carriers as URLs: `smpp://id:password@host:2775?…`; `sim:` is the simulated one, which
    /// `dev` has by default.
    #[arg(long, env = "TRUNKLINE_CARRIERS", value_delimiter = ',', hide_env_values = true)]
    pub carriers: Vec<String>,

    /// Whether the newest PDUs of SMPP carriers are kept in memory, without texts, for messages'
    /// timelines: `true` or `false`. In `dev` they are, in `serve` not.
    #[arg(long, env = "TRUNKLINE_TRACE_PDUS")]
    pub trace_pdus: Option<bool>,

    /// Requests a second for each account; 0 means no limit.
    #[arg(long, env = "TRUNKLINE_RATE_LIMIT")]
    pub rate_limit: Option<u32>,

    /// Segments a second for each sender; 0 means no limit. One by default in `serve`.
    #[arg(long, env = "TRUNKLINE_MESSAGE_RATE")]
    pub message_rate: Option<u32>,

    /// Hours for which a message may wait for its carrier before it fails with 30001; 0 means no
    /// limit but its own validity.
    #[arg(long, env = "TRUNKLINE_QUEUE_HOURS", default_value_t = 4)]
    pub queue_hours: u64,

    /// Private ranges that tenants' URLs may reach: `127.0.0.0/8,10.1.0.0/16`. Loopback in `dev`.
    #[arg(long, env = "TRUNKLINE_WEBHOOK_ALLOW")]
    pub webhook_allow: Option<String>,

    /// How webhooks are repeated: `twilio` (once, when the connection fails), `patient` (8 tries
    /// over a day) or `patient-release` (later callbacks need not wait for an earlier one's
    /// retries).
    #[arg(long, env = "TRUNKLINE_WEBHOOK_RETRY", default_value = "twilio")]
    pub webhook_retry: String,

    /// STUN and TURN servers that `Tokens` names: `stun:turn.example:3478`,
    /// `turn:turn.example:3478?transport=udp`. Without them there are no such tokens.
    #[arg(long, env = "TRUNKLINE_ICE_SERVERS", value_delimiter = ',')]
    pub ice_servers: Vec<String>,

    /// The secret that the TURN servers share with us (coturn: `static-auth-secret`).
    #[arg(long, env = "TRUNKLINE_TURN_SECRET", hide_env_values = true)]
    pub turn_secret: Option<String>,

    /// Seconds for which messages that were in flight at a crash wait for their receipts.
    #[arg(long, env = "TRUNKLINE_UNCERTAIN_GRACE", default_value_t = 8)]
    pub uncertain_grace_s: u64,

    /// What products can be told.
    #[command(flatten)]
    pub products: ProductSettings,
}

impl Settings {
    /// Where texts may go until an account says otherwise (Twilio: to the home country).
    pub fn home(&self, mode: Mode) -> Home {
        let given = self.geo_permissions.iter().map(|text| text.trim().to_ascii_uppercase());
        let given: Vec<String> = given.filter(|text| !text.is_empty()).collect();
        if given.iter().any(|text| text == "ALL") {
            return Home::everywhere();
        }
        if !given.is_empty() {
            return Home::of(given);
        }
        let country = |number: &String| E164::parse(number.trim()).ok()?.country();
        let own: Vec<String> = self.numbers.iter().filter_map(country).collect();
        if mode == Mode::Dev || own.is_empty() { Home::everywhere() } else { Home::of(own) }
    }

    /// Where carriers keep their PDUs, if anywhere.
    pub fn trace(&self, mode: Mode) -> Trace {
        Trace::new(self.trace_pdus.unwrap_or(mode == Mode::Dev))
    }

    /// What tokens for STUN and TURN servers are made of.
    pub fn ice(&self, accounts: &Arc<Accounts>) -> Ice {
        Ice {
            servers: self.ice_servers.clone(),
            secret: self.turn_secret.clone().map(Secret::new),
            accounts: Arc::clone(accounts),
        }
    }

    /// Where the data is.
    pub fn location(&self) -> Location {
        match &self.database_url {
            Some(url) => Location::Postgres(url.clone()),
            None => Location::Folder(self.data.clone()),
        }
    }
}
