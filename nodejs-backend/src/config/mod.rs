//! Reads the service's variables and builds its state.

mod origins;
mod providers;
mod secrets;
pub(crate) mod vars;

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Instant;

use ring::rand::SystemRandom;
use space_kit::outgoing::{Connector, Pool};
use space_kit::rate_limit::{Limiter, Rate};
use space_kit::web::Origin;
use space_kit::{Config, Env, Survivors, parse};

use crate::State;
use crate::crypto::keys::Keys;
use crate::oidc::Provider;
use crate::oidc::settings::ProviderSettings;
use crate::session::allow::AllowList;
use crate::session::refreshes::Refreshes;
use crate::session::replay::{ReplayCache, SIGN_OUTS, STATE_RECORDS, STATES};
use crate::session::{Lifetime, Lifetimes};
use crate::state::KeepToken;
use crate::web::cookie::CookieSettings;
use crate::web::trusted_origins::TrustedOrigins;

/// The state of the service. `None` if a variable is invalid; `env` then has all problems.
pub(crate) fn configure(env: &mut Env<'_>, kit: &Config) -> Option<State> {
    let dev = env.read(&vars::DEV_SIGN_IN, yes_or_no);
    let base = origins::base(env, kit, dev != Some(false));
    let on_space = kit.on_space || env.is_set(vars::SPACE_HOST.name);
    let settings = providers::read(env, base.as_ref(), on_space, dev != Some(false));
    let sites = origins::sites(env, &kit.cors);
    let own = origins::further_hosts(env);
    let allow = env.read(&vars::SIGN_IN_ALLOW, AllowList::parse);
    let lifetimes = lifetimes(env);
    let keep_token = env.read(&vars::KEEP_PROVIDER_TOKEN, keep_token);
    explain_payment(env, keep_token, settings.as_deref().unwrap_or_default());
    let epoch = env.read(&vars::SESSION_EPOCH, |text| text.parse::<u64>().ok());
    let rate = env.read(&vars::SIGN_IN_RATE, Rate::parse);
    let frame_ancestors = env.read(&vars::FRAME_ANCESTORS, parse_sources);
    let pool = Connector::configure(env).map(Pool::new);
    let has_provider = match (dev, &settings) {
        (Some(true), Some(settings)) => check_dev(env, on_space, settings, base.as_ref()),
        (Some(false), Some(settings)) if settings.is_empty() => {
            let message = format!(
                "is required. A Space with hf_oauth: true sets it. Elsewhere set it together with OAUTH_CLIENT_SECRET \
                 (and OPENID_PROVIDER_URL), or set PROVIDERS, or set DEV_SIGN_IN=yes to try the service locally. Hugging \
                 Face needs none, {}",
                providers::FETCHED
            );
            env.problem(&vars::OAUTH_CLIENT_ID, message);
            None
        }
        _ => Some(()),
    };
    // Without a provider, a missing secret is not a second problem.
    let required = dev == Some(false) && settings.as_ref().is_some_and(|settings| !settings.is_empty());
    let secrets = secrets::read(env, settings.as_deref().unwrap_or_default(), required);
    let gateway = secrets::gateway(env, keep_token, secrets.as_ref());
    let (dev, settings, base, lifetimes, pool) = (dev?, settings?, base?, lifetimes?, pool?);
    let (secrets, sites, epoch, rate) = (secrets?, sites?, epoch?, rate?);
    let frame_ancestors = frame_ancestors?;
    has_provider?;
    let secrets = secrets::or_default(secrets, &settings, dev, env)?;
    if dev {
        notice_dev(env, kit);
    }
    let secure = base.tls;
    let providers = match settings.is_empty() {
        true => {
            vec![Provider::Dev { name: env.read(&vars::OAUTH_PROVIDER_NAME, |name| Some(name.to_owned()))? }]
        }
        false => settings.into_iter().map(|one| Provider::open_id(one, &pool)).collect(),
    };
    let survivors = Arc::new(Survivors::of(&kit.restarts));
    Some(State {
        issuer: if dev { format!("dev:{base}") } else { base.to_string() },
        trusted: TrustedOrigins::new(&base, sites).with_own(own?),
        allow: allow?,
        cookies: CookieSettings { secure, cross_site: secure && on_space },
        keys: Keys::derive(secrets),
        revoked_sessions: ReplayCache::new(SIGN_OUTS, RandomState::new()).surviving(survivors.clone(), 0),
        used_states: ReplayCache::new(STATES, RandomState::new()).surviving(survivors, STATE_RECORDS),
        lifetimes,
        epoch,
        limiter: Limiter::new(rate, Instant::now(), RandomState::new()).charging(kit.restarts.client()),
        random: SystemRandom::new(),
        frame_ancestors,
        providers,
        keep_token: keep_token?,
        gateway: gateway?,
        refreshes: Refreshes::default(),
        dev,
    })
}

