//! The claims of a verified token (RFC 7519 section 4.1; OpenID Connect Core section 3.1.3.7, steps 2 to 5, 9 and 10):
//! issuer, audience, times and subject.

use serde_json::{Map, Value};

use super::error::TokenError;
use super::subject::is_subject;

/// How far the issuer's clock may be from ours, in seconds.
pub const CLOCK_SKEW: u64 = 60;
const SKEW: f64 = CLOCK_SKEW as f64;

/// Which tokens are valid: those of this issuer for this audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `iss`, exactly.
    pub issuer: String,
    /// Our identifier, which `aud` must contain.
    pub audience: String,
}

/// The subject of a valid token.
#[derive(Debug)]
pub struct Holder<'a> {
    /// `sub`: the issuer's permanent identifier.
    pub subject: &'a str,
    claims: &'a Map<String, Value>,
}

/// The claims of a token whose signature is the issuer's.
#[derive(Debug)]
pub struct Verified<'a>(&'a Map<String, Value>);

impl<'a> Verified<'a> {
    pub(super) fn new(claims: &'a Map<String, Value>) -> Verified<'a> {
        Verified(claims)
    }

    /// The subject of the token, if it is valid for `expected` at `now`, in seconds since 1970.
    ///
    /// # Errors
    ///
    /// If issuer, audience, party or times do not match, or the subject is missing or malformed.
    pub fn holder(self, expected: &Expected, now: u64) -> Result<Holder<'a>, TokenError> {
        let claims = self.0;
        if text(claims, "iss")? != Some(expected.issuer.as_str()) {
            return Err(TokenError::Issuer);
        }
        audience(claims, &expected.audience)?;
        times(claims, now as f64)?;
        let subject = text(claims, "sub")?.ok_or(TokenError::Claim("sub"))?;
        if is_subject(subject) { Ok(Holder { subject, claims }) } else { Err(TokenError::Claim("sub")) }
    }
}

impl Holder<'_> {
    /// All claims.
    pub fn claims(&self) -> &Map<String, Value> {
        self.claims
    }

    /// `preferred_username`: a name that can be reassigned to another user.
    pub fn username(&self) -> Option<&str> {
        self.claims.get("preferred_username")?.as_str()
    }

    /// Hugging Face's `orgs`: the organizations of the user that the application may know.
    pub fn organizations(&self) -> impl Iterator<Item = &Map<String, Value>> {
        let orgs = self.claims.get("orgs").and_then(Value::as_array);
        orgs.into_iter().flatten().filter_map(Value::as_object)
    }
}

/// `aud` must contain our identifier. If the token has other audiences too, or names the party that it was issued to
/// (`azp`), that party must be us. Otherwise another audience could use a token that was issued to itself.
fn audience(claims: &Map<String, Value>, ours: &str) -> Result<(), TokenError> {
    let (found, others) = match claims.get("aud") {
        Some(Value::String(one)) => (one == ours, false),
        Some(Value::Array(list)) => {
            let list: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            let list = list.ok_or(TokenError::Claim("aud"))?;
            (list.contains(&ours), list.iter().any(|one| *one != ours))
        }
        _ => return Err(TokenError::Claim("aud")),
    };
    if !found {
        return Err(TokenError::Audience);
    }
    match text(claims, "azp")? {
        Some(party) if party != ours => Err(TokenError::Party),
        None if others => Err(TokenError::Party),
        _ => Ok(()),
    }
}

fn times(claims: &Map<String, Value>, now: f64) -> Result<(), TokenError> {
    let expires = time(claims, "exp")?.ok_or(TokenError::Claim("exp"))?;
    let issued = time(claims, "iat")?.ok_or(TokenError::Claim("iat"))?;
    let begins = time(claims, "nbf")?.unwrap_or(issued);
    if now >= expires + SKEW {
        return Err(TokenError::Expired);
    }
    if issued > now + SKEW || begins > now + SKEW {
        return Err(TokenError::NotYet);
    }
    Ok(())
}

/// A claim that is text; `None` if it is missing or null.
fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(TokenError::Claim(name)),
    }
}

