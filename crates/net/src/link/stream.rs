//! One link at work, a task of its own: reads frames for the consumer, writes what is queued.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
    future::{Either, select},
    io::WriteHalf,
};
use tokio::sync::{Semaphore, mpsc};

use super::{
    frames::{FrameReader, lost},
    queue::{Burst, SendQueue},
};
use crate::{
    event::{DownReason, Envelope, NetEvent},
    key::PeerKey,
};

/// What a frame costs beyond its bytes, for the receive budget.
const FRAME_OVERHEAD: usize = 64;

/// A write buffer that grew past this for one large frame is given back.
const KEPT_BUFFER: usize = 256 * 1024;

/// The way of received frames to the consumer, bounded by count and bytes; all links share it.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) events: mpsc::Sender<Envelope>,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) budget_total: usize,
}

impl Delivery {
    /// Waits for room. `Err` when the consumer is gone, or the link is over.
    async fn frame(&self, peer: PeerKey, bytes: Vec<u8>, door: &Door) -> Result<(), DownReason> {
        let cost = bytes.len().saturating_add(FRAME_OVERHEAD).min(self.budget_total);
        let cost = u32::try_from(cost).unwrap_or(u32::MAX);
        let budget = Arc::clone(&self.budget).acquire_many_owned(cost).await;
        let budget = budget.map_err(|_| DownReason::ShuttingDown)?;
        let place = self.events.reserve().await.map_err(|_| DownReason::ShuttingDown)?;
        door.pass(place, Envelope { event: NetEvent::Frame { peer, bytes }, budget: Some(budget) })
    }
}

/// Shut before a link's end is told, so that no frame comes after.
#[derive(Debug, Default)]
pub(crate) struct Door {
    shut: Mutex<bool>,
}

impl Door {
    pub(crate) fn shut(&self) {
        *self.shut.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn pass(&self, place: mpsc::Permit<'_, Envelope>, frame: Envelope) -> Result<(), DownReason> {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        if *shut {
            return Err(DownReason::Closed);
        }
        place.send(frame);
        Ok(())
    }
}

/// Everything that a link needs besides its stream.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) peer: PeerKey,
    pub(crate) queue: Arc<SendQueue>,
    pub(crate) door: Arc<Door>,
    pub(crate) delivery: Delivery,
    pub(crate) max_frame: u32,
    /// Written before the first frame.
    pub(crate) greeting: Option<[u8; 5]>,
}

/// Runs until the link ends, and tells why.
pub(crate) async fn run(stream: impl AsyncRead + AsyncWrite + Unpin, work: Work) -> DownReason {
    let (read, write) = stream.split();
    let mut reader = FrameReader::new(read, work.max_frame);
    let written = {
        let reading = pin!(deliver(&mut reader, &work));
        let writing = pin!(write_queue(write, &work));
        match select(reading, writing).await {
            Either::Left((reason, _)) => return reason,
            Either::Right((written, _)) => written,
        }
    };
    match written {
        // All is written and our half closed. The peer closes its half when it has read everything.
        Ok(()) => {
            // However the peer ends it, the end was ours.
            let _ = reader.drain().await;
            DownReason::ShuttingDown
        }
        Err(reason) => reason,
    }
}

async fn deliver(reader: &mut FrameReader<impl AsyncRead + Unpin>, work: &Work) -> DownReason {
    loop {
        let delivered = match reader.next().await {
            Ok(Some(frame)) => work.delivery.frame(work.peer, frame, &work.door).await,
            Ok(None) => Err(DownReason::Closed),
            Err(reason) => Err(reason),
        };
        if let Err(reason) = delivered {
            return reason;
        }
    }
}

/// Writes until the queue is closed and empty; flushes when nothing more waits.
async fn write_queue(mut stream: WriteHalf<impl AsyncWrite + Unpin>, work: &Work) -> Result<(), DownReason> {
    if let Some(greeting) = work.greeting {
        stream.write_all(&greeting).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
    }
    let mut buffer = Vec::new();
    while let Burst::Taken { more } = work.queue.take_burst(&mut buffer).await {
        stream.write_all(&buffer).await.map_err(lost)?;
        if !more {
            stream.flush().await.map_err(lost)?;
        }
        buffer.clear();
        buffer.shrink_to(KEPT_BUFFER);
    }
    stream.close().await.map_err(lost)
}
