//! The network between two connected nodes: what it does to frames.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// What the network does to frames. Shares are in thousandths of the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    /// The shortest way of a frame, in milliseconds.
    pub latency: u64,
    /// Up to so much more, drawn for each frame, in milliseconds: frames overtake each other.
    pub jitter: u64,
    /// Frames that are lost.
    pub loss: u32,
    /// Frames that arrive twice.
    pub duplication: u32,
}

/// How one frame fares, in the weather's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fare {
    /// It arrives after so many milliseconds.
    After(u64),
    /// It never arrives.
    Lost,
}

impl Fare {
    pub(crate) fn arrivals(self) -> Vec<u64> {
        match self {
            Self::After(delay) => vec![delay],
            Self::Lost => Vec::new(),
        }
    }
}

impl Weather {
    /// Every frame arrives once and in order, after a millisecond.
    pub const FAIR: Self = Self { latency: 1, jitter: 0, loss: 0, duplication: 0 };
    /// A tenth of the frames is lost, a tenth arrives twice, and they overtake each other by up to a fifth of a second.
    pub const STORM: Self = Self { latency: 5, jitter: 200, loss: 100, duplication: 100 };

    /// When the copies of one frame arrive, in milliseconds from now. None: it is lost.
    pub(crate) fn arrivals(self, rng: &mut ChaCha20Rng) -> Vec<u64> {
        let mut arrivals = Vec::new();
        if !hits(self.loss, rng) {
            arrivals.push(self.delay(rng));
        }
        if hits(self.duplication, rng) {
            arrivals.push(self.delay(rng));
        }
        arrivals
    }

    fn delay(self, rng: &mut ChaCha20Rng) -> u64 {
        self.latency + u64::from(rng.next_u32()) % (self.jitter + 1)
    }
}

fn hits(thousandths: u32, rng: &mut ChaCha20Rng) -> bool {
    rng.next_u32() % 1000 < thousandths
}
