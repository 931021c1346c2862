//! `JWT_ALLOW`: which holders of a valid token are allowed. A token only identifies its holder.
//!
//! `sub:` is the most reliable rule, because an issuer never reassigns a subject. `user:` and `org:` compare
//! names, which can be reassigned: they are as safe as the issuer's rules for choosing a name. Display names
//! (`name`) are never compared, because anyone can choose any.

use std::fmt;

use serde_json::{Map, Value};
use space_kit::jwt::Holder;

/// The holders that are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowList {
    /// `*`: every holder of a valid token.
    Everyone,
    /// Holders that match at least one rule.
    Rules(Vec<AllowRule>),
}

/// One entry. Texts are compared exactly, including case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AllowRule {
    /// `sub:`, the token's subject.
    Subject(String),
    /// `user:`, the token's `preferred_username`.
    User(String),
    /// `org:` with 24 hexadecimal digits, the `sub` of one of the token's `orgs`.
    OrganizationId(String),
    /// `org:` with anything else, the `preferred_username` of one of the token's `orgs`. An id is never
    /// compared with a name, because an organization could be named like the id of another one.
    Organization(String),
}

/// Why `JWT_ALLOW` cannot be used. Entries count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowListError {
    /// `*` is one of several entries.
    StarWithOthers,
    /// This entry is not a rule.
    NotARule(usize),
}

impl fmt::Display for AllowListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowListError::StarWithOthers => f.write_str(
                "has * next to other entries: * must be the only entry and allows every valid token",
            ),
            AllowListError::NotARule(entry) => {
                write!(f, "entry {entry} must be sub:ID, user:NAME or org:NAME-OR-ID")
            }
        }
    }
}

impl AllowList {
    /// Reads `*`, or rules separated by commas.
    ///
    /// # Errors
    ///
    /// If an entry is not a rule, or if `*` is not the only entry.
    pub(crate) fn parse(text: &str) -> Result<AllowList, AllowListError> {
        if text.trim() == "*" {
            return Ok(AllowList::Everyone);
        }
        let rules = text.split(',').enumerate().map(|(at, entry)| match entry.trim() {
            "*" => Err(AllowListError::StarWithOthers),
            entry => AllowRule::parse(entry).ok_or(AllowListError::NotARule(at + 1)),
        });
        rules.collect::<Result<_, _>>().map(AllowList::Rules)
    }

    /// Whether the holder is allowed.
    pub(crate) fn allows(&self, holder: &Holder<'_>) -> bool {
        match self {
            AllowList::Everyone => true,
            AllowList::Rules(rules) => rules.iter().any(|rule| rule.matches(holder)),
        }
    }
}

impl AllowRule {
    fn parse(entry: &str) -> Option<AllowRule> {
        let (kind, name) = entry.split_once(':')?;
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return None;
        }
        let owned = name.to_owned();
        match kind {
            "sub" => Some(AllowRule::Subject(owned)),
            "user" => Some(AllowRule::User(owned)),
            "org" if is_id(name) => Some(AllowRule::OrganizationId(owned)),
            "org" => Some(AllowRule::Organization(owned)),
            _ => None,
        }
    }

    fn matches(&self, holder: &Holder<'_>) -> bool {
        let organization = |field: &str, wanted: &str| {
            let named = |org: &Map<String, Value>| org.get(field).and_then(Value::as_str) == Some(wanted);
            holder.organizations().any(|org| is_in_good_standing(org) && named(org))
        };
        match self {
            AllowRule::Subject(wanted) => holder.subject == wanted,
            AllowRule::User(wanted) => holder.username() == Some(wanted),
            AllowRule::OrganizationId(wanted) => organization("sub", wanted),
            AllowRule::Organization(wanted) => organization("preferred_username", wanted),
        }
    }
}

