//! Callback URLs: a visitor may return to a path of this service or to an address on a trusted site. The check reads an
//! address as a browser does (URL standard) and rejects whatever URL parsers could disagree on.

use space_kit::web::Origin;

use super::trusted_origins::TrustedOrigins;

/// The longest address, in bytes.
const MAX_BYTES: usize = 2048;

/// Whether a browser that this service redirects to `address` stays with the service or arrives at a trusted site.
pub(crate) fn is_trusted(address: &str, trusted: &TrustedOrigins) -> bool {
    // Browsers remove tabs and line ends anywhere in an address, and read a backslash as a slash.
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    if address.len() > MAX_BYTES || !address.bytes().all(plain) {
        return false;
    }
    match address.strip_prefix('/') {
        Some(rest) => !rest.starts_with('/') && !has_encoded_slash(address),
        None => Origin::of_address(address).is_some_and(|origin| trusted.contains(&origin.to_string())),
    }
}

/// Whether the path has a percent-encoded slash or backslash, which a proxy may decode.
fn has_encoded_slash(address: &str) -> bool {
    let path = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trusted() -> TrustedOrigins {
        let sites = ["https://site.example", "http://localhost:3000", "https://b.example:8443"];
        TrustedOrigins::new(
            &Origin::parse("https://auth.example").unwrap(),
            sites.map(str::to_owned).to_vec(),
        )
    }

    #[test]
    fn a_path_of_the_service_and_addresses_on_trusted_sites_are_accepted() {
        for address in [
            "/",
            "/x?u=https://y",
            "/x#f",
            "/..//evil.example",
            "/a%20b?c=%2f",
            "https://auth.example",
            "https://site.example/a?b#c",
            "HTTPS://SITE.example:443/",
            "http://localhost:3000?x",
            "https://b.example:8443#x",
        ] {
            assert!(is_trusted(address, &trusted()), "{address}");
        }
    }

    #[test]
    fn an_address_that_leads_a_browser_elsewhere_is_rejected() {
        for address in [
            "",
            "x",
            "?q",
            "#f",
            " /x",
            "/x ",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            "/\r/evil.example",
            "/\u{b}/evil.example",
            "/\0/evil.example",
            "/%2f/evil.example",
            "/%2Fevil.example",
            "/%5cevil.example",
            "/a\\b",
            "/é",
            "javascript:alert(1)",
            "data:text/html,x",
            "https:evil.example",
            "https:/evil.example",
            "https:///evil.example",
            "https://evil.example",
            "http://site.example",
            "https://site.example:8443",
            "https://site.example.evil.example",
            "https://evil.example/https://site.example",
            "https://evil.example#@site.example",
            "https://site.example@evil.example",
            "https://user@site.example",
            "https://evil.example\\@site.example",
            "https://site.example%2eevil.example",
            "https://site。example",
            "https://site.example:443@evil.example",
            "https://site.example:",
            "https://sub.site.example",
            "file:///etc/passwd",
            "//site.example",
        ] {
            assert!(!is_trusted(address, &trusted()), "{address:?}");
        }
        assert!(!is_trusted(&format!("/{}", "x".repeat(2048)), &trusted()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(50_000))]

        /// The `url` crate parses as browsers do. The pieces make tricks likely.
        #[test]
        fn an_accepted_address_leads_a_browser_to_a_trusted_origin(
            pieces in prop::collection::vec(prop_oneof![
                Just("/"), Just("//"), Just("\\"), Just("https:"), Just("http:"), Just("https://"), Just("@"),
                Just("site.example"), Just("auth.example"), Just("evil.example"), Just("localhost:3000"),
                Just(".."), Just("."), Just("%2f"), Just("%2e"), Just("%5c"), Just("%09"), Just("\t"), Just("\n"),
                Just("\r"), Just("\0"), Just("\u{b}"), Just(" "), Just("?"), Just("#"), Just(":"), Just(":443"),
                Just(":8443"), Just("a"), Just("é"), Just("。"), Just("\u{ad}"), Just("javascript:"), Just("["), Just("]"),
            ], 0..9),
        ) {
            let address = pieces.concat();
            if is_trusted(&address, &trusted()) {
                for base in ["https://auth.example/api/auth/callback/x?code=1", "https://auth.example/login/x"] {
                    let url = url::Url::parse(base).unwrap().join(&address);
                    let url = url.map_err(|error| TestCaseError::fail(format!("{address:?}: {error}")))?;
                    prop_assert!(trusted().contains(&url.origin().ascii_serialization()), "{:?} is {}", address, url);
                    prop_assert!(url.username().is_empty() && url.password().is_none());
                }
            }
        }

        #[test]
        fn a_plain_path_or_address_is_never_rejected(path in "(/[a-z0-9._~-]{1,9}){0,4}", query in "(\\?[a-z=&/:%20]{0,9})?") {
            let tail = format!("/x{path}{query}");
            prop_assert!(is_trusted(&tail, &trusted()));
            let whole = format!("https://site.example{tail}");
            prop_assert!(is_trusted(&whole, &trusted()));
        }

        #[test]
        fn arbitrary_text_never_panics(address in "\\PC{0,60}") {
            _ = is_trusted(&address, &trusted());
        }
    }
}
