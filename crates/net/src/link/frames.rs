//! The bytes on a link: a greeting from each side, then frames.
//!
//! ```text
//! greeting = 1 byte (1: "I have no link with you", 0: "I have") ++ 4 bytes big-endian (largest frame that I take)
//! frame    = 4 bytes big-endian (length, 1 to that largest) ++ that many bytes
//! ```

use std::io;

use futures::{AsyncRead, AsyncReadExt as _};

use crate::event::{DownReason, Violation};

/// Bytes read from the stream at a time; also how far memory for a frame runs ahead of what the peer has sent of it.
const STEP: usize = 16 * 1024;

/// The length before a frame.
const HEADER: usize = 4;

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Greeting {
    /// The sender has no link with the receiver.
    pub(crate) without_link: bool,
    /// The largest frame that the sender takes, bytes.
    pub(crate) max_frame: u32,
}

impl Greeting {
    pub(crate) fn encode(self) -> [u8; 5] {
        let [a, b, c, d] = self.max_frame.to_be_bytes();
        [self.without_link.into(), a, b, c, d]
    }

    fn decode([flag, a, b, c, d]: [u8; 5]) -> Option<Self> {
        let without_link = match flag {
            0 => false,
            1 => true,
            _ => return None,
        };
        let max_frame = u32::from_be_bytes([a, b, c, d]);
        (max_frame > 0).then_some(Self { without_link, max_frame })
    }

    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, DownReason> {
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.map_err(lost)?;
        Self::decode(bytes).ok_or(DownReason::Violation(Violation::BadGreeting))
    }
}

/// Appends length and bytes. Queues hold no frame longer than `u32`.
pub(crate) fn encode(frame: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    out.reserve(HEADER + frame.len());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(frame);
}

pub(crate) fn lost(error: io::Error) -> DownReason {
    DownReason::Lost(error.to_string())
}

