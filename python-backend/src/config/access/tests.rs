//! Which settings go together, and the problems of those that do not.

use std::ffi::OsString;

use proptest::prelude::*;

use super::*;
use crate::config::vars::ACCESS_VARS;

const KEY: (&str, &str) = ("API_KEYS", "ann:sk-0123456789abcdefghij");
const ISSUER: (&str, &str) = ("JWT_ISSUER", "https://id.example");
const AUDIENCE: (&str, &str) = ("JWT_AUDIENCE", "us");
const ALLOW: (&str, &str) = ("JWT_ALLOW", "sub:ann");
const PROVIDER: (&str, &str) = ("OPENID_PROVIDER_URL", "https://huggingface.co");
const CLIENT: (&str, &str) = ("OAUTH_CLIENT_ID", "client-1");
const OPEN: (&str, &str) = ("ACCESS", "open");
const JWT: (&str, &str) = ("ACCESS", "jwt");

fn read_with(token: bool, set: &[(&str, &str)]) -> Result<AccessConfig, Vec<String>> {
    let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
    let mut env = Env::new(&lookup, &[]);
    let config = read(&mut env, token);
    let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
    assert_eq!(config.is_some(), problems.is_empty(), "{problems:?}");
    config.ok_or(problems)
}

fn modes(set: &[(&str, &str)]) -> (bool, bool, bool) {
    match read_with(true, set).unwrap().rule {
        AccessRule::Allow { open, keys, tokens } => (open, keys.is_some(), tokens.is_some()),
        AccessRule::NotConfigured => (false, false, false),
    }
}

fn tokens(set: &[(&str, &str)]) -> TokenRule {
    match read_with(true, set).unwrap().rule {
        AccessRule::Allow { tokens: Some(tokens), .. } => tokens,
        other => panic!("{other:?}"),
    }
}

/// The variables that have problems.
fn problems(set: &[(&str, &str)]) -> Vec<String> {
    let problems = read_with(true, set).unwrap_err();
    problems.iter().map(|problem| problem.split(':').next().unwrap().to_owned()).collect()
}

#[test]
fn without_settings_access_is_open_unless_there_is_an_upstream_token() {
    assert_eq!(read_with(true, &[]).unwrap(), AccessConfig { rule: AccessRule::NotConfigured, rate: None });
    let open = AccessRule::Allow { open: true, keys: None, tokens: None };
    assert_eq!(read_with(false, &[]).unwrap(), AccessConfig { rule: open, rate: None });
    assert_eq!(
        read_with(true, &[PROVIDER, CLIENT]).unwrap().rule,
        AccessRule::NotConfigured,
        "the platform's variables are no rule"
    );
}

#[test]
fn each_setting_turns_on_its_own_mode() {
    assert_eq!(modes(&[KEY]), (false, true, false));
    assert_eq!(modes(&[ISSUER, AUDIENCE, ALLOW]), (false, false, true));
    assert_eq!(modes(&[KEY, ISSUER, AUDIENCE, ALLOW]), (false, true, true));
    assert_eq!(modes(&[PROVIDER, CLIENT, ALLOW]), (false, false, true));
    assert_eq!(modes(&[OPEN]), (true, false, false));
    assert_eq!(modes(&[("ACCESS", "keys , jwt"), KEY, ISSUER, AUDIENCE, ALLOW]), (false, true, true));
    assert_eq!(modes(&[("ACCESS", "open,keys"), KEY]), (true, true, false));
}

