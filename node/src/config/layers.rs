//! From the file, the environment and the command line to one table. The later wins.

use super::{Config, ConfigError};
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
    /// A value as a person writes it: `true`, `12`, `text`, `[..]`, or for lists `one,two`. `origin` is told with what
    /// is wrong with it.
    pub(crate) fn from_text(origin: &str, key: &str, text: &str) -> Result<Self, ConfigError> {
        let known = KEYS.into_iter().find(|known| *known == key);
        let key = known.ok_or_else(|| ConfigError::UnknownKey { key: key.to_owned() })?;
        Self { key, value: value_of(key, text) }.checked(origin)
    }

    /// `section.key=value`.
    pub(crate) fn from_assignment(text: &str) -> Result<Self, ConfigError> {
        let (key, value) = text.split_once('=').ok_or(ConfigError::NotAnAssignment)?;
        let key = key.trim();
        Self::from_text(&format!("--set {key}"), key, value.trim())
    }

    pub(crate) fn list(origin: &str, key: &'static str, items: &[String]) -> Result<Self, ConfigError> {
        Self { key, value: Value::Array(items.iter().cloned().map(Value::String).collect()) }.checked(origin)
    }

    /// Alone over the defaults: no key depends on another.
    fn checked(self, origin: &str) -> Result<Self, ConfigError> {
        let mut table = Table::new();
        apply(&mut table, self.clone());
        match Config::from_table(table) {
            Ok(_) => Ok(self),
            Err(problem) => Err(ConfigError::Setting { origin: origin.to_owned(), problem }),
        }
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

/// What the variables of the environment say. One that begins like a setting and is none is an error, as it is in the
/// file; other variables of this program (`FRONTDESK_HOME`) have no section in their name.
pub(crate) fn from_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<Vec<Setting>, ConfigError> {
    let ours = variables.into_iter().filter(|(name, _)| names_a_section(name));
    let mut settings: Vec<Setting> =
        ours.map(|(name, text)| from_variable(name, &text)).collect::<Result<_, _>>()?;
    settings.sort_by_key(|setting| setting.key);
    Ok(settings)
}

fn from_variable(name: String, text: &str) -> Result<Setting, ConfigError> {
    match KEYS.into_iter().find(|key| variable(key) == name) {
        Some(key) => Setting::from_text(&name, key, text),
        None => Err(ConfigError::UnknownVariable { name }),
    }
}

fn names_a_section(name: &str) -> bool {
    let section = |key: &str| key.split_once('.').map(|(section, _)| variable(section) + "_");
    KEYS.into_iter().filter_map(section).any(|section| name.starts_with(&section))
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
        let value = |key: &str, text: &str| Setting::from_text("here", key, text).unwrap().value;
        assert_eq!(value("net.mdns", "true"), Value::Boolean(true));
        assert_eq!(value("net.max_inbound", "12"), Value::Integer(12));
        assert_eq!(value("log.level", "debug"), Value::String("debug".into()));
        assert_eq!(value("api.bind", "127.0.0.1:7340"), Value::String("127.0.0.1:7340".into()));
        let (a, b) = ("/ip4/127.0.0.1/tcp/1", "/ip6/::1/udp/2/quic-v1");
        let two = Value::Array(vec![a.into(), b.into()]);
        assert_eq!(value("net.listen", &format!("{a}, {b}")), two);
        assert_eq!(value("net.listen", &format!(r#"["{a}", "{b}"]"#)), two);
        assert_eq!(value("net.listen", ""), Value::Array(vec![]));
    }

    #[test]
    fn an_unknown_key_is_an_error_wherever_it_comes_from() {
        let refusal = Setting::from_assignment("net.listn=/a").unwrap_err();
        assert!(matches!(refusal, ConfigError::UnknownKey { key } if key == "net.listn"));
        assert!(matches!(Setting::from_assignment("net.listen"), Err(ConfigError::NotAnAssignment)));
    }

    #[test]
    fn a_value_that_cannot_be_is_told_with_where_it_comes_from() {
        let told = |refusal: Result<Setting, ConfigError>| refusal.unwrap_err().to_string();
        assert!(told(Setting::from_assignment("api.bind=0.0.0.0:80")).starts_with("--set api.bind: "));
        let listen = Setting::list("--listen", "net.listen", &["nonsense".to_owned()]);
        assert!(told(listen).starts_with("--listen: "));
        for address in ["/dns4/desk.example/tcp/1", "/ip4/127.0.0.1/udp/1", "/ip4/127.0.0.1", ""] {
            let refusal = Setting::list("--listen", "net.listen", &[address.to_owned()]);
            assert!(matches!(refusal, Err(ConfigError::Setting { .. })), "{address}");
        }
        Setting::list("--external", "net.external", &["/dns4/desk.example/tcp/1".to_owned()]).unwrap();
        let refusal =
            from_environment([("FRONTDESK_NET_MDNS".into(), "maybe".into())]).unwrap_err().to_string();
        assert!(refusal.starts_with("FRONTDESK_NET_MDNS: ") && !refusal.contains('\n'), "{refusal}");
    }

    #[test]
    fn a_variable_that_names_no_key_of_its_section_is_an_error() {
        let read = |name: &str| from_environment([(name.to_owned(), "1".to_owned())]);
        assert!(
            matches!(read("FRONTDESK_NET_BOGUS"), Err(ConfigError::UnknownVariable { name }) if name == "FRONTDESK_NET_BOGUS")
        );
        for other in ["FRONTDESK_HOME", "FRONTDESK_SEEDS", "FRONTDESK_NETWORK", "PATH"] {
            assert_eq!(read(other).unwrap(), [], "{other}");
        }
    }

    #[test]
    fn the_variable_of_a_key_is_its_name_in_capitals() {
        assert_eq!(variable("net.max_per_ip"), "FRONTDESK_NET_MAX_PER_IP");
        let settings = from_environment([("FRONTDESK_LOG_LEVEL".into(), "warn".into())]).unwrap();
        assert_eq!(settings, [Setting { key: "log.level", value: Value::String("warn".into()) }]);
    }
}
