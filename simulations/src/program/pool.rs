//! Independent jobs on all processors, with their results in order.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

/// How many jobs are done at a time.
pub(crate) fn workers(wanted: Option<u16>) -> usize {
    let all = || thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wanted.map_or_else(all, usize::from)
}

/// Does the jobs that `job` names, 0, 1, 2 .. until it names none, and gives each result to `done` in that order. Stops with the
/// first error of `done`.
pub(crate) fn each<J, R: Send, E>(
    workers: usize,
    job: impl Fn(usize) -> Option<J> + Sync,
    work: impl Fn(J) -> R + Sync,
    mut done: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, results) = sync_channel(workers);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (sender, next, stop, job, work) = (sender.clone(), &next, &stop, &job, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = job(index) else { return };
                    if sender.send((index, work(job))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&due) {
                due += 1;
                if let Err(error) = done(result) {
                    stop.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_results_come_in_order() {
        let mut results = Vec::new();
        let job = |index: usize| (index < 100).then_some(index);
        let done: Result<(), ()> = each(
            3,
            job,
            |index| index * index,
            |result| {
                results.push(result);
                Ok(())
            },
        );
        assert!(done.is_ok());
        assert_eq!(results, (0..100).map(|index| index * index).collect::<Vec<_>>());
    }

    #[test]
    fn an_error_ends_it_although_there_is_more_to_do() {
        let mut count = 0;
        let done = each(
            2,
            Some,
            |index| index,
            |index| {
                count += 1;
                if index == 4 { Err("enough") } else { Ok(()) }
            },
        );
        assert_eq!((done, count), (Err("enough"), 5));
    }
}
