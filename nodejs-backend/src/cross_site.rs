//! Whether a POST may be answered: none that a page elsewhere can send with a visitor's cookies.

use crate::origin::Trusted;

/// What a request says of where it comes from, as it was sent.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// `Content-Type`.
    pub(crate) content_type: Option<&'a str>,
    /// `Origin`.
    pub(crate) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(crate) fetch_site: Option<&'a str>,
    /// There is a `Cookie` header.
    pub(crate) cookies: bool,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not `application/json`, which a form or a simple request cannot be.
    ContentType,
    /// A site that is not trusted.
    Origin,
    /// Cookies came along, and nothing says from where; or the origin is hidden (`null`).
    NoOrigin,
}

/// Judges a POST with a JSON body.
pub(crate) fn admit(source: Source<'_>, trusted: &Trusted) -> Result<(), Refused> {
    let media_type = source.content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(Refused::ContentType);
    }
    from(source, trusted)
}

/// Judges where any request that changes something comes from.
pub(crate) fn from(source: Source<'_>, trusted: &Trusted) -> Result<(), Refused> {
    match (source.origin, source.fetch_site) {
        (Some("null") | None, Some("same-origin")) => Ok(()),
        (Some("null"), _) => Err(Refused::NoOrigin),
        (Some(origin), _) if trusted.has(&origin.to_ascii_lowercase()) => Ok(()),
        (Some(_), _) => Err(Refused::Origin),
        // Typed in, or a bookmark: no page had a hand in it.
        (None, Some("none")) => Ok(()),
        (None, Some(_)) => Err(Refused::Origin),
        (None, None) if source.cookies => Err(Refused::NoOrigin),
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(origin: Option<&str>, fetch_site: Option<&str>, cookies: bool) -> Result<(), Refused> {
        let trusted =
            Trusted::new("https://auth.example".to_owned(), vec!["https://site.example".to_owned()]);
        admit(Source { content_type: Some("application/json"), origin, fetch_site, cookies }, &trusted)
    }

    #[test]
    fn a_foreign_page_is_refused_with_cookies_and_without() {
        for origin in [
            "https://evil.example",
            "https://auth.example.evil.example",
            "http://auth.example",
            "https://auth.example:8443",
            "https://sub.site.example",
            "https://auth.example/",
            "",
        ] {
            for cookies in [true, false] {
                assert_eq!(judge(Some(origin), None, cookies), Err(Refused::Origin), "{origin}");
                assert_eq!(
                    judge(Some(origin), Some("same-origin"), cookies),
                    Err(Refused::Origin),
                    "{origin}"
                );
            }
        }
    }

    #[test]
    fn the_service_and_trusted_sites_pass() {
        for origin in ["https://auth.example", "HTTPS://AUTH.EXAMPLE", "https://site.example"] {
            for site in [None, Some("same-origin"), Some("cross-site")] {
                assert_eq!(judge(Some(origin), site, true), Ok(()), "{origin}");
            }
        }
    }

    #[test]
    fn a_hidden_or_missing_origin_passes_only_where_a_browser_vouches_or_no_cookie_came() {
        assert_eq!(judge(Some("null"), None, false), Err(Refused::NoOrigin));
        assert_eq!(judge(Some("null"), Some("cross-site"), true), Err(Refused::NoOrigin));
        assert_eq!(judge(Some("null"), Some("same-origin"), true), Ok(()));
        assert_eq!(judge(None, None, true), Err(Refused::NoOrigin));
        assert_eq!(judge(None, None, false), Ok(()));
        assert_eq!(judge(None, Some("same-origin"), true), Ok(()));
        assert_eq!(judge(None, Some("none"), true), Ok(()));
        assert_eq!(judge(None, Some("same-site"), true), Err(Refused::Origin));
        assert_eq!(judge(None, Some("cross-site"), false), Err(Refused::Origin));
    }

    #[test]
    fn only_json_passes() {
        let trusted = Trusted::new("https://auth.example".to_owned(), vec![]);
        for (content_type, outcome) in [
            (Some("application/json"), Ok(())),
            (Some("Application/JSON; charset=utf-8"), Ok(())),
            (None, Err(Refused::ContentType)),
            (Some("text/plain"), Err(Refused::ContentType)),
            (Some("text/plain; application/json"), Err(Refused::ContentType)),
            (Some("application/x-www-form-urlencoded"), Err(Refused::ContentType)),
            (Some("application/jsonp"), Err(Refused::ContentType)),
        ] {
            assert_eq!(
                admit(Source { content_type, ..Source::default() }, &trusted),
                outcome,
                "{content_type:?}"
            );
        }
    }
}
