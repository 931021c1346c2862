//! Reads the service's variables and makes its state.

pub(crate) mod providers;
pub(crate) mod vars;

use std::hash::RandomState;
use std::time::Instant;

use ring::rand::{SecureRandom, SystemRandom};
use space_kit::outgoing::{Connector, Pool};
use space_kit::rate_limit::{Limiter, Rate};
use space_kit::{Config, Cors, Env, Log, parse};

use crate::State;
use crate::cookie::Cookies;
use crate::flow;
use crate::keys::Keys;
use crate::oidc::Provider;
use crate::origin::{self, Trusted};
use crate::secret::Secret;
use crate::session::Life;
use crate::spent::Spent;
use crate::state::Lives;
use providers::Settings;

/// The state of the service; `None` means that `env` has the problems, all of them.
pub(crate) fn configure(env: &mut Env<'_>, kit: &Config) -> Option<State> {
    let dev = env.read(&vars::DEV_SIGN_IN, yes_or_no);
    let settings = providers::read(env);
    let base = base(env, kit, dev != Some(false));
    let sites = sites(env, &kit.cors);
    let lives = lives(env);
    let epoch = env.read(&vars::SESSION_EPOCH, |text| text.parse::<u64>().ok());
    let rate = env.read(&vars::SIGN_IN_RATE, Rate::parse);
    let frame_ancestors = env.read(&vars::FRAME_ANCESTORS, parse_sources);
    let pool = Connector::configure(env).map(Pool::new);
    let provided = match (dev, &settings) {
        (Some(true), Some(settings)) => refuse_dev(env, kit, settings, base.as_deref()),
        (Some(false), Some(settings)) if settings.is_empty() => {
            let names = "is needed: a Space with hf_oauth: true has it; elsewhere set it with OAUTH_CLIENT_SECRET \
                         (and OPENID_PROVIDER_URL), or PROVIDERS, or DEV_SIGN_IN=yes to try the service locally";
            env.problem(&vars::OAUTH_CLIENT_ID, names.to_owned());
            None
        }
        _ => Some(()),
    };
    // With no provider, that there is no secret either says nothing new.
    let is_needed = dev == Some(false) && settings.as_ref().is_some_and(|settings| !settings.is_empty());
    let secrets = secrets(env, settings.as_deref().unwrap_or_default(), is_needed);
    let (dev, settings, base, lives, pool) = (dev?, settings?, base?, lives?, pool?);
    let (secrets, sites, epoch, rate) = (secrets?, sites?, epoch?, rate?);
    let frame_ancestors = frame_ancestors?;
    provided?;
    let log = Log::new(kit.log_level, kit.log_format);
    let secrets = match secrets {
        Some(secrets) => secrets,
        None if dev => vec![random_secret()?],
        None => {
            log.info("AUTH_SECRET is unset: keys are derived from OAUTH_CLIENT_SECRET", &[]);
            vec![client_secret(&settings).and_then(Secret::from_client_secret)?]
        }
    };
    let secrets = match dev {
        true => secrets.into_iter().map(Secret::of_development).collect(),
        false => secrets,
    };
    if dev {
        warn_of_dev(&log, kit);
    }
    let secure = base.starts_with("https:");
    let providers = match settings.is_empty() {
        true => vec![Provider::dev(env.read(&vars::OAUTH_PROVIDER_NAME, |name| Some(name.to_owned()))?)],
        false => settings.into_iter().map(|one| Provider::open_id(one, &pool)).collect(),
    };
    Some(State {
        issuer: if dev { format!("dev:{base}") } else { base.clone() },
        trusted: Trusted::new(base, sites),
        cookies: Cookies {
            secure,
            cross_site: secure && (kit.on_space || env.is_set(vars::SPACE_HOST.name)),
        },
        keys: Keys::derive(secrets),
        signed_out: Spent::new(lives.session.idle.max(lives.bearer.idle), RandomState::new()),
        used: Spent::new(flow::LIFE, RandomState::new()),
        lives,
        epoch,
        limiter: Limiter::new(rate, Instant::now(), RandomState::new()),
        random: SystemRandom::new(),
        frame_ancestors,
        providers,
        dev,
    })
}

/// The service's own origin.
fn base(env: &mut Env<'_>, kit: &Config, dev: bool) -> Option<String> {
    let reachable = |text: &str| {
        origin::parse(text).filter(|origin| origin.starts_with("https:") || origin::is_loopback(origin))
    };
    let given = env.optional(&vars::AUTH_URL, reachable);
    let space = env.optional(&vars::SPACE_HOST, |text| {
        reachable(&format!("https://{}", text.split(',').next()?.trim()))
    });
    let (given, space) = (given?, space?);
    let local =
        dev.then(|| format!("http://127.0.0.1:{}", kit.listen.port())).and_then(|url| origin::parse(&url));
    let base = given.or(space).or(local);
    if base.is_none() {
        let message = "is needed outside of a Space: the address at which browsers reach this service";
        env.problem(&vars::AUTH_URL, message.to_owned());
    }
    base
}

