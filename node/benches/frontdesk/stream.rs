//! The floor of the network: 256 bytes there and back on a bare libp2p stream (TCP, Noise, Yamux) between two
//! processes on loopback.

use crate::times::{Pace, Times};
use anyhow::{Context as _, Result, anyhow};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder,
    identity::Keypair,
    noise,
    swarm::{SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};
use tokio::runtime::Runtime;

/// What makes this program the other process.
pub(crate) const ECHO: &str = "--echo";
const ROUND_TRIPS: usize = 10_000;
const SMALL: usize = 256;
const BARE: StreamProtocol = StreamProtocol::new("/bare");
const LISTEN: &str = "/ip4/127.0.0.1/tcp/0";

pub(crate) fn round_trips(pace: Pace) -> Result<Times> {
    let mut other = Command::new(std::env::current_exe()?).arg(ECHO).stdout(Stdio::piped()).spawn()?;
    let mut address = String::new();
    BufReader::new(other.stdout.take().context("no output")?).read_line(&mut address)?;
    let runtime = Runtime::new()?;
    let times = runtime.block_on(measure(address.trim().parse()?, pace))?;
    other.kill()?;
    other.wait()?;
    Ok(times)
}

async fn measure(address: Multiaddr, pace: Pace) -> Result<Times> {
    let mut stream = open(address).await?;
    let mut times = Times::default();
    let mut bytes = [7; SMALL];
    for number in 0..ROUND_TRIPS + 100 {
        pace.wait();
        let start = std::time::Instant::now();
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.read_exact(&mut bytes).await?;
        if number >= 100 {
            times.push(start.elapsed());
        }
    }
    Ok(times)
}

/// The other process: says where it is, and sends back what comes.
pub(crate) fn echo() -> Result<()> {
    Runtime::new()?.block_on(async {
        let mut swarm = swarm(1)?;
        let mut incoming =
            swarm.behaviour().new_control().accept(BARE).map_err(|error| anyhow!("{error}"))?;
        swarm.listen_on(LISTEN.parse()?)?;
        tokio::spawn(async move {
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    let mut out = std::io::stdout();
                    let _ = writeln!(out, "{address}").and_then(|()| out.flush());
                }
            }
        });
        let (_, mut stream) = incoming.next().await.context("no stream")?;
        let mut bytes = [0; SMALL];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&bytes).await?;
            stream.flush().await?;
        }
        Ok(())
    })
}

async fn open(address: Multiaddr) -> Result<Stream> {
    let mut swarm = swarm(2)?;
    let peer: PeerId = keys(1)?.public().to_peer_id();
    let mut control = swarm.behaviour().new_control();
    swarm.dial(DialOpts::peer_id(peer).addresses(vec![address]).build())?;
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    control.open_stream(peer, BARE).await.map_err(|error| anyhow!("{error}"))
}

fn swarm(seed: u8) -> Result<Swarm<libp2p_stream::Behaviour>> {
    Ok(SwarmBuilder::with_existing_identity(keys(seed)?)
        .with_tokio()
        .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?
        .build())
}

fn keys(seed: u8) -> Result<Keypair> {
    Ok(Keypair::ed25519_from_bytes([seed; 32])?)
}
