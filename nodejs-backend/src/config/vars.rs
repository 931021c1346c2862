//! The service's variables, one row each: name, default, accepted values, meaning.

use space_kit::env::Groups;
use space_kit::outgoing::SSL_CERT_FILE;

space_kit::vars! {
    ADDRESSES;
    pub(crate) AUTH_URL = "on a Space https:// and SPACE_HOST; with DEV_SIGN_IN http://127.0.0.1 and PORT", "an https origin such as https://auth.example, without a path, or an http one on this machine", "where browsers reach this service";
    pub(crate) SPACE_HOST = "", "a host such as owner-name.hf.space; of a list the first counts", "the Space's host, set by Hugging Face";
}

space_kit::vars! {
    KEYS;
    pub(crate) AUTH_SECRET(secret) = "", "at least 32 bytes with 16 different characters, as openssl rand -base64 32 makes them", "what all keys are derived from; unset: OAUTH_CLIENT_SECRET";
    pub(crate) AUTH_SECRETS(secret) = "", "different secrets as for AUTH_SECRET, separated by commas; client-secret stands for the one of OAUTH_CLIENT_SECRET", "in place of AUTH_SECRET, to change it: the first is current, sessions and tokens of the others count on";
}

space_kit::vars! {
    PROVIDER;
    pub(crate) OAUTH_CLIENT_ID = "", "visible ASCII characters", "this service's id at the provider, set by Hugging Face where hf_oauth is true";
    pub(crate) OAUTH_CLIENT_SECRET(secret) = "", "visible ASCII characters", "this service's secret at the provider; unset: a public client, which has PKCE alone";
    pub(crate) OAUTH_SCOPES = "openid profile", "scopes separated by spaces, openid among them", "what the provider is asked for";
    pub(crate) OPENID_PROVIDER_URL = "https://huggingface.co", "an https address without query, or an http one on this machine", "the provider's issuer, exactly as its tokens name it";
    pub(crate) OAUTH_PROVIDER_NAME = "huggingface", "lower-case letters, digits and hyphens", "the provider's name in sign-in requests and in its redirect address";
    pub(crate) OAUTH_CLIENT_AUTH = "basic", "basic or post", "how the client secret goes to the provider: in a header or in the form";
    pub(crate) PROVIDERS = "none", "none, or names of lower-case letters, digits and hyphens, separated by commas; not oauth or openid", "further providers; NAME has NAME_PROVIDER_URL, NAME_CLIENT_ID, NAME_CLIENT_SECRET, NAME_SCOPES, NAME_CLIENT_AUTH";
}

space_kit::vars! {
    SESSIONS;
    pub(crate) SESSION_IDLE = "7d", "a duration such as 15min, 12h or 7d", "a session ends after this time without a visit";
    pub(crate) SESSION_MAX = "30d", "a duration such as 15min, 12h or 7d", "a session ends this long after its sign-in, however often it is used";
    pub(crate) BEARER_IDLE = "1d", "a duration such as 15min, 12h or 7d", "the same as SESSION_IDLE for a token that a page on another site keeps";
    pub(crate) SESSION_EPOCH = "0", "a whole number", "change it to sign everybody out";
    pub(crate) SIGN_IN_RATE = "60/min", "COUNT/UNIT, where UNIT is s, min, h or day", "steps of sign-ins (start and return) from one address; more get 429";
    pub(crate) FRAME_ANCESTORS = "'self' https://huggingface.co", "sources as in a content security policy", "sites that may show this service's pages in a frame";
}

space_kit::vars! {
    DEVELOPMENT;
    pub(crate) DEV_SIGN_IN = "no", "yes or no (true or false, 1 or 0)", "local development alone: a built-in page signs in a made-up user, without any provider";
}

/// Stands among the kit's variables, in the place of `CORS_ORIGINS`.
pub(crate) static TRUSTED_ORIGINS: space_kit::Var = space_kit::Var {
    name: "TRUSTED_ORIGINS",
    default: "none",
    accepts: "none, or origins as browsers write them, such as https://site.example, without a path or slash at the end, separated by commas",
    meaning: "sites that may sign visitors in here, read their sessions and be returned to",
    secret: false,
};

/// All of the service's own variables, in the order of `--help`.
pub(crate) static ALL: Groups = &[
    ("addresses", ADDRESSES),
    ("keys", KEYS),
    ("provider", PROVIDER),
    ("sessions", SESSIONS),
    ("local development", DEVELOPMENT),
    ("outgoing requests", &[&SSL_CERT_FILE]),
];
