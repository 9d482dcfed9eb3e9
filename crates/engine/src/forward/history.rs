//! What of the past a forward hands on, and its pieces.

use crate::{
    CommandError, Engine,
    record::{self, Entry, Meta},
    space,
    step::{Halt, Step},
};
use frontdesk_capability::History;
use frontdesk_identity::DeviceId;
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{Content, ContentKind, SignedContent, limits};

/// Bytes of signed contents in one piece of history, before sealing.
const PIECE: usize = 128 * 1024;
/// Bytes of signed contents that one forward hands on at most, the newest: 8 MiB, some thousands of texts. All of them are in
/// memory at once, as they are and sealed. A grant reaches no further back than what goes with it.
pub const MAX_HANDED_ON: usize = 64 * PIECE;
/// Entries that are read at a time.
const PAGE: usize = 64;

/// What a forward hands on, oldest first.
pub(super) struct HandedOn {
    /// As far as this, and no further than was wanted.
    pub(super) history: History,
    /// Each with its size.
    pub(super) contents: Vec<(SignedContent, usize)>,
    /// How many of them are texts.
    pub(super) texts: u32,
}

impl HandedOn {
    /// There is no room for this one: what is handed on begins after its place, whoever else wrote there.
    fn end_before(&mut self, left_out: &Content) {
        let after = left_out.position.next();
        self.history = History::From { era: left_out.era, position: after.0 };
        let outside = |signed: &SignedContent| {
            signed.read().is_ok_and(|content| (content.era, content.position) < (left_out.era, after))
        };
        while let Some((signed, _)) = self.contents.pop_if(|(signed, _)| outside(signed)) {
            let text = signed.read().is_ok_and(|content| matches!(content.kind, ContentKind::Text(_)));
            self.texts = self.texts.saturating_sub(u32::from(text));
        }
    }
}

impl Engine {
    /// What is handed on, sealed piece by piece.
    pub(super) fn history_pieces(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        reader: &DeviceId,
        contents: Vec<(SignedContent, usize)>,
    ) -> Result<Vec<Vec<u8>>, Halt<CommandError>> {
        let mut pieces: Vec<Vec<SignedContent>> = Vec::new();
        let mut size = PIECE;
        for (content, bytes) in contents {
            if size >= PIECE {
                pieces.push(Vec::new());
                size = 0;
            }
            size += bytes;
            if let Some(piece) = pieces.last_mut() {
                piece.push(content);
            }
        }
        let mut sealed = Vec::new();
        for (index, piece) in (0..).zip(pieces) {
            let plaintext = frontdesk_identity::codec::encode(&piece);
            let plaintext = plaintext.map_err(|error| CommandError::Internal(error.to_string()))?;
            let seed = self.bytes();
            let ctx = self.ctx(step, seed).ok_or(CommandError::NotSettled)?;
            let piece = thread.seal_history(&ctx, reader, index, &plaintext);
            sealed.push(piece.map_err(|error| CommandError::Internal(error.to_string()))?);
        }
        Ok(sealed)
    }

    /// The newest contents that `history` covers, as many as one forward hands on. They are read from the end, a page at a
    /// time, so that a long thread costs no more than that.
    pub(super) fn contents_within(
        &self,
        step: Step<'_>,
        meta: &Meta,
        history: History,
    ) -> Result<HandedOn, StoreError> {
        let mut handed_on = HandedOn { history, contents: Vec::new(), texts: 0 };
        let prefix = space::history(&meta.thread);
        let (mut size, mut after) = (0_usize, None::<Vec<u8>>);
        'pages: loop {
            let scan = Scan::prefix(&prefix).descending().limit(PAGE);
            let page = step.overlay.scan(&match &after {
                Some(key) => scan.after(key),
                None => scan,
            })?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, bytes) in page {
                let entry: Entry = record::decode(&bytes)?;
                let is_text = crate::threads::text_of(&entry).is_some();
                let Some(signed) = entry.content else { continue };
                let Ok(content) = signed.read() else { continue };
                if !history.covers(content.era, content.position.0) {
                    break 'pages;
                }
                size = size.saturating_add(limits::MAX_NOTE + bytes.len());
                if size > MAX_HANDED_ON {
                    handed_on.end_before(&content);
                    break 'pages;
                }
                handed_on.texts += u32::from(is_text);
                handed_on.contents.push((signed, limits::MAX_NOTE + bytes.len()));
            }
        }
        handed_on.contents.reverse();
        Ok(handed_on)
    }
}
