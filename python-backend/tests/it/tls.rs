//! Upstreams behind TLS, with their own certificate authority.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, Stream, SupportedProtocolVersion, version};
use serde_json::json;
use space_kit::testing::{Process, Reply};

use crate::fake::completion;
use crate::support::{error_of, question};
use crate::{chat, start};

/// The properties of an upstream's certificate.
struct Certificate {
    name: &'static str,
    rsa: bool,
    expired: bool,
    version: &'static SupportedProtocolVersion,
}

const VALID: Certificate =
    Certificate { name: "localhost", rsa: false, expired: false, version: &version::TLS13 };

/// An upstream, and a temporary file with its certificate authority.
struct Secure {
    url: String,
    authority: PathBuf,
}

impl Drop for Secure {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.authority);
    }
}

fn key(rsa: bool) -> KeyPair {
    match rsa {
        true => {
            let pem = include_str!("../../../space-kit/tests/keys/rsa-for-tests.pem");
            KeyPair::from_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).unwrap()
        }
        false => KeyPair::generate().unwrap(),
    }
}

/// A server's side of TLS with this certificate, and its authority as PEM.
fn server(certificate: &Certificate) -> (Arc<ServerConfig>, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = key(certificate.rsa);
    let root = authority.self_signed(&authority_key).unwrap();
    let mut leaf = CertificateParams::new(vec![certificate.name.to_owned()]).unwrap();
    if certificate.expired {
        (leaf.not_before, leaf.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    }
    let leaf_key = key(certificate.rsa);
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(authority, authority_key)).unwrap();

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[certificate.version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(leaf_key.serialize_der()).unwrap(),
        )
        .unwrap();
    (Arc::new(config), root.pem())
}

/// A server's side of TLS with a valid certificate for this name, and its authority as PEM.
pub(crate) fn valid_server(name: &'static str) -> (Arc<ServerConfig>, String) {
    server(&Certificate { name, ..VALID })
}

fn secure(certificate: &Certificate) -> Secure {
    let (config, root) = server(certificate);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/v1", listener.local_addr().unwrap().port());
    let authority =
        std::env::temp_dir().join(format!("authority-{}.pem", listener.local_addr().unwrap().port()));
    std::fs::write(&authority, root).unwrap();
    std::thread::spawn(move || serve(&listener, config));
    Secure { url, authority }
}

/// Answers the first request of each connection. A failed handshake ends only its own connection.
fn serve(listener: &TcpListener, config: Arc<ServerConfig>) {
    for socket in listener.incoming() {
        let (mut socket, mut tls) = (socket.unwrap(), ServerConnection::new(config.clone()).unwrap());
        let mut stream = Stream::new(&mut tls, &mut socket);
        if stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {
            let body = completion("over TLS").to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        }
        tls.send_close_notify();
        _ = tls.complete_io(&mut socket);
    }
}

fn ask(secure: &Secure, trusts: bool) -> (Process, Reply) {
    let file = secure.authority.to_str().unwrap();
    let env = [("UPSTREAM_URL", secure.url.as_str()), ("SSL_CERT_FILE", if trusts { file } else { "" })];
    let service = start(&env);
    let reply = chat(&service, &question(json!({})));
    (service, reply)
}

#[test]
fn rsa_and_ecdsa_chains_are_trusted_in_tls_1_2_and_1_3() {
    for rsa in [false, true] {
        for version in [&version::TLS12, &version::TLS13] {
            let (_, reply) = ask(&secure(&Certificate { rsa, version, ..VALID }), true);
            assert_eq!(reply.status, 200, "rsa {rsa}, {version:?}: {}", reply.text());
            assert_eq!(reply.json(), completion("over TLS"));
        }
    }
}

#[test]
fn an_untrusted_certificate_is_a_502_and_the_log_has_the_cause() {
    for (certificate, trusts, cause) in [
        (VALID, false, "UnknownIssuer"),
        (Certificate { name: "other.example", ..VALID }, true, "not valid for name"),
        (Certificate { expired: true, ..VALID }, true, "expired"),
    ] {
        let (service, reply) = ask(&secure(&certificate), trusts);
        assert_eq!(error_of(&reply), (502, "upstream_error".to_owned()));
        let line = service.log("\"status\":502");
        assert!(line.contains("invalid peer certificate") && line.contains(cause), "{cause}: {line}");
    }
}
