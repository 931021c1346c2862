use serde_json::{Value, json};

use crate::browser::{BASE, Browser, SITE, start};
use crate::mock_provider::{CLIENT_SECRET, ClientAuth, Deviation, MockProvider, query};

#[test]
fn a_sign_in_creates_a_session_without_an_email() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    assert_eq!(ann.user(&service), None);
    let back = ann.sign_in(&service, &provider);
    assert_eq!((back.status, back.header("location"), back.body.len()), (302, "/done", 0));
    assert_eq!(ann.cookies.len(), 1, "the flow cookie is deleted: {:?}", ann.cookies);
    let reply = ann.get(&service, "/api/auth/get-session");
    assert_eq!((reply.header("cache-control"), reply.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(reply.header("set-auth-jwt").split('.').count(), 3);
    let session = reply.json();
    assert_eq!(session["user"]["id"], "65f0");
    assert_eq!(session["user"]["name"], "Ann");
    assert_eq!(session["user"]["email"], Value::Null);
    assert_eq!(session["user"]["emailVerified"], false);
    assert_eq!(session["user"]["image"], "https://cdn.example/ann.png");
    assert_eq!(session["session"]["userId"], "65f0");
}

#[test]
fn the_request_to_the_provider_has_pkce_state_and_nonce() {
    let provider = MockProvider::start();
    let service = start(&provider, &[("OAUTH_SCOPES", "openid profile")]);
    let body =
        json!({"provider": "huggingface", "scopes": ["email", "openid", "bad scope"], "loginHint": "ann"});
    let reply = Browser::default().post(&service, "/api/auth/sign-in/social", &body.to_string());
    assert_eq!((reply.status, reply.json()["redirect"].as_bool()), (200, Some(true)));
    assert_eq!(reply.header("location"), reply.json()["url"].as_str().unwrap());
    let asked = query(reply.header("location"));
    assert_eq!(asked["redirect_uri"], format!("{BASE}/api/auth/callback/huggingface"));
    assert_eq!((asked["response_type"].as_str(), asked["code_challenge_method"].as_str()), ("code", "S256"));
    assert_eq!((asked["scope"].as_str(), asked["login_hint"].as_str()), ("openid profile email", "ann"));
    assert_eq!((asked["state"].len(), asked["code_challenge"].len(), asked["nonce"].len()), (43, 43, 22));
    let again = query(
        Browser::default().post(&service, "/api/auth/sign-in/social", &body.to_string()).header("location"),
    );
    for name in ["state", "nonce", "code_challenge"] {
        assert_ne!(asked[name], again[name]);
    }
}

#[test]
fn a_1_6_client_uses_the_oauth2_paths() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let reply =
        ann.post(&service, "/api/auth/sign-in/oauth2", r#"{"providerId":"huggingface","callbackURL":"/x"}"#);
    assert_eq!(reply.header("location"), "");
    let url = reply.json()["url"].as_str().unwrap().to_owned();
    let path = Browser::consent(&provider, &url);
    assert!(path.starts_with("/api/auth/oauth2/callback/huggingface?"), "{path}");
    assert_eq!(ann.get(&service, &path).header("location"), "/x");
    assert_eq!(ann.user(&service).as_deref(), Some("65f0"));
}

#[test]
fn each_method_of_client_authentication_works() {
    for (client, env) in [
        (ClientAuth::Basic, [("OAUTH_CLIENT_AUTH", "basic"), ("OAUTH_CLIENT_SECRET", CLIENT_SECRET)]),
        (ClientAuth::Post, [("OAUTH_CLIENT_AUTH", "post"), ("OAUTH_CLIENT_SECRET", CLIENT_SECRET)]),
        (ClientAuth::Public, [("OAUTH_CLIENT_AUTH", "basic"), ("OAUTH_CLIENT_SECRET", "")]),
    ] {
        let provider = MockProvider::deviating(Deviation { client, ..Deviation::default() });
        let service = start(&provider, &env);
        assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
    }
}

#[test]
fn disable_redirect_returns_the_address_without_a_redirect() {
    let service = start(&MockProvider::start(), &[]);
    let body = r#"{"provider":"huggingface","disableRedirect":true}"#;
    let reply = Browser::default().post(&service, "/api/auth/sign-in/social", body);
    assert_eq!((reply.header("location"), reply.json()["redirect"].as_bool()), ("", Some(false)));
}

#[test]
fn a_link_starts_a_sign_in() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let reply = ann.get(&service, &format!("/login/huggingface?callbackURL={SITE}/welcome?a%3Db"));
    assert_eq!((reply.status, reply.header("referrer-policy")), (302, "no-referrer"));
    let path = Browser::consent(&provider, reply.header("location"));
    assert_eq!(ann.get(&service, &path).header("location"), format!("{SITE}/welcome?a=b"));
    assert_eq!(ann.user(&service).as_deref(), Some("65f0"));
}

