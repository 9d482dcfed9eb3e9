//! Events as JSON.

use super::words::in_words;
use data_encoding::HEXLOWER;
use frontdesk_engine::Event;
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_wire::Reason;
use serde_json::{Value, json};

/// An event as subscribers see it.
pub(super) struct Told {
    /// What happened.
    pub(super) kind: &'static str,
    /// The thread that it is about.
    pub(super) thread: Option<ThreadId>,
    /// All of it.
    pub(super) body: Value,
}

/// None for what only its caller is told, and for what subscribers are told as `lagged`.
pub(super) fn tell(event: &Event) -> Option<Told> {
    let about = |kind, thread: &ThreadId, body| Some(Told { kind, thread: Some(*thread), body });
    let node = |kind, body| Some(Told { kind, thread: None, body });
    match event {
        Event::Started | Event::CommandDone { .. } => None,
        Event::ThreadOpened { thread, forwarded } => {
            about("thread_opened", thread, json!({ "thread": thread.to_string(), "forwarded": forwarded }))
        }
        Event::ContactFailed { thread, reason } => {
            let (thread_id, message) = (thread.to_string(), reason.to_string());
            let body = json!({ "thread": thread_id, "reason": reason.as_str(), "message": message });
            about("contact_failed", thread, body)
        }
        Event::Message { message, history } => {
            about("message", &message.thread, json!({ "message": in_words(message), "history": history }))
        }
        Event::MessageState { thread, message, state } => {
            let mut body = json!({ "thread": thread.to_string(), "message": message });
            merge(&mut body, in_words(state));
            about("message_state", thread, body)
        }
        Event::MembersChanged { thread, era, epoch, added, removed } => {
            let (id, added, removed) = (thread.to_string(), ids(added), ids(removed));
            let body =
                json!({ "thread": id, "era": era, "epoch": epoch, "added": added, "removed": removed });
            about("members_changed", thread, body)
        }
        Event::TakenOver { thread, era } => {
            about("taken_over", thread, json!({ "thread": thread.to_string(), "era": era }))
        }
        Event::TakeoverRefused { thread, reason } => {
            let (thread_id, message) = (thread.to_string(), reason.to_string());
            let body = json!({ "thread": thread_id, "reason": reason.as_str(), "message": message });
            about("takeover_refused", thread, body)
        }
        Event::Removed { thread } => about("removed", thread, json!({ "thread": thread.to_string() })),
        Event::Closed { thread } => about("closed", thread, json!({ "thread": thread.to_string() })),
        Event::ForwardAnswered { thread, request, refused } => {
            let (word, message) = (refused.map(Reason::as_str), refused.map(|reason| reason.to_string()));
            let body = json!({
                "thread": thread.to_string(),
                "request": request.map(|request| HEXLOWER.encode(request.as_bytes())),
                "refused": word,
                "message": message,
            });
            about("forward_answered", thread, body)
        }
        Event::JoinRequested { name, number } => {
            node("join_requested", json!({ "name": name, "number": number }))
        }
        Event::JoinChallenged { number } => node("join_challenged", json!({ "number": number })),
        Event::Joined { entity } => node("joined", json!({ "entity": entity })),
        Event::JoinFailed { reason } => {
            node("join_failed", json!({ "reason": reason.as_str(), "message": reason.to_string() }))
        }
        Event::Enrolled { device } => node("enrolled", json!({ "device": device.to_string() })),
        Event::DeviceRemoved { device } => node("device_removed", json!({ "device": device.to_string() })),
        Event::Security { peer, thread, reason, detail } => {
            let shown = thread.map(|thread| thread.to_string());
            let (peer, reason) = (peer.to_string(), reason.as_str());
            let body = json!({ "peer": peer, "thread": shown, "reason": reason, "detail": detail });
            Some(Told { kind: "security", thread: *thread, body })
        }
        Event::PeerUp { peer } => node("peer_up", json!({ "peer": peer.to_string() })),
        Event::PeerDown { peer } => node("peer_down", json!({ "peer": peer.to_string() })),
    }
}

fn ids(devices: &[DeviceId]) -> Vec<String> {
    devices.iter().map(ToString::to_string).collect()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_engine::MessageState;

    #[test]
    fn ids_are_text_and_a_state_is_part_of_its_event() {
        let thread = ThreadId::from_bytes([7; 32]);
        let event = Event::MessageState { thread, message: "m".into(), state: MessageState::Stored };
        let told = tell(&event).unwrap();
        assert_eq!(told.kind, "message_state");
        assert_eq!(told.thread, Some(thread));
        assert_eq!(told.body, json!({ "thread": "07".repeat(32), "message": "m", "state": "stored" }));
    }
}
