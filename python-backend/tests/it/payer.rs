//! Callers who pay for their own requests, at an upstream that is Hugging Face's router.

use serde_json::{Map, Value, json};
use space_kit::jwt::testing::Signer;
use space_kit::seal::GatewaySecret;
use space_kit::testing::{Process, Reply};
use space_kit::web::unix_seconds;

use crate::fake::{Fake, completion, json_answer};
use crate::hub::Hub;
use crate::support::{error_of, question};

const SECRET: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";
const ANN: &str = "hf_oauth_of_ann_0123456789";
const BOB: &str = "hf_oauth_of_bob_0123456789";
const OWNER: &str = "hf_of_the_owner_0123456789";
const CHAT: &str = "/v1/chat/completions";

/// A router that runs models for whom it knows, and repeats a token that it rejects.
fn router() -> Hub {
    Hub::start(|head| match token(head) {
        Some(token) if token.contains("ended") => {
            (401, json!({"error": format!("Invalid token {token}")}).to_string())
        }
        Some(token) if token.contains("poor") => {
            (402, json!({"error": format!("You have exceeded your monthly credits, {token}")}).to_string())
        }
        Some(token) if token.contains("echo") && head.contains("/responses") => {
            (200, format!("event: error\ndata: {{\"type\":\"error\",\"message\":\"bad token {token}\"}}\n\n"))
        }
        Some(token) if token.contains("echo") => {
            (400, json!({"error": {"message": format!("{token} is not in the organization")}}).to_string())
        }
        _ if head.starts_with("GET") => (200, json!({"data": [{"id": "org/model"}]}).to_string()),
        Some(_) => (200, completion("hello").to_string()),
        None => (401, json!({"error": "no token"}).to_string()),
    })
}

/// The bearer token in the head of a request.
fn token(head: &str) -> Option<String> {
    head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).map(str::to_owned)
}

/// nodejs-backend's key and metadata.
struct SignIn {
    signer: Signer,
    issuer: Fake,
}

impl SignIn {
    fn start() -> SignIn {
        let signer = Signer::ed25519();
        let keys = json!({"keys": [signer.jwk("k")]}).to_string();
        SignIn { signer, issuer: Fake::start(move |_, stream| json_answer(stream, 200, "", &keys)) }
    }

    fn url(&self) -> String {
        format!("http://{}", self.issuer.address)
    }

    /// A gateway in front of the router, and further upstreams.
    fn gateway(&self, hub: &Hub, more: &str, env: &[(&str, &str)]) -> Process {
        let (url, keys) = (self.url(), format!("{}/keys", self.url()));
        let upstreams = format!("{}{more}", hub.url);
        let own = [
            ("UPSTREAM_URL", upstreams.as_str()),
            ("JWT_ISSUER", &url),
            ("JWT_AUDIENCE", "us"),
            ("JWT_JWKS_URL", &keys),
            ("JWT_ALLOW", "*"),
            ("PAYER", "caller"),
            ("GATEWAY_SECRET", SECRET),
        ];
        let replaced = |name: &str| env.iter().any(|(other, _)| *other == name);
        let kept: Vec<(&str, &str)> = own.into_iter().filter(|(name, _)| !replaced(name)).collect();
        hub.gateway(&[&kept, env].concat())
    }

    fn claims(&self, sub: &str) -> Map<String, Value> {
        let now = unix_seconds(std::time::SystemTime::now());
        let claims = json!({"iss": self.url(), "aud": "us", "sub": sub, "iat": now, "exp": now + 600});
        claims.as_object().unwrap().clone()
    }

    /// The token of a visitor whose access token is sealed in it.
    fn token(&self, sub: &str, access: &str) -> String {
        let mut claims = self.claims(sub);
        GatewaySecret::parse(SECRET).unwrap().seal(&mut claims, access, [1; 16], [2; 16]);
        self.signer.token("k", &json!(claims))
    }
}