fn sites(env: &mut Env<'_>, cors: &Cors) -> Option<Vec<String>> {
    match cors {
        Cors::None => Some(Vec::new()),
        Cors::Origins(origins) => Some(origins.clone()),
        Cors::Any => {
            let message = format!("\"*\" is not accepted; accepted: {}", vars::TRUSTED_ORIGINS.accepts);
            env.problem(&vars::TRUSTED_ORIGINS, message);
            None
        }
    }
}

fn lives(env: &mut Env<'_>) -> Option<Lives> {
    let seconds =
        |text: &str| parse::duration(text).map(|time| time.as_secs()).filter(|&seconds| seconds > 0);
    let idle = env.read(&vars::SESSION_IDLE, seconds);
    let most = env.read(&vars::SESSION_MAX, seconds);
    let bearer = env.read(&vars::BEARER_IDLE, seconds);
    let most = most?;
    Some(Lives { session: Life { idle: idle?, most }, bearer: Life { idle: bearer?, most } })
}

/// The made-up users of `DEV_SIGN_IN` stay on the developer's machine.
fn refuse_dev(env: &mut Env<'_>, kit: &Config, settings: &[Settings], base: Option<&str>) -> Option<()> {
    let mut fine = Some(());
    for (is_so, message) in [
        (
            kit.on_space || env.is_set(vars::SPACE_HOST.name),
            "yes is not accepted on a Space: anybody could sign in as anybody",
        ),
        (
            !settings.is_empty(),
            "yes is not accepted beside a provider; unset OAUTH_CLIENT_ID and PROVIDERS, or this",
        ),
        (
            !base.is_none_or(origin::is_loopback),
            "yes is not accepted unless AUTH_URL is on this machine, such as http://127.0.0.1:7861",
        ),
    ] {
        if is_so {
            env.problem(&vars::DEV_SIGN_IN, message.to_owned());
            fine = None;
        }
    }
    fine
}

fn warn_of_dev(log: &Log, kit: &Config) {
    let host = kit.listen.ip();
    let elsewhere = match host.is_loopback() || kit.listen_fds {
        true => String::new(),
        false => format!(
            "; HOST is {host}, so from any machine that reaches this one: set HOST=127.0.0.1, unless this is a \
             container that is published on 127.0.0.1 alone"
        ),
    };
    log.warn(
        &format!("DEV_SIGN_IN: anybody may sign in as anybody, for local development alone{elsewhere}"),
        &[],
    );
}

/// The secrets that are given, the current one first; `Some(None)` where there is none, and none `is_needed` or the main
/// provider's client secret will do.
fn secrets(env: &mut Env<'_>, settings: &[Settings], is_needed: bool) -> Option<Option<Vec<Secret>>> {
    let client = client_secret(settings);
    let one = env.optional(&vars::AUTH_SECRET, Secret::parse);
    let list = env.optional(&vars::AUTH_SECRETS, |text| Secret::parse_list(text, client));
    match (one?, list?) {
        (Some(_), Some(_)) => {
            env.problem(&vars::AUTH_SECRETS, "is set beside AUTH_SECRET; unset one of them".to_owned());
            None
        }
        (Some(one), None) => Some(Some(vec![one])),
        (None, None) if is_needed && client.and_then(Secret::from_client_secret).is_none() => {
            let why = match client {
                Some(_) => "OAUTH_CLIENT_SECRET is too short or too plain to derive keys from",
                None => "there is no OAUTH_CLIENT_SECRET to derive keys from",
            };
            let message = format!("is needed, because {why}; make one with: openssl rand -base64 32");
            env.problem(&vars::AUTH_SECRET, message);
            None
        }
        (None, list) => Some(list),
    }
}

/// The main provider's client secret.
fn client_secret(settings: &[Settings]) -> Option<&str> {
    settings.iter().find(|one| one.main)?.client_secret.as_deref()
}

/// A secret that nobody knows and that ends with the process.
fn random_secret() -> Option<Secret> {
    let mut bytes = [0_u8; 64];
    SystemRandom::new().fill(&mut bytes).ok()?;
    // Bytes as characters of the private use area: any 64 random ones are varied enough.
    let text: String = bytes.iter().filter_map(|byte| char::from_u32(0xE000 + u32::from(*byte))).collect();
    Secret::parse(&text)
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// The sources of one directive of a content security policy. Its words have quotes, which one forgets.
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
