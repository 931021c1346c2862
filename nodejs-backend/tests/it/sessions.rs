//! Sessions survive restarts, rotations and changes of the replica, and end when they should.

use space_kit::testing::Process;

use crate::browser::{Browser, SECRET, start};
use crate::mock_provider::MockProvider;

const OTHER: &str = "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e=";

fn signed_in(provider: &MockProvider, more: &[(&str, &str)]) -> (Process, Browser) {
    let service = start(provider, more);
    let mut ann = Browser::default();
    assert_eq!(ann.sign_in(&service, provider).header("location"), "/done");
    (service, ann)
}

#[test]
fn a_session_and_its_user_id_survive_a_restart() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[]);
    drop(service);
    let again = start(&provider, &[]);
    assert_eq!(ann.user(&again).as_deref(), Some("65f0"));
    let mut anew = Browser::default();
    anew.sign_in(&again, &provider);
    assert_eq!(anew.user(&again), ann.user(&again));
}

#[test]
fn a_sign_in_may_start_at_one_replica_and_end_at_another() {
    let provider = MockProvider::start();
    let (one, two) = (start(&provider, &[]), start(&provider, &[]));
    let mut ann = Browser::default();
    let path = Browser::consent(&provider, &ann.begin(&one));
    assert_eq!(ann.get(&two, &path).header("location"), "/done");
    assert_eq!(ann.user(&one).as_deref(), Some("65f0"));
}

#[test]
fn a_session_survives_a_rotation_and_is_sealed_with_the_new_secret() {
    let provider = MockProvider::start();
    let (_, mut ann) = signed_in(&provider, &[]);
    let before = ann.session().to_owned();
    let both = format!("{OTHER},{SECRET}");
    let rotated = start(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &both)]);
    assert_eq!(ann.user(&rotated).as_deref(), Some("65f0"));
    assert_ne!(ann.session(), before);
    let after = start(&provider, &[("AUTH_SECRET", OTHER)]);
    assert_eq!(ann.user(&after).as_deref(), Some("65f0"), "the old secret is no longer configured");
    assert_eq!(Browser::holding(&before).user(&after), None);
}

#[test]
fn a_session_survives_the_change_from_client_secret_to_auth_secret() {
    let provider = MockProvider::start();
    let (_, mut ann) = signed_in(&provider, &[("AUTH_SECRET", "")]);
    let mut copy = ann.clone();
    let both = format!("{OTHER},client-secret");
    let rotated = start(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &both)]);
    assert_eq!(ann.user(&rotated).as_deref(), Some("65f0"));
    assert_eq!(rotated.get("/api/auth/jwks").json()["keys"].as_array().unwrap().len(), 2);
    let alone = start(&provider, &[("AUTH_SECRET", OTHER)]);
    assert_eq!(ann.user(&alone).as_deref(), Some("65f0"), "the session was sealed with the new secret");
    assert_eq!(copy.user(&alone), None, "the key of the client secret is no longer accepted");
}

#[test]
fn a_session_of_local_development_is_invalid_in_production_with_the_same_secret() {
    let provider = MockProvider::start();
    let env = [("DEV_SIGN_IN", "yes"), ("AUTH_URL", crate::browser::BASE), ("AUTH_SECRET", SECRET)];
    let dev = Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), &env);
    let mut eve = crate::dev_sign_in::signed_in(&dev, "ann");
    assert_eq!(eve.user(&dev).as_deref(), Some("dev-ann"));
    let service = start(&provider, &[]);
    assert_eq!(eve.user(&service), None);
    let kid = |service: &Process| service.get("/api/auth/jwks").json()["keys"][0]["kid"].clone();
    assert_ne!(kid(&dev), kid(&service));
}

#[test]
fn a_sign_out_and_a_used_login_state_survive_a_crash() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let callback = Browser::consent(&provider, &ann.begin(&service));
    let mut again = ann.clone();
    assert_eq!(ann.get(&service, &callback).header("location"), "/done");
    let mut copy = ann.clone();
    ann.post(&service, "/api/auth/sign-out", "{}");
    for _ in 0..2 {
        service.signal("SEGV");
        service.log("\"listening\"");
        assert_eq!(copy.user(&service), None, "the session is still revoked");
        assert_ne!(again.clone().get(&service, &callback).header("location"), "/done", "the state is used");
    }
    assert_eq!(service.get("/health").json()["restarts"]["count"], 2);
    again = Browser::default();
    assert_eq!(again.sign_in(&service, &provider).header("location"), "/done");
}

