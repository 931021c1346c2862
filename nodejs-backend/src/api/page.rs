//! Small pages for visitors. The content security policy of a page allows only its own style and script.

use ring::digest::{SHA256, digest};
use space_kit::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use space_kit::web::csp_hash_source;
use space_kit::{HandlerResult, StatusCode, respond};

use crate::State;
use crate::web::html::escape;
use crate::web::response::{no_store, set_header};

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
        let html = format!("<title>{}</title>\n<main>\n{body}\n</main>\n{script}</html>\n", escape(title));
        let mut response = respond::page(self.status, &html, HeaderValue::from_static("default-src 'none'"));
        let policy = policy("", self.script, self.forms, "'none'", &state.frame_ancestors);
        set_header(&mut response, CONTENT_SECURITY_POLICY, &policy)?;
        Ok(no_store(response))
    }
}

/// A policy that allows the style of all pages, this inline style and script by their hashes if they are not empty, and
/// no other source.
pub(super) fn policy(style: &str, script: &str, forms: &str, images: &str, ancestors: &str) -> String {
    let hash = |text: &str, none: &str| match text {
        "" => none.to_owned(),
        text => csp_hash_source(digest(&SHA256, text.as_bytes())),
    };
    format!(
        "default-src 'none'; style-src {} {}; script-src {}; connect-src 'self'; img-src {images}; base-uri 'none'; \
         form-action {forms}; frame-ancestors {ancestors}",
        respond::PAGE_STYLE,
        hash(style, ""),
        hash(script, "'none'")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_exactly_the_pages_own_style_and_script() {
        let policy = policy("p{}", "run()", "'none'", "'none'", "'self'");
        let html = [respond::PAGE_HEAD, "<style>p{}</style><script>run()</script>"].concat();
        space_kit::testing::assert_policy_fits(&html, &policy);
        assert!(policy.ends_with("frame-ancestors 'self'"));
    }
}
