//! What the fuzz targets assert. It is here, because it looks at what no other crate can see.
#![allow(clippy::expect_used, clippy::panic)] // a panic is what a fuzz target is for

use crate::callback_url::is_trusted;
use crate::flow::Flow;
use crate::keys::Purpose;
use crate::origin::Trusted;
use crate::query::{self, Params};
use crate::seal::Sealer;
use crate::session::Session;
use crate::{cookie, html, origin};

/// A browser that is sent to an accepted address stays with the service or lands on a trusted site.
pub fn address(text: &str) {
    let sites = ["https://site.example", "http://localhost:3000"].map(str::to_owned).to_vec();
    let trusted = Trusted::new("https://auth.example".to_owned(), sites);
    if is_trusted(text, &trusted) {
        let base = url::Url::parse("https://auth.example/api/auth/callback/x?code=1").expect("an address");
        let url = base.join(text).expect("a browser can go there");
        assert!(trusted.has(&url.origin().ascii_serialization()), "{text:?} is {url}");
        assert!(url.username().is_empty() && url.password().is_none());
    }
    if let Some(origin) = origin::parse(text) {
        assert_eq!(origin::parse(&origin).as_deref(), Some(origin.as_str()), "{text:?}");
    }
}

/// A query is read as browsers read it, and what is appended to an address is read back.
pub fn query(text: &str) {
    let theirs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    if let Ok(params) = Params::parse(text) {
        for (name, value) in &theirs {
            assert_eq!(params.get(name), Some(value.as_str()), "{text:?}");
        }
    }
    let whole = query::append("/x?a=b#c", &[("error", text)]);
    let url = url::Url::parse("https://auth.example").and_then(|base| base.join(&whole)).expect("an address");
    let found = url.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned());
    assert_eq!(found.as_deref(), Some(text));
    assert_eq!(url.fragment(), Some("c"));
}

/// No part of a cookie has what separates them, and no text is markup once it is escaped.
pub fn cookies(text: &str) {
    for (name, value) in cookie::pairs(text.lines()) {
        assert!(!name.contains([';', '=']) && !value.contains(';'), "{text:?}");
    }
    assert!(!html::escape(text).contains(['<', '>', '"', '\'']));
}

/// Nothing that this service did not seal opens, and what decodes is encoded to what decodes the same.
pub fn records(bytes: &[u8]) {
    let sealer = Sealer::new(Purpose::Session, &[[7; 32]]).expect("a key");
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(sealer.open(text).is_none(), "{text:?}");
    }
    let sealed = sealer.seal(bytes, [1; 16]).expect("a sealed value");
    if let Some(opened) = sealer.open(&sealed) {
        assert_eq!(opened.plain, bytes);
    }
    if let Some(session) = Session::decode(bytes) {
        assert_eq!(Session::decode(session.encode().as_bytes()).as_ref(), Some(&session));
        assert!(session.json().is_object() && session.claims("i", "a", u64::MAX).is_object());
    }
    if let Some(flow) = Flow::decode(bytes) {
        assert_eq!(Flow::decode(flow.encode().as_bytes()), Some(flow));
    }
}
