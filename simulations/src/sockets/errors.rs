//! What nodes log as ERROR. In an honest business that is nothing.

use crate::lab::truth::Truth;
use std::{
    fmt::{Debug, Write as _},
    io,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::runtime::{Builder, Runtime};
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    dispatcher::{set_default, with_default},
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt as _},
};

/// What the targets of this project's crates begin with.
const OURS: &str = "frontdesk";
/// Errors that are kept: the first few say it all.
const KEPT: usize = 100;

/// Hears every ERROR of this project's crates on the threads of one runtime, and of no other run.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    /// Runs `work` on a runtime of its own, and listens meanwhile.
    pub(super) fn heard_in<T>(&self, work: impl Future<Output = T>) -> io::Result<T> {
        let dispatch = Dispatch::new(Registry::default().with(self.clone()));
        let runtime = runtime(&dispatch)?;
        Ok(with_default(&dispatch, || runtime.block_on(work)))
    }

    /// Each is a broken promise.
    pub(super) fn judge(&self, truth: &mut Truth, at: u64) {
        for error in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            truth.broken(at, "no honest node logs an ERROR", error);
        }
    }
}

fn runtime(dispatch: &Dispatch) -> io::Result<Runtime> {
    let dispatch = dispatch.clone();
    // The guard would end it with this function, and it is to last as long as the thread.
    let listen = move || std::mem::forget(set_default(&dispatch));
    Builder::new_multi_thread().enable_all().on_thread_start(listen).build()
}

impl<S: Subscriber> Layer<S> for Errors {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() == Level::ERROR && metadata.target().starts_with(OURS)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::ERROR)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said(event.metadata().target().to_owned());
        event.record(&mut said);
        let mut errors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if errors.len() < KEPT {
            errors.push(said.0);
        }
    }
}

/// An event on one line.
struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a text never fails.
        let _ = write!(self.0, " {field}={value:?}");
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn promises_broken(work: impl Future<Output = ()>) -> Vec<String> {
        let (errors, mut truth) = (Errors::default(), Truth::default());
        errors.heard_in(work).unwrap();
        errors.judge(&mut truth, 7);
        let said = |violation: crate::lab::Violation| format!("{}: {}", violation.promise, violation.seen);
        truth.violations.into_iter().map(said).collect()
    }

    #[test]
    fn an_error_of_ours_on_any_thread_of_a_run_breaks_a_promise() {
        let broken = promises_broken(async {
            tracing::error!(target: "frontdesk_engine", "on this thread");
            let task = async { tracing::error!(target: "frontdesk_net::actor", code = 5, "in a task") };
            tokio::spawn(task).await.unwrap();
            let blocking = || tracing::error!(target: "frontdesk_store", "where it may block");
            tokio::task::spawn_blocking(blocking).await.unwrap();
        });
        let promise = "no honest node logs an ERROR";
        assert_eq!(
            broken,
            [
                format!("{promise}: frontdesk_engine message=on this thread"),
                format!("{promise}: frontdesk_net::actor message=in a task code=5"),
                format!("{promise}: frontdesk_store message=where it may block"),
            ]
        );
    }

    #[test]
    fn warnings_errors_of_others_and_of_other_runs_break_none() {
        let broken = promises_broken(async {
            tracing::warn!(target: "frontdesk_net", "a warning");
            tracing::error!(target: "libp2p_tcp", "another's");
            let other = || promises_broken(async { tracing::error!(target: "frontdesk_net", "here") });
            assert_eq!(std::thread::spawn(other).join().unwrap().len(), 1);
        });
        assert_eq!(broken, Vec::<String>::new());
    }
}
