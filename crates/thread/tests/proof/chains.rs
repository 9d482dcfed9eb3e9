//! Chains for attacks: a good one, and those that honest code refuses to issue.

use crate::{
    cast::{START, admin_terms},
    raw::{Raw, Siege},
};
use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, Terms};
use frontdesk_identity::{Domain, codec};

pub(crate) fn good_chain(siege: &Siege, who: &Raw) -> Chain {
    siege.world.agent_chain(&siege.admin.device, who.id())
}

pub(crate) type Links = Vec<(serde_bytes::ByteBuf, frontdesk_identity::Signature)>;

pub(crate) fn links(chain: &Chain) -> Links {
    codec::decode(chain.bytes().as_slice(), 8192).unwrap()
}

/// The administrator was given `forward` and `read`, grants Ben `read`, and then writes `write` beside it and signs
/// that: the honest code would not.
pub(crate) fn widened(siege: &Siege, ben: &Raw) -> ChainBytes {
    let admin = siege.admin.device.keys.signing();
    let abilities = Abilities::from([Ability::Forward, Ability::Read]);
    let above = Terms { abilities, ..admin_terms(siege.admin.id()) };
    let above = Chain::issue_root(&siege.world.acme, above, &mut siege.world.rng()).unwrap();
    let read = Terms { abilities: Abilities::from([Ability::Read]), ..siege.world.agent_terms(ben.id()) };
    let mut links = links(&above.delegate(admin, read, START, &mut siege.world.rng()).unwrap());
    let (payload, signature) = links.last_mut().unwrap();
    let at = payload.windows(3).position(|three| three == [0x81, 4, 0x81]).unwrap();
    payload.splice(at..at + 2, [0x82, 4, 5]);
    *signature = admin.sign(Domain::Grant, payload);
    ChainBytes::new(codec::encode(&links).unwrap())
}

/// A chain whose last link is what it may not be: signed by the administrator, under a parent that is put in place
/// of the true one. Built by splicing encoded links, since the honest code refuses to issue it.
pub(crate) fn spliced(siege: &Siege, narrow: Terms, wide: Terms) -> ChainBytes {
    let parent = Chain::issue_root(&siege.world.acme, narrow, &mut siege.world.rng()).unwrap();
    let mut chain = links(&parent);
    chain.push(links(&siege.world.delegated(&siege.admin.device, wide)).pop().unwrap());
    ChainBytes::new(codec::encode(&chain).unwrap())
}
