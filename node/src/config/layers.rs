//! From the file, the environment and the command line to one table. The later wins.

use super::ConfigError;
use std::path::Path;
use toml::{Table, Value};

/// Every key there is, as `section.key`. A test holds this list, the template and the types together.
pub(crate) const KEYS: [&str; 19] = [
    "node.introduce",
    "node.suite",
    "node.key_packages",
    "node.shutdown_grace",
    "net.listen",
    "net.external",
    "net.mdns",
    "net.max_inbound",
    "net.max_outbound",
    "net.max_per_ip",
    "api.bind",
    "api.event_buffer",
    "api.max_requests",
    "log.level",
    "log.format",
    "store.cache_mib",
    "forward.to",
    "forward.lasts",
    "forward.history",
];

const LISTS: [&str; 2] = ["net.listen", "net.external"];

/// One key and its value, on the way to the configuration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// One of [`KEYS`].
    pub(crate) key: &'static str,
    pub(crate) value: Value,
}

impl Setting {
    /// A value as a person writes it: `true`, `12`, `text`, `[..]`, or for lists `one,two`.
    pub(crate) fn from_text(key: &str, text: &str) -> Result<Self, ConfigError> {
        let known = KEYS.into_iter().find(|known| *known == key);
        let key = known.ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned() })?;
        Ok(Self { key, value: value_of(key, text) })
    }

    /// `section.key=value`.
    pub(crate) fn from_assignment(text: &str) -> Result<Self, ConfigError> {
        let (key, value) = text.split_once('=').ok_or(ConfigError::NotAnAssignment)?;
        Self::from_text(key.trim(), value.trim())
    }

    pub(crate) fn list(key: &'static str, items: &[String]) -> Self {
        Self { key, value: Value::Array(items.iter().cloned().map(Value::String).collect()) }
    }
}

fn value_of(key: &str, text: &str) -> Value {
    let inline = text.parse::<Value>().ok();
    if LISTS.contains(&key) && !matches!(inline, Some(Value::Array(_))) {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        return Value::Array(items.map(|item| Value::String(item.to_owned())).collect());
    }
    inline.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// The environment variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("FRONTDESK_{}", key.replace('.', "_").to_uppercase())
}

/// What the environment says, through `read` (in production [`std::env::var`]).
pub(crate) fn from_environment(read: impl Fn(&str) -> Option<String>) -> Result<Vec<Setting>, ConfigError> {
    let set = KEYS.into_iter().filter_map(|key| read(&variable(key)).map(|text| (key, text)));
    set.map(|(key, text)| Setting::from_text(key, &text)).collect()
}

/// The file's table; an absent file is an empty one.
pub(crate) fn from_file(path: &Path) -> Result<Table, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Table::new()),
        Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
    };
    text.parse().map_err(|error| ConfigError::invalid(path, error))
}

/// Puts a setting over what is there.
pub(crate) fn apply(table: &mut Table, setting: Setting) {
    let Some((section, key)) = setting.key.split_once('.') else { return };
    let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
    // If the file has something else than a section there, reading the whole says so.
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), setting.value);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_people_write_them() {
        let value = |key, text| Setting::from_text(key, text).unwrap().value;
        assert_eq!(value("net.mdns", "true"), Value::Boolean(true));
        assert_eq!(value("net.max_inbound", "12"), Value::Integer(12));
        assert_eq!(value("log.level", "debug"), Value::String("debug".into()));
        assert_eq!(value("api.bind", "127.0.0.1:7340"), Value::String("127.0.0.1:7340".into()));
        let two = Value::Array(vec!["/a".into(), "/b".into()]);
        assert_eq!(value("net.listen", "/a, /b"), two);
        assert_eq!(value("net.listen", r#"["/a", "/b"]"#), two);
        assert_eq!(value("net.listen", ""), Value::Array(vec![]));
    }

    #[test]
    fn an_unknown_key_is_an_error_wherever_it_comes_from() {
        let refusal = Setting::from_assignment("net.listn=/a").unwrap_err();
        assert!(matches!(refusal, ConfigError::UnknownKey { key } if key == "net.listn"));
        assert!(matches!(Setting::from_assignment("net.listen"), Err(ConfigError::NotAnAssignment)));
    }

    #[test]
    fn the_variable_of_a_key_is_its_name_in_capitals() {
        assert_eq!(variable("net.max_per_ip"), "FRONTDESK_NET_MAX_PER_IP");
        let settings =
            from_environment(|name| (name == "FRONTDESK_LOG_LEVEL").then(|| "warn".into())).unwrap();
        assert_eq!(settings, [Setting { key: "log.level", value: Value::String("warn".into()) }]);
    }
}
