//! The settings of who pays, and which of them contradict each other.

use space_kit::seal::GatewaySecret;
use space_kit::{Env, Var};

use super::vars::{ACCESS, GATEWAY_SECRET, HF_BILL_TO, PAYER};
use crate::access::AccessRule;
use crate::upstream::Upstreams;

/// The settings of who pays.
pub(super) struct PayerConfig {
    /// `PAYER=caller`: the operator pays for nobody.
    is_caller: bool,
    /// `ACCESS` includes hf_token.
    pub(super) takes_own: bool,
    pub(super) gateway: Option<GatewaySecret>,
}

impl PayerConfig {
    /// Reads the variables; `None` means that `env` has the problems.
    pub(super) fn read(env: &mut Env<'_>) -> Option<PayerConfig> {
        let is_caller = env.read(&PAYER, |text| match text {
            "owner" => Some(false),
            "caller" => Some(true),
            _ => None,
        });
        let gateway = env.optional(&GATEWAY_SECRET, GatewaySecret::parse);
        // What else is in ACCESS is checked with it.
        let has_own = |text: &str| Some(text.split(',').any(|mode| mode.trim() == "hf_token"));
        let takes_own = env.optional(&ACCESS, has_own);
        Some(PayerConfig {
            is_caller: is_caller?,
            takes_own: takes_own?.unwrap_or_default(),
            gateway: gateway?,
        })
    }

    /// Whether some callers pay.
    pub(super) fn is_some_caller(&self) -> bool {
        self.is_caller || self.takes_own
    }

