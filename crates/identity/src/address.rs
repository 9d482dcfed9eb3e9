//! Address records: where a device can be dialled now, signed by it and numbered.

use crate::{
    codec::{DecodeError, decode, decode_versioned, encode},
    ids::{DeviceId, UnixTime},
    keys::DeviceKeys,
    sign::{BadSignature, Domain, Signature, verify},
    signed::signed_form,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{fmt, str::FromStr};

/// The version of address records that this program speaks.
pub const ADDRESS_RECORD_VERSION: u64 = 1;

/// The most addresses that one record, link or invitation holds: enough for IPv4, IPv6, both transports and relays.
pub const MAX_ADDRESSES: usize = 8;

/// The longest address in bytes: a relayed address with two peer ids and a domain name fits.
pub const MAX_ADDRESS: usize = 160;

/// The largest address record in bytes. Version 1 needs at most 1421.
pub const MAX_ADDRESS_RECORD: usize = 1536;

/// How far the clocks of two devices may differ, in seconds.
pub const CLOCK_SKEW: u64 = 60;

/// A place to dial: the text of a multiaddr, such as `/ip4/192.0.2.1/tcp/4001`.
///
/// Here it is only known to be at most [`MAX_ADDRESS`] visible ASCII characters that start with `/`; the network
/// layer knows what they mean.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DialAddress(String);

/// Text that can't be a dial address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an address starts with / and has at most {MAX_ADDRESS} visible ASCII characters")]
pub struct BadAddress;

impl DialAddress {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DialAddress {
    type Error = BadAddress;

    fn try_from(text: String) -> Result<Self, BadAddress> {
        let visible = text.bytes().all(|b| b.is_ascii_graphic());
        if visible && text.starts_with('/') && text.len() <= MAX_ADDRESS {
            Ok(Self(text))
        } else {
            Err(BadAddress)
        }
    }
}

impl FromStr for DialAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        Self::try_from(text.to_owned())
    }
}

impl From<DialAddress> for String {
    fn from(address: DialAddress) -> Self {
        address.0
    }
}

impl AsRef<str> for DialAddress {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DialAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

signed_form!(
    /// An address record as it travels: CBOR `[payload, signature by the device's signing key]`.
    SignedAddressRecord, MAX_ADDRESS_RECORD
);

#[derive(Serialize, Deserialize)]
struct Envelope(ByteBuf, Signature);

/// `[version, device, number, addresses, expires]`.
#[derive(Serialize, Deserialize)]
struct Payload(u64, DeviceId, u64, Vec<String>, UnixTime);

/// Why an address record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressRecordError {
    /// The bytes are not an address record of a known version.
    #[error("address record: {0}")]
    Decode(#[from] DecodeError),
    /// More than [`MAX_ADDRESSES`] addresses.
    #[error("address record: {count} addresses are more than the {MAX_ADDRESSES} allowed")]
    TooManyAddresses {
        /// How many there are.
        count: usize,
    },
    /// One of the addresses can't be one.
    #[error("address record: {0}")]
    BadAddress(#[from] BadAddress),
    /// The device did not sign this.
    #[error("address record: the signature does not verify")]
    BadSignature,
    /// The record was true until a moment that has passed.
    #[error("address record: expired at {} (now: {})", expired.0, now.0)]
    Expired {
        /// When it ended.
        expired: UnixTime,
        /// The time by the clock of this device.
        now: UnixTime,
    },
}

/// An address record whose signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRecord {
    device: DeviceId,
    number: u64,
    addresses: Vec<DialAddress>,
    expires: UnixTime,
    signed: SignedAddressRecord,
}

impl AddressRecord {
    /// Signs the record number `number` of the device that has `keys`. No addresses is a valid answer too: the
    /// device can only be reached by what it dials itself.
    ///
    /// # Errors
    /// [`AddressRecordError::TooManyAddresses`].
    pub fn sign(
        keys: &DeviceKeys,
        number: u64,
        addresses: &[DialAddress],
        expires: UnixTime,
    ) -> Result<SignedAddressRecord, AddressRecordError> {
        check_count(addresses.len())?;
        let addresses = addresses.iter().cloned().map(String::from).collect();
        let payload = encode(&Payload(ADDRESS_RECORD_VERSION, keys.id(), number, addresses, expires))?;
        let signature = keys.signing().sign(Domain::Address, &payload);
        Ok(SignedAddressRecord(encode(&Envelope(ByteBuf::from(payload), signature))?))
    }