/// Says in `check` if kept tokens of Hugging Face cannot pay.
fn explain_payment(env: &mut Env<'_>, keep: Option<KeepToken>, settings: &[ProviderSettings]) {
    let keeps = matches!(keep, Some(KeepToken::Pages | KeepToken::Gateway));
    let main = settings.first().filter(|one| one.main && one.issuer == vars::OPENID_PROVIDER_URL.default);
    if keeps && main.is_some_and(|one| !one.scopes.split(' ').any(|scope| scope == "inference-api")) {
        env.explain(|| "visitors cannot pay for inference: OAUTH_SCOPES lacks inference-api".to_owned());
    }
}

fn lifetimes(env: &mut Env<'_>) -> Option<Lifetimes> {
    let seconds =
        |text: &str| parse::duration(text).map(|time| time.as_secs()).filter(|&seconds| seconds > 0);
    let idle = env.read(&vars::SESSION_IDLE, seconds);
    let max = env.read(&vars::SESSION_MAX, seconds);
    let bearer = env.read(&vars::BEARER_IDLE, seconds);
    let max = max?;
    Some(Lifetimes { cookie: Lifetime { idle: idle?, max }, bearer: Lifetime { idle: bearer?, max } })
}

/// Rejects `DEV_SIGN_IN` wherever its made-up users could reach anyone but the developer.
fn check_dev(
    env: &mut Env<'_>,
    on_space: bool,
    settings: &[ProviderSettings],
    base: Option<&Origin>,
) -> Option<()> {
    let mut accepted = Some(());
    for (is_problem, message) in [
        (on_space, "yes is not accepted on a Space, because anyone could sign in as any user"),
        (
            !settings.is_empty(),
            "yes is not accepted together with a provider: unset OAUTH_CLIENT_ID and PROVIDERS, or unset this",
        ),
        (
            !base.is_none_or(Origin::is_loopback),
            "yes is accepted only if AUTH_URL is on this machine, such as http://127.0.0.1:7861",
        ),
    ] {
        if is_problem {
            env.problem(&vars::DEV_SIGN_IN, message.to_owned());
            accepted = None;
        }
    }
    accepted
}

fn notice_dev(env: &mut Env<'_>, kit: &Config) {
    let host = kit.listen.ip();
    let reachable = match host.is_loopback() || kit.listen_fds {
        true => String::new(),
        false => format!(
            " HOST is {host}, so other machines may reach this service: set HOST=127.0.0.1, unless this is a \
             container that is published only on 127.0.0.1."
        ),
    };
    env.notice(format!(
        "DEV_SIGN_IN is on: anyone can sign in as any user. Use it for local development only.{reachable}"
    ));
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

fn keep_token(text: &str) -> Option<KeepToken> {
    match text {
        "gateway" => Some(KeepToken::Gateway),
        text => Some(if yes_or_no(text)? { KeepToken::Pages } else { KeepToken::No }),
    }
}

/// The sources of one directive of a content security policy. The quotes of `'none'` and `'self'` may be missing.
fn parse_sources(text: &str) -> Option<String> {
    let plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b';' && b != b',';
    let quoted = |source| match source {
        "none" => "'none'",
        "self" => "'self'",
        source => source,
    };
    let sources: Vec<&str> = text.split(' ').map(quoted).collect();
    text.bytes().all(plain).then(|| sources.join(" "))
}
