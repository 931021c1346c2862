//! The service's own variables, in the order of `--help`.

use space_kit::env::Groups;
use space_kit::outgoing::SSL_CERT_FILE;

/// All of the service's own variables, in the order of `--help`.
pub(crate) static ALL: Groups = &[
    ("upstreams", UPSTREAM_VARS),
    ("TLS", &[&SSL_CERT_FILE]),
    ("access", ACCESS_VARS),
    ("models", MODEL_VARS),
    ("limits", LIMIT_VARS),
    ("demo model", DEMO_VARS),
];

space_kit::vars! {
    UPSTREAM_VARS;
    pub(super) HF_TOKEN (secret) = "", "a Hugging Face token: visible ASCII characters",
        "token for the Hugging Face router and Inference Endpoints; never sent to another host";
    pub(super) UPSTREAM_URL = "https://router.huggingface.co/v1 if HF_TOKEN is set, else none: only the demo model",
        "base URLs separated by commas, or by a vertical bar between replicas: https, or http to private hosts, such as http://127.0.0.1:8080/v1; a query such as ?api-version=preview is kept",
        "upstreams that requests are forwarded to, in order of preference";
    pub(super) UPSTREAM_API_KEYS (secret) = "", "one key per URL of UPSTREAM_URL, separated by commas; none sends no key, not even HF_TOKEN; x-api-key:KEY, api-key:KEY or bearer:KEY selects the header",
        "API keys of the upstreams, instead of HF_TOKEN; an upstream Space gets its token only from here";
    pub(super) UPSTREAM_API = "auto", "auto, chat or native; one for all, or one per URL of UPSTREAM_URL, separated by commas",
        "whether upstreams have /v1/responses and /v1/messages: chat translates their requests, native does not, auto finds out";
    pub(super) UPSTREAM_MODELS = "", "one entry per URL of UPSTREAM_URL, separated by commas: model ids separated by spaces, org/* for all that begin so, * for any",
        "models of each upstream; a request goes only to upstreams that have its model, first to those that name it";
    pub(super) EMBEDDINGS_URL = "UPSTREAM_URL", "base URLs like UPSTREAM_URL",
        "upstreams for /v1/embeddings, which the Hugging Face router does not have";
    pub(super) EMBEDDINGS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "API keys of EMBEDDINGS_URL";
    pub(super) COMPLETIONS_URL = "UPSTREAM_URL", "base URLs like UPSTREAM_URL",
        "upstreams for /v1/completions, which the Hugging Face router does not have";
    pub(super) COMPLETIONS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "API keys of COMPLETIONS_URL";
    pub(super) FORWARD_HEADERS = "", "header names separated by commas, such as x-tenant; not authorization, cookie, names that end in -key, and those of the connection or a proxy",
        "further request headers that are forwarded to the upstreams";
    pub(super) HF_BILL_TO = "", "an organization's name or a resource group's id", "account that Hugging Face bills; callers cannot change it";
    pub(super) UPSTREAM_TRIES = "3", "a whole number above 0",
        "how often one request is tried at most, at all upstreams together; 1: neither failover nor retries";
    pub(super) UPSTREAM_TIMEOUT = "10min", "a duration such as 90s or 10min",
        "time limit for a whole response or the beginning of a stream, all attempts together";
    pub(super) FAILOVER_TIMEOUT = "2min", "a duration such as 30s",
        "time limit for a whole response while another upstream can still be tried";
    pub(super) STREAM_TIMEOUT = "", "a duration such as 1h", "time limit for a stream from its beginning to its end; unset: none";
    pub(super) FIRST_EVENT_TIMEOUT = "90s", "a duration such as 30s", "time limit for the first event of a stream; a silent upstream is not retried";
    pub(super) EVENT_TIMEOUT = "2min", "a duration such as 30s", "time limit between two events of a stream";
    pub(super) WAKE_TIMEOUT = "5min", "a duration such as 5min, or 0", "how long requests wait for an upstream that is asleep; 0: not at all";
    pub(super) HEARTBEAT = "10s", "a duration such as 10s", "after this much silence, send an SSE comment; failures before the first comment are still HTTP errors";
}

