//! The API's connections: how many there are at a time, and for how long a caller may say nothing.

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connections at a time; more wait to be accepted. Programs on one machine need a few; each takes some 20 KiB.
const MAX_CONNECTIONS: usize = 256;
/// How long a caller may take from the connection, and from each answer, to a whole head of a request. Programs on one
/// machine write it at once. Who has no token can reach a loopback address too, and would else keep all places for ever.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// Serves until `stop`, then lets the requests that are under way end.
pub(super) async fn serve<L: Listener>(listener: L, router: Router, stop: CancellationToken) {
    serve_within(HEAD_WITHIN, listener, router, stop).await;
}

async fn serve_within<L: Listener>(
    patience: Duration,
    mut listener: L,
    router: Router,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let connections = TaskTracker::new();
    while let Some((io, place)) = stop.run_until_cancelled(next(&mut listener, &places)).await {
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            attend(patience, io, router, stop).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

/// The next connection, when there is a place.
async fn next<L: Listener>(
    listener: &mut L,
    places: &Arc<Semaphore>,
) -> (L::Io, Option<OwnedSemaphorePermit>) {
    // Nobody closes this semaphore; if it were, connections would go unbounded, and not unserved.
    let place = Arc::clone(places).acquire_owned().await.ok();
    (listener.accept().await.0, place)
}

/// One connection to its end. What is answered, and for how long, is up to the routes.
async fn attend<I>(patience: Duration, io: I, router: Router, stop: CancellationToken)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection to the API broke off");
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use axum::{body::Body, routing::get};
    use futures::{StreamExt as _, stream};
    use std::net::SocketAddr;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
    };

    /// For tests: far more than a head takes, and soon over.
    const SOON: Duration = Duration::from_millis(500);
    const ASKS: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// Serves `/` at once, and `/slow` in pieces for three times as long as a head may take.
    async fn served() -> (SocketAddr, CancellationToken) {
        let pieces = || {
            stream::iter(["a", "b", "c"]).then(async |piece| {
                tokio::time::sleep(SOON).await;
                Ok::<_, std::convert::Infallible>(piece)
            })
        };
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/slow", get(move || async move { Body::from_stream(pieces()) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        tokio::spawn(serve_within(SOON, listener, router, stop.clone()));
        (address, stop)
    }

    /// All that comes until the other side closes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut bytes = Vec::new();
        // One that is closed while it still writes is told by an error.
        let _ = stream.read_to_end(&mut bytes).await;
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn callers_that_say_nothing_or_never_end_a_head_lose_their_places_to_others() {
        let (address, stop) = served().await;
        let _stop = stop.drop_guard();
        let mut idle = Vec::new();
        for number in 0..MAX_CONNECTIONS {
            let mut stream = TcpStream::connect(address).await.unwrap();
            if number % 2 == 0 {
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
            }
            idle.push(stream);
        }
        let mut late = TcpStream::connect(address).await.unwrap();
        late.write_all(ASKS).await.unwrap();
        let answer = tokio::time::timeout(20 * SOON, rest(late)).await.unwrap();
        assert!(answer.ends_with("here"), "{answer}");
    }

    #[tokio::test]
    async fn a_connection_that_asks_no_more_is_closed() {
        let (address, stop) = served().await;
        let _stop = stop.drop_guard();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(ASKS).await.unwrap();
        let answer = tokio::time::timeout(20 * SOON, rest(stream)).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
    }

    #[tokio::test]
    async fn an_answer_that_takes_longer_than_a_head_may_is_not_cut() {
        let (address, stop) = served().await;
        let _stop = stop.drop_guard();
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let answer = tokio::time::timeout(20 * SOON, rest(stream)).await.unwrap();
        for piece in ["\r\na\r\n", "\r\nb\r\n", "\r\nc\r\n"] {
            assert!(answer.contains(piece), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_at_once_and_lets_answers_end() {
        let (address, stop) = served().await;
        let idle = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut first = [0; 1];
        slow.read_exact(&mut first).await.unwrap();
        stop.cancel();
        assert_eq!(rest(idle).await, "");
        assert!(rest(slow).await.contains("\r\nc\r\n"));
    }
}
