//! What people call a business, a customer or a device.

/// Digits of an id that tables show.
const ID_SHOWN: usize = 8;

/// True if a name could be meant where people write the beginning of an id, as they see it in tables. No device of a
/// business may be called so: what is done to it by its name would be meant for another.
pub(crate) fn is_like_id(name: &str) -> bool {
    let name = name.trim();
    name.len() >= ID_SHOWN && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// True if a name could deceive who reads it: it has controls, turns the direction of what stands beside it, or shows
/// nothing at all.
pub(crate) fn is_unfit(name: &str) -> bool {
    name.chars().any(obeyed) || (!name.is_empty() && name.chars().all(unseen))
}

/// Terminals and pages obey these: controls, line separators, embeddings, overrides and isolates of direction.
fn obeyed(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Blanks, joiners, marks of direction, fillers, variation selectors and tags. Beside other characters some of them are
/// part of good names.
fn unseen(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_deceives_or_shows_nothing_is_unfit() {
        for name in
            [" ", "\u{200b}", "a\nb", "a\u{1b}[2J", "\u{202e}anA", "\u{2066}x", "\u{3164}\u{fe0f}", "\0"]
        {
            assert!(is_unfit(name), "{name:?}");
        }
    }

    #[test]
    fn a_name_that_reads_as_the_beginning_of_an_id_is_known() {
        for name in ["bbbb2222", "BBBB2222", " 01234567 ", "00112233445566778899"] {
            assert!(is_like_id(name), "{name:?}");
        }
        for name in ["", "Ada", "bbbb222", "bbbb2222x", "bbbb 2222", "Desk 12345678"] {
            assert!(!is_like_id(name), "{name:?}");
        }
    }

    #[test]
    fn names_of_all_languages_are_fit() {
        for name in
            ["", "Ana", "Zoë Müller", "山田 太郎", "علی\u{200c}رضا", "👩\u{200d}🔧 Ida", "O'Neill & Co."]
        {
            assert!(!is_unfit(name), "{name:?}");
        }
    }
}