/// A claim that is a time in seconds since 1970, possibly with a fraction (RFC 7519 section 2); `None` if it is missing
/// or null.
fn time(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(TokenError::Claim(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const NOW: u64 = 1_800_000_000;

    fn expected() -> Expected {
        Expected { issuer: "https://id.example".to_owned(), audience: "us".to_owned() }
    }

    fn valid() -> Value {
        json!({"iss": "https://id.example", "aud": "us", "sub": "ann", "iat": NOW, "exp": NOW + 600})
    }

    /// The outcome with some claims replaced, or removed if they are null.
    fn with(changes: Value) -> Result<String, TokenError> {
        let mut claims = valid();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => _ = claims.as_object_mut().unwrap().remove(name),
                value => claims[name] = value.clone(),
            }
        }
        let claims = claims.as_object().unwrap();
        Verified(claims).holder(&expected(), NOW).map(|holder| holder.subject.to_owned())
    }

    #[test]
    fn the_issuer_is_exactly_ours() {
        assert_eq!(with(json!({})), Ok("ann".to_owned()));
        for other in
            ["https://id.example/", "http://id.example", "HTTPS://ID.EXAMPLE", "", "https://id.exampl"]
        {
            assert_eq!(with(json!({"iss": other})), Err(TokenError::Issuer), "{other}");
        }
        assert_eq!(with(json!({"iss": null})), Err(TokenError::Issuer));
        assert_eq!(with(json!({"iss": ["https://id.example"]})), Err(TokenError::Claim("iss")));
    }

    #[test]
    fn other_audiences_are_accepted_only_if_we_are_the_party() {
        for (changes, outcome) in [
            (json!({"aud": ["us"]}), None),
            (json!({"aud": ["us", "us"]}), None),
            (json!({"aud": "them"}), Some(TokenError::Audience)),
            (json!({"aud": "us them"}), Some(TokenError::Audience)),
            (json!({"aud": "US"}), Some(TokenError::Audience)),
            (json!({"aud": []}), Some(TokenError::Audience)),
            (json!({"aud": ["them"]}), Some(TokenError::Audience)),
            (json!({"aud": null}), Some(TokenError::Claim("aud"))),
            (json!({"aud": {"us": 1}}), Some(TokenError::Claim("aud"))),
            (json!({"aud": ["us", 1]}), Some(TokenError::Claim("aud"))),
            (json!({"aud": [["us"]]}), Some(TokenError::Claim("aud"))),
            (json!({"aud": ["us", "them"]}), Some(TokenError::Party)),
            (json!({"aud": ["us", "them"], "azp": "them"}), Some(TokenError::Party)),
            (json!({"aud": ["us", "them"], "azp": "us"}), None),
            (json!({"aud": ["them"], "azp": "us"}), Some(TokenError::Audience)),
            (json!({"azp": "us"}), None),
            (json!({"azp": "them"}), Some(TokenError::Party)),
            (json!({"azp": ""}), Some(TokenError::Party)),
            (json!({"azp": ["us"]}), Some(TokenError::Claim("azp"))),
        ] {
            assert_eq!(with(changes.clone()).err(), outcome, "{changes}");
        }
    }

    #[test]
    fn times_have_a_tolerance_of_one_minute() {
        for (changes, outcome) in [
            (json!({"exp": NOW - 59}), None),
            (json!({"exp": NOW - 60}), Some(TokenError::Expired)),
            (json!({"exp": 0}), Some(TokenError::Expired)),
            (json!({"exp": -1}), Some(TokenError::Expired)),
            (json!({"exp": NOW as f64 - 59.5}), None),
            (json!({"exp": u64::MAX}), None),
            (json!({"iat": NOW + 60}), None),
            (json!({"iat": NOW + 61}), Some(TokenError::NotYet)),
            (json!({"iat": 1}), None),
            (json!({"nbf": NOW + 60}), None),
            (json!({"nbf": NOW + 61}), Some(TokenError::NotYet)),
            (json!({"exp": null}), Some(TokenError::Claim("exp"))),
            (json!({"iat": null}), Some(TokenError::Claim("iat"))),
            (json!({"exp": format!("{}", NOW + 600)}), Some(TokenError::Claim("exp"))),
            (json!({"iat": true}), Some(TokenError::Claim("iat"))),
            (json!({"nbf": [NOW]}), Some(TokenError::Claim("nbf"))),
        ] {
            assert_eq!(with(changes.clone()).err(), outcome, "{changes}");
        }
    }

    #[test]
    fn a_null_claim_counts_as_missing() {
        let with = |name: &str| {
            let mut claims = valid();
            claims[name] = Value::Null;
            let claims = claims.as_object().unwrap();
            Verified(claims).holder(&expected(), NOW).map(|holder| holder.subject.to_owned())
        };
        for optional in ["azp", "nbf"] {
            assert_eq!(with(optional), Ok("ann".to_owned()), "{optional}");
        }
        for (needed, fault) in [
            ("iss", TokenError::Issuer),
            ("aud", TokenError::Claim("aud")),
            ("sub", TokenError::Claim("sub")),
            ("exp", TokenError::Claim("exp")),
            ("iat", TokenError::Claim("iat")),
        ] {
            assert_eq!(with(needed), Err(fault), "{needed}");
        }
    }

    #[test]
    fn a_subject_is_short_text_without_control_characters() {
        for wrong in [json!(null), json!(""), json!(7), json!(["ann"]), json!("a\nb"), json!("x".repeat(256))]
        {
            assert_eq!(with(json!({"sub": wrong})), Err(TokenError::Claim("sub")), "{wrong}");
        }
        assert!(with(json!({"sub": "x".repeat(255)})).is_ok());
    }

    fn any_time() -> impl Strategy<Value = Option<i64>> {
        prop::option::weighted(0.8, -200..200_i64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_token_is_valid_exactly_within_its_times(exp in any_time(), iat in any_time(), nbf in any_time()) {
            let at = |offset: Option<i64>| offset.map_or(Value::Null, |offset| json!(NOW as i64 + offset));
            let outcome = with(json!({"exp": at(exp), "iat": at(iat), "nbf": at(nbf)}));
            let counts = exp.is_some_and(|exp| exp > -60)
                && iat.is_some_and(|iat| iat <= 60)
                && nbf.is_none_or(|nbf| nbf <= 60);
            prop_assert_eq!(outcome.is_ok(), counts);
        }

        #[test]
        fn an_audience_is_valid_exactly_by_the_rule(
            aud in prop::collection::vec("us|them|it", 0..4), azp in prop::option::of("us|them"),
        ) {
            let outcome = with(json!({"aud": aud, "azp": azp}));
            let alone = aud.iter().all(|one| one == "us");
            let counts = aud.iter().any(|one| one == "us")
                && azp.map_or(alone, |azp| azp == "us");
            prop_assert_eq!(outcome.is_ok(), counts);
        }
    }
}