#[test]
fn an_invalid_link_leads_to_the_error_page() {
    let service = start(&MockProvider::start(), &[]);
    for (path, code) in [
        ("/login/unknown", "provider_not_found"),
        ("/login/huggingface?callbackURL=https://evil.example", "invalid_callback_url"),
        ("/login/huggingface?callbackURL=//evil.example", "invalid_callback_url"),
    ] {
        let reply = service.get(path);
        assert_eq!(
            (reply.status, reply.header("location")),
            (302, format!("/api/auth/error?error={code}").as_str())
        );
        assert!(service.get(reply.header("location")).text().contains(code));
    }
}

#[test]
fn sign_ins_in_several_tabs_are_independent_and_the_sixth_evicts_the_first() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let (one, two) = (ann.begin(&service), ann.begin(&service));
    for url in [two, one] {
        let path = Browser::consent(&provider, &url);
        assert_eq!(ann.get(&service, &path).header("location"), "/done");
    }
    for _ in 0..9 {
        ann.begin(&service);
    }
    let flows = ann.cookies.iter().filter(|(name, _)| name.starts_with("nb.flow.")).count();
    assert_eq!(flows, 5);
}

/// On a Space the browser sends two copies of each cookie.
const SPACE: [(&str, &str); 3] =
    [("AUTH_URL", ""), ("SPACE_ID", "me/app"), ("SPACE_HOST", "me-app.hf.space")];

#[test]
fn abandoned_sign_ins_never_lock_a_browser_out() {
    let provider = MockProvider::start();
    for (env, copies) in [(&[][..], 1), (&SPACE[..], 2)] {
        let service = start(&provider, env);
        let mut ann = Browser::default();
        for length in [0, 200, 500, 570, 30, 2000, 570, 570, 1, 1990, 2000, 500] {
            let cookies: Vec<String> =
                ann.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let all = vec![cookies.join("; "); copies].join("; ");
            assert!(all.len() < 5000 * copies, "{} bytes", all.len());
            // The browser's own headers, and a session cookie.
            let session = format!("nb.session={}", "x".repeat(700));
            let headers = [("cookie", all.as_str()), ("cookie", &session), ("user-agent", &"x".repeat(1000))];
            // "moved", because the host of a test's request is not that of the Space.
            let path = format!("/login/huggingface?moved=1&callbackURL=/{}", "x".repeat(length));
            let reply = service.request("GET", &path, &headers, "");
            assert_eq!(reply.status, 302, "{}", reply.text());
            ann.keep(&reply);
        }
        assert!((1..=5).contains(&ann.cookies.len()), "{}", ann.cookies.len());
    }
}

#[test]
fn callback_urls_that_are_too_long_are_rejected_by_name() {
    let service = start(&MockProvider::start(), &[]);
    let long = |length: usize| format!("/{}", "x".repeat(length - 1));
    let begin =
        |body: Value| Browser::default().post(&service, "/api/auth/sign-in/social", &body.to_string());
    let fits = begin(json!({"provider": "huggingface", "callbackURL": long(2047)}));
    assert_eq!(fits.status, 200, "{}", fits.text());
    for (callback, error, told) in [
        (2047, 600, "callbackURL is too long: it has 2047 bytes"),
        (1300, 1400, "errorCallbackURL is too long: it has 1400 bytes"),
        (2049, 1, "a callback URL is too long: it has 2049 bytes of at most 2048"),
    ] {
        let reply = begin(
            json!({"provider": "huggingface", "callbackURL": long(callback), "errorCallbackURL": long(error)}),
        );
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("BAD_REQUEST")));
        assert!(reply.json()["message"].as_str().unwrap().starts_with(told), "{}", reply.text());
    }
}

#[test]
fn a_callback_url_is_kept_as_browsers_write_it() {
    let provider = MockProvider::start();
    let service =
        start(&provider, &[("TRUSTED_ORIGINS", "https://site.example,myapp://,https://*.preview.example")]);
    for (asked, end) in [
        ("/café", "/caf%C3%A9"),
        ("/search?q=a b#ü", "/search?q=a%20b#%C3%BC"),
        ("https://site.example/漢?x", "https://site.example/%E6%BC%A2?x"),
        ("https://pr-7.preview.example/", "https://pr-7.preview.example/"),
        ("myapp://home", "myapp://home"),
    ] {
        let mut ann = Browser::default();
        let body = json!({"provider": "huggingface", "callbackURL": asked}).to_string();
        let reply = ann.post(&service, "/api/auth/sign-in/social", &body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        let path = Browser::consent(&provider, reply.json()["url"].as_str().unwrap());
        assert_eq!(ann.get(&service, &path).header("location"), end);
    }
}

#[test]
fn additional_parameters_reach_the_provider_or_are_rejected_by_name() {
    let service = start(&MockProvider::start(), &[]);
    let begin = |params: Value| {
        let body = json!({"provider": "huggingface", "additionalParams": params}).to_string();
        Browser::default().post(&service, "/api/auth/sign-in/social", &body)
    };
    let reply = begin(json!({"orgIds": "5f0c746619cb630495b814fd", "prompt": "consent"}));
    let sent = query(reply.json()["url"].as_str().unwrap());
    assert_eq!((sent["orgIds"].as_str(), sent["prompt"].as_str()), ("5f0c746619cb630495b814fd", "consent"));
    for (params, name) in [
        (json!({"redirect_uri": "https://evil.example"}), "additionalParams.redirect_uri"),
        (json!({"state": "x"}), "additionalParams.state"),
        (json!({"code_challenge_method": "plain"}), "additionalParams.code_challenge_method"),
        (json!({"max_age": 0}), "additionalParams.max_age"),
        (json!({"a b": "x"}), "additionalParams.ab"),
        (json!("prompt"), "[body.additionalParams]"),
    ] {
        let reply = begin(params);
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("VALIDATION_ERROR")));
        assert!(reply.json()["message"].as_str().unwrap().starts_with(name), "{}", reply.text());
    }
}

