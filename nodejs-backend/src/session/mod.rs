//! A session: its content, its lifetime and its JSON.

pub(crate) mod account;
pub(crate) mod account_cookie;
pub(crate) mod allow;
pub(crate) mod cookie;
pub(crate) mod refreshes;
pub(crate) mod replay;
pub(crate) mod user;

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use space_kit::respond::to_json;

use crate::crypto::token;
use user::{Organizations, User};

/// How long a session lasts, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// After the last renewal.
    pub(crate) idle: u64,
    /// After the sign-in, however often the session was renewed.
    pub(crate) max: u64,
}

/// The lifetimes of a session in its two forms.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) cookie: Lifetime,
    pub(crate) bearer: Lifetime,
}

impl Lifetimes {
    /// When the last copy of a session ends that was made until `now`, in whichever form.
    pub(crate) fn end_of_copies(&self, session: &Session, now: u64) -> u64 {
        let end = |lifetime: Lifetime| {
            let idle = now.saturating_add(lifetime.idle);
            idle.min(session.signed_in.saturating_add(lifetime.max))
        };
        end(self.cookie).max(end(self.bearer))
    }
}

/// A session. All times are Unix times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// New at each sign-in. It identifies the session, but does not authenticate it.
    pub(crate) id: String,
    pub(crate) user: User,
    pub(crate) signed_in: u64,
    pub(crate) renewed: u64,
    pub(crate) expires: u64,
    /// `SESSION_EPOCH` at the sign-in.
    pub(crate) epoch: u64,
}

impl Session {
    /// The session of a sign-in at `now`.
    pub(crate) fn begin(id: String, user: User, now: u64, lifetime: Lifetime, epoch: u64) -> Session {
        let expires = now.saturating_add(lifetime.idle.min(lifetime.max));
        Session { id, user, signed_in: now, renewed: now, expires, epoch }
    }

    /// When the session ends, even if the configured lifetime has become shorter since the last renewal.
    pub(crate) fn end(&self, lifetime: Lifetime) -> u64 {
        let idle = self.renewed.saturating_add(lifetime.idle);
        self.expires.min(idle).min(self.signed_in.saturating_add(lifetime.max))
    }

    /// Whether the session is valid at `now` in this epoch.
    pub(crate) fn is_valid(&self, now: u64, lifetime: Lifetime, epoch: u64) -> bool {
        self.epoch == epoch && now < self.end(lifetime)
    }

    /// The same session with a later end, once a seventh of its idle time has passed (one day of seven), or sooner if
    /// `at_once`. `None` if it is too early, or if the session already lasts as long as it can.
    pub(crate) fn renew(&self, now: u64, lifetime: Lifetime, at_once: bool) -> Option<Session> {
        let due = now.saturating_sub(self.renewed) >= (lifetime.idle / 7).max(1);
        let expires = now.saturating_add(lifetime.idle).min(self.signed_in.saturating_add(lifetime.max));
        let longer = due && expires > self.end(lifetime);
        (at_once || longer).then(|| Session { renewed: now, expires, ..self.clone() })
    }

    /// The text to seal. It is a JSON array, because an object would repeat the member names in every cookie.
    pub(crate) fn encode(&self) -> String {
        let user = &self.user;
        let times = [self.signed_in, self.renewed, self.expires, self.epoch];
        let mut parts = json!([
            self.id,
            times,
            user.id,
            user.name,
            user.username,
            user.email,
            user.email_verified,
            user.image
        ]);
        // Last and only if there are any, so that the session of anybody else stays as short as it was.
        if let (Some(parts), false) = (parts.as_array_mut(), user.orgs == Organizations::default()) {
            parts.push(user.orgs.cut.into());
            parts.extend(user.orgs.names.iter().map(|name| name.as_str().into()));
        }
        to_json(&parts)
    }

