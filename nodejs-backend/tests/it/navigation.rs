//! Navigations: error pages instead of JSON, and redirects to the service's own host name.

use space_kit::testing::{Process, Reply};

use crate::browser::{BASE, Browser, SITE, popup_page, start};
use crate::mock_provider::{MockProvider, query};

const NAVIGATION: [(&str, &str); 2] = [("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];

fn navigate(service: &Process, path: &str) -> Reply {
    service.request("GET", path, &NAVIGATION, "")
}

/// A request with this `Host` header.
fn on_host(service: &Process, host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    space_kit::testing::exchange(service.address, request + "\r\n")
}

#[test]
fn an_error_is_a_page_for_a_navigation_and_json_for_a_program() {
    let service = start(&MockProvider::start(), &[]);
    let popup = "/api/auth/oauth-popup/start?provider=huggingface";
    for (path, status, code, words) in [
        ("/login/huggingface?callbackURL=/a&callbackURL=/b".to_owned(), 400, "BAD_REQUEST", "appears twice"),
        ("/api/auth/callback/huggingface?state=2&state=3".to_owned(), 400, "BAD_REQUEST", "appears twice"),
        (format!("{popup}&popupOrigin={SITE}&popupOrigin={SITE}"), 400, "BAD_REQUEST", "appears twice"),
        (format!("{popup}&popupOrigin={SITE}&popupNonce="), 400, "BAD_REQUEST", "popupNonce is missing"),
        (format!("{popup}&popupOrigin={SITE}"), 400, "BAD_REQUEST", "popupNonce is missing"),
        (format!("{popup}&popupNonce=n"), 403, "INVALID_ORIGIN", "popupOrigin is missing"),
        (
            format!("{popup}&popupNonce=n&popupOrigin=https://Evil.example:443/"),
            403,
            "INVALID_ORIGIN",
            "Operator: add https://evil.example to TRUSTED_ORIGINS",
        ),
        (
            format!("/login/huggingface?callbackURL=/{}", "x".repeat(2100)),
            400,
            "BAD_REQUEST",
            "a callback URL is too long",
        ),
        ("/api/auth/error?error=a&error=b".to_owned(), 400, "BAD_REQUEST", "appears twice"),
    ] {
        let page = navigate(&service, &path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        let text = page.text();
        assert!(text.contains(words) && text.contains("The sign-in failed"), "{path}: {text}");
        assert!(page.header("content-security-policy").contains("script-src 'none'"));
        let old = service.request("GET", &path, &[("accept", "text/html")], "");
        assert_eq!(
            old.header("content-type"),
            "text/html; charset=utf-8",
            "a browser without Sec-Fetch-Mode"
        );
        for program in [&[][..], &[("accept", "application/json")], &[("accept", "*/*")]] {
            let reply = service.request("GET", &path, program, "");
            assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{path}");
        }
    }
    let text = navigate(&service, &format!("{popup}&popupNonce=n&popupOrigin=https://evil.example")).text();
    assert!(text.contains("This site is not set up for sign-in here."), "{text}");
}

#[test]
fn rate_limited_visitors_see_a_page_and_a_popup_reports_to_its_opener() {
    let service = start(&MockProvider::start(), &[("SIGN_IN_RATE", "1/h")]);
    assert_eq!(navigate(&service, "/login/huggingface").status, 302);
    for path in ["/login/huggingface", "/api/auth/callback/huggingface?state=x"] {
        let page = navigate(&service, path);
        assert_eq!((page.status, page.header("content-type")), (429, "text/html; charset=utf-8"));
        assert!(page.text().contains("Wait a moment, then reload this page"), "{}", page.text());
        assert!(!page.header("retry-after").is_empty());
        assert_eq!(service.get(path).json()["code"], "TOO_MANY_REQUESTS");
    }
    let popup = format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n&popupOrigin={SITE}");
    let page = navigate(&service, &popup);
    let (data, _) = popup_page(&page);
    assert_eq!(
        (data["origin"].as_str(), &data["message"]["error"]["code"]),
        (Some(SITE), &"too_many_requests".into())
    );
}

#[test]
fn a_navigation_to_another_host_name_is_redirected_to_the_own_one() {
    let service = start(&MockProvider::start(), &[]);
    let popup = format!("/api/auth/oauth-popup/start?popupNonce=n&popupOrigin={SITE}");
    for (path, address) in [
        ("/", "/?moved=1".to_owned()),
        ("/login/huggingface?callbackURL=/a%3Fb", "/login/huggingface?callbackURL=/a%3Fb&moved=1".to_owned()),
        (&popup, format!("{popup}&moved=1")),
    ] {
        for host in ["localhost:7861", "localhost", "evil.example", "[::1]:7861", "127.0.0.1.:7861"] {
            let reply = on_host(&service, host, "GET", path, &NAVIGATION);
            assert_eq!(
                (reply.status, reply.header("location")),
                (302, &*format!("{BASE}{address}")),
                "{host}"
            );
            assert_eq!(reply.header("set-cookie"), "");
        }
        let reply = on_host(&service, "127.0.0.1:9", "GET", path, &NAVIGATION);
        assert!(
            !reply.header("location").contains("moved"),
            "cookies do not depend on the port: {}",
            reply.header("location")
        );
    }
}

#[test]
fn a_proxy_that_replaces_the_host_causes_no_redirect_loop() {
    let service = start(&MockProvider::start(), &[("AUTH_URL", "https://auth.example")]);
    let front = on_host(&service, "backend:7860", "GET", "/?moved=1", &NAVIGATION);
    assert_eq!(front.status, 200);
    let login = on_host(&service, "backend:7860", "GET", "/login/huggingface?moved=1", &NAVIGATION);
    assert!(query(login.header("location"))["redirect_uri"].starts_with("https://auth.example/"));
}

#[test]
fn probes_and_programs_get_200_on_any_host_name() {
    let service = start(&MockProvider::start(), &[]);
    for method in ["GET", "HEAD"] {
        for headers in [&[][..], &[("accept", "text/html")], &[("sec-fetch-mode", "cors")]] {
            assert_eq!(on_host(&service, "10.0.0.7:7860", method, "/", headers).status, 200, "{headers:?}");
        }
    }
    assert_eq!(on_host(&service, "10.0.0.7:7860", "GET", "/health", &NAVIGATION).status, 200);
}

#[test]
fn the_link_for_browsers_without_scripts_uses_the_configured_provider() {
    let page = |env: &[(&str, &str)]| navigate(&start(&MockProvider::start(), env), "/").text();
    assert!(page(&[]).contains("<a href=\"/login/huggingface\">"));
    let other = page(&[("OAUTH_PROVIDER_NAME", "work")]);
    assert!(other.contains("<a href=\"/login/work\">") && !other.contains("/login/huggingface"));
}

#[test]
fn a_redirected_sign_in_completes() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let moved = on_host(&service, "localhost:7861", "GET", "/login/huggingface?callbackURL=/x", &NAVIGATION);
    let mut ann = Browser::default();
    let url = ann.get(&service, moved.header("location").strip_prefix(BASE).unwrap());
    let path = Browser::consent(&provider, url.header("location"));
    assert_eq!(ann.get(&service, &path).header("location"), "/x");
}

#[test]
fn a_custom_domain_of_a_space_has_the_page_but_sign_ins_happen_on_the_first_host_name() {
    let space = [("AUTH_URL", ""), ("SPACE_ID", "me/app"), ("SPACE_HOST", "me-app.hf.space,custom.example")];
    let service = start(&MockProvider::start(), &space);
    for (host, path, address) in [
        ("custom.example", "/", ""),
        ("me-app.hf.space", "/", ""),
        ("other.example", "/", "https://me-app.hf.space/?moved=1"),
        ("custom.example", "/login/huggingface", "https://me-app.hf.space/login/huggingface?moved=1"),
    ] {
        let reply = on_host(&service, host, "GET", path, &NAVIGATION);
        assert_eq!(
            (reply.status, reply.header("location")),
            (if address.is_empty() { 200 } else { 302 }, address)
        );
    }
    let body = r#"{"provider":"huggingface","callbackURL":"/app?x"}"#;
    let head = format!(
        "POST /api/auth/sign-in/social HTTP/1.1\r\nhost: custom.example\r\norigin: https://custom.example\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let reply = space_kit::testing::exchange(service.address, head);
    let link = "https://me-app.hf.space/login/huggingface?callbackURL=%2Fapp%3Fx&errorCallbackURL=";
    assert_eq!((reply.status, reply.json()["url"].as_str()), (200, Some(link)), "{}", reply.text());
    assert_eq!(reply.header("set-cookie"), "");
}
