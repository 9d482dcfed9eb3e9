//! Those who show grants that don't hold, wherever a grant travels: strangers, and an agent with a true grant that makes more
//! of it.

use super::{Aim, Hands, Villain};
use crate::{
    Adversary, Business, Forge, NodeId, SimError,
    lab::{chance::Chance as _, people::Role, play::Play},
    office,
};
use frontdesk_capability::{
    Abilities, Ability, CLOCK_SKEW, Chain, ChainBytes, History, Revocations, Scope, Terms,
};
use frontdesk_identity::{
    DeviceId, DeviceKeys, PrincipalId, SignedAddressRecord, SignedDeviceRecord, ThreadId, UnixTime,
};
use frontdesk_thread::Suite;
use frontdesk_wire::{
    Body, ContactRequest, EraNotice, EraOffer, ForwardPayload, Position, Reason, RequestId,
};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;

/// What is wrong with a chain, and what it is refused for.
type Flawed = (&'static str, ChainBytes, Reason);

/// Who shows a chain: its record, a key package and an address that are good.
struct Shows {
    record: SignedDeviceRecord,
    key_package: ByteBuf,
    address: SignedAddressRecord,
}

impl Play<'_> {
    /// Customers with keys of their own, and an agent that is in threads.
    pub(super) fn forgers(&mut self) -> Result<Option<Villain>, SimError> {
        let Some(Villain::Hands(mut agent)) = self.insider()? else { return Ok(None) };
        let Some(Villain::Hands(mut hands)) = self.customers_by_hand()? else { return Ok(None) };
        (hands.threads, hands.nodes) = (agent.threads, std::mem::take(&mut agent.nodes));
        Ok(Some(Villain::Hands(hands)))
    }

    /// Requests with chains that don't hold, each for its own reason.
    pub(super) fn show_forged_grants(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        let Some((administrator, entity)) = self.a_business()? else { return Ok(true) };
        if !self.reach_all(hands, &[(0, administrator)])? {
            return Ok(false);
        }
        let Some(business) = hands.businesses.first_mut() else { return Ok(true) };
        let request = business.request(&self.world, entity)?;
        let chains = own_chains(business)?;
        let foreign = self.show_foreign_rights(index, hands, (administrator, entity), &chains)?;
        let true_ones = self.make_more_of_a_grant(index, hands)?;
        for (flaw, chain, reason) in chains {
            let mut id = [0; 16];
            self.rng.fill_bytes(&mut id);
            let body = ContactRequest { request: RequestId::from_bytes(id), chain, ..request.clone() };
            let aim = Aim::at("contact request", flaw, reason);
            self.shoot_at(index, hands, (0, administrator), (&Body::ContactRequest(body), aim))?;
        }
        Ok(foreign && true_ones)
    }

    /// The same chains, which are of another's root, and the administrator's own, wherever else a grant travels: to a customer
    /// in an offer to lead a new era of its thread, to an agent in the notice of one, and in a forward.
    fn show_foreign_rights(
        &mut self,
        index: usize,
        hands: &mut Hands,
        (administrator, entity): (NodeId, PrincipalId),
        chains: &[Flawed],
    ) -> Result<bool, SimError> {
        let own = self.world.node(administrator)?.engine().and_then(|engine| engine.own_grant().cloned());
        let served = self.served_threads(administrator);
        let Some((thread, customer, agent)) = self.rng.pick(&served).copied() else { return Ok(true) };
        if !self.reach_all(hands, &[(1, customer), (1, agent)])? {
            return Ok(false);
        }
        let (now, suite) = (self.world.now().wall, self.scenario.suite.suite());
        let Some(forger) = hands.businesses.get_mut(1) else { return Ok(true) };
        let record = forger.record_for(entity)?.signed().clone();
        let shows = Shows::of(&mut forger.device, record, now, suite)?;
        let spoiled = own.as_ref().map(|own| ("forged", Forge::spoil(own), Reason::GrantForged));
        let others = own.map(|own| ("another's", own, Reason::GrantWrongAudience));
        let foreign = chains.iter().map(|(_, chain, _)| ("foreign", chain.clone(), Reason::GrantWrongScope));
        for flawed in foreign.chain(spoiled).chain(others) {
            self.show(index, hands, 1, (thread, &shows), (customer, agent), flawed)?;
        }
        Ok(true)
    }

    /// An agent with true grants adds links that give more, or shows one that is over: to the customer and to the
    /// steward of a thread, and to a colleague.
    fn make_more_of_a_grant(&mut self, index: usize, hands: &mut Hands) -> Result<bool, SimError> {
        let Some(by) = hands.agent() else { return Ok(true) };
        let Some(thread) = self.rng.pick(&hands.threads).copied() else { return Ok(true) };
        let Some([customer, steward]) = self.founders(thread) else { return Ok(true) };
        let colleagues = self.cast.colleagues(steward, Role::Agent).to_vec();
        let Some(colleague) = self.rng.pick(&colleagues).copied() else { return Ok(true) };
        if !self.reach_all(hands, &[(by, customer), (by, steward), (by, colleague)])? {
            return Ok(false);
        }
        let (now, suite) = (self.world.now().wall, self.scenario.suite.suite());
        let to = self.world.node(colleague)?.device();
        let Some(agent) = hands.nodes.first_mut() else { return Ok(true) };
        let record = agent.record.signed().clone();
        let shows = Shows::of(agent, record, now, suite)?;
        let (leaders, forwards) = more_than_given(agent, now, (thread, to))?;
        for flawed in &leaders {
            self.show_leaders(index, hands, by, (thread, &shows), (customer, steward), flawed)?;
        }
        for (flaw, chain, reason) in forwards {
            let body = Body::ForwardPayload(forward(thread, chain));
            self.shoot_at(index, hands, (by, colleague), (&body, Aim::at("forward", flaw, reason)))?;
        }
        Ok(true)
    }

    /// Threads of an administrator that an agent who can be counted on is in, with their customer.
    fn served_threads(&self, administrator: NodeId) -> Vec<(ThreadId, NodeId, NodeId)> {
        let agents = self.cast.colleagues(administrator, Role::Agent);
        let founded = self.truth.founders.iter().filter(|(_, [_, steward])| *steward == administrator);
        let served = founded.filter_map(|(thread, [customer, _])| {
            let agent = agents.iter().find(|agent| office::is_in(&self.world, **agent, *thread))?;
            Some((*thread, *customer, *agent))
        });
        served.collect()
    }

    fn show(
        &mut self,
        index: usize,
        hands: &mut Hands,
        by: usize,
        (thread, shows): (ThreadId, &Shows),
        (customer, agent): (NodeId, NodeId),
        flawed: Flawed,
    ) -> Result<(), SimError> {
        self.show_leaders(index, hands, by, (thread, shows), (customer, agent), &flawed)?;
        let (flaw, chain, reason) = flawed;
        let body = Body::ForwardPayload(forward(thread, chain));
        self.shoot_at(index, hands, (by, agent), (&body, Aim::at("forward", flaw, reason)))
    }

    /// As if by this right it could lead a new era: to the customer, and to another member.
    fn show_leaders(
        &mut self,
        index: usize,
        hands: &mut Hands,
        by: usize,
        (thread, shows): (ThreadId, &Shows),
        (customer, member): (NodeId, NodeId),
        (flaw, chain, reason): &Flawed,
    ) -> Result<(), SimError> {
        let offer = EraOffer {
            thread,
            era: 0,
            record: shows.record.clone(),
            chain: chain.clone(),
            key_package: shows.key_package.clone(),
            address: shows.address.clone(),
        };
        let aim = Aim::at("era offer", flaw, *reason);
        self.shoot_at(index, hands, (by, customer), (&Body::EraOffer(offer), aim))?;
        let notice = EraNotice {
            thread,
            era: 1,
            record: shows.record.clone(),
            chain: chain.clone(),
            address: shows.address.clone(),
        };
        let aim = Aim::at("era notice", flaw, *reason);
        self.shoot_at(index, hands, (by, member), (&Body::EraNotice(notice), aim))
    }
}

