//! Every bound of the protocol, by name. Past a bound the peer gets a typed refusal.

/// One frame on a link, in bytes. The largest is a Welcome to a full thread: 16 post-quantum leaves and their grants.
pub const MAX_FRAME: usize = 512 * 1024;
/// Text of one message, in bytes of UTF-8: several pages.
pub const MAX_TEXT: usize = 16 * 1024;
/// One signed content, in bytes: text, author, and what was seen of each member.
pub const MAX_CONTENT: usize = MAX_TEXT + 2048;
/// A sealed message: content, MLS framing and padding.
pub const MAX_SEALED: usize = MAX_CONTENT + 1024;
/// A commit: new leaf keys and the whole thread state.
pub const MAX_COMMIT: usize = 256 * 1024;
/// A Welcome: the tree and the thread state.
pub const MAX_WELCOME: usize = 384 * 1024;
/// A key package, in bytes: two post-quantum public keys and a device record.
pub const MAX_KEY_PACKAGE: usize = 8 * 1024;
/// Key packages in one body.
pub const MAX_KEY_PACKAGES: usize = 16;
/// Authors named in a content's `seen` list: the members of a full thread.
pub const MAX_SEEN: usize = 16;
/// Address records in one body.
pub const MAX_ADDRESS_RECORDS: usize = 16;
/// Revocations in one body.
pub const MAX_REVOCATIONS: usize = 64;
/// Devices in a roster.
pub const MAX_ROSTER: usize = 256;
/// Display name of an entity or a device, in bytes of UTF-8.
pub const MAX_NAME: usize = 80;
/// Sealed history in one piece, in bytes.
pub const MAX_HISTORY_PIECE: usize = 192 * 1024;
/// Pieces of one forward's history.
pub const MAX_HISTORY_PIECES: u32 = 256;
/// Refusals named in one acknowledgement.
pub const MAX_REFUSED: usize = 16;
/// Free text for people inside a request or refusal, in bytes.
pub const MAX_NOTE: usize = 512;
/// Cipher suites that a contact request offers.
pub const MAX_SUITES: usize = 8;
