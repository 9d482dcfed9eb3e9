//! Every bound of a thread, by name.

/// Members of a thread. A thread is a conversation with a desk, not a channel: one guest with a few devices, the
/// steward, and the agents at work. The bound keeps the state extension, which each commit carries whole, below
/// [`MAX_STATE`], and the stored tree and each commit in the tens of kilobytes with post-quantum keys.
pub const MAX_MEMBERS: usize = 16;
/// The thread state in bytes: [`MAX_MEMBERS`] chains of four links, which have less than 2 KiB each, and the rest.
pub const MAX_STATE: usize = 40 * 1024;
/// A key package in bytes: two post-quantum public keys and a device record.
pub const MAX_KEY_PACKAGE: usize = 8 * 1024;
/// One application message before encryption, in bytes.
pub const MAX_PLAINTEXT: usize = 64 * 1024;
/// One MLS message in bytes. The largest is a commit: the whole state, new key packages, and new keys.
pub const MAX_MESSAGE: usize = 256 * 1024;
/// A Welcome in bytes: the tree, the state, and secrets for each new member.
pub const MAX_WELCOME: usize = 384 * 1024;
/// One piece of history before encryption, in bytes.
pub const MAX_HISTORY: usize = 192 * 1024;
/// Application messages are padded to multiples of this many bytes, so that their length tells little.
pub const PADDING: usize = 128;
/// How many messages of a sender may be overtaken and still be read: their keys are kept that long.
pub const OUT_OF_ORDER: u32 = 128;
/// How far a sender may be ahead, in messages of one epoch. Bounds the work that one hostile message can cause.
pub const MAX_FORWARD: u32 = 2000;
/// From how many past epochs messages can still be read.
pub const MAX_PAST_EPOCHS: u64 = 5;
