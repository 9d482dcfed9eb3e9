//! The command line. None of its types is `Debug`: an argument can hold a secret.

use crate::config::{ConfigError, History, Setting, Span};
use clap::{Args, Parser, Subcommand, ValueEnum};
use frontdesk_engine::Role;
use std::path::PathBuf;

/// Lets people write to a business, and lets the right person or bot there answer, end to end encrypted, device to
/// device, with no server in between.
#[derive(Parser)]
#[command(name = "frontdesk", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    /// The node's directory [default: $XDG_DATA_HOME/frontdesk or ~/.local/share/frontdesk]
    #[arg(long, global = true, value_name = "DIR", env = "FRONTDESK_HOME", hide_env_values = true)]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// A file (mode 0600) whose first line is the passphrase of the node's keys. Without it, the terminal is asked
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "FRONTDESK_PASSPHRASE_FILE",
        hide_env_values = true
    )]
    pub(crate) passphrase_file: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed; 2 the command line or the configuration is wrong; 3 no node runs on this home.
THREAD and DEVICE are ids or the unique beginning of one; DEVICE may also be a device's name.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Set up a business or a customer on this device
    #[command(subcommand, after_help = "Example: frontdesk init entity --name Acme")]
    Init(Init),
    /// Run the node, until a signal ends it
    #[command(after_help = "Example: frontdesk run --listen /ip4/0.0.0.0/tcp/4100")]
    Run(Run),
    /// Stop the running node
    #[command(after_help = "Example: frontdesk stop")]
    Stop,
    /// Show who this node is and how it fares
    #[command(after_help = "Example: frontdesk status --json")]
    Status,
    /// Look for problems, and say what to do about each
    #[command(after_help = "Example: frontdesk doctor")]
    Doctor(Doctor),
    /// Show this business's contact link, to print and to share
    #[command(after_help = "Example: frontdesk link --svg link.svg")]
    Link(Link),
    /// Invite a device: an agent, a bot, or another administrator
    #[command(after_help = "Example: frontdesk invite --role agent --name Ana --lasts 15m")]
    Invite(Invite),
    /// Become a device of a business, by an invitation
    #[command(after_help = "Example: frontdesk --home ana join -")]
    Join(Join),
    /// List the devices that ask to be enrolled
    #[command(after_help = "Example: frontdesk requests")]
    Requests,
    /// Enrol the device that shows this number
    #[command(after_help = "Example: frontdesk approve 123 456")]
    Approve(Number),
    /// Turn away the device that shows this number
    #[command(after_help = "Example: frontdesk decline 123 456")]
    Decline(Number),
    /// List the business's devices
    #[command(after_help = "Example: frontdesk devices")]
    Devices,
    /// End a device's enrolment, and take it out of every thread, at the administrator's that enrolled it or above
    #[command(after_help = "Example: frontdesk remove Ana")]
    Remove(Remove),
    /// Write to a business: open a thread by its contact link
    #[command(after_help = "Example: frontdesk contact 'frontdesk:contact/...' 'Is it ready?' --wait 30s")]
    Contact(Contact),
    /// List the threads
    #[command(after_help = "Example: frontdesk threads")]
    Threads,
    /// Show a thread's messages
    #[command(after_help = "Example: frontdesk show 37070d34 --follow")]
    Show(Show),
    /// Write to a thread
    #[command(after_help = "Example: frontdesk send 37070d34 'It is.' --wait 30s")]
    Send(Send),
    /// Show who can read a thread, and by what right
    #[command(after_help = "Example: frontdesk who 37070d34")]
    Who(OfThread),
    /// Bring a device into a thread, or hand the thread over to it
    #[command(after_help = "Example: frontdesk forward 37070d34 --to Ana --history last:5 --expires 2h")]
    Forward(Forward),
    /// End a device's right to a thread
    #[command(after_help = "Example: frontdesk revoke 37070d34 --from Ana")]
    Revoke(Revoke),
    /// Become the steward of a thread whose steward is gone. The customer's node has to agree
    #[command(after_help = "Example: frontdesk take-over 37070d34 --wait 30s")]
    TakeOver(TakeOver),
    /// Close a thread; the next message opens it again
    #[command(after_help = "Example: frontdesk close 37070d34")]
    Close(OfThread),
    /// Write a sealed copy of this node into a file
    #[command(after_help = "Example: frontdesk backup desk.backup --backup-passphrase-file backup.pass")]
    Backup(Backup),
    /// Set up a home from a backup
    #[command(after_help = "Example: frontdesk --home new restore desk.backup")]
    Restore(Restore),
    /// Play the whole story on this machine, in separate processes, and check every claim
    #[command(after_help = "Example: frontdesk demo")]
    Demo(Demo),
    /// Play the demo's bot beside its node
    #[command(hide = true)]
    DemoBot(DemoBot),
    /// Play someone who poses as a business, as standard input says
    #[command(hide = true)]
    DemoRogue,
}

