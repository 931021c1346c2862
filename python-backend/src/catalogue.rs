//! The models that callers may name, and their names at the upstream.

use std::fmt;

use space_kit::{Error, StatusCode};

use crate::errors::openai::invalid;

/// Why nothing but the demo model is available.
const NO_UPSTREAM: &str = "; neither HF_TOKEN nor UPSTREAM_URL is set";
/// The id of the built-in demo model.
pub(crate) const DEMO_MODEL: &str = "demo";

/// `MODELS`, `MODEL_ALIASES` and `DEFAULT_MODEL`.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Names that callers may use; empty: any.
    allowed: Vec<String>,
    /// The operator's names, each with the name at the upstream.
    aliases: Vec<(String, String)>,
    /// For requests that name no model.
    default: Option<String>,
    /// Every upstream knows providers' pins.
    knows_pins: bool,
    /// The demo model is in lists.
    lists_demo: bool,
    has_upstream: bool,
}

/// Why a catalogue cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CatalogueError {
    /// This alias is defined twice.
    DuplicateAlias(String),
    /// This default model is not one that callers may use.
    UnknownDefault(String),
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CatalogueError::DuplicateAlias(alias) => write!(f, "{alias:?} is defined twice"),
            CatalogueError::UnknownDefault(name) => {
                write!(f, "{name:?} is in neither MODELS nor MODEL_ALIASES")
            }
        }
    }
}

impl Catalogue {
    /// A catalogue of these names.
    ///
    /// # Errors
    ///
    /// If an alias is defined twice, or if `default` is not a name that callers may use.
    pub(crate) fn new(
        allowed: Vec<String>,
        aliases: Vec<(String, String)>,
        default: Option<String>,
    ) -> Result<Catalogue, CatalogueError> {
        let is_demo = |name: &String| name == DEMO_MODEL;
        let lists_demo = default.iter().chain(&allowed).any(is_demo);
        let catalogue =
            Catalogue { allowed, aliases, default, knows_pins: true, lists_demo, has_upstream: true };
        let duplicate = |(at, (alias, _)): &(usize, &(String, String))| {
            catalogue.aliases.iter().position(|(first, _)| first == alias) != Some(*at)
        };
        if let Some((_, (alias, _))) = catalogue.aliases.iter().enumerate().find(duplicate) {
            return Err(CatalogueError::DuplicateAlias(alias.clone()));
        }
        let default = catalogue.default.as_deref();
        if let Some(name) = default.filter(|name| *name != DEMO_MODEL && !catalogue.allows(name)) {
            return Err(CatalogueError::UnknownDefault(name.to_owned()));
        }
        Ok(catalogue)
    }

    /// The name at the upstream for the name in a request.
    ///
    /// # Errors
    ///
    /// 400 if there is no name and no default, 404 if callers may not use the model.
    pub(crate) fn resolve(&self, asked: Option<&str>) -> Result<String, Error> {
        let Some(name) = asked.filter(|name| !name.is_empty()).or(self.default.as_deref()) else {
            return Err(invalid("model", "model is required: the id of a model that /v1/models lists"));
        };
        if name == DEMO_MODEL && !self.is_alias(name) {
            return Ok(name.to_owned());
        }
        if !self.allows(name) {
            return Err(self.not_found(name));
        }
        Ok(self.target(name).unwrap_or(name).to_owned())
    }

    /// Whether a name is one of `MODEL_ALIASES`.
    pub(crate) fn is_alias(&self, name: &str) -> bool {
        self.target(name).is_some()
    }

    /// The model of an alias.
    fn target(&self, name: &str) -> Option<&str> {
        self.aliases.iter().find(|(alias, _)| alias == name).map(|(_, model)| model.as_str())
    }

    /// Whether callers may use only some models.
    pub(crate) fn is_limited(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether the models that requests name must be read.
    pub(crate) fn has_rules(&self) -> bool {
        self.is_limited() || !self.aliases.is_empty() || self.default.is_some()
    }

    /// The model for requests that name none.
    pub(crate) fn default_model(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Notes that some upstream does not know pins. There, what follows a colon belongs to the model: `llama3:405b`.
    pub(crate) fn forbid_pins(&mut self) {
        self.knows_pins = false;
    }

    /// Whether callers may use a name. A provider's pin (`model:provider`) belongs to the request and not to
    /// the model, so an allowed model may have any where upstreams know pins.
    fn allows(&self, name: &str) -> bool {
        let bare = name.split_once(':').filter(|_| self.knows_pins).map_or(name, |(bare, _)| bare);
        self.allowed.is_empty()
            || self.is_alias(name)
            || self.allowed.iter().any(|allowed| allowed == name || allowed == bare)
    }

    /// Whether a model is available here, whatever the upstreams list.
    pub(crate) fn knows(&self, name: &str) -> bool {
        name == DEMO_MODEL || self.is_alias(name) || self.is_limited() && self.allows(name)
    }

    /// Notes that there is no upstream: only the demo model is served, and lists have it.
    pub(crate) fn serve_only_demo(&mut self) {
        (self.lists_demo, self.has_upstream) = (true, false);
    }

    /// Whether lists end with the demo model.
    pub(crate) fn lists_demo(&self) -> bool {
        self.lists_demo && !self.is_alias(DEMO_MODEL)
    }

    /// The operator's names, without the demo model.
    pub(crate) fn own_names(&self) -> impl Iterator<Item = &str> {
        let aliases = self.aliases.iter().map(|(alias, _)| alias.as_str());
        aliases.chain(self.allowed.iter().map(String::as_str).filter(|name| *name != DEMO_MODEL))
    }

    /// The names that are known to be available, for messages.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.own_names().chain(self.lists_demo().then_some(DEMO_MODEL)).collect()
    }

    /// The error for a model that is not available, with the reason if no upstream is configured.
    pub(crate) fn not_found(&self, name: &str) -> Error {
        let reason = if self.has_upstream { "" } else { NO_UPSTREAM };
        not_available(name, &self.names(), reason)
    }
}

/// The error for a model that is not available.
pub(crate) fn model_not_found(name: &str, available: &[&str]) -> Error {
    not_available(name, available, "")
}

fn not_available(name: &str, available: &[&str], reason: &str) -> Error {
    let shown: String = name.chars().take(100).collect();
    let available = available.join(", ");
    let message = format!("the model {shown:?} is not available here; available: {available}{reason}");
    Error::new(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue {
            knows_pins: true,
            allowed: vec!["org/big".to_owned()],
            aliases: [("fast", "org/small:groq"), ("smart", "org/big")]
                .map(|(a, b)| (a.into(), b.into()))
                .into(),
            default: Some("fast".to_owned()),
            lists_demo: true,
            has_upstream: true,
        }
    }

    #[test]
    fn an_alias_names_its_model_and_no_name_the_default() {
        assert_eq!(catalogue().resolve(Some("smart")).unwrap(), "org/big");
        assert_eq!(catalogue().resolve(None).unwrap(), "org/small:groq");
        assert_eq!(catalogue().resolve(Some("org/big:novita")).unwrap(), "org/big:novita");
    }

    #[test]
    fn a_model_that_is_not_listed_is_rejected_with_the_list() {
        for name in ["org/small", "org/bigger", "org/small:groq"] {
            let error = catalogue().resolve(Some(name)).unwrap_err();
            assert!(error.message.contains("fast, smart, org/big, demo"), "{}", error.message);
        }
        assert!(Catalogue::default().resolve(Some("any")).is_ok());
        assert_eq!(Catalogue::default().resolve(None).unwrap_err().code, "invalid_value");
    }
}
