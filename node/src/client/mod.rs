//! The command line's side of the API.

mod events;
mod shapes;

pub(crate) use events::{Events, Heard};
pub(crate) use shapes::{Device, Member, Message, Progress, Status, Thread, Waiting, Who};

use crate::{
    failure::{Exit, Failure, Outcome},
    home::{Endpoint, EndpointError, Home, Token},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};

/// The largest answer that is read, in bytes: a list of 100,000 threads fits.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// How long a node is waited for that has said nothing yet: it was called in the moment before. Where none was, this is
/// what a command takes to say so.
const SIGN_WITHIN: Duration = Duration::from_secs(1);
/// How long a node is waited for that is starting: it may have a passphrase to try, and a store to bring in order.
const STARTS_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// Talks to the node that runs on a home.
#[derive(Debug)]
pub(crate) struct Client {
    endpoint: Endpoint,
    token: Token,
}

impl Client {
    /// Talks to whatever answers there.
    #[cfg(test)]
    pub(crate) fn of(address: std::net::SocketAddr) -> Self {
        Self { endpoint: Endpoint::Tcp(address), token: Token::generate() }
    }

    /// Finds the node that runs on `home`.
    pub(crate) fn find(home: &Home) -> Outcome<Self> {
        home.check()?;
        match Self::running(home)? {
            Some(client) => Ok(client),
            None => Err(Failure::not_running()),
        }
    }

    /// The same, and waits for a node that is starting: a command that follows `frontdesk run &` comes before the node's
    /// API is there, and may come before the node has said anything at all.
    pub(crate) async fn find_starting(home: &Home) -> Outcome<Self> {
        home.check()?;
        let begun = Instant::now();
        loop {
            if let Some(client) = Self::running(home)? {
                return Ok(client);
            }
            let patience = if home.has_sign() { STARTS_WITHIN } else { SIGN_WITHIN };
            if begun.elapsed() >= patience {
                return Err(Failure::not_running());
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
    }

    /// None if no node runs on `home`.
    pub(crate) fn running(home: &Home) -> Outcome<Option<Self>> {
        match Endpoint::find(&home.endpoint()) {
            Ok(endpoint) => Ok(Some(Self { endpoint, token: Token::load(&home.token())? })),
            Err(EndpointError::Absent) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.answer(Method::GET, path, None).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Outcome<T> {
        self.answer(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.answer(Method::DELETE, path, None).await
    }

    /// Events from now on: when this returns, none is missed.
    pub(crate) async fn events(&self, thread: Option<&str>) -> Outcome<Events> {
        let path = thread.map_or_else(|| "/v1/events".to_owned(), |id| format!("/v1/events?thread={id}"));
        Ok(Events::new(self.send(Method::GET, &path, None).await?))
    }

    /// An answer of many lines, each a JSON value.
    pub(crate) async fn lines(&self, path: &str, body: &Value) -> Outcome<Events> {
        Ok(Events::new(self.send(Method::POST, path, Some(body)).await?))
    }

    async fn answer<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Outcome<T> {
        let bytes = read(self.send(method, path, body).await?).await?;
        serde_json::from_slice(&bytes).map_err(|error| unexpected(&error))
    }

    /// Sends one request over a connection of its own.
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Outcome<Response<Incoming>> {
        let mut sender = self.connect().await?;
        let body = body.map(|value| Bytes::from(value.to_string())).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.host())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.reveal()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))?;
        let response = sender.send_request(request).await.map_err(|error| gone(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    fn host(&self) -> String {
        match &self.endpoint {
            Endpoint::Unix(_) => "localhost".to_owned(),
            Endpoint::Tcp(address) => address.to_string(),
        }
    }

    async fn connect(&self) -> Outcome<SendRequest<Full<Bytes>>> {
        let absent = |_| Failure::not_running();
        match &self.endpoint {
            Endpoint::Unix(path) => shake(UnixStream::connect(path).await.map_err(absent)?).await,
            Endpoint::Tcp(address) => shake(TcpStream::connect(address).await.map_err(absent)?).await,
        }
    }
}

async fn shake(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Outcome<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| gone(&error))?;
    // Ends with its sender; what goes wrong on it, the sender is told.
    tokio::spawn(connection);
    Ok(sender)
}

async fn read(response: Response<Incoming>) -> Outcome<Bytes> {
    let limited = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
    limited
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| Failure::new(format!("the node's answer: {error}")))
}

async fn refusal(response: Response<Incoming>) -> Failure {
    let status = response.status();
    let value: Value = match read(response).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(failure) => return failure,
    };
    let text = |name| value.pointer(&format!("/error/{name}")).and_then(Value::as_str).map(str::to_owned);
    Failure {
        exit: Exit::Failed,
        code: text("code").unwrap_or_else(|| "failed".to_owned()),
        message: text("message").unwrap_or_else(|| format!("the node answered {status}")),
        next: text("next"),
    }
}

fn gone(error: &hyper::Error) -> Failure {
    Failure::new(format!(
        "the node went away: {error}; look at its log, and start it again with `frontdesk run`"
    ))
}

fn unexpected(error: &serde_json::Error) -> Failure {
    Failure::new(format!(
        "the node's answer is not what this program expects ({error}); use one version of both"
    ))
}
