//! What each command does.

mod backup;
mod contact;
mod doctor;
mod enrol;
mod forward;
mod init;
mod input;
mod join;
mod link;
mod names;
mod restore;
mod run;
mod show;
mod status;
mod stop;
mod take_over;
mod threads;
mod wait;
mod who;

use crate::{
    cli::{Cli, Command},
    client::Client,
    demo,
    failure::Outcome,
    home::{Home, PassphraseSource},
    render,
};
use serde_json::Value;
use std::{future::Future, io};

/// What every command is given.
pub(crate) struct Context {
    pub(crate) home: Home,
    pub(crate) json: bool,
    /// Of the node's own keys.
    pub(crate) passphrase: PassphraseSource,
    /// Whether a file with it was named.
    pub(crate) passphrase_given: bool,
}

impl Context {
    /// The node that runs on the home, or is starting there.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        Client::find_starting(&self.home).await
    }

    /// Prints a result: as JSON if that is wanted, else as `human` tells it.
    pub(crate) fn say(&self, value: &Value, human: impl FnOnce() -> String) {
        if self.json { render::json(value) } else { render::line(human()) }
    }

    /// The same, of what must not get lost.
    pub(crate) fn must_say(&self, value: &Value, human: impl FnOnce() -> String) -> io::Result<()> {
        render::write(if self.json { render::to_json(value) } else { human() })
    }
}

/// Does what the command line says.
pub(crate) fn dispatch(cli: Cli) -> Outcome {
    let context = Context {
        home: Home::locate(cli.home)?,
        json: cli.json,
        passphrase_given: cli.passphrase_file.is_some(),
        passphrase: PassphraseSource::new(cli.passphrase_file),
    };
    let context = &context;
    match cli.command {
        Command::Init(args) => init::init(context, args),
        Command::Run(args) => run::run(context, &args),
        Command::Join(args) => join::join(context, args),
        Command::Restore(args) => restore::restore(context, &args),
        Command::Stop => block_on(stop::stop(context)),
        Command::Status => block_on(status::status(context)),
        Command::Doctor(args) => block_on(doctor::doctor(context, &args)),
        Command::Link(args) => block_on(link::link(context, args)),
        Command::Invite(args) => block_on(enrol::invite(context, args)),
        Command::Requests => block_on(enrol::requests(context)),
        Command::Approve(args) => block_on(enrol::approve(context, args)),
        Command::Decline(args) => block_on(enrol::decline(context, args)),
        Command::Devices => block_on(enrol::devices(context)),
        Command::Remove(args) => block_on(enrol::remove(context, args)),
        Command::Contact(args) => block_on(contact::contact(context, args)),
        Command::Threads => block_on(threads::threads(context)),
        Command::Show(args) => block_on(show::show(context, args)),
        Command::Send(args) => block_on(threads::send(context, args)),
        Command::Who(args) => block_on(who::who(context, args)),
        Command::Forward(args) => block_on(forward::forward(context, args)),
        Command::Revoke(args) => block_on(forward::revoke(context, args)),
        Command::TakeOver(args) => block_on(take_over::take_over(context, args)),
        Command::Close(args) => block_on(threads::close(context, args)),
        Command::Backup(args) => block_on(backup::backup(context, args)),
        Command::Demo(args) => block_on(demo::demo(context.json, &args)),
        Command::DemoBot(args) => block_on(demo::demo_bot(&context.home, &args)),
        Command::DemoRogue => block_on(demo::demo_rogue()),
    }
}

/// A customer's home, and its keys.
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(crate) fn found_for_tests(home: &Home) -> crate::home::Vault {
    let root = frontdesk_identity::RootKey::generate(&mut crate::random::generator());
    let founding = init::Founding::Customer { name: "Carla", root: &root };
    init::found(home, founding, None, &[]).unwrap();
    crate::home::Vault::load(&home.keys(), &PassphraseSource::None).unwrap()
}

/// Runs a command that talks to a node: one thread is enough.
fn block_on(command: impl Future<Output = Outcome>) -> Outcome {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}
