//! Contact links: what a business prints on its door.

use crate::{
    address::DialAddress,
    ids::{PrincipalId, TransportKey},
    sign::check_public_key,
    uri::{self, LinkError, LinkKind},
};
use std::{fmt, str::FromStr};

const VERSION: u8 = 1;

/// Names an entity, and where its reception (the administrator's node) can be dialled.
///
/// The link pins the entity: whatever the network says later must chain to this key. The transport key and the
/// addresses are only where to ask.
///
/// As text: `frontdesk:contact/` word `?at=` address.., where the word holds version 1, the entity's root key (32
/// bytes), the transport key (32 bytes) and a checksum over all of the link, so that a mistyped character is noticed.
///
/// ```
/// use frontdesk_identity::{ContactLink, DeviceKeys, RootKey};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(1);
/// let acme = RootKey::generate(&mut rng).principal();
/// let reception = DeviceKeys::generate(&mut rng).transport_public();
/// let link = ContactLink::new(acme, reception, vec!["/ip4/192.0.2.1/tcp/4001".parse()?])?;
/// assert_eq!(link.to_string().parse::<ContactLink>()?, link);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactLink {
    entity: PrincipalId,
    reception: TransportKey,
    addresses: Vec<DialAddress>,
    text: String,
}

impl ContactLink {
    /// A link to `entity`, whose reception has the transport key `reception`.
    ///
    /// # Errors
    /// [`LinkError::TooManyAddresses`] or [`LinkError::TooLong`].
    pub fn new(
        entity: PrincipalId,
        reception: TransportKey,
        addresses: Vec<DialAddress>,
    ) -> Result<Self, LinkError> {
        let mut body = vec![VERSION];
        body.extend_from_slice(entity.as_bytes());
        body.extend_from_slice(reception.as_bytes());
        let text = uri::write(LinkKind::Contact, &body, &addresses)?.to_string();
        Ok(Self { entity, reception, addresses, text })
    }

    /// The entity that all answers must chain to.
    #[must_use]
    pub const fn entity(&self) -> PrincipalId {
        self.entity
    }

    /// The transport key of the node to dial.
    #[must_use]
    pub const fn reception(&self) -> TransportKey {
        self.reception
    }

    /// Where to dial it.
    #[must_use]
    pub fn addresses(&self) -> &[DialAddress] {
        &self.addresses
    }

    /// The link as text, at most [`MAX_LINK`](crate::MAX_LINK) bytes of ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ContactLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for ContactLink {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (body, addresses) = uri::read(LinkKind::Contact, VERSION, text)?;
        let (entity, reception) = read_body(&body).ok_or(LinkError::Malformed)?;
        check_public_key(entity.as_bytes()).map_err(|_| LinkError::WeakKey)?;
        check_public_key(reception.as_bytes()).map_err(|_| LinkError::WeakKey)?;
        Self::new(entity, reception, addresses)
    }
}

fn read_body(body: &[u8]) -> Option<(PrincipalId, TransportKey)> {
    let (_version, rest) = body.split_first()?;
    let (entity, rest) = rest.split_first_chunk()?;
    let reception = rest.try_into().ok()?;
    Some((PrincipalId::from_bytes(*entity), TransportKey::from_bytes(reception)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::{device_keys, root_key};

    fn link(addresses: &[&str]) -> ContactLink {
        let addresses = addresses.iter().map(|a| a.parse().unwrap()).collect();
        ContactLink::new(root_key(1).principal(), device_keys(2).transport_public(), addresses).unwrap()
    }

    fn parse(text: &str) -> Result<ContactLink, LinkError> {
        text.parse()
    }

    #[test]
    fn a_link_comes_back_from_its_text() {
        for addresses in
            [&[][..], &["/ip4/192.0.2.1/tcp/4001"], &["/ip6/::1/tcp/1", "/dns/acme.example/tcp/2"]]
        {
            let link = link(addresses);
            assert_eq!(parse(&link.to_string()), Ok(link));
        }
    }

    #[test]
    fn upper_case_and_white_space_around_are_tolerated() {
        let link = link(&["/ip4/192.0.2.1/tcp/4001"]);
        let (word, query) = link.as_str().split_once('?').unwrap();
        assert_eq!(parse(&format!(" {}?{query}\n", word.to_uppercase())), Ok(link.clone()));
    }

    #[test]
    fn a_change_in_the_addresses_is_noticed() {
        let text = link(&["/ip4/192.0.2.1/tcp/4001"]).to_string();
        assert_eq!(parse(&text.replace("4001", "4002")), Err(LinkError::Mistyped));
        assert_eq!(parse(text.split_once('?').unwrap().0), Err(LinkError::Mistyped));
        assert_eq!(parse(&format!("{text}&at=/ip4/198.51.100.1/tcp/1")), Err(LinkError::Mistyped));
    }

    #[test]
    fn what_is_no_link_is_told_apart() {
        for text in
            ["", "hello", "https://acme.example/", "frontdesk:", "frontdesk:contact", "front:contact/aa"]
        {
            assert_eq!(parse(text), Err(LinkError::NotALink), "{text}");
        }
        assert_eq!(parse("frontdesk:join/aa"), Err(LinkError::OtherKind { found: LinkKind::Join }));
        let long = format!("frontdesk:contact/{}", "a".repeat(3000));
        assert_eq!(parse(&long), Err(LinkError::TooLong { len: 3018 }));
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let text = |error: LinkError| error.to_string();
        assert!(text(LinkError::OtherKind { found: LinkKind::Join }).contains("`frontdesk join`"));
        assert!(text(LinkError::Mistyped).contains("copy it again"));
        assert!(text(LinkError::UnknownVersion { found: 2, known: 1 }).contains("update Frontdesk"));
    }

    #[test]
    fn other_versions_lengths_and_weak_keys_are_refused() {
        let [entity, reception] = [*root_key(1).principal().as_bytes(), *device_keys(2).id().as_bytes()];
        let text = |body: &[u8]| uri::write(LinkKind::Contact, body, &[]).unwrap();
        let body = |version: u8, a: [u8; 32], b: [u8; 32]| [&[version][..], &a, &b].concat();
        assert!(parse(&text(&body(1, entity, reception))).is_ok());
        let refusal = LinkError::UnknownVersion { found: 2, known: 1 };
        assert_eq!(parse(&text(&body(2, entity, reception))), Err(refusal));
        assert_eq!(parse(&text(&body(1, [0; 32], reception))), Err(LinkError::WeakKey));
        assert_eq!(parse(&text(&body(1, entity, [0; 32]))), Err(LinkError::WeakKey));
        let mut longer = body(1, entity, reception);
        longer.push(0);
        assert_eq!(parse(&text(&longer)), Err(LinkError::Malformed));
        assert_eq!(parse(&text(&[1])), Err(LinkError::Malformed));
    }
}
