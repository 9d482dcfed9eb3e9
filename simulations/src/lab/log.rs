//! What happened before a promise was broken, in words: kept only when somebody asks for it, so that ordinary runs don't
//! pay for it.

use crate::{NodeId, World};
use frontdesk_engine::{Command, Event};
use frontdesk_wire::{Body, Frame};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::VecDeque;

/// Happenings that a log keeps: the last ones before its end.
const KEPT: usize = 20_000;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happening {
    /// When, in milliseconds of virtual time.
    pub at: u64,
    /// Which node it happened to, or which did it.
    pub node: usize,
    /// The other node, if there is one.
    pub other: Option<usize>,
    /// What, in words.
    pub what: String,
}

/// The last happenings up to a moment.
#[derive(Debug)]
pub(crate) struct Log {
    until: u64,
    kept: VecDeque<Happening>,
}

impl Log {
    pub(crate) const fn until(until: u64) -> Self {
        Self { until, kept: VecDeque::new() }
    }

    pub(crate) fn add(&mut self, at: u64, node: NodeId, other: Option<NodeId>, what: String) {
        if at > self.until {
            return;
        }
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(Happening { at, node: node.0, other: other.map(|other| other.0), what });
    }

    pub(crate) fn into_happenings(self) -> Vec<Happening> {
        self.kept.into()
    }
}

impl World {
    /// Writes down what happens, while somebody wants to read it.
    pub(crate) fn note(&mut self, node: NodeId, other: Option<NodeId>, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.add(self.time, node, other, what());
        }
    }

    /// Takes note of what a node has told its owner, after the first `told` events: in the trace, and in words.
    pub(crate) fn note_events(&mut self, node: NodeId, told: usize) {
        let Some(events) = self.nodes.get(node.0).map(|node| &node.events) else { return };
        if let Some(trace) = &mut self.trace {
            for event in events.iter().skip(told) {
                hash_event(node, event, trace);
            }
        }
        let Some(log) = &mut self.log else { return };
        for what in events.iter().skip(told).filter_map(event_in_words) {
            log.add(self.time, node, None, what);
        }
    }
}

/// An event as interfaces show it; of an answer to a command, whether it was done.
fn hash_event(node: NodeId, event: &Event, hash: &mut Sha256) {
    hash.update([6]);
    hash.update(u64::try_from(node.0).unwrap_or(u64::MAX).to_be_bytes());
    if let Event::CommandDone { id, result } = event {
        hash.update(id.0.to_be_bytes());
        hash.update([u8::from(result.is_ok())]);
    } else {
        hash.update(serde_json::to_vec(event).unwrap_or_default());
    }
}

/// What a frame is, without opening it.
pub(crate) fn frame_in_words(bytes: &[u8]) -> String {
    let kind = match Frame::decode(bytes) {
        Ok(Frame::Hello(_)) => "Hello".to_owned(),
        Ok(Frame::Ack(ack)) => format!("Ack up to {}", ack.stored.0),
        Ok(Frame::Unusable(unusable)) => format!("Unusable, {}", unusable.reason.as_str()),
        Ok(Frame::Data(data)) => {
            let kind = Body::decode(&data.body).map_or("unreadable body", |body| body.kind());
            format!("{kind} as number {}", data.seq.0)
        }
        Err(_) => "a frame that can't be read".to_owned(),
    };
    format!("{kind}, {} bytes", bytes.len())
}

/// When the copies of a frame arrive.
pub(crate) fn arrivals_in_words(arrivals: &[u64]) -> String {
    let times: Vec<String> = arrivals.iter().map(|wait| format!("{wait} ms")).collect();
    if times.is_empty() { "lost".to_owned() } else { format!("arrives after {}", times.join(" and ")) }
}

/// What an owner asks of a node.
pub(crate) fn command_in_words(command: &Command) -> String {
    match command {
        Command::Contact { text, .. } => format!("contact: \"{text}\""),
        Command::Send { thread, text } => format!("send in {}: \"{text}\"", thread.fmt_short()),
        Command::Forward { thread, to, hand_over, .. } => {
            let to = to.map_or("by rule".to_owned(), |to| format!("to device {}", to.fmt_short()));
            let verb = if *hand_over { "hand over" } else { "forward" };
            format!("{verb} {} {to}", thread.fmt_short())
        }
        Command::Revoke { thread, from } => {
            format!("take device {} out of {}", from.fmt_short(), thread.fmt_short())
        }
        Command::Close { thread } => format!("close {}", thread.fmt_short()),
        Command::TakeOver { thread } => format!("take {} over", thread.fmt_short()),
        Command::RemoveDevice { device } => format!("remove device {}", device.fmt_short()),
        Command::MarkRead { thread, .. } => format!("mark {} as read", thread.fmt_short()),
        Command::Invite { .. } => "invite a device".to_owned(),
        Command::Approve { .. } => "approve a device".to_owned(),
        Command::Decline { .. } => "decline a device".to_owned(),
        Command::Join { .. } => "join".to_owned(),
    }
}

/// What a node tells its owner. Answers to commands are told with the command.
pub(crate) fn event_in_words(event: &Event) -> Option<String> {
    if matches!(event, Event::CommandDone { .. } | Event::PeerUp { .. } | Event::PeerDown { .. }) {
        return None;
    }
    if let Event::Message { message, history } = event {
        let from = if *history { " from the history" } else { "" };
        let thread = message.thread.fmt_short();
        let words = format!("shows \"{}\" ({}) of {thread}{from}", message.text, message.id);
        return (!message.mine).then_some(words);
    }
    if let Event::MessageState { thread, message, state } = event {
        return Some(format!("says that {message} of {} is {state:?}", thread.fmt_short()));
    }
    Some(format!("tells {event:?}"))
}
