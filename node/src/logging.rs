//! Logs, to standard error.

use crate::{
    config::{LogConfig, LogFormat},
    failure::Failure,
};
use std::io;
use tracing_subscriber::{EnvFilter, fmt};

/// Logs from now on, as the configuration says.
pub(crate) fn begin(config: &LogConfig) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.level);
    let filter = filter.map_err(|error| {
        Failure::usage(format!("log.level: {error}; try info, or info,frontdesk_net=debug"))
    })?;
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    let begun = match config.format {
        LogFormat::Text => log.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| Failure::new(format!("logging: {error}")))
}
