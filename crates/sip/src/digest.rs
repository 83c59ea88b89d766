//! Digest authentication (RFC 7616, RFC 2617, RFC 8760), both ways. Secrets are handed in; none
//! is kept here.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::Duration;

use base::{Instant, Secret};
use md5::Md5;
use ring::hmac;
use sha2::{Digest, Sha256};

use crate::message::{Params, split_list};

/// The hash of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// What every phone knows.
    Md5,
    /// RFC 8760.
    Sha256,
}

impl Algorithm {
    /// As the headers write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256].into_iter().find(|a| a.as_str().eq_ignore_ascii_case(name))
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        // Writing to a text does not fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// What a user proves by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The password.
    Password(Secret),
    /// Hashes of `username:realm:password`, by algorithm, in lower-case hex.
    Ha1(Vec<(Algorithm, Secret)>),
}

impl Proof {
    fn ha1(&self, algorithm: Algorithm, username: &str, realm: &str) -> Option<Secret> {
        match self {
            Self::Password(password) => Some(ha1(algorithm, username, realm, password)),
            Self::Ha1(known) => known.iter().find(|(a, _)| *a == algorithm).map(|(_, h)| h.clone()),
        }
    }
}

/// The hash that may be stored in a password's place.
pub fn ha1(algorithm: Algorithm, username: &str, realm: &str, password: &Secret) -> Secret {
    Secret::new(algorithm.hash(&format!("{username}:{realm}:{}", password.expose())))
}

/// Who we are to somebody who challenges us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A challenge that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is asked for.
    pub realm: String,
    /// To be sent back.
    pub nonce: String,
    /// To be sent back as it is.
    pub opaque: Option<String>,
    /// By which hash.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is spoken; RFC 2069's form otherwise.
    pub qop: bool,
    /// The password was right, the nonce too old.
    pub stale: bool,
}

fn params(text: &str) -> Option<Params> {
    let (scheme, rest) = text.trim().split_once([' ', '\t'])?;
    if !scheme.eq_ignore_ascii_case("Digest") {
        return None;
    }
    Params::parse(&split_list(rest).join(";"))
}

impl Challenge {
    /// Reads WWW-Authenticate or Proxy-Authenticate; `None` for what we can't answer.
    pub fn parse(text: &str) -> Option<Self> {
        let params = params(text)?;
        let qop = params
            .get("qop")
            .map(|qop| qop.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")));
        let algorithm = params.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?;
        if qop == Some(false) {
            return None;
        }
        Some(Self {
            realm: params.get("realm")?.to_owned(),
            nonce: params.get("nonce")?.to_owned(),
            opaque: params.get("opaque").map(str::to_owned),
            algorithm,
            qop: qop == Some(true),
            stale: params.is("stale", "true"),
        })
    }

    /// The strongest challenge of several fields (RFC 8760 §2.4).
    pub fn best(fields: &[&str]) -> Option<Self> {
        fields.iter().filter_map(|field| Self::parse(field)).max_by_key(|c| c.algorithm)
    }

    /// The value of Authorization or Proxy-Authorization. `count` is how often this nonce was
    /// used, from 1; `cnonce` is random.
    pub fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> String {
        let username = &credentials.username;
        let ha1 = ha1(self.algorithm, username, &self.realm, &credentials.password);
        let nc = format!("{count:08x}");
        let qop = self.qop.then_some((nc.as_str(), cnonce, "auth"));
        let response = response(self.algorithm, &ha1, &self.nonce, method, uri, qop);
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut text = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm={}",
            quoted(username),
            self.realm,
            self.nonce,
            self.algorithm.as_str()
        );
        if self.qop {
            text.push_str(&format!(", cnonce=\"{cnonce}\", qop=auth, nc={nc}"));
        }
        if let Some(opaque) = &self.opaque {
            text.push_str(&format!(", opaque=\"{opaque}\""));
        }
        text
    }
}

fn response(
    algorithm: Algorithm,
    ha1: &Secret,
    nonce: &str,
    method: &str,
    uri: &str,
    qop: Option<(&str, &str, &str)>,
) -> String {
    let ha2 = algorithm.hash(&format!("{method}:{uri}"));
    let ha1 = ha1.expose();
    match qop {
        Some((nc, cnonce, qop)) => {
            algorithm.hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}"))
        }
        None => algorithm.hash(&format!("{ha1}:{nonce}:{ha2}")),
    }
}

/// An answer to a challenge of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Who it claims to be.
    pub username: String,
    /// Of which realm.
    pub realm: String,
    nonce: String,
    uri: String,
    response: String,
    algorithm: Algorithm,
    qop: Option<(String, String, String)>,
}

