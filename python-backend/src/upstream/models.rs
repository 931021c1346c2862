//! The models that the operator assigns to an upstream.

use std::fmt;

/// Models of one upstream: ids, or beginnings of ids with a `*` after them. Empty: any model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ModelPatterns(Vec<String>);

impl ModelPatterns {
    /// Parses patterns separated by spaces. `None` if there is none, or a `*` before the end of one.
    pub(crate) fn parse(text: &str) -> Option<ModelPatterns> {
        let patterns: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let is_odd =
            |pattern: &String| pattern.trim_end_matches('*').contains('*') || pattern.ends_with("**");
        (!patterns.is_empty() && !patterns.iter().any(is_odd)).then_some(ModelPatterns(patterns))
    }

    /// How well they fit a model: 0 if they name it, 1 if they have its beginning, 2 for any model. `None`: not at
    /// all. A request without a model (`""`) fits everywhere.
    pub(super) fn fit(&self, model: &str) -> Option<u8> {
        if self.0.is_empty() || model.is_empty() {
            return Some(2);
        }
        let bare = model.split_once(':').map_or(model, |(bare, _)| bare);
        let fit = |pattern: &String| match pattern.strip_suffix('*') {
            Some("") => Some(2),
            Some(start) => model.starts_with(start).then_some(1),
            None => (pattern == model || pattern == bare).then_some(0),
        };
        self.0.iter().filter_map(fit).min()
    }

    /// The ids among them.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str).filter(|pattern| !pattern.ends_with('*'))
    }
}

impl fmt::Display for ModelPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "*" } else { "" })?;
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_name_fits_better_than_a_beginning_and_that_better_than_any() {
        let fit = |patterns: &str, model| ModelPatterns::parse(patterns).unwrap().fit(model);
        for (patterns, model, expected) in [
            ("*", "org/a", Some(2)),
            ("org/* * org/a", "org/a", Some(0)),
            ("* org/*", "org/a", Some(1)),
            ("org/a", "org/a:groq", Some(0)),
            ("llama3:8b", "llama3:8b", Some(0)),
            ("org/a", "org/ab", None),
            ("claude-*", "gpt-5", None),
            ("claude-*", "", Some(2)),
        ] {
            assert_eq!(fit(patterns, model), expected, "{patterns} {model}");
        }
        assert_eq!(ModelPatterns::default().fit("any"), Some(2));
    }

    #[test]
    fn a_star_is_only_at_the_end() {
        for odd in ["", " ", "*a", "a*b", "a**", "a *b"] {
            assert_eq!(ModelPatterns::parse(odd), None, "{odd}");
        }
    }
}
