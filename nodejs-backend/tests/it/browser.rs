//! A minimal browser: it keeps cookies and signs one visitor in.

use serde_json::Value;
use space_kit::testing::{Process, Reply};

use crate::mock_provider::{CLIENT_ID, CLIENT_SECRET, MockProvider, query};

pub(crate) const SECRET: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";
pub(crate) const BASE: &str = "http://127.0.0.1:7861";
pub(crate) const SITE: &str = "https://site.example";

/// A service with a provider and one trusted site; `more` adds or replaces variables.
pub(crate) fn start(provider: &MockProvider, more: &[(&str, &str)]) -> Process {
    let env = [
        ("AUTH_URL", BASE),
        ("AUTH_SECRET", SECRET),
        ("OAUTH_CLIENT_ID", CLIENT_ID),
        ("OAUTH_CLIENT_SECRET", CLIENT_SECRET),
        ("OPENID_PROVIDER_URL", &provider.issuer),
        ("TRUSTED_ORIGINS", SITE),
        ("SIGN_IN_RATE", "1000/s"),
    ];
    let kept: Vec<(&str, &str)> =
        env.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| name != other)).collect();
    Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), &[&kept, more].concat())
}

/// The cookies of one visitor.
#[derive(Default, Clone)]
pub(crate) struct Browser {
    pub(crate) cookies: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn send(
        &mut self,
        service: &Process,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut all = headers.to_vec();
        if !cookies.is_empty() {
            all.push(("cookie", &cookies));
        }
        let reply = service.request(method, path, &all, body);
        self.keep(&reply);
        reply
    }

    /// Applies the `Set-Cookie` headers of a response.
    pub(crate) fn keep(&mut self, reply: &Reply) {
        for (_, set) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.retain(|(kept, _)| kept != name);
            if !set.contains("Max-Age=0;") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }

    pub(crate) fn get(&mut self, service: &Process, path: &str) -> Reply {
        self.send(service, "GET", path, &[], "")
    }

    pub(crate) fn post(&mut self, service: &Process, path: &str, body: &str) -> Reply {
        self.send(service, "POST", path, &[("content-type", "application/json"), ("origin", BASE)], body)
    }

    /// Starts a sign-in that returns to `/done`; returns the provider's address.
    pub(crate) fn begin(&mut self, service: &Process) -> String {
        let reply = self.post(
            service,
            "/api/auth/sign-in/social",
            r#"{"provider":"huggingface","callbackURL":"/done"}"#,
        );
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()["url"].as_str().unwrap().to_owned()
    }

    /// The callback to which the provider redirects after the visitor's consent.
    pub(crate) fn consent(provider: &MockProvider, url: &str) -> String {
        let asked = query(url);
        let path = asked["redirect_uri"].strip_prefix(BASE).unwrap().to_owned();
        let code = provider.consent(url);
        format!("{path}?code={code}&state={}", asked["state"])
    }

    /// A complete sign-in; returns the response of the callback.
    pub(crate) fn sign_in(&mut self, service: &Process, provider: &MockProvider) -> Reply {
        let url = self.begin(service);
        let path = Browser::consent(provider, &url);
        self.get(service, &path)
    }

    /// The id of the signed-in user.
    pub(crate) fn user(&mut self, service: &Process) -> Option<String> {
        let session = self.get(service, "/api/auth/get-session").json();
        session["user"]["id"].as_str().map(str::to_owned)
    }

    /// The value of the session cookie.
    pub(crate) fn session(&self) -> &str {
        &self.cookies.iter().find(|(name, _)| name.ends_with("nb.session")).expect("a session cookie").1
    }

    /// A browser with only this session cookie.
    pub(crate) fn holding(session: &str) -> Browser {
        Browser { cookies: vec![("nb.session".to_owned(), session.to_owned())] }
    }
}

/// The data of a popup's page, and the address of its link, which is empty if it has none.
pub(crate) fn popup_page(page: &Reply) -> (Value, String) {
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-store");
    let text = page.text();
    let attribute = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\""))?;
        let plain =
            rest.split_once('"')?.0.replace("&quot;", "\"").replace("&lt;", "<").replace("&#39;", "'");
        Some(plain.replace("&amp;", "&"))
    };
    (serde_json::from_str(&attribute("data-page").unwrap()).unwrap(), attribute("href").unwrap_or_default())
}
