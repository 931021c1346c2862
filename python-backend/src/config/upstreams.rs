//! The settings of upstreams: their addresses, keys and timeouts.

use std::time::Duration;

use space_kit::header::HeaderValue;
use space_kit::outgoing::{Connector, Pool};
use space_kit::{Env, Log, Var, parse};

use super::vars::{
    COMPLETIONS_API_KEYS, COMPLETIONS_URL, EMBEDDINGS_API_KEYS, EMBEDDINGS_URL, EVENT_TIMEOUT,
    FAILOVER_TIMEOUT, FIRST_EVENT_TIMEOUT, HEARTBEAT, HF_BILL_TO, HF_TOKEN, STREAM_TIMEOUT, UPSTREAM_API,
    UPSTREAM_API_KEYS, UPSTREAM_MODELS, UPSTREAM_TIMEOUT, UPSTREAM_TRIES, UPSTREAM_URL, WAKE_TIMEOUT,
};
use crate::clock::Clock;
use crate::upstream::{GroupSettings, ModelPatterns, Timeouts, Upstream, UpstreamApi, Upstreams};

const ROUTER: &str = "https://router.huggingface.co/v1";

/// Reads the variables; `None` means that `env` has the problems. If callers pay, the router is an upstream without a
/// token too.
pub(super) fn read(env: &mut Env<'_>, clock: Clock, log: Log, callers_pay: bool) -> Option<Upstreams> {
    let pool = Connector::configure(env).map(Pool::new);
    let token = env.optional(&HF_TOKEN, key);
    let bill_to = env.optional(&HF_BILL_TO, |text| HeaderValue::try_from(text).ok());
    let tries = env.read(&UPSTREAM_TRIES, parse::count);
    let timeouts = timeouts(env);
    let known = token.as_ref().and_then(Option::as_deref);
    let main = list(env, &UPSTREAM_URL, &UPSTREAM_API_KEYS, known);
    let embeddings = list(env, &EMBEDDINGS_URL, &EMBEDDINGS_API_KEYS, known);
    let completions = list(env, &COMPLETIONS_URL, &COMPLETIONS_API_KEYS, known);
    let (Some(mut main), Some(embeddings), Some(completions)) = (main, embeddings, completions) else {
        return None;
    };
    // One more line like this for each setting of single upstreams.
    each(env, &UPSTREAM_MODELS, &UPSTREAM_URL, &mut main, ModelPatterns::parse, |one, models| {
        one.models = models
    })?;
    if main.is_empty() && (known.is_some() || callers_pay) {
        main.extend(Upstream::parse(ROUTER).map(|router| with_token(router, known)));
    }
    set_apis(env, &mut main)?;
    token.as_ref()?;
    for (var, upstreams) in
        [(&UPSTREAM_URL, &main), (&EMBEDDINGS_URL, &embeddings), (&COMPLETIONS_URL, &completions)]
    {
        for one in upstreams {
            env.explain(|| explanation(var, one, known.is_some()));
            if one.base.is_empty() {
                env.notice(format!("{}: {one:?} has no path, but a base URL usually ends in /v1", var.name));
            }
        }
    }
    let (Some(pool), Some(bill_to), Some(timeouts), Some(tries)) = (pool, bill_to, timeouts, tries) else {
        return None;
    };
    let settings = GroupSettings { pool, bill_to, timeouts, tries, clock, log, random };
    Some(Upstreams::new(main, embeddings, completions, settings))
}

/// Sets which APIs the upstreams have: one for all, or one for each.
fn set_apis(env: &mut Env<'_>, upstreams: &mut [Upstream]) -> Option<()> {
    let parse =
        |text: &str| text.split(',').map(|one| UpstreamApi::parse(one.trim())).collect::<Option<Vec<_>>>();
    let apis = env.read(&UPSTREAM_API, parse)?;
    if apis.len() > 1 && apis.len() != upstreams.len() {
        let (have, want) = (apis.len(), upstreams.len());
        let problem = format!("has {have} values for {want} upstreams: set one for all, or one for each");
        env.problem(&UPSTREAM_API, problem);
        return None;
    }
    for (upstream, api) in upstreams.iter_mut().zip(apis.into_iter().cycle()) {
        upstream.api = api;
    }
    Some(())
}

