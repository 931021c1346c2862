//! What a person reads where a program gets JSON, and where a browser is led that came under another name.

use space_kit::testing::{Process, Reply};

use crate::browser::{BASE, Browser, SITE, start};
use crate::provider::{Provider, query};

const VISIT: [(&str, &str); 2] = [("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate")];

fn visit(service: &Process, path: &str) -> Reply {
    service.request("GET", path, &VISIT, "")
}

/// A request that came under another name of the service's.
fn under(service: &Process, host: &str, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    space_kit::testing::exchange(service.address, request + "\r\n")
}

#[test]
fn a_person_reads_a_page_and_a_program_json() {
    let service = start(&Provider::start(), &[]);
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
            format!("/login/huggingface?callbackURL=/{}", "x".repeat(1000)),
            400,
            "BAD_REQUEST",
            "callbackURL is too long",
        ),
        ("/api/auth/error?error=a&error=b".to_owned(), 400, "BAD_REQUEST", "appears twice"),
    ] {
        let page = visit(&service, &path);
        assert_eq!(
            (page.status, page.header("content-type")),
            (status, "text/html; charset=utf-8"),
            "{path}"
        );
        let text = page.text();
        assert!(text.contains(words) && text.contains("The sign-in failed"), "{path}: {text}");
        assert!(page.header("content-security-policy").contains("script-src 'none'"));
        let old = service.request("GET", &path, &[("accept", "text/html")], "");
        assert_eq!(old.header("content-type"), "text/html; charset=utf-8", "a browser that says less");
        for program in [&[][..], &[("accept", "application/json")], &[("accept", "*/*")]] {
            let reply = service.request("GET", &path, program, "");
            assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{path}");
        }
    }
    let text = visit(&service, &format!("{popup}&popupNonce=n&popupOrigin=https://evil.example")).text();
    assert!(text.contains("This site is not set up for sign-in here."), "{text}");
}

#[test]
fn a_person_who_signs_in_too_often_reads_when_to_go_on_and_a_waiting_window_is_told() {
    let service = start(&Provider::start(), &[("SIGN_IN_RATE", "1/h")]);
    assert_eq!(visit(&service, "/login/huggingface").status, 302);
    for path in ["/login/huggingface", "/api/auth/callback/huggingface?state=x"] {
        let page = visit(&service, path);
        assert_eq!((page.status, page.header("content-type")), (429, "text/html; charset=utf-8"));
        assert!(page.text().contains("Wait a moment, then reload this page"), "{}", page.text());
        assert!(!page.header("retry-after").is_empty());
        assert_eq!(service.get(path).json()["code"], "TOO_MANY_REQUESTS");
    }
    let popup = format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n&popupOrigin={SITE}");
    let page = visit(&service, &popup);
    assert!(page.text().contains(&format!("data-origin=\"{SITE}\"")), "{}", page.text());
    assert!(page.text().contains("too_many_requests"));
}

#[test]
fn a_browser_under_another_host_name_is_led_to_the_services_own() {
    let service = start(&Provider::start(), &[]);
    let popup = format!("/api/auth/oauth-popup/start?popupNonce=n&popupOrigin={SITE}");
    for (path, address) in [
        ("/", "/?moved=1".to_owned()),
        ("/login/huggingface?callbackURL=/a%3Fb", "/login/huggingface?callbackURL=/a%3Fb&moved=1".to_owned()),
        (&popup, format!("{popup}&moved=1")),
    ] {
        for host in ["localhost:7861", "localhost", "evil.example", "[::1]:7861", "127.0.0.1.:7861"] {
            let reply = under(&service, host, "GET", path, &VISIT);
            assert_eq!(
                (reply.status, reply.header("location")),
                (302, &*format!("{BASE}{address}")),
                "{host}"
            );
            assert_eq!(reply.header("set-cookie"), "");
        }
        let reply = under(&service, "127.0.0.1:9", "GET", path, &VISIT);
        assert!(
            !reply.header("location").contains("moved"),
            "cookies know no port: {}",
            reply.header("location")
        );
    }
}

#[test]
fn a_proxy_that_has_a_host_name_of_its_own_leads_nobody_around_for_ever() {
    let service = start(&Provider::start(), &[("AUTH_URL", "https://auth.example")]);
    let front = under(&service, "backend:7860", "GET", "/?moved=1", &VISIT);
    assert_eq!(front.status, 200);
    let login = under(&service, "backend:7860", "GET", "/login/huggingface?moved=1", &VISIT);
    assert!(query(login.header("location"))["redirect_uri"].starts_with("https://auth.example/"));
}

#[test]
fn a_probe_and_a_program_get_200_under_any_host_name() {
    let service = start(&Provider::start(), &[]);
    for method in ["GET", "HEAD"] {
        for headers in [&[][..], &[("accept", "text/html")], &[("sec-fetch-mode", "cors")]] {
            assert_eq!(under(&service, "10.0.0.7:7860", method, "/", headers).status, 200, "{headers:?}");
        }
    }
    assert_eq!(under(&service, "10.0.0.7:7860", "GET", "/health", &VISIT).status, 200);
}

#[test]
fn the_link_for_browsers_without_scripts_leads_to_the_configured_provider() {
    let page = |env: &[(&str, &str)]| visit(&start(&Provider::start(), env), "/").text();
    assert!(page(&[]).contains("<a href=\"/login/huggingface\">"));
    let other = page(&[("OAUTH_PROVIDER_NAME", "work")]);
    assert!(other.contains("<a href=\"/login/work\">") && !other.contains("/login/huggingface"));
}

#[test]
fn a_sign_in_that_began_under_the_right_name_ends_well() {
    let provider = Provider::start();
    let service = start(&provider, &[]);
    let moved = under(&service, "localhost:7861", "GET", "/login/huggingface?callbackURL=/x", &VISIT);
    let mut ann = Browser::default();
    let url = ann.get(&service, moved.header("location").strip_prefix(BASE).unwrap());
    let path = Browser::consent(&provider, url.header("location"));
    assert_eq!(ann.get(&service, &path).header("location"), "/x");
}
