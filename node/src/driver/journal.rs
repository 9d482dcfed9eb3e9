//! Events as log lines. Contents and names are people's business and stay out of logs.

use frontdesk_engine::Event;

/// Logs an event: what somebody tried and may not as a warning, the rest for who looks for it.
pub(super) fn record(event: &Event) {
    match event {
        Event::Started => tracing::debug!("the engine has begun"),
        Event::Security { peer, thread, reason, detail } => {
            let thread = thread.map(|thread| thread.fmt_short());
            let (peer, reason) = (peer.fmt_short(), reason.as_str());
            tracing::warn!(%peer, thread, reason, detail, "refused");
        }
        Event::ContactFailed { thread, reason } => {
            tracing::warn!(thread = %thread.fmt_short(), reason = reason.as_str(), "contact failed");
        }
        Event::JoinFailed { reason } => tracing::warn!(reason = reason.as_str(), "not enrolled"),
        Event::ThreadOpened { thread, forwarded } => {
            tracing::info!(thread = %thread.fmt_short(), forwarded, "thread opened");
        }
        Event::MembersChanged { thread, era, epoch, added, removed } => {
            let (added, removed) = (added.len(), removed.len());
            tracing::info!(thread = %thread.fmt_short(), era, epoch, added, removed, "members changed");
        }
        Event::TakenOver { thread, era } => {
            tracing::info!(thread = %thread.fmt_short(), era, "took a thread over");
        }
        Event::TakeoverRefused { thread, reason } => {
            let reason = reason.as_str();
            tracing::warn!(thread = %thread.fmt_short(), reason, "the customer's node does not let a thread be taken over");
        }
        Event::Removed { thread } => tracing::info!(thread = %thread.fmt_short(), "taken out of a thread"),
        Event::Closed { thread } => tracing::info!(thread = %thread.fmt_short(), "thread closed"),
        Event::ForwardAnswered { thread, refused, request: _ } => {
            let refused = refused.map(|reason| reason.as_str());
            tracing::info!(thread = %thread.fmt_short(), refused, "the steward answered");
        }
        Event::JoinRequested { .. } => tracing::info!("a device asks to be enrolled"),
        Event::JoinChallenged { .. } => tracing::info!("the administrator's node has the request"),
        Event::Joined { .. } => tracing::info!("enrolled"),
        Event::Enrolled { device } => tracing::info!(device = %device.fmt_short(), "device enrolled"),
        Event::DeviceRemoved { device } => tracing::info!(device = %device.fmt_short(), "device removed"),
        Event::Message { message, .. } => {
            tracing::debug!(thread = %message.thread.fmt_short(), mine = message.mine, "message");
        }
        Event::MessageState { thread, message, .. } => {
            tracing::trace!(thread = %thread.fmt_short(), message, "message got further");
        }
        // The network has said so already, with the address.
        Event::PeerUp { .. } | Event::PeerDown { .. } | Event::CommandDone { .. } => {}
    }
}
