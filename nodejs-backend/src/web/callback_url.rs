//! Callback URLs: a visitor may return to a path of this service or to an address on a trusted site. The check reads an
//! address as a browser does (URL standard) and rejects whatever URL parsers could disagree on.

use std::fmt::Write;

use space_kit::web::Origin;

use super::trusted_origins::TrustedOrigins;

/// The longest address, in bytes as a page sends it.
pub(crate) const MAX_BYTES: usize = 2048;

/// The address as browsers write it, which is how it must be sent to them. `None` unless a browser that this service
/// redirects there stays with the service or arrives at a trusted site.
pub(crate) fn trusted(address: &str, trusted: &TrustedOrigins) -> Option<String> {
    let written = (address.len() <= MAX_BYTES).then(|| written(address))?;
    is_trusted(&written, trusted).then_some(written)
}

/// Without spaces at the end; other spaces and everything beyond ASCII percent-encoded, as browsers do after the host
/// (URL standard, section 4.4). In a host, nothing encoded is accepted.
fn written(address: &str) -> String {
    let mut text = String::with_capacity(address.len());
    for byte in address.trim_end_matches(' ').bytes() {
        match byte {
            b' ' | 0x80.. => _ = write!(text, "%{byte:02X}"),
            _ => text.push(char::from(byte)),
        }
    }
    text
}

fn is_trusted(address: &str, trusted: &TrustedOrigins) -> bool {
    // Browsers remove tabs and line ends anywhere in an address, and read a backslash as a slash.
    let plain = |b: u8| b.is_ascii_graphic() && b != b'\\';
    if !address.bytes().all(plain) {
        return false;
    }
    match address.strip_prefix('/') {
        Some(rest) => !rest.starts_with('/') && !has_encoded_slash(address),
        None => match Origin::of_address(address) {
            Some(origin) => trusted.contains(&origin.to_string()),
            None => trusted.is_app(address),
        },
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

    fn sites() -> TrustedOrigins {
        let sites = [
            "https://site.example",
            "http://localhost:3000",
            "https://b.example:8443",
            "myapp://",
            "https://*.vercel.example",
        ];
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
            "myapp://home?a=b",
            "myapp:///home",
            "MYAPP://",
        ] {
            assert!(trusted(address, &sites()).is_some(), "{address}");
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
            "myapp:home",
            "myapp:/home",
            "otherapp://home",
            "https://tools.vercel.example.evil.example",
        ] {
            assert!(trusted(address, &sites()).is_none(), "{address:?}");
        }
        assert!(trusted(&format!("/{}", "x".repeat(2048)), &sites()).is_none());
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
            if let Some(written) = trusted(&address, &sites()) {
                for base in ["https://auth.example/api/auth/callback/x?code=1", "https://auth.example/login/x"] {
                    let url = url::Url::parse(base).unwrap();
                    let (sent, url) = (url.join(&address), url.join(&written));
                    prop_assert_eq!(&sent, &url, "{:?} and {:?}", address, written);
                    let url = url.map_err(|error| TestCaseError::fail(format!("{address:?}: {error}")))?;
                    prop_assert!(sites().contains(&url.origin().ascii_serialization()), "{:?} is {}", address, url);
                    prop_assert!(url.username().is_empty() && url.password().is_none());
                }
            }
        }

        #[test]
        fn an_address_is_written_as_browsers_write_it(tail in "[a-zé漢 ?#&=%/'.~\\[\\]^|-]{0,30}[a-z]") {
            for start in ["/x/", "https://site.example/"] {
                let address = format!("{start}{tail}");
                let Some(written) = trusted(&address, &sites()) else { continue };
                let base = url::Url::parse("https://auth.example").unwrap();
                prop_assert_eq!(base.join(&address).unwrap(), base.join(&written).unwrap());
                prop_assert!(written.is_ascii() && !written.contains(' '));
            }
        }

        #[test]
        fn a_plain_path_or_address_is_never_rejected(path in "(/[a-z0-9._~-]{1,9}){0,4}", query in "(\\?[a-z=&/:%20]{0,9})?") {
            let tail = format!("/x{path}{query}");
            prop_assert!(trusted(&tail, &sites()) == Some(tail.clone()));
            let whole = format!("https://site.example{tail}");
            prop_assert!(trusted(&whole, &sites()).is_some());
        }

        #[test]
        fn arbitrary_text_never_panics(address in "\\PC{0,60}") {
            _ = trusted(&address, &sites());
        }
    }
}
