//! Opens a connection: DNS, TCP, TLS, HTTP/1.1.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ALL_VERSIONS, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::crypto::provider;
use super::error::OutgoingError;
use super::transport::Transport;
use crate::server::task;
use crate::service::client::is_private;
use crate::settings::env::{Env, Var};
use crate::web::Origin;

/// The variable for private certificate authorities.
pub static SSL_CERT_FILE: Var = Var {
    name: "SSL_CERT_FILE",
    default: "",
    accepts: "a readable file of certificates in PEM form",
    meaning: "certificate authorities to trust instead of the built-in ones (Mozilla's)",
    secret: false,
};

/// Time for DNS, TCP and TLS together; each address of a name gets an equal share.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest head of a response, and hyper's buffer for it, in bytes.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// Sends requests over one connection.
pub(super) type HttpSender = http1::SendRequest<Full<Bytes>>;

/// Opens connections. TLS is set up when it is first needed.
#[derive(Default)]
pub struct Connector {
    authorities: Option<Vec<CertificateDer<'static>>>,
    tls: OnceLock<TlsConnector>,
}

impl Connector {
    /// A connector that trusts the authorities of [`SSL_CERT_FILE`]; `None` means that `env` has the problem.
    pub fn configure(env: &mut Env<'_>) -> Option<Connector> {
        let Some(file) = env.optional(&SSL_CERT_FILE, |text| Some(text.to_owned()))? else {
            return Some(Connector::default());
        };
        match read_authorities(file.as_ref()) {
            Ok(authorities) => Some(Connector { authorities: Some(authorities), tls: OnceLock::new() }),
            Err(error) => {
                env.problem(&SSL_CERT_FILE, error.to_string());
                None
            }
        }
    }

    /// Opens a connection.
    pub(super) async fn connect(&self, origin: &Origin) -> Result<HttpSender, OutgoingError> {
        let failed = |cause: &dyn fmt::Display| OutgoingError::Connect {
            origin: origin.to_string(),
            cause: cause.to_string(),
        };
        let stream = match timeout(CONNECT_TIMEOUT, self.open(origin)).await {
            Ok(stream) => stream.map_err(|error| failed(&error))?,
            Err(_) => {
                return Err(OutgoingError::ConnectTimeout {
                    origin: origin.to_string(),
                    after: CONNECT_TIMEOUT,
                });
            }
        };
        let handshake = http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(|error| failed(&error))?;
        task::spawn(async move {
            _ = connection.await; // the request on it gets its errors
        });
        Ok(sender)
    }

    async fn open(&self, origin: &Origin) -> io::Result<Transport> {
        let addresses: Vec<_> = tokio::net::lookup_host((origin.host.as_str(), origin.port)).await?.collect();
        let share = CONNECT_TIMEOUT / u32::try_from(addresses.len()).unwrap_or(1).max(1);
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            if !origin.tls && !is_private(address.ip()) {
                last = io::Error::other("plain http goes to private addresses only; use https");
                continue;
            }
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.secure(origin, stream).await,
                Ok(Err(error)) => last = error,
                Err(_) => last = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(last)
    }

    async fn secure(&self, origin: &Origin, stream: TcpStream) -> io::Result<Transport> {
        stream.set_nodelay(true)?;
        if !origin.tls {
            return Ok(Transport::Plain(stream));
        }
        let name = ServerName::try_from(origin.host.clone()).map_err(io::Error::other)?;
        let stream = self.tls()?.connect(name, stream).await?;
        Ok(Transport::Tls(Box::new(stream)))
    }

    fn tls(&self) -> io::Result<&TlsConnector> {
        if self.tls.get().is_none() {
            let mut roots = RootCertStore::empty();
            match &self.authorities {
                Some(authorities) => _ = roots.add_parsable_certificates(authorities.iter().cloned()),
                None => roots.extend(super::roots::roots()),
            }
            let config = ClientConfig::builder_with_provider(Arc::new(provider()))
                .with_protocol_versions(ALL_VERSIONS)
                .map_err(io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            _ = self.tls.set(TlsConnector::from(Arc::new(config)));
        }
        self.tls.get().ok_or_else(|| io::ErrorKind::Other.into())
    }
}

/// A connection whose other end the fuzzer has.
#[cfg(feature = "fuzzing")]
pub(super) async fn over(stream: tokio::net::UnixStream) -> hyper::Result<HttpSender> {
    let handshake = http1::Builder::new().max_buf_size(MAX_HEAD_BYTES).handshake(TokioIo::new(stream));
    let (sender, connection) = handshake.await?;
    task::spawn(async move {
        _ = connection.await;
    });
    Ok(sender)
}

/// Why a file of authorities cannot be used.
#[derive(Debug)]
struct AuthoritiesError {
    file: PathBuf,
    kind: AuthoritiesProblem,
}

#[derive(Debug)]
enum AuthoritiesProblem {
    Unreadable(io::Error),
    NotPem,
    NoCertificates,
}

impl fmt::Display for AuthoritiesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display();
        match &self.kind {
            AuthoritiesProblem::Unreadable(error) => write!(f, "cannot read {file}: {error}"),
            AuthoritiesProblem::NotPem => write!(f, "{file} is not in PEM form"),
            AuthoritiesProblem::NoCertificates => write!(f, "{file} has no certificates in PEM form"),
        }
    }
}

fn read_authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, AuthoritiesError> {
    let file_error = |kind| AuthoritiesError { file: file.to_owned(), kind };
    let text = std::fs::read(file).map_err(|error| file_error(AuthoritiesProblem::Unreadable(error)))?;
    let mut authorities = Vec::new();
    for authority in CertificateDer::pem_slice_iter(&text) {
        authorities.push(authority.map_err(|_| file_error(AuthoritiesProblem::NotPem))?);
    }
    if authorities.is_empty() {
        return Err(file_error(AuthoritiesProblem::NoCertificates));
    }
    Ok(authorities)
}