    /// Reads a text of [`Session::encode`].
    pub(crate) fn decode(text: &[u8]) -> Option<Session> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let [id, times, user, name, username, email, verified, image, orgs @ ..] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        let [signed_in, renewed, expires, epoch] = times.as_array()?.as_slice() else { return None };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let user = User {
            id: text(user)?,
            name: text(name)?,
            username: text(username),
            email: text(email),
            email_verified: verified.as_bool()?,
            image: text(image),
            orgs: match orgs {
                [] => Organizations::default(),
                [cut, names @ ..] => Organizations {
                    names: names.iter().map(text).collect::<Option<_>>()?,
                    cut: cut.as_bool()?,
                },
            },
        };
        Some(Session {
            id: text(id)?,
            user,
            signed_in: signed_in.as_u64()?,
            renewed: renewed.as_u64()?,
            expires: expires.as_u64()?,
            epoch: epoch.as_u64()?,
        })
    }

    /// The user as the Better Auth client expects it.
    pub(crate) fn user_json(&self) -> Value {
        let (user, at) = (&self.user, date(self.signed_in));
        let mut json = json!({
            "id": user.id, "name": user.name, "username": user.username, "email": user.email,
            "emailVerified": user.email_verified, "image": user.image, "createdAt": at, "updatedAt": at,
        });
        // In the form of Hugging Face's claim, which python-backend's JWT_ALLOW reads.
        let Organizations { names, cut } = &user.orgs;
        if let (Some(json), false) = (json.as_object_mut(), user.orgs == Organizations::default()) {
            let names = names.iter().map(|name| json!({"preferred_username": name})).collect();
            json.insert("orgs".to_owned(), Value::Array(names));
            if *cut {
                json.insert("orgsTruncated".to_owned(), true.into());
            }
        }
        json
    }

    /// `{session, user}` as the Better Auth client expects it. `session.token` is the id, which authenticates nothing.
    pub(crate) fn json(&self) -> Value {
        json!({
            "session": {
                "id": self.id, "token": self.id, "userId": self.user.id,
                "createdAt": date(self.signed_in), "updatedAt": date(self.renewed),
                "expiresAt": date(self.expires), "ipAddress": null, "userAgent": null,
            },
            "user": self.user_json(),
        })
    }

    /// The claims of a token for other backends, issued at `now` by `issuer` for `audience`. The token never outlives the
    /// session.
    pub(crate) fn claims(&self, issuer: &str, audience: &str, now: u64) -> Value {
        let mut claims = self.user_json();
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("sub".to_owned(), self.user.id.as_str().into());
            claims.insert("iss".to_owned(), issuer.into());
            claims.insert("aud".to_owned(), audience.into());
            claims.insert("iat".to_owned(), now.into());
            let end = now.saturating_add(token::LIFETIME).min(self.expires.max(now));
            claims.insert("exp".to_owned(), end.into());
            if let Some(username) = &self.user.username {
                claims.insert("preferred_username".to_owned(), username.as_str().into());
            }
        }
        claims
    }
}

