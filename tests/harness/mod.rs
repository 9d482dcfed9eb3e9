//! What the end-to-end tests share: homes in a place of their own, commands, running nodes, and callers of their API.

mod api;
mod chance;
mod command;
mod events;
mod home;
mod node;
mod office;
mod wait;

pub(crate) use api::{Api, Wire};
pub(crate) use chance::Chance;
pub(crate) use command::{Call, PROGRAM};
pub(crate) use events::Events;
pub(crate) use home::{Home, Place, copy_folder};
pub(crate) use node::Node;
pub(crate) use office::{Office, field, join, members, numbered, texts, thread_of};
pub(crate) use wait::{PATIENCE, eventually, within};
