//! The sans-IO node: contact, enrolment, forwarding and delivery, for all roles.
//!
//! # Model
//! A pure state machine: no sockets, no disk, no clock and no system randomness in it. A driver feeds it inputs and
//! a seed; it reads through a [`Reader`](frontdesk_store::Reader) and answers with writes, [`Action`]s and [`Event`]s.
//!
//! # Life cycle: one order of calls
//! 1. Once for a new home: [`found_entity`], [`found_customer`] or [`found_fresh`] writes who this node is.
//! 2. [`Engine::open`] reads it; [`Engine::start`] tells whom to dial.
//! 3. For each step the driver makes an [`Overlay`](frontdesk_store::Overlay), calls [`Engine::handle`] for one or more
//!    inputs that are waiting, then [`Engine::finish`] once; commits and flushes the overlay's batch; and only then
//!    runs the actions and tells the events. *Persist, then send or acknowledge.* Many inputs share one flush; a step
//!    that only took note of acknowledgements ([`Output::lazy`]) needs none of its own.
//! 4. If the store fails, the driver drops the step's output and calls [`Engine::reload`]: memory is as before the step.
//! 5. [`Engine::next_deadline`] names the moment by which [`Input::Deadline`] is due.
//!
//! # Example
//! A customer's node is founded, opened and started. Its driver makes each step durable before it acts on it.
//! ```
//! use frontdesk_engine::{Engine, Event, Millis, Now, Settings, found_customer};
//! use frontdesk_identity::{DeviceKeys, RootKey, UnixTime};
//! use frontdesk_store::{MemoryStore, Overlay, Store as _};
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
//!
//! let mut rng = ChaCha20Rng::seed_from_u64(1); // in a program: from the system's randomness
//! let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
//! let (store, now) = (MemoryStore::new(), Now { mono: Millis(1), wall: UnixTime(1_767_225_600) });
//! let overlay = Overlay::new(&store);
//! found_customer(&overlay, &keys, &root, "Carla", now.wall, &mut rng)?;
//! store.commit(&overlay.into_batch())?;
//!
//! let mut engine = Engine::open(&store, keys, Settings::default(), [7; 32])?;
//! let overlay = Overlay::new(&store);
//! engine.start(now, &overlay)?;
//! let output = engine.finish(now, &overlay)?;
//! store.commit(&overlay.into_batch())?;
//! store.flush()?;
//! // Only now `output.actions` are carried out and `output.events` told. Who has no thread yet has nobody to dial.
//! assert!(output.actions.is_empty());
//! assert_eq!(output.events, [Event::Started]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod announce;
mod aside;
mod audit;
mod causes;
mod command;
mod contact;
mod delivery;
mod dispatch;
mod engine;
mod enrol;
mod forward;
mod found;
mod gaps;
mod held;
mod incoming;
mod input;
mod link;
mod membership;
mod message;
mod name;
mod parting;
mod peers;
mod profile;
mod query;
mod record;
mod redacted;
mod refill;
mod rejoin;
mod revocations;
mod roster;
mod sent;
mod settings;
mod space;
mod step;
mod succession;
mod threads;
mod view;
mod wish;

/// Every bound of the engine, by name.
pub mod limits {
    pub use crate::{
        announce::{ADDRESS_LASTS, ADDRESS_RENEWED, PORTION, PORTION_EVERY},
        causes::{CAUSED_LATELY, MAX_WISHES},
        contact::{
            MAX_CONTACTS, MAX_OPENINGS, MAX_RECEPTIONS, MAX_RECEPTIONS_PER_PEER, MAX_THREADS_PER_GUEST,
            OFFER_LASTS, OPENINGS_SPAN,
        },
        engine::CACHED_THREADS,
        enrol::{ENROLMENT_LASTS, INVITATION_LASTS, MAX_INVITATIONS},
        forward::{MAX_ASKED_LASTS, MAX_HANDED_ON, MAX_UNOPENED},
        found::ROOT_GRANT_LASTS,
        incoming::{NUMBERS_PASSED_OVER, PLACES_PASSED_OVER},
        link::{
            BAN, MAX_BREACHES, MAX_EARLY, MAX_EARLY_BYTES, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_MALFORMED,
            MAX_OUTBOX, MAX_RECENT, MAX_RECENT_BYTES, MAX_RESUMED, MAX_WAITING, RETRY_FIRST, RETRY_MAX,
        },
        message::{ASIDE_WHEN_FULL, MAX_ASIDE, MAX_WAITING_IN_THREAD},
        parting::UNSURE_LASTS,
        query::MAX_PAGE,
        refill::{GAP_PATIENCE, MAX_REFILL},
        revocations::{MAX_BY_STRANGERS, MAX_OF_OTHERS, REVOCATION_OUTLIVES},
        roster::{STOCK, STOCK_CLASSIC},
        sent::MAX_SENT_BYTES,
        succession::{MAX_ABSENT, MAX_ERAS_AHEAD},
        threads::MAX_AUTHORS,
        wish::MAX_ASKED,
    };
}

pub use audit::{SealedInOutbox, sealed_in_outbox};
pub use command::{Command, CommandError, CommandId, HistoryChoice, Reply};
pub use engine::{Engine, OpenError, Output, StepError};
pub use found::{FoundError, found_customer, found_entity, found_fresh, mark_restored};
pub use frontdesk_identity::Role;
pub use held::Held;
pub use input::{Action, Event, Input, Millis, Now};
pub use settings::{ForwardRule, ForwardTo, Settings};
pub use view::{
    Answer, DeviceView, MemberView, MessageState, MessageView, Query, ReceiverView, RequestView, Standing,
    StatusView, ThreadStatus, ThreadView, WhoView,
};
