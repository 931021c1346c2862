//! The callback of the provider, and attacks on it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::browser::{BASE, Browser, SITE, popup_page, start};
use crate::mock_provider::{MockProvider, query};

/// The error code of the redirect.
fn error(reply: &space_kit::testing::Reply) -> String {
    assert_eq!(reply.status, 302, "{}", reply.text());
    query(reply.header("location")).get("error").cloned().unwrap_or_default()
}

#[test]
fn a_state_that_is_missing_wrong_or_of_another_browser_is_rejected() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let (mut ann, mut eve) = (Browser::default(), Browser::default());
    let (anns, eves) = (ann.begin(&service), eve.begin(&service));
    let of_ann = Browser::consent(&provider, &anns);
    let base = "/api/auth/callback/huggingface";
    assert_eq!(error(&ann.get(&service, base)), "state_not_found");
    assert_eq!(error(&ann.get(&service, &format!("{base}?code=x&state="))), "state_not_found");
    assert_eq!(error(&ann.get(&service, &format!("{base}?code=x&state=AAAA"))), "state_mismatch");
    assert_eq!(error(&eve.get(&service, &of_ann)), "state_mismatch", "another browser");
    assert_eq!(error(&Browser::default().get(&service, &of_ann)), "state_mismatch", "no cookie");
    // Eve's browser sends the cookie of Eve's flow under the name of Ann's cookie.
    let (_, value) = eve.cookies.first().unwrap().clone();
    let name = ann.cookies.first().unwrap().0.clone();
    let mut forged = Browser { cookies: vec![(name, value)] };
    assert_eq!(error(&forged.get(&service, &of_ann)), "state_mismatch", "a cookie of another flow");
    assert_ne!(query(&anns)["state"], query(&eves)["state"]);
    assert_eq!(ann.get(&service, &of_ann).header("location"), "/done");
}

#[test]
fn a_state_can_be_used_only_once_even_with_a_copied_cookie() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let path = Browser::consent(&provider, &ann.begin(&service));
    let mut kept = ann.clone();
    assert_eq!(ann.get(&service, &path).header("location"), "/done");
    assert_eq!(error(&kept.get(&service, &path)), "state_mismatch");
    assert_eq!(provider.count("/token"), 1, "the code was sent only once");
}

#[test]
fn a_prefetched_callback_uses_nothing() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let path = Browser::consent(&provider, &ann.begin(&service));
    for purpose in
        [("sec-purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch")]
    {
        let reply = ann.send(&service, "GET", &path, &[purpose], "");
        assert_eq!((reply.status, reply.header("set-cookie")), (403, ""));
    }
    assert_eq!(ann.get(&service, &path).header("location"), "/done");
}

#[test]
fn a_callback_that_comes_again_goes_on_with_the_session_of_the_first() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let link = format!("/login/huggingface?callbackURL=/w&errorCallbackURL={SITE}/oops");
    let url = ann.get(&service, &link).header("location").to_owned();
    let path = Browser::consent(&provider, &url);
    let before = ann.clone(); // sends the second request before the first response
    assert_eq!(ann.get(&service, &path).header("location"), "/w");
    let mut without = before.clone();
    let reply = without.get(&service, &path);
    assert_eq!(reply.header("location"), format!("{SITE}/oops?error=state_mismatch"));
    let mut with = ann.clone();
    with.cookies.extend(before.cookies);
    assert_eq!(with.get(&service, &path).header("location"), "/w");
    assert_eq!(provider.count("/token"), 1, "the code was sent only once");
}

#[test]
fn only_those_whom_sign_in_allow_names_may_sign_in() {
    let provider = MockProvider::with("claims", |claims| {
        claims["preferred_username"] = "ann".into();
        claims["orgs"] = serde_json::json!([
            {"sub": "5f0c746619cb630495b814fd", "preferred_username": "lab"},
            {"preferred_username": "locked", "missingMFA": true},
        ]);
    });
    for (allow, code) in [
        ("*", ""),
        ("user:bob,org:lab", ""),
        ("sub:65f0", ""),
        ("org:locked", "not_allowed"),
        ("user:bob", "not_allowed"),
    ] {
        let service = start(&provider, &[("SIGN_IN_ALLOW", allow)]);
        let mut ann = Browser::default();
        let reply = ann.sign_in(&service, &provider);
        assert_eq!(error(&reply), code, "{allow}");
        assert_eq!(ann.user(&service).is_some(), code.is_empty());
        if code.is_empty() {
            let named = serde_json::json!([{"preferred_username": "lab"}]);
            assert_eq!(ann.get(&service, "/api/auth/get-session").json()["user"]["orgs"], named);
            let token = ann.get(&service, "/api/auth/token").json()["token"].as_str().unwrap().to_owned();
            let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
            assert_eq!(serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["orgs"], named);
        } else {
            assert!(service.get(reply.header("location")).text().contains("may not sign in here"));
        }
    }
}

