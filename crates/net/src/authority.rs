//! The certificate authority of one development machine. It can vouch for Twilio's and SendGrid's
//! names and for this machine, and for nothing else: its certificate says so (RFC 5280 §4.2.1.10),
//! so that who trusts it trusts it with nothing more.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, SigningKey};
use tokio_rustls::TlsAcceptor;

/// Names that it vouches for, with all that end in them.
const DOMAINS: [&str; 2] = ["twilio.com", "sendgrid.com"];

/// Whether a host is one whose place this installation takes.
pub fn is_taken(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    DOMAINS.iter().any(|domain| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// The authority, kept in a folder.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: PathBuf,
    /// One key for all names: it never leaves this process.
    leaf_pair: KeyPair,
    leaf_key: Arc<dyn SigningKey>,
    issued: Mutex<HashMap<String, Arc<CertifiedKey>>>,
}

impl Authority {
    /// The authority of a folder, made there when there is none.
    pub fn open(folder: &Path) -> Result<Arc<Self>, std::io::Error> {
        std::fs::create_dir_all(folder)?;
        let (key_file, certificate) = (folder.join("ca-key.pem"), folder.join("ca.pem"));
        let pair = match std::fs::read_to_string(&key_file) {
            Ok(text) => KeyPair::from_pem(&text).map_err(std::io::Error::other)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let pair = KeyPair::generate().map_err(std::io::Error::other)?;
                write_secret(&key_file, &pair.serialize_pem())?;
                pair
            }
            Err(error) => return Err(error),
        };
        let params = params()?;
        if !certificate.exists() {
            let signed = params.self_signed(&pair).map_err(std::io::Error::other)?;
            std::fs::write(&certificate, signed.pem())?;
        }
        let leaf_pair = KeyPair::generate().map_err(std::io::Error::other)?;
        let private = PrivateKeyDer::try_from(leaf_pair.serialize_der());
        let leaf_key = any_supported_type(&private.map_err(std::io::Error::other)?);
        let leaf_key = leaf_key.map_err(std::io::Error::other)?;
        let issuer = Issuer::new(params, pair);
        let issued = Mutex::default();
        Ok(Arc::new(Self { issuer, certificate, leaf_pair, leaf_key, issued }))
    }

    /// The file that clients have to trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// Takes TLS connections to any name that it vouches for.
    pub fn acceptor(self: &Arc<Self>) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default protocol versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Names(Arc::clone(self))));
        TlsAcceptor::from(Arc::new(config))
    }

    fn issue(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = issued.get(name) {
            return Some(Arc::clone(known));
        }
        let names = match is_taken(name) {
            true => vec![name.to_owned()],
            false => ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
        };
        let mut params = CertificateParams::new(names).ok()?;
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2049, 1, 1);
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let signed = params.signed_by(&self.leaf_pair, &self.issuer).ok()?;
        let chain = vec![signed.der().clone()];
        let made = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.leaf_key)));
        issued.insert(name.to_owned(), Arc::clone(&made));
        Some(made)
    }
}

/// What the authority is, whoever asks: the same for the same key.
fn params() -> Result<CertificateParams, std::io::Error> {
    let mut params = CertificateParams::new(Vec::new()).map_err(std::io::Error::other)?;
    params.distinguished_name.push(DnType::OrganizationName, "Trunkline");
    params.distinguished_name.push(DnType::CommonName, "Trunkline development authority");
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2049, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let domains = DOMAINS.into_iter().chain(["localhost"]).map(str::to_owned);
    let loopback = [IpAddr::from([127, 0, 0, 0]), IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])];
    let ranges = [(loopback[0], 8), (loopback[1], 128)];
    let ranges = ranges.map(|(at, prefix)| CidrSubnet::from_addr_prefix(at, prefix));
    let permitted = domains.map(GeneralSubtree::DnsName);
    let permitted_subtrees = permitted.chain(ranges.map(GeneralSubtree::IpAddress)).collect();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
    Ok(params)
}

fn write_secret(path: &Path, text: &str) -> Result<(), std::io::Error> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Finds the certificate for the name that a client asks for.
struct Names(Arc<Authority>);

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names")
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.issue(hello.server_name().filter(|name| is_taken(name)).unwrap_or("localhost"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_two_houses_are_taken() {
        for host in
            ["api.twilio.com", "twilio.com", "API.dublin.ie1.Twilio.com", "api.sendgrid.com."]
        {
            assert!(is_taken(host), "{host}");
        }
        for host in ["nottwilio.com", "twilio.com.evil.example", "example.com", "localhost", ""] {
            assert!(!is_taken(host), "{host}");
        }
    }

    #[test]
    fn it_is_the_same_after_a_restart_and_its_key_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let name = format!("trunkline_authority_{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let first = Authority::open(&folder).expect("an authority");
        let pem = std::fs::read(first.certificate()).expect("its certificate");
        let again = Authority::open(&folder).expect("the same");
        assert_eq!(std::fs::read(again.certificate()).expect("its certificate"), pem);
        let mode = std::fs::metadata(folder.join("ca-key.pem")).expect("a key").permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(again.issue("api.twilio.com").is_some() && again.issue("localhost").is_some());
        std::fs::remove_dir_all(&folder).expect("the folder goes");
    }
}
