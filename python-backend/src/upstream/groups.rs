//! The upstream groups of the service, one for each API.

use std::fmt::Write;
use std::sync::Arc;

use space_kit::metrics::family;
use space_kit::outgoing::Pool;

use super::address::Upstream;
use super::endpoint::Endpoint;
use super::group::UpstreamGroup;
use super::group_settings::GroupSettings;

/// The upstream groups of the service, one for each API.
pub(crate) struct Upstreams {
    /// For chat, and for every API without its own group.
    main: Option<Arc<UpstreamGroup>>,
    embeddings: Option<Arc<UpstreamGroup>>,
    completions: Option<Arc<UpstreamGroup>>,
    /// The connections of all groups.
    pub(crate) pool: Pool,
    /// Whether some upstream gets a key of the operator's.
    pub(crate) has_key: bool,
    /// Whether some upstream is Hugging Face's, and whether one of those gets a key.
    pub(crate) has_hugging_face: bool,
    pub(crate) pays_hugging_face: bool,
    /// Whether every upstream knows providers' pins.
    pub(crate) all_know_pins: bool,
}

impl Upstreams {
    /// Groups of these upstreams, each in the order of preference.
    pub(crate) fn new(
        main: Vec<Upstream>,
        embeddings: Vec<Upstream>,
        completions: Vec<Upstream>,
        settings: GroupSettings,
    ) -> Upstreams {
        let (mut has_key, mut all_know_pins) = (false, true);
        let (mut has_hugging_face, mut pays_hugging_face) = (false, false);
        let mut group = |upstreams: Vec<Upstream>| {
            all_know_pins &= upstreams.iter().all(Upstream::is_hugging_face);
            for upstream in upstreams.iter().filter(|upstream| upstream.is_hugging_face()) {
                has_hugging_face = true;
                pays_hugging_face |= upstream.key.is_some();
            }
            has_key |= upstreams.iter().any(|upstream| upstream.key.is_some());
            (!upstreams.is_empty()).then(|| Arc::new(UpstreamGroup::new(upstreams, settings.clone())))
        };
        let (main, embeddings, completions) = (group(main), group(embeddings), group(completions));
        let pool = settings.pool;
        Upstreams {
            main,
            embeddings,
            completions,
            has_key,
            has_hugging_face,
            pays_hugging_face,
            all_know_pins,
            pool,
        }
    }

    /// The group for chat, models and pass-through.
    pub(crate) fn main(&self) -> Option<&Arc<UpstreamGroup>> {
        self.main.as_ref()
    }

    /// The group for `/v1/embeddings`.
    pub(crate) fn embeddings(&self) -> Option<&Arc<UpstreamGroup>> {
        self.embeddings.as_ref().or(self.main())
    }

    /// The group for `/v1/completions`.
    pub(crate) fn completions(&self) -> Option<&Arc<UpstreamGroup>> {
        self.completions.as_ref().or(self.main())
    }

    fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        [&self.main, &self.embeddings, &self.completions]
            .into_iter()
            .flatten()
            .flat_map(|group| group.endpoints())
    }

    /// Whether Hugging Face is an upstream and gets no key.
    pub(crate) fn lacks_token(&self) -> bool {
        self.endpoints().any(|one| one.upstream.is_hugging_face() && one.upstream.key.is_none())
    }

    /// Whether some upstream's circuit breaker is open.
    pub(crate) fn has_failing(&self) -> bool {
        self.endpoints().any(|one| one.breaker.is_open())
    }

    /// Appends what is known of each upstream, in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        type Append = fn(&Endpoint, &str, &str, &mut String);
        let families: [(&str, &str, &str, Append); 5] = [
            (
                "gateway_upstream_tries_total",
                "counter",
                "Attempts by upstream and outcome",
                |one, _, upstream, out| one.counts.render(upstream, out),
            ),
            (
                "gateway_upstream_duration_seconds",
                "histogram",
                "Time of an answered attempt until the whole response, or the first event of a stream",
                |one, name, upstream, out| {
                    one.durations.render(name, &format!(r#"upstream="{upstream}""#), out)
                },
            ),
            (
                "gateway_time_to_first_token_seconds",
                "histogram",
                "Time of a request for a stream until its first event, all attempts together",
                |one, name, upstream, out| {
                    one.first_events.render(name, &format!(r#"upstream="{upstream}""#), out)
                },
            ),
            (
                "gateway_breaker_open",
                "gauge",
                "Whether the upstream fails for some model",
                |one, name, upstream, out| {
                    let open = u8::from(one.breaker.is_open());
                    _ = writeln!(out, r#"{name}{{upstream="{upstream}"}} {open}"#);
                },
            ),
            (
                "gateway_translated_total",
                "counter",
                "Requests of other APIs that were answered by chat completions",
                |one, _, upstream, out| one.habits.render(upstream, out),
            ),
        ];
        let mut endpoints: Vec<(String, &Endpoint)> = Vec::new();
        for endpoint in self.endpoints() {
            // One address may be there twice, with another key or for another API.
            let same = |(_, other): &&(String, &Endpoint)| other.address_hash == endpoint.address_hash;
            let copy = endpoints.iter().filter(same).count() + 1;
            let copy = if copy > 1 { format!("#{copy}") } else { String::new() };
            endpoints.push((format!("{:?}{copy}", endpoint.upstream), endpoint));
        }
        for (name, kind, help, append) in families {
            family(out, name, kind, help);
            endpoints.iter().for_each(|(upstream, endpoint)| append(endpoint, name, upstream, out));
        }
    }
}