fn ask(service: &Process, path: &str, bearer: &str, more: &[(&str, &str)], body: Value) -> Reply {
    let bearer = format!("Bearer {bearer}");
    let headers = [&[("authorization", bearer.as_str())], more].concat();
    service.request("POST", path, &headers, &body.to_string())
}

fn chat(service: &Process, bearer: &str) -> Reply {
    ask(service, CHAT, bearer, &[], question(json!({})))
}

#[test]
fn each_visitor_pays_with_the_own_token_even_over_one_connection() {
    let (hub, sign_in) = (router(), SignIn::start());
    let service = sign_in.gateway(&hub, "", &[]);
    for (sub, access) in [("ann", ANN), ("bob", BOB), ("ann", ANN)] {
        let reply = chat(&service, &sign_in.token(sub, access));
        assert_eq!(reply.json(), completion("hello"), "{}", reply.text());
        let (connection, head) = hub.next();
        assert_eq!((connection, token(&head).as_deref()), (0, Some(access)), "{head}");
    }
    for path in ["/v1/models", "/v1/models/org/model"] {
        let bearer = format!("Bearer {}", sign_in.token("bob", BOB));
        assert_eq!(service.request("GET", path, &[("authorization", &bearer)], "").status, 200);
        assert_eq!(token(&hub.next().1).as_deref(), Some(BOB));
    }
    assert!(service.log("usage").contains(r#""caller":"ann""#));
}

#[test]
fn who_sends_nothing_to_pay_with_is_told_what_to_do() {
    let (hub, sign_in) = (router(), SignIn::start());
    let service = sign_in.gateway(&hub, "", &[]);
    let plain = sign_in.signer.token("k", &json!(sign_in.claims("ann")));
    for path in [CHAT, "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/files"] {
        let reply = ask(&service, path, &plain, &[], question(json!({"input": "hi", "prompt": "hi"})));
        assert_eq!(error_of(&reply), (403, "payer_required".to_owned()), "{path}");
        assert!(reply.text().contains("sign in again with Hugging Face"), "{}", reply.text());
    }
    let reply = ask(&service, "/v1/messages", &plain, &[], question(json!({"max_tokens": 9})));
    let error = reply.json()["error"].clone();
    assert_eq!((reply.status, &error["type"]), (403, &json!("permission_error")));
    assert!(error["message"].as_str().unwrap().contains("sign in again"), "{error}");
    assert!(service.log("\"status\":403").contains("the token has no sealed access token"));
    assert_eq!(hub.rest(), Vec::<String>::new());
    let demo = ask(&service, CHAT, &plain, &[], question(json!({"model": "demo"})));
    assert_eq!(demo.status, 200, "the demo model costs nothing");
    let list = format!("Bearer {plain}");
    assert_eq!(service.request("GET", "/v1/models", &[("authorization", &list)], "").status, 200);
    assert_eq!(token(&hub.next().1), None, "the list is public");
}

#[test]
fn an_access_token_that_is_replayed_or_changed_reaches_no_upstream() {
    let (hub, sign_in) = (router(), SignIn::start());
    let service = sign_in.gateway(&hub, "", &[]);
    let sealed = |secret: &str, claims: &Map<String, Value>, id: u8| {
        let mut claims = claims.clone();
        GatewaySecret::parse(secret).unwrap().seal(&mut claims, ANN, [id; 16], [2; 16]);
        claims
    };
    let ann = sealed(SECRET, &sign_in.claims("ann"), 1);
    let with = |base: &Map<String, Value>, name: &str, value: &Value| {
        let mut changed = base.clone();
        changed.insert(name.to_owned(), value.clone());
        changed
    };
    let text = ann["payer"].as_str().unwrap();
    let tampered = format!("{}{}", &text[..text.len() - 2], if text.ends_with("AA") { "BB" } else { "AA" });
    for (what, claims) in [
        ("another token", with(&sealed(SECRET, &sign_in.claims("ann"), 3), "payer", &ann["payer"])),
        ("another subject", with(&ann, "sub", &json!("bob"))),
        ("a longer life", with(&ann, "exp", &json!(ann["exp"].as_u64().unwrap() + 60))),
        ("another secret", sealed(&SECRET.replace('q', "Q"), &sign_in.claims("ann"), 1)),
        ("other bytes", with(&ann, "payer", &json!(tampered))),
        ("no text", with(&ann, "payer", &json!([ANN]))),
        ("the bare access token", with(&ann, "payer", &json!(ANN))),
    ] {
        let reply = chat(&service, &sign_in.signer.token("k", &json!(claims)));
        assert_eq!(error_of(&reply), (403, "payer_required".to_owned()), "{what}");
    }
    let mut old = sign_in.claims("ann");
    old.insert("exp".to_owned(), json!(unix_seconds(std::time::SystemTime::now()) - 61));
    let reply = chat(&service, &sign_in.signer.token("k", &json!(sealed(SECRET, &old, 1))));
    assert_eq!(error_of(&reply), (401, "invalid_api_key".to_owned()), "expired");
    let forged = Signer::ed25519().token("k", &json!(ann));
    assert_eq!(error_of(&chat(&service, &forged)), (401, "invalid_api_key".to_owned()));
    assert_eq!(hub.rest(), Vec::<String>::new());
    assert_eq!(chat(&service, &sign_in.signer.token("k", &json!(ann))).status, 200);
}

#[test]
fn the_routers_401_and_402_say_what_the_visitor_can_do() {
    let (hub, sign_in) = (router(), SignIn::start());
    let service = sign_in.gateway(&hub, "", &[]);
    for (access, status, code, words) in [
        ("hf_oauth_ended_0123456789", 401, "payer_unauthorized", "sign in again"),
        (
            "hf_oauth_poor_0123456789",
            402,
            "insufficient_quota",
            "credits of your Hugging Face account are used up",
        ),
        ("hf_oauth_echo_0123456789", 400, "invalid_request", "*** is not in the organization"),
    ] {
        let bearer = sign_in.token("ann", access);
        let reply = chat(&service, &bearer);
        assert_eq!(error_of(&reply), (status, code.to_owned()));
        let streamed = ask(&service, CHAT, &bearer, &[], question(json!({"stream": true})));
        assert_eq!(error_of(&streamed), (status, code.to_owned()));
        let other = ask(&service, "/v1/images/generations", &bearer, &[], json!({"model": "org/model"}));
        assert_eq!(error_of(&other), (status, code.to_owned()));
        for reply in [reply, streamed, other] {
            assert!(reply.text().contains(words), "{}", reply.text());
            let shown = format!("{:?} {}", reply.headers, reply.text());
            assert!(!shown.contains(access), "{shown}");
        }
        let line = service.log(&format!("\"status\":{status}"));
        assert!(!line.contains(access) && line.contains("answered"), "{line}");
    }
    let bearer = sign_in.token("ann", "hf_oauth_echo_0123456789");
    let reply =
        ask(&service, "/v1/responses", &bearer, &[], question(json!({"input": "hi", "stream": true})));
    assert!(!reply.text().contains("hf_oauth_echo"), "{}", reply.text());
}

#[test]
fn a_token_of_the_callers_own_pays_and_goes_only_to_hugging_face() {
    let (hub, sign_in) = (router(), SignIn::start());
    let other = Fake::json(completion("from elsewhere"));
    let env = [
        ("ACCESS", "jwt,keys,hf_token"),
        ("API_KEYS", "site:a-key-of-enough-length"),
        ("PAYER", "owner"),
        ("GATEWAY_SECRET", ""),
        ("HF_TOKEN", OWNER),
        ("HF_BILL_TO", "owners-org"),
        ("UPSTREAM_MODELS", "org/model,org/elsewhere"),
    ];
    let service = sign_in.gateway(&hub, &format!(",{}", other.url()), &env);
    let bill = [("x-hf-bill-to", "callers-org")];
    for (bearer, pays, billed) in [
        (ANN, ANN, "callers-org"),
        ("a-key-of-enough-length", OWNER, "owners-org"),
        (BOB, BOB, "callers-org"),
    ] {
        let reply = ask(&service, CHAT, bearer, &bill, question(json!({})));
        assert_eq!(reply.status, 200, "{}", reply.text());
        let (_, head) = hub.next();
        assert_eq!(token(&head).as_deref(), Some(pays), "{head}");
        assert!(head.contains(&format!("x-hf-bill-to: {billed}\r\n")), "{head}");
    }
    assert_eq!(chat(&service, ANN).status, 200);
    assert!(!hub.next().1.contains("x-hf-bill-to"), "the owner's account is not billed either");
    // Nothing here has checked the token, so it opens no other upstream.
    let elsewhere = question(json!({"model": "org/elsewhere"}));
    assert_eq!(ask(&service, CHAT, ANN, &[], elsewhere.clone()).status, 404);
    let list = format!("Bearer {ANN}");
    assert_eq!(service.request("GET", "/v1/models", &[("authorization", &list)], "").status, 200);
    assert_eq!(other.count(), 0);
    assert_eq!(ask(&service, CHAT, "a-key-of-enough-length", &[], elsewhere).status, 200);
    assert_eq!(other.next().header("authorization"), "");
    assert!(!service.log("usage").contains("hf_"));
}

#[test]
fn a_sealed_token_is_not_sent_to_another_upstream() {
    let (hub, sign_in) = (router(), SignIn::start());
    let other = Fake::json(completion("from elsewhere"));
    let env = [("UPSTREAM_MODELS", "org/model,org/elsewhere"), ("UPSTREAM_API_KEYS", "none,sk-elsewhere")];
    let service = sign_in.gateway(&hub, &format!(",{}", other.url()), &env);
    let bearer = sign_in.token("ann", ANN);
    let reply =
        ask(&service, CHAT, &bearer, &[("x-hf-bill-to", "org")], question(json!({"model": "org/elsewhere"})));
    assert_eq!(reply.json(), completion("from elsewhere"));
    let seen = other.next();
    assert_eq!(seen.header("authorization"), "Bearer sk-elsewhere");
    assert!(!seen.head.contains(ANN) && !seen.head.contains("x-hf-bill-to"), "{}", seen.head);
    assert_eq!(hub.rest(), Vec::<String>::new());
}

#[test]
fn an_unknown_own_token_counts_against_the_address_and_an_accepted_one_does_not() {
    let (hub, sign_in) = (router(), SignIn::start());
    let env = [("ACCESS", "hf_token"), ("JWT_ISSUER", ""), ("JWT_AUDIENCE", ""), ("JWT_JWKS_URL", "")];
    let env = [&env[..], &[("JWT_ALLOW", ""), ("GATEWAY_SECRET", ""), ("RATE_LIMIT", "3/day")]].concat();
    let service = sign_in.gateway(&hub, "", &env);
    let remaining = |reply: &Reply| reply.header("x-ratelimit-remaining-requests").to_owned();
    let list = |bearer: &str| {
        let bearer = format!("Bearer {bearer}");
        service.request("GET", "/v1/models", &[("authorization", &bearer)], "")
    };
    assert_eq!(remaining(&list(ANN)), "2");
    assert_eq!(remaining(&list(BOB)), "1", "the same address: a list shows nothing about a token");
    assert_eq!(remaining(&chat(&service, ANN)), "0");
    assert_eq!(error_of(&chat(&service, BOB)), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(remaining(&chat(&service, ANN)), "2", "accepted: a limit of its own");
    assert_eq!(error_of(&chat(&service, "hf_ended_0123456789")), (429, "rate_limit_exceeded".to_owned()));
    for text in ["", "key", "hf-x"] {
        assert_eq!(error_of(&chat(&service, text)), (401, "invalid_api_key".to_owned()), "{text}");
    }
}
