//! The settings of upstreams: where they are, which key each wants, how long they may take.

use std::time::Duration;

use space_kit::header::HeaderValue;
use space_kit::outgoing::{Connector, Pool};
use space_kit::{Env, Var, parse};

use super::{Lane, Upstream, Waits};

space_kit::vars! {
    pub(crate) ALL;
    HF_TOKEN (secret) = "", "a Hugging Face token: visible ASCII characters",
        "token for the Hugging Face router and Inference Endpoints, and for no other host";
    UPSTREAM_URL = "https://router.huggingface.co/v1 if HF_TOKEN is set, else none: the demo model alone",
        "base addresses separated by commas: https, or http to private hosts, such as http://127.0.0.1:8080/v1",
        "where requests are forwarded to, in the order of preference";
    UPSTREAM_API_KEYS (secret) = "", "one key for each address of UPSTREAM_URL, separated by commas; none for an address that gets no key, HF_TOKEN neither",
        "keys that the upstreams want, in place of HF_TOKEN; a Space wants its token here";
    EMBEDDINGS_URL = "UPSTREAM_URL", "base addresses like UPSTREAM_URL",
        "where /v1/embeddings is forwarded to; the Hugging Face router has none";
    EMBEDDINGS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "keys that those upstreams want";
    COMPLETIONS_URL = "UPSTREAM_URL", "base addresses like UPSTREAM_URL",
        "where /v1/completions is forwarded to; the Hugging Face router has none";
    COMPLETIONS_API_KEYS (secret) = "", "keys like UPSTREAM_API_KEYS", "keys that those upstreams want";
    HF_BILL_TO = "", "an organization's name or a resource group's id", "whom Hugging Face bills; callers cannot choose";
    UPSTREAM_TIMEOUT = "10min", "a duration such as 90s or 10min", "time for a whole answer, all tries together";
    FIRST_EVENT_TIMEOUT = "90s", "a duration such as 30s", "time for the first event of a stream; a silent upstream is not tried again";
    EVENT_TIMEOUT = "2min", "a duration such as 30s", "time between two events of a stream";
    WAKE_TIMEOUT = "5min", "a duration such as 5min, or 0", "time that requests wait for an upstream that is asleep; 0: they do not";
    HEARTBEAT = "10s", "a duration such as 10s", "after so long a silence a comment keeps a stream alive; until the first one, a failure is an error status";
}

const ROUTER: &str = "https://router.huggingface.co/v1";

/// Lanes by kind of request.
pub(crate) struct Upstreams {
    pub(crate) main: Option<Lane>,
    /// `None`: the main one.
    embeddings: Option<Lane>,
    completions: Option<Lane>,
    /// The connections of all lanes.
    pub(crate) pool: Pool,
    /// Some upstream gets a key of the operator's.
    pub(crate) has_key: bool,
}

impl Upstreams {
    /// The lane of `/v1/embeddings`.
    pub(crate) fn embeddings(&self) -> Option<&Lane> {
        self.embeddings.as_ref().or(self.main.as_ref())
    }

    /// The lane of `/v1/completions`.
    pub(crate) fn completions(&self) -> Option<&Lane> {
        self.completions.as_ref().or(self.main.as_ref())
    }

    /// Appends the counts of tries in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        out.push_str("# HELP gateway_upstream_tries_total Tries by upstream and outcome\n");
        out.push_str("# TYPE gateway_upstream_tries_total counter\n");
        let mut rows = String::new();
        for lane in [&self.main, &self.embeddings, &self.completions].into_iter().flatten() {
            lane.render(&mut rows);
        }
        out.push_str(&rows);
    }
}

/// Reads the variables; `None` means that `env` has the problems.
pub(crate) fn read(env: &mut Env<'_>) -> Option<Upstreams> {
    let pool = Connector::configure(env).map(Pool::new);
    let token = env.optional(&HF_TOKEN, key);
    let bill_to = env.optional(&HF_BILL_TO, |text| HeaderValue::try_from(text).ok());
    let waits = waits(env);
    let known = token.as_ref().and_then(Option::as_deref);
    let main = list(env, &UPSTREAM_URL, &UPSTREAM_API_KEYS, known);
    let embeddings = list(env, &EMBEDDINGS_URL, &EMBEDDINGS_API_KEYS, known);
    let completions = list(env, &COMPLETIONS_URL, &COMPLETIONS_API_KEYS, known);
    let (Some(mut main), Some(embeddings), Some(completions)) = (main, embeddings, completions) else {
        return None;
    };
    if main.is_empty() && known.is_some() {
        main.extend(Upstream::parse(ROUTER).map(|router| with_token(router, known)));
    }
    token.as_ref()?;
    let (Some(pool), Some(bill_to), Some(waits)) = (pool, bill_to, waits) else { return None };
    let mut has_key = false;
    let mut lane = |upstreams: Vec<Upstream>| {
        has_key |= upstreams.iter().any(|upstream| upstream.authorization.is_some());
        (!upstreams.is_empty()).then(|| Lane::new(upstreams, pool.clone(), bill_to.clone(), waits))
    };
    let (main, embeddings, completions) = (lane(main), lane(embeddings), lane(completions));
    Some(Upstreams { main, embeddings, completions, has_key, pool })
}

