//! What a user reads of a fault, kept in parts and put together when it is shown.

use std::fmt::{self, Write};

/// A longer sentence is cut, whatever it is made of: no message exceeds what a log line and an RPC of Flink's may hold.
/// This is the second line of defence; each place that shows foreign text cuts it, too.
const LONGEST: usize = 16 * 1024;

/// `<context>: <what><remedy>`.
#[derive(Debug, Clone)]
pub(super) struct Sentence {
    /// What was tried and where, the innermost first.
    contexts: Vec<String>,
    /// What went wrong.
    what: String,
    /// What to do about it, led by a semicolon; empty: nothing is known to help.
    remedy: String,
}

impl Sentence {
    pub(super) fn new(what: String) -> Self {
        Self { contexts: Vec::new(), what: cut(what), remedy: String::new() }
    }

    pub(super) fn add_context(&mut self, context: String) {
        self.contexts.push(cut(context));
    }

    pub(super) fn add_remedy(&mut self, remedy: &str) {
        self.remedy.push_str(remedy);
    }
}

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.contexts.iter().map(|context| context.len() + 2).sum::<usize>() + self.what.len();
        if bytes <= LONGEST {
            self.contexts.iter().rev().try_for_each(|context| write!(f, "{context}: "))?;
            f.write_str(&self.what)?;
        } else {
            let mut whole = String::with_capacity(bytes);
            self.contexts.iter().rev().try_for_each(|context| write!(whole, "{context}: "))?;
            whole.push_str(&self.what);
            f.write_str(&cut(whole))?;
        }
        f.write_str(&self.remedy)
    }
}

fn cut(text: String) -> String {
    match text.len() {
        0..=LONGEST => text,
        bytes => format!("{}… ({bytes} bytes)", head(&text, LONGEST)),
    }
}

/// Returns the beginning of the text: at most so many bytes, ended between two characters.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_its_parts_in_order_and_an_end() {
        let mut sentence = Sentence::new("it fails".to_owned());
        sentence.add_remedy("; mend it");
        sentence.add_context("read".to_owned());
        sentence.add_context("source a:0".to_owned());
        assert_eq!(sentence.to_string(), "source a:0: read: it fails; mend it");
        for long in [LONGEST - 20, LONGEST, 12 << 20] {
            let mut sentence = sentence.clone();
            sentence.add_context("ü".repeat(long / 2));
            let text = sentence.to_string();
            assert!(text.len() < LONGEST + 100 && text.ends_with("; mend it"), "{}", text.len());
        }
    }
}
