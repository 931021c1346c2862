//! `JWT_ALLOW`: which holders of a valid token may pass. A token only says who somebody is.
//!
//! `sub:` is the rule to rely on: an issuer never gives a subject to anybody else. `user:` and `org:` compare
//! names, and names can be changed: they are as safe as the issuer's rule for who may take which name.
//! Display names (`name`) can be taken by anybody and open nothing.

use serde_json::{Map, Value};

use space_kit::jwt::Holder;

/// Who may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Allow {
    /// `*`: every holder of a valid token.
    Everybody,
    /// Those whom at least one rule names.
    Some(Vec<Rule>),
}

/// One entry. Texts are compared exactly, letter case too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// `sub:`, the token's subject.
    Subject(String),
    /// `user:`, the token's `preferred_username`.
    User(String),
    /// `org:` with 24 hexadecimal digits, the `sub` of one of the token's `orgs`.
    OrganizationId(String),
    /// `org:` with anything else, the `preferred_username` of one of the token's `orgs`. An id is never
    /// compared with a name: somebody might call an organization by another one's id.
    Organization(String),
}

impl Allow {
    /// Reads `*`, or rules separated by commas. The error names the entry by its number.
    pub(crate) fn parse(text: &str) -> Result<Allow, String> {
        if text.trim() == "*" {
            return Ok(Allow::Everybody);
        }
        let rules = text.split(',').enumerate().map(|(at, entry)| {
            let number = at + 1;
            Rule::parse(entry.trim()).ok_or_else(|| match entry.trim() {
                "*" => {
                    "has * beside other entries: * alone lets everybody with a valid token pass".to_owned()
                }
                _ => format!("entry {number} is none of sub:…, user:… and org:…"),
            })
        });
        rules.collect::<Result<_, _>>().map(Allow::Some)
    }

    /// Whether the holder may pass.
    pub(crate) fn admits(&self, holder: &Holder<'_>) -> bool {
        match self {
            Allow::Everybody => true,
            Allow::Some(rules) => rules.iter().any(|rule| rule.names(holder)),
        }
    }
}

impl Rule {
    fn parse(entry: &str) -> Option<Rule> {
        let (kind, name) = entry.split_once(':')?;
        if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
            return None;
        }
        let owned = name.to_owned();
        match kind {
            "sub" => Some(Rule::Subject(owned)),
            "user" => Some(Rule::User(owned)),
            "org" if is_id(name) => Some(Rule::OrganizationId(owned)),
            "org" => Some(Rule::Organization(owned)),
            _ => None,
        }
    }

    fn names(&self, holder: &Holder<'_>) -> bool {
        let organization = |field: &str, wanted: &str| {
            let named = |org: &Map<String, Value>| org.get(field).and_then(Value::as_str) == Some(wanted);
            holder.organizations().any(|org| is_in_good_standing(org) && named(org))
        };
        match self {
            Rule::Subject(wanted) => holder.subject == wanted,
            Rule::User(wanted) => holder.username() == Some(wanted),
            Rule::OrganizationId(wanted) => organization("sub", wanted),
            Rule::Organization(wanted) => organization("preferred_username", wanted),
        }
    }
}

/// Hugging Face's ids: 12 bytes in lower-case hexadecimal.
fn is_id(name: &str) -> bool {
    name.len() == 24 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether the holder fulfils what the organization asks of its members. Hugging Face lists what is missing;
/// such a member has no access there, so none here.
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

    fn admits(rules: &str, extra: Value) -> bool {
        let mut claims = json!({"iss": "i", "aud": "a", "sub": "ann", "iat": 0, "exp": 9e9});
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let expected = Expected { issuer: "i".to_owned(), audience: "a".to_owned() };
        let holder = verified(claims.as_object().unwrap()).holder(&expected, 1).unwrap();
        Allow::parse(rules).unwrap().admits(&holder)
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
            assert_eq!(admits(rules, claims.clone()), outcome, "{rules}");
        }
    }

    #[test]
    fn a_display_name_opens_nothing() {
        let orgs = json!({"orgs": [{"sub": "0", "preferred_username": "evil", "name": "lab"}]});
        assert!(!admits("org:lab", orgs));
    }

    #[test]
    fn an_organization_that_is_called_by_anothers_id_is_not_that_one() {
        let orgs = json!({"orgs": [{"sub": "0".repeat(24), "preferred_username": ORG_ID}]});
        assert!(!admits(&format!("org:{ORG_ID}"), orgs));
        assert!(!admits("org:lab", json!({"orgs": [{"sub": "lab"}]})));
    }

    #[test]
    fn a_member_who_lacks_what_the_organization_asks_for_is_none() {
        for (lack, outcome) in [
            (json!({"pendingSSO": true}), false),
            (json!({"missingMFA": true}), false),
            (json!({"securityRestrictions": ["sso"]}), false),
            (json!({"securityRestrictions": "sso"}), false),
            (json!({"pendingSSO": false, "missingMFA": null, "securityRestrictions": []}), true),
        ] {
            let mut org = json!({"sub": ORG_ID, "preferred_username": "lab"});
            org.as_object_mut().unwrap().extend(lack.as_object().unwrap().clone());
            assert_eq!(admits("org:lab", json!({"orgs": [org]})), outcome, "{lack}");
        }
    }

    #[test]
    fn claims_of_other_types_open_nothing() {
        for claims in [
            json!({"preferred_username": ["ann"], "orgs": "lab"}),
            json!({"orgs": {"preferred_username": "lab"}}),
            json!({"orgs": ["lab", 1, null, [{"preferred_username": "lab"}]]}),
            json!({"orgs": [{"preferred_username": {"lab": 1}}]}),
        ] {
            assert!(!admits("user:ann,org:lab", claims.clone()), "{claims}");
        }
    }

    #[test]
    fn what_is_no_rule_is_named_by_its_number() {
        for (text, problem) in [
            ("", "entry 1 "),
            ("ann", "entry 1 "),
            ("sub:ann,", "entry 2 "),
            ("sub:", "entry 1 "),
            ("sub:a,team:b", "entry 2 "),
            ("SUB:a", "entry 1 "),
            ("sub:a,*", "* beside"),
        ] {
            let told = Allow::parse(text).unwrap_err();
            assert!(told.contains(problem), "{text}: {told}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_text_is_read_or_refused(text in "([ -~é漢]|[*:,]|sub:|user:|org:){0,12}") {
            if let Ok(Allow::Some(rules)) = Allow::parse(&text) {
                prop_assert_eq!(rules.len(), text.split(',').count());
            }
        }

        #[test]
        fn a_subject_passes_only_by_its_own_rule(subject in "[a-z]{1,3}", rule in "[a-z]{1,3}") {
            prop_assert_eq!(admits(&format!("sub:{rule}"), json!({"sub": subject})), subject == rule);
        }
    }
}
