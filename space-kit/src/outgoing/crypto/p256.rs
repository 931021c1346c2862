//! P-256 by RustCrypto's `p256`: key exchange (RFC 8446 section 4.2.8.2) and signatures (FIPS 186-5).

use p256::ecdh::diffie_hellman;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToEncodedPoint;
use p256::{PublicKey, SecretKey};
use ring::digest::{self, Algorithm, digest};
use ring::rand::{SecureRandom, SystemRandom};
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// Whether `signature`, r and s in 32 bytes each (RFC 7518 section 3.4), is a valid signature of `message` with SHA-256
/// by the key with this point. The point is uncompressed: 4, x, y.
pub(crate) fn is_signed(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    Signature::from_slice(signature)
        .is_ok_and(|signature| verify(point, message, &signature, &digest::SHA256))
}

fn verify(point: &[u8], message: &[u8], signature: &Signature, hash: &'static Algorithm) -> bool {
    let Ok(key) = VerifyingKey::from_sec1_bytes(point) else { return false };
    key.verify_prehash(digest(hash, message).as_ref(), signature).is_ok()
}

/// ECDSA with P-256 and SHA-256 for certificates and TLS, whose signatures are in DER.
#[derive(Debug)]
pub(super) struct Sha256;

/// The same with SHA-384.
#[derive(Debug)]
pub(super) struct Sha384;

macro_rules! signatures {
    ($($name:ident: $hash:expr, $id:expr;)*) => {
        $(impl SignatureVerificationAlgorithm for $name {
            fn verify_signature(&self, point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
                let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
                verify(point, message, &signature, $hash).then_some(()).ok_or(InvalidSignature)
            }

            fn public_key_alg_id(&self) -> AlgorithmIdentifier {
                alg_id::ECDSA_P256
            }

            fn signature_alg_id(&self) -> AlgorithmIdentifier {
                $id
            }
        })*
    };
}

signatures! {
    Sha256: &digest::SHA256, alg_id::ECDSA_SHA256;
    Sha384: &digest::SHA384, alg_id::ECDSA_SHA384;
}

/// The key exchange group.
#[derive(Debug)]
pub(super) struct Secp256r1;

impl SupportedKxGroup for Secp256r1 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let secret = loop {
            let mut bytes = [0; 32];
            SystemRandom::new().fill(&mut bytes).map_err(|_| GetRandomFailed)?;
            // About one in 2^32 is zero or not below the group's order.
            if let Ok(secret) = SecretKey::from_slice(&bytes) {
                break secret;
            }
        };
        let public = secret.public_key().to_encoded_point(false).as_bytes().to_vec();
        Ok(Box::new(Exchange { secret, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}

struct Exchange {
    secret: SecretKey,
    public: Vec<u8>,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        // Only the uncompressed form is allowed (RFC 8446 section 4.2.8.2).
        let peer = Some(peer).filter(|peer| peer.first() == Some(&4));
        let peer = peer.and_then(|peer| PublicKey::from_sec1_bytes(peer).ok());
        let peer = peer.ok_or(PeerMisbehaved::InvalidKeyShare)?;
        let shared = diffie_hellman(self.secret.to_nonzero_scalar(), peer.as_affine());
        Ok(SharedSecret::from(&shared.raw_secret_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        &self.public
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp256r1
    }
}
