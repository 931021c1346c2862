//! Text that is written piece by piece. Long texts that occur several times are shared and not copied.

use bytes::Bytes;

/// A shorter text is copied, because a piece of its own costs a write.
const SHORT: usize = 1024;

/// Events to send, in pieces.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pieces: Vec<Bytes>,
    tail: String,
}

impl Output {
    /// Appends a text.
    pub(super) fn push(&mut self, text: &str) {
        self.tail.push_str(text);
    }

    /// Appends a text that occurs elsewhere too.
    pub(super) fn share(&mut self, text: &Bytes) {
        if text.len() < SHORT {
            self.tail.push_str(std::str::from_utf8(text).unwrap_or_default());
            return;
        }
        self.pieces.push(std::mem::take(&mut self.tail).into());
        self.pieces.push(text.clone());
    }

    /// Takes what was written.
    pub(crate) fn take(&mut self) -> Vec<Bytes> {
        let mut pieces = std::mem::take(&mut self.pieces);
        if !self.tail.is_empty() {
            pieces.push(std::mem::take(&mut self.tail).into());
        }
        pieces
    }
}

impl std::fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.tail.push_str(text);
        Ok(())
    }
}
