//! Device records: one signed object that binds the three keys of a device to each other and to a principal.
//!
//! The record is a claim by the device. That the principal agrees is shown by a chain of grants, never by this.

use crate::{
    codec::{DecodeError, decode, decode_versioned, encode},
    ids::{DeviceId, PrincipalId, SealKey, TransportKey, UnixTime},
    keys::{DeviceKeys, check_seal_key},
    sign::{BadSignature, Domain, Signature, check_public_key, verify},
    signed::signed_form,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// The version of device records that this program speaks.
pub const DEVICE_RECORD_VERSION: u64 = 1;

/// The largest device record in bytes. Version 1 needs at most 282.
pub const MAX_DEVICE_RECORD: usize = 320;

signed_form!(
    /// A device record as it travels: CBOR `[payload, signature by the signing key, signature by the transport key]`.
    SignedDeviceRecord, MAX_DEVICE_RECORD
);

#[derive(Serialize, Deserialize)]
struct Envelope(ByteBuf, Signature, Signature);

/// `[version, principal, signing key, transport key, seal key, created]`.
#[derive(Serialize, Deserialize)]
struct Payload(u64, PrincipalId, DeviceId, TransportKey, SealKey, UnixTime);

/// Why a device record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeviceRecordError {
    /// The bytes are not a device record of a known version.
    #[error("device record: {0}")]
    Decode(#[from] DecodeError),
    /// The principal is not a usable Ed25519 key.
    #[error("device record: the principal's key is weak or malformed")]
    WeakPrincipal,
    /// The signing key is not a usable Ed25519 key.
    #[error("device record: the signing key is weak or malformed")]
    WeakSigningKey,
    /// The transport key is not a usable Ed25519 key.
    #[error("device record: the transport key is weak or malformed")]
    WeakTransportKey,
    /// The seal key is an X25519 point of small order.
    #[error("device record: the seal key is weak")]
    WeakSealKey,
    /// One Ed25519 key stands in two roles.
    #[error("device record: one key is used in two roles")]
    SharedKey,
    /// The device's signing key did not sign this.
    #[error("device record: the signature by the signing key does not verify")]
    BadSignature,
    /// The holder of the transport key did not agree to this.
    #[error("device record: the signature by the transport key does not verify")]
    BadTransportSignature,
}

/// A device record whose two signatures hold and whose keys are sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    principal: PrincipalId,
    id: DeviceId,
    transport: TransportKey,
    seal: SealKey,
    created: UnixTime,
    signed: SignedDeviceRecord,
}

impl DeviceRecord {
    /// Signs the record of the device that has `keys`, as a device of `principal`.
    #[must_use]
    pub fn sign(keys: &DeviceKeys, principal: PrincipalId, created: UnixTime) -> SignedDeviceRecord {
        let payload = payload(keys, principal, created);
        let by_signing = keys.signing().sign(Domain::Device, &payload);
        let by_transport = keys.transport().sign(Domain::DeviceTransport, &payload);
        SignedDeviceRecord(bytes_of(&Envelope(ByteBuf::from(payload), by_signing, by_transport)))
    }

    /// The principal that the device says it belongs to.
    #[must_use]
    pub const fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// The device's id, which is its signing key.
    #[must_use]
    pub const fn id(&self) -> DeviceId {
        self.id
    }

    /// The device's transport key.
    #[must_use]
    pub const fn transport(&self) -> TransportKey {
        self.transport
    }

    /// The device's seal key.
    #[must_use]
    pub const fn seal(&self) -> SealKey {
        self.seal
    }

    /// When the device says it made the record.
    #[must_use]
    pub const fn created(&self) -> UnixTime {
        self.created
    }

    /// The wire form that was verified.
    #[must_use]
    pub const fn signed(&self) -> &SignedDeviceRecord {
        &self.signed
    }
}

impl SignedDeviceRecord {
    /// Decodes and checks everything: shape, version, each key, both signatures.
    ///
    /// # Errors
    /// [`DeviceRecordError`], a variant for each cause.
    pub fn verify(&self) -> Result<DeviceRecord, DeviceRecordError> {
        let (payload, Envelope(bytes, by_signing, by_transport)) = self.parse()?;
        check_keys(&payload)?;
        verify(payload.2.as_bytes(), Domain::Device, &bytes, &by_signing)
            .map_err(|BadSignature| DeviceRecordError::BadSignature)?;
        verify(payload.3.as_bytes(), Domain::DeviceTransport, &bytes, &by_transport)
            .map_err(|BadSignature| DeviceRecordError::BadTransportSignature)?;
        Ok(self.holding(payload))
    }

    /// Reads a record that this program verified before it kept it.
    ///
    /// # Errors
    /// [`DeviceRecordError::Decode`]; neither keys nor signatures are looked at again.
    pub fn read_kept(&self) -> Result<DeviceRecord, DeviceRecordError> {
        self.parse().map(|(payload, _)| self.holding(payload))
    }

    fn parse(&self) -> Result<(Payload, Envelope), DeviceRecordError> {
        let envelope: Envelope = decode(&self.0, MAX_DEVICE_RECORD)?;
        let payload = decode_versioned(&envelope.0, MAX_DEVICE_RECORD, DEVICE_RECORD_VERSION)?;
        Ok((payload, envelope))
    }

    fn holding(&self, Payload(_, principal, id, transport, seal, created): Payload) -> DeviceRecord {
        DeviceRecord { principal, id, transport, seal, created, signed: self.clone() }
    }
}

