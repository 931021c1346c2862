//! Content security policies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The source expression that allows the inline script or style with this SHA-256 digest (Content Security Policy
/// Level 3, section 2.3.1): `'sha256-…'`.
pub fn csp_hash_source(sha256: impl AsRef<[u8]>) -> String {
    format!("'sha256-{}'", STANDARD.encode(sha256))
}