    /// Rejects settings that contradict each other, and explains the others to `check`. `None` means that `env` has the
    /// problems.
    pub(super) fn check(&self, env: &mut Env<'_>, rule: &AccessRule, upstreams: &Upstreams) -> Option<()> {
        let (open, keys, jwt) = match rule {
            AccessRule::NotConfigured => (false, false, false),
            AccessRule::Allow { open, keys, tokens } => (*open, keys.is_some(), tokens.is_some()),
        };
        let &PayerConfig { is_caller, takes_own, .. } = self;
        let problems: [(bool, &'static Var, &str); 6] = [
            (
                is_caller && (open || keys || !jwt && !takes_own),
                &PAYER,
                "is caller, but only tokens of JWT_ISSUER (jwt) and Hugging Face tokens (hf_token) can pay: ACCESS must \
                 include one of these or both, and nothing else",
            ),
            (
                is_caller && jwt && self.gateway.is_none(),
                &GATEWAY_SECRET,
                "is not set, but PAYER is caller: set the value that nodejs-backend has",
            ),
            (
                self.gateway.is_some() && !(is_caller && jwt),
                &GATEWAY_SECRET,
                "is set, but nobody pays with it: set PAYER=caller and JWT_ISSUER, or unset this",
            ),
            (
                is_caller && upstreams.pays_hugging_face,
                &PAYER,
                "is caller, but HF_TOKEN or a key of another variable pays Hugging Face: unset it, or write none for the key",
            ),
            (
                is_caller && env.is_set(HF_BILL_TO.name),
                &HF_BILL_TO,
                "is set, but PAYER is caller: unset one of them",
            ),
            (
                self.is_some_caller() && !upstreams.has_hugging_face,
                if is_caller { &PAYER } else { &ACCESS },
                "lets callers pay, but no upstream is the Hugging Face router or an Inference Endpoint, and no other host \
                 gets their tokens",
            ),
        ];
        let mut fits = Some(());
        for (_, var, problem) in problems.into_iter().filter(|(is_problem, ..)| *is_problem) {
            env.problem(var, problem.to_owned());
            fits = None;
        }
        for (pays, who) in [
            (
                is_caller && jwt,
                "callers with a token of JWT_ISSUER, with the access token that is sealed in it",
            ),
            (takes_own, "callers with a Hugging Face token of their own"),
            (!is_caller && takes_own, "for all others, the owner"),
        ] {
            if pays {
                env.explain(|| format!("payer at Hugging Face: {who}"));
            }
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::super::{access, upstreams};
    use super::*;
    use crate::clock::Clock;
    use space_kit::{Format, Level, Log};
    use std::ffi::OsString;

    const SECRET: (&str, &str) = ("GATEWAY_SECRET", "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=");
    const CALLER: (&str, &str) = ("PAYER", "caller");
    const JWT: [(&str, &str); 3] =
        [("JWT_ISSUER", "https://id.example"), ("JWT_AUDIENCE", "us"), ("JWT_ALLOW", "*")];
    const OWN: (&str, &str) = ("ACCESS", "hf_token");
    const TOKEN: (&str, &str) = ("HF_TOKEN", "hf_of_the_owner");

    /// The explanation for `check`, or the problems.
    fn checked(set: &[(&str, &str)]) -> Result<String, String> {
        let lookup =
            |name: &str| set.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value));
        let mut env = Env::new(&lookup, &[]).explaining();
        let payer = PayerConfig::read(&mut env);
        let upstreams = upstreams::read(
            &mut env,
            Clock::system(),
            Log::new(Level::Error, Format::Json),
            payer.as_ref().is_some_and(PayerConfig::is_some_caller),
        );
        let access = access::read(&mut env, upstreams.as_ref().is_some_and(|upstreams| upstreams.has_key));
        let outcome = payer
            .zip(upstreams)
            .zip(access)
            .and_then(|((payer, upstreams), access)| payer.check(&mut env, &access.rule, &upstreams));
        let explanation = env.take_explanation();
        let problems: Vec<String> = env.into_problems().iter().map(ToString::to_string).collect();
        assert_eq!(outcome.is_some(), problems.is_empty(), "{problems:?}");
        outcome.map(|()| explanation).ok_or(problems.join("\n"))
    }

    #[test]
    fn check_says_who_pays() {
        let sealed = [&JWT[..], &[CALLER, SECRET]].concat();
        let told = checked(&sealed).unwrap();
        assert!(told.contains("https://router.huggingface.co/v1, key in: none"), "{told}");
        assert!(told.contains("payer at Hugging Face: callers with a token of JWT_ISSUER"), "{told}");
        assert!(!told.contains("owner") && !told.contains(SECRET.1), "{told}");
        let told = checked(&[&sealed[..], &[("ACCESS", "jwt, hf_token")]].concat()).unwrap();
        assert_eq!(told.matches("payer at Hugging Face").count(), 2, "{told}");
        for set in [vec![OWN], vec![OWN, CALLER]] {
            assert!(checked(&set).unwrap().contains("callers with a Hugging Face token of their own"));
        }
        let told =
            checked(&[TOKEN, ("ACCESS", "keys,hf_token"), ("API_KEYS", "a:0123456789abcdefghij")]).unwrap();
        assert!(told.contains("for all others, the owner"), "{told}");
        assert!(!checked(&[TOKEN, ("ACCESS", "open")]).unwrap().contains("payer"));
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        let sealed = [&JWT[..], &[CALLER, SECRET]].concat();
        let with = |more: &[(&'static str, &'static str)]| [&sealed[..], more].concat();
        const VLLM: (&str, &str) = ("UPSTREAM_URL", "http://vllm:8000/v1");
        for (set, problem) in [
            (vec![CALLER], "PAYER: is caller, but only tokens of JWT_ISSUER (jwt) and"),
            (
                with(&[("API_KEYS", "a:0123456789abcdefghij"), ("ACCESS", "jwt,keys")]),
                "PAYER: is caller, but only",
            ),
            (with(&[("ACCESS", "open,jwt")]), "PAYER: is caller, but only"),
            ([&JWT[..], &[CALLER]].concat(), "GATEWAY_SECRET: is not set, but PAYER is caller"),
            ([&JWT[..], &[SECRET]].concat(), "GATEWAY_SECRET: is set, but nobody pays with it"),
            (vec![OWN, CALLER, SECRET], "GATEWAY_SECRET: is set, but nobody pays with it"),
            (
                with(&[("GATEWAY_SECRET", "short")]),
                "GATEWAY_SECRET: the value given (5 characters, not shown)",
            ),
            (with(&[TOKEN]), "PAYER: is caller, but HF_TOKEN or a key"),
            (
                with(&[
                    ("UPSTREAM_URL", "https://router.huggingface.co/v1"),
                    ("UPSTREAM_API_KEYS", "hf_of_the_owner"),
                ]),
                "PAYER: is caller, but HF_TOKEN or a key",
            ),
            (with(&[("HF_BILL_TO", "org")]), "HF_BILL_TO: is set, but PAYER is caller"),
            (with(&[VLLM]), "PAYER: lets callers pay, but no upstream is"),
            (vec![OWN, VLLM], "ACCESS: lets callers pay, but no upstream is"),
            (with(&[("PAYER", "visitor")]), "PAYER: \"visitor\" is not accepted; accepted: owner or caller"),
        ] {
            let problems = checked(&set).unwrap_err();
            assert!(problems.starts_with(problem) && problems.lines().count() == 1, "{set:?}: {problems}");
            assert!(!problems.contains(SECRET.1) && !problems.contains("hf_of"), "{problems}");
        }
    }
}