#[test]
fn the_platforms_issuer_and_audience_are_used_together() {
    let expected =
        |issuer: &str, audience: &str| Expected { issuer: issuer.into(), audience: audience.into() };
    assert_eq!(
        tokens(&[JWT, PROVIDER, CLIENT, ALLOW]).expected,
        expected("https://huggingface.co", "client-1")
    );
    let own = [JWT, PROVIDER, CLIENT, ISSUER, AUDIENCE, ALLOW];
    assert_eq!(tokens(&own).expected, expected("https://id.example", "us"));
    assert_eq!(problems(&[JWT, PROVIDER, CLIENT, ISSUER, ALLOW]), ["JWT_AUDIENCE"]);
    assert_eq!(problems(&[JWT, PROVIDER, CLIENT, AUDIENCE, ALLOW]), ["JWT_ISSUER"]);
    assert_eq!(
        problems(&[JWT, ("OPENID_PROVIDER_URL", "http://id.example"), CLIENT, ALLOW]),
        ["OPENID_PROVIDER_URL"]
    );
    assert_eq!(modes(&[KEY, ("OPENID_PROVIDER_URL", "nonsense")]), (false, true, false), "it is not used");
}

#[test]
fn the_keys_come_from_the_issuer_or_from_the_given_url() {
    assert_eq!(tokens(&[ISSUER, AUDIENCE, ALLOW]).origin, Location::Issuer("https://id.example".to_owned()));
    let url = ("JWT_JWKS_URL", "http://127.0.0.1:9000/jwks");
    assert_eq!(tokens(&[ISSUER, AUDIENCE, ALLOW, url]).origin, Location::Address(url.1.to_owned()));
}

#[test]
fn the_issuer_of_dev_sign_in_is_accepted_only_on_this_machine() {
    let dev = ("JWT_ISSUER", "dev:http://127.0.0.1:7861");
    let rule = tokens(&[dev, AUDIENCE, ALLOW]);
    assert_eq!(rule.expected.issuer, dev.1);
    assert_eq!(rule.origin, Location::Address("http://127.0.0.1:7861/api/auth/jwks".to_owned()));
    assert!(read_with(true, &[dev, AUDIENCE, ALLOW]).unwrap().notice().unwrap().contains("JWT_ISSUER"));
    assert_eq!(read_with(true, &[ISSUER, AUDIENCE, ALLOW]).unwrap().notice(), None);
    assert_eq!(problems(&[dev, AUDIENCE, ALLOW, ("SPACE_ID", "me/app")]), ["JWT_ISSUER"]);
    for elsewhere in ["dev:https://id.example", "dev:http://10.0.0.1", "dev:", "dev:dev:http://127.0.0.1"] {
        assert_eq!(problems(&[("JWT_ISSUER", elsewhere), AUDIENCE, ALLOW]), ["JWT_ISSUER"], "{elsewhere}");
    }
}

#[test]
fn contradictions_name_their_variables() {
    for (set, named) in [
        (&[("ACCESS", "keys")][..], &["API_KEYS"][..]),
        (&[JWT], &["JWT_ALLOW", "JWT_ISSUER"]),
        (&[JWT, ISSUER, AUDIENCE], &["JWT_ALLOW"]),
        (&[JWT, PROVIDER, ALLOW], &["JWT_ISSUER"]),
        (&[ISSUER], &["JWT_ALLOW", "JWT_AUDIENCE"]),
        (&[AUDIENCE, ALLOW], &["JWT_ISSUER"]),
        (&[ALLOW], &["JWT_ISSUER"]),
        (&[("ACCESS", "keys,jwt")], &["API_KEYS", "JWT_ALLOW", "JWT_ISSUER"]),
        (&[OPEN, KEY], &["API_KEYS"]),
        (&[OPEN, ISSUER, ALLOW], &["JWT_ISSUER", "JWT_ALLOW"]),
        (&[OPEN, KEY, ALLOW], &["API_KEYS", "JWT_ALLOW"]),
        (&[JWT, KEY, ISSUER, AUDIENCE, ALLOW], &["API_KEYS"]),
        (&[("ACCESS", "everybody")], &["ACCESS"]),
        (&[("ACCESS", "open,open")], &["ACCESS"]),
        (&[("ACCESS", "open,")], &["ACCESS"]),
        (&[("ACCESS", "OPEN")], &["ACCESS"]),
        (&[("JWT_ISSUER", "http://id.example"), AUDIENCE, ALLOW], &["JWT_ISSUER"]),
        (&[ISSUER, ("JWT_AUDIENCE", "a\u{7}b"), ALLOW], &["JWT_AUDIENCE"]),
        (&[ISSUER, AUDIENCE, ALLOW, ("JWT_JWKS_URL", "file:///jwks")], &["JWT_JWKS_URL"]),
        (&[ISSUER, AUDIENCE, ("JWT_ALLOW", "ann")], &["JWT_ALLOW"]),
        (&[OPEN, ("RATE_LIMIT", "60")], &["RATE_LIMIT"]),
        (
            &[("API_KEYS", "short"), ("RATE_LIMIT", "fast"), ("ACCESS", "all")],
            &["ACCESS", "API_KEYS", "RATE_LIMIT"],
        ),
    ] {
        assert_eq!(problems(set), named, "{set:?}");
    }
}

