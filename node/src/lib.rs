//! The `frontdesk` program: command line, configuration, local API, and the wiring of a node.
//!
//! # Rooms
//! - `cli` and `commands`: what can be typed, and what each command does. Most are callers of the local API.
//! - `config`: `config.toml`, the environment and flags, in this order.
//! - `home`: the directory that is a node: keys, token, store.
//! - `service`: a running node, wired together and shut down in order.
//! - `driver`: the actor that owns engine and store, and knows the one rule: persist, then send or acknowledge.
//! - `api` and `client`: the two sides of the local API.
//! - `demo`: the story, played in separate processes, with a check for each claim.
//! - `backup`, `doctor`, `render`, `logging`, `failure`: what their names say.
//!
//! # Life of a node
//! `frontdesk init` (or `join`, or `restore`) makes a home, whole or not at all. `frontdesk run` opens it, binds its
//! sockets, and runs until a signal. A kill at any moment loses nothing that was acknowledged.

mod api;
mod backup;
mod cli;
mod client;
mod commands;
mod config;
mod demo;
mod doctor;
mod driver;
mod failure;
mod home;
mod logging;
#[cfg(test)]
mod mutation;
mod random;
mod render;
mod service;

use clap::Parser as _;
use failure::Failure;
use std::process::ExitCode;

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unparsed(&error),
    };
    let json = cli.json;
    match commands::dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

/// Help and versions are no failures. Whoever asked for JSON gets a wrong command line told as every other failure.
fn unparsed(error: &clap::Error) -> ExitCode {
    let json =
        std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if json && error.use_stderr() {
        return Failure::of_command_line(&error.to_string()).report(true);
    }
    // A closed terminal is nothing to report.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}