    /// The device that can be dialled.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }

    /// The number of the record; a device's next one has a higher.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Where it can be dialled, best first. At most [`MAX_ADDRESSES`].
    #[must_use]
    pub fn addresses(&self) -> &[DialAddress] {
        &self.addresses
    }

    /// Until when.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The wire form that was verified.
    #[must_use]
    pub const fn signed(&self) -> &SignedAddressRecord {
        &self.signed
    }

    /// Whether a holder of `held` should keep this one instead: same device, higher number.
    #[must_use]
    pub fn supersedes(&self, held: &Self) -> bool {
        self.device == held.device && self.number > held.number
    }
}

impl SignedAddressRecord {
    /// Decodes and checks everything. [`CLOCK_SKEW`] seconds past the end are tolerated.
    ///
    /// # Errors
    /// [`AddressRecordError`], a variant for each cause.
    pub fn verify(&self, now: UnixTime) -> Result<AddressRecord, AddressRecordError> {
        let (record, bytes, signature) = self.parse()?;
        verify(record.device.as_bytes(), Domain::Address, &bytes, &signature)
            .map_err(|BadSignature| AddressRecordError::BadSignature)?;
        let expires = record.expires;
        if now > expires.plus(CLOCK_SKEW) {
            return Err(AddressRecordError::Expired { expired: expires, now });
        }
        Ok(record)
    }

    /// Reads a record that this program verified before it kept it, however old it is now.
    ///
    /// # Errors
    /// [`AddressRecordError`], but neither for the signature nor for the time.
    pub fn read_kept(&self) -> Result<AddressRecord, AddressRecordError> {
        self.parse().map(|(record, _, _)| record)
    }

