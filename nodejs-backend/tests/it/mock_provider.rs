//! A mock OpenID provider. It follows the standard unless a test makes it deviate.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use space_kit::jwt::testing::Signer;
use space_kit::testing::exchange;

pub(crate) const CLIENT_ID: &str = "the+client/1";
/// What all refresh tokens begin with.
pub(crate) const REFRESH_TOKEN: &str = "the-refresh-token-";
pub(crate) const CLIENT_SECRET: &str = "s3cret/with+odd=characters-and-0123456789";

/// A change to a document before it is sent.
pub(crate) type Change = Box<dyn Fn(&mut Value) + Send>;

/// How a provider deviates from the standard.
#[derive(Default)]
pub(crate) struct Deviation {
    /// Changes by name of the document: metadata, jwks, header, claims, token, refresh, userinfo.
    pub(crate) documents: HashMap<&'static str, Change>,
    /// Complete responses by path. An empty one means that no response is ever sent. After a head without a body, the
    /// body follows one byte at a time.
    pub(crate) responses: HashMap<&'static str, Vec<u8>>,
    /// Connections are kept alive; a request to this path closes its connection without a response.
    pub(crate) closes_at: Option<&'static str>,
    /// The next request to this path is announced, and its response waits for a word.
    pub(crate) held: Option<(&'static str, Sender<()>, Receiver<()>)>,
    /// A change to the text of ID tokens.
    pub(crate) text: Option<Box<dyn Fn(String) -> String + Send>>,
    /// The required client authentication.
    pub(crate) client: ClientAuth,
    /// The signing key, instead of the usual one.
    pub(crate) signer: Option<Signer>,
}

/// A method of client authentication (OpenID Connect Core section 9).
#[derive(Default, Clone, Copy)]
pub(crate) enum ClientAuth {
    #[default]
    Basic,
    Post,
    Public,
    /// None either: the client id is the address of a document, which the provider fetches from this socket address
    /// (draft-ietf-oauth-client-id-metadata-document).
    Document(SocketAddr),
}

pub(crate) struct MockProvider {
    pub(crate) issuer: String,
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    issuer: String,
    deviation: Deviation,
    signer: Signer,
    codes: HashMap<String, HashMap<String, String>>,
    /// Clients that described themselves.
    described: Vec<String>,
    /// Refresh tokens that were exchanged for another one.
    used: Vec<String>,
    /// Method, path and body of every request.
    seen: Vec<String>,
}

impl MockProvider {
    pub(crate) fn start() -> MockProvider {
        MockProvider::deviating(Deviation::default())
    }

    /// A provider that changes the document with this name.
    pub(crate) fn with(name: &'static str, change: impl Fn(&mut Value) + Send + 'static) -> MockProvider {
        let mut deviation = Deviation::default();
        deviation.documents.insert(name, Box::new(change));
        MockProvider::deviating(deviation)
    }

    /// A provider that sends this response at a path.
    pub(crate) fn responding(path: &'static str, response: impl Into<Vec<u8>>) -> MockProvider {
        let mut deviation = Deviation::default();
        deviation.responses.insert(path, response.into());
        MockProvider::deviating(deviation)
    }

