//! One file of a table.

use std::hash::{DefaultHasher, Hasher};
use std::sync::OnceLock;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use hyper::{Response, StatusCode};

use crate::files::{media_type, none_match};
use crate::service::body::Body;

/// A file whose bytes are part of the binary. [`crate::files!`] makes a table of them.
pub struct File {
    pub(super) name: &'static str,
    bytes: &'static [u8],
    cache: &'static str,
    /// The characters between the quotes of the entity tag, from the first request on: start-up does not read the file.
    tag: OnceLock<String>,
}

impl File {
    /// A file that caches store but ask for again before each use, with its `ETag`: `Cache-Control: no-cache` (RFC 9111
    /// section 5.2.2.4).
    pub const fn new(name: &'static str, bytes: &'static [u8]) -> File {
        File { name, bytes, cache: "no-cache", tag: OnceLock::new() }
    }

    /// A file whose name changes whenever its contents do, such as `app.3f9a1c.js`. Caches use it for a year without
    /// asking again (RFC 8246).
    pub const fn immutable(name: &'static str, bytes: &'static [u8]) -> File {
        File { name, bytes, cache: "public, max-age=31536000, immutable", tag: OnceLock::new() }
    }

    /// 200 with the file, or 304 without it if the request's `If-None-Match` has its tag.
    pub(super) fn respond(&self, request: &HeaderMap) -> Response<Body> {
        let tag = self.tag.get_or_init(|| tag_of(self.bytes));
        let mut fields = request.get_all(IF_NONE_MATCH).iter();
        let has_it = fields.any(|field| none_match::has(field.as_bytes(), tag.as_bytes()));
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
            headers.insert(ETAG, tag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache));
        if has_it {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type::of(self.name)));
            *response.body_mut() = Bytes::from_static(self.bytes).into();
        }
        response
    }
}

/// 64 bits of SipHash, which is linked for hash maps. The files are the service's own, so that no one chooses two with
/// one tag; another version of Rust may choose other tags, which costs each client one download.
fn tag_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}
