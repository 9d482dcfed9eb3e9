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
//!    runs the actions and tells the events. *Persist, then send or acknowledge.* Many inputs share one flush.
//! 4. If the store fails, the driver drops the step's output and calls [`Engine::reload`]: memory is as before the step.
//! 5. [`Engine::next_deadline`] names the moment by which [`Input::Deadline`] is due.

mod command;
mod input;
mod role;
mod view;

pub use command::{Command, CommandError, CommandId, HistoryChoice, Reply};
pub use input::{Action, Event, Input, Millis, Now};
pub use role::{Role, UnknownRole};
pub use view::{
    Answer, DeviceView, MemberView, MessageState, MessageView, Query, ReceiverView, RequestView, Standing, StatusView,
    ThreadStatus, ThreadView, WhoView,
};
