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
        "token for the Hugging Face router and Inference Endpoints, and for no other host";
    pub(super) UPSTREAM_URL = "https://router.huggingface.co/v1 if HF_TOKEN is set, else none: the demo model alone",
        "base addresses separated by commas: https, or http to private hosts, such as http://127.0.0.1:8080/v1",
        "where requests are forwarded to, in the order of preference";
    pub(super) UPSTREAM_API_KEYS (secret) = "", "one key for each address of UPSTREAM_URL, separated by commas; none for an address that gets no key, HF_TOKEN neither",
        "keys that the upstreams want, in place of HF_TOKEN; a Space wants its token here";
    pub(super) EMBEDDINGS_URL = "UPSTREAM_URL", "base addresses like UPSTREAM_URL",
        "where /v1/embeddings is forwarded to; the Hugging Face router has none";
    pub(super) EMBEDDINGS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "keys that those upstreams want";
    pub(super) COMPLETIONS_URL = "UPSTREAM_URL", "base addresses like UPSTREAM_URL",
        "where /v1/completions is forwarded to; the Hugging Face router has none";
    pub(super) COMPLETIONS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "keys that those upstreams want";
    pub(super) HF_BILL_TO = "", "an organization's name or a resource group's id", "whom Hugging Face bills; callers cannot choose";
    pub(super) UPSTREAM_TIMEOUT = "10min", "a duration such as 90s or 10min", "time for a whole answer, all tries together";
    pub(super) FIRST_EVENT_TIMEOUT = "90s", "a duration such as 30s", "time for the first event of a stream; a silent upstream is not tried again";
    pub(super) EVENT_TIMEOUT = "2min", "a duration such as 30s", "time between two events of a stream";
    pub(super) WAKE_TIMEOUT = "5min", "a duration such as 5min, or 0", "time that requests wait for an upstream that is asleep; 0: they do not";
    pub(super) HEARTBEAT = "10s", "a duration such as 10s", "after so long a silence a comment keeps a stream alive; until the first one, a failure is an error status";
}

space_kit::vars! {
    pub(super) ACCESS_VARS;
    pub(super) ACCESS = "what API_KEYS and JWT_* say; else nobody if there is an upstream token, everybody if there is none",
        "open, keys or jwt, or several separated by commas",
        "who may use /v1: everybody, those with one of API_KEYS, those with a token that JWT_* lets pass";
    pub(super) API_KEYS (secret) = "",
        "label:key entries separated by commas; a label is 1 to 32 of A-Z a-z 0-9 . _ -, a key 20 or more visible ASCII characters",
        "keys that open the service, in Authorization: Bearer or x-api-key; the label is what logs and metrics show";
    pub(super) JWT_ISSUER = "OPENID_PROVIDER_URL, where neither this nor JWT_AUDIENCE is set",
        "an https address, or http on loopback; off a Space dev:http://127.0.0.1:PORT, nodejs-backend with DEV_SIGN_IN",
        "issuer of the tokens that count, exactly as their iss has it";
    pub(super) JWT_AUDIENCE = "OAUTH_CLIENT_ID, where neither this nor JWT_ISSUER is set", "a text of up to 255 characters",
        "audience of the tokens that count: their aud";
    pub(super) JWT_JWKS_URL = "what the issuer's OpenID metadata say", "an https address, or http on loopback",
        "where the issuer's public keys are";
    pub(super) JWT_ALLOW = "", "sub:ID, user:NAME and org:NAME-OR-ID separated by commas, or * alone",
        "holders of a valid token who may pass; names can change hands, a sub cannot; * is everybody whom the issuer knows";
    pub(super) OPENID_PROVIDER_URL = "", "an https address, or http on loopback",
        "set by a Space with hf_oauth: true; the default of JWT_ISSUER";
    pub(super) OAUTH_CLIENT_ID = "", "a text of up to 255 characters",
        "set by a Space with hf_oauth: true; the default of JWT_AUDIENCE";
    pub(super) RATE_LIMIT = "20/min if access is open, or JWT_ALLOW is *, and there is an upstream token; else none",
        "a count from 1 to 1000000 and a unit, such as 5/s, 60/min, 500/h or 1000/day, or none",
        "requests from one key, token subject or client address (IPv6: /64); 429 beyond it";
}

space_kit::vars! {
    MODEL_VARS;
    pub(super) MODELS = "any that the upstreams have", "ids of models separated by commas, such as org/model",
        "models that may be asked for, besides those of MODEL_ALIASES";
    pub(super) MODEL_ALIASES = "", "alias=model pairs separated by commas, such as fast=org/model:groq",
        "names of your own for models upstream";
    pub(super) DEFAULT_MODEL = "", "the id of a model or an alias", "model of requests that name none";
}

space_kit::vars! {
    LIMIT_VARS;
    pub(super) MAX_CONCURRENT = "1024", "a whole number above 0",
        "requests that are forwarded at once; more wait in a queue";
    pub(super) QUEUE_LENGTH = "128", "a whole number, or 0 for no queue",
        "requests that may wait for one of MAX_CONCURRENT (429 beyond it)";
    pub(super) QUEUE_TIMEOUT = "5s", "a duration such as 5s or 500ms",
        "time that a request may wait for one of MAX_CONCURRENT (429 beyond it)";
    pub(super) BODY_MEMORY = "64MiB", "a size such as 65536, 64MiB or 1GiB, MAX_BODY_BYTES or more",
        "memory for all request bodies together while they are held (429 beyond it)";
}

space_kit::vars! {
    DEMO_VARS;
    pub(super) DEMO_DELAY = "15ms", "a duration such as 15ms, or 0", "pause between the words that the demo model streams";
}
