//! Mistakes that make a text of any length no secret.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

/// Parts of texts that stand for a secret in manuals.
const PLACEHOLDERS: [&str; 6] = ["changeme", "change-me", "xxxxxx", "your-", "your_", "<your"];

/// What is wrong with a secret, whatever its variable accepts: quotes that belong to a file's syntax, or a placeholder.
pub(crate) fn mistake(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if ['"', '\''].iter().any(|&quote| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote)) {
        return Some(
            "has quotes around it, which `docker --env-file` and a Space's settings keep: remove them",
        );
    }
    let text = text.to_ascii_lowercase();
    // `hf_xxx`, `sk-...`
    let rest = text.trim_end_matches(['x', '*', '.']).len();
    let is_filler = rest <= 4 && text.len() >= rest.saturating_add(3);
    // `contains` would link a second search.
    let has = |part: &&str| text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes());
    let is_placeholder = is_filler || PLACEHOLDERS.iter().any(has);
    is_placeholder.then_some("is a placeholder: put the secret itself there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_placeholders_are_no_secrets() {
        for quoted in ["\"hf_abc\"", "'hf_abc'", " \"hf_abc\" ", "\"\""] {
            assert!(mistake(quoted).is_some_and(|it| it.contains("quotes")), "{quoted}");
        }
        for text in [
            "hf_xxx",
            "hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk-...",
            "hf_***",
            "xxx",
            "hf_YOUR_TOKEN",
            "changeme",
            "site:changemechangemechangeme",
            "your-secret-goes-here",
            "<your token>",
        ] {
            assert!(mistake(text).is_some_and(|it| it.contains("placeholder")), "{text}");
        }
        for secret in
            ["hf_abcxx", "hf_aBcDeFgHiJkLmNoPqRsTuVwXyZ012345xxx", "\"half", "site:0123456789abcdef", "x", ""]
        {
            assert_eq!(mistake(secret), None, "{secret}");
        }
    }
}
