//! Texts of one thread that are written in one step are sealed together: one MLS message and one frame for each reader,
//! however many they are. What is sealed alone costs two signatures, what is sealed with others little more than one.

use super::not_allowed;
use crate::{
    CommandError, Engine, Reply,
    record::About,
    step::{Halt, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_wire::{Bundle, ContentKind, Seq, SignedContent};
use std::collections::BTreeMap;

/// A text that this step has written, and that is not sealed yet.
#[derive(Debug)]
pub(crate) struct Unsealed {
    thread: ThreadId,
    era: u32,
    seq: Seq,
    signed: SignedContent,
    receivers: Vec<TransportKey>,
}

impl Unsealed {
    pub(crate) fn is_for(&self, peer: &TransportKey) -> bool {
        self.receivers.contains(peer)
    }
}

/// Texts that follow each other in one thread, as far as one message has room for them.
struct Together {
    thread: ThreadId,
    era: u32,
    first: Seq,
    bundle: Bundle,
    receivers: Vec<TransportKey>,
}

impl Together {
    fn of(text: Unsealed) -> Self {
        let Unsealed { thread, era, seq, signed, receivers } = text;
        Self { thread, era, first: seq, bundle: Bundle::of(signed), receivers }
    }
}

impl Engine {
    /// Writes a text. It is sealed with those that follow it at once, by [`Self::seal_texts`].
    pub(crate) fn send_text(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        text: String,
    ) -> Result<Reply, Halt<CommandError>> {
        super::check_text(&text)?;
        let (mut meta, thread) = self.thread_of_command(step, id)?;
        thread.check_writer(&self.id(), step.wall(), &self.revocations).map_err(not_allowed)?;
        let receivers = self.receivers(step, &thread);
        if !receivers.iter().any(|receiver| receiver.other) {
            return Err(CommandError::NobodyLeft.into());
        }
        self.require_room(step, &receivers)?;
        let (content, signed) = self.sign(step, &mut meta, ContentKind::Text(text))?;
        self.add_message(step, &mut meta, &content, &signed, receivers.clone())?;
        self.put_meta(step, &meta)?;
        self.tell_message(step, &meta, &content, &receivers, false)?;
        self.keep_thread(thread);
        self.unsealed.push(Unsealed {
            thread: id,
            era: content.era,
            seq: content.seq,
            signed,
            receivers: receivers.iter().map(|receiver| receiver.transport).collect(),
        });
        Ok(Reply::Queued {
            thread: id,
            message: super::message_id(&content.author, content.seq),
            position: content.position,
        })
    }

    /// Seals what this step has written, before anything else happens: a later input may change who reads.
    pub(crate) fn seal_texts(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        if self.unsealed.is_empty() {
            return Ok(());
        }
        let mut threads: BTreeMap<ThreadId, Vec<Together>> = BTreeMap::new();
        for text in std::mem::take(&mut self.unsealed) {
            let together = threads.entry(text.thread).or_default();
            let last = together.last_mut().filter(|last| last.receivers == text.receivers);
            let signed = match last {
                None => text.signed,
                Some(last) => match last.bundle.add(text.signed) {
                    Ok(()) => continue,
                    Err(signed) => signed,
                },
            };
            together.push(Together::of(Unsealed { signed, ..text }));
        }
        for together in threads.into_values().flatten() {
            self.seal_together(step, &together).map_err(|halt| match halt {
                Halt::Store(error) => error,
                // Whether it may write was asked in this step, so this is a defect.
                Halt::Refuse(error) => {
                    let what = format!("texts of thread {} can't be sealed: {error}", together.thread);
                    StoreError::Damaged { what }
                }
            })?;
        }
        self.number_pending(step)
    }

    fn seal_together(&mut self, step: Step<'_>, together: &Together) -> Result<(), Halt<CommandError>> {
        let Together { thread, era, first, bundle, receivers } = together;
        let (_, mut keys) = self.thread_of_command(step, *thread)?;
        let more = u8::try_from(bundle.contents().len() - 1).unwrap_or(u8::MAX);
        let about = About::Message { thread: *thread, era: *era, seq: *first, more };
        self.post(step, (*era, &mut keys), bundle, (about, receivers))?;
        self.keep_thread(keys);
        Ok(())
    }
}
