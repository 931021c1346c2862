//! A signed token in the compact form (JWS, RFC 7515; JWT, RFC 7519; the rules of RFC 8725): header, claims
//! and signature in base64url, with a point between each.
//!
//! The types show the stage: a [`Token`] is what somebody sent, [`Verified`] has the issuer's signature, and a
//! [`Holder`] is whom a valid token of now speaks of.

mod claims;
pub mod json;
mod key;

use std::borrow::Cow;

use serde_json::{Map, Value};

pub use claims::{Expected, Holder};
pub use key::{Alg, PublicKey, decode};

use crate::jwks::KeySet;

/// The longest token, in bytes. It bounds the work on a token that nobody signed.
const MAX_TOKEN: usize = 16 * 1024;

/// Why a token is refused. The words are for its holder and repeat nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Longer than 16 KiB.
    TooLong,
    /// Not three parts of base64url, or not JSON objects.
    Malformed,
    /// An `alg` that is not accepted.
    Algorithm,
    /// A `crit`.
    Critical,
    /// A `typ` of another kind of token.
    Kind,
    /// No key of the set fits: the issuer may have a newer one.
    NoKey,
    /// A signature that is not the key's.
    Signature,
    /// This claim is missing or of the wrong type.
    Claim(&'static str),
    /// Another `iss`.
    Issuer,
    /// Another `aud`.
    Audience,
    /// Another `azp`.
    Party,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf` or `iat`.
    NotYet,
}

impl Fault {
    /// What was wrong.
    pub fn message(self) -> Cow<'static, str> {
        match self {
            Fault::TooLong => format!("it is longer than {MAX_TOKEN} bytes").into(),
            Fault::Malformed => {
                "it is not three base64url parts of which the first two are JSON objects".into()
            }
            Fault::Algorithm => "its alg is none of EdDSA, ES256 and RS256".into(),
            Fault::Critical => "its header has crit, and no extension is supported".into(),
            Fault::Kind => "its typ is neither JWT nor at+jwt".into(),
            Fault::NoKey => "none of its issuer's keys fits it (kid, alg)".into(),
            Fault::Signature => "its signature is not valid".into(),
            Fault::Claim(name) => format!("its claim {name} is missing or malformed").into(),
            Fault::Issuer => "it is from another issuer (iss)".into(),
            Fault::Audience => "it is for another audience (aud)".into(),
            Fault::Party => "it was issued to another party (azp)".into(),
            Fault::Expired => "it has expired (exp)".into(),
            Fault::NotYet => "it is not valid yet (nbf, iat)".into(),
        }
    }
}

/// A token as it was sent: well formed and of an accepted algorithm, but signed by nobody knows whom.
#[derive(Debug)]
pub struct Token<'a> {
    alg: Alg,
    kid: Option<String>,
    access_token: bool,
    signed: &'a [u8],
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

/// The claims of a token whose signature is the issuer's.
#[derive(Debug)]
pub struct Verified<'a>(&'a Map<String, Value>);

impl<'a> Token<'a> {
    /// Whether a credential has the shape of a token, so that its refusal can speak of one.
    pub fn is_like(text: &str) -> bool {
        text.bytes().filter(|&byte| byte == b'.').count() == 2
    }

    /// Reads a token. Keys that the header brings or points to (`jwk`, `jku`, `x5c`, `x5u`) are not looked
    /// at: whoever wrote the header would choose them.
    pub fn parse(text: &'a str) -> Result<Token<'a>, Fault> {
        if text.len() > MAX_TOKEN {
            return Err(Fault::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(Fault::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(Fault::Malformed)?;
        let header = part(header)?;
        let alg = header.get("alg").and_then(Value::as_str).and_then(Alg::parse).ok_or(Fault::Algorithm)?;
        if header.contains_key("crit") {
            return Err(Fault::Critical);
        }
        let access_token = match header.get("typ").map(kind) {
            None => false,
            Some(kind) => match kind.as_deref() {
                Some("jwt") => false,
                Some("at+jwt") => true,
                _ => return Err(Fault::Kind),
            },
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Fault::Malformed),
        };
        let signature = key::decode(signature).ok_or(Fault::Malformed)?;
        Ok(Token { alg, kid, access_token, signed: signed.as_bytes(), signature, claims: part(claims)? })
    }

    /// Whether the token says of itself that it is one to be shown to an API (`at+jwt`, RFC 9068), so that it does not
    /// say who signed in.
    pub fn is_access_token(&self) -> bool {
        self.access_token
    }

    /// Checks the signature: with the keys of the token's `kid`, or without one with every key of its
    /// algorithm. A key is used for the one algorithm that it is made for.
    pub fn verify(&self, keys: &KeySet) -> Result<Verified<'_>, Fault> {
        let mut named = false;
        for key in keys.candidates(self.alg, self.kid.as_deref()) {
            if key.verifies(self.signed, &self.signature) {
                return Ok(Verified(&self.claims));
            }
            named = self.kid.is_some();
        }
        Err(if named { Fault::Signature } else { Fault::NoKey })
    }
}

fn part(text: &str) -> Result<Map<String, Value>, Fault> {
    key::decode(text).and_then(|text| json::object(&text)).ok_or(Fault::Malformed)
}

/// A `typ` in lower case and without `application/`. `JWT` and `at+jwt` (RFC 9068) are accepted. Other kinds of token from
/// the same issuer, such as `logout+jwt`, are not meant to open anything (RFC 8725 section 3.11).
fn kind(typ: &Value) -> Option<String> {
    let kind = typ.as_str()?.to_ascii_lowercase();
    Some(kind.strip_prefix("application/").unwrap_or(&kind).to_owned())
}

#[cfg(test)]
mod attacks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
