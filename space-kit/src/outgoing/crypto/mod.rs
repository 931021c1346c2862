//! The cryptography of TLS and of ES256 signatures.

mod p256;
mod provider;

pub(crate) use p256::is_signed;
pub(crate) use provider::provider;
