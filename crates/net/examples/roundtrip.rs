//! Measures a link between two processes on loopback: round trip of one frame at a time, and throughput of 512-byte
//! frames. `cargo run --release -p frontdesk-net --example roundtrip`

#![expect(clippy::print_stdout, reason = "a program that prints its results")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use frontdesk_net::{EventReceiver, Net, NetConfig, NetEvent, PeerKey, SendRefused, TransportSecret};
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error>;

const ROUND_TRIPS: usize = 20_000;
const FRAMES: u32 = 500_000;
const FRAME: usize = 512;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    if let Some(listen) = std::env::args().nth(1) {
        return echo(listen).await;
    }
    for (name, listen) in [("TCP", "/ip4/127.0.0.1/tcp/0"), ("QUIC", "/ip4/127.0.0.1/udp/0/quic-v1")] {
        measure(name, listen).await?;
    }
    Ok(())
}

fn config(seed: u8) -> NetConfig {
    NetConfig::new(TransportSecret::new(Zeroizing::new([seed; 32])))
}

/// The other process: sends small frames back, and counts large ones.
async fn echo(listen: String) -> Result<(), Failure> {
    let (net, mut events) = Net::start(NetConfig { listen: vec![listen], ..config(1) })?;
    let mut counted = 0u32;
    while let Some(event) = events.recv().await {
        match event {
            NetEvent::Listening { address } => println!("{address}"),
            NetEvent::Frame { peer, bytes } if bytes.len() < FRAME => net.send(peer, bytes)?,
            NetEvent::Frame { peer, .. } => {
                counted += 1;
                if counted == FRAMES {
                    net.send(peer, vec![1])?;
                }
            }
            NetEvent::PeerDown { .. } => break,
            _ => {}
        }
    }
    Ok(())
}

async fn measure(name: &str, listen: &str) -> Result<(), Failure> {
    let mut other = Command::new(std::env::current_exe()?).arg(listen).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(other.stdout.take().ok_or("no output")?).read_line(&mut address)?;
    let (net, mut events) = Net::start(config(2))?;
    let peer = config(1).secret.peer_key();
    net.dial(peer, vec![address.trim().to_owned()]).await?;
    while !matches!(events.recv().await.ok_or("ended")?, NetEvent::PeerUp { .. }) {}
    round_trips(name, &net, &mut events, peer).await?;
    throughput(name, &net, &mut events, peer).await?;
    net.shutdown().await;
    other.wait()?;
    Ok(())
}

async fn round_trips(
    name: &str,
    net: &Net,
    events: &mut EventReceiver,
    peer: PeerKey,
) -> Result<(), Failure> {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        net.send(peer, vec![7; 256])?;
        while !matches!(events.recv().await.ok_or("ended")?, NetEvent::Frame { .. }) {}
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{name}: round trip of 256 bytes: p50 {:?}, p99 {:?}", at(50), at(99));
    Ok(())
}

async fn throughput(name: &str, net: &Net, events: &mut EventReceiver, peer: PeerKey) -> Result<(), Failure> {
    let start = Instant::now();
    for _ in 0..FRAMES {
        while let Err(refused) = net.send(peer, vec![0; FRAME]) {
            if !matches!(refused, SendRefused::Full { .. }) {
                return Err(refused.into());
            }
            while !matches!(events.recv().await.ok_or("ended")?, NetEvent::Writable { .. }) {}
        }
    }
    while !matches!(events.recv().await.ok_or("ended")?, NetEvent::Frame { .. }) {}
    let rate = f64::from(FRAMES) / start.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} frames of {FRAME} bytes a second");
    Ok(())
}
