//! Which requests belong together: those of one conversation go to the same replica, whose prompt cache has its
//! beginning.

use std::hash::{DefaultHasher, Hash, Hasher};

use hyper::header::HeaderMap;

use crate::json::{self, Span};

/// How much of the first message counts, in bytes.
const MAX_BYTES: usize = 4096;

/// A hash of the caller, the model and what identifies the conversation: `x-session-affinity`, `prompt_cache_key`, or
/// the first message of the user, which a client sends again in each turn. The body is JSON that was accepted, or
/// anything else, which has no message.
pub(crate) fn affinity(caller: &str, model: &str, headers: &HeaderMap, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (caller, model).hash(&mut hasher);
    match headers.get("x-session-affinity") {
        Some(session) => hasher.write(session.as_bytes()),
        None if body.trim_ascii_start().starts_with(b"{") => conversation(body, &mut hasher),
        None => {}
    }
    hasher.finish()
}

fn conversation(body: &[u8], hasher: &mut DefaultHasher) {
    let whole = 0..body.len();
    let Ok(members) =
        json::last_members_in(body, &whole, ["prompt_cache_key", "messages", "input", "prompt"])
    else {
        return;
    };
    let place = |name| members.get(name).map(|member| member.value.clone());
    match place("prompt_cache_key").filter(|key| text(body, key).starts_with(b"\"")) {
        Some(key) => hash_text(body, &key, hasher),
        None => {
            let given = place("messages").or_else(|| place("input")).or_else(|| place("prompt"));
            if let Some(given) = given {
                let message = first(body, &given, "role", b"\"user\"", "content").unwrap_or(given);
                // Of parts only the text counts, because clients move their cache marks from turn to turn.
                let part = first(body, &message, "", b"", "text").unwrap_or(message);
                hash_text(body, &part, hasher);
            }
        }
    }
}

/// The member `wanted` of the first object of a list that has it and whose member `name` has this value.
fn first(body: &[u8], list: &Span, name: &'static str, value: &[u8], wanted: &'static str) -> Option<Span> {
    let mut found = None;
    let mut each = |item: Span| {
        let Some(members) =
            json::last_members_in(body, &item, [name, wanted]).ok().filter(|_| found.is_none())
        else {
            return;
        };
        let given = members.get(name).map_or(&b""[..], |member| text(body, &member.value));
        found = members.get(wanted).filter(|_| given == value).map(|member| member.value.clone());
    };
    _ = json::items_in(body, list, &mut each);
    found
}

fn hash_text(body: &[u8], place: &Span, hasher: &mut DefaultHasher) {
    let text = text(body, place);
    hasher.write(text.get(..MAX_BYTES).unwrap_or(text));
}

fn text<'a>(body: &'a [u8], place: &Span) -> &'a [u8] {
    body.get(place.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    fn of(body: &str) -> u64 {
        affinity("site", "m", &HeaderMap::new(), body.as_bytes())
    }

    const FIRST: &str =
        r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"hi"}"#;

    #[test]
    fn the_turns_of_a_conversation_have_one_affinity() {
        let first = of(&format!("{FIRST}]}}"));
        let second = r#",{"role":"assistant","content":"x"},{"role":"user","content":"more"}],"n":1}"#;
        assert_eq!(of(&format!("{FIRST}{second}")), first);
        assert_eq!(of(&format!("{FIRST}]}}").replace('S', "another system")), first);
        assert_ne!(of(&format!("{FIRST}]}}").replace("hi", "hello")), first);
        let parts = |mark: &str, more: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"hi"{mark}}}]}}{more}]}}"#
            )
        };
        let marked = parts(r#","cache_control":{"type":"ephemeral"}"#, "");
        assert_eq!(of(&parts("", r#",{"role":"user","content":"more"}"#)), of(&marked));
    }

    #[test]
    fn callers_models_inputs_and_keys_tell_conversations_apart() {
        let mut seen = vec![affinity("other", "m", &HeaderMap::new(), b""), of("")];
        seen.push(affinity("site", "n", &HeaderMap::new(), b""));
        for body in [
            r#"{"input":"hi"}"#,
            r#"{"input":[{"role":"user","content":"hi!"}]}"#,
            r#"{"prompt":"hello"}"#,
            r#"{"prompt_cache_key":"k","input":"hi"}"#,
            r#"{"messages":[]}"#,
        ] {
            seen.push(of(body));
        }
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert_eq!(
            of(r#"{"prompt_cache_key":"k","input":"x"}"#),
            of(r#"{"prompt_cache_key":"k","input":"hi"}"#)
        );
        assert_eq!(of(r#"{"prompt_cache_key":null,"input":"hi"}"#), of(r#"{"input":"hi"}"#));
    }

    #[test]
    fn a_session_header_comes_before_the_body() {
        let header = HeaderName::from_static("x-session-affinity");
        let headers = HeaderMap::from_iter([(header, HeaderValue::from_static("s"))]);
        let of = |body: &[u8]| affinity("site", "m", &headers, body);
        assert_eq!(of(br#"{"input":"a"}"#), of(br#"{"input":"b"}"#));
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_affinity(body in "[{]?[\\[\\]{}:,\"a-z0-9 ]{0,40}") {
            of(&body);
        }
    }
}
