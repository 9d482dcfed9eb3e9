#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

mod hostile;

use crate::{
    client::Client,
    commands::found_for_tests,
    config::{Bind, Config},
    failure::Exit,
    home::Home,
    service::Service,
};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::future::Future;
use tokio::net::TcpStream;

/// A running customer's node with its API on loopback.
struct Scene {
    home: Home,
    address: SocketAddr,
    token: String,
    stop: CancellationToken,
}

/// Runs a node on this thread, and `test` beside it.
fn with_node<F: Future<Output = ()> + Send + 'static>(test: impl FnOnce(Scene) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(dir.path().join("home"))).unwrap();
    let vault = found_for_tests(&home);
    let mut config = Config::default();
    config.api.bind = Bind::Loopback("127.0.0.1:0".parse().unwrap());
    config.net.listen = vec!["/ip4/127.0.0.1/tcp/0".into()];
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let service = Service::start(&home, &config, vault, stop.clone()).await.unwrap();
        let address = service.endpoint.strip_prefix("http://").unwrap().parse().unwrap();
        let token = std::fs::read_to_string(home.token()).unwrap();
        let test = test(Scene { home: home.clone(), address, token, stop: stop.clone() });
        let test = tokio::spawn(async move {
            // Stops the node however the test ends.
            let _stop = stop.drop_guard();
            test.await;
        });
        service.run().await.unwrap();
        test.await.unwrap();
    });
}

impl Scene {
    fn request(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        Request::builder().method(method).uri(path).header(header::HOST, self.address.to_string())
    }

    fn with_token(&self, method: &str, path: &str) -> hyper::http::request::Builder {
        self.request(method, path).header(header::AUTHORIZATION, format!("Bearer {}", self.token))
    }

    async fn send(&self, request: hyper::http::request::Builder, body: &str) -> (StatusCode, Value) {
        self.send_bytes(request, body.as_bytes().to_vec()).await
    }

    async fn send_bytes(&self, request: hyper::http::request::Builder, body: Vec<u8>) -> (StatusCode, Value) {
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let response = self.raw(request.body(Full::new(Bytes::from(body))).unwrap()).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn raw(&self, request: Request<Full<Bytes>>) -> Response<hyper::body::Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender.send_request(request).await.unwrap()
    }
}

fn code(answer: &Value) -> &str {
    answer.pointer("/error/code").and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn without_the_token_nothing_is_answered() {
    with_node(|scene| async move {
        let wrong = "0".repeat(64);
        for shown in
            [None, Some("Bearer ".to_owned()), Some(format!("Bearer {wrong}")), Some(scene.token.clone())]
        {
            let mut request = scene.request("GET", "/v1/status");
            if let Some(shown) = shown {
                request = request.header(header::AUTHORIZATION, shown);
            }
            let (status, answer) = scene.send(request, "").await;
            assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "unauthorized"));
        }
        let (status, answer) = scene.send(scene.with_token("GET", "/v1/status"), "").await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(answer.get("standing"), Some(&json!("customer")));
    });
}

#[test]
fn a_request_under_another_name_is_refused_even_with_the_token() {
    with_node(|scene| async move {
        for host in ["evil.example", "localhost", "127.0.0.1", "127.0.0.1.evil.example"] {
            let request = Request::builder().uri("/v1/status").header(header::HOST, host);
            let request = request.header(header::AUTHORIZATION, format!("Bearer {}", scene.token));
            let (status, answer) = scene.send(request, "").await;
            assert_eq!((status, code(&answer)), (StatusCode::FORBIDDEN, "wrong-host"), "{host}");
        }
    });
}