#[test]
fn a_callback_on_the_path_of_another_provider_is_rejected() {
    let (provider, other) = (MockProvider::start(), MockProvider::start());
    let env =
        [("PROVIDERS", "other"), ("OTHER_PROVIDER_URL", other.issuer.as_str()), ("OTHER_CLIENT_ID", "x")];
    let service = start(&provider, &env);
    for path in
        ["/api/auth/callback/other", "/api/auth/oauth2/callback/huggingface", "/api/auth/callback/unknown"]
    {
        let mut ann = Browser::default();
        let right = Browser::consent(&provider, &ann.begin(&service));
        let wrong = right.replace("/api/auth/callback/huggingface", path);
        assert_eq!(error(&ann.get(&service, &wrong)), "state_mismatch", "{path}");
    }
    assert_eq!(provider.count("/token") + other.count("/token"), 0);
}

#[test]
fn pkce_rejects_the_code_of_another_sign_in() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let (mut ann, mut eve) = (Browser::default(), Browser::default());
    let eves = Browser::consent(&provider, &eve.begin(&service));
    let anns = Browser::consent(&provider, &ann.begin(&service));
    let code = query(&eves)["code"].clone();
    let injected = anns.replace(&query(&anns)["code"], &code);
    assert_eq!(error(&ann.get(&service, &injected)), "invalid_code");
    assert_eq!(ann.user(&service), None);
}

#[test]
fn a_repeated_parameter_is_rejected() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let path = Browser::consent(&provider, &ann.begin(&service));
    for more in ["&code=x", "&state=x", "&%63ode=x"] {
        assert_eq!(ann.get(&service, &format!("{path}{more}")).status, 400, "{more}");
    }
    assert_eq!(ann.get(&service, &path).header("location"), "/done");
}

#[test]
fn an_error_of_the_provider_reaches_the_error_callback_url() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let body = r#"{"provider":"huggingface","errorCallbackURL":"/oops?a=b#top"}"#;
    let url = ann.post(&service, "/api/auth/sign-in/social", body).json()["url"].as_str().unwrap().to_owned();
    let answer = format!(
        "/api/auth/callback/huggingface?error=access_denied&error_description=No%0D%0ASet-Cookie:+x%3Dy&state={}",
        query(&url)["state"]
    );
    let reply = ann.get(&service, &answer);
    assert_eq!(
        reply.header("location"),
        "/oops?a=b&error=access_denied&error_description=NoSet-Cookie%3A+x%3Dy#top"
    );
    assert!(ann.cookies.is_empty());
}

#[test]
fn the_error_page_shows_no_text_from_its_address() {
    let service = start(&MockProvider::start(), &[]);
    let called = service.get("/api/auth/error?error=access_denied&error_description=Call+0800+555");
    let text = called.text();
    assert!(text.contains("You did not allow this site") && text.contains("<code>access_denied</code>"));
    assert!(text.contains("<h1>The sign-in failed</h1>") && !text.contains("0800"), "{text}");
    let page = service.get(
        "/api/auth/error?error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%22%3E%3Cimg%20src=x%3E",
    );
    let text = page.text();
    assert!(
        !text.contains("script&") && !text.contains("<img") && text.contains("<code>unknown</code>"),
        "{text}"
    );
    assert!(page.header("content-security-policy").contains("script-src 'none'"));
    assert_eq!(service.get("/api/auth/error?error=a&error=b").status, 400);
}

#[test]
fn a_callback_without_code_and_error_is_rejected() {
    let service = start(&MockProvider::start(), &[]);
    let mut ann = Browser::default();
    let state = query(&ann.begin(&service))["state"].clone();
    assert_eq!(
        error(&ann.get(&service, &format!("/api/auth/callback/huggingface?state={state}"))),
        "no_code"
    );
}

#[test]
fn sign_in_steps_are_limited_by_the_address_that_the_proxy_reports() {
    let env = [("SIGN_IN_RATE", "2/h"), ("TRUSTED_PROXY_HOPS", "1")];
    let service = start(&MockProvider::start(), &env);
    let start = |forged: &str, body: &str| {
        let headers = [("content-type", "application/json"), ("origin", BASE), ("x-forwarded-for", forged)];
        service.request("POST", "/api/auth/sign-in/social", &headers, body)
    };
    let body = r#"{"provider":"huggingface"}"#;
    assert_eq!(start("192.0.2.1", body).status, 200);
    assert_eq!(start("6.6.6.6, 192.0.2.1", body).status, 200);
    let refused = start("7.7.7.7, 192.0.2.1", body);
    assert_eq!((refused.status, refused.json()["code"].as_str()), (429, Some("TOO_MANY_REQUESTS")));
    assert_eq!(refused.header("retry-after"), refused.header("x-retry-after"));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    let login = service.request("GET", "/login/huggingface", &[("x-forwarded-for", "192.0.2.1")], "");
    assert_eq!(login.status, 429);
    assert_eq!(start("192.0.2.2", body).status, 200, "another address");
}