#[test]
fn sites_of_a_pattern_and_custom_domains_sign_visitors_in() {
    let env = [("TRUSTED_ORIGINS", "https://*.preview.example,http://localhost:*")];
    let space = [("AUTH_URL", ""), ("SPACE_ID", "me/app"), ("SPACE_HOST", "me-app.hf.space,custom.example")];
    let provider = MockProvider::start();
    for (env, origin, status) in [
        (&env[..], "https://pr-7.preview.example", 200),
        (&env[..], "http://localhost:5173", 200),
        (&env[..], "https://preview.example", 403),
        (&env[..], "http://localhost.evil.example", 403),
        (&space[..], "https://custom.example", 200),
        (&space[..], "https://me-app.hf.space", 200),
        (&space[..], "https://other.example", 403),
    ] {
        let service = start(&provider, env);
        let headers = [("content-type", "application/json"), ("origin", origin)];
        let reply =
            service.request("POST", "/api/auth/sign-in/social", &headers, r#"{"provider":"huggingface"}"#);
        assert_eq!(reply.status, status, "{origin}: {}", reply.text());
    }
}

#[test]
fn an_image_script_or_frame_of_another_site_sets_no_cookie() {
    let service = start(&MockProvider::start(), &[]);
    let popup = format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n&popupOrigin={SITE}");
    for (path, started) in [("/login/huggingface", 302), (&popup, 200)] {
        for (site, mode, dest, status) in [
            ("cross-site", "navigate", "document", started),
            ("none", "navigate", "document", started),
            ("same-origin", "navigate", "iframe", started),
            ("cross-site", "navigate", "iframe", 403),
            ("same-site", "navigate", "frame", 403),
            ("cross-site", "no-cors", "image", 403),
            ("same-origin", "cors", "empty", 403),
        ] {
            let headers = [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            let reply = service.request("GET", path, &headers, "");
            assert_eq!(reply.status, status, "{path} {headers:?}");
            assert_eq!(reply.header("set-cookie").is_empty(), status == 403);
        }
    }
}

#[test]
fn the_error_names_the_member_that_is_missing_or_of_the_wrong_type() {
    let service = start(&MockProvider::start(), &[]);
    for (body, status, code) in [
        ("{}", 400, "VALIDATION_ERROR"),
        ("", 400, "VALIDATION_ERROR"),
        (r#"{"provider":7}"#, 400, "VALIDATION_ERROR"),
        (r#"{"provider":"huggingface","callbackURL":{}}"#, 400, "VALIDATION_ERROR"),
        (r#"{"provider":"huggingface","scopes":"email"}"#, 400, "VALIDATION_ERROR"),
        (r#"{"provider":"unknown"}"#, 404, "PROVIDER_NOT_FOUND"),
        ("{", 400, "BAD_REQUEST"),
        ("[]", 400, "BAD_REQUEST"),
    ] {
        let reply = Browser::default().post(&service, "/api/auth/sign-in/social", body);
        assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{body}");
    }
    let long = format!(r#"{{"provider":"huggingface","x":"{}"}}"#, "x".repeat(16 * 1024));
    assert_eq!(Browser::default().post(&service, "/api/auth/sign-in/social", &long).status, 413);
}

#[test]
fn an_untrusted_callback_url_is_rejected_at_the_start() {
    let service = start(&MockProvider::start(), &[]);
    for (name, code) in [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
    ] {
        for address in [
            "https://evil.example",
            "//evil.example",
            "/\t/evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
        ] {
            let body = json!({"provider": "huggingface", name: address});
            let reply = Browser::default().post(&service, "/api/auth/sign-in/social", &body.to_string());
            assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some(code)), "{address:?}");
        }
    }
    let body = json!({"provider": "huggingface", "callbackURL": format!("{SITE}/x")});
    assert_eq!(Browser::default().post(&service, "/api/auth/sign-in/social", &body.to_string()).status, 200);
}
