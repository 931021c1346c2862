//! A user, from the claims of the provider (OpenID Connect Core section 5.1), shortened to fit into a cookie.

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