impl Authorization {
    /// Reads Authorization or Proxy-Authorization.
    pub fn parse(text: &str) -> Option<Self> {
        let params = params(text)?;
        let own = |name: &str| params.get(name).map(|value| value.replace("\\\"", "\""));
        let algorithm = params.get("algorithm").map_or(Some(Algorithm::Md5), Algorithm::parse)?;
        let qop = match own("qop") {
            Some(qop) => Some((own("nc")?, own("cnonce")?, qop)),
            None => None,
        };
        Some(Self {
            username: own("username")?,
            realm: own("realm")?,
            nonce: own("nonce")?,
            uri: own("uri")?,
            response: own("response")?,
            algorithm,
            qop,
        })
    }
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is who it claims to be.
    Right,
    /// It is not.
    Wrong,
    /// The nonce is too old, not ours, or was used before: challenge again with `stale`.
    Stale,
}

/// Nonces that are remembered at most for their counts.
const COUNTED_MAX: usize = 16_384;

/// Gives nonces and judges answers. A nonce carries its own time and seal, so that a challenge
/// costs no memory; only counts of nonces that were used rightly are kept.
#[derive(Debug)]
pub struct Nonces {
    key: hmac::Key,
    life: Duration,
    algorithms: Vec<Algorithm>,
    counts: HashMap<String, (u32, Instant)>,
}

impl Nonces {
    /// Nonces that hold for `life`, sealed by 32 random octets, for these algorithms in the order
    /// of preference.
    pub fn new(key: [u8; 32], life: Duration, algorithms: Vec<Algorithm>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        Self { key, life, algorithms, counts: HashMap::new() }
    }

    fn seal(&self, stamp: &str) -> String {
        hex(&hmac::sign(&self.key, stamp.as_bytes()).as_ref()[..16])
    }

    fn nonce(&self, now: Instant, realm: &str, salt: u64) -> String {
        let stamp = format!("{:x}-{salt:x}", now.micros());
        let seal = self.seal(&format!("{stamp} {realm}"));
        format!("{stamp}-{seal}")
    }

    /// Values of WWW-Authenticate or Proxy-Authenticate, one for each algorithm.
    pub fn challenge(&self, now: Instant, realm: &str, salt: u64, stale: bool) -> Vec<String> {
        let realm = realm.replace(['"', '\\'], "");
        let nonce = self.nonce(now, &realm, salt);
        let stale = if stale { ", stale=true" } else { "" };
        let value = |algorithm: &Algorithm| {
            format!(
                "Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}",
                algorithm.as_str()
            )
        };
        self.algorithms.iter().map(value).collect()
    }

    /// Whether an answer is to a challenge of ours that is not too old: others need no proof.
    pub fn is_fresh(&self, now: Instant, answer: &Authorization) -> bool {
        self.made_at(answer).is_some_and(|at| at <= now && now.since(at) <= self.life)
    }

    /// Whether an answer is to a challenge of ours, however old.
    pub fn is_ours(&self, answer: &Authorization) -> bool {
        self.made_at(answer).is_some()
    }

    /// When the nonce of an answer was given; `None` when it is not ours.
    fn made_at(&self, answer: &Authorization) -> Option<Instant> {
        let (stamp, seal) = answer.nonce.rsplit_once('-')?;
        let at = i64::from_str_radix(stamp.split('-').next()?, 16).ok()?;
        let ours = Secret::new(self.seal(&format!("{stamp} {}", answer.realm)));
        (ours == Secret::new(seal)).then_some(Instant::from_micros(at))
    }

    /// Judges an answer for a request with this method and Request-URI.
    pub fn verify(
        &mut self,
        now: Instant,
        answer: &Authorization,
        proof: &Proof,
        method: &str,
    ) -> Verdict {
        let Some(ha1) = proof.ha1(answer.algorithm, &answer.username, &answer.realm) else {
            return Verdict::Wrong;
        };
        let qop = answer.qop.as_ref().map(|(nc, c, q)| (nc.as_str(), c.as_str(), q.as_str()));
        if qop.is_some_and(|(_, _, qop)| !qop.eq_ignore_ascii_case("auth")) {
            return Verdict::Wrong;
        }
        let expected = response(answer.algorithm, &ha1, &answer.nonce, method, &answer.uri, qop);
        if Secret::new(expected) != Secret::new(answer.response.to_ascii_lowercase()) {
            return Verdict::Wrong;
        }
        if !self.is_fresh(now, answer) {
            return Verdict::Stale;
        }
        let count = qop.map_or(Some(1), |(nc, _, _)| u32::from_str_radix(nc, 16).ok());
        match count {
            Some(count) if self.count(now, &answer.nonce, count) => Verdict::Right,
            _ => Verdict::Stale,
        }
    }

