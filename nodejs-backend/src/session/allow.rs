//! Who may sign in (`SIGN_IN_ALLOW`).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use super::user::User;

/// The users that may sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowList {
    /// Everyone with an account at a provider.
    Everyone,
    /// Users that one of these rules names: a kind and a value.
    Rules(Vec<(Kind, String)>),
}

/// What a rule compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Subject,
    Organization,
    /// The domain of a verified e-mail address.
    Domain,
}

impl AllowList {
    /// Parses `*`, or rules separated by commas.
    pub(crate) fn parse(text: &str) -> Option<AllowList> {
        if text.trim() == "*" {
            return Some(AllowList::Everyone);
        }
        let rules = text.split(',').map(|rule| {
            let (kind, value) = rule.trim().split_once(':')?;
            let kind = match kind {
                "user" => Kind::User,
                "sub" => Kind::Subject,
                "org" => Kind::Organization,
                "domain" if value.contains('.') && !value.contains('@') => Kind::Domain,
                _ => return None,
            };
            let usable = !value.is_empty() && value.len() <= 255 && !value.chars().any(char::is_control);
            usable.then(|| (kind, value.to_owned()))
        });
        rules.collect::<Option<_>>().map(AllowList::Rules)
    }

    /// Whether a user may sign in. Names count only at the `main` provider, because another one may give the same name to
    /// somebody else.
    pub(crate) fn allows(&self, user: &User, main: bool) -> bool {
        let AllowList::Rules(rules) = self else { return true };
        let domain = user.email.as_deref().filter(|_| user.email_verified);
        let domain = domain.and_then(|email| Some(email.rsplit_once('@')?.1));
        rules.iter().any(|(kind, value)| match kind {
            Kind::User => main && user.username.as_ref() == Some(value),
            Kind::Subject => user.id == *value,
            Kind::Organization => main && user.orgs.names.contains(value),
            Kind::Domain => domain.is_some_and(|domain| domain.eq_ignore_ascii_case(value)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn user(more: Value) -> User {
        let mut claims = json!({"sub": "65f0", "preferred_username": "ann"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        User::from_claims(claims.as_object().unwrap(), str::to_owned).unwrap()
    }

    #[test]
    fn a_rule_names_a_user_an_organization_or_a_verified_domain() {
        let lab = json!({"orgs": [{"preferred_username": "lab"}]});
        let mail = |verified: bool| json!({"email": "ann@Site.example", "email_verified": verified});
        for (rules, claims, main, allowed) in [
            ("*", json!({}), false, true),
            ("user:ann", json!({}), true, true),
            ("user:ann", json!({}), false, false),
            ("user:bob, sub:65f0", json!({}), false, true),
            ("sub:65f", json!({}), true, false),
            ("org:lab", lab.clone(), true, true),
            ("org:lab", lab.clone(), false, false),
            ("org:la", lab, true, false),
            ("domain:site.example", mail(true), false, true),
            ("domain:site.example", mail(false), true, false),
            ("domain:example.com", mail(true), true, false),
            ("domain:e.example", mail(true), true, false),
        ] {
            let list = AllowList::parse(rules).unwrap();
            assert_eq!(list.allows(&user(claims.clone()), main), allowed, "{rules} {claims} {main}");
        }
    }

    #[test]
    fn an_organization_beyond_the_room_for_names_does_not_count() {
        let orgs: Vec<Value> =
            (0..60).map(|at| json!({"preferred_username": format!("organization-{at}")})).collect();
        let user = user(json!({"orgs": orgs}));
        assert!(user.orgs.cut);
        assert!(AllowList::parse("org:organization-0").unwrap().allows(&user, true));
        assert!(!AllowList::parse("org:organization-59").unwrap().allows(&user, true));
    }

    #[test]
    fn what_is_not_a_rule_is_rejected() {
        for text in [
            "",
            "ann",
            "user:",
            "users:ann",
            "user:ann,",
            "*,user:ann",
            "domain:localhost",
            "domain:a@b.example",
        ] {
            assert_eq!(AllowList::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "((user|sub|org|domain|\\*|\\PC)[:,]?){0,9}") {
            _ = AllowList::parse(&text).map(|list| list.allows(&user(json!({})), true));
        }
    }
}