/// Cuts a byte stream into frames.
pub(crate) struct FrameReader<R> {
    stream: R,
    limit: u32,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R, limit: u32) -> Self {
        Self { stream, limit, buffer: vec![0; STEP].into(), start: 0, end: 0 }
    }

    /// The next frame; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, DownReason> {
        let Some(len) = self.length().await? else { return Ok(None) };
        let mut frame = Vec::with_capacity(len.min(STEP));
        while frame.len() < len {
            if self.buffered().is_empty() && !self.fill().await? {
                return Err(DownReason::Violation(Violation::TruncatedFrame));
            }
            let wanted = len - frame.len();
            let taken = self.buffered().get(..wanted).unwrap_or(self.buffered());
            frame.extend_from_slice(taken);
            self.start += taken.len();
        }
        Ok(Some(frame))
    }

    /// Reads and drops everything until the stream ends.
    pub(crate) async fn drain(&mut self) -> Result<(), DownReason> {
        while self.fill().await? {
            self.start = self.end;
        }
        Ok(())
    }

    async fn length(&mut self) -> Result<Option<usize>, DownReason> {
        loop {
            if let Some(header) = self.buffered().first_chunk::<HEADER>() {
                let announced = u32::from_be_bytes(*header);
                self.start += HEADER;
                return self.checked(announced).map(Some);
            }
            let at_boundary = self.buffered().is_empty();
            if !self.fill().await? {
                return if at_boundary {
                    Ok(None)
                } else {
                    Err(DownReason::Violation(Violation::TruncatedFrame))
                };
            }
        }
    }

    fn checked(&self, announced: u32) -> Result<usize, DownReason> {
        let limit = self.limit;
        match usize::try_from(announced) {
            Ok(0) => Err(DownReason::Violation(Violation::EmptyFrame)),
            Ok(len) if announced <= limit => Ok(len),
            Ok(_) | Err(_) => Err(DownReason::Violation(Violation::OversizedFrame { announced, limit })),
        }
    }

    fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more behind what is buffered, which is always less than a header here; false at the end of the stream.
    async fn fill(&mut self) -> Result<bool, DownReason> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = self.stream.read(free).await.map_err(lost)?;
        self.end += read;
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};

    use super::*;

    fn read_all(bytes: Vec<u8>, limit: u32) -> (Vec<Vec<u8>>, Result<(), DownReason>) {
        let mut reader = FrameReader::new(Cursor::new(bytes), limit);
        let mut frames = Vec::new();
        let end = block_on(async {
            while let Some(frame) = reader.next().await? {
                frames.push(frame);
            }
            Ok(())
        });
        (frames, end)
    }

    #[test]
    fn frames_of_all_sizes_are_cut_where_they_were_joined() {
        let sizes = [1, 2, STEP - 5, STEP - 4, STEP - 3, STEP, STEP + 1, 3 * STEP + 7, 1, 100_000];
        let sent: Vec<Vec<u8>> = sizes.iter().zip(1..).map(|(size, byte)| vec![byte; *size]).collect();
        let mut bytes = Vec::new();
        sent.iter().for_each(|frame| encode(frame, &mut bytes));
        assert_eq!(read_all(bytes, 100_000), (sent, Ok(())));
    }

    /// What the bytes hold, read in the simplest way; none if a rule is broken behind these frames.
    fn expected(mut bytes: &[u8], limit: usize) -> (Vec<Vec<u8>>, bool) {
        let mut frames = Vec::new();
        while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
            let len = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
            let frame = rest.get(..len).filter(|_| (1..=limit).contains(&len));
            let Some(frame) = frame else { return (frames, false) };
            frames.push(frame.to_vec());
            bytes = rest.get(len..).unwrap_or_default();
        }
        (frames, bytes.is_empty())
    }

    #[test]
    fn any_bytes_are_cut_into_the_frames_that_they_hold_or_refused_behind_them() {
        let mut state = 1u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut whole, mut broken) = (0, 0);
        let cases =
            std::env::var("FRONTDESK_FUZZ_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(0);
        for _ in 0..cases.max(20_000) {
            let mut bytes = Vec::new();
            for _ in 0..draw(6) {
                let byte = u8::try_from(draw(256)).unwrap_or_default();
                encode(&vec![byte; usize::try_from(draw(40)).unwrap_or_default()], &mut bytes);
            }
            for _ in 0..draw(3) {
                let at = usize::try_from(draw(bytes.len() as u64 + 1)).unwrap_or_default();
                match (draw(3), bytes.get_mut(at)) {
                    (0, Some(byte)) => *byte ^= 1 << draw(8),
                    (1, _) => bytes.truncate(at),
                    _ => bytes.insert(at, u8::try_from(draw(256)).unwrap_or_default()),
                }
            }
            let (frames, end) = read_all(bytes.clone(), 30);
            assert_eq!((frames, end.is_ok()), expected(&bytes, 30), "{bytes:?}");
            if end.is_ok() { whole += 1 } else { broken += 1 }
        }
        assert!(whole > 1_000 && broken > 1_000, "{whole} whole, {broken} broken");
    }

    #[test]
    fn a_frame_above_the_limit_is_refused_by_its_length_alone() {
        let (frames, end) = read_all(vec![0, 0, 0, 1, 7, 0xFF, 0xFF, 0xFF, 0xFF], 10);
        assert_eq!(frames, [[7]]);
        let expected = Violation::OversizedFrame { announced: u32::MAX, limit: 10 };
        assert_eq!(end, Err(DownReason::Violation(expected)));
    }

    #[test]
    fn a_frame_announced_and_not_sent_holds_little_memory() {
        let mut reader = FrameReader::new(Cursor::new(vec![0, 0x10, 0, 0]), 1 << 20);
        let end = block_on(reader.next());
        assert_eq!(end, Err(DownReason::Violation(Violation::TruncatedFrame)));
        assert_eq!(reader.buffer.len(), STEP);
    }

    #[test]
    fn empty_and_truncated_frames_are_violations() {
        for (bytes, violation) in [
            (vec![0, 0, 0, 0], Violation::EmptyFrame),
            (vec![0, 0, 0], Violation::TruncatedFrame),
            (vec![0, 0, 0, 2, 1], Violation::TruncatedFrame),
        ] {
            assert_eq!(read_all(bytes, 10), (vec![], Err(DownReason::Violation(violation))));
        }
    }

    #[test]
    fn greetings_are_read_as_written_and_others_refused() {
        for without_link in [false, true] {
            let greeting = Greeting { without_link, max_frame: 0x0102_0304 };
            assert_eq!(greeting.encode(), [without_link.into(), 1, 2, 3, 4]);
            assert_eq!(Greeting::decode(greeting.encode()), Some(greeting));
        }
        assert_eq!(Greeting::decode([2, 0, 0, 0, 1]), None);
        assert_eq!(Greeting::decode([1, 0, 0, 0, 0]), None);
    }
}
