//! Estimates how many tokens a text has. The weights are fitted to OpenAI's o200k on English, German, Chinese, code and
//! lists of tools; other vocabularies of current models have similar sizes.

use super::raw::{Fields, Raw};

/// The tokens around each message.
const PER_MESSAGE: u64 = 4;
/// The tokens of an image, which depend on its size.
const PER_IMAGE: u64 = 1000;

/// The tokens of a chat request, estimated from its JSON text.
pub(super) fn of_chat(text: &str) -> u64 {
    let chat = Raw::of(text.as_bytes()).fields();
    let messages: u64 = chat.items("messages").into_iter().map(|message| of_message(&message.fields())).sum();
    messages.saturating_add(chat.get("tools").map_or(0, |tools| of_text(tools.text())))
}

fn of_message(message: &Fields<'_>) -> u64 {
    let texts = |value: Raw<'_>| value.string().map_or(0, |text| of_text(&text));
    let parts = message.items("content").into_iter().map(|part| {
        let text = part.fields().get("text");
        text.map_or(PER_IMAGE, texts)
    });
    let calls = message.get("tool_calls").map_or(0, |calls| of_text(calls.text()));
    [PER_MESSAGE, message.get("content").map_or(0, texts), parts.sum(), calls]
        .into_iter()
        .fold(0, u64::saturating_add)
}

/// What a run of characters is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Letters,
    Digits,
    Spaces,
    Marks,
    /// Chinese, Japanese and Korean characters, and symbols.
    Wide,
    /// Letters of other alphabets.
    Other,
}

/// The tokens of a text, in sixteenths for each run: a word costs 15, more if it is long or has letters like é.
fn of_text(text: &str) -> u64 {
    let (mut sum, mut last, mut length, mut before) = (0, Run::Spaces, 0_u64, ' ');
    for c in text.chars() {
        let run = match c {
            'a'..='z' | 'A'..='Z' | '\u{C0}'..'\u{250}' => Run::Letters,
            '0'..='9' => Run::Digits,
            _ if c.is_whitespace() => Run::Spaces,
            _ if c.is_ascii() => Run::Marks,
            '\u{2E80}'.. => Run::Wide,
            _ => Run::Other,
        };
        // In a name such as `maxTokens`, a capital begins a word.
        let begins = run != last || run == Run::Letters && c.is_uppercase() && before.is_lowercase();
        length = if begins { 1 } else { length.saturating_add(1) };
        let weight: u64 = match run {
            Run::Letters => {
                let long = if length > 8 { 8 } else { u64::from(length > 4) };
                let (begin, accent) = (if begins { 15 } else { 0 }, if c.is_ascii() { 0 } else { 19 });
                [long, begin, accent].into_iter().sum()
            }
            Run::Digits if length % 3 == 1 => 29,
            Run::Marks => {
                if begins {
                    10
                } else {
                    3
                }
            }
            Run::Wide => 11,
            Run::Other => 8,
            Run::Spaces if c == '\n' && before != '\n' => 19,
            Run::Spaces if length == 2 && before != '\n' => 15,
            Run::Digits | Run::Spaces => 0,
        };
        sum = weight.saturating_add(sum);
        (last, before) = (run, c);
    }
    sum.div_ceil(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_is_near_the_count_of_o200k() {
        for (text, counted) in TEXTS {
            let estimate = of_text(text);
            assert!(
                estimate.abs_diff(counted) * 100 <= counted * 15,
                "{estimate} instead of {counted}: {text}"
            );
        }
    }

    #[test]
    fn texts_calls_and_tools_count_and_an_image_does_not_count_by_its_bytes() {
        let image = "A".repeat(100_000);
        let chat = format!(
            r#"{{"messages":[{{"role":"user","content":"hi there"}},{{"role":"user","content":[{{"type":"text","text":"hi there"}},{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}}]}}]}}"#
        );
        assert_eq!(of_chat(&chat), 2 * (4 + of_text("hi there")) + 1000);
        let with_tools = chat.replacen('{', r#"{"tools":[{"name":"f"}],"#, 1);
        assert!(of_chat(&with_tools) > of_chat(&chat));
    }

    /// Texts with their counts by `gpt-tokenizer`'s o200k_base.
    const TEXTS: [(&str, u64); 5] = [
        (
            "The gateway reads each response just far enough to know that it began well, because only until then may another endpoint take over. A request that was never served is not counted, and when the client disconnects, everything that it holds is released.",
            49,
        ),
        (
            "Der Dienst liest jede Antwort nur so weit, bis feststeht, dass sie ordentlich begonnen hat, denn nur bis dahin darf ein anderer Anbieter übernehmen. Bricht die Verbindung ab, werden Speicher und Platz in der Warteschlange sofort freigegeben.",
            49,
        ),
        (
            "网关只读取响应的开头，以确认它已经正常开始，因为只有在此之前才能由另一个上游接管。客户端断开连接时，它占用的所有资源都会立即释放。",
            43,
        ),
        (
            "fn write(&mut self, out: &mut Vec<u8>) -> Result<usize, Error> {\n    let mut written = 0;\n    for (index, part) in self.parts.iter().enumerate() {\n        if index > 0 {\n            out.extend_from_slice(b\", \");\n        }\n        written += part.len();\n    }\n    Ok(written)\n}\n",
            77,
        ),
        (
            "{\"type\":\"function\",\"name\":\"read_file\",\"description\":\"Reads a file and returns its text, at most 2000 lines.\",\"parameters\":{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\",\"description\":\"The absolute path of the file\"},\"offset\":{\"type\":\"integer\",\"minimum\":0}},\"required\":[\"path\"],\"additionalProperties\":false}}",
            72,
        ),
    ];
}