    pub(crate) fn deviating(deviation: Deviation) -> MockProvider {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let shared = Shared {
            issuer: issuer.clone(),
            deviation,
            signer: Signer::rsa(),
            codes: HashMap::new(),
            described: vec![],
            used: vec![],
            seen: vec![],
        };
        let shared = Arc::new(Mutex::new(shared));
        let provider = MockProvider { issuer, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        provider
    }

    /// Changes the deviation while the provider runs.
    pub(crate) fn deviate(&self, deviation: Deviation) {
        self.shared.lock().unwrap().deviation = deviation;
    }

    /// The code that a visitor's consent to an authentication request gives.
    pub(crate) fn consent(&self, url: &str) -> String {
        let asked = query(url);
        let client = self.shared.lock().unwrap().deviation.client;
        if let ClientAuth::Document(address) = client {
            accept_document(address, &asked);
        }
        let mut shared = self.shared.lock().unwrap();
        shared.described.push(asked["client_id"].clone());
        let code = format!("code-{}", shared.codes.len());
        shared.codes.insert(code.clone(), asked);
        code
    }

    /// The number of requests to a path.
    pub(crate) fn count(&self, path: &str) -> usize {
        self.shared.lock().unwrap().seen.iter().filter(|seen| seen.split(' ').nth(1) == Some(path)).count()
    }
}

/// Fetches the document of the client that asks, and checks it as a provider does.
fn accept_document(address: SocketAddr, asked: &HashMap<String, String>) {
    let id = &asked["client_id"];
    let (host, path) = id.strip_prefix("https://").unwrap().split_once('/').unwrap();
    let reply = exchange(
        address,
        format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\n\r\n"),
    );
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"), "{}", reply.text());
    let document = reply.json();
    assert_eq!(document["client_id"], id.as_str());
    assert_eq!(document["token_endpoint_auth_method"], "none");
    assert!(document.get("client_secret").is_none());
    let has = |name: &str, value: &str| document[name].as_array().unwrap().iter().any(|one| one == value);
    assert!(has("redirect_uris", &asked["redirect_uri"]), "{document}");
    assert!(has("response_types", "code") && has("grant_types", "authorization_code"), "{document}");
    let scope = document["scope"].as_str().unwrap();
    assert!(asked["scope"].split(' ').all(|one| scope.split(' ').any(|listed| listed == one)), "{document}");
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>) {
    let mut reader = BufReader::new(stream);
    while serve_one(&mut reader, shared) {}
}

/// Handles one request; returns whether the connection is kept alive.
fn serve_one(reader: &mut BufReader<TcpStream>, shared: &Mutex<Shared>) -> bool {
    let (mut line, mut length, mut authorization) = (String::new(), 0, String::new());
    if reader.read_line(&mut line).is_err() || line.is_empty() {
        return false;
    }
    loop {
        let mut field = String::new();
        if reader.read_line(&mut field).is_err() || field.trim().is_empty() {
            break;
        }
        let (name, value) = field.split_once(':').unwrap();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let body = String::from_utf8(body).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let (response, closes_at, held) = {
        let mut shared = shared.lock().unwrap();
        shared.seen.push(format!("{} {body}", line.trim_end()));
        let response = match shared.deviation.responses.get(path.as_str()) {
            Some(response) => response.clone(),
            None => shared.respond(&path, &authorization, &body),
        };
        let held = shared.deviation.held.take_if(|(held, ..)| *held == path);
        (response, shared.deviation.closes_at, held)
    };
    if let Some((_, arrived, go)) = held {
        arrived.send(()).unwrap();
        go.recv().unwrap();
    }
    if closes_at == Some(path.as_str()) {
        return false;
    }
    if response.is_empty() {
        _ = reader.read_to_end(&mut Vec::new()); // until the client closes the connection
        return false;
    }
    if response.ends_with(b"\r\n\r\n") && !response.windows(7).any(|part| part == b"gth: 0\r") {
        return drip(reader, &response);
    }
    let response = match closes_at {
        Some(_) => String::from_utf8(response).unwrap().replace("connection: close\r\n", "").into_bytes(),
        None => response,
    };
    reader.get_mut().write_all(&response).is_ok() && closes_at.is_some()
}

/// Sends a head, then the body one byte at a time until the client closes the connection.
fn drip(reader: &mut BufReader<TcpStream>, head: &[u8]) -> bool {
    reader.get_mut().write_all(head).unwrap();
    reader.get_mut().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    while reader.read(&mut [0]).is_err() && reader.get_mut().write_all(b" ").is_ok() {}
    false
}

impl Shared {
    fn respond(&mut self, path: &str, authorization: &str, body: &str) -> Vec<u8> {
        let issuer = self.issuer.clone();
        match path {
            "/.well-known/openid-configuration" => self.document(
                "metadata",
                json!({
                    "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
                    "token_endpoint": format!("{issuer}/token"), "userinfo_endpoint": format!("{issuer}/userinfo"),
                    "jwks_uri": format!("{issuer}/jwks"),
                }),
            ),
            "/jwks" => self.document("jwks", json!({"keys": [self.signer.jwk("key 1")]})),
            "/token" => self.tokens(authorization, body),
            "/userinfo" if authorization == "Bearer the-access-token" => self.document(
                "userinfo",
                json!({
                    "sub": "65f0", "name": "Ann", "preferred_username": "ann",
                    "picture": "https://cdn.example/ann.png",
                }),
            ),
            _ => http("404 Not Found", &json!({"error": "not_found"})),
        }
    }

    fn tokens(&mut self, authorization: &str, body: &str) -> Vec<u8> {
        let form = query(&format!("?{body}"));
        let basic = base64::engine::general_purpose::STANDARD
            .encode("the%2Bclient%2F1:s3cret%2Fwith%2Bodd%3Dcharacters-and-0123456789");
        let asked = form.get("code").and_then(|code| self.codes.remove(code));
        let challenge =
            form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        let sent = |name: &str| form.get(name).map(String::as_str);
        let proven = match self.deviation.client {
            ClientAuth::Basic => authorization == format!("Basic {basic}") && sent("client_secret").is_none(),
            ClientAuth::Post => authorization.is_empty() && sent("client_secret") == Some(CLIENT_SECRET),
            ClientAuth::Public | ClientAuth::Document(_) => {
                authorization.is_empty() && sent("client_secret").is_none()
            }
        };
        let named = match self.deviation.client {
            ClientAuth::Basic => true,
            ClientAuth::Document(_) => self.described.iter().any(|id| sent("client_id") == Some(id)),
            ClientAuth::Post | ClientAuth::Public => sent("client_id") == Some(CLIENT_ID),
        };
        let proven = proven && named;
        if sent("grant_type") == Some("refresh_token") && proven {
            return self.refresh(sent("refresh_token").unwrap_or_default());
        }
        let valid = asked.as_ref().is_some_and(|asked| {
            proven
                && asked["code_challenge_method"] == "S256"
                && asked.get("code_challenge") == challenge.as_ref()
                && asked.get("redirect_uri") == form.get("redirect_uri")
                && form["grant_type"] == "authorization_code"
        });
        let Some(asked) = asked.filter(|_| valid) else {
            return http(
                "400 Bad Request",
                &json!({"error": "invalid_grant", "error_description": "secret words"}),
            );
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut claims = json!({
            "iss": self.issuer, "aud": asked["client_id"], "sub": "65f0", "iat": now, "exp": now + 600, "nonce": asked["nonce"],
        });
        let signer = self.deviation.signer.as_ref().unwrap_or(&self.signer);
        let mut header = json!({"alg": signer.alg(), "kid": "key 1", "typ": "JWT"});
        for (name, document) in [("claims", &mut claims), ("header", &mut header)] {
            if let Some(change) = self.deviation.documents.get(name) {
                change(document);
            }
        }
        let mut token = signer.sign(&header.to_string(), &claims.to_string());
        if let Some(text) = &self.deviation.text {
            token = text(token);
        }
        self.document(
            "token",
            json!({"access_token": "the-access-token", "token_type": "bearer", "expires_in": 60, "id_token": token}),
        )
    }

    /// A new access token, and a new refresh token that replaces the one that was sent.
    fn refresh(&mut self, sent: &str) -> Vec<u8> {
        if !sent.starts_with(REFRESH_TOKEN) || self.used.iter().any(|used| used == sent) {
            return http("400 Bad Request", &json!({"error": "invalid_grant", "error_description": sent}));
        }
        let number = self.seen.iter().filter(|seen| seen.contains("grant_type=refresh_token")).count();
        let mut document = json!({
            "access_token": format!("the-access-token-{number}"), "token_type": "Bearer", "expires_in": 3600,
            "refresh_token": format!("{REFRESH_TOKEN}{number}"),
        });
        if let Some(change) = self.deviation.documents.get("refresh") {
            change(&mut document);
        }
        if document["refresh_token"].is_string() {
            self.used.push(sent.to_owned());
        }
        http("200 OK", &document)
    }

    fn document(&self, name: &str, mut document: Value) -> Vec<u8> {
        if let Some(change) = self.deviation.documents.get(name) {
            change(&mut document);
        }
        http("200 OK", &document)
    }
}

/// A JSON response.
pub(crate) fn http(status: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// The query of an address, decoded by the `url` crate.
pub(crate) fn query(address: &str) -> HashMap<String, String> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
