//! No word of what people write reaches a log through `Debug`.

use crate::people::{Who, ana_chain};
use frontdesk_capability::History;
use frontdesk_identity::{ThreadId, UnixTime};
use frontdesk_wire::{
    Body, Bundle, Content, ContentKind, ForwardPayload, ForwardRequest, Position, RequestId, Seq,
};
use serde_bytes::ByteBuf;
use std::fmt::Debug;

const WORDS: &str = "the safe's number is 4711";

fn assert_redacted(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!shown.contains("4711") && !shown.contains("safe"), "{shown}");
        let flat = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        // The same as decimal bytes.
        assert!(!flat.contains("52, 55, 49, 49"), "{flat}");
        assert!(flat.contains(" bytes"), "{flat}");
    }
}

#[test]
fn contents_show_how_long_they_are_and_not_a_word() {
    for kind in [ContentKind::Text(WORDS.to_owned()), ContentKind::Name(WORDS.to_owned())] {
        assert!(format!("{kind:?}").contains("25 bytes"), "{kind:?}");
        let content = Content {
            thread: ThreadId::from_bytes([3; 32]),
            era: 0,
            author: Who::CarlasPhone.device(),
            seq: Seq(1),
            position: Position(1),
            seen: Vec::new(),
            sent_at: UnixTime(1),
            kind: kind.clone(),
        };
        assert_redacted(&kind);
        assert_redacted(&content);
        let signed = content.sign(&Who::CarlasPhone.key()).unwrap();
        assert_redacted(&signed);
        assert_redacted(&Bundle::of(signed));
    }
}

#[test]
fn notes_to_who_takes_over_show_how_long_they_are_and_not_a_word() {
    let thread = ThreadId::from_bytes([3; 32]);
    assert_redacted(&Body::ForwardRequest(ForwardRequest {
        request: RequestId::from_bytes([1; 16]),
        thread,
        to: None,
        history: History::All,
        lasts: 1,
        hand_over: false,
        note: WORDS.to_owned(),
    }));
    assert_redacted(&Body::ForwardPayload(ForwardPayload {
        thread,
        era: 0,
        chain: ana_chain().into_bytes(),
        welcome: ByteBuf::new(),
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(1),
        pieces: 0,
        note: WORDS.to_owned(),
    }));
}
