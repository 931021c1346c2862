//! The first step of every sign-in: a new flow, its cookie, and the provider's address.

use space_kit::header::HeaderMap;
use space_kit::{Error, StatusCode};

use super::request::Now;
use crate::State;
use crate::error::internal;
use crate::flow::{self, CallbackPath, Flow, FlowRequest, eviction};
use crate::oidc::{Provider, SignInOptions};
use crate::web::callback_url::{self, MAX_BYTES};
use crate::web::{cookie, query};
use space_kit::seal::SALT;

/// A flow that has started.
pub(super) struct StartedFlow {
    /// The address to which the browser goes next.
    pub(super) url: String,
    /// The name of the `BroadcastChannel` on which the callback of a popup reports.
    pub(super) channel: String,
    /// Values of `Set-Cookie`.
    pub(super) cookies: Vec<String>,
}

/// Starts a flow. The caller must have checked the addresses of `request` with [`destination`].
///
/// # Errors
///
/// 404 for an unknown provider, 502 if the provider cannot be reached, 400 if the addresses do not fit into a cookie.
pub(super) async fn start_flow(
    state: &State,
    headers: &HeaderMap,
    request: FlowRequest,
    options: &SignInOptions,
    now: Now,
) -> Result<StartedFlow, Error> {
    let provider = state.provider(&request.provider).ok_or_else(provider_not_found)?;
    let flow = Flow::begin(request, &state.random::<{ flow::RANDOM }>()?, now.unix);
    let url = match provider {
        Provider::OpenId(client) => {
            let redirect_uri = redirect_uri(state, flow.request.callback_path, &flow.request.provider);
            client.authorization_url(&flow, &redirect_uri, options, now.instant).await?
        }
        Provider::Dev { .. } => {
            let page = format!("{}/dev/sign-in", state.trusted.base());
            let path = flow.request.callback_path.as_str();
            query::append(&page, &[("state", &flow.state), ("callback_path", path)])
        }
    };
    let sealed = state.keys.flow.seal(flow.encode().as_bytes(), state.random::<SALT>()?);
    let sealed = sealed.ok_or_else(|| internal("the flow cannot be sealed"))?;
    if sealed.len() > eviction::MAX_SEALED {
        return Err(too_long(&flow.request));
    }
    let channel = flow::cookie_name(&flow.state);
    let name = state.cookies.name(&channel);
    let prefix = state.cookies.name(flow::COOKIE);
    let cookies = cookie::of_request(headers).filter(|(name, _)| name.starts_with(&prefix));
    let sent = cookies.map(|(name, value)| {
        let unsealed = state.keys.flow.open(value);
        let flow = unsealed.and_then(|unsealed| Flow::decode(&unsealed.plain));
        (flow.map_or(0, |flow| flow.expires), name, name.len() + value.len())
    });
    let evicted = eviction::evict(sent, name.len() + sealed.len(), state.cookies.copies(), now.unix);
    let mut set: Vec<String> = evicted.iter().flat_map(|name| state.cookies.clear(name)).collect();
    set.extend(state.cookies.set(&name, &sealed, flow::LIFETIME));
    Ok(StartedFlow { url, channel, cookies: set })
}

/// 400 for addresses that do not fit into a cookie. It names the longest one.
fn too_long(request: &FlowRequest) -> Error {
    let (callback, error) = (request.callback_url.len(), request.error_url.as_deref().map_or(0, str::len));
    let (name, length) =
        if error > callback { ("errorCallbackURL", error) } else { ("callbackURL", callback) };
    let message = format!(
        "{name} is too long: it has {length} bytes; together callbackURL and errorCallbackURL may have about {MAX_BYTES}"
    );
    Error::new(StatusCode::BAD_REQUEST, "bad_request", message).param(name)
}

/// Checks the address to which a page asks to return. `None` if it asks for none.
///
/// # Errors
///
/// 403 with this `code` if the address is not trusted.
pub(super) fn destination(
    state: &State,
    asked: Option<&str>,
    code: &'static str,
) -> Result<Option<String>, Error> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else { return Ok(None) };
    if callback_url::trusted(asked, &state.trusted).is_some() {
        return Ok(Some(asked.to_owned())); // it takes less room in the cookie than as browsers write it
    }
    if asked.len() > MAX_BYTES {
        let message =
            format!("a callback URL is too long: it has {} bytes of at most {MAX_BYTES}", asked.len());
        return Err(Error::new(StatusCode::BAD_REQUEST, "bad_request", message));
    }
    let message = "a callback URL must be a path of this service or an address on a site in TRUSTED_ORIGINS";
    Err(Error::new(StatusCode::FORBIDDEN, code, message))
}

/// The redirect URI of a provider.
pub(super) fn redirect_uri(state: &State, path: CallbackPath, provider: &str) -> String {
    format!("{}/api/auth/{}/{provider}", state.trusted.base(), path.as_str())
}

fn provider_not_found() -> Error {
    Error::new(
        StatusCode::NOT_FOUND,
        "provider_not_found",
        "this service has no sign-in provider of this name",
    )
}
