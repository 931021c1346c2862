//! Sign-in without a registered application: the client id is the address of a document that the provider fetches.

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply};

use crate::browser::{Browser, SECRET, start};
use crate::mock_provider::{ClientAuth, Deviation, MockProvider, query};

const ORIGIN: &str = "https://auth.example";
const DOCUMENT: &str = "https://auth.example/.well-known/oauth-cimd";
const PATH: &str = "/.well-known/oauth-cimd";

/// A service that its provider knows only by its document.
fn described(provider: &MockProvider, more: &[(&str, &str)]) -> Process {
    let own = [("AUTH_URL", ORIGIN), ("OAUTH_CLIENT_ID", DOCUMENT), ("OAUTH_CLIENT_SECRET", "")];
    let service = start(provider, &[&own, more].concat());
    let client = ClientAuth::Document(service.address);
    provider.deviate(Deviation { client, ..Deviation::default() });
    service
}

fn post(ann: &mut Browser, service: &Process, path: &str, body: &str) -> Reply {
    ann.send(service, "POST", path, &[("content-type", "application/json"), ("origin", ORIGIN)], body)
}

fn sign_in(ann: &mut Browser, service: &Process, provider: &MockProvider, path: &str, name: &str) -> Reply {
    let begun = post(ann, service, path, &json!({name: "huggingface", "callbackURL": "/done"}).to_string());
    let url = begun.json()["url"].as_str().unwrap().to_owned();
    let asked = query(&url);
    assert_eq!(asked["client_id"], DOCUMENT);
    let code = provider.consent(&url);
    let callback = asked["redirect_uri"].strip_prefix(ORIGIN).unwrap();
    ann.get(service, &format!("{callback}?code={code}&state={}", asked["state"]))
}

#[test]
fn a_provider_that_fetches_the_document_signs_visitors_in_without_a_secret() {
    let provider = MockProvider::start();
    let service = described(&provider, &[("OAUTH_SCOPES", "openid profile inference-api")]);
    for (path, name) in [("/api/auth/sign-in/social", "provider"), ("/api/auth/sign-in/oauth2", "providerId")]
    {
        let mut ann = Browser::default();
        assert_eq!(sign_in(&mut ann, &service, &provider, path, name).header("location"), "/done");
        assert_eq!(ann.user(&service).as_deref(), Some("65f0"));
    }
}

#[test]
fn a_kept_token_is_refreshed_without_a_secret() {
    let provider = MockProvider::start();
    let service = described(&provider, &[("KEEP_PROVIDER_TOKEN", "yes")]);
    let mut deviation = Deviation { client: ClientAuth::Document(service.address), ..Deviation::default() };
    let tokens = |token: &mut Value| {
        token["refresh_token"] = json!("the-refresh-token-0");
        token["expires_in"] = json!(0);
    };
    deviation.documents.insert("token", Box::new(tokens));
    provider.deviate(deviation);
    assert_eq!(service.get(PATH).json()["grant_types"], json!(["authorization_code", "refresh_token"]));
    let mut ann = Browser::default();
    sign_in(&mut ann, &service, &provider, "/api/auth/sign-in/social", "provider");
    let reply = post(&mut ann, &service, "/api/auth/get-access-token", r#"{"useAccountCookie":true}"#);
    assert_eq!(reply.json()["accessToken"], "the-access-token-1", "{}", reply.text());
}

#[test]
fn without_a_client_id_hugging_face_fetches_the_document() {
    let env = [("AUTH_URL", ORIGIN), ("AUTH_SECRET", SECRET)];
    let service = Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), &env);
    let reply = service.get(PATH);
    assert_eq!((reply.status, reply.header("cache-control")), (200, "public, max-age=300"));
    let expected = json!({
        "client_id": DOCUMENT, "client_name": "auth.example", "client_uri": ORIGIN,
        "redirect_uris": [
            "https://auth.example/api/auth/callback/huggingface",
            "https://auth.example/api/auth/oauth2/callback/huggingface",
        ],
        "grant_types": ["authorization_code"], "response_types": ["code"],
        "token_endpoint_auth_method": "none", "scope": "openid profile",
    });
    assert_eq!(reply.json(), expected);
}

#[test]
fn a_registered_application_and_local_development_have_no_document() {
    let registered = start(&MockProvider::start(), &[]);
    let dev = Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), &[("DEV_SIGN_IN", "yes")]);
    for service in [registered, dev] {
        assert_eq!(service.get(PATH).status, 404);
    }
}