#[test]
fn a_problem_with_keys_does_not_repeat_them() {
    let message = read_with(true, &[("API_KEYS", "sk-0123456789abcdefghij")]).unwrap_err().concat();
    assert!(!message.contains("0123"), "{message}");
}

#[test]
fn open_access_to_an_upstream_token_has_a_rate_limit_by_default() {
    let rate = |token, set: &[(&str, &str)]| read_with(token, set).unwrap().rate.map(|rate| rate.to_string());
    assert_eq!(rate(true, &[OPEN]).as_deref(), Some("20/min"));
    assert_eq!(rate(true, &[("ACCESS", "open,keys"), KEY]).as_deref(), Some("20/min"));
    assert_eq!(rate(false, &[OPEN]), None);
    assert_eq!(rate(true, &[KEY]), None);
    assert_eq!(rate(true, &[OPEN, ("RATE_LIMIT", "none")]), None);
    assert_eq!(rate(true, &[OPEN, ("RATE_LIMIT", "5/s")]).as_deref(), Some("5/s"));
    assert_eq!(rate(true, &[KEY, ("RATE_LIMIT", "60/min")]).as_deref(), Some("60/min"));
    assert_eq!(rate(true, &[ISSUER, AUDIENCE, ALLOW]), None);
    assert_eq!(rate(true, &[ISSUER, AUDIENCE, ("JWT_ALLOW", "*")]).as_deref(), Some("20/min"));
    assert_eq!(rate(false, &[ISSUER, AUDIENCE, ("JWT_ALLOW", "*")]), None);
}

#[test]
fn only_the_keys_are_secret() {
    let secret: Vec<_> = ACCESS_VARS.iter().filter(|var| var.secret).map(|var| var.name).collect();
    assert_eq!((secret, ACCESS_VARS.len()), (vec!["GATEWAY_SECRET", "API_KEYS"], 11));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// For any settings there is a rule or a problem, and access to a token is never open by accident.
    #[test]
    fn access_to_a_token_is_open_only_if_access_says_so(
        access in prop::option::of("open|keys|jwt|open,keys|keys,jwt|[ -~é漢]{0,5}"),
        keys in prop::option::of("a:[!-~]{18,22}"),
        issuer in prop::option::of("https?://(id|127\\.0\\.0\\.1)"),
        audience in prop::option::of("us"),
        allow in prop::option::of("\\*|sub:a|a"),
        on_space: bool,
    ) {
        let given = [("ACCESS", access), ("API_KEYS", keys), ("JWT_ISSUER", issuer), ("JWT_AUDIENCE", audience), ("JWT_ALLOW", allow)];
        let mut set: Vec<(&str, &str)> = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        if on_space {
            set.extend([PROVIDER, CLIENT]);
        }
        if let Ok(AccessConfig { rule: AccessRule::Allow { open, keys, tokens }, rate }) = read_with(true, &set) {
            let says_open = set.iter().any(|(name, value)| *name == "ACCESS" && value.contains("open"));
            prop_assert_eq!(open, says_open);
            prop_assert!(open || keys.is_some() || tokens.is_some());
            let all = tokens.is_some_and(|tokens| tokens.allow == AllowList::Everyone);
            prop_assert_eq!(rate.is_some(), open || all);
        }
    }
}
