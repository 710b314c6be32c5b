//! Shows text that comes from elsewhere in messages: keys, names, what a server says.
//!
//! Such text is data. It may be longer than a log line or a message between Flink's processes can be, and it may hold
//! line ends and terminal controls that would forge log lines. So it is cut, and what does not print is escaped. Whole
//! texts go only to dead letters.

/// The number of characters of a name or a key that are shown.
pub(crate) const SHOWN: usize = 200;
/// The number of characters of a longer explanation that are shown: a server's error, an exception.
pub(crate) const SHOWN_AT_LENGTH: usize = 4000;

/// Returns a name or a key as it may be shown: at most [`SHOWN`] characters of it, and its length where it is longer.
pub(crate) fn shown(text: impl AsRef<[u8]>) -> String {
    cut(text.as_ref(), SHOWN)
}

/// Returns an explanation as it may be shown: at most [`SHOWN_AT_LENGTH`] characters of it, and its length where it is
/// longer.
pub(crate) fn shown_at_length(text: impl AsRef<[u8]>) -> String {
    cut(text.as_ref(), SHOWN_AT_LENGTH)
}

fn cut(text: &[u8], limit: usize) -> String {
    // What can't be needed is not looked at: a character has up to four bytes.
    let head = String::from_utf8_lossy(&text[..text.len().min(4 * (limit + 1))]);
    let mut out = String::with_capacity(head.len().min(limit + 32));
    for (count, char) in head.chars().enumerate() {
        if count == limit {
            out.push_str(&format!("… ({} bytes)", text.len()));
            break;
        }
        match char {
            _ if is_unprintable(char) => out.extend(char.escape_default()),
            _ => out.push(char),
        }
    }
    out
}

/// Controls, line and paragraph separators, and marks that turn the direction of what follows.
fn is_unprintable(char: char) -> bool {
    char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_ordinary_text_as_it_is() {
        for text in ["", "orders:2", "заказы-🚀", "it's \"quoted\" \\ and more"] {
            assert_eq!(shown(text), text);
        }
    }

    #[test]
    fn escapes_what_could_forge_a_line() {
        assert_eq!(shown("a\r\nb\u{1b}[2J\0\u{202e}"), "a\\r\\nb\\u{1b}[2J\\u{0}\\u{202e}");
        assert_eq!(shown(b"\xff\xac"), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn cuts_what_is_long_and_says_how_long_it_is() {
        assert_eq!(shown("ü".repeat(200)), "ü".repeat(200));
        assert_eq!(shown("ü".repeat(201)), format!("{}… (402 bytes)", "ü".repeat(200)));
        assert!(shown(vec![b'\n'; 12 << 20]).len() < 500);
        assert!(shown_at_length(vec![b'x'; 12 << 20]).len() < 4100);
    }
}
