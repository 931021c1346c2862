//! A signed token in the compact form (JWS, RFC 7515; JWT, RFC 7519; the rules of RFC 8725): header, claims and
//! signature in base64url, separated by dots.
//!
//! The types show how far a token has been checked. A [`Token`] is well formed, a [`Verified`] has the issuer's
//! signature, and a [`super::Holder`] is the subject of a token that is valid now.

use serde_json::{Map, Value};

use super::claims::Verified;
use super::error::{MAX_TOKEN, TokenError};
use super::json;
use super::key::{self, Alg};
use super::key_set::KeySet;

/// A token as it was sent: well formed and of an accepted algorithm, but not verified yet.
#[derive(Debug)]
pub struct Token<'a> {
    alg: Alg,
    kid: Option<String>,
    access_token: bool,
    signed: &'a [u8],
    signature: Vec<u8>,
    claims: Map<String, Value>,
}

impl<'a> Token<'a> {
    /// Whether a credential has the shape of a token, so that an error can say what is wrong with it.
    pub fn is_like(text: &str) -> bool {
        text.bytes().filter(|&byte| byte == b'.').count() == 2
    }

    /// Parses a token. Keys in the header or at addresses in it (`jwk`, `jku`, `x5c`, `x5u`) are ignored, because an
    /// attacker could choose them.
    ///
    /// # Errors
    ///
    /// If the token is too long or malformed, or its algorithm or type is not accepted.
    pub fn parse(text: &'a str) -> Result<Token<'a>, TokenError> {
        if text.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header = part(header)?;
        let alg =
            header.get("alg").and_then(Value::as_str).and_then(Alg::parse).ok_or(TokenError::Algorithm)?;
        if header.contains_key("crit") {
            return Err(TokenError::Critical);
        }
        let access_token = match header.get("typ").map(kind) {
            None => false,
            Some(kind) => match kind.as_deref() {
                Some("jwt") => false,
                Some("at+jwt") => true,
                _ => return Err(TokenError::Kind),
            },
        };
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(TokenError::Malformed),
        };
        let signature = key::decode(signature).ok_or(TokenError::Malformed)?;
        Ok(Token { alg, kid, access_token, signed: signed.as_bytes(), signature, claims: part(claims)? })
    }

    /// Whether the token's type is that of an access token (`at+jwt`, RFC 9068), which must not be accepted as an ID
    /// token.
    pub fn is_access_token(&self) -> bool {
        self.access_token
    }

    /// Verifies the signature with the keys of the token's `kid`, or, if it has none, with every key of its algorithm. A
    /// key is used only for its own algorithm.
    ///
    /// # Errors
    ///
    /// [`TokenError::NoKey`] if the set has no key for the token, [`TokenError::Signature`] if the signature is wrong.
    pub fn verify(&self, keys: &KeySet) -> Result<Verified<'_>, TokenError> {
        let mut named = false;
        for key in keys.candidates(self.alg, self.kid.as_deref()) {
            if key.verifies(self.signed, &self.signature) {
                return Ok(Verified::new(&self.claims));
            }
            named = self.kid.is_some();
        }
        Err(if named { TokenError::Signature } else { TokenError::NoKey })
    }
}

fn part(text: &str) -> Result<Map<String, Value>, TokenError> {
    key::decode(text).and_then(|text| json::object(&text)).ok_or(TokenError::Malformed)
}

/// A `typ` in lower case and without `application/`. `JWT` and `at+jwt` (RFC 9068) are accepted. Other types from the
/// same issuer, such as `logout+jwt`, do not grant access (RFC 8725 section 3.11).
fn kind(typ: &Value) -> Option<String> {
    let kind = typ.as_str()?.to_ascii_lowercase();
    Some(kind.strip_prefix("application/").unwrap_or(&kind).to_owned())
}
