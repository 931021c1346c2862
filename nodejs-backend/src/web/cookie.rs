//! Cookies (RFC 6265bis): the values that a browser sends, and the attributes that the service sets.

use std::fmt::Write;

use space_kit::header::{COOKIE, HeaderMap, HeaderValue};

/// The attributes of the service's cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CookieSettings {
    /// The service is reached over https: cookies are `Secure`, and their names start with `__Host-`.
    pub(crate) secure: bool,
    /// Pages may be in a frame of another site. Each cookie is set twice under one name: once for browsers that allow
    /// third-party cookies, and once in the partition of the site around the frame (CHIPS). With only the partitioned
    /// cookie, a top-level page of another site would never have its session.
    pub(crate) cross_site: bool,
}

impl CookieSettings {
    /// The name of a cookie with its prefix.
    pub(crate) fn name(self, name: &str) -> String {
        format!("{}nb.{name}", if self.secure { "__Host-" } else { "" })
    }

    /// Values of `Set-Cookie` that set a cookie for `max_age` seconds. `name` includes the prefix. `value` must contain
    /// only characters that are valid in a cookie, as base64url does.
    pub(crate) fn set(self, name: &str, value: &str, max_age: u64) -> impl Iterator<Item = String> + use<> {
        let mut cookie = format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly");
        _ = write!(cookie, "; SameSite={}", if self.cross_site { "None" } else { "Lax" });
        if self.secure {
            cookie.push_str("; Secure");
        }
        let partitioned = (self.copies() == 2).then(|| format!("{cookie}; Partitioned"));
        [Some(cookie), partitioned].into_iter().flatten()
    }

    /// How many cookies of one name a browser keeps.
    pub(crate) fn copies(self) -> usize {
        if self.secure && self.cross_site { 2 } else { 1 }
    }

    /// Values of `Set-Cookie` that delete every copy of a cookie.
    pub(crate) fn clear(self, name: &str) -> impl Iterator<Item = String> + use<> {
        self.set(name, "", 0)
    }
}

/// The cookies of a request, names and values.
pub(crate) fn of_request(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    pairs(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes))
}

/// The names and values of `Cookie` headers, in order and unchanged. A part that is not ASCII or has no `=` is skipped
/// without affecting the others, because another page on the host may have set it.
pub(crate) fn pairs<'a>(headers: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = (&'a str, &'a str)> {
    headers.flat_map(|header| header.split(|&b| b == b';')).filter_map(|part| {
        let (name, value) = str::from_utf8(part).ok().filter(|part| part.is_ascii())?.split_once('=')?;
        Some((name.trim_matches([' ', '\t']), value.trim_matches([' ', '\t'])))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: CookieSettings = CookieSettings { secure: false, cross_site: false };
    const HTTPS: CookieSettings = CookieSettings { secure: true, cross_site: false };
    const SPACE: CookieSettings = CookieSettings { secure: true, cross_site: true };

    #[test]
    fn outside_a_space_a_cookie_is_lax_and_set_once() {
        let set =
            |cookies: CookieSettings| cookies.set(&cookies.name("session"), "abc", 60).collect::<Vec<_>>();
        assert_eq!(set(PLAIN), ["nb.session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"]);
        assert_eq!(set(HTTPS), ["__Host-nb.session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"]);
    }

    #[test]
    fn in_a_space_a_cookie_is_set_and_deleted_twice_under_one_name() {
        let set: Vec<String> = SPACE.set("__Host-nb.session", "abc", 60).collect();
        assert_eq!(
            set,
            [
                "__Host-nb.session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=None; Secure",
                "__Host-nb.session=abc; Path=/; Max-Age=60; HttpOnly; SameSite=None; Secure; Partitioned",
            ]
        );
        let cleared: Vec<String> = SPACE.clear("__Host-nb.session").collect();
        assert_eq!(cleared.len(), 2);
        assert!(cleared.iter().all(|cookie| cookie.contains("nb.session=; Path=/; Max-Age=0;")));
    }

    #[test]
    fn every_duplicate_is_found_and_a_longer_name_is_not() {
        let headers =
            ["a=1; nb.session=x;nb.session=y ; nb.sessionx=z", "nb.session = w; novalue; =v; b=c=d"];
        let found: Vec<_> = pairs(headers.into_iter().map(str::as_bytes)).collect();
        let named: Vec<&str> =
            found.iter().filter(|(name, _)| *name == "nb.session").map(|(_, value)| *value).collect();
        assert_eq!(named, ["x", "y", "w"]);
        assert!(found.contains(&("b", "c=d")) && found.contains(&("", "v")));
    }

    #[test]
    fn a_byte_that_is_not_ascii_hides_only_its_own_cookie() {
        let header = b"lang=Fran\xc3\xa7ais; nb.session=x; y=\xe9;\xff=1; z=2";
        let found: Vec<_> = pairs([&header[..]].into_iter()).collect();
        assert_eq!(found, [("nb.session", "x"), ("z", "2")]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_cookie_that_was_set_is_found_among_others(
            others in prop::collection::vec("[a-zA-Z0-9._-]{1,8}=[!#-+--:<-~]{0,12}", 0..6),
            at in 0..6_usize, value in "[A-Za-z0-9_-]{0,40}",
        ) {
            let mut sent = others;
            let name = HTTPS.name("session");
            let set = HTTPS.set(&name, &value, 60).next().unwrap();
            sent.insert(at.min(sent.len()), set.split(';').next().unwrap().to_owned());
            let header = sent.join("; ");
            let found: Vec<&str> = pairs([header.as_bytes()].into_iter())
                .filter(|(found, _)| *found == name).map(|(_, value)| value).collect();
            prop_assert_eq!(found, [value.as_str()]);
        }

        #[test]
        fn no_header_panics_and_no_value_contains_a_separator(header in "([ -~\t]|[;=, ]|\\PC){0,80}") {
            for (name, value) in pairs([header.as_bytes()].into_iter()) {
                prop_assert!(!name.contains([';', '=']) && !value.contains(';'));
            }
        }
    }
}
