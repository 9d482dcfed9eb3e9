//! A keyword FAQ bot that answers the threads forwarded to it, and hands over to a person when asked for one.
//!
//! Enrol a device as a bot (`frontdesk invite --role bot --name Bot`, then `frontdesk --home DIR join -`), run its node
//! (`frontdesk --home DIR run`), and beside it:
//!
//! ```text
//! cargo run --release --example faq_bot -- --home DIR [--person NAME]
//! ```
//!
//! The bot is in the one directory that the line below names; it uses the local API of its own node and nothing else.
//! `frontdesk demo` runs the same.

#[path = "../src/demo/bot/mod.rs"]
mod bot;

use clap::Parser;
use std::path::PathBuf;

#[derive(Parser)]
struct Arguments {
    /// The home of the bot's node
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    /// The device that takes over; without it, whom the business's policy picks
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), bot::Failure> {
    let arguments = Arguments::parse();
    bot::run(&arguments.home, arguments.person.as_deref(), log).await
}

#[expect(clippy::print_stdout, reason = "this is how the program tells what it does")]
fn log(text: &str) {
    println!("{text}");
}