fn waits(env: &mut Env<'_>) -> Option<Waits> {
    let mut time = |var: &'static Var, parse: fn(&str) -> Option<Duration>| env.read(var, parse);
    let total = time(&UPSTREAM_TIMEOUT, parse::duration);
    let first_event = time(&FIRST_EVENT_TIMEOUT, parse::duration);
    let between_events = time(&EVENT_TIMEOUT, parse::duration);
    let wake = time(&WAKE_TIMEOUT, parse::duration_or_zero);
    let heartbeat = time(&HEARTBEAT, parse::duration);
    Some(Waits {
        total: total?,
        first_event: first_event?,
        between_events: between_events?,
        wake: wake?,
        heartbeat: heartbeat?,
    })
}

/// The upstreams of one variable with the keys of another, or with Hugging Face's token where that is unset; none where
/// there are none.
fn list(
    env: &mut Env<'_>,
    urls: &'static Var,
    keys: &'static Var,
    token: Option<&str>,
) -> Option<Vec<Upstream>> {
    let given =
        env.optional(urls, |text| Some(text.split(',').map(|url| Upstream::parse(url.trim())).collect()));
    let keys_given =
        env.optional(keys, |text| text.split(',').map(|one| key(one.trim())).collect::<Option<Vec<_>>>());
    let (Some(given), Some(keys_given)) = (given, keys_given) else { return None };
    let given: Vec<Option<Upstream>> = given.unwrap_or_default();
    if let Some(at) = given.iter().position(Option::is_none) {
        // What is wrong with it may be that a key is in it.
        let (number, keys, accepts) = (at + 1, keys.name, urls.accepts);
        let problem = format!("address {number} is not accepted; accepted: {accepts}; keys go to {keys}");
        env.problem(urls, problem);
        return None;
    }
    let upstreams: Vec<Upstream> = given.into_iter().flatten().collect();
    let Some(list) = keys_given else {
        return Some(upstreams.into_iter().map(|one| with_token(one, token)).collect());
    };
    if list.len() != upstreams.len() {
        let problem = match (list.len(), upstreams.len()) {
            (_, 0) => format!("is set, but {} is not set", urls.name),
            (have, want) => {
                format!("has {have} keys, but {} has {want} addresses: give one for each, or none", urls.name)
            }
        };
        env.problem(keys, problem);
        return None;
    }
    let keyed = upstreams.into_iter().zip(list);
    keyed
        .map(|(upstream, key)| if key == "none" { Some(upstream) } else { upstream.with_key(&key) })
        .collect()
}

fn with_token(upstream: Upstream, token: Option<&str>) -> Upstream {
    match token {
        Some(token) if upstream.is_hugging_face() => upstream.clone().with_key(token).unwrap_or(upstream),
        _ => upstream,
    }
}

fn key(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    fn read_with(set: &[(&str, &str)]) -> Result<Upstreams, String> {
        let lookup =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[]);
        let upstreams = read(&mut env);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(upstreams.is_some(), problems.is_empty(), "{problems:?}");
        upstreams.ok_or(problems.concat())
    }

    #[test]
    fn the_token_goes_by_itself_only_where_no_keys_are_given_and_never_to_a_space() {
        const TOKEN: (&str, &str) = ("HF_TOKEN", "hf_secret");
        const SPACE: (&str, &str) = ("UPSTREAM_URL", "https://me-app.hf.space/v1");
        let has_key = |set: &[(&str, &str)]| read_with(set).unwrap().has_key;
        assert!(has_key(&[TOKEN]));
        assert!(has_key(&[TOKEN, ("UPSTREAM_URL", "https://x.aws.endpoints.huggingface.cloud/v1")]));
        assert!(!has_key(&[TOKEN, SPACE]));
        assert!(has_key(&[TOKEN, SPACE, ("UPSTREAM_API_KEYS", "hf_secret")]));
        let router = ("UPSTREAM_URL", ROUTER);
        assert!(has_key(&[TOKEN, router]) && !has_key(&[TOKEN, router, ("UPSTREAM_API_KEYS", "none")]));
    }

    #[test]
    fn keys_that_have_no_address_are_told() {
        for (set, told) in [
            (&[("UPSTREAM_API_KEYS", "a")][..], "UPSTREAM_API_KEYS: is set, but UPSTREAM_URL is not set"),
            (&[("EMBEDDINGS_API_KEYS", "a")], "EMBEDDINGS_API_KEYS: is set, but EMBEDDINGS_URL is not set"),
            (
                &[("UPSTREAM_URL", "https://a/v1"), ("UPSTREAM_API_KEYS", "a,b")],
                "UPSTREAM_API_KEYS: has 2 keys, but UPSTREAM_URL has 1 addresses: give one for each, or none",
            ),
        ] {
            assert_eq!(read_with(set).err().as_deref(), Some(told));
        }
    }
    #[test]
    fn an_address_that_is_not_accepted_is_not_shown() {
        for address in ["http://user:pa55word@127.0.0.1/v1", "https://a/v1?key=pa55word", "pa55word"] {
            let told = read_with(&[("UPSTREAM_URL", &format!("https://a/v1,{address}"))]).err().unwrap();
            assert!(told.starts_with("UPSTREAM_URL: address 2 is not accepted; "), "{told}");
            assert!(told.ends_with("; keys go to UPSTREAM_API_KEYS") && !told.contains("pa55word"), "{told}");
        }
    }
}
