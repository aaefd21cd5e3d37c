//! The wire to an SMSC: TCP, with TLS over it if the section says so.

use std::{io, path::Path, sync::Arc, time::Duration};

use otpost_shared::config::ConfigError;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::providers::mistake;

/// As for gateways that are called.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Where an SMSC listens.
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
    tls: Option<Tls>,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Endpoint {
    pub(super) fn plain(host: String, port: u16) -> Self {
        Self { host, port, tls: None }
    }

    /// # Errors
    /// The host is no name that a certificate can have, or there are no certificates to trust.
    pub(super) fn with_tls(
        name: &str,
        host: String,
        port: u16,
        ca_file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let server = ServerName::try_from(host.clone())
            .map_err(|_| mistake(name, "url", "has no host that a certificate can name"))?;
        let config = match ca_file {
            Some(file) => trusting(file).map_err(|error| {
                mistake(name, "ca_file", format!("cannot use {}: {error}", file.display()))
            })?,
            None => trusting_the_system()
                .map_err(|error| mistake(name, "url", format!("no TLS: {error}")))?,
        };
        let tls = Tls { connector: TlsConnector::from(Arc::new(config)), name: server };
        Ok(Self { host, port, tls: Some(tls) })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Connects to the first address of the host that answers.
    ///
    /// # Errors
    /// A sentence on what failed.
    pub(super) async fn connect(&self) -> Result<Box<dyn Wire>, String> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let stream = match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("not connected: {error}")),
            Err(_) => return Err("not connected within 2 s".to_owned()),
        };
        // One PDU after the other, each wants to leave at once.
        stream.set_nodelay(true).map_err(|error| format!("not connected: {error}"))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        match timeout(CONNECT_TIMEOUT, tls.connector.connect(tls.name.clone(), stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(format!("no TLS: {error}")),
            Err(_) => Err("no TLS within 2 s".to_owned()),
        }
    }
}

fn trusting(file: &Path) -> Result<ClientConfig, io::Error> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
    for certificate in certificates {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("it holds no certificate"));
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn trusting_the_system() -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(builder.with_platform_verifier()?.with_no_client_auth())
}
