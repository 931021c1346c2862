//! `MODELS`, `MODEL_ALIASES` and `DEFAULT_MODEL`.

use space_kit::Env;

use super::vars::{DEFAULT_MODEL, MODEL_ALIASES, MODELS};
use crate::catalogue::{Catalogue, CatalogueError};

/// Reads the variables; `None` means that `env` has the problems.
pub(super) fn read(env: &mut Env<'_>) -> Option<Catalogue> {
    let allowed = env.optional(&MODELS, parse_names);
    let aliases = env.optional(&MODEL_ALIASES, parse_aliases);
    let default = env.optional(&DEFAULT_MODEL, |text| Some(text.to_owned()));
    let (Some(allowed), Some(aliases), Some(default)) = (allowed, aliases, default) else { return None };
    let catalogue = Catalogue::new(allowed.unwrap_or_default(), aliases.unwrap_or_default(), default);
    match catalogue {
        Ok(catalogue) => Some(catalogue),
        Err(error) => {
            let var = match &error {
                CatalogueError::DuplicateAlias(_) => &MODEL_ALIASES,
                CatalogueError::UnknownDefault(_) => &DEFAULT_MODEL,
            };
            env.problem(var, error.to_string());
            None
        }
    }
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

    fn read_with(set: &[(&str, &str)]) -> Result<Catalogue, String> {
        let lookup = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let mut env = Env::new(&lookup, &[]);
        read(&mut env).ok_or_else(|| env.into_problems()[0].to_string())
    }

    #[test]
    fn aliases_are_pairs_with_white_space_ignored() {
        let set = [
            ("MODELS", "org/big"),
            ("MODEL_ALIASES", "fast=org/small:groq, smart=org/big"),
            ("DEFAULT_MODEL", "fast"),
        ];
        let catalogue = read_with(&set).unwrap();
        assert_eq!(catalogue.resolve(Some("smart")).unwrap(), "org/big");
        assert_eq!(catalogue.resolve(None).unwrap(), "org/small:groq");
    }

    #[test]
    fn half_an_alias_is_rejected() {
        for rejected in ["a", "a=", "=b", "a=b,,c=d", ""] {
            assert_eq!(parse_aliases(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn a_duplicate_alias_is_named() {
        let error = read_with(&[("MODEL_ALIASES", "fast=a,slow=b, fast=c")]).unwrap_err();
        assert_eq!(error, r#"MODEL_ALIASES: "fast" is defined twice"#);
    }

    #[test]
    fn a_default_that_is_not_available_is_named() {
        let error = read_with(&[("MODELS", "a"), ("DEFAULT_MODEL", "b")]).unwrap_err();
        assert_eq!(error, r#"DEFAULT_MODEL: "b" is in neither MODELS nor MODEL_ALIASES"#);
        assert!(read_with(&[("MODELS", "a"), ("DEFAULT_MODEL", "demo")]).is_ok());
    }
}
