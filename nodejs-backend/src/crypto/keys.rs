//! The service's keys, derived from its secrets by HKDF-SHA256 (RFC 5869). Each purpose has a different `info`, so that
//! no key serves two purposes.

use std::sync::LazyLock;

use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use space_kit::seal::{Sealer, expand};

use super::purpose::Purpose;
use super::secret::{Secret, SecretSource};
use super::token::Signer;

/// The `info` that derives the seed of a signing key.
const SIGNING: &[u8] = b"jwt/ed25519/v1";

/// A value that the first request which needs it computes, so that start-up does not.
pub(crate) type Deferred<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// All keys of a service.
pub(crate) struct Keys {
    pub(crate) session: Sealer,
    pub(crate) bearer: Sealer,
    pub(crate) flow: Sealer,
    pub(crate) account: Sealer,
    pub(crate) dev_user: Sealer,
    /// The first key signs; all are published.
    pub(crate) signers: Deferred<Vec<Signer>>,
}

impl Keys {
    /// Derives all keys from one or more secrets. The first secret is the current one.
    pub(crate) fn derive(secrets: Vec<Secret>) -> Deferred<Keys> {
        LazyLock::new(Box::new(move || {
            let roots: Vec<Prk> = secrets.iter().map(root).collect();
            let sealer = |purpose: Purpose| {
                Sealer::new(purpose.label(), roots.iter().filter_map(|root| expand(root, purpose.label())))
            };
            Keys {
                session: sealer(Purpose::Session),
                bearer: sealer(Purpose::Bearer),
                flow: sealer(Purpose::Flow),
                account: sealer(Purpose::Account),
                dev_user: sealer(Purpose::DevUser),
                signers: LazyLock::new(Box::new(move || {
                    roots.iter().filter_map(|root| Signer::from_seed(&expand(root, SIGNING)?)).collect()
                })),
            }
        }))
    }
}

/// The root of all keys of a secret. The salt depends on the secret's source, so that the same text from two sources
/// gives different keys.
fn root(secret: &Secret) -> Prk {
    let salt: &[u8] = match secret.source() {
        SecretSource::Configured => b"nodejs-backend/auth-secret",
        SecretSource::ClientSecret => b"nodejs-backend/oauth-client-secret",
        SecretSource::Development => b"nodejs-backend/development",
    };
    Salt::new(HKDF_SHA256, salt).extract(secret.bytes())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn secret(seed: char) -> Secret {
        Secret::parse(&format!("{seed}0123456789abcdefghijklmnopqrstuvwxyz")).unwrap()
    }

    pub(crate) fn keys(seeds: &str) -> Deferred<Keys> {
        Keys::derive(seeds.chars().map(secret).collect())
    }

    #[test]
    fn a_value_opens_only_with_the_key_of_its_purpose() {
        let keys = keys("A");
        let all = [&keys.session, &keys.bearer, &keys.flow, &keys.account, &keys.dev_user];
        for (at, sealer) in all.iter().enumerate() {
            let sealed = sealer.seal(b"text", [7; 16]).unwrap();
            for (other, opener) in all.iter().enumerate() {
                assert_eq!(opener.open(&sealed).is_some(), at == other, "{at} and {other}");
            }
        }
    }

    #[test]
    fn keys_depend_only_on_the_secret() {
        let sealed = keys("A").session.seal(b"text", [7; 16]).unwrap();
        assert!(keys("A").session.open(&sealed).is_some());
        assert!(keys("B").session.open(&sealed).is_none());
        let kid = |keys: &Keys| keys.signers[0].kid().to_owned();
        assert_eq!(kid(&keys("A")), kid(&keys("A")));
        assert_ne!(kid(&keys("A")), kid(&keys("B")));
    }

    #[test]
    fn after_a_rotation_values_of_the_old_secret_open_and_are_marked_not_current() {
        let sealed = keys("A").session.seal(b"text", [7; 16]).unwrap();
        let rotated = keys("BA");
        assert!(!rotated.session.open(&sealed).unwrap().current);
        let renewed = rotated.session.seal(b"text", [8; 16]).unwrap();
        assert!(rotated.session.open(&renewed).unwrap().current);
        assert!(keys("A").session.open(&renewed).is_none());
    }

    #[test]
    fn local_development_has_different_keys_even_with_the_same_secret() {
        let (here, dev) = (keys("A"), Keys::derive(vec![secret('A').for_development()]));
        assert_ne!(here.signers[0].kid(), dev.signers[0].kid());
        let sealed = dev.session.seal(b"x", [1; 16]).unwrap();
        assert!(here.session.open(&sealed).is_none() && dev.session.open(&sealed).is_some());
    }

    #[test]
    fn a_client_secret_and_an_auth_secret_of_the_same_text_give_different_keys() {
        let text = "A0123456789abcdefghijklmnopqrstuvwxyz";
        let given = Keys::derive(vec![Secret::parse(text).unwrap()]);
        let client = Keys::derive(vec![Secret::from_client_secret(text).unwrap()]);
        assert_ne!(given.signers[0].kid(), client.signers[0].kid());
        assert!(client.session.open(&given.session.seal(b"x", [1; 16]).unwrap()).is_none());
    }
}
