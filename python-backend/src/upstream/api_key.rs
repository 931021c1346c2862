//! The key of an upstream, and the header that it is sent in.

use space_kit::Error;
use space_kit::header::{AUTHORIZATION, HeaderName, HeaderValue};

/// The key of an upstream, and the header that it is sent in.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ApiKey {
    pub(crate) header: HeaderName,
    /// Marked sensitive, so that it is never shown.
    pub(super) value: HeaderValue,
}

impl ApiKey {
    /// Reads `KEY`, which is sent in the usual header, `bearer:KEY`, or `HEADER:KEY` for a header whose name ends
    /// in `-key`: other keys have colons too. `None` if the key is not valid in a header.
    pub(super) fn parse(text: &str, usual: HeaderName) -> Option<ApiKey> {
        let named = text.split_once(':').and_then(|(name, key)| {
            let name = name.to_ascii_lowercase();
            let header = if name == "bearer" { AUTHORIZATION } else { HeaderName::try_from(&name).ok()? };
            (header == AUTHORIZATION || name.ends_with("-key")).then_some((header, key))
        });
        let (header, key) = named.unwrap_or((usual, text));
        let scheme = if header == AUTHORIZATION { "Bearer " } else { "" };
        let mut value = HeaderValue::try_from([scheme, key].concat()).ok().filter(|_| !key.is_empty())?;
        value.set_sensitive(true);
        Some(ApiKey { header, value })
    }

    /// The same key in `Authorization`.
    pub(super) fn as_bearer(&self) -> Option<ApiKey> {
        ApiKey::parse(self.text()?, AUTHORIZATION)
    }

    /// The key itself.
    pub(super) fn text(&self) -> Option<&str> {
        let text = self.value.to_str().ok()?;
        Some(text.strip_prefix("Bearer ").unwrap_or(text))
    }
}

/// Removes a key from an error, because some upstreams repeat a key that they reject.
pub(super) fn hide(key: &str, error: &mut Error) {
    // A shorter key is not secret, and may be an ordinary word.
    if key.len() < 8 {
        return;
    }
    let hide = |text: &str| text.replace(key, "***");
    error.message = hide(&error.message).into();
    error.param = error.param.as_deref().map(|param| hide(param).into());
    error.cause = error.cause.as_deref().map(hide);
    // An upstream may repeat the key in a header that is forwarded with its error.
    error
        .headers
        .retain(|(_, value)| !value.as_bytes().windows(key.len()).any(|part| part == key.as_bytes()));
}
