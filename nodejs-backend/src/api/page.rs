//! Small pages for visitors. The content security policy of a page allows only its own style and script.

use ring::digest::{SHA256, digest};
use space_kit::header::{CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY};
use space_kit::web::csp_hash_source;
use space_kit::{HandlerResult, StatusCode, respond};

use crate::State;
use crate::web::html::escape;
use crate::web::response::{no_store, set_header};

const STYLE: &str = "\
:root{color-scheme:light dark}\
body{font:16px/1.5 system-ui,sans-serif;max-width:30rem;margin:0 auto;padding:3rem 1rem}\
h1{font-size:1.3rem;margin:0 0 .5rem}\
label{display:block;margin:1rem 0 0}\
input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem .6rem}\
button{font:inherit;margin:1rem 0 0;padding:.5rem 1rem;cursor:pointer}\
.warning{border:2px solid #c60;border-radius:8px;padding:.5rem 1rem}\
";

/// A page with a title, a body and a script, which may be empty.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    pub(super) title: &'a str,
    /// HTML. The caller must have escaped all text that comes from outside.
    pub(super) body: String,
    pub(super) script: &'static str,
    /// The sources of `form-action`.
    pub(super) forms: &'a str,
}

impl Page<'_> {
    /// The page as a response that no cache stores.
    ///
    /// # Errors
    ///
    /// 500 if the policy is not a valid header value.
    pub(super) fn respond(&self, state: &State) -> HandlerResult {
        let Page { title, body, script, .. } = self;
        let script = if script.is_empty() { String::new() } else { format!("<script>{script}</script>\n") };
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<main>\n{body}\n</main>\n{script}</html>\n",
            escape(title)
        );
        let html_type = HeaderValue::from_static("text/html; charset=utf-8");
        let mut response = respond::with(self.status, html_type, html);
        let policy = policy(&[STYLE], &[self.script], self.forms, "'none'", &state.frame_ancestors);
        set_header(&mut response, CONTENT_SECURITY_POLICY, &policy)?;
        response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(no_store(response))
    }
}

/// A policy that allows these inline styles and scripts by their hashes, and no other source.
pub(super) fn policy(
    styles: &[&str],
    scripts: &[&str],
    forms: &str,
    images: &str,
    ancestors: &str,
) -> String {
    let hashes = |texts: &[&str]| {
        let hashes: Vec<String> = texts
            .iter()
            .filter(|text| !text.is_empty())
            .map(|text| csp_hash_source(digest(&SHA256, text.as_bytes())))
            .collect();
        if hashes.is_empty() { "'none'".to_owned() } else { hashes.join(" ") }
    };
    format!(
        "default-src 'none'; style-src {}; script-src {}; connect-src 'self'; img-src {images}; base-uri 'none'; \
         form-action {forms}; frame-ancestors {ancestors}",
        hashes(styles),
        hashes(scripts)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_exactly_the_pages_own_style_and_script() {
        let policy = policy(&[STYLE], &["run()"], "'none'", "'none'", "'self'");
        let html = format!("<style>{STYLE}</style><script>run()</script>");
        space_kit::testing::assert_policy_fits(&html, &policy);
        assert!(policy.ends_with("frame-ancestors 'self'"));
    }
}
