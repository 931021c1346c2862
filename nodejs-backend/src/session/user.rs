//! A user, from the claims of the provider (OpenID Connect Core section 5.1), shortened to fit into a cookie.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256};
use serde_json::{Map, Value};
use space_kit::jwt::is_subject;

/// The longest name, in characters and in bytes. A longer name is truncated.
const MAX_NAME: (usize, usize) = (120, 240);
/// The longest e-mail address and picture URL, in bytes. A longer one is omitted.
const MAX_EMAIL: usize = 254;
const MAX_IMAGE: usize = 400;
/// The most bytes of all organizations' names in a sealed session: 512 in base64url.
const MAX_ORGS: usize = 380;

/// A signed-in user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// Derived only from the provider's `sub`, so that it never changes.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) username: Option<String>,
    /// `None` unless the scopes ask for it; a Space's default scopes do not.
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) image: Option<String>,
    pub(crate) orgs: Organizations,
}

/// The names of the user's organizations, as far as there is room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Organizations {
    pub(crate) names: Vec<String>,
    /// Whether some names are left out.
    pub(crate) cut: bool,
}

impl Organizations {
    /// From Hugging Face's claim `orgs`. An organization that asks its members for more, such as a second factor, does not
    /// count until the user has done it.
    fn from_claim(claim: Option<&Value>) -> Organizations {
        let mut orgs = Organizations::default();
        let mut room = MAX_ORGS;
        for org in claim.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object) {
            let lacks = |name: &&str| match org.get(*name) {
                None | Some(Value::Null | Value::Bool(false)) => false,
                Some(Value::Array(list)) => !list.is_empty(),
                Some(_) => true,
            };
            let name = org.get("preferred_username").and_then(Value::as_str).filter(|name| is_org(name));
            let Some(name) =
                name.filter(|_| !["pendingSSO", "missingMFA", "securityRestrictions"].iter().any(lacks))
            else {
                continue;
            };
            match room.checked_sub(name.len().saturating_add(3)) {
                Some(rest) => (room, _) = (rest, orgs.names.push(name.to_owned())),
                None => orgs.cut = true,
            }
        }
        orgs
    }
}

/// Whether a name takes in JSON only its own bytes, two quotes and a comma.
fn is_org(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    !name.is_empty() && name.len() <= 96 && name.bytes().all(plain)
}

impl User {
    /// The user of these claims; `id` derives the user id from `sub`. `None` if `sub` is not usable.
    pub(crate) fn from_claims(claims: &Map<String, Value>, id: impl FnOnce(&str) -> String) -> Option<User> {
        let text = |name: &str| claims.get(name)?.as_str();
        let named = |name: &str| clean(text(name)?);
        let subject = claims.get("sub")?.as_str().filter(|sub| is_subject(sub))?;
        let username = named("preferred_username");
        let email = text("email").filter(|email| is_email(email)).map(str::to_owned);
        Some(User {
            id: id(subject),
            name: named("name").or_else(|| username.clone()).unwrap_or_else(|| subject.to_owned()),
            email_verified: email.is_some() && claims.get("email_verified") == Some(&Value::Bool(true)),
            image: claims
                .get("picture")
                .and_then(Value::as_str)
                .filter(|url| is_picture(url))
                .map(str::to_owned),
            orgs: Organizations::from_claim(claims.get("orgs")),
            username,
            email,
        })
    }
}

/// The user id at an additional provider: 32 characters that depend only on issuer and subject, so that two providers
/// never give the same id to two people.
pub(crate) fn id_at(issuer: &str, subject: &str) -> String {
    let mut context = Context::new(&SHA256);
    for part in [issuer.as_bytes(), &[0], subject.as_bytes()] {
        context.update(part);
    }
    URL_SAFE_NO_PAD.encode(context.finish().as_ref().get(..24).unwrap_or_default())
}

/// A name on one line, truncated to its longest length. `None` if it is empty.
fn clean(text: &str) -> Option<String> {
    let mut text: String = text.chars().filter(|c| !c.is_control()).take(MAX_NAME.0).collect();
    while text.len() > MAX_NAME.1 {
        text.pop();
    }
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is_email(text: &str) -> bool {
    text.len() <= MAX_EMAIL
        && text.contains('@')
        && !text.contains(['"', '\\'])
        && !text.chars().any(char::is_control)
}

fn is_picture(url: &str) -> bool {
    url.starts_with("https://")
        && url.len() <= MAX_IMAGE
        && url.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use space_kit::jwt::MAX_SUBJECT;

    fn user(claims: Value) -> Option<User> {
        User::from_claims(claims.as_object().unwrap(), str::to_owned)
    }

    #[test]
    fn an_email_is_optional_and_a_subject_is_required() {
        let ann = user(json!({"sub": "65f0", "preferred_username": "ann"})).unwrap();
        assert_eq!((ann.id.as_str(), ann.name.as_str(), ann.email), ("65f0", "ann", None));
        assert_eq!(user(json!({"sub": "65f0"})).unwrap().name, "65f0");
        for missing in [json!({"name": "Ann"}), json!({"sub": ""}), json!({"sub": 7}), json!({"sub": "a\nb"})]
        {
            assert_eq!(user(missing.clone()), None, "{missing}");
        }
        assert_eq!(user(json!({"sub": "x".repeat(256)})), None);
    }

    #[test]
    fn an_email_is_verified_only_if_the_provider_says_so() {
        for (claims, verified) in [
            (json!({"sub": "a", "email": "a@b.example", "email_verified": true}), true),
            (json!({"sub": "a", "email": "a@b.example", "email_verified": "true"}), false),
            (json!({"sub": "a", "email": "a@b.example"}), false),
            (json!({"sub": "a", "email_verified": true}), false),
        ] {
            assert_eq!(user(claims.clone()).unwrap().email_verified, verified, "{claims}");
        }
    }

    #[test]
    fn only_an_https_picture_is_kept() {
        let image = |url: &str| user(json!({"sub": "a", "picture": url})).unwrap().image;
        assert_eq!(image("https://cdn.example/a.png").as_deref(), Some("https://cdn.example/a.png"));
        for other in ["http://cdn.example/a.png", "javascript:alert(1)", "https://a b", "data:image/png,x"] {
            assert_eq!(image(other), None, "{other}");
        }
    }

    #[test]
    fn two_providers_never_give_the_same_id() {
        assert_ne!(id_at("https://a.example", "1"), id_at("https://b.example", "1"));
        assert_ne!(id_at("https://a.example/", "1"), id_at("https://a.example", "/1"));
        assert_eq!(id_at("https://a.example", "1").len(), 32);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_claim_exceeds_its_limit(sub in "\\PC{0,300}", name in "[\\PC\n\t]{0,300}", email in "\\PC{0,300}") {
            let Some(user) = user(json!({"sub": sub, "name": name, "email": email, "preferred_username": name}))
                else { return Ok(()) };
            prop_assert!(user.id.len() <= MAX_SUBJECT && user.name.chars().count() <= MAX_SUBJECT);
            prop_assert!(!user.name.chars().any(char::is_control) && !user.name.is_empty());
            prop_assert!(user.email.is_none_or(|email| email.len() <= MAX_EMAIL));
        }
    }
}
