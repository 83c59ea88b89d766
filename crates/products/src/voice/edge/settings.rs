//! What can be said of calls.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use base::Secret;
use net::media::MediaConfig;
use net::sip::{Listen, Setup, Watch};
use sip::GatewayId;
use sip::digest::Credentials;
use sip::gateway::Gateway;
use sip::io::Listener;

use crate::registry::{Kit, Setting};
use crate::voice::edge::engines::{self, Engines};

/// The settings of this product.
pub static SETTINGS: &[Setting] = &OWN_AND_ENGINES;

const OWN_AND_ENGINES: [Setting; 18] = {
    let mut all = [Setting::new("", ""); 18];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() { OWN[at] } else { engines::SETTINGS[at - OWN.len()] };
        at += 1;
    }
    all
};

const OWN: [Setting; 9] = [
    Setting::new(
        "sip_listen",
        "Where SIP listens: `udp:0.0.0.0:5060,tcp:0.0.0.0:5060`; port 0 takes a free one, `off` \
         takes and makes no calls. In `dev` loopback's port 5060 by UDP and TCP, or free ones when \
         it is taken",
    )
    .many(),
    Setting::new("rtp_ports", "Ports of media, two for each call").or("20000-29999"),
    Setting::new(
        "media_address",
        "The address of our media, as the world reaches it; by default the one SIP listens on",
    ),
    Setting::new(
        "call_rate",
        "Calls started a second for each account; 0 means no limit. One by default in `serve`",
    ),
    Setting::new("call_limit", "Calls at once for each account; 0 means no limit"),
    Setting::new(
        "trace_sip",
        "Whether the newest SIP messages are kept in memory, without bodies and proofs, for calls' \
         timelines: `true` or `false`. In `dev` they are, in `serve` not",
    ),
    Setting::new(
        "voice_spend_day",
        "What an account's calls may cost in a day, in whole units of its currency: further calls \
         are refused with 10005, those that live go on. 0 means no limit. 100 by default in `serve`",
    ),
    Setting::new("voice_url", "`VoiceUrl` of numbers that have none"),
    Setting::new("media_threads", "Threads of media; 0 for one a core").or("0"),
];

/// Calls at once on a node.
const CALLS_MAX: usize = 10_000;

/// What was said.
#[derive(Default)]
pub struct Settings {
    listen: Vec<Listen>,
    ports: (u16, u16),
    address: Option<IpAddr>,
    threads: usize,
    /// Calls a second for each account; 0 means no limit.
    pub call_rate: u32,
    /// Calls at once for each account; 0 means no limit.
    pub call_limit: u32,
    /// Calls at once.
    pub calls_max: usize,
    /// Engines of speech elsewhere.
    pub engines: Engines,
    /// Whether SIP messages are kept for timelines.
    pub trace: bool,
    /// What an account's calls may cost in a day, in millionths; `None` means no limit.
    pub spend_max: Option<i64>,
    /// Where numbers without an address of their own are asked.
    pub voice_url: Option<String>,
    /// The carriers' ends.
    pub gateways: Vec<Gateway>,
}

impl Settings {
    /// Reads what was said; `None` when there are to be no calls.
    pub fn of(kit: &Kit) -> Result<Option<Self>, String> {
        let said = &kit.settings;
        let mut listen = Vec::new();
        for place in said.all("sip_listen") {
            if place == "off" {
                return Ok(None);
            }
            listen.push(place.parse::<Listen>().map_err(|error| error.to_string())?);
        }
        if listen.is_empty() {
            if !kit.dev {
                return Ok(None);
            }
            listen = dev_places()?;
        }
        let rate = if kit.dev { 0 } else { 1 };
        Ok(Some(Self {
            listen,
            ports: ports(said.get("rtp_ports").unwrap_or("20000-29999"))?,
            address: said.parsed("media_address")?,
            threads: said.parsed("media_threads")?.unwrap_or(0),
            call_rate: said.parsed("call_rate")?.unwrap_or(rate),
            call_limit: said.parsed("call_limit")?.unwrap_or(0),
            calls_max: CALLS_MAX,
            engines: Engines::of(said)?,
            trace: said.parsed("trace_sip")?.unwrap_or(kit.dev),
            spend_max: spend_max(said.parsed("voice_spend_day")?, kit.dev),
            voice_url: said.get("voice_url").map(str::to_owned),
            gateways: gateways(&kit.carriers)?,
        }))
    }

    /// The sockets of SIP.
    pub fn setup(&self, watch: Option<Watch>) -> Setup {
        Setup { listen: self.listen.clone(), watch, ..Setup::default() }
    }