#[derive(Subcommand)]
pub(crate) enum Init {
    /// A business that others write to. This device becomes its administrator
    Entity(InitArgs),
    /// Somebody who writes to businesses
    Customer(InitArgs),
}

#[derive(Args)]
pub(crate) struct InitArgs {
    /// What others call the business, or the customer
    #[arg(long)]
    pub(crate) name: String,
    /// Keep the root key of a recovery phrase: read its 24 words from standard input
    #[arg(long)]
    pub(crate) from_phrase: bool,
    /// Protect the keys by a passphrase, asked twice (with --passphrase-file they are protected anyway)
    #[arg(long)]
    pub(crate) protect: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

/// Settings for this run (for `init`: written into the configuration).
#[derive(Default, Args)]
pub(crate) struct SettingArgs {
    /// Where to listen, as a multiaddr; can be given more than once
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) listen: Vec<String>,
    /// Where this node can be reached from outside; can be given more than once
    #[arg(long, value_name = "MULTIADDR")]
    pub(crate) external: Vec<String>,
    /// Where the API listens: unix, unix:/path, or a loopback address
    #[arg(long, value_name = "PLACE")]
    pub(crate) api: Option<String>,
    /// Find nodes on the local network, and be found there
    #[arg(long)]
    pub(crate) mdns: bool,
    /// What to log: error, warn, info, debug, trace, or a finer filter
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// How to log: text or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Any setting of config.toml, such as store.cache_mib=32; can be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl SettingArgs {
    /// As settings, in the order in which they win: the explicit flags last.
    pub(crate) fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let mut settings: Vec<Setting> =
            self.set.iter().map(|text| Setting::from_assignment(text)).collect::<Result<_, _>>()?;
        if !self.listen.is_empty() {
            settings.push(Setting::list("--listen", "net.listen", &self.listen)?);
        }
        if !self.external.is_empty() {
            settings.push(Setting::list("--external", "net.external", &self.external)?);
        }
        if self.mdns {
            settings.push(Setting::from_text("--mdns", "net.mdns", "true")?);
        }
        let texts = [
            ("--api", "api.bind", &self.api),
            ("--log-level", "log.level", &self.log_level),
            ("--log-format", "log.format", &self.log_format),
        ];
        for (flag, key, text) in texts {
            settings.extend(text.as_ref().map(|text| Setting::from_text(flag, key, text)).transpose()?);
        }
        Ok(settings)
    }
}

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Args)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Args)]
pub(crate) struct Link {
    /// Write the link's QR code into this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleName {
    /// A person who may be given threads
    Agent,
    /// A program that may be given threads
    Bot,
    /// Enrols devices, accepts threads and forwards them
    Admin,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Agent => Self::Agent,
            RoleName::Bot => Self::Bot,
            RoleName::Admin => Self::Admin,
        }
    }
}

#[derive(Args)]
pub(crate) struct Invite {
    /// What the device will be
    #[arg(long)]
    pub(crate) role: RoleName,
    /// What people will call it
    #[arg(long)]
    pub(crate) name: String,
    /// How long the invitation is good, at most 30d
    #[arg(long, value_name = "SPAN", default_value = "1h")]
    pub(crate) lasts: Span,
}

