//! Strangers at the port where peers come in.

use crate::harness::{Chance, Node, Office, eventually, texts};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

fn knock(node: &Node) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", node.port))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

#[test]
fn garbage_and_requests_for_web_pages_get_nothing_and_disturb_nobody() {
    let mut chance = Chance::begin();
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let mut random =
        |count: usize| -> Vec<u8> { (0..count).map(|_| u8::try_from(chance.below(256)).unwrap()).collect() };
    let multistream = b"\x13/multistream/1.0.0\n".to_vec();
    let noise = b"\x07/noise\n".to_vec();
    let cases = [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![0xff; 64 * 1024],
        vec![0; 1],
        random(10),
        random(64 * 1024),
        [multistream.clone(), random(4096)].concat(),
        [multistream.clone(), noise.clone(), vec![0xff, 0xff], random(65_535)].concat(),
        [multistream.clone(), noise.clone(), vec![0x00, 0x00]].concat(),
        [multistream, noise, vec![0x00, 0x20], random(32)].concat(),
    ];
    for (number, bytes) in cases.iter().enumerate() {
        for node in [&office.acme, &carla] {
            let mut stream = knock(node).unwrap();
            // It may be cut off before it has said all.
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            assert!(answer.len() < 4096, "case {number}: {} bytes", answer.len());
        }
        ana.json(&["send", &thread, &format!("after case {number}"), "--wait", "30s"]);
    }
    assert_eq!(texts(&carla, &thread).len(), 1 + cases.len());
    assert!(!office.acme.log().contains("panicked") && !carla.log().contains("panicked"));
}

#[test]
fn two_hundred_mute_connections_at_once_keep_nobody_out() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let mute: Vec<TcpStream> = (0..200).filter_map(|_| knock(&office.acme).ok()).collect();
    assert!(mute.len() >= 100, "{} connections", mute.len());
    // Those who are in stay in.
    carla.json(&["send", &thread, "Still there?", "--wait", "30s"]);
    eventually("Acme hears her", || (texts(&office.acme, &thread).len() == 2).then_some(()));
    // And a newcomer gets in while they stand in the door.
    let newcomer = office.customer("Newcomer");
    let second = office.contact(&newcomer, "Hello from a newcomer");
    assert_eq!(texts(&office.acme, &second), ["Hello from a newcomer"]);
    drop(mute);
    ana.json(&["send", &thread, "All is well", "--wait", "30s"]);
    eventually("no connection is left behind", || (sockets(&office.acme) < 40).then_some(()));
}

fn sockets(node: &Node) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", node.pid().as_raw_nonzero())).unwrap();
    let targets = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

#[test]
fn a_stranger_who_opens_many_threads_at_once_harms_nobody_else() {
    let office = Office::open();
    let stranger = office.customer("Stranger");
    let link = office.link();
    let body = serde_json::json!({ "link": link, "text": "Buy now" });
    let answers: Vec<u16> = (0..120).map(|_| stranger.api().post("/v1/contact", &body).status).collect();
    assert!(answers.iter().all(|status| matches!(status, 201 | 429)), "{answers:?}");
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    office.acme.json(&["send", &thread, "Hello Carla", "--wait", "30s"]);
    assert_eq!(texts(&carla, &thread), ["Hello", "Hello Carla"]);
}
