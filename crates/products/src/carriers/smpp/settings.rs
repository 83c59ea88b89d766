//! A carrier by its URL: `smpp://id:password@host:2775?bind=transceiver&window=500`.

use std::path::PathBuf;

use ::smpp::client::Outbind;
use ::smpp::pdu::{Address, Bind, Mode};
use ::smpp::text::octets::Alphabet;
use net::smpp::Endpoint;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::carriers::routes::Route;

/// How an address is written for the carrier, where its own form does not decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Type of number.
    pub ton: Option<u8>,
    /// Numbering plan.
    pub npi: Option<u8>,
}

/// How long texts travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Long {
    /// In parts with a user data header.
    Udh,
    /// In parts with SAR parameters.
    Sar,
    /// Whole, as `message_payload`.
    Payload,
}

/// How a carrier writes its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdBase {
    /// As they are.
    Text,
    /// Decimal numbers, perhaps with zeros in front.
    Decimal,
    /// Hexadecimal numbers.
    Hex,
}

/// How the end of a message's validity is written (SMPP 3.4 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// As a span: `000000010000000R`.
    Relative,
    /// As an instant of UTC: `261124093000000+`.
    Absolute,
    /// Not at all: the carrier's own applies.
    Omitted,
}

/// Everything about a carrier.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The binds.
    pub binds: Vec<Bind>,
    /// What the carrier says when it calls us, where it does.
    pub outbind: Option<Outbind>,
    /// Submissions without a response at most, for each bind.
    pub window: usize,
    /// Submissions a second for each bind; 0 means no limit.
    pub throughput: u32,
    /// `enquire_link` after this many seconds of silence.
    pub enquire_s: u64,
    /// `service_type` of submissions.
    pub service_type: String,
    /// Of senders.
    pub source: Plan,
    /// Of recipients.
    pub destination: Plan,
    /// Whether numbers have a `+` in front.
    pub plus: bool,
    /// What `data_coding` 0 means.
    pub alphabet: Alphabet,
    /// How long texts travel.
    pub long: Long,
    /// Ids in responses.
    pub response_ids: IdBase,
    /// Ids in receipts.
    pub receipt_ids: IdBase,
    /// Validity.
    pub validity: Validity,
    /// Vendor parameters added to each submission.
    pub tlvs: Vec<(u16, Vec<u8>)>,
    /// Twilio's code by `command_status`, before our own table.
    pub status_codes: Vec<(u32, u32)>,
    /// Twilio's code by the receipt's `err`, before our own table.
    pub receipt_codes: Vec<(String, u32)>,
    /// Which messages it takes.
    pub route: Route,
}

/// The parameters that a URL may have, for the message that refuses others.
const KNOWN: &str = "bind, sessions, window, throughput, enquire, system_type, service_type, \
                     range, range_ton, range_npi, source_ton, source_npi, dest_ton, dest_npi, \
                     plus, alphabet, long, response_ids, receipt_ids, validity, tlv, status, err, \
                     outbind, outbind_id, outbind_password, ca, name, prefix, country, sender, account, priority, weight";

/// Reads a carrier's URL. The error names what can't be taken, never the password.
pub fn parse(text: &str) -> Result<Settings, String> {
    let url = Url::parse(text).map_err(|error| format!("it is no URL: {error}"))?;
    let tls = url.scheme() == "smpps";
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("it names no host")?;
    let endpoint = Endpoint {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(if tls { 3550 } else { 2775 }),
        tls,
        called_at: None,
        authorities: None,
    };
    let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let bind = Bind {
        mode: Mode::Transceiver,
        system_id: plain(url.username()),
        password: plain(url.password().unwrap_or_default()),
        system_type: String::new(),
        version: 0x34,
        range: Address::default(),
    };
    let mut settings = Settings {
        endpoint,
        binds: Vec::new(),
        outbind: None,
        window: 100,
        throughput: 0,
        enquire_s: 30,
        service_type: String::new(),
        source: Plan::default(),
        destination: Plan::default(),
        plus: false,
        alphabet: Alphabet::Gsm,
        long: Long::Udh,
        response_ids: IdBase::Text,
        receipt_ids: IdBase::Text,
        validity: Validity::Relative,
        tlvs: Vec::new(),
        status_codes: Vec::new(),
        receipt_codes: Vec::new(),
        route: Route { name: endpoint_name(&url), weight: 1, ..Route::default() },
    };
    let mut binds = Binds { like: bind, modes: vec![Mode::Transceiver], sessions: 1 };
    for (name, value) in url.query_pairs() {
        let taken = binds.take(&name, &value).or_else(|| settings.take_call(&name, &value));
        let taken = taken.or_else(|| settings.take(&name, &value));
        let taken = taken.ok_or_else(|| format!("'{name}' is not one of: {KNOWN}"))?;
        taken.map_err(|Unusable| format!("'{value}' can't be used for '{name}'"))?;
    }
    // Whoever called would be told our password.
    let called = settings.endpoint.called_at.is_some();
    if called != settings.outbind.as_ref().is_some_and(|outbind| !outbind.password.is_empty()) {
        return Err("'outbind' and 'outbind_password' belong together".to_owned());
    }
    let modes = binds.modes.repeat(binds.sessions);
    settings.binds = modes.into_iter().map(|mode| Bind { mode, ..binds.like.clone() }).collect();
    Ok(settings)
}