#[derive(Args)]
pub(crate) struct Join {
    /// The invitation, or `-` to read it from standard input. It holds a secret code, and others on this machine may see
    /// a command line: prefer `-`
    pub(crate) invitation: String,
    /// What this device would like to be called [default: as the invitation says]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) name: String,
    /// Ask, and don't wait for the answer
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Protect the keys of a new home by a passphrase, asked twice
    #[arg(long)]
    pub(crate) protect: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Args)]
pub(crate) struct Number {
    /// The six digits that both sides show
    #[arg(required = true, num_args = 1..)]
    pub(crate) code: Vec<String>,
}

#[derive(Args)]
pub(crate) struct Remove {
    /// The device
    pub(crate) device: String,
}

#[derive(Args)]
pub(crate) struct Contact {
    /// The business's contact link
    pub(crate) link: String,
    /// The first message; without it, it is read from standard input
    pub(crate) text: Option<String>,
    /// Wait until the business has it, at most so long
    #[arg(long, value_name = "SPAN")]
    pub(crate) wait: Option<Span>,
}

#[derive(Args)]
pub(crate) struct Show {
    /// The thread
    pub(crate) thread: String,
    /// Go on with what is written from now on
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// At most so many messages, the newest
    #[arg(long, short = 'n', value_name = "COUNT", default_value_t = 50)]
    pub(crate) limit: usize,
    /// Only messages before this position
    #[arg(long, value_name = "POSITION")]
    pub(crate) before: Option<u64>,
    /// Don't tell the others that they were read
    #[arg(long)]
    pub(crate) peek: bool,
}

#[derive(Args)]
pub(crate) struct Send {
    /// The thread
    pub(crate) thread: String,
    /// The text, or `-` to read it from standard input
    pub(crate) text: String,
    /// Wait until the others have it, at most so long
    #[arg(long, value_name = "SPAN")]
    pub(crate) wait: Option<Span>,
}

#[derive(Args)]
pub(crate) struct OfThread {
    /// The thread
    pub(crate) thread: String,
}

#[derive(Args)]
pub(crate) struct TakeOver {
    /// The thread
    pub(crate) thread: String,
    /// Wait until the customer's node has agreed, at most so long
    #[arg(long, value_name = "SPAN")]
    pub(crate) wait: Option<Span>,
}

#[derive(Args)]
pub(crate) struct Forward {
    /// The thread
    pub(crate) thread: String,
    /// The device. Without it, whom the steward's policy picks
    #[arg(long, value_name = "DEVICE")]
    pub(crate) to: Option<String>,
    /// What it may read of the past: none, all, or last:N messages
    #[arg(long, value_name = "HISTORY", default_value = "all")]
    pub(crate) history: History,
    /// How long its right lasts
    #[arg(long, value_name = "SPAN", default_value = "24h")]
    pub(crate) expires: Span,
    /// Leave the thread to it: whoever held it goes out with the same change
    #[arg(long)]
    pub(crate) hand_over: bool,
    /// A word to the one who takes over
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
    /// If the steward has to be asked: don't wait for its answer
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Args)]
pub(crate) struct Revoke {
    /// The thread
    pub(crate) thread: String,
    /// The device whose right ends
    #[arg(long, value_name = "DEVICE")]
    pub(crate) from: String,
}

#[derive(Args)]
pub(crate) struct Backup {
    /// The file to write; it must not exist yet
    pub(crate) file: PathBuf,
    /// A file (mode 0600) whose first line is the passphrase that seals the backup. Without it, the terminal is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// A file (mode 0600) whose first line is the passphrase of the backup. Without it, the terminal is asked
    #[arg(long, value_name = "FILE")]
    pub(crate) backup_passphrase_file: Option<PathBuf>,
    /// Protect the restored keys by a passphrase, asked twice (with --passphrase-file they are protected anyway)
    #[arg(long)]
    pub(crate) protect: bool,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Keep the homes and logs of all that took part, and say where they are
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoBot {
    /// The device that takes over
    #[arg(long, value_name = "NAME")]
    pub(crate) person: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_argument_explains_itself() {
        fn explained(command: &clap::Command) {
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            for inner in command.get_subcommands() {
                assert!(inner.get_about().is_some(), "{}", inner.get_name());
                explained(inner);
            }
        }
        explained(&Cli::command());
    }
}
