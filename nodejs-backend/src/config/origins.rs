//! The service's own origin and the trusted sites.

use space_kit::web::Origin;
use space_kit::{Config, Cors, Env};

use super::vars;

/// The service's own origin: `AUTH_URL`, else the Space's address, else (with `dev`) this machine.
pub(super) fn base(env: &mut Env<'_>, kit: &Config, dev: bool) -> Option<Origin> {
    let reachable = |text: &str| Origin::parse(text).filter(|origin| origin.tls || origin.is_loopback());
    let given = env.optional(&vars::AUTH_URL, reachable);
    let space = env.optional(&vars::SPACE_HOST, |text| {
        reachable(&format!("https://{}", text.split(',').next()?.trim()))
    });
    let (given, space) = (given?, space?);
    let local =
        dev.then(|| format!("http://127.0.0.1:{}", kit.listen.port())).and_then(|url| Origin::parse(&url));
    let base = given.or(space).or(local);
    if base.is_none() {
        let message = "is required outside of a Space: the address at which browsers reach this service";
        env.problem(&vars::AUTH_URL, message.to_owned());
    }
    base
}

/// The origins of the Space's custom domains, which follow its first host name.
pub(super) fn further_hosts(env: &mut Env<'_>) -> Option<Vec<String>> {
    let further = env.optional(&vars::SPACE_HOST, |text| {
        let hosts = text.split(',').skip(1).map(str::trim).filter(|host| !host.is_empty());
        hosts.map(|host| Origin::parse(&format!("https://{host}")).map(|origin| origin.to_string())).collect()
    });
    Some(further?.unwrap_or_default())
}

/// The trusted sites. `*` is a problem, because a trusted site may read sessions.
pub(super) fn sites(env: &mut Env<'_>, cors: &Cors) -> Option<Vec<String>> {
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
