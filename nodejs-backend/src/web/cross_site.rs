//! Cross-site request forgery: rejects every request that a page on an untrusted site can send with a visitor's cookies.

use space_kit::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, ORIGIN};

use super::trusted_origins::TrustedOrigins;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The headers that tell where a request comes from.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Source<'a> {
    /// `Content-Type`.
    pub(crate) content_type: Option<&'a str>,
    /// `Origin`.
    pub(crate) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(crate) fetch_site: Option<&'a str>,
    /// Whether the request has a `Cookie` header.
    pub(crate) cookies: bool,
}

/// Why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrossSiteError {
    /// The body is not `application/json`, which a form or a simple request cannot send.
    ContentType,
    /// The request comes from a site that is not trusted.
    UntrustedOrigin,
    /// The request has cookies and no origin, or a hidden origin (`null`).
    MissingOrigin,
}

impl<'a> Source<'a> {
    /// Reads the headers of a request.
    pub(crate) fn of_request(headers: &'a HeaderMap) -> Source<'a> {
        // A value that is not text counts as a hidden origin, because it must not count as missing.
        let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
        Source {
            content_type: text(&CONTENT_TYPE),
            origin: text(&ORIGIN),
            fetch_site: text(&SEC_FETCH_SITE),
            cookies: headers.contains_key(COOKIE),
        }
    }
}

/// Checks a POST with a JSON body.
///
/// # Errors
///
/// Why the request must be rejected.
pub(crate) fn check_json(source: Source<'_>, trusted: &TrustedOrigins) -> Result<(), CrossSiteError> {
    let media_type = source.content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(CrossSiteError::ContentType);
    }
    check_origin(source, trusted)
}

/// Checks the origin of any request that changes something.
///
/// # Errors
///
/// Why the request must be rejected.
pub(crate) fn check_origin(source: Source<'_>, trusted: &TrustedOrigins) -> Result<(), CrossSiteError> {
    match (source.origin, source.fetch_site) {
        (Some("null") | None, Some("same-origin")) => Ok(()),
        (Some("null"), _) => Err(CrossSiteError::MissingOrigin),
        (Some(origin), _) if trusted.contains(&origin.to_ascii_lowercase()) => Ok(()),
        (Some(_), _) => Err(CrossSiteError::UntrustedOrigin),
        // The visitor typed the address or used a bookmark: no page sent the request.
        (None, Some("none")) => Ok(()),
        (None, Some(_)) => Err(CrossSiteError::UntrustedOrigin),
        (None, None) if source.cookies => Err(CrossSiteError::MissingOrigin),
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use space_kit::web::Origin;

    fn check(origin: Option<&str>, fetch_site: Option<&str>, cookies: bool) -> Result<(), CrossSiteError> {
        let trusted = TrustedOrigins::new(
            &Origin::parse("https://auth.example").unwrap(),
            vec!["https://site.example".to_owned()],
        );
        check_json(Source { content_type: Some("application/json"), origin, fetch_site, cookies }, &trusted)
    }

    #[test]
    fn a_page_on_an_untrusted_site_is_rejected_with_and_without_cookies() {
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
                assert_eq!(
                    check(Some(origin), None, cookies),
                    Err(CrossSiteError::UntrustedOrigin),
                    "{origin}"
                );
                assert_eq!(
                    check(Some(origin), Some("same-origin"), cookies),
                    Err(CrossSiteError::UntrustedOrigin),
                    "{origin}"
                );
            }
        }
    }

    #[test]
    fn the_service_itself_and_trusted_sites_are_accepted() {
        for origin in ["https://auth.example", "HTTPS://AUTH.EXAMPLE", "https://site.example"] {
            for site in [None, Some("same-origin"), Some("cross-site")] {
                assert_eq!(check(Some(origin), site, true), Ok(()), "{origin}");
            }
        }
    }

    #[test]
    fn a_hidden_or_missing_origin_is_accepted_only_from_the_same_origin_or_without_cookies() {
        assert_eq!(check(Some("null"), None, false), Err(CrossSiteError::MissingOrigin));
        assert_eq!(check(Some("null"), Some("cross-site"), true), Err(CrossSiteError::MissingOrigin));
        assert_eq!(check(Some("null"), Some("same-origin"), true), Ok(()));
        assert_eq!(check(None, None, true), Err(CrossSiteError::MissingOrigin));
        assert_eq!(check(None, None, false), Ok(()));
        assert_eq!(check(None, Some("same-origin"), true), Ok(()));
        assert_eq!(check(None, Some("none"), true), Ok(()));
        assert_eq!(check(None, Some("same-site"), true), Err(CrossSiteError::UntrustedOrigin));
        assert_eq!(check(None, Some("cross-site"), false), Err(CrossSiteError::UntrustedOrigin));
    }

    #[test]
    fn only_json_is_accepted() {
        let trusted = TrustedOrigins::new(&Origin::parse("https://auth.example").unwrap(), vec![]);
        for (content_type, outcome) in [
            (Some("application/json"), Ok(())),
            (Some("Application/JSON; charset=utf-8"), Ok(())),
            (None, Err(CrossSiteError::ContentType)),
            (Some("text/plain"), Err(CrossSiteError::ContentType)),
            (Some("text/plain; application/json"), Err(CrossSiteError::ContentType)),
            (Some("application/x-www-form-urlencoded"), Err(CrossSiteError::ContentType)),
            (Some("application/jsonp"), Err(CrossSiteError::ContentType)),
        ] {
            assert_eq!(
                check_json(Source { content_type, ..Source::default() }, &trusted),
                outcome,
                "{content_type:?}"
            );
        }
    }
}
