//! A visitor's browser on its way from page to page: which requests are that, where they belong, and what a person
//! reads when one cannot be answered.

use std::future::Future;

use space_kit::header::{ACCEPT, HeaderMap, HeaderName};
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::{error_page, redirect};
use crate::State;
use crate::{origin, query};

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What marks an address that [`elsewhere`] led to: behind a proxy that puts a `Host` of its own in place of the
/// browser's, a browser would be led there for ever.
const MOVED: &str = "moved";

/// Whether a header has exactly this value; `None` where it is missing.
fn is(headers: &HeaderMap, name: &HeaderName, value: &str) -> Option<bool> {
    headers.get(name).map(|found| found.as_bytes() == value.as_bytes())
}

/// Whether the browser says that it goes to a page.
pub(super) fn navigates(headers: &HeaderMap) -> bool {
    is(headers, &SEC_FETCH_MODE, "navigate") == Some(true)
}

/// Whether a person reads the answer: the browser says so, or one that does not say such things wants a page.
fn is_visit(headers: &HeaderMap) -> bool {
    let page = || {
        headers
            .get_all(ACCEPT)
            .iter()
            .any(|kinds| kinds.to_str().is_ok_and(|kinds| kinds.contains("text/html")))
    };
    is(headers, &SEC_FETCH_MODE, "navigate").unwrap_or_else(page)
}

/// Refuses what is no step from page to page: an image or a frame of a page elsewhere would fill the browser with
/// cookies of sign-ins that nobody began.
pub(super) fn needs_navigation(headers: &HeaderMap) -> Result<(), Error> {
    let on_top = is(headers, &SEC_FETCH_DEST, "document") != Some(false);
    let own = is(headers, &SEC_FETCH_SITE, "same-origin") == Some(true);
    if is(headers, &SEC_FETCH_MODE, "navigate") != Some(false) && (on_top || own) {
        return Ok(());
    }
    let message = "a sign-in is begun here by a link or in a window of its own; a script uses \
                   POST /api/auth/sign-in/social";
    Err(Error::new(StatusCode::FORBIDDEN, "not_a_navigation", message))
}

/// For a request that came under another host name than the service's own: to the same path and query there. Cookies
/// belong to one host, so a sign-in that began under another would not be known when it comes back. Ports make
/// no difference to cookies.
pub(super) fn elsewhere(call: &Call<State>) -> Option<HandlerResult> {
    let (base, uri) = (call.state.trusted.base(), &call.head.uri);
    let came_back = uri.query().is_some_and(|query| query.split(['&', '=']).any(|part| part == MOVED));
    if came_back || origin::host(call.header("host")?).eq_ignore_ascii_case(origin::host(base)) {
        return None;
    }
    Some(redirect(&query::append(&format!("{base}{}", uri.path_and_query()?), &[(MOVED, "1")]), []))
}

/// The reply of an endpoint that browsers go to. A refusal is a page for a person, and JSON for a program.
pub(super) fn reply<F>(call: Call<State>, answer: impl FnOnce(Call<State>) -> F) -> Reply
where
    F: Future<Output = HandlerResult> + Send + 'static,
{
    let (visit, running) = (is_visit(&call.head.headers), call.running.clone());
    let answer = answer(call);
    Reply::later(async move {
        match answer.await {
            Err(error) if visit && error.status.is_client_error() => {
                error_page::refusal(&error, &running.state)
            }
            answer => answer,
        }
    })
}
