//! Frames that wait to be written to one peer.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures::task::AtomicWaker;

use super::frames;
use crate::error::SendRefused;

/// Small frames are written together, up to about this many bytes at a time.
const BURST: usize = 64 * 1024;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLimits {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
    /// Largest frame, bytes.
    pub(crate) frame: usize,
}

/// A bounded queue between the callers of `send` and the link's task. Pushing never waits.
#[derive(Debug)]
pub(crate) struct SendQueue {
    limits: QueueLimits,
    waiting: Mutex<Waiting>,
    writer: AtomicWaker,
    /// Who tells that there is room again.
    herald: AtomicWaker,
}

#[derive(Debug, Default)]
struct Waiting {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    closed: bool,
    /// A push was refused, and the caller is to be told when there is room.
    refused: bool,
    /// There is room now, which is to be told.
    writable: bool,
}

/// What the writer found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Burst {
    /// Frames were encoded, and `more` wait.
    Taken { more: bool },
    /// Closed, and all were taken.
    Closed,
}

impl SendQueue {
    pub(crate) fn new(limits: QueueLimits) -> Self {
        Self { limits, waiting: Mutex::default(), writer: AtomicWaker::new(), herald: AtomicWaker::new() }
    }

    /// Queues a frame for the writer.
    pub(crate) fn push(&self, frame: Vec<u8>) -> Result<(), SendRefused> {
        self.lock().push(frame, self.limits)?;
        self.writer.wake();
        Ok(())
    }

    /// Takes no more; what waits will still be written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.writer.wake();
    }

    /// Waits for frames and appends them, encoded, to `out`.
    pub(crate) async fn take_burst(&self, out: &mut Vec<u8>) -> Burst {
        poll_fn(|cx| {
            self.writer.register(cx.waker());
            let mut waiting = self.lock();
            let burst = waiting.take_burst(out, self.limits);
            let (closed, writable) = (waiting.closed, waiting.writable);
            drop(waiting);
            if writable {
                self.herald.wake();
            }
            match burst {
                Some(burst) => Poll::Ready(burst),
                None if closed => Poll::Ready(Burst::Closed),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Ready, once, when there is room after a push was refused.
    pub(crate) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.herald.register(cx.waker());
        if std::mem::take(&mut self.lock().writable) { Poll::Ready(()) } else { Poll::Pending }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn push(&mut self, frame: Vec<u8>, limits: QueueLimits) -> Result<(), SendRefused> {
        let len = frame.len();
        if self.closed {
            return Err(SendRefused::ShuttingDown);
        }
        if len == 0 {
            return Err(SendRefused::Empty);
        }
        if len > limits.frame {
            return Err(SendRefused::TooLarge { len, limit: limits.frame });
        }
        let fits = self.frames.len() < limits.frames && self.bytes.saturating_add(len) <= limits.bytes;
        if !fits && !self.frames.is_empty() {
            self.refused = true;
            return Err(SendRefused::Full { frames: self.frames.len(), bytes: self.bytes });
        }
        self.bytes += len;
        self.frames.push_back(frame);
        Ok(())
    }

    fn take_burst(&mut self, out: &mut Vec<u8>, limits: QueueLimits) -> Option<Burst> {
        if self.frames.is_empty() {
            return None;
        }
        while out.len() < BURST
            && let Some(frame) = self.frames.pop_front()
        {
            self.bytes -= frame.len();
            frames::encode(&frame, out);
        }
        let half_empty = self.frames.len() <= limits.frames / 2 && self.bytes <= limits.bytes / 2;
        if self.refused && half_empty {
            (self.refused, self.writable) = (false, true);
        }
        Some(Burst::Taken { more: !self.frames.is_empty() })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use futures::{FutureExt as _, task::noop_waker_ref};

    use super::*;

    const LIMITS: QueueLimits = QueueLimits { frames: 4, bytes: 100, frame: 200 };

    fn take(queue: &SendQueue) -> Option<(Burst, Vec<u8>)> {
        let mut out = Vec::new();
        let burst = queue.take_burst(&mut out).now_or_never()?;
        Some((burst, out))
    }

    fn writable(queue: &SendQueue) -> bool {
        queue.poll_writable(&mut Context::from_waker(noop_waker_ref())).is_ready()
    }

    #[test]
    fn frames_past_the_count_are_refused_until_half_are_written() {
        let queue = SendQueue::new(LIMITS);
        for byte in 0..4 {
            queue.push(vec![byte]).unwrap();
        }
        assert_eq!(queue.push(vec![4]), Err(SendRefused::Full { frames: 4, bytes: 4 }));
        assert!(!writable(&queue));
        let (burst, out) = take(&queue).unwrap();
        assert_eq!(burst, Burst::Taken { more: false });
        assert!(writable(&queue) && !writable(&queue), "told once");
        assert_eq!(out, [0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1, 2, 0, 0, 0, 1, 3]);
        queue.push(vec![4]).unwrap();
        take(&queue).unwrap();
        assert!(!writable(&queue), "nobody was refused");
    }

    #[test]
    fn bytes_past_the_budget_are_refused_but_one_frame_always_fits() {
        let queue = SendQueue::new(LIMITS);
        queue.push(vec![0; 150]).unwrap();
        assert_eq!(queue.push(vec![0]), Err(SendRefused::Full { frames: 1, bytes: 150 }));
        assert_eq!(queue.push(vec![0; 201]), Err(SendRefused::TooLarge { len: 201, limit: 200 }));
        assert_eq!(queue.push(vec![]), Err(SendRefused::Empty));
    }

    #[test]
    fn a_closed_queue_gives_what_it_holds_and_then_ends() {
        let queue = SendQueue::new(LIMITS);
        queue.push(vec![9]).unwrap();
        queue.close();
        assert_eq!(queue.push(vec![9]), Err(SendRefused::ShuttingDown));
        assert_eq!(take(&queue).unwrap().1, [0, 0, 0, 1, 9]);
        assert_eq!(take(&queue).unwrap().0, Burst::Closed);
    }

    #[test]
    fn an_open_queue_without_frames_waits() {
        assert!(take(&SendQueue::new(LIMITS)).is_none());
    }
}