space_kit::vars! {
    pub(super) ACCESS_VARS;
    pub(super) ACCESS = "keys and/or jwt if API_KEYS or JWT_* are set; otherwise closed when an upstream token is set, else open",
        "open, keys, jwt or hf_token, or several separated by commas",
        "who may use /v1: everyone (open), callers with one of API_KEYS (keys), callers with a token that JWT_* allow (jwt), callers with a Hugging Face token of their own, which pays for them (hf_token)";
    pub(super) PAYER = "owner", "owner or caller",
        "who pays Hugging Face: the owner of HF_TOKEN, or each caller, with the access token that nodejs-backend sealed into the caller's token or with a token of their own";
    pub(super) GATEWAY_SECRET (secret) = "", "at least 32 bytes with 16 different characters, as nodejs-backend has it",
        "secret shared with nodejs-backend: opens the access tokens that it seals";
    pub(super) API_KEYS (secret) = "",
        "label:key entries separated by commas; a label is 1 to 32 of A-Z a-z 0-9 . _ -, a key 20 or more visible ASCII characters",
        "keys that callers send in Authorization: Bearer, x-api-key or api-key; logs and metrics show the label";
    pub(super) JWT_ISSUER = "OPENID_PROVIDER_URL if neither this nor JWT_AUDIENCE is set",
        "an https URL, or http on loopback; outside a Space dev:http://127.0.0.1:PORT, nodejs-backend with DEV_SIGN_IN",
        "issuer of valid tokens, exactly as in their iss";
    pub(super) JWT_AUDIENCE = "OAUTH_CLIENT_ID if neither this nor JWT_ISSUER is set", "a text of up to 255 characters",
        "audience of valid tokens, as in their aud";
    pub(super) JWT_JWKS_URL = "from the issuer's OpenID metadata", "an https URL, or http on loopback",
        "URL of the issuer's public keys";
    pub(super) JWT_ALLOW = "", "sub:ID, user:NAME and org:NAME-OR-ID separated by commas, or only *",
        "allowed holders of a valid token; names can be reassigned, subs cannot; * allows everyone with an account at the issuer";
    pub(super) OPENID_PROVIDER_URL = "", "an https URL, or http on loopback",
        "default of JWT_ISSUER; a Space with hf_oauth: true sets it";
    pub(super) OAUTH_CLIENT_ID = "", "a text of up to 255 characters",
        "default of JWT_AUDIENCE; a Space with hf_oauth: true sets it";
    pub(super) RATE_LIMIT = "20/min if an upstream token is set and access is open or JWT_ALLOW is *; otherwise none",
        "a count from 1 to 1000000 and a unit, such as 5/s, 60/min, 500/h or 1000/day, or none",
        "requests per key, token subject or client address (IPv6: /64); more get 429";
}

space_kit::vars! {
    MODEL_VARS;
    pub(super) MODELS = "every model of the upstreams", "model ids separated by commas, such as org/model",
        "models that callers may use, in addition to MODEL_ALIASES; with any :provider if every upstream is Hugging Face's";
    pub(super) MODEL_ALIASES = "", "alias=model pairs separated by commas, such as fast=org/model:groq",
        "your own names for models of the upstreams";
    pub(super) DEFAULT_MODEL = "", "a model id or an alias", "model for requests that name none";
}

space_kit::vars! {
    LIMIT_VARS;
    pub(super) MAX_CONCURRENT = "1024", "a whole number above 0",
        "requests forwarded at the same time; more wait in a queue";
    pub(super) QUEUE_LENGTH = "128", "a whole number, or 0 for no queue",
        "requests that may wait for one of MAX_CONCURRENT; more get 429";
    pub(super) QUEUE_TIMEOUT = "5s", "a duration such as 5s or 500ms",
        "how long a request may wait for one of MAX_CONCURRENT before it gets 429";
    pub(super) BODY_MEMORY = "64MiB or three times MAX_BODY_BYTES, but at most a quarter of the container's memory limit",
        "a size such as 64MiB or 1GiB, at least 2.3 times MAX_BODY_BYTES",
        "memory for all request bodies together; requests beyond it, or beyond the caller's share, get 429";
    pub(super) ANSWER_MEMORY = "256MiB, but at most a quarter of the container's memory limit", "a size such as 64MiB or 1GiB",
        "memory for whole responses and long events until they are sent; requests beyond it, or beyond the caller's share, get 429";
    pub(super) ANSWER_LIMIT = "4MiB", "a size such as 65536, 4MiB or 1GiB", "longest text of a translated response; a longer one fails";
}

space_kit::vars! {
    DEMO_VARS;
    pub(super) DEMO_DELAY = "15ms", "a duration such as 15ms, or 0", "pause between the words of the demo model's stream";
}
