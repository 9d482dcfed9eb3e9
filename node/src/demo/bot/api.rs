//! The local API as a program of any kind meets it: HTTP with JSON on a socket in the node's home, the token of a file
//! there in each request, and events as a stream of lines.

use super::Failure;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::path::Path;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

pub(super) struct Api {
    /// `unix:/path/of/a/socket` or `http://127.0.0.1:port`.
    place: String,
    token: String,
}

impl Api {
    /// The API of the node that runs on `home`.
    pub(super) fn of_home(home: &Path) -> Result<Self, Failure> {
        let read = |name: &str| {
            let text = std::fs::read_to_string(home.join(name)).map_err(|error| {
                format!("{}: {error}. Does its node run? Start it: frontdesk run", home.join(name).display())
            });
            text.map(|text| text.trim().to_owned())
        };
        Ok(Self { place: read("api.address")?, token: read("api.token")? })
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Failure> {
        answer(self.send(Method::GET, path, None).await?).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        answer(self.send(Method::POST, path, Some(body)).await?).await
    }

    /// What happens from now on.
    pub(super) async fn events(&self) -> Result<Events, Failure> {
        let response = self.send(Method::GET, "/v1/events", None).await?;
        Ok(Events { response, bytes: Vec::new() })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, Failure> {
        let body = body.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
        let host = self.place.strip_prefix("http://");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, host.unwrap_or("localhost"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let mut sender = match (host, self.place.strip_prefix("unix:")) {
            (Some(address), _) => shake(TcpStream::connect(address).await?).await?,
            (None, Some(path)) => shake(UnixStream::connect(path).await?).await?,
            (None, None) => return Err(format!("no place of an API: {}", self.place).into()),
        };
        Ok(sender.send_request(request).await?)
    }
}

async fn shake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn answer(response: Response<Incoming>) -> Result<Value, Failure> {
    let good = response.status().is_success();
    let value: Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
    match value.pointer("/error/message").and_then(Value::as_str) {
        Some(message) => Err(message.into()),
        None if good => Ok(value),
        None => Err("the node refused".into()),
    }
}

/// Server-sent events: lines `event: KIND` and `data: JSON`, a blank line between events.
pub(super) struct Events {
    response: Response<Incoming>,
    bytes: Vec<u8>,
}

impl Events {
    /// The next event's kind and body; none when the node stops.
    pub(super) async fn next(&mut self) -> Result<Option<(String, Value)>, Failure> {
        let mut kind = String::new();
        while let Some(line) = self.line().await? {
            if let Some(name) = line.strip_prefix("event:") {
                kind = name.trim().to_owned();
            } else if let Some(data) = line.strip_prefix("data:") {
                return Ok(Some((kind, serde_json::from_str(data)?)));
            }
        }
        Ok(None)
    }

    async fn line(&mut self) -> Result<Option<String>, Failure> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Ok(Some(String::from_utf8(line)?.trim_end().to_owned()));
            }
            match self.response.body_mut().frame().await {
                Some(frame) => self.bytes.extend(frame?.into_data().unwrap_or_default()),
                None => return Ok(None),
            }
        }
    }
}