#[test]
fn a_sign_out_also_revokes_copies_of_the_cookie() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[]);
    let mut copy = ann.clone();
    let out = ann.post(&service, "/api/auth/sign-out", "{}");
    assert_eq!((out.status, out.text().as_str()), (200, r#"{"success":true}"#));
    assert!(ann.cookies.is_empty());
    let reply = copy.get(&service, "/api/auth/get-session");
    assert_eq!(reply.text(), "null");
    assert!(copy.cookies.is_empty(), "an invalid cookie is deleted");
    assert_eq!(
        Browser::default().post(&service, "/api/auth/sign-out", "{}").status,
        200,
        "without a session"
    );
}

#[test]
fn another_epoch_signs_everyone_out() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[("SESSION_EPOCH", "3")]);
    assert!(ann.user(&service).is_some());
    assert_eq!(ann.clone().user(&start(&provider, &[("SESSION_EPOCH", "4")])), None);
}

#[test]
fn a_valid_cookie_is_found_among_duplicates() {
    let provider = MockProvider::start();
    let (service, ann) = signed_in(&provider, &[]);
    let good = ann.session();
    let cut = &good[..good.len() - 1];
    for order in [[cut, good], [good, cut], ["", good], [good, good]] {
        let [first, second] = order;
        let cookie = format!("a=b; nb.session={first}; nb.session={second}");
        let reply = service.request("GET", "/api/auth/get-session", &[("cookie", &cookie)], "");
        assert_eq!(reply.json()["user"]["id"], "65f0");
    }
}

#[test]
fn a_session_that_is_modified_truncated_or_sealed_for_another_purpose_is_rejected() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[]);
    let good = ann.session().to_owned();
    ann.begin(&service);
    let flow = ann.cookies.iter().find(|(name, _)| name.starts_with("nb.flow.")).unwrap().1.clone();
    let mut bytes = good.clone().into_bytes();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(bytes).unwrap();
    for wrong in [&changed, &good[1..], &flow, "AAAA"] {
        assert_eq!(Browser::holding(wrong).user(&service), None);
    }
    assert_eq!(Browser::holding(&good).user(&service).as_deref(), Some("65f0"));
}

#[test]
fn a_shortened_idle_time_applies_to_existing_sessions() {
    let provider = MockProvider::start();
    let (_, mut ann) = signed_in(&provider, &[]);
    let short = start(&provider, &[("SESSION_IDLE", "1h"), ("BEARER_IDLE", "1h")]);
    let session = ann.get(&short, "/api/auth/get-session").json()["session"].clone();
    let time = |name: &str| humantime::parse_rfc3339(session[name].as_str().unwrap()).unwrap();
    let idle = time("expiresAt").duration_since(time("updatedAt")).unwrap();
    assert_eq!(idle.as_secs(), 3600);
}

#[test]
fn another_cookie_that_is_not_ascii_hides_neither_session_nor_sign_in() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[]);
    ann.cookies.insert(0, ("lang".to_owned(), "Français".to_owned()));
    assert_eq!(ann.user(&service).as_deref(), Some("65f0"));
    assert_eq!(ann.sign_in(&service, &provider).header("location"), "/done");
    let mut copy = ann.clone();
    ann.post(&service, "/api/auth/sign-out", "{}");
    assert_eq!(copy.user(&service), None, "the sign-out found the session");
}

#[test]
fn each_sign_in_creates_a_new_session() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider, &[]);
    let id = |ann: &mut Browser| ann.get(&service, "/api/auth/get-session").json()["session"]["id"].clone();
    let first = id(&mut ann);
    ann.sign_in(&service, &provider);
    assert_ne!(id(&mut ann), first);
}

#[test]
fn on_a_space_every_cookie_is_set_and_deleted_twice() {
    let provider = MockProvider::start();
    let space = [("AUTH_URL", ""), ("SPACE_ID", "me/app"), ("SPACE_HOST", "me-app.hf.space, app.example")];
    let service = start(&provider, &space);
    let headers = [("content-type", "application/json"), ("origin", "https://me-app.hf.space")];
    let reply =
        service.request("POST", "/api/auth/sign-in/social", &headers, r#"{"provider":"huggingface"}"#);
    assert!(
        reply.json()["url"]
            .as_str()
            .unwrap()
            .contains("https%3A%2F%2Fme-app.hf.space%2Fapi%2Fauth%2Fcallback")
    );
    let out = service.request("POST", "/api/auth/sign-out", &headers, "{}");
    for (reply, name) in [(&reply, "__Host-nb.flow."), (&out, "__Host-nb.session=")] {
        let set: Vec<&str> =
            reply.headers.iter().filter(|(n, _)| n == "set-cookie").map(|(_, v)| v.as_str()).collect();
        assert_eq!(set.len(), 2, "{set:?}");
        assert!(
            set.iter().all(|cookie| cookie.starts_with(name) && cookie.contains("; SameSite=None; Secure"))
        );
        assert!(!set[0].contains("Partitioned") && set[1].ends_with("; Partitioned"));
    }
}
