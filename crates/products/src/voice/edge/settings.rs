//! What can be said of calls.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use base::Secret;
use net::TlsAcceptor;
use net::media::MediaConfig;
use net::sip::{Listen, Setup, Watch};
use sip::GatewayId;
use sip::digest::Credentials;
use sip::event::RegistrationId;
use sip::gateway::Gateway;
use sip::io::Listener;
use sip::numbers::Format;
use sip::registration::Registration;

use crate::registry::{Kit, Setting};
use crate::voice::edge::engines::{self, Engines};
use crate::voice::edge::screen;

/// The settings of this product.
pub static SETTINGS: &[Setting] = &OWN_AND_ENGINES;

const OWN_AND_ENGINES: [Setting; OWN.len() + engines::SETTINGS.len()] = {
    let mut all = [Setting::new("", ""); OWN.len() + engines::SETTINGS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() { OWN[at] } else { engines::SETTINGS[at - OWN.len()] };
        at += 1;
    }
    all
};

const OWN: &[Setting] = &[
    Setting::new(
        "sip_listen",
        "Where SIP listens: `udp:0.0.0.0:5060,tcp:0.0.0.0:5060,tls:0.0.0.0:5061`; port 0 takes a \
         free one, `off` takes and makes no calls. TLS has the certificate of HTTPS. In `dev` \
         loopback's port 5060 by UDP and TCP, or free ones when it is taken",
    )
    .many(),
    Setting::new(
        "sip_domains",
        "Hosts that names of SIP domains may end with beside `sip.twilio.com`: `sip.example.com`",
    )
    .many(),
    Setting::new(
        "sip_authorities",
        "PEM file of the authorities that SIP peers' certificates are judged by, in place of the \
         public ones",
    ),
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

/// How long a registration with a carrier is asked for.
const REGISTER_FOR: Duration = Duration::from_secs(600);

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
    pub carriers: Vec<Carrier>,
    acceptor: Option<TlsAcceptor>,
    authorities: Option<PathBuf>,
}

/// A carrier's end, as it was set.
pub struct Carrier {
    /// What SIP knows of it.
    pub gateway: Gateway,
    /// How numbers of its calls are read; as carriers write them by default.
    pub reads: Option<Format>,
    /// Whether we register there, and for how many seconds at a time.
    pub register: Option<Duration>,
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
            carriers: carriers(&kit.carriers)?,
            acceptor: kit.tls.clone(),
            authorities: said.get("sip_authorities").map(PathBuf::from),
        }))
    }

    /// The sockets of SIP.
    pub fn setup(&self, watch: Option<Watch>) -> Setup {
        let (acceptor, authorities) = (self.acceptor.clone(), self.authorities.clone());
        let listen = self.listen.clone();
        Setup { listen, acceptor, authorities, watch, ..Setup::default() }
    }

    /// What SIP knows of the carriers' ends.
    pub fn gateways(&self) -> impl Iterator<Item = &Gateway> {
        self.carriers.iter().map(|carrier| &carrier.gateway)
    }

    /// The registrations that are wanted; their numbers are those of their gateways.
    pub fn registrations(&self) -> impl Iterator<Item = Registration> {
        self.carriers.iter().filter_map(|Carrier { gateway, register, .. }| {
            let credentials = gateway.credentials.clone();
            let user = credentials.as_ref().map(|known| known.username.clone());
            let aor = sip::Uri::sip(user.as_deref(), &gateway.uri.host, gateway.uri.port);
            Some(Registration {
                id: RegistrationId(gateway.id.0),
                aor: sip::message::Address::new(aor),
                servers: vec![gateway.uri.clone()],
                credentials,
                expires: (*register)?,
                contact_user: user.unwrap_or_else(|| "trunkline".to_owned()),
                headers: Vec::new(),
            })
        })
    }

    /// The number that a user part stands for, in the format of the carrier that wrote it.
    pub fn number_of(&self, carrier: Option<GatewayId>, user: &str) -> Option<String> {
        let carrier = self.carriers.iter().find(|known| Some(known.gateway.id) == carrier);
        match carrier.and_then(|carrier| carrier.reads.as_ref()) {
            Some(format) => format.read(user).map(|number| number.to_string()),
            None => screen::e164(user),
        }
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
fn carriers(urls: &[String]) -> Result<Vec<Carrier>, String> {
    let ours = urls.iter().filter(|url| url.starts_with("sip:") || url.starts_with("sips:"));
    ours.zip(1..).map(|(url, number)| carrier(url, number)).collect()
}

fn bad(why: &str) -> String {
    format!("TRUNKLINE_CARRIERS: a SIP carrier: {why}")
}

fn carrier(url: &str, number: u64) -> Result<Carrier, String> {
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
    let mut carrier = Carrier { gateway, reads: None, register: None };
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        say(&mut carrier, &key, &value)?;
    }
    if carrier.register.is_some() && carrier.gateway.credentials.is_none() {
        return Err(bad("'register' needs sip:user:password@host"));
    }
    Ok(carrier)
}

