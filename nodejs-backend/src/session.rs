//! A session: what its sealed value holds, how long it counts, and its JSON.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use space_kit::respond::to_json;

use crate::user::User;

/// How long sessions last, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Life {
    /// After the last renewal.
    pub(crate) idle: u64,
    /// After the sign-in, however often it was renewed.
    pub(crate) most: u64,
}

/// A session. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// New at each sign-in, and no credential.
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
    pub(crate) fn begin(id: String, user: User, now: u64, life: Life, epoch: u64) -> Session {
        let expires = now.saturating_add(life.idle.min(life.most));
        Session { id, user, signed_in: now, renewed: now, expires, epoch }
    }

    /// When it ends, also under a `life` that has become shorter since. A sign-out is remembered until then.
    pub(crate) fn end(&self, life: Life) -> u64 {
        let idle = self.renewed.saturating_add(life.idle);
        self.expires.min(idle).min(self.signed_in.saturating_add(life.most))
    }

    /// Whether it counts at `now` in this epoch.
    pub(crate) fn counts(&self, now: u64, life: Life, epoch: u64) -> bool {
        self.epoch == epoch && now < self.end(life)
    }

    /// The same session with a later end, once a seventh of its idle time is over (a day of seven), or sooner
    /// if `at_once`. `None`: it is not yet time, or it cannot last longer.
    pub(crate) fn renew(&self, now: u64, life: Life, at_once: bool) -> Option<Session> {
        let due = now.saturating_sub(self.renewed) >= (life.idle / 7).max(1);
        let expires = now.saturating_add(life.idle).min(self.signed_in.saturating_add(life.most));
        let longer = due && expires > self.end(life);
        (at_once || longer).then(|| Session { renewed: now, expires, ..self.clone() })
    }

    /// The text that is sealed: a JSON array, which has no names to carry.
    pub(crate) fn encode(&self) -> String {
        let user = &self.user;
        let times = [self.signed_in, self.renewed, self.expires, self.epoch];
        to_json(&json!([
            self.id,
            times,
            user.id,
            user.name,
            user.username,
            user.email,
            user.email_verified,
            user.image
        ]))
    }

    /// Reads what [`Session::encode`] wrote.
    pub(crate) fn decode(text: &[u8]) -> Option<Session> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let [id, times, user, name, username, email, verified, image] = value.as_array()?.as_slice() else {
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

    /// The user as the Better Auth client knows one.
    pub(crate) fn user_json(&self) -> Value {
        let (user, at) = (&self.user, date(self.signed_in));
        json!({
            "id": user.id, "name": user.name, "username": user.username, "email": user.email,
            "emailVerified": user.email_verified, "image": user.image, "createdAt": at, "updatedAt": at,
        })
    }

    /// `{session, user}` as the Better Auth client knows it. `session.token` is the id, which opens nothing.
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

    /// The claims of a token for other backends, issued at `now` by and for `issuer`.
    pub(crate) fn claims(&self, issuer: &str, audience: &str, now: u64) -> Value {
        let mut claims = self.user_json();
        if let Some(claims) = claims.as_object_mut() {
            claims.insert("sub".to_owned(), self.user.id.as_str().into());
            claims.insert("iss".to_owned(), issuer.into());
            claims.insert("aud".to_owned(), audience.into());
            claims.insert("iat".to_owned(), now.into());
            let end = now.saturating_add(crate::token::LIFE).min(self.expires.max(now));
            claims.insert("exp".to_owned(), end.into());
            if let Some(username) = &self.user.username {
                claims.insert("preferred_username".to_owned(), username.as_str().into());
            }
        }
        claims
    }
}

