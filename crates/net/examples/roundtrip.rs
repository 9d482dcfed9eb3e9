//! Measures a link between two processes on loopback: round trip of one frame at a time, and throughput of 512-byte
//! frames; beside it the floor, the same bytes on a bare libp2p stream.
//! `cargo run --release -p frontdesk-net --example roundtrip`

#![expect(clippy::print_stdout, reason = "a program that prints its results")]
#![expect(clippy::wildcard_enum_match_arm, reason = "most events do not matter here")]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use frontdesk_net::{EventReceiver, Net, NetConfig, NetEvent, PeerKey, SendRefused, TransportSecret};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identity, noise,
    swarm::{SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use zeroize::Zeroizing;

type Failure = Box<dyn std::error::Error>;

const TRANSPORTS: [(&str, &str); 2] =
    [("TCP", "/ip4/127.0.0.1/tcp/0"), ("QUIC", "/ip4/127.0.0.1/udp/0/quic-v1")];
const ROUND_TRIPS: usize = 20_000;
const SMALL: usize = 256;
const FRAMES: u32 = 500_000;
const FRAME: usize = 512;
const BARE: StreamProtocol = StreamProtocol::new("/bare");

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next()) {
        (Some("link"), Some(listen)) => return echo_frames(listen).await,
        (Some("bare"), Some(listen)) => return echo_bytes(&listen).await,
        _ => {}
    }
    for (name, listen) in TRANSPORTS {
        measure_bare(name, listen).await?;
        measure_link(name, listen).await?;
    }
    Ok(())
}

/// This program again, as the other end; it prints its address.
fn other(mode: &str, listen: &str) -> Result<(Child, String), Failure> {
    let mut other =
        Command::new(std::env::current_exe()?).args([mode, listen]).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(other.stdout.take().ok_or("no output")?).read_line(&mut address)?;
    Ok((other, address.trim().to_owned()))
}

fn print_times(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!("{name}: round trip of {SMALL} bytes: p50 {:?}, p99 {:?}", at(50), at(99));
}

fn config(seed: u8) -> NetConfig {
    NetConfig::new(TransportSecret::new(Zeroizing::new([seed; 32])))
}

/// Sends small frames back, and counts large ones.
async fn echo_frames(listen: String) -> Result<(), Failure> {
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

async fn measure_link(name: &str, listen: &str) -> Result<(), Failure> {
    let (mut other, address) = other("link", listen)?;
    let (net, mut events) = Net::start(config(2))?;
    let peer = config(1).secret.peer_key();
    net.dial(peer, vec![address]).await?;
    while !matches!(events.recv().await.ok_or("ended")?, NetEvent::PeerUp { .. }) {}
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        net.send(peer, vec![7; SMALL])?;
        while !matches!(events.recv().await.ok_or("ended")?, NetEvent::Frame { .. }) {}
        times.push(start.elapsed());
    }
    print_times(&format!("{name} link"), times);
    throughput(name, &net, &mut events, peer).await?;
    net.shutdown().await;
    other.wait()?;
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
    println!("{name} link: {rate:.0} frames of {FRAME} bytes a second");
    Ok(())
}

fn bare(seed: u8) -> Result<Swarm<libp2p_stream::Behaviour>, Failure> {
    Ok(SwarmBuilder::with_existing_identity(identity::Keypair::ed25519_from_bytes([seed; 32])?)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?
        .build())
}

async fn echo_bytes(listen: &str) -> Result<(), Failure> {
    let mut swarm = bare(1)?;
    let mut incoming = swarm.behaviour().new_control().accept(BARE).map_err(|error| error.to_string())?;
    swarm.listen_on(listen.parse()?)?;
    tokio::spawn(async move {
        loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                println!("{address}");
            }
        }
    });
    let (_, mut stream) = incoming.next().await.ok_or("no stream")?;
    let mut bytes = [0; SMALL];
    while stream.read_exact(&mut bytes).await.is_ok() {
        stream.write_all(&bytes).await?;
        stream.flush().await?;
    }
    Ok(())
}

async fn measure_bare(name: &str, listen: &str) -> Result<(), Failure> {
    let (mut other, address) = other("bare", listen)?;
    let mut stream = open_bare(address.parse()?).await?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    let mut bytes = [7; SMALL];
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.read_exact(&mut bytes).await?;
        times.push(start.elapsed());
    }
    print_times(&format!("{name} bare"), times);
    stream.close().await?;
    other.wait()?;
    Ok(())
}

async fn open_bare(address: Multiaddr) -> Result<Stream, Failure> {
    let mut swarm = bare(2)?;
    let peer: PeerId = identity::Keypair::ed25519_from_bytes([1; 32])?.public().to_peer_id();
    let mut control = swarm.behaviour().new_control();
    swarm.dial(DialOpts::peer_id(peer).addresses(vec![address]).build())?;
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    Ok(control.open_stream(peer, BARE).await?)
}
