//! Keys derived from the secrets by HKDF-SHA256 (RFC 5869): a different `info` for each purpose, so that no key
//! does another's work.

use std::sync::LazyLock;

use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::seal::Sealer;
use crate::secret::{Origin, Secret};
use crate::token::Signer;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The session cookie.
    Session,
    /// The token that a page on another site sends as `Authorization: Bearer`.
    Bearer,
    /// The cookie of a sign-in under way.
    Flow,
    /// The made-up user of local development on the way from its page to the callback.
    DevUser,
}

impl Purpose {
    /// The `info` of the purpose's key, and what a sealed value is bound to.
    pub(crate) fn label(self) -> &'static [u8] {
        match self {
            Purpose::Session => b"session/v1",
            Purpose::Bearer => b"bearer/v1",
            Purpose::Flow => b"flow/v1",
            Purpose::DevUser => b"dev-user/v1",
        }
    }
}

/// The `info` of the seed for signatures.
const SIGNING: &[u8] = b"jwt/ed25519/v1";

/// Something that is made when it is first needed: a start does not wait for it.
pub(crate) type Later<T> = LazyLock<T, Box<dyn FnOnce() -> T + Send>>;

/// All keys of a service.
pub(crate) struct Keys {
    pub(crate) session: Sealer,
    pub(crate) bearer: Sealer,
    pub(crate) flow: Sealer,
    pub(crate) dev_user: Sealer,
    /// The first signs; all are published.
    pub(crate) signers: Later<Vec<Signer>>,
}

impl Keys {
    /// Derives everything from one secret or more; the first is the current one.
    pub(crate) fn derive(secrets: Vec<Secret>) -> Later<Keys> {
        LazyLock::new(Box::new(move || {
            let roots: Vec<Prk> = secrets.iter().map(root).collect();
            let sealer = |purpose: Purpose| {
                Sealer::new(purpose, roots.iter().filter_map(|root| expand(root, purpose.label())))
            };
            Keys {
                session: sealer(Purpose::Session),
                bearer: sealer(Purpose::Bearer),
                flow: sealer(Purpose::Flow),
                dev_user: sealer(Purpose::DevUser),
                signers: LazyLock::new(Box::new(move || {
                    roots.iter().filter_map(|root| Signer::from_seed(&expand(root, SIGNING)?)).collect()
                })),
            }
        }))
    }
}

fn root(secret: &Secret) -> Prk {
    let salt: &[u8] = match secret.origin() {
        Origin::Given => b"nodejs-backend/auth-secret",
        Origin::Client => b"nodejs-backend/oauth-client-secret",
        Origin::Development => b"nodejs-backend/development",
    };
    Salt::new(HKDF_SHA256, salt).extract(secret.bytes())
}

/// So many bytes of output.
pub(crate) struct Length(pub(crate) usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// `N` bytes for an `info`. `None` beyond 255 blocks of 32 bytes (RFC 5869 section 2.3).
pub(crate) fn expand<const N: usize>(root: &Prk, info: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    root.expand(&[info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn secret(seed: char) -> Secret {
        Secret::parse(&format!("{seed}0123456789abcdefghijklmnopqrstuvwxyz")).unwrap()
    }

    pub(crate) fn keys(seeds: &str) -> Later<Keys> {
        Keys::derive(seeds.chars().map(secret).collect())
    }

    #[test]
    fn no_purposes_key_opens_what_another_sealed() {
        let keys = keys("A");
        let all = [&keys.session, &keys.bearer, &keys.flow, &keys.dev_user];
        for (at, sealer) in all.iter().enumerate() {
            let sealed = sealer.seal(b"text", [7; 16]).unwrap();
            for (other, opener) in all.iter().enumerate() {
                assert_eq!(opener.open(&sealed).is_some(), at == other, "{at} and {other}");
            }
        }
    }

    #[test]
    fn the_same_secret_gives_the_same_keys_and_another_one_others() {
        let sealed = keys("A").session.seal(b"text", [7; 16]).unwrap();
        assert!(keys("A").session.open(&sealed).is_some());
        assert!(keys("B").session.open(&sealed).is_none());
        let kid = |keys: &Keys| keys.signers[0].kid().to_owned();
        assert_eq!(kid(&keys("A")), kid(&keys("A")));
        assert_ne!(kid(&keys("A")), kid(&keys("B")));
    }

    #[test]
    fn after_a_rotation_the_old_secrets_values_open_and_are_told_to_be_old() {
        let sealed = keys("A").session.seal(b"text", [7; 16]).unwrap();
        let rotated = keys("BA");
        assert!(!rotated.session.open(&sealed).unwrap().current);
        let renewed = rotated.session.seal(b"text", [8; 16]).unwrap();
        assert!(rotated.session.open(&renewed).unwrap().current);
        assert!(keys("A").session.open(&renewed).is_none());
    }

    #[test]
    fn a_key_of_local_development_opens_nothing_elsewhere_though_the_secret_is_the_same() {
        let (here, dev) = (keys("A"), Keys::derive(vec![secret('A').of_development()]));
        assert_ne!(here.signers[0].kid(), dev.signers[0].kid());
        let sealed = dev.session.seal(b"x", [1; 16]).unwrap();
        assert!(here.session.open(&sealed).is_none() && dev.session.open(&sealed).is_some());
    }

    #[test]
    fn a_client_secret_never_gives_the_keys_of_the_same_text_as_auth_secret() {
        let text = "A0123456789abcdefghijklmnopqrstuvwxyz";
        let given = Keys::derive(vec![Secret::parse(text).unwrap()]);
        let client = Keys::derive(vec![Secret::from_client_secret(text).unwrap()]);
        assert_ne!(given.signers[0].kid(), client.signers[0].kid());
        assert!(client.session.open(&given.session.seal(b"x", [1; 16]).unwrap()).is_none());
    }
}