/// A number from 0 to 1 for jitter. No secret depends on it.
fn random() -> f64 {
    use std::hash::BuildHasher;
    let bits = std::collections::hash_map::RandomState::new().hash_one(0_u8);
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

fn timeouts(env: &mut Env<'_>) -> Option<Timeouts> {
    let mut time = |var: &'static Var, parse: fn(&str) -> Option<Duration>| env.read(var, parse);
    let total = time(&UPSTREAM_TIMEOUT, parse::duration);
    let failover = time(&FAILOVER_TIMEOUT, parse::duration);
    let first_event = time(&FIRST_EVENT_TIMEOUT, parse::duration);
    let between_events = time(&EVENT_TIMEOUT, parse::duration);
    let wake = time(&WAKE_TIMEOUT, parse::duration_or_zero);
    let heartbeat = time(&HEARTBEAT, parse::duration);
    let stream = env.optional(&STREAM_TIMEOUT, parse::duration);
    Some(Timeouts {
        total: total?,
        failover: failover?,
        stream: stream?,
        first_event: first_event?,
        between_events: between_events?,
        wake: wake?,
        heartbeat: heartbeat?,
    })
}

/// The upstreams of one variable, with the keys of another or, if that is unset, with Hugging Face's token.
fn list(
    env: &mut Env<'_>,
    urls: &'static Var,
    keys: &'static Var,
    token: Option<&str>,
) -> Option<Vec<Upstream>> {
    let given = env.optional(urls, |text| Some(addresses(text)))?.unwrap_or_default();
    if let Some(at) = given.iter().position(Option::is_none) {
        // The address is not shown, because the mistake may be a key in it.
        let (number, keys, accepts) = (at + 1, keys.name, urls.accepts);
        let problem = format!("address {number} is not accepted; accepted: {accepts}; put keys into {keys}");
        env.problem(urls, problem);
        return None;
    }
    let mut upstreams: Vec<Upstream> = given.into_iter().flatten().collect();
    if let Some((at, end)) =
        upstreams.iter().map(Upstream::endpoint_at_end).enumerate().find_map(|(at, end)| Some((at, end?)))
    {
        let number = at + 1;
        let problem = format!(
            "address {number} ends in {end}, but a base URL usually ends in /v1: the gateway adds the rest"
        );
        env.problem(urls, problem);
        return None;
    }
    if !env.is_set(keys.name) {
        return Some(upstreams.into_iter().map(|one| with_token(one, token)).collect());
    }
    each(env, keys, urls, &mut upstreams, key, |one, key| {
        if let Some(keyed) = one.clone().with_key(&key).filter(|_| key != "none") {
            *one = keyed;
        }
    })?;
    Some(upstreams)
}

/// An upstream for `check`. Replicas have the same number.
fn explanation(urls: &Var, one: &Upstream, has_token: bool) -> String {
    let none = if has_token { "none (HF_TOKEN is only for Hugging Face)" } else { "none" };
    let key = one.key.as_ref().map_or(none, |key| key.header.as_str());
    format!("{} {}: {one:?}, key in: {key}, models: {}", urls.name, one.rank + 1, one.models)
}

/// The addresses of a list: groups of replicas, in order of preference. `None` for one that is not accepted.
fn addresses(text: &str) -> Vec<Option<Upstream>> {
    let replicas = |(rank, replicas): (usize, &str)| {
        let one = |url: &str| Upstream::parse(url.trim()).map(|one| Upstream { rank, ..one });
        replicas.split('|').map(one).collect::<Vec<_>>()
    };
    text.split(',').enumerate().flat_map(replicas).collect()
}

/// Reads a variable with one entry for each address of `urls`, and applies each to its upstream. Nothing happens if it
/// is unset; `None` means that `env` has the problem.
fn each<T>(
    env: &mut Env<'_>,
    var: &'static Var,
    urls: &'static Var,
    upstreams: &mut [Upstream],
    parse: fn(&str) -> Option<T>,
    apply: fn(&mut Upstream, T),
) -> Option<()> {
    let read = |text: &str| text.split(',').map(|one| parse(one.trim())).collect::<Option<Vec<T>>>();
    let Some(list) = env.optional(var, read)? else { return Some(()) };
    if list.len() != upstreams.len() {
        env.problem(var, wrong_count(list.len(), upstreams.len(), urls));
        return None;
    }
    upstreams.iter_mut().zip(list).for_each(|(one, value)| apply(one, value));
    Some(())
}

fn wrong_count(have: usize, want: usize, urls: &Var) -> String {
    let urls = urls.name;
    match want {
        0 => format!("is set, but {urls} is not: set both or neither"),
        _ => format!("has {have} entries, but {urls} has {want} addresses: set one for each address"),
    }
}

fn with_token(upstream: Upstream, token: Option<&str>) -> Upstream {
    match token {
        Some(token) if upstream.is_hugging_face() => upstream.clone().with_key(token).unwrap_or(upstream),
        _ => upstream,
    }
}

/// A key, perhaps with its header before it, but not the header without a key.
fn key(text: &str) -> Option<String> {
    let is_visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    (is_visible && !text.ends_with(':')).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use space_kit::{Format, Level};
    use std::ffi::OsString;

    fn read_with(set: &[(&str, &str)]) -> Result<Upstreams, String> {
        let lookup =
            |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[]);
        let upstreams = read(&mut env, Clock::system(), Log::new(Level::Error, Format::Json), false);
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(upstreams.is_some(), problems.is_empty(), "{problems:?}");
        upstreams.ok_or(problems.concat())
    }

    #[test]
    fn the_token_is_used_only_without_keys_and_never_for_a_space() {
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
    fn keys_without_addresses_are_named() {
        for (set, expected) in [
            (
                &[("UPSTREAM_API_KEYS", "a")][..],
                "UPSTREAM_API_KEYS: is set, but UPSTREAM_URL is not: set both or neither",
            ),
            (
                &[("EMBEDDINGS_API_KEYS", "a")],
                "EMBEDDINGS_API_KEYS: is set, but EMBEDDINGS_URL is not: set both or neither",
            ),
            (
                &[("UPSTREAM_URL", "https://a/v1"), ("UPSTREAM_API_KEYS", "a,b")],
                "UPSTREAM_API_KEYS: has 2 entries, but UPSTREAM_URL has 1 addresses: set one for each address",
            ),
        ] {
            assert_eq!(read_with(set).err().as_deref(), Some(expected));
        }
    }

    #[test]
    fn one_api_is_for_all_upstreams_and_more_are_one_for_each() {
        let urls = ("UPSTREAM_URL", "https://a/v1,https://b/v1");
        let read = |api: &'static str| read_with(&[urls, ("UPSTREAM_API", api)]).err();
        assert_eq!((read("chat"), read("auto, native")), (None, None));
        let expected = "UPSTREAM_API: has 3 values for 2 upstreams: set one for all, or one for each";
        assert_eq!(read("auto,chat,chat").as_deref(), Some(expected));
        assert!(read("both").unwrap().starts_with("UPSTREAM_API: \"both\" is not accepted"));
    }

    #[test]
    fn each_address_has_one_entry_in_every_list() {
        let url = ("UPSTREAM_URL", "http://a/v1|http://b/v1,https://api.anthropic.com/v1");
        let keys = ("UPSTREAM_API_KEYS", "none,bearer:k,x-api-key:k");
        assert_eq!(read_with(&[url, keys, ("UPSTREAM_MODELS", "*, org/a org/b ,claude-*")]).err(), None);
        for (set, expected) in [
            (
                ("UPSTREAM_MODELS", "*,*"),
                "has 2 entries, but UPSTREAM_URL has 3 addresses: set one for each address",
            ),
            (("UPSTREAM_MODELS", "*,,*"), "\"*,,*\" is not accepted; "),
            (
                ("UPSTREAM_API_KEYS", "none,none,x-api-key:"),
                "the value given (20 characters, not shown) is not accepted; ",
            ),
        ] {
            let problem = read_with(&[url, set]).err().unwrap();
            assert!(problem.starts_with(&format!("{}: {expected}", set.0)), "{problem}");
        }
        let alone = read_with(&[("UPSTREAM_MODELS", "*")]).err();
        assert_eq!(
            alone.as_deref(),
            Some("UPSTREAM_MODELS: is set, but UPSTREAM_URL is not: set both or neither")
        );
    }

    #[test]
    fn an_address_of_an_endpoint_is_named() {
        let read = |url: &str| read_with(&[("UPSTREAM_URL", &format!("https://a/v1,{url}"))]).err();
        for (url, end) in [
            ("https://a/v1/chat/completions/", "/chat/completions"),
            ("https://a/openai/chat/completions", "/chat/completions"),
            ("https://a/v1/messages", "/v1/messages"),
            ("https://a/v1/v1", "/v1/v1"),
        ] {
            let expected = format!(
                "UPSTREAM_URL: address 2 ends in {end}, but a base URL usually ends in /v1: the gateway adds the rest"
            );
            assert_eq!(read(url), Some(expected));
        }
        for base in ["https://a/models", "https://a/embeddings", "https://a", "https://a/api/v1"] {
            assert_eq!(read(base), None, "{base}");
        }
    }

    #[test]
    fn a_rejected_address_is_not_shown() {
        for address in ["http://user:pa55word@127.0.0.1/v1", "https://a/v1?key=pa55word", "pa55word"] {
            let message = read_with(&[("UPSTREAM_URL", &format!("https://a/v1,{address}"))]).err().unwrap();
            assert!(message.starts_with("UPSTREAM_URL: address 2 is not accepted; "), "{message}");
            assert!(message.ends_with("; put keys into UPSTREAM_API_KEYS"), "{message}");
            assert!(!message.contains("pa55word"), "{message}");
        }
    }
}
