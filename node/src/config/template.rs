//! The file that `frontdesk init` writes: every key, explained and commented out.

use super::Setting;

const TEMPLATE: &str = include_str!("template.toml");

/// The template, with these settings made.
pub(crate) fn render(settings: &[Setting]) -> String {
    let mut section = "";
    let mut text = String::with_capacity(TEMPLATE.len() + 256);
    for line in TEMPLATE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name;
        }
        let made = key_of(line).and_then(|key| find(settings, section, key));
        match made {
            Some(setting) => text.push_str(&assignment(setting)),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// The key of a line `#key = value`; prose has a blank after its `#`.
fn key_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '))?;
    rest.split_once(" = ").map(|(key, _)| key)
}

/// The last one wins, as it does when they are applied.
fn find<'a>(settings: &'a [Setting], section: &str, key: &str) -> Option<&'a Setting> {
    settings.iter().rev().find(|setting| setting.key.split_once('.') == Some((section, key)))
}

fn assignment(setting: &Setting) -> String {
    let key = setting.key.split_once('.').map_or(setting.key, |(_, key)| key);
    format!("{key} = {}", setting.value)
}

#[cfg(test)]
pub(super) fn with_every_key_set() -> String {
    let line = |line: &str| if key_of(line).is_some() { line.replacen('#', "", 1) } else { line.to_owned() };
    TEMPLATE.lines().map(line).collect::<Vec<_>>().join("\n")
}