    fn parse(&self) -> Result<(AddressRecord, ByteBuf, Signature), AddressRecordError> {
        let Envelope(bytes, signature) = decode(&self.0, MAX_ADDRESS_RECORD)?;
        let payload = decode_versioned(&bytes, MAX_ADDRESS_RECORD, ADDRESS_RECORD_VERSION)?;
        let Payload(_, device, number, addresses, expires) = payload;
        check_count(addresses.len())?;
        let addresses = addresses.into_iter().map(DialAddress::try_from).collect::<Result<_, _>>()?;
        Ok((AddressRecord { device, number, addresses, expires, signed: self.clone() }, bytes, signature))
    }
}

const fn check_count(count: usize) -> Result<(), AddressRecordError> {
    if count > MAX_ADDRESSES { Err(AddressRecordError::TooManyAddresses { count }) } else { Ok(()) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::device_keys;

    fn address(text: &str) -> DialAddress {
        text.parse().unwrap()
    }

    fn record(number: u64) -> SignedAddressRecord {
        let addresses = [address("/ip4/192.0.2.1/tcp/4001"), address("/ip6/::1/udp/4001/quic-v1")];
        AddressRecord::sign(&device_keys(1), number, &addresses, UnixTime(1000)).unwrap()
    }

    /// Signs a payload that the honest path would not make.
    fn resign(payload: &Payload) -> SignedAddressRecord {
        let bytes = encode(payload).unwrap();
        let signature = device_keys(1).signing().sign(Domain::Address, &bytes);
        SignedAddressRecord(encode(&Envelope(ByteBuf::from(bytes), signature)).unwrap())
    }

    #[test]
    fn a_record_comes_back_verified() {
        let verified = record(3).verify(UnixTime(1000)).unwrap();
        assert_eq!(verified.device(), device_keys(1).id());
        assert_eq!(verified.number(), 3);
        assert_eq!(verified.addresses().len(), 2);
        assert_eq!(verified.addresses().first().unwrap().as_str(), "/ip4/192.0.2.1/tcp/4001");
        assert_eq!(verified.expires(), UnixTime(1000));
        assert_eq!(verified.signed(), &record(3));
        assert_eq!(record(3).read_kept().unwrap(), verified);
    }

    #[test]
    fn it_expires_after_the_tolerated_skew() {
        assert!(record(1).verify(UnixTime(1060)).is_ok());
        let refusal = AddressRecordError::Expired { expired: UnixTime(1000), now: UnixTime(1061) };
        assert_eq!(record(1).verify(UnixTime(1061)), Err(refusal));
    }

    #[test]
    fn only_a_higher_number_of_the_same_device_supersedes() {
        let [old, new] = [1, 2].map(|n| record(n).verify(UnixTime(0)).unwrap());
        assert!(new.supersedes(&old));
        assert!(!old.supersedes(&new));
        assert!(!old.supersedes(&old));
        let other = AddressRecord::sign(&device_keys(2), 9, &[], UnixTime(1000)).unwrap();
        assert!(!other.verify(UnixTime(0)).unwrap().supersedes(&old));
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let good = record(1);
        for i in 0..good.as_bytes().len() {
            let mut bytes = good.as_bytes().to_vec();
            *bytes.get_mut(i).unwrap() ^= 1;
            assert!(SignedAddressRecord::from_bytes(bytes).unwrap().verify(UnixTime(0)).is_err(), "byte {i}");
        }
    }

    #[test]
    fn a_record_for_another_device_is_refused() {
        let forged = resign(&Payload(1, device_keys(9).id(), 1, vec![], UnixTime(1000)));
        assert_eq!(forged.verify(UnixTime(0)), Err(AddressRecordError::BadSignature));
    }

    #[test]
    fn too_many_and_impossible_addresses_are_refused() {
        let id = device_keys(1).id();
        let many = resign(&Payload(1, id, 1, vec!["/a".to_owned(); 9], UnixTime(1000)));
        assert_eq!(many.verify(UnixTime(0)), Err(AddressRecordError::TooManyAddresses { count: 9 }));
        let many = AddressRecord::sign(&device_keys(1), 1, &vec![address("/a"); 9], UnixTime(0));
        assert_eq!(many, Err(AddressRecordError::TooManyAddresses { count: 9 }));
        let long = format!("/{}", "x".repeat(MAX_ADDRESS));
        for bad in ["", "ip4/1.2.3.4", "/ip4/ 1", "/dns/é", "/a\n", "/\u{7f}", long.as_str()] {
            let refused = resign(&Payload(1, id, 1, vec![bad.to_owned()], UnixTime(1000)));
            assert_eq!(
                refused.verify(UnixTime(0)),
                Err(AddressRecordError::BadAddress(BadAddress)),
                "{bad:?}"
            );
            assert_eq!(bad.parse::<DialAddress>(), Err(BadAddress));
        }
    }

    #[test]
    fn another_version_is_refused_with_both_versions_named() {
        let later = resign(&Payload(7, device_keys(1).id(), 1, vec![], UnixTime(1000)));
        let refusal = DecodeError::UnknownVersion { found: 7, known: 1 };
        assert_eq!(later.verify(UnixTime(0)), Err(AddressRecordError::Decode(refusal)));
    }

    #[test]
    fn the_longest_record_fits_the_bound() {
        let longest = address(&format!("/{}", "x".repeat(MAX_ADDRESS - 1)));
        let addresses = vec![longest; MAX_ADDRESSES];
        let signed = AddressRecord::sign(&device_keys(1), u64::MAX, &addresses, UnixTime(u64::MAX)).unwrap();
        assert!(signed.as_bytes().len() <= MAX_ADDRESS_RECORD, "{}", signed.as_bytes().len());
        assert!(signed.verify(UnixTime(u64::MAX)).is_ok());
    }
}
