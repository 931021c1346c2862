//! Who pays Hugging Face for a request: the operator, or the caller with an own token.

use std::fmt;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use space_kit::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use space_kit::rate_limit::{Bucket, Limiter};
use space_kit::{Bytes, Error, StatusCode};

use crate::wire::headers::X_HF_BILL_TO;

/// How long an accepted token is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// How many accepted tokens are remembered. One more replaces the oldest.
const MAX_TOKENS: usize = 1024;
/// The longest token of a caller's own, in bytes.
const MAX_LENGTH: usize = 512;

/// Who pays Hugging Face for a caller's requests.
#[derive(Debug, Clone)]
pub(crate) enum Payer {
    /// The operator, with the keys of the upstreams.
    Operator,
    Caller(PayerToken),
    /// Callers pay here, and this one sent nothing to pay with. The text says why, for the log.
    Missing(&'static str),
}

impl Payer {
    /// The caller with an access token that its own token contained. Nothing can be paid with a text that no header can
    /// have.
    pub(super) fn sealed(token: &str) -> Payer {
        let token = PayerToken::new(token, None);
        token.map_or(Payer::Missing("the sealed access token is not valid in a header"), Payer::Caller)
    }

    /// The token to pay a request with; `None` if the operator pays.
    ///
    /// # Errors
    ///
    /// 403 if nobody pays.
    pub(crate) fn token(&self, headers: &HeaderMap) -> Result<Option<PayerToken>, Error> {
        match self {
            Payer::Operator => Ok(None),
            Payer::Caller(token) => {
                Ok(Some(PayerToken { bill_to: headers.get(X_HF_BILL_TO).cloned(), ..token.clone() }))
            }
            Payer::Missing(cause) => {
                let message = "requests are paid by the caller's Hugging Face account, and yours came without one: sign in \
                               again with Hugging Face, allow inference, and send a new token of the sign-in service";
                Err(Error::new(StatusCode::FORBIDDEN, "payer_required", message).cause(cause))
            }
        }
    }
}

/// A Hugging Face token that a request is paid with.
#[derive(Clone)]
pub(crate) struct PayerToken {
    /// `Bearer` and the token; marked sensitive.
    authorization: HeaderValue,
    /// The organization that the caller wants to be billed.
    bill_to: Option<HeaderValue>,
    /// For a token that only Hugging Face can check.
    own: Option<OwnToken>,
}

/// A caller's own token, which nothing here has checked.
#[derive(Clone)]
struct OwnToken {
    tokens: Arc<OwnTokens>,
    digest: Digest,
    client: IpAddr,
    /// Whether Hugging Face had accepted it before this request.
    is_accepted: bool,
}

impl fmt::Debug for PayerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PayerToken")
    }
}

impl PayerToken {
    fn new(token: &str, own: Option<OwnToken>) -> Option<PayerToken> {
        let mut authorization = HeaderValue::try_from(["Bearer ", token].concat()).ok()?;
        authorization.set_sensitive(true);
        Some(PayerToken { authorization, bill_to: None, own })
    }

    /// Whether only Hugging Face can say if the token is valid. Until it has, the caller may be anyone.
    pub(crate) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// The token itself.
    pub(crate) fn text(&self) -> &str {
        self.authorization.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
    }

    /// A text without the token, if it repeats it: the caller's page may not know it.
    pub(crate) fn hidden(&self, text: &Bytes) -> Option<Bytes> {
        let token = self.text();
        let repeats = text.windows(token.len().max(1)).any(|part| part == token.as_bytes());
        repeats.then(|| String::from_utf8_lossy(text).replace(token, "***").into())
    }

    /// Adds the token to a request to Hugging Face, and whom it bills.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        headers.insert(AUTHORIZATION, self.authorization.clone());
        if let Some(bill_to) = &self.bill_to {
            headers.insert(X_HF_BILL_TO, bill_to.clone());
        }
    }

    /// Records that Hugging Face ran a model with the token.
    pub(crate) fn accept(&self, now: Instant) {
        if let Some(own) = &self.own {
            own.tokens.accept(own.digest, now);
        }
    }

    /// Makes Hugging Face's error one that the caller understands, and counts a rejected token.
    pub(crate) fn explain(&self, error: &mut Error, now: Instant) {
        match error.status {
            StatusCode::UNAUTHORIZED => {
                // A token that was not accepted before was counted when it came.
                if let Some(OwnToken { tokens, digest, client, is_accepted: true }) = &self.own {
                    tokens.forget(*digest);
                    tokens.failures.take(Bucket::address(*client), now);
                }
                error.code = "payer_unauthorized";
                error.message =
                    "Hugging Face does not accept your account's token any more: sign in again".into();
            }
            StatusCode::PAYMENT_REQUIRED => {
                error.message = "the credits of your Hugging Face account are used up: \
                                 https://huggingface.co/settings/billing shows them"
                    .into();
            }
            _ => {}
        }
    }
}

type Digest = [u8; SHA256_OUTPUT_LEN];

/// Callers' own tokens: which of them Hugging Face has accepted, and how many invalid credentials each address sent.
pub(super) struct OwnTokens {
    /// The digests of accepted tokens, and when they are forgotten. The oldest comes first.
    accepted: Mutex<Vec<(Digest, Instant)>>,
    pub(super) failures: Limiter<RandomState>,
}

impl OwnTokens {
    pub(super) fn new(failures: Limiter<RandomState>) -> OwnTokens {
        OwnTokens { accepted: Mutex::default(), failures }
    }

    /// A caller's own token, with the label of its caller. `None` if the text is not one of Hugging Face's tokens.
    pub(super) fn find(self: &Arc<Self>, text: &str, client: IpAddr, now: Instant) -> Option<FoundToken> {
        if !text.starts_with("hf_") || text.len() > MAX_LENGTH {
            return None;
        }
        let mut own = Digest::default();
        own.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        let is_accepted = self.lock().iter().any(|(known, until)| *known == own && now < *until);
        let [a, b, c, d, ..] = own;
        // A colon is in no key's label.
        let label = format!("hf:{:08x}", u32::from_be_bytes([a, b, c, d]));
        let token =
            PayerToken::new(text, Some(OwnToken { tokens: self.clone(), digest: own, client, is_accepted }))?;
        Some(FoundToken { token, label, is_accepted })
    }

    fn accept(&self, digest: Digest, now: Instant) {
        let mut accepted = self.lock();
        accepted.retain(|(_, until)| now < *until);
        if accepted.iter().any(|(known, _)| *known == digest) {
            return;
        }
        if accepted.len() >= MAX_TOKENS {
            accepted.remove(0);
        }
        accepted.push((digest, now + REMEMBERED));
    }

    fn forget(&self, digest: Digest) {
        self.lock().retain(|(known, _)| *known != digest);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Digest, Instant)>> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's own token in a request.
pub(super) struct FoundToken {
    pub(super) token: PayerToken,
    /// Tells callers apart in logs and metrics, and does not contain the token.
    pub(super) label: String,
    pub(super) is_accepted: bool,
}
