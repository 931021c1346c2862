//! The provider's account of a session: its tokens, which `KEEP_PROVIDER_TOKEN` keeps in a sealed cookie.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use serde_json::{Map, Value, json};
use space_kit::respond::to_json;

use super::{Session, date};

/// A token is refreshed if it ends within this time, in seconds.
const MARGIN: u64 = 5;

/// The tokens of a provider's token endpoint. They reach no log, and no page but through the account's endpoints.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProviderTokens {
    pub(crate) access_token: String,
    /// When the access token ends, in Unix time, if the provider tells.
    pub(crate) expires: Option<u64>,
    /// Granted scopes, separated by spaces.
    pub(crate) scopes: String,
    pub(crate) refresh_token: Option<String>,
    /// Of the sign-in: a refresh keeps it.
    pub(crate) id_token: Option<String>,
}

/// A provider's account. It belongs to one session and one user.
#[cfg_attr(test, derive(Debug))]
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) session: String,
    pub(crate) user: String,
    pub(crate) provider: String,
    /// The provider's `sub`.
    pub(crate) subject: String,
    /// Unix time of the sign-in.
    pub(crate) created: u64,
    /// Unix time of the last refresh.
    pub(crate) updated: u64,
    pub(crate) tokens: ProviderTokens,
}

impl Account {
    /// Identifies the account in requests. It depends only on the provider and its `sub`.
    pub(crate) fn id(&self) -> String {
        format!("{}:{}", self.provider, self.subject)
    }

    /// Whether the account belongs to this session.
    pub(super) fn belongs_to(&self, session: &Session) -> bool {
        self.session == session.id && self.user == session.user.id
    }

    /// Whether the access token has ended or is about to.
    pub(crate) fn has_ended(&self, now: u64) -> bool {
        self.tokens.expires.is_some_and(|expires| expires <= now.saturating_add(MARGIN))
    }

    /// The text to seal.
    pub(super) fn encode(&self) -> String {
        let tokens = &self.tokens;
        to_json(&json!([
            self.session,
            self.user,
            self.provider,
            self.subject,
            self.created,
            self.updated,
            tokens.access_token,
            tokens.expires,
            tokens.scopes,
            tokens.refresh_token,
            tokens.id_token
        ]))
    }

    /// Reads a text of [`Account::encode`].
    pub(super) fn decode(text: &[u8]) -> Option<Account> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let [session, user, provider, subject, created, updated, access, expires, scopes, refresh, id] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Account {
            session: text(session)?,
            user: text(user)?,
            provider: text(provider)?,
            subject: text(subject)?,
            created: created.as_u64()?,
            updated: updated.as_u64()?,
            tokens: ProviderTokens {
                access_token: text(access)?,
                expires: expires.as_u64(),
                scopes: text(scopes)?,
                refresh_token: text(refresh),
                id_token: text(id),
            },
        })
    }

    /// The account without its tokens, as the Better Auth client expects it.
    pub(crate) fn json(&self) -> Value {
        json!({
            "id": self.id(), "accountId": self.subject, "providerId": self.provider, "userId": self.user,
            "createdAt": date(self.created), "updatedAt": date(self.updated), "scopes": self.scopes(),
        })
    }

    /// The access token, as the Better Auth client expects it.
    pub(crate) fn token_json(&self) -> Value {
        let mut json = self.shared_json();
        json.insert("scopes".to_owned(), self.scopes().into());
        Value::Object(json)
    }

    /// Both tokens, as the Better Auth client expects them after a refresh. `account_id` is what names the account.
    pub(crate) fn refreshed_json(&self, account_id: &str) -> Value {
        let mut json = self.shared_json();
        let texts =
            [("scope", &*self.tokens.scopes), ("providerId", &self.provider), ("accountId", account_id)];
        let refresh = self.tokens.refresh_token.iter().map(|token| ("refreshToken", &**token));
        json.extend(texts.into_iter().chain(refresh).map(|(name, text)| (name.to_owned(), text.into())));
        Value::Object(json)
    }

    fn shared_json(&self) -> Map<String, Value> {
        let tokens = &self.tokens;
        let texts = [
            ("accessToken", Some(tokens.access_token.clone())),
            ("accessTokenExpiresAt", tokens.expires.map(date)),
            ("idToken", tokens.id_token.clone()),
        ];
        texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect()
    }

    fn scopes(&self) -> Vec<&str> {
        self.tokens.scopes.split_ascii_whitespace().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens() -> impl Strategy<Value = ProviderTokens> {
        let text = "\\PC{0,20}";
        let some = || prop::option::of(text);
        (text, prop::option::of(any::<u64>()), text, some(), some()).prop_map(
            |(access_token, expires, scopes, refresh_token, id_token)| ProviderTokens {
                access_token,
                expires,
                scopes,
                refresh_token,
                id_token,
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn an_encoded_account_decodes_unchanged(tokens in tokens(), texts in prop::array::uniform4("\\PC{0,20}"), created: u64) {
            let [session, user, provider, subject] = texts;
            let account = Account { session, user, provider, subject, created, updated: created / 2, tokens };
            prop_assert!(Account::decode(account.encode().as_bytes()) == Some(account));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(\\PC|[\\[\\]\",0-9]|null){0,60}") {
            _ = Account::decode(text.as_bytes());
        }
    }
}
