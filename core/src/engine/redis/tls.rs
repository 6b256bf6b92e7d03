//! TLS for `rediss://`: whom to trust, and how to show who this client is.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{Error, Result};
use crate::url::TlsFiles;

/// Makes TLS connections to one server.
pub(super) struct Tls {
    connector: TlsConnector,
    server: ServerName<'static>,
}

impl Tls {
    /// Reads the files.
    pub(super) fn new(host: &str, files: &TlsFiles) -> Result<Self> {
        let server = ServerName::try_from(host.to_owned()).map_err(|error| {
            Error::invalid(format!("the host {host:?} cannot be checked by TLS: {error}")).with_source(error)
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal(format!("TLS cannot be set up: {error}")).with_source(error))?
            .with_root_certificates(roots(files.ca.as_deref())?);
        let config = match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => {
                let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
                let shown = config.with_client_auth_cert(certificates(cert)?, secret);
                shown.map_err(|error| unreadable(cert, &error))?
            }
            _ => config.with_no_client_auth(),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), server })
    }

    pub(super) async fn connect(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.connector.connect(self.server.clone(), stream).await
    }
}

/// The authorities of `ca`, or else those of the system.
fn roots(ca: Option<&Path>) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(ca) = ca else {
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        return match added {
            0 => Err(Error::invalid("this system trusts no certificate authority; name yours with ca=")),
            _ => Ok(roots),
        };
    };
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|error| unreadable(ca, &error))?;
    }
    Ok(roots)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(file, &error))?;
    if found.is_empty() { Err(unreadable(file, &"it has no certificate")) } else { Ok(found) }
}

fn unreadable(file: &Path, why: &dyn std::fmt::Display) -> Error {
    Error::invalid(format!("cannot read {} as a PEM file: {why}", file.display()))
}