impl Shows {
    fn of(
        by: &mut Adversary,
        record: SignedDeviceRecord,
        now: UnixTime,
        suite: Suite,
    ) -> Result<Self, SimError> {
        let key_package = ByteBuf::from(by.key_package(now, suite)?.as_slice().to_vec());
        Ok(Self { record, key_package, address: by.address(now)? })
    }
}

/// A customer's own chains that don't hold.
fn own_chains(business: &mut Business) -> Result<Vec<Flawed>, SimError> {
    let (device, since) = (business.device.keys.id(), business.since);
    let terms = Business::terms(device, since);
    let narrow: Abilities = [Ability::Read, Ability::Forward, Ability::Admit].into_iter().collect();
    let narrow = business.grant(Terms { abilities: narrow, ..terms })?;
    let wider = Terms { depth: 0, ..terms };
    let mut rng = business.device.rng.clone();
    let widened = Forge::link(&narrow, business.device.keys.signing(), wider, &mut rng)?;
    let stranger = DeviceKeys::generate(&mut business.device.rng).id();
    let ago = |hours: u64| UnixTime(since.0.saturating_sub(hours * 3600));
    let over = Terms { not_before: ago(2), expires: ago(1), ..terms };
    Ok(vec![
        ("forged", Forge::spoil(business.chain.bytes()), Reason::GrantForged),
        ("widened", widened, Reason::GrantWidened),
        ("expired", business.grant(over)?.bytes().clone(), Reason::GrantExpired),
        (
            "another's",
            business.grant(Business::terms(stranger, since))?.bytes().clone(),
            Reason::GrantWrongAudience,
        ),
        (
            "less than needed",
            business.grant_without(Ability::Write)?.bytes().clone(),
            Reason::GrantLacksAbility,
        ),
    ])
}

