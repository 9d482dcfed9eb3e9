//! A stream of events or lines, as it comes in.

use super::{gone, unexpected};
use crate::failure::{Failure, Outcome};
use http_body_util::BodyExt as _;
use hyper::{Response, body::Incoming};
use serde_json::Value;
use std::fmt;

/// The longest line that is kept: an event with the longest message, escaped.
const MAX_LINE: usize = 256 * 1024;

/// An event, as the node told it.
#[derive(PartialEq)]
pub(crate) struct Heard {
    /// Its kind, such as `message`.
    pub(crate) kind: String,
    pub(crate) body: Value,
}

/// A body may hold what people wrote.
impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heard").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What is still to come.
pub(crate) struct Events {
    response: Response<Incoming>,
    lines: Lines,
}

impl Events {
    pub(super) fn new(response: Response<Incoming>) -> Self {
        Self { response, lines: Lines::default() }
    }

    /// The next event; none if the node has stopped.
    pub(crate) async fn next(&mut self) -> Outcome<Option<Heard>> {
        let mut kind = String::new();
        while let Some(line) = self.line().await? {
            if let Some(name) = line.strip_prefix("event: ").or_else(|| line.strip_prefix("event:")) {
                kind = name.to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                let body = serde_json::from_str(data.trim_start()).map_err(|error| unexpected(&error))?;
                return Ok(Some(Heard { kind, body }));
            }
        }
        Ok(None)
    }

    /// The next line as JSON; none at the end.
    pub(crate) async fn next_value(&mut self) -> Outcome<Option<Value>> {
        let Some(line) = self.line().await? else { return Ok(None) };
        serde_json::from_str(&line).map(Some).map_err(|error| unexpected(&error))
    }

    async fn line(&mut self) -> Outcome<Option<String>> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            match self.response.body_mut().frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(gone(&error)),
                Some(Ok(frame)) => {
                    self.lines.feed(frame.data_ref().map(|data| data.as_ref()).unwrap_or_default())?
                }
            }
        }
    }
}

/// Cuts bytes into lines.
#[derive(Debug, Default)]
struct Lines {
    bytes: Vec<u8>,
}

impl Lines {
    fn feed(&mut self, bytes: &[u8]) -> Outcome {
        self.bytes.extend_from_slice(bytes);
        let endless = self.bytes.len() > MAX_LINE && !self.bytes.contains(&b'\n');
        if endless { Err(Failure::new("the node sends a line without end")) } else { Ok(()) }
    }

    fn next(&mut self) -> Option<String> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
        let rest = self.bytes.split_off(end.saturating_add(1));
        let line = std::mem::replace(&mut self.bytes, rest);
        Some(String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let mut lines = Lines::default();
        lines.feed(b"event: mess").unwrap();
        assert_eq!(lines.next(), None);
        lines.feed(b"age\r\ndata: {}\n\n:").unwrap();
        assert_eq!(lines.next().unwrap(), "event: message");
        assert_eq!(lines.next().unwrap(), "data: {}");
        assert_eq!(lines.next().unwrap(), "");
        assert_eq!(lines.next(), None);
    }

    #[test]
    fn a_line_without_end_is_refused() {
        let mut lines = Lines::default();
        assert!(lines.feed(&vec![b'x'; MAX_LINE + 1]).is_err());
    }
}
