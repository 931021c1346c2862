//! A route's path pattern: literal segments, `{name}` for one segment, `{*name}` for the rest of the path.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

/// The segment of `path` at `{name}` in `pattern`, or the rest of the path at `{*name}`, still percent-encoded.
pub(crate) fn param<'p>(pattern: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let at = pattern
        .split('/')
        .position(|segment| placeholder(segment).and_then(|p| p.strip_prefix('*')) == Some(name));
    if let Some(at) = at {
        return path.splitn(at.saturating_add(1), '/').nth(at);
    }
    let mut pairs = pattern.split('/').zip(path.split('/'));
    pairs.find(|(pattern, _)| placeholder(pattern) == Some(name)).map(|(_, segment)| segment)
}

/// Whether each segment of the path equals the pattern's or matches a placeholder.
pub(crate) fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want.starts_with("{*") => return !have.is_empty(),
            (Some(want), Some(have)) if placeholder(want).map_or(want == have, |_| !have.is_empty()) => {}
            _ => return false,
        }
    }
}

fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_returns_its_segment_still_encoded() {
        assert_eq!(param("/login/{provider}", "/login/h%66", "provider"), Some("h%66"));
        assert_eq!(param("/login/{provider}", "/login/hf", "other"), None);
        assert_eq!(param("/v1/models/{*model}", "/v1/models/org/a:b", "model"), Some("org/a:b"));
    }
}
