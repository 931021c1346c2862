//! The service's variables, one row each: name, default, accepted values, meaning.

use space_kit::env::Groups;
use space_kit::outgoing::SSL_CERT_FILE;

space_kit::vars! {
    ADDRESSES;
    pub(crate) AUTH_URL = "https://SPACE_HOST on a Space; http://127.0.0.1:PORT with DEV_SIGN_IN", "an https origin such as https://auth.example, without a path, or an http origin on this machine", "address at which browsers reach this service";
    pub(crate) SPACE_HOST = "", "a host name such as owner-name.hf.space, or several separated by commas: sign-ins happen on the first, the others are custom domains", "host names of the Space, set by Hugging Face";
}

space_kit::vars! {
    KEYS;
    pub(crate) AUTH_SECRET(secret) = "", "at least 32 bytes with 16 different characters, such as the output of openssl rand -base64 32", "secret that all keys are derived from; if unset, OAUTH_CLIENT_SECRET is used";
    pub(crate) AUTH_SECRETS(secret) = "", "different secrets as in AUTH_SECRET, separated by commas; client-secret stands for OAUTH_CLIENT_SECRET", "used instead of AUTH_SECRET to rotate it: the first secret is current, sessions and tokens of the others stay valid";
}

space_kit::vars! {
    PROVIDER;
    pub(crate) OAUTH_CLIENT_ID = "", "visible ASCII characters", "client id of this service at the provider; a Space with hf_oauth: true sets it; if unset elsewhere, Hugging Face fetches /.well-known/oauth-cimd";
    pub(crate) OAUTH_CLIENT_SECRET(secret) = "", "visible ASCII characters", "client secret of this service at the provider; if unset, the service is a public client, which only PKCE protects";
    pub(crate) OAUTH_SCOPES = "openid profile", "scopes separated by spaces, including openid", "scopes to request from the provider";
    pub(crate) OPENID_PROVIDER_URL = "https://huggingface.co", "an https address without a query, or an http address on this machine", "issuer of the provider, exactly as in its ID tokens";
    pub(crate) OAUTH_PROVIDER_NAME = "huggingface", "lower-case letters, digits and hyphens", "name of the provider in sign-in requests and in the redirect URI";
    pub(crate) OAUTH_CLIENT_AUTH = "basic", "basic or post", "how the client secret is sent to the provider: in a header (basic) or in the form (post)";
    pub(crate) PROVIDERS = "none", "none, or names of lower-case letters, digits and hyphens, separated by commas; not oauth or openid", "additional providers; each NAME has NAME_PROVIDER_URL, NAME_CLIENT_ID, NAME_CLIENT_SECRET, NAME_SCOPES and NAME_CLIENT_AUTH";
}

space_kit::vars! {
    SESSIONS;
    pub(crate) SIGN_IN_ALLOW = "*", "* for everyone, or rules separated by commas: user:NAME, sub:ID, org:NAME, domain:site.example (of a verified e-mail address)", "who may sign in; user: and org: apply to the main provider only";
    pub(crate) SESSION_IDLE = "7d", "a duration such as 15min, 12h or 7d", "time without use after which a session ends";
    pub(crate) SESSION_MAX = "30d", "a duration such as 15min, 12h or 7d", "time after the sign-in at which a session ends, however often it is used";
    pub(crate) BEARER_IDLE = "1d", "a duration such as 15min, 12h or 7d", "SESSION_IDLE for the bearer token of a page on another site";
    pub(crate) SESSION_EPOCH = "0", "a whole number", "number of the session epoch; changing it signs everyone out";
    pub(crate) KEEP_PROVIDER_TOKEN = "no", "yes or no (true or false, 1 or 0), or gateway", "keep the provider's access token, sealed: yes for getAccessToken and GATEWAY_SECRET; gateway only for GATEWAY_SECRET, so that no page can read it";
    pub(crate) GATEWAY_SECRET(secret) = "", "as AUTH_SECRET, but another one", "secret shared with python-backend: the visitor's access token is in the tokens of /api/auth/token, sealed with it";
    pub(crate) SIGN_IN_RATE = "60/min", "COUNT/UNIT, where UNIT is s, min, h or day", "sign-in steps (start, callback, refresh of a kept token) per client address; further steps return 429";
    pub(crate) FRAME_ANCESTORS = "'self' https://huggingface.co", "sources as in a content security policy", "sites that may show this service's pages in a frame";
}

space_kit::vars! {
    DEVELOPMENT;
    pub(crate) DEV_SIGN_IN = "no", "yes or no (true or false, 1 or 0)", "for local development only: a built-in page signs in any made-up user, without a provider";
}

/// Replaces `CORS_ORIGINS` among the kit's variables.
pub(crate) static TRUSTED_ORIGINS: space_kit::Var = space_kit::Var {
    name: "TRUSTED_ORIGINS",
    default: "none",
    accepts: "none, or origins as browsers write them, such as https://site.example, without a path or trailing slash, separated by commas; https://*.site.example is every host below that domain, http://localhost:* every port of this machine, myapp:// an app's scheme",
    meaning: "sites that may sign visitors in, read their sessions and be a callbackURL",
    secret: false,
};

/// The service's own variables, in the order of `--help`.
pub(crate) static ALL: Groups = &[
    ("addresses", ADDRESSES),
    ("keys", KEYS),
    ("provider", PROVIDER),
    ("sessions", SESSIONS),
    ("local development", DEVELOPMENT),
    ("outgoing requests", &[&SSL_CERT_FILE]),
];
