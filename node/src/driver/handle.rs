//! What the rest of the program holds of the driver.

use super::{
    core::StoreFailure,
    feed::{Feed, Subscription},
};
use frontdesk_engine::{Answer, Command, CommandError, Query, Reply};
use frontdesk_store::Reader;
use tokio::sync::{mpsc, oneshot};

/// Work on a consistent view of the store, done by the driver between two steps. Nothing else happens meanwhile.
pub(crate) type Inspect = Box<dyn FnOnce(Result<&dyn Reader, StoreFailure>) + Send>;

/// A request to the driver.
pub(super) enum Request {
    Command { command: Command, reply: oneshot::Sender<Result<Reply, CommandError>> },
    Question { query: Query, reply: oneshot::Sender<Result<Answer, StoreFailure>> },
    Inspect(Inspect),
}

/// A handle on the driver; clones share it.
#[derive(Clone)]
pub(crate) struct Handle {
    inbox: mpsc::Sender<Request>,
    feed: Feed,
}

/// Why the driver did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HandleError {
    /// The engine refused.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nothing can be stored or read now.
    #[error("the store failed: {0}; it may or may not have been done: look before you repeat it")]
    Store(#[from] StoreFailure),
    /// The node is on its way out.
    #[error("the node is shutting down; start it again with `frontdesk run`")]
    Stopping,
}

impl Handle {
    pub(super) fn new(inbox: mpsc::Sender<Request>, feed: Feed) -> Self {
        Self { inbox, feed }
    }

    /// Has a command done. When this returns its outcome is durable.
    pub(crate) async fn command(&self, command: Command) -> Result<Reply, HandleError> {
        let (reply, answer) = oneshot::channel();
        self.request(Request::Command { command, reply }).await?;
        Ok(answer.await.map_err(|_| HandleError::Stopping)??)
    }

    /// Asks about the present state.
    pub(crate) async fn query(&self, query: Query) -> Result<Answer, HandleError> {
        let (reply, answer) = oneshot::channel();
        self.request(Request::Question { query, reply }).await?;
        Ok(answer.await.map_err(|_| HandleError::Stopping)??)
    }

    /// Has `inspect` look at the store. It runs on the driver's thread: the node waits for it.
    pub(crate) async fn inspect(&self, inspect: Inspect) -> Result<(), HandleError> {
        self.request(Request::Inspect(inspect)).await
    }

    /// Events from now on.
    pub(crate) fn subscribe(&self) -> Subscription {
        self.feed.subscribe()
    }

    async fn request(&self, request: Request) -> Result<(), HandleError> {
        self.inbox.send(request).await.map_err(|_| HandleError::Stopping)
    }
}