/// ISO 8601 in UTC with milliseconds.
fn date(seconds: u64) -> String {
    // humantime writes years up to 9999.
    let seconds = seconds.min(253_402_300_799);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::keys::tests::keys;
    use proptest::prelude::*;

    const LIFE: Life = Life { idle: 7 * 86_400, most: 30 * 86_400 };
    const NOW: u64 = 1_800_000_000;
    const DAY: u64 = 86_400;

    pub(crate) fn usual() -> User {
        User {
            id: "6520e4d9f1b4c2a7d8e90123".to_owned(),
            name: "Ann Example-Lovelace".to_owned(),
            username: Some("ann-lovelace".to_owned()),
            email: Some("ann.lovelace@mail.example".to_owned()),
            email_verified: true,
            image: Some("https://cdn-avatars.huggingface.co/v1/production/uploads/6520e4d9f1b4c2a7d8e90123/aBcDeFgHiJkLmNoPqRsTu.jpeg".to_owned()),
        }
    }

    fn session() -> Session {
        Session::begin("AAAAAAAAAAAAAAAAAAAAAA".to_owned(), usual(), NOW, LIFE, 0)
    }

    #[test]
    fn a_usual_users_cookie_has_at_most_700_bytes() {
        let sealed = keys("A").session.seal(session().encode().as_bytes(), [1; 16]).unwrap();
        let cookies = crate::cookie::Cookies { secure: true, cross_site: true };
        let longest = cookies.set("__Host-nb.session", &sealed, LIFE.idle).map(|c| c.len()).max().unwrap();
        assert!(longest <= 700, "{longest}");
    }

    #[test]
    fn a_cookie_of_the_longest_claims_still_fits_a_browser() {
        for filling in ["é", "\"", "漢", "x"] {
            let (long, mail) = (filling.repeat(300), format!("{}@mail.example", "x".repeat(240)));
            let picture = format!("https://cdn.example/{}", "x".repeat(380));
            let claims = json!({
                "sub": filling.repeat(255 / filling.len()), "name": long, "preferred_username": long,
                "email": mail, "picture": picture, "email_verified": true,
            });
            let user = User::from_claims(claims.as_object().unwrap(), str::to_owned).unwrap();
            assert!(user.email.is_some() && user.image.is_some());
            let session = Session::begin("A".repeat(22), user, NOW, LIFE, u64::MAX);
            let sealed = keys("A").session.seal(session.encode().as_bytes(), [1; 16]).unwrap();
            assert!(sealed.len() <= 3500, "{} bytes", sealed.len());
        }
    }

    #[test]
    fn it_rolls_with_use_and_ends_at_the_cap() {
        let mut session = session();
        assert_eq!(session.renew(NOW + DAY - 1, LIFE, false), None, "not yet");
        for day in 1..=60 {
            let now = NOW + day * DAY;
            assert_eq!(session.counts(now, LIFE, 0), day < 30, "day {day}");
            session = session.renew(now, LIFE, false).unwrap_or(session);
            assert!(session.expires <= NOW + LIFE.most);
        }
        assert_eq!(session.renew(NOW + 31 * DAY, LIFE, false), None);
    }

    #[test]
    fn an_unused_one_ends_after_its_idle_time() {
        assert!(
            session().counts(NOW + LIFE.idle - 1, LIFE, 0) && !session().counts(NOW + LIFE.idle, LIFE, 0)
        );
    }

    #[test]
    fn a_key_that_is_old_renews_at_once_without_a_longer_life_than_the_cap() {
        let renewed = session().renew(NOW + 5, LIFE, true).unwrap();
        assert_eq!((renewed.expires, renewed.id), (NOW + 5 + LIFE.idle, session().id));
        let late = Session { expires: NOW + LIFE.most, ..session() };
        assert_eq!(late.renew(NOW + 29 * DAY, LIFE, true).unwrap().expires, NOW + LIFE.most);
    }

    #[test]
    fn another_epoch_and_a_shortened_life_end_it() {
        assert!(!session().counts(NOW, LIFE, 1));
        assert!(!session().counts(NOW + 3600, Life { idle: 600, most: 3600 }, 0));
    }

    #[test]
    fn a_shortened_idle_time_counts_for_the_sessions_there_are_and_use_prolongs_them() {
        let short = Life { idle: 600, ..LIFE };
        let session = session();
        assert!(session.counts(NOW + 599, short, 0) && !session.counts(NOW + 600, short, 0));
        let renewed = session.renew(NOW + 599, short, false).unwrap();
        assert_eq!((renewed.expires, renewed.end(short)), (NOW + 1199, NOW + 1199));
        let longer = Life { idle: 2 * LIFE.idle, ..LIFE };
        assert!(!session.counts(NOW + LIFE.idle, longer, 0), "what was promised shorter stays so");
    }

    #[test]
    fn the_json_has_better_auths_names_and_dates() {
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
        let end = session().claims("https://a.example", "https://a.example", NOW + LIFE.idle - 10);
        assert_eq!(end["exp"], NOW + LIFE.idle);
        assert_eq!((claims["sub"].as_str(), claims["iat"].as_u64()), (Some(usual().id.as_str()), Some(NOW)));
        assert_eq!(claims["preferred_username"], "ann-lovelace");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_was_encoded_is_read_back(
            id in "\\PC{0,30}", name in "\\PC{0,30}", email in prop::option::of("\\PC{0,30}"), times: [u32; 4],
            verified: bool, username in prop::option::of("\\PC{0,9}"), image in prop::option::of("\\PC{0,9}"),
        ) {
            let user = User { id: id.clone(), name, username, email, email_verified: verified, image };
            let [signed_in, renewed, expires, epoch] = times.map(u64::from);
            let session = Session { id, user, signed_in, renewed, expires, epoch };
            prop_assert_eq!(Session::decode(session.encode().as_bytes()), Some(session));
        }

        #[test]
        fn no_text_panics(text in "(\\PC|[\\[\\]\",0-9]|null|true){0,60}", time: u64) {
            _ = Session::decode(text.as_bytes());
            _ = date(time);
        }
    }
}
