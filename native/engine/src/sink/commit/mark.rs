//! A mark is a key that says how far the epochs of a lane's incarnation are committed.

use std::fmt;

use crate::error::{Error, Fault, FaultKind, Result};
use crate::foreign_text::shown;

/// The last epoch that is committed, or of which some entries are in the topic. Epochs of an incarnation are committed
/// in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) epoch: u64,
    /// The sequence of the last entry that was moved; `None`: all of them were.
    pub(super) moved: Option<u64>,
}

impl Mark {
    /// Reads `7`, or `7-200`.
    pub(super) fn parse(text: &[u8]) -> Result<Self> {
        let parsed = std::str::from_utf8(text).ok().and_then(|text| {
            let (epoch, moved) = match text.split_once('-') {
                Some((epoch, moved)) => (epoch, Some(moved.parse().ok()?)),
                None => (text, None),
            };
            Some(Self { epoch: epoch.parse().ok()?, moved })
        });
        parsed.ok_or_else(|| {
            let message = format!("what is there as the mark of a commit is none: '{}'", shown(text));
            Error::from(Fault::new(FaultKind::Server, message))
        })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.moved {
            Some(moved) => write!(f, "{}-{moved}", self.epoch),
            None => write!(f, "{}", self.epoch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for mark in
            [Mark { epoch: 7, moved: None }, Mark { epoch: 7, moved: Some(200) }, Mark { epoch: 1, moved: Some(0) }]
        {
            assert_eq!(Mark::parse(mark.to_string().as_bytes()).unwrap(), mark);
        }
        for other in ["", "7-", "-1", "7-1-1", "x\r\n"] {
            assert!(!Mark::parse(other.as_bytes()).unwrap_err().is_temporary(), "{other}");
        }
    }
}
