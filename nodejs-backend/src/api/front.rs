//! `GET /`: a page for browsers, and JSON with links for programs.

use std::sync::OnceLock;

use serde_json::json;
use space_kit::header::{CONTENT_SECURITY_POLICY, HOST};
use space_kit::{Call, HandlerResult, respond};

use super::page::policy;
use super::request;
use crate::State;
use crate::web::navigation::is_navigation;
use crate::web::response::{redirect, set_header};

const HTML: &str = include_str!("front.html");

pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    // Only a navigation is redirected, because the platform's probes may use any host name and follow no redirect.
    if is_navigation(&call.head.headers)
        && !call.header(HOST).is_some_and(|host| call.state.trusted.is_custom_host(host))
        && let Some(address) = request::address_on_own_host(call)
    {
        return redirect(&address, []);
    }
    static POLICY: OnceLock<String> = OnceLock::new();
    let (kit, state) = (&call.kit, &call.state);
    let providers: Vec<&str> = state.providers.iter().map(|provider| provider.name()).collect();
    let about = json!({
        "service": kit.name,
        "version": kit.version,
        "url": state.trusted.base(),
        "issuer": state.issuer,
        "providers": providers,
        "dev": state.dev,
        "links": {
            "session": "/api/auth/get-session",
            "jwks": "/api/auth/jwks",
            "health": "/health",
            "openapi": "/openapi.json",
        },
    });
    let mut response = respond::front(&call.head.headers, html(&providers), "default-src 'none'", &about);
    if response.headers().contains_key(CONTENT_SECURITY_POLICY) {
        let policy = POLICY.get_or_init(|| front_policy(&state.frame_ancestors));
        set_header(&mut response, CONTENT_SECURITY_POLICY, policy)?;
    }
    Ok(response)
}

/// The page. Its link for browsers without scripts leads to the first provider.
fn html(providers: &[&str]) -> &'static str {
    const LINK: &str = "\"/login/huggingface\"";
    static OTHER: OnceLock<String> = OnceLock::new();
    match providers.first() {
        Some(&name) if name != "huggingface" => {
            OTHER.get_or_init(|| HTML.replace(LINK, &format!("\"/login/{name}\"")))
        }
        _ => HTML,
    }
}

/// The policy of the page. It allows https images from anywhere, because the page shows the visitor's picture.
fn front_policy(ancestors: &str) -> String {
    policy(inner("style"), inner("script"), "'none'", "https:", ancestors)
}

/// The content of the page's only element with this name.
fn inner(tag: &str) -> &'static str {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    let rest = HTML.split_once(&open).map_or("", |(_, rest)| rest);
    rest.split_once(&close).map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_exactly_the_pages_own_style_and_script() {
        space_kit::testing::assert_policy_fits(&[respond::PAGE_HEAD, HTML].concat(), &front_policy("'self'"));
    }
}