/// A parameter's value can't be taken.
struct Unusable;

/// Some when the name is known, with whether its value was taken.
type Taken = Option<Result<(), Unusable>>;

struct Binds {
    like: Bind,
    modes: Vec<Mode>,
    sessions: usize,
}

impl Binds {
    fn take(&mut self, name: &str, value: &str) -> Taken {
        let modes = match value {
            "transceiver" => Ok(vec![Mode::Transceiver]),
            "separate" => Ok(vec![Mode::Transmitter, Mode::Receiver]),
            "transmitter" => Ok(vec![Mode::Transmitter]),
            "receiver" => Ok(vec![Mode::Receiver]),
            _ => Err(Unusable),
        };
        Some(match name {
            "bind" => modes.map(|modes| self.modes = modes),
            "sessions" => between(value, 1, 64).map(|count| self.sessions = count),
            "system_type" => set(&mut self.like.system_type, Ok(value.to_owned())),
            "range" => set(&mut self.like.range.digits, Ok(value.to_owned())),
            "range_ton" => set(&mut self.like.range.ton, between(value, 0, 7)),
            "range_npi" => set(&mut self.like.range.npi, between(value, 0, 18)),
            _ => return None,
        })
    }
}

impl Settings {
    fn take(&mut self, name: &str, value: &str) -> Taken {
        Some(match name {
            "window" => set(&mut self.window, between(value, 1, 10_000)),
            "throughput" => set(&mut self.throughput, between(value, 0, 1_000_000)),
            "enquire" => set(&mut self.enquire_s, between(value, 1, 3_600)),
            "service_type" => set(&mut self.service_type, Ok(value.to_owned())),
            "source_ton" => set(&mut self.source.ton, between(value, 0, 7).map(Some)),
            "source_npi" => set(&mut self.source.npi, between(value, 0, 18).map(Some)),
            "dest_ton" => set(&mut self.destination.ton, between(value, 0, 7).map(Some)),
            "dest_npi" => set(&mut self.destination.npi, between(value, 0, 18).map(Some)),
            "plus" => set(&mut self.plus, value.parse().map_err(|_| Unusable)),
            "alphabet" => set(
                &mut self.alphabet,
                one_of(
                    value,
                    &[
                        ("gsm", Alphabet::Gsm),
                        ("gsm-packed", Alphabet::GsmPacked),
                        ("latin1", Alphabet::Latin1),
                        ("ucs2", Alphabet::Ucs2),
                    ],
                ),
            ),
            "long" => set(
                &mut self.long,
                one_of(
                    value,
                    &[("udh", Long::Udh), ("sar", Long::Sar), ("payload", Long::Payload)],
                ),
            ),
            "response_ids" => set(&mut self.response_ids, one_of(value, &BASES)),
            "receipt_ids" => set(&mut self.receipt_ids, one_of(value, &BASES)),
            "validity" => set(
                &mut self.validity,
                one_of(
                    value,
                    &[
                        ("relative", Validity::Relative),
                        ("absolute", Validity::Absolute),
                        ("none", Validity::Omitted),
                    ],
                ),
            ),
            "tlv" => tlv(value).map(|tlv| self.tlvs.push(tlv)),
            "status" => pair(value).and_then(|(status, code)| {
                let status = u32::from_str_radix(status.trim_start_matches("0x"), 16);
                self.status_codes.push((status.map_err(|_| Unusable)?, code));
                Ok(())
            }),
            "err" => {
                pair(value).map(|(error, code)| self.receipt_codes.push((error.to_owned(), code)))
            }
            "name" => set(&mut self.route.name, Ok(value.to_owned())),
            "prefix" => prefix(value).map(|prefix| self.route.prefixes.push(prefix)),
            "country" => country(value).map(|country| self.route.countries.push(country)),
            "sender" => {
                self.route.senders.push(value.to_owned());
                Ok(())
            }
            "account" => {
                let account = value.parse().map_err(|_| Unusable);
                account.map(|account| self.route.accounts.push(account))
            }
            "priority" => set(&mut self.route.priority, between(value, 0, 1_000)),
            "weight" => set(&mut self.route.weight, between(value, 1, 1_000)),
            "ca" => set(&mut self.endpoint.authorities, Ok(Some(PathBuf::from(value)))),
            _ => return None,
        })
    }
}

