//! For tests of pages: the content security policy allows exactly the page's own style and script.

use sha2::{Digest, Sha256};

use crate::web::csp_hash_source;

/// Fails unless `policy` allows each inline `<style>` and `<script>` of `html` by its hash and no other.
pub fn assert_policy_fits(html: &str, policy: &str) {
    let hashes: Vec<String> = ["style", "script"].iter().flat_map(|tag| inner(html, tag)).map(hash).collect();
    for hash in &hashes {
        assert!(policy.contains(hash), "the policy lacks {hash}:\n{policy}");
    }
    assert_eq!(
        policy.matches("'sha256-").count(),
        hashes.len(),
        "the policy has a hash that nothing needs:\n{policy}"
    );
    for outside in ["http:", "//cdn", " src=", "<link", "@import", "url("] {
        assert!(!html.contains(outside), "the page is not self-contained: {outside}");
    }
}

fn inner<'h>(html: &'h str, tag: &str) -> Vec<&'h str> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    html.split(&open).skip(1).filter_map(|rest| rest.split(&close).next()).collect()
}

fn hash(text: &str) -> String {
    csp_hash_source(Sha256::digest(text))
}
