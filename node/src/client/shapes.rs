//! The parts of the API's answers that the command line shows.

use frontdesk_identity::UnixTime;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    pub(crate) standing: String,
    pub(crate) name: String,
    pub(crate) entity: Option<String>,
    pub(crate) principal: Option<String>,
    pub(crate) device: String,
    pub(crate) expires: Option<UnixTime>,
    pub(crate) addresses: Vec<String>,
    pub(crate) connected: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) outbox: usize,
    #[serde(flatten)]
    pub(crate) joining: Joining,
    pub(crate) refused_frames: u64,
    pub(crate) ahead: usize,
}

/// How an enrolment stands.
#[derive(Debug, Deserialize)]
pub(crate) struct Joining {
    pub(crate) join_number: Option<String>,
    pub(crate) join_refused: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Thread {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) is_steward: bool,
    pub(crate) members: usize,
    pub(crate) unread: u64,
    pub(crate) active_at: UnixTime,
    pub(crate) preview: String,
    pub(crate) missing: u64,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) author_name: String,
    pub(crate) side: String,
    pub(crate) mine: bool,
    pub(crate) text: String,
    pub(crate) sent_at: UnixTime,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Who {
    pub(crate) epoch: u64,
    pub(crate) members: Vec<Member>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Member {
    pub(crate) device: String,
    pub(crate) name: String,
    pub(crate) side: String,
    pub(crate) steward: bool,
    pub(crate) me: bool,
    pub(crate) abilities: String,
    pub(crate) history: String,
    pub(crate) since: UnixTime,
    pub(crate) until: UnixTime,
    pub(crate) expired: bool,
    pub(crate) revoked: bool,
    pub(crate) chain: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Device {
    pub(crate) device: String,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) online: bool,
    pub(crate) me: bool,
    pub(crate) removed: bool,
    pub(crate) expires: UnixTime,
    pub(crate) key_packages: usize,
}

/// A device that asks to be enrolled.
#[derive(Debug, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) number: String,
    pub(crate) device: String,
    pub(crate) asked_at: UnixTime,
}

/// A line of a backup's progress.
#[derive(Debug, Deserialize)]
pub(crate) struct Progress {
    #[serde(default)]
    pub(crate) records: u64,
    #[serde(default)]
    pub(crate) bytes: u64,
    #[serde(default)]
    pub(crate) done: bool,
}
