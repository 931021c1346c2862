//! The tokens that an answer of `/v1/responses` or `/v1/messages` tells of: the whole of it, or an event of its stream
//! (OpenAI API reference, "Streaming events"; Anthropic API, "Streaming messages").

use crate::chunk::Usage;
use crate::json_scan::{self, Members};

/// Notes the counts in `usage`, which is at the top, in `response` (`response.completed`) or in `message`
/// (`message_start`). Later counts go before earlier ones: `message_delta` has the sum so far.
pub(crate) fn note(data: &[u8], noted: &mut Option<Usage>) {
    if let Some(usage) = find(data) {
        let Usage { prompt_tokens, completion_tokens, .. } = noted.unwrap_or_default();
        *noted = Some(Usage {
            prompt_tokens: usage.prompt_tokens.or(prompt_tokens),
            completion_tokens: usage.completion_tokens.or(completion_tokens),
            total_tokens: None,
        });
    }
}

fn find(data: &[u8]) -> Option<Usage> {
    let top = json_scan::members(data, ["usage", "response", "message"]).ok()?;
    let place = match top.get("usage") {
        Some(usage) => usage.value.clone(),
        None => {
            let around = top.get("response").or(top.get("message"))?;
            json_scan::members_in(data, &around.value, ["usage"]).ok()?.get("usage")?.value.clone()
        }
    };
    let counts = json_scan::members_in(data, &place, ["input_tokens", "output_tokens"]).ok()?;
    let count = |counts: &Members<2>, name| {
        let raw = data.get(counts.get(name)?.value.clone())?;
        std::str::from_utf8(raw).ok()?.parse().ok()
    };
    Some(Usage {
        prompt_tokens: count(&counts, "input_tokens"),
        completion_tokens: count(&counts, "output_tokens"),
        total_tokens: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json_scan::samples;
    use proptest::prelude::*;

    fn counts(events: &[&str]) -> Option<(u64, u64)> {
        let mut noted = None;
        events.iter().for_each(|data| note(data.as_bytes(), &mut noted));
        noted.map(|usage| (usage.prompt_tokens.unwrap_or(0), usage.completion_tokens.unwrap_or(0)))
    }

    #[test]
    fn counts_are_found_in_whole_answers_and_in_events() {
        let usage = r#""usage":{"input_tokens":11,"output_tokens":22,"total_tokens":33}"#;
        assert_eq!(counts(&[&format!(r#"{{"id":"r",{usage}}}"#)]), Some((11, 22)));
        let created = r#"{"type":"response.created","response":{"id":"r","usage":null}}"#;
        let completed = format!(r#"{{"type":"response.completed","response":{{{usage}}}}}"#);
        assert_eq!(counts(&[created, r#"{"type":"response.output_text.delta","delta":"x"}"#]), None);
        assert_eq!(counts(&[created, &completed]), Some((11, 22)));
        let begin = r#"{"type":"message_start","message":{"usage":{"input_tokens":7,"output_tokens":1}}}"#;
        let end = r#"{"type":"message_delta","delta":{},"usage":{"output_tokens":9}}"#;
        assert_eq!(counts(&[begin, r#"{"type":"ping"}"#, end, end]), Some((7, 9)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn any_data_is_read_or_passed_over(data in samples::mutated(samples::json()), rest in samples::json()) {
            let mut noted = None;
            note(&data, &mut noted);
            note(format!("{{\"usage\":{rest},\"response\":{rest}}}").as_bytes(), &mut noted);
            note(format!("{{\"message\":{{\"usage\":{rest}}}}}").as_bytes(), &mut noted);
        }
    }
}
