//! Which models a caller may name, and what they are called upstream.

use space_kit::{Env, Error, StatusCode};

use crate::demo;
use crate::error::invalid;

space_kit::vars! {
    pub(crate) ALL;
    MODELS = "any that the upstreams have", "ids of models separated by commas, such as org/model",
        "models that may be asked for, besides those of MODEL_ALIASES";
    MODEL_ALIASES = "", "alias=model pairs separated by commas, such as fast=org/model:groq",
        "names of your own for models upstream";
    DEFAULT_MODEL = "", "the id of a model or an alias", "model of requests that name none";
}

/// Reads the variables; `None` means that `env` has the problems.
pub(crate) fn read(env: &mut Env<'_>) -> Option<Catalogue> {
    let allowed = env.optional(&MODELS, parse_names);
    let aliases = env.optional(&MODEL_ALIASES, parse_aliases);
    let default = env.optional(&DEFAULT_MODEL, |text| Some(text.to_owned()));
    let (Some(allowed), Some(aliases), Some(default)) = (allowed, aliases, default) else { return None };
    let (allowed, aliases) = (allowed.unwrap_or_default(), aliases.unwrap_or_default());
    let catalogue = Catalogue { allowed, aliases, default };
    let twice = |(at, (alias, _)): &(usize, &(String, String))| {
        catalogue.aliases.iter().position(|(first, _)| first == alias) != Some(*at)
    };
    if let Some((_, (alias, _))) = catalogue.aliases.iter().enumerate().find(twice) {
        env.problem(&MODEL_ALIASES, format!("{alias:?} is there twice"));
        return None;
    }
    if let Some(name) =
        catalogue.default.as_deref().filter(|name| *name != demo::MODEL && !catalogue.admits(name))
    {
        env.problem(&DEFAULT_MODEL, format!("{name:?} is in neither MODELS nor MODEL_ALIASES"));
        return None;
    }
    Some(catalogue)
}

/// `MODELS`, `MODEL_ALIASES` and `DEFAULT_MODEL`.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    /// Names that may be asked for; empty: any.
    allowed: Vec<String>,
    /// Names of ours for names upstream.
    aliases: Vec<(String, String)>,
    /// For requests that name none.
    default: Option<String>,
}

impl Catalogue {
    /// The name to send upstream for the name that was asked for.
    pub(crate) fn resolve(&self, asked: Option<&str>) -> Result<String, Error> {
        let Some(name) = asked.filter(|name| !name.is_empty()).or(self.default.as_deref()) else {
            return Err(invalid("model", "model is required: the id of a model that /v1/models lists"));
        };
        if name == demo::MODEL && !self.is_alias(name) {
            return Ok(name.to_owned());
        }
        if !self.admits(name) {
            return Err(unknown(name, &self.names()));
        }
        Ok(self.target(name).unwrap_or(name).to_owned())
    }

    /// Whether a name is one of `MODEL_ALIASES`.
    pub(crate) fn is_alias(&self, name: &str) -> bool {
        self.target(name).is_some()
    }

    /// The model that an alias stands for.
    fn target(&self, name: &str) -> Option<&str> {
        self.aliases.iter().find(|(alias, _)| alias == name).map(|(_, model)| model.as_str())
    }

    /// Whether only some models may be asked for.
    pub(crate) fn is_limited(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// The model of requests that name none.
    pub(crate) fn default_model(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// Whether a name may be asked for. A provider's pin (`model:provider`) is part of the request, not of
    /// the model: an allowed model may be asked for with any.
    fn admits(&self, name: &str) -> bool {
        let bare = name.split_once(':').map_or(name, |(bare, _)| bare);
        self.allowed.is_empty()
            || self.is_alias(name)
            || self.allowed.iter().any(|allowed| allowed == name || allowed == bare)
    }

    /// The names that are sure to be there, for messages and lists.
    pub(crate) fn names(&self) -> Vec<&str> {
        let aliases = self.aliases.iter().map(|(alias, _)| alias.as_str());
        aliases.chain(self.allowed.iter().map(String::as_str)).chain([demo::MODEL]).collect()
    }
}

/// The refusal of a model that is not served.
pub(crate) fn unknown(name: &str, available: &[&str]) -> Error {
    let shown: String = name.chars().take(100).collect();
    let message = format!("the model {shown:?} does not exist here; available: {}", available.join(", "));
    Error::new(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
}

/// Parses `alias=model,…`.
fn parse_aliases(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |item: &str| {
        let (alias, model) = item.split_once('=')?;
        let (alias, model) = (alias.trim(), model.trim());
        (!alias.is_empty() && !model.is_empty()).then(|| (alias.to_owned(), model.to_owned()))
    };
    text.split(',').map(pair).collect()
}

/// Parses `name,…`.
fn parse_names(text: &str) -> Option<Vec<String>> {
    let name = |item: &str| Some(item.trim().to_owned()).filter(|name| !name.is_empty());
    text.split(',').map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        Catalogue {
            allowed: vec!["org/big".to_owned()],
            aliases: parse_aliases("fast=org/small:groq, smart=org/big").unwrap(),
            default: Some("fast".to_owned()),
        }
    }

    #[test]
    fn an_alias_stands_for_its_model_and_none_for_the_default() {
        assert_eq!(catalogue().resolve(Some("smart")).unwrap(), "org/big");
        assert_eq!(catalogue().resolve(None).unwrap(), "org/small:groq");
        assert_eq!(catalogue().resolve(Some("org/big:novita")).unwrap(), "org/big:novita");
    }

    #[test]
    fn a_model_off_the_list_is_refused_and_the_list_is_named() {
        for name in ["org/small", "org/bigger", "org/small:groq"] {
            let error = catalogue().resolve(Some(name)).unwrap_err();
            assert!(error.message.contains("fast, smart, org/big, demo"), "{}", error.message);
        }
        assert!(Catalogue::default().resolve(Some("any")).is_ok());
        assert_eq!(Catalogue::default().resolve(None).unwrap_err().code, "invalid_value");
    }

    #[test]
    fn half_an_alias_is_not_accepted() {
        for refused in ["a", "a=", "=b", "a=b,,c=d", ""] {
            assert_eq!(parse_aliases(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_alias_that_is_there_twice_is_named() {
        let lookup = |name: &str| (name == "MODEL_ALIASES").then(|| "fast=a,slow=b, fast=c".into());
        let mut env = Env::new(&lookup, &[]);
        assert!(read(&mut env).is_none());
        assert_eq!(env.into_problems()[0].to_string(), r#"MODEL_ALIASES: "fast" is there twice"#);
    }
}
