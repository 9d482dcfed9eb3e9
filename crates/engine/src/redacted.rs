//! How what holds people's words looks in logs and in messages of failed tests: its length, and not a word of it.

use crate::{Command, MessageView, ThreadView};
use std::fmt;

/// A text's length in its place.
struct Length(usize);

impl Length {
    const fn of(text: &str) -> Self {
        Self(text.len())
    }
}

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invite { role, name: _, lasts } => {
                f.debug_struct("Invite").field("role", role).field("lasts", lasts).finish_non_exhaustive()
            }
            Self::Approve { number: _ } => f.debug_struct("Approve").finish_non_exhaustive(),
            Self::Decline { number: _ } => f.debug_struct("Decline").finish_non_exhaustive(),
            Self::RemoveDevice { device } => f.debug_struct("RemoveDevice").field("device", device).finish(),
            Self::Join { invitation: _ } => f.debug_struct("Join").finish_non_exhaustive(),
            Self::Contact { link, text } => {
                f.debug_struct("Contact").field("link", link).field("text", &Length::of(text)).finish()
            }
            Self::Send { thread, text } => {
                f.debug_struct("Send").field("thread", thread).field("text", &Length::of(text)).finish()
            }
            Self::MarkRead { thread, through } => {
                f.debug_struct("MarkRead").field("thread", thread).field("through", through).finish()
            }
            Self::Forward { thread, to, history, lasts, hand_over, note } => f
                .debug_struct("Forward")
                .field("thread", thread)
                .field("to", to)
                .field("history", history)
                .field("lasts", lasts)
                .field("hand_over", hand_over)
                .field("note", &Length::of(note))
                .finish(),
            Self::Revoke { thread, from } => {
                f.debug_struct("Revoke").field("thread", thread).field("from", from).finish()
            }
            Self::Close { thread } => f.debug_struct("Close").field("thread", thread).finish(),
            Self::TakeOver { thread } => f.debug_struct("TakeOver").field("thread", thread).finish(),
        }
    }
}

impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageView")
            .field("id", &self.id)
            .field("thread", &self.thread)
            .field("position", &self.position)
            .field("author", &self.author)
            .field("side", &self.side)
            .field("mine", &self.mine)
            .field("text", &Length::of(&self.text))
            .field("sent_at", &self.sent_at)
            .field("state", &self.state)
            .field("receivers", &self.receivers)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ThreadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadView")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("reason", &self.reason)
            .field("steward", &self.steward)
            .field("era", &self.era)
            .field("epoch", &self.epoch)
            .field("members", &self.members)
            .field("position", &self.position)
            .field("unread", &self.unread)
            .field("active_at", &self.active_at)
            .field("preview", &Length::of(&self.preview))
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Answer, Event, HistoryChoice, MessageState, ThreadStatus, record::Joining};
    use frontdesk_identity::{
        AddressRecord, DeviceId, DeviceKeys, DeviceRecord, InvitationId, PrincipalId, ThreadId, UnixTime,
    };
    use frontdesk_wire::{JoinRequest, Position};
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
    use serde_bytes::ByteArray;

    const WORDS: &str = "the safe's number is 4711";
    const THREAD: ThreadId = ThreadId::from_bytes([3; 32]);

    /// Not a word of it in either form, nor as bytes.
    fn assert_redacted(value: &impl fmt::Debug) {
        for shown in [format!("{value:?}"), format!("{value:#?}")] {
            assert!(!shown.contains("4711") && !shown.contains("safe"), "{shown}");
            assert!(!shown.contains("116, 104, 101"), "{shown}");
            assert!(shown.contains("25 bytes"), "{shown}");
        }
    }

    fn message() -> MessageView {
        MessageView {
            id: "1.1".to_owned(),
            thread: THREAD,
            position: Position(1),
            author: DeviceId::from_bytes([4; 32]),
            author_name: "Carla".to_owned(),
            side: "guest",
            mine: false,
            text: WORDS.to_owned(),
            sent_at: UnixTime(1),
            state: MessageState::Received,
            receivers: Vec::new(),
        }
    }

    #[test]
    fn commands_show_how_long_a_text_is_and_not_a_word_of_it() {
        assert_redacted(&Command::Send { thread: THREAD, text: WORDS.to_owned() });
        assert_redacted(&Command::Forward {
            thread: THREAD,
            to: None,
            history: HistoryChoice::All,
            lasts: 1,
            hand_over: false,
            note: WORDS.to_owned(),
        });
    }

    #[test]
    fn an_enrolment_that_is_waited_for_shows_neither_its_code_nor_its_nonce_nor_its_number() {
        let keys = DeviceKeys::generate(&mut ChaCha20Rng::from_seed([1; 32]));
        let joining = Joining {
            invitation: "frontdesk:join/secret".to_owned(),
            request: JoinRequest {
                invitation: InvitationId::from_bytes([5; 8]),
                record: DeviceRecord::sign(&keys, PrincipalId::from_bytes([1; 32]), UnixTime(1)),
                commitment: ByteArray::new([6; 32]),
                name: "Ana".to_owned(),
                address: AddressRecord::sign(&keys, 1, &[], UnixTime(1)).unwrap(),
                proof: ByteArray::new([7; 32]),
            },
            nonce: ByteArray::new([222; 16]),
            answer: None,
            number: Some("471 100".to_owned()),
            refused: None,
        };
        assert_eq!(format!("{joining:?}"), "Joining { refused: None, .. }");
    }

    #[test]
    fn messages_and_threads_show_how_long_a_text_is_and_not_a_word_of_it() {
        assert_redacted(&message());
        assert_redacted(&Event::Message { message: message(), history: false });
        assert_redacted(&Answer::Messages(vec![message()]));
        assert_redacted(&ThreadView {
            id: THREAD,
            title: "Acme".to_owned(),
            status: ThreadStatus::Open,
            reason: None,
            host: PrincipalId::from_bytes([1; 32]),
            guest: PrincipalId::from_bytes([2; 32]),
            steward: None,
            is_steward: false,
            era: 0,
            epoch: 1,
            suite: None,
            members: 2,
            position: Position(1),
            unread: 0,
            active_at: UnixTime(1),
            preview: WORDS.to_owned(),
            missing: 0,
        });
    }
}
