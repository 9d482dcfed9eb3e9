//! Text from elsewhere, made fit for a terminal.

/// One line without anything that a terminal would obey: a message must not be able to move the cursor, change the
/// title, or reverse the direction of what stands beside it.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if commands(c) { '\u{fffd}' } else { c }).collect()
}

/// Several lines, the later ones set in by so many blanks.
pub(crate) fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.lines().map(clean).collect();
    lines.join(&format!("\n{:by$}", ""))
}

/// The first eight characters of an id.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

fn commands(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}1mc\rd\u{202e}e"), "a\u{fffd}[2Jb\u{fffd}1mc\u{fffd}d\u{fffd}e");
        assert_eq!(clean("Grüße, 世界 👋"), "Grüße, 世界 👋");
    }

    #[test]
    fn further_lines_are_set_in() {
        assert_eq!(indented("one\ntwo\u{7}", 3), "one\n   two\u{fffd}");
    }
}
