//! Every bound of the protocol, by name. Past a bound the peer gets a typed refusal.

use frontdesk_capability::MAX_CHAIN_BYTES;

/// One frame on a link, in bytes. The largest is a Welcome to a full thread: 16 post-quantum leaves and their grants.
pub const MAX_FRAME: usize = 512 * 1024;
/// One body in bytes: what a data frame has room for beside its own fields.
pub const MAX_BODY: usize = MAX_FRAME - 32;
/// The fields of a greeting or of an acknowledgement, in bytes: [`MAX_REFUSED`] refusals need less than half.
pub const MAX_ACK: usize = 512;
/// Text of one message, in bytes of UTF-8: several pages.
pub const MAX_TEXT: usize = 16 * 1024;
/// One signed content, in bytes: text, author, and what was seen of each member.
pub const MAX_CONTENT: usize = MAX_TEXT + 2048;
/// A content with its signature, in bytes.
pub const MAX_SIGNED_CONTENT: usize = MAX_CONTENT + 128;
/// Contents of one sealed message.
pub const MAX_BUNDLE: usize = 64;
/// A sealed message: contents, MLS framing and padding.
pub const MAX_SEALED: usize = MAX_CONTENT + 1024;
/// Missed messages that one request may ask for.
pub const MAX_REFILL: u64 = 64;
/// A missed message, sealed for one member: content, nonce and tag.
pub const MAX_SEALED_REFILL: usize = MAX_SIGNED_CONTENT + 64;
/// A commit: new leaf keys and the whole thread state.
pub const MAX_COMMIT: usize = 256 * 1024;
/// A Welcome: the tree and the thread state.
pub const MAX_WELCOME: usize = 384 * 1024;
/// A Welcome to a group of two, as a new era begins with.
pub const MAX_ERA_WELCOME: usize = 64 * 1024;
/// Members of a thread that one body names: as many as a thread may have.
pub const MAX_MEMBERS: usize = 16;
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
/// A profile's payload, in bytes; version 1 needs less than half.
pub const MAX_PROFILE: usize = 4096;
/// The largest number of a profile: there is always room in 64 bits to count on, and a reader in any language has it whole.
pub const MAX_PROFILE_NUMBER: u64 = 1 << 53;
/// A profile with its signer's chain and its signature, in bytes.
pub const MAX_SIGNED_PROFILE: usize = MAX_PROFILE + MAX_CHAIN_BYTES + 128;
/// Devices of a profile that take new contacts.
pub const MAX_RECEPTION: usize = 8;
/// Languages of a profile.
pub const MAX_LANGUAGES: usize = 16;
/// A language tag, in bytes: what BCP 47, section 4.4.1, tells a protocol to provide for.
pub const MAX_LANGUAGE: usize = 35;
