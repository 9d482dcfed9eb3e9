//! A reception that answers each contact with the same grant: a node with little more than a link and its keys.

use crate::{
    driver::wall_clock,
    failure::{Failure, Outcome},
};
use frontdesk_capability::{ChainBytes, Revocations};
use frontdesk_identity::{AddressRecord, DeviceKeys, DeviceRecord, DialAddress, PrincipalId, TransportKey};
use frontdesk_net::{EventReceiver, Net, NetConfig, NetEvent, PeerKey, TransportSecret};
use frontdesk_store::{MemoryStore, Overlay};
use frontdesk_thread::{Ctx, Mls, Suite, new_key_package};
use frontdesk_wire::{
    Ack, Body, ContactOffer, ContactRequest, Data, Frame, Hello, Incarnation, LinkSeq, Profile,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_bytes::ByteBuf;
use std::cell::RefCell;

pub(super) struct Reception {
    keys: DeviceKeys,
    chain: ChainBytes,
    entity: PrincipalId,
    net: Net,
    events: EventReceiver,
    incarnation: Incarnation,
    /// Number of the latest frame sent. One customer comes, so there is one link.
    sent: LinkSeq,
    /// Number of the latest frame received.
    received: LinkSeq,
}

impl Reception {
    pub(super) fn open(keys: DeviceKeys, chain: ChainBytes, entity: PrincipalId) -> Outcome<Self> {
        let secret = TransportSecret::new(keys.transport().to_seed());
        let (net, events) = Net::start(NetConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            max_frame: frontdesk_wire::limits::MAX_FRAME,
            ..NetConfig::new(secret)
        })?;
        let mut life = [0; 8];
        crate::random::fill(&mut life);
        let (incarnation, none) = (Incarnation::from_bytes(life), LinkSeq::default());
        Ok(Self { keys, chain, entity, net, events, incarnation, sent: none, received: none })
    }

    pub(super) fn transport(&self) -> TransportKey {
        self.keys.transport_public()
    }

    /// Where it can be dialled.
    pub(super) async fn listens(&mut self) -> Outcome<String> {
        while let Some(event) = self.events.recv().await {
            if let NetEvent::Listening { address } = event {
                let end = address.find("/p2p/").unwrap_or(address.len());
                return Ok(address.get(..end).unwrap_or_default().to_owned());
            }
        }
        Err(Failure::new("the rogue can't listen"))
    }

    /// Answers as long as the network lives.
    pub(super) async fn serve(&mut self) -> Outcome {
        while let Some(event) = self.events.recv().await {
            match event {
                NetEvent::PeerUp { peer, .. } => self.greet(peer)?,
                NetEvent::Frame { peer, bytes } => self.frame(peer, &bytes)?,
                NetEvent::PeerDown { .. }
                | NetEvent::Listening { .. }
                | NetEvent::ListeningEnded { .. }
                | NetEvent::Writable { .. }
                | NetEvent::DialFailed { .. }
                | NetEvent::Discovered { .. } => {}
            }
        }
        Ok(())
    }

    fn greet(&self, peer: PeerKey) -> Outcome {
        let hello = Hello {
            incarnation: self.incarnation,
            about: None,
            heard: false,
            ack: Ack::default(),
            acknowledged: LinkSeq::default(),
        };
        self.send(peer, &Frame::Hello(hello))
    }

    fn frame(&mut self, peer: PeerKey, bytes: &[u8]) -> Outcome {
        match Frame::decode(bytes)? {
            Frame::Data(data) if data.seq == self.received.next() => {
                self.received = data.seq;
                self.acknowledge(peer)?;
                if let Body::ContactRequest(request) = Body::decode(&data.body)? {
                    self.offer(peer, request)?;
                }
                Ok(())
            }
            Frame::Data(_) => self.acknowledge(peer),
            Frame::Hello(_) | Frame::Ack(_) | Frame::Unusable(_) => Ok(()),
        }
    }

    fn acknowledge(&self, peer: PeerKey) -> Outcome {
        let ack = Ack { stored: self.received, delivered: self.received, refused: Vec::new() };
        self.send(peer, &Frame::Ack(ack))
    }

    /// Everything that a reception answers with; all of it in order, if the grant is.
    fn offer(&mut self, peer: PeerKey, request: ContactRequest) -> Outcome {
        let now = wall_clock();
        let record = DeviceRecord::sign(&self.keys, self.entity, now);
        let profile = Profile {
            entity: self.entity,
            number: now.0,
            name: "Acme".to_owned(),
            reception: vec![self.keys.id()],
            hours: String::new(),
            languages: Vec::new(),
        };
        let addresses: Vec<DialAddress> = Vec::new();
        let offer = ContactOffer {
            request: request.request,
            profile: profile.sign(self.keys.signing(), self.chain.clone())?,
            key_package: ByteBuf::from(self.key_package(&record.verify()?, &request.suites)?),
            record,
            chain: self.chain.clone(),
            address: AddressRecord::sign(&self.keys, 1, &addresses, now.plus(3600))?,
        };
        self.sent = self.sent.next();
        let body = ByteBuf::from(Body::ContactOffer(offer).encode()?);
        self.send(peer, &Frame::Data(Data { seq: self.sent, body }))
    }

    fn key_package(&self, record: &DeviceRecord, suites: &[u16]) -> Outcome<Vec<u8>> {
        let suite = suites.iter().find_map(|code| Suite::from_code(*code).ok());
        let suite = suite.ok_or_else(|| Failure::new("no cipher suite in common"))?;
        let store = MemoryStore::new();
        let (overlay, mls, revocations) = (Overlay::new(&store), Mls::new(), Revocations::new());
        let ctx = Ctx {
            overlay: &overlay,
            mls: &mls,
            rng: RefCell::new(ChaCha20Rng::from_seed(*crate::random::seed())),
            keys: &self.keys,
            record,
            now: wall_clock(),
            revocations: &revocations,
        };
        Ok(new_key_package(&ctx, suite, false)?.as_slice().to_vec())
    }

    fn send(&self, peer: PeerKey, frame: &Frame) -> Outcome {
        // A peer that went away comes back, or doesn't.
        let _ = self.net.send(peer, frame.encode()?);
        Ok(())
    }
}
