//! The parts of an answer in the order in which they are written: reasoning, text, a refusal, calls. Chat chunks may
//! interleave the pieces of several calls, omit ids, or repeat names; the events of the other two APIs come part by
//! part. So a part is written as it arrives if the parts before it are complete, and is held back otherwise.

use space_kit::Error;

use super::output::Output;
use super::part::{Part, PartKind, is_complete};
use super::raw::{Fields, Raw};
use super::writer::PartWriter;
use crate::errors::upstream::bad_gateway;
use crate::json;

/// The parts of one answer.
#[derive(Debug)]
pub(super) struct Parts {
    list: Vec<Part>,
    /// The first part that has not ended.
    open: usize,
    /// The bytes of the texts together, and what they may be.
    length: usize,
    limit: usize,
    /// A text that makes ids unique.
    seed: String,
    /// The name under which the upstream sends reasoning.
    pub(super) reasoning_name: &'static str,
}

/// The names under which upstreams send reasoning.
const REASONING: [&str; 2] = ["reasoning_content", "reasoning"];

impl Parts {
    /// No parts yet, of at most `limit` bytes of text.
    pub(super) fn new(seed: String, limit: usize) -> Parts {
        Parts { list: Vec::new(), open: 0, length: 0, limit, seed, reasoning_name: REASONING[0] }
    }

    /// All parts so far.
    pub(super) fn list(&self) -> &[Part] {
        &self.list
    }

    /// The bytes of text that are held: those that have not been written, or all if the end repeats them.
    pub(super) fn held(&self, keeps_all: bool) -> usize {
        match keeps_all {
            true => self.length,
            false => self.list.iter().map(|part| part.text.len()).sum(),
        }
    }

    /// Whether there is a call.
    pub(super) fn has_calls(&self) -> bool {
        self.list.iter().any(|part| part.kind == PartKind::Call)
    }

    /// Adds the `delta` of a chunk, or the `message` of a whole response.
    ///
    /// # Errors
    ///
    /// If the texts are longer than the limit.
    pub(super) fn add(&mut self, delta: &Fields<'_>) -> Result<(), Error> {
        for name in REASONING {
            if let Some(text) = delta.get(name).and_then(Raw::inner).filter(|text| !text.is_empty()) {
                self.reasoning_name = name;
                self.add_text(PartKind::Reasoning, text)?;
                break; // some upstreams send it under both names
            }
        }
        if let Some(content) = delta.get("content") {
            self.add_text(PartKind::Text, content.inner().unwrap_or_default())?;
            for item in content.items() {
                self.add_text(PartKind::Text, item.fields().inner("text"))?;
            }
        }
        self.add_text(PartKind::Refusal, delta.inner("refusal"))?;
        for (at, call) in delta.items("tool_calls").into_iter().enumerate() {
            self.add_call(&call.fields(), at as u64)?;
        }
        Ok(())
    }

    fn add_text(&mut self, kind: PartKind, text: &str) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        if self.list.last().is_none_or(|last| last.kind != kind) {
            self.begin(kind, 0);
        }
        let at = self.list.len().saturating_sub(1);
        self.append(at, text)
    }

    fn add_call(&mut self, call: &Fields<'_>, at: u64) -> Result<(), Error> {
        let index = call.number("index").unwrap_or(at);
        let function = call.fields("function");
        let (id, name) = (call.inner("id"), function.inner("name"));
        let known = self.list.iter().rposition(|part| part.kind == PartKind::Call && part.index == index);
        // Some upstreams send every call with the same index. Then another id, or a name after complete arguments,
        // begins a new one.
        let is_same = |part: &Part| match id.is_empty() || part.id.is_empty() {
            true => name.is_empty() || part.name.is_empty() || !is_complete(&part.text),
            false => part.id == id,
        };
        let at = match known.filter(|at| self.list.get(*at).is_some_and(is_same)) {
            Some(at) => at,
            None => self.begin(PartKind::Call, index),
        };
        if let Some(part) = self.list.get_mut(at) {
            if part.id.is_empty() {
                part.id.push_str(id);
            }
            if part.name.is_empty() {
                part.name.push_str(name);
            }
        }
        match function.get("arguments") {
            // Some upstreams send the arguments as an object.
            Some(object) if object.text().starts_with('{') => {
                let quoted = json::quoted(object.text());
                self.append(at, Raw::of(quoted.as_bytes()).inner().unwrap_or_default())
            }
            Some(text) => self.append(at, text.inner().unwrap_or_default()),
            None => Ok(()),
        }
    }

    fn begin(&mut self, kind: PartKind, index: u64) -> usize {
        let (id, name, text) = (String::new(), String::new(), String::new());
        self.list.push(Part { kind, id, name, text, written: 0, index, begun: false });
        self.list.len() - 1
    }

    fn append(&mut self, at: usize, text: &str) -> Result<(), Error> {
        self.length = self.length.saturating_add(text.len());
        if self.length > self.limit {
            return Err(bad_gateway("the upstream's response is longer than ANSWER_LIMIT"));
        }
        if let Some(part) = self.list.get_mut(at) {
            part.text.push_str(text);
        }
        Ok(())
    }

    /// Writes what can be written. After the last chunk, that is everything.
    ///
    /// # Errors
    ///
    /// If a call has no name at the end.
    pub(super) fn write(
        &mut self,
        writer: &mut dyn PartWriter,
        is_last: bool,
        out: &mut Output,
    ) -> Result<(), Error> {
        loop {
            let (at, has_next) = (self.open, self.open + 1 < self.list.len());
            let Some(part) = self.list.get_mut(at) else { return Ok(()) };
            let is_call = part.kind == PartKind::Call;
            if is_call && part.name.is_empty() {
                match is_last {
                    true => return Err(bad_gateway("the upstream called a tool without its name")),
                    false => return Ok(()),
                }
            }
            if !part.begun {
                part.begun = true;
                if is_call && part.id.is_empty() {
                    part.id = format!("call_{}_{at}", self.seed);
                }
                writer.begin(at, part, out);
            }
            if is_call && is_last && part.text.is_empty() {
                part.text.push_str("{}"); // a tool without parameters
            }
            if let Some(piece) = part.text.get(part.written..).filter(|piece| !piece.is_empty()) {
                writer.piece(at, part, piece, out);
                part.written = part.text.len();
            }
            if !(is_last || has_next && (!is_call || is_complete(&part.text))) {
                if !writer.needs_text() && !is_call {
                    (part.text, part.written) = (String::new(), 0);
                }
                return Ok(());
            }
            writer.end(at, part, self.reasoning_name, out);
            self.open += 1;
            if !writer.needs_text() {
                part.text = String::new();
            }
        }
    }

    /// Completes the ids of the calls of a whole response.
    ///
    /// # Errors
    ///
    /// If a call has no name.
    pub(super) fn complete(&mut self) -> Result<(), Error> {
        for (at, part) in self.list.iter_mut().enumerate().filter(|(_, part)| part.kind == PartKind::Call) {
            if part.name.is_empty() {
                return Err(bad_gateway("the upstream called a tool without its name"));
            }
            if part.id.is_empty() {
                part.id = format!("call_{}_{at}", self.seed);
            }
        }
        Ok(())
    }
}