/// A date of ISO 8601 in UTC with milliseconds.
fn date(seconds: u64) -> String {
    // humantime formats years up to 9999.
    let seconds = seconds.min(253_402_300_799);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::crypto::keys::tests::keys;
    use proptest::prelude::*;

    const LIFETIME: Lifetime = Lifetime { idle: 7 * 86_400, max: 30 * 86_400 };
    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    pub(crate) fn typical_user() -> User {
        User {
            orgs: Organizations::default(),
            id: "6520e4d9f1b4c2a7d8e90123".to_owned(),
            name: "Ann Example-Lovelace".to_owned(),
            username: Some("ann-lovelace".to_owned()),
            email: Some("ann.lovelace@mail.example".to_owned()),
            email_verified: true,
            image: Some("https://cdn-avatars.huggingface.co/v1/production/uploads/6520e4d9f1b4c2a7d8e90123/aBcDeFgHiJkLmNoPqRsTu.jpeg".to_owned()),
        }
    }

    fn session() -> Session {
        Session::begin("AAAAAAAAAAAAAAAAAAAAAA".to_owned(), typical_user(), NOW, LIFETIME, 0)
    }

    #[test]
    fn the_cookie_of_a_typical_user_has_at_most_700_bytes() {
        let sealed = keys("A").session.seal(session().encode().as_bytes(), [1; 16]).unwrap();
        let cookies = crate::web::cookie::CookieSettings { secure: true, cross_site: true };
        let longest =
            cookies.set("__Host-nb.session", &sealed, LIFETIME.idle).map(|c| c.len()).max().unwrap();
        assert!(longest <= 700, "{longest}");
    }

    #[test]
    fn a_cookie_of_the_longest_claims_fits_into_a_browser() {
        for filling in ["é", "\"", "漢", "x"] {
            let (long, mail) = (filling.repeat(300), format!("{}@mail.example", "x".repeat(240)));
            let picture = format!("https://cdn.example/{}", "x".repeat(380));
            let claims = json!({
                "sub": filling.repeat(255 / filling.len()), "name": long, "preferred_username": long,
                "email": mail, "picture": picture, "email_verified": true,
                "orgs": vec![json!({"preferred_username": "lab"}); 200],
            });
            let user = User::from_claims(claims.as_object().unwrap(), str::to_owned).unwrap();
            assert!(user.email.is_some() && user.image.is_some());
            let session = Session::begin("A".repeat(22), user, NOW, LIFETIME, u64::MAX);
            let sealed = keys("A").session.seal(session.encode().as_bytes(), [1; 16]).unwrap();
            assert!(sealed.len() <= 4012, "{} bytes", sealed.len()); // 512 of them for organizations
        }
    }

    #[test]
    fn use_prolongs_a_session_up_to_its_maximum() {
        let mut session = session();
        assert_eq!(session.renew(NOW + DAY - 1, LIFETIME, false), None, "too early");
        for day in 1..=60 {
            let now = NOW + day * DAY;
            assert_eq!(session.is_valid(now, LIFETIME, 0), day < 30, "day {day}");
            session = session.renew(now, LIFETIME, false).unwrap_or(session);
            assert!(session.expires <= NOW + LIFETIME.max);
        }
        assert_eq!(session.renew(NOW + 31 * DAY, LIFETIME, false), None);
    }

    #[test]
    fn an_unused_session_ends_after_its_idle_time() {
        assert!(
            session().is_valid(NOW + LIFETIME.idle - 1, LIFETIME, 0)
                && !session().is_valid(NOW + LIFETIME.idle, LIFETIME, 0)
        );
    }

    #[test]
    fn a_session_of_an_old_key_is_renewed_at_once_within_its_maximum() {
        let renewed = session().renew(NOW + 5, LIFETIME, true).unwrap();
        assert_eq!((renewed.expires, renewed.id), (NOW + 5 + LIFETIME.idle, session().id));
        let late = Session { expires: NOW + LIFETIME.max, ..session() };
        assert_eq!(late.renew(NOW + 29 * DAY, LIFETIME, true).unwrap().expires, NOW + LIFETIME.max);
    }

    #[test]
    fn another_epoch_or_a_shortened_maximum_ends_a_session() {
        assert!(!session().is_valid(NOW, LIFETIME, 1));
        assert!(!session().is_valid(NOW + 3600, Lifetime { idle: 600, max: 3600 }, 0));
    }

    #[test]
    fn a_shortened_idle_time_applies_to_existing_sessions_and_use_prolongs_them() {
        let short = Lifetime { idle: 600, ..LIFETIME };
        let session = session();
        assert!(session.is_valid(NOW + 599, short, 0) && !session.is_valid(NOW + 600, short, 0));
        let renewed = session.renew(NOW + 599, short, false).unwrap();
        assert_eq!((renewed.expires, renewed.end(short)), (NOW + 1199, NOW + 1199));
        let longer = Lifetime { idle: 2 * LIFETIME.idle, ..LIFETIME };
        assert!(
            !session.is_valid(NOW + LIFETIME.idle, longer, 0),
            "a longer setting does not prolong an existing session"
        );
    }

    #[test]
    fn the_json_has_the_names_and_dates_of_better_auth() {
        let json = session().json();
        assert_eq!(json["session"]["expiresAt"], "2027-01-22T08:00:00.000Z");
        assert_eq!(json["session"]["userId"], json["user"]["id"]);
        let names: Vec<&String> = json["user"].as_object().unwrap().keys().collect();
        let expected =
            ["createdAt", "email", "emailVerified", "id", "image", "name", "updatedAt", "username"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_token_never_outlives_its_session() {
        let claims = session().claims("https://a.example", "https://a.example", NOW);
        assert_eq!(claims["exp"], NOW + 900);
        let end = session().claims("https://a.example", "https://a.example", NOW + LIFETIME.idle - 10);
        assert_eq!(end["exp"], NOW + LIFETIME.idle);
        assert_eq!(
            (claims["sub"].as_str(), claims["iat"].as_u64()),
            (Some(typical_user().id.as_str()), Some(NOW))
        );
        assert_eq!(claims["preferred_username"], "ann-lovelace");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn an_encoded_session_decodes_unchanged(
            id in "\\PC{0,30}", name in "\\PC{0,30}", email in prop::option::of("\\PC{0,30}"), times: [u32; 4],
            verified: bool, username in prop::option::of("\\PC{0,9}"), image in prop::option::of("\\PC{0,9}"),
            orgs in prop::collection::vec("[a-z]{1,9}", 0..4), cut: bool,
        ) {
            let orgs = Organizations { names: orgs, cut };
            let user = User { id: id.clone(), name, username, email, email_verified: verified, image, orgs };
            let [signed_in, renewed, expires, epoch] = times.map(u64::from);
            let session = Session { id, user, signed_in, renewed, expires, epoch };
            prop_assert_eq!(Session::decode(session.encode().as_bytes()), Some(session));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(\\PC|[\\[\\]\",0-9]|null|true){0,60}", time: u64) {
            _ = Session::decode(text.as_bytes());
            _ = date(time);
        }
    }
}
