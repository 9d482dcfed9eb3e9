//! Keys, ids, principals, device and address records, contact links and key files.
//!
//! A *principal* (an entity or a customer) has a root key; its id is that public key. A *device* has three keys of
//! its own (transport, signing, seal), bound together by its *device record*. This crate knows keys and what they
//! sign; what a key may do is the capability crate's matter. Randomness and time are arguments.

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
pub use code::{InvitationCode, NotAShortNumber, ShortNumber, WrongProof};
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
