//! Invitations: what lets a device ask an administrator to enrol it. The rules of the exchange are at
//! [`InvitationCode`].

use crate::{
    address::DialAddress,
    code::InvitationCode,
    ids::{DeviceId, PrincipalId, TransportKey, UnixTime},
    sign::check_public_key,
    uri::{self, LinkError, LinkKind},
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

const VERSION: u8 = 1;

/// What a device is invited as. On the wire a number: 1 agent, 2 bot, 3 administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum Role {
    /// A device that may be given threads.
    Agent,
    /// An agent run by a program.
    Bot,
    /// A device that may enrol devices, accept threads and forward them.
    Admin,
}

/// Text or a number that names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is agent, bot or admin")]
pub struct UnknownRole;

impl Role {
    const ALL: [Self; 3] = [Self::Agent, Self::Bot, Self::Admin];

    /// The word for the command line: `agent`, `bot` or `admin`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Bot => "bot",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(UnknownRole)
    }
}

impl From<Role> for u8 {
    fn from(role: Role) -> Self {
        match role {
            Role::Agent => 1,
            Role::Bot => 2,
            Role::Admin => 3,
        }
    }
}

impl TryFrom<u8> for Role {
    type Error = UnknownRole;

    fn try_from(number: u8) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| u8::from(*role) == number).ok_or(UnknownRole)
    }
}

/// What the joining device needs to know. It holds the secret code: whoever reads it can ask to join.
///
/// As text: `frontdesk:join/` word `?at=` address.., where the word holds version 1, entity, administrator and
/// transport key (32 bytes each), role (1), code (16), expiry (8, big-endian) and the checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The entity to join.
    pub entity: PrincipalId,
    /// The device that invites and will approve.
    pub administrator: DeviceId,
    /// The transport key of that device.
    pub transport: TransportKey,
    /// What the new device will be.
    pub role: Role,
    /// The secret.
    pub code: InvitationCode,
    /// The code is refused from then on.
    pub expires: UnixTime,
    /// Where the administrator's device can be dialled.
    pub addresses: Vec<DialAddress>,
}

impl Invitation {
    /// The invitation as text, to be shown once. There is no `Display`, so that it isn't logged by accident.
    ///
    /// # Errors
    /// [`LinkError::TooManyAddresses`] or [`LinkError::TooLong`].
    pub fn reveal(&self) -> Result<Zeroizing<String>, LinkError> {
        let mut body = Zeroizing::new(Vec::with_capacity(128));
        body.push(VERSION);
        body.extend_from_slice(self.entity.as_bytes());
        body.extend_from_slice(self.administrator.as_bytes());
        body.extend_from_slice(self.transport.as_bytes());
        body.push(self.role.into());
        body.extend_from_slice(self.code.as_bytes());
        body.extend_from_slice(&self.expires.0.to_be_bytes());
        uri::write(LinkKind::Join, &body, &self.addresses)
    }
}

impl FromStr for Invitation {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        let (body, addresses) = uri::read(LinkKind::Join, VERSION, text)?;
        let invitation = read_body(&body, addresses).ok_or(LinkError::Malformed)?;
        let keys = [
            &invitation.entity.as_bytes(),
            &invitation.administrator.as_bytes(),
            &invitation.transport.as_bytes(),
        ];
        for key in keys {
            check_public_key(key).map_err(|_| LinkError::WeakKey)?;
        }
        Ok(invitation)
    }
}

fn read_body(body: &[u8], addresses: Vec<DialAddress>) -> Option<Invitation> {
    let (_version, rest) = body.split_first()?;
    let (entity, rest) = rest.split_first_chunk()?;
    let (administrator, rest) = rest.split_first_chunk()?;
    let (transport, rest) = rest.split_first_chunk()?;
    let (role, rest) = rest.split_first()?;
    let (code, rest) = rest.split_first_chunk()?;
    Some(Invitation {
        entity: PrincipalId::from_bytes(*entity),
        administrator: DeviceId::from_bytes(*administrator),
        transport: TransportKey::from_bytes(*transport),
        role: Role::try_from(*role).ok()?,
        code: InvitationCode::from_bytes(*code),
        expires: UnixTime(u64::from_be_bytes(rest.try_into().ok()?)),
        addresses,
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::{device_keys, rng, root_key};

    fn invitation() -> Invitation {
        let keys = device_keys(2);
        Invitation {
            entity: root_key(1).principal(),
            administrator: keys.id(),
            transport: keys.transport_public(),
            role: Role::Bot,
            code: InvitationCode::generate(&mut rng(3)),
            expires: UnixTime(1_700_000_000),
            addresses: vec!["/ip4/127.0.0.1/tcp/4001".parse().unwrap()],
        }
    }

    #[test]
    fn an_invitation_comes_back_from_its_text() {
        let text = invitation().reveal().unwrap();
        assert!(text.starts_with("frontdesk:join/"));
        assert_eq!(text.parse::<Invitation>().unwrap(), invitation());
    }

    #[test]
    fn each_role_comes_back_and_no_other_is_known() {
        for role in Role::ALL {
            let text = Invitation { role, ..invitation() }.reveal().unwrap();
            assert_eq!(text.parse::<Invitation>().unwrap().role, role);
            assert_eq!(role.to_string().parse::<Role>(), Ok(role));
        }
        assert_eq!(Role::try_from(4), Err(UnknownRole));
        assert_eq!("boss".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn a_contact_link_is_no_invitation() {
        let refusal = "frontdesk:contact/aa".parse::<Invitation>().unwrap_err();
        assert_eq!(refusal, LinkError::OtherKind { found: LinkKind::Contact });
    }

    #[test]
    fn weak_keys_are_refused() {
        let weak = Invitation { administrator: DeviceId::from_bytes([0; 32]), ..invitation() };
        assert_eq!(weak.reveal().unwrap().parse::<Invitation>(), Err(LinkError::WeakKey));
    }
}