/// What an agent makes of its enrolment and of its grant of a thread: chains for who would lead an era, and for a colleague.
fn more_than_given(
    agent: &mut Adversary,
    now: UnixTime,
    (thread, colleague): (ThreadId, DeviceId),
) -> Result<(Vec<Flawed>, Vec<Flawed>), SimError> {
    let own = agent.chain.clone().ok_or(SimError::Down)?;
    let own = own.verify(&agent.record.principal(), now, &Revocations::new());
    let own = own.map_err(|error| SimError::Broken(error.to_string()))?;
    let (device, given) = (agent.keys.id(), grant_of(agent, now, thread));
    let more = widened(agent, &own, (device, Scope::Principal))?;
    let mut leaders = vec![("widened", more, Reason::GrantWidened)];
    let mut forwards = Vec::new();
    if let Some(given) = given {
        forwards.push(("widened", widened(agent, &given, (colleague, thread.into()))?, Reason::GrantWidened));
        // Clocks may be off: in between, it is over for some.
        if given.expires().plus(2 * CLOCK_SKEW) < now {
            let over = ("expired", given.into_bytes(), Reason::GrantExpired);
            leaders.push(over.clone());
            forwards.push(over);
        } else if now < given.expires() {
            forwards.push(("forged", Forge::spoil(given.bytes()), Reason::GrantForged));
        }
    }
    Ok((leaders, forwards))
}

/// A link under a true chain that gives all there is, signed by the chain's holder.
fn widened(
    by: &mut Adversary,
    chain: &Chain,
    (audience, scope): (DeviceId, Scope),
) -> Result<ChainBytes, SimError> {
    let terms = Terms {
        audience,
        scope,
        abilities: Abilities::ALL,
        history: History::All,
        not_before: chain.not_before(),
        expires: chain.expires(),
        depth: 0,
    };
    let mut rng = by.rng.clone();
    let made = Forge::link(chain, by.keys.signing(), terms, &mut rng);
    by.rng = rng;
    made
}

/// The grant by which an agent is in a thread, from the keys on its disk.
fn grant_of(agent: &mut Adversary, now: UnixTime, thread: ThreadId) -> Option<Chain> {
    let device = agent.keys.id();
    let found = agent.in_thread(now, thread, |_, keys| keys.member(&device).map(|own| own.chain.clone()));
    found.ok().flatten()
}

/// A forward as far as its grant: what follows isn't looked at if that doesn't hold.
fn forward(thread: ThreadId, chain: ChainBytes) -> ForwardPayload {
    ForwardPayload {
        thread,
        era: 0,
        chain,
        welcome: ByteBuf::from(vec![7; 200]),
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(1),
        pieces: 0,
        note: String::new(),
    }
}
