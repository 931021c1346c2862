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
