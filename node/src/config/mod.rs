//! The configuration: `config.toml` in the home, the environment, and the command line.

mod layers;
mod span;
mod template;

use layers::KEYS;
pub(crate) use layers::Setting;
pub(crate) use span::Span;
pub(crate) use template::render;

use frontdesk_engine::HistoryChoice;
use frontdesk_identity::DeviceId;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};
use toml::{Table, Value};

/// All settings of a node. The meaning, unit and default of each key are in the template that `frontdesk init` writes.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) node: NodeConfig,
    pub(crate) net: NetConfig,
    pub(crate) api: ApiConfig,
    pub(crate) log: LogConfig,
    pub(crate) store: StoreConfig,
    pub(crate) forward: ForwardConfig,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NodeConfig {
    pub(crate) introduce: bool,
    pub(crate) suite: SuiteName,
    pub(crate) key_packages: u8,
    pub(crate) shutdown_grace: Span,
}

/// `[net]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct NetConfig {
    pub(crate) listen: Vec<String>,
    pub(crate) external: Vec<String>,
    pub(crate) mdns: bool,
    pub(crate) max_inbound: u32,
    pub(crate) max_outbound: u32,
    pub(crate) max_per_ip: u32,
}

/// `[api]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ApiConfig {
    pub(crate) bind: Bind,
    pub(crate) event_buffer: u16,
    pub(crate) max_requests: u16,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    pub(crate) level: String,
    pub(crate) format: LogFormat,
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoreConfig {
    pub(crate) cache_mib: u16,
}

/// `[forward]`
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ForwardConfig {
    pub(crate) to: ForwardTarget,
    pub(crate) lasts: Span,
    pub(crate) history: History,
}

/// A cipher suite by its name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SuiteName {
    Hybrid,
    Classic,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Where the API listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bind {
    /// The socket in the home.
    HomeSocket,
    /// A socket elsewhere.
    Socket(PathBuf),
    /// A loopback address.
    Loopback(SocketAddr),
}

/// Who gets new threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ForwardTarget {
    Nobody,
    Agent,
    Bot,
    Device(DeviceId),
}

/// [`HistoryChoice`] as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History(pub(crate) HistoryChoice);

/// Why the configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// No such key.
    #[error("there is no setting `{key}`; the keys are: {keys}", keys = KEYS.join(", "))]
    UnknownKey {
        /// What was given.
        key: String,
    },
    /// `--set` without `=`.
    #[error("a setting is given as section.key=value, for example net.mdns=true")]
    NotAnAssignment,
    /// The file is there and can't be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A variable of the environment that looks like a setting and is none.
    #[error("there is no setting for the variable {name}; the keys are: {keys}", keys = KEYS.join(", "))]
    UnknownVariable {
        /// The variable.
        name: String,
    },
    /// A value of the environment or the command line that can't be.
    #[error("{origin}: {problem}")]
    Setting {
        /// The variable, or the flag.
        origin: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Not TOML, an unknown key, or a value out of range.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
}

impl ConfigError {
    fn invalid(path: &Path, problem: impl ToString) -> Self {
        Self::Invalid { path: path.to_owned(), problem: problem.to_string().trim().to_owned() }
    }
}

impl Config {
    /// Reads the file, then the environment, then what the command line says.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub(crate) fn load(path: &Path, flags: Vec<Setting>) -> Result<Self, ConfigError> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::layered(path, std::env::vars_os().map(|(name, value)| (text(name), text(value))), flags)
    }

    fn layered(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Vec<Setting>,
    ) -> Result<Self, ConfigError> {
        let mut table = layers::from_file(path)?;
        // First alone, so that an error in the file is told with its line. Every setting from elsewhere was checked when
        // it was read, and told with where it comes from.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let file: Self = toml::from_str(&text).map_err(|error| ConfigError::invalid(path, error))?;
        file.in_bounds().map_err(|problem| ConfigError::invalid(path, problem))?;
        for setting in layers::from_environment(environment)?.into_iter().chain(flags) {
            layers::apply(&mut table, setting);
        }
        Self::from_table(table).map_err(|problem| ConfigError::invalid(path, problem))
    }

    fn from_table(table: Table) -> Result<Self, String> {
        let config: Self =
            Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
        config.in_bounds()?;
        Ok(config)
    }

    fn in_bounds(&self) -> Result<(), String> {
        let config = self;
        let refused = |key: &str, error: frontdesk_net::NetError| format!("`{key}`: {error}");
        for address in &config.net.listen {
            frontdesk_net::check_listen(address).map_err(|error| refused("net.listen", error))?;
        }
        for address in &config.net.external {
            frontdesk_net::check_external(address).map_err(|error| refused("net.external", error))?;
        }
        let bounds = [
            ("api.event_buffer", config.api.event_buffer > 0),
            ("api.max_requests", config.api.max_requests > 0),
            ("node.key_packages", config.node.key_packages > 0),
            ("store.cache_mib", (1..=4096).contains(&config.store.cache_mib)),
        ];
        match bounds.into_iter().find(|(_, sound)| !sound) {
            Some((key, _)) => Err(format!("`{key}` is out of its range")),
            None => Ok(()),
        }
    }
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            introduce: true,
            suite: SuiteName::Hybrid,
            key_packages: 50,
            shutdown_grace: Span::from_secs(5),
        }
    }
}

impl Default for NetConfig {
    fn default() -> Self {
        let listen = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];
        Self {
            listen: listen.map(str::to_owned).to_vec(),
            external: Vec::new(),
            mdns: false,
            max_inbound: 512,
            max_outbound: 128,
            max_per_ip: 64,
        }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { bind: Bind::HomeSocket, event_buffer: 1024, max_requests: 128 }
    }
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_mib: 16 }
    }
}

impl Default for ForwardConfig {
    fn default() -> Self {
        Self {
            to: ForwardTarget::Nobody,
            lasts: Span::from_secs(86_400),
            history: History(HistoryChoice::All),
        }
    }
}

/// The text is none of the choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotAChoice(&'static str);

impl FromStr for Bind {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        if text == "unix" {
            return Ok(Self::HomeSocket);
        }
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Socket(PathBuf::from(path)));
        }
        let address: Option<SocketAddr> = text.parse().ok();
        address.filter(|address| address.ip().is_loopback()).map(Self::Loopback).ok_or(NotAChoice(
            "the API listens on `unix`, `unix:/path` or a loopback address with a port (127.0.0.1:7340), and nowhere else",
        ))
    }
}

impl FromStr for ForwardTarget {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        match text {
            "nobody" => Ok(Self::Nobody),
            "agent" => Ok(Self::Agent),
            "bot" => Ok(Self::Bot),
            id => id.parse().map(Self::Device).map_err(|_| {
                NotAChoice("threads are forwarded to `nobody`, `agent`, `bot`, or a device's whole id")
            }),
        }
    }
}

impl FromStr for History {
    type Err = NotAChoice;

    fn from_str(text: &str) -> Result<Self, NotAChoice> {
        let refusal =
            NotAChoice("history is `none`, `all`, or `last:N` for the last N messages, N at least 1");
        match text {
            "none" => Ok(Self(HistoryChoice::None)),
            "all" => Ok(Self(HistoryChoice::All)),
            other => {
                let count = other.strip_prefix("last:").and_then(|count| count.parse().ok());
                count.filter(|count| *count > 0).map(|count| Self(HistoryChoice::Last(count))).ok_or(refusal)
            }
        }
    }
}

macro_rules! deserialize_from_text {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

deserialize_from_text!(Bind, ForwardTarget, History);

#[cfg(test)]
mod tests;
