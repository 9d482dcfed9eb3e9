//! One turn of the driver: what it takes in, and who waits for its outcome.

use super::{
    core::{Core, StoreFailure},
    handle::{Inspect, Request},
};
use frontdesk_engine::{Answer, Command, CommandError, CommandId, Event, Input, Now, Query, Reply};
use frontdesk_store::Store;
use tokio::sync::oneshot;

type Waiting<T, E> = oneshot::Sender<Result<T, E>>;

/// What one turn takes in. Those who wait and have gone away meanwhile are no error.
#[derive(Default)]
pub(super) struct Turn {
    inputs: Vec<Input>,
    /// By the number that their commands have in this turn.
    commands: Vec<Option<Waiting<Reply, CommandError>>>,
    questions: Vec<(Query, Waiting<Answer, StoreFailure>)>,
    inspections: Vec<Inspect>,
}

impl Turn {
    pub(super) fn take_input(&mut self, input: Input) {
        self.inputs.push(input);
    }

    pub(super) fn take_request(&mut self, request: Request) {
        match request {
            Request::Command { command, reply } => self.take_command(command, reply),
            Request::Question { query, reply } => self.questions.push((query, reply)),
            Request::Inspect(inspect) => self.inspections.push(inspect),
        }
    }

    fn take_command(&mut self, command: Command, reply: Waiting<Reply, CommandError>) {
        let id = CommandId(u64::try_from(self.commands.len()).unwrap_or(u64::MAX));
        self.commands.push(Some(reply));
        self.inputs.push(Input::Command { id, command });
    }

    pub(super) fn take_inputs(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.inputs)
    }

    /// Gives a command's answer to who waits for it; every other event comes back, to be told.
    pub(super) fn settle(&mut self, event: Event) -> Option<Event> {
        let Event::CommandDone { id, result } = event else { return Some(event) };
        let waiting = usize::try_from(id.0).ok().and_then(|index| self.commands.get_mut(index));
        if let Some(reply) = waiting.and_then(Option::take) {
            let _ = reply.send(result);
        }
        None
    }

    /// The step failed: so did every command in it.
    pub(super) fn fail(&mut self, why: &StoreFailure) {
        for reply in self.commands.drain(..).flatten() {
            let _ = reply.send(Err(CommandError::Storage(why.to_string())));
        }
    }

    /// Answers the questions, from the state that the step led to.
    pub(super) fn answer<S: Store>(self, now: Now, core: &Core<S>) {
        for (query, reply) in self.questions {
            let _ = reply.send(core.query(now, &query));
        }
        for inspect in self.inspections {
            inspect(core.reader());
        }
    }
}
