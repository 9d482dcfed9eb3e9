//! A caller of the local API that costs little itself: blocking, one connection kept alive, no headers but the needed.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// An answer that stays away longer than this fails the run.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection to a node's API.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<UnixStream>,
    token: String,
}

/// An event, as the node told it.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) kind: String,
    pub(crate) body: Value,
}

/// A node's events from the moment of the subscription.
#[derive(Debug)]
pub(crate) struct Events {
    connection: Connection,
    text: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(socket: &Path, token: &str) -> Result<Self> {
        let stream = UnixStream::connect(socket).with_context(|| format!("connect {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(64 * 1024, stream), token: token.to_owned() })
    }

    pub(crate) fn get(&mut self, path: &str) -> Result<Value> {
        self.send("GET", path, "")?;
        self.receive()
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Result<Value> {
        self.send("POST", path, &body.to_string())?;
        self.receive()
    }

    /// Sends a request in one write, and does not wait.
    pub(crate) fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let (token, len) = (&self.token, body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {len}\r\n\r\n{body}"
        );
        Ok(self.stream.get_mut().write_all(request.as_bytes())?)
    }

    /// Waits for the answer to the oldest request that has none.
    pub(crate) fn receive(&mut self) -> Result<Value> {
        let (status, length) = self.head()?;
        let mut body = vec![0; length.context("an answer without a length")?];
        self.stream.read_exact(&mut body)?;
        ensure!(
            (200..300).contains(&status),
            "the node answered {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Ok(serde_json::from_slice(&body)?)
    }

    fn head(&mut self) -> Result<(u16, Option<usize>)> {
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).context("not HTTP")?;
        let mut length = None;
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the node closed the connection");
        Ok(line.trim_end().to_owned())
    }

    /// The next piece of an answer without a length (RFC 9112, section 7.1).
    fn chunk(&mut self) -> Result<Vec<u8>> {
        let size = usize::from_str_radix(&self.line()?, 16)?;
        ensure!(size > 0, "the stream of events ended");
        let mut bytes = vec![0; size];
        self.stream.read_exact(&mut bytes)?;
        self.line()?;
        Ok(bytes)
    }
}

impl Events {
    /// When this returns, no event is missed.
    pub(crate) fn subscribe(mut connection: Connection) -> Result<Self> {
        connection.send("GET", "/v1/events", "")?;
        let (status, _) = connection.head()?;
        ensure!(status == 200, "the node answered {status}");
        Ok(Self { connection, text: Vec::new() })
    }

    /// The next event of that kind for which `wanted` gives something.
    pub(crate) fn wait<T>(&mut self, kind: &str, wanted: impl Fn(&Value) -> Option<T>) -> Result<T> {
        loop {
            let heard = self.next()?;
            if heard.kind == "lagged" {
                bail!("the bench was too slow for the events");
            }
            if heard.kind == kind
                && let Some(found) = wanted(&heard.body)
            {
                return Ok(found);
            }
        }
    }

    fn next(&mut self) -> Result<Heard> {
        loop {
            if let Some(end) = self.text.windows(2).position(|two| two == b"\n\n") {
                let rest = self.text.split_off(end + 2);
                let block = std::mem::replace(&mut self.text, rest);
                if let Some(heard) = parse(&String::from_utf8(block)?)? {
                    return Ok(heard);
                }
            } else {
                let chunk = self.connection.chunk()?;
                self.text.extend(chunk);
            }
        }
    }
}

/// None for a sign of life.
fn parse(block: &str) -> Result<Option<Heard>> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    let (Some(kind), Some(data)) = (field("event:"), field("data:")) else { return Ok(None) };
    Ok(Some(Heard { kind: kind.to_owned(), body: serde_json::from_str(data)? }))
}

/// A text field of a JSON object; empty if it isn't there.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