/// One parameter of a carrier's address.
fn say(carrier: &mut Carrier, key: &str, value: &str) -> Result<(), String> {
    let number = || value.parse::<u32>().map_err(|_| bad(&format!("'{key}' is no number")));
    let small = || value.parse::<u16>().map_err(|_| bad(&format!("'{key}' is no number")));
    let format = || value.parse::<Format>().map_err(|error| bad(&error.to_string()));
    let gateway = &mut carrier.gateway;
    match key {
        "priority" => gateway.priority = small()?,
        "weight" => gateway.weight = small()?,
        "cps" => gateway.calls_per_second = number()?,
        "channels" => gateway.calls_max = number()?,
        "ping" => gateway.ping_every = Duration::from_secs(u64::from(number()?)),
        "source" => gateway.sources.push(source(value).ok_or_else(|| bad("'source'"))?),
        "format" => (gateway.format, carrier.reads) = (format()?, Some(format()?)),
        "format_in" => carrier.reads = Some(format()?),
        "register" => {
            carrier.register = match number()? {
                0 => None,
                1 => Some(REGISTER_FOR),
                seconds @ 60..=86_400 => Some(Duration::from_secs(u64::from(seconds))),
                _ => return Err(bad("'register' is 1, or 60 to 86400 seconds")),
            };
        }
        other => return Err(bad(&format!("'{other}' is not known"))),
    }
    Ok(())
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
        let found = carriers(&["smpp://x".to_owned(), url.to_owned()]).expect("a carrier");
        assert_eq!(found.len(), 1);
        let gateway = &found[0].gateway;
        assert_eq!((gateway.weight, gateway.calls_per_second), (3, 5));
        assert_eq!(gateway.uri.to_string(), "sip:192.0.2.1:5070;transport=tcp");
        assert_eq!(gateway.credentials.as_ref().map(|it| it.username.as_str()), Some("me"));
        for bad in ["colour=red", "register=1", "register=7", "format=roman", "ping=often"] {
            assert!(carriers(&[format!("sip:h?{bad}")]).is_err(), "{bad}");
        }
        let url = "sip:me:pw@pbx.example?register=1&format=plus-less&format_in=national:DE";
        let carriers = carriers(&[url.to_owned()]).expect("a carrier");
        assert_eq!(carriers[0].gateway.format, Format::PlusLess);
        let settings = Settings { carriers, ..Settings::default() };
        let read = |carrier, user| settings.number_of(carrier, user);
        assert_eq!(read(Some(GatewayId(1)), "03012345678").as_deref(), Some("+493012345678"));
        assert_eq!(read(None, "03012345678"), None);
        let wanted: Vec<_> = settings.registrations().collect();
        assert_eq!(wanted[0].aor.uri.to_string(), "sip:me@pbx.example");
        assert_eq!((wanted[0].expires, &*wanted[0].contact_user), (REGISTER_FOR, "me"));
        assert!(ports("5-4").is_err() && ports("x").is_err());
    }
}