    /// The threads of media.
    pub fn media(&self) -> MediaConfig {
        let bind =
            self.listen.first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |it| it.address.ip());
        MediaConfig { threads: self.threads, bind, ports: self.ports.0..=self.ports.1, legs_max: 0 }
    }

    /// The address that SDP tells.
    pub fn media_address(&self, listeners: &[Listener]) -> IpAddr {
        let bound = listeners.iter().map(|listener| listener.bound.ip());
        let usable = bound.clone().find(|ip| !ip.is_unspecified());
        self.address.or(usable).unwrap_or_else(outward)
    }
}

/// Millionths of what was said, or of what `serve` has by default; 0 is no limit.
fn spend_max(said: Option<u32>, dev: bool) -> Option<i64> {
    let units = said.unwrap_or(if dev { 0 } else { 100 });
    (units > 0).then(|| i64::from(units) * 1_000_000)
}

/// Loopback's usual port where it is free, another where it is not.
fn dev_places() -> Result<Vec<Listen>, String> {
    let usual = std::net::UdpSocket::bind("127.0.0.1:5060").is_ok()
        && std::net::TcpListener::bind("127.0.0.1:5060").is_ok();
    let port = if usual { 5060 } else { 0 };
    ["udp", "tcp"]
        .map(|transport| format!("{transport}:127.0.0.1:{port}").parse::<Listen>())
        .into_iter()
        .map(|place| place.map_err(|error| error.to_string()))
        .collect()
}

/// The address of this machine that packets to the world come from.
fn outward() -> IpAddr {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0");
    // Nothing is sent: the system only looks up its route.
    let local = socket.and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    local.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

fn ports(text: &str) -> Result<(u16, u16), String> {
    let bad = || format!("TRUNKLINE_RTP_PORTS: '{text}' must be a range like 20000-29999");
    let (first, last) = text.split_once('-').ok_or_else(bad)?;
    let (first, last) = (first.trim().parse::<u16>(), last.trim().parse::<u16>());
    match (first, last) {
        (Ok(first), Ok(last)) if first < last => Ok((first, last)),
        _ => Err(bad()),
    }
}

/// `sip:user:password@host:5060;transport=udp?priority=1&weight=2&channels=30&cps=5&source=…`.
fn gateways(carriers: &[String]) -> Result<Vec<Gateway>, String> {
    let ours = carriers.iter().filter(|url| url.starts_with("sip:") || url.starts_with("sips:"));
    ours.zip(1..).map(|(url, number)| gateway(url, number)).collect()
}

fn gateway(url: &str, number: u64) -> Result<Gateway, String> {
    let bad = |why: &str| format!("TRUNKLINE_CARRIERS: a SIP carrier: {why}");
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once(':').ok_or_else(|| bad("it has no host"))?;
    let (user, host) =
        rest.rsplit_once('@').map_or((None, rest), |(user, host)| (Some(user), host));
    let uri = format!("{scheme}:{host}");
    let uri = sip::Uri::parse(&uri).map_err(|_| bad("its address can't be read"))?;
    let mut gateway = Gateway::new(GatewayId(number), uri);
    if let Some((user, password)) = user.and_then(|user| user.split_once(':')) {
        gateway.credentials =
            Some(Credentials { username: user.to_owned(), password: Secret::new(password) });
    }
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = || value.parse::<u32>().map_err(|_| bad(&format!("'{key}' is no number")));
        let small = || value.parse::<u16>().map_err(|_| bad(&format!("'{key}' is no number")));
        match &*key {
            "priority" => gateway.priority = small()?,
            "weight" => gateway.weight = small()?,
            "cps" => gateway.calls_per_second = number()?,
            "channels" => gateway.calls_max = number()?,
            "ping" => gateway.ping_every = Duration::from_secs(u64::from(number()?)),
            "source" => gateway.sources.push(source(&value).ok_or_else(|| bad("'source'"))?),
            other => return Err(bad(&format!("'{other}' is not known"))),
        }
    }
    Ok(gateway)
}

/// `192.0.2.0/24`, or one address.
fn source(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address.parse().ok()?, prefix.parse().ok()?),
        None => {
            let address: IpAddr = text.parse().ok()?;
            (address, if address.is_ipv4() { 32 } else { 128 })
        }
    };
    Some((address, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_read_with_all_that_is_said_of_them() {
        let url = "sip:me:secret@192.0.2.1:5070;transport=tcp?weight=3&cps=5&source=192.0.2.0/24";
        let found = gateways(&["smpp://x".to_owned(), url.to_owned()]).expect("a gateway");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].weight, found[0].calls_per_second), (3, 5));
        assert_eq!(found[0].uri.to_string(), "sip:192.0.2.1:5070;transport=tcp");
        assert_eq!(found[0].credentials.as_ref().map(|it| it.username.as_str()), Some("me"));
        assert!(gateways(&["sip:h?colour=red".to_owned()]).is_err());
        assert!(ports("5-4").is_err() && ports("x").is_err());
    }
}
