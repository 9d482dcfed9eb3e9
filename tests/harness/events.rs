//! A node's events, as server-sent events tell them.

use super::{Api, PATIENCE};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Write as _},
    sync::mpsc::{self, Receiver},
    thread,
    time::Instant,
};

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) kind: String,
    pub(crate) body: Value,
}

/// A stream of events. When it is open, none is missed.
#[derive(Debug)]
pub(crate) struct Events {
    coming: Receiver<Event>,
}

impl Events {
    pub(crate) fn open(api: &Api, path: &str) -> Self {
        let mut stream = api.connect().unwrap();
        stream.write_all(api.head("GET", path, 0).as_bytes()).unwrap();
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let status = lines.next().unwrap_or_default();
        assert!(status.contains(" 200 "), "{status}");
        let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        assert!(head.iter().any(|line| line.ends_with("text/event-stream")), "{head:?}");
        let (tell, coming) = mpsc::sync_channel(1024);
        thread::spawn(move || {
            let mut kind = String::new();
            for line in lines {
                if let Some(name) = line.strip_prefix("event:") {
                    kind = name.trim().to_owned();
                } else if let Some(data) = line.strip_prefix("data:") {
                    let body = serde_json::from_str(data).unwrap();
                    if tell.send(Event { kind: std::mem::take(&mut kind), body }).is_err() {
                        return;
                    }
                }
            }
        });
        Self { coming }
    }

    /// The next event for which `wanted` holds; the others are passed over.
    pub(crate) fn next(&self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.coming.recv_timeout(left);
            let event = event.unwrap_or_else(|error| panic!("{error} instead of {what}"));
            if wanted(&event) {
                return event;
            }
        }
    }

    /// The next event of a kind: its body.
    pub(crate) fn of_kind(&self, kind: &str) -> Value {
        self.next(kind, |event| event.kind == kind).body
    }

    /// True once the node has ended the stream.
    pub(crate) fn has_ended(&self) -> bool {
        loop {
            match self.coming.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return true,
                Err(mpsc::RecvTimeoutError::Timeout) => return false,
            }
        }
    }
}