#[test]
fn a_site_that_is_no_longer_trusted_gets_neither_visitor_nor_token() {
    let provider = MockProvider::start();
    let before = start(&provider, &[]);
    let after = start(&provider, &[("TRUSTED_ORIGINS", "https://other.example")]);
    let begin = || {
        let mut ann = Browser::default();
        let path = format!("/login/huggingface?callbackURL={SITE}/x&errorCallbackURL={SITE}/oops");
        let url = ann.get(&before, &path).header("location").to_owned();
        (ann, url)
    };
    let (mut ann, url) = begin();
    let path = Browser::consent(&provider, &url);
    assert_eq!(ann.get(&after, &path).header("location"), "/");
    assert_eq!(ann.user(&after).as_deref(), Some("65f0"));
    let (mut ann, url) = begin();
    let refusal =
        format!("/api/auth/callback/huggingface?error=access_denied&state={}", query(&url)["state"]);
    assert_eq!(ann.get(&after, &refusal).header("location"), "/api/auth/error?error=access_denied");
    // The popup of such a site gets no token, and the code is not exchanged.
    let mut ann = Browser::default();
    let popup = format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n&popupOrigin={SITE}");
    let (_, url) = popup_page(&ann.get(&before, &popup));
    let reply = ann.get(&after, &Browser::consent(&provider, &url));
    assert_eq!(error(&reply), "invalid_origin");
    assert_eq!((ann.user(&after), provider.count("/token")), (None, 1));
}

#[test]
fn a_head_request_does_not_use_the_state() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let path = Browser::consent(&provider, &ann.begin(&service));
    let head = ann.send(&service, "HEAD", &path, &[], "");
    assert_eq!((head.status, head.header("allow"), head.header("set-cookie")), (405, "GET, OPTIONS", ""));
    assert_eq!(ann.get(&service, &path).header("location"), "/done");
}

#[test]
fn a_line_end_in_a_parameter_never_starts_a_header() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    const EVIL: &str = "x%0D%0AX-Evil:%201%0D%0A%0D%0A%3Cscript%3E";
    let check = |reply: &space_kit::testing::Reply| {
        assert!(reply.headers.iter().all(|(name, _)| name != "x-evil"), "{:?}", reply.headers);
        assert!(reply.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])), "{:?}", reply.headers);
        assert!(
            !reply.text().contains("\nX-Evil") && !reply.text().contains("<script>\n"),
            "{}",
            reply.text()
        );
    };
    let visit = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
    let mut ann = Browser::default();
    let state = query(&ann.begin(&service))["state"].clone();
    for path in [
        format!("/login/{EVIL}"),
        format!("/login/huggingface?callbackURL=/{EVIL}"),
        format!("/login/huggingface?errorCallbackURL={SITE}/{EVIL}&callbackURL=/x"),
        format!("/api/auth/oauth-popup/start?provider=huggingface&popupOrigin={SITE}/{EVIL}&popupNonce=n"),
        format!("/api/auth/oauth-popup/start?provider={EVIL}&popupOrigin={SITE}&popupNonce={EVIL}"),
        format!(
            "/api/auth/oauth-popup/start?provider=huggingface&popupOrigin={SITE}&popupNonce=n&scopes={EVIL}"
        ),
        format!("/api/auth/callback/{EVIL}?state=x"),
        format!("/api/auth/callback/huggingface?state={EVIL}&code={EVIL}"),
        format!("/api/auth/error?error={EVIL}&error_description={EVIL}"),
        format!("/api/auth/callback/huggingface?error={EVIL}&error_description={EVIL}&state={state}"),
    ] {
        for headers in [&visit[..], &[]] {
            check(&ann.clone().send(&service, "GET", &path, headers, ""));
        }
    }
    // errorCallbackURL receives the provider's description.
    let url = ann.get(&service, "/login/huggingface?errorCallbackURL=/oops").header("location").to_owned();
    let answer = format!("?error={EVIL}&error_description={EVIL}&iss=&state={}", query(&url)["state"]);
    check(&ann.get(&service, &format!("/api/auth/callback/huggingface{answer}")));
}