impl Settings {
    /// What is said of the carrier's calls.
    fn take_call(&mut self, name: &str, value: &str) -> Taken {
        Some(match name {
            "outbind" => {
                let at = value.parse().map(Some).map_err(|_| Unusable);
                set(&mut self.endpoint.called_at, at)
            }
            "outbind_id" => set(&mut self.outbind_said().system_id, Ok(value.to_owned())),
            "outbind_password" => set(&mut self.outbind_said().password, Ok(value.to_owned())),
            _ => return None,
        })
    }

    fn outbind_said(&mut self) -> &mut Outbind {
        let nobody = || Outbind { system_id: String::new(), password: String::new() };
        self.outbind.get_or_insert_with(nobody)
    }
}

const BASES: [(&str, IdBase); 3] =
    [("text", IdBase::Text), ("dec", IdBase::Decimal), ("hex", IdBase::Hex)];

fn set<T>(place: &mut T, value: Result<T, Unusable>) -> Result<(), Unusable> {
    value.map(|value| *place = value)
}

fn between<T: std::str::FromStr + PartialOrd>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, Unusable> {
    text.parse().ok().filter(|number| (least..=most).contains(number)).ok_or(Unusable)
}

fn one_of<T: Copy>(value: &str, known: &[(&str, T)]) -> Result<T, Unusable> {
    known.iter().find(|(name, _)| *name == value).map(|(_, known)| *known).ok_or(Unusable)
}

/// `+44`; in a URL's query a `+` may have become a space.
fn prefix(value: &str) -> Result<String, Unusable> {
    let digits = value.trim_start_matches(['+', ' ']);
    let good = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if good { Ok(format!("+{digits}")) } else { Err(Unusable) }
}

fn country(value: &str) -> Result<String, Unusable> {
    let good = value.len() == 2 && value.bytes().all(|byte| byte.is_ascii_alphabetic());
    if good { Ok(value.to_ascii_uppercase()) } else { Err(Unusable) }
}

fn endpoint_name(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// `58:30007`
fn pair(value: &str) -> Result<(&str, u32), Unusable> {
    let (left, code) = value.split_once(':').ok_or(Unusable)?;
    Ok((left, code.parse().map_err(|_| Unusable)?))
}

/// `1401:0a0b`: tag and octets in hexadecimal.
fn tlv(value: &str) -> Result<(u16, Vec<u8>), Unusable> {
    let (tag, octets) = value.split_once(':').ok_or(Unusable)?;
    let tag = u16::from_str_radix(tag.trim_start_matches("0x"), 16).map_err(|_| Unusable)?;
    if !octets.is_ascii() || octets.len() % 2 == 1 {
        return Err(Unusable);
    }
    let octet = |at: usize| u8::from_str_radix(&octets[at..at + 2], 16).map_err(|_| Unusable);
    Ok((tag, (0..octets.len()).step_by(2).map(octet).collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_everything() {
        let settings = parse(
            "smpp://us%40er:p%3Aw@smsc.example:2776?bind=separate&sessions=2&window=500\
             &throughput=100&source_ton=5&alphabet=latin1&long=sar&response_ids=hex\
             &receipt_ids=dec&validity=absolute&tlv=1401:0aff&status=0x0b:30005&err=1B:30007",
        );
        let settings = settings.expect("a good URL");
        let modes: Vec<Mode> = settings.binds.iter().map(|bind| bind.mode).collect();
        assert_eq!(modes, [Mode::Transmitter, Mode::Receiver, Mode::Transmitter, Mode::Receiver]);
        assert_eq!(settings.binds[0].system_id, "us@er");
        assert_eq!(settings.binds[0].password, "p:w");
        assert_eq!((settings.endpoint.port, settings.window), (2776, 500));
        assert_eq!(settings.tlvs, [(0x1401, vec![0x0a, 0xff])]);
        assert_eq!(settings.status_codes, [(0x0b, 30005)]);
        assert_eq!(settings.receipt_codes, [("1B".to_owned(), 30007)]);
        let plain = parse("smpps://a:b@carrier").expect("a short one");
        assert_eq!((plain.endpoint.port, plain.endpoint.tls, plain.binds.len()), (3550, true, 1));
    }

    #[test]
    fn what_cannot_be_taken_is_named_without_the_password() {
        for (url, word) in [
            ("smpp://a:secret@h?windw=5", "windw"),
            ("smpp://a:secret@h?window=0", "window"),
            ("smpp://a:secret@h?bind=both", "both"),
            ("smpp://a:secret@h?tlv=14:0", "tlv"),
            ("smpp://a:secret@h?outbind=0.0.0.0:2776", "outbind_password"),
            ("smpp://a:secret@h?outbind=here", "here"),
            ("smpp://", "host"),
        ] {
            let error = parse(url).expect_err(url);
            assert!(error.contains(word) && !error.contains("secret"), "{error}");
        }
    }
}
