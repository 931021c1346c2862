//! The secrets that all keys are derived from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};
use space_kit::Env;
use space_kit::seal::GatewaySecret;

use super::vars;
use crate::crypto::secret::Secret;
use crate::oidc::settings::ProviderSettings;
use crate::state::KeepToken;

/// The configured secrets, the current one first. `Some(None)` if there are none and they are not `required`, or if the
/// main provider's client secret can replace them.
pub(super) fn read(
    env: &mut Env<'_>,
    settings: &[ProviderSettings],
    required: bool,
) -> Option<Option<Vec<Secret>>> {
    let client = client_secret(settings);
    let one = env.optional(&vars::AUTH_SECRET, Secret::parse);
    let list = env.optional(&vars::AUTH_SECRETS, |text| Secret::parse_list(text, client));
    match (one?, list?) {
        (Some(_), Some(_)) => {
            env.problem(
                &vars::AUTH_SECRETS,
                "is set together with AUTH_SECRET: unset one of them".to_owned(),
            );
            None
        }
        (Some(one), None) => Some(Some(vec![one])),
        (None, None) if required && client.and_then(Secret::from_client_secret).is_none() => {
            let why = match client {
                Some(_) => "OAUTH_CLIENT_SECRET is too short or too uniform to derive keys from",
                None => "there is no OAUTH_CLIENT_SECRET to derive keys from",
            };
            let message = format!(
                "is required, because {why}; a new one is AUTH_SECRET={}",
                random_text().unwrap_or_default()
            );
            env.problem(&vars::AUTH_SECRET, message);
            None
        }
        (None, list) => Some(list),
    }
}

/// The secret that a gateway has too. It needs a token to seal, and gives the gateway none of the service's own keys.
pub(super) fn gateway(
    env: &mut Env<'_>,
    keep_token: Option<KeepToken>,
    own: Option<&Option<Vec<Secret>>>,
) -> Option<Option<GatewaySecret>> {
    let secret = env.optional(&vars::GATEWAY_SECRET, GatewaySecret::parse)?;
    let is_own =
        |secret: &GatewaySecret| own.into_iter().flatten().flatten().any(|own| secret.is_same(own.bytes()));
    let problem = match (&secret, keep_token) {
        (Some(_), Some(KeepToken::No)) => {
            "is set, but there is nothing to seal: set KEEP_PROVIDER_TOKEN=gateway or unset this"
        }
        (Some(secret), _) if is_own(secret) => {
            "is the same as AUTH_SECRET, so the gateway could sign anyone in: set another one"
        }
        (None, Some(KeepToken::Gateway)) => {
            "is required with KEEP_PROVIDER_TOKEN=gateway; generate one with: openssl rand -base64 32"
        }
        _ => return Some(secret),
    };
    env.problem(&vars::GATEWAY_SECRET, problem.to_owned());
    None
}

/// The secrets to use: the `configured` ones; else random bytes for local development, or the client secret.
pub(super) fn or_default(
    configured: Option<Vec<Secret>>,
    settings: &[ProviderSettings],
    dev: bool,
    env: &mut Env<'_>,
) -> Option<Vec<Secret>> {
    let secrets = match configured {
        Some(secrets) => secrets,
        // It lasts as long as the process.
        None if dev => vec![Secret::parse(&random_text()?)?],
        None => {
            env.notice("AUTH_SECRET is unset: keys are derived from OAUTH_CLIENT_SECRET");
            vec![client_secret(settings).and_then(Secret::from_client_secret)?]
        }
    };
    Some(match dev {
        true => secrets.into_iter().map(Secret::for_development).collect(),
        false => secrets,
    })
}

/// The client secret of the main provider.
fn client_secret(settings: &[ProviderSettings]) -> Option<&str> {
    settings.iter().find(|one| one.main)?.client_secret.as_deref()
}

/// A random text that is varied enough for a secret.
fn random_text() -> Option<String> {
    let mut bytes = [0_u8; 48];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(STANDARD.encode(bytes))
}
