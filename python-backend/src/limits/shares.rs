//! Something that all callers share. A caller may hold as much as is left for others.

/// How much there is, and who holds how much of it.
#[derive(Debug, Default)]
pub(super) struct Shares {
    pub(super) limit: usize,
    pub(super) used: usize,
    /// The callers who hold something and how much, sorted.
    pub(super) held: Vec<(u64, usize)>,
}

impl Shares {
    pub(super) fn new(limit: usize) -> Shares {
        Shares { limit, ..Shares::default() }
    }

    /// The most that one caller may hold while nobody holds anything.
    pub(super) fn longest(&self) -> usize {
        self.limit / 2
    }

    /// Takes `more` for a caller, if it is within the caller's share. Every caller may hold a `few`, if they are free.
    pub(super) fn take(&mut self, caller: u64, more: usize, few: usize) -> bool {
        let place = self.held.binary_search_by_key(&caller, |(caller, _)| *caller);
        let own = place.ok().and_then(|at| self.held.get(at)).map_or(0, |(_, held)| *held);
        let left = self.limit.checked_sub(self.used).and_then(|left| left.checked_sub(more));
        if left.is_none_or(|left| own.saturating_add(more) > left.max(few)) {
            return false;
        }
        self.used += more;
        match place {
            Ok(at) => self.held.get_mut(at).into_iter().for_each(|(_, held)| *held += more),
            Err(at) => self.held.insert(at, (caller, more)),
        }
        true
    }

    pub(super) fn give(&mut self, caller: u64, less: usize) {
        let place = self.held.binary_search_by_key(&caller, |(caller, _)| *caller);
        if let Some((at, (_, held))) = place.ok().and_then(|at| Some((at, self.held.get_mut(at)?))) {
            *held = held.saturating_sub(less);
            if *held == 0 {
                self.held.remove(at);
            }
        }
        self.used = self.used.saturating_sub(less);
    }
}
