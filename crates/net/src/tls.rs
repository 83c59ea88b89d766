//! TLS: to the outside by the public authorities and others by name, and our own from files.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A connector that trusts the public authorities.
pub(crate) fn public() -> TlsConnector {
    connector(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
}

/// A connector that trusts the authorities of a PEM file alone.
pub(crate) fn trusting(file: &Path) -> Result<TlsConnector, std::io::Error> {
    let unreadable = |error| std::io::Error::other(format!("{}: {error}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(unreadable)? {
        let added = roots.add(certificate.map_err(unreadable)?);
        added.map_err(|error| std::io::Error::other(format!("{}: {error}", file.display())))?;
    }
    Ok(connector(roots))
}

/// An acceptor with the certificate and the key of PEM files.
pub fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, std::io::Error> {
    let unreadable = |file: &Path, error: rustls::pki_types::pem::Error| {
        std::io::Error::other(format!("{}: {error}", file.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
        .map_err(|error| unreadable(certificate, error))?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| std::io::Error::other(format!("{}: {error}", certificate.display())))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn connector(roots: RootCertStore) -> TlsConnector {
    let provider = Arc::new(default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}
