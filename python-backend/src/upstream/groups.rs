//! The upstream groups of the service, one for each API.

use std::sync::Arc;

use space_kit::outgoing::Pool;

use super::address::Upstream;
use super::group::{GroupSettings, UpstreamGroup};

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
}

impl Upstreams {
    /// Groups of these upstreams, each in the order of preference.
    pub(crate) fn new(
        main: Vec<Upstream>,
        embeddings: Vec<Upstream>,
        completions: Vec<Upstream>,
        settings: GroupSettings,
    ) -> Upstreams {
        let mut has_key = false;
        let mut group = |upstreams: Vec<Upstream>| {
            has_key |= upstreams.iter().any(|upstream| upstream.key.is_some());
            (!upstreams.is_empty()).then(|| Arc::new(UpstreamGroup::new(upstreams, settings.clone())))
        };
        let (main, embeddings, completions) = (group(main), group(embeddings), group(completions));
        Upstreams { main, embeddings, completions, has_key, pool: settings.pool }
    }

    /// Whether every upstream knows providers' pins.
    pub(crate) fn all_know_pins(&self) -> bool {
        let mut groups = [&self.main, &self.embeddings, &self.completions].into_iter().flatten();
        groups.all(|group| group.all_know_pins())
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

    /// Appends the counts of attempts, in the Prometheus text format.
    pub(crate) fn render(&self, out: &mut String) {
        out.push_str("# HELP gateway_upstream_tries_total Attempts by upstream and outcome\n");
        out.push_str("# TYPE gateway_upstream_tries_total counter\n");
        let mut rows = String::new();
        for group in [&self.main, &self.embeddings, &self.completions].into_iter().flatten() {
            group.render(&mut rows);
        }
        out.push_str(&rows);
        out.push_str(
            "# HELP gateway_translated_total Requests of other APIs that were answered by chat completions\n",
        );
        out.push_str("# TYPE gateway_translated_total counter\n");
        if let Some(group) = &self.main {
            group.render_translated(out);
        }
    }
}
