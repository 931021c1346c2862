//! An invalid configuration ends the start with exit status 64 and a message that says what to set.

use space_kit::testing::Process;

use crate::browser::SECRET;
use crate::gateway::GATEWAY;

/// The exit status and output of `check` in this environment.
fn check(env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Process::command(env!("CARGO_BIN_EXE_nodejs-backend"), env);
    command.arg("check");
    let output = Process::run(command);
    let told = String::from_utf8(output.stderr).unwrap() + &String::from_utf8(output.stdout).unwrap();
    (output.status.code(), told)
}

const UUID: &str = "6f1d2c3b-90a1-4e5f-8b7c-112233445566";

#[test]
fn a_space_needs_only_the_variables_that_the_platform_sets() {
    let space = [
        ("SPACE_ID", "me/app"),
        ("SPACE_HOST", "me-app.hf.space"),
        ("OAUTH_CLIENT_ID", UUID),
        ("OAUTH_CLIENT_SECRET", UUID),
        ("OAUTH_SCOPES", "openid profile"),
        ("OPENID_PROVIDER_URL", "https://huggingface.co"),
    ];
    let (status, told) = check(&space);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains("keys are derived from OAUTH_CLIENT_SECRET") && !told.contains(UUID), "{told}");
}

#[test]
fn every_problem_names_what_is_accepted_and_repeats_no_secret() {
    let usual = [("AUTH_URL", "https://auth.example"), ("OAUTH_CLIENT_ID", "x"), ("AUTH_SECRET", SECRET)];
    let (status, told) = check(&usual);
    assert_eq!(status, Some(0), "{told}");
    for (more, wanted) in [
        (("AUTH_SECRET", "hunter2hunter2hunter2hunter2hunter2"), "openssl rand -base64 32"),
        (("AUTH_SECRETS", SECRET), "AUTH_SECRETS: is set together with AUTH_SECRET"),
        (("AUTH_URL", ""), "AUTH_URL: is required outside of a Space"),
        (("AUTH_URL", "http://auth.example"), "AUTH_URL: \"http://auth.example\" is not accepted"),
        (("AUTH_URL", "https://auth.example/path"), "an https origin such as"),
        (("OAUTH_SCOPES", "profile"), "including openid"),
        (("OPENID_PROVIDER_URL", "http://id.example"), "OPENID_PROVIDER_URL"),
        (("OAUTH_PROVIDER_NAME", "Hugging Face"), "lower-case letters"),
        (("PROVIDERS", "a,a"), "PROVIDERS"),
        (("PROVIDERS", "huggingface"), "contains the name of the main provider"),
        (("PROVIDERS", "my-id"), "MY_ID_CLIENT_ID: is required, because PROVIDERS contains my-id"),
        (("PROVIDERS", "my-id"), "MY_ID_PROVIDER_URL: is required, because PROVIDERS contains my-id"),
        (("PROVIDERS", "oauth"), "not oauth or openid"),
        (("PROVIDERS", "work,openid"), "not oauth or openid"),
        (("TRUSTED_ORIGINS", "*"), "TRUSTED_ORIGINS: \"*\" is not accepted"),
        (("TRUSTED_ORIGINS", "site.example"), "TRUSTED_ORIGINS"),
        (("TRUSTED_ORIGINS", "https://site.example/"), "without a path or trailing slash"),
        (("TRUSTED_ORIGINS", "https://site.example:0443"), "TRUSTED_ORIGINS"),
        (("TRUSTED_ORIGINS", "http://[0:0::1]:3000"), "TRUSTED_ORIGINS"),
        (("KEEP_PROVIDER_TOKEN", "maybe"), "KEEP_PROVIDER_TOKEN"),
        (("KEEP_PROVIDER_TOKEN", "gateway"), "GATEWAY_SECRET: is required with KEEP_PROVIDER_TOKEN=gateway"),
        (("GATEWAY_SECRET", "hunter2hunter2hunter2hunter2hunter2"), "GATEWAY_SECRET: the value given"),
        (("GATEWAY_SECRET", GATEWAY), "GATEWAY_SECRET: is set, but there is nothing to seal"),
        (("SESSION_IDLE", "7"), "SESSION_IDLE"),
        (("SESSION_EPOCH", "now"), "SESSION_EPOCH"),
        (("SIGN_IN_RATE", "many"), "COUNT/UNIT"),
        (("FRAME_ANCESTORS", "'self'; script-src *"), "FRAME_ANCESTORS"),
        (("DEV_SIGN_IN", "on"), "yes or no"),
        (("SSL_CERT_FILE", "/nowhere.pem"), "/nowhere.pem"),
    ] {
        let kept: Vec<(&str, &str)> =
            usual.into_iter().filter(|(name, _)| *name != more.0).chain([more]).collect();
        let (status, told) = check(&kept);
        assert_eq!(status, Some(64), "{more:?}: {told}");
        assert!(told.contains(wanted), "{more:?}: {told}");
        assert!(![SECRET, GATEWAY, "hunter2"].iter().any(|secret| told.contains(secret)), "{told}");
    }
    let both = [usual.as_slice(), &[("KEEP_PROVIDER_TOKEN", "yes"), ("GATEWAY_SECRET", SECRET)]].concat();
    let (status, told) = check(&both);
    assert!(status == Some(64) && told.contains("GATEWAY_SECRET: is the same as AUTH_SECRET"), "{told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn dev_sign_in_is_accepted_only_on_this_machine() {
    let dev = ("DEV_SIGN_IN", "yes");
    for (env, wanted) in [
        (vec![dev, ("SPACE_ID", "me/app")], "not accepted on a Space"),
        (vec![dev, ("SPACE_HOST", "me-app.hf.space")], "not accepted on a Space"),
        (vec![dev, ("OAUTH_CLIENT_ID", "x")], "not accepted together with a provider"),
        (vec![dev, ("AUTH_URL", "https://auth.example")], "only if AUTH_URL is on this machine"),
    ] {
        let (status, told) = check(&env);
        assert_eq!(status, Some(64), "{told}");
        assert!(told.contains(wanted), "{told}");
        assert!(
            !told.contains("anyone can sign in as any user"),
            "no warning about a service that does not start: {told}"
        );
    }
    for yes in ["yes", "true", "1"] {
        let (status, told) = check(&[("DEV_SIGN_IN", yes), ("PORT", "7861")]);
        assert_eq!(status, Some(0), "{told}");
        assert!(told.contains("anyone can sign in as any user") && !told.contains("HOST"), "{told}");
    }
    let (_, told) = check(&[dev, ("HOST", "0.0.0.0")]);
    assert!(told.contains("HOST is 0.0.0.0") && told.contains("set HOST=127.0.0.1"), "{told}");
}

#[test]
fn names_of_better_auth_and_next_auth_are_reported_with_ours() {
    let (status, told) = check(&[
        ("DEV_SIGN_IN", "yes"),
        ("BETTER_AUTH_SECRET", "x"),
        ("NEXTAUTH_URL", "x"),
        ("GITHUB_CLIENT_ID", "x"),
        ("ALLOWED_ORIGINS", "x"),
    ]);
    assert_eq!(status, Some(0), "{told}");
    for line in [
        "BETTER_AUTH_SECRET is unknown; did you mean AUTH_SECRET?",
        "NEXTAUTH_URL is unknown; did you mean AUTH_URL?",
        "GITHUB_CLIENT_ID is unknown; did you mean PROVIDERS?",
        "ALLOWED_ORIGINS is unknown; did you mean TRUSTED_ORIGINS?",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn a_problem_hides_no_setting_from_the_other_messages() {
    let (status, told) = check(&[("DEV_SIGN_IN", "yes"), ("HOST", "127.0.0.1"), ("IDLE_TIMEOUT", "soon")]);
    assert_eq!(status, Some(64));
    assert!(told.contains("IDLE_TIMEOUT") && !told.contains("0.0.0.0"), "{told}");
}

#[test]
fn all_problems_are_reported_together() {
    let (status, told) = check(&[
        ("DEV_SIGN_IN", "maybe"),
        ("AUTH_URL", "ftp://x"),
        ("SPACE_HOST", "a b"),
        ("OAUTH_CLIENT_ID", "x"),
        ("OAUTH_PROVIDER_NAME", "A"),
        ("OAUTH_SCOPES", "email"),
        ("PROVIDERS", "work"),
        ("AUTH_SECRET", "short"),
        ("AUTH_SECRETS", "shorter"),
        ("SESSION_IDLE", "7"),
        ("SESSION_MAX", "7"),
        ("SESSION_EPOCH", "x"),
        ("SIGN_IN_RATE", "x"),
        ("SIGN_IN_ALLOW", "ann"),
        ("FRAME_ANCESTORS", ";"),
        ("SSL_CERT_FILE", "/nowhere.pem"),
    ]);
    assert_eq!(status, Some(64));
    for name in [
        "DEV_SIGN_IN",
        "AUTH_URL",
        "SPACE_HOST",
        "OAUTH_PROVIDER_NAME",
        "OAUTH_SCOPES",
        "WORK_CLIENT_ID",
        "WORK_PROVIDER_URL",
        "AUTH_SECRET",
        "AUTH_SECRETS",
        "SESSION_IDLE",
        "SESSION_MAX",
        "SESSION_EPOCH",
        "SIGN_IN_RATE",
        "SIGN_IN_ALLOW",
        "FRAME_ANCESTORS",
        "SSL_CERT_FILE",
    ] {
        assert!(told.contains(&format!("  {name}: ")), "{name}: {told}");
    }
    assert!(!told.contains("  OAUTH_CLIENT_ID: "), "{told}");
}

#[test]
fn without_a_provider_the_message_names_the_variables_to_set() {
    let (status, told) = check(&[]);
    assert_eq!(status, Some(64));
    for name in [
        "AUTH_URL",
        "OAUTH_CLIENT_ID",
        "OAUTH_CLIENT_SECRET",
        "OPENID_PROVIDER_URL",
        "PROVIDERS",
        "DEV_SIGN_IN",
    ] {
        assert!(told.contains(name), "{name}: {told}");
    }
}

#[test]
fn without_a_client_secret_a_fresh_auth_secret_is_printed_that_can_be_pasted() {
    let described: &[_] = &[("AUTH_URL", "https://auth.example")];
    let public = &[described, &[("OAUTH_CLIENT_ID", "x")]].concat();
    let other = &[described, &OTHER, &[("OTHER_CLIENT_SECRET", SECRET)]].concat();
    for env in [described, public, other] {
        let fresh = || {
            let (status, told) = check(env);
            assert_eq!(status, Some(64), "{told}");
            assert!(
                told.contains("AUTH_SECRET: is required, because there is no OAUTH_CLIENT_SECRET"),
                "{told}"
            );
            told.split_once("AUTH_SECRET=").unwrap().1.lines().next().unwrap().to_owned()
        };
        let secret = fresh();
        assert_ne!(secret, fresh(), "another one each time");
        let (status, told) = check(&[env, &[("AUTH_SECRET", &secret)]].concat());
        assert_eq!((status, told.contains(&secret)), (Some(0), false), "{told}");
    }
}

#[test]
fn check_says_if_kept_tokens_cannot_pay() {
    let base = [("AUTH_URL", "https://auth.example"), ("OAUTH_CLIENT_ID", "x"), ("AUTH_SECRET", SECRET)];
    let cannot = "visitors cannot pay for inference: OAUTH_SCOPES lacks inference-api";
    for (more, wanted) in [
        (vec![("KEEP_PROVIDER_TOKEN", "yes")], true),
        (vec![("KEEP_PROVIDER_TOKEN", "yes"), ("OAUTH_SCOPES", "openid profile inference-api")], false),
        (vec![("KEEP_PROVIDER_TOKEN", "yes"), ("OPENID_PROVIDER_URL", "https://id.example")], false),
        (vec![], false),
    ] {
        let (status, told) = check(&[&base, more.as_slice()].concat());
        assert_eq!((status, told.contains(cannot)), (Some(0), wanted), "{more:?} {told}");
    }
}

/// A further provider.
const OTHER: [(&str, &str); 3] =
    [("PROVIDERS", "other"), ("OTHER_PROVIDER_URL", "https://id.example"), ("OTHER_CLIENT_ID", "x")];

#[test]
fn a_document_needs_a_public_https_address_and_the_main_provider() {
    let fetched =
        "if it can fetch the service's document: not from this machine or from a Space, which may be private";
    let (secret, own) = (("AUTH_SECRET", SECRET), "https://auth.example/.well-known/oauth-cimd");
    let (status, told) = check(&[("AUTH_URL", "https://auth.example"), secret]);
    assert_eq!(status, Some(0), "{told}");
    assert!(told.contains(&format!("the provider fetches {own}")), "{told}");
    for (name, env) in [
        ("OAUTH_CLIENT_ID", vec![("AUTH_URL", "http://127.0.0.1:7861")]),
        ("OAUTH_CLIENT_ID", vec![("AUTH_URL", "https://localhost:7861")]),
        ("OAUTH_CLIENT_ID", vec![("SPACE_ID", "me/app"), ("SPACE_HOST", "me-app.hf.space")]),
        ("OAUTH_CLIENT_ID", vec![("AUTH_URL", "https://auth.example"), ("SPACE_ID", "me/app")]),
        // Whether another provider fetches documents is not known.
        (
            "OAUTH_CLIENT_ID",
            vec![("AUTH_URL", "https://auth.example"), ("OPENID_PROVIDER_URL", "https://id.example")],
        ),
        // The id of this secret is missing.
        ("OAUTH_CLIENT_ID", vec![("AUTH_URL", "https://auth.example"), ("OAUTH_CLIENT_SECRET", SECRET)]),
        // The same, with the document's address as client id.
        (
            "OAUTH_CLIENT_ID",
            vec![
                ("AUTH_URL", "https://localhost:7861"),
                ("OAUTH_CLIENT_ID", "https://localhost:7861/.well-known/oauth-cimd"),
            ],
        ),
        (
            "OAUTH_CLIENT_ID",
            vec![("AUTH_URL", "https://auth.example"), ("OAUTH_CLIENT_ID", own), ("SPACE_ID", "me/app")],
        ),
        (
            "OAUTH_CLIENT_ID",
            vec![
                ("AUTH_URL", "https://auth.example"),
                ("OAUTH_CLIENT_ID", own),
                ("OAUTH_CLIENT_SECRET", SECRET),
            ],
        ),
        (
            "OTHER_CLIENT_ID",
            vec![("AUTH_URL", "https://auth.example"), OTHER[0], OTHER[1], ("OTHER_CLIENT_ID", own)],
        ),
    ] {
        let (status, told) = check(&[&env[..], &[secret]].concat());
        assert_eq!(status, Some(64), "{env:?}: {told}");
        assert!(told.contains(&format!("  {name}: is ")) && told.contains(fetched), "{env:?}: {told}");
    }
    let explicit = [("OAUTH_CLIENT_ID", own), ("OPENID_PROVIDER_URL", "https://id.example"), secret];
    let (status, told) = check(&[&explicit[..], &[("AUTH_URL", "https://auth.example")]].concat());
    assert_eq!(status, Some(0), "{told}");
}