#[test]
fn what_is_malformed_is_refused_in_the_apis_own_form() {
    with_node(|scene| async move {
        let thread = "7".repeat(64);
        let refused = |method: &'static str, path: String, body: &'static str| {
            let request = scene.with_token(method, &path);
            let scene = &scene;
            async move { scene.send(request, body).await }
        };
        for (method, path, body, status, word) in [
            ("GET", "/v1/nothing".to_owned(), "", 404, "not-found"),
            ("POST", "/v1/status".to_owned(), "{}", 405, "method-not-allowed"),
            ("GET", "/v1/threads/12".to_owned(), "", 400, "bad-id"),
            ("GET", format!("/v1/threads/{thread}"), "", 404, "unknown-thread"),
            ("GET", format!("/v1/threads/{thread}/messages?limit=x"), "", 400, "bad-query"),
            ("POST", format!("/v1/threads/{thread}/messages"), "{\"text\": 1}", 422, "bad-body"),
            ("POST", format!("/v1/threads/{thread}/messages"), "{\"txt\": \"a\"}", 422, "bad-body"),
            ("POST", format!("/v1/threads/{thread}/messages"), "{\"text\": \"a\"}", 404, "unknown-thread"),
            ("POST", "/v1/contact".to_owned(), "{\"link\": \"x\", \"text\": \"a\"}", 400, "bad-link"),
            ("GET", "/v1/link".to_owned(), "", 409, "not-administrator"),
        ] {
            let (found, answer) = refused(method, path.clone(), body).await;
            assert_eq!((found.as_u16(), code(&answer)), (status, word), "{method} {path}");
        }
    });
}

#[test]
fn a_body_past_its_bound_is_refused() {
    with_node(|scene| async move {
        let body = json!({ "link": "x", "text": "y".repeat(MAX_BODY) }).to_string();
        let (status, answer) = scene.send(scene.with_token("POST", "/v1/contact"), &body).await;
        assert_eq!((status, code(&answer)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    });
}

#[test]
fn the_command_lines_client_finds_the_node_and_is_told_of_its_end() {
    with_node(|scene| async move {
        let client = Client::find(&scene.home).unwrap();
        let status: Value = client.get("/v1/status").await.unwrap();
        assert_eq!(status.get("name"), Some(&json!("Carla")));
        let failure = client.get::<Value>("/v1/link").await.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.exit), ("not-administrator", Exit::Failed));
        assert!(failure.next.is_some());
        let mut events = client.events(None).await.unwrap();
        scene.stop.cancel();
        assert_eq!(events.next().await.unwrap(), None);
    });
}

#[test]
fn a_caller_that_comes_back_is_told_that_it_missed_something() {
    with_node(|scene| async move {
        let request = scene.with_token("GET", "/v1/events").header("last-event-id", "00000000-7");
        let response = scene.raw(request.body(Full::default()).unwrap()).await;
        let mut body = response.into_body();
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(first.starts_with(b"event: lagged\n"), "{first:?}");
    });
}

#[test]
fn where_no_node_runs_the_client_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(dir.path().join("home"))).unwrap();
    found_for_tests(&home);
    let failure = Client::find(&home).unwrap_err();
    assert_eq!(failure.exit, Exit::NotRunning);
}

#[tokio::test]
async fn the_api_listens_on_loopback_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(dir.path().to_owned())).unwrap();
    let everywhere = Bind::Loopback("0.0.0.0:0".parse().unwrap());
    assert!(matches!(Bound::bind(&everywhere, &home).await, Err(BindError::NotLoopback(_))));
    let taken = Bound::bind(&Bind::Loopback("127.0.0.1:0".parse().unwrap()), &home).await.unwrap();
    let again = Bind::Loopback(taken.address().unwrap());
    assert!(matches!(Bound::bind(&again, &home).await, Err(BindError::InUse(_))));
}

#[tokio::test]
async fn a_socket_is_private_and_one_that_was_left_behind_is_replaced() {
    use std::os::unix::fs::MetadataExt as _;
    let dir = tempfile::tempdir().unwrap();
    let home = Home::locate(Some(dir.path().to_owned())).unwrap();
    let bound = Bound::bind(&Bind::HomeSocket, &home).await.unwrap();
    assert_eq!(std::fs::metadata(home.socket()).unwrap().mode() & 0o777, 0o600);
    assert!(matches!(Bound::bind(&Bind::HomeSocket, &home).await, Err(BindError::InUse(_))));
    drop(bound);
    assert!(home.socket().exists());
    Bound::bind(&Bind::HomeSocket, &home).await.unwrap();
    std::fs::remove_file(home.socket()).unwrap();
    std::fs::write(home.socket(), "").unwrap();
    assert!(matches!(Bound::bind(&Bind::HomeSocket, &home).await, Err(BindError::Occupied { .. })));
    let far = Bind::Socket(dir.path().join("x".repeat(200)));
    assert!(matches!(Bound::bind(&far, &home).await, Err(BindError::TooLong { .. })));
}
