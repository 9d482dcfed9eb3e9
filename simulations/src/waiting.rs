//! How many frames wait, counted as it changes: most wait for less than a second.

/// Frames that wait at nodes, and the most since somebody looked.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    now: usize,
    most: usize,
    longest: usize,
}

impl Waiting {
    /// So many wait at a node that had so many before.
    pub(crate) fn change(&mut self, before: usize, after: usize) {
        self.now = (self.now + after).saturating_sub(before);
        self.most = self.most.max(self.now);
        self.longest = self.longest.max(after);
    }

    /// The most at all nodes together, and at one of them, since it was asked last.
    pub(crate) fn take_most(&mut self) -> (usize, usize) {
        (std::mem::replace(&mut self.most, self.now), std::mem::take(&mut self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_since_somebody_looked_is_told_and_begins_with_what_waits_then() {
        let mut waiting = Waiting::default();
        for (before, after) in [(0, 3), (0, 2), (3, 0)] {
            waiting.change(before, after);
        }
        assert_eq!(waiting.take_most(), (5, 3));
        assert_eq!(waiting.take_most(), (2, 0));
        waiting.change(2, 1);
        assert_eq!(waiting.take_most(), (2, 1));
    }
}
