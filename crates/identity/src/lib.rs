//! Keys, ids, principals, device and address records, contact links and key files.
//!
//! A *principal* (an entity or a customer) has a root key; its id is that public key. A *device* has three keys of
//! its own (transport, signing, seal), bound together by its *device record*. This crate knows keys and what they
//! sign; what a key may do is the capability crate's matter. Randomness and time are arguments.
//!
//! - A [`RootKey`] is made once, shown once as a [`RecoveryPhrase`], and kept in a key file ([`seal_key_file`],
//!   [`write_private`]) or offline.
//! - [`DeviceKeys`] are made once a device and never leave it. They sign its [`DeviceRecord`] and, whenever it can be
//!   dialled elsewhere, its next [`AddressRecord`].
//! - Others learn of an entity by a [`ContactLink`]; a new device of it is let in by an [`Invitation`].
//!
//! What comes from elsewhere climbs a ladder of types: bytes, then a `Signed..` record, of which nothing is known but
//! its length, then the record, which only `verify` makes.
//!
//! ```
//! use frontdesk_identity::{DeviceKeys, DeviceRecord, RootKey, SignedDeviceRecord, UnixTime};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(1);
//! let acme = RootKey::generate(&mut rng);
//! let keys = DeviceKeys::generate(&mut rng);
//! let sent = DeviceRecord::sign(&keys, acme.principal(), UnixTime(1_767_225_600));
//!
//! let received = SignedDeviceRecord::from_bytes(sent.as_bytes())?;
//! let record = received.verify()?;
//! assert_eq!(record.id(), keys.id());
//! assert_eq!(record.principal(), acme.principal());
//! # Ok(())
//! # }
//! ```

mod address;
mod code;
pub mod codec;
mod device;
mod ids;
mod invitation;
mod keyfile;
mod keys;
mod link;
mod passphrase;
mod phrase;
mod private;
mod qr;
mod sign;
mod signed;
#[cfg(test)]
mod testing;
mod uri;

pub use address::{
    ADDRESS_RECORD_VERSION, AddressRecord, AddressRecordError, BadAddress, CLOCK_SKEW, DialAddress,
    MAX_ADDRESS, MAX_ADDRESS_RECORD, MAX_ADDRESSES, SignedAddressRecord,
};
pub use code::{InvitationCode, JoinNonce, NotAShortNumber, ShortNumber, WrongProof};
pub use device::{
    DEVICE_RECORD_VERSION, DeviceRecord, DeviceRecordError, MAX_DEVICE_RECORD, SignedDeviceRecord,
};
pub use ids::{
    DeviceId, GrantId, InvitationId, ParseIdError, PrincipalId, SealKey, ThreadId, TransportKey, UnixTime,
};
pub use invitation::{Invitation, Role, UnknownRole};
pub use keyfile::{KeyFileError, MAX_KEY_FILE, Protection, open_key_file, seal_key_file};
pub use keys::{DeviceKeys, RootKey, StoredDeviceKeys, StoredRootKey, check_seal_key};
pub use link::ContactLink;
pub use passphrase::{CostError, Passphrase, PassphraseCost};
pub use phrase::{PhraseError, RecoveryPhrase};
pub use private::{MAX_PRIVATE_FILE, PrivateFileError, read_private, write_private};
pub use qr::{TooLongForQr, qr_svg, qr_terminal};
pub use sign::{
    BadSignature, Domain, SecretSigningKey, Signature, WeakKey, check_public_key, verify, verify_raw,
};
pub use uri::{LinkError, LinkKind, MAX_LINK};