/// Hugging Face's ids: 12 bytes in lower-case hexadecimal.
fn is_id(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the holder meets the organization's requirements. Hugging Face lists the missing ones; such a
/// member has no access there, so it has none here.
fn is_in_good_standing(org: &Map<String, Value>) -> bool {
    ["pendingSSO", "missingMFA", "securityRestrictions"].iter().all(|lack| match org.get(*lack) {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use space_kit::jwt::{Expected, testing::verified};

    const ORG_ID: &str = "5f0c746619cb630495b814fd";

    fn allows(rules: &str, extra: Value) -> bool {
        let mut claims = json!({"iss": "i", "aud": "a", "sub": "ann", "iat": 0, "exp": 9e9});
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let expected = Expected { issuer: "i".to_owned(), audience: "a".to_owned() };
        let holder = verified(claims.as_object().unwrap()).holder(&expected, 1).unwrap();
        AllowList::parse(rules).unwrap().allows(&holder)
    }

    #[test]
    fn each_rule_compares_its_own_field() {
        let claims = json!({
            "preferred_username": "anna", "name": "Ann Example", "email": "ann@site.example",
            "orgs": [{"sub": ORG_ID, "preferred_username": "lab", "name": "The Lab"}],
        });
        for (rules, outcome) in [
            ("*", true),
            ("sub:ann", true),
            ("sub:anna", false),
            ("sub:Ann", false),
            ("user:anna", true),
            ("user:ann", false),
            ("user:Ann Example", false),
            ("user:Anna", false),
            ("org:lab", true),
            ("org:anna", false),
            (&format!("org:{ORG_ID}"), true),
            ("org:5f0c746619cb630495b814fe", false),
            ("sub:bob, user:bob , org:lab", true),
            ("sub:bob,user:bob", false),
        ] {
            assert_eq!(allows(rules, claims.clone()), outcome, "{rules}");
        }
    }

    #[test]
    fn a_display_name_matches_nothing() {
        let orgs = json!({"orgs": [{"sub": "0", "preferred_username": "evil", "name": "lab"}]});
        assert!(!allows("org:lab", orgs));
    }

    #[test]
    fn an_organization_named_like_anothers_id_does_not_match() {
        let orgs = json!({"orgs": [{"sub": "0".repeat(24), "preferred_username": ORG_ID}]});
        assert!(!allows(&format!("org:{ORG_ID}"), orgs));
        assert!(!allows("org:lab", json!({"orgs": [{"sub": "lab"}]})));
    }

    #[test]
    fn a_member_that_misses_a_requirement_is_not_allowed() {
        for (lack, outcome) in [
            (json!({"pendingSSO": true}), false),
            (json!({"missingMFA": true}), false),
            (json!({"securityRestrictions": ["sso"]}), false),
            (json!({"securityRestrictions": "sso"}), false),
            (json!({"pendingSSO": false, "missingMFA": null, "securityRestrictions": []}), true),
        ] {
            let mut org = json!({"sub": ORG_ID, "preferred_username": "lab"});
            org.as_object_mut().unwrap().extend(lack.as_object().unwrap().clone());
            assert_eq!(allows("org:lab", json!({"orgs": [org]})), outcome, "{lack}");
        }
    }

    #[test]
    fn claims_of_other_types_match_nothing() {
        for claims in [
            json!({"preferred_username": ["ann"], "orgs": "lab"}),
            json!({"orgs": {"preferred_username": "lab"}}),
            json!({"orgs": ["lab", 1, null, [{"preferred_username": "lab"}]]}),
            json!({"orgs": [{"preferred_username": {"lab": 1}}]}),
        ] {
            assert!(!allows("user:ann,org:lab", claims.clone()), "{claims}");
        }
    }

    #[test]
    fn an_invalid_rule_is_named_by_its_number() {
        for (text, problem) in [
            ("", "entry 1 "),
            ("ann", "entry 1 "),
            ("sub:ann,", "entry 2 "),
            ("sub:", "entry 1 "),
            ("sub:a,team:b", "entry 2 "),
            ("SUB:a", "entry 1 "),
            ("sub:a,*", "* next to"),
        ] {
            let message = AllowList::parse(text).unwrap_err().to_string();
            assert!(message.contains(problem), "{text}: {message}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_text_is_read_or_rejected(text in "([ -~é漢]|[*:,]|sub:|user:|org:){0,12}") {
            if let Ok(AllowList::Rules(rules)) = AllowList::parse(&text) {
                prop_assert_eq!(rules.len(), text.split(',').count());
            }
        }

        #[test]
        fn a_subject_is_allowed_only_by_its_own_rule(subject in "[a-z]{1,3}", rule in "[a-z]{1,3}") {
            prop_assert_eq!(allows(&format!("sub:{rule}"), json!({"sub": subject})), subject == rule);
        }
    }
}
