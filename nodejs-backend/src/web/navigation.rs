//! Browser navigations: which requests are one, and which host name they must use.

use space_kit::header::{HeaderMap, HeaderName, HeaderValue};
use space_kit::{Error, StatusCode, respond};

use super::query;
use super::trusted_origins::TrustedOrigins;

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");
/// What browsers sent before `Sec-Purpose`.
const PURPOSE: HeaderName = HeaderName::from_static("purpose");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The parameter that [`address_on_own_host`] adds. A second redirect would never end behind a proxy that replaces the
/// browser's `Host` header with its own.
const MOVED: &str = "moved";

/// Whether a header has exactly this value. `None` if the header is missing.
fn is(headers: &HeaderMap, name: &HeaderName, value: &str) -> Option<bool> {
    headers.get(name).map(|found| found.as_bytes() == value.as_bytes())
}

/// Whether the browser says that this request is a navigation.
pub(crate) fn is_navigation(headers: &HeaderMap) -> bool {
    is(headers, &SEC_FETCH_MODE, "navigate") == Some(true)
}

/// Whether the response should be a page: the request is a navigation, or it comes from a browser without
/// `Sec-Fetch-Mode` and accepts HTML.
pub(crate) fn expects_page(headers: &HeaderMap) -> bool {
    is(headers, &SEC_FETCH_MODE, "navigate").unwrap_or_else(|| respond::wants_page(headers))
}

/// Whether the browser says that the visitor has not come here yet, but may (`Sec-Purpose`, Fetch standard).
pub(crate) fn is_prefetch(headers: &HeaderMap) -> bool {
    let prefetches = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.starts_with("prefetch"));
    [SEC_PURPOSE, PURPOSE].iter().any(|name| headers.get_all(name).iter().any(prefetches))
}

/// Rejects requests that are not a top-level navigation or one of the service's own frames. Otherwise an image or a
/// frame on another site could fill the browser with cookies of sign-ins that no visitor started.
///
/// # Errors
///
/// 403 `not_a_navigation`.
pub(crate) fn require_navigation(headers: &HeaderMap) -> Result<(), Error> {
    let top_level = is(headers, &SEC_FETCH_DEST, "document") != Some(false);
    let own = is(headers, &SEC_FETCH_SITE, "same-origin") == Some(true);
    if is(headers, &SEC_FETCH_MODE, "navigate") != Some(false) && (top_level || own) {
        return Ok(());
    }
    let message = "this address starts a sign-in only as a link or in a popup; a script must use \
                   POST /api/auth/sign-in/social";
    Err(Error::new(StatusCode::FORBIDDEN, "not_a_navigation", message))
}

/// The same `target` (path and query) on the service's own origin, if the request came to another host name. Cookies belong to one host name, so a sign-in that starts on another one would not find its cookie again. The port
/// is ignored, because cookies do not depend on it.
pub(crate) fn address_on_own_host(host: &str, target: &str, trusted: &TrustedOrigins) -> Option<String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let moved = query.split(['&', '=']).any(|part| part == MOVED);
    if moved || trusted.is_own_host(host) {
        return None;
    }
    Some(query::append(&format!("{}{target}", trusted.base()), &[(MOVED, "1")]))
}