    /// RFC 7616 §3.4: a count that does not grow is a replay.
    fn count(&mut self, now: Instant, nonce: &str, count: u32) -> bool {
        if self.counts.len() >= COUNTED_MAX {
            let life = self.life;
            self.counts.retain(|_, (_, used)| now.since(*used) <= life);
            if self.counts.len() >= COUNTED_MAX {
                // Too many at once: all nonces in use are challenged anew.
                self.counts.clear();
                return false;
            }
        }
        let last = self.counts.entry(nonce.to_owned()).or_insert((0, now));
        let grows = count > last.0;
        if grows {
            *last = (count, now);
        }
        grows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mufasa() -> Credentials {
        Credentials { username: "Mufasa".to_owned(), password: Secret::new("Circle of Life") }
    }

    #[test]
    fn the_examples_of_rfc_7616_come_out() {
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let text = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let challenge = Challenge::parse(&text).expect("a challenge");
            let credentials = Credentials { password: Secret::new("Circle of Life"), ..mufasa() };
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let answer = challenge.answer(&credentials, "GET", "/dir/index.html", cnonce, 1);
            assert!(answer.contains(&format!("response=\"{expected}\"")), "{answer}");
        }
    }

    #[test]
    fn answers_to_our_challenges_are_judged() {
        let life = Duration::from_secs(60);
        let both = vec![Algorithm::Sha256, Algorithm::Md5];
        let mut nonces = Nonces::new([7; 32], life, both);
        let now = Instant::from_secs(1_000);
        let fields = nonces.challenge(now, "voice.example.com", 1, false);
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let challenge = Challenge::best(&fields).expect("a challenge");
        assert_eq!(challenge.algorithm, Algorithm::Sha256);
        let proof = Proof::Password(Secret::new("Circle of Life"));
        let answer = |count| {
            let text = challenge.answer(&mufasa(), "REGISTER", "sip:x", "c", count);
            Authorization::parse(&text).expect("an answer")
        };
        let mut judge =
            |now, answer: &Authorization, method| nonces.verify(now, answer, &proof, method);
        assert_eq!(judge(now, &answer(1), "REGISTER"), Verdict::Right);
        assert_eq!(judge(now, &answer(1), "REGISTER"), Verdict::Stale, "a replay");
        assert_eq!(judge(now, &answer(2), "REGISTER"), Verdict::Right);
        assert_eq!(judge(now, &answer(3), "INVITE"), Verdict::Wrong, "for another method");
        let late = now + life + Duration::from_secs(1);
        assert_eq!(judge(late, &answer(4), "REGISTER"), Verdict::Stale);
        let forged = Authorization { realm: "other".to_owned(), ..answer(5) };
        assert_eq!(judge(now, &forged, "REGISTER"), Verdict::Wrong);
    }

    #[test]
    fn a_stored_hash_is_as_good_as_the_password() {
        let mut nonces = Nonces::new([7; 32], Duration::from_secs(60), vec![Algorithm::Md5]);
        let now = Instant::from_secs(1_000);
        let values = nonces.challenge(now, "r", 1, true);
        let challenge = Challenge::parse(&values[0]).expect("a challenge");
        assert!(challenge.stale);
        let text = challenge.answer(&mufasa(), "INVITE", "sip:x", "c", 1);
        let answer = Authorization::parse(&text).expect("an answer");
        let hash = ha1(Algorithm::Md5, "Mufasa", "r", &mufasa().password);
        let proof = Proof::Ha1(vec![(Algorithm::Md5, hash)]);
        assert_eq!(nonces.verify(now, &answer, &proof, "INVITE"), Verdict::Right);
        assert_eq!(nonces.verify(now, &answer, &Proof::Ha1(Vec::new()), "INVITE"), Verdict::Wrong);
    }

    #[test]
    fn what_we_can_t_answer_is_no_challenge() {
        for bad in ["Basic realm=\"x\"", "Digest realm=\"x\"", "Digest", ""] {
            assert_eq!(Challenge::parse(bad), None, "{bad}");
        }
        let other = "Digest realm=\"x\", nonce=\"y\", algorithm=SHA-512-256";
        assert_eq!(Challenge::parse(other), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""), None);
    }
}
