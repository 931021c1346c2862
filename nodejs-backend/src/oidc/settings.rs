//! The settings of an OpenID provider.

/// Where this service describes itself. A provider may accept the address as client id and fetch the document
/// (draft-ietf-oauth-client-id-metadata-document); huggingface.co documents this path.
pub(crate) const DOCUMENT: &str = "/.well-known/oauth-cimd";

/// How the client secret is sent to the token endpoint (OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// The settings of one OpenID provider.
#[derive(Clone)]
pub(crate) struct ProviderSettings {
    pub(crate) name: String,
    /// Whether this is the provider that a Space configures. Its subjects are used as user ids unchanged.
    pub(crate) main: bool,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// `None` for a public client.
    pub(crate) client_secret: Option<String>,
    pub(crate) auth: ClientAuth,
    /// Separated by spaces.
    pub(crate) scopes: String,
}

/// Whether a text is a scope token (RFC 6749 section 3.3) of at most 128 bytes.
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}
