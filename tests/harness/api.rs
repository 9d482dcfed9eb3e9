//! A caller of the local API: HTTP by hand, so that a request can be as wrong as a test wants it.

use super::eventually;
use serde_json::Value;
use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

/// Reads past this are the node's fault.
const SILENCE: Duration = Duration::from_secs(30);

/// The API of a running node.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    door: Door,
    pub(crate) token: String,
}

#[derive(Debug, Clone)]
enum Door {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

pub(crate) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The word of a refusal.
    pub(crate) fn word(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Api {
    /// By the files that the node has in its home.
    pub(crate) fn of(home: &Path) -> Self {
        let read = |name: &str| fs::read_to_string(home.join(name)).ok();
        let place = eventually("the node says where its API is", || read("api.address"));
        let door = match place.strip_prefix("unix:") {
            Some(path) => Door::Unix(path.into()),
            None => Door::Tcp(place.strip_prefix("http://").unwrap().parse().unwrap()),
        };
        Self { door, token: read("api.token").unwrap() }
    }

    /// The host that requests have to name.
    pub(crate) fn host(&self) -> String {
        match &self.door {
            Door::Unix(_) => "localhost".to_owned(),
            Door::Tcp(address) => address.to_string(),
        }
    }

    pub(crate) fn connect(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match &self.door {
            Door::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(SILENCE))?;
                Box::new(stream)
            }
            Door::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(SILENCE))?;
                Box::new(stream)
            }
        })
    }

    /// The head of a proper request. HTTP/1.0: the answer ends with the connection, and comes in one piece.
    pub(crate) fn head(&self, method: &str, path: &str, length: usize) -> String {
        let (host, token) = (self.host(), &self.token);
        format!(
            "{method} {path} HTTP/1.0\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        )
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &body.to_string())
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.try_call(method, path, body).unwrap()
    }

    /// The same, for a node that may be killed meanwhile.
    pub(crate) fn try_call(&self, method: &str, path: &str, body: &str) -> io::Result<Answer> {
        self.raw(format!("{}{body}", self.head(method, path, body.len())).as_bytes())
    }

    /// Sends these bytes and reads the answer.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<Answer> {
        let mut stream = self.connect()?;
        // A refusal may come before all is sent; then it is what counts.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer);
        let whole = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let status = head.split(' ').nth(1)?.parse().ok()?;
            Some(Answer { status, body: body.to_owned() })
        });
        match (whole, read) {
            (Some(answer), _) => Ok(answer),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, text.into_owned())),
        }
    }
}
