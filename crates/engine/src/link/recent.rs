//! The newest frames of an outbox in memory: what each is about, and its body until it was sent for the first time.

use crate::record::About;
use frontdesk_wire::LinkSeq;
use std::collections::BTreeMap;

/// Frames for one peer of which memory knows; others are read when they are needed.
pub const MAX_RECENT: usize = 1_024;
/// Bytes of their bodies: a peer that is silent must not cost much.
pub const MAX_RECENT_BYTES: usize = 512 * 1024;

#[derive(Debug, Default)]
pub(super) struct Recent {
    frames: BTreeMap<LinkSeq, (About, Option<Vec<u8>>)>,
    bytes: usize,
}

impl Recent {
    /// Takes note of a frame, if there is room; with its body, if there is room for that and it is about to be sent.
    pub(super) fn add(&mut self, seq: LinkSeq, about: About, body: &[u8], soon: bool) {
        if self.frames.len() >= MAX_RECENT {
            return;
        }
        let bytes = self.bytes.saturating_add(body.len());
        let body = (soon && bytes <= MAX_RECENT_BYTES).then(|| body.to_vec());
        if body.is_some() {
            self.bytes = bytes;
        }
        self.frames.insert(seq, (about, body));
    }

    pub(super) fn about(&self, seq: LinkSeq) -> Option<About> {
        self.frames.get(&seq).map(|(about, _)| *about)
    }

    /// The body, to be sent.
    pub(super) fn take_body(&mut self, seq: LinkSeq) -> Option<Vec<u8>> {
        let body = self.frames.get_mut(&seq)?.1.take()?;
        self.bytes = self.bytes.saturating_sub(body.len());
        Some(body)
    }

    pub(super) fn remove(&mut self, seq: LinkSeq) {
        let body = self.frames.remove(&seq).and_then(|(_, body)| body);
        self.bytes = self.bytes.saturating_sub(body.map_or(0, |body| body.len()));
    }

    /// How many frames are noted, and the bytes of those that were not sent yet.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.frames.len(), self.bytes)
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_and_the_bytes_of_their_bodies_are_bounded() {
        let mut recent = Recent::default();
        let body = vec![7; MAX_RECENT_BYTES / 4];
        for seq in 0..2_000 {
            recent.add(LinkSeq(seq), About::Nothing, &body, true);
        }
        assert!(recent.about(LinkSeq(1_023)).is_some() && recent.about(LinkSeq(1_024)).is_none());
        assert!(recent.take_body(LinkSeq(3)).is_some() && recent.take_body(LinkSeq(4)).is_none());
        recent.remove(LinkSeq(2));
        recent.add(LinkSeq(2_000), About::Nothing, &body, true);
        assert!(recent.take_body(LinkSeq(2_000)).is_some(), "a body that went makes room");
        recent.add(LinkSeq(2_001), About::Nothing, &body, false);
        assert!(recent.take_body(LinkSeq(2_001)).is_none(), "not to be sent soon");
    }
}
