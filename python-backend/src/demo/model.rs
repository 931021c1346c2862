//! What the demo model answers.

use super::chat_request::ChatRequest;
use super::tools::ToolCall;

/// A complete answer, word by word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    /// The words, each with the space after it. A word counts as a token.
    pub(super) words: Vec<String>,
    /// `stop`, `length` if `max_tokens` cut it, or `tool_calls`.
    pub(super) finish_reason: &'static str,
    pub(super) prompt_tokens: u64,
    /// A tool call instead of words.
    pub(super) call: Option<ToolCall>,
}

/// Answers a request.
pub(super) fn complete(request: &ChatRequest) -> Completion {
    let prompt_tokens = request.prompt.split_whitespace().count() as u64;
    if request.call.is_some() {
        let (words, finish_reason) = (Vec::new(), "tool_calls");
        return Completion { words, finish_reason, prompt_tokens, call: request.call.clone() };
    }
    let mut text =
        String::from("This is the demo model: no language model is running here, it only repeats what ");
    let repeated = match &request.result {
        Some(result) => {
            text.push_str("it is told. The tool returned: ");
            result
        }
        None => {
            text.push_str("you say. You said: ");
            &request.question
        }
    };
    text.push_str(if repeated.is_empty() { "(nothing)" } else { repeated });
    if let Some(at) = request.stop.iter().filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(at);
    }
    let mut words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
    let longest = request.max_tokens.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    let finish_reason = if words.len() > longest { "length" } else { "stop" };
    words.truncate(longest);
    Completion { words, finish_reason, prompt_tokens, call: None }
}

impl Completion {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.words.concat()
    }

    pub(super) fn completion_tokens(&self) -> u64 {
        self.words.len() as u64 + u64::from(self.call.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: &str, max_tokens: Option<u64>, stop: &[&str]) -> Completion {
        complete(&ChatRequest {
            question: question.to_owned(),
            result: None,
            prompt: question.to_owned(),
            stream: false,
            include_usage: false,
            max_tokens,
            stop: stop.iter().map(|stop| (*stop).to_owned()).collect(),
            call: None,
        })
    }

    #[test]
    fn it_introduces_itself_and_repeats_the_question() {
        let answer = ask("two  spaces", None, &[]);
        assert!(answer.text().starts_with("This is the demo model"));
        assert!(answer.text().ends_with("You said: two  spaces"), "{}", answer.text());
        assert_eq!((answer.finish_reason, answer.prompt_tokens), ("stop", 2));
    }

    #[test]
    fn max_tokens_cuts_the_answer() {
        let answer = ask("hi", Some(3), &[]);
        assert_eq!((answer.text().as_str(), answer.finish_reason), ("This is the ", "length"));
        assert_eq!(answer.completion_tokens(), 3);
    }

    #[test]
    fn a_stop_sequence_ends_the_answer_before_it() {
        let answer = ask("hi", None, &["model", "demo"]);
        assert_eq!((answer.text().as_str(), answer.finish_reason), ("This is the ", "stop"));
    }
}
