//! Bodies that are none: every route that takes one, with its body changed and cut off.

use super::*;
use crate::mutation::{Mutator, cases};

/// Each route with a lawful body. Threads and devices are such as nobody has, so that what gets through changes nothing.
fn routes() -> Vec<(String, Value)> {
    let (thread, device) = ("7".repeat(64), "8".repeat(64));
    let of = |what: &str| format!("/v1/threads/{thread}/{what}");
    vec![
        (of("messages"), json!({ "text": "Is my order ready?" })),
        (of("read"), json!({ "through": 12 })),
        (
            of("forward"),
            json!({ "to": device, "history": "last:5", "expires_in": 3600, "hand_over": true, "note": "a word" }),
        ),
        (of("revoke"), json!({ "device": device })),
        (of("close"), json!({})),
        (of("take-over"), json!({})),
        (
            "/v1/contact".to_owned(),
            json!({ "link": "frontdesk:contact/abc?at=/ip4/127.0.0.1/tcp/1", "text": "a" }),
        ),
        ("/v1/invitations".to_owned(), json!({ "role": "agent", "name": "Ana", "lasts": 3600 })),
        ("/v1/join".to_owned(), json!({ "invitation": "frontdesk:join/abc" })),
        ("/v1/requests/123456/approve".to_owned(), json!({})),
        ("/v1/requests/123456/decline".to_owned(), json!({})),
    ]
}

/// Refused in the API's own form, or answered: never a failure of the node.
fn assert_sound(path: &str, sent: &[u8], (status, answer): &(StatusCode, Value)) {
    let sent = String::from_utf8_lossy(sent);
    assert!(!status.is_server_error(), "{path} {sent}: {status} {answer}");
    assert!(status.is_success() || !code(answer).is_empty(), "{path} {sent}: {status} {answer}");
}

#[test]
fn no_mutation_of_a_body_is_more_than_refused() {
    with_node(|scene| async move {
        let mut mutator = Mutator::new(5);
        for (path, body) in routes() {
            let good = body.to_string().into_bytes();
            let cut = (0..good.len()).map(|end| good.get(..end).unwrap_or_default().to_vec());
            let changed: Vec<_> = (0..cases(100)).map(|_| mutator.mutate(&good)).collect();
            for bytes in cut.chain(changed) {
                let answer = scene.send_bytes(scene.with_token("POST", &path), bytes.clone()).await;
                assert_sound(&path, &bytes, &answer);
            }
        }
        let (status, _) = scene.send(scene.with_token("GET", "/v1/status"), "").await;
        assert_eq!(status, StatusCode::OK, "the node goes on");
    });
}

/// What is left of a path could be one that can be written to: so this is only cut off.
#[test]
fn a_wish_for_a_backup_that_is_cut_off_is_refused() {
    with_node(|scene| async move {
        let good = json!({ "file": "/nowhere/at/all", "passphrase": "open sesame" }).to_string().into_bytes();
        for end in 0..good.len() {
            let bytes = good.get(..end).unwrap_or_default().to_vec();
            let answer = scene.send_bytes(scene.with_token("POST", "/v1/backup"), bytes.clone()).await;
            assert!(answer.0.is_client_error(), "{answer:?}");
            assert_sound("/v1/backup", &bytes, &answer);
        }
    });
}
