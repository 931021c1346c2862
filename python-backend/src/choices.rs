//! Which choices of a streamed answer have said why they ended. Each ends by itself, in any order.

/// The choices seen so far.
#[derive(Debug)]
pub(crate) struct Choices {
    /// As many as the request asks for.
    expected: usize,
    /// By index: whether it has ended.
    pub(crate) seen: Vec<(u64, bool)>,
}

impl Choices {
    /// None yet, of as many as are asked for.
    pub(crate) fn new(expected: usize) -> Choices {
        Choices { expected: expected.max(1), seen: Vec::new() }
    }

    /// Notes a piece of one choice, which may be its last.
    pub(crate) fn note(&mut self, index: u64, ends: bool) {
        match self.seen.iter_mut().find(|(known, _)| *known == index) {
            Some((_, ended)) => *ended |= ends,
            None => self.seen.push((index, ends)),
        }
    }

    /// Whether all have ended, those too that were asked for and did not come yet.
    pub(crate) fn are_over(&self) -> bool {
        self.seen.len() >= self.expected && self.seen.iter().all(|(_, ended)| *ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_over_when_every_choice_asked_for_and_every_choice_seen_is() {
        let over = |expected, notes: &[(u64, bool)]| {
            let mut choices = Choices::new(expected);
            notes.iter().for_each(|(index, ends)| choices.note(*index, *ends));
            choices.are_over()
        };
        assert!(over(1, &[(0, false), (0, true), (0, false)]));
        assert!(!over(0, &[]) && !over(1, &[]) && !over(1, &[(0, false)]));
        assert!(!over(2, &[(0, true)]) && !over(2, &[(0, true), (1, false)]));
        assert!(over(2, &[(1, true), (0, false), (0, true)]));
        assert!(!over(1, &[(0, true), (7, false)]), "more than were asked for");
    }
}
