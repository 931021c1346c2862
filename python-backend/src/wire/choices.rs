//! Which choices of a streamed response have reported a `finish_reason`. They end independently, in any
//! order.

/// The choices seen so far.
#[derive(Debug)]
pub(crate) struct Choices {
    /// The number that the request asks for.
    expected: usize,
    /// By index: whether it has ended.
    pub(crate) seen: Vec<(u64, bool)>,
}

impl Choices {
    /// No choice seen yet, of the number that the request asks for.
    pub(crate) fn new(expected: usize) -> Choices {
        Choices { expected: expected.max(1), seen: Vec::new() }
    }

    /// Records a chunk of one choice: whether it has a `finish_reason`, and whether it has content, which shows
    /// that an earlier `finish_reason` was not the end.
    pub(crate) fn record(&mut self, index: u64, ends: bool, has_content: bool) {
        match self.seen.iter_mut().find(|(known, _)| *known == index) {
            Some((_, ended)) => *ended = ends || (*ended && !has_content),
            None => self.seen.push((index, ends)),
        }
    }

    /// Whether every choice has ended, including those that the request asks for and that have not arrived
    /// yet.
    pub(crate) fn have_ended(&self) -> bool {
        self.seen.len() >= self.expected && self.seen.iter().all(|(_, ended)| *ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_ends_when_every_requested_and_every_seen_choice_has_ended() {
        let ended = |expected, chunks: &[(u64, bool)]| {
            let mut choices = Choices::new(expected);
            chunks.iter().for_each(|(index, ends)| choices.record(*index, *ends, false));
            choices.have_ended()
        };
        assert!(ended(1, &[(0, false), (0, true), (0, false)]));
        assert!(!ended(0, &[]) && !ended(1, &[]) && !ended(1, &[(0, false)]));
        assert!(!ended(2, &[(0, true)]) && !ended(2, &[(0, true), (1, false)]));
        assert!(ended(2, &[(1, true), (0, false), (0, true)]));
        assert!(!ended(1, &[(0, true), (7, false)]), "more than requested");
        let mut choices = Choices::new(1);
        choices.record(0, true, true);
        choices.record(0, false, true);
        assert!(!choices.have_ended(), "content after a finish_reason");
    }
}