fn check_keys(payload: &Payload) -> Result<(), DeviceRecordError> {
    let Payload(_, principal, id, transport, seal, _) = payload;
    check_public_key(principal.as_bytes()).map_err(|_| DeviceRecordError::WeakPrincipal)?;
    check_public_key(id.as_bytes()).map_err(|_| DeviceRecordError::WeakSigningKey)?;
    check_public_key(transport.as_bytes()).map_err(|_| DeviceRecordError::WeakTransportKey)?;
    check_seal_key(seal).map_err(|_| DeviceRecordError::WeakSealKey)?;
    let [root, signing, transport] = [principal.as_bytes(), id.as_bytes(), transport.as_bytes()];
    if root == signing || root == transport || signing == transport {
        return Err(DeviceRecordError::SharedKey);
    }
    Ok(())
}

fn payload(keys: &DeviceKeys, principal: PrincipalId, created: UnixTime) -> Vec<u8> {
    bytes_of(&Payload(
        DEVICE_RECORD_VERSION,
        principal,
        keys.id(),
        keys.transport_public(),
        keys.seal_public(),
        created,
    ))
}

/// Our own fixed shapes always encode; were one ever not to, the empty bytes would verify nowhere.
fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    encode(value).unwrap_or_default()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::{device_keys, root_key};

    fn record() -> SignedDeviceRecord {
        DeviceRecord::sign(&device_keys(1), root_key(2).principal(), UnixTime(1_700_000_000))
    }

    /// Signs whatever payload with the keys of device 1.
    fn resign(payload: &Payload) -> SignedDeviceRecord {
        let keys = device_keys(1);
        let bytes = encode(payload).unwrap();
        let by_signing = keys.signing().sign(Domain::Device, &bytes);
        let by_transport = keys.transport().sign(Domain::DeviceTransport, &bytes);
        SignedDeviceRecord(encode(&Envelope(ByteBuf::from(bytes), by_signing, by_transport)).unwrap())
    }

    fn honest_payload() -> Payload {
        let keys = device_keys(1);
        let principal = root_key(2).principal();
        Payload(1, principal, keys.id(), keys.transport_public(), keys.seal_public(), UnixTime(7))
    }

    #[test]
    fn a_record_comes_back_verified() {
        let keys = device_keys(1);
        let verified = record().verify().unwrap();
        assert_eq!(verified.principal(), root_key(2).principal());
        assert_eq!(verified.id(), keys.id());
        assert_eq!(verified.transport(), keys.transport_public());
        assert_eq!(verified.seal(), keys.seal_public());
        assert_eq!(verified.created(), UnixTime(1_700_000_000));
        assert_eq!(verified.signed(), &record());
        assert_eq!(record().read_kept().unwrap(), verified);
        assert_eq!(resign(&honest_payload()).verify().unwrap().created(), UnixTime(7));
    }

    #[test]
    fn any_changed_byte_is_refused() {
        let good = record();
        for i in 0..good.as_bytes().len() {
            let mut bytes = good.as_bytes().to_vec();
            *bytes.get_mut(i).unwrap() ^= 1;
            assert!(SignedDeviceRecord::from_bytes(bytes).unwrap().verify().is_err(), "byte {i}");
        }
    }

    #[test]
    fn nobody_can_claim_the_transport_key_of_another() {
        let mut payload = honest_payload();
        payload.3 = device_keys(9).transport_public();
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::BadTransportSignature));
    }

    #[test]
    fn nobody_can_claim_the_signing_key_of_another() {
        let mut payload = honest_payload();
        payload.2 = device_keys(9).id();
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::BadSignature));
    }

    #[test]
    fn weak_keys_are_refused_each_with_its_reason() {
        let mut payload = honest_payload();
        payload.1 = PrincipalId::from_bytes([0; 32]);
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::WeakPrincipal));
        let mut payload = honest_payload();
        payload.2 = DeviceId::from_bytes([0; 32]);
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::WeakSigningKey));
        let mut payload = honest_payload();
        payload.3 = TransportKey::from_bytes([0; 32]);
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::WeakTransportKey));
        let mut payload = honest_payload();
        payload.4 = SealKey::from_bytes([0; 32]);
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::WeakSealKey));
    }

    #[test]
    fn one_key_in_two_roles_is_refused() {
        let mut payload = honest_payload();
        payload.1 = PrincipalId::from_bytes(*payload.2.as_bytes());
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::SharedKey));
        let mut payload = honest_payload();
        payload.3 = TransportKey::from_bytes(*payload.2.as_bytes());
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::SharedKey));
    }

    #[test]
    fn another_version_is_refused_with_both_versions_named() {
        let mut payload = honest_payload();
        payload.0 = 2;
        let refusal = DecodeError::UnknownVersion { found: 2, known: 1 };
        assert_eq!(resign(&payload).verify(), Err(DeviceRecordError::Decode(refusal)));
    }

    #[test]
    fn on_the_wire_it_is_one_byte_string_of_bounded_length() {
        let bytes = encode(&record()).unwrap();
        assert_eq!(decode::<SignedDeviceRecord>(&bytes, 1000), Ok(record()));
        let long = encode(&ByteBuf::from(vec![0; MAX_DEVICE_RECORD + 1])).unwrap();
        assert_eq!(decode::<SignedDeviceRecord>(&long, 1000), Err(DecodeError::Malformed));
        assert!(SignedDeviceRecord::from_bytes(vec![0; MAX_DEVICE_RECORD + 1]).is_err());
    }

    #[test]
    fn the_longest_record_fits_the_bound() {
        let signed = DeviceRecord::sign(&device_keys(1), root_key(2).principal(), UnixTime(u64::MAX));
        assert!(signed.as_bytes().len() <= MAX_DEVICE_RECORD, "{}", signed.as_bytes().len());
        assert!(signed.verify().is_ok());
    }
}
