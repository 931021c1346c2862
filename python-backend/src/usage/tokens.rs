//! Token counts, and how `/v1/responses` and `/v1/messages` report them: in the whole response or in an event
//! of the stream (OpenAI API reference, "Streaming events"; Anthropic API, "Streaming messages").

use crate::json::{self, Members};

/// Token counts as an upstream reports them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) completion_tokens: Option<u64>,
    pub(crate) total_tokens: Option<u64>,
}

/// Updates `reported` from `usage`, which is at the top level, in `response` (`response.completed`) or in
/// `message` (`message_start`). Later counts replace earlier ones, because `message_delta` has the sum so
/// far.
pub(crate) fn update(data: &[u8], reported: &mut Option<Usage>) {
    if let Some(usage) = find(data) {
        let Usage { prompt_tokens, completion_tokens, .. } = reported.unwrap_or_default();
        *reported = Some(Usage {
            prompt_tokens: usage.prompt_tokens.or(prompt_tokens),
            completion_tokens: usage.completion_tokens.or(completion_tokens),
            total_tokens: None,
        });
    }
}

fn find(data: &[u8]) -> Option<Usage> {
    let top = json::members(data, ["usage", "response", "message"]).ok()?;
    let place = match top.get("usage") {
        Some(usage) => usage.value.clone(),
        None => {
            let around = top.get("response").or(top.get("message"))?;
            json::members_in(data, &around.value, ["usage"]).ok()?.get("usage")?.value.clone()
        }
    };
    let counts = json::members_in(data, &place, ["input_tokens", "output_tokens"]).ok()?;
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
    use crate::json::samples;
    use proptest::prelude::*;

    fn counts(events: &[&str]) -> Option<(u64, u64)> {
        let mut reported = None;
        events.iter().for_each(|data| update(data.as_bytes(), &mut reported));
        reported.map(|usage| (usage.prompt_tokens.unwrap_or(0), usage.completion_tokens.unwrap_or(0)))
    }

    #[test]
    fn counts_are_found_in_whole_responses_and_in_events() {
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
        fn any_data_is_read_or_ignored(data in samples::mutated(samples::json()), rest in samples::json()) {
            let mut reported = None;
            update(&data, &mut reported);
            update(format!("{{\"usage\":{rest},\"response\":{rest}}}").as_bytes(), &mut reported);
            update(format!("{{\"message\":{{\"usage\":{rest}}}}}").as_bytes(), &mut reported);
        }
    }
}
